"""Behaviours B25 to B31: a drain finishes, a stop always ends, and nothing is left behind.

See `test_behaviours_lifecycle` for what a behaviour is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, Meeting, actions, eventually
from tests.worker.machines import MAIN, Interrupted
from tests.worker.virtual import S, instants, let_pass, play

from jurat import (
    Cancelling,
    Context,
    Phase,
    QueueFull,
    RateLimit,
    Reason,
    Retry,
    Status,
    TaskCancelled,
    Token,
    Worker,
    WorkerStopped,
    _threads,
)

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage


def nothing(_: Context) -> None:
    """Do nothing."""


def leave(_: Context) -> NoReturn:
    """Try to end the thread."""
    raise SystemExit


@pytest.mark.evidence("SD-2")
def test_a_drain_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    """B25: running, queued and retrying tasks end well, a scheduled one is cancelled, a new one refused."""

    def describe(stage: Stage) -> None:
        def flaky(context: Any) -> None:
            if context.attempt == 1:
                raise ValueError

        worker = stage.build_worker(threads=1, drain_deadline=60)
        stage.submit(flaky, retry=stage.jurat.Retry(max_retries=1, delay=5, jitter=0))
        stage.submit(lambda context: context.sleep(2))
        stage.submit(lambda context: context.sleep(2))
        stage.submit(lambda _: None, delay=3)
        worker.start()

        def closer() -> None:
            let_pass(stage, S)
            shutdown = worker.drain()
            assert stage.submit(lambda _: None).refusal == "WorkerStopped"
            stage.close(shutdown)

        stage.client("closer", closer)

    stage = play(describe)
    statuses = [task.handle.status for task in stage.submissions if task.handle]
    assert statuses == ["completed"] * 3 + ["cancelled"]
    assert instants(stage, "Stopped") == [5 * S]
    assert instants(stage, "ShutdownCancel") == [S]


def test_a_drain_that_retries_goes_through_what_waits_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the task whose time has not come.  What is to be tried again is not looked for: it will be."""
    sweeps: list[object] = []
    sweep = _threads._cancel_what_waits
    monkeypatch.setattr(_threads, "_cancel_what_waits", lambda core: sweeps.append(sweep(core)))

    def describe(stage: Stage) -> None:
        def flaky(context: Any) -> None:
            context.sleep(1)
            if context.attempt < 3:
                raise ValueError

        worker = stage.build_worker(threads=2, drain_deadline=None)
        for _ in range(10):
            stage.submit(flaky, retry=stage.jurat.Retry(max_retries=2, delay=3, jitter=0))
        stage.submit(lambda _: None, delay=3_600)
        worker.start()
        stage.client("closer", lambda: stage.close(worker.drain()))

    stage = play(describe)
    assert [task.handle.status for task in stage.submissions if task.handle] == ["completed"] * 10 + [
        "cancelled"
    ]
    assert len(instants(stage, "Retry")) == 20
    assert len(sweeps) == 1


@pytest.mark.evidence("SD-2", "SD-4")
def test_a_drain_past_its_deadline_interrupts_and_names() -> None:
    """B26: at the deadline contexts are tripped; who comes back is cancelled, who does not abandoned."""

    def describe(stage: Stage) -> None:
        door = stage.runtime.gate()
        worker = stage.build_worker(threads=2, drain_deadline=3, grace=2)

        def obeys(context: Any) -> None:
            assert context.sleep(3_600) is False
            context.raise_if_cancelled()

        stage.submit(obeys)
        stage.submit(lambda _: door.wait())
        stage.submit(lambda _: None)
        worker.start()

        def closer() -> None:
            stage.close(worker.drain())
            door.open()

        stage.client("closer", closer)

    stage = play(describe)
    obeyed, stuck, waiting = [task.handle for task in stage.submissions]
    assert (obeyed.status, obeyed.cancel_reason) == ("cancelled", Reason.SHUTDOWN)
    assert isinstance(obeyed.exception(0), TaskCancelled)
    assert (stuck.status, stuck.cancel_reason) == ("abandoned", None)
    assert (waiting.status, waiting.cancel_reason, waiting.attempts) == ("cancelled", Reason.SHUTDOWN, 0)
    assert instants(stage, "DrainDeadline") == [3 * S] == instants(stage, "AcknowledgeCancel")
    assert instants(stage, "Abandon") == [5 * S]
    assert stage.closings[0].at_ns == 5 * S
    report = stage.closings[0].shutdown.report()
    assert (report.cancelled, report.abandoned) == ((waiting.id, obeyed.id), (stuck.id,))


