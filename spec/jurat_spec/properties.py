"""What must hold throughout: of each state, and of each step.

The rule says what may happen; a property says what must never be true, or never happen,
and why anybody cares.  Each quotes the sentence it comes from: a requirement of the PRD
by its id, or a decision of the design.  None of them repeats a guard.

The names are those of `tla/Lifecycle.tla`, where TLC checks the same properties.  Liveness
is TLC's alone: it speaks of whole behaviours, which a search over states does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .lifecycle import (
    ACTIONS,
    LIVE,
    OUTCOMES,
    PENDINGS,
    PHASES,
    REASONS,
    STATUSES,
    TERMINAL,
    WAITING,
)
from .view import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .lifecycle import Config
    from .view import State

__all__ = ["ACTION_PROPERTIES", "INVARIANTS", "ActionProperty", "Invariant"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that is true of every state."""

    name: str
    source: str
    """The sentence it comes from."""
    holds: Callable[[Config, State], bool]


@dataclass(frozen=True, slots=True)
class ActionProperty:
    """Something that is true of every step: of the state before and the state after."""

    name: str
    source: str
    holds: Callable[[Config, State, State], bool]


_invariants: list[Invariant] = []
_action_properties: list[ActionProperty] = []


def _invariant(source: str) -> Callable[[Callable[[Config, State], bool]], Callable[[Config, State], bool]]:
    def add(holds: Callable[[Config, State], bool]) -> Callable[[Config, State], bool]:
        _invariants.append(Invariant(_camel(holds.__name__), source, holds))
        return holds

    return add


def _of_steps(
    source: str,
) -> Callable[[Callable[[Config, State, State], bool]], Callable[[Config, State, State], bool]]:
    def add(holds: Callable[[Config, State, State], bool]) -> Callable[[Config, State, State], bool]:
        _action_properties.append(ActionProperty(_camel(holds.__name__), source, holds))
        return holds

    return add


def _camel(name: str) -> str:
    """`queue_cap` is `QueueCap`; `type_ok` is `TypeOK`, as TLA+ people write it."""
    return "".join(part.capitalize() for part in name.split("_")).replace("Ok", "OK")


# ---------------------------------------------------------------------- words they share


def _count(state: State, statuses: tuple[str, ...]) -> int:
    return sum(status in statuses for status in state.status)


def _requested(state: State, task: int) -> bool:
    return state.reason[task] != "none" or state.phase == "stopping"


def _tasks(state: State) -> range:
    return range(len(state.status))


def _changes(before: State, after: State) -> Iterator[tuple[int, str, str]]:
    """Each task whose status the step changes: its position, and both statuses."""
    for task, (old, new) in enumerate(zip(before.status, after.status, strict=True)):
        if old != new:
            yield task, old, new


def _starts(before: State, after: State) -> list[int]:
    return [task for task in _tasks(before) if after.attempts[task] > before.attempts[task]]


# --------------------------------------------------------------------------- invariants


@_invariant("every variable has a value of its type")
def type_ok(_: Config, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        all(status in STATUSES for status in s.status)
        and all(attempts >= 0 for attempts in s.attempts)
        and all(reason in REASONS for reason in s.reason)
        and all(executing >= 0 for executing in s.executing)
        and s.phase in PHASES
        and s.pending in PENDINGS
        and s.grace_spent in (True, False)
    )


@_invariant('RG-1 "memory stays bounded"; decision 3 "no limit is never the default for a queue"')
def queue_cap(config: Config, s: State) -> bool:
    """Accepted tasks that have not ended are no more than the queue and the threads hold."""
    return config.queue_max is None or _count(s, LIVE) <= config.queue_max + config.threads


@_invariant('RL-4 "concurrency caps are never exceeded"')
def concurrency_cap(config: Config, s: State) -> bool:
    """Functions on threads are no more than the threads."""
    return sum(s.executing) <= config.threads


@_invariant('LC-1 "no duplicate execution"')
def one_execution_at_a_time(_: Config, s: State) -> bool:
    """No task has two functions on threads."""
    return all(executing <= 1 for executing in s.executing)


@_invariant('LC-1 "dispatched exactly once per attempt": without retries, one attempt')
def attempts_bounded(_: Config, s: State) -> bool:
    """No task is started a second time."""
    return all(attempts <= 1 for attempts in s.attempts)


@_invariant('LC-3 "status transitions are atomic": running and on a thread are one thing')
def running_holds_slot(_: Config, s: State) -> bool:
    """A task that is running has its function on a thread."""
    return all(s.executing[t] == 1 for t in _tasks(s) if s.status[t] == "running")


@_invariant('RT-2 "holding no lock, slot or permit while waiting"')
def waiting_holds_nothing(_: Config, s: State) -> bool:
    """A task that waits has no function on a thread."""
    return all(s.executing[t] == 0 for t in _tasks(s) if s.status[t] in WAITING)


@_invariant('TC-2 "cancelling prevents execution": a waiting task is cancelled, not flagged')
def waiting_is_uncancelled(_: Config, s: State) -> bool:
    """No task waits with a request to cancel upon it."""
    return all(s.reason[t] == "none" for t in _tasks(s) if s.status[t] in WAITING)


def _rows(config: Config, s: State) -> Iterator[int]:
    """For each running task and each way of coming back: how many rows of the rule apply."""
    worker, tasks = unpack(config, s)
    for task in tasks:
        if task.status == "running":
            for outcome in OUTCOMES:
                yield sum(
                    all(
                        guard.test(worker, task, None) for guard in row.guards if guard.sentence != _ON_THREAD
                    )
                    for row in ACTIONS.values()
                    if row.outcome == outcome
                )


