"""Brute force over the programs of `programs`: a machine of its own, and every order of its steps.

Nothing of the bench is used here.  A program is compiled to a list of instructions for each thread;
where a thread may be interrupted is said with each of them.  All interleavings are followed; two that
reach the same state with the same trace have the same future, so only one of them goes on.  A trace is
for this machine what it is for the oracle: for each effect, the earlier effects that it depends on, each
pair judged by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.programs import CHILD, depend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.sim.programs import Operation, Program, Result, Trace

Instruction = tuple[Any, ...]

BEFORE = {"take", "open", "wait", "join", "read", "write", "begin"}
"""Instructions that a thread may be interrupted before."""
AFTER = {"give", "spawn"}
"""Those that it may be interrupted after."""


def _compiled(operations: Iterable[Operation]) -> Iterator[Instruction]:
    for operation in operations:
        if operation[0] == "lock":
            yield ("take", operation[1])
            yield from _compiled(operation[2])
            yield ("give", operation[1])
        else:
            yield operation


class _Machine:
    """A state of a program, and the trace that led there."""

    def __init__(self, threads: Iterable[str]) -> None:
        self.places = dict.fromkeys(threads, 0)
        self.asleep: dict[str, bool] = {}
        """Threads in a wait in time: whether their timer has fired."""
        self.timers: tuple[tuple[int, str], ...] = ()
        """When, and whose, in the order in which they were set."""
        self.owners: dict[str, str] = {}
        self.tokens: frozenset[str] = frozenset()
        self.variables: dict[str, object] = dict.fromkeys("xy")
        self.seen: frozenset[tuple[str, int, Any]] = frozenset()
        self.now = 0
        self.effects: tuple[tuple[str, str, str], ...] = ()
        self.trace: dict[str, tuple[Any, ...]] = {}
        self.numbers: tuple[int, ...] = ()

    def copy(self) -> _Machine:
        other = object.__new__(_Machine)
        vars(other).update(vars(self))
        for name in ("places", "asleep", "owners", "variables", "trace"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    def key(self) -> object:
        """Two machines with one key have the same future and the same past, but for its order."""
        return (
            tuple(sorted(self.places.items())),
            tuple(sorted(self.asleep.items())),
            tuple(sorted(self.trace.items())),
            self.timers,
            tuple(sorted(self.owners.items())),
            self.tokens,
            tuple(self.variables.items()),
            self.seen,
            self.now,
        )

    def tell(self, thread: str, kind: str, what: str = "") -> None:
        """An effect happens: add it to the trace, after those that it depends on."""
        mine = self.trace.get(thread, ())
        effect = (thread, kind, what)
        past = frozenset(
            (other[0], number)
            for other, number in zip(self.effects, self.numbers, strict=True)
            if depend(other, effect)
        )
        self.effects += (effect,)
        self.numbers += (len(mine),)
        self.trace[thread] = (*mine, (kind, past))


class Interleavings:
    """All that a program may do, or all that it may with so few preemptions.

    What counts as a preemption is said here once more: to leave a thread that could go on, and to let time
    pass while any thread could.
    """

    def __init__(self, program: Program, preemptions: int | None = None) -> None:
        self._bound = preemptions
        self._code = {
            name: [("begin",), *_compiled(operations), ("end",)] for name, operations in program.items()
        }
        self._child = any(("spawn",) in code for code in self._code.values())
        self.traces: set[Trace] = set()
        self.results: set[Result] = set()
        self._explore()

    def _explore(self) -> None:
        first = _Machine([name for name in self._code if name != CHILD or not self._child])
        known = {(first.key(), ""): 0}
        left = [(first, "", 0)]
        while left:
            machine, runner, spent = left.pop()
            moves = [name for name in machine.places if self._can_go_on(machine, name)]
            if machine.timers:
                moves.append("time")
            if not moves:
                self.traces.add(frozenset(machine.trace.items()))
                self.results.add(self._result(machine))
            for move in moves:
                after, runs, cost = machine.copy(), "", 0
                if self._bound is not None:
                    runs = "" if move == "time" else move
                    early = moves != ["time"] if move == "time" else runner in moves and move != runner
                    cost = spent + early
                    if cost > self._bound:
                        continue
                self._time(after) if move == "time" else self._step(after, move)
                key = after.key(), runs
                if cost < known.get(key, cost + 1):
                    known[key] = cost
                    left.append((after, runs, cost))

    def _result(self, machine: _Machine) -> Result:
        stuck = tuple(sorted(name for name in machine.places if not self._ended(machine, name)))
        seen = sorted(((me, value) for me, _, value in machine.seen), key=repr)
        return stuck, tuple(machine.variables.items()), tuple(map(repr, seen))

    def _ended(self, machine: _Machine, name: str) -> bool:
        return name in machine.places and machine.places[name] == len(self._code[name])

    def _can_go_on(self, machine: _Machine, name: str) -> bool:
        if self._ended(machine, name):
            return False
        expired = machine.asleep.get(name)
        match self._code[name][machine.places[name]]:
            case ("take", lock):
                return lock not in machine.owners
            case ("wait", gate, time):
                waiting = time is None or expired is False
                return not waiting or gate in machine.tokens
            case ("join", time):
                waiting = time is None or expired is False
                return not waiting or self._ended(machine, CHILD)
        return True

    def _time(self, machine: _Machine) -> None:
        timer = min(machine.timers, key=lambda it: it[0])
        machine.timers = tuple(it for it in machine.timers if it is not timer)
        machine.now = timer[0]
        name = timer[1]
        machine.tell("time", "passed")
        machine.tell("time", f"expired {name}", self._awaited(machine, name))
        machine.asleep[name] = True

    def _awaited(self, machine: _Machine, name: str) -> str:
        instruction = self._code[name][machine.places[name]]
        return CHILD if instruction[0] == "join" else instruction[1]

    def _step(self, machine: _Machine, me: str) -> None:
        first = True
        while True:
            instruction = self._code[me][machine.places[me]]
            if not first and instruction[0] in BEFORE:
                return
            first = False
            if not self._do(machine, me, instruction):
                return  # it has gone to sleep
            machine.places[me] += 1
            if instruction[0] in AFTER or instruction[0] == "end":
                return

    def _do(self, machine: _Machine, me: str, instruction: Instruction) -> bool:  # noqa: C901, PLR0912 - a case each
        """Follow an instruction; False if it is to be followed again after a sleep."""
        match instruction:
            case ("take", lock):
                machine.owners[lock] = me
                machine.tell(me, "ACQUIRED", lock)
            case ("give", lock):
                del machine.owners[lock]
                machine.tell(me, "RELEASED", lock)
            case ("open", gate):
                machine.tokens |= {gate}
                machine.tell(me, "OPENED", gate)
                self._wake(machine, me, gate)
            case ("wait", gate, time):
                return self._wait(machine, me, gate, time, gate in machine.tokens)
            case ("join", time):
                return self._wait(machine, me, CHILD, time, self._ended(machine, CHILD))
            case ("spawn",):
                machine.places[CHILD] = 0
                machine.tell(me, "SPAWNED", CHILD)
            case ("clock",):
                machine.tell(me, "READ_CLOCK")
                self._see(machine, me, machine.now)
            case ("peek", variable, then):
                self._do(machine, me, ("read", variable))
                if machine.variables[variable] is None:
                    self._do(machine, me, then)
            case ("read", variable):
                machine.tell(me, "read", variable)
                self._see(machine, me, machine.variables[variable])
            case ("write" | "poke", variable):
                machine.tell(me, "write", variable)
                machine.variables[variable] = (me, machine.variables[variable] is None)
            case ("end",):
                machine.tell(me, "ENDED", me)
                if me == CHILD:
                    self._wake(machine, me, CHILD)
        return True

    def _wait(self, machine: _Machine, me: str, what: str, time: int | None, there: bool) -> bool:
        expired = machine.asleep.pop(me, None)
        if not there and time and expired is None:
            machine.timers += ((machine.now + time, me),)
            machine.asleep[me] = False
            machine.tell(me, "SET_TIMER")
            machine.tell(me, "looked", what)
            return False
        if what == CHILD:
            machine.tell(me, "JOINED" if there else "LEFT", CHILD)
        else:
            there = there and not expired
            machine.tell(me, "PASSED" if there else "GAVE_UP", what)
            if there:
                machine.tokens -= {what}
        if time is not None:
            self._see(machine, me, there)
        return True

    def _wake(self, machine: _Machine, me: str, what: str) -> None:
        for timer in machine.timers:
            if self._awaited(machine, timer[1]) == what:
                machine.timers = tuple(it for it in machine.timers if it is not timer)
                machine.tell(me, "STOPPED_TIMER")

    @staticmethod
    def _see(machine: _Machine, me: str, value: object) -> None:
        number = sum(seen[0] == me for seen in machine.seen)
        machine.seen |= {(me, number, value)}
