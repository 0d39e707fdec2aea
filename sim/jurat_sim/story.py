"""Stories: a failing run as a person reads it who has never seen the project.

`tell` makes a run again and writes down each step: who took it, what it did and where in the
code, what was recorded in the event log meanwhile, and what that changed in the state of the
specification.  A story then has these parts, in the order in which a reader needs them:

* what was run: the scenario in its own words, and each task with the function it was given;
* the steps, a line each.  `!` marks those where the schedule departs from the default, in which a
  thread goes on until it has to wait: somebody else is held up there, and the line says who and
  where.  An event comes first, then `<` and what was done when it was logged.  `full` has all
  steps; `brief` leaves out those that neither log nor depart, but for the last ones of a run that is
  stuck, and whatever comes after the event that the specification refuses;
* which property died, what it means, and what was found;
* the state of the specification before the offending event, or at the end if no event offends;
  what the specification allows the worker to do there, which is what it has left undone if it is
  stuck; and where each thread stands;
* the token.

A path such as `Worker.submit > admit` is a stack of calls, the innermost last, without what
belongs to the bench.  Locks and gates are called by where the worker keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import ACTIONS, LIVE
from jurat_spec.replay import LoggedTask, NotABehaviour, Replay

from . import strategies
from .primitives import BenchGate, BenchLock, BenchThread, Operation
from .runtime import BenchRuntime, Ending

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from types import FrameType

    from .bench import Bench, Run
    from .findings import Finding
    from .stage import Stage, Submission

PROPERTIES = {
    "conformance": "every event that the worker logs is one that the specification allows at that point",
    "misuse": "locks, gates and threads are used by their rules",
    "exception": "no exception escapes from a thread, nor from what the worker calls for its users",
    "witness": "what the tasks' functions saw of themselves is what the log says of them",
    "stuck": "a run comes to its end: while a thread has not ended, somebody can go on or a timer is set",
    "functions": "a function raises only what its scenario makes it raise",
    "handles": "what a caller is told of a task is what the log says of it",
    "batches": "a batch is admitted as a whole or refused as a whole",
    "callbacks": "who asked to be called when a task ends is called once",
    "snapshots": "a snapshot shows the counts of one instant of the log",
    "shutdown": "when a shutdown is over every task has ended, and the shutdown says so",
    "results": "a subscriber gets each result once and in order, or it is counted as dropped",
    "nondeterminism": "nothing but its schedule decides a run",
}
"""What each property means, by the first word of its name."""

_WIDTH = 100
_LAST_STEPS = 60
"""Steps without an event that the brief story of a run that is stuck has after its last event."""
_MACHINERY = frozenset(
    f"{__package__}.{name}"
    for name in (
        "batons", "bench", "carriers", "checks", "grain", "pool", "primitives", "runtime", "stage",
        "story", "strategies", "testing",
    )
)  # fmt: skip
"""Modules whose calls are no part of what the code under test does."""

_DUTIES = ("BecomeDue", "Start", "Expire", "ShutdownCancel", "Abandon", "Stopped")
"""Steps that the worker owes: they need nobody's call, and no function that comes back."""

_DOES = {
    Operation.BEGIN: "begins",
    Operation.TAKE: "takes lock",
    Operation.GAVE: "goes on after giving back lock",
    Operation.OPEN: "opens gate",
    Operation.WAIT: "passes gate",
    Operation.WAIT_FOR: "comes, for a limited time, to gate",
    Operation.JOIN: "sees the end of",
    Operation.JOIN_FOR: "comes, for a limited time, to the end of",
    Operation.SPAWNED: "goes on after starting",
    Operation.PAUSE: "goes on after its pause:",
    Operation.ACCESS: "goes on at",
}
"""What a thread does that goes on."""

_WAS = {
    Operation.BEGIN: "before it begins",
    Operation.TAKE: "about to take lock",
    Operation.GAVE: "just after giving back lock",
    Operation.OPEN: "about to open gate",
    Operation.WAIT: "about to pass gate",
    Operation.WAIT_FOR: "about to come, for a limited time, to gate",
    Operation.JOIN: "about to see the end of",
    Operation.JOIN_FOR: "about to wait in time for the end of",
    Operation.SPAWNED: "just after starting",
    Operation.PAUSE: "at its pause:",
    Operation.ACCESS: "at",
}
"""Where a thread is that is held up."""


