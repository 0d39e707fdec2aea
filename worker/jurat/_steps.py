"""The steps: every change of shared state, one function and one locked section each.

A step is a row of the rule, or two that meet (`turn` records how a function came back
and starts the next one).  Inside the section the event is appended first and the change
made visible after it, a task's status last of all; so the log's order is the order of
the steps.  No section waits, does I/O or calls anything that belongs to a user.

Two kinds of section, and a test that knows which is which:

* Entered from a caller's thread: `admit`, `cancel`, `begin_drain`, `stop_now`, `enrol`
  and its kind, `give_up`, `claim_start`, `pass_latch`.  These contain **no call and no
  loop**.  CPython gives up the interpreter lock, and runs signal handlers, only at calls
  and backward jumps.  A thread that lost it inside a section would start a convoy, and
  a signal handler that submits while a submit is interrupted would wait for itself for
  ever.
* Entered from the worker's own threads only: `turn`, whose common path is call-free
  too, and `tend`.

A step returns the gates that its caller opens after it has left the section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._states import Cancelling, Pending, Phase, Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, Latch, Seat, TaskState
    from ._runtime import Gate

__all__ = [
    "admit",
    "begin_drain",
    "cancel",
    "claim_start",
    "enrol",
    "enrol_for_end",
    "enrol_for_trip",
    "give_back_start",
    "give_up",
    "pass_latch",
    "stop_now",
    "tend",
    "turn",
]

QUEUED, RUNNING, COMPLETED = Status.QUEUED, Status.RUNNING, Status.COMPLETED
FAILED, CANCELLED, ABANDONED = Status.FAILED, Status.CANCELLED, Status.ABANDONED
OPEN, DRAINING, STOPPING, STOPPED = Phase.OPEN, Phase.DRAINING, Phase.STOPPING, Phase.STOPPED
USER, SHUTDOWN = Reason.USER, Reason.SHUTDOWN
NOW_CANCELLED, REQUESTED, HAD_ENDED = Cancelling.CANCELLED, Cancelling.REQUESTED, Cancelling.ENDED

NO_GATES: tuple[Gate, ...] = ()
CHUNK = 256
"""Tasks that one section of the steward cancels at most, so that nobody waits long for the lock."""


# ------------------------------------------------------- from a caller's thread: no call, no loop


def admit(core: Core, task: TaskState, now: int) -> tuple[str | None, Gate | None]:
    """Submit or Reject.  Returns the reason of a refusal, and the gate of a thread to wake."""
    log = core.log
    entry = (task,)
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
                log += ((now, "Reject", 0, 0, refusal),)
        else:
            number = core.admitted + 1
            if log is not None:
                log += ((now, "Submit", number, 0, None),)
            core.admitted = task._number = number
            core.waiting += 1
            core.live += 1
            task._submitted_ns = now
            task._status = QUEUED
            core.lane += entry
            idle = core.idle
            if idle and not core.waking:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
    return refusal, wake


def cancel(core: Core, task: TaskState, now: int) -> tuple[Cancelling, Iterable[Gate], Gate | None]:
    """Cancel a task that waits, ask one that runs.  Returns what was done, and gates to open."""
    log = core.log
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
                log += ((now, "Cancel", task._number, task._attempts, "user"),)
            core.waiting -= 1
            core.live -= 1
            if core.phase is not OPEN:
                core.ended_in_shutdown += (task,)
                if not core.live:
                    steward = core.steward
                    core.steward = None
            task._reason = USER
            task._ended_ns = now
            task._status = CANCELLED
            latch = task._ended
            if latch is not None:
                latch.over = True
                gates = latch.gates
        elif status is RUNNING:
            answer = REQUESTED
            if task._reason is None and core.phase is not STOPPING:
                if log is not None:
                    log += ((now, "RequestCancel", task._number, task._attempts, "user"),)
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
    detail = (pending.value, deadline_ns)
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        phase = core.phase
        if phase is OPEN or (phase is DRAINING and to_cancel and not core.pending_cancel):
            if log is not None:
                log += ((now, "BeginDrain", 0, 0, detail),)
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
    steward = None
    with core.lock:
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        if core.phase is OPEN or core.phase is DRAINING:
            if log is not None:
                log += ((now, "StopNow", 0, 0, None),)
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
    with core.lock:
        spare = latch.spare
        if latch.over:
            return None
        if spare:
            gate = spare[-1]
            del spare[-1]
        else:
            latch.gates += (gate,)
    return gate


def enrol_for_end(core: Core, task: TaskState, fresh: Latch, gate: Gate) -> tuple[Latch, Gate | None]:
    """As `enrol`, for the end of a task, whose latch is made when the first one waits."""
    with core.lock:
        status = task._status
        if status is not QUEUED and status is not RUNNING:
            return fresh, None
        latch = task._ended
        if latch is None:
            task._ended = latch = fresh
        spare = latch.spare
        if spare:
            gate = spare[-1]
            del spare[-1]
        else:
            latch.gates += (gate,)
    return latch, gate


def enrol_for_trip(core: Core, task: TaskState, fresh: Latch, gate: Gate) -> tuple[Latch, Gate | None]:
    """As `enrol`, for the moment when a running task is asked to come back."""
    with core.lock:
        if task._reason is not None or core.phase is STOPPING or core.phase is STOPPED:
            return fresh, None
        latch = task._tripped
        if latch is None:
            task._tripped = latch = fresh
        spare = latch.spare
        if spare:
            gate = spare[-1]
            del spare[-1]
        else:
            latch.gates += (gate,)
    return latch, gate


def give_up(core: Core, latch: Latch, gate: Gate) -> bool:
    """A waiter's timeout has passed.  Returns whether the latch is over all the same."""
    with core.lock:
        over = latch.over
        if not over:
            latch.spare += (gate,)
    return over


