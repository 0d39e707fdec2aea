"""Exploring: many schedules of one scenario, and the one that fails, made small.

`explore` runs a fixed number of schedules and says what came of it.  It stops at the first
run that breaks a property, shrinks its schedule and gives it a token; `replay` makes that
very run again.  A budget is a number of schedules, never a time, so that the same seed
gives the same report on any machine.

A campaign that completed its count *passes*, and what that means is in the report's words:
sampled, not proved.  A run of the clean worker that was cut short by the step bound makes
the campaign *undetermined*, and never a pass.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from .bench import Bench
from .defects import DEFECTS, defect_named
from .errors import NoAccesses, TokenMisfit, TokenUnknown, UnknownGrain
from .races import RaceBench
from .scenarios import scenario_named, scenario_of_token
from .shrink import shrink
from .story import Story, tell
from .strategies import RandomWalk, Reluctant
from .tokens import Grain, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Run
    from .runtime import Strategy
    from .scenarios import Scenario
    from .seeding import Defect


class Verdict(StrEnum):
    """What a campaign says."""

    PASS = "pass"  # every schedule of the count was run, and every check held
    FAIL = "fail"  # a schedule breaks a property
    UNDETERMINED = "undetermined"  # a run was cut short


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A schedule that breaks a property, shrunk."""

    property: str
    message: str
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
    seed: int
    verdict: Verdict
    schedules: int
    """Runs made, without those of shrinking."""
    traces: int
    """Different orders of events among them."""
    steps: int
    choices: int
    accesses: int
    digest: str
    """Of all logs, in order: the campaign's own fingerprint."""
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


def strategy_for(grain: Grain, seed: int) -> Strategy:
    """The walk that suits this grain."""
    return RandomWalk(seed) if grain is Grain.SEAM else Reluctant(seed)


def explore(
    scenario: str,
    *,
    defect: str | None = None,
    grain: Grain | str = Grain.SEAM,
    strategy: Strategy | None = None,
    schedules: int = 1_000,
    seed: int = 1,
    races: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Run so many schedules, or fewer if one fails.

    Parameters
    ----------
    strategy: who chooses; None is the walk that suits the grain, with this seed.
    races: a data race that is not declared is a failure too (`races`); for the grain of accesses.
    advance: told now and then how many more schedules were run.

    Raises
    ------
    UnknownScenario, UnknownDefect, UnknownGrain: there is none of this name.
    NoAccesses: `races`, at the grain of the seam.
    BadAnchor: the defect's patch does not fit the worker any more.
    """
    grain = _grain(grain)
    seeded = None if defect is None else defect_named(defect)
    walk = strategy_for(grain, seed) if strategy is None else strategy
    with _bench(scenario_named(scenario), seeded, grain, races=races) as bench:
        return _campaign(bench, walk, schedules, seed, advance)


def replay(token: str, *, races: bool = False) -> Replayed:
    """Make the run of this token again, and tell it.

    Parameters
    ----------
    races: look for data races as well, in a run at the grain of accesses.

    Raises
    ------
    BadToken: it cannot be read, or its schedule cannot be followed.
    NoAccesses: `races`, of a token from the grain of the seam.
    """
    schedule = decode(token)
    scenario = scenario_of_token(token, schedule.scenario)
    if schedule.defect is not None and schedule.defect not in DEFECTS:
        raise TokenUnknown(token, f"unknown defect {schedule.defect}")
    defect = None if schedule.defect is None else DEFECTS[schedule.defect]
    with _bench(scenario, defect, schedule.grain, races=races) as bench:
        story = tell(bench, schedule.deviations)
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


def _bench(scenario: Scenario, defect: Defect | None, grain: Grain, *, races: bool) -> Bench:
    if not races:
        return Bench(scenario, defect=defect, grain=grain)
    if grain is not Grain.ACCESS:
        raise NoAccesses
    return RaceBench(scenario, defect=defect)


def _campaign(
    bench: Bench, walk: Strategy, schedules: int, seed: int, advance: Callable[[int], None] | None
) -> Report:
    traces: set[tuple[object, ...]] = set()
    logs = hashlib.sha256()
    steps = choices = accesses = made = 0
    cut_short = False
    failure = None
    for number in range(schedules):
        run = bench.run(walk, number)
        made += 1
        steps += run.steps
        choices += run.choices
        accesses += run.accesses
        traces.add(run.trace)
        logs.update(repr(run.log).encode())
        if run.verdict_is_open:
            cut_short = True
        elif run.findings:
            failure = _failure(bench, shrink(bench, run), made)
            break
        if advance is not None and made % _BATCH == 0:
            advance(_BATCH)
    return Report(
        scenario=bench.scenario.name,
        defect=None if bench.defect is None else bench.defect.id,
        grain=bench.grain,
        strategy=walk.name,
        seed=seed,
        verdict=Verdict.FAIL if failure else Verdict.UNDETERMINED if cut_short else Verdict.PASS,
        schedules=made,
        traces=len(traces),
        steps=steps,
        choices=choices,
        accesses=accesses,
        digest=logs.hexdigest(),
        failure=failure,
    )


def _failure(bench: Bench, run: Run, schedule: int) -> Failure:
    finding = run.findings[0]
    return Failure(
        property=finding.property,
        message=finding.message,
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
