"""Scenarios that are small enough to be explored to the end: one worker thread, two operations that race."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jurat_sim.scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_sim.stage import Stage


def _nothing(context: object) -> None:
    """A task's function that does nothing."""


def _submits(stage: Stage, name: str, **options: str) -> None:
    """A client that submits one task."""

    def client() -> None:
        stage.submit(_nothing, **options)

    stage.client(name, client)


def _cancel_one(stage: Stage) -> None:
    """A task that nobody will run is cancelled by two clients at once."""
    stage.build_worker(threads=1)
    task = stage.submit(_nothing)
    stage.client("first", task.handle.cancel)
    stage.client("second", task.handle.cancel)


def _submit_twice(stage: Stage) -> None:
    """Two clients submit to a worker that has not been started, with room for one."""
    stage.build_worker(threads=1, queue_max=1)
    _submits(stage, "first")
    _submits(stage, "second")


def _submit_and_stop(stage: Stage) -> None:
    """A client submits to a worker that has not been started and that another one stops."""
    worker = stage.build_worker(threads=1)
    _submits(stage, "client")
    stage.client("stopper", worker.stop_now)


def _submit_and_cancel(stage: Stage) -> None:
    """A client submits to a worker that has not been started, while another cancels what waits there."""
    stage.build_worker(threads=1)
    task = stage.submit(_nothing)
    _submits(stage, "client")
    stage.client("canceller", task.handle.cancel)


def _attach(stage: Stage) -> None:
    """Two clients submit with one idempotency key, and one looks at the worker."""
    stage.build_worker(threads=1)
    _submits(stage, "first", idempotency_key="k")
    _submits(stage, "second", idempotency_key="k")
    stage.client("looker", stage.look)


def _cancel_and_wait(stage: Stage) -> None:
    """A client waits for a task with a timeout, and another cancels it."""
    stage.build_worker(threads=1)
    task = stage.submit(_nothing)

    def waiter() -> None:
        task.handle.wait(timeout=timedelta(milliseconds=1))

    stage.client("waiter", waiter)
    stage.client("canceller", task.handle.cancel)


def _stop_twice(stage: Stage) -> None:
    """Two clients stop a worker that has not been started."""
    worker = stage.build_worker(threads=1)
    stage.client("first", worker.stop_now)
    stage.client("second", worker.stop_now)


def _run_and_drain(stage: Stage) -> None:
    """One task, and a drain that waits for it."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(_nothing)
    worker.start()

    def closer() -> None:
        stage.close(worker.drain())

    stage.client("closer", closer)


def _scenario(describe: Callable[[Stage], None]) -> Scenario:
    return Scenario(name=describe.__name__[1:], text=describe.__doc__ or "", describe=describe)


SMALL = {
    scenario.name: scenario
    for scenario in map(
        _scenario,
        [
            _cancel_one,
            _submit_twice,
            _submit_and_cancel,
            _attach,
            _cancel_and_wait,
            _submit_and_stop,
            _stop_twice,
            _run_and_drain,
        ],
    )
}
