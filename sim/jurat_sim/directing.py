"""Directing: the real worker, led from state to state of the specification.

A `Directed` is a worker built with the constants of a `Lifecycle` machine, on the controlled runtime,
with a client that does what it is told and functions that come back when and how they are told.
After every locked section of every thread the worker's abstract state (`abstraction`) is compared with
the specification's: the events that the section has logged must be the labels of a path in the state
graph that ends in the state that is seen.  A section that logs nothing must change nothing.  What does
not fit is a `Mismatch`.

`take` has the worker take one wanted step, by the recipe for its kind:

* what a caller does, the client does;
* a function comes back when its thread is led on;
* a start is made by a worker thread that is free, led on until it makes one;
* what the steward does, it does when it is led there.  It is stopped before any section that would log
  something else: what that is, follows from the state and from the section (`Stepper.section`);
* time passes in the client's sleep, until the instant that was planned for it (`Instants`).

A step that cannot be had so is answered with False, and the worker is left where it is, or with the step
that came instead, which has been compared as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from jurat_spec.lifecycle import ACTIONS, WAITING

from .abstraction import Abstraction, differences
from .primitives import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jurat_spec.view import Lifecycle, State

    from .primitives import BenchThread
    from .runtime import BenchRuntime
    from .stepping import Section, Stepper

__all__ = [
    "FAR_NS",
    "OFFERED",
    "TIME",
    "Directed",
    "Edge",
    "Instants",
    "Mismatch",
    "Rule",
    "Way",
    "concerned",
]

FAR_NS = 10**18
"""An instant, or a length of time, that no run comes to."""
TIME = ("DeadlinePasses", "AttemptTimeoutPasses", "PermitAccrues", "GraceSpent")
_BOUND = 400
"""Steps within which a thread gets where it is led."""


class Edge(NamedTuple):
    """A step of the specification: two states, and the label between them."""

    before: State
    label: str
    after: State

    def __str__(self) -> str:
        told = differences(self.after, self.before) or "nothing changes"
        return f"{self.label} [{told.replace(' must be ', ' becomes ').replace(' and becomes', ' becomes')}]"


class Mismatch(Exception):
    """The worker is not where the specification says it may be.

    Attributes
    ----------
    wanted: the step that the worker was led to take.
    events: what was logged in the section.
    before: the state before the section.
    difference: what was seen, and what would have been right.
    """

    def __init__(self, wanted: Edge | None, events: list[Any], before: State, difference: str) -> None:
        self.wanted = wanted
        self.events = events
        self.before = before
        self.difference = difference
        said = " and ".join(event[1] for event in events) or "no event"
        lead = "" if wanted is None else f"edge {wanted}: "
        super().__init__(f"{lead}{said}: {difference} [before: {before}]")


class Rule:
    """The machine's steps, found once for each state."""

    def __init__(
        self, machine: Lifecycle, known: dict[State, tuple[tuple[str, State], ...]] | None = None
    ) -> None:
        self.machine = machine
        self._known = {} if known is None else known

    def successors(self, state: State) -> tuple[tuple[str, State], ...]:
        """Each step that is allowed in a state: its label, and the state after it."""
        known = self._known.get(state)
        if known is None:
            known = self._known[state] = tuple(dict.fromkeys(self.machine.successors(state)))
        return known

    def follow(
        self, state: State, steps: list[tuple[str, int]], arrives: Callable[[State], bool]
    ) -> list[Edge] | None:
        """A path with these labels, each step about this task, whose end is where it arrives."""
        if not steps:
            return [] if arrives(state) else None
        label, number = steps[0]
        for name, after in self.successors(state):
            if name == label and concerned(state, after) <= {number}:
                rest = self.follow(after, steps[1:], arrives)
                if rest is not None:
                    return [Edge(state, label, after), *rest]
        return None

    def follow_time(self, state: State, seen: State) -> list[Edge] | None:
        """A path of what time alone does."""
        paths: dict[State, list[Edge]] = {state: []}
        level = [state]
        while level:
            if seen in paths:
                return paths[seen]
            following = []
            for here in level:
                for label, after in self.successors(here):
                    if label in TIME and after not in paths:
                        paths[after] = [*paths[here], Edge(here, label, after)]
                        following.append(after)
            level = following
        return paths.get(seen)