# ------------------------------------------------------------------ from a worker thread


def turn(
    core: Core, seat: Seat, value: object, error: BaseException | None, now: int
) -> tuple[TaskState | None, Iterable[Gate], Gate | None]:
    """Record how this seat's function came back, and start the next task: one step.

    Complete, Fail, AcknowledgeCancel or LateReturn; then Start, or park.  Returns the
    task to run, or None; those who wait for the end of the last one; and one more gate.
    `now` was read right after the function came back.
    """
    log = core.log
    done = seat.task
    gates: Iterable[Gate] = NO_GATES
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
            if error is None and done._status is RUNNING:
                if log is not None:
                    log += ((now, "Complete", done._number, done._attempts, None),)
                core.live -= 1
                if core.phase is not OPEN:
                    core.ended_in_shutdown += (done,)
                done._value = value
                done._reason = None
                done._ended_ns = now
                done._status = COMPLETED
                latch = done._ended
                if latch is not None:
                    latch.over = True
                    gates = latch.gates
            else:
                gates = _came_back_otherwise(core, done, error, now)
            if not core.live and core.phase is not OPEN:
                wake = core.steward
                core.steward = None
        lane = core.lane
        if core.starting and lane:
            task = lane[0]
            del lane[0]
            if task._status is not QUEUED:
                task = _next_queued(core)
        if task is not None:
            attempts = task._attempts + 1
            if log is not None:
                log += ((now, "Start", task._number, attempts, None),)
            core.waiting -= 1
            seat.task = task
            task._attempts = attempts
            task._started_ns = now
            task._status = RUNNING
            idle = core.idle
            if idle and core.waiting and not core.waking and wake is None:
                core.waking = True
                wake = idle[-1]
                del idle[-1]
        elif core.phase is not STOPPED:
            seat.parked = True
            core.idle += (seat.gate,)
    return task, gates, wake


def _next_queued(core: Core) -> TaskState | None:
    """Lock held.  The first task in the lane that still waits, past those that were cancelled there."""
    lane = core.lane
    while lane:
        task = lane.popleft()
        if task._status is QUEUED:
            return task
    return None


def _came_back_otherwise(
    core: Core, task: TaskState, error: BaseException | None, now: int
) -> Iterable[Gate]:
    """Lock held.  A function raised, or came back after its task was abandoned."""
    log = core.log
    if task._status is ABANDONED:
        if log is not None:
            log.append((now, "LateReturn", task._number, task._attempts, None))
        return NO_GATES
    if task._reason is not None or core.phase is STOPPING:
        reason = task._reason or SHUTDOWN
        if log is not None:
            log.append((now, "AcknowledgeCancel", task._number, task._attempts, reason.value))
        return _end(core, task, CANCELLED, reason, error, now)
    if log is not None:
        log.append((now, "Fail", task._number, task._attempts, type(error).__name__))
    return _end(core, task, FAILED, None, error, now)


