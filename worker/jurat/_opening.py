"""Opening gates after a step: of those who wait for an end, of the steward, of those who wait for room.

A step that ends a task returns three things to open (`Ended`).  Whoever took the step opens
them when it has left every lock, and then sees to it that no more is remembered than is to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, TaskState
    from ._runtime import Gate

    Ended = tuple[Iterable[Any], Gate | None, Iterable[Gate]]

__all__ = ["call_herald", "forget", "open_ended", "release", "remind"]


def open_ended(core: Core, gates: Iterable[Any], steward: Gate | None, room: Iterable[Gate] = ()) -> None:
    """A task has ended, or may have."""
    for gate in gates:
        gate.open()
    if steward is not None:
        steward.open()
    for gate in room:
        gate.open()
    if core.herald is not None:
        call_herald(core)
    if core.kept_count > core.keep:
        forget(core)
    if core.keep_ns is not None:
        remind(core)


def call_herald(core: Core) -> None:
    """There may be something to publish."""
    wake = _steps.call_herald(core)
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


def release(task: TaskState) -> None:
    """Let go of what a task that has ended no longer needs: its function, arguments and variables.

    By whoever ended it, when its function is off its thread; nobody reads them any more.
    """
    if task._status.terminal:
        task._function = task._variables = None
        task._args = ()
