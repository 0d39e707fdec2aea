"""The fan-out: what is published is offered to every subscriber, under its own policy.

Each subscriber has a buffer with a bound, and a policy for when it is full.  A publication is
in flight until it has been offered to all who were subscribed when it was made; the next is
made after that.  A subscriber may come and go at any time, in the middle of an offer to it as
well.  How long a blocking offer waits is no number here: its bound may be spent at any moment.

The laws stand after the steps; names and steps are those of `tla/Fanout.tla`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from .machine import Laws

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LAWS", "STATUSES", "Fanout", "State", "Subscriber"]

V = TypeVar("V")

Status = Literal["new", "subscribed", "unsubscribed", "ended"]
Policy = Literal["block", "drop_oldest", "drop_newest"]

STATUSES: tuple[Status, ...] = ("new", "subscribed", "unsubscribed", "ended")
OFFERS = ("Put", "DropOldest", "DropNewest")
"""How an offer ends without waiting."""


class State(NamedTuple):
    """The variables of `tla/Fanout.tla`.  Functions over subscribers are tuples, number 1 first."""

    published: int
    """How many publications; they are numbered, and this is the last."""
    offering: frozenset[int]
    """To whom the last is still to be offered."""
    closed: bool
    """Nothing more is published."""
    status: tuple[Status, ...]
    since: tuple[int, ...]
    """The last publication before each subscribed."""
    buffer: tuple[tuple[int, ...], ...]
    """What waits for each."""
    delivered: tuple[int, ...]
    """How many each has got."""
    last: tuple[int, ...]
    """The last that each has got, or 0."""
    dropped: tuple[int, ...]
    """How many each will not get."""

    def of(self, number: int) -> Subscriber:
        """What concerns one subscriber, numbered from 1."""
        at = number - 1
        return Subscriber(
            self.status[at],
            self.since[at],
            self.buffer[at],
            self.delivered[at],
            self.last[at],
            self.dropped[at],
        )

    def having(self, number: int, subscriber: Subscriber) -> State:
        """The same state, but for that subscriber."""
        return self._replace(
            status=_with(self.status, number, subscriber.status),
            since=_with(self.since, number, subscriber.since),
            buffer=_with(self.buffer, number, subscriber.buffer),
            delivered=_with(self.delivered, number, subscriber.delivered),
            last=_with(self.last, number, subscriber.last),
            dropped=_with(self.dropped, number, subscriber.dropped),
        )


class Subscriber(NamedTuple):
    """One subscriber's part of a state: the variables that are functions, in their order."""

    status: Status
    since: int
    buffer: tuple[int, ...]
    delivered: int
    last: int
    dropped: int


def _with(values: tuple[V, ...], number: int, value: V) -> tuple[V, ...]:
    """The function with another value for a number."""
    return (*values[: number - 1], value, *values[number:])


# --------------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Fanout:
    """The fan-out's constants, and the steps that it may take."""

    publications: int
    """At most."""
    cap: int
    """What a buffer holds."""
    blocking: int
    """Subscribers for whom an offer waits, up to its bound.  They are the first."""
    dropping_oldest: int
    """Subscribers whose oldest goes when the buffer is full."""
    dropping_newest: int
    """Subscribers whose newest goes.  They are the last."""

    variables = State._fields

    @property
    def subscribers(self) -> range:
        """Their numbers."""
        return range(1, self.blocking + self.dropping_oldest + self.dropping_newest + 1)

    def policy(self, number: int) -> Policy:
        """What happens when the buffer of this subscriber is full."""
        if number <= self.blocking:
            return "block"
        return "drop_oldest" if number <= self.blocking + self.dropping_oldest else "drop_newest"

    def initial(self) -> State:
        """Nothing is published, and nobody has subscribed."""
        new: Status = "new"
        none = (0,) * len(self.subscribers)
        return State(
            published=0,
            offering=frozenset(),
            closed=False,
            status=tuple([new for _ in self.subscribers]),
            since=none,
            buffer=tuple([() for _ in self.subscribers]),
            delivered=none,
            last=none,
            dropped=none,
        )

    def successors(self, s: State) -> Iterator[tuple[str, State]]:
        """Each step that is allowed in a state."""
        if not s.closed and s.published < self.publications and not s.offering:
            yield "Publish", self.publish(s)
        yield "Close", s._replace(closed=True)  # what is in flight goes on
        for number in self.subscribers:
            if number in s.offering:
                label, after = self.offer(s, number)
                yield label, after._replace(offering=s.offering - {number})
            for label, after in self.by_subscriber(s, number):
                yield label, after

    def publish(self, s: State) -> State:
        """It is in flight, to all who are subscribed."""
        offering = frozenset(n for n in self.subscribers if s.of(n).status == "subscribed")
        return s._replace(published=s.published + 1, offering=offering)

    def offer(self, s: State, number: int) -> tuple[str, State]:
        """What becomes of the offer in flight: there is room for it, or the policy decides."""
        its = s.of(number)
        if len(its.buffer) < self.cap:
            return "Put", s.having(number, its._replace(buffer=(*its.buffer, s.published)))
        dropped = its._replace(dropped=its.dropped + 1)
        match self.policy(number):
            case "drop_oldest":
                newest = (*its.buffer[1:], s.published)
                return "DropOldest", s.having(number, dropped._replace(buffer=newest))
            case "drop_newest":
                return "DropNewest", s.having(number, dropped)
            case "block":  # its bound is spent, and there is no room still
                return "GiveUp", s.having(number, dropped)

    def by_subscriber(self, s: State, number: int) -> Iterator[tuple[str, State]]:
        """What a subscriber does, or sees."""
        its = s.of(number)
        if its.status == "new":  # it gets what is published from now on: after the close, nothing
            yield "Subscribe", s.having(number, its._replace(status="subscribed", since=s.published))
        if its.status != "subscribed":
            return
        if its.buffer:
            taken = its._replace(buffer=its.buffer[1:], delivered=its.delivered + 1, last=its.buffer[0])
            yield "Deliver", s.having(number, taken)
        if s.closed and not its.buffer and number not in s.offering:
            yield "EndOfStream", s.having(number, its._replace(status="ended"))
        yield "Unsubscribe", self.unsubscribe(s, number)

    def unsubscribe(self, s: State, number: int) -> State:
        """What waits is let go, and the offer in flight is withdrawn."""
        gone = s.of(number)._replace(status="unsubscribed", buffer=())
        return s.having(number, gone)._replace(offering=s.offering - {number})


