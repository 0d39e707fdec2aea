"""Whoever chooses looks without the lock: at every access of a section that changes what is looked at.

A thread of the worker is held where it remembers `admitted` and `changes`; a client goes on to one
access of its section and is held there in turn; then the thread looks, and goes on whenever it can.
Whatever the access, the thread must find out that it has to look again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jurat_sim.bench import Bench
from jurat_sim.parts import MOMENT, succeed, wait_for, worker_is_open
from jurat_sim.primitives import Operation
from jurat_sim.scenarios import Scenario
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jurat_sim.primitives import BenchThread
    from jurat_sim.stage import Stage


class _Meeting:
    """All but the client, until the worker's thread remembers; the client, to an access; the thread."""

    name = "meeting"

    def __init__(self, places: list[str], access: int) -> None:
        self._places = places
        self._access = access
        """Where the client is held: the place among its accesses to shared state in `_steps`."""

    def begin(self, run: int) -> None:
        """Start again."""
        self._remembers = False
        self.held: str | None = None
        """The place at which the client is held."""
        self._count = 0

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
        """The thread, the steward or the client, as described."""
        by_name = {thread.name: option for option, thread in enumerate(ready)}
        worker, client = by_name.get("worker-0"), by_name.get("client")
        if worker is not None and self._at(ready[worker]).endswith("reads core.admitted"):
            self._remembers = True
        if not self._remembers:
            return next((option for name, option in by_name.items() if name != "client"), default)
        if self.held is None and client is not None:
            place = self._at(ready[client])
            if place.startswith("_steps.py"):
                self._count += 1
            if self._count < self._access:
                return client
            self.held = place
        return default if worker is None else worker

    def _at(self, thread: BenchThread) -> str:
        it: Any = thread.object
        return self._places[it] if thread.operation is Operation.ACCESS else ""


def _pause(stage: Stage) -> None:
    stage.submit(succeed)
    stage.worker.start()

    def client() -> None:
        stage.pause()
        stage.close_at_end(stage.drain())

    stage.client("client", client)


def _resume(stage: Stage) -> None:
    task = stage.submit(succeed)
    stage.pause()
    stage.worker.start()

    def client() -> None:
        worker_is_open(stage, stage.worker.resume)
        wait_for(task)
        stage.close_at_end(stage.drain())

    stage.client("client", client)


def _drain(stage: Stage) -> None:
    stage.submit(succeed)
    stage.pause()
    stage.worker.start()
    stage.client("client", lambda: stage.close_at_end(stage.drain()))


def _submit(stage: Stage) -> None:
    stage.worker.start()

    def client() -> None:
        wait_for(stage.submit(succeed, priority=1))
        stage.close_at_end(stage.drain())

    stage.client("client", client)


def _submit_all(stage: Stage) -> None:
    stage.worker.start()

    def client() -> None:
        wait_for(*stage.submit_all(succeed, 2, priority=1).submissions)
        stage.close_at_end(stage.drain())

    stage.client("client", client)


@pytest.mark.parametrize("describe", [_pause, _resume, _drain, _submit, _submit_all])
def test_a_change_is_seen_however_far_it_has_come(describe: Callable[[Stage], None]) -> None:
    """No task is started by a paused worker, and none is left by a thread that parks."""

    def on_a_limited_worker(stage: Stage) -> None:
        limit = stage.jurat.RateLimit(9, MOMENT, burst=9)  # so that starts are chosen
        stage.build_worker(threads=1, rate=limit, drain_deadline=None)
        describe(stage)

    scenario = Scenario(name=describe.__name__, text="", describe=on_a_limited_worker)
    held: list[str] = []
    with Bench(scenario, grain=Grain.ACCESS) as bench:
        assert bench.build.points is not None
        places = bench.build.points.places
        while True:
            meeting = _Meeting(places, len(held) + 1)
            run = bench.run(meeting)
            assert run.findings == [], f"the client was held at {meeting.held}"
            if meeting.held is None:
                break
            held.append(meeting.held)
    assert any("core.changes" in place or "core.admitted" in place for place in held)
    assert len(held) > 20
