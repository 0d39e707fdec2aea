"""Stories: a failing run as a person reads it who has never seen the project.

`tell` makes a run again and writes down each step: who took it, what it did and where in the
code, what was recorded in the event log meanwhile, and what that changed in the state of the
specification.  A story then has these parts, in the order in which a reader needs them:

* what was run: the scenario in its own words, each task with the function it was given, and who
  takes part;
* the steps, a line each.  `!` marks those where the schedule departs from the default, in which a
  thread goes on until it has to wait: somebody else is held up there, and the line says who and
  where.  An event comes first, then `<` and what was done when it was logged.  `full` has all
  steps; `brief` leaves out those that neither log nor depart, and whatever comes after the event that
  the specification refuses.  Of a run that is stuck it has the last ones too, gathered: in which
  sections a thread was, without an event, before another one went on;
* which property died, what it means, and what was found;
* the state of the specification before the offending event, or at the end if no event offends;
  what the specification allows the worker to do there, which is what it has left undone if it is
  stuck: since when, and at which steps it came by and did not do it; and where each thread stands;
* the functions of the worker that the steps name, in their own words, with their places;
* the token.

A path such as `Worker.submit > admit` is a stack of calls, the innermost last, without what
belongs to the bench.  Locks and gates are called by where the worker keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from functools import reduce
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import ACTIONS, LIVE, WAITING
from jurat_spec.replay import LoggedTask, NotABehaviour, Replay

from . import strategies
from .primitives import BenchGate, BenchLock, BenchThread, Operation
from .runtime import BenchRuntime, Ending

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from types import FrameType

    from jurat_spec.lifecycle import Action, WorkerRecord

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
_PASSED_BY = 3
"""Steps at which the worker came by what it owes: so many are named, the last ones."""
_MACHINERY = frozenset(
    f"{__package__}.{name}"
    for name in (
        "batons", "bench", "carriers", "checks", "grain", "pool", "primitives", "runtime", "stage",
        "story", "strategies", "testing",
    )
)  # fmt: skip
"""Modules whose calls are no part of what the code under test does."""

_INLINED = ("<listcomp>", "<setcomp>", "<dictcomp>")
"""Calls that CPython makes no more from 3.12 on: a story is the same on every version."""

DUTIES = {
    "BecomeDue": ("become_due",),
    "Start": ("turn", "start"),
    "Expire": ("expire",),
    "ShutdownCancel": ("shutdown_cancel",),
    "Abandon": ("abandon",),
    "Stopped": ("rest",),
}
"""Steps that the worker owes, as they need nobody's call and no function that comes back, and the sections
(functions of `_steps`) that take them."""

_TASKS = {
    "steward": "what is due, late, or ended by a shutdown",
    "worker": "the tasks' functions",
    "herald": "results for subscribers",
    "follower": "calling whoever asked to be told",
}
"""What the worker's threads are for, by the first part of their names.  The others are of its users."""

