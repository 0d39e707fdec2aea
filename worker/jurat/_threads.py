"""What the threads do between two steps.

A worker thread runs one function after another; the steward does what time and a
shutdown ask for.  Neither polls: each parks at its gate until someone opens it or, for
the steward, until the next instant that matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._context import Context
from ._steps import tend, turn

if TYPE_CHECKING:
    from ._core import Core, Seat, TaskState

__all__ = ["serve", "work"]


def work(core: Core, seat: Seat) -> None:
    """A worker thread's life."""
    now = core.now
    park = seat.gate.wait
    value: Any = None
    error: BaseException | None = None
    while True:
        task, gates, wake = turn(core, seat, value, error, now())
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
        else:
            return


def _run(core: Core, task: TaskState) -> tuple[Any, BaseException | None]:
    """Call the function, in the submitter's context variables.  Whatever it raises is its outcome.

    A frame of its own, so that the exception's traceback holds no frame that lives on.
    """
    try:
        return task._variables.run(task._function, Context(core, task), *task._args), None
    except BaseException as raised:
        return None, raised


def serve(core: Core) -> None:
    """The steward's life.

    It parks at a fresh gate each time: where a timeout and a wake-up race, the wake-up
    goes to a gate that nobody uses any more, and the section that follows sees its cause.
    """
    while True:
        gate = core.runtime.gate()
        gates, timeout_ns, over = tend(core, gate, core.now())
        for other in gates:
            other.open()
        if over:
            return
        if timeout_ns is None:
            gate.wait()
        elif timeout_ns > 0:
            gate.wait_for(timeout_ns)
