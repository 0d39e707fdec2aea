"""A worker behind the standard library's interface: `concurrent.futures.Executor`.

Whatever takes a `ThreadPoolExecutor` by its interface takes this: `submit` returns a real
`concurrent.futures.Future`, so `futures.wait`, `as_completed`, `asyncio.wrap_future` and
`loop.run_in_executor` work, and `map` is the standard library's own.  CPython's tests of its thread
pool are run against it (`tests/worker/test_cpython_executor.py`, with what does not apply, and why).

A future and its task say the same, and here is who decides what:

* Whether the call runs or is cancelled, the future decides: the thread that starts the task asks
  it first.  `Future.cancel` then takes the task out of its queue, which frees its place.
* The outcome is put into the future by the thread that ran the call, before the task ends.  So what
  a done callback does is still part of the task: one that stalls is seen, and a stop abandons it by name.
* A task that ends without having run (`Worker.cancel_all`, a stop) or that a stop abandons is told
  to its future by the worker's follower, as any callback.

What a worker can do beyond this interface (names, deadlines, queues, retries) is asked of `Executor.worker`.
"""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, CancelledError, InvalidStateError, wait
from concurrent.futures import Executor as StandardExecutor
from concurrent.futures import Future as StandardFuture
from contextlib import suppress
from logging import getLogger
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from weakref import finalize

from . import _steps
from ._context import SEATS
from ._core import FOREVER, Latch
from ._follower import Call, employ
from ._options import is_a, whole
from ._policies import Retention
from ._runtime import REAL, NamingRuntime
from ._states import Status
from ._submission import name_of
from ._worker import Worker
from .errors import InvalidArgument, JuratError, ThreadsUnavailable, WorkerStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._context import Context
    from ._core import Seat
    from ._submission import SubmitOptions
    from ._task import Task

__all__ = ["Executor"]

P = ParamSpec("P")
R = TypeVar("R")

LOGGER = getLogger("concurrent.futures")
"""Where the standard library's executors tell of an initializer that failed."""

AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
BROKEN = "an initializer failed, and the executor runs nothing any more"
ONCE: SubmitOptions = {"retry": None, "timeout": None}


