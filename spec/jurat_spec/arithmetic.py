"""What the worker's sums must come to, said from the law and not from the algorithm.

The worker keeps one number for a limiter and one credit for a queue, and takes steps.  Here
everything is counted from a history: the starts that were made, the picks that were made.
Rates and fractions are `Fraction`, so nothing is rounded unless the law says so.  Instants
and lengths are nanoseconds.  Every function is slow on purpose, and looks at all it is given.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

__all__ = [
    "Pick",
    "backoff_delay",
    "credit",
    "first_permitted_instant",
    "jittered_delay",
    "may_retry",
    "next_pick",
    "permitted",
    "record_times",
    "retained",
    "returned_late",
    "starts_owed",
    "starts_owed_in_ticks",
]


class Pick(NamedTuple):
    """One pick of the past."""

    eligible: frozenset[int]
    """The queues that could have been picked, by position."""
    picked: int


# ----------------------------------------------------------------------------- limiter


def permitted(starts: tuple[int, ...], now: int, rate: Fraction, burst: int) -> bool:
    """Whether, with a start now, every closed window that ends now keeps starts <= burst + rate * w.

    Section 2.  A window that begins between two starts holds no more than the one that begins
    at the later of them, so the windows that begin at a start are enough.
    """
    return all(
        sum(begin <= start <= now for start in (*starts, now)) <= burst + rate * (now - begin)
        for begin in (*starts, now)
    )


def starts_owed(starts: tuple[int, ...], now: int, rate: Fraction) -> Fraction:
    """The most by which a window that ends now exceeds its rate: what was spent and not given back."""
    excess = [sum(begin <= start <= now for start in starts) - rate * (now - begin) for begin in starts]
    return max([Fraction(0), *excess])


def starts_owed_in_ticks(starts: tuple[int, ...], now: int, rate: Fraction, per_start: int) -> int:
    """Starts owed, as ticks of a rate of `per_start` ticks, rounded up: a change keeps the debt in starts."""
    return ceil(starts_owed(starts, now, rate) * per_start)


def first_permitted_instant(starts: tuple[int, ...], now: int, rate: Fraction, burst: int) -> int:
    """The first instant from now on at which a start is permitted, by trying each."""
    instant = now
    while not permitted(starts, instant, rate, burst):
        instant += 1
    return instant


# ----------------------------------------------------------------------------- retries


def backoff_delay(retry: int, base: int, cap: int) -> int:
    """RT-2: min(cap, base * 2 ** (retry - 1))."""
    doublings: int = 2 ** (retry - 1)
    return min(cap, base * doublings)


def jittered_delay(delay: int, jitter: Fraction, draw: Fraction) -> int:
    """The delay less the drawn part of the jitter, rounded up to a whole nanosecond."""
    return ceil(delay * (1 - jitter * draw))


def may_retry(attempts: int, max_retries: int | None, next_time: int, deadline: int | None) -> bool:
    """Section 2, can_retry: not over the retries, and the next time is before the deadline."""
    retries_made = attempts - 1
    over_retries = max_retries is not None and retries_made + 1 > max_retries
    over_deadline = deadline is not None and not next_time < deadline
    return not (over_retries or over_deadline)


def returned_late(returned: int, attempt_end: int | None, deadline: int | None) -> bool:
    """Section 2, late: at or after the earlier of both ends, of those that there are."""
    ends = [end for end in (attempt_end, deadline) if end is not None]
    return bool(ends) and returned >= min(ends)


def record_times(instants: tuple[int, ...]) -> tuple[int, ...]:
    """The time of each record: the latest instant that was read up to it, so a log never goes backwards."""
    return tuple(max(instants[: place + 1]) for place in range(len(instants)))


# --------------------------------------------------------------------------- retention


def retained(
    ended: tuple[tuple[int, bool], ...], now: int, max_age: int | None, max_number: int | None
) -> frozenset[int]:
    """Which of the ended tasks stay, as positions.

    A task whose function is on a thread stays.  Of the others those stay that are not over age
    and among the last to end, as many as the number leaves when those that must stay, and the
    later ones, are counted.
    """
    stuck = {place for place, (_, off_thread) in enumerate(ended) if not off_thread}
    young = {
        place
        for place, (instant, _) in enumerate(ended)
        if place not in stuck and (max_age is None or instant + max_age > now)
    }
    if max_number is None:
        return frozenset(stuck | young)
    room = max(0, max_number - len(stuck))
    return frozenset(stuck | set(sorted(young, reverse=True)[:room]))


# ----------------------------------------------------------------------------- weights


def credit(weights: tuple[int, ...], past: tuple[Pick, ...], queue: int) -> int:
    """What a queue has earned by being eligible, less what its picks have cost."""
    earned = weights[queue] * sum(queue in each.eligible for each in past)
    paid = sum(weights[other] for each in past if each.picked == queue for other in each.eligible)
    return earned - paid


def next_pick(weights: tuple[int, ...], past: tuple[Pick, ...], eligible: frozenset[int]) -> int | None:
    """The eligible queue that is the furthest behind its share once this turn counts; the first of equals."""
    behind = sorted((-credit(weights, past, queue) - weights[queue], queue) for queue in eligible)
    return behind[0][1] if behind else None
