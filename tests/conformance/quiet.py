"""The machine itself as a runtime, which knows when a worker is quiet.

A worker is quiet when each of its threads waits at a gate or has ended: then nothing happens before somebody
else does something.  Whoever opens a gate counts the thread behind it as awake from that moment on, and
whoever spawns a thread does so before it runs; so there is no instant at which a worker seems quiet and is
not.  A thread that waits for a lock is awake.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jurat._runtime import RealRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat._runtime import Gate, Thread

__all__ = ["QuietRuntime"]


class QuietRuntime(RealRuntime):
    """Real threads, with a count of those that are awake."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.awake = 0
        self.own: set[int] = set()
        """The threads that were spawned here, by their identity: nobody else counts."""

    def gate(self) -> Gate:  # type: ignore[override]
        """A gate that counts who waits at it."""
        return _CountingGate(self)

    def spawn(self, target: Callable[..., None], name: str, *args: object) -> Thread:  # type: ignore[override]
        """As `RealRuntime.spawn`."""
        with self.changed:
            self.awake += 1
        return RealRuntime.spawn(self._live, name, target, *args)

    def _live(self, target: Callable[..., None], *args: object) -> None:
        me = threading.get_ident()
        with self.changed:
            self.own.add(me)
        try:
            target(*args)
        finally:
            with self.changed:
                self.own.discard(me)
                self.fell_asleep()

    def fell_asleep(self) -> None:
        """One thread fewer is awake.  To be called with `changed` held."""
        self.awake -= 1
        if not self.awake:
            self.changed.notify_all()

    def wait_until_quiet(self, patience_s: float) -> None:
        """Wait until nobody is awake.  So many seconds are enough for any worker that does not spin."""
        with self.changed:
            if not self.changed.wait_for(lambda: not self.awake, patience_s):
                raise AssertionError(f"{self.awake} of the worker's threads do not come to rest")


class _CountingGate:
    """The machine's gate, and whether a thread that counts sleeps at it."""

    def __init__(self, runtime: QuietRuntime) -> None:
        self._runtime = runtime
        self._gate = RealRuntime.gate()
        self._opened = False
        self._asleep = False

    def wait(self) -> bool:
        """As `Gate.wait`."""
        self._come()
        return self._gate.wait()

    def wait_for(self, timeout_ns: int) -> bool:
        """As `Gate.wait_for`, for a timeout that is longer than anybody waits here: it counts as for ever."""
        self._come()
        return self._gate.wait_for(timeout_ns)

    def open(self) -> None:
        """As `Gate.open`."""
        with self._runtime.changed:
            if self._asleep:
                self._asleep = False
                self._runtime.awake += 1
            else:
                self._opened = True
            self._gate.open()

    def _come(self) -> None:
        with self._runtime.changed:
            if self._opened:
                self._opened = False
            elif threading.get_ident() in self._runtime.own:
                self._asleep = True
                self._runtime.fell_asleep()
