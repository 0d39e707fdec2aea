"""What may be submitted, and what a function may raise."""

from __future__ import annotations

import asyncio
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions

from jurat import Context, Executor, InvalidArgument, Phase, Retry, Status
from jurat._choose import next_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.worker.conftest import Hire


async def coroutine_function(*_: object) -> int:
    """Nobody would await what it returns."""
    return 42


def generator_function(*_: object) -> Iterator[int]:
    """Nobody would iterate over what it returns."""
    yield 42


async def asynchronous_generator_function(*_: object) -> AsyncIterator[int]:
    """Nor over this."""
    yield 42


class Lazy:
    """An object that is a coroutine function, in effect."""

    async def __call__(self, *_: object) -> int:
        """Nobody would await this either."""
        return 42

    async def method(self, *_: object) -> int:
        """One as well."""
        return 42


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (coroutine_function, "a coroutine function"),
        (generator_function, "a generator function"),
        (asynchronous_generator_function, "an asynchronous generator function"),
        (Lazy(), "a coroutine function"),
        (Lazy().method, "a coroutine function"),
        (partial(partial(coroutine_function, 1), 2), "a coroutine function"),
        (partial(Lazy()), "a coroutine function"),
    ],
)
def test_a_function_that_would_only_make_something_is_refused(
    hire: Hire, function: Callable[..., Any], kind: str
) -> None:
    """By every way to submit, also if a task of that name was accepted before."""
    worker, log = hire()
    plain = lambda *_: None  # noqa: E731
    plain.__qualname__ = getattr(function, "__qualname__", "plain")
    worker.submit(plain)
    for submit in (
        lambda: worker.submit(function),
        lambda: worker.submit(function, name="a name"),
        lambda: worker.submit_call(function),
        lambda: worker.submit_all(function, [()]),
    ):
        with pytest.raises(InvalidArgument, match=f"function must do its work .*, and is {kind}") as caught:
            submit()
        assert caught.value.argument == "function"
    assert actions(log) == ["Init", "Submit"]


def test_a_function_may_return_what_somebody_else_will_run(hire: Hire) -> None:
    """A plain function that returns a generator does what it is called for."""
    worker, _ = hire()
    with worker:
        assert list(worker.submit(lambda _: generator_function()).result(PATIENCE)) == [42]
        assert list(worker.submit_call(map, abs, [-1]).result(PATIENCE)) == [1]
    with Executor(1) as executor:  # as the standard library's
        assert asyncio.run(executor.submit(coroutine_function).result(PATIENCE)) == 42


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_a_function_that_would_kill_its_thread_only_fails(hire: Hire, kind: type[BaseException]) -> None:
    """It is a failure that is not tried again; the pool does not shrink, and a stop does not hang."""
    worker, log = hire(threads=2, retry=Retry(max_retries=3, delay=0))

    def kill(_: Context) -> None:
        raise kind

    with worker:
        threads = set(threading.enumerate())
        tasks = [worker.submit(kill) for _ in range(10)]
        assert {type(task.exception(PATIENCE)) for task in tasks} == {kind}
        assert {(task.status, task.attempts) for task in tasks} == {(Status.FAILED, 1)}
        meetings = [Meeting(), Meeting()]
        both = [worker.submit(meeting) for meeting in meetings]
        for meeting in meetings:
            meeting.met()
        for meeting in meetings:
            meeting.leave.set()
        assert [task.result(PATIENCE) for task in both] == ["left", "left"]
        assert set(threading.enumerate()) == threads
    assert worker.phase is Phase.STOPPED
    assert actions(log).count("Fail") == 10


def test_a_task_that_expires_lets_go_of_what_it_held(hire: Hire) -> None:
    """Though it is remembered: whoever finds it at the head of its queue sees to that."""

    class Payload:
        pass

    worker, log = hire(threads=1)
    payloads = [Payload() for _ in range(2)]
    seen = [weakref.ref(it) for it in payloads]
    tasks = [
        worker.submit_call(id, payload, deadline=1e-9, priority=priority)
        for payload, priority in zip(payloads, (0, 1), strict=True)
    ]
    del payloads
    assert next_task(worker._core, worker._core.seats[0]) is None  # as its thread does
    assert {task.status for task in tasks} == {Status.TIMED_OUT}
    assert [it() for it in seen] == [None, None]
    assert actions(log).count("Expire") == 2


def test_what_a_callback_raises_kills_no_thread(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported, and the next one is called."""
    reported: list[type[BaseException]] = []
    monkeypatch.setattr("sys.unraisablehook", lambda it: reported.append(it.exc_type))
    worker, _ = hire(threads=1)
    called = threading.Event()

    def kill(_: object) -> None:
        raise SystemExit

    with worker:
        task = worker.submit(lambda _: None)
        task.add_done_callback(kill)
        task.add_done_callback(lambda _: called.set())
        assert called.wait(PATIENCE)
    assert reported == [SystemExit]
