"""What the threads do between two steps.

A worker thread runs one function after another; the steward does what time and a
shutdown ask for.  Neither polls: each parks at its gate until someone opens it or, for
the steward, until the next instant that matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _steps
from ._context import Context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, Seat, TaskState
    from ._runtime import Gate

__all__ = ["serve", "work"]


def work(core: Core, seat: Seat) -> None:
    """A worker thread's life."""
    now = core.now
    park = seat.gate.wait
    value: Any = None
    error: BaseException | None = None
    while not seat.leaving:
        task, gates, wake = _steps.turn(core, seat, value, error, now())
        value = error = None
        for gate in gates:
            gate.open()
        if wake is not None:
            wake.open()
        if task is not None:
            value, error = _run(core, task)
            task = None
        elif seat.parked:
            park()


def _run(core: Core, task: TaskState) -> tuple[Any, BaseException | None]:
    """Call the function, in the submitter's context variables.  Whatever it raises is its outcome.

    A frame of its own, so that the exception's traceback holds no frame that lives on.
    """
    try:
        return task._variables.run(task._function, Context(core, task), *task._args), None
    except BaseException as raised:
        return None, raised


def serve(core: Core) -> None:
    """The steward's life: a step for each thing that time or a shutdown asks for.

    It parks at a fresh gate each time: where a timeout and a wake-up race, the wake-up
    goes to a gate that nobody uses any more, and the steps that follow see its cause.
    """
    now = core.now
    over = False
    while not over:
        tripping, cancelling, abandoning = _steps.attend(core, now())
        if tripping:
            for seat in core.seats:
                _open(_steps.trip(core, seat))
        while cancelling:
            cancelling, gates = _steps.shutdown_cancel(core, now())
            _open(gates)
        if abandoning:
            for seat in core.seats:
                _open(_steps.abandon(core, seat, now()))
        gate = core.runtime.gate()
        parked, waiters, timeout_ns, over = _steps.rest(core, gate, now())
        _open(parked)
        _open(waiters)
        if timeout_ns is not None:
            if timeout_ns > 0:
                gate.wait_for(timeout_ns)
        elif not over:
            gate.wait()


def _open(gates: Iterable[Gate]) -> None:
    for gate in gates:
        gate.open()
