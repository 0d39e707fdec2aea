"""The rate limiter by examples: what is permitted when, and what a change of the rate keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jurat_spec.limiter import RateLimiter, State
from jurat_spec.search import walk

LIMITER = RateLimiter(num=2, den=3, other_num=1, other_den=2, burst=2, tasks=9, horizon=9, changes=1)


def greedy(machine: RateLimiter) -> tuple[int, ...]:
    """The instants at which tasks start if each starts as soon as it may."""
    state = machine.initial()
    while state.waiting and state.now < machine.horizon:
        later = state._replace(now=state.now + 1)
        state = machine.start(state) if machine.permitted(state) else later
    return state.starts


def steps(machine: RateLimiter, state: State) -> set[str]:
    """What may happen."""
    return {label for label, _ in machine.successors(state)}


@pytest.mark.parametrize(
    ("num", "den", "burst", "expected"),
    [
        (1, 2, 1, (0, 2, 4, 6, 8)),
        (1, 2, 2, (0, 0, 2, 4, 6, 8)),
        (2, 3, 1, (0, 2, 4, 6, 8)),
        (2, 3, 2, (0, 0, 2, 3, 5, 6, 8)),
        (3, 2, 2, (0, 0, 1, 2, 2, 3, 4, 4, 5)),
    ],
)
def test_starts_are_at_the_first_permitted_instants(
    num: int, den: int, burst: int, expected: tuple[int, ...]
) -> None:
    """To the tick, whether or not a start is worth a whole number of them; by hand, on paper."""
    assert greedy(replace(LIMITER, num=num, den=den, burst=burst)) == expected


def test_a_rest_gives_back_no_more_than_was_spent() -> None:
    """However long it is: the burst is what can follow."""
    state = LIMITER.initial()._replace(now=8)
    for _ in range(LIMITER.burst):
        state = LIMITER.start(state)
    assert not LIMITER.permitted(state)


def test_what_is_owed_outlives_a_change_of_the_rate() -> None:
    """Two starts are owed before, and two after: nothing may start at that instant."""
    state = LIMITER.start(LIMITER.start(LIMITER.initial()))
    changed = LIMITER.set_rate(state, 1, 2)
    assert changed.tat == 2 * 2
    assert "Start" in steps(LIMITER, LIMITER.initial())
    assert "Start" not in steps(LIMITER, changed)


def test_what_is_owed_is_rounded_up() -> None:
    """A half of a start, at one start a tick, is a whole one: never a start too many."""
    state = State(1, 1, (0,), LIMITER.initial().tenures[:1], 3)
    assert LIMITER.set_rate(state, 1, 2).tat == 1 + 1


def test_a_cancelled_task_gives_its_permit_to_the_next() -> None:
    """Since it never had one."""
    state = LIMITER.initial()
    assert LIMITER.permitted(LIMITER.cancel(state))
    assert LIMITER.cancel(state).tat == state.tat


def test_the_machine_is_bounded_by_its_own_guards() -> None:
    """So the search ends without being told to."""
    graph = walk(replace(LIMITER, tasks=2, horizon=3))
    assert max(state.now for state in graph.states) == 3
    assert max(len(state.tenures) for state in graph.states) == 2
