"""Hold a recorded log against the rule, event by event.

The worker writes each event inside the step that makes its effect visible, so the log is a
linearization and checking it is a replay, not a search: one pass, in place.  An event is
`(at_ns, action, task, attempt, detail)`; what stands in a detail is read in `log`.

Time enters here.  An event carries an instant; from these and from the configuration in the
first event follow the steps that time itself takes, which no log contains:

* `DeadlinePasses` for a task that waits comes before the first event at or after the deadline.
  For a task that runs the event's own instant says nothing: what counts is when its function
  came back, which its outcome tells, and which is before the record of it.
* `AttemptTimeoutPasses` follows from that instant as well.
* `PermitAccrues` follows from what was spent: `accounts` keeps it.
* `GraceSpent` comes before the first event at or after the end of the grace.

`BecomeDue`, `DrainDeadline` and `Evict` are in the log, and must not come before their time.
That they come in time is not asked: a log says what has happened, not what has to.

All that depends on the instant of a start is taken at the instant of its event: whether a
permit has accrued, whether a deadline has passed, and so which queues could have given the
start and whose turn it was.  So no order of events at one instant leaves two answers, and a
worker must choose by the instant that it records.

Memory is bounded by the tasks that are not forgotten yet.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Literal

from .accounts import Limiter, Turns
from .lifecycle import (
    ACTIONS,
    THE_WORKER,
    WAITING,
    Action,
    Argument,
    Config,
    Outcome,
    TaskRecord,
    Terms,
    WorkerRecord,
)
from .log import DETAILS, Back, Drain, Rate, Refusal, Retention, Settings, Untrue, is_event, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["LOGGED", "Event", "LoggedTask", "NotABehaviour", "Replay", "replay"]

Event = Sequence[Any]
"""As recorded, and not to be trusted: a log may hold anything in any place."""

LOGGED = frozenset(DETAILS)
"""The rows of the rule that a log may contain: all but the steps of time itself."""


@dataclass(slots=True, eq=False)
class LoggedTask(TaskRecord):
    """What the rule knows of a task, and its instants."""

    id: str | None = None
    """The caller's id for it."""
    due_ns: int | None = None
    """When it may be queued, if it is scheduled or retrying."""
    deadline_ns: int | None = None
    timeout_ns: int | None = None
    started_ns: int = 0
    """When its last attempt began."""
    ended_ns: int = 0


_NOBODY = LoggedTask(0)
_RETURNED = Outcome("returned")


class NotABehaviour(Exception):
    """The log is not a behaviour of the rule.

    Attributes
    ----------
    index: position of the offending event, from 0.
    event: the event as recorded.
    guard: the sentence that was not true.
    before: the state of the task and the worker before it, for people.
    """

    def __init__(self, index: int, event: object, guard: str, before: str) -> None:
        self.index = index
        self.event = event
        self.guard = guard
        self.before = before
        super().__init__(f"event {index}: {_shown(event)}: this must be true, and is not: {guard} [{before}]")


