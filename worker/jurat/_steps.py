"""The steps: every change of shared state, one function and one locked section each.

A step is a row of the rule, or two or three that meet (`turn` records that a function
returned, forgets the oldest task that ended, and starts the next one).  Inside the section
the event is appended first and the change made visible after it, a task's status last of
all; so the log's order is the order of the steps.  No section waits, does I/O or calls
anything that belongs to a user.

A section contains **no call and no loop, makes no container**, and lets go of nothing that
is a user's; a test of the source says so.  CPython gives up the interpreter lock, runs
signal handlers and, from 3.12 on, collects garbage only at calls and backward jumps; up to
3.11 it collects garbage, and with it runs anybody's finalizers, wherever a tuple, a list or
an iterator is made.  A thread that lost the interpreter inside a section would start a
convoy; a handler or a finalizer that submits while its own thread is in a section would
wait for itself for ever.  So what a section appends is made before it and completed inside,
what it takes out is dropped after it, and what needs a loop takes a step for each turn.
Lines that a function would hold elsewhere (the clock that never goes back, the counts and
the waiters of an end) stand in each section for the same reason.

What needs calls is done outside and brought to a step, which looks whether it is still
true: whoever chooses a task among many brings it to `start`, with what it has seen; a
batch brings its numbers to `admit_all`; a sweep brings a shorter lane to `swept`.  Whoever
chooses or writes a batch remembers `admitted` and `changes` first and looks at the rest
without the lock, and the step compares the two.  So a section moves them when everything
else that such a look depends on has been written: moved earlier, they could be remembered
together with what was there before, and nobody would look again.

A step returns the gates that its caller opens after it has left the section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import FOREVER
from ._states import Cancelling, Pending, Phase, Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._batch import Batch
    from ._choose import Choice, Limiter, QueueState
    from ._core import Core, Extras, Label, Latch, Seat, TaskState
    from ._events import Event
    from ._opening import Ended
    from ._policies import Rate
    from ._results import Subscription
    from ._retries import Verdict
    from ._runtime import Gate

__all__ = [
    "abandon",
    "add_label",
    "admit",
    "admit_all",
    "attend",
    "become_due",
    "begin_drain",
    "call_at_end",
    "call_at_trip",
    "call_follower",
    "call_herald",
    "call_scribe",
    "cancel",
    "claim_follower",
    "claim_herald",
    "claim_start",
    "come_back",
    "copy_tallies",
    "cut_log",
    "enrol",
    "enrol_for_end",
    "enrol_for_room",
    "enrol_for_trip",
    "evict",
    "expire",
    "found",
    "give_back_follower",
    "give_back_herald",
    "give_back_seat",
    "give_back_start",
    "give_up",
    "hear",
    "nudge",
    "park",
    "pass_latch",
    "pause",
    "peek",
    "post",
    "relay",
    "remind",
    "resize",
    "rest",
    "resume",
    "ring",
    "set_rate",
    "set_retention",
    "set_weight",
    "shutdown_cancel",
    "skip",
    "start",
    "stop_now",
    "subscribe",
    "swept",
    "take_calls",
    "take_inbox",
    "take_log",
    "take_relay",
    "take_seat",
    "trip",
    "turn",
]

SCHEDULED, QUEUED, RUNNING, RETRYING = Status.SCHEDULED, Status.QUEUED, Status.RUNNING, Status.RETRYING
COMPLETED, FAILED, CANCELLED = Status.COMPLETED, Status.FAILED, Status.CANCELLED
TIMED_OUT, ABANDONED = Status.TIMED_OUT, Status.ABANDONED
OPEN, DRAINING, STOPPING, STOPPED = Phase.OPEN, Phase.DRAINING, Phase.STOPPING, Phase.STOPPED
USER, PARENT, SHUTDOWN = Reason.USER, Reason.PARENT, Reason.SHUTDOWN
NOW_CANCELLED, REQUESTED, HAD_ENDED = Cancelling.CANCELLED, Cancelling.REQUESTED, Cancelling.ENDED

# The columns of `_core.COLUMNS` that a label does not write out.
AT_SCHEDULED, AT_QUEUED, AT_RUNNING, AT_RETRYING = 0, 1, 2, 3
AT_COMPLETED, AT_FAILED, AT_CANCELLED, AT_TIMED_OUT, AT_ABANDONED, AT_RETRIES = 4, 5, 6, 7, 8, 9
NO_ROW = (0,) * 10

NO_GATES: tuple[Gate, ...] = ()
FRONT = 4096
FRONT_OF_LIST = slice(0, FRONT)
"""Places that are cut off a list at once, when as many tasks have been taken from its head."""
TOMBS = 1024
"""Tasks that ended in the lane, and may stay in it whatever its length."""
WHOLE = slice(None)


# ------------------------------------------------------------------ from a caller's thread


def admit(
    core: Core,
    task: TaskState,
    detail: dict[str, Any],
    now: int,
    patient: bool,  # noqa: FBT001
) -> tuple[str | None, TaskState | None, Gate | None, Gate | None]:
    """Submit, Attach or Reject.

    Returns the reason of a refusal, the task that is the answer if it is another one, and the
    gates of a thread and of the steward to wake.  Somebody who is patient gets the reason
    "full" without being rejected.
    """
    log = core.log
    label = task._label
    extras = task._extras
    refusal: str | None = None
    other: Any = None
    wake = steward = None
    entry = (task,)
    event: Any = None
    record: Any = None
    if log is not None:
        event = [now, "Submit", 0, 0, detail]
        record = (event,)
    due: Any = None
    over: Any = None
    alarms: Any = None
    soonest = FOREVER
    ready = True
    if extras is not None:
        due, over, alarms, soonest = _alarms_of(extras)
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if extras is not None and extras.key is not None and extras.key in core.keys:
            other = core.keys[extras.key]
            if other._extras.fingerprint != extras.fingerprint:
                other = None
                refusal = "key_conflict"
        elif core.phase is not OPEN:
            refusal = "closed"
        elif extras is not None and extras.id is not None and extras.id in core.ids:
            refusal = "id_used"
        elif core.waiting >= core.queue_max:
            refusal = "full"
        if other is not None:
            if log is not None:
                event[0] = now
                event[1] = "Attach"
                event[4] = other._number
                log += record
        elif refusal is not None:
            if refusal != "full" or not patient:
                core.rejected += 1
                if log is not None:
                    event[0] = now
                    event[1] = "Reject"
                    event[4] = refusal
                    log += record
        else:
            number = core.admitted + 1
            if log is not None:
                event[0] = now
                event[2] = number
                log += record
            task._number = number
            core.registry[number] = task
            core.waiting += 1
            task._submitted_ns = now
            if extras is None:
                core.tallies[label.queued] += 1
                task._status = QUEUED
                core.lane += entry
                core.tail += 1
            else:
                if extras.id is not None:
                    core.ids[extras.id] = task
                if extras.key is not None:
                    core.keys[extras.key] = task
                due[1] = over[1] = number
                if extras.due_ns > now:
                    core.tallies[label.base + AT_SCHEDULED] += 1
                    core.scheduled += 1
                    task._status = SCHEDULED
                    ready = False
                else:
                    core.tallies[label.queued] += 1
                    task._status = QUEUED
                    if extras.special:
                        core.inbox += entry
                        core.specials += 1
                        core.direct = False
                    else:
                        core.lane += entry
                        core.tail += 1
                core.alarms += alarms
                core.unseen += 1
                if soonest < core.steward_until_ns or core.unseen > FRONT:
                    steward = core.steward
                    core.steward = None
            core.admitted = number
            idle = core.idle
            if ready and idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return refusal, other, wake, steward


def _alarms_of(extras: Extras) -> tuple[list[int], list[int], tuple[list[int], ...], int]:
    """A task's alarms, to be numbered: for its time, for its deadline, those that it has, the sooner."""
    due, over = [extras.due_ns, 0], [extras.deadline_ns, 0]
    if extras.deadline_ns == FOREVER:
        return (due, over, (due,), extras.due_ns) if extras.due_ns else (due, over, (), FOREVER)
    if extras.due_ns:
        return due, over, (due, over), min(extras.due_ns, extras.deadline_ns)
    return due, over, (over,), extras.deadline_ns


