"""Duels: two operations and nothing else, small enough to be searched exhaustively.

A duel is a scenario in which one operation meets one other, with as few threads, tasks and
waits as the worker can do with.  At the grain of accesses a few thousand runs are all that
differ from each other by no more than one preemption, so a search can make every one.

What adds a thread, or a place to wait at, multiplies the runs, and so duels are written like
this.  Where it can be, the shutdown that ends the run is asked for before the run begins, and
nobody waits for it: it is looked at when the run is over (`Stage.close_at_end`).  Where the
worker has to be open, it is not started before the run, and the stop starts it.  And instead
of setting a timer, a task is given a time so near that a few readings of the clock reach it.

They are scenarios like the others: the same checks, the same walks, the same tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .parts import MOMENT, SAME, succeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage

NEAR = 4e-9
"""In seconds: four readings of the bench's clock."""


def submit_or_stop(stage: Stage) -> None:
    """A submission and a stop, which starts the threads as well: the task is refused, or cancelled."""
    stage.build_worker(threads=1)
    stage.client("client", lambda: stage.submit(succeed))
    stage.client("stopper", lambda: stage.close_at_end(stage.stop_now()))


def cancel_or_complete(stage: Stage) -> None:
    """A cancellation, and a task that is started, returns and is recorded."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    task = stage.submit(succeed)
    worker.start()
    stage.close_at_end(stage.drain())
    stage.client("client", lambda: stage.cancel(task))


def complete_or_deadline(stage: Stage) -> None:
    """A task that returns, and the deadline of a drain, after which it would be cancelled."""
    worker = stage.build_worker(threads=1)
    stage.submit(succeed)
    worker.start()
    stage.close_at_end(stage.drain(deadline=MOMENT))


def attach_or_evict(stage: Stage) -> None:
    """A request is repeated during a drain, and its task ends and is forgotten at once.

    Whoever repeats it is answered with the task, or refused.
    """
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(number=0), drain_deadline=None)
    stage.submit(succeed, **SAME)
    worker.start()
    stage.close_at_end(stage.drain())
    stage.client("client", lambda: stage.submit(succeed, **SAME))


def pause_or_start(stage: Stage) -> None:
    """A pause, and a thread that is about to start a task; the drain resumes what was paused."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(succeed)
    worker.start()

    def client() -> None:
        stage.pause()
        stage.close_at_end(stage.drain())

    stage.client("client", client)


def resize_or_stop(stage: Stage) -> None:
    """A worker that is about to be started is to have one thread more, and is started by a stop."""
    stage.build_worker(threads=1)
    stage.submit(succeed)
    stage.client("operator", lambda: stage.resize(2))
    stage.client("stopper", lambda: stage.close_at_end(stage.stop_now()))


def due_or_drain(stage: Stage) -> None:
    """A task's time comes, and a drain, which cancels what is scheduled and runs what is queued."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(succeed, delay=NEAR)
    worker.start()
    stage.client("client", lambda: stage.close_at_end(stage.drain()))


def expire_or_cancel(stage: Stage) -> None:
    """A task's deadline passes while it is cancelled, and while a thread is about to start it."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    task = stage.submit(succeed, deadline=NEAR)
    worker.start()
    stage.close_at_end(stage.drain())
    stage.client("client", lambda: stage.cancel(task))


DUELS: tuple[Callable[[Stage], None], ...] = (
    submit_or_stop,
    cancel_or_complete,
    complete_or_deadline,
    attach_or_evict,
    pause_or_start,
    resize_or_stop,
    due_or_drain,
    expire_or_cancel,
)
