"""What users hang on a worker: observers, wrappers, callbacks, tokens.  It may fail, and changes nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting

from jurat import (
    Cancelling,
    Context,
    Event,
    Reason,
    Status,
    Task,
    Token,
    Transition,
    Worker,
    WorkerStopped,
    current,
)
from jurat_spec.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worker.conftest import Hire


def double(_: Context, number: int) -> int:
    """Return twice the number."""
    return 2 * number


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of what was reported to `sys.unraisablehook`."""
    types: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: types.append(report.exc_type.__name__))
    return types


# Observers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", [True, False])
def test_an_observer_is_told_of_every_event_in_the_order_of_the_log(*, recorded: bool) -> None:
    """With a recorder or without one, from the first to the last: it could check the log itself."""
    told: list[Transition] = []
    log: list[Event] = []
    with Worker(threads=2, observers=[told.append], recorder=log if recorded else None) as worker:
        for number in range(50):
            worker.submit(double, number)
        worker.submit(double, 1, delay=3_600)
    assert (told[0].action, told[-1].action) == ("Init", "Stopped")
    assert replay(tuple([tuple(it) for it in told])).counts["Complete"] == 50
    if recorded:
        assert [list(it) for it in told] == log


def test_an_observer_that_fails_or_stalls_touches_no_task(hire: Hire, reported: list[str]) -> None:
    """Its failures are reported; the tasks run while it stalls, and the stop completes within the grace."""
    door = threading.Event()

    def fails(_: Transition) -> None:
        raise KeyError("of its own")

    def stalls(_: Transition) -> None:
        door.wait()

    told: list[Transition] = []
    worker, _ = hire(threads=1, observers=[fails, stalls, told.append])
    worker.start()
    assert worker.submit(double, 21).result(PATIENCE) == 42
    shutdown = worker.stop_now()
    assert shutdown.wait(PATIENCE)
    assert shutdown.done  # though the observer stalls
    door.set()
    for helper in worker._core.helpers:
        assert helper.join(None)
    assert reported
    assert set(reported) == {"KeyError"}
    assert told[-1].action == "Stopped"


@pytest.mark.evidence("NF-2")
def test_an_observer_may_submit(hire: Hire) -> None:
    """No lock is held while it is called."""
    answers: list[Task[int]] = []

    def submits(transition: Transition) -> None:
        if transition.action == "Complete" and not answers:
            answers.append(worker.submit(double, 2))

    worker, _ = hire(threads=1, observers=[submits])
    done = threading.Event()
    with worker:
        task = worker.submit(double, 1)
        task.result(PATIENCE)
        task.add_done_callback(lambda _: done.set())
        assert done.wait(PATIENCE)
        while not answers:
            worker.submit(double, 0).result(PATIENCE)
        assert answers[0].result(PATIENCE) == 4


# Wrappers --------------------------------------------------------------------------------------------


def test_wrappers_are_around_every_attempt_and_change_nothing(hire: Hire, reported: list[str]) -> None:
    """The last is innermost.  One that fails, or would hide the error, changes nothing."""
    order: list[str] = []

    @contextmanager
    def outer(context: Context) -> Iterator[None]:
        order.append(f"outer {context.name}")
        try:
            yield
        finally:
            order.append("out")

    def refuses(_: Context) -> Any:
        raise LookupError

    class Hides:
        def __enter__(self) -> None:
            order.append("hides")

        def __exit__(self, *_: object) -> bool:
            order.append("hidden")
            raise ZeroDivisionError

    def fails(_: Context) -> None:
        order.append("inside")
        raise KeyError("the function's own")

    worker, _ = hire(threads=1, wrappers=[outer, refuses, lambda _: Hides()])
    with worker:
        task = worker.submit(fails, name="it")
        assert isinstance(task.exception(PATIENCE), KeyError)
        assert task.status is Status.FAILED
    assert order == ["outer it", "hides", "inside", "hidden", "out"]
    assert reported == ["LookupError", "ZeroDivisionError"]


# Callbacks, futures, asyncio -------------------------------------------------------------------------


