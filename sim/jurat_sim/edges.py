"""Edges: every step of a configuration's state graph, taken by the real worker.

The search of the specification gives all states and all labelled edges of a configuration.  Here each of
these edges is driven on the shipped worker under the controlled runtime, by walks that begin with a fresh
worker and share what they can:

    report = drive(CONFIGURATIONS["two-sizes"])
    report.edges == report.alone + report.inside + sum(report.unproducible.values())

After each section of each thread the worker's abstract state is compared with the specification's
(`directing`), and what was logged must be the labels of edges there.  Most edges have a section to
themselves.  Some are taken inside one that joins them to the next: whoever returns starts the next task.

Some edges no section can produce, since the worker has settled what the specification leaves open.  Which
these are is derived, from a model of the steward's pass (`passes`), and not observed: an edge that the model
allows and that was not driven fails the report, and so does one that was driven although the model forbids
it.  Their kinds are their labels, each with its reason, and `BEYOND`, for those that start from a state
that nothing else leads to.

The walks are found greedily: the shallowest edge that is left, by a shortest path, and then on along edges
that are left, as long as there are any.  Where time has to pass, the instants are computed for the whole walk
beforehand (`Schedule`): a deadline that is to pass third must be known at submit.  A walk whose instants
contradict each other (an attempt that is over before a permit accrues, and another that is not) ends before
the contradiction.  What a walk missed is tried again by other ways, for a number of rounds.

Prior art: conformance testing by transition tours (Naito and Tsunoyama 1981); Ioco and its on-line test
drivers; driving implementations along TLC's graphs (Mocket, EuroSys 2023).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from jurat_spec.accounts import Limiter
from jurat_spec.lifecycle import TERMINAL, Config, Terms
from jurat_spec.log import Rate
from jurat_spec.replay import NotABehaviour, replay
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle

from .build import load
from .directing import FAR_NS, Directed, Edge, Instants, Mismatch, Rule, Way, concerned
from .passes import BEYOND, BEYOND_REASON, REASONS, START, Place, Stewarded
from .randomness import derive
from .stepping import RunEnded, Stepper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jurat_spec.view import State

    from .seeding import Defect

__all__ = ["CONFIGURATIONS", "Report", "drive", "reason_of"]

ROUNDS = 40
"""How often what was missed is tried again, by other ways."""
LENGTH = 80
"""Steps of a walk, at most."""
UNIT_NS = 10_000
"""How long what is to pass next is away, if nothing else says so."""
SECOND_NS = 10**9
UNPLANNED_NS = FAR_NS // 2
"""The instant of a deadline that is not to pass."""


def _configuration(config: Config, *terms: Terms, **choices: tuple[int, ...]) -> Lifecycle:
    return Lifecycle(config=config, terms=terms, **choices)


_PLAIN = Terms(priority=1)
_UNREACHED = 9
"""A cap that is never reached."""

CONFIGURATIONS: dict[str, Lifecycle] = {
    "two-plain": _configuration(
        Config(threads=1, queue_max=1, queues=2, per_queue=_UNREACHED, per_key=_UNREACHED), _PLAIN, _PLAIN
    ),
    "one-life": _configuration(
        Config(
            threads=1,
            queue_max=2,
            max_retries=2,
            retry_timeouts=True,
            queues=2,
            per_queue=_UNREACHED,
            per_key=_UNREACHED,
            retention=True,
        ),
        Terms(priority=1, delayed=True, deadline=True, timeout=True, child=True, key="the one"),
    ),
    "two-permits": _configuration(
        Config(threads=2, queue_max=2, burst=1, queues=2, per_queue=_UNREACHED, per_key=_UNREACHED),
        _PLAIN,
        Terms(priority=1, deadline=True),
    ),
    "two-sizes": _configuration(
        Config(threads=1, queue_max=2, queues=2, per_queue=_UNREACHED, per_key=_UNREACHED),
        _PLAIN,
        _PLAIN,
        other_threads=(2,),
        pausable=(0,),
    ),
    "small-lives": _configuration(
        Config(
            threads=1,
            queue_max=2,
            max_retries=1,
            retry_timeouts=True,
            burst=1,
            queues=2,
            per_queue=_UNREACHED,
            per_key=_UNREACHED,
        ),
        _PLAIN,
        Terms(priority=1, delayed=True, timeout=True),
    ),
}
"""Configurations of `tla/manifest.json`, by their names there, whose graphs are compared with TLC's."""


