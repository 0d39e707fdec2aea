"""Corners of the worker, each of which was a fault once: what a user's code may do at the wrong moment."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, Meeting, eventually
from tests.worker.machines import MAIN, Interrupted
from tests.worker.test_shutdown import Stingy
from tests.worker.virtual import S, let_pass, play

from jurat import (
    Cancelling,
    Context,
    IdInUse,
    InvalidArgument,
    Queue,
    RateLimit,
    Retention,
    Retry,
    Status,
    Task,
    TaskNotFound,
    ThreadsUnavailable,
    Token,
    _steps,
    _threads,
)
from jurat._steps import TOMBS
from jurat_sim.strategies import RandomWalk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.worker.conftest import Hire

    from jurat_sim.primitives import BenchThread
    from jurat_sim.stage import Stage


def nothing(_: Context) -> None:
    """Do nothing."""


def double(_: Context, number: int) -> int:
    """Return twice the number."""
    return 2 * number


def _refuse(*_: object) -> None:
    raise RuntimeError("this hook always fails")


@pytest.mark.parametrize("hook", [sys.__unraisablehook__, _refuse])
def test_a_failing_callback_is_printed_and_the_next_one_is_called(
    hire: Hire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hook: Any
) -> None:
    """With Python's own hook, which takes no argument of ours, and with one that fails."""
    monkeypatch.setattr(sys, "unraisablehook", hook)
    worker, _ = hire(threads=1)
    meeting, called = Meeting(), Flag()
    with worker:
        task = worker.submit(meeting)
        task.add_done_callback(lambda _: 1 // 0)
        task.add_done_callback(lambda _: called.set())
        meeting.leave.set()
        assert called.wait(PATIENCE)
    said = capsys.readouterr().err
    assert "jurat: exception ignored in a done callback" in said
    assert "ZeroDivisionError" in said


def test_a_callback_for_which_there_is_no_thread_is_refused_and_may_be_asked_for_again(hire: Hire) -> None:
    """By a typed error, and the worker remembers no follower that does not exist."""
    machine = Stingy(2)
    worker, _ = hire(threads=1, runtime=machine)
    worker.start()
    meeting, called = Meeting(), Flag()
    task = worker.submit(meeting)
    with pytest.raises(ThreadsUnavailable):
        task.add_done_callback(lambda _: None)
    machine.given = 1
    task.add_done_callback(lambda _: called.set())
    meeting.leave.set()
    assert called.wait(PATIENCE)


def test_a_token_of_a_context_that_has_waited_in_vain_is_cancelled_all_the_same(hire: Hire) -> None:
    """The gate that the wait left behind is not taken for the token's place."""
    worker, _ = hire(threads=1)
    meeting = Meeting()
    tokens: list[Token] = []

    def wait_and_go_on(context: Context) -> None:
        context.wait(0)
        tokens.append(context.token())
        meeting(context)

    with worker:
        task = worker.submit(wait_and_go_on)
        meeting.met()
        task.cancel()
        assert tokens[0].cancelled
        meeting.leave.set()


class Moody(Exception):
    """Whoever asks it when to try again gets an exception."""

    @property
    def retry_after(self) -> float:
        """Fail."""
        raise RuntimeError("do not ask me")


class _Undecided(type):
    def __instancecheck__(cls, _: object) -> bool:
        raise RuntimeError("I cannot say")


class Undecided(Exception, metaclass=_Undecided):
    """Whoever asks whether an exception is one of these gets an exception."""


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        ({}, 2),
        ({"never": Undecided}, 1),
        ({"on": Undecided}, 1),
        ({"on": _refuse}, 1),
    ],
)
def test_an_exception_that_fails_when_it_is_asked_costs_no_thread(
    hire: Hire, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any], attempts: int
) -> None:
    """The failure is reported, the task ends, and its thread goes on."""
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)

    def fail(_: Context) -> NoReturn:
        raise Moody

    worker, _ = hire(threads=1)
    with worker:
        task = worker.submit(fail, retry=Retry(max_retries=1, delay=0, **policy))
        assert isinstance(task.exception(PATIENCE), Moody)
        assert worker.submit(double, 4).result(PATIENCE) == 8
    assert (task.status, task.attempts) == (Status.FAILED, attempts)
    assert [type(it.exc_value) for it in reported] == [RuntimeError]


class _TimePassesAt:
    """The default, but for one moment: there time passes, and the steward goes first."""

    name = "time passes at"

    def __init__(self, moment: int) -> None:
        self._moment = moment
        self.moments = 0
        self._hurry = False

    def begin(self, run: int) -> None:
        """Nothing is drawn."""

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
        """At the moment, time."""
        self.moments += time
        if time and self.moments == self._moment:
            self._hurry = True
            return len(ready)
        if self._hurry:
            for place, thread in enumerate(ready):
                if thread.name == "steward":
                    return place
            self._hurry = False
        return default


