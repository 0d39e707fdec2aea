"""The process around a worker: signals, the interpreter's end, and forks."""

from __future__ import annotations

import atexit
import os
import signal
import weakref
from typing import TYPE_CHECKING, Any

from . import _steps
from ._options import is_a, items
from ._runtime import REAL
from ._shutdown import Shutdown
from ._states import Pending, Phase
from .errors import InvalidArgument

if TYPE_CHECKING:
    from types import FrameType

    from ._core import Core
    from ._worker import Worker

__all__ = ["drain_on_signals", "watch"]

_workers: weakref.WeakSet[Core] = weakref.WeakSet()
"""Every worker of this process that runs on the machine itself."""


def watch(core: Core) -> None:
    """Drain the worker when the interpreter exits, and know a copy of it in a child process."""
    if core.runtime is REAL:
        _workers.add(core)


class drain_on_signals:  # noqa: N801 - used as a function is
    """While in the block, the first of these signals drains the worker, and the next stops it now.

    To be used on the main thread.  The block is not left by a signal: wait for the shutdown in it.
    What handled the signals before handles them again afterwards.
    """

    def __init__(
        self, worker: Worker, signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
    ) -> None:
        from ._worker import Worker  # noqa: PLC0415 - which imports this module

        is_a("worker", worker, Worker, optional=False)
        self._worker = worker
        try:
            self._signals = tuple(signal.Signals(it) for it in items("signals", signals))
        except ValueError:
            raise InvalidArgument("signals", "must be signals of this system") from None
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before = [signal.signal(it, self._handle) for it in self._signals]

    def __exit__(self, *_: object) -> None:
        for it, handler in zip(self._signals, self._before, strict=True):
            signal.signal(it, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        actor = signal.Signals(number).name
        if self._worker.phase is Phase.OPEN:
            self._worker.drain(actor=actor)
        else:
            self._worker.stop_now(actor=actor)


@atexit.register
def _exit() -> None:
    """The interpreter exits: drain each worker that was started, within its bound."""
    started = [core for core in tuple(_workers) if core.started and not core.forked]
    for core in started:
        steward, wake, room = _steps.begin_drain(
            core, Pending.FINISH, core.drain_deadline_ns, "exit", core.now()
        )
        for gate in (steward, wake, *room):
            if gate is not None:
                gate.open()
    for core in started:
        Shutdown(core).wait()


def _fork() -> None:
    """In the child: the threads are in the parent, and a lock may have been taken by one of them."""
    for core in tuple(_workers):
        core.lock = core.runtime.lock()
        core.forked = True
        core.phase = Phase.STOPPED
        core.starting = core.direct = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork)
