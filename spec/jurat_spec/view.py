"""The lifecycle as a machine of whole states, with the names that the TLA+ module gives its variables.

The rule works on records in place; a search and a comparison need values that can be
kept in sets.  `pack` makes the value of a worker and its tasks, `unpack` the records of
a value.  Functions over the tasks, or over the queues, are tuples, number 1 first, as TLC
prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .lifecycle import (
    ACTIONS,
    OUTCOMES,
    THE_WORKER,
    Config,
    Outcome,
    Pending,
    Phase,
    Reason,
    Status,
    TaskRecord,
    Terms,
    WorkerRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .lifecycle import Action, Argument

__all__ = ["VARIABLES", "Lifecycle", "State", "outcomes", "pack"]

_NOBODY = TaskRecord(0)


class State(NamedTuple):
    """The variables of `tla/Lifecycle.tla`."""

    status: tuple[Status, ...]
    attempts: tuple[int, ...]
    reason: tuple[Reason, ...]
    executing: tuple[int, ...]
    overdue: tuple[bool, ...]
    attempt_over: tuple[bool, ...]
    phase: Phase
    pending: Pending
    grace_spent: bool
    admitted: int
    permits: int
    queue_permits: tuple[int, ...]
    paused: frozenset[int]
    threads: int
    peak: int


VARIABLES: tuple[str, ...] = State._fields


def pack(worker: WorkerRecord, tasks: Sequence[TaskRecord]) -> State:
    """The value of these records."""
    return State(
        tuple([t.status for t in tasks]),
        tuple([t.attempts for t in tasks]),
        tuple([t.reason for t in tasks]),
        tuple([t.executing for t in tasks]),
        tuple([t.overdue for t in tasks]),
        tuple([t.attempt_over for t in tasks]),
        worker.phase,
        worker.pending,
        worker.grace_spent,
        worker.admitted,
        worker.permits,
        tuple(worker.queue_permits),
        frozenset(worker.paused),
        worker.threads,
        worker.peak,
    )


def outcomes(task: TaskRecord) -> tuple[Outcome, ...]:
    """How its function may come back: the next attempt is after a deadline that has passed already,
    and before one that does not exist."""
    if not task.terms.deadline:
        return _BEFORE
    return _AFTER if task.overdue else OUTCOMES


_BEFORE = tuple(outcome for outcome in OUTCOMES if outcome.next == "before")
_AFTER = tuple(outcome for outcome in OUTCOMES if outcome.next == "after")


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rule of the lifecycle with its constants: a machine that can be searched."""

    config: Config
    terms: tuple[Terms, ...]
    """What each task is submitted with, in order of admission: there are so many tasks at most."""
    other_threads: tuple[int, ...] = ()
    """What the number of threads may be changed to."""
    pausable: tuple[int, ...] = ()
    """The queues that are ever paused, 0 being the worker."""

    variables = VARIABLES

    def initial(self) -> State:
        """Nothing submitted, the worker open."""
        tasks = [TaskRecord(number, terms) for number, terms in enumerate(self.terms, start=1)]
        return pack(WorkerRecord.fresh(self.config), tasks)

    def unpack(self, state: State) -> tuple[WorkerRecord, list[TaskRecord]]:
        """Records of this value, which the rule may then change in place."""
        worker = WorkerRecord(
            self.config,
            state.phase,
            state.pending,
            state.grace_spent,
            state.admitted,
            state.permits,
            list(state.queue_permits),
            set(state.paused),
            state.threads,
            state.peak,
        )
        tasks = []
        columns = zip(self.terms, *state[:6], strict=True)
        for number, (terms, status, attempts, reason, executing, overdue, over) in enumerate(
            columns, start=1
        ):
            task = TaskRecord(number, terms, status, attempts, reason, executing, overdue, over)
            tasks.append(task)
            worker.count(task, +1)
            worker.threads_taken += executing
        return worker, tasks

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Each row, for each task and each argument to which it applies."""
        worker, tasks = self.unpack(state)
        for action in ACTIONS.values():
            if action.of == "worker":
                for argument in self._choices(action):
                    if action.refusal(worker, _NOBODY, argument) is None:
                        after = worker.bare()
                        action.apply(after, _NOBODY, argument)
                        yield action.label(argument), pack(after, tasks)
            else:
                for position, task in enumerate(tasks):
                    if task.status in action.source:
                        yield from self._of_task(action, worker, tasks, position)

    def possible(self, state: State) -> dict[tuple[str, Argument], bool]:
        """What may happen in a state, and whether it leaves another.

        The keys are actions by name, each with the position of its task, or with its argument.
        """
        worker, tasks = self.unpack(state)
        found: dict[tuple[str, Argument], bool] = {}
        for action in ACTIONS.values():
            if action.of == "worker":
                for argument in self._choices(action):
                    if action.refusal(worker, _NOBODY, argument) is None:
                        after = worker.bare()
                        action.apply(after, _NOBODY, argument)
                        found[action.name, argument] = pack(after, tasks) != state
                continue
            for position in range(len(tasks)):
                for _, step in self._of_task(action, worker, tasks, position):
                    found[action.name, position] = found.get((action.name, position), False) or step != state
        return found

    def _of_task(
        self, action: Action, worker: WorkerRecord, tasks: list[TaskRecord], position: int
    ) -> Iterator[tuple[str, State]]:
        """The steps of one row with one task."""
        task = tasks[position]
        for argument in outcomes(task) if action.is_outcome else self._choices(action):
            if action.refusal(worker, task, argument) is None:
                after, changed = worker.bare(), task.copy()
                action.apply(after, changed, argument)
                others = tasks.copy()
                others[position] = changed
                yield action.label(argument), pack(after, others)
                if action.is_outcome:
                    return  # what it does, it does for each outcome to which it applies

    def _choices(self, action: Action) -> Sequence[Argument]:
        """What an action may be told in this machine."""
        if action.arguments is not None:
            return action.arguments
        if action.name == "Resize":
            return (self.config.threads, *self.other_threads)
        if action.name in ("Pause", "Resume"):
            return self.pausable
        return range(THE_WORKER, self.config.queues + 1)
