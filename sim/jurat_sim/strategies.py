"""Strategies: ways to choose who goes on.

A strategy sees the threads that can go on, sorted by name, and which of them the
run-to-block default would take; it answers with an option (see `runtime.Strategy`).  It
draws its numbers from a seed and the number of the run alone.

Here are the walks that draw at random, and the two that do not: the default itself, and
the replay of recorded deviations from it.  Searches, which make all runs within a bound,
are in `search`, `dpor` and `bpor`.

* `RandomWalk` chooses evenly at every choice, and finds most bugs soonest where switch
  points are few.
* `Reluctant` leaves the running thread with a small probability only: where each access
  is a switch point, an even choice would chop every thread into crumbs and hardly ever
  let one of them get far while another stands still.
* `UniformWalk` prefers threads that have far to go, so that every interleaving is about
  equally likely: an even choice makes those in which a long thread is overtaken late much
  rarer than the others.
* `PCT` runs the thread with the highest of random priorities, and changes a few of these
  at random moments.  It is the only one with a known chance of finding a bug (`Miss`).

`UniformWalk` and `PCT` need to know how long a run is, which they learn from the runs
that they made before.  So their runs depend on the seed, the number, and the campaign up
to there: the same campaign makes the same runs, and a single run is had again by its
token.  Runs of the other walks are had again by seed and number alone.

Time is one more thread to all of them: where it may pass, though threads could run, it is
one of the options.

`Cycle` makes its runs by turns with several strategies.  Which of them finds a bug first
nobody knows beforehand: PCT is hundreds of times better than a random walk at bugs that
need one order of two distant events, and much worse at those that need many switches
between two threads.

Sources: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with
probabilistic guarantees of finding bugs", ASPLOS 2010 (PCT).  Zhao, Wolff, Mathur and
Roychoudhury, "Selectively uniform concurrency testing", ASPLOS 2025 (the uniform random
walk).  Prior art: the schedulers of shuttle and Coyote.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from random import Random
from typing import TYPE_CHECKING

from .primitives import Operation
from .randomness import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .primitives import BenchThread
    from .runtime import Strategy

TIME = "(time)"
"""The name of time among the threads."""
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


class UniformWalk:
    """Each thread that can go on is as likely as the number of choices it is expected to win yet.

    If the expectations are exact and nobody waits, each interleaving is equally likely.  A thread is expected
    to win as many as it ever has, in the runs made so far; not the mean, for where a thread is alone it has
    nothing to win, so that it wins all it can only if others outlive it.  What its children are expected to
    win counts as its own until it spawns them.  Who has won more than was expected is taken to be one choice
    before its end.
    """

    name = "urw"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random()
        self._won: dict[str, int] = {}
        """The most choices that each thread has won in a run before this one."""
        self._parents: dict[str, str] = {}
        """Who spawned whom."""
        self._now: dict[str, int] = {}
        """Choices won in this run; a thread is in it from when it is first seen."""
        self._left: dict[str, int] = {}
        """Choices that each thread, with the children it has not spawned, is expected to win yet."""

    def begin(self, run: int) -> None:
        """Learn from the last run, and start the numbers of this one."""
        for name, count in self._now.items():
            self._won[name] = max(count, self._won.get(name, 0))
        self._now = {}
        self._left = dict(self._won)
        for name, count in self._won.items():
            for ancestor in self._ancestors(name):
                self._left[ancestor] += count
        self._random.seed(derive(self._seed, run))

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: ARG002, FBT001
        """One of them, by weight."""
        names = [thread.name for thread in ready]
        for thread in ready:
            if thread.name not in self._now:
                self._meet(thread, ready)
        if time:
            names.append(TIME)
            self._now.setdefault(TIME, 0)
        left = self._left
        weights = [max(1, left.get(name, 1)) for name in names]
        drawn = self._random.random() * sum(weights)
        option = 0
        while option < len(names) - 1 and drawn >= weights[option]:
            drawn -= weights[option]
            option += 1
        name = names[option]
        self._now[name] += 1
        left[name] = left.get(name, 1) - 1
        return option

    def _meet(self, thread: BenchThread, ready: Sequence[BenchThread]) -> None:
        """A thread is seen for the first time: what it is expected to win is no longer its parent's."""
        self._now[thread.name] = 0
        expected = self._left.get(thread.name, 0)
        for other in ready:
            if other.operation is Operation.SPAWNED and other.object is thread:
                self._parents[thread.name] = other.name
        for ancestor in self._ancestors(thread.name):
            self._left[ancestor] = self._left.get(ancestor, 0) - expected

    def _ancestors(self, name: str) -> list[str]:
        found: list[str] = []
        while name in self._parents and self._parents[name] not in found:
            name = self._parents[name]
            found.append(name)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """How likely PCT is to have missed a bug of some depth, if there is one.

    A bug has depth d if d orders between two events, in the right places, suffice to show it.  A run of PCT
    with that depth finds it with a probability of at least 1 / (n k^(d-1)), so that r runs miss it with at
    most (1 - 1 / (n k^(d-1)))^r: Burckhardt et al., ASPLOS 2010, theorem 9 and section 2.
    """

    depth: int
    """d."""
    threads: int
    """n, time being one of them."""
    choices: int
    """k: the most choices that a run has had.  Only these count: elsewhere priorities decide nothing."""
    runs: int
    """r: since n and k are what they are."""
    probability: float


