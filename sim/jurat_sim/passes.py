"""The steward's pass: in which order one thread of the worker does what the specification leaves open.

The specification says what may happen next; the worker has one thread, the steward, that does most of
what time and a shutdown ask for, in passes of a fixed order (`jurat._threads.serve`):

    attend     DrainDeadline, if its instant has come; whether there is to be a sweep, and an abandoning
    sweep      ShutdownCancel, for each task that waits when its turn comes, in order of admission
    abandon    Abandon, for each function on a thread
    due, late  BecomeDue and Expire, for the instants that have come
    tidy       Evict
    rest       Stopped, if no task is live; or back to attend, asleep until somebody wakes it

Between two sections anything may happen elsewhere.  So where the steward is about to go on belongs to the
state that decides what can happen next, and there are states of the specification that no such state
stands for.  `Stewarded` is the specification's machine with that place added: its steps are the
specification's, and the steward's own moves from one section to the next.  What none of its steps is,
no section of the worker can produce; `reason` says why.

This is a model of the worker, and not believed: whoever drives the worker along its steps sees it refuted
by each step that cannot be driven, and by each that is driven and should not exist (`edges`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jurat_spec.lifecycle import LIVE, TERMINAL, WAITING

from .directing import concerned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jurat_spec.view import Lifecycle, State

__all__ = ["BEYOND", "BEYOND_REASON", "REASONS", "START", "Place", "Stewarded"]


class Place(NamedTuple):
    """The section that the steward is about to enter, and what it or others know that matters to it."""

    section: str
    """One of attend, sweep, abandon, due, late, tidy, rest; or gone."""
    number: int = 0
    """Of the task that the section is about."""
    sweeping: bool = False
    """Somebody has asked for another sweep."""
    abandoning: bool = False
    """In this pass the grace was over when the steward attended."""
    unseen: frozenset[int] = frozenset()
    """Tasks that have come to wait for their time since the steward attended, which it hears of there."""
    joined: bool = False
    """A function has returned, and the section that records it goes on to start the next task."""


_SECTIONS = {
    "DrainDeadline": "attend",
    "ShutdownCancel": "sweep",
    "Abandon": "abandon",
    "BecomeDue": "due",
    "Evict": "tidy",
    "Stopped": "rest",
}
"""The section for each step that only the steward takes."""
START = Place("attend")
GONE = Place("gone")
Move: TypeAlias = "tuple[str | None, State, Place]"
"""A step: its label, or None for a move of the steward's; and the state and the place after it."""


