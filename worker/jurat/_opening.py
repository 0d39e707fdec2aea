"""Opening gates after a step: of those who wait for an end, of the steward, of those who wait for room.

A step that ends a task returns three things to open (`Ended`).  Whoever took the step opens
them when it has left every lock, and then sees to it that no more is remembered than is to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _steps
from ._states import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, TaskState
    from ._runtime import Gate

    Ended = tuple[Iterable[Any], Gate | None, Iterable[Gate]]

__all__ = ["forget", "let_go", "open_ended", "release", "remind", "tell"]


def open_ended(core: Core, gates: Iterable[Any], steward: Gate | None, room: Iterable[Gate] = ()) -> None:
    """A task has ended, or may have."""
    for gate in gates:
        gate.open()
    if steward is not None:
        steward.open()
    for gate in room:
        gate.open()
    tell(core)
    if core.keep_ns is not None:
        remind(core)
    if core.kept_count > core.keep:
        forget(core)


def tell(core: Core) -> None:
    """Something has happened: to be published by the herald, told by the follower, written by the scribe."""
    if core.herald is not None:
        wake = _steps.call_herald(core)
        if wake is not None:
            wake.open()
    if core.observers and core.follower is not None:
        wake = _steps.call_follower(core)
        if wake is not None:
            wake.open()
    if core.scribe is not None:
        wake = _steps.call_scribe(core)
        if wake is not None:
            wake.open()


def remind(core: Core) -> None:
    """The steward may not know yet that there is something to forget, when it is old enough."""
    steward = _steps.remind(core)
    if steward is not None:
        steward.open()


def forget(core: Core) -> None:
    """Evict what is over number or over age, one step each.  What was forgotten is let go outside."""
    more = True
    while more:
        more, _ = _steps.evict(core, core.now())
    tell(core)


def release(task: TaskState) -> None:
    """Let go of what a task no longer needs, if it has ended and its function is off its thread.

    One look at the status: the function of a task that is abandoned after a first look may be about to
    be called.
    """
    status = task._status
    if status.terminal and status is not Status.ABANDONED:
        let_go(task)


def let_go(task: TaskState) -> None:
    """Let go of its function, arguments and variables; of an abandoned task only its own thread may."""
    task._function = task._variables = None
    task._args = ()
