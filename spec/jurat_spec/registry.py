"""The registry: which tasks are known, by which id and key, and when they are forgotten.

A caller that is not sure whether it has registered its task does so again, with the same key:
while the task is retained, the answer is that task.  A key with another request is a conflict.
Retention is the idempotency window: a key goes in the same step as its task.

Of a task's life only this is left here: it is live, then it has ended.  An abandoned task has
ended while its function is still on a thread.  Ids and keys are numbers, and key 0 is none.
The laws stand after the steps; names and steps are those of `tla/Registry.tla`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from .machine import Laws

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LAWS", "REQUESTS", "Registry", "State"]

V = TypeVar("V")

Status = Literal["absent", "live", "ended"]
Request = Literal["none", "this", "other"]
Answer = tuple[Literal["attached", "conflict", "closed", "id_used", "full", "accepted"], int]

REQUESTS: tuple[Request, ...] = ("this", "other")
"""Fingerprints: equal, or not."""
LABELS = {
    "attached": "Attach",
    "conflict": "RejectConflict",
    "closed": "RejectClosed",
    "id_used": "RejectIdUsed",
    "full": "RejectFull",
}


class State(NamedTuple):
    """The variables of `tla/Registry.tla`.  Functions over ids or keys are tuples, number 1 first."""

    status: tuple[Status, ...]
    key: tuple[int, ...]
    """What each task was registered with, or 0."""
    request: tuple[Request, ...]
    """What it was asked to do, if it has a key."""
    holder: tuple[int, ...]
    """The id that each key names, or 0."""
    ended: tuple[int, ...]
    """Retained tasks in the order in which they have ended."""
    aged: int
    """The first so many of these are over age."""
    stuck: frozenset[int]
    """Ended tasks whose function is still on a thread."""
    open: bool
    """Whether tasks are accepted."""

    def having(self, status: Status) -> set[int]:
        """The ids of the tasks with this status."""
        return {task for task, its in enumerate(self.status, start=1) if its == status}


def _with(values: tuple[V, ...], place: int, value: V) -> tuple[V, ...]:
    """The function with another value for a number; number 0 is none."""
    return tuple([value if at == place else old for at, old in enumerate(values, start=1)])


# --------------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The registry's constants, and the steps that it may take."""

    tasks: int
    """Ids that callers use, from 1."""
    keys: int
    """Keys that callers use, from 1."""
    queue_max: int
    """Tasks that may be live at once."""
    keep: int
    """Ended tasks that are retained."""

    variables = State._fields

    def initial(self) -> State:
        """Nothing is registered."""
        absent: Status = "absent"
        nothing: Request = "none"
        return State(
            status=(absent,) * self.tasks,
            key=(0,) * self.tasks,
            request=(nothing,) * self.tasks,
            holder=(0,) * self.keys,
            ended=(),
            aged=0,
            stuck=frozenset(),
            open=True,
        )

    def answer(self, s: State, task: int, key: int, request: Request) -> Answer:
        """What a caller is told: the first that applies, and before all else whether the key is known."""
        if key and (holder := s.holder[key - 1]):
            return ("attached", holder) if s.request[holder - 1] == request else ("conflict", 0)
        if not s.open:
            return "closed", 0
        if s.status[task - 1] != "absent":
            return "id_used", 0
        if len(s.having("live")) >= self.queue_max:
            return "full", 0
        return "accepted", task

    def successors(self, s: State) -> Iterator[tuple[str, State]]:
        """Each step that is allowed in a state."""
        for task in range(1, self.tasks + 1):
            for key in range(self.keys + 1):
                for request in REQUESTS:
                    yield from self.call(s, task, key, request)
        yield "Close", s._replace(open=False)
        for task in s.having("live"):
            yield "End", self.end(s, task)
            yield "Abandon", self.end(s, task)._replace(stuck=s.stuck | {task})
        for task in s.stuck:
            yield "LateReturn", s._replace(stuck=s.stuck - {task})
        if s.aged < len(s.ended):
            yield "AgePasses", s._replace(aged=s.aged + 1)
        if (leaving := self.evictable(s)) is not None:
            yield "Evict", self.evict(s, leaving)

    def call(self, s: State, task: int, key: int, request: Request) -> Iterator[tuple[str, State]]:
        """The step that answers a caller."""
        answer, _ = self.answer(s, task, key, request)
        if answer == "accepted":
            yield "Register", self.register(s, task, key, request)
        else:  # a refusal changes nothing, and neither does finding the task there
            yield LABELS[answer], s

    def register(self, s: State, task: int, key: int, request: Request) -> State:
        """It is live, and its key names it."""
        return s._replace(
            status=_with(s.status, task, "live"),
            key=_with(s.key, task, key),
            request=_with(s.request, task, request if key else "none"),
            holder=_with(s.holder, key, task),
        )

    def end(self, s: State, task: int) -> State:
        """It has ended, the last of all so far."""
        return s._replace(status=_with(s.status, task, "ended"), ended=(*s.ended, task))

    def evictable(self, s: State) -> int | None:
        """Over age or number, the first to end of the tasks that are off their threads."""
        for place, task in enumerate(s.ended):
            if task not in s.stuck:
                return task if len(s.ended) > self.keep or place < s.aged else None
        return None

    def evict(self, s: State, task: int) -> State:
        """It is forgotten.  Its key is free in the same step."""
        return s._replace(
            status=_with(s.status, task, "absent"),
            key=_with(s.key, task, 0),
            request=_with(s.request, task, "none"),
            holder=_with(s.holder, s.key[task - 1], 0),
            ended=tuple([other for other in s.ended if other != task]),
            aged=s.aged - (task in s.ended[: s.aged]),
        )


