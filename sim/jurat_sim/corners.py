"""Scenarios that mutation of the worker has asked for: what the others did not reach (`mutation`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .parts import EVER, MOMENT, WHILE, fail, pause, succeed, wait_for, worker_is_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage, Submission


def held_lane(stage: Stage) -> None:
    """A lane of plain tasks is paused, limited, resumed and paused again, until a drain lets go of it.

    Nothing here is special: each thread takes the head of the lane and need not choose, until an
    operator says otherwise, and again when he takes it back.  A task is cancelled in a lane that is
    paused.
    """
    worker = stage.build_worker(threads=2, drain_deadline=None)
    worker.start()

    def submitter() -> None:
        stage.submit(_slowly(stage))
        stage.submit(succeed)
        stage.submit(succeed)
        stage.close(worker.drain())

    def operator() -> None:
        worker_is_open(stage, worker.pause)
        stage.submit(succeed)
        _cancel(stage.submit(succeed))
        worker_is_open(stage, worker.resume)
        worker_is_open(stage, lambda: worker.set_rate(stage.jurat.RateLimit(2, MOMENT)))
        stage.submit(succeed)
        worker_is_open(stage, worker.pause)

    stage.client("operator", operator)
    stage.client("submitter", submitter)


def answers_race(stage: Stage) -> None:
    """Several clients wait for the same tasks, with timeouts and without, and take their outcomes at once.

    A wait that is given up leaves its gate to the next one, of which there are two.  One task
    returns a value, one raises, and one waits in its context until a cancellation, another and a
    stop ask it to come back, which may be at once.  Somebody waits for the stop with a timeout, and
    subscribes when it is over.
    """
    worker = stage.build_worker(threads=2)
    returns = stage.submit(_slowly(stage))
    raises = stage.submit(fail)
    obeys = stage.submit(_until_asked)

    def asker() -> None:
        returns.handle.wait(MOMENT)
        _ask(returns)
        _ask(raises)
        obeys.handle.wait(MOMENT)
        _ask(obeys)

    def stopper() -> None:
        worker.start()
        obeys.handle.cancel()
        returns.handle.wait(MOMENT)
        obeys.handle.cancel()
        worker.stop_now().wait(MOMENT)
        stage.close(worker.stop_now())
        for task in (returns, raises, obeys):
            _ask(task)
        stage.subscribe().rest()

    stage.client("asker", asker)
    stage.client("asker", asker)
    stage.client("stopper", stopper)


def alarms_race(stage: Stage) -> None:
    """Two clients submit what the steward has to be told of: delays, deadlines, retries, and age.

    It may be parked until later, about to park, or at work, and whoever calls it must be the only
    one who does.  What has ended is forgotten by age; how long it is kept is changed meanwhile.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, retention=jurat.Retention(age=WHILE), drain_deadline=None)
    again = jurat.Retry(max_retries=1, delay=MOMENT)
    worker.start()

    def planner() -> None:
        delayed = stage.submit(succeed, delay=MOMENT)
        _cancel(stage.submit(succeed, deadline=WHILE))
        wait_for(delayed)

    def keeper() -> None:
        worker_is_open(stage, lambda: worker.set_retention(jurat.Retention(number=1, age=MOMENT)))
        wait_for(stage.submit(fail, retry=again))
        stage.close(worker.drain())

    stage.client("keeper", keeper)
    stage.client("planner", planner)


def callbacks_race(stage: Stage) -> None:
    """Two clients ask to be called while tasks end and a drain comes; the first needs a thread for it.

    So the thread that calls is spawned by one of them, perhaps when the worker has stopped already,
    and whoever asks too late is called at once.
    """
    worker = stage.build_worker(threads=2, drain_deadline=None)
    tasks = [stage.submit(_slowly(stage)), stage.submit(fail), stage.submit(succeed)]
    worker.start()

    def caller() -> None:
        stage.call_back(tasks[0])
        stage.call_back(tasks[1])

    def late() -> None:
        wait_for(tasks[0])
        stage.call_back(tasks[2])

    def closer() -> None:
        wait_for(tasks[1])
        stage.close(worker.drain())

    stage.client("caller", caller)
    stage.client("closer", closer)
    stage.client("late", late)


