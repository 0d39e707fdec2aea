"""What a task costs, and what is done while a lock is held: counted, since counts repeat and times do not.

**Costs.**  `cost_of_a_task` runs the shipped worker with one thread on a load of tasks that do nothing, once
with `FEW` of them and once with `MANY`, in the default order of the bench.  What the second run does more is
what the tasks cost that it has more; if that does not divide evenly, no task has *a* cost, and `Uneven` is
raised.  Counted is what the submitting thread and the worker's own threads do:

* locks taken, gates opened, readings of the clock, and the operations of the seam at which a thread may be
  switched; these are the same on every version of Python;
* accesses to shared state, as `grain` defines them; these too;
* bytecode instructions of the worker's files, which a trace function counts, on real threads that pass a
  baton: trace functions and greenlets do not agree (`grain`).  These are those of one version of CPython.

**Sections.**  What is done while a lock is held keeps everybody else waiting, or waits for itself.  `Holding`
is a monitor that finds it: a second lock, a gate opened or waited for, a thread started or joined, the clock
read.  One lock is outside of the others: that of those who choose what starts next, for which nobody waits
but they.  That no task's function and no callback begins while its thread holds a lock is among the checks
of every run (`checks`).
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jurat
from jurat_spec.replay import replay

from .bench import Bench
from .carriers import Backend
from .errors import BenchError
from .findings import Finding
from .monitor import Effect
from .runtime import Ending
from .scenarios import SCENARIOS, Scenario
from .strategies import RunToBlock
from .tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .primitives import BenchLock, BenchThread
    from .runtime import Strategy
    from .stage import Stage

FEW = 50
MANY = 150
"""Tasks of the two runs."""
_STEPS = 1_000_000
"""No bound for runs of this size."""

LOADS = ("in a row", "one by one")
"""Either all tasks are submitted before the first is waited for, so that the thread always finds the next; or
each is waited for before the next is submitted, so that for each the thread is woken, and then the client."""


class Uneven(BenchError):
    """The tasks of a load do not cost the same."""

    def __init__(self, load: str, what: str, more: int) -> None:
        super().__init__(f"{MANY - FEW} tasks {load} cost {more} {what}, so no task has a cost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one task that does nothing, from submit to its end."""

    load: str
    locks: int
    """Takings of a lock."""
    gates: int
    """Openings of a gate: each wakes a thread."""
    clock: int
    """Readings of the clock."""
    operations: int
    """Of the seam: switch points."""
    accesses: int
    """To shared state."""
    bytecodes: int
    """Instructions of the worker's files, on the version of Python that runs this."""


def cost_of_a_task(load: str) -> Cost:
    """Of one of `LOADS`.

    Raises
    ------
    Uneven: the tasks do not cost the same.
    """
    few, many = (_counted(load, tasks) for tasks in (FEW, MANY))
    each = {}
    for what in many:
        more = many[what] - few[what]
        each[what], rest = divmod(more, MANY - FEW)
        if rest:
            raise Uneven(load, what, more)
    return Cost(load=load, **each)


def _counted(load: str, tasks: int) -> dict[str, int]:
    """What a run with so many tasks does in all."""
    effects = _Effects()
    seam, accesses = (_run(load, tasks, grain, watch=effects.of(grain)) for grain in Grain)
    instructions = _Instructions()
    threading.settrace(instructions.begin)
    try:
        _run(load, tasks, Grain.SEAM, backend=Backend.THREADS)
    finally:
        threading.settrace(None)
    return {
        "locks": effects.counts[Effect.ACQUIRED],
        "gates": effects.counts[Effect.OPENED],
        "clock": effects.counts[Effect.READ_CLOCK],
        "operations": seam.steps,
        "accesses": accesses.accesses,
        "bytecodes": instructions.count,
    }