def admit_all(core: Core, batch: Batch, now: int) -> tuple[bool, str | None, Gate | None, Gate | None]:
    """Submit for each task of a batch, or one Reject.

    The numbers and the instant stand in the batch already, so it is admitted only if nobody was
    admitted and nothing has happened since they were written; and refused for an id only if that
    is still taken.  Returns whether there is an
    answer, the reason of a refusal, and the gates of a thread and of the steward to wake.
    """
    log = core.log
    event = [now, "Reject", 0, 0, None]
    record = (event,)
    of_room = ("full", batch.size)
    refusal: str | None = None
    wake = steward = None
    with core.lock:
        answered = core.admitted == batch.admitted and (batch.id_used is None or batch.id_used in core.ids)
        if answered:
            if core.phase is not OPEN:
                refusal = "closed"
            elif batch.id_used is not None:
                refusal = "id_used"
            elif core.waiting + batch.size > core.queue_max:
                refusal = "full"
            if refusal is not None:
                if now < core.last_ns:
                    now = core.last_ns
                else:
                    core.last_ns = now
                core.rejected += 1
                if log is not None:
                    event[0] = now
                    event[4] = of_room if refusal == "full" else refusal
                    log += record
            elif batch.now < core.last_ns:
                answered = False
            else:
                core.last_ns = batch.now
                if log is not None:
                    log += batch.records
                core.registry |= batch.registry
                core.ids |= batch.ids
                core.waiting += batch.size
                core.tallies[batch.row] += batch.size
                core.lane += batch.lane
                core.tail += batch.in_lane
                core.scheduled += batch.scheduled
                if batch.in_inbox:
                    core.inbox += batch.inbox
                    core.specials += batch.in_inbox
                    core.direct = False
                core.alarms += batch.alarms
                core.admitted += batch.size
                if batch.soonest < core.steward_until_ns:
                    steward = core.steward
                    core.steward = None
                idle = core.idle
                if idle and not core.waking:
                    core.waking = True
                    wake = idle[-1]
                    del idle[-1]
    return answered, refusal, wake, steward


def enrol_for_room(core: Core, gate: Gate) -> bool:
    """Somebody will wait until fewer tasks wait.  False if there is room, or the worker is closed."""
    entry = (gate,)
    with core.lock:
        crowded = core.phase is OPEN and core.waiting >= core.queue_max
        if crowded:
            core.room += entry
            core.direct = False
    return crowded


def cancel(
    core: Core, task: TaskState, reason: Reason, actor: str | None, now: int
) -> tuple[Cancelling, Ended]:
    """Cancel a task that waits, ask one that runs.

    If the deadline of one that waits has passed, it expires instead.  Returns what was done, and
    gates: of those who wait for it, of the steward, of those who wait for room.
    """
    log = core.log
    entry = (task,)
    event = [now, "Cancel", task._number, 0, (reason.value, actor)]
    record = (event,)
    gates: Iterable[Any] = NO_GATES
    room: Iterable[Gate] = NO_GATES
    crowd: list[Gate] = []
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        status = task._status
        extras = task._extras  # of one that retries they may be new
        if status is QUEUED or status is SCHEDULED or status is RETRYING:
            tallies = core.tallies
            base = task._label.base
            if extras is not None and extras.deadline_ns <= now:
                event[1] = "Expire"
                event[4] = None
                answer = HAD_ENDED
                tallies[base + AT_TIMED_OUT] += 1
            else:
                answer = NOW_CANCELLED
                tallies[base + AT_CANCELLED] += 1
            if log is not None:
                event[0] = now
                event[3] = task._attempts
                log += record
            if status is QUEUED:
                tallies[base + AT_QUEUED] -= 1
                if extras is not None and extras.special:
                    core.specials -= 1
                    core.lost += 1
                else:
                    core.tombs += 1
            elif status is SCHEDULED:
                tallies[base + AT_SCHEDULED] -= 1
                core.scheduled -= 1
            else:
                tallies[base + AT_RETRYING] -= 1
            core.waiting -= 1
            core.ended += 1
            core.kept += entry
            core.kept_count += 1
            if core.subscribed:
                core.outbox += entry
            if core.room:
                room = core.room
                core.room = crowd
            core.direct = core.starting and not (core.gated or core.held or core.specials or core.surplus)
            if core.phase is not OPEN:
                core.ended_in_shutdown += entry
                if core.ended == core.admitted:
                    steward = core.steward
                    core.steward = None
            elif core.lost > TOMBS + core.specials or (
                core.tombs > TOMBS and core.tombs + core.tombs > core.tail - core.head
            ):
                steward = core.steward
                core.steward = None
            task._ended_ns = now
            if answer is NOW_CANCELLED:
                task._reason = reason
                task._status = CANCELLED
            else:
                task._status = TIMED_OUT
            core.changes += 1
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
        elif status is RUNNING:
            answer = REQUESTED
            if task._reason is None and core.phase is not STOPPING:
                if log is not None:
                    event[0] = now
                    event[1] = "RequestCancel"
                    event[3] = task._attempts
                    log += record
                task._reason = reason
                latch = task._tripped
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
        elif status is CANCELLED:
            answer = NOW_CANCELLED
        else:
            answer = HAD_ENDED
    return answer, (gates, steward, room)


