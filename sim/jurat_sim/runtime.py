"""The controlled runtime: the machine, reduced to two decisions.

A worker reaches its machine through the seam (`jurat._runtime.Runtime`).  `BenchRuntime`
implements that seam so that exactly one thread runs at a time, and so that everything a
real machine decides by chance is decided by a `Strategy`: who goes on at each *switch
point*, and whether time passes meanwhile.  The same choices give the same run, always.

**Switch points.**  Before a lock is taken and after it is given back, before a gate is
opened, before its token is taken, before a timed wait begins, at a join, after a spawn,
and wherever a scenario says `pause`.  Builds at the grain of accesses add one before each
access to shared state (`BenchRuntime.access`).  What lies between two switch points runs
as one step.

**Choices.**  A thread that waits for something that is not there is no option: a lock
that somebody owns, a gate without its token, a thread that has not ended.  A choice
exists only where there is more than one option.  Options are the threads that can go on,
by name, and last, if `time_is_a_choice` and a timer is pending, that time passes: the
machine may be so slow that a timer fires although threads could run.  Otherwise time
passes only when nobody can run.

**The default.**  Left alone, the thread that runs goes on until it has to wait, and then
comes the next by name, cyclically.  A run is recorded as its deviations from this default
alone: `(number of the choice, option taken)`.  That is what a replay token holds, and
what shrinking removes.

**Findings.**  Misuse of the seam ends the run where it happens: taking a lock twice,
giving back a lock of somebody else, opening a gate twice, two waiters at one gate.  So do
a deadlock (nobody can run, no timer is pending, somebody has not ended) and the step
bound, since defects may livelock.  An exception that escapes a thread ends that thread,
and is kept.

Prior art: shuttle (https://github.com/awslabs/shuttle), CHESS, Loom.
"""

from __future__ import annotations

from bisect import insort
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from .carriers import Killed
from .clock import WALL_EPOCH_NS, Clock
from .errors import TooManyThreads
from .monitor import Effect
from .primitives import BenchGate, BenchLock, BenchThread, Operation
from .randomness import SplitMix64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .carriers import Carrier, Pool
    from .monitor import Monitor

STEP_BOUND = 5_000
"""Steps after which a run is cut short, unless the scenario says otherwise."""

_name = attrgetter("name")
_SPAWNED, _PAUSE, _ACCESS = Operation.SPAWNED, Operation.PAUSE, Operation.ACCESS

_PATIENCE = 64
"""Times that a thread being killed may swallow `Killed` before it is left for dead."""


class Ending(StrEnum):
    """How a run ended."""

    FINISHED = "finished"  # every thread ended
    STUCK = "stuck"  # nobody can run, no timer is pending, and somebody has not ended
    MISUSE = "misuse"  # the code under test broke a rule of the seam
    STEP_BOUND = "step bound"  # cut short: nothing follows from it


class Misuse(Exception):
    """The seam was misused outside a run, while a scenario was being set up or checked."""


class Strategy(Protocol):
    """Who goes on.  See `strategies`."""

    name: str

    def begin(self, run: int) -> None:
        """Forget the last run; `run` is the number of the next."""

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """One of `len(ready)` threads, or `len(ready)` itself if `time` may pass.

        `default` is the option that the run-to-block default takes.  The threads' names
        and next operations may be read; nothing may be changed.

        A strategy that will take the default for some time may have a field `patience`: for so
        many choices from now on it need not be asked.  The runtime sets it to zero when it takes
        that up, and may as well not.

        A strategy whose runs are made by others, in turns, has a field `member`: whose turn it is.
        """


