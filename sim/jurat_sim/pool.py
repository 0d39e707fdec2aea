"""Carriers that are greenlets, kept from one run to the next.

A greenlet is a stack that can be left in the middle of a call and taken up again.  Making
and ending greenlets was half the cost of a short run; a carrier therefore outlives its job
and waits here for the next one.

Not every thread ends.  A run that is stuck, or was cut short, leaves threads in the
middle of the code under test.  `Carrier.kill` raises `Killed` in them, so that their
frames and what these hold are freed; the carrier goes with the thread and never comes
back to the pool.  Code that swallows even that, and goes on for ever, is left where it
is: the runtime parks it, and its greenlet is kept so that nothing wakes it again.

A greenlet's depth of recursion begins with that of whoever starts it.  If threads started
the carriers of other threads, each generation would begin deeper than the last, until
Python's limit was reached after some hundreds of runs that did not end well.  So carriers
are started at home, between runs (`Pool.stock`), and wait there for their first job.

This is the only module that knows greenlets.  Prior art: gevent's greenlet pools; the
"carrier threads" of Java's virtual threads, whose name it takes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from .carriers import STOCK, Job, Killed
from .errors import TooManyThreads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Greenlets that would not die.  Held for ever: collecting one would try to kill it again.
_undead: list[greenlet] = []


class Carrier:
    """A greenlet that does one job after another."""

    __slots__ = ("_greenlet", "_pool", "job", "switch")

    job: Job

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # A greenlet that ends continues its parent.  That must not be another carrier.
        self._greenlet = greenlet(self._carry, pool.home)
        self.switch: Callable[[], object] = self._greenlet.switch
        """Continue on this carrier.  From the carrier itself: no effect."""

    def kill(self) -> bool:
        """End the job in the middle of what it does; False if it would not end."""
        self._greenlet.throw(Killed)
        if self._greenlet.dead:
            return True
        _undead.append(self._greenlet)
        return False

    def frame(self) -> FrameType | None:
        """Where the job stands."""
        stands: FrameType | None = self._greenlet.gr_frame
        return sys._getframe(1) if self._greenlet is getcurrent() else stands

    def _carry(self) -> None:
        try:
            self._pool.home.switch()  # started; whoever comes next brings a job
            while self.job.body():
                # Free before the job is left: whoever is next may need a carrier, and this one will do.
                self._pool.idle.append(self)
                self.job.leave()
        except Killed:
            pass


class Pool:
    """Idle carriers, the last one used first.  It belongs to the greenlet that makes it."""

    __slots__ = ("home", "idle", "made", "size")

    def __init__(self, size: int = STOCK) -> None:
        self.home = getcurrent()
        self.size = size
        self.idle: list[Carrier] = []
        self.made = 0
        """Carriers made so far.  It stays at the stock, unless runs leave threads behind."""

    def stock(self) -> None:
        """Have enough idle carriers for any run.  Called at home, between runs."""
        while len(self.idle) < self.size:
            carrier = Carrier(self)
            carrier.switch()
            self.idle.append(carrier)
            self.made += 1

    def take(self, job: Job) -> Carrier:
        """A carrier for this job, which starts when somebody switches to the carrier.

        Raises
        ------
        TooManyThreads: more threads at once than there is stock for.
        """
        if not self.idle:
            raise TooManyThreads(self.size)
        carrier = self.idle.pop()
        carrier.job = job
        return carrier

    def here(self) -> Callable[[], object]:
        """The way back to the greenlet that calls this: a function that continues it."""
        back: Callable[[], object] = getcurrent().switch
        return back

    def close(self) -> None:
        """End the idle carriers."""
        while self.idle:
            self.idle.pop().kill()