def test_a_permit_that_accrues_while_a_thread_is_about_to_park_is_not_overlooked() -> None:
    """Whenever the instant comes between a look at the limiter and the parking, the next start follows.

    One thread, so that nobody else could be woken; and the last look comes just before the instant.
    """

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1, rate=RateLimit(1, per=1, burst=1))
        tasks = [stage.submit(lambda _: None) for _ in range(2)]
        worker.start()

        def closer() -> None:
            let_pass(stage, S - 1)
            tasks.append(stage.submit(lambda _: None))
            for task in tasks:
                task.handle.wait()
            stage.close(worker.drain())

        stage.client("closer", closer)

    count = _TimePassesAt(0)
    play(describe, count, time_is_a_choice=True)
    assert count.moments > 20
    for moment in range(1, count.moments + 1):
        play(describe, _TimePassesAt(moment), time_is_a_choice=True)


def test_tasks_that_expire_where_they_wait_for_their_turn_are_let_go(hire: Hire) -> None:
    """However many: no more stay behind in a queue than a fixed number."""
    worker, _ = hire(threads=1, queue_max=None, retention=Retention(number=0))
    worker.start()
    worker.pause()
    tasks = [worker.submit(nothing, priority=1, deadline=1e-9) for _ in range(3 * TOMBS)]
    assert all(task.wait(PATIENCE) for task in tasks)
    assert {task.status for task in tasks} == {Status.TIMED_OUT}
    seen = [weakref.ref(task) for task in tasks]
    tasks.clear()

    def gone() -> bool:
        gc.collect()
        return sum(ref() is not None for ref in seen) <= TOMBS + 1

    eventually(gone)


