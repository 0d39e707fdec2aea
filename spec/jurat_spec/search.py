"""Everything the rule allows: breadth-first search over whole states.

The result is a graph that can be held against TLC's, as sets: the same initial states,
the same states, the same labelled edges.  No hashing trick and no abstraction: a state
is a value, and two states are the same if they are equal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .lifecycle import ACTIONS, Config, TaskRecord
from .view import State, initial, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Graph", "reach", "successors"]

_NOBODY = TaskRecord(0)


@dataclass(frozen=True, slots=True)
class Graph:
    """What can be reached, and how."""

    initial: set[State]
    states: set[State]
    edges: set[tuple[State, str, State]]
    depth: int
    """Levels of the search, the initial state being the first, as TLC counts."""


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


def reach(config: Config) -> Graph:
    """The whole graph.  Finite, since tasks, attempts and phases are bounded."""
    start = initial(config)
    states = {start}
    edges: set[tuple[State, str, State]] = set()
    level = deque([start])
    depth = 0
    while level:
        depth += 1
        following: deque[State] = deque()
        for state in level:
            for label, after in successors(config, state):
                edges.add((state, label, after))
                if after not in states:
                    states.add(after)
                    following.append(after)
        level = following
    return Graph({start}, states, edges, depth)
