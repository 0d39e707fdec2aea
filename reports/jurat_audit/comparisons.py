"""The worker's arithmetic beside the spec's definition, on arguments that Hypothesis draws.

A comparison draws arguments, and answers with what the worker's function says and what its
definition says.  The draws are the same on every run, and at most as many as the budget.
A limiter's `tat` and a queue's credit are computed by the spec from a drawn history, so the
worker's own functions have no part in the arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jurat_spec import arithmetic as law

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["COMPARISONS", "Comparison", "compare"]

Starts = tuple[tuple[int, ...], int, int, int, int]  # starts, now, per_tick, per_start, burst
Turn = tuple[tuple[int, ...], tuple[law.Pick, ...], frozenset[int]]  # weights, past, eligible

INSTANTS = st.integers(0, 10**12)
NEAR = st.integers(0, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One function of the worker, and how it is compared."""

    function: str
    definition: str
    """The function of `jurat_spec.arithmetic`."""
    drawn: SearchStrategy[Any]
    both: Callable[[ModuleType, Any], tuple[object, object]]
    """What the worker says, and what the spec says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of a comparison."""

    examples: int
    difference: str | None
    """The first arguments on which they differ."""


class _Differs(Exception):
    """The two do not say the same."""


def compare(comparison: Comparison, arithmetic: ModuleType, examples: int) -> Compared:
    """Draw up to `examples` arguments, and stop at the first on which the two differ."""
    tried = 0

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=tuple(HealthCheck),
    )
    @given(comparison.drawn)
    def agree(arguments: Any) -> None:
        nonlocal tried
        tried += 1
        got, expected = comparison.both(arithmetic, arguments)
        if got != expected:
            raise _Differs(f"{arguments}: {got}, and {expected} by definition")

    try:
        agree()
    except _Differs as difference:
        return Compared(examples=tried, difference=str(difference))
    return Compared(examples=tried, difference=None)


# ----------------------------------------------------------------------- what is drawn


@st.composite
def _starts(draw: DrawFn) -> Starts:
    instants = [draw(NEAR)]
    for gap in draw(st.lists(NEAR, max_size=6)):
        instants.append(instants[-1] + gap)
    *starts, now = instants
    sizes = draw(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4)))
    return (tuple(starts), now, *sizes)


@st.composite
def _ended(draw: DrawFn) -> tuple[tuple[tuple[int, bool], ...], int, int | None, int | None]:
    now = 0
    ended = []
    for gap, off_thread in draw(st.lists(st.tuples(NEAR, st.booleans()), max_size=6)):
        now += gap
        ended.append((now, off_thread))
    age = draw(st.none() | st.integers(0, 20))
    return tuple(ended), now + draw(NEAR), age, draw(st.none() | NEAR)


@st.composite
def _turn(draw: DrawFn) -> Turn:
    weights = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    eligible = st.frozensets(st.integers(0, len(weights) - 1))
    past: tuple[law.Pick, ...] = ()
    for each in draw(st.lists(eligible, max_size=8)):
        picked = law.next_pick(weights, past, each)
        if picked is not None:
            past = (*past, law.Pick(each, picked))
    return weights, past, draw(eligible)


# ------------------------------------------------------------------- how it is compared


def _tat(starts: tuple[int, ...], per_tick: int, per_start: int) -> int:
    """The worker's number, from the history."""
    if not starts:
        return 0
    owed = law.starts_owed(starts, starts[-1], Fraction(per_tick, per_start)) * per_start
    return starts[-1] * per_tick + int(owed)


def _owed(arithmetic: ModuleType, drawn: Starts) -> tuple[object, object]:
    starts, now, per_tick, per_start, _ = drawn
    expected = law.starts_owed(starts, now, Fraction(per_tick, per_start)) * per_start
    return arithmetic.owed(now, _tat(starts, per_tick, per_start), per_tick), expected


def _permitted(arithmetic: ModuleType, drawn: Starts) -> tuple[object, object]:
    starts, now, per_tick, per_start, burst = drawn
    got = arithmetic.is_permitted(now, _tat(starts, per_tick, per_start), per_tick, per_start, burst)
    return got, law.permitted(starts, now, Fraction(per_tick, per_start), burst)


def _tat_after_start(arithmetic: ModuleType, drawn: Starts) -> tuple[object, object]:
    starts, now, per_tick, per_start, _ = drawn
    got = arithmetic.tat_after_start(now, _tat(starts, per_tick, per_start), per_tick, per_start)
    return got, _tat((*starts, now), per_tick, per_start)


def _first_permitted(arithmetic: ModuleType, drawn: Starts) -> tuple[object, object]:
    starts, now, per_tick, per_start, burst = drawn
    got = arithmetic.first_permitted(now, _tat(starts, per_tick, per_start), per_tick, per_start, burst)
    return got, law.first_permitted_instant(starts, now, Fraction(per_tick, per_start), burst)


