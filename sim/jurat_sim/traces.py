"""Which steps of a run may be exchanged, and when two runs are the same but for such exchanges.

Two effects are *dependent* if they are on the same object and not both of them only read it; two
effects of one thread are always dependent.  Neighbours in a run that are not dependent can be
exchanged, and nobody notices.  Runs that differ by exchanges alone are one *Mazurkiewicz trace*: the
partial order of their effects.  So the number of traces, not that of runs, is how much was explored.

**The objects.**  What a monitor is told (`monitor.Effect`) becomes accesses to these objects; all names
are the same in each run, since locks and gates are named after who makes them:

* a lock, written by taking it and by giving it back;
* a gate, written by opening it and by taking its token; read by who finds no token there, and by a timer
  that fires while a thread waits at the gate: from then on an opening comes too late;
* a thread, written by its spawn and its end; read by a join, and by a timer as with gates;
* a name for threads, written by each spawn that uses it, since the second one gets another name;
* `now`, written when time passes, read by each reading of the clock, and written by that as well if the
  clock has a tick: then each reading changes what the next one sees;
* `timers`, written by setting a timer, by stopping one and when time passes, which may happen only while
  there is one.  Two timers that are due at the same time fire in the order in which they were set;
* the sleep of a thread in a timed wait, written when it begins, when the timer fires, and when it is over;
* a field of an object, read or written by an access to shared state.

Source: Mazurkiewicz, "Trace theory", 1987; as used by Flanagan and Godefroid, "Dynamic partial-order
reduction for model checking software", POPL 2005.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .monitor import Effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock
    from .monitor import Monitor
    from .primitives import BenchThread
    from .runtime import BenchRuntime

_ACQUIRED, _RELEASED, _READ_CLOCK = Effect.ACQUIRED, Effect.RELEASED, Effect.READ_CLOCK

NOW = "now"
TIMERS = "timers"

Accesses = tuple[tuple[str, bool], ...]
"""Objects by name, each with whether it is written."""


class Dependence:
    """Names the objects that the effects of one run access.

    Parameters
    ----------
    runtime: of the run that is about to begin.  A timer's effect says nothing about whose it was, so the
        threads are looked at when time has passed.
    """

    __slots__ = ("_expired", "_numbers", "_runtime", "owners")

    def __init__(self, runtime: BenchRuntime) -> None:
        self._runtime = runtime
        self._expired: set[str] = set()
        self._numbers: dict[int, int] = {}
        self.owners: list[object] = []
        """Objects whose fields were accessed, in the order of their first access.

        Kept, so that no other object gets their identity in this run.
        """

    def of(self, thread: BenchThread | None, effect: Effect, what: object) -> Accesses:
        """The accesses of an effect, at the moment when a monitor is told of it."""
        return _RULES[effect](self, thread, what)

    def number(self, owner: object) -> int:
        """Which object this is, by the order of first accesses: the same in all runs that begin alike."""
        number = self._numbers.get(id(owner))
        if number is None:
            number = self._numbers[id(owner)] = len(self.owners)
            self.owners.append(owner)
        return number

    def _write(self, thread: BenchThread, what: BenchThread) -> Accesses:  # noqa: ARG002
        return ((what.name, True),)

    def _over(self, thread: BenchThread, what: BenchThread, *, write: bool) -> Accesses:
        self._expired.discard(thread.name)
        return ((what.name, write), (f"sleep {thread.name}", True))

    def _passed(self, thread: BenchThread, what: BenchThread) -> Accesses:
        return self._over(thread, what, write=True)

    def _gave_up(self, thread: BenchThread, what: BenchThread) -> Accesses:
        return self._over(thread, what, write=False)

    def _spawned(self, thread: BenchThread, what: BenchThread) -> Accesses:  # noqa: ARG002
        return ((what.name, True), (f"name {what.name.partition('#')[0]}", True))

    def _read_clock(self, thread: BenchThread, what: Clock) -> Accesses:  # noqa: ARG002
        return ((NOW, what.tick_ns > 0),)

    def _set_timer(self, thread: BenchThread, what: object) -> Accesses:  # noqa: ARG002
        return ((TIMERS, True), (f"sleep {thread.name}", True), (_awaited(thread), False))

    def _stopped_timer(self, thread: BenchThread, what: object) -> Accesses:  # noqa: ARG002
        return ((TIMERS, True),)

    def _time_passed(self, thread: None, what: object) -> Accesses:  # noqa: ARG002
        accesses = [(NOW, True), (TIMERS, True)]
        for it in self._runtime.threads:
            if it.expired and it.name not in self._expired:
                self._expired.add(it.name)
                accesses += [(f"sleep {it.name}", True), (_awaited(it), False)]
        return tuple(accesses)


def _awaited(thread: BenchThread) -> str:
    """The name of the gate or thread that a thread waits for."""
    name: str = thread.object.name  # type: ignore[attr-defined]
    return name


_RULES: dict[Effect, Callable[..., Accesses]] = {
    Effect.ACQUIRED: Dependence._write,
    Effect.RELEASED: Dependence._write,
    Effect.OPENED: Dependence._write,
    Effect.PASSED: Dependence._passed,
    Effect.GAVE_UP: Dependence._gave_up,
    Effect.SPAWNED: Dependence._spawned,
    Effect.ENDED: Dependence._write,
    Effect.JOINED: Dependence._gave_up,
    Effect.LEFT: Dependence._gave_up,
    Effect.READ_CLOCK: Dependence._read_clock,
    Effect.SET_TIMER: Dependence._set_timer,
    Effect.STOPPED_TIMER: Dependence._stopped_timer,
    Effect.TIME_PASSED: Dependence._time_passed,
}


class Fingerprint:
    """A monitor that computes a digest: equal for two runs if they are one trace, else different.

    What a thread does next follows from what it has read.  So a trace is known when it is known for each
    object who wrote it, in which order, and who read it between two writes: by induction over the order of
    the run, there is one way to put these together.  That a lock is given back says nothing that its next
    taking does not say.  Different traces have the same digest with a probability of 2 to the power of -64.

    In two things it is not exact.  Readings of the clock commute here, as if it had no tick: they differ by
    nanoseconds.  And a field is one for all objects of a class, since there is no name for an object that is
    the same in all runs of a trace: at the grain of accesses there may be more digests than traces.

    Parameters
    ----------
    then: another monitor, which is told of the same.
    """

    __slots__ = ("_dependence", "_readers", "_then", "_writers")

    def __init__(self, runtime: BenchRuntime, then: Monitor | None = None) -> None:
        self._then = then
        self._dependence = Dependence(runtime)
        self._writers: dict[str, list[str]] = {}
        """For each object who wrote it, with the sorted readers between two writers as one item."""
        self._readers: dict[str, list[str]] = {NOW: []}
        """Who has read it since it was written."""

    def effect(self, thread: BenchThread | None, effect: Effect, what: Any) -> None:
        """Add an effect."""
        if self._then is not None:
            self._then.effect(thread, effect, what)
        if effect is _RELEASED or (thread is not None and thread.dying):
            return
        if effect is _ACQUIRED:  # nearly every other effect is this one or the next, so both are made short
            try:
                self._writers[what.name].append(thread.name)  # type: ignore[union-attr]
            except KeyError:
                self._writers[what.name] = [thread.name]  # type: ignore[union-attr]
        elif effect is _READ_CLOCK:
            self._readers[NOW].append(thread.name)  # type: ignore[union-attr]
        else:
            self._add("" if thread is None else thread.name, self._dependence.of(thread, effect, what))

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:  # noqa: FBT001
        """Add an access to shared state."""
        if self._then is not None:
            self._then.access(thread, place, owner, field, write)
        what = f"field {type(owner).__name__}.{field}"
        # As `_add` has it; at this grain nearly all that is added comes here.
        if write:
            self._close(what)
            self._writers.setdefault(what, []).append(thread.name)
            return
        try:
            self._readers[what].append(thread.name)
        except KeyError:
            self._readers[what] = [thread.name]

    def digest(self) -> bytes:
        """Of the run so far: eight bytes, the same in every process."""
        for what in self._readers:
            self._close(what)
        whole = "\n".join(["\t".join((what, *self._writers[what])) for what in sorted(self._writers)])
        return hashlib.blake2b(whole.encode(), digest_size=8).digest()

    def _add(self, thread: str, accesses: Accesses) -> None:
        for what, write in accesses:
            if write:
                self._close(what)
                self._writers.setdefault(what, []).append(thread)
            else:
                self._readers.setdefault(what, []).append(thread)

    def _close(self, what: str) -> None:
        """The order of those who have read it since it was written does not matter."""
        readers = self._readers.get(what)
        if readers:
            self._writers.setdefault(what, []).append("?" + "?".join(sorted(readers)))
            readers.clear()
