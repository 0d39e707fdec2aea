"""Carriers: what the threads of a run live on, and what every kind of carrier can do.

A controlled thread is a job on a carrier.  A carrier can be left in the middle of a call and
taken up again there, so "the machine switches from one thread to another" is one function
call, `Carrier.switch`, which happens exactly where the bench says.

There are two kinds.  On *greenlets* (`pool`) all threads of a run share one thread of the
operating system, and a switch costs a fraction of a microsecond: campaigns run on these.  On
*threads* (`batons`) each has its own, and they pass a baton, so that one runs at a time: this
is slow, and it is what the worker lives on in production.  Which kind it is decides nothing
about a run.  The same choices give the same log, the same story and the same token on both,
and a schedule that was found on greenlets is shown not to be an artefact of greenlets by
replaying it on threads.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

STOCK = 32
"""Carriers that are kept: threads that a run may have at once."""


class Backend(StrEnum):
    """What the threads of a run live on."""

    GREENLETS = "greenlets"  # all on one thread of the operating system
    THREADS = "threads"  # each on its own, one at a time


class Killed(BaseException):
    """Raised in a thread of a run that is over.  Code under test should let it pass."""


class Job(Protocol):
    """What a carrier carries."""

    def body(self) -> bool:
        """Do the work; False if it was killed, and the carrier must end with it."""

    def leave(self) -> None:
        """Go elsewhere.  Returns when the carrier has been given another job."""


class Carrier(Protocol):
    """Something that does one job after another, and can be left in the middle of one."""

    @property
    def switch(self) -> Callable[[], object]:
        """Continue on this carrier, and stand still until somebody continues here.

        From the carrier itself: no effect.
        """

    def kill(self) -> bool:
        """Raise `Killed` where the job stands; False if it would not end.  Called at home."""

    def frame(self) -> FrameType | None:
        """Where the job stands.  Asked of a carrier that does not run, or by itself."""


class Pool(Protocol):
    """Idle carriers.  They belong to whoever makes the pool: that is *home*."""

    def stock(self) -> None:
        """Have enough idle carriers for any run.  Called at home, between runs."""

    def take(self, job: Job) -> Carrier:
        """A carrier for this job, which starts when somebody switches to the carrier.

        Raises
        ------
        TooManyThreads: more threads at once than there is stock for.
        """

    def here(self) -> Callable[[], object]:
        """The way back to whoever calls this: a function that continues it."""

    def close(self) -> None:
        """End the idle carriers."""
