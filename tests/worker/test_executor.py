"""`jurat.Executor`: what CPython's own tests do not ask, or ask by private names."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor, CancelledError, as_completed, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions

import jurat
from jurat import (
    Executor,
    InvalidArgument,
    Phase,
    Queue,
    QueueFull,
    Retry,
    Status,
    TaskAbandoned,
    ThreadsUnavailable,
    Worker,
    current,
)
from jurat._runtime import RealRuntime

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tests.worker.conftest import Hire

    from jurat._runtime import Thread


class Mishap(Exception):
    """Raised by the tests' functions."""


def fail() -> NoReturn:
    """Fail."""
    raise Mishap


def thread_names() -> list[str]:
    """Of the threads that live."""
    return [thread.name for thread in threading.enumerate()]


def meet(meeting: Meeting) -> Callable[[], str]:
    """A meeting, for a call that gets no context."""
    return lambda: meeting(current())


def test_a_call_is_a_task_with_the_functions_name() -> None:
    """It completes or fails as the call does, and a failure is the very exception."""
    with Executor(1) as executor:
        failed, done = executor.submit(fail), executor.submit(int, "6", base=7)
        assert done.result(PATIENCE) == 6
        error = failed.exception(PATIENCE)
        assert type(error) is Mishap
    assert executor.worker.phase is Phase.STOPPED
    counts = executor.worker.snapshot().counts
    assert (counts.failed, counts.completed) == (1, 1)


def test_the_number_of_threads_is_the_standard_librarys() -> None:
    """None is what `ThreadPoolExecutor` takes."""
    processors = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    with Executor() as executor:
        assert executor.worker.snapshot().threads == min(32, processors + 4)


def test_threads_begin_with_the_first_call_have_a_prefix_and_end_with_the_shutdown() -> None:
    """No call, no thread; and after a shutdown, none."""
    executor = Executor(2, "special")
    assert not [name for name in thread_names() if name.startswith("special_")]
    executor.submit(int).result(PATIENCE)
    assert sorted(name for name in thread_names() if name.startswith("special_worker-")) == [
        "special_worker-0",
        "special_worker-1",
    ]
    executor.shutdown()
    assert not [name for name in thread_names() if name.startswith("special_")]


def test_an_executor_that_nobody_refers_to_finishes_its_calls_and_its_threads_end() -> None:
    """As the standard one: to forget the shutdown leaks nothing."""
    executor = Executor(1, "forgotten")
    meeting = Meeting()
    first, second = executor.submit(meet(meeting)), executor.submit(int)
    meeting.met()
    threads = [it for it in threading.enumerate() if it.name.startswith("forgotten_")]
    del executor
    gc.collect()
    meeting.leave.set()
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("left", 0)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_to_cancel_a_call_that_waits_takes_its_task_out_of_the_queue(hire: Hire) -> None:
    """Its place is free at once; one that runs goes on, and may learn that it was asked to come back."""
    worker, log = hire(threads=1, queue_max=1)
    meeting = Meeting()
    asked = threading.Event()

    def look() -> bool:
        meeting(current())
        return current().cancelled

    with Executor(worker=worker) as executor:
        worker.start()
        running = executor.submit(look)
        meeting.met()
        waiting = executor.submit(int)
        waiting.add_done_callback(lambda _: asked.set())
        with pytest.raises(QueueFull):
            executor.submit(int)
        assert waiting.cancel()
        assert waiting.cancelled()
        assert asked.is_set()
        assert wait([waiting], PATIENCE).done == {waiting}
        executor.submit(int).cancel()
        assert not running.cancel()
        assert running.running()
        meeting.leave.set()
        assert running.result(PATIENCE) is True
        assert not running.cancel()
    assert actions(log).count("Cancel") == 2
    assert actions(log).count("RequestCancel") == 1


