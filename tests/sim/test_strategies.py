"""Strategies: what they choose, and that they choose it again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.sim import toys

from jurat_sim.pool import Pool
from jurat_sim.randomness import SplitMix64, derive, seed_of
from jurat_sim.runtime import Ending
from jurat_sim.strategies import (
    DEPTHS,
    PCT,
    Cycle,
    RandomWalk,
    Reluctant,
    Replay,
    RunToBlock,
    Sizes,
    UniformWalk,
    pct,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.toys import Played

    from jurat_sim.runtime import BenchRuntime, Strategy

_POOL = Pool()


def play(toy: Callable[[BenchRuntime], list[Any]], strategy: Strategy, number: int = 0) -> Played:
    """A run, on carriers that all tests here share."""
    return toys.play(toy, strategy, pool=_POOL, number=number)


def _toy(runtime: BenchRuntime) -> list[str]:
    trace: list[str] = []

    def body(name: str) -> None:
        gate = runtime.gate()
        for _ in range(3):
            runtime.pause("a toy")
            trace.append(name)
        trace.append(name if gate.wait_for(5) else name.upper())

    for name in "abcd":
        runtime.spawn(body, name, name)
    return trace


@pytest.mark.parametrize("walk", [RandomWalk(5), Reluctant(5)])
def test_a_run_depends_on_seed_and_number_alone(walk: Strategy) -> None:
    """Run 17 by itself is run 17 of the campaign."""
    campaign = [play(_toy, walk, number=number).result for number in range(20)]
    assert play(_toy, walk, number=17).result == campaign[17]
    assert len({tuple(trace) for trace in campaign}) > 5


@pytest.mark.parametrize("make", [UniformWalk, pct])
def test_a_campaign_that_learns_is_the_same_campaign_again(make: Callable[[int], Strategy]) -> None:
    """It depends on the seed and the number of runs, and each seed is another campaign."""

    def campaign(seed: int) -> list[list[str]]:
        walk = make(seed)
        return [play(_toy, walk, number=number).result for number in range(30)]

    assert campaign(5) == campaign(5) != campaign(6)


@pytest.mark.parametrize("walk", [RandomWalk(5), Reluctant(5), RunToBlock(), UniformWalk(5), pct(5)])
def test_deviations_are_the_run(walk: Strategy) -> None:
    """Replaying a run's deviations from the default makes the same run, and the same deviations."""
    for number in range(50):
        played = play(_toy, walk, number=number)
        strategy = Replay(played.runtime.deviations)
        again = play(_toy, strategy)
        assert again.result == played.result
        assert again.runtime.deviations == played.runtime.deviations
        assert strategy.misfits == 0


def test_a_deviation_that_cannot_be_taken_is_counted() -> None:
    """A replay of something else takes the default, and says so."""
    strategy = Replay([(0, 99)])
    assert play(_toy, strategy).runtime.deviations == []
    assert strategy.misfits == 1


def test_the_random_walk_is_even() -> None:
    """Who of four threads is first is spread evenly over many runs."""
    walk = RandomWalk(1)
    first = Counter(play(_toy, walk, number=number).result[0] for number in range(2_000))
    assert set(first) == set("abcd")
    assert all(420 < count < 580 for count in first.values())


def test_the_reluctant_walk_mostly_stays() -> None:
    """It deviates at fewer choices than its probability of leaving, and still does deviate."""
    walk = Reluctant(1, leave=1 / 8)
    runs = [play(_toy, walk, number=number).runtime for number in range(500)]
    deviations = sum(len(run.deviations) for run in runs)
    assert 0.04 < deviations / sum(run.choices for run in runs) < 1 / 8


def _long_and_short(runtime: BenchRuntime) -> list[str]:
    """Six steps of one thread and two of another: 28 interleavings of them."""
    trace: list[str] = []

    def body(name: str, steps: int) -> None:
        for _ in range(steps):
            runtime.pause("a toy")
            trace.append(name)

    runtime.spawn(body, "a", "a", 6)
    runtime.spawn(body, "b", "b", 2)
    return trace


def _rarest(walk: Strategy) -> float:
    """How often the rarest interleaving is made, relative to an even share."""
    runs = 2_800
    made = Counter(tuple(play(_long_and_short, walk, number=number).result) for number in range(runs))
    return min(made.values()) * 28 / runs if len(made) == 28 else 0.0