def concerned(before: State, after: State) -> set[int]:
    """The tasks of which something has changed, by number."""
    if before[:6] == after[:6]:
        return set()
    changed = [
        a != b for a, b in zip(zip(*before[:6], strict=True), zip(*after[:6], strict=True), strict=True)
    ]
    return {number for number, it in enumerate(changed, start=1) if it}


@dataclass(slots=True)
class Instants:
    """When things are to happen in a run: what the worker and its tasks are told, in nanoseconds."""

    deadlines: dict[int, int] = field(default_factory=dict)
    """By task: the instant."""
    timeouts: dict[int, int] = field(default_factory=dict)
    """By task: how long an attempt may take."""
    due: dict[tuple[int, int], int] = field(default_factory=dict)
    """By task and attempts so far: the instant of its time, or of the next attempt."""
    permit_ns: int = FAR_NS
    """How long until a permit accrues."""
    grace_ns: int = FAR_NS
    drain_deadline_ns: int | None = None
    age_ns: int | None = None
    """How long tasks that ended are retained."""


class Retryable(Exception):
    """What a function raises that is to be tried again."""

    def __init__(self, after: timedelta) -> None:
        self.retry_after = after


class Final(Exception):
    """What a function raises that is not to be tried again."""


class Way(NamedTuple):
    """Where the steward is to be after a step."""

    section: str
    """As `passes.Place` has it."""
    number: int
    """Of the task that the section is about."""
    moves: bool
    """Whether it goes there now; otherwise it is there."""


_AFTERWARDS = ("remind", "call_herald", "call_follower")
"""Sections in which whoever has taken a step tells others of it."""
_SECTIONS = {"sweep": "shutdown_cancel", "due": "become_due", "late": "expire", "tidy": "evict"}
"""The functions that have the sections of these places; the others have their names."""
_TOLD = frozenset({"shutdown_cancel", "become_due", "expire", "abandon"})
_STEWARDS = ("BecomeDue", "DrainDeadline", "Evict", "ShutdownCancel", "Abandon", "Stopped")


