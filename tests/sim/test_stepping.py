"""A run that is led from outside: one step at a time, and its end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_sim.primitives import Operation
from jurat_sim.stepping import RunEnded, Stepper

if TYPE_CHECKING:
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import BenchRuntime


class _Two:
    """Two threads that write down what they do."""

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.threads: list[BenchThread] = []

    def describe(self, runtime: BenchRuntime) -> None:
        """Spawn them."""
        self.lock = runtime.lock()

        def body(name: str) -> None:
            for _ in range(2):
                with self.lock:
                    self.trace.append(name)
            runtime.gate().wait_for(1_000)
            self.trace.append(f"{name} at {runtime.now_ns}")

        self.threads = [runtime.spawn(body, name, name) for name in "ab"]


def test_the_thread_that_is_told_to_takes_a_step() -> None:
    """Nobody else does, and nothing happens until the next is told."""
    two = _Two()
    with Stepper() as stepper:
        stepper.start(two.describe)
        a, b = two.threads
        assert list(stepper.ready) == [a, b]
        for thread in (b, b, b, a, a):
            stepper.go(thread)
        assert two.trace == ["b", "a"]
        assert b.operation is Operation.TAKE


def test_time_passes_when_it_is_told_to() -> None:
    """Until the next timer fires."""
    two = _Two()
    with Stepper() as stepper:
        stepper.start(two.describe)
        a, b = two.threads
        while a.ready:
            stepper.go(a)
        assert stepper.runtime.now_ns == 0
        stepper.pass_time()
        assert stepper.runtime.now_ns == 1_000
        assert list(stepper.ready) == [a, b]


def test_a_section_is_known_before_it_is_entered() -> None:
    """By the function that has it."""
    two = _Two()
    with Stepper() as stepper:
        stepper.start(two.describe)
        stepper.lock = two.lock
        a, b = two.threads
        stepper.go(a)
        section = stepper.section(a)
        assert section is not None
        assert section.name == "body"
        assert stepper.section(b) is None


def test_a_run_that_is_over_takes_no_step() -> None:
    """Whoever wants one is told how it ended."""
    threads: list[BenchThread] = []

    def describe(runtime: BenchRuntime) -> None:
        threads.append(runtime.spawn(runtime.pause, "a", "a toy"))
        threads.append(runtime.spawn(runtime.gate().wait, "b"))

    with Stepper() as stepper:
        stepper.start(describe)
        stepper.go(threads[0])
        with pytest.raises(RunEnded, match="stuck: b waits at gate"):
            stepper.go(threads[0])
        with pytest.raises(RunEnded, match="has ended"):
            stepper.go(threads[0])


def test_a_run_may_be_left_where_it_is_and_another_begun() -> None:
    """Many runs with one stepper; an error of whoever looks on comes out, and ends the run."""

    def look(thread: BenchThread) -> None:
        raise ValueError(thread.name)

    with Stepper() as stepper:
        for _ in range(50):
            two = _Two()
            stepper.start(two.describe)
            stepper.go(two.threads[1])
        two = _Two()
        stepper.start(two.describe)
        stepper.on_step = look
        with pytest.raises(ValueError, match="a"):
            stepper.go(two.threads[0])
        assert stepper.over
