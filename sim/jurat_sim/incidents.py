"""Scenarios of a bad day: what a program does to its worker when several things happen at once.

A deploy finds tasks between their attempts, a client repeats its request while the worker
goes down, an operator pauses and shrinks what is overloaded, a dashboard comes and goes.
Each scenario brings a few kinds of action together; between them every two of the kinds
that `coverage` counts meet, in either order and at once.

Few tasks and short programs: a run is some eighty steps.  Unless its text says otherwise, a
drain has no deadline and no wait has a timeout, so that a wake-up that is lost is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .parts import (
    EVER,
    MOMENT,
    SAME,
    WHILE,
    fail,
    fails_slowly,
    idle,
    looks_at_its_limit,
    succeed,
    until_asked,
    worker_is_open,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage


def maintenance_window(stage: Stage) -> None:
    """An operator pauses, resizes and resumes, while a request is repeated and a dashboard looks in.

    The request may find its first task waiting behind the pause, running, ended, or forgotten:
    one that ended is kept.  The dashboard subscribes and leaves, perhaps in the middle of the
    publication.  A second thread may come after the pause, or after the drain.
    """
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(number=1), drain_deadline=None)
    stage.submit(succeed)
    stage.submit(succeed, **SAME)
    worker.start()

    def operator() -> None:
        idle(stage, MOMENT)
        stage.pause()
        stage.resize(2)
        worker_is_open(stage, worker.resume)

    def client() -> None:
        idle(stage, MOMENT)
        stage.submit(succeed, **SAME)
        stage.close(stage.drain())

    def dashboard() -> None:
        idle(stage, MOMENT)
        stage.subscribe(size=1).close()

    stage.client("client", client)
    stage.client("dashboard", dashboard)
    stage.client("operator", operator)


def slow_request_repeated(stage: Stage) -> None:
    """A request that fails and is tried again is repeated, beside one too slow and one too late.

    A repetition may find the first task waiting, running, between its attempts or failed, and
    after that forgotten, since one that ended is kept.  The thread that chooses may find the
    late one overdue before the steward does.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, retention=jurat.Retention(number=1), drain_deadline=None)
    again = jurat.Retry(max_retries=1, delay=MOMENT, jitter=0)
    stage.submit(looks_at_its_limit, timeout=MOMENT)
    stage.submit(fail, retry=again, **SAME)
    stage.submit(succeed, priority=1, deadline=WHILE)
    worker.start()

    def client() -> None:
        idle(stage, MOMENT)
        stage.submit(fail, **SAME)

    def closer() -> None:
        idle(stage, WHILE)
        stage.submit(fail, **SAME)
        stage.close(stage.drain())

    stage.client("client", client)
    stage.client("closer", closer)


def duplicates_at_shutdown(stage: Stage) -> None:
    """A request is repeated and cancelled while one client drains the worker and another stops it.

    Whoever repeats it may get the task of the other, a task of their own, or a refusal.  A
    task that ended is answered with as long as it is remembered, whatever the worker's phase.
    """
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(number=1), drain_deadline=None)
    worker.start()

    def first() -> None:
        stage.cancel(stage.submit(succeed, **SAME))
        idle(stage, MOMENT)
        stage.submit(succeed, **SAME)

    def second() -> None:
        mine = stage.submit(succeed, **SAME)
        stage.close(stage.drain())
        stage.cancel(mine)

    def third() -> None:
        stage.submit(succeed)
        idle(stage, MOMENT)
        stage.stop_now()

    stage.client("first", first)
    stage.client("second", second)
    stage.client("third", third)


def late_subscriber(stage: Stage) -> None:
    """Subscribers come and leave while tasks take too long, come too late, and the worker goes down.

    One may leave in the middle of a publication; another may come when the worker has stopped, and
    then hears that nothing follows.  The worker is drained, and the drain is cut short by a stop.
    """
    worker = stage.build_worker(threads=1, drain_deadline=None, grace=EVER)
    stage.submit(looks_at_its_limit, timeout=MOMENT)
    stage.submit(succeed, priority=1, deadline=MOMENT)
    worker.start()

    def early() -> None:
        stage.subscribe(size=1).close()

    def late() -> None:
        idle(stage, MOMENT)
        stage.drain()
        stage.subscribe(size=1, policy="drop_newest").close()

    def stopper() -> None:
        idle(stage, MOMENT)
        stage.close(stage.stop_now())

    stage.client("early", early)
    stage.client("late", late)
    stage.client("stopper", stopper)