def test_the_uniform_walk_makes_each_interleaving_about_equally_often() -> None:
    """The rarest one is made at least two times in five of what is even; by the random walk, hardly ever."""
    assert _rarest(UniformWalk(1)) > 0.4
    assert _rarest(RandomWalk(1)) < 0.25


def test_the_uniform_walk_counts_children_with_their_parent() -> None:
    """A parent that spawns a long child at its end is long until then, though it has few steps itself."""

    def toy(runtime: BenchRuntime) -> list[str]:
        trace: list[str] = []

        def child() -> None:
            for _ in range(12):
                runtime.pause("a toy")

        def parent() -> None:
            runtime.pause("a toy")
            trace.append("parent")
            runtime.spawn(child, "child")

        def other() -> None:
            runtime.pause("a toy")
            trace.append("other")

        runtime.spawn(other, "a")
        runtime.spawn(parent, "b")
        return trace

    walk = UniformWalk(1)
    first = Counter(play(toy, walk, number=number).result[0] for number in range(400))
    assert first["parent"] > 4 * first["other"]


# PCT ------------------------------------------------------------------------------------------


def _three(runtime: BenchRuntime) -> list[str]:
    """Three threads of three steps."""
    trace: list[str] = []

    def body(name: str) -> None:
        for step in range(3):
            runtime.pause("a toy")
            trace.append(f"{name}{step}")

    for name in "abc":
        runtime.spawn(body, name, name)
    return trace


_ORDERS = {
    1: [("c2", "a0")],
    2: [("a0", "b0"), ("b2", "a1")],
    3: [("a0", "b0"), ("b0", "a1"), ("a1", "b1")],
}
"""Which events must come before which, for a bug of each depth: no fewer orders suffice."""


def _hits(depth: int, walk: Strategy, runs: int) -> int:
    hits = 0
    for number in range(runs):
        trace = play(_three, walk, number=number).result
        hits += all(trace.index(one) < trace.index(other) for one, other in _ORDERS[depth])
    return hits


@pytest.mark.parametrize(("depth", "runs"), [(1, 400), (2, 2_000), (3, 4_000)])
def test_pct_finds_a_bug_as_often_as_the_paper_says(depth: int, runs: int) -> None:
    """Its hits are no fewer than the bound allows, at three standard deviations of a binomial."""
    walk = PCT(7, depth)
    hits = _hits(depth, walk, runs)
    miss = walk.miss()
    assert miss.threads == 3
    assert 0.99 * runs < miss.runs < runs, "all runs since one had the most choices"
    bound = 1 / (miss.threads * miss.choices ** (depth - 1))
    assert hits >= runs * bound - 3 * (runs * bound * (1 - bound)) ** 0.5
    assert hits > 0


def test_pct_of_too_small_a_depth_misses() -> None:
    """With one priority each and no change, no thread is overtaken twice."""
    assert _hits(3, PCT(7, 1), 500) == 0
    assert _hits(3, PCT(7, 3), 500) > 0


def test_the_chance_of_a_miss_is_that_of_the_formula() -> None:
    """(1 - 1 / (n k^(d-1)))^runs, and one before anything is known."""
    sizes = Sizes()
    walk = PCT(1, 3, sizes)
    assert walk.miss().probability == 1
    sizes.learn(3, 4, 10)
    for _ in range(100):
        sizes.learn(3, 4, 9)
    miss = walk.miss()
    assert (miss.depth, miss.threads, miss.choices, miss.runs) == (3, 4, 10, 100)
    assert miss.probability == (1 - 1 / 400) ** 100


def test_a_longer_run_than_was_assumed_starts_the_count_again() -> None:
    """Of every depth: none of the runs before drew its changes from all of the choices."""
    sizes = Sizes()
    for depth in DEPTHS:
        for _ in range(10):
            sizes.learn(depth, 3, 20)
    assert sizes.runs == {1: 9, 2: 10, 3: 10, 4: 10}
    sizes.learn(2, 3, 21)
    assert (sizes.choices, sizes.runs) == (21, {})
    sizes.learn(2, 4, 21)
    assert (sizes.threads, sizes.runs) == (4, {})