def reason_of(kind: str) -> str:
    """Why no section produces the edges of this kind."""
    return BEYOND_REASON if kind == BEYOND else REASONS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of the edges of a configuration."""

    states: int
    edges: int
    alone: int
    """Edges that had a section, or a passing of time, to themselves."""
    inside: int
    """Edges that were only driven inside a section that joins them to others."""
    unproducible: dict[str, int]
    """Edges that no section can produce, by kind."""
    walks: int
    sections: int
    """After so many the abstract states were compared."""
    problems: tuple[str, ...]
    """What went wrong, a line each: a mismatch, an edge that was not driven, one that should not exist."""

    @property
    def passed(self) -> bool:
        """Every edge was driven, or has a reason not to be."""
        return not self.problems


def drive(
    machine: Lifecycle,
    *,
    defect: Defect | None = None,
    rounds: int = ROUNDS,
    seed: int = 1,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Drive every edge of a configuration.  Stops at the first mismatch.

    Parameters
    ----------
    defect: seeded in the worker, to see that it is found.
    rounds: how often what was missed is tried again.
    seed: what the other ways are drawn from.
    advance: told now and then how many more edges were driven.
    """
    patches = () if defect is None else defect.patches
    name = "clean" if defect is None else defect.id
    return _Drive(Graph(machine), load(name=name, patches=patches).package, seed, advance).run(rounds)


# --------------------------------------------------------------------- the graph, and its walks


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
            for label, after, there in stewarded.steps(state, place, self.rule.successors(state)):
                node = places.get((after, there))
                if node is None:
                    node = places[after, there] = len(self.nodes)
                    self.nodes.append((after, there))
                steps.append(Step(None if label is None else numbers[state, label, after], node))
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

    def parents(self, draw: Random | None) -> list[tuple[int, Step] | None]:
        """For each node the last step of a way to it: the shortest, or one that was drawn."""
        parents: list[tuple[int, Step] | None] = [None] * len(self.nodes)
        found = [True, *[False] * (len(self.nodes) - 1)]
        frontier = deque([0])
        while frontier:
            if draw is not None:  # the one that is drawn changes places with the last, which is taken
                place = draw.randrange(len(frontier))
                frontier[place], frontier[-1] = frontier[-1], frontier[place]
            node = frontier.popleft() if draw is None else frontier.pop()
            for step in self.out[node]:
                if not found[step.node]:
                    found[step.node] = True
                    parents[step.node] = (node, step)
                    frontier.append(step.node)
        return parents


