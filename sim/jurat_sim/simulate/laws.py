"""Laws of time, as arithmetic on instants: what a limiter, a scheduler and a queue owe, exactly.

Nothing here knows the worker.  Each function takes what was measured and says whether the law holds,
in whole numbers: instants and lengths in nanoseconds.

Sources: the window bound is the generic cell rate algorithm's, ITU-T I.371; `list_schedule` and its
bounds are R. L. Graham's, "Bounds on certain multiprocessing anomalies", 1966 and 1969; `fair_windows`
is what smooth weighted round robin owes to queues that always have a task.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rate(NamedTuple):
    """So many starts in so many nanoseconds, and so many at once."""

    starts: int
    per_ns: int
    burst: int


class Windows(NamedTuple):
    """Every closed window that begins and ends with a start."""

    windows: int
    excess: int
    """By how much the fullest window goes beyond its bound, in starts times `per_ns`; at most 0 by the law.

    Above minus `per_ns`, not one more start would have fitted into that window."""

    @property
    def hold(self) -> bool:
        """No window has more starts than its bound."""
        return self.excess <= 0


def windows(instants: Sequence[int], rate: Rate) -> Windows:
    """Compare every window [t, t + w] with burst + starts * w / per.

    With a(i) = i * per - starts * t(i), the window from the i-th start to the j-th goes beyond its bound by
    a(j) - a(i) + per - burst * per.  So all n * (n + 1) / 2 of them are compared in one pass, with the
    smallest a so far.  A window that begins or ends between starts holds no more than one of these.
    """
    starts, per, burst = rate
    smallest = excess = None
    for place, at in enumerate(instants):
        here = place * per - starts * at
        smallest = here if smallest is None or here < smallest else smallest
        beyond = here - smallest + per - burst * per
        excess = beyond if excess is None or beyond > excess else excess
    count = len(instants)
    return Windows(count * (count + 1) // 2, -burst * per if excess is None else excess)


def envelope(instants: Sequence[int], rate: Rate) -> list[int]:
    """How many starts the rate permits by each of these starts, itself counted.

    It is the least of what the windows allow that begin with a start and end here, as in `windows`: with the
    smallest a so far, burst + (a + starts * t) / per.
    """
    starts, per, burst = rate
    allowed: list[int] = []
    smallest = None
    for place, at in enumerate(instants):
        here = place * per - starts * at
        smallest = here if smallest is None or here < smallest else smallest
        allowed.append(burst + (smallest + starts * at) // per)
    return allowed


def permitted(arrivals: Sequence[int], rate: Rate) -> list[int]:
    """The first permitted instants for tasks that come at these instants and otherwise fit.

    The k-th start is the first instant at which no window is over its bound: in whole nanoseconds, the
    smallest t >= its arrival with (j + 1 - burst) * per <= starts * (t - t(k - j)) for each j.  The arrival
    time that GCRA keeps is the largest of these bounds; it is kept times `starts`, so nothing is rounded.
    """
    starts, per, burst = rate
    owed_until = 0
    instants: list[int] = []
    for arrival in arrivals:
        earliest = -((burst * per - per - owed_until) // starts)
        at = max(arrival, earliest, instants[-1] if instants else arrival)
        owed_until = max(owed_until, at * starts) + per
        instants.append(at)
    return instants


def list_schedule(lengths: Sequence[int], threads: int, releases: Sequence[int] | None = None) -> list[int]:
    """The starts of tasks that are taken in order, each by the first of so many threads that is free."""
    free = [0] * threads
    heapify(free)
    starts = []
    for place, length in enumerate(lengths):
        at = max(free[0], releases[place] if releases is not None else 0)
        heapreplace(free, at + length)
        starts.append(at)
    return starts


def makespan_bounds(lengths: Sequence[int], threads: int) -> tuple[int, int]:
    """What no schedule of these tasks goes below, and what no list schedule goes above.

    At least the longest task and an equal share of all; at most the share plus (1 - 1 / threads) of the
    longest.  Whole nanoseconds: the first rounded up, the second down.
    """
    total, longest = sum(lengths), max(lengths, default=0)
    return max(longest, -(-total // threads)), (total + (threads - 1) * longest) // threads


class Fairness(NamedTuple):
    """How the starts of several queues were shared out."""

    windows: int
    """How many windows of as many starts as the weights sum up to there are."""
    unfair: int
    """In how many of them a queue has not exactly its weight."""
    widest_gap: int
    """The most starts from one of a queue to its next, less those of an even spread, rounded up; at most 1
    for two queues."""


def fair_windows(turns: Sequence[int], weights: Sequence[int]) -> Fairness:
    """Count in every window of `sum(weights)` starts how often each queue had its turn.

    `turns` are the queues' places in `weights`, in order of start, while every queue has tasks that wait.
    """
    size = sum(weights)
    counts = [0] * len(weights)
    unfair = seen = 0
    last: dict[int, int] = {}
    gap = 0
    for place, queue in enumerate(turns):
        counts[queue] += 1
        if queue in last:
            gap = max(gap, place - last[queue] - -(-size // weights[queue]))
        last[queue] = place
        if place >= size:
            counts[turns[place - size]] -= 1
        if place >= size - 1:
            seen += 1
            unfair += counts != list(weights)
    return Fairness(seen, unfair, gap)
