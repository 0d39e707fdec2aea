"""Holding two state graphs against each other, and saying where they part.

TLC's graph of a TLA+ module and the search of its Python twin must be the same: the same
initial states, the same states, the same labelled steps, as sets.  Equality of sets is the
whole test; the rest of this module is for the person who must find out why it failed.

That person is shown the *shallowest* difference.  Follow the steps that both sides allow from
an initial state that both sides have; a step where only one side goes on is where the two
rules part, and everything beyond may be a mere consequence of it.  So both sides' first such
step is printed, with a shortest way to get there.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from .dot import Function, State, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from .dot import Value


class StateGraph(Protocol):
    """What is compared: `dot.Graph` is one, and so is the search's."""

    @property
    def initial(self) -> AbstractSet[State]:
        """The states in which a behaviour may begin."""

    @property
    def numbers(self) -> Mapping[State, int]:
        """The states that can be reached, with their numbers: 0, 1, 2 in the order of the mapping."""

    @property
    def steps(self) -> AbstractSet[tuple[int, str, int]]:
        """The labelled steps between them, by number."""

    @property
    def states(self) -> AbstractSet[State]:
        """The states, as a set."""

    @property
    def edges(self) -> AbstractSet[Step]:
        """The labelled steps, with their states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two graphs, and what to call it."""

    name: str
    graph: StateGraph


def difference(left: Side, right: Side, variables: Sequence[str]) -> tuple[str, ...]:
    """Lines that say how the graphs differ; none if they are equal."""
    if mixed := _mixed_types(left, right, variables):
        return mixed
    if _equal(left.graph, right.graph):
        return ()
    if left.graph.initial == right.graph.initial and left.graph.edges == right.graph.edges:
        return _differing_states(left, right, variables)
    lines = [_counts(left, right)]
    for here, there in ((left, right), (right, left)):
        lines += _differing_beginning(here, there, variables)
    if len(lines) == 1:
        lines += _differing_steps(left, right, variables)
    return tuple(lines)


def _equal(left: StateGraph, right: StateGraph) -> bool:
    """Whether these are the same sets.

    The numbers differ, so each state of the left is looked up once on the right; then the steps
    are compared by number.  Renaming takes no two steps for one, since it takes no two states for
    one: as many steps, each of them on the right, are the same steps.
    """
    sizes = [(len(graph.numbers), len(graph.steps)) for graph in (left, right)]
    if sizes[0] != sizes[1] or left.initial != right.initial:
        return False
    there = [right.numbers.get(state) for state in left.numbers]
    if None in there:
        return False
    steps = right.steps
    return all((there[before], action, there[after]) in steps for before, action, after in left.steps)


def _counts(left: Side, right: Side) -> str:
    """How much only one side has."""
    parts = []
    for here, there in ((left, right), (right, left)):
        states = _number(len(here.graph.states - there.graph.states), "state")
        steps = _number(len(here.graph.edges - there.graph.edges), "step")
        parts.append(f"{states} and {steps} only in {here.name}")
    return "the graphs differ: " + ", ".join(parts)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _differing_beginning(here: Side, there: Side, variables: Sequence[str]) -> list[str]:
    only = here.graph.initial - there.graph.initial
    return [f"only {here.name} begins in {show(min(only, key=_show), variables)}"] if only else []


def _differing_states(left: Side, right: Side, variables: Sequence[str]) -> tuple[str, ...]:
    """States that no step leads to: neither a search nor TLC has any, so one of the graphs is not whole."""
    lines = []
    for here, there in ((left, right), (right, left)):
        if only := here.graph.states - there.graph.states:
            lines.append(
                f"only {here.name} has the state {show(min(only, key=_show), variables)}, and no step to it"
            )
    return tuple(lines)


def _differing_steps(left: Side, right: Side, variables: Sequence[str]) -> list[str]:
    ways = _ways(left.graph.initial, left.graph.edges & right.graph.edges)
    lines = []
    for here, there in ((left, right), (right, left)):
        if only := here.graph.edges - there.graph.edges:
            lines += _first_step(here, only, ways, variables)
    return lines


