"""Everything a rule allows: breadth-first search over whole states.

What is walked is a `Machine`: how it begins, and what may follow a state.  The lifecycle is
one (`view.Lifecycle`), and each of the small machines beside it (the limiter and its like) is
another; the walk is the same for all.

The result is a graph that can be held against TLC's, as sets: the same initial states,
the same states, the same labelled edges.  No hashing trick and no abstraction: a state
is a value, and two states are the same if they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

__all__ = ["Graph", "Machine", "walk"]

S = TypeVar("S")


class Machine(Protocol[S]):
    """A rule with its constants.  Its states are tuples: the values of its variables, in their order."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that the TLA+ module gives the parts of a state."""

    def initial(self) -> S:
        """The one state in which a behaviour begins."""

    def successors(self, state: S) -> Iterator[tuple[str, S]]:
        """Each step that is allowed in a state: its label, and the state after it."""


@dataclass(frozen=True, slots=True)
class Graph(Generic[S]):
    """What can be reached, and how.

    To find a state in a set is to hash all its parts, and a graph has several edges for each
    state.  So each state has a number, and what is kept of an edge are two numbers and a label.
    """

    initial: set[S]
    numbers: dict[S, int]
    """Each state with its number: 0, 1, 2 in the order in which they were found."""
    steps: set[tuple[int, str, int]]
    """Each edge, by the numbers of its states."""
    depth: int
    """Levels of the search, the initial state being the first, as TLC counts."""

    @property
    def states(self) -> KeysView[S]:
        """The states, as a set."""
        return self.numbers.keys()

    @property
    def edges(self) -> set[tuple[S, str, S]]:
        """The edges with their states.  Made anew each time, and slow for a large graph."""
        named = list(self.numbers)
        return {(named[before], label, named[after]) for before, label, after in self.steps}


def walk(machine: Machine[S]) -> Graph[S]:
    """The whole graph of a machine.  It ends if the machine's own guards bound it."""
    start = machine.initial()
    numbers = {start: 0}
    steps: set[tuple[int, str, int]] = set()
    level = [start]
    depth = 0
    while level:
        depth += 1
        following: list[S] = []
        for state in level:
            before = numbers[state]
            for label, after in machine.successors(state):
                number = numbers.get(after)
                if number is None:
                    number = numbers[after] = len(numbers)
                    following.append(after)
                steps.add((before, label, number))
        level = following
    return Graph({start}, numbers, steps, depth)
