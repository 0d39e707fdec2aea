"""What came of a simulation: figures, and the checks that every run is held against.

All figures are whole numbers: nanoseconds, counts, parts in a million (`_ppm`) or in a thousand
(`_milli`).  Two runs of one scenario have the same figures, on any machine.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import jurat

from ..runtime import Ending
from . import config
from .laws import Rate, windows
from .ledger import ENDS, quantile, time_average
from .run import Run, Site

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from .config import Scenario


class Verdict(StrEnum):
    """What may be said of a simulation."""

    PASS = "pass"  # every check was made, and holds
    FAIL = "fail"  # a check was made, and does not hold
    UNDETERMINED = "undetermined"  # the run was cut short by its bound on steps


class Check(NamedTuple):
    """Something that must hold of every run."""

    name: str
    holds: bool
    said: str
    """The numbers that were compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A simulation that is over."""

    scenario: Scenario
    run: Run
    verdict: Verdict
    figures: dict[str, Any]
    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What does not hold, a line each."""
        if self.verdict is Verdict.UNDETERMINED:
            return (f"undetermined: {self.run.trouble}",)
        return tuple(f"{check.name}: {check.said}" for check in self.checks if not check.holds)

    def content(self) -> dict[str, Any]:
        """Everything that repeats, as JSON has it."""
        return {
            "scenario": self.scenario.name,
            "run": self.run.number,
            "verdict": str(self.verdict),
            "figures": self.figures,
            "checks": [check._asdict() for check in self.checks],
            "fault_sites": {str(site): self.run.sites[site] for site in sorted(self.run.configured_sites())},
        }


def simulate(scenario: Scenario, *, number: int = 0, package: Any = jurat, replayed: bool = True) -> Outcome:
    """Simulate a scenario with the shipped worker.

    Parameters
    ----------
    number: which of the scenario's runs; each draws other numbers, all of which follow from its name.
    package: the worker's package, or a build of it with a defect, for those who want to see it found.
    replayed: whether each event is held against the specification.
    """
    run = Run(scenario, number=number, package=package, replayed=replayed).play()
    cut = run.ending is Ending.STEP_BOUND
    checks = tuple(_checks(run))
    if cut:
        verdict = Verdict.UNDETERMINED
    else:
        verdict = Verdict.PASS if all(check.holds for check in checks) else Verdict.FAIL
    return Outcome(scenario=scenario, run=run, verdict=verdict, figures=_figures(run), checks=checks)


# --- figures ------------------------------------------------------------------------------------


def _figures(run: Run) -> dict[str, Any]:
    ledger, scenario = run.ledger, run.scenario
    queued, while_queued = time_average(ledger.depth_at, ledger.depth, run.ended_ns)
    capacity = scenario.worker.threads * run.ended_ns
    return {
        "simulated_ns": run.ended_ns,
        "workers": len(run.generations),
        "offered": run.offered,
        "refused": dict(sorted(run.refused.items())),
        "submitted": ledger.submitted,
        "ends": {status: ledger.ends[status] for status in sorted(set(ENDS.values()))},
        "left": ledger.left,
        "attempts": ledger.actions["Start"],
        "retries": len(ledger.delays),
        "events": ledger.actions.total(),
        "wait_ns": summary(ledger.waits),
        "latency_ns": summary(ledger.latencies),
        "busy_ppm": ledger.busy_ns * 1_000_000 // capacity if capacity else 0,
        "queued_milli": queued * 1_000 // while_queued if while_queued else 0,
        "queued_most": max(ledger.depth, default=0),
        "shutdowns": [
            {
                "what": it.what,
                "worker": it.worker,
                "live": it.live,
                "at_ns": it.began_ns,
                "length_ns": it.length_ns,
                "bound_ns": it.bound_ns,
            }
            for it in run.closings
        ],
    }


