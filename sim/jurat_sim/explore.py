"""Exploring: many schedules of one scenario, and the one that fails, made small.

`explore` runs schedules and says what came of them.  It stops at the first run that breaks a
property, shrinks its schedule and gives it a token; `replay` makes that very run again.  A
budget is a number of schedules, never a time, so that the same seed gives the same report on
any machine.

A campaign is of one of two modes, by its strategy:

* *sampled*: walks draw schedules (`strategies`).  A campaign that completed its count passes,
  and that is said of it and no more.  For the runs that PCT made, the report has the chance
  that they missed a bug of some depth.
* *exhaustive*: a search makes every schedule within a bound (`search`), or one of each trace
  (`dpor`), or one of each trace within a bound (`bpor`).  It passes only if it was *exhausted*; a
  search cut short by the count is *undetermined*.

A run that was cut short by the step bound makes either campaign undetermined.

**The portfolio** is the default: walks that take turns, schedule by schedule, always in the
same order (`PORTFOLIO`).  The failure says whose turn it was.

**Traces.**  Of many schedules most differ in the order of steps that have nothing to do with
each other.  So a report also counts the distinct orders of events, and the distinct traces in
the sense of Mazurkiewicz (`traces`), which are finer: what the threads did to locks, gates, the
clock and each other, up to the order of what is independent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .bench import Bench
from .bpor import BoundedDpor
from .carriers import Backend
from .defects import DEFECTS, defect_named
from .dpor import Dpor
from .errors import NoAccesses, TokenMisfit, TokenUnknown, UnknownGrain, UnknownStrategy
from .races import RaceBench
from .scenarios import scenario_named, scenario_of_token
from .search import Redundant, Search, delays, preemptions
from .shrink import shrink
from .story import Story, tell
from .strategies import DEPTHS, PCT, Cycle, RandomWalk, Reluctant, Sizes, UniformWalk, pct
from .tokens import Grain, decode
from .traces import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Run
    from .coverage import Coverage
    from .runtime import Strategy
    from .scenarios import Scenario
    from .seeding import Defect
    from .stage import Stage
    from .strategies import Miss


class Mode(StrEnum):
    """What a campaign looks at."""

    SAMPLED = "sampled"  # schedules that were drawn
    EXHAUSTIVE = "exhaustive"  # every schedule within a bound, or one of each trace


class Verdict(StrEnum):
    """What a campaign says."""

    PASS = "pass"  # sampled: the whole count was run; exhaustive: all there is; and every check held
    FAIL = "fail"  # a schedule breaks a property
    UNDETERMINED = "undetermined"  # a run was cut short by the step bound, or a search by its count


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A schedule that breaks a property, shrunk."""

    property: str
    message: str
    strategy: str
    """Which strategy found it: of a portfolio, the one whose turn it was."""
    schedule: int
    """How many schedules it took to find it."""
    deviations: int
    """Departures from the run-to-block default that are left: an upper bound of the bug's depth."""
    token: str
    digest: str
    """Of the log of the shrunk run, which every replay must repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a campaign did."""

    scenario: str
    defect: str | None
    grain: Grain
    strategy: str
    mode: Mode
    seed: int
    verdict: Verdict
    exhausted: bool
    """It is exhaustive, and no schedule is left."""
    schedules: int
    """Runs made, without those of shrinking."""
    blocked: int
    """Those among them that a search gave up, because every continuation was made already."""
    orders: int
    """Different orders of events among them."""
    traces: int | None
    """Different traces among them, if they were counted; at the grain of accesses perhaps too many, since
    the fields of all objects of a class are taken for one (`traces.Fingerprint`)."""
    steps: int
    choices: int
    accesses: int
    digest: str
    """Of all logs, in order: the campaign's own fingerprint."""
    misses: tuple[Miss, ...] = ()
    """For each depth that PCT looked at, the chance that it missed a bug of it."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A token's run, made again."""

    scenario: str
    defect: str | None
    grain: Grain
    property: str | None
    """What it breaks; None if every check holds."""
    digest: str
    same_source: bool
    """The worker's files are those that the token was made from."""
    story: Story = field(repr=False)


PORTFOLIO = ("suited", "urw", "pct 1", "suited", "pct 2", "other", "pct 3", "pct 4")
"""Who takes which turn.  `suited` is the walk that suits the grain and `other` is the other one: at the seam
the random walk and the reluctant one, at the grain of accesses the other way round."""


def strategy_for(grain: Grain, seed: int) -> Strategy:
    """The walk that suits this grain."""
    return RandomWalk(seed) if grain is Grain.SEAM else Reluctant(seed)


