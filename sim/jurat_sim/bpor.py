"""Bounded partial-order reduction: every trace that has a run with few preemptions.

`BoundedDpor` is a `Search`.  Of each trace (`traces`) that the plain search `search.preemptions` meets within
a bound, it makes a run within that bound.  A thread is left early only before a step whose order may matter:
one that takes a lock that others want, opens a gate, reads a field that nothing protects.  At the grain of
accesses these are few among hundreds, so that two preemptions are affordable where plain search stops at one.

**Cost.**  To leave a thread that could go on costs one; so does it to let time pass while any thread could
run.  That is what `search` says, save one thing: when time has passed, whoever comes next is free.  So what
costs at most N there costs at most N here, and a little more is within the bound.

**The rule.**  From each state the search takes the default: the running thread or, if it cannot go on, the
next by name.  It takes all others that the bound allows if it learns that the order of a step may matter.
It learns that of a step e when, later in some run,

* a step of another thread depends on e directly, that is not through steps between;
* a thread has to wait for a lock that was taken in e;
* or e itself disables a thread, or time.

Then all are tried at the state before e.  To try them there may cost a preemption, so they are tried also
at the state where e's block began, where its thread was switched to: there they cost no more than was paid
anyway.  These are the *conservative backtrack points*.

**To wait is to depend.**  What can be reached with one preemption depends on who has to wait, since a thread
that finds its lock taken is left for nothing.  So a step that takes a lock depends on the one that gave it
back, though it could not have come before it; and so it is with a token and with the end of a thread, unless
whoever waits for it had to arrive there before it came.

**Why nothing is lost.**  Claim: if from a state there is a run w to the end that the bound allows, a run of
the same trace is made from there, and one with the same first step if that is tried there.  By induction
from the last states to the first.  It is clear where all are tried.  So let the default alone be tried, and
let w begin otherwise.

1. *The running thread r can go on*, by a step e.  If nothing that comes before e in w depends on e, then w
   with e moved to the front is of the same trace.  It costs no more: r is left once, after e instead of
   before; it is not switched to later for e alone; and nobody who was left for nothing could now go on, since
   to be freed by e is to depend on it.  It begins with what is tried.  Otherwise let f be the first step in w
   that depends on e, and v the steps before f.  By the same reasons the bound allows e v f, continued with
   the default, and by induction a run of that trace is made through e.  There f depends on e directly or,
   if e keeps it from being taken, its thread waits or is seen to be disabled.  So all were tried.
2. *Nobody can go on for nothing*: a block begins.  Let b be the steps of the default's thread until it has
   to wait.  If w with b moved to the front is of the same trace, it costs no more, since to leave a thread
   that has to wait is free.  Otherwise let f be the first step in w that depends on one of b which it
   precedes, and v the steps before f that are not of b.  The bound allows b v f, and with the second half
   of the claim, used at each step of b, a run of that trace is made that begins with b.  There f depends
   directly on a step of the block that began here.  So all were tried.

After time has passed the next is free because of 1: r may be switched to for e alone, while a thread q waits
in time that time wakes next.  Without e, q would still be the one that runs, and to go on with r would be to
leave it.

**No sleep sets.**  That an independent step was explored before says that its traces were made, but at
another cost: of two orders of independent steps one may be within the bound and the other not.  So nobody
sleeps, and some traces are made several times.

**What this rests on, and termination**, are as without a bound (`dpor`), with the options that were tried in
place of sleep sets.  The clock may tick: then its readings depend on each other, as on the machine.

Sources: Coons, Musuvathi and McKinley, "Bounded partial-order reduction", OOPSLA 2013.  There the bound is
kept for the local states of each thread; here it is for whole traces, which is why all are tried and why to
wait is to depend.  Marmanis, Kokologiannakis and Vafeiadis, "Reconciling preemption bounding with DPOR",
TACAS 2023, on why the two do not go together by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dpor import Dpor, Step, enables
from .primitives import Operation
from .strategies import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY = ""
"""Who runs where no thread that ran can go on, or time has passed."""


class BoundedStep(Step):
    """A state with what was spent on the way to it, and the step that is being taken from it."""

    __slots__ = ("left", "running")

    def __init__(self, enabled: tuple[str, ...], taken: str, *, known: int, running: str, left: int) -> None:
        super().__init__(enabled, {}, taken, known=known)
        self.running = running
        """The thread that may go on for nothing, or `NOBODY`."""
        self.left = left
        """Preemptions that may still be made."""

    def cost(self, option: str) -> int:
        """In preemptions, of this thread's step or of time."""
        if option == TIME:
            return int(len(self.enabled) > 1)
        return int(self.running not in (NOBODY, option))


class BoundedDpor(Dpor):
    """The search over all traces that have a run with at most so many preemptions."""

    _stack: list[BoundedStep]  # type: ignore[assignment]

    def __init__(self, bound: int) -> None:
        super().__init__()
        self.name = f"dpor:{bound}"
        self._bound = bound

    # Steps -------------------------------------------------------------------------------------

    def _state(self, enabled: tuple[str, ...], default: int) -> BoundedStep:
        running, left = self._runtime.running, self._bound
        goes_on = running.ready
        if self._stack:
            last = self._stack[-1]
            left = last.left - last.cost(last.taken)
            goes_on = goes_on and last.taken != TIME
        return BoundedStep(
            enabled,
            enabled[default],
            known=len(self._dependence.owners),
            running=running.name if goes_on else NOBODY,
            left=left,
        )

    def _close(self, enabled: tuple[str, ...]) -> None:
        super()._close(enabled)
        number = self._at - 1
        if number >= self._new and self._stack[number].taken != TIME:
            self._look_whether_it_waits(number)

    # Races -------------------------------------------------------------------------------------

    def _find_races(self, number: int) -> None:
        stack = self._stack
        step = stack[number]
        past, direct = self._order(number)
        arrival = self._last.get(step.taken, -1)
        for other in sorted(direct):
            earlier = stack[other]
            if past >> other & 1:
                continue
            if enables(earlier, step) and (arrival < 0 or earlier.before >> arrival & 1):
                continue
            if not any(stack[it].before >> other & 1 for it in direct if it != other):
                self._try(other, ())

    def _look_whether_it_waits(self, number: int) -> None:
        """The thread that took this step has to wait for a lock: it races with the step that took that."""
        thread = self._thread
        if thread.operation is Operation.TAKE and not thread.ready:
            taken, _ = self._taking(thread.object.name)  # type: ignore[attr-defined]
            if taken >= 0 and not self._stack[number].before >> taken & 1:
                self._try(taken, ())

    def _look_back(self) -> None:
        """Who waits was looked at when it began to, and nobody slept."""

    def _try(self, number: int, first: Sequence[str]) -> None:  # noqa: ARG002 - they may all be needed
        """Try all threads instead of this step, and instead of its block."""
        self._try_all(number)
        self._try_all(self._begin(number))

    def _begin(self, number: int) -> int:
        """The first step of this step's block: who took it did not run before."""
        stack = self._stack
        while stack[number].running == stack[number].taken:
            number -= 1
        return number

    def _try_all(self, number: int) -> None:
        step = self._stack[number]
        for option in step.enabled:
            if step.cost(option) <= step.left:
                step.backtrack[option] = None
