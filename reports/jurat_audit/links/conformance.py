"""The link from the shipped worker to the rule: every explored interleaving refines it.

The worker runs on the bench, where each choice between threads is made by seeded walks.
Each run's event log must be a behaviour of the specification, and agree with what the
task functions themselves recorded and with what callers were told.  The clean worker goes
through every scenario at both grains, for a fixed number of schedules each; then the
defects of the catalogue are seeded one at a time, and each must be found within its
number of schedules, and its token must make the same run again.

A sample is a sample: that a campaign completed its count is said, and not called a proof.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jurat_sim.defects import LIFECYCLE_DEFECTS
from jurat_sim.errors import BenchError
from jurat_sim.explore import Verdict as Explored
from jurat_sim.explore import explore, replay
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.tokens import Grain

from ..link import LinkResult, Profile, Progress, Verdict, budget

if TYPE_CHECKING:
    from jurat_sim.defects import Defect
    from jurat_sim.explore import Report

COMMAND = "jurat audit --link conformance"
SEED = 1

# Schedules of the clean worker for each scenario, by profile and grain.
BUDGETS: dict[str, dict[Grain, int]] = {
    "default": {Grain.SEAM: 2_000, Grain.ACCESS: 400},
    "deep": {Grain.SEAM: 25_000, Grain.ACCESS: 7_500},
}

HUNTED = LIFECYCLE_DEFECTS
"""The defects that are seeded, one at a time."""

LIMITS = (
    (
        "The schedules are a seeded sample of those that exist, by walks that take turns.  Only for those "
        "that PCT makes is there a bound on the chance of missing a bug."
    ),
    "The scenarios have two worker threads and a few tasks; what none of them reaches is not seen.",
    "The grain of accesses is that of the source: one C function, such as list.append, is one access.",
    (
        "The bench interleaves whole accesses.  The memory models of machines are not simulated; CPython "
        "with its interpreter lock does not show them."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hunt:
    """One seeded defect, and what came of looking for it."""

    row: dict[str, Any]
    problem: str | None


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Explore the clean worker, then hunt each defect."""
    before = time.monotonic()
    reports = [
        _explore(scenario, grain, schedules, progress)
        for grain, schedules in budget(BUDGETS, profile, "conformance").items()
        for scenario in SCENARIOS
    ]
    explored = time.monotonic()
    progress.step("hunting the seeded defects")
    progress.total(len(HUNTED))
    hunts = [_hunt(defect, progress) for defect in HUNTED]
    schedules = sum(report.schedules for report in reports)
    problems = [line for report in reports for line in _problems(report)]
    problems += [hunt.problem for hunt in hunts if hunt.problem is not None]
    found = sum(hunt.problem is None for hunt in hunts)
    return LinkResult(
        id="conformance",
        verdict=_verdict(reports, hunts),
        command=COMMAND,
        summary=_summary(reports, found, len(hunts)),
        figures={
            "schedules": schedules,
            "distinct_orders": sum(report.orders for report in reports),
            "distinct_traces": sum(report.traces or 0 for report in reports),
            "switch_points": sum(report.steps for report in reports),
            "choices": sum(report.choices for report in reports),
            "accesses": sum(report.accesses for report in reports),
            "scenarios": len(SCENARIOS),
            "defects_seeded": len(hunts),
            "defects_found": found,
        },
        details={
            "defects": [hunt.row for hunt in hunts],
            "tables": [_table(reports), _scenarios()],
            "limits": list(LIMITS),
        },
        problems=tuple(problems),
        timings={
            "explore": explored - before,
            "defects": time.monotonic() - explored,
            "schedules_per_second": schedules / (explored - before),
        },
    )


def _explore(scenario: str, grain: Grain, schedules: int, progress: Progress) -> Report:
    progress.step(f"exploring {scenario} at the grain of the {grain}")
    progress.total(schedules)
    return explore(scenario, grain=grain, schedules=schedules, seed=SEED, advance=progress.advance)


def _hunt(defect: Defect, progress: Progress) -> _Hunt:
    """Look for one defect, and replay what was found."""
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
    progress.advance()
    row["found"] = problem is None
    return _Hunt(row=row, problem=problem)


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
    row["by"] += f", by the strategy {failure.strategy}"
    row["property"] = failure.property
    row["replay"] = failure.token
    again = replay(failure.token)
    row["story"] = again.story.brief()
    if (again.digest, again.property) != (failure.digest, failure.property):
        return f"{defect.id}: its replay is another run: jurat explore --replay {failure.token}"
    return None


def _problems(report: Report) -> list[str]:
    """What is wrong with the clean worker in one campaign, for a person."""
    where = f"{report.scenario} at the grain of the {report.grain}"
    failure = report.failure
    if failure is None:
        cut_short = report.verdict is Explored.UNDETERMINED
        return [f"{where}: a run was cut short by the step bound"] if cut_short else []
    story = [f"    {line}" for line in replay(failure.token).story.brief()]
    return [
        f"{where}: schedule {failure.schedule} breaks {failure.property}",
        f"replay: jurat explore --replay {failure.token}",
        *story,
    ]


def _verdict(reports: list[Report], hunts: list[_Hunt]) -> Verdict:
    verdicts = {report.verdict for report in reports}
    if Explored.FAIL in verdicts or any(hunt.problem is not None for hunt in hunts):
        return Verdict.FAIL
    return Verdict.UNDETERMINED if Explored.UNDETERMINED in verdicts else Verdict.PASS


def _summary(reports: list[Report], found: int, seeded: int) -> str:
    schedules = sum(report.schedules for report in reports)
    traces = sum(report.traces or 0 for report in reports)
    failed = sum(report.verdict is not Explored.PASS for report in reports)
    said = "each refines the rule" if not failed else f"{failed} of {len(reports)} campaigns did not pass"
    return (
        f"{schedules:,} sampled schedules of the shipped worker, {traces:,} different traces: "
        f"{said}; {found} of {seeded} seeded defects were found and replayed"
    )


def _table(reports: list[Report]) -> dict[str, Any]:
    return {
        "title": "The clean worker: what was explored",
        "columns": [
            "scenario",
            "grain",
            "strategy",
            "schedules",
            "orders of events",
            "traces",
            "switch points",
            "choices",
            "verdict",
        ],
        "rows": [
            [
                report.scenario,
                str(report.grain),
                report.strategy,
                report.schedules,
                report.orders,
                report.traces or 0,
                report.steps,
                report.choices,
                f"{report.verdict} ({report.mode})",
            ]
            for report in reports
        ],
    }


def _scenarios() -> dict[str, Any]:
    return {
        "title": "The scenarios, and what they reach",
        "columns": ["scenario", "reaches"],
        "rows": [[scenario.name, scenario.text] for scenario in SCENARIOS.values()],
    }