def test_a_lane_that_was_made_shorter_is_taken_from_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended in it is taken out while others are taken from it and put into it; nobody is lost."""
    monkeypatch.setattr(_steps, "TOMBS", 2)
    lengths = []
    sweep = _threads._sweep

    def swept(core: Any) -> None:
        sweep(core)
        lengths.append(len(core.lane))
        there = [task for task in core.lane[core.head : core.tail] if task is not None]
        assert core.tombs == sum(task._status is not Status.QUEUED for task in there)

    monkeypatch.setattr(_threads, "_sweep", swept)

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1, drain_deadline=None)
        waiting = [stage.submit(nothing) for _ in range(10)]
        worker.start()

        def canceller() -> None:
            for task in waiting[2:9]:
                task.handle.cancel()
            last = stage.submit(nothing)
            stage.close(worker.drain())
            assert last.handle.status is Status.COMPLETED

        stage.client("canceller", canceller)

    walk = RandomWalk(1)
    for number in range(100):
        walk.begin(number)
        play(describe, walk)
    assert {1, 2, 10, 11} <= {*lengths}  # some were made shorter, others had been taken from meanwhile


def test_a_cancellation_that_begins_before_a_retry_and_ends_after_it_counts_right(hire: Hire) -> None:
    """The task was in the lane when `cancel` was called, and is chosen by its queue when it happens."""
    machine = Interrupted()
    worker, _ = hire(threads=1, runtime=machine, retry=Retry(max_retries=1, delay=0))
    meeting = Meeting()

    def fail(context: Context) -> NoReturn:
        meeting(context)
        raise ValueError

    with worker:
        task = worker.submit(fail)
        meeting.met()
        worker.pause()

        def retry() -> None:
            meeting.leave.set()
            eventually(lambda: task.status is Status.QUEUED)

        machine.before_lock(MAIN, retry)
        assert task.cancel() is Cancelling.CANCELLED
        assert (worker._core.specials, worker._core.lost, worker._core.tombs) == (0, 1, 0)


def test_no_id_is_too_strange_to_be_unknown(hire: Hire) -> None:
    """Thousands of digits, leading zeros, digits of other scripts: not found, and never another task."""
    worker, _ = hire()
    task = worker.submit(nothing)
    instance = task.id.removesuffix("-1")
    assert worker.task(f"{instance}-1") is task
    for number in ("01", "9" * 5_000, "1" * 19, "¹", "-1", "", "0"):
        with pytest.raises(TaskNotFound):
            worker.task(f"{instance}-{number}")


def test_a_cancellation_that_comes_too_late_lets_the_arguments_go_as_well(hire: Hire) -> None:
    """The deadline had passed: the task has timed out, and its payload is not kept with its handle."""

    class Payload:
        pass

    worker, _ = hire()
    payload = Payload()
    seen = weakref.ref(payload)
    task = worker.submit(lambda _, it: it, payload, deadline=1e-9)
    assert task.cancel() is Cancelling.ENDED
    assert task.status is Status.TIMED_OUT
    del payload
    gc.collect()
    assert seen() is None


def test_nobody_takes_an_abandoned_tasks_function_from_its_thread(hire: Hire) -> None:
    """Its thread may be about to call it: cancelling, by its token or its handle, leaves it alone."""
    worker, _ = hire(threads=1)
    worker.start()
    token, meeting = Token(), Meeting()
    task = worker.submit(meeting, parent=token)
    meeting.met()
    assert worker.stop_now().wait(PATIENCE)
    token._children[id(task)] = task
    token.cancel()
    assert task.cancel() is Cancelling.ENDED
    assert task.status is Status.ABANDONED
    assert task._function is meeting
    meeting.leave.set()


def test_batches_and_single_submissions_race_for_numbers_and_ids(hire: Hire) -> None:
    """Each batch has consecutive numbers or was refused whole; an id is given once; nothing is lost."""
    worker, _ = hire(threads=2, queue_max=None, retention=Retention(number=None))
    hows: list[dict[str, Any]] = [{}, {"priority": 1}, {"delay": 1e-6}, {"deadline": 3_600}]
    refused: list[int] = []
    batches: list[list[int]] = []

    def submit(start: int) -> None:
        for number in range(start, start + 40):
            try:
                how = hows[number % 4]
                tasks = worker.submit_all(nothing, [()] * 5, ids=[f"{number}-{n}" for n in range(5)], **how)
                batches.append([task.number for task in tasks])
                worker.submit(nothing)
            except IdInUse:
                refused.append(number)

    with worker:
        submitters = [threading.Thread(target=submit, args=(20 * part,)) for part in range(4)]
        for thread in submitters:
            thread.start()
        for thread in submitters:
            thread.join(PATIENCE)
    assert (len(batches), len(refused)) == (100, 60)
    assert all(numbers == list(range(numbers[0], numbers[0] + 5)) for numbers in batches)
    assert worker.snapshot().counts.submitted == 600
    assert worker.snapshot().rejected == 60


@pytest.mark.parametrize("delay", [1e-9, 1e-6, 1e-3])
def test_a_batch_whose_time_comes_while_it_is_written_is_accepted(hire: Hire, delay: float) -> None:
    """Ten thousand tasks take longer to write than they are to wait: then they are due, and that is all."""
    worker, _ = hire(threads=1, queue_max=None, retention=Retention(number=None))
    with worker:
        tasks = worker.submit_all(nothing, [()] * 10_000, delay=delay)
    assert {task.status for task in tasks} <= {Status.COMPLETED, Status.CANCELLED}
    assert worker.snapshot().counts.submitted == 10_000


def test_an_empty_batch_with_a_wrong_option_is_refused(hire: Hire) -> None:
    """Whoever builds batches learns of a mistake at once, and not on the first day with work."""
    worker, _ = hire()
    assert worker.submit_all(double, [], timeout=1) == []
    with pytest.raises(InvalidArgument, match="timeout"):
        worker.submit_all(double, [], timeout=-1)


def test_a_worker_may_be_resized_to_one_and_up_while_it_works(hire: Hire) -> None:
    """However often, no more run than was last asked for once it has settled, and every task ends."""
    worker, _ = hire(threads=4, queue_max=None)
    worker.start()
    tasks: list[Task[int]] = []
    for threads in (1, 3, 1, 6, 2, 1, 4, 1):
        tasks += [worker.submit(double, n, priority=n % 2) for n in range(50)]
        worker.resize(threads)
    meeting, other = Meeting(), Meeting()
    assert all(task.wait(PATIENCE) for task in tasks)
    worker.submit(meeting)
    meeting.met()
    waiting = worker.submit(other)
    eventually(lambda: worker._core.seated == 1)
    assert waiting.status is Status.QUEUED
    worker.resize(2)
    other.met()
    for it in (meeting, other):
        it.leave.set()


def test_an_idle_worker_that_is_to_be_smaller_lets_its_threads_go() -> None:
    """Four threads are parked and one is wanted: three leave without a task having to come."""
    left: list[str] = []

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=4)

        def operator() -> None:
            worker.start()
            let_pass(stage, S)
            worker.resize(1)
            let_pass(stage, S)
            left.extend(it.name for it in stage.runtime.unfinished() if it.name.startswith("worker-"))
            stage.submit(nothing)
            stage.close(worker.drain())

        stage.client("operator", operator)

    play(describe)
    assert len(left) == 1


def test_a_limiter_may_be_changed_while_threads_choose(hire: Hire) -> None:
    """Rates, weights and pauses change while four threads run tasks: the log is a behaviour of the rule."""
    worker, _ = hire(threads=4, queue_max=None, queues=[Queue("a"), Queue("b", weight=3)])
    over = Flag()

    def operate(queue: str) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            worker.set_rate(RateLimit(1 + turn % 7, per=1e-4, burst=1 + turn % 3), queue=queue)
            worker.set_weight(queue, 1 + turn % 5)
            worker.pause(queue)
            worker.resume(queue)

    with worker:
        operators = [threading.Thread(target=operate, args=(queue,)) for queue in ("a", "b")]
        for thread in operators:
            thread.start()
        tasks = [worker.submit(nothing, queue="ab"[n % 2], priority=n % 3) for n in range(300)]
        assert all(task.wait(PATIENCE) for task in tasks)
        over.set()
        for thread in operators:
            thread.join(PATIENCE)
    assert {task.status for task in tasks} == {Status.COMPLETED}
