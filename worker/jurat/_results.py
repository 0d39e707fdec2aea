"""The fan-out: every task that ends is told to every subscriber, and none of them slows a worker.

What is delivered is the task's own handle, which is terminal and so never changes again: status,
value, error and reason are read from it, with their types, and nothing is copied.

A step that ends a task appends it to the worker's *outbox*, in order of end, and is done.  One
thread of the worker's own, the *herald*, takes the outbox and publishes each task to each
subscription; it runs nothing of a user's and waits for nobody.  A subscription has a buffer with
a bound, and a policy for when it is full.  Where the policy is to wait, what is offered stays *in
flight*, in the subscription's own backlog, each offer with the instant at which its bound is
spent: so a subscriber that blocks holds up its own results and nobody else's, and the backlog is
no longer than what is published within one bound.

A subscription goes through the outbox itself, and the herald adopts it where it meets it: that
is how it gets what ends after it subscribed, all of it and nothing else.

The rows, with the names of `jurat_spec.fanout` and `tla/Fanout.tla`: `publish` is Publish and, in
the same section, Put, DropOldest or DropNewest; `give_up` is GiveUp; `deliver` is Deliver,
followed by the Put of the oldest offer in flight, if there is one; `close_input` is Close;
`unsubscribe` is Unsubscribe.  EndOfStream is what `deliver` says when nothing waits after a Close.

Each subscription has a lock of its own.  A subscriber that reads meets the herald there and no
worker thread; two subscribers never meet; and since a section touches one subscription only, its
numbers agree at every instant.  The sections obey the rule of `_steps`, for the same reasons: no
call, no loop, no container made, no last reference to what is a user's let go.  What lies under
the step lock, the outbox and the gate at which the herald is parked, is in `_steps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import WeakValueDictionary

from . import _steps
from ._core import Latch
from ._options import count, nanoseconds, optional_count, optional_nanoseconds
from ._runtime import RealRuntime
from .errors import InvalidArgument, ThreadsUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from ._core import Core, TaskState
    from ._options import Duration
    from ._runtime import Gate, Lock
    from ._task import Task

__all__ = [
    "SUBSCRIPTION_SIZE",
    "Accounts",
    "Policy",
    "Subscription",
    "abandon_subscriptions",
    "start_herald",
    "subscribe",
]

Policy = Literal["drop_oldest", "drop_newest", "block"]
"""What happens to a result for which there is no room."""

SUBSCRIPTION_SIZE = 1_000

NO_GATES: tuple[Gate, ...] = ()
NO_OFFER: tuple[tuple[Any, ...], int] = ((), 0)
FRONT = 4096
FRONT_OF_LIST = slice(0, FRONT)
"""Places that are cut off a list at once, when as many items have been taken from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What became of a subscription's results, at one instant.

    At every instant `delivered + dropped + pending == published`.
    """

    published: int
    """Tasks that ended since it subscribed, but for those that closing withdrew."""
    delivered: int
    """Handed to the subscriber."""
    dropped: int
    """Never to be handed to the subscriber, because there was no room."""
    pending: int
    """Waiting in the buffer, or in flight: waiting for room in it."""
    withdrawn: int
    """Pending when the subscription was closed: let go, and published no more."""


class Subscription:
    """The tasks that end, in the order in which they do.  Made by `Worker.subscribe` only.

    Iterate over it, or call `get` or `collect`; from several threads if you like, of which each
    result reaches one.  The stream ends when the worker has stopped and nothing is pending, or
    at `close`, which drops what is pending.  A subscription that nobody reads any more should be
    closed, as the end of a `with` block does: its buffer keeps tasks alive.
    """

    __slots__ = (
        "__weakref__",
        "_arrival",
        "_bound_ns",
        "_buffer",
        "_closed",
        "_core",
        "_delivered",
        "_dropped",
        "_evicts",
        "_first",
        "_head",
        "_held",
        "_in_flight",
        "_lock",
        "_policy",
        "_published",
        "_size",
        "_unsubscribed",
        "_waiting",
        "_withdrawn",
    )

    def __init__(self, core: Core, size: int, policy: Policy, bound_ns: int | None) -> None:
        # Written once.
        self._core = core
        self._lock: Lock = core.runtime.lock()
        self._size = size
        self._policy = policy
        self._evicts = policy == "drop_oldest"
        self._bound_ns = bound_ns  # how long an offer waits; None is not at all

        # Under its lock.
        self._published = 0
        self._delivered = 0
        self._dropped = 0
        self._withdrawn = 0
        self._buffer: list[Any] = []  # tasks; those that were taken out are None
        self._head = 0  # where in the buffer the first one is
        self._waiting = 0  # how many there are
        self._held: list[Any] = []  # offers in flight: ((task,), the instant at which it gives up)
        self._first = 0  # where the first one is
        self._in_flight = 0  # how many there are; if there is one, the buffer is full
        self._closed = False  # nothing more is published
        self._unsubscribed = False  # the subscriber has closed it
        self._arrival = Latch()  # the next arrival in an empty buffer, or the end
        if isinstance(core.runtime, RealRuntime):
            _subscriptions[id(self)] = self

    def get(self, timeout: Duration | None = None) -> Task[Any] | None:
        """Wait for the next task that ended.

        None if `timeout` (a timedelta, or seconds; None is no limit) passed first, or if the
        stream has ended: `ended` tells which.
        """
        return _next(self, optional_nanoseconds("timeout", timeout))

    def collect(self, timeout: Duration | None = 0, most: int | None = None) -> list[Task[Any]]:
        """Everything that is pending now, or the first `most` of it.

        If there is nothing, wait up to `timeout` (a timedelta, or seconds; None is no limit) for
        the first.  Empty if none came in time, or none will come.
        """
        timeout_ns = optional_nanoseconds("timeout", timeout)
        limit = optional_count("most", most, least=1)
        first = _next(self, timeout_ns)
        if first is None:
            return []
        collected = [first]
        pending = 1 + account(self).pending
        while len(collected) < pending and len(collected) != limit:
            task = _next(self, 0)
            if task is None:
                break
            collected.append(task)
        return collected

    def close(self) -> None:
        """End the subscription, and let go what is pending.

        Once is enough; again is fine.  From any thread, at any time, and without waiting.
        """
        gates, closed = unsubscribe(self)
        _open(gates)
        if closed:
            _call_herald(self._core)

    @property
    def ended(self) -> bool:
        """Whether nothing more will be delivered."""
        return look_for_end(self)

    def accounts(self) -> Accounts:
        """All the numbers below, at one instant."""
        return account(self)

    @property
    def published(self) -> int:
        """As `Accounts.published`."""
        return account(self).published

    @property
    def delivered(self) -> int:
        """As `Accounts.delivered`."""
        return account(self).delivered

    @property
    def dropped(self) -> int:
        """As `Accounts.dropped`."""
        return account(self).dropped

    @property
    def pending(self) -> int:
        """As `Accounts.pending`."""
        return account(self).pending

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Task[Any]:
        task = _next(self, None)
        if task is None:
            raise StopIteration
        return task

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        accounts = account(self)
        return f"<Subscription to worker {self._core.instance}, {self._policy}, {accounts.pending} pending>"


_subscriptions: WeakValueDictionary[int, Subscription] = WeakValueDictionary()
"""Those of workers that run on the machine itself, by their identity."""


def abandon_subscriptions() -> None:
    """In a child process: what was pending is delivered in the parent, and here every stream has ended."""
    for reference in _subscriptions.valuerefs():
        its = reference()
        if its is not None:
            its._lock = its._core.runtime.lock()
            its._arrival = Latch()
            its._closed = its._unsubscribed = True
            its._buffer, its._held = [], []
            its._waiting = its._in_flight = its._head = its._first = 0
            its._published = its._delivered + its._dropped


# ------------------------------------------------------------------------ from a subscriber


def subscribe(
    core: Core,
    *,
    size: int = SUBSCRIPTION_SIZE,
    policy: Policy = "drop_oldest",
    timeout: Duration | None = None,
) -> Subscription:
    """Subscribe, and start the herald if it is needed and not there.  See `Worker.subscribe`."""
    size = count("size", size, least=1)
    if policy not in get_args(Policy):
        raise InvalidArgument("policy", f"must be one of {', '.join(get_args(Policy))}, and is {policy!r}")
    if policy == "block" and timeout is None:
        raise InvalidArgument("timeout", "must say how long a result may wait for room")
    if policy != "block" and timeout is not None:
        raise InvalidArgument("timeout", f"has no meaning for the policy {policy}, which never waits")
    bound_ns = None if timeout is None else nanoseconds("timeout", timeout)
    subscription = Subscription(core, size, policy, bound_ns)
    subscribed, mine, wake = _steps.subscribe(core, subscription)
    if not subscribed:
        close_input(subscription)
    if wake is not None:
        wake.open()
    if mine:
        try:
            start_herald(core)
        except RuntimeError as refused:
            raise ThreadsUnavailable(1, 0) from refused
    return subscription


def _next(its: Subscription, timeout_ns: int | None) -> Task[Any] | None:
    """The next task; None if the time is over, or the stream."""
    core = its._core
    until = None if timeout_ns is None else core.now() + timeout_ns
    while True:
        task, over, landed = deliver(its)
        if landed:
            _call_herald(core)
        if task is not None or over:
            return task
        left = None if until is None else until - core.now()
        if left is not None and left <= 0:
            return None
        arrival, gate = enrol(its, core.runtime.gate())
        if gate is None:
            continue
        if left is None:
            gate.wait()
        elif not gate.wait_for(left):
            give_up_waiting(its, arrival, gate)


def _call_herald(core: Core) -> None:
    wake = _steps.call_herald(core)
    if wake is not None:
        wake.open()


# ------------------------------------------------------------------------------- the herald


def start_herald(core: Core) -> None:
    """Spawn the herald, which the caller has claimed to do.

    Raises
    ------
    RuntimeError: the machine gave no thread.  Who had subscribed is told that the stream has
        ended; whoever subscribes next tries again.
    """
    try:
        core.threads.append((None, core.runtime.spawn(_herald, "herald", core)))
    except RuntimeError:
        left, gates = _steps.give_back_herald(core, [], Latch())
        for entry in left:
            if isinstance(entry, Subscription):
                _open(close_input(entry))
        _open(gates)
        raise
    _open(_steps.pass_latch(core, core.announced))


def _herald(core: Core) -> None:
    """The herald's life: publish what has ended, give up what has waited its bound, and park.

    It enrols a fresh gate before it looks at the subscriptions.  So what happens while it looks
    leaves a token there, and a token that comes when its time is over is left behind with the
    gate: the next look sees its cause.  Whether a subscription was closed it reads here without
    the lock, a single load of what happens once: `publish` looks again, under it.
    """
    audience: list[Subscription] = []
    over = False
    while not over:
        audience = [its for its in audience if not its._unsubscribed]
        gate = core.runtime.gate()
        stopped = _publish_all(core, gate, audience)
        if stopped is None:
            _give_up_all(audience, core.now())
            continue
        if stopped:
            for its in audience:
                _open(close_input(its))
        now = core.now()
        until = _give_up_all(audience, now)
        if until is not None:
            gate.wait_for(until - now)
        elif stopped:
            over = True
        else:
            gate.wait()


def _publish_all(core: Core, gate: Gate, audience: list[Subscription]) -> bool | None:
    """Publish what is in the outbox; if there was nothing, whether the worker has stopped.

    A frame of its own, so that a herald that is parked keeps no task alive.
    """
    batch, stopped = _steps.hear(core, gate, [], listened=bool(audience))
    for entry in batch:
        if isinstance(entry, Subscription):
            audience.append(entry)
            continue
        for its in audience:
            now = core.now()
            _give_up(its, now)
            _open(publish(its, entry, now))
    return None if batch else stopped


def _give_up_all(audience: Iterable[Subscription], now: int) -> int | None:
    """The next instant at which an offer that is in flight now is given up."""
    until: int | None = None
    for its in audience:
        instant = _give_up(its, now)
        if instant is not None and (until is None or instant < until):
            until = instant
    return until


def _give_up(its: Subscription, now: int) -> int | None:
    """Drop the offers that have waited their bound.  The instant of the next, if there is one."""
    if its._bound_ns is None:
        return None
    instant = give_up(its, now)
    while instant is not None and instant <= now:
        instant = give_up(its, now)
    return instant


def _open(gates: Iterable[Gate]) -> None:
    for gate in gates:
        gate.open()


# ------------------------------------------------------------------- the sections, one function each


def publish(its: Subscription, task: TaskState, now: int) -> Iterable[Gate]:
    """Publish, and offer it: Put, DropOldest or DropNewest, or it is in flight.  Gates to open."""
    entry: tuple[Any] = (task,)
    bound_ns = its._bound_ns
    offer = NO_OFFER if bound_ns is None else (entry, now + bound_ns)
    offers = (offer,)
    fresh = Latch()
    gates: Iterable[Gate] = NO_GATES
    with its._lock:
        if not its._unsubscribed:
            its._published += 1
            if its._waiting < its._size:
                its._waiting += 1
                its._buffer += entry
                arrival = its._arrival
                if arrival.gates:
                    arrival.over = True
                    gates = arrival.gates
                    its._arrival = fresh
            elif bound_ns is not None:
                its._in_flight += 1
                its._held += offers
            else:
                its._dropped += 1
                if its._evicts:
                    buffer = its._buffer
                    head = its._head
                    task = buffer[head]  # kept until the section is left
                    buffer[head] = None
                    buffer += entry
                    its._head = head + 1
                    if head >= FRONT:
                        del buffer[FRONT_OF_LIST]
                        its._head -= FRONT
    return gates


def give_up(its: Subscription, now: int) -> int | None:
    """GiveUp for the oldest offer in flight, if it has waited its bound.

    Returns the instant at which that offer is given up, None if there is none: if the instant has
    passed, the offer was dropped, and there may be another.
    """
    offer = NO_OFFER
    instant: int | None = None
    with its._lock:
        if its._in_flight:
            held = its._held
            first = its._first
            offer = held[first]
            instant = offer[1]
            if instant <= now:
                held[first] = None
                its._first = first + 1
                its._in_flight -= 1
                its._dropped += 1
                if first >= FRONT:
                    del held[FRONT_OF_LIST]
                    its._first -= FRONT
    return instant


def deliver(its: Subscription) -> tuple[Task[Any] | None, bool, bool]:
    """Deliver the oldest; it makes room for the oldest offer in flight.

    Returns it, or None; whether the stream had ended before this; and whether the herald, which
    has nothing more to publish, waited for this offer.
    """
    task: Task[Any] | None = None
    offer = NO_OFFER
    landed = False
    with its._lock:
        over = its._unsubscribed or (its._closed and not its._waiting)
        if its._waiting:
            buffer = its._buffer
            head = its._head
            task = buffer[head]
            buffer[head] = None
            its._head = head + 1
            its._delivered += 1
            if its._in_flight:
                held = its._held
                first = its._first
                offer = held[first]
                held[first] = None
                buffer += offer[0]
                its._first = first + 1
                its._in_flight -= 1
                landed = its._closed and not its._in_flight
                if first >= FRONT:
                    del held[FRONT_OF_LIST]
                    its._first -= FRONT
            else:
                its._waiting -= 1
            if head >= FRONT:
                del buffer[FRONT_OF_LIST]
                its._head -= FRONT
    return task, over, landed


def enrol(its: Subscription, gate: Gate) -> tuple[Latch, Gate | None]:
    """A thread will wait for an arrival, or the end.  No gate if there is something, or it is over."""
    entry = (gate,)
    at: Gate | None = gate
    with its._lock:
        arrival = its._arrival
        spare = arrival.spare
        if its._waiting or its._closed or its._unsubscribed:
            at = None
        elif spare:
            at = spare[-1]
            del spare[-1]
        else:
            arrival.gates += entry
    return arrival, at


def give_up_waiting(its: Subscription, arrival: Latch, gate: Gate) -> None:
    """The timeout of a thread that waits has passed: its gate is for the next one."""
    entry = (gate,)
    with its._lock:
        if not arrival.over:
            arrival.spare += entry


def close_input(its: Subscription) -> Iterable[Gate]:
    """Close: nothing more is published.  Returns the gates of those who wait."""
    gates: Iterable[Gate] = NO_GATES
    fresh = Latch()
    with its._lock:
        its._closed = True
        arrival = its._arrival
        if arrival.gates:
            arrival.over = True
            gates = arrival.gates
            its._arrival = fresh
    return gates


def unsubscribe(its: Subscription) -> tuple[Iterable[Gate], bool]:
    """Unsubscribe: what waits is let go, and what is in flight is withdrawn.

    Returns the gates of those who wait, and whether it was subscribed.
    """
    gates: Iterable[Gate] = NO_GATES
    fresh = Latch()
    buffer: list[Any] = []
    held: list[Any] = []
    let_go: list[Any] | None = None  # kept until the section is left, as the next is
    withdrawn: list[Any] | None = None
    with its._lock:
        was_subscribed = not its._unsubscribed
        if was_subscribed:
            its._unsubscribed = True
            pending = its._waiting + its._in_flight
            its._published -= pending
            its._withdrawn = pending
            its._waiting = its._in_flight = its._head = its._first = 0
            let_go = its._buffer
            withdrawn = its._held
            its._buffer = buffer
            its._held = held
            arrival = its._arrival
            if arrival.gates:
                arrival.over = True
                gates = arrival.gates
                its._arrival = fresh
    del let_go, withdrawn
    return gates, was_subscribed


def look_for_end(its: Subscription) -> bool:
    """Whether the stream has ended."""
    with its._lock:
        return its._unsubscribed or (its._closed and not its._waiting)


def account(its: Subscription) -> Accounts:
    """Every number at one instant."""
    with its._lock:
        published = its._published
        delivered = its._delivered
        dropped = its._dropped
        pending = its._waiting + its._in_flight
        withdrawn = its._withdrawn
    return Accounts(
        published=published, delivered=delivered, dropped=dropped, pending=pending, withdrawn=withdrawn
    )
