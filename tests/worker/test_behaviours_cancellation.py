"""Behaviours B8 to B14: a cancellation prevents or asks, a deadline is decided by instants.

See `test_behaviours_lifecycle` for what a behaviour is.
"""

from __future__ import annotations

import concurrent.futures
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions
from tests.worker.machines import Interrupted
from tests.worker.virtual import MS, S, drain, instants, let_pass, play

from jurat import (
    Cancelling,
    Context,
    QueueFull,
    Reason,
    Retry,
    Status,
    TaskCancelled,
    TaskNotFound,
    TaskTimedOut,
    Token,
)

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage


def nothing(_: Context) -> None:
    """Do nothing."""


@pytest.mark.evidence("TC-2")
@pytest.mark.parametrize("by", [Reason.USER, Reason.PARENT])
@pytest.mark.parametrize("options", [{}, {"priority": -1}, {"delay": 1e-9}])
def test_a_queued_task_that_is_cancelled_never_starts(
    hire: Hire, by: Reason, options: dict[str, Any]
) -> None:
    """B8: by its handle or its token: it never starts, is published once, and its room is free at once."""
    worker, _ = hire(threads=1, queue_max=1)
    subscription = worker.subscribe()
    running, never, token = Meeting(), Meeting(), Token()
    worker.start()
    worker.submit(running)
    running.met()
    task = worker.submit(never, parent=token, **options)
    with pytest.raises(QueueFull):
        worker.submit(nothing)
    if by is Reason.PARENT:
        token.cancel()
    else:
        assert task.cancel() is Cancelling.CANCELLED
    assert (task.status, task.cancel_reason) == (Status.CANCELLED, by)
    after = worker.submit(nothing)
    running.leave.set()
    assert after.wait(PATIENCE)
    assert (task.status, task.attempts, after.status) == (Status.CANCELLED, 0, Status.COMPLETED)
    assert not never.inside.is_set()
    assert worker.drain().wait(PATIENCE)
    assert list(subscription).count(task) == 1


@pytest.mark.evidence("TC-2", "TC-3")
def test_what_is_submitted_with_a_cancelled_token_never_starts(hire: Hire) -> None:
    """B8: before and after, one by one and as a batch, all of them are cancelled by the parent."""
    worker, log = hire(threads=1)
    token = Token()
    before = worker.submit_all(nothing, [()] * 3, parent=token)
    token.cancel()
    after = [worker.submit(nothing, parent=token), *worker.submit_all(nothing, [()] * 3, parent=token)]
    delayed = worker.submit(nothing, parent=token, delay=3_600)
    assert {task.cancel_reason for task in (*before, *after, delayed)} == {Reason.PARENT}
    token.cancel()
    with worker:
        pass
    assert "Start" not in actions(log)
    assert repr(token) == "<Token, cancelled, 0 tasks>"


@pytest.mark.evidence("TC-3")
def test_a_running_task_that_returns_all_the_same_is_completed(hire: Hire) -> None:
    """B9: it was asked to come back, ignored it, and returned: it is completed, and not cancelled."""
    worker, _ = hire()
    meeting = Meeting()
    with worker:
        task = worker.submit(meeting, retry=Retry(max_retries=1, delay=0))
        meeting.met()
        assert task.cancel() is Cancelling.REQUESTED
        meeting.leave.set()
        assert task.wait(PATIENCE)
    assert (task.status, task.cancel_reason, task.exception()) == (Status.COMPLETED, None, None)


@pytest.mark.evidence("LC-2", "LC-3")
def test_a_cancellation_between_the_return_and_its_record_changes_nothing(hire: Hire) -> None:
    """B10: the function has returned, its thread is about to say so: the result wins, the thread goes on."""
    machine = Interrupted()
    worker, log = hire(threads=1, runtime=machine)
    answers: list[Cancelling] = []

    def work(_: Context) -> str:
        machine.before_lock("worker-0", lambda: answers.append(task.cancel()))
        return "the result"

    with worker:
        worker.pause()
        task = worker.submit(work)
        worker.resume()
        assert task.wait(PATIENCE)
        assert worker.submit(lambda _: 3).result(PATIENCE) == 3
    assert answers == [Cancelling.REQUESTED]
    assert (task.status, task.cancel_reason) == (Status.COMPLETED, None)
    assert task.result() == "the result"
    done = actions(log)
    assert done.index("RequestCancel") < done.index("Complete")


@pytest.mark.evidence("TC-3", "RT-1")
@pytest.mark.parametrize(
    "error",
    [
        lambda context: TaskCancelled(context.task_id, Reason.USER),
        lambda context: TaskTimedOut(context.task_id),
        lambda _: TimeoutError(),
        lambda _: concurrent.futures.CancelledError(),
    ],
)
def test_a_functions_own_cancellation_or_timeout_is_a_failure_and_retried(hire: Hire, error: Any) -> None:
    """B11: nobody asked it to come back, so what it raises is an ordinary failure."""

    def confuse(context: Context) -> None:
        raise error(context)

    worker, log = hire(threads=1)
    with worker:
        task = worker.submit(confuse, retry=Retry(max_retries=2, delay=0))
        assert isinstance(task.exception(PATIENCE), Exception)
    assert (task.status, task.attempts) == (Status.FAILED, 3)
    assert actions(log).count("Retry") == 2


