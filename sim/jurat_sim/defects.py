"""Defects, seeded one at a time: real bugs of systems of this kind, as patches of this worker.

A defect is a change of the source that is applied to a private copy at import (`build`).
It changes what the worker does and never what it says: no event is added or taken away,
unless saying it is what the defect breaks.  Each entry names where it must be found: the
scenario, the grain, and how many schedules at most.  The catalogue is run with every
audit; a defect that is not found fails it, and so does a patch that no longer fits.

The ids D01 to D50 are those of the project's list of defects seen elsewhere.  L, W and F are this
project's own (`own_defects`): locks, wake-ups and fields that are lost.  What deleting a `with lock`
does only the grain of accesses can see, since the switch points of the seam go with the lock.  T01
and on are defects of time, which break a closed form (`timing`) or a law (`simulate.timelaws`) and no
rule of the lifecycle.
"""

from __future__ import annotations

from .errors import UnknownDefect
from .feature_defects import FEATURE_DEFECTS
from .own_defects import OWN_DEFECTS
from .seeding import Defect
from .seeding import patch as _patch
from .time_defects import TIME_DEFECTS

__all__ = ["DEFECTS", "LIFECYCLE_DEFECTS", "Defect", "defect_named"]
_ENTRIES = (
    Defect(
        id="D01",
        title="a task is visible to the threads before its status is set: running goes back to queued",
        breaks=("LC-1", "LC-3"),
        scenario="work_gets_done",
        patches=(
            _patch(
                "_steps",
                """
    return refusal, other, wake, steward
""",
                """
    if refusal is None and other is None:
        task._status = QUEUED
    return refusal, other, wake, steward
""",
            ),
        ),
    ),
    Defect(
        id="D03",
        title="a late writer overwrites a terminal status",
        breaks=("LC-2",),
        scenario="drain_with_stuck_task",
        note="an abandoned task whose function comes back after all is set to completed; the log is right",
        patches=(
            _patch(
                "_steps",
                """
                    ended[1] = "LateReturn"
""",
                """
                    ended[1] = "LateReturn"
                    done._status = COMPLETED
""",
            ),
        ),
    ),
    Defect(
        id="D04",
        title="the claim is check-then-act: two threads take one task",
        breaks=("LC-1",),
        scenario="submit_races_stop",
        note="the head of the lane is looked at before the lock is taken",
        patches=(
            _patch(
                "_steps",
                """
    last: tuple[Any] = (done,)
""",
                """
    last: tuple[Any] = (done,)
    peeked = core.lane[core.head] if core.head != core.tail else None
""",
            ),
            _patch(
                "_steps",
                """
            if head == core.tail:
                seat.parked = True
                core.idle += seat.entry
            else:
                lane = core.lane
                first = lane[head]
""",
                """
            if head == core.tail and peeked is None:
                seat.parked = True
                core.idle += seat.entry
            else:
                lane = core.lane
                first = peeked if peeked is not None else lane[head]
""",
            ),
            _patch(
                "_steps",
                """
                    lane[head] = None
                    core.head = head + 1
                    if first._status is not QUEUED:
                        core.tombs -= 1
""",
                """
                    if head != core.tail and lane[head] is first:
                        lane[head] = None
                        core.head = head + 1
                    if first._status not in (QUEUED, RUNNING):
                        core.tombs -= 1
""",
            ),
        ),
    ),
    Defect(
        id="D14",
        title="a task that was cancelled while it waited still starts",
        breaks=("TC-2",),
        scenario="cancel_races_completion",
        note="no look at the status at the last instant",
        patches=(
            _patch(
                "_steps",
                """
                    if first._status is not QUEUED:
                        core.tombs -= 1
""",
                """
                    if first._status is RUNNING:
                        core.tombs -= 1
""",
            ),
        ),
    ),
    Defect(
        id="D19",
        title="submit looks whether the worker is open, and then enqueues: accepted, and never ends",
        breaks=("SD-4",),
        scenario="submit_races_stop",
        patches=(
            _patch(
                "_steps",
                """
        due, over, alarms, soonest = _alarms_of(extras)
""",
                """
        due, over, alarms, soonest = _alarms_of(extras)
    closed = core.phase is not OPEN
""",
            ),
            _patch(
                "_steps",
                """
        elif core.phase is not OPEN:
            refusal = "closed"
        elif extras is not None and extras.id""",
                """
        elif closed:
            refusal = "closed"
        elif extras is not None and extras.id""",
            ),
        ),
    ),
    Defect(
        id="D20",
        title="a stop signals without holding the lock: a wake-up is lost, and a thread parks for ever",
        breaks=("SD-4",),
        scenario="submit_races_stop",
        note="those who are parked are looked up before the section that stops the worker",
        patches=(
            _patch(
                "_steps",
                """
    follower = timeout_ns = None
    over = False
    with core.lock:
""",
                """
    follower = timeout_ns = None
    over = False
    asleep = core.idle[:]
    with core.lock:
""",
            ),
            _patch(
                "_steps",
                """
            parked = core.idle
            core.idle = nobody
""",
                """
            parked = asleep
            core.idle = nobody
""",
            ),
        ),
    ),
    Defect(
        id="D21",
        title="a second stop raises",
        breaks=("SD-1",),
        scenario="drain_with_stuck_task",
        patches=(
            _patch(
                "_worker",
                """
        steward, room = _steps.stop_now(core, actor, core.now())
""",
                """
        if core.phase is not Phase.OPEN:
            raise WorkerStopped(core.phase)
        steward, room = _steps.stop_now(core, actor, core.now())
""",
            ),
        ),
    ),
    Defect(
        id="D23",
        title="results of tasks that end during a hard stop vanish, uncounted",
        breaks=("RS-1", "RS-2"),
        scenario="results_race",
        note="the herald ends as soon as it hears of the stop, and leaves what it has just taken",
        patches=(
            _patch(
                "_results",
                """
    return None if batch else stopped
""",
                """
    return stopped if stopped or not batch else None
""",
            ),
            _patch(
                "_results",
                """
    batch, stopped = _steps.hear(core, gate, [], listened=bool(audience))
    for entry in batch:
""",
                """
    batch, stopped = _steps.hear(core, gate, [], listened=bool(audience))
    for entry in [it for it in batch if not stopped or isinstance(it, Subscription)]:
""",
            ),
        ),
    ),
    Defect(
        id="D24",
        title="who drops the oldest evicts it without counting",
        breaks=("RS-2",),
        scenario="results_race",
        patches=(
            _patch(
                "_results",
                """
                its._dropped += 1
                if its._evicts:
""",
                """
                if not its._evicts:
                    its._dropped += 1
                else:
""",
            ),
        ),
    ),
    Defect(
        id="D25",
        title="subscribers compete for one stream: what one gets the others do not",
        breaks=("RS-1", "GR-1"),
        scenario="results_race",
        patches=(
            _patch(
                "_results",
                """
        for its in audience:
            now = core.now()
""",
                """
        for its in [audience[entry._number % len(audience)]]:
            now = core.now()
""",
            ),
        ),
    ),
    Defect(
        id="D26",
        title="the publisher waits for ever for a slow subscriber",
        breaks=("RS-2", "SD-4"),
        scenario="results_race",
        note="the bound of an offer is not looked at",
        patches=(
            _patch(
                "_results",
                """
        until = _give_up_all(audience, now)
        if until is not None:
            gate.wait_for(until - now)
""",
                """
        if any(its._in_flight for its in audience):
            gate.wait()
""",
            ),
        ),
    ),
    Defect(
        id="D27",
        title="a subscription is closed while the publisher delivers to it",
        breaks=("SD-3",),
        scenario="results_race",
        note="whether it is closed is looked at before its lock is taken",
        patches=(
            _patch(
                "_results",
                """
    gates: Iterable[Gate] = NO_GATES
    with its._lock:
        if not its._unsubscribed:
""",
                """
    gates: Iterable[Gate] = NO_GATES
    closed = its._unsubscribed
    with its._lock:
        if not closed:
""",
            ),
        ),
    ),
    Defect(
        id="D35",
        title="a task ends its thread with SystemExit: a slot is lost, and the stop hangs",
        breaks=("SD-4", "NF-1"),
        scenario="submit_races_stop",
        patches=(
            _patch(
                "_threads",
                """
            except BaseException as raised:
                error = raised
""",
                """
            except Exception as raised:
                error = raised
""",
            ),
        ),
    ),
    Defect(
        id="D37",
        title="equal priorities start in another order than that of admission",
        breaks=("LC-3",),
        scenario="cancel_races_completion",
        note="the last of the lane is taken, not the first",
        patches=(
            _patch(
                "_steps",
                """
                first = lane[head]
                extras = first._extras
""",
                """
                first = lane[-1]
                extras = first._extras
""",
            ),
            _patch(
                "_steps",
                """
                    lane[head] = None
                    core.head = head + 1
                    if first._status is not QUEUED:
""",
                """
                    del lane[-1]
                    core.tail -= 1
                    if first._status is not QUEUED:
""",
            ),
        ),
    ),
    Defect(
        id="D44",
        title="the worker runs a task twice and logs it once",
        breaks=("LC-1",),
        scenario="cancel_races_completion",
        note="only a witness other than the log can see it",
        patches=(
            _patch(
                "_threads",
                """
            args = task._args
            try:
""",
                """
            args = task._args
            try:
                task._variables.run(task._function, context, *args)
""",
            ),
        ),
    ),
    Defect(
        id="T01",
        title="the grace is granted twice when a drain turns into a stop",
        breaks=("SD-4",),
        patches=(
            _patch(
                "_steps",
                """
            core.grace_over_ns = now + core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            core.phase = STOPPING
        alarms""",
                """
            core.grace_over_ns = now + 2 * core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            core.phase = STOPPING
        alarms""",
            ),
        ),
    ),
    Defect(
        id="T02",
        title="the end of the grace is rounded down to whole seconds",
        breaks=("SD-4",),
        patches=(
            _patch(
                "_steps",
                """
            core.grace_over_ns = now + core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            room""",
                """
            core.grace_over_ns = (now + core.grace_ns) // 1_000_000_000 * 1_000_000_000
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            room""",
            ),
        ),
    ),
    Defect(
        id="T03",
        title="a stop does not wake those who sleep in their contexts",
        breaks=("TC-2", "SD-4"),
        patches=(
            _patch(
                "_steps",
                """
            core.sweeping = core.tripping = True
            room""",
                """
            core.sweeping = True
            room""",
            ),
        ),
    ),
    Defect(
        id="T04",
        title="one thread too few is started",
        breaks=("SD-4",),
        patches=(
            _patch(
                "_worker",
                """
        for seat in tuple(core.seats):
""",
                """
        for seat in tuple(core.seats)[1:]:
""",
            ),
        ),
    ),
)

DEFECTS: dict[str, Defect] = {
    defect.id: defect
    for defect in sorted((*_ENTRIES, *FEATURE_DEFECTS, *OWN_DEFECTS, *TIME_DEFECTS), key=lambda it: it.id)
}
"""By id."""

LIFECYCLE_DEFECTS: tuple[Defect, ...] = tuple(defect for defect in DEFECTS.values() if defect.scenario)
"""Those that exploring must find."""


def defect_named(id: str) -> Defect:
    """The defect of that id, or `UnknownDefect`."""
    try:
        return DEFECTS[id]
    except KeyError:
        raise UnknownDefect(id) from None