_READING = (
    "reading: ! somebody is held up who would go on by default; [a -> b] what the event does to the "
    "specification's state; < what was done when it was logged"
)

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
    what: str
    """What the thread does as it goes on."""
    path: tuple[str, ...] = ()
    """The calls in which it does, the innermost last."""
    operation: Operation | None = None
    """The kind of it; None if it is no thread's."""
    section: str = ""
    """The innermost of the worker's own functions."""
    gathered: tuple[str, ...] = ()
    """Of a line that stands for several steps: all their sections."""
    held_up: str = ""
    """If the schedule departs from the default here: who would have gone on, and where that one is."""
    events: list[str] = field(default_factory=list)

    def follows(self, before: Line) -> bool:
        """It is no more than what the same thread does after the step before."""
        return self.operation is Operation.GAVE and self.thread == before.thread and not self.held_up

    @property
    def takes(self) -> bool:
        """A section begins here: a lock is taken."""
        return self.operation is Operation.TAKE

    @property
    def does(self) -> str:
        """What the thread does as it goes on, and where."""
        return self.what + _in(self.path)

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
    functions: dict[str, str]
    """The worker's functions in which steps were taken, by name: with its place, and in its own words."""
    token: str

    def full(self) -> list[str]:
        """Every step."""
        return self._told(self.lines, self.run.findings)

    def brief(self) -> list[str]:
        """The steps that matter, and what is wrong."""
        until = None if self.refused is None else self.refused + 1
        kept = [line for line in self.lines[:until] if line.events or line.held_up]
        if self.run.ending is Ending.STUCK and self.refused is None:
            last = max((place for place, line in enumerate(self.lines) if line.events), default=0)
            kept = [line for line in kept if line.step <= self.lines[last].step]
            rest = self.lines[last + 1 :]
            kept += _gathered(rest[1:] if rest and rest[0].follows(self.lines[last]) else rest)[:_LAST_STEPS]
        return self._told(kept, self.run.findings[: None if self.refused is None else 1])

    def _told(self, lines: list[Line], findings: list[Finding]) -> list[str]:
        told = [
            *self.subject,
            *_cast(self.lines),
            *wrap(_READING, _WIDTH),
            "",
            " step        ms        thread     what it does",
        ]
        told += [text for line in lines for text in line.lines()]
        told.append("")
        for finding in findings:
            told += _died(finding)
        if findings:
            told += ["", *self.state]
            if self.refused is None:
                told += self.threads
            told += self._functions(lines, "\n".join(told))
        else:
            told.append(f"the run is {self.run.ending}, and every check holds")
        return [*told, "", f"token: {self.token}"]

    def _functions(self, lines: list[Line], told: str) -> list[str]:
        """What those functions of the worker say of themselves that are named in what was told."""
        names = {name for line in lines for name in (line.section, *line.gathered) if name in told}
        said = sorted(f"  {text}" for name, text in self.functions.items() if name in names)
        return ["", "the worker's functions that are named above:", *said] if said else []


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
        teller.functions,
        bench.token(run),
    )


def _subject(bench: Bench, run: Run, cast: list[str]) -> list[str]:
    seeded = "" if bench.defect is None else f" with {bench.defect.id}"
    told = wrap(f"{bench.scenario.name}{seeded}. {bench.scenario.text}", _WIDTH)
    if run.omitted:
        left_out = ", ".join(str(number + 1) for number in run.omitted)
        told.append(
            f"made smaller: of the scenario's {run.submissions} submissions these are left out: {left_out}"
        )
    return [*told, *cast]


def _cast(lines: Sequence[Line]) -> list[str]:
    """Who takes part, and what for."""
    names = sorted({line.thread for line in lines if line.operation is not None})
    users = [name for name in names if _kind(name) not in _TASKS]
    by_kind = groupby((name for name in names if _kind(name) in _TASKS), key=_kind)
    own = [f"{', '.join(those)}, for {_TASKS[kind]}" for kind, those in by_kind]
    told = {"threads of users": ", ".join(users), "threads of the worker": "; ".join(own)}
    return [line for who, those in told.items() if those for line in wrap(f"{who}: {those}", _WIDTH)]


def _kind(thread: str) -> str:
    """What kind of thread bears this name."""
    return thread.partition("-")[0]


def _gathered(lines: Sequence[Line]) -> list[Line]:
    """These steps, in which nothing was logged, with those of one thread in one line.

    Departures stay on their own, and so do accesses, each of which may matter.
    """
    told: list[Line] = []
    for (thread, apart), steps in groupby(lines, key=lambda it: (it.thread, _apart(it) and it.step)):
        first, *rest = steps
        if apart:
            told += [first, *rest]
            continue
        phrases: list[str] = []
        sections: list[str] = []
        for line in (first, *rest):
            if line.takes and line.section:
                sections.append(line.section)
            elif line.operation is not Operation.GAVE:
                phrases += [*_nothing_in(sections), line.what]
                sections = []
        phrases += _nothing_in(sections)
        names = tuple(dict.fromkeys(it.section for it in (first, *rest) if it.section))
        what = "; ".join(phrases)
        told.append(Line(first.step, first.at_ns, thread, what, gathered=names) if what else first)
    return told


