"""What can go wrong, by whose fault it is.

* The caller's misuse: `InvalidArgument`, which names the argument.
* A condition of the worker that the caller must expect: `QueueFull`, `WorkerStopped`,
  `IdInUse`, `KeyConflict`, `TaskNotFound`; and two of the program: `NotInTask`, `WorkerForked`.
* A refusal of the machine: `ThreadsUnavailable`; of the audit log: `AuditLogUnavailable`, `AuditLogFull`.
* An outcome of a task that is not a result: `TaskCancelled`, `TaskTimedOut`, `TaskAbandoned`.
  A task whose function raised gives back that very exception, not one of these.
* A wait that ended first: `WaitTimeout`.

No message holds a payload: ids, names, numbers and states only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._states import Phase, Reason

__all__ = [
    "AuditLogFull",
    "AuditLogUnavailable",
    "IdInUse",
    "InvalidArgument",
    "JuratError",
    "KeyConflict",
    "NotInTask",
    "QueueFull",
    "TaskAbandoned",
    "TaskCancelled",
    "TaskNotFound",
    "TaskTimedOut",
    "ThreadsUnavailable",
    "WaitTimeout",
    "WorkerForked",
    "WorkerStopped",
]


class JuratError(Exception):
    """Everything this package raises by its own decision."""


class InvalidArgument(JuratError, ValueError, TypeError):
    """An argument that cannot mean anything.  Nothing was changed.

    Both a ValueError and a TypeError, since callers catch either.  `argument` is its
    name, `problem` says what it must be.
    """

    def __init__(self, argument: str, problem: str) -> None:
        self.argument = argument
        self.problem = problem
        super().__init__(f"{argument} {problem}")


class QueueFull(JuratError):
    """As many tasks wait as the queue holds.  Submit again later, or raise `queue_max`."""

    def __init__(self, queue_max: int) -> None:
        self.queue_max = queue_max
        super().__init__(f"{queue_max} tasks wait already, and queue_max is {queue_max}")


class WorkerStopped(JuratError):
    """The worker accepts nothing more: it is draining, stopping or stopped."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        super().__init__(f"the worker is {phase} and accepts no tasks")


class IdInUse(JuratError):
    """A task with this id is known already, and was not submitted under the same idempotency key."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"a task with the id {id!r} is known already")


class KeyConflict(JuratError):
    """A task with this idempotency key is known, and was asked to do something else."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the idempotency key {key!r} belongs to another request")


class AuditLogUnavailable(JuratError):
    """The audit log cannot be written there.  The worker was not started.

    Another worker writes to the same folder, or the folder cannot be used, or what is in it is no log.
    `where` is the folder, `problem` says what is wrong.
    """

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        self.problem = problem
        super().__init__(f"no audit log can be written to {where}: {problem}")


class AuditLogFull(JuratError):
    """As many events wait to be written as the audit log's buffer holds, and its sink does not take them.

    A submission is refused with it when the log was built to wait for room: nothing was accepted, and
    nothing recorded.  Otherwise it is reported, once for each gap.  `buffer` is the bound.
    """

    def __init__(self, buffer: int) -> None:
        self.buffer = buffer
        super().__init__(f"{buffer} events wait to be written to the audit log already")


class TaskNotFound(JuratError, LookupError):
    """No task with this id is known: there never was one, or it was forgotten."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"no task with the id {id!r} is known")


class NotInTask(JuratError, LookupError):
    """No task's function is on this thread."""

    def __init__(self) -> None:
        super().__init__("no task is running on this thread")


class WorkerForked(JuratError):
    """This is a copy of a worker in a child process, and its threads are in the parent.  Make another."""

    def __init__(self) -> None:
        super().__init__("a worker does not survive a fork: make one in the child process")


class ThreadsUnavailable(JuratError):
    """The machine did not give the threads asked for.  Ask for fewer, or raise its limit."""

    def __init__(self, wanted: int, given: int) -> None:
        self.wanted = wanted
        self.given = given
        super().__init__(f"{wanted} threads were asked for and {given} could be started")


class TaskCancelled(JuratError):
    """The task was cancelled, for this reason.  What its function raised, if it ran, is the cause."""

    def __init__(self, task_id: str, reason: Reason) -> None:
        self.task_id = task_id
        self.reason = reason
        super().__init__(f"task {task_id} was cancelled ({reason})")


class TaskTimedOut(JuratError, TimeoutError):
    """The task came back too late, or its deadline passed while it waited.

    What its function raised, if it did, is the cause; what it returned was discarded.
    """

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"task {task_id} timed out")


class TaskAbandoned(JuratError):
    """The task was still running when a stop's grace was over.  Nobody knows what it did."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"task {task_id} did not come back within the grace of the stop: outcome unknown")


class WaitTimeout(JuratError, TimeoutError):
    """The wait ended before what it waited for.  The task goes on."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"task {task_id} had not ended when the timeout passed")
