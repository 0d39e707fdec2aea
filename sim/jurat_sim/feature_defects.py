"""Seeded defects of what a task may be told and a worker may be built with.

As in `defects`, which has the others and the catalogue of all.  Those that make a worker slower
than it should be, and no less correct, name no scenario: a closed form of `timing` sees them.
"""

from __future__ import annotations

from .seeding import Defect, patch

FEATURE_DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D02",
        title="there are two paths to execution, and one of them asks neither limiter nor cap",
        breaks=(
            "LC-1",
            "RL-4",
        ),
        scenario="caps_race",
        note="a thread that comes back takes from the lane whatever is said about it",
        patches=(
            patch(
                "_steps",
                """
        if core.direct:
            head = core.head
            if head == core.tail:""",
                """
        if core.direct or core.head != core.tail:
            head = core.head
            if head == core.tail:""",
            ),
        ),
    ),
    Defect(
        id="D05",
        title="a permit is taken when the task is chosen, and not when it starts: more start than may",
        breaks=(
            "RL-1",
            "RL-3",
        ),
        scenario="limited_starts",
        note="the limiter is asked, and charged, for an instant before that of the start",
        patches=(
            patch(
                "_choose",
                """
_steps.start(core, seat, choice, now)
""",
                """
_steps.start(core, seat, choice, core.now())
""",
            ),
        ),
    ),
    Defect(
        id="D06",
        title="the limiter is charged twice for each attempt",
        breaks=("RL-1",),
        scenario="limited_on_time",
        patches=(
            patch(
                "_choose",
                """
    dispatch.limiter.spend(now)
""",
                """
    dispatch.limiter.spend(now)
    dispatch.limiter.spend(now)
""",
            ),
        ),
    ),
    Defect(
        id="D07",
        title="a permit is burnt for a task that was cancelled while it waited for it",
        breaks=("RL-1",),
        scenario="limited_on_time",
        patches=(
            patch(
                "_choose",
                """
            _steps.skip(core, task)
""",
                """
            _steps.skip(core, task)
            core.dispatch.limiter.spend(now)
""",
            ),
        ),
    ),
    Defect(
        id="D08",
        title="a limiter goes on refilling past its burst",
        breaks=("RL-3",),
        scenario="limited_starts",
        note="what is not owed is saved up",
        patches=(
            patch(
                "_arithmetic",
                """
    return now * per_tick + owed(now, tat, per_tick) + per_start
""",
                """
    return tat + per_start
""",
            ),
        ),
    ),
    Defect(
        id="D09",
        title="no retries are read as: the default",
        breaks=("RT-1",),
        scenario="retries_race",
        note="the log says what the worker makes of it; only who submitted knows better",
        patches=(
            patch(
                "_submission",
                """
        extras.retry = retry or NO_RETRY
""",
                """
        extras.retry = retry or core.retry
""",
            ),
        ),
    ),
    Defect(
        id="D10",
        title="one retry too many",
        breaks=("RT-1",),
        scenario="retries_race",
        patches=(
            patch(
                "_retries",
                """
task._attempts > policy.max_retries or over""",
                """
task._attempts > policy.max_retries + 1 or over""",
            ),
            patch(
                "_retries",
                """
can_retry(task._attempts, policy.max_retries, next""",
                """
can_retry(task._attempts, policy.max_retries + 1, next""",
            ),
        ),
    ),
    Defect(
        id="D11",
        title="a thread sleeps through the backoff of the task that it has run",
        breaks=("RT-2",),
        scenario="backoff_on_time",
        patches=(
            patch(
                "_threads",
                """
            value = None
            open_ended(core, *_steps.come_back""",
                """
            value = None
            if verdict.retrying and verdict.next_ns is not None:
                core.runtime.gate().wait_for(max(0, verdict.next_ns - now()))
            open_ended(core, *_steps.come_back""",
            ),
        ),
    ),
    Defect(
        id="D12",
        title="a shutdown comes during a backoff, and the task never ends: who waits for it waits for ever",
        breaks=(
            "RT-3",
            "SD-4",
        ),
        scenario="scheduled_drain",
        note="a shutdown that cancels what waits passes over what waits for another attempt",
        patches=(
            patch(
                "_steps",
                """
        waits = status is QUEUED or status is SCHEDULED or status is RETRYING
        if waits and (not core.starting""",
                """
        waits = status is QUEUED or status is SCHEDULED
        if waits and (not core.starting""",
            ),
        ),
    ),
    Defect(
        id="D13",
        title="a retry that finds the queue full is given up",
        breaks=("RT-1",),
        scenario="retries_race",
        note="looked at when the attempt has failed: at its time no event could say so",
        patches=(
            patch(
                "_retries",
                """
    return Verdict(late, retrying, retryable, next_ns)
""",
                """
    return Verdict(late, retrying and core.waiting < core.queue_max, retryable, next_ns)
""",
            ),
        ),
    ),
    Defect(
        id="D15",
        title="a task that was asked to come back is tried again",
        breaks=("TC-3",),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
        elif requested:
            event[1] = "Ack""",
                """
        elif requested and not verdict.retrying:
            event[1] = "Ack""",
            ),
        ),
    ),
    Defect(
        id="D16",
        title="a function's own TaskCancelled is taken for a cancellation: no retry",
        breaks=(
            "TC-3",
            "RT-1",
        ),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
        requested = reason is not None or core.phase is STOPPING
""",
                """
        requested = reason is not None or core.phase is STOPPING or failure == "TaskCancelled"
""",
            ),
        ),
    ),
    Defect(
        id="D17",
        title="an overdue task is timed out or cancelled, depending on who comes first",
        breaks=("TC-1",),
        scenario="deadlines_race",
        note="a cancellation does not look at the deadline",
        patches=(
            patch(
                "_steps",
                """
            if extras is not None and extras.deadline_ns <= now:
                event[1] = "Expire"
""",
                """
            if extras is not None and extras.deadline_ns < 0:
                event[1] = "Expire"
""",
            ),
        ),
    ),
    Defect(
        id="D18",
        title="an attempt runs with no deadline in its context",
        breaks=("TC-1",),
        scenario="deadlines_race",
        patches=(
            patch(
                "_context",
                """
        return FOREVER if extras is None else min(extras.attempt_end_ns, extras.deadline_ns)
""",
                """
        return FOREVER if extras is None else extras.deadline_ns
""",
            ),
        ),
    ),
    Defect(
        id="D22",
        title="a drain waits for a task that is scheduled far in the future",
        breaks=("SD-4",),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
            if to_cancel or core.scheduled:
""",
                """
            if to_cancel:
""",
            ),
        ),
    ),
    Defect(
        id="D28",
        title="retention frees nothing: tasks that are forgotten stay in the registry",
        breaks=(
            "RG-1",
            "NF-1",
        ),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
                        del core.keys[extras.key]
                del core.registry[number]
    return""",
                """
                        del core.keys[extras.key]
    return""",
            ),
        ),
    ),
    Defect(
        id="D29",
        title="a task that has not ended is forgotten",
        breaks=("RG-1",),
        scenario="keys_race",
        note="every task counts as one that may be forgotten, from its admission on",
        patches=(
            patch(
                "_steps",
                """
            core.registry[number] = task
            core.waiting += 1
""",
                """
            core.registry[number] = task
            core.kept += entry
            core.kept_count += 1
            core.waiting += 1
""",
            ),
        ),
    ),
    Defect(
        id="D30",
        title="failures are counted for each attempt, and again at the end",
        breaks=("OB-1",),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
                tallies[base + AT_RETRIES] += 1
""",
                """
                tallies[base + AT_RETRIES] += 1
                tallies[base + AT_FAILED] += 1
""",
            ),
        ),
    ),
    Defect(
        id="D31",
        title="a gauge does not go back to zero on one path",
        breaks=("OB-1",),
        scenario="drain_with_stuck_task",
        note="an abandoned task is counted as running for ever",
        patches=(
            patch(
                "_steps",
                """
            core.tallies[base + AT_RUNNING] -= 1
""",
                """
            core.tallies[base + AT_RUNNING] -= 0
""",
            ),
        ),
    ),
    Defect(
        id="D32",
        title="the look at the idempotency keys races the submission: two tasks for one key",
        breaks=("GR-2",),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
        due, over, alarms, soonest = _alarms_of(extras)
""",
                """
        due, over, alarms, soonest = _alarms_of(extras)
    known = extras is not None and extras.key in core.keys
""",
            ),
            patch(
                "_steps",
                """
        if extras is not None and extras.key is not None and extras.key in core.keys:
            other""",
                """
        if known and extras.key in core.keys:
            other""",
            ),
        ),
    ),
    Defect(
        id="D33",
        title="a submission that was refused poisons its key",
        breaks=("GR-2",),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
            if refusal != "full" or not patient:
""",
                """
            if extras is not None and extras.key is not None and refusal != "key_conflict":
                core.keys[extras.key] = task
            if refusal != "full" or not patient:
""",
            ),
        ),
    ),
    Defect(
        id="D34",
        title="an id may be registered again: the first task with it is not found any more",
        breaks=(
            "LC-1",
            "TC-2",
        ),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
        elif extras is not None and extras.id is not None and extras.id in core.ids:
""",
                """
        elif extras is not None and extras.id is not None and extras.id in ():
""",
            ),
        ),
    ),
    Defect(
        id="D36",
        title="a queue that waits for a permit keeps the others waiting",
        breaks=(
            "RL-1",
            "NH-2",
        ),
        scenario="queues_on_time",
        patches=(
            patch(
                "_choose",
                """
                choice.wake_ns = min(choice.wake_ns, permitted)
                head = None
""",
                """
                choice.wake_ns = permitted
                choice.new_alarm = True
                return
""",
            ),
        ),
    ),
    Defect(
        id="D38",
        title="a callback runs while the lock is held",
        breaks=("NF-2",),
        scenario="keys_race",
        patches=(
            patch(
                "_steps",
                """
        core.calls = nothing
        core.follower = None
""",
                """
        core.calls = nothing
        for call in calls:
            call.run()
        core.follower = None
""",
            ),
        ),
    ),
    Defect(
        id="D41",
        title="an event is written down outside the step that it describes",
        breaks=("AU-1",),
        scenario="retries_race",
        patches=(
            patch(
                "_steps",
                """
    extras: Any = task._extras
    wake = None
""",
                """
    extras: Any = task._extras
    wake = None
    done = False
""",
            ),
            patch(
                "_steps",
                """
                log += record
            tallies = core.tallies
            label = task._label
            if delayed:
""",
                """
                done = True
            tallies = core.tallies
            label = task._label
            if delayed:
""",
            ),
            patch(
                "_steps",
                """
    return wake


def shutdown_cancel""",
                """
    if done:
        log += record
    return wake


def shutdown_cancel""",
            ),
        ),
    ),
    Defect(
        id="D45",
        title="an attempt that took too long is tried again, though it was asked to come back",
        breaks=("TC-3",),
        scenario="deadlines_race",
        patches=(
            patch(
                "_steps",
                """
            if verdict.retrying and not requested:
""",
                """
            if verdict.retrying:
""",
            ),
        ),
    ),
    Defect(
        id="D46",
        title="attempts that took too long do not count as retries",
        breaks=("RT-1",),
        scenario="deadlines_race",
        patches=(
            patch(
                "_retries",
                """
    if not retryable or task._attempts > policy.max_retries or over:
""",
                """
    if not retryable or (task._attempts > policy.max_retries and not late) or over:
""",
            ),
            patch(
                "_retries",
                """
    retrying = _arithmetic.can_retry(task._attempts,""",
                """
    retrying = _arithmetic.can_retry(0 if late else task._attempts,""",
            ),
        ),
    ),
    Defect(
        id="D47",
        title="a drain that cancels what waits still queues a retry that becomes due",
        breaks=("SD-2",),
        scenario="scheduled_drain",
        patches=(
            patch(
                "_steps",
                """
(status is RETRYING and core.starting)""",
                """
status is RETRYING""",
            ),
        ),
    ),
    Defect(
        id="D48",
        title="an overdue task is cancelled by a shutdown instead of timed out",
        breaks=("TC-4",),
        scenario="scheduled_drain",
        patches=(
            patch(
                "_steps",
                """
            overdue = extras is not None and extras.deadline_ns <= now
""",
                """
            overdue = False
""",
            ),
        ),
    ),
    Defect(
        id="D49",
        title="the theoretical arrival time is rounded to whole nanoseconds",
        breaks=("RL-1",),
        scenario="limited_on_time",
        patches=(
            patch(
                "_choose",
                """
            self.tat = _arithmetic.tat_after_start(now, self.tat, self.rate.starts, self.rate.per_ns)
""",
                """
            self.tat = _arithmetic.tat_after_start(now, self.tat, self.rate.starts, self.rate.per_ns)
            self.tat -= self.tat % self.rate.starts
""",
            ),
        ),
    ),
    Defect(
        id="D50",
        title="an abandoned task is forgotten while its function is still on a thread",
        breaks=(
            "RG-1",
            "SD-4",
        ),
        scenario="drain_with_stuck_task",
        patches=(
            patch(
                "_steps",
                """
            if not over or oldest._status is ABANDONED:
""",
                """
            if not over:
""",
            ),
        ),
    ),
    Defect(
        id="T05",
        title="the backoff doubles once too often",
        breaks=("RT-1",),
        patches=(
            patch(
                "_arithmetic",
                """
    for _ in range(retry - 1):
""",
                """
    for _ in range(retry):
""",
            ),
        ),
    ),
    Defect(
        id="T06",
        title="what an exception says of the next attempt is not heard",
        breaks=("RT-1",),
        patches=(
            patch(
                "_retries",
                """
    asked = getattr(error, "retry_after", None)
""",
                """
    asked = None
""",
            ),
        ),
    ),
    Defect(
        id="T07",
        title="the steward sleeps in whole milliseconds",
        breaks=("LC-3",),
        patches=(
            patch(
                "_threads",
                """
        gate.wait_for(timeout_ns)
""",
                """
        gate.wait_for(-(-timeout_ns // 1_000_000) * 1_000_000)
""",
            ),
        ),
    ),
    Defect(
        id="T08",
        title="nobody is told of the deadline of a task that waits",
        breaks=("TC-1",),
        patches=(
            patch(
                "_steps",
                """
    return due, over, (over,), extras.deadline_ns
""",
                """
    return due, over, (), FOREVER
""",
            ),
        ),
    ),
    Defect(
        id="T09",
        title="who sleeps in a context is not woken when the attempt is over",
        breaks=("TC-1",),
        patches=(
            patch(
                "_context",
                """
        if left_ns is None or duration_ns < left_ns:
""",
                """
        if left_ns is None or duration_ns >= 0:
""",
            ),
        ),
    ),
    Defect(
        id="T10",
        title="the steward is not told that there is something to forget when it is old enough",
        breaks=("RG-1",),
        patches=(
            patch(
                "_steps",
                """
            if forget_ns < core.steward_until_ns:
""",
                """
            if forget_ns < 0:
""",
            ),
        ),
    ),
)
