"""A whole state as one value, with the names that the TLA+ module gives its variables.

The rule works on records in place; a search and a comparison need values that can be
kept in sets.  `pack` makes the value of a worker and its tasks, `unpack` the records of
a value.  Functions over the tasks are tuples, task 1 first, as TLC prints them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .lifecycle import Config, Pending, Phase, Reason, Status, TaskRecord, WorkerRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["VARIABLES", "State", "initial", "pack", "unpack"]


class State(NamedTuple):
    """The variables of `tla/Lifecycle.tla`."""

    status: tuple[Status, ...]
    attempts: tuple[int, ...]
    reason: tuple[Reason, ...]
    executing: tuple[int, ...]
    phase: Phase
    pending: Pending
    grace_spent: bool


VARIABLES: tuple[str, ...] = State._fields


def initial(config: Config) -> State:
    """Nothing submitted, the worker open."""
    return pack(WorkerRecord(config), [TaskRecord(number) for number in range(1, config.tasks + 1)])


def pack(worker: WorkerRecord, tasks: Sequence[TaskRecord]) -> State:
    """The value of these records."""
    return State(
        tuple([t.status for t in tasks]),
        tuple([t.attempts for t in tasks]),
        tuple([t.reason for t in tasks]),
        tuple([t.executing for t in tasks]),
        worker.phase,
        worker.pending,
        worker.grace_spent,
    )


def unpack(config: Config, state: State) -> tuple[WorkerRecord, list[TaskRecord]]:
    """Records of this value, which the rule may then change in place."""
    worker = WorkerRecord(config, state.phase, state.pending, state.grace_spent)
    tasks = []
    columns = zip(state.status, state.attempts, state.reason, state.executing, strict=True)
    for number, (status, attempts, reason, executing) in enumerate(columns, start=1):
        task = TaskRecord(number, status, attempts, reason, executing)
        tasks.append(task)
        worker.count(task, +1)
        worker.threads_taken += executing
        if status != "absent":
            worker.admitted = number
    return worker, tasks
