"""The queues: which of them gives the next start, and which of its tasks.

Between queues it is smooth weighted round robin, as in nginx: at a start each queue that could
give it gains its weight in credit, the one with the most credit is chosen, and pays what all of
them have gained.  Inside a queue the task with the lowest priority number is first, and of these
the first that was admitted.  A queue that is empty, paused, at its cap or out of permits takes no
part: it gains nothing, pays nothing, and no other queue waits for it.

Whether a thread is free is no matter here: the machine says what starts when one is.  When a
limiter has no permit is the environment's: it may be so, or no longer be so, at any moment.
The laws stand after the steps; names and steps are those of `tla/Queues.tla`, and what the laws
rest on is said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .machine import Laws

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LAWS", "Queues", "State"]

V = TypeVar("V")


class State(NamedTuple):
    """The variables of `tla/Queues.tla`.  Functions over queues are tuples, number 1 first."""

    weight: tuple[int, ...]
    """The weight in force of each."""
    waiting: tuple[tuple[int, ...], ...]
    """The tasks that wait in each, in order of admission."""
    running: tuple[int, ...]
    """How many tasks of each run, if there is a cap."""
    paused: frozenset[int]
    limited: frozenset[int]
    """Queues whose limiter has no permit."""
    draining: bool
    credit: tuple[int, ...]
    """What each is owed, in starts times the weights of those that took part."""
    passed: tuple[int, ...]
    """Starts that went to others while each could have given them, since its own last one."""
    recent: tuple[int, ...]
    """The queues of the last starts, no more than a window, all of them between the same queues."""
    among: frozenset[int]
    """The queues that could have given the last start."""
    exact: bool
    """Whether the weights hold to the start in the window that `recent` is."""


def _with(values: tuple[V, ...], number: int, value: V) -> tuple[V, ...]:
    """The function with another value for a number."""
    return (*values[: number - 1], value, *values[number:])


def _priority(task: int) -> int:
    """Task 1 is more urgent than 2 and 3, and these are equals.  The lower number is the more urgent."""
    return task // 2


# --------------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The constants of the queues, and the steps that they may take."""

    weight_one: int
    """The weight of queue 1 to begin with."""
    weight_two: int
    """That of queue 2, or 0 if there is none."""
    weight_three: int
    """That of queue 3, or 0 if there is none."""
    other_weight: int
    """What any weight may be changed to, and back; 0 if none may."""
    tasks: int
    """Ids of tasks in each queue, from 1; an id is used again after its task has started."""
    cap: int
    """Tasks of one queue that may run at once; 0 is no cap, and then nobody counts them."""
    pausable: int
    """The first so many queues may be paused."""
    limitable: int
    """The first so many have a limiter."""

    variables = State._fields

    @property
    def declared(self) -> tuple[int, ...]:
        """The weights to begin with, number 1 first."""
        return tuple([weight for weight in (self.weight_one, self.weight_two, self.weight_three) if weight])

    @property
    def numbers(self) -> range:
        """The numbers of the queues."""
        return range(1, len(self.declared) + 1)

    def weights(self, number: int) -> set[int]:
        """The weights that a queue may have."""
        return {self.declared[number - 1], self.other_weight} - {0}

    def initial(self) -> State:
        """Nothing waits, and nobody is owed anything."""
        none = (0,) * len(self.declared)
        return State(
            weight=self.declared,
            waiting=((),) * len(self.declared),
            running=none,
            paused=frozenset(),
            limited=frozenset(),
            draining=False,
            credit=none,
            passed=none,
            recent=(),
            among=frozenset(),
            exact=False,
        )

    def eligible(self, s: State) -> frozenset[int]:
        """The queues that could give the next start."""
        return frozenset([number for number in self.numbers if self.is_eligible(s, number)])

    def is_eligible(self, s: State, number: int) -> bool:
        """It has a task, is not paused, is under its cap, and its limiter, if any, has a permit."""
        at = number - 1
        under = self.cap == 0 or s.running[at] < self.cap
        return bool(s.waiting[at]) and number not in s.paused and under and number not in s.limited

    def next(self, s: State) -> int | None:
        """The queue that gives the next start: the most credit, and of equals the first."""
        return max(self.eligible(s), key=lambda number: (_lead(s, number), -number), default=None)

    def successors(self, s: State) -> Iterator[tuple[str, State]]:
        """Each step that is allowed in a state."""
        if (chosen := self.next(s)) is not None:
            yield "Start", self.start(s, chosen)
        if not s.draining:
            yield "BeginDrain", s._replace(draining=True, paused=frozenset())
        for number in self.numbers:
            if not s.draining:
                yield from self._while_open(s, number)
            if s.running[number - 1]:
                yield "End", s._replace(running=_with(s.running, number, s.running[number - 1] - 1))
            if number in s.paused:
                yield "Resume", s._replace(paused=s.paused - {number})
            if number in s.limited:
                yield "PermitAccrues", s._replace(limited=s.limited - {number})
            elif number <= self.limitable:
                yield "Limit", s._replace(limited=s.limited | {number})

    def _while_open(self, s: State, number: int) -> Iterator[tuple[str, State]]:
        """What a drain puts an end to, for one queue."""
        for task in range(1, self.tasks + 1):
            if task not in s.waiting[number - 1]:
                yield "Submit", self.submit(s, number, task)
        if number <= self.pausable and number not in s.paused:
            yield "Pause", s._replace(paused=s.paused | {number})
        for weight in self.weights(number) - {s.weight[number - 1]}:
            yield "SetWeight", self.set_weight(s, number, weight)

    def submit(self, s: State, number: int, task: int) -> State:
        """It is the last of its queue, whatever its priority."""
        return s._replace(waiting=_with(s.waiting, number, (*s.waiting[number - 1], task)))

    def first(self, s: State, number: int) -> int:
        """The task that is next in its queue."""
        return min(s.waiting[number - 1], key=_priority)  # of equals, min takes the first

    def start(self, s: State, chosen: int) -> State:
        """Each that could have given the start gains its weight, and who gives it pays for all."""
        eligible, first = self.eligible(s), self.first(s, chosen)
        credit = [_lead(s, number) if number in eligible else s.credit[number - 1] for number in self.numbers]
        credit[chosen - 1] -= sum(s.weight[number - 1] for number in eligible)
        return self.note(s, chosen)._replace(
            waiting=_with(s.waiting, chosen, tuple([t for t in s.waiting[chosen - 1] if t != first])),
            running=_with(s.running, chosen, s.running[chosen - 1] + 1) if self.cap else s.running,
            credit=tuple(credit),
        )

    def note(self, s: State, chosen: int) -> State:
        """What an onlooker notes at a start.  No row looks at it."""
        able = frozenset(_able(self, s))
        window = sum(s.weight[number - 1] for number in able)
        passed = [count + (number in able) for number, count in enumerate(s.passed, start=1)]
        return s._replace(
            passed=_with(tuple(passed), chosen, 0),
            recent=(*s.recent, chosen)[-window:] if s.exact and able == s.among else (chosen,),
            among=able,
            exact=self.is_exact(s, chosen),
        )

    def is_exact(self, s: State, chosen: int) -> bool:
        """Whether the weights hold to the start, from this start on.

        They do once no credit is left, while the same queues take part; if there are but two queues,
        whichever take part.  When two take part they do so from the first change of turn on as well:
        their credits are then in the range in which the turns repeat.
        """
        able = _able(self, s)
        same = able == s.among
        turned = len(able) == 2 and same and s.recent != () and s.recent[-1] != chosen
        return not any(s.credit) or (s.exact and (same or len(self.numbers) == 2)) or turned

    def set_weight(self, s: State, number: int, weight: int) -> State:
        """What a queue is owed stays owed; what was seen so far says nothing about the new weights."""
        return s._replace(weight=_with(s.weight, number, weight), recent=(), exact=False)


