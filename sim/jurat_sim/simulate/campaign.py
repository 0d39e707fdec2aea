"""The campaign: laws of time, queueing theory, guidance and faults, as the audit runs them.

Its budgets are counts, so that it is the same campaign on any machine.  The closed forms of `timing` are
not part of it: they are measured on their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import BenchError
from . import queueing, timelaws
from .config import (
    Drain,
    ExponentialService,
    Faults,
    Guide,
    Hooks,
    Latency,
    Load,
    Poisson,
    Range,
    Retry,
    Scenario,
    Stop,
    Subscriber,
    WallClock,
    Worker,
)
from .guidance import Guidance, guide
from .outcome import Outcome, Verdict, simulate
from .run import Run, Site

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1_000_000
S = 1_000 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much is simulated."""

    loads: int
    """Times the loads that each law names."""
    tasks: int
    """Of each run of a model of queueing theory; there are ten runs of each model."""
    defect_tasks: int
    """The same, with a defect."""
    faults: int
    """Runs of the scenario in which everything goes wrong."""


BUDGETS: dict[str, Budget] = {
    "default": Budget(loads=1, tasks=2_500, defect_tasks=1_500, faults=1),
    "deep": Budget(loads=20, tasks=100_000, defect_tasks=4_000, faults=20),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What came of it."""

    laws: tuple[timelaws.Finding, ...]
    models: tuple[queueing.Examined, ...]
    sizing: Guidance | None
    """How many threads guidance finds where theory knows it too.  None: it could not be asked."""
    sites: dict[Site, int]
    """How often each fault site was hit."""
    fault_checks: int
    """Checks of the runs with faults, all of which hold unless a problem says otherwise."""
    fault_tasks: int
    events: int
    """All events of the worker, those of workers with defects left out."""
    problems: tuple[str, ...]
    undetermined: bool
    """A run was cut short by its bound on steps."""


def steps(budget: Budget) -> int:
    """How often `campaign` says that it is further."""
    return len(timelaws.TIME_LAWS) + 2 * queueing.SEEDS * len(queueing.MODELS) + 1 + budget.faults


def campaign(budget: Budget, *, advance: Callable[[], None] = lambda: None) -> Campaign:
    """Run all of it; what does not hold is a problem, and no exception."""
    problems: list[str] = []
    laws = _laws(budget, problems, advance)
    models = _models(budget, problems, advance)
    sizing = _sizing(problems)
    advance()
    sites = dict.fromkeys(Site, 0)
    checks = tasks = fault_events = 0
    undetermined = False
    for number in range(budget.faults):
        outcome, said = everything_goes_wrong(number)
        undetermined = undetermined or outcome.verdict is Verdict.UNDETERMINED
        problems += said
        for site in Site:
            sites[site] += outcome.run.sites[site]
        checks += len(outcome.checks)
        tasks += outcome.run.offered
        fault_events += outcome.figures["events"]
        advance()
    problems += [f"fault site never hit: {site}" for site, hits in sites.items() if not hits]
    return Campaign(
        laws=laws,
        models=models,
        sizing=sizing,
        sites=sites,
        fault_checks=checks,
        fault_tasks=tasks,
        events=sum(it.events for it in laws) + sum(it.events for it in models) + fault_events,
        problems=tuple(problems),
        undetermined=undetermined,
    )


def _laws(budget: Budget, problems: list[str], advance: Callable[[], None]) -> tuple[timelaws.Finding, ...]:
    laws = []
    for law in timelaws.TIME_LAWS:
        try:
            finding = timelaws.examine(law, factor=budget.loads)
        except BenchError as error:
            problems.append(f"{law.name}: {error}")
        else:
            laws.append(finding)
            problems += _law_problems(finding)
        advance()
    return tuple(laws)


def _models(
    budget: Budget, problems: list[str], advance: Callable[[], None]
) -> tuple[queueing.Examined, ...]:
    models = []
    for model in queueing.MODELS:
        try:
            examined = queueing.examine(
                model, tasks=budget.tasks, defect_tasks=budget.defect_tasks, advance=advance
            )
        except BenchError as error:
            problems.append(f"{model.name}: {error}")
        else:
            models.append(examined)
            problems += _model_problems(model.name, examined)
    return tuple(models)


def _law_problems(it: timelaws.Finding) -> list[str]:
    problems = []
    if not it.holds:
        problems.append(f"{it.name}: {it.broken:,} of {it.compared:,} comparisons do not hold: {it.formula}")
    if it.defect_broken is None:
        problems.append(f"{it.name}: {it.defect} could not be told apart: {it.trouble}")
    elif not it.can_fail:
        problems.append(f"{it.name}: with {it.defect} ({it.defect_title}) it holds all the same")
    return problems


def _model_problems(name: str, it: queueing.Examined) -> list[str]:
    problems = [
        f"{name}: {one.what}: theory says {one.theory:,} ({one.formula}), which is not in "
        f"{one.interval.least:,} to {one.interval.most:,}, 99.9 % around the mean of {queueing.SEEDS} seeds"
        for one in it.comparisons
        if not one.holds
    ]
    if not it.twin_refuted:
        problems.append(f"{name}: the wrong formula, {it.twin}, is not told apart")
    if it.defect_interval is None:
        problems.append(f"{name}: {it.defect} could not be told apart: {it.trouble}")
    elif not it.defect_refuted:
        problems.append(f"{name}: with {it.defect} ({it.defect_title}) theory holds all the same")
    return problems


# --- guidance -------------------------------------------------------------------------------------

SIZING = Scenario(
    name="how many threads",
    worker=Worker(queue_max=None, drain_deadline=None),
    load=(
        Load(
            name="call",
            count=2_000,
            arrivals=Poisson(mean=10 * MS),
            service=ExponentialService(mean=45 * MS),
        ),
    ),
    guide=Guide(latency=Latency(share=Fraction(95, 100), within=200 * MS), threads=Range(most=16)),
)
"""M/M/c, of which theory knows how many threads it needs."""


def _sizing(problems: list[str]) -> Guidance | None:
    try:
        found = guide(SIZING)
    except BenchError as error:
        problems.append(f"{SIZING.name}: {error}")
        return None
    problems += _sizing_problems(found)
    return found


def _sizing_problems(found: Guidance) -> list[str]:
    """Guidance finds as many threads as theory says, and one fewer will not do."""
    step = found.steps[0]
    problems = []
    if found.undetermined or not found.met:
        problems.append(f"{SIZING.name}: guidance has no answer")
    if step.value != found.threads_by_theory:
        problems.append(f"{SIZING.name}: {step.value} by guidance, {found.threads_by_theory} by theory")
    if step.one_less is None or step.one_less.meets:
        problems.append(f"{SIZING.name}: that one fewer will not do was not seen")
    return problems


# --- faults ---------------------------------------------------------------------------------------

JUMPS = (WallClock(at=700 * MS, by=-3_600 * S), WallClock(at=2 * S, by=86_400 * S))

EVERYTHING = Scenario(
    name="everything goes wrong",
    worker=Worker(
        threads=6,
        retry=Retry(max_retries=2, delay=10 * MS, jitter=Fraction(1, 2)),
        drain_deadline=200 * MS,
        grace=50 * MS + 7,
    ),
    load=(
        Load(
            name="task",
            count=1_500,
            arrivals=Poisson(mean=2 * MS),
            service=ExponentialService(mean=5 * MS),
            timeout=10 * MS,
            faults=Faults(
                raises=Fraction(1, 20),
                hangs=Fraction(1, 500),
                ignores=Fraction(1, 10),
                kills=Fraction(1, 50),
            ),
        ),
    ),
    event=(
        Drain(at=1 * S, replaced="at once"),
        Stop(at=2 * S + 1, replaced="when stopped"),
        *JUMPS,
    ),
    subscriber=(
        Subscriber(size=5, policy="drop_oldest", stalls=30 * MS),
        Subscriber(size=5, policy="block", timeout=1 * MS, stalls=10 * MS),
    ),
    hooks=Hooks(observer_raises_every=50, callback_raises_every=40, wrapper_raises_every=30),
)
"""Every fault site in one scenario, with a deploy and an incident."""


def everything_goes_wrong(number: int) -> tuple[Outcome, list[str]]:
    """A run of it, and what does not hold.  That jumps of the wall clock change no event is a check too."""
    outcome = simulate(EVERYTHING, number=number)
    problems = [f"{EVERYTHING.name}, run {number}: {line}" for line in outcome.problems]
    steady = replace(EVERYTHING, event=tuple(it for it in EVERYTHING.event if it not in JUMPS))
    with_jumps = Run(EVERYTHING, number=number, replayed=False, kept=True).play()
    without = Run(steady, number=number, replayed=False, kept=True).play()
    if with_jumps.events != without.events:
        problems.append(f"{EVERYTHING.name}, run {number}: jumps of the wall clock change the log")
    return outcome, problems