# ----------------------------------------------------------------- the laws, from outside

LAWS: Laws[Registry, State] = Laws()


def _retained(s: State) -> set[int]:
    return s.having("live") | s.having("ended")


def _overdue(machine: Registry, s: State) -> set[int]:
    """What retention has to forget: it has ended, is off its thread, and there is a reason."""
    too_many = len(s.having("ended")) > machine.keep
    return {task for task in s.having("ended") - s.stuck if too_many or task in s.ended[: s.aged]}


def _leaving(s: State, after: State) -> set[int]:
    return _retained(s) & after.having("absent")


@LAWS.of_state("every variable has a value of its type")
def type_ok(machine: Registry, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        all(status in ("absent", "live", "ended") for status in s.status)
        and all(0 <= key <= machine.keys for key in s.key)
        and all(request in ("none", *REQUESTS) for request in s.request)
        and all(0 <= task <= machine.tasks for task in s.holder)
        and len(s.ended) == len(s.having("ended"))
        and set(s.ended) == s.having("ended")
        and 0 <= s.aged <= len(s.ended)
        and s.stuck <= set(range(1, machine.tasks + 1))
        and s.open in (True, False)
    )


@LAWS.of_state('GR-2 "optional idempotency keys": two tasks for one key would do the work twice')
def one_task_per_key(machine: Registry, s: State) -> bool:
    """No two retained tasks have the same key."""
    keys = [s.key[task - 1] for task in _retained(s)]
    return all(keys.count(name) <= 1 for name in range(1, machine.keys + 1))


@LAWS.of_state('section 2 "a failed registration poisons nothing"; RG-1 "memory stays bounded"')
def key_names_task(_: Registry, s: State) -> bool:
    """A key that names something names a retained task that has it; what is forgotten has none."""
    named = all(
        task in _retained(s) and s.key[task - 1] == name
        for name, task in enumerate(s.holder, start=1)
        if task
    )
    gone = s.having("absent")
    return named and all(s.key[task - 1] == 0 and s.request[task - 1] == "none" for task in gone)


