"""Source-DPOR, held against brute force on a thousand programs; and what happens when it is broken."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.sim.interleavings import Interleavings
from tests.sim.programs import HARD, performances, random_program

from jurat_sim.dpor import Dpor
from jurat_sim.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sim.programs import Program

    from jurat_sim.primitives import BenchThread

BLOCKS = 4
"""Of programs: a thousand in all."""


@cache
def _block(number: int) -> list[tuple[Program, Interleavings]]:
    """Some programs, and what each of them may do."""
    programs = list(map(random_program, range(250 * number, 250 * (number + 1))))
    if number == 0:
        programs = [*HARD.values(), *programs]
    return [(program, Interleavings(program)) for program in programs]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_nothing_is_missed_in_a_thousand_programs(block: int) -> None:
    """Its traces, its results and its deadlocks are those of brute force; fingerprints tell traces apart.

    No trace is made twice.  What source sets waste are runs that are given up: at most one in twenty.
    """
    pool = Pool()
    deadlocks = traces = blocked = 0
    for program, expected in _block(block):
        search = Dpor()
        made = performances(program, search, pool)
        found = [performance.trace() for performance in made]
        assert (set(found), {it.result() for it in made}) == (expected.traces, expected.results), program
        assert len(found) == len(expected.traces) == len({it.fingerprint.digest() for it in made}), program
        assert search.exhausted
        deadlocks += len({bool(stuck) for stuck, _, _ in expected.results}) == 2
        traces += len(found)
        blocked += search.blocked
    assert deadlocks > 10, "too few programs that may deadlock, and may not"
    assert traces > 1_000
    assert blocked < traces / 20


def test_objects_of_one_class_are_told_apart() -> None:
    """By their numbers, though which number an object gets depends on the run."""
    for program, expected in _block(0):
        made = performances(program, Dpor(), Pool(), alike=True)
        assert {it.trace() for it in made} == expected.traces, program


# The explorer, broken ----------------------------------------------------------------------


class NoAcquireRule(Dpor):
    """Who takes a lock races with the step that gave it back, like any two steps."""

    def _taking(self, lock: str) -> tuple[int, int]:
        return -1, -1


class NobodyWaits(Dpor):
    """Threads that wait for a lock when the run is over are not looked at."""

    def _look_at_who_waits(self) -> None:
        return


class NobodyWakes(Dpor):
    """What a sleeper would have done is forgotten when it wakes."""

    def _look_at_who_woke(self) -> None:
        return


class OneBacktrackPointLess(Dpor):
    """The first point that a run asks for is dropped."""

    def begin(self, run: int) -> None:
        """Drop one again."""
        self._dropped = False
        super().begin(run)

    def _try(self, number: int, first: Sequence[str]) -> None:
        if self._dropped:
            super()._try(number, first)
        self._dropped = True


class SleepsForEver(Dpor):
    """Nobody wakes a sleeper."""

    def _inherited(self) -> dict[str, dict[str, bool]]:
        return dict(self._stack[-1].sleep)


class TimeIsNoThread(Dpor):
    """That a step has disabled another, such as the passing of time, is not seen."""

    def _close(self, enabled: tuple[str, ...]) -> None:
        step = self._stack[self._at - 1] if self._at else None
        super()._close(enabled if step is None else enabled + step.enabled)


class ReadsAreFree(Dpor):
    """A read that nothing protects is not looked at."""

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:
        """Only writes are."""
        if write:
            super().access(thread, place, owner, field, write)


class KnowsObjectsBeforehand(Dpor):
    """A sleeper takes the number that an object had in its own run for the one that it has in all others."""

    def end(self) -> bool:
        """All objects are known."""
        for step in self._stack:
            step.fresh = {}
        return super().end()


BROKEN = (
    NoAcquireRule,
    NobodyWaits,
    NobodyWakes,
    OneBacktrackPointLess,
    SleepsForEver,
    TimeIsNoThread,
    ReadsAreFree,
    KnowsObjectsBeforehand,
)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_search_is_found_out(broken: type[Dpor]) -> None:
    """Each rule of the search is needed: without it, traces are missed."""
    assert any(
        {it.trace() for it in performances(program, broken(), Pool(), alike=True)} != expected.traces
        for program, expected in _block(0)
    )
