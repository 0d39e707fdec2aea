"""Stateful tests on real threads, with the specification as the model.

Hypothesis draws the operations, the machine decides who goes on.  An operation may be done while a function
comes back, so that threads meet.  Then the test waits until the worker is quiet: until each of its threads
waits at a gate or has ended.  The worker's runtime counts those that do not, so this is no matter of time.
Only then is the abstract state compared, with those at which the specification lets the worker come to
rest; a quiet worker that is elsewhere is wrong.

Where threads meet, the machine may decide otherwise the next time.  What Hypothesis may draw must not depend
on that: a rule may be drawn if the specification allows it in any state to which the operations so far may
have led, and does nothing if the worker happens to be in another one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from tests.conformance.quiet import QuietRuntime

import jurat
from jurat_sim.abstraction import Abstraction, differences
from jurat_sim.build import load
from jurat_sim.defects import defect_named
from jurat_sim.directing import Edge, Rule, concerned
from jurat_spec.lifecycle import Config, Terms
from jurat_spec.replay import replay
from jurat_spec.view import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jurat._runtime import Gate
    from jurat_spec.view import State

    Coming = tuple[int, tuple[str, ...]] | None
    Choose = Callable[[State], "Doing | None"]

MACHINE = Lifecycle(
    config=Config(threads=2, queue_max=3, max_retries=1, queues=2, per_queue=9, per_key=1),
    terms=(
        Terms(priority=1),
        Terms(priority=1, concurrency_key="the one"),
        Terms(priority=1, delayed=True),
        Terms(priority=0, concurrency_key="the one"),
        Terms(priority=1, child=True),
    ),
    other_threads=(1, 3),
    pausable=(0,),
)
"""Nothing of it depends on time: what is delayed is so until after the test."""
BY_ITSELF = ("Start", "BecomeDue", "ShutdownCancel", "Stopped")
"""What the worker does without being asked."""
SUBMITTED = ("Submit", "RejectClosed", "RejectFull")
ASKED = ("Cancel", "RequestCancel")
RETURNS = ("Complete",)
RAISES = ("Retry", "Fail", "AcknowledgeCancel")
"""What a function that raises does: the first of these that is allowed."""
FAR_S = 1_000_000
PATIENCE_S = 60.0
"""How long is waited for what must happen: reached by a worker that is wrong, and by no other."""
PICK = st.integers(0, 11)
"""Which of those there are."""
COMING = st.none() | st.tuples(PICK, st.sampled_from([RETURNS, RAISES]))
"""A function that comes back at the same time, and how."""


class Doing(NamedTuple):
    """An operation on a worker that rests in some state."""

    steps: Callable[[State], list[Edge]]
    """The steps of the specification that it may be, if the worker gets to that state before it."""
    act: Callable[[], object]
    task: int = 0
    """If it is that a function comes back: of which task."""


class Failed(Exception):
    """What a function raises that is to be tried again."""


class RealThreads(RuleBasedStateMachine):
    """The worker on the machine's own threads.  A function comes back when its gate is opened."""

    package: Any
    wrong: list[str]
    one_at_a_time = False
    rules_of = Rule(MACHINE)

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Any] = []
        self.state = MACHINE.initial()
        self.possible = {self.state}
        self.handles: dict[int, Any] = {}
        self.tokens: dict[int, Any] = {}
        self.gates: dict[tuple[int, int], Gate] = {}
        self.failing: set[int] = set()
        self.sound = True
        self.runtime = QuietRuntime()
        config = MACHINE.config
        self.worker = self.package.Worker(
            threads=config.threads,
            queue_max=config.queue_max,
            queues=[self.package.Queue("default"), self.package.Queue("second")],
            key_cap=config.per_key,
            retry=self.package.Retry(max_retries=config.max_retries, delay=0, jitter=0),
            retention=self.package.Retention(number=None),
            drain_deadline=None,
            grace=FAR_S,
            recorder=self.log,
            runtime=self.runtime,
        )
        self.look = Abstraction(self.worker._core, MACHINE).look
        self.worker.start()

    # ------------------------------------------------------------------------ the specification

    def steps(self, state: State, *labels: str) -> list[Edge]:
        """The steps that the specification allows in a state, of these labels."""
        return [
            Edge(state, label, after) for label, after in self.rules_of.successors(state) if label in labels
        ]

    def may(self, *labels: str) -> bool:
        """Whether one of these may be allowed now, whatever the machine decided so far."""
        return any(self.steps(state, *labels) for state in self.possible)

    def admitted(self, least: int) -> bool:
        """Whether so many tasks were submitted: with fewer there is too little to meet."""
        return min(state.admitted for state in self.possible) >= least

    def goes_on(self, edges: list[Edge]) -> Iterator[tuple[State, bool]]:
        """The states to which the worker may go on by itself after these, and whether it rests there."""
        found = set()
        todo = [edge.after for edge in edges]
        while todo:
            state = todo.pop()
            if state not in found:
                found.add(state)
                following = [edge for edge in self.steps(state, *BY_ITSELF) if not _is_far(edge)]
                todo += [edge.after for edge in following]
                yield state, not following

    def rests(self, state: State, plan: list[Doing]) -> set[State]:
        """Where the worker may come to rest when this is done at once, whatever is first."""
        found = set()
        for first in plan:
            others = [it for it in plan if it is not first]
            edges = first.steps(state) or [Edge(state, "nothing", state)]  # it comes too late
            for after, at_rest in self.goes_on(edges):
                if others:
                    found |= self.rests(after, others)
                elif at_rest:
                    found.add(after)
        return found

    # -------------------------------------------------------------------------------- the worker

    def do(self, choose: Choose, coming: Coming = None) -> None:
        """Do what is chosen for the state in which the worker is.  It must rest where that may lead."""
        plans = {state: self.plan(state, choose, coming) for state in self.possible}
        rests = {state: self.rests(state, plan) or {state} for state, plan in plans.items()}
        self.possible = set().union(*rests.values())
        self.sound = False
        for doing in plans[self.state]:
            doing.act()
        self.runtime.wait_until_quiet(PATIENCE_S)
        seen = self.look(0)
        right = rests[self.state]
        if seen not in right:
            told = "; or ".join(sorted(differences(state, seen) for state in right))
            self.wrong.append(f"{told} [log: {' '.join(event[1] for event in self.log)}]")
            raise AssertionError(self.wrong[-1])
        self.state = seen
        self.sound = True

    def plan(self, state: State, choose: Choose, coming: Coming) -> list[Doing]:
        """What is done at once; nothing if what is chosen cannot be done."""
        chosen = choose(state)
        if chosen is None:
            return []
        if coming is not None and not self.one_at_a_time:
            other = self.coming_back(state, *coming)
            if other is not None and other.task != chosen.task:
                return [other, chosen]
        return [chosen]

    def take(self, pick: int, label: str, act: Callable[[Edge], object]) -> Choose:
        """One of the steps of this label, which are about the worker and differ by what is asked for."""

        def choose(state: State) -> Doing | None:
            edges = self.steps(state, label)
            if not edges:
                return None
            edge = edges[pick % len(edges)]

            def steps(state: State) -> list[Edge]:
                return [it for it in self.steps(state, label) if _argument(it) == _argument(edge)]

            return Doing(steps, lambda: act(edge))

        return choose

    def coming_back(self, state: State, pick: int, how: tuple[str, ...]) -> Doing | None:
        """A function comes back, one of those that run."""
        running = [number for number, its in enumerate(state.executing, start=1) if its]
        if not running:
            return None
        number = running[pick % len(running)]

        def steps(state: State) -> list[Edge]:
            for label in how:
                edges = [it for it in self.steps(state, label) if not it.after.executing[number - 1]]
                if edges:
                    return edges
            return []

        def act() -> None:
            (self.failing.discard if how is RETURNS else self.failing.add)(number)
            self.gates.pop((number, state.attempts[number - 1])).open()

        return Doing(steps, act, number)

    # --------------------------------------------------------------------------------- the rules

    @precondition(lambda self: self.may(*SUBMITTED))
    @rule(coming=COMING)
    def submit(self, coming: Coming) -> None:
        """A task, the next one, on its terms: it is accepted or refused."""

        def choose(state: State) -> Doing | None:
            if state.admitted == len(MACHINE.terms) and state.phase == "open":
                return None  # should there be room, there is no next one
            return Doing(lambda state: self.steps(state, *SUBMITTED), self.submit_next)

        self.do(choose, coming)

    def submit_next(self) -> None:
        """Submit it.  Its function comes back when it is let, and raises if it is to."""
        number = min(self.state.admitted + 1, len(MACHINE.terms))
        terms = MACHINE.terms[number - 1]
        gates = {(number, attempt): self.runtime.gate() for attempt in (1, 2)}

        def wait(context: Any) -> None:
            gates[number, context.attempt].wait()
            if number in self.failing:
                raise Failed

        token = self.package.Token()
        with suppress(self.package.QueueFull, self.package.WorkerStopped):
            self.handles[number] = self.worker.submit(
                wait,
                priority=terms.priority - 1,
                concurrency_key=terms.concurrency_key,
                delay=FAR_S if terms.delayed else None,
                parent=token if terms.child else None,
            )
            self.tokens[number] = token
            self.gates |= gates

    @precondition(lambda self: self.may(*RETURNS))
    @rule(pick=PICK, coming=COMING)
    def complete(self, pick: int, coming: Coming) -> None:
        """A function returns."""
        self.do(lambda state: self.coming_back(state, pick, RETURNS), coming)

    @precondition(lambda self: self.may(*RAISES))
    @rule(pick=PICK, coming=COMING)
    def fail(self, pick: int, coming: Coming) -> None:
        """A function raises."""
        self.do(lambda state: self.coming_back(state, pick, RAISES), coming)

    @precondition(lambda self: self.may(*ASKED))
    @rule(pick=PICK, coming=COMING)
    def cancel(self, pick: int, coming: Coming) -> None:
        """Somebody cancels a task, or its parent is cancelled."""

        def choose(state: State) -> Doing | None:
            edges = self.steps(state, *ASKED)
            if not edges:
                return None
            edge = edges[pick % len(edges)]
            (number,) = concerned(edge.before, edge.after)
            reason = edge.after.reason[number - 1]

            def steps(state: State) -> list[Edge]:
                return [
                    it
                    for it in self.steps(state, *ASKED)
                    if concerned(state, it.after) == {number} and it.after.reason[number - 1] == reason
                ]

            def act() -> None:
                (self.tokens if reason == "parent" else self.handles)[number].cancel()

            return Doing(steps, act)

        self.do(choose, coming)

    @precondition(lambda self: self.admitted(3) and self.may("BeginDrain"))
    @rule(pick=PICK, coming=COMING)
    def begin_drain(self, pick: int, coming: Coming) -> None:
        """Nothing more is accepted."""
        drain = self.take(pick, "BeginDrain", lambda edge: self.worker.drain(pending=edge.after.pending))
        self.do(drain, coming)

    @precondition(lambda self: self.admitted(3) and self.may("StopNow"))
    @rule(coming=COMING)
    def stop_now(self, coming: Coming) -> None:
        """What runs is asked to come back."""
        self.do(self.take(0, "StopNow", lambda _: self.worker.stop_now()), coming)

    @precondition(lambda self: self.admitted(1) and self.may("Pause"))
    @rule(coming=COMING)
    def pause(self, coming: Coming) -> None:
        """Nothing is started."""
        self.do(self.take(0, "Pause", lambda _: self.worker.pause()), coming)

    @precondition(lambda self: self.admitted(1) and self.may("Resume"))
    @rule(coming=COMING)
    def resume(self, coming: Coming) -> None:
        """Tasks are started again."""
        self.do(self.take(0, "Resume", lambda _: self.worker.resume()), coming)

    @precondition(lambda self: self.admitted(1) and self.may("Resize"))
    @rule(pick=PICK, coming=COMING)
    def resize(self, pick: int, coming: Coming) -> None:
        """Another number of threads."""
        self.do(self.take(pick, "Resize", lambda edge: self.worker.resize(edge.after.threads)), coming)

    def teardown(self) -> None:
        """What is left comes to rest, and the log is held against the rule."""
        self.worker.stop_now()
        for gate in self.gates.values():
            gate.open()
        if self.sound:
            self.runtime.wait_until_quiet(PATIENCE_S)
            assert self.worker.phase == "stopped"
            replay(self.log)