CALLS = ("drain", "drain_cancelling", "stop_now", "start")


def call(worker: Any, name: str) -> None:
    """Start or shut down in one of the ways there are; whatever comes first, none raises."""
    if name == "drain_cancelling":
        worker.drain(pending="cancel")
    else:
        getattr(worker, name)()


@pytest.mark.evidence("SD-1")
@pytest.mark.parametrize("order", list(product(CALLS, repeat=3)), ids="-".join)
def test_any_order_of_stops_is_one_shutdown(hire: Hire, order: tuple[str, ...]) -> None:
    """B27: twice, thrice, before the start, during it and after it: nobody raises, and it stops once."""
    worker, log = hire(threads=1)
    task = worker.submit(nothing)
    for name in order:
        call(worker, name)
    assert worker.stop_now().wait(PATIENCE)
    assert worker.drain().done
    assert task.status.terminal
    assert worker.phase is Phase.STOPPED
    assert actions(log).count("Stopped") == 1


@pytest.mark.evidence("SD-1")
def test_a_stop_that_lands_while_threads_are_being_started_is_not_lost(hire: Hire) -> None:
    """B27: whatever lock of the start it comes before."""
    for place in range(1, 6):
        machine = Interrupted()
        worker, _ = hire(threads=3, runtime=machine)
        task = worker.submit(nothing)
        thread = threading.Thread(target=worker.start, name=f"starter-{place}")

        _stop_at(machine, thread.name, place, worker)
        thread.start()
        thread.join(PATIENCE)
        assert worker.stop_now().wait(PATIENCE)
        assert task.status.terminal


def _stop_at(machine: Interrupted, thread: str, place: int, worker: Worker) -> None:
    """Stop the worker right before this thread takes so many locks."""

    def happen() -> None:
        if place == 1:
            worker.stop_now()
        else:
            _stop_at(machine, thread, place - 1, worker)

    machine.before_lock(thread, happen)


@pytest.mark.evidence("SD-4", "LC-1")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["stop_now", "drain"])
def test_a_submit_that_races_a_stop_is_refused_or_ends(hire: Hire, when: str, how: str) -> None:
    """B28: the stop comes right before the step of the submit, or right after it."""
    machine = Interrupted()
    worker, log = hire(threads=1, runtime=machine)
    subscription = worker.subscribe()
    worker.start()
    worker.submit(nothing).result(PATIENCE)  # its label is there, so that a submit takes one lock

    def stop() -> None:
        shutdown = getattr(worker, how)()
        if when == "before":
            assert shutdown.wait(PATIENCE)

    (machine.before_lock if when == "before" else machine.after_lock)(MAIN, stop)
    tasks = []
    with suppress(WorkerStopped):
        tasks.append(worker.submit(nothing))
    assert len(tasks) == (when == "after")
    assert worker.stop_now().wait(PATIENCE)
    assert all(task.status.terminal for task in tasks)
    assert list(subscription)[1:] == tasks
    assert actions(log).count("Reject") == 1 - len(tasks)


@pytest.mark.evidence("SD-4")
@pytest.mark.parametrize("how", ["stop_now", "drain"])
def test_who_waits_for_room_is_refused_when_the_worker_stops(hire: Hire, how: str) -> None:
    """B28: at once, and not when its patience is over; a submit of a task of ours never waits at all."""
    worker, log = hire(threads=1, queue_max=1, queue_wait=3_600)
    full, meeting = Meeting(), Meeting()
    refused: list[type[BaseException] | None] = []

    def inner(context: Context) -> None:
        full(context)
        refused.append(_refusal(worker))
        meeting(context)

    worker.start()
    worker.submit(inner)
    full.met()
    worker.submit(nothing)
    full.leave.set()
    meeting.met()
    waiting = threading.Thread(target=lambda: refused.append(_refusal(worker)))
    waiting.start()
    eventually(lambda: bool(worker._core.room))
    getattr(worker, how)()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    meeting.leave.set()
    assert worker.drain().wait(PATIENCE)
    assert refused == [QueueFull, WorkerStopped]
    assert [event[4] for event in log if event[1] == "Reject"] == ["full", "closed"]


def _refusal(worker: Any) -> type[BaseException] | None:
    try:
        worker.submit(nothing)
    except (QueueFull, WorkerStopped) as error:
        return type(error)
    return None