@LAWS.of_state(
    'GR-2 "conflicting reuse is answered as a conflict"; section 2 "while the task is retained, '
    'same key and same request => same task"'
)
def same_key_same_task(machine: Registry, s: State) -> bool:
    """Whoever comes with the key of a retained task gets that task, or a conflict."""
    keyed = [task for task in _retained(s) if s.key[task - 1]]
    return all(s.request[task - 1] in REQUESTS for task in keyed) and all(
        machine.answer(s, any_id, s.key[task - 1], request)
        == (("attached", task) if request == s.request[task - 1] else ("conflict", 0))
        for task in keyed
        for any_id in range(1, machine.tasks + 1)
        for request in REQUESTS
    )


def _is_true(machine: Registry, s: State, label: str, task: int, key: int, request: Request) -> bool:
    """Whether what the answer says of the registry is so."""
    known = {s.request[each - 1] for each in _retained(s) if key and s.key[each - 1] == key}
    space = len(s.having("live")) < machine.queue_max
    match label:
        case "Attach":
            return request in known
        case "RejectConflict":
            return bool(known - {request})
        case "RejectClosed":
            return not s.open
        case "RejectIdUsed":
            return task in _retained(s)
        case "RejectFull":
            return not space
    return s.open and task not in _retained(s) and space


@LAWS.of_state(
    'GR-2 "conflicting reuse is answered as a conflict"; decision 3 "no limit is never the default '
    'for a queue"'
)
def one_true_answer(machine: Registry, s: State) -> bool:
    """Each call has one answer, and what the answer says of the registry is so."""
    for task in range(1, machine.tasks + 1):
        for key in range(machine.keys + 1):
            for request in REQUESTS:
                labels = [label for label, _ in machine.call(s, task, key, request)]
                if len(labels) != 1 or not _is_true(machine, s, labels[0], task, key, request):
                    return False
    return True


@LAWS.of_state('decision 6 "an abandoned thread is named": its task stays as long as its function does')
def stuck_is_named(machine: Registry, s: State) -> bool:
    """What is still on a thread is a retained task that has ended, and may come back at any moment."""
    back = {s.stuck - after.stuck for label, after in machine.successors(s) if label == "LateReturn"}
    return s.stuck <= s.having("ended") and back == {frozenset({task}) for task in s.stuck}


@LAWS.of_state("section 2: over the limit => Evict is enabled whenever something is evictable")
def over_limit_implies_evict_enabled(machine: Registry, s: State) -> bool:
    """No task that has to go is kept by another that cannot."""
    return not _overdue(machine, s) or any(label == "Evict" for label, _ in machine.successors(s))


@LAWS.of_step('section 2 "only terminal tasks leave"; LC-2 "a terminal status never changes"')
def terminal_only_evicted(_: Registry, s: State, after: State) -> bool:
    """What leaves has ended, and what has ended does nothing but leave."""
    stays_or_goes = after.having("ended") | after.having("absent")
    return _leaving(s, after) <= s.having("ended") <= stays_or_goes


@LAWS.of_step('section 2 "oldest first"')
def oldest_first(_: Registry, s: State, after: State) -> bool:
    """What ended before a task that leaves is still on its thread."""
    leaving = _leaving(s, after)
    return all(set(s.ended[:place]) <= s.stuck for place, task in enumerate(s.ended) if task in leaving)


@LAWS.of_step("section 2: the key leaves with its task, in the same step")
def evicted_key_is_free(_: Registry, s: State, after: State) -> bool:
    """It names nothing then."""
    keys = {s.key[task - 1] for task in _leaving(s, after)} - {0}
    return all(after.holder[name - 1] == 0 for name in keys)


@LAWS.of_step('section 2 "retention is the idempotency window": nothing is forgotten early')
def kept_within_limits(machine: Registry, s: State, after: State) -> bool:
    """What leaves was over age, or one of too many."""
    return _leaving(s, after) <= _overdue(machine, s)