class Directed:
    """One run of a worker that is led."""

    def __init__(
        self,
        stepper: Stepper,
        package: Any,
        rule: Rule,
        instants: Instants,
    ) -> None:
        self._stepper = stepper
        self._package = package
        self._rule = rule
        self._machine = rule.machine
        self._instants = instants
        self.log: list[Any] = []
        self.state: State = rule.machine.initial()
        """Where the worker is."""
        self.taken: list[tuple[Edge, bool]] = []
        """The steps so far, each with whether it had a section to itself."""
        self.sections = 0
        self.wanted: Edge | None = None
        self._read = 1
        self._blind = False
        self._handles: dict[int, Any] = {}
        self._tokens: dict[int, Any] = {}
        self._outcomes: dict[int, BaseException | None] = {}
        self._order: Callable[[], object] | None = None
        self._refusal: str | None = None
        self._runtime: BenchRuntime
        self.worker: Any
        self._client: BenchThread
        self._core: Any
        self._abstraction: Abstraction
        stepper.on_step = None
        stepper.start(self._describe)
        self._settle_start()

    # The run -----------------------------------------------------------------------------------

    def _describe(self, runtime: BenchRuntime) -> None:
        self._runtime = runtime
        self.worker = self._build(runtime)
        self._core = self.worker._core
        self._stepper.lock = self._core.lock
        self._stepper.told = _TOLD
        self._abstraction = Abstraction(self._core, self._machine)
        self._client = runtime.spawn(self._obey, "client")
        self._anchor = runtime.spawn(self._stay, "anchor")

    def _build(self, runtime: BenchRuntime) -> Any:
        jurat, config, at = self._package, self._machine.config, self._instants
        per = _span(at.permit_ns)

        def rate(burst: int | None) -> Any:
            return None if burst is None else jurat.RateLimit(1, per, burst)

        self._rate = rate(config.burst)
        queues = [
            jurat.Queue(name, cap=self._cap(config.cap_of(number)), rate=rate(config.burst_of(number)))
            for number, name in enumerate(self._queues, start=1)
        ]
        age = None if at.age_ns is None else _span(at.age_ns)
        self._retention = jurat.Retention(number=None, age=age)
        return jurat.Worker(
            threads=config.threads,
            queue_max=config.queue_max,
            queues=queues,
            rate=self._rate,
            key_cap=config.per_key,
            retry=jurat.Retry(
                max_retries=config.max_retries,
                delay=timedelta(0),
                jitter=0,
                never=(Final,),
                timeouts=config.retry_timeouts,
            ),
            retention=self._retention,
            drain_deadline=None,
            grace=_span(at.grace_ns),
            seed=1,
            recorder=self.log,
            runtime=runtime,
        )

    def _cap(self, cap: int | None) -> int | None:
        """A cap that so few tasks cannot reach is none: without one the worker goes its fast way."""
        return None if cap is None or cap >= len(self._machine.terms) else cap

    @property
    def _queues(self) -> tuple[str, ...]:
        return ("default", *[f"queue {number}" for number in range(2, 1 + self._machine.config.queues)])

    def _obey(self) -> None:
        """The client's life."""
        while True:
            self._runtime.pause("the client")
            order, self._order = self._order, None
            if order is None:
                return
            self._refusal = None
            try:
                order()
            except Exception as refusal:  # noqa: BLE001 - whatever it is, it is looked at
                self._refusal = type(refusal).__name__

    def _stay(self) -> None:
        """The life of a thread that can always go on: with it there, every step is a choice."""
        self._runtime.pause("the anchor")

    def _settle_start(self) -> None:
        """The threads are spawned, and each has got as far as it gets without an event."""
        for thread in (self._anchor, self._client):
            self._stepper.go(thread)
        self._stepper.on_step = self._look
        self.order(self.worker.start)
        self.advance_steward()

    # After each step ------------------------------------------------------------------------------

    def _look(self, thread: BenchThread) -> None:
        """Compare, if the step was the end of a section."""
        if thread.operation is not Operation.GAVE:
            return
        core = self._core
        if thread.object is core.lock:
            self.sections += 1
            self._blind = core.choosing.owner is not None
            self._compare()
        elif thread.object is core.choosing and self._blind:
            self._blind = False
            self._compare()

    def _compare(self) -> None:
        events = self.log[self._read :]
        self._read += len(events)
        seen = self._abstraction.look(self._runtime.now_ns)
        if not events and seen == self.state:
            return
        blind = self._blind

        def arrives(state: State) -> bool:
            return state == seen or (blind and _without_permits(state) == _without_permits(seen))

        steps = [(_label(event), event[2]) for event in events]
        path = self._rule.follow(self.state, steps, arrives)
        if path is None:
            raise self._mismatch(events, seen)
        alone = len(path) == 1
        self.taken += [(edge, alone) for edge in path]
        if path:
            self.state = path[-1].after

    def _mismatch(self, events: list[Any], seen: State) -> Mismatch:
        """What is seen, against each state that the events could have led to."""
        states = [self.state]
        for event in events:
            states = [
                after
                for state in states
                for label, after in self._rule.successors(state)
                if label == _label(event) and concerned(state, after) <= {event[2]}
            ]
        told = "; or ".join(differences(right, seen) for right in states)
        if not states:
            told = f"that is not allowed; seen is: {differences(self.state, seen) or 'no change'}"
        return Mismatch(self.wanted, events, self.state, told)

    # Leading threads ------------------------------------------------------------------------------

    def order(self, what: Callable[[], object]) -> str | None:
        """Have the client do this, to its end.  Returns the type of what it raised."""
        client = self._client
        self._order = what
        self._stepper.go(client)
        while client.operation is not Operation.PAUSE:
            self._stepper.go(client)
        return self._refusal

    def sleep_until(self, instant: int) -> None:
        """Let time pass, nobody doing anything, and have the worker's clock take note."""
        runtime, stepper, client = self._runtime, self._stepper, self._client
        gate = runtime.gate()
        self._order = lambda: gate.wait_for(instant - runtime.now_ns)
        stepper.go(client)
        stepper.go(client)
        while not client.ready:
            stepper.pass_time()
        while client.operation is not Operation.PAUSE:
            stepper.go(client)
        seen = self._abstraction.look(runtime.now_ns)
        path = self._rule.follow_time(self.state, seen)
        if path is None:
            raise self._mismatch([], seen)
        self.taken += [(edge, True) for edge in path]
        if path:
            self.state = path[-1].after
        # A thread may have read the clock before, and not have entered its section: no event is earlier than
        # the last step, so with a step that changes nothing it cannot act on an instant that is over.
        self.order(lambda: self.worker.resize(self._core.threads_wanted))

    def _settle(self, thread: BenchThread) -> None:
        """Lead a thread on until it is about to do something new, waits, or is in a function."""
        for _ in range(_BOUND):
            if not thread.ready or thread.ended or thread.operation is Operation.PAUSE:
                return
            if thread.operation is Operation.TAKE:
                section = self._stepper.section(thread)
                if section is None or section.name not in _AFTERWARDS:
                    return
            self._stepper.go(thread)

    def _go_for(self, thread: BenchThread) -> bool:
        """Lead a thread on until something is logged.  False if it waits, ends or is in a function before."""
        read = self._read
        for _ in range(_BOUND):
            if not thread.ready or thread.ended:
                return False
            if thread.operation is Operation.PAUSE and thread is not self._client and self._waits(thread):
                return False
            self._stepper.go(thread)
            if self._read > read:
                self._finish(thread)
                return True
        return False

    def _waits(self, thread: BenchThread) -> bool:
        """Whether it is in a function that has not been told to come back."""
        number = self._number_on(thread)
        return number is not None and number not in self._outcomes

    def _finish(self, thread: BenchThread) -> None:
        """After a section: permits are spent, gates opened, and a function that was started is entered."""
        self._settle(thread)
        while self._blind and thread.ready:
            self._stepper.go(thread)
            self._settle(thread)
        while self._number_on(thread) is not None and thread.ready and thread.operation is Operation.TAKE:
            self._stepper.go(thread)
            self._settle(thread)

    def _number_on(self, thread: BenchThread) -> int | None:
        for seat, its in self._core.threads:
            if its is thread and seat is not None and seat.task is not None:
                return int(seat.task._number)
        return None

    def _steward(self) -> BenchThread:
        thread: BenchThread = self._core.threads[0][1]
        return thread

    def advance_steward(self) -> tuple[str, int] | None:
        """Lead the steward on until its next section would log something; None if it waits before."""
        steward = self._steward()
        for _ in range(_BOUND):
            if not steward.ready or steward.ended:
                return None
            coming = self._coming(steward)
            if coming is not None:
                return coming
            self._stepper.go(steward)
        return None

    def _coming(self, thread: BenchThread) -> tuple[str, int] | None:
        """What the section that a thread is about to enter would log, and of which task."""
        section = self._stepper.section(thread)
        if section is None:
            return None
        name, task, seat = section
        if name in ("shutdown_cancel", "expire", "become_due"):
            return self._coming_to(task, name)
        core, now = self._core, self._runtime.now_ns
        phase = core.phase.value
        label, number = None, 0
        match name:
            case "attend" if phase == "draining" and core.drain_over_ns is not None:
                label = "DrainDeadline" if core.drain_over_ns <= now else None
            case "rest" if phase in ("draining", "stopping"):
                label = "Stopped" if core.ended == core.admitted else None
            case "abandon" if seat.task is not None and seat.task._status.value == "running":
                label, number = "Abandon", seat.task._number
            case "evict" if core.kept_count and phase != "stopped":
                oldest = core.kept[core.kept_head]
                old = core.keep_ns is not None and oldest._ended_ns + core.keep_ns <= now
                if old and oldest._status.value != "abandoned":
                    label, number = "Evict", oldest._number
        return None if label is None else (label, number)

    def _coming_to(self, task: Any, name: str) -> tuple[str, int] | None:
        """The same, of a section that is about one task."""
        core, status = self._core, task._status.value
        is_open = core.phase.value == "open"
        overdue = task._extras is not None and task._extras.deadline_ns <= self._runtime.now_ns
        label = None
        match name:
            case "become_due":
                due = (status == "scheduled" and is_open) or (status == "retrying" and core.starting)
                label = "BecomeDue" if due else None
            case "expire" if status in WAITING:
                label = "Expire" if overdue else None
            case "shutdown_cancel" if status in WAITING:
                if not core.starting or (status == "scheduled" and not is_open):
                    label = "Expire" if overdue else "ShutdownCancel"
        return None if label is None else (label, task._number)

    # Recipes --------------------------------------------------------------------------------------

    def take(self, edge: Edge | None, way: Way, instant: int, choose: Callable[[int], int]) -> bool:
        """Have the worker take this step at this instant.  False if it did not, or took another.

        Parameters
        ----------
        edge: the step; None is none, and the steward goes from one place to the next.
        way: where the steward is, and where it is to be afterwards.
        choose: asked where there is more than one way: a number below the one it is given.
        """
        self.wanted = edge
        if edge is not None and self.state != edge.before:
            return False
        already = len(self.taken)
        if instant > self._runtime.now_ns:
            self.sleep_until(instant)
        if edge is not None and edge.label not in TIME:
            self._attempt(edge, way, choose)
        if edge is not None and all(its != edge for its, _ in self.taken[already:]):
            return False
        return not way.moves or self._lead_steward(way)

    def begin(self, edge: Edge, choose: Callable[[int], int]) -> None:
        """Have the client, or a function, be about to take this step; `run` lets it."""
        number = min(concerned(edge.before, edge.after), default=0)
        if edge.label in _BACK:
            self._outcomes[number] = self._outcome(edge, number, choose)
        else:
            self._order = self._call(edge, number)

    def run(self, deviations: Sequence[int] = (), patience: int | None = None) -> bool:
        """Let all threads run.  Returns whether none can go on before something new is begun.

        Parameters
        ----------
        deviations: who goes on, where there is a choice: 0 is who went on last, if it can, and the others
            follow by name.  When there are no more, it is 0.
        patience: steps after which no more are taken, when the client is done.
        """
        client, choices = self._client, iter(deviations)
        last, steps = client, 0
        while True:
            able = [thread for thread in self._stepper.ready if self._can_go(thread)]
            if not able:
                return True
            if patience is not None and steps >= patience and client not in able:
                return False
            if steps > _BOUND * 10:
                raise Mismatch(self.wanted, [], self.state, "the threads go on for ever")
            first = able.index(last) if last in able else 0
            last = able[(first + (next(choices, 0) if len(able) > 1 else 0)) % len(able)]
            self._stepper.go(last)
            steps += 1

    def _can_go(self, thread: BenchThread) -> bool:
        if thread is self._anchor:
            return False
        if thread is self._client:
            return self._order is not None or thread.operation is not Operation.PAUSE
        return thread.operation is not Operation.PAUSE or not self._waits(thread)

    def check(self) -> None:
        """Compare the whole state, while nobody is in a section.

        Raises
        ------
        Mismatch: it is not the specification's.
        """
        seen = self._abstraction.look(self._runtime.now_ns)
        if seen != self.state:
            raise self._mismatch([], seen)

    @property
    def now_ns(self) -> int:
        """The time."""
        return self._runtime.now_ns

    def _attempt(self, edge: Edge, way: Way, choose: Callable[[int], int]) -> None:
        label = edge.label
        number = min(concerned(edge.before, edge.after), default=0)
        if label in _STEWARDS or (label == "Expire" and way.moves):
            if self.advance_steward() == (label, number):
                self._go_for(self._steward())
        elif label == "Start":
            if self.state.phase == "open" and choose(2):
                self.advance_steward()  # if it was to spawn a thread, there is one thread more to choose
            self._start(choose)
        elif label in _BACK:
            self._come_back(edge, number, choose)
        elif label == "Expire":
            self.order(self._handles[number].cancel)
        else:
            refusal = self.order(self._call(edge, number))
            if refusal != _REFUSALS.get(label):
                raise Mismatch(edge, [], self.state, f"the caller got {refusal}")

    def _lead_steward(self, way: Way) -> bool:
        """Lead the steward to the section where it is to be."""
        steward = self._steward()
        for _ in range(_BOUND):
            section = self._stepper.section(steward)
            if section is not None and self._is(section, way):
                return True
            if not steward.ready or steward.ended:
                return way.section in ("attend", "gone")
            if self._coming(steward) is not None:
                return False
            self._stepper.go(steward)
        return False

    def _is(self, section: Section, way: Way) -> bool:
        if section.name != _SECTIONS.get(way.section, way.section):
            return False
        if way.section == "abandon":
            return self._coming(self._steward()) is not None
        return not way.number or section.task._number == way.number

    def _start(self, choose: Callable[[int], int]) -> None:
        """A start is made by a thread that is free; the steward may have to spawn it."""
        read = self._read
        for _ in range(4):
            threads = [thread for seat, thread in self._core.threads if seat is not None]
            first = choose(len(threads)) if threads else 0
            for thread in (*threads[first:], *threads[:first]):
                if self._free_thread_starts(thread):
                    return
            coming = self.advance_steward()
            if coming is not None or self._read > read:
                return

    def _free_thread_starts(self, thread: BenchThread) -> bool:
        """Lead it on until it has logged something, waits, or would log something other than a start."""
        read = self._read
        for _ in range(_BOUND):
            if not thread.ready or thread.ended or thread.operation is Operation.PAUSE:
                return False
            if self._coming(thread) is not None:
                return False
            self._stepper.go(thread)
            if self._read > read:
                self._finish(thread)
                return True
        return False

    def _come_back(self, edge: Edge, number: int, choose: Callable[[int], int]) -> None:
        """The function of a task comes back so that this is the outcome."""
        self._outcomes[number] = self._outcome(edge, number, choose)
        for seat, thread in self._core.threads:
            if seat is not None and seat.task is not None and seat.task._number == number:
                self._go_for(thread)
                return

    def _outcome(self, edge: Edge, number: int, choose: Callable[[int], int]) -> BaseException | None:
        now = self._runtime.now_ns
        attempts = edge.before.attempts[number - 1]
        due = self._due(number, attempts)
        match edge.label:
            case "Complete":
                return None
            case "Retry" | "TimeOutRetry":
                return Retryable(_span(max(0, due - now)))
            case "TimeOut":
                return Retryable(_span(FAR_NS))  # there is no attempt that late
            case "AcknowledgeCancel":
                return (Retryable(timedelta(0)), Final())[choose(2)]
            case "LateReturn":
                return (None, Final())[choose(2)]
        failures: list[BaseException] = [Final()]
        if attempts > self._machine.config.max_retries:
            failures.append(Retryable(timedelta(0)))
        if self._machine.terms[number - 1].deadline:
            failures.append(Retryable(_span(FAR_NS)))
        return failures[choose(len(failures))]

    def _call(self, edge: Edge, number: int) -> Callable[[], object]:  # noqa: C901, PLR0912 - a table
        """What the client does for this step."""
        worker, label = self.worker, edge.label
        before, after = edge.before, edge.after
        match label:
            case "Submit":
                return lambda: self._submit(number)
            case "Attach":
                return lambda: worker.submit(_nothing, idempotency_key="the one", fingerprint="this")
            case "RejectKeyConflict":
                return lambda: worker.submit(_nothing, idempotency_key="the one", fingerprint="other")
            case "RejectIdUsed":
                retained = next(n for n, it in enumerate(before.status, start=1) if it != "absent")
                return lambda: worker.submit(_nothing, id=str(retained))
            case "RejectClosed" | "RejectFull":
                return lambda: worker.submit(_nothing)
            case "Cancel" | "RequestCancel":
                if after.reason[number - 1] == "parent":
                    return self._tokens[number].cancel  # type: ignore[no-any-return]
                return self._handles[number].cancel  # type: ignore[no-any-return]
            case "BeginDrain":
                deadline = self._instants.drain_deadline_ns
                until = None if deadline is None else _span(max(0, deadline - self._runtime.now_ns))
                return lambda: worker.drain(pending=after.pending, deadline=until)
            case "StopNow":
                return worker.stop_now  # type: ignore[no-any-return]
            case "Pause" | "Resume":
                (which,) = before.paused ^ after.paused
                queue = None if which == 0 else self._queues[which - 1]
                return lambda: (worker.pause if label == "Pause" else worker.resume)(queue)
            case "Resize":
                return lambda: worker.resize(after.threads)
            case "SetRate":
                if self._rate is None:
                    return lambda: worker.set_rate(None, queue=self._queues[-1])
                return lambda: worker.set_rate(self._rate)
            case "SetWeight":
                return lambda: worker.set_weight(self._queues[0], 1)
            case "SetRetention":
                return lambda: worker.set_retention(self._retention)
        raise AssertionError(f"nobody knows how to {label}")

    def _due(self, number: int, attempts: int) -> int:
        """The instant of its time, or of its next attempt; if none is planned, just before its deadline."""
        latest = self._instants.deadlines.get(number, FAR_NS) - 1_000
        return min(self._instants.due.get((number, attempts), latest), latest)

    def _submit(self, number: int) -> None:
        """Submit this task, which is the next one, on its terms."""
        terms, at, now = self._machine.terms[number - 1], self._instants, self._runtime.now_ns
        lowest = max(its.priority for its in self._machine.terms)
        options: dict[str, Any] = {
            "id": str(number),
            "queue": self._queues[terms.queue - 1],
            "priority": terms.priority - lowest,
        }
        if terms.delayed:
            options["delay"] = _span(self._due(number, 0) - now)
        if terms.deadline:
            options["deadline"] = _span(at.deadlines.get(number, FAR_NS) - now)
        if terms.timeout:
            options["timeout"] = _span(at.timeouts.get(number, FAR_NS))
        if terms.child:
            options["parent"] = self._tokens[number] = self._package.Token()
        if terms.concurrency_key is not None:
            options["concurrency_key"] = terms.concurrency_key
        if terms.key is not None:
            options |= {"idempotency_key": terms.key, "fingerprint": "this"}

        def function(_: object) -> None:
            self._runtime.pause("a function")
            error = self._outcomes.pop(number, None)
            if error is not None:
                raise error

        self._handles[number] = self.worker.submit(function, name="task", **options)


def _nothing(_: object) -> None:
    """The function of a submission that is refused, or answered with another task."""


def _span(duration_ns: int) -> timedelta:
    return timedelta(microseconds=duration_ns // 1_000)


def _label(event: Any) -> str:
    """The label of an event in a state graph."""
    _, name, _, _, detail = event
    return ACTIONS[name].label(detail) if name == "Reject" else str(name)


def _without_permits(state: State) -> State:
    return state._replace(permits=0, queue_permits=())


_BACK = ("Complete", "AcknowledgeCancel", "TimeOut", "TimeOutRetry", "Retry", "Fail", "LateReturn")
OFFERED = (
    *_BACK,
    *("Submit", "RejectClosed", "Cancel", "RequestCancel"),
    *("BeginDrain", "StopNow", "Pause", "Resume", "Resize", "SetRate", "SetWeight", "SetRetention"),
)
"""What may be begun at any time: whatever has happened when it is done, the rule knows what to say of it."""
_REFUSALS = {
    "RejectKeyConflict": "KeyConflict",
    "RejectIdUsed": "IdInUse",
    "RejectClosed": "WorkerStopped",
    "RejectFull": "QueueFull",
}
