"""Data races: pairs of accesses to one field that nothing puts in order.

Two accesses *race* if they touch the same field of the same object, at least one of them
writes it, and neither happens before the other.  What happens before what follows from the
seam alone: from giving a lock back to taking it, from opening a gate to passing it, from
spawning a thread to its first step, from its end to a join; and within a thread from each
access to the next.

The worker races on purpose: some reads are made without the lock.  `DECLARED` lists them,
each with the reason why an old value does no harm; whatever else races is a bug.  On CPython
one load or store of a field, and one call of a container's method on plain keys, happens at
once, so a value may be old and is never torn.  An entry is one of four kinds:

* *checked*: the value decides what the thread does next, and a locked section looks again
  before anything follows from it; or whoever made it old makes up for it;
* *final*: once it says what is read, it never says anything else;
* *view*: it is handed out, and is as old as the look;
* *commutes*: the writes are of one value, or of different keys, so their order shows nowhere.

**What this means for the grain of the seam.**  There, all that a thread does between two
operations is one step.  That loses nothing if every shared value is read under the lock of
those who write it; and with the reads that are declared as checked or final it loses orders,
since another thread's section may come between two of them, or between one of them and what
follows from it.  By the reasons given these orders have no outcome that others do not have:
the reason, and not a search at that grain, is the proof.  A search that leaves out orders in
which nothing depends on each other (DPOR) must in addition count such a read as an access to
what the section writes: it is no operation of the seam, and may decide which operation is next.

**The method** is that of DJIT+ with the epochs of FastTrack: a vector clock for each thread,
and for what each lock, gate and ended thread hands on; for each field the epoch of its last
write and, of the reads since, the last epoch for each thread *and place*, so that a race that
is declared hides none that is not.  A pair that is ordered is never reported.  A race shows in
any run that makes both accesses without something else that happens to order them, whichever comes
first; which runs are made is a sample (`detect`).  Not seen are: the setup of a scenario
and its checks, which run alone; code of Python's own and of the bench; and stores in an
`__init__` that nobody else can have seen (`grain`), so that an object handed over without
order shows at the field that hands it over.  A container is one field.

Prior art: Flanagan and Freund, "FastTrack: efficient and precise dynamic race detection",
PLDI 2009; Pozniansky and Schuster, "Efficient on-the-fly data race detection in multithreaded
C++ programs", PPoPP 2003 (DJIT+); the benign races that Go, ThreadSanitizer and KCSAN make one declare.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .bench import Bench
from .carriers import Backend
from .defects import defect_named
from .findings import Finding
from .grain import CONTENT, Variable
from .monitor import Effect
from .primitives import BenchLock, BenchThread, Operation
from .runtime import Ending
from .scenarios import scenario_named
from .strategies import RandomWalk, Reluctant
from .tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from .bench import Run
    from .build import Build
    from .runtime import Strategy
    from .scenarios import Scenario
    from .seeding import Defect
    from .stage import Stage

Clock = dict[BenchThread, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One side of a race."""

    thread: str
    place: str
    """In the source, and what it does there: "_steps.py:88 writes core.phase"."""
    function: str
    """Where that is: "_steps.admit"."""
    write: bool
    locks: tuple[str, ...]
    """Which locks its thread held, in the order in which it took them."""
    excuse: Declared | None
    """What is declared of such an access."""

    def __str__(self) -> str:
        return f"{self.thread} at {self.place} in {self.function}, {_holding(self.locks)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Two accesses to one field that nothing puts in order, the one that was made first at first."""

    field: str
    """Class and attribute, such as "Core.phase"; with `CONTENT` for what is in a container."""
    first: Touch
    second: Touch

    @property
    def declared(self) -> bool:
        """Whether one side is declared, and the other is too, or holds a lock."""
        sides = (self.first, self.second)
        return any(side.excuse for side in sides) and all(side.excuse or side.locks for side in sides)

    @property
    def property(self) -> str:
        """As that of a finding."""
        return f"race: {self.field}"

    def __str__(self) -> str:
        return f"{self.first}; and {self.second}"


class _Access:
    """One side, as it is kept."""

    __slots__ = ("clock", "locks", "place", "thread", "write")

    def __init__(
        self, thread: BenchThread, clock: int, place: int, locks: tuple[BenchLock, ...], *, write: bool
    ) -> None:
        self.thread = thread
        self.clock = clock
        self.place = place
        self.locks = locks
        self.write = write