_ON_THREAD = "its function is on a thread"


@_invariant('decision 1 "status tells the truth": some row for a function that came back')
def outcome_total(config: Config, s: State) -> bool:
    """However a function comes back, a row records it."""
    return all(rows >= 1 for rows in _rows(config, s))


@_invariant('decision 1 "status tells the truth": one row only for a function that came back')
def outcome_unique(config: Config, s: State) -> bool:
    """However a function comes back, no two rows could record it differently."""
    return all(rows <= 1 for rows in _rows(config, s))


@_invariant('SD-4 "no thread is leaked": stopped means that nothing is left but named threads')
def stopped_is_quiet(_: Config, s: State) -> bool:
    """In a stopped worker no task is live, and only abandoned functions are on threads."""
    return s.phase != "stopped" or all(
        s.status[t] not in LIVE and (s.executing[t] == 0 or s.status[t] == "abandoned") for t in _tasks(s)
    )


@_invariant('decision 6 "an abandoned thread is named, not counted as a leak"')
def threads_are_named(_: Config, s: State) -> bool:
    """A function on a thread belongs to a task that is running, or abandoned."""
    return all(s.status[t] in ("running", "abandoned") for t in _tasks(s) if s.executing[t] > 0)


# ------------------------------------------------------------------- properties of steps


@_of_steps('RL-4 "concurrency caps are never exceeded"')
def start_within_cap(config: Config, s: State, after: State) -> bool:
    """No task starts while every slot is taken."""
    return not _starts(s, after) or sum(s.executing) < config.threads


@_of_steps("decision 3: an accepted task found the worker open and the queue below its limit")
def admission_cap(config: Config, s: State, after: State) -> bool:
    """No task is accepted otherwise."""
    admits = any(old == "absent" for _, old, _ in _changes(s, after))
    room = config.queue_max is None or _count(s, WAITING) < config.queue_max
    return not admits or (s.phase == "open" and room)


@_of_steps('LC-2 "a terminal status never changes"')
def terminal_is_immutable(_: Config, s: State, after: State) -> bool:
    """Nor does the reason it is kept with."""
    return all(
        (after.status[t], after.reason[t]) == (s.status[t], s.reason[t])
        for t in _tasks(s)
        if s.status[t] in TERMINAL
    )


_EDGES = {
    "absent": ("queued",),
    "queued": ("running", "cancelled"),
    "running": TERMINAL,
    "completed": (),
    "failed": (),
    "cancelled": (),
    "abandoned": (),
}


@_of_steps('PRD Goals "queued -> running -> terminal"')
def only_allowed_edges(_: Config, s: State, after: State) -> bool:
    """A status is followed by those that may follow it."""
    return all(new in _EDGES[old] for _, old, new in _changes(s, after))


@_of_steps('section 2 "a phase may be skipped, never revisited"')
def phase_is_monotone(_: Config, s: State, after: State) -> bool:
    """The worker's phase only moves forward."""
    return PHASES.index(after.phase) >= PHASES.index(s.phase)


@_of_steps("decision 5: a drain may be tightened, never loosened")
def drain_only_tightens(_: Config, s: State, after: State) -> bool:
    """A drain that cancels goes on cancelling."""
    return not (s.phase == "draining" and s.pending == "cancel") or after.pending == "cancel"


@_of_steps('PRD Acceptance "canceled tasks do not execute"')
def no_start_after_cancel(_: Config, s: State, after: State) -> bool:
    """Neither what is cancelled nor what is asked to cancel starts."""
    return all(s.status[t] != "cancelled" and s.reason[t] == "none" for t in _starts(s, after))


@_of_steps('SD-2 "graceful drain and hard stop are separate operations": stopping starts nothing')
def no_start_when_doomed(_: Config, s: State, after: State) -> bool:
    """A task starts while the worker is open or draining."""
    return not _starts(s, after) or s.phase in ("open", "draining")


@_of_steps('decision 5 "pending=cancel finishes only what runs"')
def drain_cancel_runs_nothing_new(_: Config, s: State, after: State) -> bool:
    """No task starts in a drain that cancels."""
    return not _starts(s, after) or not (s.phase == "draining" and s.pending == "cancel")


@_of_steps('TC-3 "cancelling never reschedules"')
def cancel_never_reschedules(_: Config, s: State, after: State) -> bool:
    """A running task that was asked to come back does not wait again."""
    return all(
        after.status[t] not in WAITING for t in _tasks(s) if s.status[t] == "running" and _requested(s, t)
    )


@_of_steps("decision 1: only an exception after a request is a cancellation of what ran")
def cancelled_was_asked(_: Config, s: State, after: State) -> bool:
    """And it carries the reason of that request."""
    return all(
        _requested(s, t) and after.reason[t] == ("shutdown" if s.reason[t] == "none" else s.reason[t])
        for t, old, new in _changes(s, after)
        if (old, new) == ("running", "cancelled")
    )


@_of_steps('decision 4 "ties in order of admission"')
def starts_in_order(_: Config, s: State, after: State) -> bool:
    """What starts was admitted before everything else that is queued."""
    return all("queued" not in s.status[:t] for t in _starts(s, after))


@_of_steps("decision 6: only what is stuck after the grace is abandoned")
def abandon_only_stuck(_: Config, s: State, after: State) -> bool:
    """Its function is on a thread still."""
    return all(
        s.phase == "stopping" and s.grace_spent and after.executing[t] == 1
        for t, _, new in _changes(s, after)
        if new == "abandoned"
    )


INVARIANTS: tuple[Invariant, ...] = tuple(_invariants)
ACTION_PROPERTIES: tuple[ActionProperty, ...] = tuple(_action_properties)
