"""Behaviours B32 to B34: every result is delivered or counted, and what ended is forgotten in its time.

See `test_behaviours_lifecycle` for what a behaviour is.
"""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions, eventually
from tests.worker.virtual import S, instants, let_pass, play

from jurat import Context, Retention, Retry, Status, Task, TaskNotFound, Token

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage


def nothing(_: Context) -> None:
    """Do nothing."""


def fail(_: Context) -> None:
    """Raise."""
    raise ValueError


@pytest.mark.evidence("RS-1", "RS-2")
@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "block"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_end_is_delivered_or_counted(hire: Hire, policy: Any, size: int) -> None:
    """B32: however a task ends, once for each subscriber: delivered + dropped + pending = published."""
    worker, _ = hire(threads=2)
    bound = {"timeout": 0} if policy == "block" else {}
    narrow = worker.subscribe(size=size, policy=policy, **bound)
    everything = worker.subscribe(size=100)
    worker.start()
    stuck, token = Meeting(), Token()
    tasks: list[Task[Any]] = [
        worker.submit(nothing),
        worker.submit(fail, retry=Retry(max_retries=2, delay=0)),
    ]
    assert all(task.wait(PATIENCE) for task in tasks)
    worker.pause()
    tasks += [worker.submit(nothing, deadline=1e-9), worker.submit(nothing, parent=token)]
    token.cancel()
    tasks += worker.submit_all(nothing, [()] * 4)
    tasks[-1].cancel()
    assert tasks[2].wait(PATIENCE)
    worker.resume()
    assert all(task.wait(PATIENCE) for task in tasks)
    tasks.append(worker.submit(stuck))
    stuck.met()
    tasks.append(worker.submit(nothing, delay=3_600))
    assert worker.stop_now().wait(PATIENCE)
    assert {task.status for task in tasks} == {status for status in Status if status.terminal}
    before = narrow.accounts()
    assert before.published == len(tasks) == 10
    got = list(narrow)
    after = narrow.accounts()
    for accounts in (before, after):
        assert accounts.delivered + accounts.dropped + accounts.pending == accounts.published
    assert (after.delivered, after.dropped, after.pending) == (len(got), 10 - min(size, 10), 0)
    order = list(everything)
    assert sorted(task.number for task in order) == list(range(1, 11))
    assert got == (order[-size:] if policy == "drop_oldest" else order[:size])
    stuck.leave.set()


