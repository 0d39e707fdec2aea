"""The seam: everything the worker needs from the machine, and nothing else.

Threads, locks, waiting, clocks and randomness reach the worker through one object
that satisfies `Runtime`.  No other module of this package imports `threading`,
`_thread`, `time`, `queue` or `random`; a test of the repository says so.  In
production the object is `REAL`, below.  On the bench it is a controlled runtime that
decides who runs next and what time it is, and the worker cannot tell the difference.

The seam has no condition variable.  What waits, waits at a `Gate`: a semaphore with
one token and one waiter, which remembers an early `open`.  A gate is twenty lines to
control on a bench; a condition variable has wait sets, spurious wake-ups and a lock
to take again.  It is also faster: on a real machine a gate is one raw lock.

Prior art: shuttle's `sync` module (https://github.com/awslabs/shuttle), trio's
`MockClock`, TigerBeetle's `Time`.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LONGEST_WAIT_NS = int(threading.TIMEOUT_MAX) * 1_000_000_000


class Lock(Protocol):
    """Mutual exclusion, used only by `with`.  Not re-entrant."""

    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Gate(Protocol):
    """One token, one waiter.  Born shut.

    `open` leaves the token; `wait` takes it.  An `open` that comes before the `wait`
    is remembered, so no wake-up can be lost.  Opening twice before the token is taken
    is a bug of the caller and raises.
    """

    def wait(self) -> bool:
        """Take the token, waiting for it as long as it takes.  Always True."""

    def wait_for(self, timeout_ns: int) -> bool:
        """Take the token and return True, or return False without it after `timeout_ns`."""

    def open(self) -> None:
        """Leave the token.  Never waits."""


class Thread(Protocol):
    """A thread that was spawned."""

    name: str

    def join(self, timeout_ns: int | None = None) -> bool:
        """Wait until the thread has ended; False if `timeout_ns` passed first."""


class Runtime(Protocol):
    """What a worker is given.  Times are integer nanoseconds."""

    def monotonic_ns(self) -> int: ...
    def wall_ns(self) -> int: ...
    def lock(self) -> Lock: ...
    def gate(self) -> Gate: ...
    def spawn(self, target: Callable[..., None], name: str, *args: object) -> Thread: ...
    def ident(self) -> int:
        """The identity of the thread that asks, while it lives."""

    def entropy(self, size: int) -> bytes:
        """Unpredictable bytes, drawn once for each worker."""


class _RealGate:
    """A raw lock taken at birth: to wait is to acquire it, to open is to release it.

    `wait` and `open` are the lock's own bound methods, so neither costs a Python
    frame, and a double `open` raises by itself.
    """

    __slots__ = ("open", "wait")

    def __init__(self) -> None:
        lock = _thread.allocate_lock()
        lock.acquire()
        self.wait = lock.acquire
        self.open = lock.release

    def wait_for(self, timeout_ns: int) -> bool:
        return self.wait(True, min(timeout_ns, _LONGEST_WAIT_NS) / 1_000_000_000)


class _RealThread:
    __slots__ = ("_thread", "name")

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self.name = thread.name

    def join(self, timeout_ns: int | None = None) -> bool:
        self._thread.join(None if timeout_ns is None else min(timeout_ns, _LONGEST_WAIT_NS) / 1_000_000_000)
        return not self._thread.is_alive()


class RealRuntime:
    """The machine: real threads, the monotonic clock, the operating system's entropy."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)
    lock = staticmethod(_thread.allocate_lock)
    gate = staticmethod(_RealGate)
    ident = staticmethod(_thread.get_ident)
    entropy = staticmethod(os.urandom)

    @staticmethod
    def spawn(target: Callable[..., None], name: str, *args: object) -> Thread:
        thread = threading.Thread(target=target, name=name, args=args, daemon=True)
        thread.start()
        return _RealThread(thread)


REAL: Runtime = RealRuntime()


class NamingRuntime(RealRuntime):
    """The machine, with threads whose names begin as somebody wants."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def spawn(self, target: Callable[..., None], name: str, *args: object) -> Thread:  # type: ignore[override]
        """As `RealRuntime.spawn`."""
        return RealRuntime.spawn(target, f"{self.prefix}_{name}", *args)
