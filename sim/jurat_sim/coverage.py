"""Coverage: which actions were seen before, after and during which others, and in how many runs.

A scenario promises situations, and two actions that meet are the smallest of them.  For each
pair of the fifteen actions below there are three: the first was over before the second
began, the second before the first, and they *overlapped*, that is each began before the
other had ended.  A `Coverage` looks on while runs are made and counts, for each situation,
the runs in which it occurred; `cover` makes the runs.

    from jurat_sim.coverage import cover

    print(cover(schedules=100))

**When an action begins and ends.**  Time is the number of the run's step, of which each
belongs to one thread.

* A *call* (Submit, Attach, Cancel, BeginDrain, StopNow, Resize, Pause, Subscribe,
  Unsubscribe) begins in the step in which a client or a task's function makes it, and ends
  in the step in which it has its answer.  A refusal is an answer too.  Submit and Attach are
  one call, and its answer says which it was.  A call of which nothing came (a pause of what
  is paused, the second stop) is a call all the same.
* An action that the worker takes by itself (Complete, Fail, BecomeDue, TimeOut, Expire, Evict) is
  known by its event.  It begins in the last step that its thread took before it was given the
  lock: from there on the thread was about to do it.  It ends in the step of the event.  What
  the thread does afterwards on its account, such as opening gates, is not counted in, so that
  an overlap is never claimed for it.

**What counts.**  Only actions of different threads: the order of those of one thread is its
program's and no choice of a schedule's.  For the same reason what a scenario does while it is
set up counts for nothing.  Two events of one section, such as Complete and the Evict that
follows it, are two actions of one thread, and nothing between them is counted.

Some situations cannot occur, and `IMPOSSIBLE` says why.  To see one of them would contradict
the rule, or this module's reading of it.

The idea that concurrency has a coverage of its own, measured on interleavings of pairs, is
that of Lu, Jiang and Zhou, "A study of interleaving coverage criteria", ESEC-FSE 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

from .bench import Bench
from .primitives import Operation
from .scenarios import SCENARIOS, scenario_named
from .stage import Span
from .strategies import RandomWalk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .primitives import BenchThread
    from .stage import Stage

ACTIONS = (
    "Submit",
    "Attach",
    "Cancel",
    "Complete",
    "Fail",
    "BecomeDue",
    "TimeOut",
    "Expire",
    "BeginDrain",
    "StopNow",
    "Resize",
    "Pause",
    "Subscribe",
    "Unsubscribe",
    "Evict",
)
PAIRS = tuple(combinations_with_replacement(ACTIONS, 2))

_RECORDED = frozenset(("Complete", "Fail", "BecomeDue", "TimeOut", "Expire", "Evict"))
"""Those that the worker takes by itself: known by their events, on whichever thread."""


class Situation(NamedTuple):
    """Two actions of different threads, and how they lay in time."""

    first: str
    relation: str
    """`BEFORE` or `DURING`.  Of two that overlap, the first is the one that `ACTIONS` names first."""
    second: str

    def __str__(self) -> str:
        return f"{self.first} {self.relation} {self.second}"


BEFORE = "before"
DURING = "during"

_ONE_STEWARD = "tasks become due on one thread only, the steward's"
IMPOSSIBLE: dict[Situation, str] = {
    Situation("BecomeDue", BEFORE, "BecomeDue"): _ONE_STEWARD,
    Situation("BecomeDue", DURING, "BecomeDue"): _ONE_STEWARD,
    Situation("StopNow", BEFORE, "BecomeDue"): "after a stop every task that waits is doomed",
    Situation("StopNow", BEFORE, "Fail"): (
        "after a stop every task that runs is asked to come back, so what raises is an AcknowledgeCancel"
    ),
}
"""What cannot occur, with the reason."""


def _situations() -> Iterator[Situation]:
    for first, second in PAIRS:
        yield Situation(first, BEFORE, second)
        if first != second:
            yield Situation(second, BEFORE, first)
        yield Situation(first, DURING, second)


SITUATIONS = tuple(_situations())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A pair of actions, and in how many runs they were seen how."""

    first: str
    second: str
    before: int
    """The first was over before the second began."""
    after: int
    """The second was over before the first began.  The same as `before` for an action and itself."""
    during: int
    """They overlapped."""
    impossible: tuple[str, ...]
    """The situations among these that cannot occur, with the reasons."""


