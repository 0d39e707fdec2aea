"""The steps' sections contain no call and no loop, and make no container.

CPython gives up the interpreter lock, and runs signal handlers, only at calls and backward jumps.
So this is a rule of speed (no convoy) and of correctness (a handler that submits while a submit is
interrupted does not wait for itself).  Up to 3.11 it also collects garbage wherever a container is made.
"""

from __future__ import annotations

import ast
import gc
import inspect
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.worker.conftest import actions

from jurat import Context, QueueFull, Task, _results, _steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

    from tests.worker.conftest import Hire

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
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Slice,
    ast.Lambda,
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
    """What the sections of a module contain that they must not."""
    return [
        f"{name}: {type(node).__name__}: {ast.unparse(node)[:60]}"
        for name, section in sections(source)
        for statement in section.body
        for node in ast.walk(statement)
        if isinstance(node, FORBIDDEN)
    ]


@pytest.mark.evidence("NF-2")
@pytest.mark.parametrize("module", [_steps, _results])
def test_sections_contain_no_call_no_loop_and_no_container(module: ModuleType) -> None:
    """Read from the source of the steps, and of the fan-out."""
    source = inspect.getsource(module)
    assert len(list(sections(source))) >= 8
    assert offences(source) == []


@pytest.mark.parametrize(
    "line",
    [
        "core.lane.append(task)",
        "for x in lane: pass",
        "[x for x in lane]",
        "f'{number}'",
        "now = core.now()",
        "log += ((1, 2),)",
        "x = lane[:2]",
    ],
)
def test_a_planted_call_or_loop_is_found(line: str) -> None:
    """In a section of a caller's thread."""
    source = f"def admit(core):\n    with core.lock:\n        if core.phase:\n            {line}\n"
    assert len(offences(source)) >= 1


@pytest.mark.evidence("NF-2")
def test_every_step_is_one_section() -> None:
    """One function, one `with core.lock`, and nothing else in the package takes the lock."""
    counted: dict[str, int] = {}
    for name, section in sections(inspect.getsource(_steps)):
        assert ast.unparse(section.items[0]) == "core.lock"
        counted[name] = counted.get(name, 0) + 1
    assert counted == dict.fromkeys(_steps.__all__, 1)


def test_every_section_of_the_fan_out_is_of_one_subscription() -> None:
    """One function, one `with its._lock`: no section of the fan-out lies inside another."""
    found = list(sections(inspect.getsource(_results)))
    assert {ast.unparse(section.items[0]) for _, section in found} == {"its._lock"}
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.skipif(sys.platform == "win32", reason="interval timers are POSIX")
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
    gc.callbacks.append(_look)
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
        gc.callbacks.remove(_look)
    done = actions(log)
    assert done.count("Submit") + done.count("Reject") == submitted + refused + handled


def test_a_finalizer_may_submit_and_cancel_whenever_garbage_is_collected(hire: Hire) -> None:
    """With a collection at nearly every allocation, what submits as it is collected loses nothing."""
    worker, log = hire(threads=2, queue_max=None)
    finalized: list[Task[None]] = []

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            task = worker.submit(nothing)
            task.cancel()
            finalized.append(task)

    thresholds = gc.get_threshold()
    gc.callbacks.append(_look)
    submitted = 0
    try:
        with worker:
            gc.set_threshold(2, 2, 2)
            while len(finalized) < 500:
                Garbage()
                worker.submit(nothing)
                submitted += 1
            gc.set_threshold(*thresholds)
            gc.collect()
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(_look)
    assert all(task.status.terminal for task in finalized)
    assert actions(log).count("Submit") == submitted + len(finalized)


def _look(_: str, __: object) -> None:
    """As hypothesis and others have it: Python code that runs at each collection."""


def nothing(_: Context) -> None:
    """Do nothing."""
