"""The process around a worker: signals, the interpreter's end, and forks.

At the interpreter's exit every worker comes to its end.  One that was started is drained, and the exit
waits for it as long as its drain's deadline and its grace allow.  One that never was, cancels what waits:
from 3.12 on there are no new threads at that time, so nothing of it could run.

In a child process a worker is a copy without threads, made at an instant when any of its locks may have
been taken and any of its lists half written.  So the copy has stopped, for good: `start` and `submit`
raise `WorkerForked`, and so does whatever would wait for a task that had not ended, or cancel it, for
its end is seen in the parent only.  A shutdown of it is complete, its subscriptions have ended, and the
statuses stay what they were.  Its audit log is the parent's, which goes on with it.  A worker that is made
in the child is a worker like any other.
"""

from __future__ import annotations

import atexit
import os
import signal
import weakref
from typing import TYPE_CHECKING, Any

from . import _steps
from ._context import SEATS
from ._core import Latch
from ._options import is_a, items
from ._results import abandon_subscriptions
from ._runtime import REAL, RealRuntime
from ._shutdown import Shutdown
from ._states import Pending, Phase
from ._threads import serve
from .errors import InvalidArgument

if TYPE_CHECKING:
    from types import FrameType

    from ._core import Core
    from ._worker import Worker

__all__ = ["drain_on_signals", "watch"]

_workers: weakref.WeakValueDictionary[int, Core] = weakref.WeakValueDictionary()
"""Every worker of this process that runs on the machine itself, by its identity."""


def watch(core: Core) -> None:
    """Bring the worker to its end when the interpreter exits, and know a copy of it in a child process."""
    if isinstance(core.runtime, RealRuntime):
        _workers[id(core)] = core


class drain_on_signals:  # noqa: N801 - used as a function is
    """While in the block, the first of these signals drains the worker, and the next stops it now.

    If the worker was draining already, the first one stops it.  To be used on the main thread.  The
    block is not left by a signal: wait for the shutdown in it.  What handled the signals before handles
    them again afterwards.
    """

    def __init__(
        self, worker: Worker, signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
    ) -> None:
        from ._worker import Worker  # noqa: PLC0415 - which imports this module

        is_a("worker", worker, Worker, optional=False)
        self._worker = worker
        try:
            self._signals = tuple([signal.Signals(it) for it in items("signals", signals)])
        except ValueError:
            raise InvalidArgument("signals", "must be signals of this system") from None
        self._before: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> None:
        try:
            for it in self._signals:
                self._before.append((it, signal.signal(it, self._handle)))
        except BaseException:
            self._restore()
            raise

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _restore(self) -> None:
        while self._before:
            it, handler = self._before.pop()
            # None is a handler that was not installed from Python, and cannot be again.
            signal.signal(it, signal.SIG_DFL if handler is None else handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        actor = signal.Signals(number).name
        if self._worker.phase is Phase.OPEN:
            self._worker.drain(actor=actor)
        else:
            self._worker.stop_now(actor=actor)


def _known() -> list[Core]:
    """The workers that there are.  In one piece: other threads may make more meanwhile."""
    found = [reference() for reference in _workers.valuerefs()]
    return [core for core in found if core is not None]


@atexit.register
def _exit() -> None:
    """The interpreter exits: bring each worker to its end, those that were started within their bound."""
    here = [core for core in _known() if not core.forked]
    for core in here:
        mine = _steps.claim_start(core)
        pending = Pending.CANCEL if mine else Pending.FINISH
        steward, wake, room = _steps.begin_drain(core, pending, core.drain_deadline_ns, "exit", core.now())
        for gate in (steward, wake, *room):
            if gate is not None:
                gate.open()
        if mine:
            serve(core)  # its steward is this thread: nothing runs, so this comes to an end
            if core.audit is not None:
                core.audit.finish_here()
            for gate in _steps.pass_latch(core, core.manned):
                gate.open()
    for core in here:
        Shutdown(core).wait()


def _fork() -> None:
    """In the child: the threads are in the parent, and a lock may have been taken by one of them."""
    me = REAL.ident()
    seat = SEATS.get(me)
    SEATS.clear()
    if seat is not None:
        SEATS[me] = seat  # it is a task that has forked
    for core in _known():
        core.lock = core.runtime.lock()
        core.choosing = core.runtime.lock()
        core.forked = True
        core.phase = Phase.STOPPED
        core.starting = core.direct = core.following = core.subscribed = core.heralded = False
        core.started = True
        core.keys = {}
        core.relaying = False
        core.scribe = None
        if core.audit is not None:
            core.audit.abandon()
            core.audit = None
        core.threads = []
        core.helpers = []
        core.manned, core.stopped, core.announced = _over(), _over(), _over()
    abandon_subscriptions()


def _over() -> Latch:
    latch = Latch()
    latch.over = True
    return latch


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork)
