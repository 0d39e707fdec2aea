"""The rule: every action that a task or the worker may take, when, and what it does.

Everything that decides about the lifecycle is in this file.  Each row below is an
action.  Its decorator reads as the guard: from which statuses a task may come and
which sentences must be true.  Its body is the effect, and `target` is the status the
task has afterwards.  A row that is not here may not happen; the four terminal
statuses appear as a source in one row only, `LateReturn`, which leaves them as they
are.

The rule works on two small records, a task's and the worker's, in place.  Two drivers
use it: `jurat_spec.search` composes the records into whole states and walks them all,
`jurat_spec.replay` applies it to a log of any length.  One rule, two drivers.

What is not here: time.  `DrainDeadline` and `GraceSpent` say what a passing instant
does; `replay` derives from a log when it passed.

Names and rows are those of `tla/Lifecycle.tla`, and a comparison of the two state
graphs, edge by edge, keeps them so.  Prior art for the shape: h11's `_state.py`
(https://github.com/python-hyper/h11), "everything that affects the state machine …
must live here in this file".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Literal

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
    "WAITING",
    "Action",
    "Argument",
    "Config",
    "Guard",
    "TaskRecord",
    "WorkerRecord",
]

Status = Literal["absent", "queued", "running", "completed", "failed", "cancelled", "abandoned"]
Phase = Literal["open", "draining", "stopping", "stopped"]
Reason = Literal["none", "user", "shutdown"]
Pending = Literal["finish", "cancel"]
Argument = str | None

WAITING: tuple[Status, ...] = ("queued",)
LIVE: tuple[Status, ...] = (*WAITING, "running")
TERMINAL: tuple[Status, ...] = ("completed", "failed", "cancelled", "abandoned")
STATUSES: tuple[Status, ...] = ("absent", *LIVE, *TERMINAL)
PHASES: tuple[Phase, ...] = ("open", "draining", "stopping", "stopped")
REASONS: tuple[Reason, ...] = ("none", "user", "shutdown")
PENDINGS: tuple[Pending, ...] = ("finish", "cancel")
OUTCOMES: tuple[str, ...] = ("returned", "raised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a worker was built with."""

    threads: int
    """Functions that may run at once."""
    queue_max: int | None
    """Tasks that may wait at once; None is no limit."""
    tasks: int = 0
    """For the search only: how many tasks are ever submitted."""


# --------------------------------------------------------------------- the records


@dataclass(slots=True, eq=False)
class TaskRecord:
    """What the rule knows of a task."""

    number: int
    """Its place in the order of admission, from 1."""
    status: Status = "absent"
    attempts: int = 0
    """How often it was started."""
    reason: Reason = "none"
    """Why it is asked to cancel or, once cancelled, why it was."""
    executing: int = 0
    """Its functions on threads: a counter, so that a second one would be seen."""


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """What the rule knows of the worker: five fields, three sums over tasks, one order."""

    config: Config
    phase: Phase = "open"
    pending: Pending = "finish"
    """What a drain does with tasks that wait."""
    grace_spent: bool = False
    """After a stop: running functions had the time they were promised."""
    admitted: int = 0
    """The highest admission number given."""

    waiting: int = 0
    live: int = 0
    threads_taken: int = 0
    order: list[tuple[int, TaskRecord]] = field(default_factory=list)
    """A heap of the queued tasks; those that are no longer queued leave when they surface."""

    def count(self, task: TaskRecord, sign: int) -> None:
        """Add a task to the sums over tasks, or with sign -1 take it out."""
        if task.status in WAITING:
            self.waiting += sign
        if task.status in LIVE:
            self.live += sign
        if sign > 0 and task.status == "queued":
            heappush(self.order, (task.number, task))

    def first_queued(self) -> TaskRecord | None:
        """Of the queued tasks, the one that was admitted first."""
        order = self.order
        while order and order[0][1].status != "queued":
            heappop(order)
        return order[0][1] if order else None


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
    target: Status | None
    """For a task's action: its status afterwards; None leaves it as it is."""
    arguments: tuple[Argument, ...]
    outcome: str | None
    """For a function that came back: what it did."""
    guards: tuple[Guard, ...]
    effect: Callable[[WorkerRecord, TaskRecord, Argument], None]
    text: str
    """The effect as a sentence."""

    def label(self, argument: Argument) -> str:
        """The name of this action in a state graph: a refusal names its reason."""
        return self.name + argument.capitalize() if self.name == "Reject" and argument else self.name

    def refusal(self, worker: WorkerRecord, task: TaskRecord, argument: Argument) -> str | None:
        """The first sentence of the guard that is not true, or None if the action may happen."""
        if self.source and task.status not in self.source:
            return f"the task is {' or '.join(self.source)}"
        if argument not in self.arguments:
            return f"the argument is one of {', '.join(str(a) for a in self.arguments)}"
        for guard in self.guards:
            if not guard.test(worker, task, argument):
                return guard.sentence
        return None

    def apply(self, worker: WorkerRecord, task: TaskRecord, argument: Argument) -> None:
        """Carry out the effect.  The caller has checked that `refusal` is None."""
        self.effect(worker, task, argument)
        target = self.target
        if target is not None:
            worker.count(task, -1)
            task.status = target
            worker.count(task, +1)


_rows: list[Action] = []