def begin_drain(
    core: Core, pending: Pending, deadline_ns: int | None, actor: str | None, now: int
) -> tuple[Gate | None, Gate | None, Iterable[Gate]]:
    """BeginDrain, unless it would change nothing or loosen a drain.

    Returns gates: of the steward, of a thread, of those who wait for room.
    """
    log = core.log
    to_cancel = pending is Pending.CANCEL
    event = [now, "BeginDrain", 0, 0, (pending.value, deadline_ns, actor)]
    record = (event,)
    room: Iterable[Gate] = NO_GATES
    crowd: list[Gate] = []
    steward = wake = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        phase = core.phase
        if phase is OPEN or (phase is DRAINING and to_cancel and not core.pending_cancel):
            if log is not None:
                event[0] = now
                log += record
            if deadline_ns is not None:
                over = now + deadline_ns
                if core.drain_over_ns is None or over < core.drain_over_ns:
                    core.drain_over_ns = over
            if to_cancel:
                core.pending_cancel = True
                core.starting = False
            core.held = False
            if to_cancel or core.scheduled:
                core.sweeping = True
            room = core.room
            core.room = crowd
            core.direct = core.starting and not (core.gated or core.specials or core.surplus)
            core.phase = DRAINING
            core.changes += 1
            steward = core.steward
            core.steward = None
            idle = core.idle
            if idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return steward, wake, room


def stop_now(core: Core, actor: str | None, now: int) -> tuple[Gate | None, Iterable[Gate]]:
    """StopNow: the phase only; the steward does the rest.  Returns its gate, and those who wait for room."""
    log = core.log
    event = [now, "StopNow", 0, 0, actor]
    record = (event,)
    room: Iterable[Gate] = NO_GATES
    crowd: list[Gate] = []
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.phase is OPEN or core.phase is DRAINING:
            if log is not None:
                event[0] = now
                log += record
            core.grace_over_ns = now + core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            room = core.room
            core.room = crowd
            core.phase = STOPPING
            steward = core.steward
            core.steward = None
    return steward, room


# ------------------------------------------------------------ operation, by a caller's thread


def pause(core: Core, queue: QueueState | None, now: int) -> bool:
    """Pause the worker or a queue.  Returns whether the worker was open."""
    log = core.log
    event = [now, "Pause", 0, 0, None if queue is None else queue.name]
    record = (event,)
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open:
            paused = core.paused if queue is None else queue.paused
            if not paused:
                if log is not None:
                    event[0] = now
                    log += record
                if queue is None:
                    core.paused = True
                else:
                    queue.paused = True
                core.changes += 1
                if queue is None or queue.index == 0:
                    core.held = True
                    core.direct = False
    return is_open


def resume(core: Core, queue: QueueState | None, first: QueueState, now: int) -> tuple[bool, Gate | None]:
    """Resume the worker or a queue.  Returns whether the worker was open, and a thread's gate."""
    log = core.log
    event = [now, "Resume", 0, 0, None if queue is None else queue.name]
    record = (event,)
    wake = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open:
            paused = core.paused if queue is None else queue.paused
            if paused:
                if log is not None:
                    event[0] = now
                    log += record
                if queue is None:
                    core.paused = False
                else:
                    queue.paused = False
                core.changes += 1
                core.held = core.paused or first.paused
                core.direct = core.starting and not (
                    core.gated or core.held or core.specials or core.surplus or core.room
                )
                idle = core.idle
                if idle and not core.waking:
                    core.waking = True
                    wake = idle[-1]
                    del idle[-1]
    return is_open, wake


def resize(core: Core, threads: int, now: int) -> tuple[bool, Gate | None]:
    """Resize: the number; the steward sees to the threads.  Returns whether it was open, and its gate."""
    log = core.log
    event = [now, "Resize", 0, 0, threads]
    record = (event,)
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open and threads != core.threads_wanted:
            if log is not None:
                event[0] = now
                log += record
            core.threads_wanted = threads
            core.resized = True
            core.surplus = core.seated - threads if core.seated > threads else 0
            core.changes += 1
            core.direct = core.starting and not (
                core.gated or core.held or core.specials or core.surplus or core.room
            )
            steward = core.steward
            core.steward = None
    return is_open, steward


def set_rate(
    core: Core, limiter: Limiter, queue: QueueState | None, rate: Rate | None, now: int
) -> tuple[bool, Gate | None]:
    """SetRate: the order is left for whoever chooses.  Returns whether it was open, and a thread's gate."""
    log = core.log
    event = [now, "SetRate", 0, 0, (None if queue is None else queue.name, None if rate is None else [*rate])]
    record = (event,)
    order: Any = [limiter, rate, 0]
    orders = (order,)
    wake = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open:
            if log is not None:
                event[0] = now
                log += record
            order[2] = now
            core.orders += orders
            core.changes += 1
            if queue is None or queue.index == 0:
                core.gated = True
                core.direct = False
            idle = core.idle
            if idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return is_open, wake


def set_weight(core: Core, queue: QueueState, weight: int, now: int) -> bool:
    """SetWeight.  Returns whether the worker was open."""
    log = core.log
    event = [now, "SetWeight", 0, 0, (queue.name, weight)]
    record = (event,)
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open:
            if log is not None:
                event[0] = now
                log += record
            queue.weight = weight
            core.changes += 1
    return is_open


def set_retention(
    core: Core, keep: int, keep_ns: int | None, detail: tuple[Any, Any], now: int
) -> tuple[bool, Gate | None]:
    """SetRetention.  Returns whether the worker was open, and the steward's gate."""
    log = core.log
    event = [now, "SetRetention", 0, 0, detail]
    record = (event,)
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        is_open = core.phase is OPEN
        if is_open:
            if log is not None:
                event[0] = now
                log += record
            core.keep = keep
            core.keep_ns = keep_ns
            steward = core.steward
            core.steward = None
    return is_open, steward


def add_label(core: Core, label: Label) -> Label:
    """Give a label its row of counters.  Returns the one that counts: another may have been first."""
    labels = label.queue.labels
    entry = (label,)
    with core.lock:
        if label.name in labels:
            label = labels[label.name]
        else:
            base = core.width
            core.width = base + 10
            core.tallies += NO_ROW
            label.base = base
            label.queued = base + AT_QUEUED
            label.running = base + AT_RUNNING
            label.completed = base + AT_COMPLETED
            core.tally_rows += entry  # last: a snapshot goes through the rows without the lock
            labels[label.name] = label
    return label


