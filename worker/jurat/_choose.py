"""Choosing: which task starts next, when it is not simply the head of the lane.

A worker with one queue, one priority and no limit takes its tasks from the lane, and nothing
here runs.  Otherwise a thread that is free comes here.  One at a time, under a lock that only
the worker's own threads take, it sorts what came in, looks at queues, caps, limiters and
priorities, and brings its choice to the step `start`.  Here calls are allowed, since whoever
calls the worker from outside, be it a signal handler or a finalizer, takes the step lock only.

A choice is made from what was so a moment ago.  Every step that could change it moves
`Core.changes` or `Core.admitted`, and `start` and `park` do nothing if these have moved; then
the thread looks again.  So a task is started only if it was the right one at that very step,
and nobody parks who has overlooked something.

Who runs is not counted here: it is read off the seats, so there is no count that could go wrong.

The heaps, the credits and the limiters' instants belong to the lock `Core.choosing`.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from . import _arithmetic, _steps
from ._core import FOREVER
from ._opening import open_ended, release, tell
from ._states import Phase, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, Extras, Label, Seat, TaskState
    from ._opening import Ended
    from ._policies import Rate
    from ._runtime import Gate

__all__ = ["Choice", "Dispatch", "Limiter", "QueueState", "compact", "next_task"]

QUEUED = Status.QUEUED
Entry = tuple[int, int, Any]
"""A task in a heap: its priority, its number, itself."""


class Limiter:
    """A rate, and what of it is spent: the arithmetic is `_arithmetic`'s."""

    __slots__ = ("rate", "tat")

    def __init__(self, rate: Rate | None) -> None:
        self.rate = rate
        self.tat = 0

    def first_permitted(self, now: int) -> int:
        """The first instant from now on at which a start is permitted."""
        if self.rate is None:
            return now
        return _arithmetic.first_permitted(now, self.tat, *self.rate)

    def spend(self, now: int) -> None:
        """A task has started."""
        if self.rate is not None:
            self.tat = _arithmetic.tat_after_start(now, self.tat, self.rate.starts, self.rate.per_ns)

    def change(self, rate: Rate | None, now: int) -> None:
        """Another rate from now on.  What was spent stays spent, in starts."""
        if self.rate is not None and rate is not None:
            old = self.rate
            self.tat = _arithmetic.tat_after_rate_change(
                now, self.tat, old.starts, old.per_ns, rate.starts, rate.per_ns
            )
        else:
            self.tat = 0
        self.rate = rate


class QueueState:
    """A queue of a worker.  `paused` and `weight` belong to the steps, all that follows them to choosing."""

    __slots__ = ("aside", "cap", "credit", "heap", "index", "labels", "limiter", "name", "paused", "weight")

    def __init__(self, index: int, name: str, weight: int, cap: int | None, rate: Rate | None) -> None:
        self.index = index
        self.name = name
        self.cap = cap
        self.labels: dict[str, Label] = {}
        self.paused = False
        self.weight = weight
        self.limiter = Limiter(rate)
        self.credit = 0
        self.heap: list[Entry] = []
        self.aside: dict[str, list[Entry]] = {}
        """By concurrency key, what waits for that key and for nothing else."""


class Choice:
    """What was chosen, and how much had happened when the choosing began."""

    __slots__ = ("admitted", "changes", "from_lane", "new_alarm", "shares", "task", "wake_ns")

    def __init__(self, admitted: int, changes: int) -> None:
        self.admitted = admitted
        self.changes = changes
        self.task: TaskState | None = None
        self.from_lane = False
        self.shares: tuple[tuple[int, int, bool], ...] = ()
        """Each queue's weight and credit, and whether it could have given the start."""
        self.wake_ns = FOREVER
        """If nothing can start: when the next permit accrues that would let something."""
        self.new_alarm = False
        """Whether the steward does not know of that instant yet."""


class Dispatch:
    """What belongs to the lock of those who choose, and to no queue."""

    __slots__ = ("alarm_ns", "key_cap", "limiter", "queues")

    def __init__(self, queues: tuple[QueueState, ...], rate: Rate | None, key_cap: int | None) -> None:
        self.queues = queues
        self.limiter = Limiter(rate)
        self.key_cap = key_cap
        self.alarm_ns = 0
        """The instant that the steward was last told to wake a thread at."""


def next_task(core: Core, seat: Seat) -> TaskState | None:
    """Start a task on this seat, and return it; or park the seat, or have it left.

    None without having parked means that the lane may be taken from again.
    """
    ends: list[tuple[TaskState, Ended]] = []
    with core.choosing:
        task, gates = _choose(core, seat, ends)
    for gate in gates:
        if gate is not None:
            gate.open()
    for expired, ended in ends:
        open_ended(core, *ended)
        release(expired)
    tell(core)
    return task


def _choose(
    core: Core, seat: Seat, ends: list[tuple[TaskState, Ended]]
) -> tuple[TaskState | None, Iterable[Gate | None]]:
    """As `next_task`, with the gates to open; `ends` gets the tasks that expired, with theirs."""
    while not core.direct:
        choice = Choice(core.admitted, core.changes)
        _sort(core)
        now = core.now()
        _look(core, choice, now, ends)
        if choice.task is None:
            gates = _steps.park(core, seat, choice)
            if choice.new_alarm and seat.parked:
                core.dispatch.alarm_ns = choice.wake_ns
            if seat.parked or seat.leaving:
                return None, gates
        else:
            started, wake, room = _steps.start(core, seat, choice, now)
            if started:
                _spend(core, choice, now)
                return choice.task, (wake, *room)
    return None, ()


