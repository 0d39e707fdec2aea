"""Shrinking: the same failure with fewer surprises and fewer tasks.

A schedule is its deviations from the run-to-block default, so a simpler schedule has fewer of
them.  A candidate is run, and counts for what it does: if it breaks the same property, what it
recorded of itself is taken, whatever was meant by it.  What is tried, in this order, with dropping
after each:

* *dropping*: nothing at all, then runs of deviations are left out, long runs first, and at last
  any two (delta debugging in its greedy form: Zeller and Hildebrandt 2002);
* *searching*: walks that hardly ever deviate, some of which like to let time pass.  Where one
  breaks the same property it does so simply, and dropping goes on from there.  Most bugs need few
  preemptions, and what is learnt from a long schedule is mostly which property to look for.
* *tasks*, of which below, and searching again, in the smaller program;
* *merging*: two deviations that follow one another are replaced by one somewhere between them
  (after Tetris: Jalbert and Sen, "A trace simplification technique for effective debugging of
  concurrent programs", FSE 2010, which merges context switches).

*Tasks.*  Each submission of the scenario is left out, the last first, if the failure
remains with no more deviations than before; so what is left is needed.  A scenario with a
submission left out is another, smaller program, and two things keep that honest.  The token
says what is left out, so that nobody mistakes the one for the other.  And a program may be
broken by the cut itself, as by leaving out the task that opens the door that another waits for.
So a cut is made only if the smaller program is sound: with a seeded defect, the worker without
it must hold every check in the default order, in the failing order and in some random ones; if
no defect is seeded, at least one of these orders must pass, since a program that always fails
may do so by itself.  A cut may break nothing that was whole before, either.  Clients and
other calls are never left out: without them a scenario has lost its point.

Everything is bounded by `BUDGET` runs, so what comes out is simple, and not provably simplest.
"""

from __future__ import annotations

from itertools import combinations, count
from typing import TYPE_CHECKING

from .bench import Bench
from .randomness import seed_of
from .strategies import RandomWalk, Reluctant, Replay, RunToBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .bench import Run
    from .runtime import Strategy

BUDGET = 1_200
"""Runs that shrinking one failure may take, without those that ask whether a cut is sound."""
PAIRS_UP_TO = 12
"""With so few deviations left, any two are dropped together: going away from a thread and coming back."""
SEARCHED = 400
"""Runs of the search before tasks are left out, and as many after that, if the budget allows."""
SEARCHED_FOR_ONE = 100
"""As `SEARCHED`, if there are but two deviations, so that one could be saved at most."""
SEARCHED_PER_CUT = 24
"""Runs of the search for a schedule of the smaller program, if that of the larger one shows nothing."""
SOUND = 8
"""Random schedules that the smaller program must pass."""
_OPTIONS = 6
"""Options that merging tries at a choice; there are hardly ever more."""


def shrink(bench: Bench, run: Run, *, budget: int = BUDGET) -> Run:
    """A run that breaks the same property with as few deviations and tasks as this can reach.

    Never one with more deviations than `run` has, nor with more submissions.
    """
    shrinker = _Shrinker(bench, run, budget)
    shrinker.drop()
    shrinker.search()
    shrinker.leave_out_tasks()
    shrinker.search()
    shrinker.merge()
    return shrinker.best