class _Drive:
    """One drive of a graph."""

    def __init__(self, graph: Graph, package: Any, seed: int, advance: Callable[[int], None] | None) -> None:
        self.graph = graph
        self.package = package
        self.seed = seed
        self.advance = advance
        self.left = set(graph.takers)
        self.alone: set[int] = set()
        self.driven: set[int] = set()
        self.walks = self.sections = 0
        self.problems: list[str] = []

    def run(self, rounds: int) -> Report:
        graph = self.graph
        with Stepper() as stepper:
            for number in range(rounds):
                if self.left and not self.problems:
                    self._round(stepper, number)
        unproducible = graph.unproducible()
        if not self.problems:
            self.problems += [f"not driven: {_told(graph.edge(edge))}" for edge in sorted(self.left)]
            self.problems += [
                f"driven, though no section should produce it: {_told(graph.edge(edge))}"
                for edge in sorted(self.driven - set(graph.takers))
            ]
            self.problems += [f"no reason is known for {kind}" for kind in unproducible if kind not in _KINDS]
        return Report(
            states=len(graph.states),
            edges=len(graph.edges),
            alone=len(self.alone),
            inside=len(self.driven - self.alone),
            unproducible=unproducible,
            walks=self.walks,
            sections=self.sections,
            problems=tuple(self.problems),
        )

    def _round(self, stepper: Stepper, number: int) -> None:
        """Try each edge that is left, by the shortest ways first, by ways that are drawn later."""
        draw = Random(derive(self.seed, number)) if number else None
        planner = _Planner(self.graph, self.left, draw)
        for edge in planner.goals():
            if edge in self.left and edge not in planner.failed:
                steps = planner.walk(edge)
                self._walk(stepper, planner, steps)
                if edge in self.left:
                    planner.failed.add(edge)
                if self.problems:
                    return

    def _walk(self, stepper: Stepper, planner: _Planner, steps: list[Step]) -> None:
        """Take the steps of a walk as far as they go, and note what was driven."""
        graph = self.graph
        schedule = best_schedule(graph, steps)
        lead: Directed | None = None
        self.walks += 1
        try:
            lead = Directed(stepper, self.package, graph.rule, schedule.instants)
            reached = self._lead(lead, steps, schedule)
            replay(lead.log)
            self.problems += [
                f"{thread.name} ended with {thread.error!r}"
                for thread in stepper.runtime.threads
                if thread.error is not None
            ]
        except (Mismatch, RunEnded, NotABehaviour) as problem:
            reached = len(steps)
            self.problems.append(
                str(problem) if lead is None or lead.wanted is None else _blame(lead, problem)
            )
        finally:
            stepper.end()
        if reached < len(steps) and (missed := steps[reached].edge) is not None:
            planner.failed.add(missed)
        if lead is not None:
            self._note(lead)

    def _lead(self, lead: Directed, steps: list[Step], schedule: Schedule) -> int:
        """How many steps were taken."""
        graph = self.graph
        here = START
        choose = Random(derive(self.seed, self.walks)).randrange
        for position, (step, instant) in enumerate(zip(steps, schedule.at, strict=False)):
            there = graph.nodes[step.node][1]
            moves = (here.section, here.number) != (there.section, there.number)
            edge = None if step.edge is None else graph.edge(step.edge)
            joined = bool(lead.taken) and lead.taken[-1] == (edge, False)
            if not joined and not lead.take(edge, Way(there.section, there.number, moves), instant, choose):
                return position
            here = there
        return len(schedule.at)

    def _note(self, lead: Directed) -> None:
        before = len(self.driven)
        for edge, alone in lead.taken:
            number = self.graph.number_of[edge]
            self.driven.add(number)
            if alone:
                self.alone.add(number)
        self.left -= self.driven
        self.sections += lead.sections
        if self.advance is not None and len(self.driven) > before:
            self.advance(len(self.driven) - before)


_KINDS = (*REASONS, BEYOND)


def _told(edge: Edge) -> str:
    return f"{edge} from {edge.before}"


def _blame(lead: Directed, problem: Exception) -> str:
    if isinstance(problem, Mismatch):
        return str(problem)
    return f"edge {lead.wanted}: {problem}"


class _Planner:
    """Finds walks that take edges that are left."""

    def __init__(self, graph: Graph, left: set[int], draw: Random | None) -> None:
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
        node, last = takers[0] if self.draw is None else takers[self.draw.randrange(len(takers))]
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
        """A step that is left, rather one with many behind it; or one to where there is a step that is left."""
        out = self.graph.out
        mine = [step for step in out[node] if self._is_left(step, planned)]
        if mine:
            return max(mine, key=lambda step: sum(self._is_left(it, planned) for it in out[step.node]))
        for step in out[node]:
            fresh = step.edge is None or (step.edge not in planned and step.edge not in self.failed)
            if step.node != node and fresh and any(self._is_left(it, planned) for it in out[step.node]):
                return step
        return None


# -------------------------------------------------------------------------------- when


def best_schedule(graph: Graph, steps: Sequence[Step]) -> Schedule:
    """The schedule that gets furthest: what takes long is tried in every order of magnitude."""
    machine = graph.machine
    config = machine.config
    long: list[int] = [number for number, terms in enumerate(machine.terms, start=1) if terms.timeout]
    if config.burst is not None or config.queue_burst is not None:
        long.append(_PERIOD)
    schedules = (Schedule(graph, steps, order) for order in permutations(long))
    best = next(schedules)
    for other in schedules:
        if len(best.at) == len(steps):
            break
        best = max(best, other, key=lambda it: len(it.at))
    return best


_PERIOD = 0
"""Among the things that take long: how long until a permit accrues.  The others are timeouts, by task."""


