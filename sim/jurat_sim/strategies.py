"""Strategies: ways to choose who goes on.

A strategy sees the threads that can go on, sorted by name, and which of them the
run-to-block default would take; it answers with an option (see `runtime.Strategy`).  It
draws its numbers from a seed and the number of the run alone, so that any run of a
campaign can be had again by itself, and campaigns can be split.

Here are the walks that draw at random, and the two that do not: the default itself, and
the replay of recorded deviations from it.  `RandomWalk` chooses evenly at every choice
and finds most bugs soonest where switch points are few.  `Reluctant` leaves the running
thread with a small probability only: where each access is a switch point, an even choice
would chop every thread into crumbs and hardly ever let one of them get far while another
stands still.  PCT and DPOR belong here too: the first needs the threads' names, the second
their next operations (`BenchThread.operation`, `.object`), and both are in what `choose`
is shown.

Prior art: the schedulers of shuttle and Coyote.  Burckhardt et al., "A randomized
scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from operator import mul
from random import Random
from typing import TYPE_CHECKING

from .randomness import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .primitives import BenchThread

TIME_SHARE = 1 / 16
"""How often the random walks let time pass where it may, though threads could run."""


_LONGEST = 64
"""Choices in a row that a reluctant walk decides at once, at most."""


class RunToBlock:
    """The default: the running thread goes on until it has to wait."""

    name = "run-to-block"

    def begin(self, run: int) -> None:
        """Nothing is remembered from run to run."""

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: ARG002, FBT001
        """The default."""
        return default


class RandomWalk:
    """Each thread that can go on is equally likely, at every choice."""

    def __init__(self, seed: int, *, time_share: float = TIME_SHARE) -> None:
        self.name = "random"
        self._seed = seed
        self._time_share = time_share
        self._numbers = Random()
        self._random = self._numbers.random

    def begin(self, run: int) -> None:
        """Start the numbers of this run."""
        self._numbers.seed(derive(self._seed, run))

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: ARG002, FBT001
        """Any of them."""
        if time and self._random() < self._time_share:
            return len(ready)
        return int(self._random() * len(ready))


class Reluctant:
    """The running thread goes on, except with a probability; then anybody may be next.

    How long it goes on is drawn at once, not choice by choice: the numbers of choices between two
    departures are distributed geometrically, and independent.  So who chooses need not be asked
    at every choice (`patience`).
    """

    def __init__(self, seed: int, *, leave: float = 1 / 8, time_share: float = TIME_SHARE) -> None:
        self.name = f"reluctant 1/{round(1 / leave)}"
        self._seed = seed
        self._time_share = time_share
        self._numbers = Random()
        self._random = self._numbers.random
        longer = list(accumulate([1 - leave] * _LONGEST, mul))
        self._shorter = [1 - chance for chance in longer]
        """By length, the chance that it goes on for no more choices than that."""
        self.patience = 0
        """Choices from now on for which it takes the default."""
        self._leaves = False

    def begin(self, run: int) -> None:
        """Start the numbers of this run."""
        self._numbers.seed(derive(self._seed, run))
        self._draw()

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """The default, mostly."""
        if self.patience:
            self.patience -= 1
            return default
        leaves = self._leaves
        self._draw()
        if not leaves:
            return default
        if time and self._random() < self._time_share:
            return len(ready)
        return int(self._random() * len(ready))

    def _draw(self) -> None:
        """How many choices until it leaves; or, if these are too many, until it draws again."""
        self.patience = bisect_right(self._shorter, self._random())
        self._leaves = self.patience < _LONGEST


class Replay:
    """The default with recorded deviations: (number of the choice, option), in order."""

    name = "replay"

    def __init__(self, deviations: Sequence[tuple[int, int]]) -> None:
        self._options = dict(deviations)
        self._choice = 0
        self.passed_over: BenchThread | None = None
        """Who would have gone on at the last deviation."""
        self.misfits = 0
        """Deviations that could not be taken: the schedule was recorded from something else."""

    def begin(self, run: int) -> None:  # noqa: ARG002
        """Start again at the first choice."""
        self._choice = 0
        self.misfits = 0

    @property
    def choices(self) -> int:
        """Choices made so far."""
        return self._choice

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """What was recorded for this choice, or else the default."""
        option = self._options.get(self._choice, default)
        self._choice += 1
        if option >= len(ready) + time:
            self.misfits += 1
            return default
        if option != default:
            self.passed_over = ready[default]
        return option
