"""Strategies: what they choose, and that they choose it again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.sim.toys import play

from jurat_sim.randomness import SplitMix64, derive, seed_of
from jurat_sim.strategies import RandomWalk, Reluctant, Replay, RunToBlock

if TYPE_CHECKING:
    from jurat_sim.runtime import BenchRuntime, Strategy


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


@pytest.mark.parametrize("walk", [RandomWalk(5), Reluctant(5), RunToBlock()])
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