class _Shadow:
    """What is known of a field of an object."""

    __slots__ = ("name", "owner", "reads", "write")

    def __init__(self, owner: object, name: str) -> None:
        self.owner = owner  # kept, so that no other object gets its identity in this run
        self.name = name
        self.write: _Access | None = None
        self.reads: dict[tuple[BenchThread, int], _Access] = {}
        """Since the last write: the last of each thread at each place."""


class Detector:
    """A monitor of one run, at the grain of accesses."""

    def __init__(self, build: Build) -> None:
        assert build.points is not None  # noqa: S101 - only a build at the grain of accesses tells of them
        self._points = build.points
        self._clocks: dict[BenchThread, Clock] = {}
        self._left: dict[object, Clock] = {}
        """What is handed on by each lock, gate and ended thread."""
        self._held: dict[BenchThread, tuple[BenchLock, ...]] = {}
        self._shadows: dict[tuple[int, str], _Shadow] = {}
        self._names: dict[int, str] = dict(_of_modules(build.package.__name__))
        """Of containers and locks: the variable of a module, or the field that they were first read from."""
        self._nameable: dict[type, bool] = {}
        self._kept: list[object] = []
        """They too keep their identity in this run."""
        self.accesses = 0
        self.places: set[int] = set()
        """Which places were passed."""
        self.races: dict[tuple[str, int, int], Race] = {}
        """Each pair of places once for each field."""

    @property
    def fields(self) -> set[str]:
        """Which fields were accessed."""
        return {shadow.name for shadow in self._shadows.values()}

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:
        """Keep the order: what was done before is passed on, and what is passed is joined."""
        if thread is None:
            return
        if effect in _JOINING:
            self._join(thread, what)
        elif effect in _PASSING_ON:
            self._pass_on(thread, what)
        if isinstance(what, BenchLock):
            held = self._held.get(thread, ())
            taken = effect is Effect.ACQUIRED
            self._held[thread] = (*held, what) if taken else tuple(lock for lock in held if lock is not what)
        elif effect is Effect.SPAWNED and isinstance(what, BenchThread):
            self._join(what, what)

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:  # noqa: FBT001
        """Hold an access against the others of the same field."""
        self.accesses += 1
        self.places.add(place)
        shadow = self._shadows.get((id(owner), field))
        if shadow is None:
            shadow = self._shadows[id(owner), field] = _Shadow(owner, self._name(owner, field))
        clock = self._clock(thread)
        now = clock[thread]
        before = shadow.reads.get((thread, place))
        if before is not None and before.clock == now and not write:
            return  # the same read in the same epoch, and nobody has written since
        locks = self._held.get(thread, ())
        last = shadow.write
        if last is not None and last.clock > clock.get(last.thread, 0):
            self._report(shadow.name, last, _Access(thread, now, place, locks, write=write))
        if not write:
            if field is not CONTENT:
                self._christen(owner, field, shadow.name)
            shadow.reads[thread, place] = _Access(thread, now, place, locks, write=False)
            return
        access = _Access(thread, now, place, locks, write=True)
        for read in shadow.reads.values():
            if read.clock > clock.get(read.thread, 0):
                self._report(shadow.name, read, access)
        shadow.reads.clear()
        shadow.write = access

    # Clocks ----------------------------------------------------------------------------------------

    def _clock(self, thread: BenchThread) -> Clock:
        clock = self._clocks.get(thread)
        if clock is None:
            clock = self._clocks[thread] = {thread: 1}
        return clock

    def _join(self, thread: BenchThread, what: object) -> None:
        """What was done before this was left is before what the thread does from now on."""
        clock = self._clock(thread)
        for other, at in self._left.get(what, _NOTHING).items():
            if at > clock.get(other, 0):
                clock[other] = at

    def _pass_on(self, thread: BenchThread, what: object) -> None:
        """Leave what was done so far, and begin another epoch."""
        clock = self._clock(thread)
        self._left[what] = clock.copy()
        clock[thread] += 1

    # Names -----------------------------------------------------------------------------------------

    def _name(self, owner: object, field: str) -> str:
        if isinstance(owner, Variable):
            return f"{owner.scope}.{field}"
        if field is CONTENT:
            return self._names.get(id(owner), type(owner).__name__) + CONTENT
        return f"{type(owner).__name__}.{field}"

    def _christen(self, owner: object, field: str, name: str) -> None:
        """If the field holds a container or a lock, that is how people know it."""
        try:
            value = object.__getattribute__(owner, field)
        except AttributeError:
            return
        kind = type(value)
        if kind not in self._nameable:
            self._nameable[kind] = issubclass(kind, _NAMED)
        if self._nameable[kind] and id(value) not in self._names:
            self._names[id(value)] = name
            self._kept.append(value)

    def _report(self, name: str, first: _Access, second: _Access) -> None:
        key = (name, min(first.place, second.place), max(first.place, second.place))
        if key not in self.races:
            first_side, second_side = self._touch(name, first), self._touch(name, second)
            self.races[key] = Race(field=name, first=first_side, second=second_side)

    def _touch(self, name: str, access: _Access) -> Touch:
        function = self._points.sites[access.place].function
        return Touch(
            thread=access.thread.name,
            place=self._points.places[access.place],
            function=function,
            write=access.write,
            locks=tuple(self._names.get(id(lock), lock.name) for lock in access.locks),
            excuse=_EXCUSES.get((name, function, access.write)),
        )


