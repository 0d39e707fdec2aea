"""The link from the worker to time: what happens, happens exactly when its formula says.

The shipped worker runs in virtual time, in whole nanoseconds.  Four things are asked of it:

* closed forms: the length of each shutdown, and the instants of starts, ends and evictions, with no
  tolerance, at one set of numbers each;
* laws: the same, and more, of loads that are drawn: every window of a limiter, every start, every backoff,
  drains and stops, the turns of queues;
* queueing theory: mean waits within 99.9 % of ten independent runs, and as many threads as it says;
* faults: whatever may go wrong does, each at least once, and every check still holds.

One more simulation, a scenario that ships as an example, is run to be drawn; its checks count as well.

Each closed form, each law and each model is also held against a worker with a defect of time, and must
then fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_sim.errors import BenchError
from jurat_sim.simulate import campaign as simulation
from jurat_sim.simulate.config import read
from jurat_sim.simulate.outcome import Verdict as Simulated
from jurat_sim.simulate.outcome import simulate
from jurat_sim.simulate.queueing import MODELS, SEEDS
from jurat_sim.simulate.timelaws import TIME_LAWS
from jurat_sim.timing import CLOSED_FORMS, measure

from ..charts import PAGE, charts
from ..errors import ToolError
from ..link import LinkResult, Profile, Progress, Verdict, budget
from ..subject import project_root

if TYPE_CHECKING:
    from jurat_sim.simulate.campaign import Campaign
    from jurat_sim.simulate.outcome import Outcome
    from jurat_sim.timing import Measurement

COMMAND = "jurat audit --link timing"

BUDGETS = simulation.BUDGETS

DRAWN = "examples/scenarios/deploy.toml"
"""The simulation that is drawn."""

LIMITS = (
    (
        "Virtual time shows which instants the worker asks for and acts on.  How late an operating system "
        "wakes a thread is not in it."
    ),
    "Each closed form is held at one set of numbers; the laws and the models at those that their names draw.",
    (
        "A simulation has one order of threads: each runs until it waits.  Other orders are explored, in "
        "smaller scenarios, by the link conformance."
    ),
    (
        "The waits of queueing theory are compared with an interval that ten runs give.  A worker that is "
        "off by less than half its width would pass."
    ),
)


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Measure every closed form, and run the campaign, on the worker and on one that is wrong."""
    much = budget(BUDGETS, profile, "timing")
    progress.step("measuring in virtual time")
    progress.total(len(CLOSED_FORMS))
    measured: list[Measurement] = []
    problems: list[str] = []
    for form in CLOSED_FORMS:
        try:
            measurement = measure(form)
        except BenchError as error:  # the worker's own run did not end, or broke the rule
            problems.append(f"{form.name}: {error}")
        else:
            measured.append(measurement)
            problems += _problems(measurement)
        progress.advance()
    progress.step("simulating loads, queues and faults")
    progress.total(simulation.steps(much))
    found = simulation.campaign(much, advance=progress.advance)
    problems += found.problems
    progress.step("simulating what is drawn")
    drawn = _drawn()
    problems += [f"{DRAWN}: {line}" for line in drawn.problems]
    exact = sum(it.holds for it in measured)
    refuted = sum(it.can_fail for it in measured)
    figures = _figures(found)
    told_apart = refuted + figures["law_defects_found"] + figures["theory_defects_found"]
    with_defects = len(CLOSED_FORMS) + len(TIME_LAWS) + len(MODELS)
    failed = Verdict.FAIL if problems else Verdict.PASS
    cut_short = found.undetermined or drawn.verdict is Simulated.UNDETERMINED
    return LinkResult(
        id="timing",
        verdict=Verdict.UNDETERMINED if cut_short else failed,
        command=COMMAND,
        summary=(
            f"{exact} of {len(CLOSED_FORMS)} lengths and instants are exactly as their closed forms say, to "
            f"the nanosecond of virtual time; {figures['laws_hold']} of {len(TIME_LAWS)} laws hold in "
            f"{figures['law_comparisons']:,} comparisons; {figures['theory_agrees']} of "
            f"{figures['theory_comparisons']} quantities of queueing theory are within their intervals; "
            f"{figures['fault_sites_hit']} of {len(found.sites)} fault sites were hit; "
            f"{told_apart} of {with_defects} defects of time are told apart"
        ),
        figures={
            "closed_forms": len(CLOSED_FORMS),
            "exact": exact,
            "timing_defects_found": refuted,
            **figures,
        },
        details={
            "tables": [
                _forms(measured),
                _defects(measured),
                _laws(found),
                _theory(found),
                _seeds(found),
                _wrong(found),
                _sizing(found),
                _sites(found),
            ],
            "simulation": {
                "scenario": drawn.scenario.name,
                "text": drawn.scenario.text,
                "command": f"jurat simulate {DRAWN}",
                "checks": len(drawn.checks),
                "checks_that_hold": sum(check.holds for check in drawn.checks),
                "charts": charts(drawn, PAGE),
            },
            "limits": list(LIMITS),
        },
        problems=tuple(problems),
    )


def _drawn() -> Outcome:
    file = project_root() / DRAWN
    if not file.is_file():
        raise ToolError(f"the scenario that is drawn is missing: {file}")
    try:
        return simulate(read(file))
    except BenchError as error:
        raise ToolError(f"the scenario that is drawn cannot be simulated: {error}") from None


