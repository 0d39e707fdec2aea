"""What scenarios are made of: lengths of time, requests, functions for tasks, and ways to wait and to ask.

Times are a few milliseconds, of which the bench makes what it likes: each timer may fire as
soon as it is set, or when nobody else can go on.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Body, Stage, Submission

MOMENT = timedelta(milliseconds=1)
WHILE = timedelta(milliseconds=4)
EVER = timedelta(hours=1)

SAME: dict[str, Any] = {"idempotency_key": "key", "fingerprint": "same"}
"""A request, and every repetition of it."""


def wait_for(*tasks: Submission) -> None:
    """Wait without a timeout, and do not take the worker's word for it."""
    for task in tasks:
        if task.handle is None:
            continue
        task.handle.wait()
        if not task.handle.status.terminal:
            raise AssertionError(f"a wait for submission {task.ticket} was over before the task was")


def worker_is_open(stage: Stage, call: Callable[[], object]) -> None:
    """Call it; that the worker is open no longer is an answer like any other."""
    with suppress(stage.jurat.WorkerStopped):
        call()


def idle(stage: Stage, time: timedelta) -> None:
    """Let this much time pass: so whoever idles comes at any moment of the run."""
    stage.runtime.gate().wait_for(round(time.total_seconds() * 1e9))


def pause(stage: Stage, where: str) -> None:
    """A place where anything may happen."""
    stage.runtime.pause(where)


def succeed(_: Any) -> str:
    """Return at once."""
    return "done"


def fail(_: Any) -> None:
    """Raise at once."""
    raise ValueError("a task failed")


def succeeds_slowly(stage: Stage) -> Body:
    """A function that returns after a while."""

    def function(_: Any) -> str:
        pause(stage, "its work")
        return "done"

    return function


def looks_at_its_limit(context: Any) -> None:
    """Wait as long as it may, and take the context's word for it, but not for more."""
    context.sleep(EVER)
    if not (context.timed_out or context.cancelled):
        raise AssertionError("woken neither asked to come back nor too late")
    context.raise_if_cancelled()


def fails_slowly(stage: Stage) -> Body:
    """A function that raises after a while."""

    def function(context: Any) -> None:
        pause(stage, "its work")
        fail(context)

    return function


def fails_until(attempt: int) -> Body:
    """A function that succeeds at that attempt, and not before."""

    def function(context: Any) -> str:
        if context.attempt < attempt:
            fail(context)
        return "done"

    return function


def until_asked(context: Any) -> None:
    """Wait to be asked to come back, and do."""
    context.wait()
    context.raise_if_cancelled()
    raise AssertionError("woken without having been asked to come back")


def leave(_: Any) -> None:
    """Try to end the thread."""
    raise SystemExit("a task tried to end its thread")