# ----------------------------------------------------------------- the laws, from outside

LAWS: Laws[Fanout, State] = Laws()


def _pending(s: State, number: int) -> int:
    """What waits for a subscriber: in its buffer, and in flight."""
    return len(s.of(number).buffer) + (number in s.offering)


def _published_since(s: State, number: int) -> int:
    return s.published - s.of(number).since


def _stream(s: State, number: int) -> tuple[int, ...]:
    """What it has got and what it will get, in the order in which it will."""
    its = s.of(number)
    return (its.last, *its.buffer, *((s.published,) if number in s.offering else ()))


@LAWS.of_state("every variable has a value of its type")
def type_ok(machine: Fanout, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        0 <= s.published <= machine.publications
        and s.offering <= set(machine.subscribers)
        and s.closed in (True, False)
        and all(
            its.status in STATUSES
            and 0 <= its.since <= s.published
            and all(1 <= each <= s.published for each in its.buffer)
            and 0 <= its.last <= s.published
            and min(its.delivered, its.dropped) >= 0
            for its in map(s.of, machine.subscribers)
        )
    )


@LAWS.of_state(
    'RS-1 "several subscribers each see every result", RS-2 "every drop is counted"; section 2: '
    "delivered + dropped + pending = published since it subscribed"
)
def accounted(machine: Fanout, s: State) -> bool:
    """Nothing that was published for a subscriber is unaccounted for."""
    return all(
        s.of(n).delivered + s.of(n).dropped + _pending(s, n) == _published_since(s, n)
        for n in machine.subscribers
        if s.of(n).status == "subscribed"
    )


@LAWS.of_state('RS-2 "bounded buffers"')
def bounded(machine: Fanout, s: State) -> bool:
    """No buffer holds more than its bound."""
    return all(len(buffer) <= machine.cap for buffer in s.buffer)


@LAWS.of_state('section 2 "order kept"')
def order_kept(machine: Fanout, s: State) -> bool:
    """A subscriber gets publications in the order in which they were made, none twice."""
    return all(one < next_ for n in machine.subscribers for one, next_ in pairwise(_stream(s, n)))


@LAWS.of_state('RS-2 "a chosen backpressure strategy": who drops the oldest always has the newest')
def newest_is_kept(machine: Fanout, s: State) -> bool:
    """It has got it, or it waits."""
    return all(
        _stream(s, n)[-1] == s.published
        for n in machine.subscribers
        if machine.policy(n) == "drop_oldest"
        and s.of(n).status == "subscribed"
        and _published_since(s, n) > 0
    )


@LAWS.of_state("section 2: a slow subscriber never slows a worker under the drop policies")
def drop_policies_never_block(machine: Fanout, s: State) -> bool:
    """An offer to it ends at once."""
    return all(machine.offer(s, n)[0] in OFFERS for n in s.offering if machine.policy(n) != "block")


@LAWS.of_state('SD-3 "nothing that a writer still uses is closed under it"')
def all_seen_at_the_end(machine: Fanout, s: State) -> bool:
    """Who is told that nothing more comes has got, or was counted, all there was."""
    return all(
        s.of(n).delivered + s.of(n).dropped == _published_since(s, n) and n not in s.offering
        for n in machine.subscribers
        if s.of(n).status == "ended"
    )


@LAWS.of_step("section 2: unsubscribing withdraws the offer in flight, and nothing comes after it")
def nothing_after_unsubscribe(machine: Fanout, s: State, after: State) -> bool:
    """Nothing is delivered to it, nothing waits for it, and nothing is offered to it."""
    return all(
        after.of(n).delivered == s.of(n).delivered and after.of(n).buffer == () and n not in after.offering
        for n in machine.subscribers
        if s.of(n).status == "unsubscribed"
    )


@LAWS.of_step('SD-3 "nothing that a writer still uses is closed under it": a subscription ends once')
def ends_once(machine: Fanout, s: State, after: State) -> bool:
    """Whichever way it has ended."""
    return all(
        after.of(n).status == s.of(n).status
        for n in machine.subscribers
        if s.of(n).status in ("unsubscribed", "ended")
    )


def _drops(machine: Fanout, s: State, after: State) -> Iterator[int]:
    return (n for n in machine.subscribers if after.of(n).dropped > s.of(n).dropped)


@LAWS.of_step('RS-2 "bounded buffers": what has room is not dropped')
def drops_only_when_full(machine: Fanout, s: State, after: State) -> bool:
    """Whatever the policy is."""
    return all(len(s.of(n).buffer) == machine.cap for n in _drops(machine, s, after))


@LAWS.of_step(
    'RS-2 "a chosen backpressure strategy": but for who drops the oldest, what waits is not dropped'
)
def oldest_is_kept(machine: Fanout, s: State, after: State) -> bool:
    """A drop leaves the buffer as it is."""
    return all(
        after.of(n).buffer == s.of(n).buffer
        for n in _drops(machine, s, after)
        if machine.policy(n) != "drop_oldest"
    )
