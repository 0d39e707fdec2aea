"""The queues by examples: who gives the next start, and how long one of them may be passed over."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from jurat_spec.queues import Queues, State
from jurat_spec.search import walk

QUEUES = Queues(
    weight_one=3, weight_two=1, weight_three=0, other_weight=0, tasks=1, cap=0, pausable=3, limitable=3
)
THREE = replace(QUEUES, weight_three=2)


def weighing(*weights: int) -> Queues:
    """Queues of these weights."""
    one, two, three = (*weights, 0, 0)[:3]
    return replace(QUEUES, weight_one=one, weight_two=two, weight_three=three)


def full(machine: Queues, state: State) -> State:
    """The same, with a task in every queue."""
    return state._replace(waiting=((1,),) * len(machine.declared))


def starts(machine: Queues, state: State, number: int) -> tuple[list[int], State]:
    """The queues that give so many starts if a task is always waiting, and the state after them."""
    chosen = []
    for _ in range(number):
        queue = machine.next(full(machine, state))
        assert queue is not None
        chosen.append(queue)
        state = machine.start(full(machine, state), queue)
    return chosen, state


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1, 1), [1, 2]),
        ((3, 1), [1, 1, 2, 1]),
        ((1, 3), [2, 1, 2, 2]),
        ((3, 2), [1, 2, 1, 2, 1]),
        ((5, 1, 1), [1, 1, 2, 1, 3, 1, 1]),
        ((3, 1, 2), [1, 3, 1, 2, 3, 1]),
    ],
)
def test_the_turns_are_spread_and_repeat(weights: tuple[int, ...], expected: list[int]) -> None:
    """By hand, on paper; that of 5, 1 and 1 is the example in nginx's own history."""
    machine = weighing(*weights)
    chosen, state = starts(machine, machine.initial(), 2 * len(expected))
    assert chosen == expected * 2
    assert not any(state.credit)


@pytest.mark.parametrize(
    "held", [{"paused": frozenset({1})}, {"limited": frozenset({1})}, {"waiting": ((), (1,), (1,))}]
)
def test_a_queue_that_cannot_start_holds_nobody_up(held: dict[str, object]) -> None:
    """The first would be next, and the next after it is taken; nothing is owed to the first for that."""
    state = full(THREE, THREE.initial())._replace(**held)  # type: ignore[arg-type]  # of the fields' types
    assert THREE.next(state) == 3
    assert THREE.start(state, 3).credit == (0, 1, -1)


def test_a_queue_at_its_cap_holds_nobody_up() -> None:
    """The others go on until its task has ended."""
    machine = replace(QUEUES, cap=1)
    state = machine.start(full(machine, machine.initial()), 1)
    assert state.running == (1, 0)
    assert machine.next(full(machine, state)) == 2
    [ended] = [after for label, after in machine.successors(state) if label == "End"]
    assert machine.next(full(machine, ended)) == 1


def test_a_queue_that_was_held_is_owed_nothing_for_it() -> None:
    """After a pause of any length it has its share of the starts, and no more."""
    state = full(QUEUES, QUEUES.initial())._replace(paused=frozenset({1}))
    for _ in range(50):
        state = full(QUEUES, QUEUES.start(state, 2))
    chosen, _ = starts(QUEUES, state._replace(paused=frozenset()), 8)
    assert chosen == [1, 1, 2, 1] * 2


@pytest.mark.parametrize(
    ("admitted", "expected"), [((2, 3, 1), 1), ((2, 3), 2), ((3, 2), 3), ((3, 1), 1), ((1, 2), 1)]
)
def test_in_a_queue_the_most_urgent_is_first_and_of_equals_the_first_admitted(
    admitted: tuple[int, ...], expected: int
) -> None:
    """Task 1 is the most urgent, 2 and 3 are equals."""
    machine = replace(QUEUES, tasks=3)
    state = machine.initial()
    for task in admitted:
        state = machine.submit(state, 1, task)
    assert machine.first(state, 1) == expected
    rest = tuple(task for task in admitted if task != expected)
    assert machine.start(state, 1).waiting == (rest, ())


