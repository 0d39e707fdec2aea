"""Tours: walks through a state graph that take all its edges, many in each walk.

`Graph` has the states and edges of a configuration, and its nodes: each a state with the place of the
steward (`passes`), since only the two decide what can be taken next.  `Planner` finds the walks, greedily:
the shallowest edge that is left, by a shortest way, and then on along edges that are left, as long as there
are any.  So many walks are needed at least: for each state, as many as it has more edges out than in.  The
greedy ones are about a quarter more.

Prior art: the transition tours of Naito and Tsunoyama (1981); path covers of a graph.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from jurat_spec.search import walk

from .directing import Edge, Rule
from .passes import BEYOND, START, Place, Stewarded

if TYPE_CHECKING:
    from jurat_spec.view import Lifecycle, State

    from .randomness import SplitMix64

__all__ = ["Graph", "Planner", "Step"]

LENGTH = 80
"""Steps of a walk, at most."""


class Step(NamedTuple):
    """A step of a walk: an edge, or a move of the steward's."""

    edge: int | None
    """Its number."""
    node: int
    """Where it leads."""


class Graph:
    """The states and edges of a configuration; and its nodes: states, with the steward's place."""

    def __init__(self, machine: Lifecycle) -> None:
        self.machine = machine
        graph = walk(machine)
        self.states = list(graph.numbers)
        self.edges = sorted(graph.steps)
        known: dict[State, list[tuple[str, State]]] = {state: [] for state in self.states}
        numbers: dict[tuple[State, str, State], int] = {}
        for number, (before, label, after) in enumerate(self.edges):
            here, there = self.states[before], self.states[after]
            known[here].append((label, there))
            numbers[here, label, there] = number
        self.number_of = numbers
        self.rule = Rule(machine, {state: tuple(steps) for state, steps in known.items()})
        stewarded = Stewarded(machine)
        first = (self.states[0], START)
        self.nodes: list[tuple[State, Place]] = [first]
        self.out: list[list[Step]] = []
        """For each node its steps."""
        places = {first: 0}
        for state, place in self.nodes:  # which grows
            steps = []
            for name, following, its_place in stewarded.steps(state, place, self.rule.successors(state)):
                node = places.get((following, its_place))
                if node is None:
                    node = places[following, its_place] = len(self.nodes)
                    self.nodes.append((following, its_place))
                steps.append(Step(None if name is None else numbers[state, name, following], node))
            self.out.append(steps)
        self.takers: dict[int, list[tuple[int, Step]]] = {}
        """For each edge that some section can produce, where it can be taken."""
        for node, steps in enumerate(self.out):
            for step in steps:
                if step.edge is not None:
                    self.takers.setdefault(step.edge, []).append((node, step))

    def edge(self, number: int) -> Edge:
        """An edge with its states."""
        before, label, after = self.edges[number]
        return Edge(self.states[before], label, self.states[after])

    def unproducible(self) -> dict[str, int]:
        """How many edges no section can produce, by kind."""
        reached = {state for state, _ in self.nodes}
        kinds: Counter[str] = Counter()
        for number in range(len(self.edges)):
            if number not in self.takers:
                edge = self.edge(number)
                kinds[edge.label if edge.before in reached else BEYOND] += 1
        return dict(sorted(kinds.items()))

    def parents(self, draw: SplitMix64 | None) -> list[tuple[int, Step] | None]:
        """For each node the last step of a way to it: the shortest, or one that was drawn."""
        parents: list[tuple[int, Step] | None] = [None] * len(self.nodes)
        found = [True, *[False] * (len(self.nodes) - 1)]
        frontier = deque([0])
        while frontier:
            if draw is not None:  # the one that is drawn changes places with the last, which is taken
                place = draw.below(len(frontier))
                frontier[place], frontier[-1] = frontier[-1], frontier[place]
            node = frontier.popleft() if draw is None else frontier.pop()
            for step in self.out[node]:
                if not found[step.node]:
                    found[step.node] = True
                    parents[step.node] = (node, step)
                    frontier.append(step.node)
        return parents


class Planner:
    """Finds walks that take edges that are left."""

    def __init__(self, graph: Graph, left: set[int], draw: SplitMix64 | None) -> None:
        self.graph = graph
        self.left = left
        self.draw = draw
        self.failed: set[int] = set()
        """Edges that were tried in this round, and not driven."""
        self._parents = graph.parents(draw)

    def goals(self) -> list[int]:
        """The edges that are left, the shallowest first: nodes are numbered by the breadth of a search."""
        takers = self.graph.takers
        return sorted(self.left, key=lambda edge: (takers[edge][0][0], edge))

    def walk(self, goal: int) -> list[Step]:
        """The way to this edge, and on along edges that are left; with all loops that are left on the way."""
        takers = self.graph.takers[goal]
        node, last = takers[0] if self.draw is None else takers[self.draw.below(len(takers))]
        way = [last]
        while (parent := self._parents[node]) is not None:
            node, step = parent
            way.append(step)
        steps: list[Step] = []
        planned: set[int] = set()
        here = 0
        self._take_loops(here, steps, planned)
        for step in reversed(way):
            if step.edge is not None and step.edge in planned and step.node == here:
                continue
            here = self._go(step, steps, planned)
        while len(steps) < LENGTH and (following := self._following(here, planned)) is not None:
            here = self._go(following, steps, planned)
        return steps

    def _go(self, step: Step, steps: list[Step], planned: set[int]) -> int:
        steps.append(step)
        if step.edge is not None:
            planned.add(step.edge)
        self._take_loops(step.node, steps, planned)
        return step.node

    def _take_loops(self, node: int, steps: list[Step], planned: set[int]) -> None:
        for step in self.graph.out[node]:
            if step.node == node and self._is_left(step, planned):
                steps.append(step)
                planned.add(step.edge or 0)

    def _is_left(self, step: Step, planned: set[int]) -> bool:
        edge = step.edge
        return edge is not None and edge in self.left and edge not in planned and edge not in self.failed

    def _following(self, node: int, planned: set[int]) -> Step | None:
        """A step that is left, rather one with many behind it; or one to where a step is left."""
        out = self.graph.out
        mine = [step for step in out[node] if self._is_left(step, planned)]
        if mine:
            return max(mine, key=lambda step: sum(self._is_left(it, planned) for it in out[step.node]))
        for step in out[node]:
            fresh = step.edge is None or (step.edge not in planned and step.edge not in self.failed)
            if step.node != node and fresh and any(self._is_left(it, planned) for it in out[step.node]):
                return step
        return None
