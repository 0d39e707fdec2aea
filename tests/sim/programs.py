"""Random small programs for the bench, and an oracle for those who search them.

A program has two or three threads of two to four operations: locks (nested, so that there are
deadlocks), gates with one waiter each, waits in time, shared variables, readings of the clock, a thread
that is spawned and joined.  A variable may be accessed with a switch point before (`read`, `write`) or in
the middle of a step (`peek`, `poke`), and what else that step does may depend on it.  What a program
computes shows the order of whatever touches the same variable.

What a run did is recorded here in a way that shares nothing with `jurat_sim.traces`: a trace is, for each
effect, the earlier ones that it may not be exchanged with, each pair judged by itself.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from tests.sim.toys import play

from jurat_sim.monitor import Effect
from jurat_sim.search import Redundant, Search
from jurat_sim.traces import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jurat_sim.pool import Pool
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import BenchRuntime

Operation = tuple[Any, ...]
Program = dict[str, list[Operation]]
Effects = list[tuple[str, str, str]]
"""Thread, kind and object of each effect, in order; a timer's object is what its thread waits at."""
Trace = frozenset[tuple[str, tuple[Any, ...]]]
"""For each thread its effects: the kind of each, and the earlier effects that it depends on."""
Result = tuple[tuple[str, ...], tuple[Any, ...], tuple[str, ...]]
"""Who is stuck, what the variables hold, and what was seen."""

CHILD = "c"


def random_program(seed: int) -> Program:
    """A program, always the same for one seed."""
    numbers = Random(seed)
    threads = ["a", "b"]
    child = numbers.random() < 0.3
    if child or numbers.random() < 0.25:
        threads.append(CHILD)
    size = 4 if len(threads) == 2 else 2
    waiters = {gate: numbers.choice(threads) for gate in ("f", "g")}
    unopened = {"f", "g"}
    program: Program = {}
    for thread in threads:
        operations: list[Operation] = []
        while len(operations) < numbers.randint(2, size):
            operations.append(_operation(numbers, thread, waiters, unopened, 2))
        program[thread] = operations
    if child:
        program["a"].insert(numbers.randrange(2), ("spawn",))
        if numbers.random() < 0.7:
            program["a"].append(("join", numbers.choice([None, 2])))
    return program


def _operation(
    numbers: Random, thread: str, waiters: dict[str, str], unopened: set[str], depth: int
) -> Operation:
    kind = numbers.choice(("lock", "lock", "lock", "read", "write", "write", "open", "wait", "clock", "peek"))
    if kind == "lock" and depth:
        # A lock of one's own on each level, the other way round in "b".
        lock = ("p", "q")[(depth + (thread == "b")) % 2]
        inside = numbers.choice(("", "lock", "any"))
        if inside == "lock" and depth == 2:
            return ("lock", lock, [("lock", "q" if lock == "p" else "p", [])])
        body = [_operation(numbers, thread, waiters, unopened, depth - 1)] if inside == "any" else []
        return ("lock", lock, body)
    gate = numbers.choice("fg")
    if kind == "open" and gate in unopened and waiters[gate] != thread:
        unopened.remove(gate)
        return ("open", gate)
    if kind == "wait" and waiters[gate] == thread:
        return ("wait", gate, numbers.choice([None, 0, 2, 2, 3]))
    if kind == "clock":
        return ("clock",)
    if kind == "peek":
        return ("peek", numbers.choice("xy"), numbers.choice([("clock",), ("poke", numbers.choice("xy"))]))
    return ("read" if kind == "read" else "write", numbers.choice("xy"))


HARD: dict[str, Program] = {
    "a sleeper is woken, and would have set a timer that another thread sets now": {
        "a": [("lock", "p", []), ("spawn",), ("write", "y"), ("join", 2)],
        "b": [("write", "x"), ("lock", "q", [("wait", "f", 2)])],
        "c": [("lock", "p", []), ("lock", "p", [("write", "x")])],
    },
    "a lock is wanted for what was written in the section that had it": {
        "a": [("lock", "p", []), ("lock", "p", [("lock", "q", [("write", "y")])])],
        "b": [("clock",), ("lock", "q", [])],
        "c": [("lock", "p", [("peek", "y", ("clock",))]), ("write", "y")],
    },
    "two timers fire, and who slept for the first reads the clock": {
        "a": [("spawn",), ("clock",), ("lock", "p", [("peek", "x", ("clock",))]), ("join", 2)],
        "b": [("wait", "g", 2), ("clock",)],
        "c": [("lock", "p", [("write", "x")]), ("lock", "p", [("read", "x")])],
    },
    "two hundred traces": {
        "a": [("spawn",), ("lock", "p", [("read", "x")]), ("lock", "p", []), ("join", 2)],
        "b": [("clock",), ("open", "g")],
        "c": [("lock", "p", [("lock", "q", [("wait", "g", 3)])]), ("lock", "p", [])],
    },
    "three threads and two locks, each first": {
        "a": [("lock", "p", [("lock", "q", [])]), ("write", "x")],
        "b": [("lock", "q", [("lock", "p", [])])],
        "c": [("lock", "q", [("peek", "x", ("clock",))])],
    },
}
"""Programs that a search gets wrong which is wrong in one place only."""


class Cell:
    """A variable.  All are objects of one class; its one field is its own, or the same in all of them."""

    def __init__(self, name: str, field: str) -> None:
        self.name = name
        self.field = field
        self.value: object = None