def copy_tallies(core: Core, copy: list[int]) -> tuple[int, int, Phase, int]:
    """Fill a list with all counters, of one instant.

    Returns how many were rejected, how many that ended are remembered, the phase, and the threads.
    """
    with core.lock:
        copy[WHOLE] = core.tallies
        rejected = core.rejected
        remembered = core.kept_count
        phase = core.phase
        threads = core.threads_wanted
    return rejected, remembered, phase, threads


def claim_start(core: Core) -> bool:
    """Whether the caller is the one who spawns the threads.  True once."""
    with core.lock:
        mine = not core.started
        core.started = True
    return mine


def give_back_start(core: Core) -> None:
    """No thread could be spawned: somebody may try again."""
    with core.lock:
        core.started = False


def pass_latch(core: Core, latch: Latch) -> list[Gate]:
    """The latch is over; returns the gates of those who wait for it."""
    with core.lock:
        latch.over = True
    return latch.gates


def enrol(core: Core, latch: Latch, gate: Gate) -> Gate | None:
    """A thread will wait for the latch.  Returns the gate to wait at; None if it is over."""
    entry = (gate,)
    with core.lock:
        spare = latch.spare
        if latch.over:
            return None
        if spare:
            gate = spare[-1]
            del spare[-1]
        else:
            latch.gates += entry
    return gate


def enrol_for_end(core: Core, task: TaskState, fresh: Latch, gate: Gate) -> tuple[Latch, Gate | None]:
    """As `enrol`, for the end of a task, whose latch is made when the first one waits."""
    entry = (gate,)
    at: Gate | None = gate
    latch = fresh
    with core.lock:
        status = task._status
        if status is QUEUED or status is RUNNING or status is SCHEDULED or status is RETRYING:
            if task._ended is None:
                task._ended = fresh
            latch = task._ended
            spare = latch.spare
            if spare:
                at = spare[-1]
                del spare[-1]
            else:
                latch.gates += entry
        else:
            at = None
    return latch, at


def call_at_end(core: Core, task: TaskState, fresh: Latch, callback: Any) -> bool:
    """Somebody, who has a method `open`, is to be told when the task has ended.  False if it has."""
    entry = (callback,)
    with core.lock:
        status = task._status
        live = status is QUEUED or status is RUNNING or status is SCHEDULED or status is RETRYING
        if live:
            if task._ended is None:
                task._ended = fresh
            task._ended.gates += entry
    return live


def enrol_for_trip(core: Core, task: TaskState, fresh: Latch, gate: Gate) -> tuple[Latch, Gate | None]:
    """As `enrol`, for the moment when a running task is asked to come back."""
    entry = (gate,)
    at: Gate | None = gate
    latch = fresh
    with core.lock:
        if task._reason is not None or core.phase is STOPPING or core.phase is STOPPED:
            at = None
        else:
            if task._tripped is None:
                task._tripped = fresh
            latch = task._tripped
            spare = latch.spare
            if spare:
                at = spare[-1]
                del spare[-1]
            else:
                latch.gates += entry
    return latch, at


def call_at_trip(core: Core, task: TaskState, fresh: Latch, callback: Any) -> bool:
    """Somebody, who has a method `open`, is to be told when a running task is asked to come back.

    False if it has been.  Nobody's spare gate will do: it is the callback that must be opened.
    """
    entry = (callback,)
    with core.lock:
        asked = task._reason is not None or core.phase is STOPPING or core.phase is STOPPED
        if not asked:
            if task._tripped is None:
                task._tripped = fresh
            task._tripped.gates += entry
    return not asked


def give_up(core: Core, latch: Latch, gate: Gate) -> bool:
    """A waiter's timeout has passed.  Returns whether the latch is over all the same."""
    entry = (gate,)
    with core.lock:
        over = latch.over
        if not over:
            latch.spare += entry
    return over


def remind(core: Core) -> Gate | None:
    """A task has ended, and will be forgotten by age.  Returns the steward's gate, if it sleeps too long."""
    steward = None
    with core.lock:
        if core.kept_count and core.keep_ns is not None:
            forget_ns = core.kept[core.kept_head]._ended_ns + core.keep_ns
            if forget_ns < core.steward_until_ns:
                steward = core.steward
                core.steward = None
    return steward


def evict(core: Core, now: int) -> tuple[bool, TaskState | None]:
    """Evict, if more tasks that ended are known than are to be kept, or the first has been for too long.

    Returns whether there may be another, and the task that was forgotten, to be let go outside.
    An abandoned task whose function is still on its thread stays, and so do those after it.
    """
    log = core.log
    event = [now, "Evict", 0, 0, None]
    record = (event,)
    oldest: TaskState | None = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.kept_count and core.phase is not STOPPED:
            head = core.kept_head
            kept = core.kept
            oldest = kept[head]
            keep_ns = core.keep_ns
            over = core.kept_count > core.keep or (keep_ns is not None and now - oldest._ended_ns >= keep_ns)
            if not over or oldest._status is ABANDONED:
                oldest = None
            else:
                number = oldest._number
                if log is not None:
                    event[0] = now
                    event[2] = number
                    event[3] = oldest._attempts
                    log += record
                kept[head] = None
                core.kept_head = head + 1
                core.kept_count -= 1
                if head >= FRONT:
                    del kept[FRONT_OF_LIST]
                    core.kept_head -= FRONT
                extras = oldest._extras
                if extras is not None:
                    if extras.id is not None:
                        del core.ids[extras.id]
                    if extras.key is not None:
                        del core.keys[extras.key]
                del core.registry[number]
    return oldest is not None, oldest


# -------------------------------------------------------------------- from a worker thread