def _run(load: str, tasks: int, grain: Grain, **how: Any) -> Any:
    scenario = Scenario(name=f"cost {load}", text=f"{tasks} tasks {load}", describe=_describe(load, tasks))
    watch = how.pop("watch", None)
    how |= {"grain": grain, "step_bound": _STEPS, "time_is_a_choice": False, "check": _completed(tasks)}
    with Bench(scenario, **how) as bench:
        run = bench.run(RunToBlock(), watch=watch)
    if run.ending is not Ending.FINISHED or run.findings:
        raise BenchError(f"a load of {tasks} tasks {load} did not end well: {run.ending} {run.findings}")
    return run


def _completed(tasks: int) -> Callable[[Stage], list[Finding]]:
    """That the log is a behaviour at whose end so many tasks are completed; the stage knows none of them."""

    def check(stage: Stage) -> list[Finding]:
        statuses = Counter(replay(stage.log).statuses().values())
        return [] if statuses == {"completed": tasks} else [Finding("completed", f"{dict(statuses)}")]

    return check


def _describe(load: str, tasks: int) -> Callable[[Stage], None]:
    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1)
        worker.start()

        def client() -> None:
            for _ in range(tasks):
                task = worker.submit(_nothing)
                if load == "one by one":
                    task.wait()
            stage.close(worker.drain(deadline=None))

        stage.client("client", client)

    return describe


def _nothing(context: object) -> None: ...


class _Effects:
    """Counts the effects of a run at the seam."""

    def __init__(self) -> None:
        self.counts: Counter[Effect] = Counter()

    def of(self, grain: Grain) -> Callable[[Stage], None] | None:
        return self._watch if grain is Grain.SEAM else None

    def _watch(self, stage: Stage) -> None:
        stage.runtime.monitor = self

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:  # noqa: ARG002
        self.counts[effect] += 1

    def access(self, *accessed: object) -> None: ...


class _Instructions:
    """Counts the instructions of the worker's files, in the threads that begin while this traces."""

    def __init__(self) -> None:
        self.count = 0
        self._folder = str(Path(str(jurat.__file__)).parent)

    def begin(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG002
        """A function is called."""
        if not frame.f_code.co_filename.startswith(self._folder):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._go_on

    def _go_on(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG002
        self.count += event == "opcode"
        return self._go_on


class Holding:
    """A monitor that finds what is done while a lock is held.

    Parameters
    ----------
    outer: the lock of those who choose.  While it alone is held, another may be taken, and the clock read.
    """

    def __init__(self, outer: BenchLock) -> None:
        self._outer = outer
        self._held: dict[BenchThread, list[BenchLock]] = {}
        """The locks that a thread holds, the one that it took last at the end."""
        self.sections = 0
        """Times that a lock was taken."""
        self.found: list[str] = []

    def effect(self, thread: BenchThread | None, effect: Effect, what: Any) -> None:
        """An effect is one of a section if its thread holds a lock."""
        if thread is None or thread.dying:
            return
        held = self._held.setdefault(thread, [])
        if effect is Effect.RELEASED:
            held.remove(what)
            return
        if held and not (held == [self._outer] and effect in _INSIDE_THE_OUTER):
            named = getattr(what, "name", "the clock")
            self.found.append(f"{thread.name}, which holds lock {held[-1].name}, {effect} {named}")
        if effect is Effect.ACQUIRED:
            self.sections += 1
            held.append(what)

    def access(self, *accessed: object) -> None:
        """An access to shared state is what a section is for."""


_INSIDE_THE_OUTER = (Effect.ACQUIRED, Effect.READ_CLOCK)


def sections(scenario: str, strategy: Strategy, schedules: int) -> tuple[int, tuple[str, ...]]:
    """How many sections so many runs of a scenario of that name have, and what is found in them."""
    looking: list[Holding] = []

    def watch(stage: Stage) -> None:
        stage.runtime.monitor = holding = Holding(stage.worker._core.choosing)
        looking.append(holding)

    with Bench(SCENARIOS[scenario]) as bench:
        for number in range(schedules):
            bench.run(strategy, number, watch=watch)
    found = dict.fromkeys(line for holding in looking for line in holding.found)
    return sum(holding.sections for holding in looking), tuple(found)