def _shown(value: object) -> str:
    """As Python would write it.  A log may hold what cannot be written: a number that is too long, say."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - whatever it is, the refusal must not fail over it
        return f"a {type(value).__name__} that cannot be shown"


class Replay:
    """A log being replayed.

    `world` is the worker's record, `tasks` the records of retained tasks by admission number,
    `counts` how many events of each action there were, `steps` how many in all.
    """

    def __init__(self, read: Callable[[Any], Settings] = settings) -> None:
        """`read` reads the configuration in the first event, as `log.settings` does."""
        self._read = read
        self.world: WorkerRecord | None = None
        self.tasks: dict[int, LoggedTask] = {}
        self.counts: Counter[str] = Counter()
        self.steps = 0
        self._last_ns = 0
        self._taken: list[tuple[Action, LoggedTask, Argument]] = []
        """What time did before this event."""
        self._deadlines: list[tuple[int, int, LoggedTask]] = []
        """A heap.  Whoever comes to wait is put in; what does not wait leaves when it surfaces."""
        self._grace_ns = 0
        self._grace_over_ns: int | None = None
        self._drain_over_ns: int | None = None
        self._queues: dict[str, int] = {}
        """Their numbers, by name."""
        self._limiters: dict[int, Limiter] = {}
        self._turns: Turns | None = None
        """None if there is one queue only."""
        self._eligible: list[int] = []
        """The queues that could have given the last start."""
        self._ids: set[str] = set()
        """The callers' ids of retained tasks."""
        self._ended: OrderedDict[int, LoggedTask] = OrderedDict()
        """Retained tasks, in the order in which they ended."""
        self._retention = Retention(None, None)

    def step(self, event: Any) -> None:
        """Take the next event, or raise `NotABehaviour` and stay as before it."""
        if not is_event(event):
            raise self._refused(event, "an event is (at_ns, action, task, attempt, detail)", _NOBODY)
        if self.world is None:
            self._begin(event)
        else:
            self._go_on(event, self.world)
        self._last_ns = event[0]
        self.counts[event[1]] += 1
        self.steps += 1

    def statuses(self) -> dict[int, str]:
        """The status of each retained task: of each that was admitted and not evicted since."""
        return {number: task.status for number, task in self.tasks.items()}

    def attempts(self) -> dict[int, int]:
        """How often each retained task was started."""
        return {number: task.attempts for number, task in self.tasks.items()}

    # ------------------------------------------------------------------ the parts of a step

    def _begin(self, event: Event) -> None:
        _, name, number, attempt, detail = event
        if name != "Init" or number != 0 or attempt != 0:
            raise self._refused(event, "the first event is Init", _NOBODY)
        try:
            configuration = self._read(detail)
        except Untrue as untrue:
            raise self._refused(event, untrue.sentence, _NOBODY) from None
        self._configure(configuration, event[0])

    def _configure(self, configuration: Settings, at: int) -> None:
        queues = configuration.queues
        rates = [configuration.rate, *[queue.rate for queue in queues]]
        self.world = WorkerRecord.fresh(_config(configuration))
        self._queues = {queue.name: number for number, queue in enumerate(queues, start=1)}
        self._limiters = {which: Limiter(rate, at) for which, rate in enumerate(rates) if rate is not None}
        if len(queues) > 1:
            self._turns = Turns([queue.weight for queue in queues])
        self._grace_ns = configuration.grace_ns
        self._retention = configuration.retention

    def _go_on(self, event: Event, world: WorkerRecord) -> None:
        row = _ROWS.get(event[1])
        task = _NOBODY
        if row is not None and row.action.of == "task":
            task = self.tasks.get(event[2]) or LoggedTask(event[2])
        if self._taken:
            self._taken.clear()
        try:
            said, argument = self._ask(event, world, row, task)
        except Untrue as untrue:
            refused = self._refused(event, untrue.sentence, task)
            self._take_back()
            raise refused from None
        assert row is not None  # noqa: S101 - what is no row has just been refused
        row.action.apply(world, task, argument)
        if row.then is not None:
            row.then(self, task, said, event[0])

    def _ask(
        self, event: Event, world: WorkerRecord, row: _Row | None, task: LoggedTask
    ) -> tuple[Any, Argument]:
        """What the detail says, and what the rule is told of it: if the event may happen."""
        at, name, number, attempt, detail = event
        if at < self._last_ns:
            raise Untrue("instants never go back")
        if row is None:
            raise Untrue("the action is one that a log may contain")
        if number != task.number:
            raise Untrue("an event of the worker names no task")
        said = row.read(detail)
        if self._deadlines or self._grace_over_ns is not None:
            self._let_time_pass(at)
        argument = None if row.told is None else row.told(self, task, said, at)
        others = said.size - 1 if type(said) is Refusal else 0
        world.waiting += others  # a batch is refused for the last of its tasks, when the others have come
        refusal = row.action.refusal(world, task, argument)
        world.waiting -= others
        if refusal is not None:
            raise Untrue(refusal)
        if row.also is not None:
            row.also(self, task, said, at)
        expected = task.attempts + 1 if name == "Start" else task.attempts
        if attempt != expected:
            raise Untrue(f"the attempt is number {expected}")
        return said, argument

    def _refused(self, event: object, guard: str, task: LoggedTask) -> NotABehaviour:
        world = self.world
        if world is None:
            before = "nothing has happened yet"
        else:
            before = (
                f"worker {world.phase}, pending {world.pending}, grace_spent {world.grace_spent}, "
                f"{world.waiting} waiting, {world.threads_taken} of {_shown(world.threads)} threads taken"
            )
        if task is not _NOBODY:
            before += (
                f"; task {_shown(task.number)} {task.status}, attempts {task.attempts}, "
                f"reason {task.reason}, executing {task.executing}"
            )
        return NotABehaviour(self.steps, event, guard, before)

    # ------------------------------------------------------------------ what time does

    def _let_time_pass(self, at: int) -> None:
        """What time did since the last event, but for permits: these matter at a start only."""
        while self._deadlines and self._deadlines[0][0] <= at:
            task = heappop(self._deadlines)[2]
            if task.status in WAITING:
                self._time(ACTIONS["DeadlinePasses"], task)
        if self._grace_over_ns is not None and at >= self._grace_over_ns:
            self._time(ACTIONS["GraceSpent"], _NOBODY)

    def _let_permits_accrue(self, at: int) -> None:
        for which, limiter in self._limiters.items():
            for _ in range(limiter.permits(at) - self._permits(which)):
                self._time(ACTIONS["PermitAccrues"], _NOBODY, which)

    def _let_attempt_last(self, task: LoggedTask, until: int) -> None:
        """What time did to a task that ran until this instant."""
        if task.deadline_ns is not None and until >= task.deadline_ns:
            self._time(ACTIONS["DeadlinePasses"], task)
        if task.timeout_ns is not None and until >= task.started_ns + task.timeout_ns:
            self._time(ACTIONS["AttemptTimeoutPasses"], task)

    def _time(self, action: Action, task: LoggedTask, argument: Argument = None) -> None:
        """A step of time, if the rule allows it; once taken, it is not allowed again."""
        world = self.world
        assert world is not None  # noqa: S101 - time passes between two events
        if action.refusal(world, task, argument) is None:
            action.apply(world, task, argument)
            self._taken.append((action, task, argument))

    def _take_back(self) -> None:
        """Time did nothing: the event that it would have led up to is refused."""
        world = self.world
        assert world is not None  # noqa: S101 - time passes between two events
        for action, task, argument in self._taken:
            if action.name == "DeadlinePasses":
                task.overdue = False
                self._watch(task)
                if task.status == "queued":
                    world.put_in_order(task)
            elif action.name == "AttemptTimeoutPasses":
                task.attempt_over = False
            elif action.name == "GraceSpent":
                world.grace_spent = False
            elif isinstance(argument, int):
                self._set_permits(argument, self._permits(argument) - 1)
        self._taken.clear()

    def _watch(self, task: LoggedTask) -> None:
        """It waits: its deadline may come."""
        if task.deadline_ns is None:
            return
        live = 0 if self.world is None else self.world.live
        if len(self._deadlines) > 2 * live + 16:
            kept = {entry[1]: entry for entry in self._deadlines if entry[2].status in WAITING}
            self._deadlines = list(kept.values())
            heapify(self._deadlines)
        heappush(self._deadlines, (task.deadline_ns, task.number, task))

    def _permits(self, which: int) -> int:
        world = self.world
        assert world is not None  # noqa: S101 - only a worker has limiters
        return world.permits if which == THE_WORKER else world.queue_permits[which - 1]

    def _set_permits(self, which: int, permits: int) -> None:
        world = self.world
        assert world is not None  # noqa: S101 - only a worker has limiters
        if which == THE_WORKER:
            world.permits = permits
        else:
            world.queue_permits[which - 1] = permits

    def _number(self, queue: str | None) -> int:
        """The number of a queue; of the worker, if there is no name."""
        if queue is None:
            return THE_WORKER
        number = self._queues.get(queue)
        if number is None:
            raise Untrue("the queue was declared")
        return number

    # ------------------------------------- what the rule is told of an event

    def _as_said(self, task: LoggedTask, said: str | int, at: int) -> Argument:
        return said

    def _as_refused(self, task: LoggedTask, said: Refusal, at: int) -> Argument:
        return said.reason

    def _as_drained(self, task: LoggedTask, said: Drain, at: int) -> Argument:
        return said.pending

    def _as_numbered(self, task: LoggedTask, said: str | None, at: int) -> Argument:
        return self._number(said)

    def _as_declared(self, task: LoggedTask, said: tuple[str | None, object], at: int) -> Argument:
        self._number(said[0])
        return None

    def _as_submitted(self, task: LoggedTask, said: Mapping[str, Any], at: int) -> Argument:
        if task.status != "absent":
            return None  # the rule will say so
        queue = self._number(said.get("queue", "default"))
        get = said.get
        due, deadline, timeout = get("due_ns"), get("deadline_ns"), get("timeout_ns")
        task.id, task.due_ns, task.deadline_ns, task.timeout_ns = get("id"), due, deadline, timeout
        task.terms = _terms(
            queue,
            get("priority", 0),
            due is not None and due > at,
            deadline is not None,
            timeout is not None,
            get("parent", False),
            get("concurrency_key"),
            get("idempotency_key"),
            get("max_retries", 0),
            get("retry_timeouts", False),
        )
        return None

    def _as_started(self, task: LoggedTask, said: None, at: int) -> Argument:
        if self._limiters:
            self._let_permits_accrue(at)
        return None

    def _as_returned(self, task: LoggedTask, said: int, at: int) -> Argument:
        """It returned; nobody asks for another attempt."""
        self._came_back(task, said, at)
        return _RETURNED

    def _as_come_back(self, task: LoggedTask, said: Back, at: int) -> Argument:
        self._came_back(task, said.instant, at)
        if said.next is not None and said.next < said.instant:
            raise Untrue("the next attempt is at or after the instant at which the function came back")
        return Outcome(said.kind, said.retryable, _against(said.next, task.deadline_ns))

    def _as_late(self, task: LoggedTask, said: int, at: int) -> Argument:
        self._came_back(task, said, at)
        return None

    def _came_back(self, task: LoggedTask, instant: int, at: int) -> None:
        """What an instant must be, and what time did until then."""
        if not task.executing:
            return  # the rule will say so
        if not task.started_ns <= instant <= at:
            raise Untrue("the function came back at or after the start, and at or before the record of it")
        if task.status == "running":
            self._let_attempt_last(task, instant)

    # --------------------- what must be true besides, if the rule allows it

    def _also_another_id(self, task: LoggedTask, said: Mapping[str, Any], at: int) -> None:
        if task.id is not None and task.id in self._ids:
            raise Untrue("no retained task has its id")

    def _also_has_key(self, task: LoggedTask, said: int, at: int) -> None:
        answer = self.tasks.get(said)
        if answer is None or answer.terms.key is None:
            raise Untrue("the answer is a retained task that has an idempotency key")

    def _also_due(self, task: LoggedTask, said: None, at: int) -> None:
        if task.due_ns is None or at < task.due_ns:
            raise Untrue("its time has come")

    def _also_its_queue(self, task: LoggedTask, said: None, at: int) -> None:
        if self._turns is None:
            return
        world = self.world
        assert world is not None  # noqa: S101 - it has just been asked
        self._eligible = [queue for queue in self._queues.values() if world.can_give(queue)]
        if self._turns.pick(self._eligible) != task.terms.queue:
            raise Untrue("of the queues that have a task that may start it is the turn of its queue")

    def _also_that_reason(self, task: LoggedTask, said: Back, at: int) -> None:
        reason = "shutdown" if task.reason == "none" else task.reason
        if said.reason != reason:
            raise Untrue(f"the reason is {reason}")

    def _also_drained_long_enough(self, task: LoggedTask, said: None, at: int) -> None:
        if self._drain_over_ns is None or at < self._drain_over_ns:
            raise Untrue("the drain's deadline has passed")

    def _also_to_be_forgotten(self, task: LoggedTask, said: None, at: int) -> None:
        """The first that is off its thread is found at once: before it are only functions that are stuck."""
        number, age_ns = self._retention
        first = next((one for one in self._ended.values() if not one.executing), None)
        if first is not task:
            raise Untrue("of the tasks that ended, and whose functions are off their threads, it ended first")
        too_many = number is not None and len(self._ended) > number
        too_old = age_ns is not None and at - task.ended_ns >= age_ns
        if not (too_many or too_old):
            raise Untrue("more tasks that ended are retained than the number, or it has reached the age")

    # ----------------------------------------- what the next events depend on

    def _then_waits(self, task: LoggedTask, said: Mapping[str, Any], at: int) -> None:
        self.tasks[task.number] = task
        if task.id is not None:
            self._ids.add(task.id)
        if task.deadline_ns is not None:
            self._watch(task)

    def _then_runs(self, task: LoggedTask, said: None, at: int) -> None:
        task.started_ns = at
        if self._limiters:
            for which in (THE_WORKER, task.terms.queue):
                if which in self._limiters:
                    self._limiters[which].spend(at)
        if self._turns is not None:
            self._turns.take(self._eligible, task.terms.queue)

    def _then_waits_again(self, task: LoggedTask, said: Back, at: int) -> None:
        task.due_ns = said.next
        self._watch(task)

    def _then_has_ended(self, task: LoggedTask, said: object, at: int) -> None:
        task.ended_ns = at
        self._ended[task.number] = task

    def _then_is_gone(self, task: LoggedTask, said: None, at: int) -> None:
        del self.tasks[task.number], self._ended[task.number]
        if task.id is not None:
            self._ids.remove(task.id)

    def _then_drains(self, task: LoggedTask, said: Drain, at: int) -> None:
        if said.deadline_ns is not None:
            over = at + said.deadline_ns
            self._drain_over_ns = over if self._drain_over_ns is None else min(over, self._drain_over_ns)

    def _then_stops(self, task: LoggedTask, said: None, at: int) -> None:
        self._grace_over_ns = at + self._grace_ns

    def _then_has_rate(self, task: LoggedTask, said: tuple[str | None, Rate | None], at: int) -> None:
        """What was spent stays spent.  A limiter where there was none is full."""
        which, rate = self._number(said[0]), said[1]
        limiter = self._limiters.get(which)
        if rate is None:
            self._limiters.pop(which, None)
        elif limiter is None:
            self._limiters[which] = Limiter(rate, at)
        else:
            limiter.change(rate, at)
        self._set_burst(which, None if rate is None else rate.burst)
        self._set_permits(which, 0 if rate is None else self._limiters[which].permits(at))

    def _set_burst(self, which: int, burst: int | None) -> None:
        world = self.world
        assert world is not None  # noqa: S101 - only a worker has limiters
        if which == THE_WORKER:
            world.config = changed(world.config, burst=burst)
        else:
            bursts = list(world.config.queue_bursts)
            bursts[which - 1] = burst
            world.config = changed(world.config, queue_bursts=tuple(bursts))

    def _then_has_weight(self, task: LoggedTask, said: tuple[str, int], at: int) -> None:
        if self._turns is not None:
            self._turns.weights[self._number(said[0]) - 1] = said[1]

    def _then_keeps(self, task: LoggedTask, said: Retention, at: int) -> None:
        world = self.world
        assert world is not None  # noqa: S101 - it has just been told
        self._retention = said
        world.config = changed(world.config, retention=said.is_limited)


