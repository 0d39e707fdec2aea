"""The seeded defects, one at a time: each must be found within its number of schedules.

Its token must make the same run again.  The default profile is what finds them: the walk that
suits the grain, from the first schedule on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jurat_sim.defects import DEFECTS, LIFECYCLE_DEFECTS
from jurat_sim.errors import BenchError
from jurat_sim.explore import explore, replay

from ..jobs import Job
from .campaigns import SEED
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jurat_sim.seeding import Defect

    from ..link import Profile

HUNTED = LIFECYCLE_DEFECTS
"""The defects that are seeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """One seeded defect, and what came of looking for it."""

    row: dict[str, Any]
    problem: str | None


def jobs(profile: Profile) -> list[Job]:
    """One for each defect, whatever the profile."""
    del profile
    return [Job(function=hunt, args=(defect.id,), weight=1_500) for defect in HUNTED]


def hunt(id: str) -> Hunt:
    """Look for one defect, and replay what was found."""
    defect = DEFECTS[id]
    row: dict[str, Any] = {
        "id": defect.id,
        "found": False,
        "by": f"the scenario {defect.scenario} at the grain of the {defect.grain}",
        "property": "",
        "schedules": 0,
        "replay": "",
        "story": [],
    }
    try:
        problem = _look(defect, row)
    except BenchError as error:  # its patch no longer fits the worker, or its token does not follow
        problem = f"hunting {defect.id}: {error}"
    row["found"] = problem is None
    return Hunt(row=row, problem=problem)


def _look(defect: Defect, row: dict[str, Any]) -> str | None:
    """Fill the defect's row; the reason why it does not count as found, if there is one."""
    report = explore(
        defect.scenario,
        defect=defect.id,
        grain=defect.grain,
        schedules=defect.schedules,
        seed=SEED,
        count_traces=False,
    )
    failure = report.failure
    row["schedules"] = report.schedules
    if failure is None:
        return f"{defect.id} was not found in {report.schedules:,} schedules: {defect.title}"
    row["by"] += f", by {failure.strategy}"
    row["property"] = failure.property
    row["replay"] = failure.token
    again = replay(failure.token)
    row["story"] = again.story.brief()
    if (again.digest, again.property) != (failure.digest, failure.property):
        return f"{defect.id}: its replay is another run: jurat explore --replay {failure.token}"
    return None


def part(profile: Profile, answers: Sequence[Hunt]) -> Part:
    """Which were found."""
    del profile
    found = [answer.row for answer in answers if answer.problem is None]
    return Part(
        summary=f"{len(found)} of {len(answers)} seeded defects were found and replayed",
        figures={
            "defects_seeded": len(answers),
            "defects_found": len(found),
            "schedules_to_find": sum(row["schedules"] for row in found),
        },
        defects=tuple(answer.row for answer in answers),
        problems=tuple(answer.problem for answer in answers if answer.problem is not None),
    )