@pytest.mark.evidence("TC-2", "SD-4")
def test_a_token_that_is_cancelled_resolves_everything_that_is_queued(hire: Hire) -> None:
    """B29: a hundred tasks that wait, in every way, are cancelled by their parent, and the counts balance."""
    worker, _ = hire(threads=1, key_cap=1)
    meeting = Meeting()
    tokens: list[Token] = []

    def parent(context: Context) -> None:
        tokens.append(context.token())
        meeting(context)

    with worker:
        running = worker.submit(parent)
        meeting.met()
        how: list[dict[str, Any]] = [{}, {"priority": 1}, {"delay": 3_600}, {"concurrency_key": "k"}]
        tasks = [worker.submit(nothing, parent=tokens[0], **how[n % 4]) for n in range(100)]
        tasks += worker.submit_all(nothing, [()] * 20, parent=tokens[0])
        other = worker.submit(nothing)
        assert running.cancel() is Cancelling.REQUESTED
        assert {task.status for task in tasks} == {Status.CANCELLED}
        assert {task.cancel_reason for task in tasks} == {Reason.PARENT}
        counts = worker.snapshot().counts
        assert (counts.cancelled, counts.queued, counts.scheduled, counts.running) == (120, 1, 0, 1)
        meeting.leave.set()
        assert other.wait(PATIENCE)
    counts = worker.snapshot().counts
    assert (counts.submitted, counts.live, counts.completed, counts.cancelled) == (122, 0, 2, 120)


@pytest.mark.evidence("SD-4")
@pytest.mark.parametrize("how", ["stop_now", "drain"])
def test_nothing_of_ours_is_alive_when_a_shutdown_is_done(hire: Hire, how: str) -> None:
    """B30: with timers, retries, permits, callbacks and subscribers in use: no thread is left."""
    others = set(threading.enumerate())
    worker, _ = hire(threads=3, rate=RateLimit(1, per=3_600, burst=9), timeout=3_600, grace=PATIENCE)
    subscription = worker.subscribe()
    worker.start()
    tasks = [worker.submit(nothing) for _ in range(9)]
    tasks += [worker.submit(nothing, delay=3_600, deadline=7_200)]
    for task in tasks:
        task.add_done_callback(lambda _: None)
    worker.resize(5)
    worker.resize(2)
    if how == "drain":
        assert all(task.wait(PATIENCE) for task in tasks[:9])
    shutdown = getattr(worker, how)()
    assert shutdown.wait(PATIENCE)
    assert shutdown.done
    assert {thread.name for thread in set(threading.enumerate()) - others} == set()
    assert len(list(subscription)) == 10


PROGRAM = """
from jurat import Retry, Worker
worker = Worker(threads=2, grace=0, drain_deadline=0)
worker.start()
worker.submit(lambda context: 1 / 0, retry=Retry(max_retries=1, delay=3600))
worker.submit(lambda context: None, delay=3600)
worker.submit(lambda context: context.wait())
subscription = worker.subscribe()
print("over")
"""


@pytest.mark.evidence("SD-4")
def test_the_interpreter_exits_though_nobody_stopped_the_worker() -> None:
    """B30: within the bound of the drain, whatever waits, and without a word on the way."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "over\n", "")


@pytest.mark.evidence("NF-1", "SD-4")
def test_a_task_that_ends_its_thread_costs_neither_a_slot_nor_the_stop(hire: Hire) -> None:
    """B31: SystemExit, KeyboardInterrupt, GeneratorExit, any BaseException: as many still run at once."""

    class Worse(BaseException):
        pass

    def raise_it(_: Context, kind: type[BaseException]) -> NoReturn:
        raise kind

    kinds = (SystemExit, KeyboardInterrupt, GeneratorExit, Worse)
    worker, _ = hire(threads=2)
    with worker:
        tasks = [
            worker.submit(raise_it, kind, retry=Retry(max_retries=1, delay=0)) for kind in kinds for _ in "ab"
        ]
        for task, kind in zip(tasks, [kind for kind in kinds for _ in "ab"], strict=True):
            assert isinstance(task.exception(PATIENCE), kind)
            assert (task.status, task.attempts) == (Status.FAILED, 1)
        meetings = [Meeting(), Meeting()]
        for meeting in meetings:
            worker.submit(meeting)
        for meeting in meetings:
            meeting.met()
        for meeting in meetings:
            meeting.leave.set()
