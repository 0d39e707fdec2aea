"""Every worker that a test makes is stopped at its end, and its log held against the rule.

A test asks for `hire` and gets real workers on real threads.  Nothing here sleeps: tests meet
functions in the middle of their work through a `Meeting`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from tests.worker.virtual import FINDINGS

from jurat import Context, Event, Worker
from jurat_spec.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = float(os.environ.get("JURAT_TEST_PATIENCE", "60"))
"""Seconds after which a wait that should not have waited fails the test."""


class Meeting:
    """A function that is on a thread until the test lets it go."""

    def __init__(self) -> None:
        self.inside = Flag()
        self.leave = Flag()

    def __call__(self, _: Context) -> str:
        """Say that it is inside, and stay, whatever its context says."""
        self.inside.set()
        if not self.leave.wait(PATIENCE):
            raise AssertionError("the test never let the function go")
        return "left"

    def met(self) -> None:
        """Wait until the function is inside."""
        assert self.inside.wait(PATIENCE), "the function never started"


class Hire(Protocol):
    """Make a worker, with its log."""

    def __call__(self, **options: Any) -> tuple[Worker, list[Event]]:
        """As `Worker`; the grace is nothing unless said."""


@pytest.fixture
def hire() -> Iterator[Hire]:
    """Workers with logs.  At the end each is stopped, and its log must be a behaviour of the rule."""
    hired: list[tuple[Worker, list[Event]]] = []

    def make(**options: Any) -> tuple[Worker, list[Event]]:
        log: list[Event] = []
        worker = Worker(**{"grace": timedelta(0), "recorder": log, **options})
        hired.append((worker, log))
        return worker, log

    yield make
    for worker, _ in hired:
        assert worker.stop_now().wait(PATIENCE), "a stop did not complete"
    for _, log in hired:
        replay(tuple(log))


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    """What a test runs in virtual time passes every check of the bench."""
    FINDINGS.clear()
    yield
    assert not FINDINGS, FINDINGS[0]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells: however long it takes, but not for ever."""
    patience = Flag()
    for _ in range(int(PATIENCE * 1_000)):
        if condition():
            return
        patience.wait(0.001)
    raise AssertionError("it never came true")


def actions(log: list[Event]) -> list[str]:
    """The actions of a log, in order."""
    return [action for _, action, _, _, _ in log]
