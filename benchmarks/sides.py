"""The worker and the standard pool, behind one face.

A load submits through `submit`, which is the thing's own bound method: nothing stands between.  The
functions that loads submit take any arguments, since the worker passes a context first and the pool does
not; so both sides call the same code.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, Any

from jurat import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["THREADS", "Side", "pool", "recorded_worker", "worker"]

THREADS = 4
SETTLING_S = 0.005


@dataclass(frozen=True)
class Side:
    """Something that runs functions on four threads."""

    submit: Callable[..., Any]
    """Returns a handle with `result()`."""
    finish: Callable[[], object]
    """Accepts nothing more, and returns when everything has run and the threads have ended."""


def worker() -> Side:
    """A bare worker with its defaults."""
    return _warm(_side(Worker(threads=THREADS)))


def recorded_worker() -> Side:
    """The same with an in-memory recorder."""
    return _warm(_side(Worker(threads=THREADS, recorder=[])))


def pool() -> Side:
    """The standard library's pool."""
    executor = ThreadPoolExecutor(THREADS)
    return _warm(Side(executor.submit, executor.shutdown))


def _side(made: Worker) -> Side:
    made.start()
    return Side(made.submit, lambda: made.drain(deadline=None).wait())


def _warm(side: Side) -> Side:
    """Have every thread started, used once and parked again, before anything is timed."""
    barrier = Barrier(THREADS + 1)

    def meet(*_context: object) -> None:
        barrier.wait()

    for _ in range(THREADS):
        side.submit(meet)
    barrier.wait()
    time.sleep(SETTLING_S)
    return side