def aside_race(stage: Stage) -> None:
    """A batch that does not go through the lane meets a plain task that does, and a drain.

    It has a priority and a deadline; the queue has room for three.  A subscription is closed
    twice, while somebody reads to its end.
    """
    worker = stage.build_worker(threads=2, queue_max=3, drain_deadline=None)
    listener = stage.subscribe(size=1)
    worker.start()

    def batcher() -> None:
        stage.submit_all(succeed, 2, priority=1, deadline=EVER)
        listener.close()

    def submitter() -> None:
        wait_for(stage.submit(succeed), stage.submit(succeed, priority=1))
        listener.close()
        stage.close(worker.drain())

    stage.client("batcher", batcher)
    stage.client("reader", listener.rest)
    stage.client("submitter", submitter)


def caps_race(stage: Stage) -> None:
    """The first queue has a cap, another one has none, and of two threads one may not take what is there.

    So whoever comes back from a task of the first queue must see to it that the next one starts; and
    so must whoever comes back from one with a concurrency key, though it has failed.
    """
    jurat = stage.jurat
    worker = stage.build_worker(
        threads=2, queues=[jurat.Queue("default", cap=1), jurat.Queue("side")], key_cap=1, drain_deadline=None
    )
    first = [stage.submit(_slowly(stage)) for _ in range(2)]
    worker.start()

    def submitter() -> None:
        third = stage.submit(_slowly(stage), priority=1)
        wait_for(*first, third)
        stage.close(worker.drain())

    def other() -> None:
        wait_for(*[stage.submit(body, queue="side", concurrency_key="k") for body in (fail, succeed)])

    stage.client("other", other)
    stage.client("submitter", submitter)


def weights_race(stage: Stage) -> None:
    """Two queues share one thread by weight, and the weights change while both have tasks.

    The worker is paused until all are there, or until a drain begins.  One of them is cancelled while it
    waits in the lane, and while somebody waits for it.
    """
    queues = [stage.jurat.Queue("default"), stage.jurat.Queue("side")]
    worker = stage.build_worker(threads=1, queues=queues, drain_deadline=None)
    worker.pause()
    tasks = [stage.submit(succeed, queue=queue) for _ in range(3) for queue in ("default", "side")]
    worker.start()

    def operator() -> None:
        tasks[2].handle.cancel()
        worker_is_open(stage, lambda: worker.set_weight("side", 3))
        worker_is_open(stage, worker.resume)
        worker_is_open(stage, lambda: worker.set_weight("default", 2))

    def closer() -> None:
        stage.close(worker.drain())

    def asker() -> None:
        wait_for(tasks[2])

    stage.client("asker", asker)
    stage.client("closer", closer)
    stage.client("operator", operator)


CORNERS: tuple[Callable[[Stage], None], ...] = (
    held_lane,
    answers_race,
    alarms_race,
    callbacks_race,
    aside_race,
    caps_race,
    weights_race,
)


def _slowly(stage: Stage) -> Callable[[Any], str]:
    def function(_: Any) -> str:
        pause(stage, "its work")
        return "done"

    return function


def _until_asked(context: Any) -> None:
    context.wait()
    context.raise_if_cancelled()
    raise AssertionError("woken without having been asked to come back")


def _cancel(task: Submission) -> None:
    if task.handle is not None:
        task.handle.cancel()


def _ask(task: Submission) -> None:
    """Wait for the outcome, and compare it at once with what the function did."""
    error = task.handle.exception()
    status = task.handle.status
    if status == "completed" and (error, task.handle.result()) != (None, task.value):
        raise AssertionError(f"submission {task.ticket} is said to have returned {task.handle.result()}")
    if status == "failed" and error is not task.error:
        raise AssertionError(f"submission {task.ticket} is said to have raised {error}")
    if not task.handle._ended_ns:
        raise AssertionError(f"submission {task.ticket} is {status}, and has no instant at which it ended")
