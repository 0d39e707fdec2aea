"""Threads that pass a baton: another backend, and the same runs."""

from __future__ import annotations

import os
import signal
import threading
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.sim.toys import play

from jurat_sim import Backend, Grain, explore, replay
from jurat_sim.batons import Pool
from jurat_sim.bench import Bench, pool_of
from jurat_sim.build import load
from jurat_sim.carriers import STOCK, Killed
from jurat_sim.defects import DEFECTS
from jurat_sim.errors import TooManyThreads, UnknownBackend
from jurat_sim.explore import strategy_for
from jurat_sim.pool import Pool as GreenletPool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.story import tell
from jurat_sim.strategies import RandomWalk, Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
each_grain = pytest.mark.parametrize("grain", Grain)


@pytest.fixture(autouse=True)
def as_many_threads_as_before() -> Iterator[None]:
    """No test leaves a thread of the operating system behind."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


load_once = cache(load)


@each_grain
@each_scenario
def test_a_schedule_is_the_same_run_on_both(
    scenario: str, grain: Grain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen at random on greenlets, replayed on threads: the same log, steps and findings."""
    monkeypatch.setattr("jurat_sim.bench.load", load_once)
    walk = strategy_for(grain, 5)
    with (
        Bench(scenario_named(scenario), grain=grain) as greenlets,
        Bench(scenario_named(scenario), grain=grain, backend=Backend.THREADS) as threads,
    ):
        for number in range(3):
            one = greenlets.run(walk, number)
            other = threads.run(Replay(one.deviations))
            assert one.deviations
            assert _what(other) == _what(one)


def _what(run: Any) -> tuple[object, ...]:
    return run.digest, run.deviations, run.ending, run.steps, run.choices, run.accesses, run.findings


@pytest.mark.parametrize("defect", ["D04", "D12", "D20", "D35", "L02"])
def test_a_token_is_the_same_failure_on_both(defect: str) -> None:
    """Digest, property and story, of runs that ended, that got stuck and that lost a thread."""
    seeded = DEFECTS[defect]
    failure = explore(seeded.scenario, defect=defect, grain=seeded.grain, schedules=seeded.schedules).failure
    assert failure is not None
    one, other = (replay(failure.token, backend=backend) for backend in Backend)
    assert (one.digest, one.property) == (failure.digest, failure.property)
    assert (other.digest, other.property) == (one.digest, one.property)
    assert other.story.full() == one.story.full()
    assert other.story.brief() == one.story.brief()


def test_threads_of_the_operating_system_carry_the_run() -> None:
    """Each thread of a run has one of its own, and none of them is that of who runs it."""
    idents = set()

    def toy(runtime: BenchRuntime) -> None:
        for _ in range(3):
            runtime.spawn(lambda: idents.add(threading.get_ident()), "thread")

    pool = Pool()
    play(toy, pool=pool)
    assert len(idents - {threading.get_ident()}) == 1  # one after another, on the carrier that is free

    def meet(runtime: BenchRuntime) -> None:
        door = runtime.gate()

        def body(meets: Callable[[], object]) -> None:
            idents.add(threading.get_ident())
            meets()

        runtime.spawn(body, "a", door.wait)
        runtime.spawn(body, "b", door.open)

    idents.clear()
    play(meet, pool=pool)
    assert len(idents - {threading.get_ident()}) == 2
    pool.close()


def test_one_thread_runs_at_a_time() -> None:
    """Between two switch points nobody else gets in, whatever the operating system would like."""
    counted = 0
    inside = 0

    def count(runtime: BenchRuntime) -> None:
        nonlocal counted, inside
        for _ in range(20):
            inside += 1
            assert inside == 1
            counted += sum(range(200)) and 1
            inside -= 1
            runtime.pause("between")

    def toy(runtime: BenchRuntime) -> None:
        for name in "abcd":
            runtime.spawn(count, name, runtime)

    pool = Pool()
    played = play(toy, RandomWalk(3), pool=pool)
    assert (played.ending, counted) == (Ending.FINISHED, 80)
    assert [thread.error for thread in played.runtime.threads] == [None] * 4
    pool.close()


