"""Behaviours B1 to B7: each task starts once an attempt, in its turn, and within its caps.

The behaviours are promises of the best systems of this kind.  Each test is red under the patch that
`tests.worker.red` has for it, and `docs/behaviours.md` says how.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting, eventually
from tests.worker.machines import MAIN, Interrupted
from tests.worker.virtual import S, drain, play

from jurat import Cancelling, Context, IdInUse, Queue, Reason, Retry, Status, Task, Token

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage


def nothing(_: Context) -> None:
    """Do nothing."""


def fail(_: Context) -> None:
    """Raise."""
    raise ValueError


@pytest.mark.evidence("LC-1")
def test_user_code_starts_once_per_attempt(hire: Hire) -> None:
    """B1: many threads, and tasks that are tried again: by their own word as many entries as attempts."""
    entered: list[int] = []

    def enter(context: Context, ticket: int) -> None:
        entered.append(ticket)
        if ticket % 5 == 0 and context.attempt < 3:
            raise ValueError

    worker, _ = hire(threads=8, retry=Retry(max_retries=2, delay=0))
    with worker:
        tasks = [worker.submit(enter, ticket) for ticket in range(400)]
    counted = Counter(entered)
    assert [counted[ticket] for ticket in range(400)] == [task.attempts for task in tasks]
    assert {task.attempts for task in tasks} == {1, 3}


@pytest.mark.evidence("LC-2")
def test_what_has_ended_stays_as_it_is(hire: Hire) -> None:
    """B2: cancelling, a late return, the same id again, a stop: nothing of five ended tasks changes."""
    worker, _ = hire(threads=2, retry=Retry(max_retries=1, delay=0))
    worker.start()
    stuck, token = Meeting(), Token()
    tasks: list[Task[Any]] = [worker.submit(nothing, id="completed", parent=token)]
    tasks.append(worker.submit(fail, id="failed", parent=token))
    assert all(task.wait(PATIENCE) for task in tasks)
    worker.pause()
    tasks.append(worker.submit(nothing, id="cancelled", parent=token))
    assert tasks[-1].cancel() is Cancelling.CANCELLED
    tasks.append(worker.submit(nothing, id="timed_out", parent=token, deadline=1e-9))
    assert tasks[-1].wait(PATIENCE)
    worker.resume()
    tasks.append(worker.submit(stuck, id="abandoned", parent=token))
    stuck.met()
    assert worker.stop_now().wait(PATIENCE)

    def read() -> list[Any]:
        return [
            (t.status, t.attempts, t.cancel_reason, t.started_at, t.ended_at, type(t.exception()))
            for t in tasks
        ]

    before = read()
    assert [task.status for task in tasks] == [task.id for task in tasks]
    token.cancel()
    assert [task.cancel() for task in tasks] == [
        Cancelling.CANCELLED if task.status is Status.CANCELLED else Cancelling.ENDED for task in tasks
    ]
    stuck.leave.set()
    eventually(lambda: all(seat.task is None for seat in worker._core.seats))
    assert worker.drain().wait(PATIENCE)
    assert read() == before


@pytest.mark.evidence("LC-3")
def test_a_task_that_has_run_before_submit_returns_is_not_queued_again(hire: Hire) -> None:
    """B3: the thread takes the task, and ends it, before `submit` has returned: it is and stays completed."""
    machine = Interrupted()
    worker, _ = hire(threads=1, runtime=machine)
    meeting = Meeting()
    worker.start()
    worker.submit(nothing).result(PATIENCE)  # its label is there, so that a submit takes one lock
    worker.submit(meeting)
    meeting.met()

    def run_it() -> None:
        meeting.leave.set()
        eventually(lambda: worker.snapshot().counts.completed == 3)

    machine.after_lock(MAIN, run_it)
    task = worker.submit(nothing)
    assert (task.status, task.attempts) == (Status.COMPLETED, 1)


@pytest.mark.evidence("LC-1", "TC-2")
def test_an_id_that_is_taken_is_refused_and_the_first_task_keeps_its_handle(hire: Hire) -> None:
    """B4: a typed error; the id still names the first task, and cancelling by it reaches its function."""
    worker, _ = hire(threads=1)
    inside = Meeting()

    def obey(context: Context) -> None:
        inside.inside.set()
        context.wait(PATIENCE)
        context.raise_if_cancelled()

    with worker:
        first = worker.submit(obey, id="order-17")
        inside.met()
        with pytest.raises(IdInUse) as refused:
            worker.submit(nothing, id="order-17")
        assert refused.value.id == "order-17"
        with pytest.raises(IdInUse):
            worker.submit_all(nothing, [(), ()], ids=["order-18", "order-17"])
        assert worker.task("order-17") is first
        assert worker.task("order-17").cancel() is Cancelling.REQUESTED
        assert first.wait(PATIENCE)
    assert (first.status, first.cancel_reason) == (Status.CANCELLED, Reason.USER)
    assert worker.snapshot().counts.submitted == 1


@pytest.mark.evidence("LC-3", "NH-2")
def test_equals_start_in_order_of_admission(hire: Hire) -> None:
    """B5: by priority, the lower number first, and of equals as they were admitted."""
    started: list[int] = []

    def note(_: Context, ticket: int) -> None:
        started.append(ticket)

    worker, _ = hire(threads=1)
    worker.pause()
    priorities = [(7 * ticket) % 4 - 1 for ticket in range(60)]
    for ticket, priority in enumerate(priorities):
        worker.submit(note, ticket, priority=priority)
    worker.start()
    worker.resume()
    assert worker.drain().wait(PATIENCE)
    assert started == sorted(range(60), key=lambda ticket: (priorities[ticket], ticket))


@pytest.mark.evidence("NH-2")
def test_every_window_of_four_starts_has_three_of_one_queue_and_one_of_the_other(hire: Hire) -> None:
    """B6: with weights 3 and 1 while both have tasks; then the empty queue yields its share."""
    started: list[str] = []

    def note(context: Context) -> None:
        started.append(context.queue)

    worker, _ = hire(threads=1, queues=[Queue("a", weight=3), Queue("b", weight=1)])
    worker.pause()
    for queue, number in (("b", 5), ("a", 24)):
        for _ in range(number):
            worker.submit(note, queue=queue)
    worker.start()
    worker.resume()
    assert worker.drain().wait(PATIENCE)
    both, rest = started[:20], started[20:]
    for begin in range(17):
        assert both[begin : begin + 4].count("a") == 3, started
    assert rest == ["a"] * 9


@pytest.mark.evidence("RL-4")
@pytest.mark.parametrize(
    "options",
    [
        {"queue": "narrow"},
        {"concurrency_key": "account-7"},
        {"queue": "narrow", "concurrency_key": "account-7"},
    ],
)
def test_no_more_run_than_the_cap_at_every_instant(options: dict[str, Any]) -> None:
    """B7: a cap of two, of a queue or a key, with four threads: two at a time, and no fewer."""
    running: list[int] = [0]
    seen: list[tuple[int, int]] = []

    def describe(stage: Stage) -> None:
        def run(context: Any) -> None:
            running[0] += 1
            seen.append((stage.runtime.now_ns, running[0]))
            context.sleep(1)
            running[0] -= 1

        worker = stage.build_worker(threads=4, queues=[Queue("narrow", cap=2)], key_cap=2)
        for _ in range(6):
            stage.submit(run, **options)
        worker.start()
        drain(stage)

    play(describe)
    assert max(number for _, number in seen) == 2
    assert [at for at, _ in seen] == [0, 0, S, S, 2 * S, 2 * S]


@pytest.mark.evidence("RL-4")
def test_many_keys_at_their_caps_delay_nobody_else(hire: Hire) -> None:
    """B7: six keys with a task inside and twenty that wait: others run, and then one of a key at a time."""
    inside: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def run(context: Context, key: str) -> None:
        inside[key] += 1
        most[key] = max(most[key], inside[key])
        inside[key] -= 1

    worker, _ = hire(threads=8)
    worker.start()
    meetings = {key: Meeting() for key in "abcdef"}
    for key, meeting in meetings.items():
        worker.submit(meeting, concurrency_key=key)
        meeting.met()
    tasks = [
        worker.submit(run, key, concurrency_key=key, priority=n % 3) for n in range(20) for key in meetings
    ]
    assert worker.submit(lambda _: "not delayed", priority=9).result(PATIENCE) == "not delayed"
    assert {task.status for task in tasks} == {Status.QUEUED}
    for meeting in meetings.values():
        meeting.leave.set()
    assert all(task.wait(PATIENCE) for task in tasks)
    assert most == dict.fromkeys(meetings, 1)
