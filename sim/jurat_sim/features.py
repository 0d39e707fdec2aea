"""Scenarios of what a task may be told and a worker may be built with: one for each, and its races.

Retries, deadlines, limiters, queues, keys, resizing, batches, tokens, room and drains.  As
everywhere, a scenario is judged by what it can reach; `scenarios` has the others, and all of
them by name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .parts import (
    EVER,
    MOMENT,
    WHILE,
    fail,
    fails_slowly,
    fails_until,
    leave,
    looks_at_its_limit,
    succeed,
    succeeds_slowly,
    until_asked,
    wait_for,
    worker_is_open,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage, Submission


def retries_race(stage: Stage) -> None:
    """Tasks fail and are tried again, while one is cancelled, the queue is full and a drain comes.

    One succeeds when it is tried again, one fails each time and keeps its last error, one raises
    what its policy does not retry, and one an error that looks like a cancellation.  A
    cancellation may find its task running, in its backoff, or queued again, and one that runs
    and is asked to come back is not tried again.  The queue holds three, of which one has an
    hour to wait, so that an attempt may become due when it is full.  Whoever waits for an end
    has no timeout, and the drain has no deadline.
    """
    jurat = stage.jurat
    again = jurat.Retry(max_retries=2, delay=0, on=ValueError)
    worker = stage.build_worker(threads=2, queue_max=3, drain_deadline=None, retry=again)
    first = stage.submit(fails_until(2), retry=jurat.Retry(max_retries=1, delay=MOMENT))
    second = stage.submit(fails_slowly(stage))
    stage.submit(succeed, delay=EVER)

    def submitter() -> None:
        stage.submit(leave)
        wait_for(first)
        stage.submit(fail, retry=None)
        stage.submit(fails_until(2))
        stage.close(stage.drain())

    def canceller() -> None:
        stage.runtime.gate().wait_for(500_000)
        stage.cancel(second)
        stage.look()
        wait_for(second)
        stage.submit(gives_up)

    def gives_up(_: Any) -> None:
        raise jurat.TaskCancelled("another task, for whose result it has waited", "user")

    worker.start()
    stage.client("canceller", canceller)
    stage.client("submitter", submitter)


def deadlines_race(stage: Stage) -> None:
    """Deadlines pass while tasks wait, run, and wait for another attempt; and attempts take too long.

    A deadline may be found overdue by the steward, by the thread that would have started its
    task, by a cancellation, or by a drain, and must end it the same way each time.  One attempt
    takes too long and is tried again, once, unless somebody has asked it to come back; another
    is not tried again, and says in its context when it is over.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, drain_deadline=None)
    stage.submit(looks_at_its_limit, timeout=MOMENT)
    patient = jurat.Retry(max_retries=1, delay=MOMENT, jitter=0, timeouts=True)
    second = stage.submit(lambda context: context.sleep(WHILE), timeout=MOMENT, retry=patient)
    third = stage.submit(succeed, deadline=MOMENT)
    fourth = stage.submit(fail, deadline=WHILE, retry=jurat.Retry(max_retries=3, delay=MOMENT, jitter=0))

    def canceller() -> None:
        stage.runtime.gate().wait_for(1_000_000)
        stage.cancel(third)
        stage.runtime.gate().wait_for(2_000_000)
        stage.cancel(second)
        wait_for(second, third)

    def closer() -> None:
        worker.start()
        wait_for(fourth)
        stage.close(stage.drain(pending="cancel"))

    stage.client("canceller", canceller)
    stage.client("closer", closer)


def limited_starts(stage: Stage) -> None:
    """Starts are limited, for the worker and for a queue, and the limits change while tasks wait.

    One thread, so that whoever waits for a permit depends on being woken when there is one: by
    the steward, in whose way somebody else may come who wakes the thread too early.  A task that
    waits for a permit is cancelled, and burns none.  Two queues share what the worker's limiter
    gives, and the one without a limiter of its own is not slowed by the other's.
    """
    jurat = stage.jurat
    worker = stage.build_worker(
        threads=1,
        rate=jurat.RateLimit(3, 2 * MOMENT, burst=2),
        queues=[jurat.Queue("slow", rate=jurat.RateLimit(3, 4 * MOMENT))],
        drain_deadline=None,
    )
    first = [stage.submit(succeed, queue=queue) for queue in ("slow", "slow", None)]

    def submitter() -> None:
        later = [stage.submit(succeed)]
        stage.runtime.gate().wait_for(1_000_000)
        later.append(stage.submit(succeed, queue="slow"))
        wait_for(*first, *later)
        stage.close(stage.drain())

    def operator() -> None:
        worker_is_open(stage, lambda: worker.set_rate(jurat.RateLimit(2, 3 * MOMENT), queue="slow"))
        stage.cancel(first[1])
        worker_is_open(stage, lambda: worker.set_rate(jurat.RateLimit(3, 4 * MOMENT, burst=2)))

    worker.start()
    stage.client("operator", operator)
    stage.client("submitter", submitter)


