"""Waiting for something that happens once: the end of a task, a cancellation, a stop.

Each waiter brings a gate, enrols it under the step lock and waits at it outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _steps
from ._core import Latch
from .errors import WorkerForked

if TYPE_CHECKING:
    from ._core import Core, TaskState
    from ._runtime import Gate

__all__ = ["wait_for_end", "wait_for_latch", "wait_for_trip"]


def wait_for_latch(core: Core, latch: Latch, timeout_ns: int | None) -> bool:
    """Whether the latch was over before the timeout."""
    return _wait(core, latch, _steps.enrol(core, latch, core.runtime.gate()), timeout_ns)


def wait_for_end(core: Core, task: TaskState, timeout_ns: int | None) -> bool:
    """Whether the task ended before the timeout.

    Raises
    ------
    WorkerForked: it will not, in this process.
    """
    if core.forked:
        raise WorkerForked
    latch, gate = _steps.enrol_for_end(core, task, Latch(), core.runtime.gate())
    return _wait(core, latch, gate, timeout_ns)


def wait_for_trip(core: Core, task: TaskState, timeout_ns: int | None) -> bool:
    """Whether the running task was asked to come back before the timeout."""
    latch, gate = _steps.enrol_for_trip(core, task, Latch(), core.runtime.gate())
    return _wait(core, latch, gate, timeout_ns)


def _wait(core: Core, latch: Latch, gate: Gate | None, timeout_ns: int | None) -> bool:
    if gate is None:
        return True
    if timeout_ns is None:
        return gate.wait()
    return gate.wait_for(timeout_ns) or _steps.give_up(core, latch, gate)
