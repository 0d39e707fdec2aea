"""The fan-out in virtual time: bounds are kept to the nanosecond, and nobody polls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jurat_sim.build import load
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.stage import Listener, Stage
from jurat_sim.strategies import RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECOND = 1_000_000_000


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Where working takes no time, and time passes only when nobody can run."""
    runtime = BenchRuntime(RunToBlock(), Pool(), tick_ns=0, time_is_a_choice=False)
    yield Stage(load().package, runtime)
    runtime.close()


def _drained(stage: Stage, listener: Listener, read: Callable[[Listener], None]) -> int:
    """When a drain was done whose three tasks ended at once, and whose subscriber reads as it likes."""
    stage.worker.start()
    for _ in range(3):
        stage.submit(lambda context: None)
    stage.client("closer", lambda: _close(stage))
    stage.client("reader", lambda: read(listener))
    assert stage.runtime.run() is Ending.FINISHED
    return stage.closings[0].at_ns


def _close(stage: Stage) -> None:
    stage.close(stage.worker.drain())


@pytest.mark.parametrize("seconds", [2, 7_000])
def test_an_offer_waits_its_bound_and_not_longer(stage: Stage, seconds: int) -> None:
    """Nobody reads: a drain is done when the bound of the last offer is spent, exactly then."""
    stage.build_worker(threads=1)
    listener = stage.subscribe(size=1, policy="block", timeout=timedelta(seconds=seconds))
    assert _drained(stage, listener, lambda _: None) == seconds * SECOND
    assert (listener.subscription.pending, listener.subscription.dropped) == (1, 2)
    assert stage.runtime.steps < 200, "somebody polls"


def test_a_drain_is_done_at_the_instant_at_which_the_last_offer_is_taken(stage: Stage) -> None:
    """The bound is longer, and nothing is dropped."""
    stage.build_worker(threads=1)
    listener = stage.subscribe(size=1, policy="block", timeout=timedelta(seconds=7))

    def read(listener: Listener) -> None:
        stage.runtime.gate().wait_for(3 * SECOND)
        listener.get()
        stage.runtime.gate().wait_for(2 * SECOND)
        listener.get()

    assert _drained(stage, listener, read) == 5 * SECOND
    assert (listener.got, listener.subscription.pending) == ([1, 2], 1)


def test_the_bound_counts_from_each_offers_own_publication(stage: Stage) -> None:
    """Three offers, two seconds apart, give up two seconds apart: no more than two are in flight."""
    stage.build_worker(threads=1)
    listener = stage.subscribe(size=1, policy="block", timeout=timedelta(seconds=3))
    seen: list[tuple[int, int, int]] = []

    def submit() -> None:
        for _ in range(4):
            stage.submit(lambda context: None)
            stage.runtime.gate().wait_for(2 * SECOND - 1)
            accounts = listener.subscription.accounts()
            seen.append((stage.runtime.now_ns, accounts.pending, accounts.dropped))
            stage.runtime.gate().wait_for(1)
        _close(stage)

    stage.worker.start()
    stage.client("submitter", submit)
    assert stage.runtime.run() is Ending.FINISHED
    # Published at 0, 2, 4 and 6 s: the first has room, the others give up at 5, 7 and 9 s.
    assert [(pending, dropped) for _, pending, dropped in seen] == [(1, 0), (2, 0), (2, 1), (2, 2)]
    assert stage.closings[0].at_ns == 9 * SECOND


def test_a_herald_that_nobody_listens_to_falls_silent(stage: Stage) -> None:
    """When the last subscription is closed, it hears of one more result at most, and then of none."""
    worker = stage.build_worker(threads=1)
    listener = stage.subscribe()
    heard: list[bool] = []

    def client() -> None:
        for _ in range(3):
            stage.submit(lambda context: None).handle.wait()
            stage.runtime.gate().wait_for(SECOND)
            heard.append(worker._core.subscribed)
            listener.close()
        stage.subscribe()
        heard.append(worker._core.subscribed)
        _close(stage)

    worker.start()
    stage.client("client", client)
    assert stage.runtime.run() is Ending.FINISHED
    assert heard == [True, False, False, True]
    assert worker._core.outbox == []
