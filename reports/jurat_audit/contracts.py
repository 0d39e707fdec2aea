"""What CrossHair is asked to confirm of the worker's arithmetic, for all whole numbers it allows.

Each condition is a function that answers whether the law holds for its arguments.  Its lines
`pre:` bound the arguments, and `post: _` says that the answer must be true.  The function
under test is reached as `arithmetic.<name>`: the link puts the worker's module there, or one
of the wrong twins below.  A wrong twin is the worker's source with one line changed.

Where a product of two unknowns would leave the solver without an answer, the rate is written
out; Hypothesis draws the rates that are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jurat import _arithmetic as arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CONDITIONS", "TWINS", "Condition", "Twin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """One planted fault: the function, and the text of it that is replaced."""

    function: str
    right: str
    wrong: str
    title: str


TWINS: dict[str, Twin] = {
    "saved-rest": Twin(
        function="owed",
        right="return max(0, debt)",
        wrong="return debt",
        title="a long rest is saved up beyond the burst",
    ),
    "one-too-many": Twin(
        function="is_permitted",
        right="return owed(now, tat, per_tick) + per_start <= burst * per_start",
        wrong="return owed(now, tat, per_tick) <= burst * per_start",
        title="the start itself is not counted",
    ),
    "stale-tat": Twin(
        function="tat_after_start",
        right="return now * per_tick + owed(now, tat, per_tick) + per_start",
        wrong="return tat + per_start",
        title="an arrival time of the past is carried on",
    ),
    "rounded-down": Twin(
        function="first_permitted",
        right="instant = -((burst * per_start - per_start - tat) // per_tick)",
        wrong="instant = (tat + per_start - burst * per_start) // per_tick",
        title="the first permitted instant is rounded down",
    ),
    "debt-forgiven": Twin(
        function="tat_after_rate_change",
        right="- (-(debt * per_start) // old_per_start)",
        wrong="+ debt * per_start // old_per_start",
        title="the debt is rounded down when the rate changes",
    ),
    "over-cap": Twin(
        function="backoff",
        right="return min(delay, cap)",
        wrong="return delay",
        title="the last doubling passes the cap",
    ),
    "doubled-first": Twin(
        function="backoff",
        right="for _ in range(retry - 1):",
        wrong="for _ in range(retry):",
        title="the first retry waits twice the base",
    ),
    "longer": Twin(
        function="jittered",
        right="return delay - delay * jitter",
        wrong="return delay + delay * jitter",
        title="jitter makes the delay longer",
    ),
    "at-the-deadline": Twin(
        function="can_retry",
        right="next_time < deadline",
        wrong="next_time <= deadline",
        title="a retry at the deadline is allowed",
    ),
    "one-retry-less": Twin(
        function="can_retry",
        right="attempts <= max_retries",
        wrong="attempts < max_retries",
        title="the last retry is not made",
    ),
    "not-yet-late": Twin(
        function="is_late",
        right="returned >= deadline",
        wrong="returned > deadline",
        title="a return at the deadline is in time",
    ),
    "not-yet-over": Twin(
        function="is_late",
        right="returned >= attempt_end",
        wrong="returned > attempt_end",
        title="a return at the end of the attempt is in time",
    ),
    "backwards": Twin(
        function="record_time",
        right="return max(instant, last)",
        wrong="return instant",
        title="a record may be dated before the one that precedes it",
    ),
    "stuck-leaves": Twin(
        function="evicted",
        right="if off_thread and (over_age or over_number):",
        wrong="if over_age or over_number:",
        title="a task leaves while its function is on a thread",
    ),
    "one-more-kept": Twin(
        function="evicted",
        right="remain > max_number",
        wrong="remain > max_number + 1",
        title="one task more than the number is kept",
    ),
    "too-young": Twin(
        function="evicted",
        right="now - instant >= max_age",
        wrong="now - instant > max_age",
        title="a task that has just reached its age is kept",
    ),
    "not-eligible": Twin(
        function="pick",
        right="if eligible and (best is None",
        wrong="if (best is None",
        title="a queue that is not eligible is picked",
    ),
    "last-of-equals": Twin(
        function="pick",
        right="credit + weight > most",
        wrong="credit + weight >= most",
        title="of equals the last is picked",
    ),
    "cheap-pick": Twin(
        function="credits_after_pick",
        right="earned - total if position == picked",
        wrong="earned - weight if position == picked",
        title="the pick costs its own weight only",
    ),
}


# ----------------------------------------------------------------------------- limiter


def debt_is_given_back(now: int, tat: int) -> bool:
    """A nanosecond gives back what the rate says, and never more than is owed.

    pre: now >= 0
    post: _
    """
    before = arithmetic.owed(now, tat, 3)
    return before >= 0 and arithmetic.owed(now + 1, tat, 3) == max(0, before - 3)


def burst_is_kept(now: int, tat: int, burst: int) -> bool:
    """After a permitted start, at 2 starts in 7 ns, no more than the burst is owed.

    pre: now >= 0
    pre: burst >= 1
    post: _
    """
    if not arithmetic.is_permitted(now, tat, 2, 7, burst):
        return True
    return arithmetic.owed(now, arithmetic.tat_after_start(now, tat, 2, 7), 2) <= 7 * burst


def start_spends_one(now: int, tat: int, per_start: int) -> bool:
    """A start adds exactly one start to what is owed.

    pre: now >= 0
    pre: per_start >= 1
    post: _
    """
    after = arithmetic.tat_after_start(now, tat, 3, per_start)
    return arithmetic.owed(now, after, 3) == arithmetic.owed(now, tat, 3) + per_start


def first_instant_is_first(now: int, tat: int, burst: int) -> bool:
    """At 3 starts in 7 ns: permitted at the first permitted instant, and not a nanosecond before.

    pre: now >= 0
    pre: burst >= 1
    post: _
    """
    first = arithmetic.first_permitted(now, tat, 3, 7, burst)
    permitted = arithmetic.is_permitted(first, tat, 3, 7, burst)
    return permitted and (first == now or not arithmetic.is_permitted(first - 1, tat, 3, 7, burst))


def debt_is_kept(now: int, tat: int) -> bool:
    """From 3 starts in 7 ns to 2 in 5: the debt in starts is kept, and rounded up by less than a tick.

    pre: now >= 0
    post: _
    """
    after = arithmetic.tat_after_rate_change(now, tat, 3, 7, 2, 5)
    surplus = 7 * arithmetic.owed(now, after, 2) - 5 * arithmetic.owed(now, tat, 3)
    return 0 <= surplus < 7


# ----------------------------------------------------------------------------- retries


def backoff_is_capped(retry: int, base: int, cap: int) -> bool:
    """No delay is over the cap, for the first six retries.

    pre: 1 <= retry <= 6
    pre: base >= 0
    pre: cap >= 0
    post: _
    """
    return 0 <= arithmetic.backoff(retry, base, cap) <= cap


def backoff_doubles(retry: int, base: int, cap: int) -> bool:
    """The first delay is the base and each is twice the one before, up to the cap, for six retries.

    pre: 1 <= retry <= 5
    pre: base >= 0
    pre: cap >= 0
    post: _
    """
    first = arithmetic.backoff(1, base, cap) == min(base, cap)
    delay = arithmetic.backoff(retry, base, cap)
    return first and arithmetic.backoff(retry + 1, base, cap) == min(cap, 2 * delay)


def jitter_is_bounded(delay: int, draw: int) -> bool:
    """With a jitter of 1/4 the delay is between three quarters of it and all of it.

    pre: delay >= 0
    pre: 0 <= draw < 1000
    post: _
    """
    drawn = arithmetic.jittered(delay, 250, draw, 1000)
    return 3 * delay <= 4 * drawn and drawn <= delay


def retry_is_before_deadline(attempts: int, max_retries: int, next_time: int, deadline: int) -> bool:
    """A retry is allowed only before the deadline.

    pre: attempts >= 1
    pre: max_retries >= 0
    post: _
    """
    return next_time < deadline or not arithmetic.can_retry(attempts, max_retries, next_time, deadline)


def retries_are_exact(attempts: int, max_retries: int, next_time: int) -> bool:
    """Without a deadline the retries are as many as was said.

    pre: attempts >= 1
    pre: max_retries >= 0
    post: _
    """
    return arithmetic.can_retry(attempts, max_retries, next_time, None) == (attempts - 1 < max_retries)


def late_is_the_earlier_end(returned: int, attempt_end: int, deadline: int) -> bool:
    """Late is at or after the earlier of both ends.

    post: _
    """
    return arithmetic.is_late(returned, attempt_end, deadline) == (returned >= min(attempt_end, deadline))


def late_without_deadline(returned: int, attempt_end: int) -> bool:
    """Without a deadline the end of the attempt alone decides, and without both nothing is late.

    post: _
    """
    alone = arithmetic.is_late(returned, attempt_end, None) == (attempt_end <= returned)
    return alone and not arithmetic.is_late(returned, None, None)


def records_never_go_back(instant: int, last: int) -> bool:
    """A record's time is not before the last one, and is one of the two.

    post: _
    """
    time = arithmetic.record_time(instant, last)
    return last <= time and instant <= time and not (last < time and instant < time)


# --------------------------------------------------------------------------- retention


def stuck_tasks_stay(first: int, second: int, now: int, max_age: int, max_number: int) -> bool:
    """A task whose function is on a thread stays, whatever the limits.

    pre: first <= second <= now
    pre: max_age >= 0
    pre: max_number >= 0
    post: _
    """
    return 0 not in arithmetic.evicted(((first, False), (second, True)), now, max_age, max_number)


def number_is_kept(first: int, second: int, third: int, now: int, max_number: int) -> bool:
    """Of three tasks the last stay, as many as the number says.

    pre: first <= second <= third <= now
    pre: max_number >= 0
    post: _
    """
    ended = ((first, True), (second, True), (third, True))
    return arithmetic.evicted(ended, now, None, max_number) == (0, 1, 2)[: max(0, 3 - max_number)]


def age_is_exact(first: int, second: int, now: int, max_age: int) -> bool:
    """A task leaves exactly when it ended its age ago.

    pre: first <= second <= now
    pre: max_age >= 0
    post: _
    """
    leave = arithmetic.evicted(((first, True), (second, True)), now, max_age, None)
    return (0 in leave) == (first + max_age <= now) and (1 in leave) == (second + max_age <= now)


# ----------------------------------------------------------------------------- weights


def only_eligible_is_picked(a: int, b: int, one: bool, other: bool) -> bool:  # noqa: FBT001 - CrossHair gives them
    """What is picked is eligible, and nothing is picked only if nothing is.

    post: _
    """
    picked = arithmetic.pick(((3, a, one), (1, b, other)))
    return not (one or other) if picked is None else (one, other)[picked]


def first_of_equals_is_picked(a: int, b: int, c: int) -> bool:
    """The most credit is picked, and the first of equals.

    post: _
    """
    picked = arithmetic.pick(((1, a, True), (1, b, True), (1, c, True)))
    most = max(a, b, c)
    return picked == (0 if a == most else 1 if b == most else 2)


def credits_sum_is_constant(a: int, b: int, v: int, w: int) -> bool:
    """A pick takes from one queue what it gives to all.

    pre: v >= 1
    pre: w >= 1
    post: _
    """
    after = arithmetic.credits_after_pick(((v, a, True), (w, b, True)))
    return after[0] + after[1] == a + b


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A law, and the wrong twin that must break it."""

    law: Callable[..., bool]
    twin: str

    @property
    def name(self) -> str:
        """Such as `burst_is_kept`."""
        return self.law.__name__

    @property
    def text(self) -> str:
        """The first line of its docstring."""
        return (self.law.__doc__ or "").strip().splitlines()[0]


CONDITIONS: tuple[Condition, ...] = tuple(
    Condition(law=law, twin=twin)
    for law, twin in (
        (debt_is_given_back, "saved-rest"),
        (burst_is_kept, "one-too-many"),
        (start_spends_one, "stale-tat"),
        (first_instant_is_first, "rounded-down"),
        (debt_is_kept, "debt-forgiven"),
        (backoff_is_capped, "over-cap"),
        (backoff_doubles, "doubled-first"),
        (jitter_is_bounded, "longer"),
        (retry_is_before_deadline, "at-the-deadline"),
        (retries_are_exact, "one-retry-less"),
        (late_is_the_earlier_end, "not-yet-late"),
        (late_without_deadline, "not-yet-over"),
        (records_never_go_back, "backwards"),
        (stuck_tasks_stay, "stuck-leaves"),
        (number_is_kept, "one-more-kept"),
        (age_is_exact, "too-young"),
        (only_eligible_is_picked, "not-eligible"),
        (first_of_equals_is_picked, "last-of-equals"),
        (credits_sum_is_constant, "cheap-pick"),
    )
)
