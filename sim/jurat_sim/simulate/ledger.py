"""The ledger: what the event logs of a simulation say, added up while they are written.

A run of a million tasks writes four million events.  The ledger takes them as they come and keeps of
each task that ended a few numbers, so the log itself need not be kept.

A task *waits* from the instant at which it is queued to its start; what passes before its time, or
between attempts, is no waiting.  Its *latency* is from submission to completion.
"""

from __future__ import annotations

from array import array
from collections import Counter
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDS = {
    "Complete": "completed",
    "Fail": "failed",
    "AcknowledgeCancel": "cancelled",
    "Cancel": "cancelled",
    "ShutdownCancel": "cancelled",
    "TimeOut": "timed_out",
    "Expire": "timed_out",
    "Abandon": "abandoned",
}
"""The status in which each of these actions leaves a task."""

_SUBMITTED, _QUEUED, _STARTED = range(3)
_NOT = -1


class RetryDelay(NamedTuple):
    """A backoff as it was drawn: after which attempt, from when, and how long."""

    attempt: int
    at_ns: int
    delay_ns: int


class Ledger:
    """The sums of one simulation, over all its workers."""

    def __init__(self) -> None:
        self.submitted = 0
        self.rejected: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.waits = array("q")
        """How long each attempt waited, in order of start."""
        self.latencies = array("q")
        """Of the tasks that completed, in order of end."""
        self.starts: list[array[int]] = []
        """The instants of starts, of each worker apart: each has limiters of its own."""
        self.delays: list[RetryDelay] = []
        self.busy_ns = 0
        """How long functions have run, of attempts whose end is recorded."""
        self.depth_at = array("q")
        self.depth = array("q")
        """How many tasks are queued from each of those instants on."""
        self.live_at = array("q")
        self.live = array("q")
        """How many tasks have not ended, from each of those instants on."""
        self._queued = 0
        self._live: list[dict[int, list[int]]] = []

    @property
    def left(self) -> int:
        """Tasks that have not ended."""
        return sum(map(len, self._live))

    def add_worker(self) -> int:
        """Another worker begins; its number."""
        self.starts.append(array("q"))
        self._live.append({})
        return len(self._live) - 1

    def take_all(self, batches: dict[int, list[Any]]) -> None:
        """Add up what each worker has recorded since, in order of time: a sum over all of them needs that."""
        some = {worker: events for worker, events in batches.items() if events}
        if len(some) <= 1:  # hardly ever more: one worker follows another
            for worker, events in some.items():
                self.take(worker, events)
            return
        told_apart = [[(worker, event) for event in events] for worker, events in some.items()]
        merged = merge(*told_apart, key=lambda it: it[1][0])
        for worker, its_events in groupby(merged, key=itemgetter(0)):
            self.take(worker, [event for _, event in its_events])

    def take(self, worker: int, events: Iterable[Any]) -> None:
        """Add up what this worker has recorded since."""
        live = self._live[worker]
        for at, action, number, attempt, detail in events:
            self.actions[action] += 1
            if action == "Start":
                task = live[number]
                self.waits.append(at - task[_QUEUED])
                task[_QUEUED] = _NOT
                task[_STARTED] = at
                self.starts[worker].append(at)
                self._queue(at, -1)
            elif action == "Submit":
                self.submitted += 1
                scheduled = "due_ns" in detail
                live[number] = [at, _NOT if scheduled else at, _NOT]
                self._count(at)
                if not scheduled:
                    self._queue(at, 1)
            elif action in ENDS:
                self._end(at, live.pop(number), action)
            elif action == "BecomeDue":
                live[number][_QUEUED] = at
                self._queue(at, 1)
            elif action in {"Retry", "TimeOutRetry"}:
                task = live[number]
                self.busy_ns += at - task[_STARTED]
                task[_STARTED] = _NOT
                self.delays.append(RetryDelay(attempt, detail[1], detail[2] - detail[1]))
            elif action == "Reject":
                self.rejected[detail if isinstance(detail, str) else detail[0]] += 1

    def _end(self, at: int, task: list[int], action: str) -> None:
        self.ends[ENDS[action]] += 1
        if task[_STARTED] != _NOT:
            self.busy_ns += at - task[_STARTED]
        if task[_QUEUED] != _NOT:
            self._queue(at, -1)
        if action == "Complete":
            self.latencies.append(at - task[_SUBMITTED])
        self._count(at)

    def _queue(self, at: int, change: int) -> None:
        self._queued += change
        _note(self.depth_at, self.depth, at, self._queued)

    def _count(self, at: int) -> None:
        _note(self.live_at, self.live, at, self.submitted - self.ends.total())


def _note(instants: array[int], values: array[int], at: int, value: int) -> None:
    """A value from this instant on; of one instant only the last value is kept."""
    if instants and instants[-1] == at:
        values[-1] = value
    else:
        instants.append(at)
        values.append(value)


def time_average(instants: array[int], values: array[int], until: int) -> tuple[int, int]:
    """The integral of a step function from its first instant to `until`, and the length of that time."""
    if not instants:
        return 0, 0
    total = 0
    last = instants[0]
    value = 0
    for at, now in zip(instants, values, strict=True):
        total += value * (at - last)
        last, value = at, now
    return total + value * (until - last), until - instants[0]


def quantile(ordered: array[int] | list[int], share_of: int, shares: int) -> int:
    """The smallest of the ordered values that at least `share_of / shares` of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * share_of // shares) - 1)]
