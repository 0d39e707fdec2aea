"""The states of a task and of the worker, and the words that go with them.

A name here is the same name in the TLA+ module, in the executable specification, in
the event log and in the report.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Cancelling", "Pending", "Phase", "Reason", "Status"]


class Status(StrEnum):
    """Where a task is in its life."""

    QUEUED = "queued"  # accepted, waiting for a thread
    RUNNING = "running"  # its function is on a thread
    COMPLETED = "completed"  # its function returned
    FAILED = "failed"  # its function raised
    CANCELLED = "cancelled"  # cancelled while it waited, or it raised after a request
    ABANDONED = "abandoned"  # still on a thread when a stop's grace was over: outcome unknown

    @property
    def terminal(self) -> bool:
        """Whether a task stays in this status for ever."""
        return self is not Status.QUEUED and self is not Status.RUNNING


class Phase(StrEnum):
    """Where the worker is in its life.  A phase may be skipped, never revisited."""

    OPEN = "open"  # accepts tasks
    DRAINING = "draining"  # accepts nothing more, finishes what it has
    STOPPING = "stopping"  # cancels what waits, asks what runs to come back
    STOPPED = "stopped"  # no task is live


class Reason(StrEnum):
    """Why a task was asked to cancel, or was cancelled."""

    USER = "user"  # somebody called Task.cancel
    SHUTDOWN = "shutdown"  # the worker is being stopped


class Pending(StrEnum):
    """What a drain does with the tasks that wait."""

    FINISH = "finish"  # they run
    CANCEL = "cancel"  # they are cancelled; only what runs already is finished


class Cancelling(StrEnum):
    """What `Task.cancel` did.  Asking again gives the same answer, or a later truth."""

    CANCELLED = "cancelled"  # the task is cancelled; if it still waited, its function never starts
    REQUESTED = "requested"  # the task runs; its context says that it should come back
    ENDED = "ended"  # too late: the task had ended in another way
