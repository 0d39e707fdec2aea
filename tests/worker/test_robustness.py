"""Nothing is lost, nothing happens twice, nothing leaks and nothing hangs, whatever comes together.

Real threads, as many switches between them as the interpreter can be made to do, and everything at once.
The tasks keep their own record: a function notes each of its entries, so what the worker says of itself
is held against a witness that is not the worker.

`make soak` is the long form: a million tasks, about five minutes.  JURAT_SOAK is their number.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
import tracemalloc
from collections import Counter
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, actions

from jurat import (
    Context,
    Event,
    Phase,
    Queue,
    QueueFull,
    RateLimit,
    Retention,
    Retry,
    Status,
    Task,
    Worker,
    WorkerStopped,
)
from jurat._context import SEATS
from jurat_spec.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.worker.conftest import Hire

SOAK = int(os.environ.get("JURAT_SOAK", "20000"))
"""Tasks in a soak."""
ROUND = 2_000
"""Tasks in a round of it, which has a worker of its own."""


class Mishap(Exception):
    """Raised by the tests' functions."""


def nothing(_: Context) -> None:
    """Do nothing."""


@pytest.fixture
def restless() -> Iterator[None]:
    """The interpreter switches between threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


# --------------------------------------------------------------------------------- leaks


def descriptors() -> int:
    """How many there are, where one can tell."""
    own = Path("/proc/self/fd")
    return len(list(own.iterdir())) if own.exists() else 0


@pytest.mark.evidence("SD-1")
def test_a_thousand_lives_leak_no_thread_and_no_descriptor() -> None:
    """Drained or stopped, with tasks or none, with callbacks and subscribers."""
    threads, opened, seats = set(threading.enumerate()), descriptors(), len(SEATS)
    for life in range(1_000):
        worker = Worker(threads=1 + life % 3)
        with worker.subscribe() as subscription:
            worker.start()
            tasks = [worker.submit(nothing) for _ in range(life % 4)]
            if tasks:
                tasks[0].add_done_callback(nothing_to_do)
            shutdown = worker.drain() if life % 2 else worker.stop_now()
            assert shutdown.wait(PATIENCE)
            assert all(task.status.terminal for task in tasks)
            assert len(subscription.collect()) == len(tasks)
    assert set(threading.enumerate()) <= threads
    assert (descriptors(), len(SEATS)) == (opened, seats)


def nothing_to_do(_: object) -> None:
    """Nothing."""


def test_memory_does_not_grow_with_the_tasks_that_ended() -> None:
    """With retention, a worker that has run many times as many tasks holds no more."""
    retry = Retry(max_retries=1, delay=0)
    queues = [Queue("default"), Queue("other")]
    kept: list[int] = []
    tracemalloc.start()
    try:
        with Worker(
            threads=2, queue_max=500, queue_wait=60, queues=queues, retention=Retention(number=100)
        ) as worker:
            subscription = worker.subscribe(size=100)
            for size in (3_000, 3_000, max(10_000, SOAK // 10)):
                for number in range(size):
                    _submit_something(worker, number, retry)
                for task in worker.tasks():
                    assert task.wait(PATIENCE)
                worker.submit(nothing, delay=0.2).wait(PATIENCE)  # the last deadlines pass
                gc.collect()
                kept.append(tracemalloc.get_traced_memory()[0])
            assert subscription.dropped > 0
    finally:
        tracemalloc.stop()
    assert kept[2] - kept[1] < 100_000


def _submit_something(worker: Worker, number: int, retry: Retry) -> None:
    kind = number % 10
    if kind == 0:
        worker.submit(fail, retry=retry)
    elif kind == 1:
        worker.submit(nothing, priority=3, concurrency_key=f"key {number % 7}", id=f"id {number}")
    elif kind == 2:
        worker.submit(nothing, queue="other", delay=0.001, deadline=0.1)  # an alarm is kept until its instant
    elif kind == 3:
        worker.submit(nothing, idempotency_key=f"key {number}").cancel()
    elif kind == 4:
        worker.submit(nothing).wait(0)
    else:
        worker.submit(nothing)


def fail(_: Context) -> None:
    """Fail."""
    raise Mishap


# ---------------------------------------------------------------------------------- soak


class Round:
    """A worker, and everything that can be done to it at once."""

    def __init__(self, number: int, size: int) -> None:
        self.random = random.Random(number)
        self.size = size
        self.log: list[Event] = []
        draw = self.random
        self.worker = Worker(
            threads=draw.randint(1, 4),
            queue_max=draw.choice([50, 500]),
            queues=[Queue("default"), Queue("other", weight=3, cap=draw.choice([None, 1]))],
            rate=draw.choice([None, None, RateLimit(starts=20_000, per=1, burst=10)]),
            retention=Retention(number=draw.choice([0, 100, 1_000])),
            grace=60,
            recorder=self.log,
        )
        self.entries: dict[int, list[int]] = {}
        self.accepted: list[tuple[int, Task[int]]] = []
        self.over = threading.Event()
        self.problems: list[BaseException] = []
        self.slow = self.worker.subscribe(size=3, policy="block", timeout=600)
        self.lossy = self.worker.subscribe(size=5)
        self.heard: list[int] = []
        self.called: list[int] = []

    def run(self) -> None:
        """All of it, and then hold everything against everything else."""
        submitters = [self._thread(self._submit, self.random.random()) for _ in range(3)]
        others = [
            self._thread(self._cancel, self.random.random()),
            self._thread(self._operate, self.random.random()),
            self._thread(self._listen),
            self._thread(self._listen_badly),
        ]
        if self.random.random() < 0.8:
            time.sleep(0.005)  # there are tasks, submitters that wait for room, cancellations
        self.worker.start()
        for thread in submitters:
            thread.join(PATIENCE * 5)
        shutdown = self.random.choice(
            [
                self.worker.drain,
                self.worker.stop_now,
                lambda: self.worker.drain(pending="cancel"),
            ]
        )()
        assert shutdown.wait(PATIENCE)
        self.over.set()
        for thread in others:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert self.problems == []
        self._check()

    def _thread(self, act: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                act(*arguments)
            except BaseException as problem:  # noqa: BLE001 - the test reports it
                self.problems.append(problem)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def _enter(self, context: Context, key: int, what: float) -> int:
        self.entries[key].append(context.attempt)  # the witness
        if what < 0.1:
            raise Mishap
        if what < 0.13:
            context.sleep(0.002)
            context.raise_if_cancelled()
        if what < 0.14:
            raise SystemExit
        return key

    def _submit(self, seed: float) -> None:
        draw = random.Random(seed)
        for _ in range(self.size // 3):
            if draw.random() < 0.3 / self.size:  # in one round of three or four, long before its end
                draw.choice([self.worker.drain, self.worker.stop_now])()
            key = draw.getrandbits(60)
            self.entries[key] = []
            options: dict[str, Any] = {}
            if draw.random() < 0.5:
                options = {
                    "priority": draw.choice([0, 0, -1, 5]),
                    "queue": draw.choice([None, "other"]),
                    "delay": draw.choice([None, None, 0.0005]),
                    "timeout": draw.choice([None, 0.001]),
                    "deadline": draw.choice([None, None, 0.05]),
                    "retry": draw.choice([None, Retry(max_retries=2, delay=0.0001, timeouts=True)]),
                    "concurrency_key": draw.choice([None, None, "a", "b"]),
                }
            try:
                task = self.worker.submit(self._enter, key, draw.random(), queue_wait=5, **options)
            except QueueFull:
                del self.entries[key]
                continue
            except WorkerStopped:
                del self.entries[key]
                return
            self.accepted.append((key, task))
            if draw.random() < 0.05:
                task.add_done_callback(lambda task: self.called.append(task.number))

    def _cancel(self, seed: float) -> None:
        draw = random.Random(seed)
        while not self.over.wait(0.0005):
            for _, task in self.accepted[-5:]:
                if draw.random() < 0.2:
                    task.cancel()

    def _operate(self, seed: float) -> None:
        draw = random.Random(seed)
        with suppress(WorkerStopped):
            while not self.over.wait(0.001):
                queue = draw.choice([None, "other", "default"])
                self.worker.pause(queue)
                self.worker.resize(draw.randint(1, 5))
                self.worker.set_weight("other", draw.randint(1, 5))
                self.worker.resume(queue)
                self.worker.snapshot()

    def _listen(self) -> None:
        for task in self.slow:
            self.heard.append(task.number)
            if task.number % 500 == 0:
                time.sleep(0.002)

    def _listen_badly(self) -> None:
        while not self.lossy.ended:
            for task in self.lossy.collect(timeout=1):
                assert task.status.terminal

    def _check(self) -> None:
        replay(tuple(self.log))
        assert self.worker.phase is Phase.STOPPED
        for key, task in self.accepted:
            entries = self.entries.pop(key)
            assert entries == list(range(1, task.attempts + 1))
            assert task.status.terminal
            assert task.status is not Status.ABANDONED
            if task.status is Status.COMPLETED:
                assert task.result(0) == key
        assert self.entries == {}
        numbers = [task.number for _, task in self.accepted]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert sorted(self.heard) == sorted(numbers)
        accounts = self.lossy.accounts()
        assert accounts.delivered + accounts.dropped == accounts.published == len(numbers)
        assert len(set(self.called)) == len(self.called)
        counts = self.worker.snapshot().counts
        assert sum(counts[status] for status in Status) == len(numbers)
        TOTALS.update(actions(self.log))
        TOTALS.update(task.status for _, task in self.accepted)


TOTALS: Counter[str] = Counter()
"""What happened in the soak so far."""


@pytest.mark.usefixtures("restless")
def test_a_soak_loses_nothing_and_does_nothing_twice() -> None:
    """Cancels, failures, retries, timeouts, delays, priorities, queues, limits, subscribers and stops."""
    TOTALS.clear()
    seed = int(os.environ.get("JURAT_SOAK_SEED", "1"))
    for number in range(max(1, SOAK // ROUND)):
        try:
            Round(seed + number, ROUND).run()
        except BaseException:
            sys.stderr.write(f"replay: JURAT_SOAK={ROUND} JURAT_SOAK_SEED={seed + number}\n")
            raise
    sys.stderr.write(f"{dict(TOTALS)}\n")
    if SOAK >= 20_000:
        assert TOTALS.keys() >= {
            *("Submit", "BecomeDue", "Start", "Complete", "Fail", "Retry", "TimeOut", "TimeOutRetry"),
            *("Cancel", "Expire", "ShutdownCancel", "Evict", "BeginDrain", "StopNow", "Stopped"),
            *("Pause", "Resume", "Resize", "SetWeight"),
        }


# -------------------------------------------------------------- signal handlers and finalizers


def fire(handler: Callable[[int], object], busy: Callable[[], object], times: int) -> None:
    """Interrupt the main thread, while it is busy, so often, each time at another moment.

    Each alarm is set once the last one was handled: a timer that repeats by itself would, on a slow
    machine, interrupt its own handler for ever.
    """
    handled = 0

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal handled
        handler(handled)
        handled += 1

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, handle)
    armed = 0
    try:
        while handled < times:
            if handled == armed:
                armed += 1
                signal.setitimer(signal.ITIMER_REAL, (1 + armed % 50) / 1_000_000)
            busy()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


alarms = pytest.mark.skipif(sys.platform == "win32", reason="interval timers are POSIX")


@alarms
def test_a_signal_handler_may_operate_the_worker_while_the_main_thread_does(hire: Hire) -> None:
    """Pause, resume, resize, callbacks, results, snapshots: thousands of times, and nothing hangs."""
    worker, _ = hire(threads=2, queues=[Queue("default"), Queue("other")], key_cap=2)
    subscription = worker.subscribe(size=50)
    last: list[Task[None]] = [worker.submit(nothing)]
    called: list[int] = []
    last[0].add_done_callback(nothing_to_do)  # the follower is there before the first alarm

    def cancel() -> None:
        last[0].cancel()

    deeds: list[Callable[[], object]] = [
        worker.pause,
        worker.resume,
        lambda: worker.pause("other"),
        lambda: worker.resume("other"),
        lambda: worker.resize(1 + len(called) % 4),
        lambda: last[0].add_done_callback(lambda task: called.append(task.number)),
        subscription.collect,
        subscription.accounts,
        worker.snapshot,
        cancel,
        lambda: worker.set_rate(RateLimit(starts=100_000, burst=100)),
        lambda: worker.set_weight("other", 2),
        lambda: worker.set_retention(Retention(number=10)),
        lambda: worker.submit(nothing, queue="other", priority=2, concurrency_key="key").cancel(),
    ]
    mine = cycle(deeds)

    def busy() -> None:
        with suppress(QueueFull):
            last[0] = worker.submit(nothing)
        next(mine)()

    def handler(handled: int) -> None:
        with suppress(QueueFull):
            deeds[handled % len(deeds)]()

    with worker:
        fire(handler, busy, 3_000)
        worker.resume()
        worker.resume("other")
    assert called


@alarms
def test_a_signal_handler_may_stop_or_drain_at_any_moment() -> None:
    """While the main thread starts the worker, submits, waits or stops it: it always ends."""
    for life in range(300):
        log: list[Event] = []
        worker = Worker(threads=2, grace=0, recorder=log)
        accepted: list[Task[None]] = []
        worker.start()

        def busy(worker: Worker = worker, accepted: list[Task[None]] = accepted) -> None:
            with suppress(WorkerStopped, QueueFull):
                accepted.append(worker.submit(nothing))
                worker.submit(nothing).wait(0)

        def handler(handled: int, worker: Worker = worker, life: int = life) -> None:
            if (handled + life) % 2:
                worker.drain()
            else:
                worker.stop_now()

        fire(handler, busy, 1 + life % 3)
        assert worker.drain().wait(PATIENCE)
        assert all(task.status.terminal for task in accepted)
        replay(tuple(log))


def test_a_finalizer_may_submit_and_cancel_while_a_thread_chooses(hire: Hire) -> None:
    """With priorities, keys, two queues and a limiter, and a collection at nearly every allocation."""
    worker, log = hire(
        threads=2,
        queue_max=None,
        queues=[Queue("default"), Queue("other", weight=2)],
        rate=RateLimit(starts=100_000, per=1, burst=100),
    )
    finalized: list[Task[None]] = []
    options: Iterator[dict[str, Any]] = cycle(
        [
            {"priority": 1},
            {"queue": "other"},
            {"concurrency_key": "key"},
            {"delay": 0.0001},
            {},
        ]
    )

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            task = worker.submit(nothing, **next(options))
            if len(finalized) % 2:
                task.cancel()
            finalized.append(task)

    def litter(_: Context) -> None:
        Garbage()

    thresholds = gc.get_threshold()
    submitted = 0
    try:
        with worker:
            gc.set_threshold(2, 2, 2)
            while len(finalized) < 500:
                Garbage()
                worker.submit(litter, **next(options))
                submitted += 1
            gc.set_threshold(*thresholds)
            for task in worker.tasks():
                task.wait(PATIENCE)
            gc.collect()
    finally:
        gc.set_threshold(*thresholds)
    assert all(task.status.terminal for task in finalized)
    assert actions(log).count("Submit") == submitted + len(finalized)
