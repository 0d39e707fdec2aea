"""A snapshot: every count of a worker, of one and the same instant.

The counts are changed inside the steps that make them true, so their law holds in every
snapshot: whatever was accepted is live, or has ended in one of five ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from . import _steps
from ._core import COLUMNS
from ._states import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._core import Core
    from ._states import Phase

__all__ = ["Counts", "Snapshot", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many tasks there are in each status; for those that ended, how many ever were."""

    scheduled: int
    queued: int
    running: int
    retrying: int
    completed: int
    failed: int
    cancelled: int
    timed_out: int
    abandoned: int
    retries: int
    """How often a task was to be tried again."""

    @property
    def submitted(self) -> int:
        """How many were ever accepted."""
        return sum(self[status] for status in Status)

    @property
    def live(self) -> int:
        """How many have not ended."""
        return self.scheduled + self.queued + self.running + self.retrying

    def __getitem__(self, status: Status) -> int:
        return int(getattr(self, Status(status).value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a worker stands."""

    phase: Phase
    threads: int
    """Functions that may run at once."""
    counts: Counts
    queues: Mapping[str, Counts]
    """The same for each queue."""
    labels: Mapping[tuple[str, str], Counts]
    """The same for each queue and name of tasks."""
    rejected: int
    """Submissions that were refused."""
    remembered: int
    """Tasks that ended and are not forgotten."""


def snapshot(core: Core) -> Snapshot:
    """Copy every count in one step."""
    tallies: list[int] = [0] * core.width
    rejected, remembered, phase, threads = _steps.copy_tallies(core, tallies)
    width = len(COLUMNS)
    labels: dict[tuple[str, str], Counts] = {}
    of_queue: dict[str, list[Counts]] = {name: [] for name in core.queues}
    for label in tuple(core.tally_rows):
        if label.base < len(tallies):
            row = tallies[label.base : label.base + width]
            labels[label.queue.name, label.name] = counts = Counts(**dict(zip(COLUMNS, row, strict=True)))
            of_queue[label.queue.name].append(counts)
    return Snapshot(
        phase=phase,
        threads=threads,
        counts=_sum(list(labels.values())),
        queues=MappingProxyType({name: _sum(them) for name, them in of_queue.items()}),
        labels=MappingProxyType(labels),
        rejected=rejected,
        remembered=remembered,
    )


def _sum(them: list[Counts]) -> Counts:
    """Counts cannot change, so the sum of one is that one."""
    if len(them) == 1:
        return them[0]
    return Counts(**{column: sum([getattr(counts, column) for counts in them]) for column in COLUMNS})
