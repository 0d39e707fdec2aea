"""Carriers that are threads of the operating system and pass a baton.

Each carrier has a thread of its own, and whoever does not hold the baton waits for it.  So one
runs at a time, and which one is decided as it is on greenlets (`pool`): by a call of
`Carrier.switch`, which hands the baton on and waits until it comes back.  The operating system
decides nothing but how long that takes.

A thread cannot be ended from outside, so a carrier is killed by handing it the baton with word
that it is to end: it raises `Killed` at the switch point where it stands, cleans up, and gives the
baton back home with its last breath.  `Carrier.kill` returns when the thread is gone.  Code that
swallows even `Killed`, and goes on for ever, keeps its thread, which waits for a baton that
nobody will hand to it again; it is a daemon, so that the interpreter may end.

An interrupt from the keyboard reaches the main thread, which may be waiting for the baton
meanwhile.  It is raised when the baton is back, so that never two run at once.

Prior art: the serialising schedulers of CHESS and of Coyote, which control real threads so.
"""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

from .carriers import STOCK, Job, Killed
from .errors import TooManyThreads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Carrier:
    """A thread that does one job after another, when it has the baton."""

    __slots__ = ("_baton", "_condemned", "_over", "_pool", "_thread", "job")

    job: Job

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._baton = Baton(pool, self)
        self._condemned = False
        self._over = False
        self._thread = Thread(target=self._carry, name="carrier", daemon=True)
        self._thread.start()

    def switch(self) -> None:
        """Continue on this carrier.  From the carrier itself: no effect."""
        self._baton.pass_on()

    def kill(self) -> bool:
        """End the job in the middle of what it does; False if it would not end."""
        self._condemned = True
        self._baton.pass_on()
        if self._over:
            self._thread.join()
        return self._over

    def frame(self) -> FrameType | None:
        """Where the job stands."""
        return sys._current_frames().get(self._thread.ident or 0)

    def obey(self) -> None:
        """Called by this carrier's own thread when it gets the baton."""
        if self._condemned:
            self._condemned = False
            raise Killed

    def _carry(self) -> None:
        pool = self._pool
        crash = None
        try:
            self._baton.wait()
            while self.job.body():
                # Free before the job is left: whoever is next may need a carrier, and this one will do.
                pool.idle.append(self)
                self.job.leave()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - a bug of the bench: it belongs to who runs it
            crash = error
        self._over = True
        pool.end_at_home(crash)


class Baton:
    """Somebody's place to wait until it is their turn."""

    __slots__ = ("_owner", "_pool", "_turn")

    def __init__(self, pool: Pool, owner: Carrier | None) -> None:
        self._pool = pool
        self._owner = owner  # None at home
        self._turn = Event()

    def pass_on(self) -> None:
        """Hand the baton to whoever waits here, and wait for it; no effect if they hold it already."""
        mine = self._pool.held
        if mine is self:
            return
        self.give()
        mine.wait()

    def give(self) -> None:
        """Hand the baton to whoever waits here."""
        self._pool.held = self
        self._turn.set()

    def wait(self) -> None:
        """Wait for the baton."""
        interrupt = None
        while not self._turn.is_set():
            try:
                self._turn.wait()
            except KeyboardInterrupt as pressed:
                interrupt = pressed
        self._turn.clear()
        if self._owner is not None:
            self._owner.obey()
            return
        if interrupt is not None:
            raise interrupt
        self._pool.report()


class Pool:
    """Idle carriers, the last one used first.  It belongs to the thread that makes it."""

    __slots__ = ("_crash", "_home", "held", "idle", "made")

    def __init__(self) -> None:
        self._home = Baton(self, None)
        self._crash: BaseException | None = None
        self.held = self._home
        """The baton's present place: it is changed only by who holds it."""
        self.idle: list[Carrier] = []
        self.made = 0
        """Carriers made so far.  It stays at the stock, unless runs leave threads behind."""

    def stock(self) -> None:
        """Have enough idle carriers for any run.  Called at home, between runs."""
        while len(self.idle) < STOCK:
            self.idle.append(Carrier(self))
            self.made += 1

    def take(self, job: Job) -> Carrier:
        """A carrier for this job, which starts when somebody switches to the carrier.

        Raises
        ------
        TooManyThreads: more threads at once than there is stock for.
        """
        if not self.idle:
            raise TooManyThreads(STOCK)
        carrier = self.idle.pop()
        carrier.job = job
        return carrier

    def here(self) -> Callable[[], None]:
        """The way back to whoever calls this: a function that continues it."""
        return self.held.pass_on

    def close(self) -> None:
        """End the idle carriers."""
        while self.idle:
            self.idle.pop().kill()

    def end_at_home(self, crash: BaseException | None) -> None:
        """The last thing that a carrier's thread does: the baton goes home."""
        self._crash = crash
        self._home.give()

    def report(self) -> None:
        """Raise at home what a carrier's thread ended with."""
        if self._crash is not None:
            crash, self._crash = self._crash, None
            raise crash