def _end(
    core: Core, task: TaskState, status: Status, reason: Reason | None, error: BaseException | None, now: int
) -> Iterable[Gate]:
    """Lock held, event written.  The task ends; returns the gates of those who wait for it."""
    core.live -= 1
    if core.phase is not OPEN:
        core.ended_in_shutdown.append(task)
    task._error = error
    task._reason = reason
    task._ended_ns = now
    task._status = status
    latch = task._ended
    if latch is None:
        return NO_GATES
    latch.over = True
    return latch.gates


# ----------------------------------------------------------------------- from the steward


def tend(core: Core, gate: Gate, now: int) -> tuple[list[Gate], int | None, bool]:
    """All that is due of a shutdown, a chunk at a time; then park at `gate`.

    Returns gates to open; for how many nanoseconds to park, None for as long as it
    takes, 0 to come again at once; and whether the steward's work is over.
    """
    gates: list[Gate] = []
    with core.lock:
        core.steward = None
        if now < core.last_ns:
            now = core.last_ns
        else:
            core.last_ns = now
        drain_over_ns = core.drain_over_ns
        if core.phase is DRAINING and drain_over_ns is not None and now >= drain_over_ns:
            _drain_deadline(core, now)
        if core.tripping:
            core.tripping = False
            gates += _trip_all(core)
        if not core.starting:
            gates += _shutdown_cancel(core, now)
        grace_over_ns = core.grace_over_ns
        if core.phase is STOPPING and grace_over_ns is not None and now >= grace_over_ns:
            gates += _abandon_all(core, now)
        if not core.live and (core.phase is DRAINING or core.phase is STOPPING):
            gates += _stopped(core, now)
            return gates, None, True
        if not core.starting and core.waiting:
            return gates, 0, False
        core.steward = gate
        until = grace_over_ns if core.phase is STOPPING else drain_over_ns if core.phase is DRAINING else None
        return gates, None if until is None else until - now, False


def _drain_deadline(core: Core, now: int) -> None:
    if core.log is not None:
        core.log.append((now, "DrainDeadline", 0, 0, None))
    core.grace_over_ns = now + core.grace_ns
    core.starting = False
    core.tripping = True
    core.phase = STOPPING


def _trip_all(core: Core) -> list[Gate]:
    """Everyone who sleeps in the context of a running task."""
    gates: list[Gate] = []
    for seat in core.seats:
        latch = None if seat.task is None else seat.task._tripped
        if latch is not None and not latch.over:
            latch.over = True
            gates += latch.gates
    return gates


def _shutdown_cancel(core: Core, now: int) -> list[Gate]:
    """ShutdownCancel for the next tasks that wait, a chunk of them."""
    gates: list[Gate] = []
    lane = core.lane
    for _ in range(min(CHUNK, len(lane))):
        task = lane.popleft()
        if task._status is QUEUED:
            if core.log is not None:
                core.log.append((now, "ShutdownCancel", task._number, task._attempts, None))
            core.waiting -= 1
            gates += _end(core, task, CANCELLED, SHUTDOWN, task._error, now)
    return gates


def _abandon_all(core: Core, now: int) -> list[Gate]:
    """Abandon every task that is still running.  Its seat keeps it, by name, until it returns."""
    gates: list[Gate] = []
    for seat in core.seats:
        task = seat.task
        if task is not None and task._status is RUNNING:
            if core.log is not None:
                core.log.append((now, "Abandon", task._number, task._attempts, None))
            gates += _end(core, task, ABANDONED, None, None, now)
    return gates


def _stopped(core: Core, now: int) -> list[Gate]:
    """Nothing is live: every parked thread may go home, and so may those who wait for the stop."""
    if core.log is not None:
        core.log.append((now, "Stopped", 0, 0, None))
    core.stuck = tuple([seat.index for seat in core.seats if seat.task is not None])
    gates = core.idle[:]
    core.idle.clear()
    core.starting = False
    core.phase = STOPPED
    core.stopped.over = True
    return gates + core.stopped.gates