def watched_retries(stage: Stage) -> None:
    """A subscriber watches a task that fails, is tried again, and is cancelled between its attempts.

    It may come before the first attempt, between the two, or when all is over; and leave when it
    likes.  What was submitted meanwhile fails as well, and is not tried again.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=1, drain_deadline=None)
    flaky = stage.submit(fail, retry=jurat.Retry(max_retries=1, delay=MOMENT, jitter=0))
    worker.start()

    def watcher() -> None:
        idle(stage, MOMENT)
        stage.subscribe().close()

    def client() -> None:
        idle(stage, MOMENT)
        stage.submit(fail)
        stage.cancel(flaky)
        stage.close(stage.drain())

    stage.client("client", client)
    stage.client("watcher", watcher)


def overload(stage: Stage) -> None:
    """Too much work: attempts take too long, deadlines pass in the queue, and people act.

    An operator takes a thread away and pauses the worker; a client cancels what it asked for,
    perhaps when its deadline has passed already, and asks for something else.
    """
    worker = stage.build_worker(threads=2, drain_deadline=None)
    stage.submit(looks_at_its_limit, timeout=MOMENT)
    hopeless = stage.submit(succeed, priority=1, deadline=MOMENT)
    worker.start()

    def operator() -> None:
        idle(stage, MOMENT)
        stage.resize(1)
        stage.pause()
        worker_is_open(stage, worker.resume)

    def client() -> None:
        stage.submit(looks_at_its_limit, timeout=MOMENT)
        idle(stage, MOMENT)
        stage.submit(succeed)
        stage.cancel(hopeless)
        stage.close(stage.drain())

    stage.client("client", client)
    stage.client("operator", operator)


def deploy_while_retrying(stage: Stage) -> None:
    """A deploy drains a worker whose task is between two attempts; others still resize and pause it.

    The drain waits for the attempt that is to come, and resumes what was paused.  Somebody
    loses patience and stops the worker: then the attempt is not made.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=1, drain_deadline=None)
    stage.submit(fails_slowly(stage), retry=jurat.Retry(max_retries=1, delay=MOMENT, jitter=0))
    worker.start()

    def deploy() -> None:
        idle(stage, MOMENT)
        stage.close(stage.drain())

    def scaler() -> None:
        stage.submit(fail)
        idle(stage, MOMENT)
        stage.resize(2)
        stage.pause()

    def impatient() -> None:
        idle(stage, 2 * MOMENT)
        stage.stop_now()

    stage.client("deploy", deploy)
    stage.client("impatient", impatient)
    stage.client("scaler", scaler)


def cancel_storm(stage: Stage) -> None:
    """Everybody cancels everything, while deadlines pass and what ended is forgotten.

    A task that waits may be cancelled by either client, expire under its hands, or be found
    overdue by the steward; one that runs is asked to come back, and once is enough.
    """
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(number=0), drain_deadline=None)
    tasks = [
        stage.submit(until_asked),
        stage.submit(succeed, deadline=MOMENT),
        stage.submit(succeed, delay=MOMENT / 2, deadline=MOMENT),
    ]
    worker.start()

    def client() -> None:
        for task in tasks:
            stage.cancel(task)

    def closer() -> None:
        idle(stage, MOMENT)
        for task in reversed(tasks):
            stage.cancel(task)
        stage.close(stage.drain())

    stage.client("client", client)
    stage.client("closer", closer)


def two_operators(stage: Stage) -> None:
    """Two operators pause, resume and resize a worker that is waiting for a permit.

    Each undoes what the other does.  Whatever the last word was, the drain resumes everything, and
    the permits come at their times, neither sooner nor later.
    """
    jurat = stage.jurat
    worker = stage.build_worker(threads=1, rate=jurat.RateLimit(1, MOMENT), drain_deadline=None)
    stage.submit(succeed)
    stage.submit(succeed)
    worker.start()

    def operator() -> None:
        stage.pause()
        stage.resize(2)

    def closer() -> None:
        stage.pause()
        worker_is_open(stage, worker.resume)
        stage.resize(1)
        stage.close(stage.drain())

    stage.client("closer", closer)
    stage.client("operator", operator)


def expiry_at_the_door(stage: Stage) -> None:
    """A client waits for room that may come from a start, a cancellation or a deadline that passes.

    The task that has the room is overdue in a moment.  Who finds it first, the thread that is
    about to start it, the steward, or whoever cancels it, makes the room; and what comes in
    has a deadline too, which may pass at the door.
    """
    worker = stage.build_worker(threads=1, queue_max=1, queue_wait=EVER, drain_deadline=None)
    first = stage.submit(succeed, deadline=MOMENT)

    def patient() -> None:
        stage.submit(succeed, deadline=WHILE)

    def closer() -> None:
        worker.start()
        stage.cancel(first)
        stage.close(stage.drain())

    stage.client("closer", closer)
    stage.client("patient", patient)


def stops_from_everywhere(stage: Stage) -> None:
    """Two clients and a task stop the worker; requests are repeated, a resize and a pause come too late.

    The task that stops its own worker is asked to come back by its own stop.  Another takes too
    long, and when it comes back its time is over and so is the worker's.
    """
    worker = stage.build_worker(threads=2, grace=WHILE, drain_deadline=None)
    stage.submit(lambda context: stage.stop_now() and None)
    stage.submit(looks_at_its_limit, timeout=MOMENT, **SAME)
    worker.start()

    def operator() -> None:
        idle(stage, MOMENT)
        stage.resize(1)
        stage.stop_now()
        stage.pause()

    def client() -> None:
        idle(stage, MOMENT)
        stage.submit(looks_at_its_limit, **SAME)
        stage.close(stage.stop_now())

    stage.client("client", client)
    stage.client("operator", operator)


INCIDENTS: tuple[Callable[[Stage], None], ...] = (
    maintenance_window,
    slow_request_repeated,
    duplicates_at_shutdown,
    late_subscriber,
    watched_retries,
    overload,
    deploy_while_retrying,
    cancel_storm,
    two_operators,
    expiry_at_the_door,
    stops_from_everywhere,
)
