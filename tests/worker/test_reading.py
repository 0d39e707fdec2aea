"""Reading a task, in each of the nine statuses (NP-1): nothing fails, nothing waits, nothing tells a payload.

One test brings a task into a status and then does to it whatever a caller may do: every property, the
reprs, the context that its function was given, the worker's snapshot, callbacks, futures, subscriptions,
wrappers, `await`, and at last `cancel`.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting

from jurat import (
    Cancelling,
    Context,
    Retry,
    Status,
    Task,
    TaskAbandoned,
    TaskCancelled,
    TaskTimedOut,
    WaitTimeout,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worker.conftest import Hire

SECRET = "canary"
DISTANT = 3_600.0
"""Seconds that do not pass in a test."""

OF_TASK = (
    "number",
    "id",
    "name",
    "queue",
    "status",
    "attempts",
    "cancel_reason",
    "submitted_at",
    "started_at",
    "ended_at",
    "deadline",
)
OF_CONTEXT = (
    "task_id",
    "name",
    "queue",
    "attempt",
    "metadata",
    "cancelled",
    "cancel_reason",
    "deadline",
    "timed_out",
)
PROBLEMS = {
    Status.COMPLETED: type(None),
    Status.FAILED: ValueError,
    Status.CANCELLED: TaskCancelled,
    Status.TIMED_OUT: TaskTimedOut,
    Status.ABANDONED: TaskAbandoned,
}
"""What `exception` gives."""

ANSWERS = {
    Status.SCHEDULED: Cancelling.CANCELLED,
    Status.QUEUED: Cancelling.CANCELLED,
    Status.RUNNING: Cancelling.REQUESTED,
    Status.RETRYING: Cancelling.CANCELLED,
    Status.CANCELLED: Cancelling.CANCELLED,
}
"""What `cancel` answers; in all others the task has ended."""


def test_the_properties_are_all_there_are() -> None:
    """A property that is added is read in this file, or this test says so."""
    for kind, names in ((Task, OF_TASK), (Context, (*OF_CONTEXT, "logger"))):
        properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
        assert properties <= set(names)


class Scene:
    """A worker with one thread, and what its functions have seen."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.meeting = Meeting()
        self.contexts: list[Context] = []

    def bring_to(self, status: Status) -> Task[Any]:
        """A task in that status."""
        if status in (Status.QUEUED, Status.CANCELLED, Status.TIMED_OUT):
            self.worker.submit(self.meeting)
            self.meeting.met()
        function = FUNCTIONS.get(status, Scene._echo)
        task: Task[Any] = self.worker.submit(
            lambda context, secret: function(self, context, secret), SECRET, **OPTIONS.get(status, {})
        )
        if status is Status.RETRYING:
            self.worker.submit(lambda _: None).result(PATIENCE)  # the thread has come back from the other
        if status in (Status.RUNNING, Status.ABANDONED):
            self.meeting.met()
        if status is Status.CANCELLED:
            task.cancel()
        if status is Status.ABANDONED:
            assert self.worker.stop_now().wait(PATIENCE)
        if status.terminal:
            assert task.wait(PATIENCE)
        return task

    def _echo(self, context: Context, secret: str) -> str:
        self.contexts.append(context)
        return secret

    def _fail(self, context: Context, secret: str) -> int:
        self.contexts.append(context)
        return int(secret)

    def _stay(self, context: Context, secret: str) -> str:
        self.contexts.append(context)
        self.meeting(context)
        return secret


FUNCTIONS: dict[Status, Callable[[Scene, Context, str], object]] = {
    Status.RETRYING: Scene._fail,
    Status.FAILED: Scene._fail,
    Status.RUNNING: Scene._stay,
    Status.ABANDONED: Scene._stay,
}
OPTIONS: dict[Status, dict[str, Any]] = {
    Status.SCHEDULED: {"delay": DISTANT},
    Status.QUEUED: {"metadata": {"note": SECRET}},
    Status.RETRYING: {"retry": Retry(max_retries=1, delay=DISTANT)},
    Status.TIMED_OUT: {"deadline": 1e-9},
}