_NOTHING: Clock = {}
_JOINING = frozenset({Effect.ACQUIRED, Effect.PASSED, Effect.JOINED})
_PASSING_ON = frozenset({Effect.RELEASED, Effect.OPENED, Effect.ENDED, Effect.SPAWNED})
_CONTAINERS = (MutableSequence, MutableMapping, MutableSet)
_NAMED = (*_CONTAINERS, BenchLock)


def _of_modules(package: str) -> Iterator[tuple[int, str]]:
    """The containers that are variables of the package's modules, by identity."""
    for module in sorted(name for name in sys.modules if name.startswith(package + ".")):
        for name, value in vars(sys.modules[module]).items():
            if isinstance(value, _CONTAINERS) and not name.startswith("__"):
                yield id(value), name


def _holding(locks: tuple[str, ...]) -> str:
    return f"holding {' and '.join(locks)}" if locks else "holding no lock"


# What is declared -----------------------------------------------------------------------------------


class Kind(StrEnum):
    """Why an access without the lock does no harm.  See the module's docstring."""

    CHECKED = "checked"  # a locked section looks again, or whoever made the value old makes up for it
    FINAL = "final"  # once it says what is read, it never says anything else
    VIEW = "view"  # it is handed out, and is as old as the look
    COMMUTES = "commutes"  # the order of the writes shows nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Fields that are accessed without the lock of those who write them, and by which functions."""

    fields: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    kind: Kind
    why: str

    @property
    def keys(self) -> tuple[tuple[str, str, bool], ...]:
        """Each field with each function, and whether it writes there."""
        sides = [(function, False) for function in self.reads] + [
            (function, True) for function in self.writes
        ]
        return tuple((field, function, write) for field in self.fields for function, write in sides)


STATUS_READERS = (
    "_choose._head_of_heap",
    "_choose._head_of_lane",
    "_opening.release",
    "_task.Task.add_done_callback",
    "_task.Task.status",
    "_task.Task.wait",
    "_threads._answer",
    "_threads._cancel_what_waits",
)

