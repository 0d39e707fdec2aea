"""Stepping: a run whose next step is said by ordinary code, outside the run.

A strategy is asked who goes on, and must answer.  Whoever wants to lead a worker to a certain place,
thread by thread, would rather call than be called:

    with Stepper() as stepper:
        stepper.start(describe)                # spawns threads, as a scenario does
        while thread.operation is not Operation.TAKE:
            stepper.go(thread)                 # one step
        stepper.end()

So the run lives on a carrier of its own.  At each choice it comes back to the caller of `go`, who looks
at what has become of the threads and says who is next.  Time passes when it is told to (`pass_time`).

A choice is only offered where there is more than one option.  Whoever wants to be asked each time keeps
a thread that can always go on, and never has it go.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from .pool import Pool
from .primitives import Operation
from .runtime import BenchRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from .primitives import BenchThread

__all__ = ["RunEnded", "Section", "Stepper"]

STEP_BOUND = 20_000
"""Steps of a run, of which one that is led takes some hundreds."""


class Section(NamedTuple):
    """A locked section that a thread is about to enter."""

    name: str
    """The function that has it."""
    task: Any
    """What that function was told to do it to, if that is a task."""
    seat: Any
    """The same, if it is a seat."""


class RunEnded(Exception):
    """The run came to its end, where somebody wanted another step: a deadlock, misuse, the step bound."""


class _Over(Exception):
    """Nobody wants to know how the run goes on."""


class Stepper:
    """Makes one run after another, each step when it is told to."""

    name = "stepper"

    def __init__(self) -> None:
        self.runtime: BenchRuntime
        """That of the run that is being made."""
        self.over = True
        """No run is being made: the last one came to its end, or was ended."""
        self.on_step: Callable[[BenchThread], None] | None = None
        """Told after each step who took it.  What it raises ends the run, and comes out of `go`."""
        self.lock: object = None
        """The lock for whose sections `section` answers."""
        self.told: frozenset[str] = frozenset()
        """The functions for which `section` says what they are about to do it to."""
        self._sections: dict[BenchThread, Section] = {}
        self._ready: Sequence[BenchThread] = ()
        self._chosen = 0
        self._giving_up = False
        self._error: BaseException | None = None
        self._describe: Callable[[BenchRuntime], None] | None = None
        self._pool = Pool()
        self._outside: Callable[[], object] = self._pool.here()
        self._inside: Callable[[], object]
        self._pool.stock()
        self._carrier = self._pool.take(self)
        self._inside = self._carrier.switch

    # For whoever leads the run ---------------------------------------------------------------

    def start(self, describe: Callable[[BenchRuntime], None]) -> None:
        """Start a run of the threads that this function spawns; it stops at the first choice."""
        if not self.over:
            self.end()
        self._describe = describe
        self.over = self._giving_up = False
        self._sections.clear()
        self.lock = self.on_step = None
        self._go_in()

    def go(self, thread: BenchThread) -> None:
        """Have this thread take a step.

        Raises
        ------
        RunEnded: the run has ended, or ends with this step.
        """
        if self.over:
            raise RunEnded("the run has ended")
        self._chosen = self._ready.index(thread)
        self._go_in()

    def pass_time(self) -> None:
        """Let time pass until the next timer fires."""
        self._chosen = len(self._ready)
        self._go_in()

    @property
    def ready(self) -> Sequence[BenchThread]:
        """The threads that can go on."""
        return self._ready

    def section(self, thread: BenchThread) -> Section | None:
        """The section that this thread is about to enter, or None if it is about to do something else."""
        if thread.operation is Operation.TAKE and thread.object is self.lock:
            return self._sections[thread]
        return None

    def end(self) -> None:
        """End the run where it is."""
        if not self.over:
            self._giving_up = True
            self._go_in()

    def close(self) -> None:
        """End the run, and give the carriers up."""
        self.end()
        self._carrier.kill()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _go_in(self) -> None:
        self._outside = self._pool.here()
        self._inside()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self.over and not self._giving_up:
            raise RunEnded(f"{self.runtime.ending}: {self.runtime.trouble}")

    # For the run -------------------------------------------------------------------------------

    def begin(self, run: int) -> None:
        """Nothing is remembered from run to run."""

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: ARG002, FBT001
        """What whoever leads the run has said."""
        me = self.runtime.running
        if me.operation is Operation.TAKE and me.object is self.lock:
            frame = sys._getframe()
            while frame.f_code.co_name != "__enter__":
                assert frame.f_back is not None  # noqa: S101 - a lock is being taken
                frame = frame.f_back
            assert frame.f_back is not None  # noqa: S101 - by somebody
            frame = frame.f_back
            name = frame.f_code.co_name
            local = frame.f_locals if name in self.told else {}
            self._sections[me] = Section(name, local.get("task"), local.get("seat"))
        if self.on_step is not None:
            self.on_step(me)
        self._ready = ready
        self._inside = self._pool.here()
        self._outside()
        if self._giving_up:
            raise _Over
        return self._chosen

    def body(self) -> bool:
        """What the carrier carries: runs, one after another, until it is killed."""
        pool = Pool()
        try:
            while True:
                self._make(pool)
                self.over = True
                self._inside = self._pool.here()
                self._outside()
        finally:
            pool.close()

    def leave(self) -> None:
        """The body never ends by itself."""

    def _make(self, pool: Pool) -> None:
        self.runtime = runtime = BenchRuntime(self, pool, tick_ns=0, step_bound=STEP_BOUND)
        try:
            if self._describe is not None:
                self._describe(runtime)
            runtime.run()
        except _Over:
            pass
        except Exception as error:  # noqa: BLE001 - for whoever leads the run
            self._error = error
        finally:
            runtime.close()
