"""The handle of a shutdown: wait for it, and read what it did.

Every drain and stop of a worker returns the same kind of handle, and all of them speak
of the one shutdown that a worker has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._options import optional_nanoseconds
from ._states import Phase, Status
from ._waiting import wait_for_latch

if TYPE_CHECKING:
    from ._core import Core
    from ._options import Duration

__all__ = ["Shutdown", "ShutdownReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownReport:
    """What became of the tasks that were live when the shutdown began: ids, in order of their end."""

    phase: Phase
    """Where the worker is now; the report is complete when it is stopped."""
    finished: tuple[str, ...]
    """Completed or failed."""
    cancelled: tuple[str, ...]
    """Cancelled while they waited, or came back when asked."""
    abandoned: tuple[str, ...]
    """Still running when the grace was over: outcome unknown."""


class Shutdown:
    """A worker's shutdown.  Its bound is the drain's deadline plus the grace."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait until the worker has stopped and its threads have ended.

        Threads whose task was abandoned do not count: they are named in the report.
        False if `timeout` (a timedelta, or seconds) passed first.
        """
        core = self._core
        timeout_ns = optional_nanoseconds("timeout", timeout)
        until = None if timeout_ns is None else core.now() + timeout_ns
        for latch in (core.manned, core.stopped):
            if not wait_for_latch(core, latch, self._left(until)):
                return False
        return all(
            thread.join(self._left(until)) for seat, thread in core.threads if seat is None or not seat.stuck
        )

    @property
    def done(self) -> bool:
        """Whether `wait` would return True at once."""
        return self.wait(0)

    def report(self) -> ShutdownReport:
        """What became of the tasks so far."""
        core = self._core
        phase = core.phase  # read first: what ended before it was stopped is in the list
        ended: dict[Status, list[str]] = {status: [] for status in Status}
        finished: list[str] = []
        for task in tuple(core.ended_in_shutdown):
            status = task._status
            ids = finished if status in (Status.COMPLETED, Status.FAILED) else ended[status]
            ids.append(f"{core.instance}-{task._number}")
        return ShutdownReport(
            phase=phase,
            finished=tuple(finished),
            cancelled=tuple(ended[Status.CANCELLED]),
            abandoned=tuple(ended[Status.ABANDONED]),
        )

    def _left(self, until: int | None) -> int | None:
        return None if until is None else max(0, until - self._core.now())

    def __repr__(self) -> str:
        return f"<Shutdown of worker {self._core.instance}, {self._core.phase}>"
