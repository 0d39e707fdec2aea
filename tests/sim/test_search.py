"""Bounded searches: they make each run within their bound once, and know when they are done."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.sim.small import SMALL
from tests.sim.toys import every_run, play

from jurat_sim.bench import Bench
from jurat_sim.bpor import BoundedDpor
from jurat_sim.dpor import Dpor
from jurat_sim.errors import Diverged
from jurat_sim.explore import Mode, Verdict, campaign, explore, replay, strategy_named
from jurat_sim.pool import Pool
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.search import Redundant, delays, preemptions
from jurat_sim.tokens import Grain, decode
from jurat_sim.traces import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_sim.explore import Report
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import BenchRuntime
    from jurat_sim.scenarios import Scenario
    from jurat_sim.search import Bounded, Search
    from jurat_sim.stage import Stage

    Steps = list[str]


def _straight(runtime: BenchRuntime) -> Steps:
    """Three threads of three steps, none of which ever waits."""
    return _recorded(runtime, lambda name: _pauses(runtime, name, 2))


def _waiting(runtime: BenchRuntime) -> Steps:
    """Three threads, of which one waits for a lock of another and one in time."""
    lock, gate = runtime.lock(), runtime.gate()

    def body(name: str) -> None:
        if name == "c":
            gate.wait_for(5)
        else:
            with lock:
                pass

    return _recorded(runtime, body)


def _pauses(runtime: BenchRuntime, name: str, count: int) -> None:
    for _ in range(count):
        runtime.pause(name)


def _recorded(runtime: BenchRuntime, body: Callable[[str], object]) -> Steps:
    steps: Steps = []

    def observe(thread: BenchThread | None) -> None:
        steps.append("time" if thread is None else thread.name)

    runtime.observe = observe
    for name in "abc":
        runtime.spawn(body, name, name)
    return steps


def _all_of(search: Bounded, toy: Callable[[BenchRuntime], Steps]) -> list[tuple[str, ...]]:
    """The steps of each run that a search makes."""
    made = []
    pool = Pool()

    def watched(runtime: BenchRuntime) -> Steps:
        search.watch(runtime)
        return toy(runtime)

    while True:
        made.append(tuple(play(watched, search, pool=pool).result))
        if not search.end():
            return made


def _switches_too_early(steps: tuple[str, ...]) -> int:
    """Places where a thread is left that has a step to come: it never waits, so it could have gone on."""
    places = enumerate(pairwise(steps), 1)
    return sum(one != other and one in steps[place:] for place, (one, other) in places)


@pytest.mark.parametrize("bound", [0, 1, 2, 3])
def test_preemptions_are_all_runs_with_so_few_of_them(bound: int) -> None:
    """Of threads that never wait, the runs are those of brute force that switch early so rarely."""
    expected = [tuple(it.result) for it in every_run(_straight)]
    expected = [steps for steps in expected if _switches_too_early(steps) <= bound]
    made = _all_of(preemptions(bound), _straight)
    assert sorted(made) == sorted(expected)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("kind", [preemptions, delays])
def test_a_large_bound_is_no_bound(kind: Callable[[int], Bounded]) -> None:
    """With waits and time: every interleaving of brute force, each once; and a bound takes some away."""
    expected = [tuple(it.result) for it in every_run(_waiting)]
    assert sorted(_all_of(kind(100), _waiting)) == sorted(expected)
    counts = [len(_all_of(kind(bound), _waiting)) for bound in range(4)]
    assert counts == sorted(set(counts))
    assert counts[-1] < len(expected)


def test_delays_count_what_is_skipped() -> None:
    """No delay is one run.  One delay skips one thread once, at one of the choices of that run."""
    assert len(_all_of(delays(0), _straight)) == 1
    first = play(_straight).runtime
    assert len(_all_of(delays(1), _straight)) == 1 + first.choices


def test_a_program_that_does_not_repeat_itself_is_found_out() -> None:
    """A choice with another number of options than last time is an error that says what it means."""
    runs = iter(range(100))

    def toy(runtime: BenchRuntime) -> Steps:
        return _recorded(runtime, lambda name: _pauses(runtime, name, next(runs)))

    with pytest.raises(Diverged, match="did not repeat itself"):
        _all_of(preemptions(2), toy)


# On the worker ------------------------------------------------------------------------------


def _explored(scenario: str, strategy: str, grain: Grain = Grain.SEAM, schedules: int = 5_000) -> Report:
    tick_ns = 0 if strategy == "dpor" else 1
    with Bench(SMALL[scenario], grain=grain, tick_ns=tick_ns) as bench:
        return campaign(bench, strategy_named(strategy, grain, 1), schedules=schedules)


@pytest.mark.parametrize("scenario", ["cancel_one", "submit_twice", "submit_and_cancel", "attach"])
def test_two_operations_are_explored_to_the_end(scenario: str) -> None:
    """All traces at the seam, each once, and all runs with two preemptions: every check holds in each."""
    every = _explored(scenario, "dpor")
    assert (every.verdict, every.mode, every.exhausted) == (Verdict.PASS, Mode.EXHAUSTIVE, True)
    assert every.traces == every.schedules - every.blocked > 1
    some = _explored(scenario, "preemptions:2")
    assert (some.verdict, some.mode, some.exhausted) == (Verdict.PASS, Mode.EXHAUSTIVE, True)
    assert some.schedules > 1


@pytest.mark.parametrize("scenario", ["cancel_one", "submit_twice"])
def test_one_preemption_at_the_grain_of_accesses(scenario: str) -> None:
    """Explored to the end, and more than at the seam; and in fewer runs if traces are told apart."""
    fine = _explored(scenario, "preemptions:1", Grain.ACCESS)
    assert (fine.verdict, fine.exhausted) == (Verdict.PASS, True)
    assert fine.schedules > 2 * _explored(scenario, "preemptions:1").schedules
    reduced = _explored(scenario, "dpor:1", Grain.ACCESS)
    assert (reduced.verdict, reduced.mode, reduced.exhausted) == (Verdict.PASS, Mode.EXHAUSTIVE, True)
    assert reduced.schedules < fine.schedules / 4


@pytest.mark.parametrize("strategy", ["dpor", "dpor:2", "preemptions:2", "delays:3"])
def test_a_search_that_is_cut_short_is_undetermined(strategy: str) -> None:
    """It says that it is exhaustive, and not exhausted; that is no pass."""
    report = _explored("submit_and_stop", strategy, schedules=20)
    assert (report.verdict, report.mode, report.exhausted) == (Verdict.UNDETERMINED, Mode.EXHAUSTIVE, False)
    assert (report.schedules, report.failure) == (20, None)


def test_the_last_schedule_may_be_the_last_there_is() -> None:
    """A count that is just enough is enough."""
    whole = _explored("submit_twice", "dpor").schedules
    assert _explored("submit_twice", "dpor", schedules=whole).exhausted
    assert not _explored("submit_twice", "dpor", schedules=whole - 1).exhausted


def _plain_and_reduced(scenario: str) -> tuple[Report, Report]:
    with Bench(SMALL[scenario], tick_ns=0) as bench:
        plain = campaign(bench, preemptions(100), schedules=5_000)
    reduced = _explored(scenario, "dpor")
    assert plain.exhausted
    assert reduced.exhausted
    assert plain.schedules > 2 * reduced.schedules
    return plain, reduced


def test_dpor_reduces_and_a_bounded_search_does_not() -> None:
    """On the worker too: the same traces, in fewer runs."""
    plain, reduced = _plain_and_reduced("submit_and_cancel")
    assert plain.traces == reduced.traces == reduced.schedules


def test_a_read_without_the_lock_hides_a_trace() -> None:
    """`Task.wait` looks whether the task has ended before it takes the lock, and no monitor is told of that.

    It is meant so.  But what DPOR says at the seam is then not of every run: here one trace is missing.
    """
    plain, reduced = _plain_and_reduced("cancel_and_wait")
    assert (plain.traces, reduced.traces) == (10, 9)


class AtTheSeam(Fingerprint):
    """The trace of a run at the grain of accesses, as it looks at the seam."""

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:
        """Only pass it on."""
        if self._then is not None:
            self._then.access(thread, place, owner, field, write)


Seen = set[tuple[tuple[object, ...], bytes]]
"""Of each run the order of its events, and its trace at the seam."""


def _seen(scenario: Scenario, search: Search, grain: Grain, tick_ns: int) -> tuple[Seen, int]:
    """What a search sees, and in how many runs."""
    seen: Seen = set()
    fingerprints: list[AtTheSeam] = []

    def watch(stage: Stage) -> None:
        search.watch(stage.runtime)
        fingerprints.append(AtTheSeam(stage.runtime, stage.runtime.monitor))
        stage.runtime.monitor = fingerprints[-1]

    with Bench(scenario, grain=grain, tick_ns=tick_ns) as bench:
        while True:
            try:
                run = bench.run(search, watch=watch)
            except Redundant:
                pass
            else:
                assert not run.findings
                seen.add((run.trace, fingerprints[-1].digest()))
            if not search.end():
                return seen, len(fingerprints)


def test_among_accesses_that_trace_is_seen() -> None:
    """There each read is told: whatever plain search meets at the seam, DPOR meets."""
    scenario = SMALL["cancel_and_wait"]
    plain, _ = _seen(scenario, preemptions(100), Grain.SEAM, 0)
    fine, _ = _seen(scenario, Dpor(), Grain.ACCESS, 0)
    assert len(plain) == 10
    assert plain <= fine


@pytest.mark.parametrize("scenario", [SMALL["cancel_and_wait"], SCENARIOS["complete_or_deadline"]])
def test_on_the_worker_too_a_bound_hides_nothing(scenario: Scenario) -> None:
    """Of what plain search meets with one preemption between accesses, on a clock that ticks."""
    plain, runs = _seen(scenario, preemptions(1), Grain.ACCESS, 1)
    reduced, fewer = _seen(scenario, BoundedDpor(1), Grain.ACCESS, 1)
    assert plain <= reduced
    assert fewer < runs / 4


def test_what_a_search_finds_is_replayed() -> None:
    """With the clock that the search had, which the token says."""
    report = explore("drain_with_stuck_task", defect="D03", strategy="dpor", schedules=10)
    failure = report.failure
    assert failure is not None
    assert (report.verdict, report.exhausted, failure.strategy) == (Verdict.FAIL, False, "dpor")
    assert decode(failure.token).tick_ns == 0
    again = replay(failure.token)
    assert (again.digest, again.property) == (failure.digest, failure.property)