class Sizes:
    """How large runs are: what PCT must know, and learns from its own runs.

    The chance of finding a bug is that of the paper only if no run is longer, or has more threads, than was
    assumed when it began.  So when one is, the sizes grow to its own, and runs are counted from there.
    """

    def __init__(self) -> None:
        self.threads = 0
        self.choices = 0
        self.runs: dict[int, int] = {}
        """Of each depth, since the sizes grew last."""

    def learn(self, depth: int, threads: int, choices: int) -> None:
        """A run of that depth had so many threads and choices."""
        if threads > self.threads or choices > self.choices:
            self.threads = max(threads, self.threads)
            self.choices = max(choices, self.choices)
            self.runs = {}
        else:
            self.runs[depth] = self.runs.get(depth, 0) + 1


class PCT:
    """The thread with the highest priority goes on; at d-1 random choices it falls to the bottom first.

    Parameters
    ----------
    depth: d, of the bugs that are looked for; at least one.
    sizes: shared with the PCT of other depths, so that all learn from each.
    """

    def __init__(self, seed: int, depth: int, sizes: Sizes | None = None) -> None:
        if depth < 1:
            raise ValueError(f"a bug's depth is at least one, not {depth}")
        self.name = f"pct {depth}"
        self.depth = depth
        self._seed = seed
        self._sizes = Sizes() if sizes is None else sizes
        self._random = Random()
        self._ranks: dict[str, float] = {}
        """Priorities: random ones between 0 and 1, and negative ones after a change."""
        self._changes: dict[int, int] = {}
        """Choices, counted from one, at which a priority changes, and to what."""
        self._choices = 0

    def begin(self, run: int) -> None:
        """Learn from the last run, and draw the changes of this one."""
        self._learn()
        self._random.seed(derive(self._seed, run))
        self._ranks = {}
        self._changes = {}
        most = self._sizes.choices
        while len(self._changes) < min(self.depth - 1, most):
            self._changes.setdefault(1 + int(self._random.random() * most), -1 - len(self._changes))

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: ARG002, FBT001
        """The one with the highest priority."""
        self._choices += 1
        names = [thread.name for thread in ready]
        if time:
            names.append(TIME)
        ranks = self._ranks
        try:
            held = [ranks[name] for name in names]
        except KeyError:  # one of them is new
            for name in names:
                if name not in ranks:
                    ranks[name] = self._random.random()
            held = [ranks[name] for name in names]
        best = held.index(max(held))
        if self._choices in self._changes:
            ranks[names[best]] = held[best] = self._changes[self._choices]
            best = held.index(max(held))
        return best

    def miss(self) -> Miss:
        """How likely this depth's runs so far are to have missed a bug of it."""
        self._learn()
        sizes = self._sizes
        runs = sizes.runs.get(self.depth, 0)
        once = max(1, sizes.threads) * max(1, sizes.choices) ** (self.depth - 1)
        return Miss(
            depth=self.depth,
            threads=sizes.threads,
            choices=sizes.choices,
            runs=runs,
            probability=(1 - 1 / once) ** runs,
        )

    def _learn(self) -> None:
        if self._choices:
            self._sizes.learn(self.depth, len(self._ranks), self._choices)
        self._choices = 0


class Cycle:
    """Strategies that take turns: run number i is made by the one at place i modulo their number."""

    def __init__(self, name: str, members: Sequence[Strategy]) -> None:
        self.name = name
        self.members = tuple(members)
        self.member = self.members[0]
        """Whose turn it is."""
        self.choose = self.member.choose

    def begin(self, run: int) -> None:
        """Give the next one its turn."""
        self.member = self.members[run % len(self.members)]
        self.member.begin(run)
        self.choose = self.member.choose


DEPTHS = (1, 2, 3, 4)
"""The depths that PCT cycles through: of known bugs few are deeper."""


def pct(seed: int) -> Cycle:
    """PCT with each of the depths by turns."""
    sizes = Sizes()
    return Cycle("pct", [PCT(seed, depth, sizes) for depth in DEPTHS])


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
