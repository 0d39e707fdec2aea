"""The follower: one thread, started when it is first needed, for whatever belongs to a user.

Callbacks run here, in the order in which their tasks ended.  They may fail or stall: no task, no
timer and no lock waits for them.  What one raises is reported and changes nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from . import _steps
from .errors import ThreadsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Core

__all__ = ["Call", "employ", "follow", "report_problem"]


class Call:
    """Something to be called by the follower when it is opened."""

    __slots__ = ("_argument", "_core", "_function")

    def __init__(self, core: Core, function: Callable[[Any], object], argument: Any) -> None:
        self._core = core
        self._function = function
        self._argument = argument

    def open(self) -> None:
        """Hand it to the follower; if there is none any more, call it here."""
        follows, gate = _steps.post(self._core, self)
        if not follows:
            self.run()
        elif gate is not None:
            gate.open()

    def run(self) -> None:
        """Call it.  A failure is reported."""
        try:
            self._function(self._argument)
        except BaseException as problem:
            self._core.on_problem("a done callback", problem)


def employ(core: Core) -> None:
    """See to it that there is a follower, unless the worker has stopped.

    Raises
    ------
    ThreadsUnavailable: the machine gave no thread.  What was posted meanwhile is called here, and
        whoever needs a follower next tries again.
    """
    if _steps.claim_follower(core):
        try:
            core.helpers.append(core.runtime.spawn(follow, "follower", core))
        except RuntimeError as refused:
            for call in _steps.give_back_follower(core):
                call.run()
            raise ThreadsUnavailable(1, 0) from refused


def follow(core: Core) -> None:
    """The follower's life."""
    over = False
    while not over:
        gate = core.runtime.gate()
        calls, over = _steps.take_calls(core, gate)
        for call in calls:
            call.run()
        if not calls and not over:
            gate.wait()


def report_problem(what: str, problem: BaseException) -> None:
    """Tell of a failure in what belongs to a user, as Python does of one in a finalizer.

    By way of `sys.unraisablehook`, which prints it unless somebody has set another.
    """
    sys.unraisablehook(cast("sys.UnraisableHookArgs", _Unraisable(what, problem)))


class _Unraisable:
    """What `sys.unraisablehook` is given."""

    def __init__(self, what: str, problem: BaseException) -> None:
        self.exc_type = type(problem)
        self.exc_value = problem
        self.exc_traceback = problem.__traceback__
        self.err_msg = f"jurat: exception ignored in {what}"
        self.object = None
