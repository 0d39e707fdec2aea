"""The registry by examples: what a caller is told, and what is forgotten when."""

from __future__ import annotations

import pytest

from jurat_spec.registry import Registry, State

REGISTRY = Registry(tasks=3, keys=2, queue_max=2, keep=1)
EMPTY = REGISTRY.initial()
ONE = REGISTRY.register(EMPTY, 1, 1, "this")
"""Task 1 is live, with key 1."""


def all_ended(*order: int) -> State:
    """All three tasks have ended, in this order."""
    state = EMPTY
    for task in order:
        state = REGISTRY.end(REGISTRY.register(state, task, 0, "this"), task)
    return state


@pytest.mark.parametrize(
    ("state", "call", "expected"),
    [
        (EMPTY, (1, 1, "this"), ("accepted", 1)),
        (ONE, (2, 1, "this"), ("attached", 1)),
        (ONE, (1, 1, "this"), ("attached", 1)),
        (ONE, (2, 1, "other"), ("conflict", 0)),
        (ONE._replace(open=False), (2, 1, "this"), ("attached", 1)),
        (ONE._replace(open=False), (2, 1, "other"), ("conflict", 0)),
        (ONE._replace(open=False), (1, 2, "this"), ("closed", 0)),
        (ONE, (1, 2, "this"), ("id_used", 0)),
        (ONE, (1, 0, "this"), ("id_used", 0)),
        (REGISTRY.register(ONE, 2, 0, "this"), (2, 0, "this"), ("id_used", 0)),
        (REGISTRY.register(ONE, 2, 0, "this"), (3, 0, "this"), ("full", 0)),
        (REGISTRY.register(ONE, 2, 0, "this"), (3, 1, "this"), ("attached", 1)),
    ],
)
def test_the_first_answer_that_applies_is_given(
    state: State, call: tuple[int, int, str], expected: tuple[str, int]
) -> None:
    """A known key before all else, even when nothing is accepted any more."""
    assert REGISTRY.answer(state, *call) == expected  # type: ignore[arg-type]


def test_nothing_goes_while_it_is_within_the_limits() -> None:
    """One ended task may stay."""
    assert REGISTRY.evictable(REGISTRY.end(ONE, 1)) is None
    assert REGISTRY.evictable(ONE) is None


def test_the_first_to_end_goes_first() -> None:
    """Not the first by number, nor the first to be registered."""
    assert REGISTRY.evictable(all_ended(2, 1, 3)) == 2


def test_what_is_on_a_thread_stays_and_holds_nobody_up() -> None:
    """The next goes in its place; when its function is back, it goes after all."""
    state = all_ended(2, 1, 3)
    assert REGISTRY.evictable(state._replace(stuck=frozenset({2}))) == 1
    assert REGISTRY.evictable(state._replace(stuck=frozenset({1, 2, 3}))) is None


def test_what_is_over_age_goes_though_there_is_room() -> None:
    """Age and number are two limits, and either will do."""
    state = REGISTRY.end(ONE, 1)._replace(aged=1)
    assert REGISTRY.evictable(state) == 1
    assert REGISTRY.evict(state, 1) == EMPTY


def test_a_forgotten_key_is_free() -> None:
    """The next registration with it is a new task, and an id may be used again."""
    state = REGISTRY.evict(REGISTRY.end(ONE, 1), 1)
    assert REGISTRY.answer(state, 1, 1, "other") == ("accepted", 1)


def test_no_key_names_nothing() -> None:
    """Two tasks without a key are two tasks."""
    state = REGISTRY.register(EMPTY, 1, 0, "this")
    assert state.holder == (0, 0)
    assert REGISTRY.answer(state, 2, 0, "this") == ("accepted", 2)