def turn(
    core: Core, seat: Seat, value: object, now: int
) -> tuple[TaskState | None, Iterable[Any] | None, Gate | None]:
    """Record that this seat's function returned in time, and start the next task: one step.

    Complete, or LateReturn; Evict, if there is one too many; Start, or park.  Returns the task
    to run, or None; those who wait for the end of the last one; and one more gate.  If the lane
    may not be taken from, the thread goes on to choose; if its head had ended there, the thread
    comes again.  `now` was read right after the function came back.
    """
    log = core.log
    done = seat.task
    gates: Iterable[Any] | None = None
    last: tuple[Any] = (done,)
    task: Any = None
    oldest: Any = None
    wake = None
    ended: Any = None
    evicted: Any = None
    started: Any = None
    of_end: Any = None
    of_evict: Any = None
    of_start: Any = None
    if log is not None:
        ended = [now, "Complete", 0, 0, now]
        evicted = [now, "Evict", 0, 0, None]
        started = [now, "Start", 0, 0, None]
        of_end, of_evict, of_start = (ended,), (evicted,), (started,)
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if seat.parked:
            seat.parked = False
            core.waking = False
        tallies = core.tallies
        if done is not None:
            seat.task = None
            abandoned = done._status is ABANDONED
            if log is not None:
                ended[0] = now
                ended[2] = done._number
                ended[3] = done._attempts
                if abandoned:
                    ended[1] = "LateReturn"
                log += of_end
            if not abandoned:
                label = done._label
                tallies[label.running] -= 1
                tallies[label.completed] += 1
                core.ended += 1
                if core.phase is not OPEN:
                    core.ended_in_shutdown += last
                    if core.ended == core.admitted:
                        wake = core.steward
                        core.steward = None
                if not core.direct:
                    extras = done._extras
                    if extras is not None and extras.freed:
                        core.freed += extras.freed
                        core.changes += 1
                    elif core.capped:
                        core.changes += 1
                if core.subscribed:
                    core.outbox += last
                kept = core.kept
                kept += last
                kept_count = core.kept_count + 1
                if kept_count > core.keep:
                    head = core.kept_head
                    oldest = kept[head]
                    if oldest._status is not ABANDONED:
                        kept_count -= 1
                        number = oldest._number
                        if log is not None:
                            evicted[0] = now
                            evicted[2] = number
                            evicted[3] = oldest._attempts
                            log += of_evict
                        extras = oldest._extras
                        if extras is not None:
                            if extras.id is not None:
                                del core.ids[extras.id]
                            if extras.key is not None:
                                del core.keys[extras.key]
                        del core.registry[number]
                        kept[head] = None
                        core.kept_head = head + 1
                        if head >= FRONT:
                            del kept[FRONT_OF_LIST]
                            core.kept_head -= FRONT
                core.kept_count = kept_count
                done._value = value
                done._reason = None
                done._ended_ns = now
                done._status = COMPLETED
                latch = done._ended
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
        if core.direct:
            head = core.head
            if head == core.tail:
                seat.parked = True
                core.idle += seat.entry
            else:
                lane = core.lane
                first = lane[head]
                extras = first._extras
                if extras is not None and extras.deadline_ns <= now and first._status is QUEUED:
                    core.direct = False
                else:
                    lane[head] = None
                    core.head = head + 1
                    if first._status is not QUEUED:
                        core.tombs -= 1
                    else:
                        task = first
                        attempts = task._attempts + 1
                        if log is not None:
                            started[0] = now
                            started[2] = task._number
                            started[3] = attempts
                            log += of_start
                        label = task._label
                        tallies[label.queued] -= 1
                        tallies[label.running] += 1
                        core.waiting -= 1
                        seat.task = task
                        task._attempts = attempts
                        task._started_ns = now
                        if extras is not None:
                            extras.attempt_end_ns = now + extras.timeout_ns
                        task._status = RUNNING
                        idle = core.idle
                        if idle and core.head != core.tail and not core.waking and wake is None:
                            core.waking = True
                            wake = idle[-1]
                            del idle[-1]
                    if head >= FRONT:
                        del lane[FRONT_OF_LIST]
                        core.head -= FRONT
                        core.tail -= FRONT
    return task, gates, wake


def come_back(
    core: Core, seat: Seat, error: BaseException | None, verdict: Verdict, now: int
) -> tuple[Iterable[Any], Gate | None]:
    """Record that this seat's function raised, or came back too late.

    One of TimeOutRetry, TimeOut, AcknowledgeCancel, Retry, Fail and LateReturn.  Returns the
    gates of those who wait for the end, and of the steward.
    """
    log = core.log
    done: Any = seat.task
    extras = done._extras
    failure = None if error is None else type(error).__name__
    event: list[Any] = [now, "Fail", done._number, done._attempts, None]
    record = (event,)
    entry = (done,)
    next_ns: Any = verdict.next_ns
    alarm = ([next_ns, done._number],)
    of_time = (failure, now, verdict.next_ns)
    of_failure = (failure, now, verdict.retryable, verdict.next_ns)
    of_user, of_parent, of_shutdown = (
        ("user", now, failure),
        ("parent", now, failure),
        ("shutdown", now, failure),
    )
    returned = now
    gates: Iterable[Any] = NO_GATES
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        event[0] = now
        seat.task = None
        status = done._status
        reason = done._reason
        requested = reason is not None or core.phase is STOPPING
        if extras is not None and extras.freed:
            core.freed += extras.freed
            core.changes += 1
        elif core.capped:
            core.changes += 1
        if status is ABANDONED:
            event[1] = "LateReturn"
            event[4] = returned
        elif verdict.late:
            event[4] = of_time
            if verdict.retrying and not requested:
                event[1] = "TimeOutRetry"
                status = RETRYING
            else:
                event[1] = "TimeOut"
                status = TIMED_OUT
                reason = None
        elif requested:
            event[1] = "AcknowledgeCancel"
            status = CANCELLED
            if reason is USER:
                event[4] = of_user
            elif reason is PARENT:
                event[4] = of_parent
            else:
                event[4] = of_shutdown
                reason = SHUTDOWN
        elif verdict.retrying:
            event[1] = "Retry"
            event[4] = of_time
            status = RETRYING
        else:
            event[1] = "Fail"
            event[4] = of_failure
            status = FAILED
        if log is not None:
            log += record
        if status is not ABANDONED:
            tallies = core.tallies
            base = done._label.base
            tallies[base + AT_RUNNING] -= 1
            done._error = error
            if status is RETRYING:
                tallies[base + AT_RETRYING] += 1
                tallies[base + AT_RETRIES] += 1
                core.waiting += 1
                extras.due_ns = next_ns
                core.alarms += alarm
                if not core.starting:  # a drain that finishes what waits has nothing to cancel here
                    core.sweeping = True
                if not core.starting or next_ns < core.steward_until_ns:
                    steward = core.steward
                    core.steward = None
                done._status = RETRYING
            else:
                if status is FAILED:
                    tallies[base + AT_FAILED] += 1
                elif status is CANCELLED:
                    tallies[base + AT_CANCELLED] += 1
                else:
                    tallies[base + AT_TIMED_OUT] += 1
                core.ended += 1
                core.kept += entry
                core.kept_count += 1
                if core.subscribed:
                    core.outbox += entry
                if core.phase is not OPEN:
                    core.ended_in_shutdown += entry
                    if core.ended == core.admitted:
                        steward = core.steward
                        core.steward = None
                done._ended_ns = now
                done._reason = reason
                done._status = status
                latch = done._ended
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
    return gates, steward


