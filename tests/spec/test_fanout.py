"""The fan-out by examples: what each policy does with a full buffer, and what coming and going changes."""

from __future__ import annotations

import pytest

from jurat_spec.fanout import Fanout, State
from jurat_spec.search import walk

FANOUT = Fanout(publications=3, cap=1, blocking=1, dropping_oldest=1, dropping_newest=1)
BLOCKING, DROPPING_OLDEST, DROPPING_NEWEST = FANOUT.subscribers


def after(state: State, *steps: tuple[str, int]) -> State:
    """The state after steps, each of a subscriber, or with 0 of the publisher."""
    for label, number in steps:
        of_it = Fanout.by_subscriber(FANOUT, state, number) if number else FANOUT.successors(state)
        [state] = [state_after for name, state_after in of_it if name == label]
    return state


def offered(state: State, number: int) -> tuple[str, State]:
    """What becomes of an offer to this subscriber, and the state when it has been made."""
    label, offered_state = FANOUT.offer(state, number)
    return label, offered_state._replace(offering=state.offering - {number})


def full(number: int) -> State:
    """One publication waits for this subscriber alone, and a second is in flight."""
    state = after(FANOUT.initial(), ("Subscribe", number), ("Publish", 0))
    _, state = offered(state, number)
    return after(state, ("Publish", 0))


@pytest.mark.parametrize(
    ("number", "label", "buffer"),
    [
        (BLOCKING, "GiveUp", (1,)),
        (DROPPING_OLDEST, "DropOldest", (2,)),
        (DROPPING_NEWEST, "DropNewest", (1,)),
    ],
)
def test_a_full_buffer_is_the_policys_to_decide(number: int, label: str, buffer: tuple[int, ...]) -> None:
    """What goes is counted, and the next publication can be made."""
    said, state = offered(full(number), number)
    assert (said, state.of(number).buffer, state.of(number).dropped) == (label, buffer, 1)
    assert "Publish" in {name for name, _ in FANOUT.successors(state)}


def test_nothing_is_published_while_an_offer_is_in_flight() -> None:
    """So that order is kept."""
    assert "Publish" not in {name for name, _ in FANOUT.successors(full(BLOCKING))}


def test_room_that_was_made_in_time_is_used() -> None:
    """A blocking offer waits for it."""
    label, state = offered(after(full(BLOCKING), ("Deliver", BLOCKING)), BLOCKING)
    assert (label, state.of(BLOCKING).buffer, state.of(BLOCKING).dropped) == ("Put", (2,), 0)


def test_who_unsubscribes_sets_the_publisher_free() -> None:
    """The offer in flight is withdrawn, what waited is let go, and neither is delivered."""
    state = after(full(BLOCKING), ("Unsubscribe", BLOCKING))
    assert state.offering == frozenset()
    assert state.of(BLOCKING).buffer == ()
    assert list(FANOUT.by_subscriber(state, BLOCKING)) == []


def test_who_comes_late_gets_what_is_published_after() -> None:
    """Not what is in flight to others."""
    state = after(full(BLOCKING), ("Subscribe", DROPPING_OLDEST))
    assert DROPPING_OLDEST not in state.offering
    assert state.of(DROPPING_OLDEST).since == 2


def test_who_comes_after_the_close_is_told_so() -> None:
    """At once, since nothing was published for it."""
    state = after(FANOUT.initial(), ("Close", 0), ("Subscribe", BLOCKING), ("EndOfStream", BLOCKING))
    assert state.of(BLOCKING).status == "ended"


def test_a_stream_ends_when_all_is_seen() -> None:
    """After the close, and not before what waits and what is in flight."""
    closed = after(full(DROPPING_OLDEST), ("Close", 0))
    _, state = offered(closed, DROPPING_OLDEST)
    assert "EndOfStream" not in {name for name, _ in FANOUT.by_subscriber(state, DROPPING_OLDEST)}
    ended = after(state, ("Deliver", DROPPING_OLDEST), ("EndOfStream", DROPPING_OLDEST))
    assert (ended.of(DROPPING_OLDEST).delivered, ended.of(DROPPING_OLDEST).dropped) == (1, 1)


def test_without_subscribers_publishing_waits_for_nobody() -> None:
    """A publication to nobody is over at once."""
    alone = Fanout(publications=3, cap=1, blocking=0, dropping_oldest=0, dropping_newest=0)
    assert walk(alone).depth == 5
