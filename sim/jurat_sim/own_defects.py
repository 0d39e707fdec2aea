"""Seeded defects that mutation of the worker suggests: its own, beside those seen elsewhere.

Each is a mutant of `mutation`, or a few of them together, that tells something about how this worker
holds together.  Its letter says what is lost: L a lock, or a statement of its section; W a wake-up;
F a field: a flag, a condition, or the order in which two of them are written.
"""

from __future__ import annotations

from .seeding import Defect, patch
from .tokens import Grain

OWN_DEFECTS: tuple[Defect, ...] = (
    # ------------------------------------------------------------------------------------ locks
    Defect(
        id="L01",
        title="the claim has lost its lock",
        breaks=("LC-1", "LC-3"),
        scenario="submit_races_stop",
        grain=Grain.ACCESS,
        note="a `with lock` deleted: its switch points at the seam are gone with it",
        patches=(
            patch(
                "_steps",
                """
        of_end, of_evict, of_start = (ended,), (evicted,), (started,)
    with core.lock:
""",
                """
        of_end, of_evict, of_start = (ended,), (evicted,), (started,)
    if core.lock:
""",
            ),
        ),
    ),
    Defect(
        id="L02",
        title="submit has lost its lock",
        breaks=("LC-3", "SD-4"),
        scenario="submit_races_stop",
        grain=Grain.ACCESS,
        note="a `with lock` deleted: its switch points at the seam are gone with it",
        patches=(
            patch(
                "_steps",
                """
        due, over, alarms, soonest = _alarms_of(extras)
    with core.lock:
""",
                """
        due, over, alarms, soonest = _alarms_of(extras)
    if core.lock:
""",
            ),
        ),
    ),
    Defect(
        id="L03",
        title="the outbox is taken without the lock: what is put into it meanwhile is told to nobody",
        breaks=("RS-1", "RS-2"),
        scenario="results_race",
        grain=Grain.ACCESS,
        note="a `with lock` deleted, between the look at the outbox and the empty one in its place",
        patches=(
            patch(
                "_steps",
                """
    batch = empty
    with core.lock:
""",
                """
    batch = empty
    if core.lock:
""",
            ),
        ),
    ),
    Defect(
        id="L04",
        title="who waits for a task looks at its status, and then takes the lock: it waits for what is over",
        breaks=("LC-3", "NF-1"),
        scenario="cancel_races_completion",
        note="a section narrowed by its first statement",
        patches=(
            patch(
                "_steps",
                """
    with core.lock:
        status = task._status
        if status is QUEUED or status is RUNNING""",
                """
    status = task._status
    with core.lock:
        if status is QUEUED or status is RUNNING""",
            ),
        ),
    ),
    Defect(
        id="L05",
        title="the inbox is emptied when the lock was given back: a task that came in between is lost",
        breaks=("LC-3", "SD-4"),
        scenario="queues_race",
        note="a section narrowed by a statement",
        patches=(
            patch(
                "_steps",
                """
        tasks = core.inbox
        core.inbox = no_tasks
        freed""",
                """
        tasks = core.inbox[:]
        freed""",
            ),
            patch(
                "_steps",
                """
    return tasks, freed, orders
""",
                """
    core.inbox = no_tasks
    return tasks, freed, orders
""",
            ),
        ),
    ),
    Defect(
        id="L06",
        title="the counters are copied without the lock: a snapshot of no instant",
        breaks=("OB-1", "LC-3"),
        scenario="callbacks_race",
        grain=Grain.ACCESS,
        note="a `with lock` deleted",
        patches=(
            patch(
                "_steps",
                """
    with core.lock:
        copy[WHOLE] = core.tallies
""",
                """
    if core.lock:
        copy[WHOLE] = core.tallies
""",
            ),
        ),
    ),
    Defect(
        id="L07",
        title="who is to be woken is taken off the list after the lock was given back: another is forgotten",
        breaks=("LC-3", "SD-4"),
        scenario="work_gets_done",
        note="a section narrowed by its last statement: whoever parks meanwhile is on top of the list",
        patches=(
            patch(
                "_steps",
                """
                wake = idle[-1]
                del idle[-1]
    return refusal, other, wake, steward


def _alarms_of""",
                """
                wake = idle[-1]
    if wake is not None:
        del idle[-1]
    return refusal, other, wake, steward


def _alarms_of""",
            ),
        ),
    ),
    # --------------------------------------------------------------------------------- wake-ups
    Defect(
        id="W01",
        title="a thread enrols as idle outside the section that saw the lane empty, and parks for ever",
        breaks=("SD-4",),
        scenario="submit_races_stop",
        patches=(
            patch(
                "_steps",
                """
    last: tuple[Any] = (done,)
""",
                """
    last: tuple[Any] = (done,)
    parks = False
""",
            ),
            patch(
                "_steps",
                """
            if head == core.tail:
                seat.parked = True
                core.idle += seat.entry
""",
                """
            if head == core.tail:
                parks = True
""",
            ),
            patch(
                "_steps",
                """
    return task, gates, wake
""",
                """
    if parks:
        seat.parked = True
        core.idle += seat.entry
    return task, gates, wake
""",
            ),
        ),
    ),
    Defect(
        id="W02",
        title="a thread that was woken does not wake the next one, though there is more to do",
        breaks=("LC-3", "NF-1"),
        scenario="work_gets_done",
        patches=(
            patch(
                "_steps",
                """
                        if idle and core.head != core.tail and not core.waking and wake is None:
""",
                """
                        if idle and core.head == core.tail and not core.waking and wake is None:
""",
            ),
        ),
    ),
    Defect(
        id="W03",
        title="of those who wait for the end of a task, all but the first are woken",
        breaks=("LC-3", "NF-1"),
        scenario="answers_race",
        note="one gate too few",
        patches=(
            patch(
                "_threads",
                """
            for gate in gates:
                gate.open()
            gate = gates""",
                """
            for gate in [*gates][1:]:
                gate.open()
            gate = gates""",
            ),
        ),
    ),
    Defect(
        id="W04",
        title="a start makes room and tells nobody: who waits for room waits until the time is over",
        breaks=("NF-1",),
        scenario="room_on_time",
        note="no rule is broken, since a wait for room has a bound; it is only an hour too late",
        patches=(
            patch(
                "_steps",
                """
            if core.room:
                room = core.room
                core.room = crowd
            core.direct = not (core.gated""",
                """
            core.direct = not (core.gated""",
            ),
        ),
    ),
    Defect(
        id="W05",
        title="the steward parks without another look at its alarms: one that came while it worked is missed",
        breaks=("RT-3", "SD-4"),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
        elif (
            core.alarms
            or core.sweeping
""",
                """
        elif (
            core.sweeping
""",
            ),
        ),
    ),
    Defect(
        id="W06",
        title="a thread that found nothing to choose parks, whatever has happened since it looked",
        breaks=("LC-3", "SD-4"),
        scenario="weights_race",
        patches=(
            patch(
                "_steps",
                """
        if core.changes == choice.changes and core.admitted == choice.admitted and not core.direct:
""",
                """
        if not core.direct:
""",
            ),
        ),
    ),
    Defect(
        id="W07",
        title="nobody tells the herald that the last offer has landed: the stop waits for its bound",
        breaks=("SD-4", "RS-2"),
        scenario="offers_on_time",
        note="whether it was the last is looked at before it is taken out",
        patches=(
            patch(
                "_results",
                """
                its._in_flight -= 1
                landed = its._closed and not its._in_flight
""",
                """
                landed = its._closed and not its._in_flight
                its._in_flight -= 1
""",
            ),
        ),
    ),
    Defect(
        id="W08",
        title="two submissions call the steward at once: the second finds its gate open",
        breaks=("NF-1",),
        scenario="alarms_race",
        note="who takes the steward's gate leaves it there; on a machine, the release of a lock that is free",
        patches=(
            patch(
                "_steps",
                """
                if soonest < core.steward_until_ns or core.unseen > FRONT:
                    steward = core.steward
                    core.steward = None
""",
                """
                if soonest < core.steward_until_ns or core.unseen > FRONT:
                    steward = core.steward
""",
            ),
        ),
    ),
    # ----------------------------------------------------------------------------------- fields
    Defect(
        id="F01",
        title="that a thread was woken is never taken back: no other one is woken any more",
        breaks=("LC-3", "NF-1"),
        scenario="work_gets_done",
        note="a flag that is not cleared",
        patches=(
            patch(
                "_steps",
                """
            seat.parked = False
            core.waking = False
""",
                """
            seat.parked = False
""",
            ),
        ),
    ),
    Defect(
        id="F02",
        title="the lock is given back before the value is there: who asks at once is told None",
        breaks=("LC-3", "RS-1"),
        scenario="answers_race",
        note="released before published: who reads a status that is terminal takes no lock",
        patches=(
            patch(
                "_steps",
                """
                done._value = value
""",
                "",
            ),
            patch(
                "_steps",
                """
    return task, gates, wake
""",
                """
    if done is not None and done._status is COMPLETED:
        done._value = value
    return task, gates, wake
""",
            ),
        ),
    ),
    Defect(
        id="F03",
        title="that a running task was asked to come back is not kept: it waits for ever to be asked",
        breaks=("TC-2", "TC-3"),
        scenario="cancel_races_completion",
        note="the reason is not kept",
        patches=(
            patch(
                "_steps",
                """
                task._reason = reason
                latch = task._tripped
""",
                """
                latch = task._tripped
""",
            ),
        ),
    ),
    Defect(
        id="F04",
        title="a thread whose task was abandoned is not marked: the stop waits for it for ever",
        breaks=("SD-4",),
        scenario="drain_with_stuck_task",
        note="a lost flag",
        patches=(
            patch(
                "_steps",
                """
            seat.stuck = True
""",
                "",
            ),
        ),
    ),
    Defect(
        id="F05",
        title="a drain does not let go of a lane that is paused: its tasks never end",
        breaks=("SD-4", "SD-2"),
        scenario="held_lane",
        note="a flag that is not cleared",
        patches=(
            patch(
                "_steps",
                """
            core.held = False
            if to_cancel or core.scheduled:
""",
                """
            if to_cancel or core.scheduled:
""",
            ),
            patch(
                "_steps",
                """
            core.direct = core.starting and not (core.gated or core.specials or core.surplus)
            core.phase = DRAINING
""",
                """
            core.direct = core.starting and not (core.gated or core.held or core.specials or core.surplus)
            core.phase = DRAINING
""",
            ),
            patch(
                "_choose",
                """
    if not core.starting or core.surplus or (core.paused and is_open):
""",
                """
    if not core.starting or core.surplus or core.held:
""",
            ),
        ),
    ),
    Defect(
        id="F06",
        title="one task too many runs with a concurrency key",
        breaks=("RL-4",),
        scenario="queues_race",
        note="off by one",
        patches=(
            patch(
                "_choose",
                """
_running_with(core, key) >= cap
""",
                """
_running_with(core, key) > cap
""",
            ),
        ),
    ),
    Defect(
        id="F07",
        title="a drain forgets what waits for another attempt: it never ends, and neither does the drain",
        breaks=("RT-3", "SD-4"),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
(status is RETRYING and core.starting)""",
                """
(status is RETRYING and core.phase is OPEN)""",
            ),
        ),
    ),
    Defect(
        id="F08",
        title="who subscribes is not remembered: nothing is put into the outbox",
        breaks=("RS-1",),
        scenario="subscribe_races_stop",
        note="a lost flag",
        patches=(
            patch(
                "_steps",
                """
            core.outbox += entry
            core.subscribed = True
""",
                """
            core.outbox += entry
""",
            ),
        ),
    ),
    Defect(
        id="F09",
        title="the id of a task that was forgotten is never free again",
        breaks=("RG-1",),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
                    if extras.id is not None:
                        del core.ids[extras.id]
                    if extras.key is not None:
                        del core.keys[extras.key]
                del core.registry[number]
    return oldest is not None, oldest
""",
                """
                    if extras.key is not None:
                        del core.keys[extras.key]
                del core.registry[number]
    return oldest is not None, oldest
""",
            ),
        ),
    ),
)