def _apart(line: Line) -> bool:
    return bool(line.held_up) or line.operation is Operation.ACCESS


def _nothing_in(sections: Sequence[str]) -> list[str]:
    return [f"records nothing in {', '.join(dict.fromkeys(sections))}"] if sections else []


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
        self._expired: set[str] = set()
        self._owed: dict[str, int] = {}
        """What the worker owes, and since which step."""
        self.functions: dict[str, str] = {}

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
        stuck = stage.runtime.ending is Ending.STUCK
        if self.refused is None:
            self.state = [*self._state_of_all("at the end"), *(self._left_undone() if stuck else ())]
        if stuck:
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
        if thread is None:
            line = Line(runtime.steps, runtime.now_ns, "time", self._passes())
        else:
            line = Line(
                runtime.steps,
                runtime.now_ns,
                thread.name,
                self._does(thread),
                path=tuple(map(_called, reversed(self._frames(thread)))),
                operation=thread.operation,
                section=self._section(thread),
            )
        self._expired = {it.name for it in runtime.threads if it.expired}
        if not self._deviating.isdisjoint(chosen):
            other = self._strategy.passed_over
            line.held_up = "" if other is None else f"{other.name}, {self._was(other)},"
        self.lines.append(line)
        self._last_step[line.thread] = line.step

    def _record(self) -> None:
        """Put what was logged since the last step under it."""
        for event in self._log[self._told :]:
            self.lines[-1].events.append(self._tell(event))
            self._told += 1
        if self.refused is None:
            step = self.lines[-1].step
            self._owed = {duty: self._owed.get(duty, step) for duty in self._allowed()}

    def _passes(self) -> str:
        """Whose timers have just fired."""
        fired = [it for it in self._runtime.threads if it.expired and it.name not in self._expired]
        whose = ", ".join(f"{it.name}'s wait{_at(it.object)}" for it in sorted(fired, key=lambda it: it.name))
        return f"passes until {whose} is over" if whose else "passes until a timer fires"

    def _does(self, thread: BenchThread) -> str:
        if thread.expired:
            return f"gives up waiting{_at(thread.object)}"
        return f"{_DOES[thread.operation]}{self._object(thread)}"

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
        told = f"{what}{self._path(thread)}, since step {self._last_step[thread.name]}"
        if not isinstance(it, BenchGate) or not self._is_idle(thread):
            return told
        starts = _kind(thread.name) == "worker"
        its_own = [duty for duty in self._owed if duty.startswith("Start ") == starts]
        if its_own:
            return f"{told}, though {', '.join(its_own)} is owed"
        if self._replay.world is not None and self._replay.world.phase == "stopped":
            return f"{told}, though the worker has stopped"
        return f"{told}: it has nothing to do"

    def _is_idle(self, thread: BenchThread) -> bool:
        """A thread of the worker's that is in nobody's function, and could do what is owed."""
        its_own = all(map(self._is_worker_s, self._frames(thread)))
        return _kind(thread.name) in ("worker", "steward") and its_own

    def _object(self, thread: BenchThread) -> str:
        it = thread.object
        if thread.operation is Operation.BEGIN or it is None:
            return ""
        if isinstance(it, int) and self._points is not None:
            return f" {self._points.places[it]}"
        return f" {_name(it)}"

    def _path(self, thread: BenchThread) -> str:
        return _in([_called(frame) for frame in reversed(self._frames(thread))])

    def _frames(self, thread: BenchThread) -> list[FrameType]:
        """The calls in which a thread stands, the innermost first."""
        carrier = thread.carrier
        frame = None if carrier is None or thread.ended else carrier.frame()
        frames: list[FrameType] = []
        while frame is not None:
            if self._is_told(frame) and frame.f_code.co_name not in _INLINED:
                frames.append(frame)
            frame = frame.f_back
        return frames

    def _section(self, thread: BenchThread) -> str:
        """The innermost call, if it is one of the worker's own functions; the story then knows it."""
        frame = next(iter(self._frames(thread)), None)
        if frame is None or not self._is_worker_s(frame):
            return ""
        name = _called(frame)
        said = _says(frame)
        if said is not None:
            self.functions.setdefault(name, said)
        return name

    def _is_worker_s(self, frame: FrameType) -> bool:
        module = str(frame.f_globals.get("__name__"))
        return module == self._package or module.startswith(self._package + ".")

    def _is_told(self, frame: FrameType) -> bool:
        if self._is_worker_s(frame):
            return True
        module = str(frame.f_globals.get("__name__"))
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
        phase = f"worker {world.phase}"
        if world.phase == "draining":
            phase += f", to {world.pending} what waits"
        told = [f"the specification's state {when}: {phase}; {world.waiting} waiting, {taken}"]
        told += [f"  task {task.number}: {self._in_words(task)}" for task in self._replay.tasks.values()]
        allowed = ", ".join(self._allowed()) or "nothing"
        return [*told, f"  the worker may, and in the end must: {allowed}"]

    def _left_undone(self) -> Iterator[str]:
        """Each step that the worker owes: what it means, since when, and where it was passed by."""
        for duty, since in self._owed.items():
            name = duty.partition(" ")[0]
            yield f"    {name}: {ACTIONS[name].text}"
            told = f"    {duty} could have been done since step {since}"
            by = [it for it in self.lines if it.step > since and it.section in DUTIES[name] and not it.events]
            came = [f"{it.thread} came to {it.section} at step {it.step}" for it in by if it.takes]
            yield f"{told}; {', '.join(came[-_PASSED_BY:])}, and recorded nothing" if came else told

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
        if world is None:
            return
        for action in ACTIONS.values():
            if action.name not in DUTIES:
                continue
            if action.of == "worker":
                if action.refusal(world, LoggedTask(0), None) is None:
                    yield action.name
                continue
            for task in self._replay.tasks.values():
                if task.status in LIVE and self._may(action, world, task):
                    yield f"{action.name} task {task.number}"

    def _may(self, action: Action, world: WorkerRecord, task: LoggedTask) -> bool:
        """Whether the specification allows it now.  It has no clock, so instants are asked for here."""
        now = self._runtime.now_ns
        if action.name == "Expire":
            return task.status in WAITING and task.deadline_ns is not None and task.deadline_ns <= now
        early = action.name == "BecomeDue" and task.due_ns is not None and task.due_ns > now
        return not early and action.refusal(world, task, None) is None


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


def _says(frame: FrameType) -> str | None:
    """Where the function of this call is, and the first line of what it says of itself, if it has a name."""
    code = frame.f_code
    outer, *inner = code.co_qualname.split(".")
    function = reduce(lambda it, name: getattr(it, name, None), inner, frame.f_globals.get(outer))
    if getattr(function, "__code__", None) is not code or function.__doc__ is None:
        return None
    line = function.__doc__.strip().partition("\n")[0]
    return f"{code.co_qualname}, {Path(code.co_filename).name}:{code.co_firstlineno}: {line}"


def _in(calls: Sequence[str]) -> str:
    return f", in {' > '.join(calls)}" if calls else ""


def _at(it: object) -> str:
    """Where somebody waits for a limited time."""
    return f" for {_name(it)} to end" if isinstance(it, BenchThread) else f" at gate {_name(it)}"


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
                yield getattr(thing, name), f".{name.lstrip('_')}"
