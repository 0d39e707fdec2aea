"""A monitor is told of every effect that one thread may have on another, when it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jurat_sim.monitor import Effect
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.strategies import RunToBlock

if TYPE_CHECKING:
    from jurat_sim.primitives import BenchThread


class _Record:
    def __init__(self) -> None:
        self.effects: list[tuple[str | None, Effect]] = []

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:
        assert what is not None
        self.effects.append((None if thread is None else thread.name, effect))

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:
        raise AssertionError("no access is told of at the grain of the seam")


def test_each_effect_is_told_in_its_order() -> None:
    """A lock, a gate opened in time and one that is not, both outcomes of a join, and the clock."""
    runtime = BenchRuntime(RunToBlock(), Pool(), time_is_a_choice=False)
    record = _Record()
    runtime.monitor = record
    lock, gate, shut = runtime.lock(), runtime.gate(), runtime.gate()

    def other() -> None:
        gate.open()
        shut.wait_for(10)

    def body() -> None:
        thread = runtime.spawn(other, "other")
        with lock:
            runtime.monotonic_ns()
        gate.wait_for(5)
        thread.join(1)
        thread.join()

    runtime.spawn(body, "body")
    assert runtime.run() is Ending.FINISHED
    runtime.close()
    assert record.effects == [
        ("scenario", Effect.SPAWNED),
        ("body", Effect.SPAWNED),
        ("body", Effect.ACQUIRED),
        ("body", Effect.READ_CLOCK),
        ("body", Effect.RELEASED),
        ("body", Effect.SET_TIMER),
        ("other", Effect.OPENED),
        ("other", Effect.STOPPED_TIMER),
        ("other", Effect.SET_TIMER),
        ("body", Effect.PASSED),
        ("body", Effect.SET_TIMER),
        (None, Effect.TIME_PASSED),
        ("body", Effect.LEFT),
        (None, Effect.TIME_PASSED),
        ("other", Effect.GAVE_UP),
        ("other", Effect.ENDED),
        ("body", Effect.JOINED),
        ("body", Effect.ENDED),
    ]