@lru_cache(maxsize=64)
def _config(configuration: Settings) -> Config:
    """Many logs begin alike, those of a campaign above all."""
    rate, queues = configuration.rate, configuration.queues
    return Config(
        threads=configuration.threads,
        queue_max=configuration.queue_max,
        burst=None if rate is None else rate.burst,
        queues=len(queues),
        queue_bursts=tuple([None if queue.rate is None else queue.rate.burst for queue in queues]),
        queue_caps=tuple([queue.cap for queue in queues]),
        per_key=configuration.key_cap,
        retention=configuration.retention.is_limited,
    )


@lru_cache(maxsize=1024)
def _terms(
    queue: int,
    priority: int,
    delayed: bool,  # noqa: FBT001 - the cache is faster so
    deadline: bool,  # noqa: FBT001
    timeout: bool,  # noqa: FBT001
    child: bool,  # noqa: FBT001
    concurrency_key: str | None,
    key: str | None,
    max_retries: int,
    retry_timeouts: bool,  # noqa: FBT001
) -> Terms:
    """Most tasks of a log have the terms of one before."""
    return Terms(
        queue=queue,
        priority=priority,
        delayed=delayed,
        deadline=deadline,
        timeout=timeout,
        child=child,
        concurrency_key=concurrency_key,
        key=key,
        max_retries=max_retries,
        retry_timeouts=retry_timeouts,
    )


