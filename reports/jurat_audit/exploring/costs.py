"""What a task costs, and what is done while a lock is held: counts, which repeat.

How long a task takes depends on the machine and is measured elsewhere (`make bench`).  What is counted here
does not, but for the instructions, which are those of the version of Python that makes the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_sim.costs import LOADS, Cost, cost_of_a_task, sections
from jurat_sim.errors import BenchError
from jurat_sim.explore import portfolio
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.tokens import Grain

from ..jobs import Job
from ..link import Profile, budget
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEDULES = {"default": 8, "deep": 400}
"""Of each scenario, looked at for what is done in sections."""
SEED = 4

_COLUMNS = ("locks", "gates", "clock", "operations", "accesses", "bytecodes")


def jobs(profile: Profile) -> list[Job]:
    """For each load, and for each scenario."""
    schedules = budget(SCHEDULES, profile, "conformance")
    return [
        *(Job(function=_cost, args=(load,), weight=1_000) for load in LOADS),
        *(Job(function=_sections, args=(name, schedules), weight=2 * schedules) for name in SCENARIOS),
    ]


def _cost(load: str) -> Cost | str:
    """The cost, or why there is none."""
    try:
        return cost_of_a_task(load)
    except BenchError as error:
        return str(error)


def _sections(scenario: str, schedules: int) -> tuple[int, list[str]]:
    entered, found = sections(scenario, portfolio(Grain.SEAM, SEED), schedules)
    return entered, [f"{scenario}: {line}" for line in found]


def part(profile: Profile, answers: Sequence[Any]) -> Part:
    """What was counted."""
    del profile
    costs = [it for it in answers[: len(LOADS)] if isinstance(it, Cost)]
    entered = sum(entered for entered, _ in answers[len(LOADS) :])
    offences = [line for _, found in answers[len(LOADS) :] for line in found]
    problems = [it for it in answers[: len(LOADS)] if isinstance(it, str)] + offences
    said = "; ".join(
        f"a task that does nothing, submitted {it.load}, costs {it.locks} takings of a lock, "
        f"{it.gates} wake-ups and {it.bytecodes:,} instructions"
        for it in costs
    )
    figures: dict[str, int | str] = {
        f"{what}_{it.load.replace(' ', '_')}": getattr(it, what) for it in costs for what in _COLUMNS
    }
    return Part(
        summary=f"{said}; in {entered:,} locked sections nobody waited, woke, or read the clock",
        figures={**figures, "locked_sections": entered, "offences_in_sections": len(offences)},
        tables=(
            {
                "title": "What a task costs that does nothing, from its submission to its end",
                "columns": [
                    "tasks are submitted",
                    "locks taken",
                    "wake-ups",
                    "clock readings",
                    "switch points",
                    "accesses to shared state",
                    "bytecode instructions",
                ],
                "rows": [[it.load, *(getattr(it, what) for what in _COLUMNS)] for it in costs],
            },
        ),
        problems=tuple(problems),
        limits=(
            (
                "Instructions are those of the worker's own files, in the version of Python that made this "
                "report; what C functions do is not among them."
            ),
        ),
    )