class Performance:
    """One run of a program on the bench: its threads, its result, and its trace."""

    def __init__(self, program: Program, runtime: BenchRuntime, *, alike: bool = False) -> None:
        self._program = program
        self._runtime = runtime
        self._locks = {name: _named(runtime.lock(), name) for name in "pq"}
        self._gates = {name: _named(runtime.gate(), name) for name in "fg"}
        self._variables = {name: Cell(name, "value" if alike else name) for name in "xy"}
        self._seen: list[tuple[str, object]] = []
        self._effects: Effects = []
        self._expired: set[str] = set()
        for name in program:
            if name != CHILD or ("spawn",) not in program["a"]:
                runtime.spawn(self._run, name, name)

    def watch(self) -> None:
        """Look on, and pass on what is told to whoever looks on already, and to a fingerprint."""
        self.fingerprint = Fingerprint(self._runtime, self._runtime.monitor)
        self._runtime.monitor = self

    def result(self) -> Result:
        """What the program computed, and where it is stuck."""
        stuck = tuple(thread.name for thread in self._runtime.unfinished())
        variables = tuple((name, cell.value) for name, cell in self._variables.items())
        return stuck, variables, tuple(map(repr, sorted(self._seen, key=repr)))

    def trace(self) -> Trace:
        """Of the run."""
        threads: dict[str, tuple[Any, ...]] = {}
        known: list[tuple[str, int]] = []
        for effect in self._effects:
            thread, kind, _ = effect
            mine = threads.get(thread, ())
            past = frozenset(
                name for name, other in zip(known, self._effects, strict=False) if depend(other, effect)
            )
            known.append((thread, len(mine)))
            threads[thread] = (*mine, (kind, past))
        return frozenset(threads.items())

    def effect(self, thread: BenchThread | None, effect: Effect, what: Any) -> None:
        """Record it."""
        self.fingerprint.effect(thread, effect, what)
        if thread is None:
            self._effects.append(("time", "passed", ""))
            expired = {it.name: it for it in self._runtime.threads if it.expired}
            for name in sorted(expired.keys() - self._expired):
                self._effects.append(("time", f"expired {name}", expired[name].object.name))  # type: ignore[attr-defined]
            self._expired = set(expired)
        elif not thread.dying:
            self._expired.discard(thread.name)
            self._effects.append((thread.name, effect.name, getattr(what, "name", "")))
            if effect is Effect.SET_TIMER:
                self._effects.append((thread.name, "looked", thread.object.name))  # type: ignore[attr-defined]

    def access(self, thread: BenchThread, place: int, owner: Any, field: str, write: bool) -> None:
        """Record it."""
        self.fingerprint.access(thread, place, owner, field, write)
        self._effects.append((thread.name, "write" if write else "read", owner.name))

    # The program -------------------------------------------------------------------------------

    def _run(self, name: str) -> None:
        self._all(name, self._program[name])

    def _all(self, me: str, operations: Iterable[Operation]) -> None:
        for operation in operations:
            self._do(me, operation)

    def _do(self, me: str, operation: Operation) -> None:  # noqa: C901 - a case each
        match operation:
            case ("lock", lock, body):
                with self._locks[lock]:
                    self._all(me, body)
            case ("open", gate):
                self._gates[gate].open()
            case ("wait", gate, None):
                self._gates[gate].wait()
            case ("wait", gate, time):
                self._seen.append((me, self._gates[gate].wait_for(time)))
            case ("spawn",):
                self._child = self._runtime.spawn(self._run, CHILD, CHILD)
            case ("join", None):
                self._child.join()
            case ("join", time):
                self._seen.append((me, self._child.join(time)))
            case ("clock",):
                self._seen.append((me, self._runtime.monotonic_ns()))
            case ("peek", variable, then):
                self._touch(me, variable, write=False)
                if self._variables[variable].value is None:
                    self._do(me, then)
            case ("poke", variable):
                self._touch(me, variable, write=True)
            case ("read" | "write" as kind, variable):
                self._runtime.pause(variable)
                self._touch(me, variable, write=kind == "write")

    def _touch(self, me: str, variable: str, *, write: bool) -> None:
        monitor = self._runtime.monitor
        assert monitor is not None
        cell = self._variables[variable]
        monitor.access(self._runtime.running, 0, cell, cell.field, write)
        if write:
            cell.value = (me, cell.value is None)
        else:
            self._seen.append((me, cell.value))


_LOOKS = {"GAVE_UP", "JOINED", "LEFT", "looked", "read"}
_TIMERS = {"SET_TIMER", "STOPPED_TIMER", "passed"}


@cache
def depend(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Whether two effects may not be exchanged: thread, kind and object of each."""
    if one[0] == other[0]:
        return True
    kinds = {one[1], other[1]}
    for thread, kind in ((one[0], other[1]), (other[0], one[1])):
        if kind == f"expired {thread}":  # a timer of the thread itself
            return not kinds.isdisjoint({"SET_TIMER", "PASSED", "GAVE_UP", "JOINED", "LEFT"})
    if kinds <= _TIMERS or kinds == {"passed", "READ_CLOCK"}:
        return True
    looks = sum(kind in _LOOKS or kind.startswith("expired") for kind in (one[1], other[1]))
    return one[2] == other[2] != "" and looks < 2


def performances(
    program: Program, search: Search, pool: Pool, *, tick_ns: int = 0, alike: bool = False
) -> list[Performance]:
    """The runs that a search makes to their end.

    Parameters
    ----------
    alike: all variables have a field of one name, so that only their identity tells them apart.
    """
    made: list[Performance] = []

    def toy(runtime: BenchRuntime) -> None:
        made.append(Performance(program, runtime, alike=alike))
        search.watch(runtime)
        made[-1].watch()

    more = True
    while more:
        try:
            play(toy, search, pool=pool, tick_ns=tick_ns)
        except Redundant:
            made.pop()
        more = search.end()
    return made


def _named(it: Any, name: str) -> Any:
    it.name = name
    return it
