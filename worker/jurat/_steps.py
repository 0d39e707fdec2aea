"""The steps: every change of shared state, one function and one locked section each.

A step is a row of the rule, or two that meet (`turn` records how a function came back
and starts the next one).  Inside the section the event is appended first and the change
made visible after it, a task's status last of all; so the log's order is the order of
the steps.  No section waits, does I/O or calls anything that belongs to a user.

A section contains **no call and no loop, makes no container**, and lets go of nothing that
is a user's; a test of the source says so.  CPython gives up the interpreter lock, runs
signal handlers and, from 3.12 on, collects garbage only at calls and backward jumps; up to
3.11 it collects garbage, and with it runs anybody's finalizers, wherever a tuple, a list or
an iterator is made.  A thread that lost the interpreter inside a section would start a
convoy; a handler or a finalizer that submits while its own thread is in a section would
wait for itself for ever.  So what a section appends is made before it and completed inside,
what it takes out is dropped after it, and what needs a loop takes a step for each turn.
Lines that a function would hold elsewhere (the clock that never goes back, the waiters of
an end) stand in each section for the same reason.

A step returns the gates that its caller opens after it has left the section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._states import Cancelling, Pending, Phase, Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, Latch, Seat, TaskState
    from ._runtime import Gate

__all__ = [
    "abandon",
    "admit",
    "attend",
    "begin_drain",
    "cancel",
    "claim_start",
    "enrol",
    "enrol_for_end",
    "enrol_for_trip",
    "give_back_start",
    "give_up",
    "pass_latch",
    "rest",
    "shutdown_cancel",
    "stop_now",
    "trip",
    "turn",
]

QUEUED, RUNNING, COMPLETED = Status.QUEUED, Status.RUNNING, Status.COMPLETED
FAILED, CANCELLED, ABANDONED = Status.FAILED, Status.CANCELLED, Status.ABANDONED
OPEN, DRAINING, STOPPING, STOPPED = Phase.OPEN, Phase.DRAINING, Phase.STOPPING, Phase.STOPPED
USER, SHUTDOWN = Reason.USER, Reason.SHUTDOWN
NOW_CANCELLED, REQUESTED, HAD_ENDED = Cancelling.CANCELLED, Cancelling.REQUESTED, Cancelling.ENDED

NO_GATES: tuple[Gate, ...] = ()
FRONT = 4096
FRONT_OF_LANE = slice(0, FRONT)
"""Places that are cut off the lane at once, when as many tasks have been taken from it."""


# ------------------------------------------------------------------ from a caller's thread


def admit(core: Core, task: TaskState, now: int) -> tuple[str | None, Gate | None]:
    """Submit or Reject.  Returns the reason of a refusal, and the gate of a thread to wake."""
    log = core.log
    entry = (task,)
    event = [now, "Submit", 0, 0, None]
    record = (event,)
    refusal = wake = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.phase is not OPEN:
            refusal = "closed"
        elif core.waiting >= core.queue_max:
            refusal = "full"
        if refusal is not None:
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
            core.admitted = task._number = number
            core.waiting += 1
            core.live += 1
            task._status = QUEUED
            core.lane += entry
            core.tail += 1
            idle = core.idle
            if idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return refusal, wake


def cancel(core: Core, task: TaskState, now: int) -> tuple[Cancelling, Iterable[Gate], Gate | None]:
    """Cancel a task that waits, ask one that runs.  Returns what was done, and gates to open."""
    log = core.log
    entry = (task,)
    event = [now, "Cancel", task._number, 0, "user"]
    record = (event,)
    gates: Iterable[Gate] = NO_GATES
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        status = task._status
        if status is QUEUED:
            answer = NOW_CANCELLED
            if log is not None:
                event[0] = now
                event[3] = task._attempts
                log += record
            core.waiting -= 1
            core.live -= 1
            if core.phase is not OPEN:
                core.ended_in_shutdown += entry
                if not core.live:
                    steward = core.steward
                    core.steward = None
            task._reason = USER
            task._status = CANCELLED
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
                task._reason = USER
                latch = task._tripped
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
        elif status is CANCELLED:
            answer = NOW_CANCELLED
        else:
            answer = HAD_ENDED
    return answer, gates, steward


def begin_drain(core: Core, pending: Pending, deadline_ns: int | None, now: int) -> Gate | None:
    """BeginDrain, unless it would change nothing or loosen a drain.  Returns the steward's gate."""
    log = core.log
    to_cancel = pending is Pending.CANCEL
    event = [now, "BeginDrain", 0, 0, (pending.value, deadline_ns)]
    record = (event,)
    steward = None
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
            core.phase = DRAINING
            steward = core.steward
            core.steward = None
    return steward


