"""The rule: every action that a task or the worker may take, when, and what it does.

Everything that decides about the lifecycle is in this file.  Each row below is an
action.  Its decorator reads as the guard: from which statuses a task may come and
which sentences must be true.  Its body is the effect, and `target` is the status the
task has afterwards.  A row that is not here may not happen.  A status that is final
appears as a source in two rows only: `LateReturn`, which leaves it as it is, and
`Evict`, which forgets the task.

A question to the rule is answered by looking for the rows that have the task's status
as a source.  What happens, say, to a task that is cancelled while it waits for a permit
during a drain?  It is queued, since a permit is taken by `Start` and by nothing before
it.  `Cancel` has queued among its sources and asks for no phase: the task is cancelled
at once, with the reason it was given, and no permit is lost, for none was taken.  If its
deadline had passed, `Cancel` would be refused and `Expire` be the answer.

The rule works on two small records, a task's and the worker's, in place.  Two drivers
use it: `jurat_spec.search` composes the records into whole states and walks them all,
`jurat_spec.replay` applies it to a log of any length.  One rule, two drivers.

What is not here: time as a number.  `DeadlinePasses`, `AttemptTimeoutPasses`,
`PermitAccrues`, `DrainDeadline` and `GraceSpent` say what a passing instant does; when
it passes follows from a log's instants (`replay`) and from the limiter (`limiter`).
Which of several queues is next is left open here and said in `queues`; which task is
to be forgotten, and which key is whose, in `registry`.

Names and rows are those of `tla/Lifecycle.tla`, and a comparison of the two state
graphs, edge by edge, keeps them so.  Prior art for the shape: h11's `_state.py`
(https://github.com/python-hyper/h11), "everything that affects the state machine …
must live here in this file".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import product
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ACTIONS",
    "LIVE",
    "OUTCOMES",
    "PENDINGS",
    "PHASES",
    "REASONS",
    "STATUSES",
    "TERMINAL",
    "THE_WORKER",
    "WAITING",
    "Action",
    "Argument",
    "Config",
    "Guard",
    "Outcome",
    "TaskRecord",
    "Terms",
    "WorkerRecord",
]

Status = Literal[
    "absent",
    "scheduled",
    "queued",
    "retrying",
    "running",
    "completed",
    "failed",
    "cancelled",
    "timed_out",
    "abandoned",
]
Phase = Literal["open", "draining", "stopping", "stopped"]
Reason = Literal["none", "user", "parent", "shutdown"]
Pending = Literal["finish", "cancel"]

WAITING: tuple[Status, ...] = ("scheduled", "queued", "retrying")
LIVE: tuple[Status, ...] = (*WAITING, "running")
TERMINAL: tuple[Status, ...] = ("completed", "failed", "cancelled", "timed_out", "abandoned")
STATUSES: tuple[Status, ...] = ("absent", *LIVE, *TERMINAL)
PHASES: tuple[Phase, ...] = ("open", "draining", "stopping", "stopped")
REASONS: tuple[Reason, ...] = ("none", "user", "parent", "shutdown")
PENDINGS: tuple[Pending, ...] = ("finish", "cancel")

K = TypeVar("K")

THE_WORKER = 0
"""What is paused or limited is a queue, by its number from 1, or the worker as a whole."""


class Outcome(NamedTuple):
    """What a function that came back did, and what is known of another attempt."""

    kind: Literal["returned", "raised"]
    retryable: bool = False
    """Whether the policy would retry what it raised."""
    next: Literal["before", "at", "after"] = "before"
    """The instant of the next attempt, against the deadline."""


_KINDS: tuple[Literal["returned", "raised"], ...] = ("returned", "raised")
_INSTANTS: tuple[Literal["before", "at", "after"], ...] = ("before", "at", "after")
OUTCOMES: tuple[Outcome, ...] = tuple(
    Outcome(kind, retryable, instant)
    for kind, retryable, instant in product(_KINDS, (False, True), _INSTANTS)
)
"""Every way of coming back."""

Argument = str | int | Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a worker was built with, or told since.

    What is said of each queue is one number if it is the same for all, and as many as there are queues if
    it is not.  A model has the one, a log the other.
    """

    threads: int
    """Functions that may run at once."""
    queue_max: int | None
    """Tasks that may wait at once; None is no limit."""
    max_retries: int = 0
    """Attempts after the first; 0 is one attempt.  A task's terms may say otherwise."""
    retry_timeouts: bool = False
    """Whether an attempt that timed out may be followed by another.  A task's terms may say otherwise."""
    burst: int | None = None
    """Permits that the worker's limiter holds at most; None is no limiter."""
    queues: int = 1
    """How many there are; a queue is a number from 1."""
    queue_burst: int | None = None
    """Permits that the limiter of each queue holds at most; None is no limiter."""
    queue_bursts: tuple[int | None, ...] = ()
    """The same queue by queue, the first one first, if they are not alike."""
    per_queue: int | None = None
    """Tasks of one queue that may run at once; None is no cap."""
    queue_caps: tuple[int | None, ...] = ()
    """The same queue by queue, the first one first, if they are not alike."""
    per_key: int | None = None
    """Tasks with one concurrency key that may run at once; None is no cap."""
    retention: bool = False
    """Whether tasks that ended are forgotten in the end."""

    def burst_of(self, queue: int) -> int | None:
        """Permits that the limiter of a queue holds at most; None is no limiter."""
        return self.queue_bursts[queue - 1] if self.queue_bursts else self.queue_burst

    def cap_of(self, queue: int) -> int | None:
        """Tasks of a queue that may run at once; None is no cap."""
        return self.queue_caps[queue - 1] if self.queue_caps else self.per_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a task was submitted with."""

    queue: int = 1
    priority: int = 0
    """The lower number runs sooner."""
    delayed: bool = False
    """Not before a time that is still to come."""
    deadline: bool = False
    timeout: bool = False
    """Whether each attempt has a limit of time."""
    child: bool = False
    """Whether it is cancelled with a parent."""
    concurrency_key: str | None = None
    key: str | None = None
    """The idempotency key."""
    max_retries: int | None = None
    """Attempts after the first; None is what the worker was built with."""
    retry_timeouts: bool | None = None
    """Whether an attempt that timed out may be followed by another; None as with `max_retries`."""


# --------------------------------------------------------------------- the records


@dataclass(slots=True, eq=False)
class TaskRecord:
    """What the rule knows of a task."""

    number: int
    """Its place in the order of admission, from 1."""
    terms: Terms = Terms()
    status: Status = "absent"
    attempts: int = 0
    """How often it was started."""
    reason: Reason = "none"
    """Why it is asked to cancel or, once cancelled, why it was."""
    executing: int = 0
    """Its functions on threads: a counter, so that a second one would be seen."""
    overdue: bool = False
    """While it is live: its deadline has passed."""
    attempt_over: bool = False
    """While it runs: the attempt took longer than it was given."""

    def copy(self) -> TaskRecord:
        """Another record with the same values."""
        return TaskRecord(
            self.number,
            self.terms,
            self.status,
            self.attempts,
            self.reason,
            self.executing,
            self.overdue,
            self.attempt_over,
        )


_Entry = tuple[int, int, TaskRecord]


@dataclass(slots=True, eq=False)
class Order:
    """The queued tasks of one queue, the most urgent first.

    A start must not look at all that wait.  A task that is no longer queued, or whose deadline has passed,
    leaves when it surfaces, and not before.  One whose concurrency key is at its cap is put aside when it
    surfaces.  Of those that are aside with a key the most urgent comes back when a task with this key stops
    running, and the next one when that one has left.  So while a key is under its cap, one of its tasks is
    not aside, and none that is aside is more urgent.
    """

    heap: list[_Entry] = field(default_factory=list)
    aside: dict[str, list[_Entry]] = field(default_factory=dict)
    """Heaps by concurrency key."""
    size: int = 0
    """Entries in all heaps."""

    def add(self, task: TaskRecord, waiting: int) -> None:
        """It is queued.  No more is kept than twice what waits, and a few."""
        if self.size > 2 * waiting + 16:
            self._tidy()
        self.size += 1
        heappush(self.heap, (task.terms.priority, task.number, task))

    def first(self, worker: WorkerRecord) -> TaskRecord | None:
        """The most urgent one whose deadline has not passed, and whose concurrency key is under its cap."""
        while self.heap:
            entry = self.heap[0]
            task = entry[2]
            key = task.terms.concurrency_key
            if task.status == "queued" and not task.overdue:
                if key is None or _key_is_under_cap(worker, key):
                    return task
                heappush(self.aside.setdefault(key, []), heappop(self.heap))
            else:
                heappop(self.heap)
                self.size -= 1
                if key is not None:
                    self.bring_back(key)
        return None

    def bring_back(self, key: str) -> None:
        """The most urgent of those that are aside with this key is so no longer."""
        aside = self.aside.get(key)
        while aside:
            entry = heappop(aside)
            if entry[2].status == "queued" and not entry[2].overdue:
                heappush(self.heap, entry)
                break
            self.size -= 1
        if aside is not None and not aside:
            del self.aside[key]

    def _tidy(self) -> None:
        """Keep each task that is queued once, and none aside."""
        entries = [entry for heap in (self.heap, *self.aside.values()) for entry in heap]
        kept = {entry[1]: entry for entry in entries if entry[2].status == "queued" and not entry[2].overdue}
        self.heap = list(kept.values())
        heapify(self.heap)
        self.aside.clear()
        self.size = len(self.heap)


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """What the rule knows of the worker: its fields, sums over its tasks, and their order."""

    config: Config
    phase: Phase = "open"
    pending: Pending = "finish"
    """What a drain does with tasks that wait."""
    grace_spent: bool = False
    """After a stop: running functions had the time they were promised."""
    admitted: int = 0
    """The highest admission number given."""
    permits: int = 0
    """Starts that the worker's limiter would allow now."""
    queue_permits: list[int] = field(default_factory=list)
    """The same for each queue, the first one first."""
    paused: set[int] = field(default_factory=set)
    """Queues that start nothing; with 0 among them, none does."""
    threads: int = 0
    """Functions that may run at once, now."""
    peak: int = 0
    """The most that ever might."""

    waiting: int = 0
    live: int = 0
    retained: int = 0
    threads_taken: int = 0
    running_in: dict[int, int] = field(default_factory=dict)
    """Running tasks by queue."""
    running_with: dict[str, int] = field(default_factory=dict)
    """Running tasks by concurrency key."""
    keys: dict[str, int] = field(default_factory=dict)
    """Retained tasks by idempotency key."""
    orders: dict[int, Order] = field(default_factory=dict)
    """By queue, the order of its queued tasks."""

    @classmethod
    def fresh(cls, config: Config) -> WorkerRecord:
        """A worker as it was built: open, with full limiters."""
        return cls(
            config,
            permits=config.burst or 0,
            queue_permits=[config.burst_of(queue) or 0 for queue in range(1, config.queues + 1)],
            threads=config.threads,
            peak=config.threads,
        )

    def bare(self) -> WorkerRecord:
        """Another record with the same values and without the sums: for an effect, not for a guard."""
        return WorkerRecord(
            self.config,
            self.phase,
            self.pending,
            self.grace_spent,
            self.admitted,
            self.permits,
            self.queue_permits.copy(),
            self.paused.copy(),
            self.threads,
            self.peak,
        )

    def count(self, task: TaskRecord, sign: int) -> None:
        """Add a task to the sums over tasks, or with sign -1 take it out."""
        status, terms = task.status, task.terms
        if status == "absent":
            return
        self.retained += sign
        if terms.key is not None:
            _add(self.keys, terms.key, sign)
        if status in LIVE:
            self.live += sign
            if status in WAITING:
                self.waiting += sign
                if sign > 0 and status == "queued":
                    self.put_in_order(task)
            else:
                _add(self.running_in, terms.queue, sign)
                if (key := terms.concurrency_key) is not None:
                    _add(self.running_with, key, sign)
                    if sign < 0:
                        for order in self.orders.values():
                            order.bring_back(key)

    def put_in_order(self, task: TaskRecord) -> None:
        """It waits for a start, in the order of its queue.  To be there twice does not matter."""
        order = self.orders.get(task.terms.queue)
        if order is None:
            order = self.orders[task.terms.queue] = Order()
        order.add(task, self.waiting)

    def is_next(self, task: TaskRecord) -> bool:
        """Whether it is the most urgent of the tasks in its queue that may start.

        The deadline and the concurrency key are each task's own.  Whatever else a start needs is there for
        all tasks of a queue or for none, and the guards before this one have seen to it.
        """
        order = self.orders.get(task.terms.queue)
        return order is not None and order.first(self) is task

    def can_give(self, queue: int) -> bool:
        """Whether a queue has a task that may start."""
        order = self.orders.get(queue)
        first = None if order is None else order.first(self)
        return first is not None and all(guard.test(self, first, None) for guard in may_start)