class Executor(StandardExecutor):
    """Runs calls on a worker's threads, as `concurrent.futures.ThreadPoolExecutor` does on its own.

    Parameters
    ----------
    max_workers: how many calls run at once; None is what `ThreadPoolExecutor` would take.
    thread_name_prefix: what the names of the threads begin with.
    initializer: called once on each thread, before its first call.  If it raises, that is logged
        to "concurrent.futures", and the executor is broken: every call that has not begun, and every
        later `submit`, gets `concurrent.futures.BrokenExecutor`.
    initargs: the initializer's arguments.
    worker: somebody else's worker to submit to, instead of a worker of the executor's own; it
        excludes the parameters above.

    The executor's own worker has no bound on its queue and no deadline for its drain, and remembers
    no task that has ended.  All its threads are started by the first `submit`; they end by
    `shutdown`, or when the executor is no longer referred to and its calls have ended.

    Over somebody else's worker, `shutdown` closes the executor and not the worker, and waits for, or
    cancels, what was submitted through the executor.  If that worker's queue is bounded, `submit`
    raises `QueueFull`.  A call is tried once and has no timeout, whatever the worker's defaults are.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        worker: Worker | None = None,
    ) -> None:
        is_a("worker", worker, Worker)
        if worker is not None and (max_workers is not None or thread_name_prefix or initializer is not None):
            raise InvalidArgument(
                "worker", "excludes max_workers, thread_name_prefix and initializer: it has its threads"
            )
        if initializer is not None and not callable(initializer):
            raise InvalidArgument("initializer", "must be callable")
        self._mine = worker is None
        self._closed = False
        self._preparation = None if initializer is None else _Preparation(initializer, initargs)
        self._live: dict[int, Future[Any]] = {}
        self._terms: SubmitOptions = {}
        if worker is None:
            self._worker = worker = Worker(
                threads=_thread_count(max_workers),
                queue_max=None,
                retention=Retention(number=0),
                drain_deadline=None,
                runtime=NamingRuntime(thread_name_prefix) if thread_name_prefix else None,
            )
            self._let_go = finalize(self, _drain, worker)
            self._let_go.atexit = False
        else:
            self._worker = worker
            if worker._core.retry is not None or worker._core.timeout_ns != FOREVER:
                self._terms = ONCE

    @property
    def worker(self) -> Worker:
        """The worker that the calls run on."""
        return self._worker

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> StandardFuture[R]:
        """Have `fn(*args, **kwargs)` called on one of the worker's threads.

        Raises
        ------
        RuntimeError: the executor, its worker or the interpreter has shut down.
        concurrent.futures.BrokenExecutor: the initializer has failed on a thread.
        QueueFull: the worker is somebody else's, and as many tasks wait as its queue holds.
        ThreadsUnavailable: the machine gave no threads.
        WorkerForked: this is a copy of the executor in a child process.
        """
        if self._preparation is not None and self._preparation.broken:
            raise BrokenExecutor(BROKEN)
        worker = self._worker
        future: Future[R] = Future()
        self._live[id(future)] = future  # before it looks whether it may: `shutdown` looks here afterwards
        try:
            self._look_whether_closed()
            task = worker.submit(_Job(future, fn, args, kwargs, self._preparation), **self._terms)
        except BaseException as refused:
            del self._live[id(future)]
            future.give_up()
            if isinstance(refused, WorkerStopped):
                raise RuntimeError(AFTER_SHUTDOWN) from refused  # noqa: TRY004 - the interface says so
            raise
        future.task = task
        ending = _Ending(future, task, self._live)
        if not _steps.call_at_end(worker._core, task, Latch(), ending):
            ending.open()
        elif future.cancelled():  # by a `shutdown`, before it had a task
            task.cancel()
        if self._mine and not worker._core.started:
            try:
                worker.start()  # now, and not before: the first call begins while the threads are started
            except ThreadsUnavailable:
                future.withdraw()
                raise
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Accept nothing more; what was submitted is finished.

        Parameters
        ----------
        wait: until everything submitted has ended, without limit, and the executor's own threads have.
        cancel_futures: cancel what has not begun, instead of finishing it.
        """
        self._closed = True
        core = self._worker._core
        shutdown = None
        if self._mine:
            self._let_go.detach()
            shutdown = self._worker.drain(pending="cancel" if cancel_futures else "finish", deadline=None)
        live = tuple(self._live.values())
        if cancel_futures:
            for future in live:
                future.withdraw()
        if not wait:
            return
        seat = SEATS.get(core.runtime.ident())
        if seat is not None and seat in core.seats:
            raise RuntimeError("a call cannot wait until the executor that it runs on has shut down")
        if shutdown is None:
            _wait_for_all(live)
        else:
            shutdown.wait()

    def _look_whether_closed(self) -> None:
        if self._closed:
            raise RuntimeError(AFTER_SHUTDOWN)

    def __repr__(self) -> str:
        return f"<Executor of {self._worker!r}>"


class Future(StandardFuture[R]):
    """A call that an executor has accepted."""

    task: Task[None] | None = None
    """Its task; None while it is being submitted."""

    def cancel(self) -> bool:
        """Cancel the call, if it has not begun: then it never will.

        One that runs goes on, and False is returned; but it is asked to come back, which it learns,
        if it wants to, by `jurat.current()`.
        """
        cancelled = super().cancel()
        task = self.task
        if task is not None and not task.status.terminal:
            task.cancel()
        return cancelled

    def withdraw(self) -> None:
        """Cancel the call if it has not begun; say nothing to it if it runs."""
        if super().cancel() and self.task is not None:
            self.task.cancel()

    def give_up(self) -> None:
        """It was not accepted: whoever waits for it in a shutdown goes on."""
        super().cancel()
        self.set_running_or_notify_cancel()

    def settle(self, task: Task[Any]) -> None:
        """Its task has ended, and what it was to call has not been called, or has not come back."""
        if task.status is Status.CANCELLED:
            super().cancel()
            self.set_running_or_notify_cancel()
        else:
            with suppress(InvalidStateError):  # its outcome came at the last moment
                self.set_exception(task.exception(0))