def _rate_change(arithmetic: ModuleType, drawn: tuple[Starts, int, int]) -> tuple[object, object]:
    (starts, now, per_tick, per_start, _), new_per_tick, new_per_start = drawn
    tat = _tat(starts, per_tick, per_start)
    got = arithmetic.tat_after_rate_change(now, tat, per_tick, per_start, new_per_tick, new_per_start)
    debt = law.starts_owed_in_ticks(starts, now, Fraction(per_tick, per_start), new_per_start)
    return got, now * new_per_tick + debt


def _backoff(arithmetic: ModuleType, drawn: tuple[int, int, int]) -> tuple[object, object]:
    return arithmetic.backoff(*drawn), law.backoff_delay(*drawn)


def _jittered(arithmetic: ModuleType, drawn: tuple[int, int, int, int]) -> tuple[object, object]:
    delay, scale, jitter, part = drawn
    jitter %= scale + 1
    part %= scale
    expected = law.jittered_delay(delay, Fraction(jitter, scale), Fraction(part, scale))
    return arithmetic.jittered(delay, jitter, part, scale), expected


def _can_retry(
    arithmetic: ModuleType, drawn: tuple[int, int | None, int, int | None]
) -> tuple[object, object]:
    return arithmetic.can_retry(*drawn), law.may_retry(*drawn)


def _late(arithmetic: ModuleType, drawn: tuple[int, int | None, int | None]) -> tuple[object, object]:
    return arithmetic.is_late(*drawn), law.returned_late(*drawn)


def _record_time(arithmetic: ModuleType, drawn: list[int]) -> tuple[object, object]:
    times = [drawn[0]]
    for instant in drawn[1:]:
        times.append(arithmetic.record_time(instant, times[-1]))
    return tuple(times), law.record_times(tuple(drawn))


def _evicted(arithmetic: ModuleType, drawn: Any) -> tuple[object, object]:
    stay = law.retained(*drawn)
    return arithmetic.evicted(*drawn), tuple(place for place in range(len(drawn[0])) if place not in stay)


def _queues(turn: Turn) -> tuple[tuple[int, int, bool], ...]:
    weights, past, eligible = turn
    return tuple(
        (weight, law.credit(weights, past, queue), queue in eligible) for queue, weight in enumerate(weights)
    )


def _pick(arithmetic: ModuleType, drawn: Turn) -> tuple[object, object]:
    return arithmetic.pick(_queues(drawn)), law.next_pick(*drawn)


def _credits(arithmetic: ModuleType, drawn: Turn) -> tuple[object, object]:
    weights, past, eligible = drawn
    picked = law.next_pick(*drawn)
    after = past if picked is None else (*past, law.Pick(eligible, picked))
    expected = tuple(law.credit(weights, after, queue) for queue in range(len(weights)))
    return arithmetic.credits_after_pick(_queues(drawn)), expected


_RETRY = st.tuples(st.integers(1, 70), st.integers(0, 10**10), st.integers(0, 10**13))
_JITTER = st.tuples(INSTANTS, st.integers(1, 2**20), st.integers(0, 2**21), st.integers(0, 2**21))
_RETRIED = st.tuples(st.integers(1, 9), st.none() | st.integers(0, 9), NEAR, st.none() | NEAR) | st.tuples(
    st.integers(1, 10**6), st.none() | st.integers(0, 10**6), INSTANTS, st.none() | INSTANTS
)
_RETURNED = st.tuples(NEAR, st.none() | NEAR, st.none() | NEAR) | st.tuples(
    INSTANTS, st.none() | INSTANTS, st.none() | INSTANTS
)
_INSTANTS = st.lists(INSTANTS, min_size=1, max_size=6)
_CHANGED = st.tuples(_starts(), st.integers(1, 5), st.integers(1, 9))

COMPARISONS: dict[str, Comparison] = {
    function: Comparison(function=function, definition=definition, drawn=drawn, both=both)
    for function, definition, drawn, both in (
        ("owed", "starts_owed", _starts(), _owed),
        ("is_permitted", "permitted", _starts(), _permitted),
        ("tat_after_start", "starts_owed", _starts(), _tat_after_start),
        ("first_permitted", "first_permitted_instant", _starts(), _first_permitted),
        ("tat_after_rate_change", "starts_owed_in_ticks", _CHANGED, _rate_change),
        ("backoff", "backoff_delay", _RETRY, _backoff),
        ("jittered", "jittered_delay", _JITTER, _jittered),
        ("can_retry", "may_retry", _RETRIED, _can_retry),
        ("is_late", "returned_late", _RETURNED, _late),
        ("record_time", "record_times", _INSTANTS, _record_time),
        ("evicted", "retained", _ended(), _evicted),
        ("pick", "next_pick", _turn(), _pick),
        ("credits_after_pick", "credit", _turn(), _credits),
    )
}