def _lead(s: State, number: int) -> int:
    """The credit by which a queue that could give the next start is compared."""
    return s.credit[number - 1] + s.weight[number - 1]


# ----------------------------------------------------------------- the laws, from outside

LAWS: Laws[Queues, State] = Laws()


def _able(machine: Queues, s: State) -> set[int]:
    """The queues that could give the next start, in the words of an onlooker."""
    return {
        number
        for number in machine.numbers
        if len(s.waiting[number - 1]) > 0
        and number not in s.paused | s.limited
        and not (machine.cap > 0 and s.running[number - 1] >= machine.cap)
    }


def _most_owed(machine: Queues) -> int:
    """Twice the most that a queue may be owed, in starts times weights: (n - 1) W, and the module says why.

    A queue goes from one end of what it may be owed to the other while it is passed over, at a weight a
    start, and never quite reaches both.  So this is also the bound of the gap, times its weight.
    """
    weighs = sum(max(machine.weights(number)) for number in machine.numbers)
    return (len(machine.numbers) - 1) * weighs


def _left(s: State, after: State) -> list[set[int]]:
    """For each queue the tasks that a step takes out of it."""
    return [set(now) - set(then) for now, then in zip(s.waiting, after.waiting, strict=True)]


def _events(s: State, after: State) -> int:
    """How much happens in a step.  The end of all pauses is part of the beginning of a drain."""
    tasks = sum(len(set(now) ^ set(then)) for now, then in zip(s.waiting, after.waiting, strict=True))
    ends = sum(then < now for now, then in zip(s.running, after.running, strict=True))
    weights = sum(then != now for now, then in zip(s.weight, after.weight, strict=True))
    pauses = 1 if s.draining != after.draining else len(s.paused ^ after.paused)
    return tasks + ends + weights + len(s.limited ^ after.limited) + pauses