def queues_race(stage: Stage) -> None:
    """Two queues, one with a cap, and a concurrency key; both are paused and resumed, and weights change.

    A task with a priority overtakes those in the lane, so the lane is left and taken up again
    while threads park and are woken.  Three tasks share a key, of which one is cancelled, perhaps
    while it is set aside.  Every queue is resumed, or a drain resumes it.
    """
    jurat = stage.jurat
    worker = stage.build_worker(
        threads=2, queues=[jurat.Queue("side", weight=2, cap=1)], key_cap=1, drain_deadline=None
    )
    first = stage.submit(succeeds_slowly(stage), concurrency_key="k")
    second = stage.submit(succeed, queue="side", concurrency_key="k")
    third = stage.submit(succeed, queue="side")

    def submitter() -> None:
        fourth = stage.submit(succeed)
        fifth = stage.submit(succeed, priority=-1, concurrency_key="k")
        wait_for(first, third, fourth, fifth)
        stage.close(stage.drain())

    def operator() -> None:
        stage.pause()
        stage.pause("side")
        stage.cancel(second)
        worker_is_open(stage, lambda: worker.set_weight("side", 3))
        worker_is_open(stage, lambda: worker.resume("side"))
        worker_is_open(stage, worker.resume)

    worker.start()
    stage.client("operator", operator)
    stage.client("submitter", submitter)


def keys_race(stage: Stage) -> None:
    """Two clients submit the same request with one key, and another request with it; ids are taken and freed.

    One task that ended is remembered, so that a key and an id may be free again while somebody
    asks for them.  Whoever gets somebody else's task waits for it, and is called when it ends.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, retention=jurat.Retention(number=1), drain_deadline=None)

    def client() -> None:
        mine = stage.submit(succeed, idempotency_key="key", fingerprint="same", id="id")
        if mine.handle is not None:
            stage.call_back(mine)
            wait_for(mine)
        stage.submit(fail, idempotency_key="key", fingerprint="another")

    def closer() -> None:
        one = stage.submit(succeed, id="id")
        if one.handle is not None:
            wait_for(one)
        worker_is_open(stage, lambda: worker.set_retention(jurat.Retention(number=0)))
        stage.close(stage.drain())

    worker.start()
    stage.client("client", client)
    stage.client("client", client)
    stage.client("closer", closer)


def resize_race(stage: Stage) -> None:
    """A worker gets a second thread, gives one up and gets another, while tasks run and a stop comes.

    Two of the tasks need each other, so that two must run at once in the end.  A thread may be
    asked to leave while it is parked, choosing, woken, or not yet there; one that is to be the
    last may be the one that was woken for a task.
    """
    worker = stage.build_worker(threads=1, drain_deadline=None)
    door = stage.runtime.gate()
    stage.submit(lambda context: door.wait())
    other = stage.submit(lambda context: door.open())

    def operator() -> None:
        for threads in (2, 1, 2):
            stage.resize(threads)
        stage.look()
        wait_for(other)
        stage.resize(1)

    def stopper() -> None:
        worker.start()
        wait_for(other, stage.submit(succeed), stage.submit(succeed, priority=1))
        stage.close(stage.stop_now())

    stage.client("operator", operator)
    stage.client("stopper", stopper)


def batch_race(stage: Stage) -> None:
    """A batch comes between single submissions, cancellations and a stop, for a queue with little room.

    It is admitted as a whole, with consecutive numbers, or not at all.  One is delayed for so
    short a time that it may be over before the batch is admitted; in the other an id may be
    taken.  Their tasks have deadlines, and one is cancelled.
    """
    worker = stage.build_worker(threads=2, queue_max=4, drain_deadline=None)
    worker.start()

    def batcher() -> None:
        delay = 8e-9  # as many readings of the bench's clock
        batch = stage.submit_all(succeed, 2, delay=delay, deadline=EVER)
        if batch.refusal is None:
            stage.cancel(batch.submissions[0])
            wait_for(*batch.submissions)
        stage.submit_all(succeed, 2, ids=["a", "b"])

    def submitter() -> None:
        stage.submit(succeed, id="a")
        stage.submit(succeed, priority=1)
        stage.look()

    def stopper() -> None:
        wait_for(stage.submit(succeed))
        stage.close(stage.stop_now())

    stage.client("batcher", batcher)
    stage.client("stopper", stopper)
    stage.client("submitter", submitter)


def tokens_race(stage: Stage) -> None:
    """Tasks are cancelled with a token, and with the task that submitted them.

    A running task sleeps in its context, submits a child with a token of its own, and is asked
    to come back before, while or after that; whoever is to be cancelled waits for it without a
    timeout, and is waited for.  A token is cancelled before, while and after tasks are submitted
    with it.  Another is when a stop without any grace has abandoned its task, perhaps before
    the thread that took it has called its function.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, grace=timedelta(0), drain_deadline=None)
    token, another = jurat.Token(), jurat.Token()
    children: list[Submission] = []

    def parent(context: Any) -> str:
        context.sleep(MOMENT)
        child = stage.submit(until_asked, parent=context.token())
        if child.handle is not None:
            children.append(child)
        context.wait()
        return "parent"

    first = stage.submit(parent, parent=token)

    def canceller() -> None:
        stage.runtime.gate().wait_for(1_000_000)
        stage.call("Cancel", token.cancel)
        wait_for(stage.submit(succeed, parent=token))

    def stopper() -> None:
        worker.start()
        wait_for(first)
        wait_for(*children)
        stage.submit(succeeds_slowly(stage), parent=another)
        stage.close(stage.stop_now())
        stage.call("Cancel", another.cancel)

    stage.client("canceller", canceller)
    stage.client("stopper", stopper)