class Schedule:
    """When each step of a walk is taken, and what the worker must be told for that.

    Most of what passes is told to a task or to the worker for this walk alone, so that its instant may
    be any.  Not so the limit of an attempt, which a task has for all its attempts, and the period of the
    limiters.  They are of different orders of magnitude, and all else passes in no time.
    """

    def __init__(self, graph: Graph, steps: Sequence[Step], order: Sequence[int]) -> None:
        self._machine = graph.machine
        self._sizes = {it: SECOND_NS * 1000**place for place, it in enumerate(order)}
        self._period = self._sizes.get(_PERIOD, SECOND_NS)
        self._limiters = dict(self._limited())
        self._now = 0
        self._started: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._stopping = 0
        self.instants = Instants(
            deadlines=dict.fromkeys(range(1, 1 + len(self._machine.terms)), UNPLANNED_NS),
            timeouts=self._sizes,
            permit_ns=self._period,
        )
        self.at: list[int] = []
        """The instants of the steps, as far as there are any."""
        here = START
        for step in steps:
            state, there = graph.nodes[step.node]
            if there.section == "due" and there[:2] != here[:2]:
                self._now += UNIT_NS
                self.instants.due[there.number, state.attempts[there.number - 1]] = self._now
            here = there
            if step.edge is not None and not self._takes(graph.edge(step.edge)):
                return
            self.at.append(self._now)

    def _limited(self) -> Iterator[tuple[int, Limiter]]:
        """The limiters that there are: of the worker, by number 0, and of the queues."""
        config = self._machine.config
        bursts = [config.burst, *[config.burst_of(queue) for queue in range(1, 1 + config.queues)]]
        for number, burst in enumerate(bursts):
            if burst is not None:
                yield number, Limiter(Rate(1, self._period, burst), 0)

    def _takes(self, edge: Edge) -> bool:
        """Take note of a step.  False if there is no instant for it."""
        before, label, after = edge
        number = min(concerned(before, after), default=0)
        instants = self.instants
        match label:
            case "DeadlinePasses":
                self._now += UNIT_NS
                instants.deadlines[number] = self._now
            case "GraceSpent":
                self._now += UNIT_NS
                instants.grace_ns = self._now - self._stopping
            case "DrainDeadline":
                self._now += UNIT_NS
                instants.drain_deadline_ns = self._now
            case "Evict":
                if instants.age_ns is None:
                    instants.age_ns = self._now + UNIT_NS - self._ended[number]
                self._now = max(self._now, self._ended[number] + instants.age_ns)
            case "AttemptTimeoutPasses":
                over = self._started[number] + self._sizes[number]
                if over <= self._now:
                    return False
                self._now = over
            case "PermitAccrues":
                accrues = self._accrues(before, after)
                if accrues <= self._now:
                    return False
                self._now = accrues
            case "Start":
                self._started[number] = self._now
                for limiter in (0, self._machine.terms[number - 1].queue):
                    if limiter in self._limiters:
                        self._limiters[limiter].spend(self._now)
            case "SetRate" if 0 in self._limiters:
                self._limiters[0].change(self._limiters[0].rate, self._now)
        if label in ("StopNow", "DrainDeadline"):
            self._stopping = self._now
        if number and after.status[number - 1] in TERMINAL and label != "LateReturn":
            self._ended[number] = self._now
        return self._agrees(after)

    def _accrues(self, before: State, after: State) -> int:
        """When the limiter that has one permit more afterwards has it."""
        permits = zip(
            (before.permits, *before.queue_permits), (after.permits, *after.queue_permits), strict=True
        )
        number = next(number for number, (few, many) in enumerate(permits) if few != many)
        limiter = self._limiters[number]
        return limiter.tat - (limiter.rate.burst - limiter.permits(self._now) - 1) * self._period

    def _agrees(self, state: State) -> bool:
        """Whether nothing has passed by now that has not passed in this state."""
        for number, status in enumerate(state.status, start=1):
            if status == "running" and number in self._sizes and not state.attempt_over[number - 1]:
                if self._started[number] + self._sizes[number] <= self._now:
                    return False
        permits = (state.permits, *state.queue_permits)
        return all(
            limiter.permits(self._now) == permits[number] for number, limiter in self._limiters.items()
        )