@LAWS.of_state("every variable has a value of its type")
def type_ok(machine: Queues, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        all(s.weight[number - 1] in machine.weights(number) for number in machine.numbers)
        and all(set(tasks) <= set(range(1, machine.tasks + 1)) for tasks in s.waiting)
        and all(len(set(tasks)) == len(tasks) for tasks in s.waiting)
        and all(count >= 0 for count in (*s.running, *s.passed))
        and s.paused <= set(range(1, machine.pausable + 1))
        and s.limited <= set(range(1, machine.limitable + 1))
        and s.draining in (True, False)
        and set(s.recent) <= s.among <= set(machine.numbers)
        and len(s.recent) <= sum(s.weight[number - 1] for number in s.among)
        and s.exact in (True, False)
    )


@LAWS.of_state(
    'NH-2 "named queues with weights and priorities"; section 2 "two non-empty queues with weights '
    '3 and 1: every window of 4 starts has 3 and 1"; for more, since there was no credit'
)
def weights_hold(_: Queues, s: State) -> bool:
    """In a window as long as the weights together, each queue gave as many starts as it weighs."""
    if not s.exact or len(s.recent) != sum(s.weight[number - 1] for number in s.among):
        return True
    return all(s.recent.count(number) == s.weight[number - 1] for number in s.among)


@LAWS.of_state(
    'section 2 "for more queues the maximal gap is bounded and stated": less than (n - 1) W / w starts, '
    "for a queue of weight w among n that weigh W together, whatever the others do"
)
def gap_is_bounded(machine: Queues, s: State) -> bool:
    """No queue that could have given them is passed over at more starts than that."""
    return all(
        passed == 0 or passed * min(machine.weights(number)) < _most_owed(machine)
        for number, passed in enumerate(s.passed, start=1)
    )


@LAWS.of_state('section 2 "smooth weighted round robin": what one queue is owed, the others owe')
def credits_balance(_: Queues, s: State) -> bool:
    """All together are owed nothing."""
    return sum(s.credit) == 0


@LAWS.of_state('section 2 "the maximal gap is bounded": no debt grows for ever, whoever takes part')
def credits_are_bounded(machine: Queues, s: State) -> bool:
    """No queue is owed more than (n - 1) W / 2, in starts times weights, and none owes more."""
    return all(2 * abs(credit) <= _most_owed(machine) for credit in s.credit)


@LAWS.of_state('section 2 "an empty, paused or limited queue delays nobody"')
def blocked_blocks_nobody(machine: Queues, s: State) -> bool:
    """If a queue could give a start, one is possible."""
    return not _able(machine, s) or any(label == "Start" for label, _ in machine.successors(s))


@LAWS.of_state('PRD "deterministic task lifecycle semantics": what is next follows from what has happened')
def start_is_decided(machine: Queues, s: State) -> bool:
    """No two starts are possible."""
    return [label for label, _ in machine.successors(s)].count("Start") <= 1


@LAWS.of_state('PRD "reliable audit data": what is recorded has happened')
def every_event_is_news(machine: Queues, s: State) -> bool:
    """No step leaves everything as it is."""
    return all(after != s for _, after in machine.successors(s))