def test_urgency_is_within_a_queue() -> None:
    """A more urgent task of another queue does not take the start from the queue whose turn it is."""
    machine = replace(QUEUES, tasks=2)
    state = machine.submit(machine.submit(machine.initial(), 2, 1), 1, 2)
    assert machine.next(state) == 1


def test_nothing_waits_and_nothing_starts() -> None:
    """No queue is next, and no step is a start."""
    assert QUEUES.next(QUEUES.initial()) is None
    assert "Start" not in {label for label, _ in QUEUES.successors(QUEUES.initial())}


def test_a_drain_ends_every_pause_and_admits_nothing() -> None:
    """What was paused starts after all."""
    state = full(QUEUES, QUEUES.initial())._replace(paused=frozenset({1, 2}))
    [drained] = [after for label, after in QUEUES.successors(state) if label == "BeginDrain"]
    assert {label for label, _ in QUEUES.successors(state)} == {"BeginDrain", "Resume", "Limit"}
    assert {label for label, _ in QUEUES.successors(drained)} == {"Start", "Limit"}
    assert QUEUES.next(drained) == 1


def test_what_is_owed_outlives_a_change_of_the_weight() -> None:
    """So whoever changes weights often starves nobody."""
    _, state = starts(QUEUES, QUEUES.initial(), 2)
    changed = QUEUES.set_weight(state, 1, 2)
    assert changed.weight == (2, 1)
    assert changed.credit == state.credit == (-2, 2)
    assert (changed.recent, changed.exact) == ((), False)


@pytest.mark.parametrize(
    ("weights", "longest"),
    [((3, 1), (1, 3)), ((5, 3), (1, 2)), ((2, 1, 1), (2, 4, 4)), ((3, 1, 2), (2, 6, 3))],
)
def test_the_longest_gap(weights: tuple[int, ...], longest: tuple[int, ...]) -> None:
    """Found by search, with queues that are empty now and then: less than (n - 1) W / w, as the law says.

    With two queues it is the last number less than that.  Of three, it is about a half of it.
    """
    machine = replace(weighing(*weights), pausable=0, limitable=0)
    reached = {state.passed for state in walk(machine).states}
    assert tuple(max(gaps) for gaps in zip(*reached, strict=True)) == longest
    bound = (len(weights) - 1) * sum(weights)
    assert all(gap * weight < bound for gap, weight in zip(longest, weights, strict=True))
    if len(weights) == 2:
        assert all((gap + 1) * weight >= bound for gap, weight in zip(longest, weights, strict=True))


@pytest.mark.parametrize("weights", [(7, 2), (5, 1, 1), (4, 3, 2), (9, 1, 5)])
def test_the_gap_is_bounded_for_other_weights(weights: tuple[int, ...]) -> None:
    """On a long walk through states that no configuration of the manifest has."""
    random, machine = Random(0), weighing(*weights)
    state = machine.initial()
    bound = (len(weights) - 1) * sum(weights)
    for _ in range(3_000):
        free = random.choices(machine.numbers, k=random.randrange(len(weights) + 1))
        held = frozenset(machine.numbers) - set(free)
        state = full(machine, state)._replace(paused=held)
        if (chosen := machine.next(state)) is not None:
            state = machine.start(state, chosen)
        assert all(gap * weight < bound for gap, weight in zip(state.passed, weights, strict=True))
        assert sum(state.credit) == 0
        assert all(2 * abs(credit) <= bound for credit in state.credit)


def test_three_queues_of_which_some_took_no_part_have_no_exact_window() -> None:
    """Hence the law's condition: these credits can be reached, and the second has none of the six starts."""
    owed = (-1, -3, 4)
    assert owed in {state.credit for state in walk(replace(THREE, pausable=0, limitable=0)).states}
    chosen, _ = starts(THREE, THREE.initial()._replace(credit=owed), 6)
    assert chosen == [3, 1, 3, 1, 1, 3]
