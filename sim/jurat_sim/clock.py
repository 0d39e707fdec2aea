"""Time on the bench: SimPy's for waiting, one tick a reading for working.

Nothing here looks at a real clock.  Waiting takes time, and that time is kept by a SimPy
environment: the timer of a timed wait is a SimPy event, and only firing it moves the
environment's clock.  Working takes no time at all, except that each reading of the clock
costs `tick_ns`.  With a tick of one nanosecond two readings never agree, so the times in
a log are distinct, and a loop that polls a deadline reaches it.  With a tick of zero time
is exact to the nanosecond, and closed forms can be compared with `==`.

A timer never fires early: a reading made when it fires is at least the reading made when
it was started plus its delay.  SimPy cannot take a timer back; one that is no longer
wanted is *stale*, and the bench passes over it without counting it as time to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import simpy

if TYPE_CHECKING:
    from simpy.events import Event

WALL_EPOCH_NS = 1_700_000_000_000_000_000
"""What the wall clock says when a run begins: an instant of November 2023, always the same."""


class Sleeper(Protocol):
    """Who waits for a timer, one timer at most at a time."""

    timer: Event | None

    def expire(self) -> None:
        """The timer fired."""


class Clock:
    """The time of one run."""

    __slots__ = ("_environment", "_waited_ns", "now", "pending", "tick_ns")

    def __init__(self, tick_ns: int) -> None:
        self._environment: simpy.Environment | None = None  # most short runs start no timer
        self._waited_ns = 0
        self.tick_ns = tick_ns
        self.now = 0
        """The time.  To look costs nothing; whoever reads it in the run adds a tick first."""
        self.pending = 0
        """Timers that somebody still waits for."""

    def start(self, sleeper: Sleeper, delay_ns: int) -> None:
        """Start the timer of this sleeper."""
        if self._environment is None:
            self._environment = simpy.Environment()
        timer = self._environment.timeout(delay_ns)
        sleeper.timer = timer
        self.pending += 1

        def fired(event: Event) -> None:
            if sleeper.timer is event:
                self.stop(sleeper)
                sleeper.expire()

        timer.callbacks.append(fired)

    def stop(self, sleeper: Sleeper) -> None:
        """The sleeper waits no longer; its timer becomes stale."""
        sleeper.timer = None
        self.pending -= 1

    def advance(self) -> None:
        """Let time pass until the next timer that somebody waits for has fired."""
        environment = self._environment
        assert environment is not None  # noqa: S101 - somebody has started a timer
        left = self.pending - 1
        while self.pending > left:
            environment.step()
        waited_ns = int(environment.now)
        self.now += waited_ns - self._waited_ns
        self._waited_ns = waited_ns
