"""Source-DPOR with sleep sets: every Mazurkiewicz trace, and hardly any of them twice.

`Dpor` is a `Search`.  It makes runs until it has made one of each trace (`traces`): two runs that differ
in the order of independent steps alone are the same to every check, so one of them will do.  After each
step it looks for *races*: earlier steps of other threads that the step depends on, and that could as well
have come after it.  For each it sees to it that, at the state before the earlier step, some thread is
tried that leads to the other order; from there the rest follows by itself.

**Steps** are those of the runtime: from one switch point to the next, a locked section that nobody
contends for being one step.  A step's *footprint* is the union of the accesses that a monitor is told of
while it lasts, and two steps depend on each other if their footprints do.  That time passes is a step of a
thread of its own, `strategies.TIME`, which is enabled while a timer is pending.

**Which races can be reversed.**  A step that waited for another cannot come before it.  Only the first
operation of a step can wait, so it decides: a token cannot be taken before it is there, a thread not joined
before it has ended, a timer not fire before it is set, who woke in time not go on before it was woken.
None of these can be had from anywhere else, so nothing is lost.  A lock can.  A step that takes a lock
depends on the step that gave it back, and cannot come before it; but it could come before the step in which
the other thread *took* the lock, so it races with that.  A thread that waits for a lock when the run is
over, or is given up, races likewise; without that rule no deadlock but the first would be found.  And a
step that *disables* another (it stops the last timer, so that time cannot pass; it takes a lock, or ends
the run by a misuse) races with it, though the other has not been taken.

**Sleep sets.**  A thread whose step was explored at a state sleeps in its siblings, until somebody takes a
step that its own depends on.  The entry keeps the footprint that the step had when it was taken: it has the
same from each state in which the thread still sleeps, since only independent steps came between.  A run
whose every option sleeps is given up (`Redundant`), and counted in `blocked`.

**Steps that decide.**  The algorithm's events have one access each, known before they happen.  A step here
has several, and which they are may depend on the first: a wait in time sets a timer if it finds no token,
and a locked section may read the clock or not.  So when a sleeper is woken by step i, what it does then may
have nothing to do with a later step z that the known step depends on, and nothing would show that z could
have come first, then the sleeper as it is known, then i.  Therefore such z are looked for when the run is
over, and each is treated as if it raced with i.

**The grains.**  At the grain of accesses each access to a field is part of the footprint, whether a lock
protects it or not.  At the grain of the seam the code may read and write fields that no monitor is told of.
There the reduction is sound only if all of these are protected, that is without data races, which a detector
of data races must say, and not this search.  A race that is meant is one too: who looks at a field before
taking the lock takes another way if it looks late, and a run in which it does may be missed.

**Objects** have no names that are the same in all runs, so they are numbered as they are first accessed.
Runs that begin alike number alike: what was accessed before a state has one number in every run through that
state.  Only a sleeper whose step accesses an object that was new there must be wary: it wakes for the same
field of any object of that class (`Step.wakes`).

**What this rests on.**  The monitor must be told of whatever is not protected; what it is told of accesses
is said in `grain`.  Letting time pass must always be an option.  Threads must not draw random numbers, which
they would do from one stream.  If the clock has a tick, each reading of it depends on the others, and there
are many: with a tick of zero they commute.

**Termination.**  A run has at most as many steps as the step bound, and a state has finitely many enabled
threads.  Each end of a run adds to the sleep set of the deepest state with something left to try, a set
that only grows while the state is on the stack and is bounded by the number of threads; states below it
are dropped.  So the vector of the sizes of these sets along the stack increases lexicographically, and it
can do so only finitely often.  A run that was cut short by the step bound has no known end: the search
goes on, but what it has explored is not everything, and who reads its verdict must look at the runs.

Source: Abdulla, Aronis, Jonsson and Sagonas, "Optimal dynamic partial order reduction", POPL 2014,
algorithm 1 (source sets); sleep sets are Godefroid's (1996).  With a bound neither is enough: see `bpor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Diverged
from .monitor import Effect
from .primitives import Operation
from .search import Redundant
from .strategies import TIME
from .traces import Dependence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .primitives import BenchThread
    from .runtime import BenchRuntime

Footprint = dict[str, bool]
"""The objects that a step accesses, each with whether it writes it."""


class Step:
    """A state on the stack, and the step that is being taken from it."""

    __slots__ = (
        "backtrack",
        "before",
        "did",
        "enabled",
        "expired",
        "footprint",
        "fresh",
        "kinds",
        "known",
        "object",
        "operation",
        "sleep",
        "taken",
    )

    def __init__(
        self, enabled: tuple[str, ...], sleep: dict[str, Footprint], taken: str, *, known: int
    ) -> None:
        self.enabled = enabled
        """The threads that can go on, and perhaps `TIME`."""
        self.sleep = sleep
        """Threads whose step from here is known, and its footprint."""
        self.backtrack: dict[str, None] = {}
        """Threads to try from here, in the order in which that was decided."""
        self.known = known
        """How many objects had fields accessed before."""
        self.take(taken)

    def take(self, thread: str) -> None:
        """Take the step of this thread; nothing is known of it yet."""
        self.taken = thread
        self.backtrack[thread] = None
        self.operation: Operation | None = None
        self.object = ""
        """What the step's first operation is done to, by name."""
        self.expired = False
        """The thread goes on because its timer fired."""
        self.footprint: Footprint = {}
        self.kinds: Footprint = {}
        """The fields that it accesses, by class."""
        self.fresh: dict[str, str] = {}
        """Those in its footprint that are of objects not known before, and what they are by class."""
        self.did: set[tuple[Effect, str]] = set()
        self.before = 0
        """The steps that happen before this one, itself among them: bit i for step i."""

    def asleep(self) -> Footprint:
        """The footprint, for comparison with steps of other runs that begin as this one did."""
        footprint: Footprint = {}
        for what, write in self.footprint.items():
            _add(footprint, self.fresh.get(what, what), write)
        return footprint

    def wakes(self, footprint: Footprint) -> bool:
        """Whether it depends on a step that has this footprint in another run."""
        return _dependent(footprint, self.footprint) or _dependent(footprint, self.kinds)


