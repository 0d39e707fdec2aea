"""Systematic searches: every run within a bound, each once.

A walk (`strategies`) draws runs from those there are; a search makes all of them, and knows when it has.
It is a `Strategy` that looks on (`watch`), learns what each run did (`end`) and then says whether there
is another.  *Exhausted* means that none is left; a search that is stopped before is cut short, and
nothing follows from what it did not make.

`Bounded` follows each choice of a run that deviates little from the run-to-block default, depth first.
What a deviation costs is the difference between its two forms:

* `preemptions(c)`: to leave a thread that could go on costs one, be it for another thread or for time to
  pass; who comes next when a thread has to wait is free, save that letting time pass while others could
  run costs one.  With n threads of k steps, b of which may wait, there are at most
  C(nk, c) (nb + c)! runs.  Musuvathi and Qadeer, "Iterative context bounding for systematic testing of
  multithreaded programs", PLDI 2007.
* `delays(d)`: the options of a choice stand in a circle, the default first, then the next by name, and
  time last; each that is skipped costs one, even where a thread has to wait.  There are O(k^d) runs,
  however many threads there are.  Emmi, Qadeer and Rakamaric, "Delay-bounded scheduling", POPL 2011.

Bounded searches are plain: they do not leave out runs that are equal but for the order of independent
steps.  `dpor` does that without a bound, and `bpor` with a bound of preemptions.

**Termination.**  A run has at most as many choices as the runtime's step bound, and a choice has finitely
many options; the path to the next run is greater than the last in lexicographic order, with options
numbered as they are tried.  So the paths are a finite increasing sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .errors import Diverged
from .runtime import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .primitives import BenchThread
    from .runtime import BenchRuntime

    Cost = Callable[[BenchThread, bool, int], int]
    """Of an option: by the thread that runs, whether the option is time, and how many options it skips."""


class Redundant(Exception):
    """Raised out of a run by a search: every continuation of it has been made already."""


@runtime_checkable
class Search(Strategy, Protocol):
    """A strategy that makes each run it wants once, and then says that none is left."""

    exhausted: bool
    """Every run was made."""

    def watch(self, runtime: BenchRuntime) -> None:
        """This run is about to begin.  Called after `begin`, before the first step."""

    def end(self) -> bool:
        """The run is over: whether there is another to make."""


class _Choice:
    """A choice on the path: its options within the bound, and which of them is being followed."""

    __slots__ = ("at", "costs", "count", "options")

    def __init__(self, count: int, options: list[int], costs: list[int]) -> None:
        self.count = count
        self.options = options
        self.costs = costs
        self.at = 0


class Bounded:
    """Depth-first search over the deviations whose cost is within a bound: `preemptions`, `delays`."""

    def __init__(self, name: str, bound: int, cost: Cost) -> None:
        self.name = name
        self.exhausted = False
        self._bound = bound
        self._cost = cost
        self._path: list[_Choice] = []
        self._at = 0
        self._left = bound
        self._runtime: BenchRuntime | None = None

    def begin(self, run: int) -> None:  # noqa: ARG002
        """Start again at the first choice."""
        self._at = 0
        self._left = self._bound

    def watch(self, runtime: BenchRuntime) -> None:
        """Know which thread runs."""
        self._runtime = runtime

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:  # noqa: FBT001
        """Follow the path, and where it ends the default."""
        count = len(ready) + time
        if self._at == len(self._path):
            self._path.append(self._new(ready, default, count))
        choice = self._path[self._at]
        if choice.count != count:
            raise Diverged(self._at)
        self._at += 1
        self._left -= choice.costs[choice.at]
        return choice.options[choice.at]

    def end(self) -> bool:
        """At the last choice that has another option, take that."""
        path = self._path
        while path and path[-1].at + 1 == len(path[-1].options):
            path.pop()
        if path:
            path[-1].at += 1
        self.exhausted = not path
        return not self.exhausted

    def _new(self, ready: Sequence[BenchThread], default: int, count: int) -> _Choice:
        runtime = self._runtime
        if runtime is None:
            raise AssertionError("a search looks on: call watch before the run")
        options, costs = [], []
        for skipped in range(count):
            option = (default + skipped) % count
            cost = self._cost(runtime.running, option == len(ready), skipped)
            if cost <= self._left:
                options.append(option)
                costs.append(cost)
        return _Choice(count, options, costs)


def preemptions(bound: int) -> Bounded:
    """The search over all runs with at most so many preemptions."""
    return Bounded(f"preemptions:{bound}", bound, _preemption)


def delays(bound: int) -> Bounded:
    """The search over all runs with at most so many delays."""
    return Bounded(f"delays:{bound}", bound, _delay)


def _preemption(running: BenchThread, time: bool, skipped: int) -> int:  # noqa: FBT001
    return int(skipped > 0 and (running.ready or time))


def _delay(running: BenchThread, time: bool, skipped: int) -> int:  # noqa: ARG001, FBT001
    return skipped
