"""The rate limiter: how many tasks may start, and when.

It is GCRA with one number, the theoretical arrival time `tat`: the instant at which all that
was spent is given back.  A rate of 2 starts in 3 ticks makes a start worth one tick and a half,
which is no whole number of them.  So `tat` is kept as time multiplied by the starts of the
rate, and a start is worth exactly its ticks.  Rounding the period down lets too many start,
rounding it up makes them late.

The steps come first.  The laws after them count starts and know nothing of `tat`.  Names and
steps are those of `tla/RateLimiter.tla`; a tick of the model is a nanosecond of the worker.
Prior art: the generic cell rate algorithm, ITU-T I.371.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from .machine import Laws

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LAWS", "RateLimiter", "State", "Tenure"]


class Tenure(NamedTuple):
    """A rate, and since when it has been in force."""

    since: int
    per_tick: int
    """The starts of the rate: what a tick gives back."""
    per_start: int
    """The ticks of the rate: what a start spends."""


class State(NamedTuple):
    """The variables of `tla/RateLimiter.tla`."""

    now: int
    waiting: int
    """Tasks that wait for a permit, and for nothing else."""
    starts: tuple[int, ...]
    """The instants at which tasks have started."""
    tenures: tuple[Tenure, ...]
    """Each rate that was in force; the last one is."""
    tat: int
    """When all that was spent is given back: an instant multiplied by the starts of the rate in force."""


# ------------------------------------------------------------------ words of the rule


def _instant(state: State) -> int:
    """Now, as `tat` is kept."""
    return state.now * state.tenures[-1].per_tick


def _debt(state: State) -> int:
    """What was spent and is not yet given back."""
    return max(state.tat, _instant(state)) - _instant(state)


def _up(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


# --------------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimiter:
    """The limiter's constants, and the steps that it may take."""

    num: int
    den: int
    """The rate to begin with: `num` starts in `den` ticks."""
    other_num: int
    other_den: int
    """The rate that it may be changed to, and back."""
    burst: int
    """Starts that may come at once after a long rest."""
    tasks: int
    """Tasks that wait for a permit at the beginning."""
    horizon: int
    """Ticks that pass at most."""
    changes: int
    """Changes of the rate at most."""

    variables = State._fields

    @property
    def rates(self) -> tuple[tuple[int, int], ...]:
        """Both rates."""
        return (self.num, self.den), (self.other_num, self.other_den)

    def initial(self) -> State:
        """All tasks wait, and nothing was spent."""
        return State(0, self.tasks, (), (Tenure(0, self.num, self.den),), 0)

    def permitted(self, state: State) -> bool:
        """After the start no more than `burst` starts are owed."""
        per_start = state.tenures[-1].per_start
        return _debt(state) + per_start <= self.burst * per_start

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Each step that is allowed in a state."""
        if state.waiting > 0 and self.permitted(state):
            yield "Start", self.start(state)
        if state.waiting > 0:
            yield "Cancel", self.cancel(state)
        if len(state.tenures) <= self.changes:
            for rate in dict.fromkeys(self.rates):
                yield "SetRate", self.set_rate(state, *rate)
        if state.now < self.horizon:
            yield "PermitAccrues", state._replace(now=state.now + 1)

    def start(self, state: State) -> State:
        """The permit is spent in the step in which the task starts, and in no other."""
        return state._replace(
            waiting=state.waiting - 1,
            starts=(*state.starts, state.now),
            tat=max(state.tat, _instant(state)) + state.tenures[-1].per_start,
        )

    def cancel(self, state: State) -> State:
        """A task that is cancelled while it waits for its permit has spent none."""
        return state._replace(waiting=state.waiting - 1)

    def set_rate(self, state: State, num: int, den: int) -> State:
        """What is owed is owed in starts, whatever a start is worth from now on.

        Setting the rate that is in force already is no exception, and changes no debt.
        """
        return state._replace(
            tenures=(*state.tenures, Tenure(state.now, num, den)),
            tat=state.now * num + _up(_debt(state) * den, state.tenures[-1].per_start),
        )


# ----------------------------------------------------------------- the law, from outside

LAWS: Laws[RateLimiter, State] = Laws()


def _starts_in(state: State, begin: int, end: int) -> int:
    """Starts in a closed window."""
    return sum(begin <= start <= end for start in state.starts)


def _allowed(machine: RateLimiter, state: State, begin: int, end: int) -> Fraction:
    """The burst, and each rate for as long as it was in force in the window."""
    allowed = Fraction(machine.burst)
    untils = [*(tenure.since for tenure in state.tenures[1:]), machine.horizon]
    for tenure, until in zip(state.tenures, untils, strict=True):
        overlap = max(0, min(end, until) - max(begin, tenure.since))
        allowed += overlap * Fraction(tenure.per_tick, tenure.per_start)
    return allowed


def _rounded(state: State) -> Fraction:
    """What the second change of the rate, and each after it, may round up at most.

    The first costs nothing, since instants are whole.
    """
    return sum((Fraction(1, tenure.per_start) for tenure in state.tenures[2:]), Fraction(0))


@LAWS.of_state("every variable has a value of its type")
def type_ok(machine: RateLimiter, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        0 <= s.now <= machine.horizon
        and 0 <= s.waiting <= machine.tasks
        and all(0 <= start <= machine.horizon for start in s.starts)
        and len(s.starts) <= machine.tasks
        and 1 <= len(s.tenures) <= machine.changes + 1
        and all(0 <= each.since <= s.now and each[1:] in machine.rates for each in s.tenures)
        and s.tat >= 0
    )


@LAWS.of_state(
    'RL-3 "burst is configurable and deterministic"; section 2: in every closed window [t, t+w], '
    "starts <= burst + rate * w, and after a rate change it holds piecewise"
)
def window(machine: RateLimiter, s: State) -> bool:
    """No window holds more starts than the burst and the rates allow."""
    return all(
        _starts_in(s, begin, end) <= _allowed(machine, s, begin, end)
        for begin in range(s.now + 1)
        for end in range(begin, s.now + 1)
    )


@LAWS.of_state("section 2: with a task that otherwise fits, the start is at the first permitted instant")
def work_conserving(machine: RateLimiter, s: State) -> bool:
    """A start is refused only if it would break the law now."""
    starts = any(label == "Start" for label, _ in machine.successors(s))
    return (
        s.waiting <= 0
        or starts
        or any(
            _starts_in(s, begin, s.now) + 1 + _rounded(s) > _allowed(machine, s, begin, s.now)
            for begin in range(s.now + 1)
        )
    )


@LAWS.of_step('RL-1 "one limiter, applied exactly once per attempt"')
def one_permit_per_start(_: RateLimiter, s: State, after: State) -> bool:
    """At an instant the debt grows by one start for each start, and by nothing else."""
    if after.now != s.now or after.tenures != s.tenures:
        return True
    if len(after.starts) == len(s.starts):
        return after.tat == s.tat
    return after.tat - _instant(s) == _debt(s) + s.tenures[-1].per_start
