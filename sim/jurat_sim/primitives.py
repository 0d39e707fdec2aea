"""Locks, gates and threads, as the bench makes them.

Each operation here does three things: it says what the running thread is about to do, it
makes threads that cannot go on unable to be chosen, and it passes a switch point
(`BenchRuntime.switch`).  Whatever the operation does to the lock, the gate or the thread,
it does when its thread has been chosen again, in one step with what follows.

What an operation needs from the runtime is a short list: `enter`, `block`, `unblock`,
`sleep`, `wake`, `switch`, and `misuse` when a rule of the seam is broken.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from .monitor import Effect

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from simpy.events import Event

    from .carriers import Carrier
    from .runtime import BenchRuntime


class Operation(StrEnum):
    """Where a thread is, at a switch point: about to do something, or just after it."""

    BEGIN = "about to begin"
    TAKE = "about to take lock"
    GAVE = "after giving back lock"
    OPEN = "about to open gate"
    WAIT = "about to take the token of gate"
    WAIT_FOR = "about to wait in time at gate"
    JOIN = "about to join"
    JOIN_FOR = "about to wait in time for the end of"
    SPAWNED = "after spawning"
    PAUSE = "pausing in"
    ACCESS = "at"
    END = "ended"


# By name: to look a member up in its class takes as long as a call.
_TAKE, _GAVE, _OPEN, _WAIT, _WAIT_FOR = (
    Operation.TAKE, Operation.GAVE, Operation.OPEN, Operation.WAIT, Operation.WAIT_FOR
)  # fmt: skip
_BEGIN, _JOIN, _JOIN_FOR, _END = Operation.BEGIN, Operation.JOIN, Operation.JOIN_FOR, Operation.END


class BenchLock:
    """Mutual exclusion that knows its owner."""

    __slots__ = ("_runtime", "contenders", "name", "owner")

    def __init__(self, runtime: BenchRuntime, name: str) -> None:
        self._runtime = runtime
        self.name = name
        self.owner: BenchThread | None = None
        self.contenders: list[BenchThread] = []
        """Threads whose next operation is to take this lock."""

    def __enter__(self) -> Self:
        runtime = self._runtime
        me = runtime.running
        if me.dying:
            runtime.refuse(me)
        me.operation = _TAKE
        me.object = self
        owner = self.owner
        if owner is me:
            runtime.misuse(
                f"{me.name} takes lock {self.name}, which it owns already: it would wait for itself"
            )
        contenders = self.contenders
        contenders.append(me)
        if owner is not None:
            runtime.block(me)
        if me is not runtime.onlooker:
            runtime.decide(me)
        self.owner = me
        contenders.remove(me)
        for thread in contenders:
            runtime.block(thread)
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.ACQUIRED, self)
        return self

    def __exit__(self, *exc: object) -> None:
        runtime = self._runtime
        me = runtime.running
        if me.dying:
            return
        if self.owner is not me:
            whose = "nobody" if self.owner is None else self.owner.name
            runtime.misuse(f"{me.name} gives back lock {self.name}, which belongs to {whose}")
        self.owner = None
        for thread in self.contenders:
            runtime.unblock(thread)
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.RELEASED, self)
        me.operation = _GAVE
        me.object = self
        if me is not runtime.onlooker:
            runtime.decide(me)


class BenchGate:
    """One token, one waiter; see the seam."""

    __slots__ = ("_runtime", "name", "token", "waiter")

    def __init__(self, runtime: BenchRuntime, name: str) -> None:
        self._runtime = runtime
        self.name = name
        self.token = False
        self.waiter: BenchThread | None = None

    def wait(self) -> bool:
        """Take the token, waiting for it as long as it takes."""
        runtime = self._runtime
        me = self._sit_down(_WAIT)
        if not self.token:
            if me is runtime.onlooker:
                runtime.misuse(f"{me.name} would wait at gate {self.name} for ever")
            runtime.block(me)
        runtime.switch(me)
        self.waiter = None
        self.token = False
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.PASSED, self)
        return True

    def wait_for(self, timeout_ns: int) -> bool:
        """Take the token, or give up after `timeout_ns`."""
        runtime = self._runtime
        me = self._sit_down(_WAIT_FOR)
        if timeout_ns < 0:
            runtime.misuse(f"{me.name} waits {timeout_ns} ns at gate {self.name}: a wait cannot be negative")
        runtime.switch(me)
        if not self.token and timeout_ns and me is not runtime.onlooker:
            runtime.sleep(me, timeout_ns)
            me.operation = _WAIT
            runtime.switch(me)
        self.waiter = None
        # A token that arrives after the timer fired stays: this wait said that it took none.
        passed = self.token and not me.expired
        me.expired = False
        if passed:
            self.token = False
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.PASSED if passed else Effect.GAVE_UP, self)
        return passed

    def open(self) -> None:
        """Leave the token."""
        runtime = self._runtime
        me = runtime.enter(_OPEN, self)
        runtime.switch(me)
        if self.token:
            runtime.misuse(f"{me.name} opens gate {self.name} a second time before its token was taken")
        self.token = True
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.OPENED, self)
        if self.waiter is not None:
            runtime.wake(self.waiter)

    def _sit_down(self, operation: Operation) -> BenchThread:
        runtime = self._runtime
        me = runtime.enter(operation, self)
        if self.waiter is not None:
            runtime.misuse(f"{me.name} waits at gate {self.name}, where {self.waiter.name} waits already")
        self.waiter = me
        return me


class BenchThread:
    """A thread of a run: what it was given to do, and what it is about to do."""

    __slots__ = (
        "_args",
        "_runtime",
        "_target",
        "carrier",
        "dying",
        "ended",
        "error",
        "expired",
        "joiners",
        "made",
        "name",
        "object",
        "operation",
        "ready",
        "swallowed",
        "timer",
    )

    def __init__(
        self, runtime: BenchRuntime, name: str, target: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._runtime = runtime
        self._target = target
        self._args = args
        self.name = name
        self.operation = _BEGIN
        self.object: object = None
        """What the next operation is done to: a lock, a gate, a thread, a place in the source."""
        self.ready = False
        self.ended = False
        self.error: BaseException | None = None
        """What escaped from the thread's function."""
        self.joiners: list[BenchThread] = []
        self.timer: Event | None = None
        self.expired = False
        """The timer fired, and the thread has not noticed yet."""
        self.carrier: Carrier | None = None
        self.dying = False
        self.swallowed = 0
        self.made = 0
        """Locks and gates this thread made, for their names."""

    def join(self, timeout_ns: int | None = None) -> bool:
        """Wait until the thread has ended; False if `timeout_ns` passed first."""
        runtime = self._runtime
        me = runtime.enter(_JOIN if timeout_ns is None else _JOIN_FOR, self)
        if me is runtime.onlooker and not self.ended and timeout_ns != 0:
            runtime.misuse(f"{me.name} would wait for {self.name} for ever")
        if timeout_ns is None:
            if not self.ended:
                self.joiners.append(me)
                runtime.block(me)
            runtime.switch(me)
            if runtime.monitor is not None:
                runtime.monitor.effect(me, Effect.JOINED, self)
            return True
        if timeout_ns < 0:
            runtime.misuse(f"{me.name} waits {timeout_ns} ns for {self.name}: a wait cannot be negative")
        runtime.switch(me)
        if not self.ended and timeout_ns:
            self.joiners.append(me)
            runtime.sleep(me, timeout_ns)
            me.operation = _JOIN
            runtime.switch(me)
            self.joiners.remove(me)
            me.expired = False
        if runtime.monitor is not None:
            runtime.monitor.effect(me, Effect.JOINED if self.ended else Effect.LEFT, self)
        return self.ended

    def expire(self) -> None:
        """The timer of a timed wait fired."""
        self.expired = True
        self._runtime.unblock(self)

    def body(self) -> bool:
        """Run the function to its end; False if it was killed on the way."""
        try:
            self._target(*self._args)
        except BaseException as error:  # noqa: BLE001 - Whatever it is, it is a finding.
            if not self.dying:
                self.error = error
        if self.dying:
            return False
        self.ended = True
        self.operation = _END
        return True

    def leave(self) -> None:
        """Give the machine to another thread, for good."""
        self._runtime.end(self)

    def waits_for(self) -> str:
        """What keeps this thread, in words."""
        it = self.object
        if isinstance(it, BenchLock):
            owner = "nobody" if it.owner is None else it.owner.name
            return f"{self.name} waits for lock {it.name}, which {owner} owns"
        if isinstance(it, BenchGate):
            return f"{self.name} waits at gate {it.name}"
        if isinstance(it, BenchThread):
            return f"{self.name} waits for {it.name} to end"
        return f"{self.name}, {self.operation} {it}"