@pytest.mark.parametrize("backend", Backend)
def test_a_thread_is_killed_where_it_stands(backend: Backend) -> None:
    """It raises `Killed` at its switch point and cleans up; the others are killed where they stand."""
    seen: list[str] = []

    def stands(runtime: BenchRuntime, name: str) -> None:
        try:
            runtime.gate().wait()
        except Killed:
            seen.append(f"{name} killed")
            raise
        finally:
            seen.append(f"{name} cleaned up")

    def toy(runtime: BenchRuntime) -> None:
        for name in "ab":
            runtime.spawn(stands, name, runtime, name)

    pool = pool_of(backend)
    for _ in range(3):
        seen.clear()
        assert play(toy, pool=pool).ending is Ending.STUCK
        assert seen == ["a killed", "a cleaned up", "b killed", "b cleaned up"]
    pool.close()


@pytest.mark.parametrize("backend", Backend)
def test_a_thread_that_never_began_is_gone_with_its_run(backend: Backend) -> None:
    """A run that breaks off leaves threads that have not taken a step: they have no carrier."""

    def toy(runtime: BenchRuntime) -> None:
        runtime.spawn(lambda: runtime.gate().wait_for(-1), "a")
        runtime.spawn(lambda: None, "b")

    pool = pool_of(backend)
    assert play(toy, pool=pool).ending is Ending.MISUSE
    pool.close()


@pytest.mark.parametrize("backend", Backend)
def test_no_more_threads_than_carriers(backend: Backend) -> None:
    """The limit is the same on both, and so is the error."""

    def toy(runtime: BenchRuntime) -> None:
        for _ in range(STOCK + 1):
            runtime.spawn(runtime.gate().wait, "thread")

    pool = pool_of(backend)
    with pytest.raises(TooManyThreads):
        play(toy, pool=pool)
    pool.close()


def test_an_interrupt_is_raised_when_the_baton_is_back() -> None:
    """Ctrl-C, pressed while a thread of the run runs, does not let two run at once."""
    done = []

    def toy(runtime: BenchRuntime) -> None:
        def pressed() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            done.append(sum(range(10_000)))
            runtime.pause("after Ctrl-C")
            done.append(0)

        runtime.spawn(pressed, "thread")

    pool = Pool()
    with pytest.raises(KeyboardInterrupt):
        play(toy, pool=pool)
    assert len(done) == 2
    pool.close()


def test_a_bug_of_the_bench_comes_out_where_the_run_was_started() -> None:
    """It does not vanish with the thread that it happened on."""

    class Broken:
        def body(self) -> bool:
            raise ZeroDivisionError

        def leave(self) -> None: ...

    pool = Pool()
    pool.stock()
    carrier = pool.take(Broken())
    with pytest.raises(ZeroDivisionError):
        carrier.switch()
    pool.close()


def test_who_will_not_die_keeps_its_thread_and_harms_nobody() -> None:
    """It is left where it is, the caller is told, and the pool makes the next run."""
    obstinate = True

    def toy(runtime: BenchRuntime) -> None:
        def stands() -> None:
            while obstinate:
                try:
                    runtime.gate().wait()
                except Killed:
                    continue

        runtime.spawn(stands, "thread")

    pool = Pool()
    runtime = BenchRuntime(Replay([]), pool)
    toy(runtime)
    assert runtime.run() is Ending.STUCK
    assert runtime.close() == 1
    assert play(lambda runtime: runtime.spawn(lambda: None, "next"), pool=pool).ending is Ending.FINISHED
    obstinate = False  # now it will: so that this test leaves nothing behind either
    thread = runtime.threads[0]
    assert thread.carrier is not None
    thread.swallowed = 0
    assert thread.carrier.kill()
    pool.close()


def test_the_bench_is_told_what_to_run_on() -> None:
    """By name or by member; anything else is named."""
    assert isinstance(pool_of("greenlets"), GreenletPool)
    assert isinstance(pool_of(Backend.GREENLETS), GreenletPool)
    with pytest.raises(UnknownBackend, match=r"unknown backend: fibres \(greenlets or threads\)"):
        Bench(SCENARIOS["submit_races_stop"], backend="fibres")


def test_a_story_is_the_same_on_both() -> None:
    """Of a run that nothing is wrong with, too."""
    stories = []
    for backend in Backend:
        with Bench(SCENARIOS["work_gets_done"], backend=backend) as bench:
            stories.append(tell(bench, []).full())
    assert stories[0] == stories[1]