def _row(
    name: str,
    *when: Guard,
    of: Literal["task", "worker"] = "task",
    by: Literal["client", "worker", "function", "time"] = "worker",
    source: tuple[Status, ...] = (),
    target: Status | None = None,
    arguments: tuple[Argument, ...] = (None,),
    outcome: str | None = None,
) -> Callable[[Callable[[WorkerRecord, TaskRecord, Argument], None]], Action]:
    def add(effect: Callable[[WorkerRecord, TaskRecord, Argument], None]) -> Action:
        action = Action(
            name=name,
            of=of,
            by=by,
            source=source,
            target=target,
            arguments=arguments,
            outcome=outcome,
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


def _is_doomed(worker: WorkerRecord, task: TaskRecord) -> bool:
    if task.status not in WAITING:
        return False
    return worker.phase == "stopping" or (worker.phase == "draining" and worker.pending == "cancel")


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
refused = Guard(
    "the reason is the first that applies of closed, full",
    lambda w, t, x: x == ("closed" if w.phase != "open" else "full" if not _has_room(w) else None),
)
doomed = Guard(
    "the shutdown has decided that it will not run",
    lambda w, t, x: _is_doomed(w, t),
    "no shutdown has decided that it will not run",
)
first = Guard("it is the queued task that was admitted first", lambda w, t, x: w.first_queued() is t)
slot = Guard("a slot is free", lambda w, t, x: w.threads_taken < w.config.threads)
on_thread = Guard("its function is on a thread", lambda w, t, x: t.executing > 0)
requested = Guard(
    "it was asked to come back early",
    lambda w, t, x: _is_requested(w, t),
    "it was not asked to come back early",
)
grace_spent = Guard("the grace is over", lambda w, t, x: w.grace_spent, "the grace is not over")
no_task_live = Guard("no task is live", lambda w, t, x: w.live == 0)


# ------------------------------------------------------------------ the rows: admission


@_row("Submit", open_, room, next_number, by="client", source=("absent",), target="queued")
def submit(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is admitted, with the next number, and waits."""
    worker.admitted = task.number


@_row("Reject", refused, of="worker", by="client", arguments=("closed", "full"))
def reject(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Nothing changes; the caller gets a typed error."""


# ------------------------------------------------------------------ the rows: execution


@_row("Start", ~doomed, first, slot, source=("queued",), target="running")
def start(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """One more attempt, its function on a thread.  Slot and task meet in this one step."""
    task.attempts += 1
    task.executing += 1
    worker.threads_taken += 1


def _leave(worker: WorkerRecord, task: TaskRecord) -> None:
    task.executing -= 1
    worker.threads_taken -= 1


@_row("Complete", on_thread, by="function", source=("running",), target="completed", outcome="returned")
def complete(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It did the work, so it is completed, even if it had been asked to stop."""
    _leave(worker, task)
    task.reason = "none"


@_row(
    "AcknowledgeCancel",
    on_thread,
    requested,
    by="function",
    source=("running",),
    target="cancelled",
    outcome="raised",
)
def acknowledge_cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is cancelled, for the reason it was asked; with no request of its own, for the shutdown."""
    _leave(worker, task)
    if task.reason == "none":
        task.reason = "shutdown"


@_row("Fail", on_thread, ~requested, by="function", source=("running",), target="failed", outcome="raised")
def fail(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It has failed."""
    _leave(worker, task)


# --------------------------------------------------------------- the rows: cancellation


@_row("Cancel", by="client", source=WAITING, target="cancelled")
def cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """A task that waits is cancelled at once and never runs."""
    task.reason = "user"


@_row("RequestCancel", ~requested, by="client", source=("running",))
def request_cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """A task that runs can only be asked; its status does not change."""
    task.reason = "user"


# ------------------------------------------------------------------- the rows: shutdown


@_row("BeginDrain", may_drain, of="worker", by="client", arguments=PENDINGS)
def begin_drain(worker: WorkerRecord, task: TaskRecord, pending: Argument) -> None:
    """Nothing more is admitted.  May be tightened from finish to cancel, never loosened."""
    worker.phase = "draining"
    worker.pending = "cancel" if pending == "cancel" else "finish"


@_row("StopNow", may_stop, of="worker", by="client")
def stop_now(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """The phase only: one ShutdownCancel for each waiting task follows."""
    worker.phase = "stopping"


@_row("DrainDeadline", draining, of="worker", by="time")
def drain_deadline(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """The drain took longer than it was given: on as after StopNow."""
    worker.phase = "stopping"


@_row("ShutdownCancel", doomed, source=WAITING, target="cancelled")
def shutdown_cancel(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It never runs, because of the shutdown."""
    task.reason = "shutdown"


@_row("GraceSpent", stopping, ~grace_spent, of="worker", by="time")
def spend_grace(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Running functions had the time they were promised."""
    worker.grace_spent = True


@_row("Abandon", stopping, grace_spent, on_thread, source=("running",), target="abandoned")
def abandon(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Its outcome is unknown, and the record says so; its function stays on its thread."""
    task.reason = "none"


@_row("LateReturn", on_thread, by="function", source=("abandoned",))
def late_return(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """It is off its thread at last; its status stays."""
    _leave(worker, task)


@_row("Stopped", shutting_down, no_task_live, of="worker")
def stopped(worker: WorkerRecord, task: TaskRecord, _: Argument) -> None:
    """Nothing is left but functions that were abandoned, by name."""
    worker.phase = "stopped"


ACTIONS: dict[str, Action] = {row.name: row for row in _rows}
"""The rule, by name, in the order of this file."""
