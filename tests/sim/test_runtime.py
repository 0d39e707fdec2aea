"""The controlled runtime: what it runs, what it finds, and that it reaches every interleaving."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from math import factorial
from typing import TYPE_CHECKING

import pytest
from tests.sim.toys import every_run, play

from jurat_sim.carriers import STOCK
from jurat_sim.errors import TooManyThreads
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending, Misuse
from jurat_sim.strategies import RandomWalk, RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jurat._runtime import Runtime
    from jurat_sim.primitives import BenchLock, BenchThread


def test_the_bench_is_a_runtime_as_the_worker_wants_one() -> None:
    """The controlled runtime satisfies the worker's seam (mypy reads this line)."""
    runtime: Runtime = BenchRuntime(RunToBlock(), Pool())
    assert runtime.monotonic_ns() == 1


# Interleavings --------------------------------------------------------------------------------


def _pausing(threads: int, pauses: int) -> Callable[[BenchRuntime], list[str]]:
    def toy(runtime: BenchRuntime) -> list[str]:
        trace: list[str] = []

        def body(name: str) -> None:
            for _ in range(pauses):
                trace.append(name)
                runtime.pause("a toy")
            trace.append(name)

        for name in "abc"[:threads]:
            runtime.spawn(body, name, name)
        return trace

    return toy


@pytest.mark.parametrize(("threads", "pauses"), [(2, 1), (2, 4), (3, 1), (3, 2)])
def test_every_interleaving_is_reached_once(threads: int, pauses: int) -> None:
    """Enumerating all choices gives each merge of the threads' steps, and gives it once."""
    traces = Counter("".join(played.result) for played in every_run(_pausing(threads, pauses)))
    steps = pauses + 1
    assert len(traces) == factorial(threads * steps) // factorial(steps) ** threads
    assert set(traces.values()) == {1}


def _counting(*, locked: bool) -> Callable[[BenchRuntime], list[int]]:
    def toy(runtime: BenchRuntime) -> list[int]:
        box = [0]
        lock = runtime.lock()

        def add() -> None:
            if locked:
                with lock:
                    value = box[0]
                    runtime.pause("between load and store")
                    box[0] = value + 1
            else:
                value = box[0]
                runtime.pause("between load and store")
                box[0] = value + 1

        for name in "abc":
            runtime.spawn(add, name)
        return box

    return toy


def test_without_a_lock_updates_are_lost() -> None:
    """Three increments without a lock may end at one, two or three."""
    assert {played.result[0] for played in every_run(_counting(locked=False))} == {1, 2, 3}


def test_with_a_lock_no_update_is_lost() -> None:
    """Three increments under a lock end at three, in every interleaving."""
    assert {played.result[0] for played in every_run(_counting(locked=True))} == {3}


def test_left_alone_threads_run_to_block_and_then_by_name() -> None:
    """The default lets a thread go on until it ends, and then the next by name."""
    played = play(_pausing(3, 2))
    assert "".join(played.result) == "aaabbbccc"
    assert played.runtime.deviations == []


def test_a_choice_exists_only_where_there_is_more_than_one_option() -> None:
    """A single thread makes steps and no choices."""
    played = play(_pausing(1, 4))
    assert (played.runtime.steps, played.runtime.choices) == (6, 0)


def test_options_are_sorted_by_name_whatever_the_order_of_spawning() -> None:
    """A strategy sees the same options when threads were spawned in another order."""
    seen: list[list[str]] = []

    class Looking(RunToBlock):
        def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
            seen.append([thread.name for thread in ready])
            return default

    def toy(runtime: BenchRuntime) -> None:
        for name in ("c", "a", "b"):
            runtime.spawn(lambda: None, name)

    play(toy, Looking())
    assert seen == [["a", "b", "c"], ["b", "c"]]


def test_threads_of_one_name_are_told_apart() -> None:
    """A second thread of a name gets a name of its own."""

    def toy(runtime: BenchRuntime) -> list[str]:
        return [runtime.spawn(lambda: None, "worker-0").name for _ in range(3)]

    assert play(toy).result == ["worker-0", "worker-0#2", "worker-0#3"]