def test_a_done_callback_is_called_once_and_not_on_a_workers_thread(hire: Hire, reported: list[str]) -> None:
    """In the order of the ends; for a task that has ended, at once and here; failures are reported."""
    seen: list[tuple[int, str]] = []
    done = threading.Event()

    def note(task: Task[int]) -> None:
        seen.append((task.number, threading.current_thread().name))
        raise OSError

    worker, _ = hire(threads=1)
    meeting = Meeting()
    with worker:
        worker.submit(meeting)
        tasks = [worker.submit(double, number) for number in range(3)]
        for task in tasks:
            task.add_done_callback(note)
        tasks[-1].add_done_callback(lambda _: done.set())
        tasks[1].cancel()
        meeting.leave.set()
        assert done.wait(PATIENCE)
    tasks[0].add_done_callback(note)
    here = threading.current_thread().name
    assert [number for number, _ in seen] == [3, 2, 4, 2]
    assert [name for _, name in seen] == ["follower"] * 3 + [here]
    assert reported == ["OSError"] * 4


def test_a_task_as_a_future(hire: Hire) -> None:
    """Its result, its error, and cancelling it, which cancels the task."""
    worker, _ = hire(threads=1)
    meeting = Meeting()
    with worker:
        running = worker.submit(meeting).future()
        meeting.met()
        waiting = worker.submit(double, 1)
        mirror = waiting.future()
        assert running.running()
        assert not running.cancel()
        assert mirror.cancel()
        assert mirror.cancelled()
        assert waiting.status is Status.CANCELLED
        meeting.leave.set()
        assert running.result(PATIENCE) == "left"
        assert isinstance(worker.submit_call(int, "x").future().exception(PATIENCE), ValueError)


def test_a_task_can_be_awaited(hire: Hire) -> None:
    """Its result or its error; a wait that is cancelled leaves the task alone."""
    worker, _ = hire(threads=1)
    meeting = Meeting()

    async def waits() -> None:
        assert await worker.submit(double, 21) == 42
        with pytest.raises(ValueError, match="invalid literal"):
            await worker.submit_call(int, "x")
        task = worker.submit(meeting)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await task
        meeting.met()
        assert task.status is Status.RUNNING
        meeting.leave.set()
        assert await task == "left"
        assert await task == "left"  # it has ended: no suspension

    with worker:
        asyncio.run(waits())


# Tokens and the context ------------------------------------------------------------------------------


def test_a_token_cancels_its_tasks_and_what_comes_later(hire: Hire) -> None:
    """Those that wait at once, those that run by request; the reason is the parent."""
    worker, _ = hire(threads=1)
    token = Token()
    meeting = Meeting()
    with worker:
        running = worker.submit(meeting, parent=token)
        meeting.met()
        waiting = worker.submit(double, 1, parent=token)
        done = worker.submit(double, 1)
        token.cancel()
        assert (waiting.status, waiting.cancel_reason) == (Status.CANCELLED, Reason.PARENT)
        assert (running.status, running.cancel_reason) == (Status.RUNNING, Reason.PARENT)
        later = worker.submit(double, 2, parent=token)
        assert later.wait(PATIENCE)
        assert later.cancel_reason is Reason.PARENT
        assert later.cancel() is Cancelling.CANCELLED
        meeting.leave.set()
        assert done.result(PATIENCE) == 2
    assert "0 tasks" in repr(token)


def test_a_context_makes_a_token_for_its_children(hire: Hire) -> None:
    """They are cancelled when the task is asked to come back."""
    worker, _ = hire(threads=2)
    children: list[Task[Any]] = []
    ready, started = threading.Event(), threading.Event()

    def child(context: Context) -> None:
        started.set()
        context.wait()

    def parent(context: Context) -> None:
        token = context.token()
        children.append(worker.submit(child, parent=token))
        children.append(worker.submit(double, 1, delay=3_600, parent=token))
        ready.set()
        context.wait()

    with worker:
        task = worker.submit(parent)
        assert ready.wait(PATIENCE)
        assert started.wait(PATIENCE)
        task.cancel()
        assert all(child.wait(PATIENCE) for child in children)
        assert children[1].status is Status.CANCELLED
        assert children[0].status is Status.COMPLETED  # it was asked, and came back by itself


def test_the_current_context_is_found_on_the_tasks_own_thread_only(hire: Hire) -> None:
    """Its id and attempt; nothing outside, and nothing between tasks."""
    worker, _ = hire(threads=1)
    with worker:
        task = worker.submit_call(lambda: (current().task_id, current().attempt))
        assert task.result(PATIENCE) == (task.id, 1)
    with pytest.raises(LookupError):
        current()
    with pytest.raises(WorkerStopped):
        worker.pause()
