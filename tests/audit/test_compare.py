"""Two graphs are equal as sets, and where they are not the difference is shown to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_audit.compare import Side, difference, show, show_change
from jurat_audit.dot import Function, Graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jurat_audit.dot import State, Step

VARIABLES = ("n", "word")
ZERO, ONE, TWO, THREE = (0, ("a",)), (1, ("a",)), (2, ("b",)), (3, ("b",))
EDGES = {(ZERO, "Go", ONE), (ONE, "Go", TWO), (ZERO, "Jump", TWO), (TWO, "Stay", TWO)}


def graph(edges: Iterable[Step] = EDGES, *, initial: State = ZERO, more: Iterable[State] = ()) -> Graph:
    """The graph with these edges, and these states besides."""
    edges = set(edges)
    states = {initial, *more} | {end for before, _, after in edges for end in (before, after)}
    numbers = {state: number for number, state in enumerate(sorted(states, key=str))}
    steps = {(numbers[before], action, numbers[after]) for before, action, after in edges}
    return Graph(initial={initial}, numbers=numbers, steps=steps)


def told(left: Graph, right: Graph) -> tuple[str, ...]:
    """What a person is told about these two."""
    return difference(Side(name="TLC", graph=left), Side(name="the spec", graph=right), VARIABLES)


def test_equal_graphs_have_no_difference() -> None:
    """The order in which they were found does not matter."""
    assert told(graph(), graph(sorted(EDGES, key=str))) == ()


def test_a_step_that_only_one_side_allows_is_shown_with_the_way_to_it() -> None:
    """The action, the state before, what it changes, and a shortest way there."""
    extra = graph(EDGES | {(TWO, "Go", THREE)})
    shown = (
        "only TLC allows: action Go",
        "  from {n: 2, word: [b]}",
        "  to   {n: 3}",
        "  after Jump",
    )
    assert told(extra, graph()) == (
        "the graphs differ: 1 state and 1 step only in TLC, 0 states and 0 steps only in the spec",
        *shown,
    )
    assert told(graph(), extra)[1:] == ("only the spec allows: action Go", *shown[1:])


def test_the_shallowest_difference_is_shown() -> None:
    """What lies beyond the first may be a mere consequence of it."""
    lines = told(graph(EDGES | {(ZERO, "Go", THREE), (THREE, "Go", TWO), (TWO, "Go", ZERO)}), graph())
    assert lines[1:3] == ("only TLC allows: action Go", "  from {n: 0, word: [a]}")
    assert lines[-1] == "  in the initial state"


def test_a_missing_self_loop_is_a_difference() -> None:
    """The states are the same then; the steps are not."""
    lines = told(graph(), graph(EDGES - {(TWO, "Stay", TWO)}))
    assert lines[1] == "only TLC allows: action Stay"
    assert lines[3] == "  to   the same state"


def test_another_label_is_a_difference_on_both_sides() -> None:
    """Two actions that do the same are two actions."""
    lines = told(graph(), graph({edge if edge[1] != "Jump" else (ZERO, "Leap", TWO) for edge in EDGES}))
    assert [line for line in lines if line.startswith("only")] == [
        "only TLC allows: action Jump",
        "only the spec allows: action Leap",
    ]


def test_another_beginning_is_shown_first() -> None:
    """All else would follow from it."""
    assert told(graph(initial=ONE), graph())[1:] == (
        "only TLC begins in {n: 1, word: [a]}",
        "only the spec begins in {n: 0, word: [a]}",
    )


def test_a_state_without_a_step_to_it_is_shown() -> None:
    """No search finds one, so something was lost on the way here."""
    assert told(graph(), graph(more=[THREE])) == (
        "only the spec has the state {n: 3, word: [b]}, and no step to it",
    )


@pytest.mark.parametrize(
    ("left", "right", "line"),
    [
        ((True, ()), (1, ()), "the values of n are BOOLEAN in TLC, Int in the spec"),
        ((0, (True,)), (0, (1,)), "the values of word are Seq(BOOLEAN) in TLC, Seq(Int) in the spec"),
        (
            (0, frozenset({False})),
            (0, frozenset({0})),
            "the values of word are set(BOOLEAN) in TLC, set(Int) in the spec",
        ),
        (
            (0, Function(frozenset({("a", 1)}))),
            (0, Function(frozenset({("a", True)}))),
            "the values of word are function(STRING -> Int) in TLC, function(STRING -> BOOLEAN) in the spec",
        ),
    ],
)
def test_true_is_not_one(left: State, right: State, line: str) -> None:
    """They are equal to Python, which would take the graphs for the same."""
    assert left == right
    assert told(graph([], initial=left), graph([], initial=right)) == (line,)


def test_states_are_shown_as_people_write_them() -> None:
    """The same text in every process: a set has no order of its own."""
    state = (True, (1, ("a", -2)), frozenset({"b", "a"}), Function(frozenset({("k", 1), ("j", False)})))
    assert show(state, ("p", "q", "r", "s")) == "{p: true, q: [1, [a, -2]], r: {a, b}, s: (j: false, k: 1)}"
    assert show_change((1, 2), (1, 3), ("p", "q")) == "{q: 3}"
