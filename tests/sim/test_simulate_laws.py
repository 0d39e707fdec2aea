"""The arithmetic that simulations are compared with: against brute force, tables and known values."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from jurat_sim.randomness import SplitMix64
from jurat_sim.simulate import queueing, theory
from jurat_sim.simulate.arrivals import instants
from jurat_sim.simulate.config import Bursts, FromTrace, Load, Poisson, Regular
from jurat_sim.simulate.distributions import (
    Constant,
    Distribution,
    Erlang,
    Exponential,
    Hyperexponential,
    Uniform,
    below,
    happens,
)
from jurat_sim.simulate.laws import (
    Rate,
    envelope,
    fair_windows,
    list_schedule,
    makespan_bounds,
    permitted,
    windows,
)
from jurat_sim.simulate.ledger import quantile

US = 1_000


def _drawn(numbers: SplitMix64, count: int, apart: int) -> list[int]:
    at, found = 0, []
    for _ in range(count):
        at += below(numbers, apart)
        found.append(at)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_every_window_means_every_window(seed: int) -> None:
    """The one pass finds what comparing each pair finds."""
    numbers = SplitMix64(seed)
    rate = Rate(1 + below(numbers, 5), 1 + below(numbers, 50), 1 + below(numbers, 4))
    times = _drawn(numbers, 25, 20)
    excess = max(
        (j - i + 1 - rate.burst) * rate.per_ns - rate.starts * (times[j] - times[i])
        for i in range(len(times))
        for j in range(i, len(times))
    )
    assert windows(times, rate) == (25 * 26 // 2, excess)


@pytest.mark.parametrize("seed", range(20))
def test_the_envelope_is_the_least_that_any_window_permits(seed: int) -> None:
    """By every window that ends there; and a start is above it where a window is over its bound."""
    numbers = SplitMix64(200 + seed)
    rate = Rate(1 + below(numbers, 5), 1 + below(numbers, 50), 1 + below(numbers, 4))
    times = _drawn(numbers, 25, 20)
    expected = [
        min(i + rate.burst + rate.starts * (at - times[i]) // rate.per_ns for i in range(j + 1))
        for j, at in enumerate(times)
    ]
    assert envelope(times, rate) == expected
    within = all(started <= most for started, most in enumerate(expected, start=1))
    assert within == windows(times, rate).hold


@pytest.mark.parametrize("seed", range(20))
def test_the_first_permitted_instant_is_the_first_at_which_every_window_holds(seed: int) -> None:
    """By trying one nanosecond after the other."""
    numbers = SplitMix64(100 + seed)
    rate = Rate(1 + below(numbers, 5), 1 + below(numbers, 30), 1 + below(numbers, 4))
    arrivals = _drawn(numbers, 12, 12)
    expected: list[int] = []
    for arrival in arrivals:
        at = max([arrival, *expected[-1:]])
        while not windows([*expected, at], rate).hold:
            at += 1
        expected.append(at)
    assert permitted(arrivals, rate) == expected


def test_a_list_schedule_is_within_its_bounds_and_graham_s_worst_case_reaches_them() -> None:
    """2m - 1 short ones, then a long one: 2 - 1/m times the optimum."""
    assert list_schedule([3, 1, 1, 2], 2) == [0, 0, 1, 2]
    assert list_schedule([5, 5], 2, [0, 7]) == [0, 7]
    threads = 3
    lengths = [1] * (threads * (threads - 1)) + [threads]
    starts = list_schedule(lengths, threads)
    end = max(at + length for at, length in zip(starts, lengths, strict=True))
    assert makespan_bounds(lengths, threads) == (threads, 2 * threads - 1)
    assert end == 2 * threads - 1


def test_unfair_turns_are_counted() -> None:
    """A period of the right turns is fair in every window; one swap at a border is seen."""
    fair = [0, 0, 1, 0] * 4
    assert fair_windows(fair, [3, 1]) == (13, 0, 0)
    assert fair_windows([0, 0, 0, 1, 1, 0, 0, 0], [3, 1]).unfair == 3


DISTRIBUTIONS: list[Distribution] = [
    Constant(700),
    Exponential(700 * US),
    Uniform(100, 1_300),
    Erlang(3, 700 * US),
    Hyperexponential(Fraction(1, 4), 1_300 * US, 500 * US),
]


@pytest.mark.parametrize("law", DISTRIBUTIONS, ids=lambda law: type(law).__name__)
def test_what_is_drawn_has_the_moments_that_are_said(law: Distribution) -> None:
    """Within four standard errors of twenty thousand draws, and alike each time."""
    numbers, again = SplitMix64(7), SplitMix64(7)
    drawn = [law.draw(numbers) for _ in range(20_000)]
    assert drawn[:50] == [law.draw(again) for _ in range(50)]
    mean = sum(drawn) / len(drawn)
    variance = float(law.second_moment_ns2 - law.mean_ns**2)
    assert abs(mean - float(law.mean_ns)) <= 4 * (variance / len(drawn)) ** 0.5
    second = sum(value * value for value in drawn) / len(drawn)
    assert second == pytest.approx(float(law.second_moment_ns2), rel=0.05)


def test_the_exponential_is_von_neumann_s() -> None:
    """The first lengths of a seed, for ever; and no length is more likely to be over than to go on."""
    numbers = SplitMix64(1)
    assert [Exponential(1_000_000).draw(numbers) for _ in range(4)] == [566562, 971003, 877349, 404142]
    drawn = sorted(Exponential(10**9).draw(numbers) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(693_147_181, rel=0.03)
    assert drawn[19_000] == pytest.approx(2_995_732_274, rel=0.05)


def test_what_happens_with_a_probability_happens_so_often() -> None:
    """0 never, 1 always, a third of the numbers for a third."""
    top = 2**64 - 1
    assert not happens(0, Fraction(0))
    assert happens(top, Fraction(1))
    assert happens(top // 3, Fraction(1, 3))
    assert not happens(top // 3 + 1, Fraction(1, 3))


def _instants(load: Load) -> list[int]:
    return [at for at, _ in instants(load, SplitMix64(3))]


def test_tasks_come_when_the_load_says() -> None:
    """In order, as many as it says, none after its end."""
    assert _instants(Load(name="a", arrivals=Regular(every=5), count=3, start=2)) == [2, 7, 12]
    assert _instants(Load(name="a", arrivals=Bursts(size=2, every=10), until=10)) == [0, 0, 10, 10]
    trace = ((1, None), (4, 7), (9, None))
    traced = Load(name="a", arrivals=FromTrace(file=""), trace=trace, count=2, start=100)
    assert list(instants(traced, SplitMix64(0))) == [(101, None), (104, 7)]
    poisson = _instants(Load(name="a", arrivals=Poisson(mean=1_000), count=2_000))
    assert all(one <= other for one, other in pairwise(poisson))
    assert poisson[-1] == pytest.approx(2_000_000, rel=0.1)


def test_erlang_s_formulas_have_the_values_of_their_tables() -> None:
    """B(10, 5 erlangs) = 0.018385, C(10, 5) = 0.036105; one server waits with probability rho."""
    assert float(theory.erlang_b(10, Fraction(5))) == pytest.approx(0.0183846, abs=1e-7)
    assert float(theory.erlang_c(10, Fraction(5))) == pytest.approx(0.0361054, abs=1e-6)
    assert theory.erlang_c(1, Fraction(7, 10)) == Fraction(7, 10)


def test_the_mean_waits_are_those_of_the_textbook() -> None:
    """M/M/1 waits rho s / (1 - rho), by either formula; M/D/1 half of it."""
    arrival, service = Fraction(7, 1_000), Fraction(100)
    waits = Fraction(7, 10) * service / Fraction(3, 10)
    assert theory.mmc_wait(1, arrival, service) == waits
    assert theory.mg1_wait(arrival, service, 2 * service**2) == waits
    assert theory.md1_wait(arrival, service) == waits / 2


def test_a_queue_without_a_steady_state_has_no_wait() -> None:
    """It is an error, and not a negative number."""
    with pytest.raises(ValueError, match="2 servers cannot serve 2 erlangs"):
        theory.erlang_c(2, Fraction(2))
    with pytest.raises(ValueError, match="one server cannot serve"):
        theory.md1_wait(Fraction(1), Fraction(1))


@pytest.mark.parametrize("servers", [1, 2, 5])
def test_the_latency_of_m_m_c_has_its_mean(servers: int) -> None:
    """The integral of its tail is the mean wait and the mean service."""
    service = Fraction(1_000)
    arrival = Fraction(servers * 8, 10_000)
    step = 20
    tail = [1 - theory.mmc_latency_within(servers, arrival, service, t) for t in range(0, 100_000, step)]
    mean = step * (sum(tail) - (tail[0] + tail[-1]) / 2)
    expected = theory.mmc_wait(servers, arrival, service) + service
    assert mean == pytest.approx(float(expected), rel=1e-3)


def test_the_latency_of_m_m_c_where_both_rates_agree() -> None:
    """Where c mu - lambda = mu the formula is another, and it is its limit."""
    service = Fraction(1_000)
    here = theory.mmc_latency_within(2, Fraction(1, 1_000), service, 1_500)
    beside = theory.mmc_latency_within(2, Fraction(1, 1_000) + Fraction(1, 10**9), service, 1_500)
    assert here == pytest.approx(beside, rel=1e-5)


def test_an_interval_is_student_s() -> None:
    """Ten values with mean 10 and standard deviation sqrt(10 / 9): 10 +- 4.781 * 0.3333, rounded outwards."""
    scaled = [9_000, 11_000] * 5
    found = queueing.interval(scaled)
    half = 4.781 * (1_000 * (10 / 9) ** 0.5) / 10**0.5
    assert found.mean == 10_000
    assert 0 <= 10_000 - half - found.least <= 2
    assert 0 <= found.most - (10_000 + half) <= 2
    assert found.holds(Fraction(10_000))
    assert not found.holds(Fraction(12_000))


def test_a_quantile_is_the_smallest_that_enough_do_not_exceed() -> None:
    """Nearest rank."""
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert [quantile(values, share, 100) for share in (0, 10, 11, 50, 99, 100)] == [1, 1, 2, 5, 10, 10]
