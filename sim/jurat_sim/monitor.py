"""What a monitor of a run is told: each effect that one thread may have on another.

Two steps of a run can be exchanged without anybody noticing unless both have an effect on the
same thing.  So who wants to know which orders of a run matter (a search that leaves out the
others, a detector of data races) needs to be told of every effect, at the moment it happens:

    runtime.monitor = monitor      # before the run; None, the default, costs one comparison
    monitor.effect(thread, Effect.ACQUIRED, lock)

`thread` is who does it: the thread that runs, the onlooker while a scenario is being set up, and
None when time passes.  Accesses to shared state are effects too, and come from builds at the grain of
accesses alone (`grain.Points`), which say which field of which object is read or written:

    monitor.access(thread, place, owner, field, write)

Those of the onlooker are not told: it runs before all threads and after them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .primitives import BenchThread


class Effect(StrEnum):
    """What was done, and to what."""

    ACQUIRED = "acquired"  # a lock
    RELEASED = "released"  # a lock
    OPENED = "opened"  # a gate: its token is there
    PASSED = "passed"  # a gate: its token was taken
    GAVE_UP = "gave up"  # a gate: no token was there when a timed wait was over
    SPAWNED = "spawned"  # a thread
    ENDED = "ended"  # a thread, by itself
    JOINED = "joined"  # a thread that has ended
    LEFT = "left"  # a thread that had not ended when a timed join was over
    READ_CLOCK = "read the clock"  # the clock
    SET_TIMER = "set a timer"  # the clock
    STOPPED_TIMER = "stopped a timer"  # the clock
    TIME_PASSED = "time passed"  # the clock; the thread is None


class Monitor(Protocol):
    """Somebody who looks on."""

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:
        """Something was done to a lock, a gate, a thread or the clock.  Nothing may be changed."""

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:  # noqa: FBT001
        """A field is about to be read or written, by the thread that runs.  Nothing may be changed.

        `place` is an index into `Points.places`; `field` is an attribute, or `grain.CONTENT`, all that is
        in a container.
        """