def stop_now(core: Core, now: int) -> Gate | None:
    """StopNow: the phase only; the steward does the rest.  Returns its gate."""
    log = core.log
    event = [now, "StopNow", 0, 0, None]
    record = (event,)
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
            core.starting = False
            core.tripping = True
            core.phase = STOPPING
            steward = core.steward
            core.steward = None
    return steward


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
        if status is not QUEUED and status is not RUNNING:
            at = None
        else:
            if task._ended is None:
                task._ended = fresh
            latch = task._ended
            spare = latch.spare
            if spare:
                at = spare[-1]
                del spare[-1]
            else:
                latch.gates += entry
    return latch, at


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


def give_up(core: Core, latch: Latch, gate: Gate) -> bool:
    """A waiter's timeout has passed.  Returns whether the latch is over all the same."""
    entry = (gate,)
    with core.lock:
        over = latch.over
        if not over:
            latch.spare += entry
    return over


# -------------------------------------------------------------------- from a worker thread


def turn(
    core: Core, seat: Seat, value: object, error: BaseException | None, now: int
) -> tuple[TaskState | None, Iterable[Gate], Gate | None]:
    """Record how this seat's function came back, and start the next task: one step.

    Complete, Fail, AcknowledgeCancel or LateReturn; then Start, or park, or leave.  Returns
    the task to run, or None; those who wait for the end of the last one; and one more gate.
    If the head of the lane had been cancelled there, it is taken out and nothing else is
    done: the thread comes again.  `now` was read right after the function came back.
    """
    log = core.log
    done = seat.task
    gates: Iterable[Gate] = NO_GATES
    last: tuple[Any] = (done,)
    failure = None if error is None else type(error).__name__
    ended = [now, "Complete", 0, 0, None]
    started = [now, "Start", 0, 0, None]
    of_end, of_start = (ended,), (started,)
    wake = task = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if seat.parked:
            seat.parked = False
            core.waking = False
        if done is not None:
            seat.task = None
            status = done._status
            reason = done._reason
            if status is ABANDONED:
                ended[1] = "LateReturn"
            elif error is None:
                status = COMPLETED
                reason = None
            elif reason is not None or core.phase is STOPPING:
                status = CANCELLED
                ended[1] = "AcknowledgeCancel"
                ended[4] = "user"
                if reason is not USER:
                    reason = SHUTDOWN
                    ended[4] = "shutdown"
            else:
                status = FAILED
                ended[1] = "Fail"
                ended[4] = failure
            if log is not None:
                ended[0] = now
                ended[2] = done._number
                ended[3] = done._attempts
                log += of_end
            if status is not ABANDONED:
                core.live -= 1
                if core.phase is not OPEN:
                    core.ended_in_shutdown += last
                    if not core.live:
                        wake = core.steward
                        core.steward = None
                done._value = value
                done._error = error
                done._reason = reason
                done._status = status
                latch = done._ended
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
        head = core.head
        if core.starting and head != core.tail:
            lane = core.lane
            first = lane[head]
            lane[head] = None
            core.head = head + 1
            if first._status is QUEUED:
                task = first
                attempts = task._attempts + 1
                if log is not None:
                    started[0] = now
                    started[2] = task._number
                    started[3] = attempts
                    log += of_start
                core.waiting -= 1
                seat.task = task
                task._attempts = attempts
                task._status = RUNNING
                idle = core.idle
                if idle and core.waiting and not core.waking and wake is None:
                    core.waking = True
                    wake = idle[-1]
                    del idle[-1]
            if head >= FRONT:
                del lane[FRONT_OF_LANE]
                core.head -= FRONT
                core.tail -= FRONT
        elif core.phase is STOPPED:
            seat.leaving = True
        else:
            seat.parked = True
            core.idle += seat.entry
    return task, gates, wake


