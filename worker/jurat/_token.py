"""A token: tasks that are cancelled together.

Tasks submitted with a token are its children.  When it is cancelled, so is every child, with the
reason "parent", and so is what is submitted with it afterwards.  `Context.token` makes one that is
cancelled when the task itself is asked to come back.

There is no lock here.  A child is entered first and the token looked at after that; the token
says that it is cancelled first and goes through its children after that.  So whichever comes
second sees the other, and to cancel a task twice is the same as once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _steps
from ._core import Latch
from ._opening import open_ended, release
from ._states import Reason

if TYPE_CHECKING:
    from ._core import TaskState

__all__ = ["Token", "enter", "follow"]


class Token:
    """Cancels the tasks that were submitted with it."""

    __slots__ = ("_children", "cancelled")

    def __init__(self) -> None:
        self.cancelled = False
        """Whether it was."""
        self._children: dict[int, TaskState] = {}

    def cancel(self) -> None:
        """Cancel every task that was, or will be, submitted with this token.  Never waits."""
        self.cancelled = True
        for task in tuple(self._children.values()):
            _cancel(task)

    open = cancel
    """What it waits for has happened: the task that it follows was asked to come back."""

    def __repr__(self) -> str:
        return f"<Token, {'cancelled' if self.cancelled else 'not cancelled'}, {len(self._children)} tasks>"


class _Leaving:
    """Takes a child that has ended off its token."""

    __slots__ = ("_task", "_token")

    def __init__(self, token: Token, task: TaskState) -> None:
        self._token = token
        self._task = task

    def open(self) -> None:
        self._token._children.pop(id(self._task), None)


def enter(token: Token, task: TaskState) -> None:
    """A task was submitted with the token."""
    token._children[id(task)] = task
    if not _steps.call_at_end(task._label.core, task, Latch(), _Leaving(token, task)):
        token._children.pop(id(task), None)
    elif token.cancelled:
        _cancel(task)


def follow(token: Token, task: TaskState) -> None:
    """Cancel the token when the task is asked to come back, or at once if it was."""
    if not _steps.call_at_trip(task._label.core, task, Latch(), token):
        token.cancel()


def _cancel(task: TaskState) -> None:
    core = task._label.core
    if core.forked:
        return  # the task is in the parent of this process, as is what is to cancel it
    _, ended = _steps.cancel(core, task, Reason.PARENT, None, core.now())
    open_ended(core, *ended)
    release(task)