def test_a_shutdown_may_cancel_what_has_not_begun_without_waiting() -> None:
    """It is cancelled when `shutdown` returns, and what runs is finished."""
    executor = Executor(1)
    meeting = Meeting()
    running = executor.submit(meet(meeting))
    meeting.met()
    waiting = [executor.submit(int) for _ in range(100)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    assert not running.done()
    meeting.leave.set()
    executor.shutdown()
    assert running.result(0) == "left"
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(int)


def test_a_call_cannot_wait_for_the_shutdown_of_its_own_executor() -> None:
    """It would wait for itself: refused, and the executor is shut down all the same."""
    executor = Executor(1)
    with pytest.raises(RuntimeError, match="cannot wait"):
        executor.submit(executor.shutdown).result(PATIENCE)
    executor.shutdown()
    assert executor.worker.phase is Phase.STOPPED


def test_somebody_elses_worker_outlives_the_executor(hire: Hire) -> None:
    """`shutdown` closes the executor, waits for what went through it, and for nothing else."""
    worker, _ = hire(threads=2, retry=Retry(max_retries=5, delay=0), timeout=60)
    mine, through = Meeting(), Meeting()
    with worker:
        others = worker.submit(mine)
        executor = Executor(worker=worker)
        future = executor.submit(meet(through))
        failed = executor.submit(fail)
        through.leave.set()
        executor.shutdown()
        assert future.result(0) == "left"
        assert type(failed.exception(0)) is Mishap  # after one attempt
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(int)
        assert worker.submit_call(int).result(PATIENCE) == 0
        assert others.status is Status.RUNNING
        mine.leave.set()
    with pytest.raises(RuntimeError, match="after shutdown"):
        Executor(worker=worker).submit(int)


def test_what_the_worker_does_to_a_task_its_future_tells() -> None:
    """Cancelled by the worker: a cancelled future; abandoned by a stop: `TaskAbandoned`."""
    executor = Executor(1)
    worker = executor.worker
    meeting = Meeting()
    stuck = executor.submit(meet(meeting))
    meeting.met()
    first, second = executor.submit(int), executor.submit(int)
    ended: list[Future[int]] = []
    first.add_done_callback(ended.append)
    worker.cancel_all(where=lambda task: task.number == 2)
    with pytest.raises(CancelledError):
        first.result(PATIENCE)
    worker._core.grace_ns = 0
    worker.stop_now()
    assert type(stuck.exception(PATIENCE)) is TaskAbandoned
    every: list[Future[Any]] = [stuck, first, second]
    assert set(as_completed(every, PATIENCE)) == set(every)
    assert second.cancelled()
    meeting.leave.set()
    executor.shutdown()
    assert ended == [first]


def test_a_stalled_done_callback_is_part_of_its_task() -> None:
    """It holds up its own thread only, and a stop abandons the task by name."""
    with Executor(2) as executor:
        meeting = Meeting()
        first = Meeting()
        future = executor.submit(meet(first))
        future.add_done_callback(lambda _: meeting(current()))
        first.leave.set()
        meeting.met()
        assert future.result(0) == "left"
        assert executor.submit(int).result(PATIENCE) == 0
        assert executor.worker.snapshot().counts.running == 1
        meeting.leave.set()


def test_an_initializer_runs_once_on_each_thread_before_its_first_call() -> None:
    """As the standard library's."""
    ready: list[int] = []
    meetings = [Meeting(), Meeting()]
    with Executor(2, initializer=lambda *it: ready.append(threading.get_ident()), initargs=(1,)) as executor:
        futures = [executor.submit(meet(meeting)) for meeting in meetings]
        for meeting in meetings:
            meeting.met()  # both are inside: on two threads
        for meeting in meetings:
            meeting.leave.set()
        assert [future.result(PATIENCE) for future in futures] == ["left", "left"]
        assert executor.submit(int).result(PATIENCE) == 0
    assert len(ready) == len(set(ready)) == 2


def test_an_initializer_that_fails_breaks_the_executor(caplog: pytest.LogCaptureFixture) -> None:
    """What waits and what comes later gets `BrokenExecutor`; the shutdown completes."""
    with Executor(1, initializer=fail) as executor:
        futures = [executor.submit(int)]
        with pytest.raises(BrokenExecutor):
            futures[0].result(PATIENCE)
        with pytest.raises(BrokenExecutor):
            executor.submit(int)
    assert [record.message for record in caplog.records] == ["Exception in initializer:"]


def test_a_base_exception_of_a_call_is_its_outcome_and_the_thread_goes_on() -> None:
    """As of any task."""
    with Executor(1) as executor:
        assert type(executor.submit(sys.exit, 3).exception(PATIENCE)) is SystemExit
        assert executor.submit(int).result(PATIENCE) == 0


def test_asyncio_runs_calls_on_it() -> None:
    """`run_in_executor`, and a cancellation from the loop that takes a call out of the queue."""

    async def main(executor: Executor) -> list[int]:
        loop = asyncio.get_running_loop()
        meeting = Meeting()
        running = loop.run_in_executor(executor, meet(meeting))
        waiting = loop.run_in_executor(executor, int)
        waiting.cancel()
        await asyncio.sleep(0)  # its callbacks are called, and hand the cancellation on
        meeting.leave.set()
        await running
        return await asyncio.gather(*(loop.run_in_executor(executor, abs, -n) for n in range(10)))

    with Executor(1) as executor:
        assert asyncio.run(main(executor)) == list(range(10))
        assert executor.worker.snapshot().counts.cancelled == 1


def test_impossible_executors_are_refused() -> None:
    """By the argument's name."""
    for number in (0, -1):
        with pytest.raises(ValueError, match="max_workers must be greater than 0"):
            Executor(number)
    for options in ({"max_workers": 1}, {"thread_name_prefix": "x"}, {"initializer": fail}):
        with pytest.raises(InvalidArgument, match="worker excludes"):
            Executor(worker=Worker(), **options)
    with pytest.raises(InvalidArgument, match="initializer must be callable"):
        Executor(initializer=3)  # type: ignore[arg-type]


def test_a_call_is_not_accepted_if_there_are_no_threads() -> None:
    """The refusal is the machine's, and the executor may be tried again."""

    class Meagre(RealRuntime):
        mean = True

        @staticmethod
        def spawn(target: Callable[..., None], name: str, *args: object) -> Thread:
            if Meagre.mean:
                raise RuntimeError("can't start new thread")
            return RealRuntime.spawn(target, name, *args)

    executor = Executor(1)
    executor._worker = Worker(threads=1, queues=[Queue("default")], runtime=Meagre())
    with pytest.raises(ThreadsUnavailable):
        executor.submit(int)
    Meagre.mean = False
    assert executor.submit(int).result(PATIENCE) == 0
    executor.shutdown()
    assert executor.worker.snapshot().counts.cancelled == 1


@pytest.mark.parametrize("ending", ["", "t.shutdown(wait=False)", "del t", "t.shutdown()"])
def test_an_interpreter_that_exits_finishes_the_calls(ending: str) -> None:
    """As CPython's test_interpreter_shutdown and test_hang_gh83386, which name the standard executor."""
    program = f"""if 1:
        import time
        from jurat import Executor
        t = Executor(1)
        for word in ("apple", "pear"):
            t.submit(lambda word=word: (time.sleep(0.1), print(word, flush=True)))
        {ending}
    """
    assert run(program) == ("apple\npear\n", "")


def test_calls_after_the_interpreters_exit_are_refused() -> None:
    """As CPython's test_submit_after_interpreter_shutdown, used before or not."""
    program = """if 1:
        import atexit
        @atexit.register
        def run_last():
            for t in used, fresh:
                try:
                    t.submit(id, None)
                except RuntimeError as refused:
                    print(refused)
        from jurat import Executor
        used, fresh = Executor(1), Executor(1)
        used.submit(id, 42).result()
    """
    assert run(program) == ("cannot schedule new futures after shutdown\n" * 2, "")


def test_an_interpreter_that_exits_after_a_cancelling_shutdown_waits_for_what_runs() -> None:
    """As CPython's test_cancel_futures_wait_false."""
    program = """if 1:
        import time
        from jurat import Executor
        t = Executor(1)
        t.submit(lambda: (time.sleep(0.1), print("apple", flush=True)))
        t.submit(print, "pear")
        t.shutdown(wait=False, cancel_futures=True)
    """
    assert run(program) in (("apple\n", ""), ("", ""))  # as the standard one: it may not have begun


def run(program: str) -> tuple[str, str]:
    """What a program prints, and its errors."""
    environment = {**os.environ, "PYTHONPATH": str(Path(jurat.__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        env=environment,
        text=True,
        timeout=PATIENCE,
    )
    return answer.stdout, answer.stderr