DECLARED: tuple[Declared, ...] = (
    # Whoever chooses, under `Core.choosing` and not under `Core.lock`.
    Declared(
        fields=("Core.admitted", "Core.changes"),
        reads=("_choose._choose",),
        kind=Kind.CHECKED,
        why="read before all else, and moved last; `start` and `park` do nothing if either has moved since",
    ),
    Declared(
        fields=("Core.direct",),
        reads=("_choose._choose",),
        kind=Kind.CHECKED,
        why="`turn` looks again before it takes from the lane, `park` before it parks",
    ),
    Declared(
        fields=(
            "Core.freed", "Core.freed[]", "Core.inbox", "Core.inbox[]", "Core.orders", "Core.orders[]",
        ),
        reads=("_choose._sort",),
        kind=Kind.CHECKED,
        why="only whether there is anything; what comes after the look moves `admitted` or `changes`",
    ),
    Declared(
        fields=(
            "Core.paused", "Core.phase", "Core.starting", "Core.surplus", "QueueState.paused",
            "QueueState.weight",
        ),
        reads=("_choose._look",),
        kind=Kind.CHECKED,
        why="a step that changes one moves `changes`, or clears `starting`, which `start` looks at",
    ),
    Declared(
        fields=("Seat.task",),
        reads=("_choose._running_in", "_choose._running_with"),
        kind=Kind.CHECKED,
        why="where a cap or a key counts who runs, a task that comes back moves `changes`",
    ),
    # Looks that save a section, or say that one is needed.
    Declared(
        fields=("Core.herald",),
        reads=("_opening.tell", "_threads.work"),
        kind=Kind.CHECKED,
        why="read after the step that left something for it; it parks in a section that looks for that",
    ),
    Declared(
        fields=("Core.follower",),
        reads=("_opening.tell", "_threads.work", "_worker.Worker.submit"),
        kind=Kind.CHECKED,
        why="the same; what is recorded while it looks at the log finds its gate enrolled already",
    ),
    Declared(
        fields=("Core.scribe",),
        reads=("_opening.tell", "_threads.work", "_worker.Worker.submit"),
        kind=Kind.CHECKED,
        why="as with the follower: the scribe enrols its gate before it looks at the log",
    ),
    Declared(
        fields=("Core.log[]",),
        reads=("_follower._tell", "auditlog._take"),
        kind=Kind.CHECKED,
        why="a copy of what was appended so far; for more it comes round again",
    ),
    Declared(
        fields=("AuditLog._pending", "AuditLog._seen", "Core.log[]"),
        reads=("auditlog._has_room",),
        kind=Kind.CHECKED,
        why="who finds no room enrols under the lock, and is told if anything was written since",
    ),
    Declared(
        fields=("Core.phase",),
        reads=("auditlog._is_closed",),
        kind=Kind.CHECKED,
        why="the step that follows looks at it",
    ),
    Declared(
        fields=("Core.keep", "Core.kept_count", "Core.lost", "Core.specials", "Core.tombs"),
        reads=("_threads._tidy",),
        kind=Kind.CHECKED,
        why="`rest` looks at each of them again before the steward parks, and it comes round again",
    ),
    Declared(
        fields=("Core.keep", "Core.kept_count"),
        reads=("_opening.open_ended",),
        kind=Kind.CHECKED,
        why="`evict` looks again; read after a step that added to the count; who sets `keep` evicts after",
    ),
    Declared(
        fields=("Core.keep_ns",),
        reads=("_opening.open_ended", "_threads._tidy", "_threads.work"),
        kind=Kind.CHECKED,
        why="`evict` and `remind` look again; who sets it wakes the steward afterwards",
    ),
    Declared(
        fields=("Core.seated", "Core.threads_wanted"),
        reads=("_threads._man",),
        kind=Kind.CHECKED,
        why="`take_seat` looks again; a resize sets `resized`, with which the steward does not park",
    ),
    Declared(
        fields=("Core.surplus",),
        reads=("_threads.serve",),
        kind=Kind.CHECKED,
        why="who is woken for nothing parks again; a resize wakes the steward, which looks again",
    ),
    Declared(
        fields=("Core.admitted", "Core.ids[]"),
        reads=("_batch.Batch.write",),
        kind=Kind.CHECKED,
        why="`admit_all` looks whether it is the same number, and whether the id is taken still",
    ),
    Declared(
        fields=("Core.registry[]",),
        reads=("_threads._answer", "_threads._cancel_what_waits"),
        kind=Kind.CHECKED,
        why="the task in question is in it since before; one that is taken out has ended, and a step looks",
    ),
    Declared(
        fields=("Worker._labels[]", "QueueState.labels[]"),
        reads=("_worker.Worker._label", "_worker.Worker.submit"),
        kind=Kind.CHECKED,
        why="a label is whole before it is put there, and stays; for one that is missed `add_label` looks",
    ),
    # What does not change any more.
    Declared(
        fields=("Task._status",),
        reads=STATUS_READERS,
        kind=Kind.FINAL,
        why="a terminal status never changes; with any other a section looks again; `status` is a view",
    ),
    Declared(
        fields=("Core.registry",),
        reads=("_threads._answer",),
        kind=Kind.FINAL,
        why="one dictionary throughout: a batch extends it in place, and binds it to its name again",
    ),
    Declared(
        fields=("Task._error", "Task._reason", "Task._status"),
        reads=("_task.Task._problem",),
        kind=Kind.FINAL,
        why="asked of a task whose status was seen to be terminal, and every section writes that last",
    ),
    Declared(
        fields=("Task._value",),
        reads=("_task.Task.result",),
        kind=Kind.FINAL,
        why="written in the step that ends the task, before the status; whoever reads it has seen that",
    ),
    Declared(
        fields=("Latch.over", "Seat.leaving"),
        reads=("_threads._man",),
        kind=Kind.FINAL,
        why="only ever set; who sets it then wakes the steward, which looks again",
    ),
    Declared(
        fields=("Subscription._unsubscribed",),
        reads=("_results._herald",),
        kind=Kind.FINAL,
        why="only ever set; `publish` looks under the subscription's lock",
    ),
    Declared(
        fields=("Token.cancelled",),
        reads=("_token.enter",),
        writes=("_token.Token.cancel",),
        kind=Kind.FINAL,
        why="only ever set, before the children are gone through; a child is entered before it is read",
    ),
    Declared(
        fields=("list[]",),
        reads=("_follower._tell",),
        kind=Kind.FINAL,
        why="an event of the log, which is written before it is appended and never after",
    ),
    Declared(
        fields=("Task._label",),
        reads=("_token._cancel",),
        writes=("_worker.Worker.submit",),
        kind=Kind.FINAL,
        why="a child of a token has it when it is entered there, without a lock",
    ),
    Declared(
        fields=("Task._number",),
        reads=("_steps.cancel",),
        kind=Kind.FINAL,
        why="the same",
    ),
    # For somebody outside.
    Declared(
        fields=("Core.phase",),
        reads=(
            "_context.Context.cancel_reason", "_worker.Worker._must_be_open", "_worker.Worker._refusal",
        ),
        kind=Kind.VIEW,
        why="it only moves forward, and is told to a task or to whoever was refused",
    ),
    Declared(
        fields=("Task._reason",),
        reads=("_context.Context.cancel_reason",),
        kind=Kind.VIEW,
        why="it is told to the task that is asked to come back, whenever it looks",
    ),
    Declared(
        fields=("Core.tally_rows", "Core.tally_rows[]", "Core.width", "Label.base"),
        reads=("_snapshot.snapshot",),
        kind=Kind.VIEW,
        why="rows are only added, each when it has its place; those beyond the copied counts are left out",
    ),
    # Writes whose order shows nowhere.
    Declared(
        fields=("Core.threads[]",),
        writes=("_results.start_herald", "_threads._man", "_worker.Worker._spawn_all"),
        kind=Kind.COMMUTES,
        why="each appends its own; a shutdown reads them when those who append have passed their latches",
    ),
    Declared(
        fields=("Task._args", "Task._function", "Task._variables"),
        reads=("_threads.work",),
        writes=("_opening.let_go", "_threads.work"),
        kind=Kind.COMMUTES,
        why="all write the same; after the end of a task that nobody calls any more, as `_status` says",
    ),
    Declared(
        fields=("Task._extras",),
        writes=("_retries.judge",),
        kind=Kind.COMMUTES,
        why="written while the task runs, on its thread; the sections use it of a task that waits",
    ),
    Declared(
        fields=("Token._children[]",),
        reads=("_token.Token.cancel",),
        writes=("_token._Leaving.open", "_token.enter"),
        kind=Kind.COMMUTES,
        why="each task has a key of its own; a cancellation looks at `cancelled` or at the copy, as above",
    ),
    Declared(
        fields=("SEATS[]",),
        reads=("_worker.Worker._wait_for_room",),
        writes=("_threads.work",),
        kind=Kind.COMMUTES,
        why="each thread has a key of its own, and asks for no other",
    ),
)  # fmt: skip
"""Every access of the worker that races, and why it may.  Each is met by some scenario, or a test fails."""

