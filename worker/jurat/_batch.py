"""A batch: many tasks of one kind, admitted in one step, or none of them.

A section has no loop, so everything that a step would do for each task is done before it, the
numbers and the instant of its events included.  The step admits the batch only if these are
still right, that is, if nobody was admitted meanwhile and nothing was recorded later; otherwise
they are written again.  That takes a fraction of a microsecond a task, and somebody else has got
on each time, so it ends; `BATCH_MAX` keeps it shorter than a thread's turn on the interpreter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import FOREVER
from ._states import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._core import Core, TaskState

__all__ = ["BATCH_MAX", "Batch"]

BATCH_MAX = 10_000
"""How many tasks a batch may have."""


class Batch:
    """Tasks with the same label and terms, and what is to be appended where."""

    __slots__ = (
        "admitted",
        "alarms",
        "id_used",
        "ids",
        "in_inbox",
        "in_lane",
        "inbox",
        "lane",
        "now",
        "records",
        "registry",
        "row",
        "scheduled",
        "size",
        "soonest",
        "tasks",
    )

    def __init__(self, tasks: Sequence[TaskState], details: Sequence[dict[str, Any]], now: int) -> None:
        self.tasks = tasks
        self.size = len(tasks)
        first = tasks[0]
        label, extras = first._label, first._extras
        delayed = extras is not None and extras.due_ns > now
        special = extras is not None and extras.special
        status = Status.SCHEDULED if delayed else Status.QUEUED
        self.records: list[list[Any]] = [[now, "Submit", 0, 0, detail] for detail in details]
        self.lane = () if delayed or special else tuple(tasks)
        self.in_lane = len(self.lane)
        self.inbox = tuple(tasks) if special and not delayed else ()
        self.in_inbox = len(self.inbox)
        self.row = label.base if delayed else label.queued
        self.scheduled = self.size if delayed else 0
        self.ids: dict[str, TaskState] = {}
        self.soonest = FOREVER
        self.alarms: list[list[int]] = []
        for task in tasks:
            task._status = status
            if task._extras is not None and task._extras.id is not None:
                self.ids[task._extras.id] = task
        if extras is not None:
            instants = [it for it in (extras.due_ns, extras.deadline_ns) if 0 < it < FOREVER]
            self.alarms = [[instant, 0] for instant in instants for _ in tasks]
            self.soonest = min(instants, default=FOREVER)
        self.admitted = 0
        self.now = now
        self.id_used: str | None = None
        """One of the ids, if it is taken."""
        self.registry: dict[int, TaskState] = {}

    def is_stale(self, now: int) -> bool:
        """Whether its tasks were to be scheduled, and their time has come."""
        first = self.tasks[0]._extras
        return self.scheduled > 0 and first is not None and first.due_ns <= now

    def write(self, core: Core, now: int) -> None:
        """Write the numbers and the instant that hold if nothing happens until the step."""
        self.admitted = admitted = core.admitted
        self.now = now
        number = admitted
        self.registry = registry = {}
        for task, event in zip(self.tasks, self.records, strict=True):
            number += 1
            task._number = event[2] = number
            task._submitted_ns = event[0] = now
            registry[number] = task
        for place, alarm in enumerate(self.alarms):
            alarm[1] = admitted + 1 + place % self.size
        taken = [] if core.ids.keys().isdisjoint(self.ids) else [id for id in self.ids if id in core.ids]
        self.id_used = taken[0] if taken else None
