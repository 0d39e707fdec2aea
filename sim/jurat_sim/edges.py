"""Edges: every step of a configuration's state graph, taken by the real worker.

The search of the specification gives all states and all labelled edges of a configuration.  Here each of
these edges is driven on the shipped worker under the controlled runtime, by walks that begin with a fresh
worker and share what they can:

    report = drive(CONFIGURATIONS["two-sizes"])
    assert report.edges == report.alone + report.inside + sum(report.unproducible.values())

After each section of each thread the worker's abstract state is compared with the specification's
(`directing`), and what was logged must be the labels of edges there.  Most edges have a section to
themselves.  Some are taken inside one that joins them to the next: whoever returns starts the next task.

Some edges no section can produce, since the worker has settled what the specification leaves open.  Which
these are is derived, from a model of the steward's pass (`passes`), and not observed: an edge that the model
allows and that was not driven fails the report, and so does one that was met although the model forbids it,
on a walk or in one of the runs that are left to chance for that reason.  Their kinds are their labels, each
with its reason, and `BEYOND`, for those that start from a state that nothing else leads to.

The walks are found by `tours`, and their instants by `schedules`.  A walk whose instants contradict each
other (an attempt that is over before a permit accrues, and another that is not) ends before the
contradiction.  What a walk missed is tried again by other ways, for a number of rounds.

Prior art: conformance testing by transition tours; Mocket, which drives implementations along TLC's state
graphs (Wang et al., EuroSys 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import Config, Terms
from jurat_spec.replay import NotABehaviour, replay
from jurat_spec.view import Lifecycle

from .build import load
from .directing import OFFERED, Directed, Edge, Instants, Mismatch, Way
from .passes import BEYOND, BEYOND_REASON, REASONS, START
from .randomness import SplitMix64, derive
from .schedules import best_schedule
from .stepping import RunEnded, Stepper
from .tours import Graph, Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from .schedules import Schedule
    from .seeding import Defect
    from .tours import Step

__all__ = ["CONFIGURATIONS", "Report", "drive", "reason_of"]

ROUNDS = 40
"""How often what was missed is tried again, by other ways."""
WANDERINGS = 300
"""Runs that are left to chance, to see that no edge is met that should not exist."""
WANDERING_STEPS = 20


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
    wanderings: int
    """Runs that were left to chance."""
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
    wanderings: int = WANDERINGS,
    seed: int = 1,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Drive every edge of a configuration.  Stops at the first mismatch.

    Parameters
    ----------
    defect: seeded in the worker, to see that it is found.
    rounds: how often what was missed is tried again.
    wanderings: how many runs are left to chance, to see that no edge is met that should not exist.
    seed: what the other ways are drawn from.
    advance: told now and then how many more edges were driven.
    """
    patches = () if defect is None else defect.patches
    name = "clean" if defect is None else defect.id
    return _Drive(Graph(machine), load(name=name, patches=patches).package, seed, advance).run(
        rounds, wanderings
    )


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
        self.met: set[int] = set()
        self.walks = self.wanderings = self.sections = 0
        self.problems: list[str] = []

    def run(self, rounds: int, wanderings: int) -> Report:
        graph = self.graph
        with Stepper() as stepper:
            for number in range(rounds):
                if self.left and not self.problems:
                    self._round(stepper, number)
            self._wander(stepper, wanderings)
        unproducible = graph.unproducible()
        if not self.problems:
            self.problems += [f"not driven: {_told(graph.edge(edge))}" for edge in sorted(self.left)]
            self.problems += [
                f"met, though no section should produce it: {_told(graph.edge(edge))}"
                for edge in sorted((self.driven | self.met) - set(graph.takers))
            ]
            self.problems += [f"no reason is known for {kind}" for kind in unproducible if kind not in _KINDS]
        return Report(
            states=len(graph.states),
            edges=len(graph.edges),
            alone=len(self.alone),
            inside=len(self.driven - self.alone),
            unproducible=unproducible,
            walks=self.walks,
            wanderings=self.wanderings,
            sections=self.sections,
            problems=tuple(self.problems),
        )

    def _round(self, stepper: Stepper, number: int) -> None:
        """Try each edge that is left, by the shortest ways first, by ways that are drawn later."""
        draw = SplitMix64(derive(self.seed, number)) if number else None
        planner = Planner(self.graph, self.left, draw)
        for edge in planner.goals():
            if edge in self.left and edge not in planner.failed:
                steps = planner.walk(edge)
                self._walk(stepper, planner, steps)
                if edge in self.left:
                    planner.failed.add(edge)
                if self.problems:
                    return

    def _walk(self, stepper: Stepper, planner: Planner, steps: list[Step]) -> None:
        """Take the steps of a walk as far as they go, and note what was driven."""
        schedule = best_schedule(self.graph, steps)
        self.walks += 1
        reached = len(steps)

        def lead_on(lead: Directed) -> None:
            nonlocal reached
            reached = self._lead(lead, steps, schedule)

        lead = self._make(stepper, schedule.instants, lead_on)
        if reached < len(steps) and (missed := steps[reached].edge) is not None:
            planner.failed.add(missed)
        if lead is not None:
            self._note(lead)

    def _make(
        self, stepper: Stepper, instants: Instants, lead_on: Callable[[Directed], None]
    ) -> Directed | None:
        """Make a run, and hold its log against the rule."""
        lead: Directed | None = None
        try:
            lead = Directed(stepper, self.package, self.graph.rule, instants)
            lead_on(lead)
            replay(lead.log)
            self.problems += [
                f"{thread.name} ended with {thread.error!r}"
                for thread in stepper.runtime.threads
                if thread.error is not None
            ]
        except Mismatch as mismatch:
            self.problems.append(str(mismatch))
        except (RunEnded, NotABehaviour) as problem:
            wanted = None if lead is None else lead.wanted
            self.problems.append(f"{problem}" if wanted is None else f"edge {wanted}: {problem}")
        finally:
            stepper.end()
        if lead is not None:
            self.sections += lead.sections
        return lead

    def _wander(self, stepper: Stepper, wanderings: int) -> None:
        """Runs that are left to chance: callers, functions, threads and time."""
        retention = self.graph.machine.config.retention
        while self.wanderings < wanderings and not self.problems:
            self.wanderings += 1
            draw = SplitMix64(derive(self.seed, -self.wanderings))
            instants = Instants(permit_ns=_some_time(draw), grace_ns=_some_time(draw))
            instants.age_ns = _some_time(draw) if retention else None
            lead = self._make(stepper, instants, _Roaming(self.graph, instants, draw).lead)
            if lead is not None:
                self.met |= {self.graph.number_of[edge] for edge, _ in lead.taken}

    def _lead(self, lead: Directed, steps: list[Step], schedule: Schedule) -> int:
        """How many steps were taken."""
        graph = self.graph
        here = START
        choose = SplitMix64(derive(self.seed, self.walks)).below
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
        if self.advance is not None and len(self.driven) > before:
            self.advance(len(self.driven) - before)