class Coverage:
    """Counts of the situations seen in the runs that were watched.

    coverage = Coverage()
    run = bench.run(strategy, number, watch=coverage.watch)
    coverage.count()
    """

    def __init__(self) -> None:
        self.runs = 0
        self.counts = dict.fromkeys(SITUATIONS, 0)
        """The runs in which each situation occurred."""
        self._watch: _Watch | None = None

    def watch(self, stage: Stage) -> None:
        """Look on while the run on this stage is made."""
        self._watch = _Watch(stage)

    def count(self) -> None:
        """The run that was watched is over: count what occurred in it."""
        watched, self._watch = self._watch, None
        if watched is None:
            raise AssertionError("no run was watched")
        self.runs += 1
        for situation in situations_of(watched.spans()):
            self.counts[situation] += 1

    @property
    def missing(self) -> list[Situation]:
        """Situations that can occur and were not seen."""
        return [it for it in SITUATIONS if not self.counts[it] and it not in IMPOSSIBLE]

    @property
    def contradictions(self) -> list[Situation]:
        """Situations that cannot occur and were seen."""
        return [it for it in IMPOSSIBLE if self.counts[it]]

    @property
    def complete(self) -> bool:
        """Whether everything was seen that can occur, and nothing else."""
        return not self.missing and not self.contradictions

    def rows(self) -> list[Row]:
        """A row for each pair, in the order of `PAIRS`."""
        return [self._row(first, second) for first, second in PAIRS]

    def __str__(self) -> str:
        """The rows as text, and what is missing."""
        lines = [f"{'first':<12} {'second':<12} {'before':>7} {'after':>7} {'during':>7}"]
        for it in self.rows():
            counts = f"{it.before:>7} {it.after:>7} {it.during:>7}"
            lines.append(f"{it.first:<12} {it.second:<12} {counts}")
        lines += [f"impossible: {situation}: {reason}" for situation, reason in IMPOSSIBLE.items()]
        lines += [f"contradicted: {situation} was seen" for situation in self.contradictions]
        lines += [f"missing: {situation}" for situation in self.missing]
        possible = len(SITUATIONS) - len(IMPOSSIBLE)
        seen = possible - len(self.missing)
        lines.append(f"{len(PAIRS)} pairs: {seen} of {possible} possible situations seen in {self.runs} runs")
        return "\n".join(lines)

    def _row(self, first: str, second: str) -> Row:
        before, after = Situation(first, BEFORE, second), Situation(second, BEFORE, first)
        during = Situation(first, DURING, second)
        impossible = {it: IMPOSSIBLE[it] for it in (before, after, during) if it in IMPOSSIBLE}
        return Row(
            first=first,
            second=second,
            before=self.counts[before],
            after=self.counts[after],
            during=self.counts[during],
            impossible=tuple(f"{situation}: {reason}" for situation, reason in impossible.items()),
        )


def cover(
    *,
    schedules: int = 1_000,
    seed: int = 1,
    scenarios: Iterable[str] = tuple(SCENARIOS),
    advance: Callable[[int], None] | None = None,
) -> Coverage:
    """Watch so many runs of each scenario at the seam's grain, under the walk that `explore` takes.

    They are the runs that `explore` makes with this seed.  It judges them, and nothing here does.

    Parameters
    ----------
    advance: told how many more schedules were run, after each scenario.

    Raises
    ------
    UnknownScenario: there is none of this name.
    """
    coverage = Coverage()
    for name in scenarios:
        with Bench(scenario_named(name)) as bench:
            walk = RandomWalk(seed)
            for number in range(schedules):
                bench.run(walk, number, watch=coverage.watch)
                coverage.count()
        if advance is not None:
            advance(schedules)
    return coverage


def situations_of(spans: list[Span]) -> set[Situation]:
    """What occurred in a run, of which these are the actions."""
    occurred = set()
    for place, one in enumerate(spans):
        for other in spans[:place]:
            if one.thread == other.thread:
                continue
            if one.ended < other.began:
                occurred.add((one.action, BEFORE, other.action))
            elif other.ended < one.began:
                occurred.add((other.action, BEFORE, one.action))
            else:
                first, second = sorted((one.action, other.action), key=_PLACES.__getitem__)
                occurred.add((first, DURING, second))
    return {Situation(*it) for it in occurred}


_PLACES = {action: place for place, action in enumerate(ACTIONS)}


class _Watch:
    """Turns the events of one run into spans while it is made."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._log = stage.log
        self._seen = len(stage.log)
        self._thread = ""
        self._step = 0
        self._last: dict[str, int] = {}
        """By thread, its last step."""
        self._about: dict[str, int] = {}
        """By thread, the step in which it last came to be about to take a lock."""
        self._spans: list[Span] = []
        stage.runtime.observe = self._observe

    def _observe(self, thread: BenchThread | None) -> None:
        """The next step is this thread's."""
        if len(self._log) != self._seen:
            self._collect()
        if thread is None:
            return
        self._thread = name = thread.name
        self._step = self._stage.runtime.steps
        if thread.operation is Operation.TAKE:
            self._about[name] = self._last[name]
        self._last[name] = self._step

    def _collect(self) -> None:
        """The step that is over has recorded something."""
        for event in self._log[self._seen :]:
            if event[1] in _RECORDED:
                began = self._about[self._thread]
                self._spans.append(Span(event[1], self._thread, began, self._step))
        self._seen = len(self._log)

    def spans(self) -> list[Span]:
        """All of the run, which is over."""
        self._collect()
        return self._spans + self._stage.spans
