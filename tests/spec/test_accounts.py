"""The accounts that a replay keeps say the same as the machines whose laws are proved."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from jurat_spec import arithmetic
from jurat_spec.accounts import Limiter, Turns
from jurat_spec.limiter import RateLimiter
from jurat_spec.log import Rate

SMALL = st.integers(1, 9)


@given(
    st.tuples(SMALL, SMALL),
    SMALL,
    st.lists(st.tuples(st.integers(0, 12), st.none() | st.tuples(SMALL, SMALL)), max_size=30),
)
def test_the_limiter_is_the_machine(
    first: tuple[int, int], burst: int, steps: list[tuple[int, tuple[int, int] | None]]
) -> None:
    """After any waits, starts and changes of the rate there is a permit in both, or in none."""
    num, den = first
    machine = RateLimiter(
        num=num, den=den, other_num=1, other_den=1, burst=burst, tasks=99, horizon=999, changes=99
    )
    limiter = Limiter(Rate(num, den, burst), 0)
    state = machine.initial()
    assert limiter.permits(0) == burst
    for wait, rate in steps:
        state = state._replace(now=state.now + wait)
        assert (limiter.permits(state.now) > 0) == machine.permitted(state)
        if rate is not None:
            state = machine.set_rate(state, *rate)
            limiter.change(Rate(*rate, burst), state.now)
        elif machine.permitted(state):
            permits = limiter.permits(state.now)
            state = machine.start(state)
            limiter.spend(state.now)
            assert limiter.permits(state.now) == permits - 1
        assert limiter.tat == state.tat or limiter.permits(state.now) == burst


@given(SMALL, SMALL, SMALL, st.lists(st.integers(0, 12), max_size=20))
def test_the_limiter_keeps_the_law_of_the_window(starts: int, ns: int, burst: int, waits: list[int]) -> None:
    """In no window more starts than the burst and the rate allow, and none held back that they would."""
    limiter = Limiter(Rate(starts, ns, burst), 5)
    now, past = 5, tuple[int, ...]()
    for wait in waits:
        now += wait
        allowed = arithmetic.permitted(past, now, Fraction(starts, ns), burst)
        assert (limiter.permits(now) > 0) == allowed
        if allowed:
            limiter.spend(now)
            past = (*past, now)


def test_a_smaller_burst_may_owe_more_than_it_allows() -> None:
    """Then there is less than no permit, until enough is given back."""
    limiter = Limiter(Rate(1, 10, 5), 0)
    for _ in range(5):
        limiter.spend(0)
    limiter.change(Rate(1, 10, 2), 0)
    assert [limiter.permits(at) for at in (0, 10, 39, 40, 50)] == [-3, -2, 0, 1, 2]


@given(st.lists(SMALL, min_size=2, max_size=4), st.lists(st.sets(st.integers(0, 3), min_size=1), max_size=30))
def test_turns_are_those_of_the_law(weights: list[int], able: list[set[int]]) -> None:
    """Whoever can give a start, the one that is the furthest behind its share does, the first of equals."""
    turns = Turns(weights)
    past: tuple[arithmetic.Pick, ...] = ()
    for places in able:
        eligible = frozenset(place for place in places if place < len(weights))
        expected = arithmetic.next_pick(tuple(weights), past, eligible)
        if expected is None:
            continue
        numbers = sorted(place + 1 for place in eligible)
        assert turns.pick(numbers) == expected + 1
        turns.take(numbers, expected + 1)
        past = (*past, arithmetic.Pick(eligible, expected))
        assert sum(turns.credits) == 0