@dataclass(slots=True, eq=False)
class Line:
    """One step, and what was recorded while it lasted."""

    step: int
    at_ns: int
    thread: str
    does: str
    """What the thread does as it goes on, and where."""
    held_up: str = ""
    """If the schedule departs from the default here: who would have gone on, and where that one is."""
    events: list[str] = field(default_factory=list)

    def follows(self, before: Line) -> bool:
        """It is no more than what the same thread does after the step before."""
        return self.thread == before.thread and self.does.startswith(_DOES[Operation.GAVE])

    def lines(self) -> list[str]:
        """As text: what was logged and what it changed, if anything, then what was done and where."""
        head = f"{self.step:5} {'!' if self.held_up else ' '}{_ms(self.at_ns)}  {self.thread:10} "
        does = f"{self.does}; {self.held_up} is held up" if self.held_up else self.does
        if not self.events:
            return [f"{head} {does}"]
        more = [f"{'':{len(head)}} {event}" for event in self.events[1:]]
        return [f"{head} {self.events[0]}   < {does}", *more]


@dataclass(slots=True, eq=False)
class Story:
    """A run, told."""

    run: Run
    lines: list[Line]
    refused: int | None
    """The line in which the specification refused an event: nothing after it matters."""
    misfits: int
    """Choices that could not be followed."""
    subject: list[str]
    """What was run."""
    state: list[str]
    """The specification's state before the event that it refused, or at the end, and what was to be done."""
    threads: list[str]
    """Where each thread stands at the end."""
    token: str

    def full(self) -> list[str]:
        """Every step."""
        return self._told(self.lines, self.run.findings)

    def brief(self) -> list[str]:
        """The steps that matter, and what is wrong."""
        until = None if self.refused is None else self.refused + 1
        kept = [line for line in self.lines[:until] if line.events or line.held_up]
        if self.run.ending is Ending.STUCK and self.refused is None:
            kept += self._last_steps(after=max((line.step for line in self.lines if line.events), default=0))
            kept.sort(key=lambda line: line.step)
        return self._told(kept, self.run.findings[: None if self.refused is None else 1])

    def _last_steps(self, after: int) -> list[Line]:
        """What happened after the last event, departures apart."""
        pairs = zip(self.lines, self.lines[1:], strict=False)
        rest = [it for before, it in pairs if it.step > after and not (it.held_up or it.follows(before))]
        return rest[:_LAST_STEPS]

    def _told(self, lines: list[Line], findings: list[Finding]) -> list[str]:
        told = [*self.subject, "", " step        ms        thread     what it does"]
        told += [text for line in lines for text in line.lines()]
        told.append("")
        for finding in findings:
            told += _died(finding)
        if findings:
            told += ["", *self.state]
            if self.refused is None:
                told += self.threads
        else:
            told.append(f"the run is {self.run.ending}, and every check holds")
        return [*told, "", f"token: {self.token}"]


def tell(bench: Bench, deviations: Sequence[tuple[int, int]], *, omit: Collection[int] = ()) -> Story:
    """Make the run with these deviations, and without these submissions, again, and write it down."""
    strategy = strategies.Replay(deviations)
    teller = _Teller(bench, {choice for choice, _ in deviations}, strategy)
    run = bench.run(strategy, omit=omit, watch=teller.watch, look=teller.look)
    return Story(
        run,
        teller.lines,
        teller.refused,
        strategy.misfits,
        _subject(bench, run, teller.cast),
        teller.state,
        teller.threads,
        bench.token(run),
    )


def _subject(bench: Bench, run: Run, cast: list[str]) -> list[str]:
    seeded = "" if bench.defect is None else f" with {bench.defect.id}"
    told = wrap(f"{bench.scenario.name}{seeded}. {bench.scenario.text}", _WIDTH)
    if run.omitted:
        left_out = ", ".join(str(number + 1) for number in run.omitted)
        told.append(f"left out, of {run.submissions} submissions: number {left_out}")
    return [*told, *cast]


def _died(finding: Finding) -> list[str]:
    meaning = PROPERTIES.get(finding.property.partition(":")[0])
    told = [f"what died: {finding.property}"]
    if meaning is not None:
        told.append(f"  it says: {meaning}")
    return [*told, f"  found: {finding.message}"]


