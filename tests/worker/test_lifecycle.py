"""A task's life, as its handle tells it and as the log has it."""

from __future__ import annotations

import contextvars
import gc
import weakref
from typing import TYPE_CHECKING, Literal, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions

from jurat import (
    Cancelling,
    Context,
    Phase,
    QueueFull,
    Reason,
    Retention,
    Status,
    TaskCancelled,
    WaitTimeout,
    Worker,
    WorkerStopped,
)

if TYPE_CHECKING:
    from tests.worker.conftest import Hire


class Mishap(Exception):
    """What a function raises in these tests."""


def fail(_: Context) -> NoReturn:
    """Raise."""
    raise Mishap


def leave(_: Context) -> NoReturn:
    """Try to end the thread."""
    raise SystemExit(3)


def double(_: Context, number: int) -> int:
    """Return twice the number."""
    return 2 * number


def test_a_result_comes_back(hire: Hire) -> None:
    """What the function returns is the task's result, and it ran once."""
    worker, log = hire()
    with worker:
        task = worker.submit(double, 21)
        assert task.result(PATIENCE) == 42
    assert (task.status, task.attempts, task.exception()) == (Status.COMPLETED, 1, None)
    assert actions(log) == ["Init", "Submit", "Start", "Complete", "BeginDrain", "Stopped"]


def test_an_exception_comes_back_as_itself(hire: Hire) -> None:
    """A failed task gives the very exception that its function raised, and the log its type, and when."""
    worker, log = hire()
    with worker:
        task = worker.submit(fail)
        with pytest.raises(Mishap) as caught:
            task.result(PATIENCE)
    assert task.exception() is caught.value
    assert task.status is Status.FAILED
    (failed,) = [event for event in log if event[1] == "Fail"]
    error, instant, retryable, following = failed[4]
    assert (error, retryable, following) == ("Mishap", False, None)
    assert instant <= failed[0]


def test_a_worker_without_a_recorder_does_the_same() -> None:
    """No log, the same outcomes: there is one path, and the recorder is not a switch to another."""
    meeting = Meeting()
    with Worker(threads=1, queue_max=3) as worker:
        running = worker.submit(meeting)
        meeting.met()
        tasks = [worker.submit(double, 21), worker.submit(fail), worker.submit(double, 1)]
        with pytest.raises(QueueFull):
            worker.submit(double, 1)
        assert (tasks[2].cancel(), running.cancel()) == (Cancelling.CANCELLED, Cancelling.REQUESTED)
        meeting.leave.set()
    assert [task.status for task in tasks] == [Status.COMPLETED, Status.FAILED, Status.CANCELLED]
    with pytest.raises(WorkerStopped):
        worker.submit(double, 1)


@pytest.mark.parametrize("pending", ["finish", "cancel"])
def test_a_stop_without_a_recorder_abandons_and_takes_late_returns(
    pending: Literal["finish", "cancel"],
) -> None:
    """The steward's steps too."""
    meeting = Meeting()
    worker = Worker(threads=1, grace=0)
    worker.start()
    stuck = worker.submit(meeting)
    meeting.met()
    waiting = worker.submit(double, 1)
    assert worker.drain(pending=pending, deadline=0).wait(PATIENCE)
    assert (stuck.status, waiting.status) == (Status.ABANDONED, Status.CANCELLED)
    meeting.leave.set()
    assert worker.stop_now().wait(PATIENCE)


@pytest.mark.evidence("NF-1")
def test_system_exit_is_a_failure_and_the_thread_goes_on(hire: Hire) -> None:
    """A task that tries to end its thread fails; the next one runs on the same thread."""
    worker, _ = hire(threads=1)
    with worker:
        task = worker.submit(leave)
        assert isinstance(task.exception(PATIENCE), SystemExit)
        assert worker.submit(double, 2).result(PATIENCE) == 4


@pytest.mark.evidence("LC-3")
def test_tasks_start_in_order_of_admission(hire: Hire) -> None:
    """One thread, many tasks, some submitted before the start: the order of starts is that of submits."""
    worker, log = hire(threads=1)
    tasks = [worker.submit(double, n) for n in range(50)]
    with worker:
        tasks += [worker.submit(double, n) for n in range(50)]
    assert [task.status for task in tasks] == [Status.COMPLETED] * 100
    assert [number for _, action, number, _, _ in log if action == "Start"] == list(range(1, 101))