class _Job:
    """What a worker runs for a future."""

    __slots__ = ("__qualname__", "_args", "_fn", "_future", "_kwargs", "_preparation")

    def __init__(
        self,
        future: Future[R],
        fn: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preparation: _Preparation | None,
    ) -> None:
        self.__qualname__ = name_of(fn)
        self._future = future
        self._fn = fn
        self._args = args
        self._kwargs = kwargs
        self._preparation = preparation

    def __call__(self, context: Context, /) -> None:
        """Call it, unless it was cancelled, and put the outcome into the future.

        What it raises is raised again: its task has failed, too.
        """
        future = self._future
        if future.done() and not future.cancelled():
            return  # a stop has abandoned it before it began
        if not future.set_running_or_notify_cancel():
            cast("Task[Any]", context._task).cancel()
            raise CancelledError
        try:
            if self._preparation is not None:
                self._preparation.see_to_it()
            result = self._fn(*self._args, **self._kwargs)
        except BaseException as error:
            with suppress(InvalidStateError):  # a stop has abandoned it: so here, as below
                future.set_exception(error)
            del self, future  # or the error and this frame would keep each other alive
            raise
        with suppress(InvalidStateError):
            future.set_result(result)


class _Ending:
    """Sees to it that a future ends with its task."""

    __slots__ = ("_future", "_live", "_task")

    def __init__(self, future: Future[Any], task: Task[Any], live: dict[int, Future[Any]]) -> None:
        self._future = future
        self._task = task
        self._live = live

    def open(self) -> None:
        """The task has ended."""
        future, task = self._future, self._task
        self._live.pop(id(future), None)
        if task.attempts and task.status is not Status.ABANDONED:
            return  # whoever ran it has told the future
        if future.cancelled():
            future.set_running_or_notify_cancel()
            return
        core = task._label.core
        call = Call(core, future.settle, task)
        try:
            employ(core)
        except ThreadsUnavailable:
            call.run()
        else:
            call.open()


class _Preparation:
    """An initializer, and the threads on which it was called."""

    __slots__ = ("_args", "_initializer", "_ready", "broken")

    def __init__(self, initializer: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._initializer = initializer
        self._args = args
        self._ready: set[Seat] = set()
        self.broken = False

    def see_to_it(self) -> None:
        """Call the initializer, if it was not called on this thread yet.

        Raises
        ------
        BrokenExecutor: it has failed, here or on another thread.
        """
        seat = SEATS[REAL.ident()]
        if not self.broken and seat not in self._ready:
            self._ready.add(seat)
            try:
                self._initializer(*self._args)
            except BaseException:
                LOGGER.critical("Exception in initializer:", exc_info=True)
                self.broken = True
        if self.broken:
            raise BrokenExecutor(BROKEN)


def _thread_count(max_workers: int | None) -> int:
    if max_workers is None:
        processors = getattr(os, "process_cpu_count", os.cpu_count)()  # the first from 3.13 on
        return min(32, (processors or 1) + 4)
    if whole("max_workers", max_workers) <= 0:
        raise InvalidArgument("max_workers", "must be greater than 0")
    return max_workers


def _wait_for_all(live: tuple[Future[Any], ...]) -> None:
    wait(live)
    for future in live:
        if future.task is not None:
            future.task.wait()


def _drain(worker: Worker) -> None:
    """Nobody refers to the executor any more: its threads end when its calls have."""
    core = worker._core
    if core.started or core.admitted:
        with suppress(JuratError):
            worker.drain(deadline=None)
