"""Shrinking: the same failure with fewer surprises.

A schedule is its deviations from the run-to-block default, so a simpler schedule has fewer
of them.  Two ways lead there.  *Dropping*: runs of deviations are left out, long runs
first, then pairs, as long as what remains breaks the same property.  What is dropped
changes what the later ones mean; that is no harm, since a candidate counts only for what
it does, and what is kept is what it did.  *Searching*: a walk that hardly ever deviates is
tried a number of times; where it breaks the same property, it does so simply, and dropping
goes on from there.

Prior art: delta debugging (Zeller and Hildebrandt 2002), here in its greedy form; the
search is the observation of the SCTBench study that most bugs need few preemptions.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from .randomness import seed_of
from .strategies import Reluctant, Replay

if TYPE_CHECKING:
    from .bench import Bench, Run


PAIRS_UP_TO = 12
"""With so few deviations left, any two are tried together: going away from a thread and coming back to it."""
SEARCHED = 200
"""Schedules that the search may run."""


def shrink(bench: Bench, run: Run) -> Run:
    """A run that breaks the same property with as few deviations as this can reach."""
    best = _drop(bench, run)
    walk = Reluctant(seed_of("shrink"), leave=1 / 16)
    for number in range(SEARCHED):
        found = bench.run(walk, number)
        if _simpler(found, best):
            best = _drop(bench, found)
    return best


def _simpler(run: Run, best: Run) -> bool:
    same = bool(run.findings) and run.findings[0].property == best.findings[0].property
    return same and len(run.deviations) < len(best.deviations)


def _drop(bench: Bench, best: Run) -> Run:
    """Drop until nothing more can be dropped."""
    while True:
        smaller = _drop_runs(bench, best)
        if len(smaller.deviations) <= PAIRS_UP_TO:
            smaller = _drop_pairs(bench, smaller)
        if len(smaller.deviations) == len(best.deviations):
            return smaller
        best = smaller


def _drop_runs(bench: Bench, best: Run) -> Run:
    size = len(best.deviations)
    while size:
        start = 0
        while start < len(best.deviations):
            kept = best.deviations[:start] + best.deviations[start + size :]
            smaller = _without(bench, best, kept)
            if smaller is None:
                start += size
            else:
                best = smaller
        size //= 2
    return best


def _drop_pairs(bench: Bench, best: Run) -> Run:
    for pair in combinations(range(len(best.deviations)), 2):
        kept = [it for place, it in enumerate(best.deviations) if place not in pair]
        smaller = _without(bench, best, kept)
        if smaller is not None:
            return _drop_pairs(bench, smaller)
    return best


def _without(bench: Bench, best: Run, kept: list[tuple[int, int]]) -> Run | None:
    """The run that keeps these, if it is simpler and breaks the same property."""
    run = bench.run(Replay(kept))
    return run if _simpler(run, best) else None