def _add(counts: dict[K, int], key: K, sign: int) -> None:
    """Count one more or one less; what there is none of has no entry."""
    count = counts.get(key, 0) + sign
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)


# --------------------------------------------------------------- what a row consists of


@dataclass(frozen=True, slots=True)
class Guard:
    """A sentence that must be true, and its test."""

    sentence: str
    test: Callable[[WorkerRecord, TaskRecord, Argument], bool]
    denial: str = ""
    """The sentence that is true when this one is not; for a guard that rows use both ways."""

    def __invert__(self) -> Guard:
        if not self.denial:
            raise ValueError(f"nobody has said what is true when this is not: {self.sentence}")
        test = self.test
        return Guard(self.denial, lambda w, t, x: not test(w, t, x), self.sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A row of the rule."""

    name: str
    of: Literal["task", "worker"]
    by: Literal["client", "worker", "function", "time"]
    """Who takes it: a caller, the worker's own threads, a user's function, or time."""
    source: tuple[Status, ...]
    """For a task's action: the statuses it may have before."""
    target: tuple[Status, ...]
    """For a task's action: the statuses it may have afterwards; none leaves it as it is."""
    arguments: tuple[Argument, ...] | None
    """What it may be told.  None is a number: of threads, or of a queue, 0 being the worker."""
    guards: tuple[Guard, ...]
    effect: Callable[[WorkerRecord, TaskRecord, Argument], Status | None]
    text: str
    """The effect as a sentence."""

    @property
    def is_outcome(self) -> bool:
        """Whether it records a function that came back to a running task."""
        return self.arguments is OUTCOMES

    def label(self, argument: Argument) -> str:
        """The name of this action in a state graph: a refusal names its reason."""
        if self.name != "Reject":
            return self.name
        return self.name + "".join(part.capitalize() for part in str(argument).split("_"))

    def refusal(self, worker: WorkerRecord, task: TaskRecord, argument: Argument) -> str | None:
        """The first sentence of the guard that is not true, or None if the action may happen."""
        if self.source and task.status not in self.source:
            return f"the task is {' or '.join(self.source)}"
        if self.arguments is None:
            if not (type(argument) is int and argument >= 0):
                return "the argument is a number"
        elif argument not in self.arguments:
            return f"the argument is one of {', '.join(str(a) for a in self.arguments)}"
        for guard in self.guards:
            if not guard.test(worker, task, argument):
                return guard.sentence
        return None

    def apply(self, worker: WorkerRecord, task: TaskRecord, argument: Argument) -> None:
        """Carry out the effect.  The caller has checked that `refusal` is None."""
        target = self.target
        if not target:
            self.effect(worker, task, argument)
            return
        worker.count(task, -1)
        task.status = self.effect(worker, task, argument) or target[0]
        worker.count(task, +1)


_rows: list[Action] = []


def _row(
    name: str,
    *when: Guard,
    of: Literal["task", "worker"] = "task",
    by: Literal["client", "worker", "function", "time"] = "worker",
    source: tuple[Status, ...] = (),
    target: tuple[Status, ...] = (),
    arguments: tuple[Argument, ...] | None = (None,),
) -> Callable[[Callable[[WorkerRecord, TaskRecord, Argument], Status | None]], Action]:
    def add(effect: Callable[[WorkerRecord, TaskRecord, Argument], Status | None]) -> Action:
        action = Action(
            name=name,
            of=of,
            by=by,
            source=source,
            target=target,
            arguments=arguments,
            guards=when,
            effect=effect,
            text=" ".join((effect.__doc__ or "").split()),
        )
        _rows.append(action)
        return action

    return add


# ------------------------------------------------------------------ words of the rule


def _has_room(worker: WorkerRecord) -> bool:
    limit = worker.config.queue_max
    return limit is None or worker.waiting < limit


def _is_requested(worker: WorkerRecord, task: TaskRecord) -> bool:
    return task.reason != "none" or worker.phase == "stopping"


def _is_doomed(worker: WorkerRecord, task: TaskRecord, _: Argument) -> bool:
    if task.status not in WAITING:
        return False
    if worker.phase == "draining":
        return worker.pending == "cancel" or task.status == "scheduled"
    return worker.phase == "stopping"


def _has_permits(worker: WorkerRecord, task: TaskRecord, _: Argument) -> bool:
    config = worker.config
    queue = task.terms.queue
    return (config.burst is None or worker.permits > 0) and (
        config.burst_of(queue) is None or worker.queue_permits[queue - 1] > 0
    )


def _under_caps(worker: WorkerRecord, task: TaskRecord, _: Argument) -> bool:
    queue, key = task.terms.queue, task.terms.concurrency_key
    cap = worker.config.cap_of(queue)
    return (cap is None or worker.running_in.get(queue, 0) < cap) and (
        key is None or _key_is_under_cap(worker, key)
    )


def _key_is_under_cap(worker: WorkerRecord, key: str) -> bool:
    cap = worker.config.per_key
    return cap is None or worker.running_with.get(key, 0) < cap


def _is_not_full(worker: WorkerRecord, which: Argument) -> bool:
    assert isinstance(which, int)  # noqa: S101 - each row that asks has numbers as arguments
    if which == THE_WORKER:
        return worker.config.burst is not None and worker.permits < worker.config.burst
    burst = worker.config.burst_of(which)
    return burst is not None and worker.queue_permits[which - 1] < burst


def _can_retry(worker: WorkerRecord, task: TaskRecord, outcome: Argument) -> bool:
    assert isinstance(outcome, Outcome)  # noqa: S101 - each row that asks has outcomes as arguments
    its_own = task.terms.max_retries
    return outcome.next == "before" and task.attempts <= (
        worker.config.max_retries if its_own is None else its_own
    )


def _retries_timeouts(worker: WorkerRecord, task: TaskRecord) -> bool:
    its_own = task.terms.retry_timeouts
    return worker.config.retry_timeouts if its_own is None else its_own


def _first_answer(worker: WorkerRecord, reason: Argument) -> bool:
    """Whether some caller would be refused for this reason, and for none that comes before it."""
    if reason == "key_conflict":
        return bool(worker.keys)
    if worker.phase != "open":
        return reason == "closed"
    if reason == "id_used":
        return worker.retained > 0
    return reason == "full" and not _has_room(worker)


open_ = Guard("the worker is open", lambda w, t, x: w.phase == "open")
draining = Guard("the worker is draining", lambda w, t, x: w.phase == "draining")
stopping = Guard("the worker is stopping", lambda w, t, x: w.phase == "stopping")
may_stop = Guard("the worker is open or draining", lambda w, t, x: w.phase in ("open", "draining"))
may_drain = Guard(
    "the worker is open, or is draining to finish and asked to cancel",
    lambda w, t, x: w.phase == "open" or (w.phase == "draining" and (w.pending, x) == ("finish", "cancel")),
)
shutting_down = Guard(
    "the worker is draining or stopping", lambda w, t, x: w.phase in ("draining", "stopping")
)
room = Guard("fewer tasks wait than the queue holds", lambda w, t, x: _has_room(w))
next_number = Guard(
    "its number is the next in order of admission", lambda w, t, x: t.number == w.admitted + 1
)
key_unused = Guard("no retained task has its key", lambda w, t, x: t.terms.key not in w.keys)
key_known = Guard("a retained task has the key", lambda w, t, x: bool(w.keys))
refused = Guard(
    "the reason is the first that applies of key_conflict, closed, id_used, full",
    lambda w, t, x: _first_answer(w, x),
)
doomed = Guard(
    "the shutdown has decided that it will not run",
    _is_doomed,
    "no shutdown has decided that it will not run",
)
overdue = Guard("its deadline has passed", lambda w, t, x: t.overdue, "its deadline has not passed")
slot = Guard("a slot is free", lambda w, t, x: w.threads_taken < w.threads)
unpaused = Guard(
    "neither its queue nor the worker is paused",
    lambda w, t, x: not w.paused or not (THE_WORKER in w.paused or t.terms.queue in w.paused),
)
under_caps = Guard("its queue and its concurrency key are under their caps", _under_caps)
permit = Guard("each limiter that applies has a permit", _has_permits)
may_start = (~doomed, ~overdue, slot, unpaused, under_caps, permit)
its_turn = Guard(
    "of the tasks in its queue that may start it has the lowest priority number, then admission number",
    lambda w, t, x: w.is_next(t),
)
on_thread = Guard("its function is on a thread", lambda w, t, x: t.executing > 0)
off_thread = Guard("its function is off its thread", lambda w, t, x: t.executing == 0)
late = Guard(
    "it came back at or after the end of its attempt, or its deadline",
    lambda w, t, x: t.overdue or t.attempt_over,
    "it came back before the end of its attempt, and its deadline",
)
returned = Guard("it returned", lambda w, t, x: isinstance(x, Outcome) and x.kind == "returned")
raised = Guard("it raised", lambda w, t, x: isinstance(x, Outcome) and x.kind == "raised")
requested = Guard(
    "it was asked to come back early",
    lambda w, t, x: _is_requested(w, t),
    "it was not asked to come back early",
)
can_retry = Guard(
    "what it raised may be retried, an attempt is left, and the next one is before the deadline",
    lambda w, t, x: isinstance(x, Outcome) and x.retryable and _can_retry(w, t, x),
    "what it raised may not be retried, or no attempt is left, or the next one is not before the deadline",
)
times_out_for_good = Guard(
    "its deadline has passed, or it was asked to come back early, or the policy does not retry timeouts, "
    "or no attempt is left, or the next one is not before the deadline",
    lambda w, t, x: (
        t.overdue or _is_requested(w, t) or not _retries_timeouts(w, t) or not _can_retry(w, t, x)
    ),
    "its deadline has not passed, it was not asked to come back early, the policy retries timeouts, "
    "an attempt is left, and the next one is before the deadline",
)
may_expire = Guard("it has a deadline", lambda w, t, x: t.terms.deadline)
may_time_out = Guard("its attempts have a limit of time", lambda w, t, x: t.terms.timeout)
attempt_over = Guard(
    "the time of the attempt is over", lambda w, t, x: t.attempt_over, "the time of the attempt is not over"
)
has_that_reason = Guard(
    "it has a parent, if that is the reason", lambda w, t, x: x == "user" or t.terms.child
)
a_queue = Guard(
    "it is the worker or a queue", lambda w, t, x: isinstance(x, int) and 0 <= x <= w.config.queues
)
limiter_not_full = Guard(
    "there is a limiter, and it holds less than its burst", lambda w, t, x: _is_not_full(w, x)
)
is_paused = Guard("it is paused", lambda w, t, x: x in w.paused, "it is not paused")
another_number = Guard("it is another number of threads", lambda w, t, x: x not in (0, w.threads))
grace_spent = Guard("the grace is over", lambda w, t, x: w.grace_spent, "the grace is not over")
no_task_live = Guard("no task is live", lambda w, t, x: w.live == 0)
retention = Guard("tasks that ended are forgotten in the end", lambda w, t, x: w.config.retention)


# ------------------------------------------------------------------ the rows: admission


@_row(
    "Submit",
    open_,
    room,
    key_unused,
    next_number,
    by="client",
    source=("absent",),
    target=("queued", "scheduled"),
)
def submit(worker: WorkerRecord, task: TaskRecord, _: Argument) -> Status:
    """It is admitted, with the next number, and waits: for its time, if it has one, else for a start."""
    worker.admitted = task.number
    return "scheduled" if task.terms.delayed else "queued"


@_row("Attach", key_known, of="worker", by="client")
def attach(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Nothing changes; the task that has the key, and the same request, is the answer, in any phase."""


@_row("Reject", refused, of="worker", by="client", arguments=("key_conflict", "closed", "id_used", "full"))
def reject(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Nothing changes; the caller gets a typed error."""


@_row("BecomeDue", ~doomed, by="time", source=("scheduled", "retrying"), target=("queued",))
def become_due(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Its time has come, and it waits for a start.  Never refused for want of room: no retry is lost."""


# ------------------------------------------------------------------ the rows: execution


@_row("Start", *may_start, its_turn, source=("queued",), target=("running",))
def start(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """One more attempt, a permit of each limiter spent, its function on a thread.

    Slot, permit and task meet in this one step: nothing is taken before, so nothing is lost or burnt.
    """
    task.attempts += 1
    task.executing += 1
    worker.threads_taken += 1
    if worker.config.burst is not None:
        worker.permits -= 1
    if worker.config.burst_of(task.terms.queue) is not None:
        worker.queue_permits[task.terms.queue - 1] -= 1


def _leave(worker: WorkerRecord, task: TaskRecord) -> None:
    task.executing -= 1
    worker.threads_taken -= 1


def _end(task: TaskRecord, reason: Reason = "none") -> None:
    task.reason = reason
    task.overdue = task.attempt_over = False


# A function came back.  Of the six rows from here to Fail exactly one applies.


@_row(
    "TimeOutRetry",
    on_thread,
    late,
    ~times_out_for_good,
    by="function",
    source=("running",),
    target=("retrying",),
    arguments=OUTCOMES,
)
def time_out_retry(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """The attempt took too long, and there will be another; what it returned late is discarded."""
    _leave(worker, task)
    task.attempt_over = False


@_row(
    "TimeOut",
    on_thread,
    late,
    times_out_for_good,
    by="function",
    source=("running",),
    target=("timed_out",),
    arguments=OUTCOMES,
)
def time_out(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It came back too late, and what it returned is discarded."""
    _leave(worker, task)
    _end(task)


@_row(
    "Complete",
    on_thread,
    returned,
    ~late,
    by="function",
    source=("running",),
    target=("completed",),
    arguments=OUTCOMES,
)
def complete(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It did the work, so it is completed, even if it had been asked to stop."""
    _leave(worker, task)
    _end(task)


@_row(
    "AcknowledgeCancel",
    on_thread,
    raised,
    ~late,
    requested,
    by="function",
    source=("running",),
    target=("cancelled",),
    arguments=OUTCOMES,
)
def acknowledge_cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is cancelled, for the reason it was asked; with no request of its own, for the shutdown."""
    _leave(worker, task)
    _end(task, "shutdown" if task.reason == "none" else task.reason)


@_row(
    "Retry",
    on_thread,
    raised,
    ~late,
    ~requested,
    can_retry,
    by="function",
    source=("running",),
    target=("retrying",),
    arguments=OUTCOMES,
)
def retry(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It waits for the next attempt, with its last error kept, and holds neither slot nor permit."""
    _leave(worker, task)


@_row(
    "Fail",
    on_thread,
    raised,
    ~late,
    ~requested,
    ~can_retry,
    by="function",
    source=("running",),
    target=("failed",),
    arguments=OUTCOMES,
)
def fail(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It has failed."""
    _leave(worker, task)
    _end(task)


# --------------------------------------------------------------- the rows: cancellation

_ASKED: tuple[Argument, ...] = ("user", "parent")


def _asked_by(argument: Argument) -> Reason:
    return "parent" if argument == "parent" else "user"


@_row(
    "Cancel",
    ~overdue,
    has_that_reason,
    by="client",
    source=WAITING,
    target=("cancelled",),
    arguments=_ASKED,
)
def cancel(worker: WorkerRecord, task: TaskRecord, why: Argument) -> None:
    """A task that waits, for its time, a retry, a slot or a permit, is cancelled at once, and never runs.

    In any phase.  Nothing was taken for it, so nothing is lost.
    """
    _end(task, _asked_by(why))


@_row("RequestCancel", ~requested, has_that_reason, by="client", source=("running",), arguments=_ASKED)
def request_cancel(worker: WorkerRecord, task: TaskRecord, why: Argument) -> None:
    """A task that runs can only be asked; its status does not change.  The first reason stays."""
    task.reason = _asked_by(why)


@_row("Expire", overdue, source=WAITING, target=("timed_out",))
def expire(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Its deadline passed while it waited: it never runs, or never again."""
    _end(task)


# ------------------------------------------------------------------- the rows: shutdown


@_row("BeginDrain", may_drain, of="worker", by="client", arguments=PENDINGS)
def begin_drain(worker: WorkerRecord, task: TaskRecord, pending: Argument) -> None:
    """Nothing more is admitted, and nothing stays paused.

    Tasks that run, are queued or retry are finished; scheduled ones are cancelled.  With "cancel" only
    what runs is finished.  May be tightened from finish to cancel, never loosened.
    """
    worker.phase = "draining"
    worker.pending = "cancel" if pending == "cancel" else "finish"
    worker.paused.clear()


@_row("StopNow", may_stop, of="worker", by="client")
def stop_now(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """The phase only: one ShutdownCancel for each waiting task follows."""
    worker.phase = "stopping"


@_row("DrainDeadline", draining, of="worker", by="time")
def drain_deadline(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """The drain took longer than it was given: on as after StopNow."""
    worker.phase = "stopping"


@_row("ShutdownCancel", doomed, ~overdue, source=WAITING, target=("cancelled",))
def shutdown_cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It never runs, or never again, because of the shutdown.  Its last error is kept."""
    _end(task, "shutdown")


@_row("GraceSpent", stopping, ~grace_spent, of="worker", by="time")
def spend_grace(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Running functions had the time they were promised."""
    worker.grace_spent = True


@_row("Abandon", stopping, grace_spent, on_thread, source=("running",), target=("abandoned",))
def abandon(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Its outcome is unknown, and the record says so; its function stays on its thread."""
    _end(task)


@_row("LateReturn", on_thread, by="function", source=("abandoned",))
def late_return(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is off its thread at last; its status stays.  In any phase, or never."""
    _leave(worker, task)


@_row("Stopped", shutting_down, no_task_live, of="worker")
def stopped(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Nothing is left but functions that were abandoned, by name."""
    worker.phase = "stopped"


@_row("Evict", off_thread, retention, source=TERMINAL, target=("absent",))
def evict(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is forgotten, and its key is free in the same step.  Which one, and when, says the registry."""
    _end(task)
    task.attempts = 0


# ------------------------------------------------------------------ the rows: operation


@_row("Pause", open_, ~is_paused, a_queue, of="worker", by="client", arguments=None)
def pause(worker: WorkerRecord, task: TaskRecord, which: Argument) -> None:
    """The worker, or a queue, starts nothing until it is resumed or a drain begins."""
    assert isinstance(which, int)  # noqa: S101 - as its arguments say
    worker.paused.add(which)


@_row("Resume", open_, is_paused, of="worker", by="client", arguments=None)
def resume(worker: WorkerRecord, task: TaskRecord, which: Argument) -> None:
    """It starts tasks again."""
    assert isinstance(which, int)  # noqa: S101 - as its arguments say
    worker.paused.discard(which)


@_row("Resize", open_, another_number, of="worker", by="client", arguments=None)
def resize(worker: WorkerRecord, task: TaskRecord, threads: Argument) -> None:
    """Another number of functions may run at once.  What runs, runs on: the number is a guard of Start."""
    assert isinstance(threads, int)  # noqa: S101 - as its arguments say
    worker.threads = threads
    worker.peak = max(worker.peak, threads)


@_row("SetRate", open_, of="worker", by="client")
def set_rate(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Permits accrue at another rate from now on; what was spent stays spent, as the limiter says."""


@_row("SetWeight", open_, of="worker", by="client")
def set_weight(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """A queue has another share of the starts from now on, as the queues say."""


@_row("SetRetention", open_, of="worker", by="client")
def set_retention(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """More or fewer tasks that ended are kept from now on, as the registry says."""


# ------------------------------------------------------------------ the rows: time


@_row("DeadlinePasses", may_expire, ~overdue, by="time", source=LIVE)
def deadline_passes(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """From now on it does not start, and whatever its function brings back is too late."""
    task.overdue = True


@_row("AttemptTimeoutPasses", may_time_out, ~attempt_over, by="time", source=("running",))
def attempt_timeout_passes(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Whatever this attempt brings back is too late."""
    task.attempt_over = True


@_row("PermitAccrues", a_queue, limiter_not_full, of="worker", by="time", arguments=None)
def permit_accrues(worker: WorkerRecord, task: TaskRecord, which: Argument) -> None:
    """A limiter would allow one more start."""
    assert isinstance(which, int)  # noqa: S101 - as its arguments say
    if which == THE_WORKER:
        worker.permits += 1
    else:
        worker.queue_permits[which - 1] += 1


ACTIONS: dict[str, Action] = {row.name: row for row in _rows}
"""The rule, by name, in the order of this file."""
