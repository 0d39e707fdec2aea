"""Guidance: the smallest threads, rate and burst that meet what is wanted, and by what margin (NH-5).

What is wanted is a latency for a share of the tasks, a longest drain, or both.  Each of threads, starts
and burst is chosen in that order, the smallest that meets it with those that follow at their largest,
by bisection over simulated runs.  All runs draw the same numbers, so what differs is what was changed.

Bisection takes for granted that more is no worse.  It need not be so: a list schedule may get longer
with one thread more (Graham's anomalies).  So the answer is what was simulated, no more: with it the
wanted is met, with one less it is not, and both runs are in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from .config import ExponentialService, Poisson, Scenario
from .outcome import Outcome, Verdict, simulate
from .theory import mmc_latency_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Guide, Range


class Measured(NamedTuple):
    """What a choice of one value leads to, in nanoseconds.  None: not wanted, or no task completed."""

    latency_ns: int | None
    drain_ns: int | None
    meets: bool


class Step(NamedTuple):
    """One of threads, starts and burst, chosen."""

    what: str
    value: int | None
    """None: not even the largest meets what is wanted."""
    at_value: Measured
    """With this value, or with the largest."""
    one_less: Measured | None
    """With one less.  None: the value is the smallest that may be chosen."""
    runs: int
    """How many runs were simulated for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """The answer."""

    steps: tuple[Step, ...]
    met: bool
    latency_margin_ppm: int | None
    """How much less than what is wanted, in parts in a million of it."""
    drain_margin_ppm: int | None
    threads_by_theory: int | None
    """For M/M/c, where theory says it too: the smallest number of threads that meets the latency."""
    undetermined: bool
    """A run was cut short, or broke a check."""


def guide(scenario: Scenario, *, advance: Callable[[], None] = lambda: None) -> Guidance:
    """Choose what the scenario's `guide` leaves open.

    Raises
    ------
    ValueError: the scenario has no `guide`.
    """
    wanted = scenario.guide
    if wanted is None:
        raise ValueError(f"{scenario.name} has no guide")
    chosen = _with(scenario, {key: limits.most for key, limits in _open(wanted)})
    steps: list[Step] = []
    sound = True
    measured = Measured(None, None, meets=False)
    for what, limits in _open(wanted):
        trial = _Trial(chosen, what, wanted, advance)
        value = smallest(limits, trial.meets)
        tried = trial.tried
        sound = sound and trial.sound
        measured = tried[limits.most if value is None else value]
        steps.append(Step(what, value, measured, None if value is None else tried.get(value - 1), len(tried)))
        if value is None:
            break
        chosen = _with(chosen, {what: value})
    latency = wanted.latency
    return Guidance(
        steps=tuple(steps),
        met=measured.meets,
        latency_margin_ppm=_margin(measured.latency_ns, None if latency is None else latency.within),
        drain_margin_ppm=_margin(measured.drain_ns, wanted.drain),
        threads_by_theory=_by_theory(scenario),
        undetermined=not sound,
    )


class _Trial:
    """Runs of a scenario that differ in one value."""

    def __init__(self, scenario: Scenario, what: str, wanted: Guide, advance: Callable[[], None]) -> None:
        self._scenario = scenario
        self._what = what
        self._wanted = wanted
        self._advance = advance
        self.tried: dict[int, Measured] = {}
        self.sound = True
        """Every run came to its end, and all its checks hold."""

    def meets(self, value: int) -> bool:
        """Whether what is wanted is met with this value."""
        if value not in self.tried:
            outcome = simulate(_with(self._scenario, {self._what: value}), replayed=False)
            self.sound = self.sound and outcome.verdict is Verdict.PASS
            self.tried[value] = _measure(outcome, self._wanted)
            self._advance()
        return self.tried[value].meets


def smallest(limits: Range, meets: Callable[[int], bool]) -> int | None:
    """The smallest value that meets it, if a larger one meets it wherever a smaller one does.

    Whatever is answered was asked, and so was one less, unless that is outside the limits.
    """
    if not meets(limits.most):
        return None
    least, most = limits.least, limits.most
    while least < most:
        middle = (least + most) // 2
        if meets(middle):
            most = middle
        else:
            least = middle + 1
    return most


def _open(wanted: Guide) -> list[tuple[str, Range]]:
    """What may be chosen, in the order in which it is."""
    every = (("threads", wanted.threads), ("starts", wanted.starts), ("burst", wanted.burst))
    return [(what, limits) for what, limits in every if limits is not None]


def _with(scenario: Scenario, values: dict[str, int]) -> Scenario:
    """The same scenario with these values."""
    worker = scenario.worker
    rate = worker.rate
    if rate is not None:
        rate = replace(rate, starts=values.get("starts", rate.starts), burst=values.get("burst", rate.burst))
    worker = replace(worker, threads=values.get("threads", worker.threads), rate=rate)
    return replace(scenario, worker=worker)


def _measure(outcome: Outcome, wanted: Guide) -> Measured:
    """The latency of the wanted share, and the longest drain.  What was refused or failed is too late."""
    run = outcome.run
    latency = drain = None
    meets = outcome.verdict is Verdict.PASS
    if wanted.latency is not None:
        ordered = sorted(run.ledger.latencies)
        share = wanted.latency.share
        needed = -(-run.offered * share.numerator // share.denominator)
        latency = ordered[needed - 1] if 0 < needed <= len(ordered) else None
        meets = meets and latency is not None and latency <= wanted.latency.within
    if wanted.drain is not None:
        lengths = [it.length_ns for it in run.closings if it.what == "drain"]
        drain = max(lengths, default=None)
        meets = meets and drain is not None and drain <= wanted.drain
    return Measured(latency, drain, meets)


def _margin(measured: int | None, wanted: int | None) -> int | None:
    if measured is None or not wanted:
        return None
    return (wanted - measured) * 1_000_000 // wanted


def _by_theory(scenario: Scenario) -> int | None:
    """The smallest number of threads by theory, if the scenario is M/M/c and only latency is wanted."""
    wanted = scenario.guide
    load = scenario.load[0]
    known = (
        wanted is not None
        and wanted.latency is not None
        and wanted.threads is not None
        and wanted.drain is None
        and len(scenario.load) == 1
        and isinstance(load.arrivals, Poisson)
        and isinstance(load.service, ExponentialService)
        and not load.faults.any
        and load.timeout is load.deadline is load.delay is None
        and scenario.worker.rate is None
        and scenario.worker.timeout is None
        and not scenario.event
    )
    if not known:
        return None
    assert wanted is not None  # noqa: S101 - `known` says all this, and the type checker does not see it
    assert wanted.latency is not None  # noqa: S101
    assert wanted.threads is not None  # noqa: S101
    assert isinstance(load.arrivals, Poisson)  # noqa: S101
    assert isinstance(load.service, ExponentialService)  # noqa: S101
    arrival, service = Fraction(1, load.arrivals.mean), Fraction(load.service.mean)
    share, within = float(wanted.latency.share), wanted.latency.within
    for threads in range(wanted.threads.least, wanted.threads.most + 1):
        if arrival * service < threads and mmc_latency_within(threads, arrival, service, within) >= share:
            return threads
    return None
