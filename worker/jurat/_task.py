"""The handle of a task: read it, wait for it, cancel it.

Reading never waits and never fails, in any status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from . import _steps
from ._context import instant, task_id
from ._core import FOREVER, Latch, TaskState
from ._follower import Call, employ
from ._opening import open_ended, release
from ._options import optional_name, optional_nanoseconds
from ._states import Cancelling, Reason, Status
from ._waiting import wait_for_end
from .errors import InvalidArgument, TaskAbandoned, TaskCancelled, TaskTimedOut, WaitTimeout, WorkerForked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future
    from datetime import datetime
    from typing import Self

    from ._options import Duration

__all__ = ["Task"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Task(TaskState, Generic[R_co]):
    """A task that a worker accepted.  Made by the worker only."""

    __slots__ = ()

    @property
    def number(self) -> int:
        """Its place in the worker's order of admission, from 1."""
        return self._number

    @property
    def id(self) -> str:
        """What it was called at submit, or the worker's instance and the task's number: unique by itself."""
        return task_id(self)

    @property
    def name(self) -> str:
        """What it was called at submit; the function's qualified name if nothing was said."""
        return self._label.name

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return self._label.queue.name

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

    @property
    def submitted_at(self) -> datetime:
        """When it was accepted, in UTC."""
        return instant(self, self._submitted_ns)

    @property
    def started_at(self) -> datetime | None:
        """When its last attempt was started, in UTC; None if it never was."""
        return instant(self, self._started_ns) if self._started_ns else None

    @property
    def ended_at(self) -> datetime | None:
        """When it came to its end, in UTC; None while it is live."""
        return instant(self, self._ended_ns) if self._status.terminal else None

    @property
    def deadline(self) -> datetime | None:
        """When it is too late for it, in UTC; None is never."""
        extras = self._extras
        return None if extras is None or extras.deadline_ns == FOREVER else instant(self, extras.deadline_ns)

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait for the end; False if `timeout` (a timedelta, or seconds) passed first.

        Raises
        ------
        WorkerForked: the task is live in the parent of this process, and will not end in this one.
        """
        timeout_ns = optional_nanoseconds("timeout", timeout)
        return self._status.terminal or wait_for_end(self._label.core, self, timeout_ns)

    def result(self, timeout: Duration | None = None) -> R_co:
        """Wait for the end and return what the function returned.

        Raises
        ------
        What the function raised, if it failed.
        TaskCancelled: it was cancelled; what its function raised, if it ran, is the cause.
        TaskTimedOut: it came back too late, or its deadline passed while it waited.
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

    def cancel(self, *, actor: str | None = None) -> Cancelling:
        """Cancel the task if it waits, ask it to come back if it runs.  Never waits.

        Parameters
        ----------
        actor: who asks, for the log.

        Raises
        ------
        WorkerForked: the task is live in the parent of this process, where it goes on.
        """
        optional_name("actor", actor)
        core = self._label.core
        if core.forked and not self._status.terminal:
            raise WorkerForked
        answer, ended = _steps.cancel(core, self, Reason.USER, actor, core.now())
        open_ended(core, *ended)
        release(self)
        return answer

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Have `callback(task)` called when the task has ended; at once, and here, if it has.

        It is called on a thread of the worker's own that does nothing else, in the order of the
        ends.  What it raises is reported to `sys.unraisablehook` and changes nothing.

        Raises
        ------
        ThreadsUnavailable: there is no such thread yet, and the machine gave none.
        WorkerForked: the task is live in the parent of this process.
        """
        if not callable(callback):
            raise InvalidArgument("callback", f"must be callable, and is of type {type(callback).__name__}")
        core = self._label.core
        call = Call(core, callback, self)
        if not self._status.terminal:
            if core.forked:
                raise WorkerForked
            employ(core)
            if _steps.call_at_end(core, self, Latch(), call):
                return
        call.run()

    def future(self) -> Future[R_co]:
        """A `concurrent.futures.Future` with the same outcome.  To cancel it is to cancel the task.

        A task that was cancelled is a cancelled future; one that timed out or was abandoned has
        that as its exception.
        """
        from ._standard import Mirror  # noqa: PLC0415 - only for those who use it

        mirror = Mirror(self)
        self.add_done_callback(mirror.reflect)
        return mirror

    def __await__(self) -> Generator[Any, None, R_co]:
        """Wait in asyncio, without blocking the loop; to cancel the waiting does not cancel the task."""
        from ._standard import Awaited  # noqa: PLC0415 - only for those who use it

        return Awaited(self)

    def _problem(self) -> BaseException | None:
        status = self._status
        if status is Status.COMPLETED:
            return None
        if status is Status.FAILED:
            return self._error
        if status is Status.ABANDONED:
            return TaskAbandoned(self.id)
        problem: BaseException
        if status is Status.TIMED_OUT:
            problem = TaskTimedOut(self.id)
        else:
            problem = TaskCancelled(self.id, self._reason or Reason.SHUTDOWN)
        problem.__cause__ = self._error
        return problem

    def __repr__(self) -> str:
        return f"<Task {self.id} {self.name!r} {self._status}>"
