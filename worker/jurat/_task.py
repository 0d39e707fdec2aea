"""The handle of a task: read it, wait for it, cancel it.

Reading never waits and never fails, in any status.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from . import _steps
from ._core import TaskState
from ._options import optional_nanoseconds
from ._states import Cancelling, Reason, Status
from ._waiting import wait_for_end
from .errors import TaskAbandoned, TaskCancelled, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Core
    from ._options import Duration

__all__ = ["Task"]

R_co = TypeVar("R_co", covariant=True)


class Task(TaskState, Generic[R_co]):
    """A task that a worker accepted.  Made by `Worker.submit` only."""

    __slots__ = ()

    def __init__(self, core: Core, function: Callable[..., R_co], args: tuple[Any, ...], name: str) -> None:
        self._core = core
        self._function = function
        self._args = args
        self._variables = copy_context()
        self._name = name
        self._number = 0
        self._status = Status.QUEUED
        self._attempts = 0
        self._reason = None
        self._value = None
        self._error = None
        self._ended = None
        self._tripped = None

    @property
    def number(self) -> int:
        """Its place in the worker's order of admission, from 1."""
        return self._number

    @property
    def id(self) -> str:
        """The worker's instance and the task's number: unique without coordination."""
        return f"{self._core.instance}-{self._number}"

    @property
    def name(self) -> str:
        """What it was called at submit; the function's qualified name if nothing was said."""
        return self._name

    @property
    def status(self) -> Status:
        """Where it is in its life.  Once terminal, it never changes."""
        return self._status

    @property
    def attempts(self) -> int:
        """How often it was started."""
        return self._attempts

    @property
    def cancel_reason(self) -> Reason | None:
        """Why it was cancelled, or is asked to cancel; None otherwise."""
        return self._reason

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait for the end; False if `timeout` (a timedelta, or seconds) passed first."""
        if self._status.terminal:
            return True
        return wait_for_end(self._core, self, optional_nanoseconds("timeout", timeout))

    def result(self, timeout: Duration | None = None) -> R_co:
        """Wait for the end and return what the function returned.

        Raises
        ------
        What the function raised, if it failed.
        TaskCancelled: it was cancelled; what its function raised, if it ran, is the cause.
        TaskAbandoned: it did not come back within the grace of a stop.
        WaitTimeout: `timeout` passed first; the task goes on.
        """
        if not self.wait(timeout):
            raise WaitTimeout(self.id)
        problem = self._problem()
        if problem is not None:
            try:
                raise problem
            finally:
                problem = None  # or this frame and the exception would keep each other alive
        return cast("R_co", self._value)

    def exception(self, timeout: Duration | None = None) -> BaseException | None:
        """Wait for the end and return what `result` would raise, or None."""
        if not self.wait(timeout):
            raise WaitTimeout(self.id)
        return self._problem()

    def cancel(self) -> Cancelling:
        """Cancel the task if it waits, ask it to come back if it runs.  Never waits."""
        core = self._core
        answer, gates, steward = _steps.cancel(core, self, core.now())
        for gate in gates:
            gate.open()
        if steward is not None:
            steward.open()
        return answer

    def _problem(self) -> BaseException | None:
        status = self._status
        if status is Status.COMPLETED:
            return None
        if status is Status.FAILED:
            return self._error
        if status is Status.ABANDONED:
            return TaskAbandoned(self.id)
        cancelled = TaskCancelled(self.id, self._reason or Reason.SHUTDOWN)
        cancelled.__cause__ = self._error
        return cancelled

    def __repr__(self) -> str:
        return f"<Task {self.id} {self._name!r} {self._status}>"