def take_inbox(core: Core) -> tuple[list[TaskState], list[str], list[Any]]:
    """What was left for whoever chooses: tasks, concurrency keys that were freed, new rates."""
    no_tasks: list[TaskState] = []
    no_keys: list[str] = []
    no_orders: list[Any] = []
    with core.lock:
        tasks = core.inbox
        core.inbox = no_tasks
        freed = core.freed
        core.freed = no_keys
        orders = core.orders
        core.orders = no_orders
    return tasks, freed, orders


def start(core: Core, seat: Seat, choice: Choice, now: int) -> tuple[bool, Gate | None, Iterable[Gate]]:
    """Start the task that was chosen, if nothing has happened since that a choice depends on.

    At the very instant for which it was chosen: if anything was recorded later, permits and
    deadlines may be others by now, and nothing happens.  Returns whether it was started, the gate
    of another thread, and those of who waits for room.
    """
    log = core.log
    task: Any = choice.task
    event = [now, "Start", task._number, 0, None]
    record = (event,)
    extras = task._extras
    room: Iterable[Gate] = NO_GATES
    crowd: list[Gate] = []
    wake = None
    with core.lock:
        same = core.changes == choice.changes and core.admitted == choice.admitted
        started = same and now >= core.last_ns and core.starting and task._status is QUEUED
        if started:
            core.last_ns = now
            attempts = task._attempts + 1
            if log is not None:
                event[0] = now
                event[3] = attempts
                log += record
            label = task._label
            core.tallies[label.queued] -= 1
            core.tallies[label.running] += 1
            core.waiting -= 1
            if choice.from_lane:
                head = core.head
                lane = core.lane
                lane[head] = None
                core.head = head + 1
                if head >= FRONT:
                    del lane[FRONT_OF_LIST]
                    core.head -= FRONT
                    core.tail -= FRONT
            else:
                core.specials -= 1
            if core.room:
                room = core.room
                core.room = crowd
            core.direct = not (core.gated or core.held or core.specials or core.surplus)
            seat.task = task
            task._attempts = attempts
            task._started_ns = now
            if extras is not None:
                extras.attempt_end_ns = now + extras.timeout_ns
            task._status = RUNNING
            idle = core.idle
            if idle and (core.specials or core.head != core.tail) and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return started, wake, room


def peek(core: Core) -> TaskState | None:
    """The head of the lane."""
    task: TaskState | None = None
    with core.lock:
        if core.head != core.tail:
            task = core.lane[core.head]
    return task


def skip(core: Core, task: TaskState) -> None:
    """Take the head of the lane out, if it is this task and has ended."""
    with core.lock:
        head = core.head
        if head != core.tail:
            lane = core.lane
            if lane[head] is task and task._status is not QUEUED:
                lane[head] = None
                core.head = head + 1
                core.tombs -= 1
                if head >= FRONT:
                    del lane[FRONT_OF_LIST]
                    core.head -= FRONT
                    core.tail -= FRONT


def park(core: Core, seat: Seat, choice: Choice) -> tuple[Gate | None, Gate | None]:
    """Park, if nothing has happened since that a choice depends on; or leave.

    Returns the gates of the steward, if there is an instant to wake for, and of a thread.
    """
    alarm = ([choice.wake_ns, 0],)
    steward = wake = None
    with core.lock:
        if core.changes == choice.changes and core.admitted == choice.admitted and not core.direct:
            if core.phase is STOPPED:
                seat.leaving = True
            elif core.surplus:
                core.surplus -= 1
                core.seated -= 1
                core.direct = core.starting and not (
                    core.gated or core.held or core.specials or core.surplus or core.room
                )
                seat.leaving = True
                steward = core.steward
                core.steward = None
                idle = core.idle
                if idle and not core.waking:
                    core.waking = True
                    wake = idle[-1]
                    del idle[-1]
            else:
                seat.parked = True
                core.idle += seat.entry
                if choice.new_alarm:
                    core.alarms += alarm
                    if choice.wake_ns < core.steward_until_ns:
                        steward = core.steward
                        core.steward = None
    return steward, wake


# ------------------------------------------------------- from a worker thread or the steward


def expire(core: Core, task: TaskState, now: int) -> tuple[Iterable[Any], Gate | None, Iterable[Gate]]:
    """Expire a task that waits, if its deadline has passed.

    Returns gates: of those who wait for it, of the steward, of those who wait for room.
    """
    log = core.log
    event = [now, "Expire", task._number, 0, None]
    record = (event,)
    entry = (task,)
    extras: Any = task._extras
    gates: Iterable[Any] = NO_GATES
    room: Iterable[Gate] = NO_GATES
    crowd: list[Gate] = []
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        status = task._status
        waits = status is QUEUED or status is SCHEDULED or status is RETRYING
        if waits and extras.deadline_ns <= now:
            if log is not None:
                event[0] = now
                event[3] = task._attempts
                log += record
            tallies = core.tallies
            base = task._label.base
            tallies[base + AT_TIMED_OUT] += 1
            if status is QUEUED:
                tallies[base + AT_QUEUED] -= 1
                if extras.special:
                    core.specials -= 1
                    core.lost += 1
                else:
                    core.tombs += 1
            elif status is SCHEDULED:
                tallies[base + AT_SCHEDULED] -= 1
                core.scheduled -= 1
            else:
                tallies[base + AT_RETRYING] -= 1
            core.waiting -= 1
            core.ended += 1
            core.kept += entry
            core.kept_count += 1
            if core.subscribed:
                core.outbox += entry
            if core.room:
                room = core.room
                core.room = crowd
            core.direct = core.starting and not (core.gated or core.held or core.specials or core.surplus)
            if core.phase is not OPEN:
                core.ended_in_shutdown += entry
                if core.ended == core.admitted:
                    steward = core.steward
                    core.steward = None
            task._ended_ns = now
            task._status = TIMED_OUT
            core.changes += 1
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
    return gates, steward, room


# ------------------------------------------------------------------------ from the steward


def attend(core: Core, now: int) -> tuple[list[list[int]], bool, bool, bool]:
    """DrainDeadline, if its instant has come.

    Returns the alarms that are new, and what there is to do: to wake those who sleep in
    contexts; to cancel what waits; to abandon what runs.
    """
    log = core.log
    event = [now, "DrainDeadline", 0, 0, None]
    record = (event,)
    no_alarms: list[list[int]] = []
    with core.lock:
        core.steward = None
        core.steward_until_ns = 0
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.phase is DRAINING and core.drain_over_ns is not None and now >= core.drain_over_ns:
            if log is not None:
                event[0] = now
                log += record
            core.grace_over_ns = now + core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            core.phase = STOPPING
        alarms = core.alarms
        core.alarms = no_alarms
        core.unseen = 0
        tripping = core.tripping
        core.tripping = False
        sweeping = core.sweeping
        core.sweeping = False
        core.resized = False
        abandoning = core.phase is STOPPING and core.grace_over_ns is not None and now >= core.grace_over_ns
    return alarms, tripping, sweeping, abandoning