def room_race(stage: Stage) -> None:
    """Clients wait for room in a queue of one, with a bound and as good as without one.

    Room is made by a start, by a cancellation and by a deadline, and a drain turns those away
    who wait.  A task that submits does not wait for room.
    """
    worker = stage.build_worker(threads=1, queue_max=1, queue_wait=EVER, drain_deadline=None)
    first = stage.submit(lambda context: stage.submit(succeed), deadline=WHILE)

    def patient() -> None:
        second = stage.submit(succeed)
        if second.handle is not None:
            wait_for(second)

    def hasty() -> None:
        third = stage.submit(succeed, queue_wait=MOMENT)
        if third.handle is not None:
            stage.cancel(third)

    def closer() -> None:
        worker.start()
        wait_for(first)
        stage.close(stage.drain())

    stage.client("closer", closer)
    stage.client("hasty", hasty)
    stage.client("patient", patient)


def scheduled_drain(stage: Stage) -> None:
    """A drain finds tasks scheduled for later, in their backoff, queued and running, and is tightened.

    What is scheduled is cancelled, however far away its time is; what waits for another attempt
    is finished, until the drain is tightened or has taken too long.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, drain_deadline=8 * MOMENT, grace=MOMENT)
    stage.submit(succeed, delay=EVER)
    soon = stage.submit(succeed, delay=MOMENT, deadline=4 * MOMENT)
    stage.submit(fail, retry=jurat.Retry(max_retries=2, delay=MOMENT, jitter=0))

    def drainer() -> None:
        worker.start()
        stage.submit(fails_until(2), retry=jurat.Retry(max_retries=1, delay=WHILE))
        stage.close(stage.drain())

    def tightener() -> None:
        stage.runtime.gate().wait_for(4_000_000)
        stage.cancel(soon)
        stage.drain(pending="cancel", deadline=None)

    stage.client("drainer", drainer)
    stage.client("tightener", tightener)


FEATURES: tuple[Callable[[Stage], None], ...] = (
    retries_race,
    deadlines_race,
    limited_starts,
    queues_race,
    keys_race,
    resize_race,
    batch_race,
    tokens_race,
    room_race,
    scheduled_drain,
)