def everything_said(scene: Scene, task: Task[Any]) -> str:
    """All that can be read of a task, its contexts and its worker without asking for the result."""
    worker, contexts = scene.worker, scene.contexts
    said = [repr(task), repr(worker), repr(worker.snapshot()), repr(worker.tasks())]
    said += [f"{name}={getattr(task, name)}" for name in OF_TASK]
    for context in contexts:
        said += [repr(context), repr(context.token()), str(context.remaining())]
        said += [f"{name}={getattr(context, name)}" for name in OF_CONTEXT if name != "metadata"]
        said += [str(context.logger.extra), str(context.wait(0))]
    return " ".join(said)


@contextmanager
def hook(context: Context) -> Iterator[None]:
    """A wrapper that reads whatever it may, before and after the function."""
    read = [getattr(context, name) for name in OF_CONTEXT]
    yield
    assert read[0] == context.task_id
    assert SECRET not in repr(context)


def ask_for_the_end(task: Task[Any]) -> None:
    """Every way of asking, without waiting."""
    ended = task.status.terminal
    assert task.wait(0) is ended
    if not ended:
        for ask in (task.result, task.exception):
            with pytest.raises(WaitTimeout) as waited:
                ask(0)
            assert SECRET not in str(waited.value)
        return
    problem = task.exception(0)
    assert type(problem) is PROBLEMS[task.status]
    if problem is None:
        assert task.result(0) == SECRET
    else:
        with pytest.raises(PROBLEMS[task.status]):
            task.result(0)
        assert task.status is Status.FAILED or SECRET not in repr(problem)


async def await_and_cancel(scene: Scene, task: Task[Any]) -> tuple[Cancelling, BaseException | None]:
    """Await the task; while it is awaited, cancel it.  What cancel answered, and what awaiting raised."""

    async def outcome() -> Any:
        return await task

    waiting = asyncio.ensure_future(outcome())
    await asyncio.sleep(0)  # it has begun to wait
    answer = task.cancel()
    scene.meeting.leave.set()
    await asyncio.wait([waiting], timeout=PATIENCE)
    return answer, waiting.exception()


@pytest.mark.evidence("NP-1")
@pytest.mark.parametrize("status", list(Status))
def test_reading_a_task_never_fails(hire: Hire, status: Status) -> None:
    """In every status whatever a caller may do works, and says nothing of a payload."""
    worker, log = hire(threads=1, wrappers=[hook])
    subscription = worker.subscribe()
    worker.start()
    scene = Scene(worker)
    task = scene.bring_to(status)
    assert task.status is status
    assert status.terminal is (status in PROBLEMS)

    assert SECRET not in everything_said(scene, task) + repr(log)
    assert str(status) in repr(task)
    assert worker.task(task.id) is task
    assert worker.snapshot().counts[status] == 1
    assert (task.ended_at is not None) is status.terminal
    assert (task.started_at is not None) is (task.attempts > 0)
    ask_for_the_end(task)

    future = task.future()
    called: list[Task[Any]] = []
    told = Flag()
    task.add_done_callback(called.append)
    task.add_done_callback(lambda _: told.set())
    assert future.done() is bool(called) is told.is_set() is status.terminal
    assert future.running() is (status is Status.RUNNING)
    assert SECRET not in repr(future)

    answer, raised = asyncio.run(await_and_cancel(scene, task))
    assert answer is ANSWERS.get(status, Cancelling.ENDED)
    assert told.wait(PATIENCE)
    assert called == [task]
    after = task.status
    if status.terminal:
        assert after is status
    else:
        assert after is (Status.COMPLETED if status is Status.RUNNING else Status.CANCELLED)
    assert type(raised) is PROBLEMS[after]
    assert future.cancelled() is (after is Status.CANCELLED)
    ask_for_the_end(task)
    assert worker.stop_now().wait(PATIENCE)
    assert list(subscription).count(task) == 1
    assert SECRET not in everything_said(scene, task) + repr(log) + repr(future)