@LAWS.of_state('section 2: a task fits if its queue is "not paused and under its cap"')
def cap_per_queue(machine: Queues, s: State) -> bool:
    """No queue has more tasks running than its cap."""
    return machine.cap == 0 or all(count <= machine.cap for count in s.running)


@LAWS.of_state('section 2: BeginDrain "unpauses the worker and every queue"')
def drain_unpauses(_: Queues, s: State) -> bool:
    """No queue is paused in a drain."""
    return not (s.draining and s.paused)


@LAWS.of_step('section 2 "every window of 4 starts"')
def every_window_is_noted(_: Queues, s: State, after: State) -> bool:
    """One that is noted whole stays so as it moves on."""
    whole = len(s.among) > 1 and len(s.recent) == sum(s.weight[number - 1] for number in s.among)
    if not (s.exact and whole and after.exact and after.among == s.among):
        return True
    return len(after.recent) == len(s.recent)


@LAWS.of_step('section 2: slot, permit and task "meet in this one step", and a step is of one task')
def one_start_per_step(_: Queues, s: State, after: State) -> bool:
    """A step takes one task out of its queue at most."""
    return sum(len(tasks) for tasks in _left(s, after)) <= 1


@LAWS.of_step('section 2: "nothing is taken before, so nothing is lost"')
def started_task_runs(machine: Queues, s: State, after: State) -> bool:
    """If there is a cap, what leaves its queue is counted as running; nothing else ever is."""
    rises = [now < then for now, then in zip(s.running, after.running, strict=True)]
    if machine.cap == 0:
        return after.running == s.running
    return rises == [bool(tasks) for tasks in _left(s, after)]


@LAWS.of_step('section 2: a task fits if its queue is "not paused"')
def paused_starts_nothing(_: Queues, s: State, after: State) -> bool:
    """Nothing leaves a queue that is paused."""
    return not any(_left(s, after)[number - 1] for number in s.paused)


@LAWS.of_step('section 2: a task fits if "each limiter that applies (worker, queue) has a permit"')
def limited_starts_nothing(_: Queues, s: State, after: State) -> bool:
    """Nothing leaves a queue whose limiter has no permit."""
    return not any(_left(s, after)[number - 1] for number in s.limited)


@LAWS.of_step('decision 4 "lower priority number runs sooner; ties in order of admission"')
def starts_in_order(_: Queues, s: State, after: State) -> bool:
    """What leaves a queue is before all that stays: by priority, then by admission."""
    return all(
        (_priority(task), tasks.index(task)) < (_priority(other), tasks.index(other))
        for tasks, left in zip(s.waiting, _left(s, after), strict=True)
        for task in left
        for other in set(tasks) - left
    )


@LAWS.of_step('decision 4 "ties in order of admission"')
def admission_order(_: Queues, s: State, after: State) -> bool:
    """What comes is behind all that wait, and these keep their order."""
    return all(
        task in tasks and tasks.index(task) < tasks.index(later)
        for tasks, then in zip(s.waiting, after.waiting, strict=True)
        for place, later in enumerate(then)
        if later in tasks
        for task in then[:place]
    )


@LAWS.of_step('section 2 "an empty, paused or limited queue yields its share": it is owed nothing for it')
def yields_its_share(machine: Queues, s: State, after: State) -> bool:
    """The credit of a queue that could not give a start does not change."""
    return all(
        s.credit[number - 1] == after.credit[number - 1]
        for number in set(machine.numbers) - _able(machine, s)
    )


@LAWS.of_step('section 2: Submit, Pause and SetWeight are of the phase "open"')
def drain_takes_no_request(_: Queues, s: State, after: State) -> bool:
    """In a drain no queue gets a task or another weight, and none is paused."""
    return not s.draining or (
        all(set(then) <= set(now) for now, then in zip(s.waiting, after.waiting, strict=True))
        and after.paused <= s.paused
        and after.weight == s.weight
    )


@LAWS.of_step('section 2: "an event each"; only a drain resumes all')
def one_event_per_step(_: Queues, s: State, after: State) -> bool:
    """A step that changes anything is one event: of one task, queue, limiter or drain."""
    return s == after or _events(s, after) == 1