def _argument(edge: Edge) -> tuple[object, ...]:
    """What a step of the worker was asked for."""
    return edge.after.pending, edge.after.threads


def _is_far(edge: Edge) -> bool:
    """Whether it needs the time of a task to come that is delayed."""
    if edge.label != "BecomeDue":
        return False
    (number,) = concerned(edge.before, edge.after)
    return edge.before.status[number - 1] == "scheduled"


def _try(package: Any, *phases: Phase, one_at_a_time: bool = False) -> None:
    wrong: list[str] = []
    its = {"package": package, "one_at_a_time": one_at_a_time, "wrong": wrong}
    drawn = settings(
        max_examples=150,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(type("RealThreads", (RealThreads,), its), settings=drawn)
    except Flaky as flaky:  # what a race shows need not come again
        raise AssertionError(*wrong[:1]) from flaky


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    """The interpreter goes to another thread as often as it can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_what_the_rule_allows_is_what_the_worker_does_on_real_threads() -> None:
    """The worker comes to rest where the specification says that it may."""
    _try(jurat, Phase.generate, Phase.shrink)


@pytest.mark.parametrize("defect", ["D15", "D22"])
def test_a_seeded_defect_is_found_on_real_threads(defect: str) -> None:
    """Each is wrong whoever goes on, if nobody meets: so it is found again when it is to be told."""
    package = load(name=f"on threads {defect}", patches=defect_named(defect).patches).package
    with pytest.raises(AssertionError, match=r"^status is .* and must be "):
        _try(package, Phase.generate, one_at_a_time=True)