# ------------------------------------------------------------------------ from the steward


def attend(core: Core, now: int) -> tuple[bool, bool, bool]:
    """DrainDeadline, if its instant has come.

    Returns what there is to do: to wake those who sleep in contexts; to cancel what
    waits; to abandon what runs.
    """
    log = core.log
    record = ([now, "DrainDeadline", 0, 0, None],)
    with core.lock:
        core.steward = None
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.phase is DRAINING and core.drain_over_ns is not None and now >= core.drain_over_ns:
            if log is not None:
                record[0][0] = now
                log += record
            core.grace_over_ns = now + core.grace_ns
            core.starting = False
            core.tripping = True
            core.phase = STOPPING
        tripping = core.tripping
        core.tripping = False
        cancelling = not core.starting
        abandoning = core.phase is STOPPING and core.grace_over_ns is not None and now >= core.grace_over_ns
    return tripping, cancelling, abandoning


def trip(core: Core, seat: Seat) -> Iterable[Gate]:
    """Wake everyone who sleeps in the context of what this seat runs."""
    gates: Iterable[Gate] = NO_GATES
    with core.lock:
        task = seat.task
        if task is not None:
            latch = task._tripped
            if latch is not None and not latch.over:
                latch.over = True
                gates = latch.gates
    return gates


def shutdown_cancel(core: Core, now: int) -> tuple[bool, Iterable[Gate]]:
    """ShutdownCancel for the task at the head of the lane.  Returns whether there was one to look at."""
    log = core.log
    event = [now, "ShutdownCancel", 0, 0, None]
    record = (event,)
    entry: list[Any] = [None]
    gates: Iterable[Gate] = NO_GATES
    first = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        head = core.head
        if head != core.tail:
            lane = core.lane
            first = lane[head]
            lane[head] = None
            core.head = head + 1
            if first._status is QUEUED:
                if log is not None:
                    event[0] = now
                    event[2] = first._number
                    event[3] = first._attempts
                    log += record
                core.waiting -= 1
                core.live -= 1
                entry[0] = first
                core.ended_in_shutdown += entry
                first._reason = SHUTDOWN
                first._status = CANCELLED
                latch = first._ended
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
    return first is not None, gates


def abandon(core: Core, seat: Seat, now: int) -> Iterable[Gate]:
    """Abandon what this seat runs, if it still runs.  The seat keeps it, by name, until it returns."""
    log = core.log
    event = [now, "Abandon", 0, 0, None]
    record = (event,)
    entry: list[Any] = [None]
    gates: Iterable[Gate] = NO_GATES
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
            core.live -= 1
            entry[0] = task
            core.ended_in_shutdown += entry
            seat.stuck = True
            task._reason = None
            task._status = ABANDONED
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
    return gates


def rest(core: Core, gate: Gate, now: int) -> tuple[Iterable[Gate], Iterable[Gate], int | None, bool]:
    """Stopped, if nothing is live; otherwise park at `gate`, unless there is more to do.

    Returns gates to open, twice; for how many nanoseconds to park, None for as long as it
    takes, 0 or less not at all; and whether the steward's work is over.
    """
    log = core.log
    event = [now, "Stopped", 0, 0, None]
    record = (event,)
    empty: list[Gate] = []
    parked: Iterable[Gate] = NO_GATES
    waiters: Iterable[Gate] = NO_GATES
    timeout_ns = None
    over = False
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        phase = core.phase
        if not core.live and (phase is DRAINING or phase is STOPPING):
            if log is not None:
                event[0] = now
                log += record
            parked = core.idle
            core.idle = empty
            core.starting = False
            core.phase = STOPPED
            core.stopped.over = True
            waiters = core.stopped.gates
            over = True
        elif core.tripping or (core.waiting and not core.starting):
            timeout_ns = 0
        else:
            core.steward = gate
            if phase is STOPPING:
                until = core.grace_over_ns
            elif phase is DRAINING:
                until = core.drain_over_ns
            else:
                until = None
            if until is not None:
                timeout_ns = until - now
    return parked, waiters, timeout_ns, over
