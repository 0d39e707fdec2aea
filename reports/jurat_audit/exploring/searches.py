"""The clean worker under every schedule there is, or every one within a bound, up to what is the same.

*Duels* are programs of two operations.  Three searches make at least one schedule of each trace, that
is of all schedules that differ only in the order of steps that have nothing to do with each other:

* between accesses, of each trace with at most so many preemptions: for every duel;
* between accesses, of each trace there is: for the duels where these are few;
* at the seam, of each trace there is, which is all there is to see there if no accesses race.

A search that its count has cut short is undetermined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_sim.explore import Report, Verdict, explore
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.tokens import Grain

from ..jobs import Job
from ..link import Profile, budget
from .part import Part, told

if TYPE_CHECKING:
    from collections.abc import Sequence

PREEMPTIONS = {"default": 1, "deep": 2}
"""The bound for the duels at the grain of accesses."""

FINELY_TRACED = {
    "default": ("cancel_or_complete",),
    "deep": ("cancel_or_complete", "complete_or_deadline", "attach_or_evict"),
}
"""The duels of which every trace between accesses is searched; the others have tens of thousands."""

TRACED = {
    "default": ("cancel_or_complete", "complete_or_deadline", "attach_or_evict", "pause_or_start"),
    "deep": tuple(name for name, scenario in SCENARIOS.items() if scenario.duel),
}
"""The duels of which every trace at the seam is searched; the others have tens of thousands."""

MOST = 3_000_000
"""Schedules of one search, after which it is cut short."""


def jobs(profile: Profile) -> list[Job]:
    """One to three searches for each duel."""
    bound = budget(PREEMPTIONS, profile, "conformance")
    duels = [name for name, scenario in SCENARIOS.items() if scenario.duel]
    return [
        *(
            Job(function=_search, args=(name, Grain.ACCESS, f"dpor:{bound}"), weight=250 * 20**bound)
            for name in duels
        ),
        *(
            Job(function=_search, args=(name, Grain.ACCESS, "dpor"), weight=15_000)
            for name in budget(FINELY_TRACED, profile, "conformance")
        ),
        *(
            Job(function=_search, args=(name, Grain.SEAM, "dpor"), weight=3_000)
            for name in budget(TRACED, profile, "conformance")
        ),
    ]


def _search(scenario: str, grain: Grain, strategy: str) -> Report:
    return explore(scenario, grain=grain, strategy=strategy, schedules=MOST)


def part(profile: Profile, answers: Sequence[Report]) -> Part:
    """What was searched, and whether that is all."""
    bound = budget(PREEMPTIONS, profile, "conformance")
    whole = [report for report in answers if report.exhausted and report.verdict is Verdict.PASS]
    bounded = [report for report in whole if report.strategy == f"dpor:{bound}"]
    fine = [report for report in whole if report.strategy == "dpor" and report.grain is Grain.ACCESS]
    traced = [report for report in whole if report.strategy == "dpor" and report.grain is Grain.SEAM]
    return Part(
        summary=f"every trace of {len(bounded)} programs of two operations with at most "
        f"{bound} {'preemption' if bound == 1 else 'preemptions'} between accesses, every trace between "
        f"accesses of {len(fine)}, and every trace of {len(traced)} at the seam",
        figures={
            "duels_exhausted": len(bounded),
            "duel_schedules": sum(report.schedules for report in bounded),
            "programs_exhausted_between_accesses": len(fine),
            "traces_exhausted": sum(report.traces or 0 for report in traced),
            "programs_exhausted": len(traced),
        },
        tables=(_table(answers),),
        problems=tuple(line for report in answers for line in told(report)),
        undetermined=tuple(
            f"{report.scenario}: the search by {report.strategy} at the grain of the {report.grain} was cut "
            f"short after {report.schedules:,} schedules"
            for report in answers
            if report.verdict is Verdict.UNDETERMINED
        ),
        limits=(
            (
                "A search of every trace at the grain of the seam is complete only without data races: that "
                "none changes what happens rests on the reasons in the table of those that are meant."
            ),
        ),
    )


def _table(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "title": "The clean worker: what was searched",
        "columns": ["scenario", "grain", "search", "schedules", "traces", "exhausted", "verdict"],
        "rows": [
            [
                report.scenario,
                str(report.grain),
                report.strategy,
                report.schedules,
                report.traces or 0,
                report.exhausted,
                f"{report.verdict} ({report.mode})",
            ]
            for report in reports
        ],
    }