_EXCUSES = {key: entry for entry in DECLARED for key in entry.keys}


# How to use it --------------------------------------------------------------------------------------


class RaceBench(Bench):
    """A bench at the grain of accesses that looks for data races in each run.

    A field that races undeclared is a finding of the run, before all others.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        defect: Defect | None = None,
        package: str = "jurat",
        backend: Backend | str = Backend.GREENLETS,
        tick_ns: int = 1,
        step_bound: int | None = None,
    ) -> None:
        super().__init__(
            scenario,
            defect=defect,
            grain=Grain.ACCESS,
            package=package,
            backend=backend,
            tick_ns=tick_ns,
            step_bound=step_bound,
        )
        self.last: Detector
        """Of the last run."""

    def run(
        self,
        strategy: Strategy,
        number: int = 0,
        *,
        omit: Collection[int] = (),
        watch: Callable[[Stage], None] | None = None,
        look: Callable[[Stage], None] | None = None,
    ) -> Run:
        """As `Bench.run`."""
        self.last = Detector(self.build)

        def watched(stage: Stage) -> None:
            stage.runtime.monitor = self.last
            if watch is not None:
                watch(stage)

        run = super().run(strategy, number, omit=omit, watch=watched, look=look)
        found: dict[str, Finding] = {}
        for race in self.last.races.values():
            if not race.declared:
                found.setdefault(race.field, Finding(race.property, str(race)))
        run.findings = [*found.values(), *run.findings]
        return run


class AtTheSeam(RandomWalk):
    """A random walk that goes on at accesses: a race needs no switch between its two sides."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.name = "random at the seam"

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """The default at an access, anybody elsewhere."""
        if ready[default].operation is Operation.ACCESS:
            return default
        return super().choose(ready, default, time)


