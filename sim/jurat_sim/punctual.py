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

from .features import EVER, fail, succeed, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage

S = 1_000_000_000
PER_NS = 10_000_007
"""Three starts in so many nanoseconds, which no three divide."""
BACKOFF_NS = 3_000_001


class NotOnTime(AssertionError):
    """Something happened at another instant than its closed form says."""

    def __init__(self, what: str, at_ns: list[int], expected_ns: list[int]) -> None:
        super().__init__(f"{what} at {at_ns}, and not at {expected_ns}")


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
        wait_for(task)

    def fickle() -> None:
        task = stage.submit(succeed)
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


PUNCTUAL: tuple[Callable[[Stage], None], ...] = (
    limited_on_time,
    queues_on_time,
    backoff_on_time,
    room_on_time,
)


def _on_time(stage: Stage, action: str, expected_ns: list[int]) -> None:
    at_ns = [event[0] for event in stage.log if event[1] == action]
    if at_ns != expected_ns:
        raise NotOnTime(f"{action} was", at_ns, expected_ns)


def _in_time(stage: Stage, expected_ns: int) -> None:
    now: Any = stage.runtime.now_ns
    if now != expected_ns:
        raise NotOnTime("all was over", [now], [expected_ns])