def trip(core: Core, seat: Seat) -> Iterable[Any]:
    """Wake everyone who sleeps in the context of what this seat runs."""
    gates: Iterable[Any] = NO_GATES
    with core.lock:
        task = seat.task
        if task is not None:
            latch = task._tripped
            if latch is not None and not latch.over:
                latch.over = True
                gates = latch.gates
    return gates


def become_due(core: Core, task: TaskState, now: int) -> Gate | None:
    """Queue a task whose time has come, unless a shutdown has decided that it will not run."""
    log = core.log
    event = [now, "BecomeDue", task._number, 0, None]
    record = (event,)
    entry = (task,)
    extras: Any = task._extras
    wake = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        status = task._status
        delayed = status is SCHEDULED and core.phase is OPEN
        if (delayed or (status is RETRYING and core.starting)) and extras.due_ns <= now:
            if log is not None:
                event[0] = now
                event[3] = task._attempts
                log += record
            tallies = core.tallies
            label = task._label
            if delayed:
                tallies[label.base + AT_SCHEDULED] -= 1
                core.scheduled -= 1
            else:
                tallies[label.base + AT_RETRYING] -= 1
            tallies[label.queued] += 1
            extras.special = True
            core.inbox += entry
            core.specials += 1
            core.direct = False
            task._status = QUEUED
            core.changes += 1
            idle = core.idle
            if idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return wake


def shutdown_cancel(core: Core, task: TaskState, now: int) -> Iterable[Any]:
    """ShutdownCancel, if the shutdown has decided that the task will not run; or Expire.

    Returns the gates of those who wait for it.
    """
    log = core.log
    event = [now, "ShutdownCancel", task._number, 0, None]
    record = (event,)
    entry = (task,)
    gates: Iterable[Any] = NO_GATES
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        status = task._status
        extras = task._extras
        waits = status is QUEUED or status is SCHEDULED or status is RETRYING
        if waits and (not core.starting or (status is SCHEDULED and core.phase is not OPEN)):
            overdue = extras is not None and extras.deadline_ns <= now
            if log is not None:
                event[0] = now
                event[3] = task._attempts
                if overdue:
                    event[1] = "Expire"
                log += record
            tallies = core.tallies
            base = task._label.base
            tallies[base + (AT_TIMED_OUT if overdue else AT_CANCELLED)] += 1
            if status is QUEUED:
                tallies[base + AT_QUEUED] -= 1
                if extras is not None and extras.special:
                    core.specials -= 1
                else:
                    core.tombs += 1
            elif status is SCHEDULED:
                tallies[base + AT_SCHEDULED] -= 1
                core.scheduled -= 1
            else:
                tallies[base + AT_RETRYING] -= 1
            core.waiting -= 1
            core.ended += 1
            core.kept += entry
            core.kept_count += 1
            if core.subscribed:
                core.outbox += entry
            core.ended_in_shutdown += entry
            core.direct = core.starting and not (core.gated or core.specials or core.surplus)
            task._ended_ns = now
            if overdue:
                task._status = TIMED_OUT
            else:
                task._reason = SHUTDOWN
                task._status = CANCELLED
            core.changes += 1
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
    return gates


def abandon(core: Core, seat: Seat, now: int) -> Iterable[Any]:
    """Abandon what this seat runs, if it still runs.  The seat keeps it, by name, until it returns."""
    log = core.log
    event = [now, "Abandon", 0, 0, None]
    record = (event,)
    entry: list[Any] = [None]
    gates: Iterable[Any] = NO_GATES
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        task = seat.task
        if task is not None and task._status is RUNNING:
            if log is not None:
                event[0] = now
                event[2] = task._number
                event[3] = task._attempts
                log += record
            base = task._label.base
            core.tallies[base + AT_RUNNING] -= 1
            core.tallies[base + AT_ABANDONED] += 1
            core.ended += 1
            entry[0] = task
            core.kept += entry
            core.kept_count += 1
            if core.subscribed:
                core.outbox += entry
            core.ended_in_shutdown += entry
            seat.stuck = True
            task._reason = None
            task._ended_ns = now
            task._status = ABANDONED
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
    return gates


def ring(core: Core) -> Gate | None:
    """Wake a parked thread, if there is one, to look whether it can start something now.

    Whoever is choosing has read the clock before, and may be about to park and rely on this very
    wake-up: it looks again.
    """
    wake = None
    with core.lock:
        core.changes += 1
        idle = core.idle
        if idle and not core.waking:
            core.waking = True
            wake = idle[-1]
            del idle[-1]
    return wake


def nudge(core: Core) -> Gate | None:
    """The steward is to look how many threads are wanted.  Returns its gate."""
    with core.lock:
        core.resized = True
        steward = core.steward
        core.steward = None
    return steward


def post(core: Core, call: Any) -> tuple[bool, Gate | None]:
    """Have something called by the follower.  Returns whether it will be, and the follower's gate."""
    entry = (call,)
    gate = None
    with core.lock:
        follows = core.following
        if follows:
            core.calls += entry
            gate = core.follower
            core.follower = None
    return follows, gate


def claim_follower(core: Core) -> bool:
    """Whether the caller is the one who spawns the follower."""
    with core.lock:
        mine = not core.following and core.phase is not STOPPED
        if mine:
            core.following = core.followed = True
    return mine


def give_back_follower(core: Core, fresh: Latch) -> tuple[list[Any], list[Gate]]:
    """The follower could not be spawned: somebody may try again.

    Returns what it was to call, and the gates of those who wait for it to be there.
    """
    nothing: list[Any] = []
    with core.lock:
        calls = core.calls
        core.calls = nothing
        core.following = core.followed = False
        employed = core.employed
        employed.over = True
        core.employed = fresh
    return calls, employed.gates


def take_calls(core: Core, gate: Gate) -> tuple[list[Any], bool]:
    """What is to be called; if there is nothing, park at the gate, or end with the worker."""
    nothing: list[Any] = []
    over = False
    with core.lock:
        calls = core.calls
        core.calls = nothing
        core.follower = None
        if not calls:
            if core.phase is STOPPED and not core.relaying:
                core.following = False
                over = True
            else:
                core.follower = gate
    return calls, over


def call_follower(core: Core) -> Gate | None:
    """The follower's gate, if it is parked."""
    with core.lock:
        follower = core.follower
        core.follower = None
    return follower