class Stewarded:
    """The machine with the steward's place."""

    def __init__(self, machine: Lifecycle) -> None:
        self.machine = machine
        config, tasks, cap = machine.config, len(machine.terms), machine.config.cap_of(1)
        self._numbers = range(1, 1 + tasks)
        self.fast = config.burst is config.burst_of(1) is None and (cap is None or cap >= tasks)
        """Whether the first queue has no limit, so that whoever returns takes the next task at once."""

    def steps(self, state: State, place: Place, allowed: tuple[tuple[str, State], ...]) -> Iterator[Move]:
        """The steps from here, given those that the specification allows in this state."""
        starts = self.fast and any(label == "Start" for label, _ in allowed)
        for label, after in allowed:
            if place.joined and starts and label != "Start":
                continue
            yield from self._step(state, place, label, after)
        if not place.joined:
            for there in self._moves(state, place):
                yield None, state, there

    def _step(self, state: State, place: Place, label: str, after: State) -> Iterator[Move]:
        number = min(concerned(state, after), default=0)
        here = place.number in (0, number)
        section = _SECTIONS.get(label)
        if section is not None or (label == "Expire" and place.section in ("late", "sweep")):
            if here and place.section == (section or place.section) and self._does(state, label, number):
                for there in self._onward(after, place):
                    yield label, after, there
            if section is not None:
                return  # nobody else does it
        if label == "Start" and self._is_in_the_way(state):
            return
        yield label, after, self._meanwhile(place, label, number, after)

    def _does(self, state: State, label: str, number: int) -> bool:
        """Whether the section does it, where the specification says that it may."""
        return label != "Evict" or (state.phase != "stopped" and state.status[number - 1] != "abandoned")

    def _meanwhile(self, place: Place, label: str, number: int, after: State) -> Place:
        """The place of a steward that somebody else's step finds there."""
        if place.section == "gone":
            return place
        sweeping = place.sweeping or _asks_for_sweep(label, after)
        unseen = place.unseen
        if place.section != "attend" and label in ("Submit", "Retry", "TimeOutRetry"):
            unseen |= {number}
        joined = label == "Complete" and self.fast
        return place._replace(sweeping=sweeping, unseen=unseen, joined=joined)

    def _moves(self, state: State, place: Place) -> Iterator[Place]:
        """Where the steward gets to without a step: past a section that would do nothing."""
        number = place.number
        match place.section:
            case "attend":
                begun = _Pass(abandoning=state.phase == "stopping" and state.grace_spent)
                yield from self._sweep(state, 0, begun) if place.sweeping else self._abandon(state, begun)
            case "sweep" if not self._is_doomed(state, number):
                yield from self._onward(state, place)
            case "due" if not self._may_become_due(state, number):
                yield from self._onward(state, place)
            case "late" if state.status[number - 1] not in WAITING:
                yield from self._onward(state, place)
            case "tidy":
                yield from self._rest(state, _of(place))
            case "rest" if not self._is_over(state):
                yield START._replace(sweeping=place.sweeping)

    # Where a pass goes on -------------------------------------------------------------------------

    def _onward(self, state: State, place: Place) -> Iterator[Place]:
        """Where a pass goes on after the section of this place."""
        here = _of(place)
        match place.section:
            case "attend":
                return self._sweep(state, 0, _Pass())  # what it has done there asks for a sweep
            case "sweep":
                return self._sweep(state, place.number, here)
            case "abandon":
                return self._abandon(state, here)
            case "tidy":
                return self._tidy(state, here)
            case "rest":
                return iter((GONE,))
        return self._answer(state, here)

    def _sweep(self, state: State, last: int, here: _Pass) -> Iterator[Place]:
        """To the next task that waits, in order of admission; when there is none, onward."""
        for number in self._numbers[last:]:
            if state.status[number - 1] in WAITING:
                yield Place("sweep", number, *here)
                return
        yield from self._abandon(state, here)

    def _abandon(self, state: State, here: _Pass) -> Iterator[Place]:
        if here.abandoning and "running" in state.status:
            yield Place("abandon", 0, *here)
        else:
            yield from self._answer(state, here)

    def _answer(self, state: State, here: _Pass) -> Iterator[Place]:
        """Whether the time of a task has come is for the instants to say; a deadline that is over must be."""
        here = here._replace(abandoning=False)
        overdue = False
        for number in self._numbers:
            status = state.status[number - 1]
            if status in WAITING and state.overdue[number - 1]:
                overdue = True
                yield Place("late", number, *here)
            elif status in ("scheduled", "retrying") and number not in here.unseen:
                yield Place("due", number, *here)
        if not overdue:
            yield from self._tidy(state, here)

    def _tidy(self, state: State, here: _Pass) -> Iterator[Place]:
        if self.machine.config.retention and not {*state.status}.isdisjoint(TERMINAL):
            yield Place("tidy", 0, *here)
        yield from self._rest(state, here)

    def _rest(self, state: State, here: _Pass) -> Iterator[Place]:
        yield Place("rest" if self._is_over(state) else "attend", 0, here.sweeping)  # all else is forgotten

    # What a section finds -------------------------------------------------------------------------

    def _is_over(self, state: State) -> bool:
        return state.phase in ("draining", "stopping") and {*state.status}.isdisjoint(LIVE)

    def _is_doomed(self, state: State, number: int) -> bool:
        status = state.status[number - 1]
        if state.phase == "draining" and state.pending == "finish":
            return status == "scheduled"
        return state.phase != "open" and status in WAITING

    def _may_become_due(self, state: State, number: int) -> bool:
        status = state.status[number - 1]
        return status in ("scheduled", "retrying") and not self._is_doomed(state, number)

    def _is_in_the_way(self, state: State) -> bool:
        """Whether who looks for a task to start comes across one that is overdue, and expires it first."""
        terms = self.machine.terms
        for other in self._numbers:
            if state.status[other - 1] == "queued" and state.overdue[other - 1]:
                queue = terms[other - 1].queue
                ahead = [
                    it
                    for it in self._numbers
                    if state.status[it - 1] == "queued"
                    and not state.overdue[it - 1]
                    and terms[it - 1].queue == queue
                    and (terms[it - 1].priority, it) < (terms[other - 1].priority, other)
                ]
                if not ahead and queue not in state.paused:
                    return True
        return False


class _Pass(NamedTuple):
    """What is carried through a pass."""

    sweeping: bool = False
    abandoning: bool = False
    unseen: frozenset[int] = frozenset()


def _of(place: Place) -> _Pass:
    return _Pass(place.sweeping, place.abandoning, place.unseen)


def _asks_for_sweep(label: str, after: State) -> bool:
    match label:
        case "StopNow":
            return True
        case "BeginDrain":
            return after.pending == "cancel" or "scheduled" in after.status
        case "Retry" | "TimeOutRetry":
            return after.pending == "cancel"
    return False


# ------------------------------------------------------------------ why a step has no section

REASONS: dict[str, str] = {
    "Abandon": "what waits is cancelled before anything is abandoned, in one pass of the steward",
    "ShutdownCancel": "the steward cancels what waits in order of admission",
    "DrainDeadline": (
        "the steward looks at the drain's deadline at the head of a pass; when it has ended the last live "
        "task, or goes on to cancel the next, it comes to that first"
    ),
    "Evict": "nothing is forgotten once the worker has stopped, nor ever a task that was abandoned",
    "Start": "who looks for the next task expires those before it whose deadline has passed",
}
"""By label: why there are such steps that the worker never takes.  Of other labels it takes all."""

BEYOND = "its state is not reached"
BEYOND_REASON = "only steps of the kinds above lead to the state that it starts from"
