"""Everything a rule allows: breadth-first search over whole states.

What is walked is a `Machine`: how it begins, and what may follow a state.  The lifecycle is
one (`view.Lifecycle`), and each of the small machines beside it (the limiter and its like) is
another; the walk is the same for all.

The result is a graph that can be held against TLC's, as sets: the same initial states,
the same states, the same labelled edges.  No hashing trick and no abstraction: a state
is a value, and two states are the same if they are equal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """What can be reached, and how."""

    initial: set[S]
    states: set[S]
    edges: set[tuple[S, str, S]]
    depth: int
    """Levels of the search, the initial state being the first, as TLC counts."""


def walk(machine: Machine[S]) -> Graph[S]:
    """The whole graph of a machine.  It ends if the machine's own guards bound it."""
    start = machine.initial()
    states = {start}
    edges: set[tuple[S, str, S]] = set()
    level = deque([start])
    depth = 0
    while level:
        depth += 1
        following: deque[S] = deque()
        for state in level:
            for label, after in machine.successors(state):
                edges.add((state, label, after))
                if after not in states:
                    states.add(after)
                    following.append(after)
        level = following
    return Graph({start}, states, edges, depth)
