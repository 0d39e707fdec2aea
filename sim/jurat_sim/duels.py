"""Duels: two operations and nothing else, small enough to be searched exhaustively.

A duel is a scenario in which one operation meets one other, with as few threads, tasks and
waits as the worker can do with.  Its runs at the grain of accesses are short enough that a
search can make all of them that need no more than one preemption.  Where it can be, the
shutdown that ends the run is asked for before the run begins, so that it is in nobody's way.

They are scenarios like the others: the same checks, the same walks, the same tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .parts import MOMENT, SAME, succeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage


def submit_or_stop(stage: Stage) -> None:
    """A submission and a stop: the task is refused, or accepted and then cancelled or run."""
    worker = stage.build_worker(threads=1)
    worker.start()
    stage.client("client", lambda: stage.submit(succeed))
    stage.client("stopper", lambda: stage.close(stage.stop_now()))


def cancel_or_complete(stage: Stage) -> None:
    """A cancellation, and a task that is started, returns and is recorded."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    task = stage.submit(succeed)
    worker.start()
    shutdown = stage.drain()

    def client() -> None:
        stage.cancel(task)
        stage.close(shutdown)

    stage.client("client", client)


def complete_or_deadline(stage: Stage) -> None:
    """A task that returns, and the deadline of a drain, after which it would be cancelled."""
    worker = stage.build_worker(threads=1)
    stage.submit(succeed)
    worker.start()
    shutdown = stage.drain(deadline=MOMENT)
    stage.client("client", lambda: stage.close(shutdown))


def attach_or_evict(stage: Stage) -> None:
    """A repeated request, and the end of its task, which is forgotten at once: one task, or two."""
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(number=0), drain_deadline=None)
    stage.submit(succeed, **SAME)
    worker.start()

    def client() -> None:
        stage.submit(succeed, **SAME)
        stage.close(stage.drain())

    stage.client("client", client)


def pause_or_start(stage: Stage) -> None:
    """A pause, and a thread that is about to start a task; the drain resumes what was paused."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(succeed)
    worker.start()

    def client() -> None:
        stage.pause()
        stage.close(stage.drain())

    stage.client("client", client)


def resize_or_complete(stage: Stage) -> None:
    """A worker is to have one thread fewer, and one of its two has a task."""
    worker = stage.build_worker(threads=2, drain_deadline=None)
    stage.submit(succeed)
    worker.start()

    def client() -> None:
        stage.resize(1)
        stage.close(stage.drain())

    stage.client("client", client)


def unsubscribe_or_publish(stage: Stage) -> None:
    """A subscription is closed, and the end of a task is published to it."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    listener = stage.subscribe(size=1)
    stage.submit(succeed)
    worker.start()
    shutdown = stage.drain()

    def client() -> None:
        listener.close()
        stage.close(shutdown)

    stage.client("client", client)


def due_or_drain(stage: Stage) -> None:
    """A task's time comes, and a drain, which cancels what is scheduled and runs what is queued."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(succeed, delay=MOMENT)
    worker.start()
    stage.client("client", lambda: stage.close(stage.drain()))


DUELS: tuple[Callable[[Stage], None], ...] = (
    submit_or_stop,
    cancel_or_complete,
    complete_or_deadline,
    attach_or_evict,
    pause_or_start,
    resize_or_complete,
    unsubscribe_or_publish,
    due_or_drain,
)