def portfolio(grain: Grain, seed: int) -> Cycle:
    """The walks of `PORTFOLIO`, which take turns."""
    other = Reluctant(seed) if grain is Grain.SEAM else RandomWalk(seed)
    sizes = Sizes()
    walks: dict[str, Strategy] = {
        "suited": strategy_for(grain, seed),
        "other": other,
        "urw": UniformWalk(seed),
        **{f"pct {depth}": PCT(seed, depth, sizes) for depth in DEPTHS},
    }
    return Cycle("portfolio", [walks[name] for name in PORTFOLIO])


STRATEGIES = ("portfolio", "random", "reluctant", "urw", "pct", "preemptions:N", "delays:N", "dpor", "dpor:N")
"""The names of strategies, N being a bound."""


def strategy_named(name: str, grain: Grain, seed: int) -> Strategy:
    """The strategy of that name.

    Raises
    ------
    UnknownStrategy: there is none of that name, or its bound is no whole number from 0 on.
    """
    kind, _, bound = name.partition(":")
    searches: dict[str, Callable[[int], Strategy]] = {
        "preemptions": preemptions,
        "delays": delays,
        "dpor": BoundedDpor,
    }
    if kind in searches and bound.isascii() and bound.isdigit():
        return searches[kind](int(bound))
    unbounded: dict[str, Callable[[], Strategy]] = {
        "dpor": Dpor,
        "portfolio": lambda: portfolio(grain, seed),
        "random": lambda: RandomWalk(seed),
        "reluctant": lambda: Reluctant(seed),
        "urw": lambda: UniformWalk(seed),
        "pct": lambda: pct(seed),
    }
    if name not in unbounded:
        raise UnknownStrategy(name, ", ".join(STRATEGIES))
    return unbounded[name]()


