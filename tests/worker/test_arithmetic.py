"""The worker's sums by examples that a reader can check by hand."""

from __future__ import annotations

import pytest

from jurat import _arithmetic as arithmetic


@pytest.mark.parametrize(
    ("num", "den", "burst", "expected"),
    [
        (1, 2, 1, (0, 2, 4, 6, 8)),
        (2, 3, 1, (0, 2, 4, 6, 8)),
        (2, 3, 2, (0, 0, 2, 3, 5)),
        (3, 2, 2, (0, 0, 1, 2, 2)),
    ],
)
def test_starts_are_at_the_first_permitted_instants(
    num: int, den: int, burst: int, expected: tuple[int, ...]
) -> None:
    """Each as soon as it may, with nothing rounded away."""
    now = tat = 0
    starts = []
    for _ in range(5):
        now = arithmetic.first_permitted(now, tat, num, den, burst)
        starts.append(now)
        tat = arithmetic.tat_after_start(now, tat, num, den)
    assert tuple(starts) == expected


def test_a_change_of_the_rate_keeps_the_debt_in_starts_rounded_up() -> None:
    """A third of a start is owed; at 1 start in 5 that is 5/3 ticks, so 2."""
    assert arithmetic.tat_after_rate_change(0, 1, 1, 3, 1, 5) == 2


@pytest.mark.parametrize(
    ("retry", "base", "cap", "expected"),
    [(1, 5, 100, 5), (2, 5, 100, 10), (5, 5, 100, 80), (6, 5, 100, 100), (1, 5, 3, 3), (9, 0, 3, 0)],
)
def test_backoff_doubles_up_to_its_cap(retry: int, base: int, cap: int, expected: int) -> None:
    """The first retry waits the base."""
    assert arithmetic.backoff(retry, base, cap) == expected


def test_backoff_takes_no_more_turns_than_the_cap_has_digits() -> None:
    """A retry number without end costs nothing."""
    assert arithmetic.backoff(10**15, 1, 60 * 10**9) == 60 * 10**9


def test_jitter_only_shortens() -> None:
    """From all of the delay down to just over what the fraction leaves."""
    assert [arithmetic.jittered(100, 2, draw, 4) for draw in range(4)] == [100, 88, 75, 63]
    assert arithmetic.jittered(100, 0, 3, 4) == 100


def test_a_retry_is_before_the_deadline_and_within_the_number() -> None:
    """The deadline itself is too late; zero retries is none."""
    assert arithmetic.can_retry(1, 1, 9, 10)
    assert not arithmetic.can_retry(1, 1, 10, 10)
    assert not arithmetic.can_retry(1, 0, 9, None)
    assert arithmetic.can_retry(99, None, 9, None)


def test_late_is_at_the_earlier_end() -> None:
    """The instant of the end is late already."""
    assert arithmetic.is_late(10, 20, 10)
    assert arithmetic.is_late(10, 10, None)
    assert not arithmetic.is_late(9, 10, 10)
    assert not arithmetic.is_late(9, None, None)


def test_a_record_is_never_dated_before_the_last() -> None:
    """A clock that was read early and written late does not turn the log back."""
    assert (arithmetic.record_time(5, 7), arithmetic.record_time(8, 7)) == (7, 8)


def test_the_first_to_end_leave_first_but_not_while_on_a_thread() -> None:
    """The stuck one counts, so another must leave for it."""
    ended = ((1, False), (2, True), (3, True), (9, True))
    assert arithmetic.evicted(ended, 10, None, 2) == (1, 2)
    assert arithmetic.evicted(ended, 10, 7, None) == (1, 2)
    assert arithmetic.evicted(ended, 10, None, None) == ()


def test_weights_three_and_one_give_three_and_one_in_each_window_of_four() -> None:
    """Smoothly, and an ineligible queue yields its share."""
    weights, picked = (3, 1), []
    earned: tuple[int, ...] = (0, 0)
    for _ in range(12):
        queues = tuple((weight, credit, True) for weight, credit in zip(weights, earned, strict=True))
        picked.append(arithmetic.pick(queues))
        earned = arithmetic.credits_after_pick(queues)
    assert all(sorted(filter(None, picked[at : at + 4])) == [1] for at in range(9))
    assert arithmetic.pick(((3, 0, False), (1, 0, True))) == 1
    assert arithmetic.pick(((3, 0, False),)) is None
