"""Everything a rule allows: breadth-first search over whole states.

What is walked is a `Machine`: how it begins, and what may follow a state.  The rule of the
lifecycle is one, and each of the small machines beside it (the limiter and its like) is
another; the walk is the same for all.

The result is a graph that can be held against TLC's, as sets: the same initial states,
the same states, the same labelled edges.  No hashing trick and no abstraction: a state
is a value, and two states are the same if they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .lifecycle import ACTIONS, Config, TaskRecord
from .view import VARIABLES, State, initial, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

__all__ = ["Graph", "Lifecycle", "Machine", "reach", "successors", "walk"]

_NOBODY = TaskRecord(0)

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


def successors(config: Config, state: State) -> Iterator[tuple[str, State]]:
    """Each step that the rule allows in a state: its label, and the state after it."""
    worker, tasks = unpack(config, state)
    for action in ACTIONS.values():
        of_task = action.of == "task"
        for position in range(len(tasks) if of_task else 1):
            for argument in action.arguments:
                if action.refusal(worker, tasks[position] if of_task else _NOBODY, argument) is None:
                    after, after_tasks = unpack(config, state)
                    action.apply(after, after_tasks[position] if of_task else _NOBODY, argument)
                    yield action.label(argument), pack(after, after_tasks)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rule of the lifecycle, as a machine."""

    config: Config
    variables: tuple[str, ...] = VARIABLES

    def initial(self) -> State:
        """Nothing submitted, the worker open."""
        return initial(self.config)

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Each row, for each task and argument to which it applies."""
        return successors(self.config, state)


def reach(config: Config) -> Graph[State]:
    """The whole graph of the lifecycle.  Finite, since tasks, attempts and phases are bounded."""
    return walk(Lifecycle(config))


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