def _against(instant: int | None, deadline: int | None) -> Literal["before", "at", "after"]:
    """The instant of the next attempt, against the deadline.

    If nobody has computed it, it is taken for one before the deadline: so whatever ends the task must
    rest on something else, and if there is nothing else, it should have been computed.
    """
    if instant is None or deadline is None or instant < deadline:
        return "before"
    return "at" if instant == deadline else "after"


# ------------------------------------------------------------------ the rows of a log


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the rule, and what a log has to do with it besides."""

    action: Action
    read: Callable[[Any], Any]
    """Reads the detail."""
    told: Callable[[Replay, LoggedTask, Any, int], Argument] | None = None
    """What the rule is told, of what the detail says."""
    also: Callable[[Replay, LoggedTask, Any, int], None] | None = None
    """What must be true as well."""
    then: Callable[[Replay, LoggedTask, Any, int], None] | None = None
    """What the next events depend on."""


def _row(
    name: str,
    told: Callable[[Replay, LoggedTask, Any, int], Argument] | None = None,
    also: Callable[[Replay, LoggedTask, Any, int], None] | None = None,
    then: Callable[[Replay, LoggedTask, Any, int], None] | None = None,
) -> tuple[str, _Row]:
    return name, _Row(ACTIONS[name], DETAILS[name], told, also, then)


_ROWS: dict[str, _Row] = dict(
    [
        _row("Submit", Replay._as_submitted, Replay._also_another_id, Replay._then_waits),
        _row("Attach", also=Replay._also_has_key),
        _row("Reject", Replay._as_refused),
        _row("BecomeDue", also=Replay._also_due),
        _row("Start", Replay._as_started, Replay._also_its_queue, Replay._then_runs),
        _row("TimeOutRetry", Replay._as_come_back, then=Replay._then_waits_again),
        _row("TimeOut", Replay._as_come_back, then=Replay._then_has_ended),
        _row("Complete", Replay._as_returned, then=Replay._then_has_ended),
        _row("AcknowledgeCancel", Replay._as_come_back, Replay._also_that_reason, Replay._then_has_ended),
        _row("Retry", Replay._as_come_back, then=Replay._then_waits_again),
        _row("Fail", Replay._as_come_back, then=Replay._then_has_ended),
        _row("Cancel", Replay._as_said, then=Replay._then_has_ended),
        _row("RequestCancel", Replay._as_said),
        _row("Expire", then=Replay._then_has_ended),
        _row("BeginDrain", Replay._as_drained, then=Replay._then_drains),
        _row("StopNow", then=Replay._then_stops),
        _row("DrainDeadline", also=Replay._also_drained_long_enough, then=Replay._then_stops),
        _row("ShutdownCancel", then=Replay._then_has_ended),
        _row("Abandon", then=Replay._then_has_ended),
        _row("LateReturn", Replay._as_late),
        _row("Stopped"),
        _row("Evict", also=Replay._also_to_be_forgotten, then=Replay._then_is_gone),
        _row("Pause", Replay._as_numbered),
        _row("Resume", Replay._as_numbered),
        _row("Resize", Replay._as_said),
        _row("SetRate", Replay._as_declared, then=Replay._then_has_rate),
        _row("SetWeight", Replay._as_declared, then=Replay._then_has_weight),
        _row("SetRetention", then=Replay._then_keeps),
    ]
)


def replay(events: Iterable[Event]) -> Replay:
    """Hold a whole log against the rule.  Raises `NotABehaviour` at the first event that is not allowed."""
    state = Replay()
    for event in events:
        state.step(event)
    if state.world is None:
        raise NotABehaviour(0, None, "the log has a first event", "nothing has happened yet")
    return state
