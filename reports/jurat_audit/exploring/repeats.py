"""Whether a run repeats itself: made again, in processes that hash otherwise, and on threads.

If anything but the schedule decided a run, a token would be worth nothing.  So campaigns are made
twice in one process, and some in two with different PYTHONHASHSEED; and schedules that were
recorded on greenlets are followed on threads of the operating system that pass a baton.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jurat_sim.bench import Bench
from jurat_sim.carriers import Backend
from jurat_sim.determinism import same, same_under_hash_seeds
from jurat_sim.explore import strategy_for
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.strategies import Replay
from jurat_sim.tokens import Grain

from ..jobs import Job
from ..link import Profile, budget
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEDULES = {"default": 8, "deep": 500}
"""Of each scenario, made twice at the seam."""
FOLLOWED = {"default": 1, "deep": 50}
"""Of each scenario and grain, followed on threads."""
IN_OTHER_PROCESSES: tuple[str, ...] = ("queues_race", "results_race", "tokens_race")
"""The scenarios that use the most names, sets and dictionaries."""
SEED = 3


def jobs(profile: Profile) -> list[Job]:
    """For each scenario; and the other processes."""
    again = budget(SCHEDULES, profile, "conformance")
    followed = budget(FOLLOWED, profile, "conformance")
    return [
        *(
            Job(function=_repeats, args=(name, again, followed), weight=3 * again + 30 * followed)
            for name in SCENARIOS
        ),
        *(Job(function=_elsewhere, args=(name, again), weight=3_000) for name in IN_OTHER_PROCESSES),
    ]


def _repeats(scenario: str, schedules: int, followed: int) -> list[str]:
    """What did not repeat itself."""
    found = []
    finding = same(scenario, schedules=schedules, seed=SEED)
    if finding is not None:
        found.append(f"{scenario}: {finding}")
    for grain in Grain:
        walk = strategy_for(grain, SEED)
        with (
            Bench(scenario_named(scenario), grain=grain) as bench,
            Bench(scenario_named(scenario), grain=grain, backend=Backend.THREADS) as threads,
        ):
            for number in range(followed):
                run = bench.run(walk, number)
                again = threads.run(Replay(run.deviations))
                if (again.digest, again.steps, again.choices) != (run.digest, run.steps, run.choices):
                    found.append(f"{scenario}: on threads it is another run: {bench.token(run)}")
    return found


def _elsewhere(scenario: str, schedules: int) -> list[str]:
    finding = same_under_hash_seeds(scenario, schedules=schedules, seed=SEED)
    return [] if finding is None else [f"{scenario}: {finding}"]


def part(profile: Profile, answers: Sequence[list[str]]) -> Part:
    """What did not repeat itself."""
    again = budget(SCHEDULES, profile, "conformance")
    followed = budget(FOLLOWED, profile, "conformance") * len(Grain)
    return Part(
        summary=f"{followed * len(SCENARIOS):,} schedules followed on threads of the operating system",
        figures={
            "schedules_repeated": again * (len(SCENARIOS) + len(IN_OTHER_PROCESSES)),
            "schedules_on_threads": followed * len(SCENARIOS),
        },
        problems=tuple(line for answer in answers for line in answer),
    )
