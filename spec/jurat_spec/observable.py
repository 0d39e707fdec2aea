"""What a client can see of a worker: of each task whether it waits, runs or how it ended.

Nothing is said of threads, limiters, priorities, drains and deadlines: whatever they do, a
client sees one of the steps below, or none.  The lifecycle refines this machine: seen
through `seen_of`, each of its steps is one of these, or changes nothing
(`properties.refines_observable`; in TLA+, `RefinesObservable` of `tla/Lifecycle.tla`).

The laws stand after the steps; names and steps are those of `tla/Observable.tla`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from .machine import Laws

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDED", "LAWS", "SIGHTS", "Observable", "Sight", "State"]

Ended = Literal["completed", "failed", "cancelled", "timed_out", "abandoned"]
Sight = Literal["unknown", "waiting", "running", "forgotten", Ended]

ENDED: tuple[Ended, ...] = ("completed", "failed", "cancelled", "timed_out", "abandoned")
SIGHTS: tuple[Sight, ...] = ("unknown", "waiting", "running", "forgotten", *ENDED)


class State(NamedTuple):
    """The variables of `tla/Observable.tla`.  Functions over the tasks are tuples, task 1 first."""

    seen: tuple[Sight, ...]
    attempts: tuple[int, ...]
    """How often each was started."""
    accepting: bool
    """Whether a submit may succeed."""
    done: bool
    """Whether the shutdown is done."""


# --------------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """The constants, and the steps that a client may see."""

    n: int
    """Tasks submitted at most."""
    max_attempts: int
    """Starts of a task at most."""

    variables = State._fields

    def initial(self) -> State:
        """Nothing is known, and a submit may succeed."""
        unknown: Sight = "unknown"
        return State((unknown,) * self.n, (0,) * self.n, accepting=True, done=False)

    def successors(self, s: State) -> Iterator[tuple[str, State]]:
        """Each step that is allowed in a state.  To close again, or to finish again, changes nothing."""
        for task in range(self.n):
            yield from self._of_task(s, task)
        yield "Close", s._replace(accepting=False)
        if not s.accepting and not {"waiting", "running"} & set(s.seen):
            yield "Finish", s._replace(done=True)

    def _of_task(self, s: State, task: int) -> Iterator[tuple[str, State]]:
        sight, attempts = s.seen[task], s.attempts[task]
        if sight == "unknown" and s.accepting and "unknown" not in s.seen[:task]:
            yield "Accept", _sees(s, task, "waiting")
        if sight == "waiting" and attempts < self.max_attempts:
            yield "Begin", _sees(s, task, "running", attempts + 1)
        if sight == "waiting":
            yield "EndWaiting", _sees(s, task, "cancelled")
            yield "EndWaiting", _sees(s, task, "timed_out")
        if sight == "running":
            yield "WaitAgain", _sees(s, task, "waiting")
            yield from (("EndRunning", _sees(s, task, end)) for end in ENDED)
        if sight in ENDED:
            yield "Forget", _sees(s, task, "forgotten", 0)


def _sees(s: State, task: int, sight: Sight, attempts: int | None = None) -> State:
    """The state in which one task looks so."""
    counts = s.attempts
    if attempts is not None:
        counts = (*counts[:task], attempts, *counts[task + 1 :])
    return s._replace(seen=(*s.seen[:task], sight, *s.seen[task + 1 :]), attempts=counts)


# ----------------------------------------------------------------- the laws, from outside

LAWS: Laws[Observable, State] = Laws()


@LAWS.of_state("every variable has a value of its type")
def type_ok(_: Observable, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        all(sight in SIGHTS for sight in s.seen)
        and all(attempts >= 0 for attempts in s.attempts)
        and all(type(value) is bool for value in (s.accepting, s.done))
    )


@LAWS.of_state('SD-4 "stop always completes": done means that nothing waits and nothing is known to run')
def done_is_quiet(_: Observable, s: State) -> bool:
    """And nothing more is accepted."""
    return not s.done or (not s.accepting and not {"waiting", "running"} & set(s.seen))


@LAWS.of_state('LC-1 "dispatched exactly once per attempt": what a client finds done was started')
def done_was_started(_: Observable, s: State) -> bool:
    """Completed, failed or abandoned is only what ran."""
    return all(
        attempts > 0
        for sight, attempts in zip(s.seen, s.attempts, strict=True)
        if sight in ("completed", "failed", "abandoned")
    )


@LAWS.of_state('RT-1 "zero retries disables them; the maximum is configurable and exact"')
def attempts_bounded(m: Observable, s: State) -> bool:
    """No task is started more often than once and its retries."""
    return all(attempts <= m.max_attempts for attempts in s.attempts)


@LAWS.of_state('DESIGN 2 "next admission number": numbers are given in order, and none is left out')
def numbered_in_order(_: Observable, s: State) -> bool:
    """After the first that is unknown, all are."""
    known = [sight != "unknown" for sight in s.seen]
    return known == sorted(known, reverse=True)


@LAWS.of_step('LC-2 "a terminal status never changes"')
def end_is_final(_: Observable, s: State, after: State) -> bool:
    """What ended stays as it ended, until it is forgotten."""
    return all(new in (old, "forgotten") for old, new in zip(s.seen, after.seen, strict=True) if old in ENDED)


_NEXT: dict[Sight, tuple[Sight, ...]] = {
    "unknown": ("waiting",),
    "waiting": ("running", "cancelled", "timed_out"),
    "running": ("waiting", *ENDED),
    **dict.fromkeys(ENDED, ("forgotten",)),
    "forgotten": (),
}


@LAWS.of_step('PRD Goals "queued -> running -> terminal"')
def only_allowed_sights(_: Observable, s: State, after: State) -> bool:
    """What a client sees next, after what it has seen."""
    return all(old == new or new in _NEXT[old] for old, new in zip(s.seen, after.seen, strict=True))


@LAWS.of_step('RT-1 "the maximum is configurable and exact": each start is counted, and nothing else is')
def one_attempt_per_start(_: Observable, s: State, after: State) -> bool:
    """What is forgotten is forgotten with its attempts."""
    for task, (old, new) in enumerate(zip(s.seen, after.seen, strict=True)):
        expected = s.attempts[task]
        if (old, new) == ("waiting", "running"):
            expected += 1
        elif new == "forgotten":
            expected = 0
        if after.attempts[task] != expected:
            return False
    return True


@LAWS.of_step("RG-1: what is forgotten stays so, and nothing but what ended is")
def forgotten_stays_so(_: Observable, s: State, after: State) -> bool:
    """A number is never given again."""
    return all(
        (new == "forgotten" or old != "forgotten") and (old in (*ENDED, "forgotten") or new != "forgotten")
        for old, new in zip(s.seen, after.seen, strict=True)
    )


@LAWS.of_step('SD-1 "stop is idempotent": a worker that is closed accepts nothing, and stays closed')
def closed_stays_closed(_: Observable, s: State, after: State) -> bool:
    """There is no way back."""
    if s.accepting:
        return True
    return not after.accepting and all(
        new == "unknown" for old, new in zip(s.seen, after.seen, strict=True) if old == "unknown"
    )


@LAWS.of_step('LC-3 "status transitions are atomic": a client never sees two tasks change at once')
def one_sight_at_a_time(_: Observable, s: State, after: State) -> bool:
    """Nor does it see a task twice in one step."""
    return sum(old != new for old, new in zip(s.seen, after.seen, strict=True)) <= 1