class BenchRuntime:
    """One run: its threads, its clock, its choices."""

    def __init__(
        self,
        strategy: Strategy,
        pool: Pool,
        *,
        tick_ns: int = 1,
        time_is_a_choice: bool = True,
        step_bound: int = STEP_BOUND,
        seed: int = 0,
    ) -> None:
        chooser = getattr(strategy, "member", strategy)
        self._choose = chooser.choose
        self._patient: Any = chooser if hasattr(chooser, "patience") else None
        self._unasked = 0
        """Choices from now on for which the strategy takes the default."""
        self._pool = pool
        self._clock = Clock(tick_ns)
        self._time_is_a_choice = time_is_a_choice
        self._step_bound = step_bound
        self._numbers = SplitMix64(seed)
        self._ready: list[BenchThread] = []
        self._names: dict[str, int] = {}
        self._back = pool.here()
        self.threads: list[BenchThread] = []
        """All threads, in the order in which they were spawned."""
        self.onlooker = BenchThread(self, "scenario", _nothing, ())
        """Whoever uses the seam while no thread runs: a scenario's setup and its checks."""
        self.running = self.onlooker
        self.steps = 0
        self.accesses = 0
        """Switch points that came from `access`."""
        self.choices = 0
        """Switch points with more than one option."""
        self.deviations: list[tuple[int, int]] = []
        """Choices that the default would have made otherwise: (number of the choice, option)."""
        self._broken: BaseException | None = None
        self.ending: Ending | None = None
        self.trouble = ""
        """Who waits for what, or which rule was broken."""
        self.observe: Callable[[BenchThread | None], None] | None = None
        """Called before each step with the thread that takes it; with None when time has passed."""
        self.monitor: Monitor | None = None
        """Who is told of each effect that one thread may have on another."""

    # The seam ----------------------------------------------------------------------------

    def monotonic_ns(self) -> int:
        """The time since the run began, in nanoseconds."""
        clock = self._clock
        if self.monitor is not None:
            self.monitor.effect(self.running, Effect.READ_CLOCK, clock)
        clock.now = now = clock.now + clock.tick_ns
        return now

    def wall_ns(self) -> int:
        """The same, counted from `WALL_EPOCH_NS`."""
        return WALL_EPOCH_NS + self.monotonic_ns()

    def lock(self) -> BenchLock:
        """A lock, named after the thread that makes it."""
        maker = self.running
        maker.made += 1
        return BenchLock(self, f"{maker.name}.{maker.made}")

    def gate(self) -> BenchGate:
        """A gate, named after the thread that makes it."""
        maker = self.running
        maker.made += 1
        return BenchGate(self, f"{maker.name}.{maker.made}")

    def spawn(self, target: Callable[..., object], name: str, *args: object) -> BenchThread:
        """Start a thread; it takes its first step when it is chosen."""
        count = self._names[name] = self._names.get(name, 0) + 1
        thread = BenchThread(self, name if count == 1 else f"{name}#{count}", target, args)
        me = self.enter(_SPAWNED, thread)
        self.threads.append(thread)
        if self.monitor is not None:
            self.monitor.effect(me, Effect.SPAWNED, thread)
        self.unblock(thread)
        self.switch(me)
        return thread

    def ident(self) -> int:
        """The place of the thread that runs among those of this run, from -1 downwards.

        Never that of a real thread, whose identity is positive: what is kept by identity cannot mix
        the bench's threads up with the one that they all run on.
        """
        me = self.running
        return -1 - (0 if me is self.onlooker else 1 + self.threads.index(me))

    def entropy(self, size: int) -> bytes:
        """Bytes that depend on the scenario and on how many were drawn before."""
        return self._numbers.bytes(size)

    # What scenarios and builds add -----------------------------------------------------------

    def pause(self, where: str) -> None:
        """A switch point of the scenario's own, as a task's function may say."""
        self.switch(self.enter(_PAUSE, where))

    def access(self, place: object) -> bool:
        """A switch point before an access to shared state, in code built at that grain.

        Returns whether somebody is to be told what is accessed.
        """
        me = self.running
        if me is self.onlooker:
            return False
        if me.dying:
            self.refuse(me)
        self.accesses += 1
        me.operation = _ACCESS
        me.object = place
        if self._unasked and len(self._ready) > 1 and self.steps < self._step_bound and self.observe is None:
            # As `decide` for a thread that goes on unasked, which at this grain is what mostly happens.
            self._unasked -= 1
            self.choices += 1
            self.steps += 1
        else:
            self.decide(me)
        return self.monitor is not None

    @property
    def now_ns(self) -> int:
        """The time, read without a tick."""
        if self.monitor is not None:
            self.monitor.effect(self.running, Effect.READ_CLOCK, self._clock)
        return self._clock.now

    def unfinished(self) -> list[BenchThread]:
        """Threads that have not ended, by name."""
        return sorted((t for t in self.threads if not t.ended), key=lambda t: t.name)

    # A run -----------------------------------------------------------------------------------

    def run(self) -> Ending:
        """Run the threads that were spawned until the run has ended, and say how.

        What a strategy or `observe` raises comes out here, and so does an interrupt from
        the keyboard: neither is a finding.
        """
        self._back = self._pool.here()
        self._pool.stock()
        if self._patient is not None:
            self._heed()
        self.decide(self.onlooker)
        for error in (self._broken, *(thread.error for thread in self.threads)):
            if error is not None and (error is self._broken or isinstance(error, KeyboardInterrupt)):
                raise error
        ending = self.ending
        if ending is None:  # pragma: no cover
            raise AssertionError("control came back before the run had ended")
        return ending

    def close(self) -> int:
        """End the threads that outlived the run; the number of those that would not end."""
        undead = 0
        self._back = self._pool.here()
        for thread in self.threads:
            if thread.carrier is not None and not thread.ended:
                thread.dying = True
                self.running = thread
                undead += not thread.carrier.kill()
        self.running = self.onlooker
        return undead

    # For the primitives: who may go on ---------------------------------------------------------

    def enter(self, operation: Operation, what: object) -> BenchThread:
        """The thread that runs is about to do this."""
        me = self.running
        if me.dying:
            self.refuse(me)
        me.operation = operation
        me.object = what
        return me

    def block(self, thread: BenchThread) -> None:
        """This thread cannot go on."""
        if thread.ready:
            thread.ready = False
            self._ready.remove(thread)

    def unblock(self, thread: BenchThread) -> None:
        """This thread can go on."""
        if thread.ready:
            return
        thread.ready = True
        insort(self._ready, thread, key=_name)

    def sleep(self, thread: BenchThread, timeout_ns: int) -> None:
        """This thread cannot go on before its timer fires, unless it is woken."""
        self._clock.start(thread, timeout_ns)
        if self.monitor is not None:
            self.monitor.effect(thread, Effect.SET_TIMER, self._clock)
        self.block(thread)

    def wake(self, thread: BenchThread) -> None:
        """What this thread waits for has come.  Too late, if its timer has fired."""
        if thread.timer is not None:
            self._clock.stop(thread)
            if self.monitor is not None:
                self.monitor.effect(self.running, Effect.STOPPED_TIMER, self._clock)
        self.unblock(thread)

    def switch(self, me: BenchThread) -> None:
        """A switch point: decide who goes on.  Returns when `me` is chosen."""
        if me is not self.onlooker:  # nobody runs beside it
            self.decide(me)

    def end(self, me: BenchThread) -> None:
        """The thread has ended.  Returns when its carrier is used again, perhaps by a later run."""
        self.block(me)
        if self.monitor is not None:
            self.monitor.effect(me, Effect.ENDED, me)
        for thread in me.joiners:
            self.wake(thread)
        self.decide(me)

    def misuse(self, what: str) -> NoReturn:
        """The seam was misused, as these words say: the run ends here."""
        if self.running is self.onlooker:
            raise Misuse(what)
        self._finish(Ending.MISUSE, what)
        raise AssertionError("a thread of a run that is over was continued")

    # Decisions ---------------------------------------------------------------------------------

    def decide(self, me: BenchThread) -> None:  # noqa: C901, PLR0912 - in one frame, see below
        """Who takes the next step: go there.  Returns when it is `me`.

        In one frame, since every step of every run passes here.
        """
        self.steps = steps = self.steps + 1
        if steps > self._step_bound:
            self._finish(Ending.STEP_BOUND, f"not over after {self._step_bound} steps")
            return
        ready = self._ready
        clock = self._clock
        chosen = me
        try:
            while True:
                count = len(ready)
                time = clock.pending > 0 and self._time_is_a_choice
                if count > 1 or (time and count):
                    choice = self.choices
                    self.choices = choice + 1
                    default = ready.index(me) if me.ready else self._next_by_name(me)
                    if self._unasked:
                        self._unasked -= 1
                        chosen = ready[default]
                    else:
                        option = self._choose(ready, default, time)
                        if self._patient is not None:
                            self._heed()
                        if option != default:
                            self.deviations.append((choice, option))
                            if option == count:
                                self._let_time_pass()
                                continue
                        chosen = ready[option]
                    break
                if count:
                    chosen = ready[0]
                    break
                if not clock.pending:
                    self._nobody_can_run()
                    return
                self._let_time_pass()
            if self.observe is not None:
                self.observe(chosen)
        except Exception as broken:  # noqa: BLE001 - A strategy's or an onlooker's: not for the worker to handle.
            self._broken = broken
            self._nobody_can_run()
            return
        if chosen is not me:
            carrier = chosen.carrier or self._carrier_for(chosen)
            if carrier is not None:
                self.running = chosen
                carrier.switch()

    def _heed(self) -> None:
        """Take up what the strategy says of the choices to come."""
        self._unasked = self._patient.patience
        self._patient.patience = 0

    def _next_by_name(self, me: BenchThread) -> int:
        """Among those that can go on, the one that follows this thread by name, cyclically."""
        for place, thread in enumerate(self._ready):
            if thread.name > me.name:
                return place
        return 0

    def _let_time_pass(self) -> None:
        self._clock.advance()
        if self.monitor is not None:
            self.monitor.effect(None, Effect.TIME_PASSED, self._clock)
        if self.observe is not None:
            self.observe(None)

    def _carrier_for(self, thread: BenchThread) -> Carrier | None:
        """The carrier of a thread that has not begun; without one the run is over."""
        try:
            thread.carrier = self._pool.take(thread)
        except TooManyThreads as refusal:  # not for the code under test to handle
            self._broken = refusal
            self._finish(Ending.MISUSE, str(refusal))
        return thread.carrier

    def _nobody_can_run(self) -> None:
        """Nor will time change that: all have ended, or none can."""
        left = self.unfinished()
        if left:
            self._finish(Ending.STUCK, "; ".join(thread.waits_for() for thread in left))
        else:
            self._finish(Ending.FINISHED, "")

    def _finish(self, ending: Ending, trouble: str) -> None:
        """The run is over: go back to who started it.

        A thread in the middle of its work never comes back from here (it is killed here,
        when the run is closed).  The last thread to end does, when its carrier is reused.
        """
        self.ending = ending
        self.trouble = trouble
        self.running = self.onlooker
        self._back()

    def refuse(self, me: BenchThread) -> NoReturn:
        """A thread that is being killed wants something; it swallowed `Killed`, or cleans up."""
        me.swallowed += 1
        while me.swallowed > _PATIENCE:
            self._back()
        raise Killed


def _nothing() -> None: ...