def cut_log(core: Core, cut: slice) -> None:
    """Drop what the observers have been told of, from a log that is kept for them only."""
    with core.lock:
        log = core.log
        if log is not None:
            del log[cut]


def call_scribe(core: Core) -> Gate | None:
    """The scribe's gate, if it is parked."""
    with core.lock:
        scribe = core.scribe
        core.scribe = None
    return scribe


def take_log(core: Core, batch: list[Event], gate: Gate) -> bool:
    """The scribe is parked at the gate from now on, unless the worker has stopped.  Returns whether it has.

    A log that is nobody's own is moved into the batch.
    """
    with core.lock:
        stopped = core.phase is STOPPED
        core.scribe = None if stopped else gate
        log = core.log
        if core.own_log and log is not None:
            batch[WHOLE] = log
            del log[WHOLE]
    return stopped


def relay(core: Core, events: list[Event], *, last: bool) -> Gate | None:
    """What the scribe took is for the observers, too.  Returns the follower's gate."""
    follower = None
    with core.lock:
        told = core.relay
        if told is not None:
            told += events
            core.relaying = not last
            follower = core.follower
            core.follower = None
    return follower


def take_relay(core: Core, batch: list[Event]) -> None:
    """Move what the observers are to be told of into the batch."""
    with core.lock:
        told = core.relay
        if told is not None:
            batch[WHOLE] = told
            del told[WHOLE]


def take_seat(core: Core, seat: Seat) -> bool:
    """A place for one more thread, if one is wanted."""
    entry = (seat,)
    with core.lock:
        wanted = core.seated < core.threads_wanted and core.phase is not STOPPED
        if wanted:
            core.seated += 1
            core.seats += entry
    return wanted


def give_back_seat(core: Core) -> None:
    """The thread could not be had."""
    with core.lock:
        core.seated -= 1


def found(core: Core) -> None:
    """The special tasks that have ended are being let go of."""
    with core.lock:
        core.lost = 0


def swept(
    core: Core, head: int, first: object, cut: slice, alive: list[Any], shorter: int, buried: int
) -> bool:
    """Put those that are alive where a part of the lane is, unless its head has been taken since."""
    with core.lock:
        lane = core.lane
        valid = core.head == head and head != core.tail and lane[head] is first
        if valid:
            lane[cut] = alive
            core.head = 0
            core.tail -= shorter
            core.tombs -= buried
    return valid


def rest(
    core: Core, gate: Gate, alarm_ns: int, now: int
) -> tuple[Iterable[Gate], Iterable[Any], Gate | None, int | None, bool]:
    """Stopped, if nothing is live; otherwise park at `gate`, unless there is more to do.

    Returns gates to open, twice, and the follower's; for how many nanoseconds to park, None for as long as it
    takes, 0 or less not at all; and whether the steward's work is over.
    """
    log = core.log
    event = [now, "Stopped", 0, 0, None]
    record = (event,)
    nobody: list[Gate] = []
    nothing: list[Any] = []
    parked: Iterable[Gate] = NO_GATES
    waiters: Iterable[Any] = NO_GATES
    left: list[Any] | None = None  # the lane, to be let go outside
    follower = timeout_ns = None
    over = False
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        phase = core.phase
        if core.ended == core.admitted and (phase is DRAINING or phase is STOPPING):
            if log is not None:
                event[0] = now
                log += record
            parked = core.idle
            core.idle = nobody
            left = core.lane
            core.lane = nothing
            core.head = core.tail = 0
            core.starting = core.direct = False
            core.phase = STOPPED
            core.changes += 1
            core.stopped.over = True
            waiters = core.stopped.gates
            follower = core.follower
            core.follower = None
            over = True
        elif (
            core.alarms
            or core.sweeping
            or core.tripping
            or core.resized
            or core.kept_count > core.keep
            or core.lost > TOMBS + core.specials
            or (core.tombs > TOMBS and core.tombs + core.tombs > core.tail - core.head)
        ):
            timeout_ns = 0
        else:
            until = alarm_ns
            if phase is STOPPING:
                if core.grace_over_ns is not None and core.grace_over_ns < until:
                    until = core.grace_over_ns
            elif phase is DRAINING and core.drain_over_ns is not None and core.drain_over_ns < until:
                until = core.drain_over_ns
            if core.keep_ns is not None and core.kept_count:
                forget_ns = core.kept[core.kept_head]._ended_ns + core.keep_ns
                if forget_ns < until:  # noqa: PLR1730 - a section makes no call
                    until = forget_ns
            core.steward = gate
            core.steward_until_ns = until
            if until != FOREVER:
                timeout_ns = until - now
    del left
    return parked, waiters, follower, timeout_ns, over


# --------------------------------------------------------------- the outbox and the herald (`_results`)


def subscribe(core: Core, subscription: Subscription) -> tuple[bool, bool, Gate | None]:
    """Put a subscription into the outbox, unless the worker has stopped: it gets what follows it.

    Returns whether it was put there, whether the caller is the one who spawns the herald, and
    the herald's gate.
    """
    entry = (subscription,)
    herald = None
    mine = False
    with core.lock:
        accepted = core.phase is not STOPPED
        if accepted:
            core.outbox += entry
            core.subscribed = True
            herald = core.herald
            core.herald = None
            if core.started and not core.heralded:
                core.heralded = True
                mine = True
    return accepted, mine, herald


def claim_herald(core: Core) -> bool:
    """Whether the caller, who starts the worker, is the one who spawns the herald."""
    with core.lock:
        mine = core.subscribed and not core.heralded
        if mine:
            core.heralded = True
    return mine


def give_back_herald(core: Core, empty: list[Any], fresh: Latch) -> tuple[list[Any], list[Gate]]:
    """The herald could not be spawned: somebody may try again.  Returns the outbox, and gates to open."""
    with core.lock:
        left = core.outbox
        core.outbox = empty
        core.subscribed = False
        core.heralded = False
        announced = core.announced
        announced.over = True
        core.announced = fresh
    return left, announced.gates


def call_herald(core: Core) -> Gate | None:
    """The herald's gate, if it is parked."""
    with core.lock:
        herald = core.herald
        core.herald = None
    return herald


def hear(core: Core, gate: Gate, empty: list[Any], *, listened: bool) -> tuple[list[Any], bool]:
    """Take the outbox; if there is nothing in it, the herald is parked at `gate` from now on.

    Returns what was in it, and whether the worker has stopped.  If nobody listens any more, nothing
    more is put into it.
    """
    batch = empty
    with core.lock:
        stopped = core.phase is STOPPED
        if core.outbox:
            batch = core.outbox
            core.outbox = empty
            core.herald = None
        else:
            core.herald = gate
            if not listened:
                core.subscribed = False
    return batch, stopped
