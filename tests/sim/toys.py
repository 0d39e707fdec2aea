"""Toys: programs of a few lines for the bench, and a way to run each of their interleavings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.strategies import RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from jurat_sim import carriers
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import Strategy


class Played:
    """A toy that was run."""

    def __init__(self, runtime: BenchRuntime, ending: Ending, result: Any) -> None:
        self.runtime = runtime
        self.ending = ending
        self.result = result


def play(
    toy: Callable[[BenchRuntime], Any],
    strategy: Strategy | None = None,
    *,
    pool: carriers.Pool | None = None,
    number: int = 0,
    **options: Any,
) -> Played:
    """One run of a toy, by default as the run-to-block default has it.

    A toy describes threads, and returns what the test wants to look at afterwards.
    """
    chosen = RunToBlock() if strategy is None else strategy
    chosen.begin(number)
    runtime = BenchRuntime(chosen, Pool() if pool is None else pool, **options)
    try:
        result = toy(runtime)
        return Played(runtime, runtime.run(), result)
    finally:
        runtime.close()


class Exhaustive:
    """Every interleaving once: at each run the last choice that has another option takes it."""

    name = "exhaustive"

    def __init__(self) -> None:
        self._path: list[list[int]] = []
        self._at = 0
        self.exhausted = False

    def begin(self, run: int) -> None:
        """Move on to the next interleaving."""
        self._at = 0
        if run == 0:
            return
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if self._path:
            self._path[-1][0] += 1
        else:
            self.exhausted = True

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
        """Follow the path, and lengthen it where it ends."""
        if self._at == len(self._path):
            self._path.append([0, len(ready) + time])
        option = self._path[self._at][0]
        self._at += 1
        return option


def every_run(toy: Callable[[BenchRuntime], Any], **options: Any) -> Iterator[Played]:
    """All interleavings of a toy, each once."""
    strategy = Exhaustive()
    pool = Pool()
    number = 0
    while True:
        played = play(toy, strategy, pool=pool, number=number, **options)
        if strategy.exhausted:
            return
        yield played
        number += 1