@pytest.mark.evidence("TC-1", "TC-4")
@pytest.mark.parametrize("early_ns", [0, 1])
def test_a_deadline_is_a_contract_to_the_nanosecond(early_ns: int) -> None:
    """B12: who comes back at its deadline has timed out, and who comes back a nanosecond earlier has not."""
    read: list[Any] = []

    def describe(stage: Stage) -> None:
        def work(context: Any) -> None:
            read.extend((context.remaining(), (context.deadline - task.handle.submitted_at).total_seconds()))
            let_pass(stage, 2 * S - early_ns)
            read.append(context.timed_out)

        worker = stage.build_worker(threads=1)
        task = stage.submit(work, deadline=2)
        worker.start()
        drain(stage)

    stage = play(describe)
    assert read == [2.0, 2.0, early_ns == 0]
    task = stage.submissions[0].handle
    assert task.status == ("completed" if early_ns else "timed_out")
    assert isinstance(task.exception(0), type(None) if early_ns else TaskTimedOut)


@pytest.mark.evidence("TC-1", "TC-4")
def test_a_deadline_that_passes_in_the_queue_is_never_a_cancellation() -> None:
    """B12: each expires at its own instant and never starts; a sleeper is woken at it, and has timed out."""

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1)
        stage.submit(lambda context: context.sleep(3_600), deadline=3)
        for options in ({}, {"priority": 1}, {"delay": 0.5}, {"concurrency_key": "k"}):
            stage.submit(lambda _: None, deadline=1, **options)
        last = stage.submit(lambda _: None, deadline=2)
        worker.start()

        def canceller() -> None:
            let_pass(stage, 2 * S)
            assert last.handle.cancel() == "ended"  # at the very instant: it has timed out
            stage.close(worker.drain())

        stage.client("canceller", canceller)

    stage = play(describe)
    assert {task.handle.status for task in stage.submissions} == {"timed_out"}
    assert [task.handle.attempts for task in stage.submissions] == [1, 0, 0, 0, 0, 0]
    assert instants(stage, "Expire") == [S] * 4 + [2 * S]
    assert instants(stage, "TimeOut") == [3 * S]
    assert instants(stage, "Cancel") == []


@pytest.mark.evidence("TC-1", "RT-1")
def test_an_attempt_that_takes_too_long_may_be_tried_again() -> None:
    """B12: a timeout is each attempt's own, and counts as an attempt."""
    remaining: list[Any] = []

    def describe(stage: Stage) -> None:
        def work(context: Any) -> None:
            remaining.append(context.remaining())
            context.sleep(3_600)

        retry = stage.jurat.Retry(max_retries=2, delay=1, jitter=0, timeouts=True)
        worker = stage.build_worker(threads=1, timeout=0.25, retry=retry)
        stage.submit(work)
        worker.start()
        drain(stage)

    stage = play(describe)
    assert remaining == [0.25] * 3
    assert instants(stage, "Start") == [0, 1_250 * MS, 3_500 * MS]
    assert instants(stage, "TimeOut") == [3_750 * MS]


@pytest.mark.evidence("NF-1")
def test_a_task_leaves_no_context_no_timer_and_no_thread_behind(hire: Hire) -> None:
    """B13: when it is over, nothing that was made for it is left, with and without a timeout."""
    others = set(threading.enumerate())
    worker, _ = hire(threads=2)
    with worker:
        tasks = [worker.submit(nothing) for _ in range(200)]
        tasks += [worker.submit(nothing, timeout=3_600) for _ in range(200)]
        assert all(task.wait(PATIENCE) for task in tasks)
        worker.submit(nothing).result(PATIENCE)
        gc.collect()
        ours = {id(task) for task in tasks}
        left = [it for it in gc.get_objects() if isinstance(it, Context) and id(it._task) in ours]
        assert left == []
        assert worker._core.alarms == []
        assert {t.name for t in set(threading.enumerate()) - others} == {"steward", "worker-0", "worker-1"}


@pytest.mark.evidence("TC-2", "GR-3")
def test_cancelling_the_unknown_the_ended_and_twice(hire: Hire) -> None:
    """B14: an unknown id is not found; what has ended says so; the same question has the same answer."""
    worker, log = hire(threads=1)
    meeting = Meeting()
    with worker:
        with pytest.raises(TaskNotFound):
            worker.task("no such task")
        running, waiting = worker.submit(meeting), worker.submit(nothing)
        meeting.met()
        assert [waiting.cancel(), waiting.cancel()] == [Cancelling.CANCELLED] * 2
        assert [running.cancel(), running.cancel()] == [Cancelling.REQUESTED] * 2
        meeting.leave.set()
        assert running.wait(PATIENCE)
        assert [running.cancel(), running.cancel()] == [Cancelling.ENDED] * 2
    assert [running.cancel(), waiting.cancel()] == [Cancelling.ENDED, Cancelling.CANCELLED]
    assert [it for it in actions(log) if "Cancel" in it] == ["Cancel", "RequestCancel"]
