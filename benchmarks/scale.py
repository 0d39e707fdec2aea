"""What the worker does alone: a million tasks in its queue, and nothing at all.

The million is queued before the worker starts, behind one task that will block its only thread.  Then it
is started and stopped: the million is cancelled, a step each, while another thread goes on calling.  What
the steps take from that caller is the longest of its calls that need the step lock; what the interpreter
takes from anybody is the longest of as much plain code, which needs no lock.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from jurat import Worker, WorkerStopped

from .loads import nothing
from .sides import THREADS, worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat import Task

__all__ = ["growth_and_stall", "idleness", "resident", "traced_pool", "traced_worker"]

THOUSAND = 1_000
TRACED = 100_000
TRACED_FUTURES = 20_000
"""Fewer of the pool's, which are large and slow to trace.  What each costs does not depend on the number."""
BLOCK = 10_000
"""Submits that are timed together, so that each block holds its share of small collections."""
PAIRS = 5
SETTLING_S = 0.2
GRACE_S = 300
SPINS = 20
"""Turns of a loop that take about as long as one call of the worker."""

TASKS = Path("/proc/self/task")


# Nothing ----------------------------------------------------------------------------------------------


def idleness(seconds: float) -> float:
    """Voluntary context switches of all threads but the one that measures, over `seconds` of no work."""
    side = worker()
    side.submit(nothing).result()
    time.sleep(SETTLING_S)
    before = _voluntary_switches()
    time.sleep(seconds)
    after = _voluntary_switches()
    side.finish()
    if before.keys() != after.keys() or len(before) < THREADS:
        raise RuntimeError("threads came or went while the worker was idle")
    return float(sum(after.values()) - sum(before.values()))


def _voluntary_switches() -> dict[str, int]:
    """By thread id."""
    me = str(threading.get_native_id())
    found = {}
    for status in TASKS.glob("*/status"):
        if status.parent.name != me:
            (line,) = (line for line in status.read_text().splitlines() if line.startswith("voluntary"))
            found[status.parent.name] = int(line.split()[1])
    return found


# Bytes ------------------------------------------------------------------------------------------------


def traced_worker() -> float:
    """Bytes that Python allocated per queued task; the function and its arguments are shared."""
    made = Worker(threads=THREADS, queue_max=None)
    return _traced(made.submit, TRACED)


def traced_pool() -> float:
    """The same for the standard pool, whose threads are blocked."""
    release = threading.Event()
    executor = ThreadPoolExecutor(1)
    executor.submit(release.wait)
    try:
        return _traced(executor.submit, TRACED_FUTURES)
    finally:
        release.set()
        executor.shutdown(cancel_futures=True)


def _traced(submit: Callable[..., Any], number: int) -> float:
    submit(nothing)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(number):
        submit(nothing)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / number


def resident(number: int) -> float:
    """Bytes per queued task that the operating system counts, in a process that did nothing else."""
    made = Worker(threads=THREADS, queue_max=None)
    before = _resident_bytes()
    for _ in range(number):
        made.submit(nothing)
    return (_resident_bytes() - before) / number


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


# A million --------------------------------------------------------------------------------------------


def growth_and_stall(number: int) -> dict[str, float]:
    """One round: fill, compare submits, start, stop, and see what a caller felt.  Times in us and ms."""
    release = threading.Event()
    began = threading.Event()

    def block(_context: object) -> None:
        began.set()
        release.wait()

    made = Worker(threads=1, queue_max=None, grace=GRACE_S)
    made.submit(block)
    filled = _time_submits(made, number)
    few, many = _compare(made)
    ended = made.submit(nothing)
    ended.cancel()
    last = made.submit(nothing)
    made.start()
    began.wait()
    felt = _cancel_all(made, ended, last)
    release.set()
    made.stop_now().wait()
    return {"fill": filled, "few": few, "many": many, "growth": many / few, **felt}


def _time_submits(made: Worker, number: int) -> float:
    submit = made.submit
    began = perf_counter_ns()
    for _ in range(number):
        submit(nothing)
    return (perf_counter_ns() - began) / number / 1000


def _compare(full: Worker) -> tuple[float, float]:
    """Microseconds per submit behind a thousand and behind the million, in turn; the pair in the middle."""
    pairs = []
    for _ in range(PAIRS):
        few = sum(_time_submits(_queueing(THOUSAND), THOUSAND) for _ in range(BLOCK // THOUSAND))
        pairs.append((few / (BLOCK // THOUSAND), _time_submits(full, BLOCK)))
    return sorted(pairs, key=lambda pair: pair[1] / pair[0])[PAIRS // 2]


def _queueing(number: int) -> Worker:
    made = Worker(threads=1, queue_max=None)
    for _ in range(number):
        made.submit(nothing)
    return made


def _cancel_all(made: Worker, ended: Task[None], last: Task[None]) -> dict[str, float]:
    """Stop the worker with its queue full, and call it all the while.  Milliseconds."""
    caller = _Caller(made, ended)
    collections = _Collections()
    gc.callbacks.append(collections)
    caller.start()
    began = perf_counter_ns()
    made.stop_now()
    last.wait()
    over = perf_counter_ns()
    caller.stop()
    gc.callbacks.remove(collections)
    return {
        "stall": caller.longest_call / 1e6,
        "bystander": caller.longest_spin / 1e6,
        "collection": collections.longest / 1e6,
        "interval": sys.getswitchinterval() * 1e3,
        "cancelled": (over - began) / 1e6,
    }


class _Caller(threading.Thread):
    """Submits, asks, cancels, and counts as long without a lock, until it is stopped.  Nanoseconds."""

    def __init__(self, made: Worker, ended: Task[None]) -> None:
        super().__init__()
        self._made = made
        self._ended = ended
        self._over = False
        self.longest_call = 0
        self.longest_spin = 0

    def run(self) -> None:
        while not self._over:
            self.longest_spin = max(self.longest_spin, _timed(_spin))
            self.longest_call = max(self.longest_call, _timed(self._submit), _timed(self._ask))

    def stop(self) -> None:
        self._over = True
        self.join()

    def _submit(self) -> None:
        with suppress(WorkerStopped):
            self._made.submit(nothing)

    def _ask(self) -> None:
        """Cancelling what has been cancelled takes the lock, and changes nothing."""
        if self._ended.status.terminal:
            self._ended.cancel()


def _spin() -> None:
    for _ in range(SPINS):
        pass


def _timed(call: Callable[[], None]) -> int:
    began = perf_counter_ns()
    call()
    return perf_counter_ns() - began


class _Collections:
    """Hears of garbage collections, which stop every thread, and keeps the longest.  Nanoseconds."""

    def __init__(self) -> None:
        self._began = 0
        self.longest = 0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter_ns()
        else:
            self.longest = max(self.longest, perf_counter_ns() - self._began)