_KINDS = (*REASONS, BEYOND)


def _told(edge: Edge) -> str:
    return f"{edge} from {edge.before}"


def _some_time(draw: SplitMix64) -> int:
    """From a microsecond to a second, each order of magnitude as likely as the next."""
    return int(1_000 * 10 ** draw.below(7))


class _Roaming:
    """A run in which callers and functions do what they may, at any time, and any thread goes on."""

    def __init__(self, graph: Graph, instants: Instants, draw: SplitMix64) -> None:
        self._graph = graph
        self._instants = instants
        self._draw = draw

    def lead(self, lead: Directed) -> None:
        """Make the run."""
        draw = self._draw
        for _ in range(WANDERING_STEPS):
            deviations = [draw.below(3) for _ in range(draw.below(12))]
            rests = lead.run(deviations, (None, draw.below(30))[draw.below(2)])
            steps = self._graph.rule.successors(lead.state)
            offered = [Edge(lead.state, label, after) for label, after in steps if label in OFFERED]
            if rests and (not offered or draw.below(4) == 0):
                lead.sleep_until(lead.now_ns + _some_time(draw))
            elif offered:
                self._tell_times(lead)
                lead.begin(offered[draw.below(len(offered))], draw.below)
        lead.run()
        lead.check()

    def _tell_times(self, lead: Directed) -> None:
        """What is submitted, fails or is drained next is told instants that are still to come."""
        draw, instants, now = self._draw, self._instants, lead.now_ns
        following = lead.state.admitted + 1
        instants.deadlines[following] = now + 10 * _some_time(draw)
        instants.timeouts[following] = _some_time(draw)
        for number, attempts in enumerate(lead.state.attempts, start=1):
            instants.due[number, attempts] = now + _some_time(draw)
        instants.drain_deadline_ns = now + _some_time(draw)