def test_pct_lets_time_pass_like_a_thread() -> None:
    """A timer that may fire while threads run does so in some runs, and not in others."""

    def toy(runtime: BenchRuntime) -> list[object]:
        gate = runtime.gate()
        seen: list[object] = []
        runtime.spawn(lambda: seen.append(gate.wait_for(5)), "sleeper")

        def waker() -> None:
            runtime.pause("a toy")
            gate.open()

        runtime.spawn(waker, "waker")
        return seen

    walk = PCT(1, 2)
    outcomes = Counter(play(toy, walk, number=number).result[0] for number in range(200))
    assert min(outcomes[True], outcomes[False]) > 20
    assert walk.miss().threads == 3


def test_a_depth_is_at_least_one() -> None:
    """Nothing is found by no orders at all."""
    with pytest.raises(ValueError, match="at least one"):
        PCT(1, 0)


def test_strategies_take_turns() -> None:
    """Run i is that of the member at place i, round and round."""
    walks: list[Strategy] = [RandomWalk(5), Reluctant(5)]
    cycle = Cycle("two", walks)
    for number in range(6):
        assert play(_toy, cycle, number=number).result == play(_toy, walks[number % 2], number=number).result
        assert cycle.member is walks[number % 2]


def test_numbers_are_those_of_the_reference() -> None:
    """SplitMix64 with seed 1234567, from the reference code (https://prng.di.unimi.it/splitmix64.c)."""
    numbers = SplitMix64(1234567)
    assert [numbers.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_derived_seeds_differ_from_their_neighbours() -> None:
    """Neither the seed nor the number alone decides, and names give fixed seeds."""
    assert len({derive(seed, number) for seed in range(50) for number in range(50)}) == 2_500
    assert seed_of("submit_races_stop") == 0x199A67F0C12B85A3


class _Asked:
    """A walk that does not say how long it will take the default."""

    def __init__(self, walk: Strategy) -> None:
        self.name = walk.name
        self.begin = walk.begin
        self.choose = walk.choose


@pytest.mark.parametrize("leave", [1 / 2, 1 / 8, 1 / 40])
def test_a_patient_walk_makes_the_same_run_if_it_is_asked_at_every_choice(leave: float) -> None:
    """To be asked less saves time and changes nothing."""

    def runs(walk: Strategy) -> list[tuple[Any, ...]]:
        played = [play(_toy, walk, number=number) for number in range(30)]
        return [
            (it.result, it.runtime.deviations, it.runtime.choices, it.runtime.steps, it.ending)
            for it in played
        ]

    found = runs(Reluctant(5, leave=leave))
    assert found == runs(_Asked(Reluctant(5, leave=leave)))
    assert any(deviations for _, deviations, *_ in found)


def test_a_reluctant_walk_leaves_as_often_as_it_says() -> None:
    """Geometric: also beyond what it decides at once, where it decides again."""
    for leave in (1 / 2, 1 / 8, 1 / 500):
        walk = Reluctant(3, leave=leave, time_share=1.0)
        walk.begin(0)
        choices = 60_000
        left = sum(walk.choose((), -1, True) == 0 for _ in range(choices))  # it leaves for time
        assert left == pytest.approx(choices * leave, rel=0.1)


def test_who_is_patient_is_not_asked() -> None:
    """But for one choice in a few hundred."""
    walk = Reluctant(5, leave=1 / 500)
    asked = []
    choose = walk.choose

    def counted(ready: Any, default: int, time: bool) -> int:
        asked.append(default)
        return choose(ready, default, time)

    walk.choose = counted  # type: ignore[method-assign]
    played = play(_toy, walk)
    assert len(asked) < played.runtime.choices / 4


@pytest.mark.parametrize("step_bound", [10, 11, 30, 64, 65, 100])
def test_patience_ends_with_the_run(step_bound: int) -> None:
    """The bound cuts short at the very step, whether or not the walk would have been asked."""

    def spins(runtime: BenchRuntime) -> None:
        def body() -> None:
            while True:
                runtime.access("a loop")

        runtime.spawn(body, "a")
        runtime.spawn(body, "b")

    played = toys.play(spins, Reluctant(5, leave=1 / 500), pool=_POOL, step_bound=step_bound)
    assert (played.ending, played.runtime.steps) == (Ending.STEP_BOUND, step_bound + 1)
