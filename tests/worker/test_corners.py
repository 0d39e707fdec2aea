"""Corners of the worker, each of which was a fault once: what a user's code may do at the wrong moment."""

from __future__ import annotations

import sys
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat import Context


def nothing(_: Context) -> None:
    """Do nothing."""


def _refuse(*_: object) -> None:
    raise RuntimeError("this hook always fails")


@pytest.mark.parametrize("hook", [sys.__unraisablehook__, _refuse])
def test_a_failing_callback_is_printed_and_the_next_one_is_called(
    hire: Hire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hook: Any
) -> None:
    """With Python's own hook, which takes no argument of ours, and with one that fails."""
    monkeypatch.setattr(sys, "unraisablehook", hook)
    worker, _ = hire(threads=1)
    meeting, called = Meeting(), Flag()
    with worker:
        task = worker.submit(meeting)
        task.add_done_callback(lambda _: 1 // 0)
        task.add_done_callback(lambda _: called.set())
        meeting.leave.set()
        assert called.wait(PATIENCE)
    said = capsys.readouterr().err
    assert "jurat: exception ignored in a done callback" in said
    assert "ZeroDivisionError" in said