def _first_step(
    here: Side, only: AbstractSet[Step], ways: dict[State, tuple[str, ...]], variables: Sequence[str]
) -> list[str]:
    """The shallowest of the steps that only one side allows, and how to get there."""
    met = [step for step in only if step[0] in ways]
    if not met:  # then each lies beyond a step that the other side allows alone
        return []
    nearest = min(len(ways[before]) for before, _, _ in met)
    before, action, after = min((step for step in met if len(ways[step[0]]) == nearest), key=_show)
    way = ways[before]
    return [
        f"only {here.name} allows: action {action}",
        f"  from {show(before, variables)}",
        f"  to   {show_change(before, after, variables)}",
        f"  after {', '.join(way)}" if way else "  in the initial state",
    ]


def _ways(initial: AbstractSet[State], edges: Iterable[Step]) -> dict[State, tuple[str, ...]]:
    """For each state that these steps reach, the actions of a shortest way: always the same one."""
    following: dict[State, list[tuple[str, State]]] = {}
    for before, action, after in edges:
        following.setdefault(before, []).append((action, after))
    ways: dict[State, tuple[str, ...]] = dict.fromkeys(sorted(initial, key=_show), ())
    level = list(ways)
    while level:
        found: dict[State, tuple[str, ...]] = {}
        for state in level:
            for action, after in sorted(following.get(state, ()), key=_show):
                if after not in ways and after not in found:
                    found[after] = (*ways[state], action)
        ways |= found
        level = list(found)
    return ways


# ---------------------------------------------------------------------------------------------
# Types
# ---------------------------------------------------------------------------------------------


def _mixed_types(left: Side, right: Side, variables: Sequence[str]) -> tuple[str, ...]:
    """Variables whose values are of other types on one side.

    To Python 1 and True are equal; TLA+ refuses to compare them.  So equal sets of states are
    no proof of equal states until this has been looked at.
    """
    lines = []
    for place, name in enumerate(variables):
        kinds = [sorted({_kind(value) for value in _values(side.graph, place)}) for side in (left, right)]
        if kinds[0] != kinds[1] and _alike(left.graph, right.graph, place):
            both = f"{' and '.join(kinds[0])} in {left.name}, {' and '.join(kinds[1])} in {right.name}"
            lines.append(f"the values of {name} are {both}")
    return tuple(lines)


def _values(graph: StateGraph, place: int) -> set[Value]:
    return set(map(itemgetter(place), graph.states))


def _alike(left: StateGraph, right: StateGraph, place: int) -> bool:
    return _values(left, place) == _values(right, place)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "Int"
    if isinstance(value, str):
        return "STRING"
    if isinstance(value, Function):
        arguments, values = ({pair[place] for pair in value.items} for place in (0, 1))
        return f"function({_kinds(arguments)} -> {_kinds(values)})"
    if isinstance(value, tuple):
        return f"Seq({_kinds(value)})"
    if isinstance(value, frozenset):
        return f"set({_kinds(value)})"
    raise TypeError(f"{value!r} is no value of TLA+")


def _kinds(values: Iterable[object]) -> str:
    return " or ".join(sorted({_kind(value) for value in values}))


# ---------------------------------------------------------------------------------------------
# States for people
# ---------------------------------------------------------------------------------------------


def show(state: State, variables: Sequence[str]) -> str:
    """A state as `{variable: value, ...}`."""
    return (
        "{" + ", ".join(f"{name}: {_show(value)}" for name, value in zip(variables, state, strict=True)) + "}"
    )


def show_change(before: State, after: State, variables: Sequence[str]) -> str:
    """What a step changes, by the values afterwards."""
    changed = [place for place in range(len(variables)) if before[place] != after[place]]
    if not changed:
        return "the same state"
    return show(tuple(after[place] for place in changed), [variables[place] for place in changed])


def _show(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_show, value))) + "}"
    if isinstance(value, Function):
        return "(" + ", ".join(sorted(f"{_show(of)}: {_show(is_)}" for of, is_ in value.items)) + ")"
    return str(value)