def _figures(found: Campaign) -> dict[str, int]:
    comparisons = [one for model in found.models for one in model.comparisons]
    return {
        "laws": len(TIME_LAWS),
        "laws_hold": sum(it.holds for it in found.laws),
        "law_comparisons": sum(it.compared for it in found.laws),
        "law_defects_found": sum(it.can_fail for it in found.laws),
        "theory_comparisons": 2 * len(MODELS),
        "theory_agrees": sum(one.holds for one in comparisons),
        "theory_twins_refuted": sum(it.twin_refuted for it in found.models),
        "theory_defects_found": sum(it.defect_refuted for it in found.models),
        "theory_tasks": sum(it.tasks for it in found.models),
        "theory_seeds": SEEDS,
        "guidance_runs": 0 if found.sizing is None else sum(it.runs for it in found.sizing.steps),
        "guidance_agrees": int(_agrees(found)),
        "fault_sites_hit": sum(hits > 0 for hits in found.sites.values()),
        "fault_hits": sum(found.sites.values()),
        "fault_checks": found.fault_checks,
        "fault_tasks": found.fault_tasks,
        "simulated_events": found.events,
    }


def _agrees(found: Campaign) -> bool:
    """Guidance has found as many threads as theory says."""
    sizing = found.sizing
    return sizing is not None and sizing.met and sizing.steps[0].value == sizing.threads_by_theory


def _problems(it: Measurement) -> list[str]:
    problems = []
    if not it.holds:
        problems.append(
            f"{it.name}: {it.formula} ns, and {it.measured_ns:,} ns were measured, not {it.expected_ns:,}"
        )
    if it.defect_ns is None:
        problems.append(f"{it.name}: {it.defect} could not be told apart: {it.trouble}")
    elif not it.can_fail:
        problems.append(f"{it.name}: with {it.defect} ({it.defect_title}) it is the same")
    return problems


def _forms(measured: list[Measurement]) -> dict[str, Any]:
    return {
        "title": "How long it takes, and when it happens, in nanoseconds",
        "columns": ["what is measured", "closed form", "expected", "measured"],
        "rows": [[it.name, it.formula, it.expected_ns, it.measured_ns] for it in measured],
    }


def _defects(measured: list[Measurement]) -> dict[str, Any]:
    return {
        "title": "The same, with a defect of time in the worker: each must differ",
        "columns": ["defect", "what it does", "expected", "measured"],
        "rows": [
            [it.defect, it.defect_title, it.expected_ns, it.defect_ns]
            for it in measured
            if it.defect_ns is not None
        ],
    }


def _laws(found: Campaign) -> dict[str, Any]:
    return {
        "title": "Laws of time over loads that are drawn, each also with a defect that must break it",
        "columns": [
            "law",
            "formula",
            "loads",
            "comparisons",
            "broken",
            "defect",
            "what it does",
            "broken then",
        ],
        "rows": [
            [
                it.name,
                it.formula,
                it.loads,
                it.compared,
                it.broken,
                it.defect,
                it.defect_title,
                it.defect_broken,
            ]
            for it in found.laws
        ],
    }


def _theory(found: Campaign) -> dict[str, Any]:
    return {
        "title": (
            f"Queueing theory, and 99.9 % around the mean of {SEEDS} seeds "
            f"(Student's t, {SEEDS - 1} degrees of freedom)"
        ),
        "columns": ["queue", "quantity", "formula", "theory", "mean", "from", "to", "within"],
        "rows": [
            [
                it.model,
                it.what,
                it.formula,
                it.theory,
                it.interval.mean,
                it.interval.least,
                it.interval.most,
                it.holds,
            ]
            for model in found.models
            for it in model.comparisons
        ],
    }


def _seeds(found: Campaign) -> dict[str, Any]:
    return {
        "title": "The same, seed by seed; the seeds follow from the name of the queue",
        "columns": ["queue", "quantity", *(str(seed + 1) for seed in range(SEEDS))],
        "rows": [[it.model, it.what, *it.seeds] for model in found.models for it in model.comparisons],
    }


def _wrong(found: Campaign) -> dict[str, Any]:
    return {
        "title": "What must not be within the interval of the mean wait: a wrong formula, and a defect",
        "columns": [
            "queue",
            "theory",
            "wrong formula",
            "which says",
            "refuted",
            "defect",
            "what it does",
            "mean with it",
            "told apart",
        ],
        "rows": [
            [
                it.comparisons[0].model,
                it.comparisons[0].theory,
                it.twin,
                it.twin_wait,
                it.twin_refuted,
                it.defect,
                it.defect_title,
                None if it.defect_interval is None else it.defect_interval.mean,
                it.defect_refuted,
            ]
            for it in found.models
        ],
    }


def _sizing(found: Campaign) -> dict[str, Any]:
    wanted = simulation.SIZING.guide
    sizing = found.sizing
    rows: list[list[Any]] = []
    if sizing is not None and wanted is not None and wanted.latency is not None:
        for step in sizing.steps:
            less = None if step.one_less is None else step.one_less.latency_ns
            rows.append(
                [
                    step.what,
                    step.value,
                    sizing.threads_by_theory,
                    wanted.latency.within,
                    step.at_value.latency_ns,
                    less,
                    sizing.latency_margin_ppm,
                ]
            )
    return {
        "title": "Guidance: the smallest number of threads for a latency of 95 in 100 tasks, in nanoseconds",
        "columns": [
            "what",
            "found",
            "by theory",
            "wanted",
            "with it",
            "with one less",
            "margin, in a million",
        ],
        "rows": rows,
    }


def _sites(found: Campaign) -> dict[str, Any]:
    return {
        "title": f"Faults, and how often each happened in {found.fault_tasks:,} tasks",
        "columns": ["fault site", "times"],
        "rows": [[str(site), hits] for site, hits in found.sites.items()],
    }