def explore(
    scenario: str,
    *,
    defect: str | None = None,
    grain: Grain | str = Grain.SEAM,
    strategy: str | Strategy = "portfolio",
    schedules: int = 1_000,
    seed: int = 1,
    races: bool = False,
    count_traces: bool = True,
    coverage: Coverage | None = None,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Run so many schedules, or fewer if one fails or none is left.

    Parameters
    ----------
    strategy: who chooses, by a name of `STRATEGIES` or as an object that has made no runs yet.
    count_traces: it costs a walk at the grain of the seam a good tenth of its speed; searches always do.
    coverage: counts what met what, in a campaign that is sampled.
    races: a data race that is not declared is a failure too (`races`); for the grain of accesses.
    advance: told now and then how many more schedules were run.

    Raises
    ------
    UnknownScenario, UnknownDefect, UnknownGrain, UnknownStrategy: there is none of this name.
    NoAccesses: `races`, at the grain of the seam.
    BadAnchor: the defect's patch does not fit the worker any more.
    """
    grain = _grain(grain)
    found = scenario_named(scenario)
    seeded = None if defect is None else defect_named(defect)
    chosen = strategy_named(strategy, grain, seed) if isinstance(strategy, str) else strategy
    tick_ns = 0 if type(chosen) is Dpor else 1
    with _bench(found, seeded, grain, races=races, tick_ns=tick_ns) as bench:
        return campaign(
            bench,
            chosen,
            schedules=schedules,
            seed=seed,
            count_traces=count_traces,
            coverage=coverage,
            advance=advance,
        )


def replay(token: str, *, races: bool = False, backend: Backend | str = Backend.GREENLETS) -> Replayed:
    """Make the run of this token again, and tell it.

    Parameters
    ----------
    races: look for data races as well, in a run at the grain of accesses.
    backend: what the run's threads live on.

    Raises
    ------
    BadToken: it cannot be read, or its schedule cannot be followed.
    NoAccesses: `races`, of a token from the grain of the seam.
    UnknownBackend: there is no such backend.
    """
    schedule = decode(token)
    scenario = scenario_of_token(token, schedule.scenario)
    if schedule.defect is not None and schedule.defect not in DEFECTS:
        raise TokenUnknown(token, f"unknown defect {schedule.defect}")
    defect = None if schedule.defect is None else DEFECTS[schedule.defect]
    with _bench(
        scenario, defect, schedule.grain, races=races, backend=backend, tick_ns=schedule.tick_ns
    ) as bench:
        story = tell(bench, schedule.deviations, omit=schedule.omitted)
        same_source = bench.source == schedule.source
    run = story.run
    if story.misfits or tuple(run.deviations) != schedule.deviations:
        other = "the same" if same_source else "other"
        raise TokenMisfit(token, f"a choice it makes does not exist; it was recorded from {other} source")
    return Replayed(
        scenario=scenario.name,
        defect=schedule.defect,
        grain=schedule.grain,
        property=run.findings[0].property if run.findings else None,
        digest=run.digest,
        same_source=same_source,
        story=story,
    )


_BATCH = 100


def _bench(scenario: Scenario, defect: Defect | None, grain: Grain, *, races: bool, **options: Any) -> Bench:
    if not races:
        return Bench(scenario, defect=defect, grain=grain, **options)
    if grain is not Grain.ACCESS:
        raise NoAccesses
    return RaceBench(scenario, defect=defect, **options)


def campaign(
    bench: Bench,
    strategy: Strategy,
    *,
    schedules: int,
    seed: int = 1,
    count_traces: bool = True,
    coverage: Coverage | None = None,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """`explore`, for a scenario and a build that are there already."""
    search = strategy if isinstance(strategy, Search) else None
    tally = _Tally(search, coverage, count_traces=count_traces)
    failure = None
    made = 0
    more = True
    while more and made < schedules:
        try:
            run = bench.run(strategy, made, watch=tally.watch)
        except Redundant:
            tally.blocked += 1
        else:
            tally.add(run)
            if run.findings and not run.verdict_is_open:
                by = strategy.member if isinstance(strategy, Cycle) else strategy
                failure = _failure(bench, shrink(bench, run), by.name, made + 1)
        made += 1
        more = failure is None and (search is None or search.end())
        if advance is not None and made % _BATCH == 0 and failure is None:
            advance(_BATCH)
    exhausted = search is not None and search.exhausted and not tally.cut_short
    undetermined = tally.cut_short or (search is not None and not exhausted)
    return Report(
        scenario=bench.scenario.name,
        defect=None if bench.defect is None else bench.defect.id,
        grain=bench.grain,
        strategy=strategy.name,
        mode=Mode.SAMPLED if search is None else Mode.EXHAUSTIVE,
        seed=seed,
        verdict=Verdict.FAIL if failure else Verdict.UNDETERMINED if undetermined else Verdict.PASS,
        exhausted=exhausted,
        schedules=made,
        blocked=tally.blocked,
        orders=len(tally.orders),
        traces=len(tally.traces) if tally.counts_traces else None,
        steps=tally.steps,
        choices=tally.choices,
        accesses=tally.accesses,
        digest=tally.logs.hexdigest(),
        misses=_misses(strategy),
        failure=failure,
    )


class _Tally:
    """What the runs of a campaign add up to."""

    def __init__(self, search: Search | None, coverage: Coverage | None, *, count_traces: bool) -> None:
        self._search = search
        self._coverage = coverage
        self._fingerprint: Fingerprint | None = None
        self.counts_traces = count_traces or search is not None
        self.orders: set[tuple[object, ...]] = set()
        self.traces: set[bytes] = set()
        self.logs = hashlib.sha256()
        self.steps = self.choices = self.accesses = self.blocked = 0
        self.cut_short = False

    def watch(self, stage: Stage) -> None:
        """Look on at the run that is about to begin."""
        runtime = stage.runtime
        if self._search is not None:
            self._search.watch(runtime)
        if self._coverage is not None:
            self._coverage.watch(stage)
        if self.counts_traces:
            runtime.monitor = self._fingerprint = Fingerprint(runtime, runtime.monitor)

    def add(self, run: Run) -> None:
        """This run was made to its end, or to the step bound."""
        self.steps += run.steps
        self.choices += run.choices
        self.accesses += run.accesses
        self.orders.add(run.trace)
        if self._coverage is not None:
            self._coverage.count()
        if self._fingerprint is not None:
            self.traces.add(self._fingerprint.digest())
        self.logs.update(repr(run.log).encode())
        self.cut_short |= run.verdict_is_open


def _misses(strategy: Strategy) -> tuple[Miss, ...]:
    members = strategy.members if isinstance(strategy, Cycle) else (strategy,)
    return tuple(member.miss() for member in members if isinstance(member, PCT))


def _failure(bench: Bench, run: Run, strategy: str, schedule: int) -> Failure:
    finding = run.findings[0]
    return Failure(
        property=finding.property,
        message=finding.message,
        strategy=strategy,
        schedule=schedule,
        deviations=len(run.deviations),
        token=bench.token(run),
        digest=run.digest,
    )


def _grain(grain: Grain | str) -> Grain:
    try:
        return Grain(grain)
    except ValueError:
        raise UnknownGrain(str(grain)) from None
