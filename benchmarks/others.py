"""The same no-op work on other libraries: `python -m benchmarks.others SYSTEM`.

Each is set up as somebody would who wants it fast and in one process: four worker threads, memory for a
broker, results not kept, logging off.  Where a library polls, it polls every millisecond.  What is timed
runs from the first submit until the last task has run; a first, shorter batch warms it up and is not timed.
The task counts, since that is how anyone knows when the last one has run; it is the same task for all.

They are not all meant for this.  APScheduler keeps time; Dramatiq and Celery move work to other machines
and encode each message for the way.  The table says what such a task costs, not which library is better.

The libraries come from `requirements/bench.txt`, into an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from threading import Event
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from .child import keep_to_two_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["SYSTEMS", "main", "measure"]

THREADS = 4
WARM_UP = 200
POLL_S = 0.001
PATIENCE_S = 120.0


class _Batch:
    """So many tasks, and the moment when the last one has run."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.over = Event()
        self._count = count(1)

    def tick(self) -> None:
        if next(self._count) == self.number:
            self.over.set()


class Ticking:
    """The no-op task.  A library may want to know it before there is a batch, so it looks the batch up."""

    def __init__(self) -> None:
        self.batch = _Batch(0)

    def task(self, *_context: object) -> None:
        """Count one."""
        self.batch.tick()

    def microseconds(self, submit: Callable[[], object], number: int) -> float:
        """Per task, from the first submit until the last one has run."""
        self.batch = batch = _Batch(number)
        began = perf_counter_ns()
        for _ in range(number):
            submit()
        if not batch.over.wait(PATIENCE_S):
            raise TimeoutError(f"not all of {number} tasks had run after {PATIENCE_S:g} s")
        return (perf_counter_ns() - began) / number / 1000


def _jurat(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    worker = cleaning.enter_context(import_module("jurat").Worker(threads=THREADS))
    task = ticking.task
    return lambda: worker.submit(task)


def _pool(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    pool = cleaning.enter_context(ThreadPoolExecutor(THREADS))
    task = ticking.task
    return lambda: pool.submit(task)


def _apscheduler(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    """Jobs that are due at once; none is too late to run."""
    background: Any = import_module("apscheduler.schedulers.background")
    executors: Any = import_module("apscheduler.executors.pool")
    scheduler = background.BackgroundScheduler(
        executors={"default": executors.ThreadPoolExecutor(THREADS)},
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.start()
    cleaning.callback(scheduler.shutdown)
    task = ticking.task
    return lambda: scheduler.add_job(task)


def _huey(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    huey: Any = import_module("huey").MemoryHuey("bench")

    def tick() -> None:
        ticking.task()

    consumer = huey.create_consumer(
        workers=THREADS,
        worker_type="thread",
        periodic=False,
        initial_delay=POLL_S,
        max_delay=POLL_S,
        check_worker_health=False,
    )
    task: Callable[[], object] = huey.task()(tick)
    consumer.start()
    cleaning.callback(consumer.stop, graceful=True)
    return task


def _dramatiq(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    """With the stub broker, which is its own for tests, and the middleware that it brings by default."""
    dramatiq: Any = import_module("dramatiq")
    broker = import_module("dramatiq.brokers.stub").StubBroker()
    dramatiq.set_broker(broker)

    def tick() -> None:
        ticking.task()

    send: Callable[[], object] = dramatiq.actor(tick).send
    worker = dramatiq.Worker(broker, worker_threads=THREADS)
    worker.start()
    cleaning.callback(worker.stop)
    return send


def _celery(ticking: Ticking, cleaning: ExitStack) -> Callable[[], object]:
    """A worker inside this process, as Celery's own tests start one, on its pool of threads."""
    app: Any = import_module("celery").Celery("bench", broker="memory://")
    app.conf.update(task_ignore_result=True, broker_transport_options={"polling_interval": POLL_S})

    def tick() -> None:
        ticking.task()

    send: Callable[[], object] = app.task(tick, name="tick").delay
    testing: Any = import_module("celery.contrib.testing.worker")
    cleaning.enter_context(
        testing.start_worker(
            app, pool="threads", concurrency=THREADS, perform_ping_check=False, loglevel="CRITICAL"
        )
    )
    return send


SYSTEMS: Mapping[str, Callable[[Ticking, ExitStack], Callable[[], object]]] = {
    "jurat": _jurat,
    "ThreadPoolExecutor": _pool,
    "APScheduler": _apscheduler,
    "Huey": _huey,
    "Dramatiq": _dramatiq,
    "Celery": _celery,
}
"""How each is started: given the task and somewhere to put what must be closed, a call that submits one."""


def measure(system: str, number: int) -> float:
    """Microseconds per task.  Ready and warm before anything is timed."""
    ticking = Ticking()
    with ExitStack() as cleaning:
        submit = SYSTEMS[system](ticking, cleaning)
        ticking.microseconds(submit, WARM_UP)
        return ticking.microseconds(submit, number)


def _version(system: str) -> str:
    try:
        return version(system)
    except PackageNotFoundError:  # what is measured from its source, or is the interpreter's own
        return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one system once and write one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.others", description="one measurement")
    parser.add_argument("system", choices=list(SYSTEMS))
    parser.add_argument("number", type=int, help="tasks to time")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    keep_to_two_cores()
    found = {"version": _version(options.system), "us": measure(options.system, options.number)}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
