"""Scenarios on time: when things happen is a closed form, in every interleaving.

Elsewhere a timer may fire as soon as it is set, so an instant says nothing.  Here time passes only
when nobody can run, and to read the clock takes none (`Scenario.punctual`).  So the order in which
threads run may be any, and when a task starts is a number all the same; a client that has seen the
end compares it with `==`.  What this finds is what the rule cannot say: a worker that is as correct
as it was, and slower; and a wake-up that was lost where a timeout hides it.

`timing` has more of these forms, each for one interleaving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .parts import EVER, fail, succeed, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage, Submission

S = 1_000_000_000
PER_NS = 10_000_007
"""Three starts in so many nanoseconds, which no three divide."""
BACKOFF_NS = 3_000_001


class NotOnTime(AssertionError):
    """Something happened at another instant than its closed form says."""


def limited_on_time(stage: Stage) -> None:
    """Under a limiter of three in a while and two at once, the k-th start is at ceil((k - 2) * while / 3).

    Six tasks are submitted at once, of which two are cancelled while they wait for their permits:
    these take none, and nobody's start is later for it.  Two threads, of which either may be the
    one that is woken for a permit.
    """
    rate = stage.jurat.RateLimit(3, PER_NS / S, burst=2)
    worker = stage.build_worker(threads=2, rate=rate, drain_deadline=None)
    worker.start()

    def submitter() -> None:
        tasks = [stage.submit(succeed) for _ in range(6)]
        for waiting in tasks[2:4]:
            waiting.handle.cancel()
        wait_for(*tasks)
        stage.close(worker.drain())
        _on_time(stage, "Start", [max(0, -(-(k - 2) * PER_NS // 3)) for k in range(1, 5)])

    stage.client("submitter", submitter)


def queues_on_time(stage: Stage) -> None:
    """A queue that waits for its permit keeps no other queue waiting.

    One thread and two queues, one with a limiter of one start in a while; the others start at once.
    """
    jurat = stage.jurat
    slow = jurat.Queue("slow", rate=jurat.RateLimit(1, PER_NS / S))
    worker = stage.build_worker(threads=1, queues=[slow], drain_deadline=None)
    worker.start()

    def submitter() -> None:
        queues = ("slow", "slow", "default", "default")
        wait_for(*[stage.submit(succeed, queue=queue) for queue in queues])
        stage.close(worker.drain())
        _on_time(stage, "Start", [0, 0, 0, PER_NS])

    stage.client("submitter", submitter)


def backoff_on_time(stage: Stage) -> None:
    """A task in its backoff holds no thread: one thread, two tasks, each tried again after one backoff."""
    retry = stage.jurat.Retry(max_retries=1, delay=BACKOFF_NS / S, jitter=0)
    worker = stage.build_worker(threads=1, retry=retry, drain_deadline=None)
    worker.start()

    def submitter() -> None:
        wait_for(stage.submit(fail), stage.submit(fail))
        stage.close(worker.drain())
        _on_time(stage, "Start", [0, 0, BACKOFF_NS, BACKOFF_NS])

    stage.client("submitter", submitter)


def room_on_time(stage: Stage) -> None:
    """Whoever waits for room gets it when there is some, and not when the time is over.

    Three clients submit to a queue of one, and would wait for an hour.  Room is made by a start, by
    a cancellation, and by a deadline at which a task is found overdue; nothing else takes any time.
    """
    worker = stage.build_worker(threads=1, queue_max=1, queue_wait=EVER, drain_deadline=None)
    door = stage.runtime.gate()
    busy = stage.submit(lambda context: door.wait())
    worker.start()

    def patient() -> None:
        task = stage.submit(succeed, deadline=BACKOFF_NS / S)
        _must_be_there(stage, task)
        wait_for(task)

    def fickle() -> None:
        task = stage.submit(succeed)
        _must_be_there(stage, task)
        task.handle.cancel()
        wait_for(task)

    def closer() -> None:
        stage.runtime.gate().wait_for(3 * BACKOFF_NS)
        door.open()
        wait_for(busy, stage.submit(succeed))
        stage.close(worker.drain())
        _in_time(stage, 3 * BACKOFF_NS)

    stage.client("closer", closer)
    stage.client("fickle", fickle)
    stage.client("patient", patient)


def deadlines_on_time(stage: Stage) -> None:
    """At the very instant of its deadline a task does not start, and is not cancelled: it is overdue.

    The only thread comes back at that instant, somebody cancels at that instant, and the steward
    wakes for it: whoever comes first says the same.  So once with tasks in the lane, once with
    tasks that have a priority, and once with a drain at that instant that cancels what waits.
    """
    worker = stage.build_worker(threads=1, drain_deadline=None)
    worker.start()

    def round_of(priority: int) -> tuple[Submission, Submission]:
        stage.submit(_sleep(BACKOFF_NS))
        tasks = [stage.submit(succeed, deadline=BACKOFF_NS / S, priority=priority) for _ in range(2)]
        stage.runtime.gate().wait_for(BACKOFF_NS)
        return tasks[0], tasks[1]

    def submitter() -> None:
        for priority in (0, 1):
            one, other = round_of(priority)
            other.handle.cancel()
            wait_for(one, other)
        round_of(0)
        stage.close(worker.drain(pending="cancel"))
        _on_time(stage, "Expire", [BACKOFF_NS * (1 + number // 2) for number in range(6)])

    stage.client("submitter", submitter)


def batch_on_time(stage: Stage) -> None:
    """The tasks of a batch have their delays and deadlines as any others: the steward is told of each."""
    worker = stage.build_worker(threads=1, drain_deadline=None)
    worker.start()

    def submitter() -> None:
        busy = stage.submit(_sleep(2 * BACKOFF_NS))
        later = stage.submit_all(succeed, 2, delay=BACKOFF_NS / S)
        never = stage.submit_all(succeed, 2, deadline=BACKOFF_NS / S)
        wait_for(busy, *later.submissions, *never.submissions)
        stage.close(worker.drain())
        _on_time(stage, "BecomeDue", [BACKOFF_NS] * 2)
        _on_time(stage, "Expire", [BACKOFF_NS] * 2)

    stage.client("submitter", submitter)


def forgotten_on_time(stage: Stage) -> None:
    """Whichever way it ended, a task is forgotten by age when it is as old as that, and not later."""
    age_ns = PER_NS
    retention = stage.jurat.Retention(age=age_ns / S)
    worker = stage.build_worker(threads=1, retention=retention, drain_deadline=None)
    worker.start()

    def submitter() -> None:
        stage.submit(succeed)
        stage.submit(_sleep(BACKOFF_NS))
        stage.submit(fail)
        stage.submit(succeed).handle.cancel()
        stage.submit(succeed, deadline=BACKOFF_NS / S - 1e-9)
        stage.runtime.gate().wait_for(5 * age_ns)
        stage.close(worker.drain())
        _on_time(stage, "Evict", [at + age_ns for at in (0, 0, BACKOFF_NS - 1, BACKOFF_NS, BACKOFF_NS)])

    stage.client("submitter", submitter)


def offers_on_time(stage: Stage) -> None:
    """An offer waits for its bound and no longer, and the last one that lands ends the stop at once.

    A subscription that blocks has room for one.  Of three results two are in flight, and are given up
    when their bound is over.  A fourth is in flight when the worker is stopped, and lands when its
    reader comes.  Beside it, who drops the newest has the first, and who drops the oldest the third.
    """
    worker = stage.build_worker(threads=1)
    newest = stage.subscribe(size=1, policy="drop_newest")
    oldest = stage.subscribe(size=1, policy="drop_oldest")
    listener = stage.subscribe(size=1, policy="block", timeout=BACKOFF_NS / S)
    worker.start()

    def submitter() -> None:
        wait_for(*[stage.submit(succeed) for _ in range(3)])
        stage.runtime.gate().wait_for(2 * BACKOFF_NS)
        accounts = listener.subscription.accounts()
        if (accounts.pending, accounts.dropped) != (1, 2):
            raise NotOnTime(
                f"at {stage.runtime.now_ns} one is pending and two are dropped, and not {accounts}"
            )
        newest.get()
        oldest.get()
        if (newest.got, oldest.got) != ([1], [3]):
            raise NotOnTime(f"the first and the third are kept, and not {newest.got} and {oldest.got}")
        wait_for(stage.submit(succeed))
        shutdown = worker.stop_now()
        stage.runtime.gate().wait_for(1)
        for each in (listener, newest, oldest):
            each.rest()
        stage.close(shutdown)
        _in_time(stage, 2 * BACKOFF_NS + 1)

    stage.client("submitter", submitter)


def shutdown_on_time(stage: Stage) -> None:
    """A drain that is tightened turns into a stop at the sooner deadline, and is over when the grace is.

    One task ignores its context, though it is cancelled as well; one sleeps in it and wakes when the
    drain turns into a stop.
    """
    drain_ns, grace_ns = PER_NS, BACKOFF_NS + 1
    worker = stage.build_worker(threads=2, drain_deadline=2 * drain_ns / S, grace=grace_ns / S)
    door = stage.runtime.gate()
    stuck = stage.submit(lambda context: door.wait())
    stage.submit(lambda context: context.sleep(EVER))
    worker.start()

    def closer() -> None:
        stage.runtime.gate().wait_for(BACKOFF_NS)
        stuck.handle.cancel()
        stage.close(worker.drain())
        _in_time(stage, BACKOFF_NS + drain_ns + grace_ns)
        _on_time(stage, "DrainDeadline", [BACKOFF_NS + drain_ns])
        _on_time(stage, "Complete", [BACKOFF_NS + drain_ns])
        door.open()

    def tightener() -> None:
        stage.runtime.gate().wait_for(BACKOFF_NS)
        for deadline_ns in (drain_ns, drain_ns - 1):  # of which the second changes nothing
            worker.drain(pending="cancel", deadline=deadline_ns / S)

    stage.client("closer", closer)
    stage.client("tightener", tightener)


def _sleep(duration_ns: int) -> Callable[[Any], object]:
    return lambda context: context.sleep(duration_ns / S)


PUNCTUAL: tuple[Callable[[Stage], None], ...] = (
    limited_on_time,
    queues_on_time,
    backoff_on_time,
    room_on_time,
    deadlines_on_time,
    batch_on_time,
    forgotten_on_time,
    offers_on_time,
    shutdown_on_time,
)


def _on_time(stage: Stage, action: str, expected_ns: list[int]) -> None:
    """When these events were recorded."""
    at_ns = [event[0] for event in stage.log if event[1] == action]
    if at_ns != expected_ns:
        raise NotOnTime(f"{action} was at {at_ns}, and not at {expected_ns}")


def _in_time(stage: Stage, expected_ns: int) -> None:
    """What time it is."""
    if stage.runtime.now_ns != expected_ns:
        raise NotOnTime(f"all was over at {stage.runtime.now_ns}, and not at {expected_ns}")


def _must_be_there(stage: Stage, task: Submission) -> None:
    """It was not refused."""
    if task.handle is None:
        raise NotOnTime(f"submission {task.ticket} found no room until {stage.runtime.now_ns}")
