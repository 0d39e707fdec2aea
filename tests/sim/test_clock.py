"""Time on the bench: timed waits, both outcomes, and the nanosecond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sim.toys import every_run, play

from jurat_sim.runtime import Ending

if TYPE_CHECKING:
    from jurat_sim.primitives import BenchGate
    from jurat_sim.runtime import BenchRuntime


def _racing(runtime: BenchRuntime) -> list[object]:
    """A timed wait, and an open that may come before, during or after it."""
    gate = runtime.gate()
    seen: list[object] = []

    def waits() -> None:
        seen.append(gate.wait_for(10))
        seen.append(gate.token)

    runtime.spawn(waits, "waiter")
    runtime.spawn(gate.open, "opener")
    return seen


def test_a_timed_wait_has_two_outcomes_and_never_loses_a_token() -> None:
    """Woken by the open or by time; in the second case the token stays, or is still to come."""
    runs = list(every_run(_racing))
    assert {played.ending for played in runs} == {Ending.FINISHED}
    assert {tuple(played.result) for played in runs} == {(True, False), (False, True), (False, False)}


def test_a_token_that_comes_after_the_timeout_is_there_for_the_next_wait() -> None:
    """In every interleaving the second wait takes the token that the first did not."""

    def toy(runtime: BenchRuntime) -> list[bool]:
        gate = runtime.gate()
        seen: list[bool] = []

        def waits() -> None:
            if not gate.wait_for(10):
                gate.wait()
            seen.append(gate.token)

        runtime.spawn(waits, "waiter")
        runtime.spawn(gate.open, "opener")
        return seen

    runs = list(every_run(toy))
    assert {(played.ending, tuple(played.result)) for played in runs} == {(Ending.FINISHED, (False,))}


def test_without_the_choice_time_passes_only_when_nobody_can_run() -> None:
    """On a fast machine the open always wins."""
    outcomes = {played.result[0] for played in every_run(_racing, time_is_a_choice=False)}
    assert outcomes == {True}


def test_a_timeout_is_over_when_it_was_told() -> None:
    """The wait after one that timed out takes its token as if nothing had happened before."""

    def toy(runtime: BenchRuntime) -> list[bool]:
        never, soon = runtime.gate(), runtime.gate()
        seen: list[bool] = []

        def waits() -> None:
            seen.append(never.wait_for(5))
            seen.append(soon.wait_for(5))

        def opens() -> None:
            runtime.gate().wait_for(7)
            soon.open()

        runtime.spawn(waits, "a")
        runtime.spawn(opens, "b")
        return seen

    assert play(toy, time_is_a_choice=False).result == [False, True]


def test_a_wait_of_no_time_looks_and_returns() -> None:
    """`wait_for(0)` takes a token that is there, and does not wait for one that is not."""

    def toy(runtime: BenchRuntime) -> list[bool]:
        gate = runtime.gate()
        seen: list[bool] = []

        def body() -> None:
            seen.append(gate.wait_for(0))
            gate.open()
            seen.append(gate.wait_for(0))

        runtime.spawn(body, "a")
        return seen

    assert play(toy).result == [False, True]


def test_a_timer_that_nobody_waits_for_any_more_passes_no_time() -> None:
    """A run that is over is over: a stale timer neither keeps it alive nor moves its clock."""

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()
        runtime.spawn(lambda: gate.wait_for(10**12), "a")
        runtime.spawn(gate.open, "b")

    played = play(toy, time_is_a_choice=False, tick_ns=0)
    assert (played.ending, played.runtime.now_ns) == (Ending.FINISHED, 0)


def test_a_stale_timer_does_not_hide_a_deadlock() -> None:
    """A thread that waits for ever is stuck, though a timer of the past is still in the heap."""

    def toy(runtime: BenchRuntime) -> None:
        gate, other = runtime.gate(), runtime.gate()

        def body() -> None:
            gate.wait_for(10**12)
            other.wait()

        runtime.spawn(body, "a")
        runtime.spawn(gate.open, "b")

    played = play(toy, time_is_a_choice=False)
    assert played.ending is Ending.STUCK
    assert played.runtime.trouble == "a waits at gate scenario.2"


def test_timers_fire_in_order_and_to_the_nanosecond() -> None:
    """With a tick of zero, three sleepers wake at exactly their times."""

    def toy(runtime: BenchRuntime) -> list[tuple[str, int]]:
        woken: list[tuple[str, int]] = []

        def sleeps(gate: BenchGate, name: str, duration_ns: int) -> None:
            gate.wait_for(duration_ns)
            gate.wait_for(duration_ns)
            woken.append((name, runtime.monotonic_ns()))

        for name, duration_ns in (("a", 700_000_003), ("b", 5), ("c", 350_000_001)):
            runtime.spawn(sleeps, name, runtime.gate(), name, duration_ns)
        return woken

    played = play(toy, tick_ns=0, time_is_a_choice=False)
    assert played.result == [("b", 10), ("c", 700_000_002), ("a", 1_400_000_006)]


@pytest.mark.parametrize("tick_ns", [0, 1])
def test_reading_the_clock_costs_a_tick(tick_ns: int) -> None:
    """With a tick of one no two readings agree; with a tick of zero all do."""

    def toy(runtime: BenchRuntime) -> list[int]:
        read: list[int] = []
        runtime.spawn(lambda: read.extend(runtime.monotonic_ns() for _ in range(3)), "a")
        return read

    assert play(toy, tick_ns=tick_ns).result == [tick_ns, 2 * tick_ns, 3 * tick_ns]


def test_a_timer_never_fires_early() -> None:
    """Whatever is read meanwhile, a reading after the wait is at least its beginning plus its length."""

    def toy(runtime: BenchRuntime) -> list[int]:
        gate = runtime.gate()
        lengths: list[int] = []

        def waits() -> None:
            began = runtime.monotonic_ns()
            gate.wait_for(3)
            lengths.append(runtime.monotonic_ns() - began)

        def reads() -> None:
            for _ in range(3):
                runtime.monotonic_ns()
                runtime.pause("reading")

        runtime.spawn(waits, "a")
        runtime.spawn(reads, "b")
        return lengths

    assert min(played.result[0] for played in every_run(toy)) >= 3


def test_a_join_in_time_says_whether_the_thread_has_ended() -> None:
    """It is a wait like any other, with both outcomes; afterwards nobody is left enrolled."""

    def toy(runtime: BenchRuntime) -> list[bool]:
        seen: list[bool] = []

        def works() -> None:
            runtime.pause("work")

        other = runtime.spawn(works, "b")

        def joins() -> None:
            seen.append(other.join(5))
            seen.append(other.join())
            assert other.joiners in ([], [runtime.threads[1]])

        runtime.spawn(joins, "a")
        return seen

    runs = list(every_run(toy))
    assert {tuple(played.result) for played in runs} == {(True, True), (False, True)}
    assert {played.ending for played in runs} == {Ending.FINISHED}


def test_entropy_belongs_to_the_seed() -> None:
    """The same seed draws the same, another seed does not, and bytes come in any size."""

    def toy(runtime: BenchRuntime) -> tuple[bytes, bytes, bytes]:
        return runtime.entropy(8), runtime.entropy(8), runtime.entropy(11)

    first, again, other = (play(toy, seed=seed).result for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert first[0] != first[1]
    assert len(first[2]) == 11


def test_the_wall_clock_is_the_monotonic_one_from_a_fixed_epoch() -> None:
    """No run ever sees what time it really is."""

    def toy(runtime: BenchRuntime) -> tuple[int, int]:
        return runtime.monotonic_ns(), runtime.wall_ns()

    assert play(toy).result == (1, 1_700_000_000_000_000_002)
