"""Machines on which something happens at a chosen moment, for races that a test wants to be sure of."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from jurat._runtime import REAL, RealRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN = "MainThread"


class Interrupted(RealRuntime):
    """The real machine, but that something happens right before or after a thread has a lock, once."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, str], Callable[[], object]] = {}

    def before_lock(self, thread: str, what: Callable[[], object]) -> None:
        """When the thread of this name is about to take a lock."""
        self._plans["before", thread] = what

    def after_lock(self, thread: str, what: Callable[[], object]) -> None:
        """When the thread of this name has given a lock back."""
        self._plans["after", thread] = what

    def lock(self) -> Any:
        """A lock at which the plans are looked at."""
        return _PlannedLock(self)

    def happen(self, when: str) -> None:
        """What was planned for this moment, if anything was."""
        plan = self._plans.pop((when, threading.current_thread().name), None)
        if plan is not None:
            plan()


class _PlannedLock:
    def __init__(self, machine: Interrupted) -> None:
        self._machine = machine
        self._lock = REAL.lock()

    def __enter__(self) -> object:
        self._machine.happen("before")
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)
        self._machine.happen("after")
