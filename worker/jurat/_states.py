"""The states of a task and of the worker, and the words that go with them.

A name here is the same name in the TLA+ module, in the executable specification, in
the event log and in the report.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Cancelling", "Pending", "Phase", "Reason", "Status"]


class Status(StrEnum):
    """Where a task is in its life."""

    SCHEDULED = "scheduled"  # accepted, and not to run before a time that is still to come
    QUEUED = "queued"  # waiting for a thread, a permit or a cap
    RUNNING = "running"  # its function is on a thread
    RETRYING = "retrying"  # its function raised, and waits for the next attempt
    COMPLETED = "completed"  # its function returned
    FAILED = "failed"  # its function raised, and there is no further attempt
    CANCELLED = "cancelled"  # cancelled while it waited, or it raised after a request
    TIMED_OUT = "timed_out"  # it came back too late, or its deadline passed while it waited
    ABANDONED = "abandoned"  # still on a thread when a stop's grace was over: outcome unknown

    @property
    def terminal(self) -> bool:
        """Whether a task stays in this status for ever."""
        return not self.waiting and self is not Status.RUNNING

    @property
    def waiting(self) -> bool:
        """Whether a task waits in this status: for its time, for a thread, for the next attempt."""
        return self is Status.QUEUED or self is Status.SCHEDULED or self is Status.RETRYING


class Phase(StrEnum):
    """Where the worker is in its life.  A phase may be skipped, never revisited."""

    OPEN = "open"  # accepts tasks
    DRAINING = "draining"  # accepts nothing more, finishes what it has
    STOPPING = "stopping"  # cancels what waits, asks what runs to come back
    STOPPED = "stopped"  # no task is live


class Reason(StrEnum):
    """Why a task was asked to cancel, or was cancelled."""

    USER = "user"  # somebody called Task.cancel
    PARENT = "parent"  # the token that it was submitted with was cancelled
    SHUTDOWN = "shutdown"  # the worker is being stopped


class Pending(StrEnum):
    """What a drain does with the tasks that wait."""

    FINISH = "finish"  # they run, but for those scheduled for later
    CANCEL = "cancel"  # they are cancelled; only what runs already is finished


class Cancelling(StrEnum):
    """What `Task.cancel` did.  Asking again gives the same answer, or a later truth."""

    CANCELLED = "cancelled"  # the task is cancelled; if it still waited, its function never starts
    REQUESTED = "requested"  # the task runs; its context says that it should come back
    ENDED = "ended"  # too late: the task had ended in another way