@pytest.mark.evidence("LC-1")
def test_each_task_runs_once_under_contention(hire: Hire) -> None:
    """Eight threads on two thousand tasks: each function was entered once, by its own count."""
    entries = [0] * 2_000

    def enter(_: Context, ticket: int) -> int:
        entries[ticket] += 1
        return ticket

    worker, log = hire(threads=8)
    with worker:
        tasks = [worker.submit(enter, ticket) for ticket in range(2_000)]
    assert entries == [1] * 2_000
    assert [task.result() for task in tasks] == list(range(2_000))
    assert actions(log).count("Start") == 2_000


@pytest.mark.evidence("RL-4")
def test_no_more_functions_run_than_there_are_threads(hire: Hire) -> None:
    """Three threads, three functions inside: the fourth waits until one leaves."""
    worker, _ = hire(threads=3)
    meetings = [Meeting() for _ in range(4)]
    with worker:
        tasks = [worker.submit(meeting) for meeting in meetings]
        for meeting in meetings[:3]:
            meeting.met()
        assert tasks[3].status is Status.QUEUED
        assert not meetings[3].inside.is_set()
        for meeting in meetings:
            meeting.leave.set()
    assert [task.result() for task in tasks] == ["left"] * 4


# ------------------------------------------------------------------------- cancelling


@pytest.mark.evidence("TC-2", "LC-2")
def test_a_waiting_task_is_cancelled_at_once_and_never_runs(hire: Hire) -> None:
    """Its function does not start, its room in the queue is free, and asking again changes nothing."""
    worker, log = hire(threads=1, queue_max=1)
    first, never = Meeting(), Meeting()
    with worker:
        running = worker.submit(first)
        first.met()
        waiting = worker.submit(never)
        assert waiting.cancel() is Cancelling.CANCELLED
        assert waiting.cancel() is Cancelling.CANCELLED
        other = worker.submit(double, 1)  # there is room again
        first.leave.set()
        assert other.result(PATIENCE) == 2
    with pytest.raises(TaskCancelled) as caught:
        waiting.result()
    assert (caught.value.reason, waiting.status, waiting.attempts) == (Reason.USER, Status.CANCELLED, 0)
    assert not never.inside.is_set()
    assert running.result() == "left"
    assert actions(log).count("Cancel") == 1


@pytest.mark.evidence("TC-2")
def test_a_running_task_is_asked_and_comes_back(hire: Hire) -> None:
    """Its context says why, a sleeper wakes early, and what it raises then is a cancellation."""
    inside = Meeting()

    def obey(context: Context) -> None:
        inside.inside.set()
        assert context.sleep(PATIENCE) is False
        assert context.cancel_reason is Reason.USER
        context.raise_if_cancelled()

    worker, log = hire()
    with worker:
        task = worker.submit(obey)
        inside.met()
        assert task.cancel() is Cancelling.REQUESTED
        assert task.cancel() is Cancelling.REQUESTED
        assert task.wait(PATIENCE)
    assert (task.status, task.cancel_reason) == (Status.CANCELLED, Reason.USER)
    assert isinstance(task.exception(), TaskCancelled)
    assert [a for a in actions(log) if "Cancel" in a] == ["RequestCancel", "AcknowledgeCancel"]


def test_a_function_may_wait_to_be_asked(hire: Hire) -> None:
    """However often it looked before; and once asked, every wait returns at once."""
    inside = Meeting()

    def obey(context: Context) -> str:
        assert not any(context.wait(0) for _ in range(100))
        inside.inside.set()
        return f"{context.wait()} {context.wait(0)} {context.sleep(PATIENCE)} {context.cancelled}"

    worker, _ = hire()
    with worker:
        task = worker.submit(obey)
        inside.met()
        task.cancel()
        assert task.result(PATIENCE) == "True True False True"


def test_a_running_task_that_returns_all_the_same_is_completed(hire: Hire) -> None:
    """Status tells the truth: it did its work, whatever it was asked (B9)."""
    worker, _ = hire()
    meeting = Meeting()
    with worker:
        task = worker.submit(meeting)
        meeting.met()
        assert task.cancel() is Cancelling.REQUESTED
        meeting.leave.set()
        assert task.result(PATIENCE) == "left"
    assert (task.status, task.cancel_reason) == (Status.COMPLETED, None)


