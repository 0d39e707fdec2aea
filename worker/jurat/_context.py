"""What a task's function is given: how it learns that it should come back.

Cancellation is cooperative.  Nothing is ever thrown into a function from outside; it
asks `cancelled`, calls `raise_if_cancelled`, or waits in `sleep` and `wait`, which wake early.
Time is a limit of the same kind: a function that comes back at or after the end of its attempt,
or its deadline, has timed out, and `remaining` says how long it has.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ._core import FOREVER
from ._options import nanoseconds, optional_nanoseconds
from ._runtime import REAL
from ._states import Phase, Reason
from ._token import Token, follow
from ._waiting import wait_for_trip
from .errors import NotInTask, TaskCancelled, TaskTimedOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._core import Seat, TaskState
    from ._options import Duration

__all__ = ["SEATS", "Context", "current"]

SEATS: dict[int, Seat] = {}
"""The seats of worker threads, by the thread's identity."""


class Context:
    """One attempt's view of its task.  Valid until the function returns."""

    __slots__ = ("_task", "attempt")

    _task: TaskState
    attempt: int
    """Which attempt this is, from 1."""

    @property
    def task_id(self) -> str:
        """The task's id, as `Task.id`."""
        return task_id(self._task)

    @property
    def name(self) -> str:
        """The task's name."""
        return self._task._label.name

    @property
    def queue(self) -> str:
        """The name of the task's queue."""
        return self._task._label.queue.name

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was given at submit; empty if nothing was."""
        extras = self._task._extras
        return {} if extras is None or extras.metadata is None else extras.metadata

    @property
    def cancelled(self) -> bool:
        """Whether the task was asked to come back: by a caller, by its parent, or by a stop."""
        return self.cancel_reason is not None

    @property
    def cancel_reason(self) -> Reason | None:
        """Why it was asked to come back, or None."""
        reason = self._task._reason
        if reason is None and self._task._label.core.phase in (Phase.STOPPING, Phase.STOPPED):
            return Reason.SHUTDOWN
        return reason

    @property
    def deadline(self) -> datetime | None:
        """When this attempt is too late, in UTC: its timeout's end or the task's deadline; None is never."""
        limit = self._limit_ns()
        return None if limit == FOREVER else instant(self._task, limit)

    def remaining(self) -> float | None:
        """Seconds until this attempt is too late, at least 0; None if it never is."""
        limit = self._limit_ns()
        return None if limit == FOREVER else max(0, limit - self._task._label.core.now()) / 1_000_000_000

    @property
    def timed_out(self) -> bool:
        """Whether this attempt is too late already."""
        limit = self._limit_ns()
        return limit != FOREVER and self._task._label.core.now() >= limit

    def raise_if_cancelled(self) -> None:
        """Raise `TaskCancelled` if the task was asked to come back, `TaskTimedOut` if it is too late."""
        reason = self.cancel_reason
        if reason is not None:
            raise TaskCancelled(self.task_id, reason)
        if self.timed_out:
            raise TaskTimedOut(self.task_id)

    def sleep(self, duration: Duration) -> bool:
        """Sleep; wake early when asked to come back, or when it is too late to go on.

        Parameters
        ----------
        duration: a timedelta, or seconds.

        Returns
        -------
        True after the whole duration, False if the task was asked to come back or its time is over.
        """
        duration_ns = nanoseconds("duration", duration)
        left_ns = self._left_ns()
        if left_ns is None or duration_ns < left_ns:
            return not wait_for_trip(self._task._label.core, self._task, duration_ns)
        wait_for_trip(self._task._label.core, self._task, left_ns)
        return False

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait until asked to come back, or too late.

        False if `timeout` (a timedelta, or seconds; None is no limit) passed first.
        """
        timeout_ns = optional_nanoseconds("timeout", timeout)
        left_ns = self._left_ns()
        if left_ns is None or (timeout_ns is not None and timeout_ns < left_ns):
            return wait_for_trip(self._task._label.core, self._task, timeout_ns)
        wait_for_trip(self._task._label.core, self._task, left_ns)
        return True

    def token(self) -> Token:
        """A token whose tasks are cancelled when this one is asked to come back."""
        token = Token()
        follow(token, self._task)
        return token

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger "jurat.task", which says with each record which task and attempt it is about."""
        extra = {"task_id": self.task_id, "task_name": self.name, "attempt": self.attempt}
        return logging.LoggerAdapter(logging.getLogger("jurat.task"), extra)

    def _limit_ns(self) -> int:
        extras = self._task._extras
        return FOREVER if extras is None else min(extras.attempt_end_ns, extras.deadline_ns)

    def _left_ns(self) -> int | None:
        limit = self._limit_ns()
        return None if limit == FOREVER else max(0, limit - self._task._label.core.now())

    def __repr__(self) -> str:
        return f"<Context of task {self.task_id}, attempt {self.attempt}>"


def current() -> Context:
    """The context of the task whose function is on this thread.

    Raises
    ------
    NotInTask: there is none.
    """
    seat = SEATS.get(REAL.ident())
    task = None if seat is None else seat.task
    if task is None:
        raise NotInTask
    context = Context()
    context._task = task
    context.attempt = task._attempts
    return context


def task_id(task: TaskState) -> str:
    """The caller's id for a task, or the worker's instance and the task's number."""
    extras = task._extras
    if extras is not None and extras.id is not None:
        return extras.id
    return f"{task._label.core.instance}-{task._number}"


def instant(task: TaskState, at_ns: int) -> datetime:
    """An instant of the worker's clock as a time of day in UTC, as the clocks stood when it was made."""
    core = task._label.core
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=(core.epoch_ns + at_ns) // 1_000)
