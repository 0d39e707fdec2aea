"""What both sides are given to do, and what is read from the clock.

A batch is as long as the worker's default queue: its defaults are what is measured, and they refuse the
10,001st waiting task.  The time of a batch runs from its first submit until everything has run and the
threads have ended, on both sides.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from resource import RUSAGE_SELF, getrusage
from statistics import median
from threading import Barrier, Thread
from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .sides import Side

__all__ = ["LOADS"]

BATCH = 10_000
SMALL_BATCH = 5_000
PRODUCERS = 4
WINDOW = 64
STARTS = 100
BLOCK = bytes(4096)
PAUSE_S = 0.001


def nothing(*_context: object) -> None:
    """The no-op task."""


def hash_block(*_context: object) -> None:
    """The GIL is dropped for the hash, since the block is longer than 2,047 bytes."""
    hashlib.sha1(BLOCK, usedforsecurity=False)


def nap(*_context: object) -> None:
    """The GIL is dropped for no time at all."""
    time.sleep(0)


def noop(side: Side) -> float:
    """Microseconds per no-op task, all submitted by one thread."""
    return _batch(side, nothing, BATCH)


def hashing(side: Side) -> float:
    """Microseconds per task that hashes 4 kB."""
    return _batch(side, hash_block, SMALL_BATCH)


def naps(side: Side) -> float:
    """Microseconds per task that sleeps for no time."""
    return _batch(side, nap, SMALL_BATCH)


def producers(side: Side) -> float:
    """Microseconds per no-op task, submitted by several threads at once."""
    share = BATCH // PRODUCERS
    start = Barrier(PRODUCERS + 1)

    def produce() -> None:
        submit = side.submit
        start.wait()
        for _ in range(share):
            submit(nothing)

    threads = [Thread(target=produce) for _ in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = perf_counter_ns()
    for thread in threads:
        thread.join()
    side.finish()
    return (perf_counter_ns() - began) / (share * PRODUCERS) / 1000


def window(side: Side) -> float:
    """Microseconds per no-op task, when the submitter waits for the 64th last one's result."""
    submit = side.submit
    began = perf_counter_ns()
    outstanding = deque(submit(nothing) for _ in range(WINDOW))
    for _ in range(SMALL_BATCH - WINDOW):
        outstanding.popleft().result()
        outstanding.append(submit(nothing))
    for handle in outstanding:
        handle.result()
    return (perf_counter_ns() - began) / SMALL_BATCH / 1000


def latency(side: Side) -> float:
    """Microseconds from the call of submit to the first instruction of the task, when idle: the median."""
    starts: list[int] = []

    def mark(*_context: object) -> None:
        starts.append(perf_counter_ns())

    submits: list[int] = []
    for _ in range(STARTS):
        time.sleep(PAUSE_S)  # the thread that ran the last one parks
        submits.append(perf_counter_ns())
        side.submit(mark).result()
    return median(start - submit for start, submit in zip(starts, submits, strict=True)) / 1000


def switches(side: Side) -> float:
    """Voluntary context switches of the whole process per no-op task, threads that have ended included."""
    before = getrusage(RUSAGE_SELF).ru_nvcsw
    _batch(side, nothing, BATCH)
    return (getrusage(RUSAGE_SELF).ru_nvcsw - before) / BATCH


def _batch(side: Side, function: Callable[..., None], number: int) -> float:
    submit = side.submit
    began = perf_counter_ns()
    for _ in range(number):
        submit(function)
    side.finish()
    return (perf_counter_ns() - began) / number / 1000


LOADS: Mapping[str, Callable[[Side], float]] = {
    "noop": noop,
    "recorded": noop,
    "producers": producers,
    "window": window,
    "hashing": hashing,
    "naps": naps,
    "latency": latency,
    "switches": switches,
}