def summary(values: array[int]) -> dict[str, int]:
    """Mean, rounded down, and quantiles."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    return {
        "count": len(ordered),
        "mean": sum(ordered) // len(ordered),
        "p50": quantile(ordered, 50, 100),
        "p90": quantile(ordered, 90, 100),
        "p99": quantile(ordered, 99, 100),
        "most": ordered[-1],
    }


# --- checks -------------------------------------------------------------------------------------


def _checks(run: Run) -> Iterator[Check]:
    ledger, witness = run.ledger, run.witness
    over = run.ending is Ending.FINISHED
    yield Check("end", over, "every thread has ended" if over else f"{run.ending}: {run.trouble}")
    refused = run.refused.total()
    yield Check(
        "conservation",
        run.offered == ledger.submitted + refused
        and ledger.submitted == ledger.ends.total() + ledger.left
        and not (over and ledger.left)
        and refused == ledger.rejected.total(),
        (
            f"{run.offered:,} offered = {ledger.submitted:,} submitted + {refused:,} refused; "
            f"{ledger.submitted:,} submitted = {_sum(ledger.ends)} + {ledger.left:,} left"
        ),
    )
    starts = ledger.actions["Start"]
    yield Check(
        "witness",
        witness.entered == starts
        and not witness.twice
        and witness.entered == witness.returned + witness.raised
        if over
        else witness.entered == starts,
        (
            f"{starts:,} starts, {witness.entered:,} functions entered, {witness.returned:,} returned and "
            f"{witness.raised:,} raised, {witness.twice:,} entered twice at once"
        ),
    )
    yield _counts(run)
    yield from _replays(run)
    yield from _windows(run)
    yield from _shutdowns(run)
    yield from _hooks(run)
    yield from _subscribers(run)
    for site in sorted(run.configured_sites()):
        hits = run.sites[site]
        yield Check(f"fault site: {site}", hits > 0, f"{hits:,} times")


def _sum(counts: Counter[str]) -> str:
    return " + ".join(f"{number:,} {status}" for status, number in sorted(counts.items())) or "0"


def _counts(run: Run) -> Check:
    """The workers' own counters against the log."""
    said: Counter[str] = Counter()
    for generation in run.generations:
        counts = generation.worker.snapshot().counts
        said.update({status: getattr(counts, status) for status in set(ENDS.values())})
    said = +said
    return Check(
        "counters",
        said == run.ledger.ends,
        f"the workers count {_sum(said)}; the logs {_sum(run.ledger.ends)}",
    )


def _replays(run: Run) -> Iterator[Check]:
    refused = [it.refused for it in run.generations if it.refused is not None]
    replayed = sum(it.replay.steps for it in run.generations if it.replay is not None)
    if replayed:
        logs = len(run.generations)
        said = (
            str(refused[0])
            if refused
            else f"{replayed:,} events of {logs} logs are behaviours of the specification"
        )
        yield Check("replay", not refused and replayed == run.ledger.actions.total(), said)


def _windows(run: Run) -> Iterator[Check]:
    """The worker's limiter, if it is the same all the time; what changes it is checked by the replay."""
    limit = run.scenario.worker.rate
    if limit is None or any(isinstance(it, config.SetRate) for it in run.scenario.event):
        return
    rate = Rate(limit.starts, limit.per, limit.burst)
    found = [windows(starts, rate) for starts in run.ledger.starts]
    count = sum(it.windows for it in found)
    worst = max(it.excess for it in found)
    yield Check(
        "windows",
        worst <= 0,
        (
            f"{count:,} windows have at most {rate.burst} + {rate.starts} * w / {rate.per_ns} ns starts; "
            f"the fullest has {'' if worst <= 0 else 'more: '}{abs(worst)} / {rate.per_ns} of a start "
            f"{'to spare' if worst <= 0 else 'too many'}"
        ),
    )


def _shutdowns(run: Run) -> Iterator[Check]:
    for it in run.closings:
        if it.bound_ns is not None:
            holds = 0 <= it.length_ns <= it.bound_ns
            said = f"{it.length_ns} ns, of at most {it.bound_ns} ns" if it.ended_ns >= 0 else "it did not end"
            yield Check(f"{it.what} of worker {it.worker}", holds, said)


def _hooks(run: Run) -> Iterator[Check]:
    """What the hooks raised is what the worker has reported."""
    sites = (Site.OBSERVER, Site.CALLBACK, Site.WRAPPER)
    raised = sum(run.sites[site] for site in sites)
    if raised or run.problems:
        reported = run.problems.total()
        yield Check("hooks", raised == reported, f"{raised:,} raised, {reported:,} reported")


def _subscribers(run: Run) -> Iterator[Check]:
    for accounts, got in run.accounts:
        said = (
            f"{accounts.published:,} published = {accounts.delivered:,} delivered + "
            f"{accounts.dropped:,} dropped + {accounts.pending:,} pending; {got:,} got"
        )
        told = accounts.delivered + accounts.dropped + accounts.pending
        yield Check("subscriber", accounts.published == told and got == accounts.delivered, said)
