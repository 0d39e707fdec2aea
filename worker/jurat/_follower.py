"""The follower: one thread, started when it is first needed, for whatever belongs to a user.

Done callbacks run here, in the order in which their tasks ended, and observers, which are told of
every event in the order of the log.  They may fail or stall: no task, no timer and no lock waits
for them.  What one raises is reported and changes nothing.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from traceback import format_exception
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _steps
from ._core import Latch
from .errors import ThreadsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Core

__all__ = ["Call", "Transition", "employ", "follow", "report_problem"]


class Transition(NamedTuple):
    """An event, as an observer is told of it: the fields of `Event`, by name."""

    at_ns: int
    action: str
    task: int
    attempt: int
    detail: Any


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
        except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
            self._core.on_problem("a done callback", problem)


def employ(core: Core) -> None:
    """See to it that there is a follower, unless the worker has stopped.

    Raises
    ------
    ThreadsUnavailable: the machine gave no thread.  Whoever asks next tries again; what others
        were to be called for meanwhile is called here.
    """
    if not _steps.claim_follower(core):
        return
    try:
        core.helpers.append(core.runtime.spawn(follow, "follower", core))
    except RuntimeError as refused:
        calls, gates = _steps.give_back_follower(core, Latch())
        for call in calls:
            call.run()
        for gate in gates:
            gate.open()
        raise ThreadsUnavailable(1, 0) from refused
    for gate in _steps.pass_latch(core, core.employed):
        gate.open()


def follow(core: Core) -> None:
    """The follower's life.

    It enrols a fresh gate before it looks at the log: what is recorded while it looks leaves a
    token there, and the next look sees it.
    """
    seen = 0
    over = False
    while not over:
        gate = core.runtime.gate()
        calls, over = _steps.take_calls(core, gate)
        for call in calls:
            call.run()
        told = _tell(core, seen)
        if not core.own_log:
            seen += told
        elif core.relay is None:
            _steps.cut_log(core, slice(0, told))
        if not calls and not told and not over:
            gate.wait()


def _tell(core: Core, seen: int) -> int:
    """Tell the observers what has been recorded since.  Returns how many events."""
    if core.log is None or not core.observers:
        return 0
    if core.relay is None:
        events = core.log[seen:]
    else:
        events = []
        _steps.take_relay(core, events)
    for event in events:
        transition = Transition(*event)
        for observer in core.observers:
            try:
                observer(transition)
            except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
                core.on_problem("an observer", problem)
    return len(events)


def report_problem(what: str, problem: BaseException) -> None:
    """Tell of a failure in what belongs to a user, as Python does of one in a finalizer.

    By way of `sys.unraisablehook`, if somebody has set one: Python's own takes nothing but what
    Python made.  Without one, or if it fails, it is printed to `sys.stderr`.  Never fails.
    """
    told = False
    if sys.unraisablehook is not sys.__unraisablehook__:
        with suppress(BaseException):
            sys.unraisablehook(cast("sys.UnraisableHookArgs", _Unraisable(what, problem)))
            told = True
    if not told and sys.stderr is not None:
        with suppress(BaseException):
            sys.stderr.write(f"{_message(what)}\n{''.join(format_exception(problem))}")


def _message(what: str) -> str:
    return f"jurat: exception ignored in {what}"


class _Unraisable:
    """What `sys.unraisablehook` is given."""

    def __init__(self, what: str, problem: BaseException) -> None:
        self.exc_type = type(problem)
        self.exc_value = problem
        self.exc_traceback = problem.__traceback__
        self.err_msg = _message(what)
        self.object = None