class Dpor:
    """The search over all traces.  Use one for one scenario."""

    name = "dpor"

    def __init__(self) -> None:
        self.exhausted = False
        self.blocked = 0
        """Runs that were given up because every option slept: the redundancy of source sets."""
        self._stack: list[Step] = []
        self._new = 0
        """From this step on, the run is new."""
        self._at = 0
        """The number of the step that comes next."""
        self._announced = False
        """The next step was chosen, and has not begun."""
        self._given_up = False
        self._last: dict[str, int] = {}
        """The last step of each thread, or the one that spawned it."""
        self._accesses: dict[str, list[int]] = {}
        """The steps that accessed an object."""
        self._runtime: BenchRuntime
        self._dependence: Dependence
        self._thread: BenchThread
        """Who takes the step that is being taken, unless it is `TIME`."""

    # A run ---------------------------------------------------------------------------------

    def begin(self, run: int) -> None:  # noqa: ARG002
        """Follow the stack again, up to its last step, which is another than last time."""
        self._at = 0
        self._announced = False
        self._given_up = False
        self._last = {}
        self._accesses = {}
        for number in range(self._new):
            self._enter(number)

    def watch(self, runtime: BenchRuntime) -> None:
        """Be told of this run's steps and their effects."""
        self._runtime = runtime
        self._dependence = Dependence(runtime)
        runtime.monitor = self
        runtime.observe = self.observe

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """What the stack says, and beyond it the default, or the next option that does not sleep."""
        names = [thread.name for thread in ready]
        if time:
            names.append(TIME)
        option = names.index(self._advance(tuple(names), default))
        if option < len(ready):
            self._announce(ready[option])
        self._announced = True
        return option

    def observe(self, thread: BenchThread | None) -> None:
        """A step begins.  If there was no choice, it is a state with one option."""
        if thread is not None and not self._announced:
            self._advance((thread.name,), 0)
            self._announce(thread)
        self._announced = False

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:
        """A step has an effect."""
        if thread is None and not self._announced:
            self._advance((TIME,), 0)
            self._announced = True
        accesses = self._dependence.of(thread, effect, what)
        if self._at > self._new and (thread is None or not thread.dying):
            step = self._stack[self._at - 1]
            step.did.add((effect, getattr(what, "name", "")))
            for accessed, write in accesses:
                _add(step.footprint, accessed, write)

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:  # noqa: ARG002, FBT001
        """A step accesses shared state."""
        number = self._dependence.number(owner)
        if self._at > self._new:
            step = self._stack[self._at - 1]
            what, kind = f"field {number}.{field}", f"field {type(owner).__name__}.{field}"
            _add(step.footprint, what, write)
            _add(step.kinds, kind, write)
            if number >= step.known:
                step.fresh[what] = kind

    def end(self) -> bool:
        """Look at what was left undone, then go back to the last state with something to try."""
        if self._given_up:
            self.blocked += 1
        else:
            self._close(())
        self._look_back()
        stack = self._stack
        while stack:
            step = stack[-1]
            step.sleep[step.taken] = step.asleep()
            for thread in step.backtrack:
                if thread not in step.sleep:
                    step.take(thread)
                    self._new = len(stack) - 1
                    return True
            stack.pop()
        self.exhausted = True
        return False

    # Steps -------------------------------------------------------------------------------------

    def _advance(self, enabled: tuple[str, ...], default: int) -> str:
        """The last step is over; who takes the next, from a state with these options."""
        self._close(enabled)
        number = self._at
        if number == len(self._stack):
            self._stack.append(self._state(enabled, default))
        elif self._stack[number].enabled != enabled:
            raise Diverged(number)
        self._at += 1
        return self._stack[number].taken

    def _state(self, enabled: tuple[str, ...], default: int) -> Step:
        """A state that is reached for the first time, and who takes a step from it."""
        sleep = self._inherited() if self._stack else {}
        awake = [it for it in enabled[default:] + enabled[:default] if it not in sleep]
        if not awake:
            self._given_up = True
            raise Redundant
        return Step(enabled, sleep, awake[0], known=len(self._dependence.owners))

    def _inherited(self) -> dict[str, Footprint]:
        """Who still sleeps after the last step."""
        step = self._stack[-1]
        return {thread: footprint for thread, footprint in step.sleep.items() if not step.wakes(footprint)}

    def _announce(self, thread: BenchThread) -> None:
        """This thread is about to take the step."""
        if self._at > self._new:
            step = self._stack[self._at - 1]
            step.operation = thread.operation
            step.object = getattr(thread.object, "name", "")
            step.expired = thread.expired
            self._thread = thread

    def _close(self, enabled: tuple[str, ...]) -> None:
        """The last step is over, and these are enabled after it: find its races."""
        number = self._at - 1
        if number < self._new:
            return
        step = self._stack[number]
        if step.taken != TIME and self._thread.operation in (Operation.WAIT, Operation.WAIT_FOR):
            # It sat down at a gate, where nobody else may sit.
            step.footprint[f"seat {self._thread.object.name}"] = True  # type: ignore[attr-defined]
        self._find_races(number)
        self._enter(number)
        for thread in step.enabled:
            if thread != step.taken and thread not in enabled:
                self._try(number, [thread])

    def _enter(self, number: int) -> None:
        """Let later steps find this one."""
        step = self._stack[number]
        self._last[step.taken] = number
        for effect, what in step.did:
            if effect is Effect.SPAWNED:
                self._last[what] = number
        for what in step.footprint:
            self._accesses.setdefault(what, []).append(number)

    # Races -------------------------------------------------------------------------------------

    def _find_races(self, number: int) -> None:
        """Reverse each of this step's races that can be."""
        stack = self._stack
        step = stack[number]
        past, direct = self._order(number)
        taken = given_back = -1
        if step.operation is Operation.TAKE:
            taken, given_back = self._taking(step.object)
        racing = direct - {given_back} | {taken} - {-1}
        for other in sorted(racing):
            earlier = stack[other]
            if earlier.taken == step.taken or past >> other & 1 or enables(earlier, step):
                continue
            others = direct - {other}
            if other == taken:  # what happens before the lock was given back does not come between
                others = {it for it in others if not stack[given_back].before >> it & 1}
            if not any(stack[it].before >> other & 1 for it in others):
                self._reverse(other, number, step.taken, step.before)

    def _order(self, number: int) -> tuple[int, set[int]]:
        """Put this step into the order of the run: its thread's past, and the steps that it depends on."""
        stack = self._stack
        step = stack[number]
        past = self._past(step.taken)
        direct = self._predecessors(step.footprint)
        step.before = past | 1 << number
        for other in direct:
            step.before |= stack[other].before
        return past, direct

    def _past(self, thread: str) -> int:
        """The steps that happen before whatever this thread does next."""
        last = self._last.get(thread)
        return 0 if last is None else self._stack[last].before

    def _predecessors(self, footprint: Footprint) -> set[int]:
        """The earlier steps that a step depends on directly: for each object, back to its last write."""
        direct: set[int] = set()
        for what, write in footprint.items():
            for number in reversed(self._accesses.get(what, ())):
                written = self._stack[number].footprint[what]
                if write or written:
                    direct.add(number)
                if written:
                    break
        return direct

    def _taking(self, lock: str) -> tuple[int, int]:
        """The steps that took this lock last, and gave it back; -1 if nobody has taken it."""
        steps = self._accesses.get(lock, [-1])
        for number in reversed(steps):
            if number >= 0 and (Effect.ACQUIRED, lock) in self._stack[number].did:
                return number, steps[-1]
        return -1, -1

    def _look_back(self) -> None:
        """The run is over: find the races of steps that were not taken."""
        self._look_at_who_waits()
        self._look_at_who_woke()

    def _look_at_who_waits(self) -> None:
        """A thread that waits for a lock for ever might have taken it before the one that has it."""
        for thread in self._runtime.threads:
            if thread.operation is Operation.TAKE and not thread.ready:
                taken, _ = self._taking(thread.object.name)  # type: ignore[attr-defined]
                past = self._past(thread.name)
                if taken >= 0 and not past >> taken & 1:
                    self._reverse(taken, self._at, thread.name, past)

    def _look_at_who_woke(self) -> None:
        """A sleeper that was woken took another step than the one that is known: what that one races with."""
        stack = self._stack[: self._at]
        for number, step in enumerate(stack):
            for thread, footprint in step.sleep.items():
                if not step.wakes(footprint):
                    continue
                taken = next((it.footprint for it in stack[number + 1 :] if it.taken == thread), {})
                for later in range(max(number + 1, self._new), self._at):
                    other = stack[later]
                    if (
                        other.taken != thread
                        and not other.before >> number & 1
                        and other.wakes(footprint)
                        and not _dependent(taken, other.footprint)
                    ):
                        self._reverse(number, later, other.taken, other.before, among=other.before)

    def _reverse(self, earlier: int, later: int, thread: str, before: int, among: int = -1) -> None:
        """See to it that a run is made in which the later step, of this thread, comes before the earlier one.

        Such a run goes on, before the earlier step, with what does not happen after it.  Whoever may be first
        in that will do as the one to be tried there.  Only the steps `among` these bits are looked at.
        """
        stack = self._stack
        first, inside = [], 0
        for number in range(earlier + 1, later):
            step = stack[number]
            if among >> number & 1 and not step.before >> earlier & 1:
                if not step.before & inside:
                    first.append(step.taken)
                inside |= 1 << number
        if not before & inside:
            first.insert(0, thread)
        self._try(earlier, first)

    def _try(self, number: int, first: Sequence[str]) -> None:
        """Try one of these threads instead of this step, unless one of them is tried already or sleeps."""
        step = self._stack[number]
        if not any(thread in step.backtrack or thread in step.sleep for thread in first):
            # If none can go on, which the rules about waiting should exclude, all are tried.
            able = [thread for thread in first if thread in step.enabled] or step.enabled
            step.backtrack.update(dict.fromkeys(able[:1] if able is not step.enabled else able))


def enables(earlier: Step, later: Step) -> bool:
    """The later step waited for the earlier one, and for nothing else."""
    if later.taken == TIME:
        return TIME not in earlier.enabled and any(effect is Effect.SET_TIMER for effect, _ in earlier.did)
    if later.expired:
        return earlier.taken == TIME and f"sleep {later.taken}" in earlier.footprint
    if later.operation is Operation.WAIT:
        return (Effect.OPENED, later.object) in earlier.did
    return later.operation is Operation.JOIN and (Effect.ENDED, later.object) in earlier.did


def _add(footprint: Footprint, what: str, write: bool) -> None:  # noqa: FBT001
    footprint[what] = write or footprint.get(what, False)


def _dependent(one: Footprint, other: Footprint) -> bool:
    """They access an object that one of them writes."""
    if len(one) > len(other):
        one, other = other, one
    return any(what in other and (write or other[what]) for what, write in one.items())
