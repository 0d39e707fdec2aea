"""Bounded partial-order reduction, held against brute force with a bound; and what breaks it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.sim.interleavings import Interleavings
from tests.sim.programs import HARD, performances, random_program

from jurat_sim.bpor import NOBODY, BoundedDpor, BoundedStep
from jurat_sim.explore import Mode, Verdict, explore, replay
from jurat_sim.pool import Pool
from jurat_sim.primitives import Operation
from jurat_sim.search import Redundant, preemptions
from jurat_sim.tokens import Grain, decode

if TYPE_CHECKING:
    from tests.sim.programs import Program

BLOCKS = 4
"""Of programs: a thousand in all."""
BOUNDS = (0, 1, 2)


@cache
def _expected(bound: int, block: int) -> list[tuple[Program, Interleavings]]:
    """Some programs, and what each of them may do within a bound."""
    programs = list(map(random_program, range(250 * block, 250 * (block + 1))))
    if block == 0:
        programs = [*HARD.values(), *programs]
    return [(program, Interleavings(program, bound)) for program in programs]


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_nothing_within_the_bound_is_missed(bound: int, block: int) -> None:
    """Of a thousand programs its traces, results and deadlocks are those of brute force with that bound."""
    pool = Pool()
    deadlocks = traces = 0
    for program, expected in _expected(bound, block):
        search = BoundedDpor(bound)
        made = performances(program, search, pool)
        different = {it.fingerprint.digest(): it for it in made}.values()
        assert {it.trace() for it in different} == expected.traces, program
        assert {it.result() for it in different} == expected.results, program
        assert search.exhausted
        deadlocks += any(stuck for stuck, _, _ in expected.results)
        traces += len(expected.traces)
    assert deadlocks >= 8 * bound, "too few programs that may deadlock"
    assert traces > 400


@pytest.mark.parametrize("tick_ns", [0, 1])
def test_plain_search_reaches_nothing_more(tick_ns: int) -> None:
    """What `preemptions:N` makes on the bench, `dpor:N` does in fewer runs, whatever the clock reads."""
    pool = Pool()
    plainly = reduced = 0
    for number in range(25):
        program = random_program(number)
        plain = performances(program, preemptions(2), pool, tick_ns=tick_ns, alike=True)
        made = performances(program, BoundedDpor(2), pool, tick_ns=tick_ns, alike=True)
        assert {it.trace() for it in plain} <= {it.trace() for it in made}, program
        assert {it.result() for it in plain} <= {it.result() for it in made}, program
        plainly += len(plain)
        reduced += len(made)
    assert plainly > 3 * reduced


def test_without_a_bound_that_matters_it_makes_every_trace() -> None:
    """With more preemptions than a program has steps."""
    pool = Pool()
    for number in range(20):
        program = random_program(number)
        made = performances(program, BoundedDpor(30), pool)
        assert {it.trace() for it in made} == Interleavings(program).traces


@pytest.mark.parametrize(
    ("defect", "scenario"),
    [
        ("D14", "cancel_or_complete"),
        ("D29", "attach_or_evict"),
        ("D44", "cancel_or_complete"),
        ("L01", "cancel_or_complete"),
        ("L02", "submit_or_stop"),
    ],
)
def test_what_it_finds_between_accesses_is_shrunk_and_replayed(defect: str, scenario: str) -> None:
    """Five seeded defects in duels, with one preemption."""
    report = explore(scenario, defect=defect, grain=Grain.ACCESS, strategy="dpor:1", schedules=60)
    failure = report.failure
    assert failure is not None
    assert (report.verdict, report.mode, failure.strategy) == (Verdict.FAIL, Mode.EXHAUSTIVE, "dpor:1")
    schedule = decode(failure.token)
    assert (schedule.grain, schedule.tick_ns) == (Grain.ACCESS, 1)
    again = replay(failure.token)
    assert (again.digest, again.property) == (failure.digest, failure.property)


# The explorer, broken ----------------------------------------------------------------------


class NoConservativePoints(BoundedDpor):
    """All are tried before the step, and not where its block began."""

    def _begin(self, number: int) -> int:
        return number


class OnlyWhereTheBlockBegan(BoundedDpor):
    """And the other way round."""

    def _try_all(self, number: int) -> None:
        if number == self._begin(number):
            super()._try_all(number)


class SleepsAsWithoutABound(BoundedDpor):
    """Sleep sets, as if all orders cost the same."""

    def _state(self, enabled: tuple[str, ...], default: int) -> BoundedStep:
        step = super()._state(enabled, default)
        step.sleep = self._inherited() if self._stack else {}
        awake = [it for it in enabled[default:] + enabled[:default] if it not in step.sleep]
        if not awake:
            self._given_up = True
            raise Redundant
        step.backtrack.clear()
        step.take(awake[0])
        return step


class TriesOneOnly(BoundedDpor):
    """One thread is tried, as source sets have it, and not all."""

    def _try_all(self, number: int) -> None:
        step = self._stack[number]
        if len(step.backtrack) < 2:
            options = [it for it in step.enabled if it != step.taken and step.cost(it) <= step.left]
            step.backtrack.update(dict.fromkeys(options[:1]))


class WaitingIsFree(BoundedDpor):
    """Who takes a lock does not depend on who gave it back."""

    def _find_races(self, number: int) -> None:
        step = self._stack[number]
        self._skipped = self._taking(step.object)[1] if step.operation is Operation.TAKE else -1
        super()._find_races(number)
        self._skipped = -1

    def _try(self, number: int, first: object) -> None:
        if number != self._skipped:
            super()._try(number, ())


class NobodyWaits(BoundedDpor):
    """That a thread has to wait for a lock is not looked at."""

    def _look_whether_it_waits(self, number: int) -> None:
        return


class TimeIsNoInterruption(BoundedDpor):
    """After time has passed, to leave the thread that ran before costs one, as in plain search."""

    def _state(self, enabled: tuple[str, ...], default: int) -> BoundedStep:
        step = super()._state(enabled, default)
        running = self._runtime.running
        step.running = running.name if running.ready else NOBODY
        return step


class ReadsAreFree(BoundedDpor):
    """A read without a lock is not looked at."""

    def access(self, thread: object, place: int, owner: object, field: str, write: bool) -> None:
        """Only writes are."""
        if write:
            super().access(thread, place, owner, field, write)  # type: ignore[arg-type]


BROKEN = (
    NoConservativePoints,
    OnlyWhereTheBlockBegan,
    SleepsAsWithoutABound,
    TriesOneOnly,
    WaitingIsFree,
    NobodyWaits,
    TimeIsNoInterruption,
    ReadsAreFree,
)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_search_is_found_out(broken: type[BoundedDpor]) -> None:
    """Each rule of the search is needed: without it, traces are missed."""
    pool = Pool()
    assert any(
        not expected.traces <= {it.trace() for it in performances(program, broken(bound), pool)}
        for bound in (1, 2)
        for program, expected in _expected(bound, 0)
    )