def compact(core: Core) -> None:
    """Let go of the tasks that have ended and that no queue has come across yet."""
    with core.choosing:
        _steps.found(core)
        _sort(core)
        for queue in core.dispatch.queues:
            queue.heap = [entry for entry in queue.heap if entry[2]._status is QUEUED]
            heapify(queue.heap)
            for key in tuple(queue.aside):
                left = [entry for entry in queue.aside[key] if entry[2]._status is QUEUED]
                if left:
                    heapify(left)
                    queue.aside[key] = left
                else:
                    del queue.aside[key]


def _sort(core: Core) -> None:
    """Put what came in where it belongs.

    Whether anything came in is looked at without the lock: what comes after the look has moved
    `changes` or `admitted`, so the choice will be made again.
    """
    if not (core.inbox or core.freed or core.orders):
        return
    tasks, freed, orders = _steps.take_inbox(core)
    for limiter, rate, at in orders:
        limiter.change(rate, at)
    for task in tasks:
        heappush(task._label.queue.heap, (_extras(task).priority, task._number, task))
    if freed:
        for queue in core.dispatch.queues:
            for key in freed:
                _bring_back(queue, key)


def _extras(task: TaskState) -> Extras:
    extras = task._extras
    assert extras is not None  # noqa: S101 - a special task has them
    return extras


def _bring_back(queue: QueueState, key: str) -> None:
    """One task fewer runs with the key: the first that waits for it is a candidate again."""
    waiting = queue.aside.get(key)
    while waiting:
        entry = heappop(waiting)
        if entry[2]._status is QUEUED:
            heappush(queue.heap, entry)
            break
    if waiting is not None and not waiting:
        del queue.aside[key]


def _look(core: Core, choice: Choice, now: int, ends: list[tuple[TaskState, Ended]]) -> None:
    """Find the task that is to start now, or the instant at which one could."""
    dispatch = core.dispatch
    is_open = core.phase is Phase.OPEN
    if not core.starting or core.surplus or (core.paused and is_open):
        return
    at = dispatch.limiter.first_permitted(now)
    heads: list[tuple[TaskState, bool] | None] = []
    shares: list[tuple[int, int, bool]] = []
    for queue in dispatch.queues:
        head = None
        if not (queue.paused and is_open) and (queue.cap is None or _running_in(core, queue) < queue.cap):
            head = _head(core, queue, now, ends)
        if head is not None:
            permitted = max(at, queue.limiter.first_permitted(now))
            if permitted > now:
                choice.wake_ns = min(choice.wake_ns, permitted)
                head = None
        heads.append(head)
        shares.append((queue.weight, queue.credit, head is not None))
    choice.shares = tuple(shares)
    picked = _arithmetic.pick(choice.shares)
    if picked is not None:
        head = heads[picked]
        assert head is not None  # noqa: S101 - only a queue with one is picked
        choice.task, choice.from_lane = head
    elif choice.wake_ns != FOREVER:
        told = dispatch.alarm_ns
        choice.new_alarm = not now < told <= choice.wake_ns


def _running_in(core: Core, queue: QueueState) -> int:
    running = 0
    for seat in core.seats:
        task = seat.task
        if task is not None and task._label.queue is queue:
            running += 1
    return running


def _running_with(core: Core, key: str) -> int:
    running = 0
    for seat in core.seats:
        task = seat.task
        if task is not None and task._extras is not None and task._extras.concurrency_key == key:
            running += 1
    return running


def _head(
    core: Core, queue: QueueState, now: int, ends: list[tuple[TaskState, Ended]]
) -> tuple[TaskState, bool] | None:
    """The most urgent task of the queue that may start, but for permits, and whether it is in the lane."""
    special = _head_of_heap(core, queue, now, ends)
    first = _head_of_lane(core, now, ends) if queue.index == 0 else None
    if first is None:
        return None if special is None else (special[2], False)
    if special is None or (0, first._number) < (special[0], special[1]):
        return first, True
    return special[2], False


def _head_of_heap(
    core: Core, queue: QueueState, now: int, ends: list[tuple[TaskState, Ended]]
) -> Entry | None:
    heap = queue.heap
    while heap:
        entry = heap[0]
        task = entry[2]
        extras = _extras(task)
        key = extras.concurrency_key
        if task._status is not QUEUED:
            heappop(heap)
            if key is not None:
                _bring_back(queue, key)
        elif extras.deadline_ns <= now:
            ends.append((task, _steps.expire(core, task, now)))
        elif key is not None and _is_at_cap(core, key):
            heappop(heap)
            heappush(queue.aside.setdefault(key, []), entry)
        else:
            return entry
    return None


def _is_at_cap(core: Core, key: str) -> bool:
    cap = core.dispatch.key_cap
    return cap is not None and _running_with(core, key) >= cap


def _head_of_lane(core: Core, now: int, ends: list[tuple[TaskState, Ended]]) -> TaskState | None:
    while (task := _steps.peek(core)) is not None:
        extras = task._extras
        if task._status is not QUEUED:
            _steps.skip(core, task)
        elif extras is not None and extras.deadline_ns <= now:
            ends.append((task, _steps.expire(core, task, now)))
        else:
            break
    return task


def _spend(core: Core, choice: Choice, now: int) -> None:
    """What was chosen has started: permits are spent, and credits paid."""
    dispatch = core.dispatch
    task = choice.task
    assert task is not None  # noqa: S101 - the caller has one
    queue = task._label.queue
    dispatch.limiter.spend(now)
    queue.limiter.spend(now)
    if not choice.from_lane:
        heappop(queue.heap)
    if len(dispatch.queues) > 1:
        for one, credit in zip(dispatch.queues, _arithmetic.credits_after_pick(choice.shares), strict=True):
            one.credit = credit