# What is found --------------------------------------------------------------------------------


def _crossed(runtime: BenchRuntime) -> None:
    first, second = runtime.lock(), runtime.lock()

    def take(one: BenchLock, other: BenchLock) -> None:
        with one, other:
            pass

    runtime.spawn(take, "p", first, second)
    runtime.spawn(take, "q", second, first)


def test_a_deadlock_is_found_and_names_who_waits_for_what() -> None:
    """Two locks taken in two orders: some interleavings are stuck, and say why."""
    stuck = [played for played in every_run(_crossed) if played.ending is Ending.STUCK]
    assert {played.runtime.trouble for played in stuck} == {
        "p waits for lock scenario.2, which q owns; q waits for lock scenario.1, which p owns"
    }


def test_a_lock_taken_twice_by_its_owner_is_misuse() -> None:
    """A thread that would wait for itself is named where it does so."""

    def toy(runtime: BenchRuntime) -> None:
        lock = runtime.lock()

        def body() -> None:
            with lock, lock:
                pass

        runtime.spawn(body, "a")

    played = play(toy)
    assert played.ending is Ending.MISUSE
    assert (
        played.runtime.trouble == "a takes lock scenario.1, which it owns already: it would wait for itself"
    )


def test_giving_back_a_lock_of_somebody_else_is_misuse() -> None:
    """Only the owner gives a lock back."""

    def toy(runtime: BenchRuntime) -> None:
        lock = runtime.lock()
        runtime.spawn(lambda: lock.__exit__(None, None, None), "a")

    played = play(toy)
    assert played.ending is Ending.MISUSE
    assert played.runtime.trouble == "a gives back lock scenario.1, which belongs to nobody"


def test_a_gate_opened_twice_is_misuse() -> None:
    """A second open before the token is taken would be lost, and is refused."""

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()

        def body() -> None:
            gate.open()
            gate.open()

        runtime.spawn(body, "a")

    played = play(toy)
    assert played.ending is Ending.MISUSE
    assert played.runtime.trouble == "a opens gate scenario.1 a second time before its token was taken"


def test_a_gate_opened_twice_is_found_even_if_somebody_waits() -> None:
    """A waiter that was woken and has not taken its token yet does not hide a second open."""

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()

        def body() -> None:
            gate.open()
            gate.open()

        runtime.spawn(gate.wait, "waiter")
        runtime.spawn(body, "x")

    assert {played.ending for played in every_run(toy)} == {Ending.MISUSE, Ending.FINISHED}


def test_two_waiters_at_one_gate_are_misuse() -> None:
    """A gate has one waiter."""

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()
        runtime.spawn(gate.wait, "a")
        runtime.spawn(gate.wait, "b")

    played = play(toy)
    assert played.runtime.trouble == "b waits at gate scenario.1, where a waits already"


@pytest.mark.parametrize("wait", ["gate", "join"])
def test_a_negative_wait_is_misuse(wait: str) -> None:
    """A wait cannot be negative, at a gate or for a thread."""

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()
        other = runtime.spawn(lambda: None, "b")
        runtime.spawn(lambda: gate.wait_for(-1) if wait == "gate" else other.join(-1), "a")

    played = play(toy)
    assert played.ending is Ending.MISUSE
    assert "-1 ns" in played.runtime.trouble


def test_misuse_outside_a_run_raises_at_once() -> None:
    """A scenario that would wait for ever while it is set up is told so."""
    runtime = BenchRuntime(RunToBlock(), Pool())
    with pytest.raises(Misuse, match=r"scenario would wait at gate scenario\.1 for ever"):
        runtime.gate().wait()


def test_an_exception_that_escapes_a_thread_is_kept() -> None:
    """The thread ends, the others go on, and nothing is swallowed."""

    def toy(runtime: BenchRuntime) -> list[BenchThread]:
        def fails() -> None:
            raise SystemExit(3)

        return [runtime.spawn(fails, "a"), runtime.spawn(lambda: None, "b")]

    played = play(toy)
    assert played.ending is Ending.FINISHED
    assert [type(thread.error) for thread in played.result] == [SystemExit, type(None)]


