"""Schedules: the instants of a walk's steps, and what the worker must be told so that they are these.

A deadline that is to pass third, after a permit has accrued and before the grace is spent, must be known at
submit.  So the instants of a walk are computed before it is made, from its first step to its last, with the
specification's own account of a limiter.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from jurat_spec.accounts import Limiter
from jurat_spec.lifecycle import TERMINAL
from jurat_spec.log import Rate

from .directing import FAR_NS, Instants, concerned
from .passes import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jurat_spec.view import State

    from .directing import Edge
    from .tours import Graph, Step

__all__ = ["Schedule", "best_schedule"]

UNIT_NS = 10_000
"""How long what is to pass next is away, if nothing else says so."""
SECOND_NS = 10**9
UNPLANNED_NS = FAR_NS // 2
"""The instant of a deadline that is not to pass."""


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
        self._sizes: dict[int, int] = {it: SECOND_NS * 1000**place for place, it in enumerate(order)}
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
        until = self._until(edge, number)
        if label in ("AttemptTimeoutPasses", "PermitAccrues") and until <= self._now:
            return False
        self._now = until
        self._plan(label, number)
        if label in ("StopNow", "DrainDeadline"):
            self._stopping = until
        if number and after.status[number - 1] in TERMINAL and label != "LateReturn":
            self._ended[number] = until
        return self._agrees(after)

    def _until(self, edge: Edge, number: int) -> int:
        """The instant of a step: what takes no time is now."""
        before, label, after = edge
        match label:
            case "DeadlinePasses" | "GraceSpent" | "DrainDeadline":
                return self._now + UNIT_NS
            case "Evict":
                age_ns = self.instants.age_ns
                return self._now + UNIT_NS if age_ns is None else max(self._now, self._ended[number] + age_ns)
            case "AttemptTimeoutPasses":
                return self._started[number] + self._sizes[number]
            case "PermitAccrues":
                return self._accrues(before, after)
        return self._now

    def _plan(self, label: str, number: int) -> None:
        """What the worker must be told, so that the step is taken now; and what follows from a start."""
        instants, now, limiters = self.instants, self._now, self._limiters
        match label:
            case "DeadlinePasses":
                instants.deadlines[number] = now
            case "GraceSpent":
                instants.grace_ns = now - self._stopping
            case "DrainDeadline":
                instants.drain_deadline_ns = now
            case "Evict" if instants.age_ns is None:
                instants.age_ns = now - self._ended[number]
            case "Start":
                self._started[number] = now
                for limiter in {0, self._machine.terms[number - 1].queue} & limiters.keys():
                    limiters[limiter].spend(now)
            case "SetRate" if 0 in limiters:
                limiters[0].change(limiters[0].rate, now)

    def _accrues(self, before: State, after: State) -> int:
        """When the limiter that has one permit more afterwards has it."""
        permits = zip(
            (before.permits, *before.queue_permits), (after.permits, *after.queue_permits), strict=True
        )
        number = next(number for number, (few, many) in enumerate(permits) if few != many)
        limiter = self._limiters[number]
        owed = limiter.rate.burst - limiter.permits(self._now)
        accrues: int = limiter.tat - (owed - 1) * self._period
        return accrues

    def _agrees(self, state: State) -> bool:
        """Whether nothing has passed by now that has not passed in this state."""
        for number, (status, over) in enumerate(zip(state.status, state.attempt_over, strict=True), start=1):
            lasts = status == "running" and number in self._sizes and not over
            if lasts and self._started[number] + self._sizes[number] <= self._now:
                return False
        permits = (state.permits, *state.queue_permits)
        return all(
            limiter.permits(self._now) == permits[number] for number, limiter in self._limiters.items()
        )