@pytest.mark.evidence("RS-2", "SD-4")
def test_a_subscriber_that_blocks_holds_a_stop_up_to_its_bound_and_no_task() -> None:
    """B33: tasks run at once; an offer is dropped its bound after its own publication, and all is over."""

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1)
        narrow = stage.subscribe(size=1, policy="block", timeout=2)
        for _ in range(3):
            stage.submit(lambda context: context.sleep(0.5))
        worker.start()

        def closer() -> None:
            stage.close(worker.drain())
            assert narrow.subscription.dropped == 2
            narrow.rest()

        stage.client("closer", closer)

    stage = play(describe)
    assert instants(stage, "Complete") == [S // 2, S, 3 * S // 2]
    assert instants(stage, "Stopped") == [3 * S // 2]
    assert stage.closings[0].at_ns == 3 * S // 2 + 2 * S


@pytest.mark.evidence("SD-3", "RS-2")
def test_to_close_a_subscription_while_it_is_published_to_is_safe(hire: Hire) -> None:
    """B33: a hundred come and go while tasks end; who stays gets all of them, and every count is right."""
    worker, _ = hire(threads=2)
    stayed = worker.subscribe(size=10_000)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            worker.submit(nothing).wait(PATIENCE)

    with worker:
        runner = threading.Thread(target=run)
        runner.start()
        for number in range(100):
            with worker.subscribe(size=1 + number % 2, policy="drop_newest") as visitor:
                assert visitor.get(PATIENCE) is not None
            accounts = visitor.accounts()
            lawful = accounts.delivered + accounts.dropped == accounts.published
            assert (lawful, accounts.pending) == (True, 0)
        over.set()
        runner.join(PATIENCE)
    assert stayed.published + stayed.dropped == worker.snapshot().counts.completed


@pytest.mark.evidence("RG-1")
@pytest.mark.parametrize("age_ns", [S, 3 * S + 1])
def test_what_ended_is_forgotten_at_its_age_to_the_nanosecond(age_ns: int) -> None:
    """B34: also the first task to end, and however it ended; until then it is known, and its id is taken."""

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=2, retention=stage.jurat.Retention(age=age_ns / S))
        stage.submit(lambda _: None, id="first")
        stage.submit(lambda context: context.sleep(0.25))
        stage.submit(lambda _: None, deadline=1, delay=0.999)
        stage.submit(lambda context: context.sleep(9), deadline=0.5)
        last = stage.submit(lambda _: None, delay=20)
        worker.start()

        def client() -> None:
            let_pass(stage, age_ns - 1)
            assert stage.submit(lambda _: None, id="first").refusal == "IdInUse"
            let_pass(stage, 1)
            again = stage.submit(lambda _: None, id="first")
            assert again.refusal is None
            again.handle.wait()
            let_pass(stage, 10 * S)
            assert worker.tasks() == [last.handle]
            last.handle.cancel()
            let_pass(stage, age_ns + 1)
            assert worker.tasks() == []
            stage.close(worker.drain())

        stage.client("client", client)

    stage = play(describe)
    ended = {
        event[2]: event[0]
        for event in stage.log
        if event[1] in ("Complete", "Cancel", "Expire", "TimeOut", "Fail")
    }
    forgotten = {event[2]: event[0] for event in stage.log if event[1] == "Evict"}
    assert forgotten == {number: at + age_ns for number, at in ended.items()}
    assert len(forgotten) == 6


@pytest.mark.evidence("RG-1")
def test_the_first_to_end_is_forgotten_first_and_only_what_has_ended(hire: Hire) -> None:
    """B34: no more than the number are remembered, live tasks stay, and a key or id is free again."""
    worker, log = hire(threads=1, retention=Retention(number=3))
    meeting = Meeting()
    with worker:
        done = [worker.submit(nothing, id=f"{n}", idempotency_key=f"{n}") for n in range(10)]
        assert all(task.wait(PATIENCE) for task in done)
        running = worker.submit(meeting)
        meeting.met()
        waiting = [worker.submit(nothing) for _ in range(10)]
        assert waiting[0].cancel() == "cancelled"
        assert set(worker.tasks()) == {*done[8:], running, *waiting}
        with pytest.raises(TaskNotFound):
            worker.task("0")
        assert worker.task("9") is done[9]
        assert worker.submit(nothing, id="9", idempotency_key="9") is done[9]
        assert worker.submit(nothing, id="0", idempotency_key="0") is not done[0]
        worker.set_retention(Retention(number=0))
        assert set(worker.tasks()) & {*done, waiting[0]} == set()
        assert running.status is Status.RUNNING
        meeting.leave.set()
    ended = [e[2] for e in log if e[1] in ("Complete", "Cancel")]
    assert [event[2] for event in log if event[1] == "Evict"] == ended[: actions(log).count("Evict")]


@pytest.mark.evidence("RG-1")
def test_what_was_forgotten_is_collectable_and_none_keeps_everything(hire: Hire) -> None:
    """B34: under load no more than the number stay alive; with None all do."""
    worker, _ = hire(threads=4, retention=Retention(number=5))
    with worker:
        seen = [weakref.ref(worker.submit(nothing)) for _ in range(2_000)]

        def few() -> bool:
            gc.collect()
            return sum(ref() is not None for ref in seen) <= 5

        eventually(few)
    keeper, _ = hire(threads=4, retention=Retention(number=None))
    with keeper:
        for _ in range(2_000):
            keeper.submit(nothing)
    assert len(keeper.tasks()) == keeper.snapshot().remembered == 2_000
