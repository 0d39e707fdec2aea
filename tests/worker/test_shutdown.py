"""Drain and stop: what ends how, and that they always end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions

from jurat import Context, InvalidArgument, Phase, Status, ThreadsUnavailable, Worker, WorkerStopped
from jurat._runtime import REAL, RealRuntime

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat import Shutdown


def nothing(_: Context) -> None:
    """Do nothing."""


@pytest.mark.evidence("SD-2")
def test_a_drain_finishes_what_waits(hire: Hire) -> None:
    """Tasks that wait when the drain begins are run; nothing more is admitted."""
    worker, _ = hire(threads=1)
    meeting = Meeting()
    worker.start()
    tasks: list[Any] = [worker.submit(meeting), *(worker.submit(nothing) for _ in range(20))]
    meeting.met()
    shutdown = worker.drain()
    assert worker.phase is Phase.DRAINING
    assert not shutdown.done
    with pytest.raises(WorkerStopped):
        worker.submit(nothing)
    meeting.leave.set()
    assert shutdown.wait(PATIENCE)
    assert {task.status for task in tasks} == {Status.COMPLETED}
    assert shutdown.report().finished == tuple(task.id for task in tasks)


@pytest.mark.evidence("SD-2")
def test_a_drain_may_cancel_what_waits_and_finish_what_runs(hire: Hire) -> None:
    """pending="cancel": the running task completes, the others never start."""
    worker, log = hire(threads=1)
    meeting = Meeting()
    worker.start()
    running = worker.submit(meeting)
    meeting.met()
    waiting = [worker.submit(nothing) for _ in range(600)]
    shutdown = worker.drain(pending="cancel")
    for task in waiting:
        assert task.wait(PATIENCE)
    assert running.status is Status.RUNNING
    meeting.leave.set()
    assert shutdown.wait(PATIENCE)
    report = shutdown.report()
    assert report.finished == (running.id,)
    assert report.cancelled == tuple(task.id for task in waiting)
    assert actions(log).count("ShutdownCancel") == 600


def test_a_drain_may_be_tightened_and_never_loosened(hire: Hire) -> None:
    """finish then cancel is a second event; cancel then finish changes nothing."""
    worker, log = hire(threads=1)
    meeting = Meeting()
    worker.start()
    worker.submit(meeting)
    meeting.met()
    waiting = worker.submit(nothing)
    worker.drain()
    worker.drain(pending="cancel")
    worker.drain(pending="finish")
    assert waiting.wait(PATIENCE)
    meeting.leave.set()
    assert worker.drain().wait(PATIENCE)
    assert [event[4][0] for event in log if event[1] == "BeginDrain"] == ["finish", "cancel"]
    assert waiting.status is Status.CANCELLED


def test_a_drain_past_its_deadline_turns_into_a_stop(hire: Hire) -> None:
    """With a deadline and a grace of nothing, a task that ignores its context is abandoned by name."""
    worker, log = hire(threads=1)
    meeting = Meeting()
    worker.start()
    stuck = worker.submit(meeting)
    meeting.met()
    waiting = worker.submit(nothing)
    shutdown = worker.drain(deadline=0)
    assert shutdown.wait(PATIENCE)
    assert (stuck.status, waiting.status) == (Status.ABANDONED, Status.CANCELLED)
    report = shutdown.report()
    assert (report.phase, report.abandoned, report.cancelled) == (Phase.STOPPED, (stuck.id,), (waiting.id,))
    assert "DrainDeadline" in actions(log)
    meeting.leave.set()


@pytest.mark.evidence("SD-4")
def test_a_stop_completes_though_a_function_never_returns(hire: Hire) -> None:
    """It is abandoned; its thread is the only one left, and the log names its late return."""
    others = set(threading.enumerate())
    worker, log = hire(threads=3)
    meeting = Meeting()
    worker.start()
    stuck = worker.submit(meeting)
    meeting.met()
    assert worker.stop_now().wait(PATIENCE)
    (left,) = set(threading.enumerate()) - others
    assert left.name.startswith("worker-")
    assert stuck.status is Status.ABANDONED
    meeting.leave.set()
    left.join(PATIENCE)
    assert log[-1][1:4] == ["LateReturn", stuck.number, 1]
    assert stuck.status is Status.ABANDONED


@pytest.mark.evidence("SD-1")
@pytest.mark.parametrize("first", ["drain", "stop_now"])
@pytest.mark.parametrize("second", ["drain", "stop_now"])
@pytest.mark.parametrize("start", ["before", "never"])
def test_shutting_down_twice_in_any_order_is_fine(hire: Hire, first: str, second: str, start: str) -> None:
    """Before or after the start, whatever came first: it returns, and the stop completes."""
    worker, log = hire()
    if start == "before":
        worker.start()
    task = worker.submit(nothing)
    handles: list[Shutdown] = [getattr(worker, first)(), getattr(worker, second)()]
    for handle in handles * 2:
        assert handle.wait(PATIENCE)
        assert handle.done
    assert task.status.terminal
    assert actions(log).count("Stopped") == 1
    assert getattr(worker, second)().wait(PATIENCE)


@pytest.mark.evidence("SD-1")
def test_many_threads_may_stop_a_worker_while_it_starts(hire: Hire) -> None:
    """Sixteen threads start and stop one worker: one shutdown, and nobody raises."""
    for _ in range(20):
        worker, log = hire(threads=2)
        tasks = [worker.submit(nothing) for _ in range(5)]
        barrier = threading.Barrier(16)

        def act(number: int, worker: Worker = worker, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            (worker.start, worker.stop_now, worker.drain, worker.start)[number % 4]()

        with ThreadPoolExecutor(16) as pool:
            for call in [pool.submit(act, number) for number in range(16)]:
                call.result(PATIENCE)
        assert worker.stop_now().wait(PATIENCE)
        assert all(task.status.terminal for task in tasks)
        assert actions(log).count("Stopped") == 1


def test_an_exception_in_the_block_stops_now(hire: Hire) -> None:
    """What waits is cancelled, and the exception goes on."""
    worker, log = hire(threads=1)
    meeting = Meeting()
    meeting.leave.set()
    with pytest.raises(ZeroDivisionError), worker:
        raise ZeroDivisionError(worker.submit(meeting))
    assert worker.phase is Phase.STOPPED
    assert "StopNow" in actions(log)


def test_a_submit_that_races_a_stop_is_refused_or_ends(hire: Hire) -> None:
    """Fifty rounds on real threads: each submit raised, or its task ended (B28)."""
    for _ in range(50):
        worker, log = hire(threads=2)
        worker.start()
        tasks: list[Any] = []
        refused = 0
        barrier = threading.Barrier(2)

        def stop(worker: Worker = worker, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            worker.stop_now()

        thread = threading.Thread(target=stop)
        thread.start()
        barrier.wait(PATIENCE)
        for _ in range(40):
            try:
                tasks.append(worker.submit(nothing))
            except WorkerStopped:
                refused += 1
        thread.join(PATIENCE)
        assert worker.stop_now().wait(PATIENCE)
        assert all(task.status.terminal for task in tasks)
        assert actions(log).count("Submit") == len(tasks)
        assert actions(log).count("Reject") == refused == 40 - len(tasks)


class Stingy(RealRuntime):
    """A machine that gives so many threads and no more."""

    def __init__(self, given: int) -> None:
        self.given = given

    def spawn(self, *args: Any) -> Any:  # type: ignore[override]
        """Refuse as CPython does."""
        if not self.given:
            raise RuntimeError("can't start new thread")
        self.given -= 1
        return REAL.spawn(*args)


@pytest.mark.parametrize("given", [1, 2])
def test_a_machine_short_of_threads_is_named_and_the_worker_stops(hire: Hire, given: int) -> None:
    """The error says how many there were; what was submitted is cancelled, not lost."""
    worker, _ = hire(threads=4, runtime=Stingy(given))
    task = worker.submit(nothing)
    with pytest.raises(ThreadsUnavailable) as caught:
        worker.start()
    assert (caught.value.wanted, caught.value.given) == (5, given)
    assert worker.stop_now().wait(PATIENCE)
    assert task.status.terminal


def test_a_machine_without_threads_may_be_asked_again(hire: Hire) -> None:
    """Nothing has changed: a later start works."""
    machine = Stingy(0)
    worker, _ = hire(threads=1, runtime=machine)
    task = worker.submit(nothing)
    with pytest.raises(ThreadsUnavailable):
        worker.start()
    machine.given = 9
    with worker:
        assert task.wait(PATIENCE)


class Subscribing(RealRuntime):
    """A machine that refuses the steward, once, right after a subscriber was given a thread."""

    worker: Worker
    subscription: Any = None

    def spawn(self, *args: Any) -> Any:  # type: ignore[override]
        """Refuse as CPython does."""
        if args[1] == "steward" and self.subscription is None:
            self.subscription = self.worker.subscribe()
            raise RuntimeError("can't start new thread")
        return REAL.spawn(*args)


def test_a_thread_of_a_subscriber_is_none_that_a_start_was_given(hire: Hire) -> None:
    """So nothing has changed, and a later start works; the subscriber is told."""
    machine = Subscribing()
    machine.worker = worker = hire(threads=1, runtime=machine)[0]
    task = worker.submit(nothing)
    with pytest.raises(ThreadsUnavailable) as caught:
        worker.start()
    assert (caught.value.wanted, caught.value.given) == (2, 0)
    assert worker.phase is Phase.OPEN
    with worker:
        assert machine.subscription.get(PATIENCE) is task
    assert task.status is Status.COMPLETED


def test_a_start_that_is_not_given_the_observers_thread_stops_the_worker(hire: Hire) -> None:
    """It has a steward and nobody who runs anything: what was submitted is cancelled, not left waiting."""
    worker, _ = hire(threads=1, runtime=Stingy(1), observers=[lambda _: None])
    task = worker.submit(nothing)
    with pytest.raises(ThreadsUnavailable) as caught:
        worker.start()
    assert (caught.value.wanted, caught.value.given) == (2, 1)
    assert task.wait(PATIENCE)
    assert task.status is Status.CANCELLED


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *product(["threads"], [0, -1, 1.5, "4", True, None]),
        *product(["queue_max"], [0, -1, 2.0, "9", False]),
        *product(
            ["grace"],
            [
                None,
                -1,
                float("nan"),
                float("inf"),
                "1",
                True,
                timedelta(seconds=-1),
                1e300,
                -1e300,
                -1e-12,
                10**400,
            ],
        ),
        *product(["drain_deadline"], [-0.5, float("nan"), "1", timedelta(days=-1)]),
        *product(["recorder"], [(), [1], "log"]),
    ],
)
def test_bad_arguments_are_refused_by_name(argument: str, value: Any) -> None:
    """Early, with the argument's name, as a ValueError and a TypeError alike."""
    with pytest.raises(InvalidArgument, match=f"^{argument} must ") as caught:
        Worker(**{argument: value})
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_bad_arguments_of_calls_are_refused_by_name(hire: Hire) -> None:
    """And leave no trace in the log."""
    worker, log = hire()
    bad: Any = 3
    with pytest.raises(InvalidArgument, match="function must be callable"):
        worker.submit(bad)
    with pytest.raises(InvalidArgument, match="name must be a string"):
        worker.submit(nothing, name=bad)
    with pytest.raises(InvalidArgument, match="pending must be 'finish' or 'cancel'"):
        worker.drain(pending=bad)
    with pytest.raises(InvalidArgument, match="deadline must not be negative"):
        worker.drain(deadline=-1)
    with pytest.raises(InvalidArgument, match="timeout must be a finite"):
        worker.submit(nothing).wait(float("inf"))
    assert actions(log) == ["Init", "Submit"]


def test_a_callback_for_which_there_is_no_thread_is_an_error_and_the_next_one_is_called(hire: Hire) -> None:
    """Nothing is left behind that would keep the next from getting its thread."""
    machine = Stingy(2)
    worker, _ = hire(threads=1, runtime=machine, grace=PATIENCE)
    worker.start()
    meeting = Meeting()
    task = worker.submit(meeting)
    called: list[Any] = []
    with pytest.raises(ThreadsUnavailable):
        task.add_done_callback(called.append)
    machine.given = 1
    task.add_done_callback(called.append)
    meeting.leave.set()
    assert worker.drain().wait(PATIENCE)
    assert called == [task]
