"""The handle of a shutdown: wait for it, and read what it did.

Every drain and stop of a worker returns the same kind of handle, and all of them speak
of the one shutdown that a worker has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._context import task_id
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
    timed_out: tuple[str, ...]
    """Came back too late, or their deadline passed while they waited."""
    abandoned: tuple[str, ...]
    """Still running when the grace was over: outcome unknown."""


class Shutdown:
    """A worker's shutdown.  Its bound is the drain's deadline plus the grace."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def wait(self, timeout: Duration | None = None) -> bool:
        """Wait until the worker has stopped, every result was offered, and its threads have ended.

        A result that waits for room in a blocking subscription counts, for no longer than its bound.
        A callback or an observer that stalls counts until the shutdown's bound is over, and no longer.
        The last record of an audit log counts for as long as the log was given at its end.
        Threads whose task was abandoned do not count: they are named in the report.
        False if `timeout` (a timedelta, or seconds) passed first.
        """
        core = self._core
        timeout_ns = optional_nanoseconds("timeout", timeout)
        until = None if timeout_ns is None else core.now() + timeout_ns
        for latch in (core.manned, core.stopped):
            if not wait_for_latch(core, latch, self._left(until)):
                return False
        if core.heralded and not wait_for_latch(core, core.announced, self._left(until)):
            return False
        if core.followed and not wait_for_latch(core, core.employed, self._left(until)):
            return False
        threads = [thread for seat, thread in core.threads if seat is None or not seat.stuck]
        if not all(thread.join(self._left(until)) for thread in threads):
            return False
        bound = self._bound()
        for helper in core.helpers:
            ended = helper.join(self._left(bound if until is None or bound is None else min(bound, until)))
            if not ended and until is not None and (bound is None or until < bound):
                return False
        return core.audit is None or core.audit.join(until)

    @property
    def done(self) -> bool:
        """Whether `wait` would return True at once."""
        return self.wait(0)

    def report(self) -> ShutdownReport:
        """What became of the tasks so far."""
        core = self._core
        phase = core.phase  # read first: what ended before it was stopped is in the list
        ended: dict[Status, list[str]] = {}
        finished: list[str] = []
        for task in tuple(core.ended_in_shutdown):
            status = task._status
            ids = finished if status in (Status.COMPLETED, Status.FAILED) else ended.setdefault(status, [])
            ids.append(task_id(task))
        return ShutdownReport(
            phase=phase,
            finished=tuple(finished),
            cancelled=tuple(ended.get(Status.CANCELLED, ())),
            timed_out=tuple(ended.get(Status.TIMED_OUT, ())),
            abandoned=tuple(ended.get(Status.ABANDONED, ())),
        )

    def _bound(self) -> int | None:
        """The instant at which the shutdown's bound is over: a callback or observer may stall until then."""
        core = self._core
        if core.grace_over_ns is not None:
            return core.grace_over_ns
        return None if core.drain_over_ns is None else core.drain_over_ns + core.grace_ns

    def _left(self, until: int | None) -> int | None:
        return None if until is None else max(0, until - self._core.now())

    def __repr__(self) -> str:
        return f"<Shutdown of worker {self._core.instance}, {self._core.phase}>"