class _Teller:
    """Looks on while a run is made."""

    def __init__(self, bench: Bench, deviating: set[int], strategy: strategies.Replay) -> None:
        self.lines: list[Line] = []
        self.refused: int | None = None
        self.cast: list[str] = []
        self.state: list[str] = []
        self.threads: list[str] = []
        self._points = bench.build.points
        self._package = bench.build.package.__name__
        self._scenario = bench.told
        self._deviating = deviating
        self._strategy = strategy
        self._choices = 0
        self._replay = Replay()
        self._log: list[Any] = []
        self._told = 0
        self._christened = False
        self._last_step: dict[str, int] = {}

    def watch(self, stage: Stage) -> None:
        """Look on from now."""
        self._stage = stage
        self._log = stage.log
        self._runtime = stage.runtime
        self.lines.append(Line(0, stage.runtime.now_ns, "scenario", "sets the scene"))
        stage.runtime.observe = self._step

    def look(self, stage: Stage) -> None:
        """The run is over."""
        self._record()
        for submission in sorted(stage.submissions, key=lambda it: getattr(it.handle, "number", 0)):
            if submission.handle is not None and not submission.attached:
                self.cast.append(f"task {submission.handle.number}: {_asked(submission)}")
        if self.refused is None:
            self.state = self._state_of_all("at the end")
        if stage.runtime.ending is Ending.STUCK:
            self.threads = [
                f"  {thread.name} {self._stands(thread)}" for thread in stage.runtime.unfinished()
            ]

    # Steps ---------------------------------------------------------------------------------------

    def _step(self, thread: BenchThread | None) -> None:
        self._record()
        if not self._christened and self._stage.worker is not None:
            self._christened = True
            _christen(self._stage.worker, depth=5)
        chosen = range(self._choices, self._strategy.choices)
        self._choices = self._strategy.choices
        runtime = self._runtime
        line = Line(
            runtime.steps,
            runtime.now_ns,
            "time" if thread is None else thread.name,
            "passes until a timer fires" if thread is None else self._does(thread),
        )
        if not self._deviating.isdisjoint(chosen):
            other = self._strategy.passed_over
            line.held_up = "" if other is None else f"{other.name}, {self._was(other)},"
        self.lines.append(line)
        self._last_step[line.thread] = line.step

    def _record(self) -> None:
        """Put what was logged since the last step under it."""
        for event in self._log[self._told :]:
            self.lines[-1].events.append(self._tell(event))
        self._told = len(self._log)

    def _does(self, thread: BenchThread) -> str:
        if thread.expired:
            return f"gives up waiting at gate {_name(thread.object)}{self._path(thread)}"
        return f"{_DOES[thread.operation]}{self._object(thread)}{self._path(thread)}"

    def _was(self, thread: BenchThread) -> str:
        return f"{_WAS[thread.operation]}{self._object(thread)}{self._path(thread)}"

    def _stands(self, thread: BenchThread) -> str:
        """Where a thread stands for ever."""
        it = thread.object
        if isinstance(it, BenchLock):
            owner = "nobody" if it.owner is None else it.owner.name
            what = f"waits for lock {_name(it)}, which {owner} owns"
        elif isinstance(it, BenchThread):
            what = f"waits for {it.name} to end"
        else:
            what = f"waits without a timer at gate {_name(it)}, which nobody opens"
        return f"{what}{self._path(thread)}, since step {self._last_step[thread.name]}"

    def _object(self, thread: BenchThread) -> str:
        it = thread.object
        if thread.operation is Operation.BEGIN or it is None:
            return ""
        if isinstance(it, int) and self._points is not None:
            return f" {self._points.places[it]}"
        return f" {_name(it)}"

    def _path(self, thread: BenchThread) -> str:
        """The calls in which a thread stands."""
        carrier = thread.carrier
        frame = None if carrier is None or thread.ended else carrier.frame()
        calls: list[str] = []
        while frame is not None:
            if self._is_told(frame):
                calls.append(_called(frame))
            frame = frame.f_back
        return f", in {' > '.join(reversed(calls))}" if calls else ""

    def _is_told(self, frame: FrameType) -> bool:
        module = str(frame.f_globals.get("__name__"))
        if module == self._package or module.startswith(self._package + "."):
            return True
        if module in _MACHINERY:
            return False
        return module == self._scenario or module.startswith(f"{__package__}.")

    # Events --------------------------------------------------------------------------------------

    def _tell(self, event: Any) -> str:
        """An event, and what it did to the specification's state."""
        at, action, number, attempt, detail = event
        said = f"{action}" if not number else f"{action} task {number}"
        said += f", attempt {attempt}" if attempt else ""
        said += _detail(action, detail)
        if self.refused is not None:
            return said
        before = self._state(number)
        try:
            self._replay.step(event)
        except NotABehaviour as refused:
            self.refused = len(self.lines) - 1
            self.state = [
                f"the event, number {self._told + 1} of the log: {said}, at {_ms(at).strip()} ms",
                f"  allowed only if: {refused.guard}",
                *self._state_of_all("before it"),
                "after it: none, for the specification has no such step",
            ]
            return f"{said}  NOT ALLOWED, since this is not true: {refused.guard}  [{before}]"
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

    def _state_of_all(self, when: str) -> list[str]:
        """The specification's whole state, for people, and what it allows the worker to do next."""
        world = self._replay.world
        if world is None:
            return [f"the specification's state {when}: nothing has happened"]
        taken = f"{world.threads_taken} of {world.threads} threads taken"
        told = [f"the specification's state {when}: worker {world.phase}, {world.waiting} waiting, {taken}"]
        told += [f"  task {task.number}: {self._in_words(task)}" for task in self._replay.tasks.values()]
        allowed = ", ".join(self._allowed()) or "nothing"
        return [*told, f"  the worker may, and in the end must: {allowed}"]

    def _in_words(self, task: LoggedTask) -> str:
        said = str(task.status)
        if task.attempts:
            said += f", attempt {task.attempts} of at most {1 + (task.terms.max_retries or 0)}"
        if task.status in ("retrying", "scheduled") and task.due_ns is not None:
            past = "has passed" if task.due_ns <= self._runtime.now_ns else "has not come"
            said += f", due at {_ms(task.due_ns).strip()} ms, which {past}"
        if task.reason != "none":
            said += (
                f", asked to come back by {task.reason}" if task.status == "running" else f" by {task.reason}"
            )
        if task.terms.key is not None:
            said += f", key {task.terms.key!r}"
        return said

    def _allowed(self) -> Iterator[str]:
        """The steps of the worker's own, which need nobody's call and no function that comes back."""
        world = self._replay.world
        assert world is not None  # noqa: S101 - whoever asks has looked
        for action in ACTIONS.values():
            if action.name not in _DUTIES:
                continue
            if action.of == "worker":
                if action.refusal(world, LoggedTask(0), None) is None:
                    yield action.name
                continue
            for task in self._replay.tasks.values():
                due = task.due_ns is None or task.due_ns <= self._runtime.now_ns
                if task.status in LIVE and due and action.refusal(world, task, None) is None:
                    yield f"{action.name} task {task.number}"