class _Shrinker:
    """The simplest run so far, and the runs that may still be made."""

    def __init__(self, bench: Bench, run: Run, budget: int) -> None:
        self._bench = bench
        self._left = budget
        self._property = run.findings[0].property
        self._tried: set[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = set()
        self._walks = _walks()
        self.best = run

    # Fewer deviations --------------------------------------------------------------------------

    def drop(self) -> None:
        """Leave deviations out while that helps."""
        self.best = self._dropped(self.best)

    def search(self) -> None:
        """Walk, and see whether the failure can be had more simply."""
        for made in range(SEARCHED):
            left = len(self.best.deviations)
            if left <= 1 or (left == 2 and made >= SEARCHED_FOR_ONE):
                return
            found = self._run(*next(self._walks), self.best.omitted)
            if found is not None and len(found.deviations) < 2 * len(self.best.deviations) + 4:
                found = self._dropped(found)
                if len(found.deviations) < len(self.best.deviations):
                    self.best = found

    def merge(self) -> None:
        """Put one deviation in the place of two while that helps."""
        while len(self.best.deviations) > 1:
            merged = self._merged(self.best)
            if merged is None:
                return
            self.best = self._dropped(merged)

    def _dropped(self, best: Run) -> Run:
        """Drop until nothing more can be dropped."""
        while best.deviations:
            smaller = self._without_runs(best)
            if len(smaller.deviations) <= PAIRS_UP_TO:
                smaller = self._without_pairs(smaller)
            if len(smaller.deviations) == len(best.deviations):
                break
            best = smaller
        return best

    def _without_runs(self, best: Run) -> Run:
        size = len(best.deviations)
        while size:
            start = 0
            while start < len(best.deviations):
                kept = best.deviations[:start] + best.deviations[start + size :]
                smaller = self._simpler(kept, best)
                if smaller is None:
                    start += size
                else:
                    best = smaller
            size //= 2
        return best

    def _without_pairs(self, best: Run) -> Run:
        for pair in combinations(range(len(best.deviations)), 2):
            kept = [it for place, it in enumerate(best.deviations) if place not in pair]
            smaller = self._simpler(kept, best)
            if smaller is not None:
                return self._without_pairs(smaller)
        return best

    def _merged(self, best: Run) -> Run | None:
        """One deviation in the place of two that follow one another."""
        deviations = best.deviations
        for place in range(len(deviations) - 1):
            (first, _), (second, _) = deviations[place : place + 2]
            for choice in range(first, second + 1):
                for option in range(_OPTIONS):
                    merged = [*deviations[:place], (choice, option), *deviations[place + 2 :]]
                    smaller = self._simpler(merged, best)
                    if smaller is not None:
                        return smaller
        return None

    def _simpler(self, deviations: Sequence[tuple[int, int]], best: Run) -> Run | None:
        """The run with these deviations, if it breaks the same property with fewer than `best`."""
        tried = best.omitted, tuple(deviations)
        if tried in self._tried:
            return None
        self._tried.add(tried)
        run = self._run(Replay(deviations), 0, best.omitted)
        return run if run is not None and len(run.deviations) < len(best.deviations) else None

    def _run(self, strategy: Strategy, number: int, omit: Sequence[int]) -> Run | None:
        """A run that breaks the same property, or None; None as well when the budget is spent."""
        if self._left == 0:
            return None
        self._left -= 1
        run = self._bench.run(strategy, number, omit=omit)
        return run if run.findings and run.findings[0].property == self._property else None

    # Fewer tasks -------------------------------------------------------------------------------

    def leave_out_tasks(self) -> None:
        """Leave out each submission that the failure does not need, the last first, until all are needed."""
        with Bench(self._bench.scenario, package=self._bench.package) as reference:
            while self._cut_one(reference):
                pass
        self.drop()

    def _cut_one(self, reference: Bench) -> bool:
        every = self._bench.defect is not None
        for number in reversed(range(self.best.submissions)):
            if number not in self.best.omitted:
                smaller = self._cut(number)
                if smaller is not None and _sound(reference, smaller, every=every):
                    self.best = smaller
                    return True
        return False

    def _cut(self, number: int) -> Run | None:
        """The failure without this submission, if it remains and is no more complicated."""
        best = self.best
        omit = (*best.omitted, number)
        for strategy, run_number in self._schedules_for_a_cut():
            smaller = self._run(strategy, run_number, omit)
            if smaller is None or len(smaller.omitted) <= len(best.omitted):
                continue
            if len(smaller.deviations) > len(best.deviations):
                smaller = self._dropped(smaller)
            if len(smaller.deviations) <= len(best.deviations) and _breaks_no_more(smaller, best):
                return smaller
        return None

    def _schedules_for_a_cut(self) -> Iterator[tuple[Strategy, int]]:
        yield Replay(self.best.deviations), 0
        if self.best.deviations:
            for _ in range(SEARCHED_PER_CUT):
                yield next(self._walks)


def _walks() -> Iterator[tuple[Strategy, int]]:
    """Walks that hardly ever deviate, and the numbers of their runs."""
    seed = seed_of("shrink")
    walks = [
        Reluctant(seed, leave=leave, time_share=time_share)
        for leave in (1 / 16, 1 / 32, 1 / 8)
        for time_share in (1 / 16, 1 / 4)
    ]
    for number in count():
        for walk in walks:
            yield walk, number


def _breaks_no_more(run: Run, best: Run) -> bool:
    """Whatever is wrong was wrong before."""
    return {it.property for it in run.findings} <= {it.property for it in best.findings}


def _sound(reference: Bench, smaller: Run, *, every: bool) -> bool:
    """Whether the smaller program works by itself."""
    orders: list[tuple[Strategy, int]] = [(RunToBlock(), 0), (Replay(smaller.deviations), 0)]
    orders += [(RandomWalk(seed_of("sound")), number) for number in range(SOUND)]
    passed = (not reference.run(*order, omit=smaller.omitted).findings for order in orders)
    return all(passed) if every else any(passed)
