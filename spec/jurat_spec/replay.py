"""Hold a recorded log against the rule, event by event.

The worker writes each event inside the step that makes its effect visible, so the log
is a linearization and checking it is a replay, not a search: one pass, in place.

Time enters here.  An event carries an instant; from these and from the configuration
in the first event follow the steps that time itself takes.  `GraceSpent` is never in a
log: it is applied when the first event at or after its instant arrives.
`DrainDeadline` is in the log, and must not come before its instant.

An event is `(at_ns, action, task, attempt, detail)`.  `task` is the admission number,
0 where the event is the worker's.  `attempt` is the attempt it belongs to.  `detail` is
the action's argument where it has one.

A log of this version speaks of workers without retries, deadlines, limiters and caps: these
rows of the rule it cannot contain, and a row that it cannot contain is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

from .lifecycle import ACTIONS, Action, Argument, Config, Outcome, TaskRecord, WorkerRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LOGGED", "Event", "NotABehaviour", "Replay", "replay"]

Event = Sequence[Any]
"""As recorded, and not to be trusted: a log may hold anything in any place."""

_NOBODY = TaskRecord(0)
_OUTCOMES = {
    "Complete": Outcome("returned"),
    "AcknowledgeCancel": Outcome("raised"),
    "Fail": Outcome("raised"),
}
"""What a function did, by the row that records it."""
LOGGED = frozenset(
    {
        *("Submit", "Reject", "Start", *_OUTCOMES, "Cancel", "RequestCancel"),
        *("BeginDrain", "StopNow", "DrainDeadline", "ShutdownCancel", "Abandon", "LateReturn", "Stopped"),
    }
)
"""The rows of the rule that a log may contain."""


class NotABehaviour(Exception):
    """The log is not a behaviour of the rule.

    Attributes
    ----------
    index: position of the offending event, from 0.
    event: the event as recorded.
    guard: the sentence that was not true.
    before: the state of the task and the worker before it, for people.
    """

    def __init__(self, index: int, event: object, guard: str, before: str) -> None:
        self.index = index
        self.event = event
        self.guard = guard
        self.before = before
        super().__init__(f"event {index}: {event!r}: this must be true, and is not: {guard} [{before}]")


class Replay:
    """A log being replayed.

    `world` is the worker's record, `tasks` the records by admission number, `counts`
    how many events of each action there were, `steps` how many in all.
    """

    def __init__(self) -> None:
        self.world: WorkerRecord | None = None
        self.tasks: dict[int, TaskRecord] = {}
        self.counts: Counter[str] = Counter()
        self.steps = 0
        self._last_ns = 0
        self._grace_ns = 0
        self._grace_over_ns: int | None = None
        self._drain_over_ns: int | None = None

    def step(self, event: Any) -> None:
        """Take the next event, or raise `NotABehaviour` and stay as before it."""
        if not _well_formed(event):
            raise self._refuse(event, "an event is (at_ns, action, task, attempt, detail)", None)
        at, name, number, attempt, detail = event
        world = self.world
        if world is None:
            self._begin(event)
        else:
            if at < self._last_ns:
                raise self._refuse(event, "instants never go back", None)
            action = ACTIONS.get(name)
            if action is None or name not in LOGGED:
                raise self._refuse(event, "the action is one that a log may contain", None)
            task = self._task(event, action, number)
            argument = self._argument(event, action)
            grace_was_spent = world.grace_spent
            self._spend_grace(world, at)
            expected = task.attempts + (name == "Start")
            refusal = (
                action.refusal(world, task, argument)
                or self._false_detail(event, task)
                or (None if attempt == expected else f"the attempt is number {expected}")
            )
            if refusal is not None:
                refused = self._refuse(event, refusal, task)
                world.grace_spent = grace_was_spent
                raise refused
            action.apply(world, task, argument)
            if name == "Submit":
                self.tasks[number] = task
            elif action.of == "worker":
                self._keep_time(name, at, detail)
        self._last_ns = at
        self.counts[name] += 1
        self.steps += 1

    def statuses(self) -> dict[int, str]:
        """The status of each admitted task."""
        return {number: task.status for number, task in self.tasks.items()}

    def attempts(self) -> dict[int, int]:
        """How often each admitted task was started."""
        return {number: task.attempts for number, task in self.tasks.items()}

    # ------------------------------------------------------------------ the parts of a step

    def _begin(self, event: Any) -> None:
        _, name, number, attempt, detail = event
        if name != "Init" or number != 0 or attempt != 0:
            raise self._refuse(event, "the first event is Init", None)
        if not _is_configuration(detail):
            raise self._refuse(event, "Init carries threads, queue_max and grace_ns", None)
        self.world = WorkerRecord.fresh(Config(threads=detail["threads"], queue_max=detail["queue_max"]))
        self._grace_ns = detail["grace_ns"]

    def _task(self, event: Event, action: Action, number: int) -> TaskRecord:
        if action.of == "worker":
            if number != 0:
                raise self._refuse(event, "an event of the worker names no task", None)
            return _NOBODY
        task = self.tasks.get(number)
        return TaskRecord(number) if task is None else task

    def _argument(self, event: Event, action: Action) -> Argument:
        """The argument of the action, out of the detail."""
        detail = event[4]
        if action.name == "BeginDrain":
            shape = isinstance(detail, tuple | list) and len(detail) == 2
            if not shape or type(detail[1]) not in (int, NoneType):
                raise self._refuse(event, "the detail is (pending, deadline_ns)", None)
            return str(detail[0])
        if action.name in ("Reject", "Cancel", "RequestCancel"):
            return str(detail)
        return _OUTCOMES.get(action.name)

    def _false_detail(self, event: Event, task: TaskRecord) -> str | None:
        """What should be true of the detail and the instant of an action that may happen, and is not."""
        at, name, _, _, detail = event
        if name == "AcknowledgeCancel":
            reason = "shutdown" if task.reason == "none" else task.reason
            if detail != reason:
                return f"the reason is {reason}"
        if name == "DrainDeadline" and (self._drain_over_ns is None or at < self._drain_over_ns):
            return "the drain's deadline has passed"
        return None

    def _keep_time(self, name: str, at: int, detail: Any) -> None:
        if name == "BeginDrain":
            deadline_ns = detail[1]
            if deadline_ns is not None:
                over = at + deadline_ns
                self._drain_over_ns = over if self._drain_over_ns is None else min(over, self._drain_over_ns)
        elif name in ("StopNow", "DrainDeadline"):
            self._grace_over_ns = at + self._grace_ns

    def _spend_grace(self, world: WorkerRecord, at: int) -> None:
        """What time did before this event: GraceSpent, if its instant has come."""
        if self._grace_over_ns is not None and at >= self._grace_over_ns:
            action = ACTIONS["GraceSpent"]
            if action.refusal(world, _NOBODY, None) is None:
                action.apply(world, _NOBODY, None)

    def _refuse(self, event: object, guard: str, task: TaskRecord | None) -> NotABehaviour:
        world = self.world
        if world is None:
            before = "nothing has happened yet"
        else:
            before = (
                f"worker {world.phase}, pending {world.pending}, grace_spent {world.grace_spent}, "
                f"{world.waiting} waiting, {world.threads_taken} of {world.threads} threads taken"
            )
        if task is not None and task is not _NOBODY:
            before += (
                f"; task {task.number} {task.status}, attempts {task.attempts}, "
                f"reason {task.reason}, executing {task.executing}"
            )
        return NotABehaviour(self.steps, event, guard, before)


def _well_formed(event: Any) -> bool:
    """Five fields, and the first four of their types.  True and False are not numbers here."""
    if not (isinstance(event, tuple | list) and len(event) == 5):
        return False
    at, name, number, attempt, _ = event
    return type(at) is type(number) is type(attempt) is int and type(name) is str


def _is_configuration(detail: Any) -> bool:
    """What Init carries."""
    return (
        isinstance(detail, dict)
        and type(detail.get("threads")) is type(detail.get("grace_ns")) is int
        and type(detail.get("queue_max", "")) in (int, NoneType)
    )


def replay(events: Iterable[Event]) -> Replay:
    """Hold a whole log against the rule.  Raises `NotABehaviour` at the first event that is not allowed."""
    state = Replay()
    for event in events:
        state.step(event)
    if state.world is None:
        raise NotABehaviour(0, None, "the log has a first event", "nothing has happened yet")
    return state
