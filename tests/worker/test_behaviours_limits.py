"""Behaviours B21 to B24: limiters, to the nanosecond, in virtual time.

See `test_behaviours_lifecycle` for what a behaviour is.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.virtual import S, drain, instants, let_pass, play

if TYPE_CHECKING:
    from jurat_sim.stage import Stage

HOUR = 3_600


def keeps_the_window_law(starts: list[int], number: int, per_ns: int, burst: int) -> bool:
    """In every closed interval no more start than the burst and what accrues in it."""
    return all(
        (last - first + 1 - burst) * per_ns <= number * (starts[last] - starts[first])
        for first, last in combinations(range(len(starts)), 2)
    )


def test_the_window_law_can_be_broken() -> None:
    """One start too many, and one a nanosecond too early, are seen."""
    assert keeps_the_window_law([0, 0, S], 1, S, 2)
    assert not keeps_the_window_law([0, 0, 0], 1, S, 2)
    assert not keeps_the_window_law([0, 0, S - 1], 1, S, 2)


@pytest.mark.evidence("RL-1", "RL-3")
@pytest.mark.parametrize("of", ["worker", "queue"])
@pytest.mark.parametrize(("number", "per", "burst"), [(3, 1.0, 2), (7, 0.000_001, 4), (1, 10.0, 1)])
def test_no_interval_has_more_starts_than_its_share(of: str, number: int, per: float, burst: int) -> None:
    """B21: counted at the entry of user code, also after every thread was blocked for long."""
    entered: list[int] = []

    def describe(stage: Stage) -> None:
        def note(context: Any) -> None:
            entered.append(stage.runtime.now_ns)
            if len(entered) % 10 == 4:
                context.sleep(10 * per)

        jurat = stage.jurat
        limit = jurat.RateLimit(number, per=per, burst=burst)
        queues = [jurat.Queue("default", rate=limit if of == "queue" else None)]
        worker = stage.build_worker(threads=3, queues=queues, rate=limit if of == "worker" else None)
        for ticket in range(30):
            stage.submit(note, priority=ticket % 2)
        worker.start()
        drain(stage)

    stage = play(describe)
    assert entered == instants(stage, "Start")
    assert len(entered) == 30
    assert keeps_the_window_law(entered, number, round(per * S), burst)


@pytest.mark.evidence("RL-1", "RL-3")
@pytest.mark.parametrize(
    ("number", "per_ns", "burst"), [(3, S, 2), (7, 3 * S, 5), (3, 4, 1), (1, 600 * S, 1)]
)
def test_the_next_start_is_at_the_first_permitted_instant(number: int, per_ns: int, burst: int) -> None:
    """B22: with tasks and a free thread, each start is as early as the window law allows, and no later."""

    def describe(stage: Stage) -> None:
        limit = stage.jurat.RateLimit(number, per=per_ns / S, burst=burst)
        worker = stage.build_worker(threads=2, rate=limit)
        for _ in range(20):
            stage.submit(lambda _: None)
        worker.start()
        drain(stage)

    expected = [0]
    while len(expected) < 20:
        owing = [(len(expected) + 1 - earlier - burst, at) for earlier, at in enumerate(expected)]
        expected.append(max([expected[-1], *(at - -many * per_ns // number for many, at in owing)]))
    assert instants(play(describe), "Start") == expected


@pytest.mark.evidence("RL-2", "RL-3")
def test_a_low_rate_never_stalls_and_a_new_one_is_for_the_next_start() -> None:
    """B23: one start in ten seconds, one thread; then one a second: half a start is owed, half a second."""

    def describe(stage: Stage) -> None:
        jurat = stage.jurat
        worker = stage.build_worker(threads=1, rate=jurat.RateLimit(1, per=10, burst=1))
        for _ in range(8):
            stage.submit(lambda _: None)
        worker.start()

        def operator() -> None:
            let_pass(stage, 25 * S)
            worker.set_rate(jurat.RateLimit(1, per=1, burst=1))
            let_pass(stage, 2 * S)
            worker.set_rate(jurat.RateLimit(1, per=HOUR, burst=1))
            let_pass(stage, S)
            worker.set_rate(None)
            stage.close(worker.drain(deadline=None))

        stage.client("operator", operator)

    starts = instants(play(describe), "Start")
    assert starts == [0, 10 * S, 20 * S, 25 * S + S // 2, 26 * S + S // 2, 28 * S, 28 * S, 28 * S]


@pytest.mark.evidence("RL-1", "NH-2")
@pytest.mark.parametrize("why", ["rate", "cap", "paused", "key"])
def test_a_queue_that_may_not_start_delays_no_other(why: str) -> None:
    """B24: limited, at its cap, paused, or full of one key: the other queue starts all it has at once."""

    def describe(stage: Stage) -> None:
        jurat = stage.jurat
        limit = jurat.RateLimit(1, per=HOUR, burst=1) if why == "rate" else None
        slow = jurat.Queue("slow", weight=1_000, rate=limit, cap=1 if why == "cap" else None)
        worker = stage.build_worker(threads=4, queues=[slow, jurat.Queue("fast")])
        if why == "paused":
            worker.pause("slow")
        key = {"concurrency_key": "k"} if why == "key" else {}
        for _ in range(3):
            stage.submit(lambda context: context.sleep(HOUR), queue="slow", priority=-9, **key)
        for _ in range(20):
            stage.submit(lambda _: None, queue="fast")
        worker.start()

        def closer() -> None:
            let_pass(stage, S)
            stage.close(worker.drain(deadline=None))

        stage.client("closer", closer)

    stage = play(describe)
    fast = [task.handle.number for task in stage.submissions if task.handle.queue == "fast"]
    assert [at for number in fast for at in instants(stage, "Start", number)] == [0] * 20
    begun = sum(instants(stage, "Start", number)[0] == 0 for number in (1, 2, 3))
    assert begun == (0 if why == "paused" else 1)
