"""The definitions of the sums, by examples that follow from the sentences they quote."""

from __future__ import annotations

from fractions import Fraction

from jurat_spec import arithmetic as law


def test_no_window_holds_more_than_the_burst_and_the_rate_allow() -> None:
    """Two starts in three ticks after a burst of one: two ticks must pass, since one gives back 2/3."""
    rate = Fraction(2, 3)
    assert law.permitted((), 0, rate, 1)
    assert [law.permitted((0,), now, rate, 1) for now in range(3)] == [False, False, True]
    assert law.first_permitted_instant((0,), 0, rate, 1) == 2
    assert law.first_permitted_instant((0, 2), 2, rate, 1) == 4


def test_debt_is_the_most_that_a_window_exceeds_its_rate() -> None:
    """Two starts, and one tick that gives back two thirds of one."""
    assert law.starts_owed((0, 0), 1, Fraction(2, 3)) == Fraction(4, 3)
    assert law.starts_owed_in_ticks((0, 0), 1, Fraction(2, 3), 5) == 7
    assert law.starts_owed((0,), 9, Fraction(2, 3)) == 0


def test_delays() -> None:
    """Doubled up to the cap, then shortened by the part that was drawn, rounded up."""
    assert [law.backoff_delay(retry, 5, 30) for retry in range(1, 5)] == [5, 10, 20, 30]
    assert law.jittered_delay(10, Fraction(1, 2), Fraction(1, 3)) == 9


def test_ends_and_deadlines() -> None:
    """At the instant it is late, and too late to retry."""
    assert law.may_retry(1, 1, 4, 5)
    assert not law.may_retry(1, 1, 5, 5)
    assert not law.may_retry(2, 1, 4, 5)
    assert law.returned_late(5, None, 5)
    assert not law.returned_late(4, 5, None)
    assert not law.returned_late(4, None, None)


def test_a_log_never_goes_backwards() -> None:
    """Each record has the latest instant so far."""
    assert law.record_times((3, 1, 4, 2)) == (3, 3, 4, 4)


def test_what_is_retained() -> None:
    """The last to end, in the room that a stuck one leaves."""
    ended = ((1, False), (2, True), (3, True), (9, True))
    assert law.retained(ended, 10, None, 2) == {0, 3}
    assert law.retained(ended, 10, 7, None) == {0, 3}
    assert law.retained(ended, 10, None, 0) == {0}
    assert law.retained(ended, 10, None, None) == {0, 1, 2, 3}


def test_the_queue_that_is_the_furthest_behind_is_picked() -> None:
    """Weights 3 and 1: the order that a smooth round robin gives."""
    both = frozenset({0, 1})
    past: tuple[law.Pick, ...] = ()
    for _ in range(4):
        picked = law.next_pick((3, 1), past, both)
        assert picked is not None
        past = (*past, law.Pick(both, picked))
    assert [each.picked for each in past] == [0, 0, 1, 0]
    assert [law.credit((3, 1), past, queue) for queue in (0, 1)] == [0, 0]
    assert law.next_pick((3, 1), past, frozenset()) is None
