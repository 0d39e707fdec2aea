"""Stories: a run as a person reads it.

`tell` makes a run again and writes down each step: who took it, where it was at that
moment, and what was recorded in the event log while the step lasted, with the state of
the specification before and after.  `brief` leaves of that what matters: the points
where the schedule departs from the default, the events, and what is wrong.

While a story is told, locks and gates are called by where the worker keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jurat_spec.replay import NotABehaviour, Replay

from . import strategies
from .primitives import BenchGate, BenchLock
from .runtime import BenchRuntime

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .bench import Bench, Run
    from .primitives import BenchThread
    from .stage import Stage


@dataclass(slots=True, eq=False)
class Line:
    """One step, and what was recorded while it lasted."""

    step: int
    at_ns: int
    thread: str
    where: str
    """Where the thread was when it went on."""
    held_up: str = ""
    """If the schedule departs from the default here: who would have gone on, and where that one is."""
    events: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        mark = "!" if self.held_up else " "
        return f"{self.step:5} {self.at_ns / 1e6:11.6f} ms {mark} {self.thread:12} {self.where}"


@dataclass(slots=True, eq=False)
class Story:
    """A run, told."""

    run: Run
    lines: list[Line]
    refused: int | None
    """The line in which the specification refused an event: nothing after it matters."""
    misfits: int
    """Choices that could not be followed."""

    def full(self) -> list[str]:
        """Every step."""
        told = [
            text for line in self.lines for text in (str(line), *(" " * 26 + event for event in line.events))
        ]
        return told + [str(finding) for finding in self.run.findings] + self._nothing_wrong()

    def brief(self) -> list[str]:
        """Departures from the default, events by thread, and what is wrong."""
        told: list[str] = []
        until = None if self.refused is None else self.refused + 1
        for line in self.lines[:until]:
            if line.held_up:
                told.append(f"{line.held_up} is held up; {line.thread} goes on, {line.where}")
            told += [f"{line.thread}: {event}" for event in line.events]
        wrong = self.run.findings[: None if self.refused is None else 1]
        return told + [str(finding) for finding in wrong] + self._nothing_wrong()

    def _nothing_wrong(self) -> list[str]:
        return [] if self.run.findings else [f"the run is {self.run.ending}, and every check holds"]


def tell(bench: Bench, deviations: Sequence[tuple[int, int]], *, omit: Collection[int] = ()) -> Story:
    """Make the run with these deviations, and without these submissions, again, and write it down."""
    strategy = strategies.Replay(deviations)
    teller = _Teller(bench, {choice for choice, _ in deviations}, strategy)
    run = bench.run(strategy, omit=omit, watch=teller.watch)
    teller.record()
    return Story(run, teller.lines, teller.refused, strategy.misfits)


class _Teller:
    """Looks on while a run is made."""

    def __init__(self, bench: Bench, deviating: set[int], strategy: strategies.Replay) -> None:
        self.lines: list[Line] = []
        self.refused: int | None = None
        self._points = bench.build.points
        self._deviating = deviating
        self._strategy = strategy
        self._choices = 0
        self._replay = Replay()
        self._log: list[Any] = []
        self._told = 0

    def watch(self, stage: Stage) -> None:
        """Look on from now."""
        _christen(stage.worker, depth=5)
        self._log = stage.log
        self._runtime = stage.runtime
        self.lines.append(Line(0, stage.runtime.now_ns, "scenario", "setting up"))
        stage.runtime.observe = self._step

    def record(self) -> None:
        """Put what was logged since the last step under it."""
        for event in self._log[self._told :]:
            self.lines[-1].events.append(self._tell(event))
        self._told = len(self._log)

    def _step(self, thread: BenchThread | None) -> None:
        self.record()
        chosen = range(self._choices, self._strategy.choices)
        self._choices = self._strategy.choices
        runtime = self._runtime
        line = Line(
            runtime.steps,
            runtime.now_ns,
            "time" if thread is None else thread.name,
            "a timer fires" if thread is None else self._where(thread),
        )
        if not self._deviating.isdisjoint(chosen):
            other = self._strategy.passed_over
            line.held_up = "" if other is None else f"{other.name}, {self._where(other)},"
        self.lines.append(line)

    def _where(self, thread: BenchThread) -> str:
        it = thread.object
        if isinstance(it, int) and self._points is not None:
            return f"{thread.operation} {self._points.places[it]}"
        if it is None:
            return str(thread.operation)
        name = getattr(it, "name", it)
        return f"its time over at gate {name}" if thread.expired else f"{thread.operation} {name}"

    def _tell(self, event: Any) -> str:
        """An event, and what it did to the specification's state."""
        _, action, number, attempt, detail = event
        said = f"{action}" if not number else f"{action} task {number}"
        said += f", attempt {attempt}" if attempt else ""
        said += "" if detail is None or action == "Init" else f" ({detail})"
        if self.refused is not None:
            return said
        before = self._state(number)
        try:
            self._replay.step(event)
        except NotABehaviour as refused:
            self.refused = len(self.lines) - 1
            return f"{said}: NOT ALLOWED, since this is not true: {refused.guard}  [{before}]"
        after = self._state(number)
        return f"{said}  [{before} -> {after}]" if before != after else f"{said}  [{before}]"

    def _state(self, number: int) -> str:
        """The part of the specification's state that an event concerns."""
        world = self._replay.world
        if world is None:
            return "nothing"
        if not number:
            return f"worker {world.phase}"
        task = self._replay.tasks.get(number)
        return "absent" if task is None else task.status


def _christen(thing: object, depth: int) -> None:
    """Call each lock and gate within reach by its shortest path of attributes."""
    seen = {id(thing)}
    level: list[tuple[object, str]] = [(thing, "")]
    for _ in range(depth + 1):
        following: list[tuple[object, str]] = []
        for it, path in level:
            if isinstance(it, BenchLock | BenchGate):
                it.name = path
                continue
            for part, step in _parts(it):
                if id(part) not in seen and not isinstance(part, BenchRuntime):
                    seen.add(id(part))
                    following.append((part, f"{path}{step}".lstrip(".")))
        level = following


def _parts(thing: object) -> Iterator[tuple[object, str]]:
    """What a container holds, and each attribute of an object with slots."""
    if isinstance(thing, tuple | list):
        for place, item in enumerate(thing):
            yield item, f"[{place}]"
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(thing, name) and not name.startswith("__"):
                yield getattr(thing, name), f".{name}"
