"""The façade: check the arguments, take one step, open the gates it returned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from . import _steps
from ._core import Core
from ._options import (
    DRAIN_DEADLINE,
    GRACE,
    QUEUE_MAX,
    THREADS,
    count,
    nanoseconds,
    optional_count,
    optional_nanoseconds,
)
from ._runtime import REAL
from ._shutdown import Shutdown
from ._states import Pending, Phase
from ._task import Task
from ._threads import serve, work
from .errors import InvalidArgument, QueueFull, ThreadsUnavailable, WorkerStopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Literal, Self

    from ._context import Context
    from ._events import Event
    from ._options import Duration
    from ._runtime import Gate, Runtime

__all__ = ["Worker"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class _Default:
    """Stands for "what the worker was built with", where None already means "no limit"."""

    def __repr__(self) -> str:
        return "<the worker's own>"


_DEFAULT = _Default()


class Worker:
    """Runs functions on a fixed number of threads, in order of admission.

    Parameters
    ----------
    threads: how many functions run at once; at least 1.
    queue_max: how many accepted tasks may wait; None is no limit.
    drain_deadline: how long a drain may take before it turns into a stop; None is no limit.
    grace: how long a stop waits for running functions before it abandons them by name.
    recorder: an empty list that receives the event log, or None.
    runtime: the seam; None is the machine itself.

    Tasks may be submitted before `start`.  As a context manager the worker starts, and at
    the end of the block drains and waits; after an exception it stops now, and waits.
    """

    __slots__ = ("_core", "_drain_deadline_ns")

    def __init__(
        self,
        *,
        threads: int = THREADS,
        queue_max: int | None = QUEUE_MAX,
        drain_deadline: Duration | None = DRAIN_DEADLINE,
        grace: Duration = GRACE,
        recorder: list[Event] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        count("threads", threads, least=1)
        optional_count("queue_max", queue_max, least=1)
        grace_ns = nanoseconds("grace", grace)
        self._drain_deadline_ns = optional_nanoseconds("drain_deadline", drain_deadline)
        if recorder is not None and (type(recorder) is not list or recorder):
            raise InvalidArgument("recorder", "must be an empty list")
        self._core = core = Core(
            REAL if runtime is None else runtime,
            threads=threads,
            queue_max=sys.maxsize if queue_max is None else queue_max,
            grace_ns=grace_ns,
            log=recorder,
        )
        if recorder is not None:
            core.last_ns = core.now()
            configuration = {"threads": threads, "queue_max": queue_max, "grace_ns": grace_ns}
            recorder.append([core.last_ns, "Init", 0, 0, configuration])

    def start(self) -> None:
        """Start the threads.  Once is enough; again is fine.

        Raises
        ------
        ThreadsUnavailable: the machine gave fewer threads than asked for.  If it gave
            none, nothing has changed; if it gave some, the worker is stopping.
        """
        core = self._core
        if not _steps.claim_start(core):
            return
        spawn = core.runtime.spawn
        threads = core.threads
        try:
            threads.append((None, spawn(serve, "steward", core)))
            for seat in core.seats:
                threads.append((seat, spawn(work, f"worker-{seat.index}", core, seat)))
        except RuntimeError as refused:
            if not threads:
                _steps.give_back_start(core)
            else:
                self.stop_now()
            raise ThreadsUnavailable(len(core.seats) + 1, len(threads)) from refused
        finally:
            if threads:
                for gate in _steps.pass_latch(core, core.manned):
                    gate.open()

    def submit(
        self, function: Callable[[Context, *Ts], R], /, *args: *Ts, name: str | None = None
    ) -> Task[R]:
        """Have `function(context, *args)` called on one of the worker's threads.

        Parameters
        ----------
        function: called with the task's context first, in the submitter's context variables.
        name: what the task is called in reports; the function's qualified name if None.

        Raises
        ------
        QueueFull: `queue_max` tasks wait already.
        WorkerStopped: the worker is draining, stopping or stopped.
        InvalidArgument: something that cannot be called.
        """
        if not callable(function):
            raise InvalidArgument("function", f"must be callable, and is of type {type(function).__name__}")
        if name is None:
            name = getattr(function, "__qualname__", None) or type(function).__qualname__
        elif not isinstance(name, str):
            raise InvalidArgument("name", f"must be a string, not {type(name).__name__}")
        core = self._core
        task: Task[R] = Task(core, function, args, name)
        refusal, wake = _steps.admit(core, task, core.now())
        if refusal is not None:
            raise WorkerStopped(core.phase) if refusal == "closed" else QueueFull(core.queue_max)
        if wake is not None:
            wake.open()
        return task

    def drain(
        self,
        *,
        pending: Literal["finish", "cancel"] | Pending = Pending.FINISH,
        deadline: Duration | _Default | None = _DEFAULT,
    ) -> Shutdown:
        """Accept nothing more and finish what there is.  Returns at once.

        Parameters
        ----------
        pending: "finish" runs the tasks that wait, "cancel" cancels them.  A drain may be
            tightened from finish to cancel, never loosened.
        deadline: how long until the drain turns into a stop; None is no limit.
        """
        try:
            pending = Pending(pending)
        except ValueError:
            raise InvalidArgument("pending", f"must be 'finish' or 'cancel', and is {pending!r}") from None
        if isinstance(deadline, _Default):
            deadline_ns = self._drain_deadline_ns
        else:
            deadline_ns = optional_nanoseconds("deadline", deadline)
        core = self._core
        steward = _steps.begin_drain(core, pending, deadline_ns, core.now())
        return self._shutting_down(steward)

    def stop_now(self) -> Shutdown:
        """Accept nothing more, cancel what waits, ask what runs to come back.  Returns at once.

        What has not come back when the grace is over is abandoned, by name.
        """
        core = self._core
        steward = _steps.stop_now(core, core.now())
        return self._shutting_down(steward)

    @property
    def phase(self) -> Phase:
        """Where the worker is in its life."""
        return self._core.phase

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutdown = self.drain() if kind is None else self.stop_now()
        shutdown.wait()

    def _shutting_down(self, steward: Gate | None) -> Shutdown:
        if steward is not None:
            steward.open()
        self.start()
        return Shutdown(self._core)

    def __repr__(self) -> str:
        return f"<Worker {self._core.instance}, {self._core.phase}>"
