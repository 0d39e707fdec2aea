"""The worker's sums: limiter, backoff, lateness, retention and weights, in whole numbers.

Nothing here knows a clock, a lock or a task.  Each function takes whole numbers and answers
with whole numbers, so that it can be confirmed for all of them and not only for a sample.
Instants and lengths are nanoseconds.  There is no float, no shift, and each loop is bounded.

A rate is two numbers: `per_tick` starts in `per_start` nanoseconds.  What was spent is kept
as `tat`, the theoretical arrival time, multiplied by `per_tick`: so a nanosecond gives back
`per_tick` and a start spends `per_start`, and nothing is rounded.  Prior art: the generic
cell rate algorithm, ITU-T I.371; the smooth weighted round robin of nginx.

What is asked of the arguments is in each docstring.  The functions do not check it: the
options are validated where they enter.
"""

from __future__ import annotations

__all__ = [
    "backoff",
    "can_retry",
    "credits_after_pick",
    "evicted",
    "first_permitted",
    "is_late",
    "is_permitted",
    "jittered",
    "owed",
    "pick",
    "record_time",
    "tat_after_rate_change",
    "tat_after_start",
]

# ----------------------------------------------------------------------------- limiter


def owed(now: int, tat: int, per_tick: int) -> int:
    """What was spent and is not yet given back, in nanoseconds multiplied by `per_tick`."""
    debt = tat - now * per_tick
    return max(0, debt)


def is_permitted(now: int, tat: int, per_tick: int, per_start: int, burst: int) -> bool:
    """Whether a start now leaves no more than `burst` starts owed.  `burst` is at least 1."""
    return owed(now, tat, per_tick) + per_start <= burst * per_start


def tat_after_start(now: int, tat: int, per_tick: int, per_start: int) -> int:
    """The theoretical arrival time when a start was spent now."""
    return now * per_tick + owed(now, tat, per_tick) + per_start


def first_permitted(now: int, tat: int, per_tick: int, per_start: int, burst: int) -> int:
    """The first instant, not before `now`, at which a start is permitted.

    `per_tick` and `burst` are at least 1.
    """
    instant = -((burst * per_start - per_start - tat) // per_tick)
    return max(now, instant)


def tat_after_rate_change(
    now: int, tat: int, old_per_tick: int, old_per_start: int, per_tick: int, per_start: int
) -> int:
    """The theoretical arrival time under a new rate: the debt stays what it was in starts, rounded up.

    `old_per_start` is at least 1.
    """
    debt = owed(now, tat, old_per_tick)
    return now * per_tick - (-(debt * per_start) // old_per_start)


# ----------------------------------------------------------------------------- retries


def backoff(retry: int, base: int, cap: int) -> int:
    """How long retry number `retry`, counted from 1, waits before jitter: min(cap, base * 2 ** (retry - 1)).

    `base` and `cap` are not negative.  The loop ends at the cap, so it takes as many turns as
    the cap has binary digits, however many retries there are.
    """
    delay = base
    if delay <= 0:
        return 0
    for _ in range(retry - 1):
        if delay >= cap:
            return cap
        delay += delay
    return min(delay, cap)


def jittered(delay: int, jitter: int, draw: int, scale: int) -> int:
    """The delay, shortened by a random part of at most the fraction jitter / scale.

    `jitter` is in [0, scale], and `draw` is random in [0, scale).  The answer is at most
    `delay`, so that a cap stays one, and at least delay * (1 - jitter / scale).
    """
    return delay - delay * jitter * draw // (scale * scale)


def can_retry(attempts: int, max_retries: int | None, next_time: int, deadline: int | None) -> bool:
    """Whether a failed attempt, the last of `attempts`, may be followed by another at `next_time`.

    `None` is no limit.  At its deadline a task may not start any more.
    """
    return (max_retries is None or attempts <= max_retries) and (deadline is None or next_time < deadline)


def is_late(returned: int, attempt_end: int | None, deadline: int | None) -> bool:
    """Whether the function came back at or after the end of its attempt or its deadline.  `None` is never."""
    return (attempt_end is not None and returned >= attempt_end) or (
        deadline is not None and returned >= deadline
    )


def record_time(instant: int, last: int) -> int:
    """The time of a record: the instant as read, but not before the record that precedes it."""
    return max(instant, last)


# --------------------------------------------------------------------------- retention


def evicted(
    ended: tuple[tuple[int, bool], ...], now: int, max_age: int | None, max_number: int | None
) -> tuple[int, ...]:
    """Which of the ended tasks leave now, as positions in `ended`, the first to leave first.

    `ended` is in the order in which the tasks ended: the instant, and whether the function is
    off its thread.  A task whose function is still on one stays, and counts.  A task is over
    age when it ended `max_age` or more ago; the tasks are over number while more than
    `max_number` remain.  `None` is no limit.
    """
    remain = len(ended)
    leave: tuple[int, ...] = ()
    for position, (instant, off_thread) in enumerate(ended):
        over_age = max_age is not None and now - instant >= max_age
        over_number = max_number is not None and remain > max_number
        if off_thread and (over_age or over_number):
            leave = (*leave, position)
            remain -= 1
    return leave


# ----------------------------------------------------------------------------- weights


def pick(queues: tuple[tuple[int, int, bool], ...]) -> int | None:
    """The queue that may start a task now, by smooth weighted round robin; `None` if none is eligible.

    Each queue is (weight, credit, eligible).  Every eligible queue earns its weight, and the
    one with the most credit is picked, the first of equals.
    """
    best: int | None = None
    most = 0
    for position, (weight, credit, eligible) in enumerate(queues):
        if eligible and (best is None or credit + weight > most):
            best = position
            most = credit + weight
    return best


def credits_after_pick(queues: tuple[tuple[int, int, bool], ...]) -> tuple[int, ...]:
    """Each queue's credit after `pick`: the picked one pays what all eligible ones have earned.

    So the sum of the credits never changes.  A queue that is not eligible keeps its own.
    """
    picked = pick(queues)
    total = 0
    for weight, _, eligible in queues:
        if eligible:
            total += weight
    after: tuple[int, ...] = ()
    for position, (weight, credit, eligible) in enumerate(queues):
        earned = credit + weight if eligible else credit
        after = (*after, earned - total if position == picked else earned)
    return after
