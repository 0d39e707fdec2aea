"""The abstraction: which state of the specification a worker is in, read off its own fields.

The specification speaks of some fifteen variables, the worker has some hundred fields.  `look` says
what the first are, given the second: a task's status is its `_status`, a function is on a thread if a
seat says so, a permit is there if the limiter's instants say so, and what time does (a deadline has
passed, the grace is over) follows from an instant of the worker and the clock.

Nothing here reads the event log, and nothing here knows what is allowed: whoever compares a state seen
here with one of the specification compares two things that have no line in common.

Three variables the worker has no field for, since nothing it does depends on them; they are kept from one
look to the next, so a look is due after every section:

* `peak`, the most threads there ever were;
* `paused` after a drain that turned into a stop: the worker keeps its flags and no longer asks for them;
* `grace_spent` once the worker has stopped, when no time matters any more.

The steward may go from draining to stopped before anybody looks.  That needs no look in between: a worker
that has stopped and was never given a grace has drained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_spec.view import State

if TYPE_CHECKING:
    from jurat_spec.view import Lifecycle

__all__ = ["Abstraction", "differences"]

_LIVE = frozenset({"scheduled", "queued", "retrying", "running"})


class Abstraction:
    """Looks at one worker as at a state of this machine."""

    __slots__ = ("_core", "_drained", "_grace_spent", "_limited", "_numbers", "_peak", "_queue_limited")

    def __init__(self, core: Any, machine: Lifecycle) -> None:
        self._core = core
        self._numbers = range(1, 1 + len(machine.terms))
        queues = range(1, 1 + machine.config.queues)
        self._limited = machine.config.burst is not None
        self._queue_limited = tuple([machine.config.burst_of(queue) is not None for queue in queues])
        self._peak: int = core.threads_wanted
        self._drained = False
        self._grace_spent = False

    def look(self, now_ns: int) -> State:
        """The state at this instant.  To be called while nobody is in a section.

        The permits are right only while nobody chooses (`Core.choosing`): a start spends them after its
        section, before that lock is given back.
        """
        core = self._core
        phase = core.phase._value_
        self._peak = max(self._peak, core.threads_wanted)
        if phase == "draining" or (phase == "stopped" and core.grace_over_ns is None):
            self._drained = True
        if phase == "stopping":
            self._grace_spent = core.grace_over_ns <= now_ns
        status: list[Any] = []
        attempts, reason, executing, overdue, attempt_over = [], list[Any](), [], [], []
        running = [seat.task for seat in core.seats if seat.task is not None]
        registry = core.registry
        for number in self._numbers:
            task = registry.get(number)
            its, extras = "absent", None
            if task is not None:
                its, extras = task._status._value_, task._extras
            status.append(its)
            attempts.append(0 if task is None else task._attempts)
            reason.append("none" if task is None or task._reason is None else task._reason._value_)
            executing.append(0 if task is None else running.count(task))
            overdue.append(extras is not None and extras.deadline_ns <= now_ns and its in _LIVE)
            attempt_over.append(extras is not None and extras.attempt_end_ns <= now_ns and its == "running")
        dispatch = core.dispatch
        return State(
            status=tuple(status),
            attempts=tuple(attempts),
            reason=tuple(reason),
            executing=tuple(executing),
            overdue=tuple(overdue),
            attempt_over=tuple(attempt_over),
            phase=phase,
            pending="cancel" if core.pending_cancel else "finish",
            grace_spent=self._grace_spent,
            admitted=core.admitted,
            permits=self._permits(dispatch.limiter, now_ns) if self._limited else 0,
            queue_permits=tuple(
                [
                    self._permits(queue.limiter, now_ns) if limited else 0
                    for queue, limited in zip(dispatch.queues, self._queue_limited, strict=False)
                ]
            ),
            paused=frozenset() if self._drained else self._paused(),
            threads=core.threads_wanted,
            peak=self._peak,
        )

    def _paused(self) -> frozenset[int]:
        """The worker is number 0, its queues follow."""
        flags = [self._core.paused, *[queue.paused for queue in self._core.dispatch.queues]]
        return frozenset([number for number, paused in enumerate(flags) if paused])

    def _permits(self, limiter: Any, now_ns: int) -> int:
        """The burst, less the starts that are owed, a part of one being one.

        Of changes of the rate that whoever chooses has not come to yet, the debt is changed here: it is
        the same number of starts afterwards, rounded up.
        """
        starts, per_ns, burst = limiter.rate
        tat = limiter.tat
        for changed, rate, at_ns in self._core.orders:
            if changed is limiter:
                owed = -(-max(0, tat - at_ns * starts) * rate[1] // per_ns)
                starts, per_ns, burst = rate
                tat = at_ns * starts + owed
        return int(burst - -(-max(0, tat - now_ns * starts) // per_ns))


def differences(specified: State, seen: State) -> str:
    """In which variables the two differ: what the specification says, and what was seen."""
    return ", ".join(
        f"{name} is {here!r} and must be {there!r}"
        for name, there, here in zip(State._fields, specified, seen, strict=True)
        if there != here
    )
