"""What a task's function is given: how it learns that it should come back.

Cancellation is cooperative.  Nothing is ever thrown into a function from outside; it
asks `cancelled`, calls `raise_if_cancelled`, or waits in `sleep` and `wait`, which wake early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._options import nanoseconds, optional_nanoseconds
from ._states import Phase, Reason
from ._waiting import wait_for_trip
from .errors import TaskCancelled

if TYPE_CHECKING:
    from ._core import Core, TaskState
    from ._options import Duration

__all__ = ["Context"]


class Context:
    """One attempt's view of its task.  Valid until the function returns."""

    __slots__ = ("_core", "_task", "attempt")

    def __init__(self, core: Core, task: TaskState) -> None:
        self._core = core
        self._task = task
        self.attempt: int = task._attempts
        """Which attempt this is, from 1."""

    @property
    def task_id(self) -> str:
        """The task's id, as `Task.id`."""
        return f"{self._core.instance}-{self._task._number}"

    @property
    def cancelled(self) -> bool:
        """Whether the task was asked to come back: by a caller, or by a stop."""
        return self.cancel_reason is not None

    @property
    def cancel_reason(self) -> Reason | None:
        """Why it was asked to come back, or None."""
        reason = self._task._reason
        if reason is None and self._core.phase in (Phase.STOPPING, Phase.STOPPED):
            return Reason.SHUTDOWN
        return reason

    def raise_if_cancelled(self) -> None:
        """Raise `TaskCancelled` if the task was asked to come back."""
        reason = self.cancel_reason
        if reason is not None:
            raise TaskCancelled(self.task_id, reason)

    def sleep(self, duration: Duration) -> bool:
        """Sleep; wake early when asked to come back.

        Parameters
        ----------
        duration: a timedelta, or seconds.

        Returns
        -------
        True after the whole duration, False if the task was asked to come back first.
        """
        return not wait_for_trip(self._core, self._task, nanoseconds("duration", duration))

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait until asked to come back; False if `timeout` (a timedelta, or seconds) passed first."""
        return wait_for_trip(self._core, self._task, optional_nanoseconds("timeout", timeout))

    def __repr__(self) -> str:
        return f"<Context of task {self.task_id}, attempt {self.attempt}>"
