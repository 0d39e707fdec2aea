"""A task as the standard library knows such things: awaited in asyncio, or as a future.

`Awaited` is what `Task.__await__` answers: an iterator that a coroutine drives, as it would drive a
future's, and whose end is the task's result.  The loop goes on meanwhile, and no thread waits.
`Mirror` is a `concurrent.futures.Future` that shows a task.  Loaded when first used.
"""

from __future__ import annotations

from asyncio import get_running_loop
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _steps
from ._core import Latch
from ._states import Cancelling, Status
from .errors import WorkerForked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator
    from typing import Self

    from ._task import Task

__all__ = ["Awaited", "Mirror"]

R = TypeVar("R")


class Awaited(Generic[R]):
    """A coroutine's way to a task's result."""

    __slots__ = ("_steps", "_task")

    def __init__(self, task: Task[R]) -> None:
        self._task = task
        self._steps: Generator[Any, None, None] | None = None
        if not task.status.terminal:
            if task._label.core.forked:
                raise WorkerForked
            loop = get_running_loop()
            ended: asyncio.Future[None] = loop.create_future()
            if _steps.call_at_end(task._label.core, task, Latch(), _Waker(loop, ended)):
                self._steps = ended.__await__()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """On to the next suspension, or to the result."""
        if self._steps is not None:
            try:
                return next(self._steps)
            except StopIteration:
                self._steps = None
        raise StopIteration(self._task.result())

    def send(self, _: object) -> Any:
        """As `__next__`: there is nothing to be told."""
        return next(self)

    def throw(self, *error: Any) -> Any:
        """The waiting is cancelled; the task is not."""
        if self._steps is None:
            raise error[-1] if isinstance(error[-1], BaseException) else error[0]
        return self._steps.throw(*error)

    def close(self) -> None:
        """The coroutine is given up."""
        if self._steps is not None:
            self._steps.close()


class _Waker:
    """Wakes a coroutine, by way of its loop, when the task has ended."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        self._loop = loop
        self._future = future

    def open(self) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


class Mirror(Future[R]):
    """A future that shows a task."""

    def __init__(self, task: Task[R]) -> None:
        super().__init__()
        self._task = task

    def cancel(self) -> bool:
        """Cancel the task; True if it is cancelled, False if it runs or has ended."""
        if self._task.cancel() is not Cancelling.CANCELLED:
            return False
        return super().cancel()

    def running(self) -> bool:
        """Whether the task's function is on a thread."""
        return self._task.status is Status.RUNNING

    def reflect(self, task: Task[Any]) -> None:
        """The task has ended."""
        if task.status is Status.CANCELLED:
            super().cancel()
            self.set_running_or_notify_cancel()
        elif self.set_running_or_notify_cancel():
            problem = task.exception(0)
            if problem is None:
                self.set_result(task.result(0))
            else:
                self.set_exception(problem)