def test_a_livelock_ends_at_the_step_bound() -> None:
    """A run that would never end is cut short, and says that nothing follows from it."""

    def toy(runtime: BenchRuntime) -> None:
        def spins() -> None:
            while True:
                runtime.pause("a loop")

        runtime.spawn(spins, "a")

    played = play(toy, step_bound=500)
    assert played.ending is Ending.STEP_BOUND
    assert played.runtime.trouble == "not over after 500 steps"


def test_what_a_strategy_raises_is_no_finding() -> None:
    """A broken strategy is an error of the bench: it comes out of `run`, past the code under test."""

    class Broken(RunToBlock):
        def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
            raise ZeroDivisionError("a broken strategy")

    with pytest.raises(ZeroDivisionError, match="a broken strategy"):
        play(_pausing(2, 1), Broken())


# Threads that outlive a run ----------------------------------------------------------------------


def _swallowing(runtime: BenchRuntime) -> None:
    """A deadlock whose threads swallow everything, try again, and hold a lock while they do."""
    first, second = runtime.lock(), runtime.lock()

    def take(one: BenchLock, other: BenchLock) -> None:
        while True:
            try:
                with one, other:
                    return
            except BaseException:  # noqa: BLE001 - that is the point
                runtime.monotonic_ns()

    runtime.spawn(take, "p", first, second)
    runtime.spawn(take, "q", second, first)


def test_threads_that_outlive_a_run_are_dropped_and_never_run_again() -> None:
    """After stuck runs the pool serves sound runs, whatever the stuck threads swallow."""
    pool = Pool()
    walk = RandomWalk(1)
    endings = Counter(play(_swallowing, walk, pool=pool, number=number).ending for number in range(60))
    assert set(endings) == {Ending.STUCK, Ending.FINISHED}
    for number in range(60):
        played = play(_counting(locked=True), walk, pool=pool, number=number)
        assert (played.ending, played.result) == (Ending.FINISHED, [3])
    gc.collect()
    assert len(pool.idle) == STOCK


def test_a_killed_thread_lets_go_of_what_it_holds() -> None:
    """A thread that lets `Killed` pass runs its clean-up and is gone."""
    cleaned: list[str] = []

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()

        def body() -> None:
            try:
                gate.wait()
            finally:
                cleaned.append("a")

        runtime.spawn(body, "a")

    assert play(toy).ending is Ending.STUCK
    assert cleaned == ["a"]


def test_carriers_are_used_again() -> None:
    """A thousand runs of three threads need no more than the stock."""
    pool = Pool()
    walk = RandomWalk(1)
    for number in range(1_000):
        play(_pausing(3, 1), walk, pool=pool, number=number)
    assert pool.made == STOCK


def test_runs_that_leave_threads_behind_do_not_deepen_those_that_follow() -> None:
    """Thousands of stuck runs: carriers that were started by carriers would reach Python's limit."""
    pool = Pool()
    depths = set()

    def toy(runtime: BenchRuntime) -> None:
        gate = runtime.gate()

        def child() -> None:
            depths.add(depth())
            gate.wait()

        def parent() -> None:
            runtime.spawn(child, "child")
            child()

        runtime.spawn(parent, "parent")

    for number in range(2_000):
        assert play(toy, RandomWalk(1), pool=pool, number=number).ending in (Ending.STUCK, Ending.MISUSE)
    assert max(depths) < 100


def depth() -> int:
    """How much of Python's limit of recursion is used up here, by trying."""
    limit = sys.getrecursionlimit()

    def descend(left: int) -> int:
        try:
            return descend(left - 1)
        except RecursionError:
            return left

    return max(0, descend(limit))


def test_more_threads_than_there_are_carriers_for_is_an_error_of_its_own() -> None:
    """It is said by number, and is no finding about the code under test."""

    def toy(runtime: BenchRuntime) -> None:
        for number in range(STOCK + 1):
            runtime.spawn(runtime.gate().wait, f"t{number:02}")

    with pytest.raises(TooManyThreads, match=f"may have {STOCK} threads at once"):
        play(toy, RandomWalk(1))
