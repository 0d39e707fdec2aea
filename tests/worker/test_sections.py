"""The sections that a caller's thread enters contain no call and no loop.

CPython gives up the interpreter lock, and runs signal handlers, only at calls and backward jumps.
So this is a rule of speed (no convoy) and of correctness (a handler that submits while a submit is
interrupted does not wait for itself).
"""

from __future__ import annotations

import ast
import inspect
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.worker.conftest import actions

from jurat import Context, QueueFull, _steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from tests.worker.conftest import Hire

OWN_THREADS = {"turn", "tend"}
"""Steps of the worker's own threads, where Python runs no signal handler."""

RARE = {"_next_queued", "_came_back_otherwise"}
"""What the common path of `turn` does not call."""

FORBIDDEN = (
    ast.Call,
    ast.For,
    ast.While,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Await,
    ast.Yield,
    ast.JoinedStr,
    ast.Import,
    ast.ImportFrom,
    ast.With,
)


def sections(source: str) -> Iterator[tuple[str, ast.With]]:
    """Each function with a locked section, and the section."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.With):
                    yield function.name, node


def offences(source: str) -> list[str]:
    """What the hot sections of a module contain that they must not."""
    found = []
    for name, section in sections(source):
        if name == "tend":
            continue
        allowed = RARE if name in OWN_THREADS else set()
        for statement in section.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in allowed:
                    continue
                if isinstance(node, FORBIDDEN):
                    found.append(f"{name}: {type(node).__name__}: {ast.unparse(node)[:60]}")
    return found


def test_hot_sections_contain_no_call_and_no_loop() -> None:
    """Read from the source of the steps."""
    source = inspect.getsource(_steps)
    assert len(list(sections(source))) >= len(_steps.__all__) - 1
    assert offences(source) == []


@pytest.mark.parametrize(
    "line",
    ["core.lane.append(task)", "for x in lane: pass", "[x for x in lane]", "f'{number}'", "now = core.now()"],
)
def test_a_planted_call_or_loop_is_found(line: str) -> None:
    """In a section of a caller's thread."""
    source = f"def admit(core):\n    with core.lock:\n        if core.phase:\n            {line}\n"
    assert len(offences(source)) >= 1


def test_every_step_is_one_section() -> None:
    """One function, one `with core.lock`, and nothing else in the package takes the lock."""
    counted: dict[str, int] = {}
    for name, section in sections(inspect.getsource(_steps)):
        assert ast.unparse(section.items[0]) == "core.lock"
        counted[name] = counted.get(name, 0) + 1
    assert counted == dict.fromkeys(_steps.__all__, 1)


@pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="a known anomaly: CPython 3.11 may collect garbage at an allocation inside a section, and run a "
    "handler there; see the changelog",
)
def test_a_signal_handler_may_submit_and_cancel_while_the_main_thread_submits(hire: Hire) -> None:
    """Thousands of handlers fire into a busy main thread, and none of them waits for itself.

    Each alarm is set by the main thread once the last one was handled, a little later each time.  A timer
    that repeats by itself would, on a busy machine, interrupt its own handler for ever.
    """
    worker, log = hire(threads=2)
    handled = 0

    def handler(_: int, __: FrameType | None) -> None:
        nonlocal handled
        with suppress(QueueFull):
            worker.submit(nothing).cancel()
        handled += 1

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, handler)
    submitted = refused = armed = 0
    try:
        with worker:
            while handled < 2_000:
                if handled == armed:
                    armed += 1
                    signal.setitimer(signal.ITIMER_REAL, (1 + armed % 50) / 1_000_000)
                try:
                    worker.submit(nothing)
                except QueueFull:
                    refused += 1
                else:
                    submitted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    done = actions(log)
    assert done.count("Submit") + done.count("Reject") == submitted + refused + handled


def nothing(_: Context) -> None:
    """Do nothing."""