class InTurn:
    """Two walks in turn: one that switches at the seam, and one that does at accesses as well."""

    def __init__(self, seed: int) -> None:
        self._walks: tuple[Strategy, ...] = (AtTheSeam(seed), Reluctant(seed))
        self._walk: Strategy = self._walks[0]
        self.name = ", ".join(walk.name for walk in self._walks) + ", in turn"

    def begin(self, run: int) -> None:
        """The other one."""
        self._walk = self._walks[run % 2]
        self._walk.begin(run // 2)

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """As the walk of this run."""
        return self._walk.choose(ready, default, time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Races:
    """What a search for data races has seen."""

    scenario: str
    defect: str | None
    strategy: str
    seed: int
    schedules: int
    cut_short: int
    """How many of them the step bound ended."""
    accesses: int
    fields: tuple[str, ...]
    """Which fields were accessed, by class."""
    places: int
    """How many places of the source were passed."""
    met: frozenset[tuple[str, str, bool]]
    """Which entries of `DECLARED` raced: field, function, and whether it writes."""
    declared: int
    """Pairs of places that race and are declared."""
    undeclared: tuple[tuple[Race, str], ...]
    """Pairs that are not, each with the token of the first run that shows it."""


def detect(
    scenario: str | Scenario,
    schedules: int,
    seed: int = 1,
    *,
    defect: str | Defect | None = None,
    until_found: bool = False,
) -> Races:
    """Look for data races in so many schedules of a scenario.

    `explore.replay` of a token with `races` set shows the race again.

    Parameters
    ----------
    until_found: stop at the first run with a race that is not declared.

    Raises
    ------
    UnknownScenario, UnknownDefect: there is none of this name.
    """
    program = scenario_named(scenario) if isinstance(scenario, str) else scenario
    seeded = defect_named(defect) if isinstance(defect, str) else defect
    with RaceBench(program, defect=seeded) as bench:
        return search(bench, schedules, seed, until_found=until_found)


def search(bench: RaceBench, schedules: int, seed: int = 1, *, until_found: bool = False) -> Races:
    """As `detect`, on a bench that is there."""
    walk = InTurn(seed)
    pairs: dict[tuple[str, int, int], tuple[Race, str]] = {}
    fields: set[str] = set()
    places: set[int] = set()
    accesses = made = cut_short = undeclared = 0
    for number in range(schedules):
        run = bench.run(walk, number)
        made += 1
        cut_short += run.ending is Ending.STEP_BOUND
        accesses += bench.last.accesses
        fields |= bench.last.fields
        places |= bench.last.places
        for key, race in bench.last.races.items():
            if key not in pairs:
                pairs[key] = (race, "" if race.declared else bench.token(run))
                undeclared += not race.declared
        if undeclared and until_found:
            break
    sides = [
        (race, side) for race, _ in pairs.values() if race.declared for side in (race.first, race.second)
    ]
    return Races(
        scenario=bench.scenario.name,
        defect=None if bench.defect is None else bench.defect.id,
        strategy=walk.name,
        seed=seed,
        schedules=made,
        cut_short=cut_short,
        accesses=accesses,
        fields=tuple(sorted(fields)),
        places=len(places),
        met=frozenset((race.field, side.function, side.write) for race, side in sides if side.excuse),
        declared=len(pairs) - undeclared,
        undeclared=tuple(it for it in pairs.values() if not it[0].declared),
    )