def test_a_functions_own_cancelled_error_is_a_failure(hire: Hire) -> None:
    """Nobody asked it to come back, so what it raises is an ordinary failure (B11)."""

    def confuse(context: Context) -> NoReturn:
        raise TaskCancelled(context.task_id, Reason.USER)

    worker, _ = hire()
    with worker:
        task = worker.submit(confuse)
        assert isinstance(task.exception(PATIENCE), TaskCancelled)
    assert task.status is Status.FAILED


@pytest.mark.evidence("LC-2")
def test_a_task_that_has_ended_stays_as_it_is(hire: Hire) -> None:
    """Cancelling it says that it has ended and changes nothing, before and after the stop."""
    worker, log = hire()
    with worker:
        task = worker.submit(double, 1)
        failed = worker.submit(fail)
        assert task.wait(PATIENCE)
        assert failed.wait(PATIENCE)
        before = [(t.status, t.attempts, t.cancel_reason, t.exception()) for t in (task, failed)]
        assert (task.cancel(), failed.cancel()) == (Cancelling.ENDED, Cancelling.ENDED)
    assert (task.cancel(), failed.cancel()) == (Cancelling.ENDED, Cancelling.ENDED)
    assert [(t.status, t.attempts, t.cancel_reason, t.exception()) for t in (task, failed)] == before
    assert "Cancel" not in actions(log)


# --------------------------------------------------------------------- refusing, waiting


def test_a_full_queue_refuses_and_loses_nothing(hire: Hire) -> None:
    """What was accepted runs; what was refused is an event and a typed error."""
    worker, log = hire(threads=1, queue_max=2)
    tasks = [worker.submit(double, n) for n in range(2)]
    with pytest.raises(QueueFull) as caught:
        worker.submit(double, 9)
    assert caught.value.queue_max == 2
    with worker:
        pass
    assert [task.result() for task in tasks] == [0, 2]
    assert [event[4] for event in log if event[1] == "Reject"] == ["full"]


def test_a_closed_worker_refuses(hire: Hire) -> None:
    """The error says in which phase it is."""
    worker, log = hire()
    with worker:
        pass
    with pytest.raises(WorkerStopped) as caught:
        worker.submit(double, 1)
    assert caught.value.phase is Phase.STOPPED
    assert log[-1][1] == "Reject"
    assert log[-1][4] == "closed"


def test_waiting_may_be_given_up_and_begun_again(hire: Hire) -> None:
    """A timeout changes nothing, and a thousand of them leave no more than one gate behind."""
    worker, _ = hire()
    meeting = Meeting()
    with worker:
        task = worker.submit(meeting)
        assert not any(task.wait(0) for _ in range(1_000))
        with pytest.raises(WaitTimeout):
            task.result(0)
        with pytest.raises(WaitTimeout):
            task.exception(0)
        assert task._ended is not None
        assert len(task._ended.gates) == 1
        meeting.leave.set()
        assert task.result(PATIENCE) == "left"


def test_a_task_may_submit_and_wait_for_another(hire: Hire) -> None:
    """Submitting from within a function never deadlocks."""
    worker, _ = hire(threads=2)

    def parent(_: Context) -> int:
        return worker.submit(double, 4).result(PATIENCE)

    with worker:
        assert worker.submit(parent).result(PATIENCE) == 8


def test_the_submitters_context_variables_follow_the_task(hire: Hire) -> None:
    """The function reads what the submitter had set; what it sets stays with it."""
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    def read(_: Context) -> str:
        name = who.get()
        who.set("the function")
        return name

    worker, _ = hire()
    with worker:
        who.set("the submitter")
        assert worker.submit(read).result(PATIENCE) == "the submitter"
    assert who.get() == "the submitter"


def test_what_a_failed_task_held_is_collectable(hire: Hire) -> None:
    """Nothing of the worker keeps a forgotten task, its arguments or its traceback alive."""

    class Payload:
        pass

    def refuse(_: Context, payload: Payload) -> NoReturn:
        raise Mishap(payload)

    worker, _ = hire(threads=1, retention=Retention(number=0))
    with worker:
        payload = Payload()
        seen = weakref.ref(payload)
        task = worker.submit(refuse, payload)
        assert task.wait(PATIENCE)
        worker.submit(double, 1).result(PATIENCE)  # the thread has moved on
        del payload, task
        gc.collect()
        assert seen() is None
