"""The clean worker in every scenario, at both grains, under the portfolio of walks; and what met what.

A sample is a sample: that a campaign completed its count is said, and not called a proof.  Of the
runs of PCT, the chance that they missed a bug of some depth is said too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_sim.coverage import IMPOSSIBLE, PAIRS, SITUATIONS, Coverage
from jurat_sim.explore import Report, Verdict, explore
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.tokens import Grain

from ..jobs import Job
from ..link import Profile, budget
from .part import Part, told

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 1

# Schedules of the clean worker for each scenario, by profile and grain.
BUDGETS: dict[str, dict[Grain, int]] = {
    "default": {Grain.SEAM: 400, Grain.ACCESS: 40},
    "deep": {Grain.SEAM: 20_000, Grain.ACCESS: 2_000},
}

PUNCTUAL_SHARE = 4
"""A punctual scenario has few orders of events: so many times fewer schedules will do."""

WEIGHTS = {Grain.SEAM: 1, Grain.ACCESS: 6}
"""How much work a schedule is."""

MEETINGS_OWED = True
"""Whether a situation that can occur and was never seen is a problem."""

LIMITS = (
    (
        "The schedules of the campaigns are a seeded sample of those that exist; the searches say of which "
        "programs they made all."
    ),
    "The scenarios have a few threads and a few tasks; what none of them reaches is not seen.",
    "The grain of accesses is that of the source: one C function, such as list.append, is one access.",
    (
        "The bench interleaves whole accesses.  The memory models of machines are not simulated; CPython "
        "with its interpreter lock does not show them."
    ),
)


def jobs(profile: Profile) -> list[Job]:
    """A campaign for each scenario and grain."""
    campaigns = [
        (name, grain, schedules // (PUNCTUAL_SHARE if scenario.punctual else 1))
        for grain, schedules in budget(BUDGETS, profile, "conformance").items()
        for name, scenario in SCENARIOS.items()
    ]
    return [Job(function=_campaign, args=it, weight=it[2] * WEIGHTS[it[1]]) for it in campaigns]


def _campaign(scenario: str, grain: Grain, schedules: int) -> tuple[Report, dict[Any, int]]:
    coverage = Coverage()
    report = explore(scenario, grain=grain, schedules=schedules, seed=SEED, coverage=coverage)
    return report, coverage.counts


def part(profile: Profile, answers: Sequence[tuple[Report, dict[Any, int]]]) -> Part:
    """What was explored, and what met what."""
    del profile
    reports = [report for report, _ in answers]
    coverage = Coverage()
    for _, counts in answers:
        for situation, count in counts.items():
            coverage.counts[situation] += count
    coverage.runs = sum(report.schedules for report in reports)
    problems = [line for report in reports for line in told(report)]
    problems += [f"it cannot be that {it}, and it was seen" for it in coverage.contradictions]
    if MEETINGS_OWED:
        problems += [f"it was never seen that {it}" for it in coverage.missing]
    schedules = sum(report.schedules for report in reports)
    orders = sum(report.orders for report in reports)
    failed = sum(report.verdict is not Verdict.PASS for report in reports)
    said = "each refines the rule" if not failed else f"{failed} of {len(reports)} campaigns did not pass"
    seen = sum(1 for count in coverage.counts.values() if count)
    return Part(
        summary=(
            f"{schedules:,} sampled schedules of the shipped worker, {orders:,} orders of events: {said}"
        ),
        figures={
            "schedules": schedules,
            "distinct_orders": orders,
            "distinct_traces": sum(report.traces or 0 for report in reports),
            "switch_points": sum(report.steps for report in reports),
            "choices": sum(report.choices for report in reports),
            "accesses": sum(report.accesses for report in reports),
            "scenarios": len({report.scenario for report in reports}),
            "pairs": len(PAIRS),
            "situations": len(SITUATIONS) - len(IMPOSSIBLE),
            "situations_seen": seen,
        },
        tables=(_scenarios(), _table(reports), _met(coverage)),
        problems=tuple(problems),
        undetermined=tuple(
            f"{report.scenario} at the grain of the {report.grain}: a run was cut short by the step bound"
            for report in reports
            if report.verdict is Verdict.UNDETERMINED
        ),
        limits=LIMITS,
    )


def _scenarios() -> dict[str, Any]:
    return {
        "title": "The scenarios, and what they reach",
        "columns": ["scenario", "reaches"],
        "rows": [[scenario.name, scenario.text] for scenario in SCENARIOS.values()],
    }


def _table(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "title": "The clean worker: what was sampled",
        "columns": [
            "scenario",
            "grain",
            "strategy",
            "schedules",
            "orders of events",
            "traces",
            "switch points",
            "choices",
            "PCT: chance of having missed a bug of depth 1, 2, 3, 4",
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
                ", ".join(f"{miss.probability:.2g}" for miss in report.misses),
                f"{report.verdict} ({report.mode})",
            ]
            for report in reports
        ],
    }


def _met(coverage: Coverage) -> dict[str, Any]:
    return {
        "title": "What met what: in how many runs one action was over before the other, or overlapped it",
        "columns": ["first", "second", "first before second", "second before first", "overlap", "cannot be"],
        "rows": [
            [row.first, row.second, row.before, row.after, row.during, "; ".join(row.impossible)]
            for row in coverage.rows()
        ],
    }