def _detail(action: str, detail: Any) -> str:
    """What an event says besides its name, in words where they are needed."""
    match action, detail:
        case ("Init", _) | (_, None):
            return ""
        case "Submit", dict():
            said = ", ".join(
                f"{key} {value}" for key, value in detail.items() if key not in ("name", "queue")
            )
            return f" ({said})" if said else ""
        case (("Retry" | "TimeOutRetry"), (str(error), _, next_ns)):
            return f" (raised {error}, to be tried again at {_ms(next_ns).strip()} ms)"
        case (("Fail" | "AcknowledgeCancel"), (str(error), *_)):
            return f" (raised {error})"
        case (("Complete" | "LateReturn"), _):
            return ""
        case "BeginDrain", (pending, *_):
            return f" (pending={pending})"
        case (("Cancel" | "RequestCancel"), (reason, *_)):
            return f" (by {reason})"
        case _:
            return f" ({detail})"


def _asked(submission: Submission) -> str:
    """The function and the options of a submission."""
    *outer, name = submission.body.__qualname__.replace("<lambda>", "a lambda").split(".<locals>.")
    made_by = f" made by {outer[-1]}" if outer else ""
    return ", ".join(
        [f"{name}{made_by}", *(f"{option} {_short(it)}" for option, it in submission.options.items())]
    )


def _short(value: object) -> str:
    """A value, with those of its fields only that somebody has set."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds() * 1000:g} ms"
    if value is None or isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, type):
        return value.__name__
    if not is_dataclass(value):
        return f"a {type(value).__name__}"  # what it shows of itself may be an address
    its_own = [(it.name, getattr(value, it.name)) for it in fields(value) if it.repr]
    defaults = {it.name: it.default for it in fields(value)}
    said = [f"{name} {_short(it)}" for name, it in its_own if it != defaults[name]]
    return f"{type(value).__name__}({', '.join(said)})"


def _called(frame: FrameType) -> str:
    """The name of a function, without the functions that it is defined in."""
    name = frame.f_code.co_qualname.rpartition("<locals>.")[2]
    return "a lambda" if name == "<lambda>" else name


def _name(it: object) -> str:
    return str(getattr(it, "name", it)).lstrip("_")


def _ms(ns: int | None) -> str:
    return "?" if ns is None else f"{ns / 1e6:12.6f}"


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
