"""What must hold throughout the lifecycle: of each state, and of each step.

The rule says what may happen; a property says what must never be true, or never happen,
and why anybody cares.  Each quotes the sentence it comes from: a requirement of the PRD
by its id, or a decision of the design.  None of them repeats a guard.

The names are those of `tla/Lifecycle.tla`, where TLC checks the same properties.  Liveness
is TLC's alone: it speaks of whole behaviours, which a search over states does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import observable
from .lifecycle import (
    ACTIONS,
    LIVE,
    PENDINGS,
    PHASES,
    REASONS,
    STATUSES,
    TERMINAL,
    THE_WORKER,
    WAITING,
)
from .machine import Laws
from .view import Lifecycle, State, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lifecycle import Argument, Status

__all__ = ["LAWS", "seen_of"]

LAWS: Laws[Lifecycle, State] = Laws()


# ---------------------------------------------------------------------- words they share


def _count(state: State, statuses: tuple[str, ...]) -> int:
    return sum(status in statuses for status in state.status)


def _requested(state: State, task: int) -> bool:
    return state.reason[task] != "none" or state.phase == "stopping"


def _tasks(state: State) -> range:
    return range(len(state.status))


def _changes(before: State, after: State) -> Iterator[tuple[int, str, str]]:
    """Each task whose status the step changes: its position, and both statuses."""
    for task, (old, new) in enumerate(zip(before.status, after.status, strict=True)):
        if old != new:
            yield task, old, new


def _starts(before: State, after: State) -> list[int]:
    return [task for task in _tasks(before) if after.attempts[task] > before.attempts[task]]


def _retained(state: State) -> list[int]:
    return [task for task in _tasks(state) if state.status[task] in LIVE + TERMINAL]


def _running(state: State) -> list[int]:
    return [task for task in _tasks(state) if state.status[task] == "running"]


def _sizes(m: Lifecycle) -> tuple[int, ...]:
    return (m.config.threads, *m.other_threads)


def _booleans(values: tuple[object, ...]) -> bool:
    return all(type(value) is bool for value in values)


# --------------------------------------------------------------------------- invariants


@LAWS.of_state("every variable has a value of its type")
def type_ok(m: Lifecycle, s: State) -> bool:
    """Nothing of what follows means anything otherwise."""
    return (
        all(status in STATUSES for status in s.status)
        and all(attempts >= 0 for attempts in s.attempts)
        and all(reason in REASONS for reason in s.reason)
        and all(executing >= 0 for executing in s.executing)
        and _booleans(s.overdue)
        and _booleans(s.attempt_over)
        and s.phase in PHASES
        and s.pending in PENDINGS
        and _booleans((s.grace_spent,))
        and 0 <= s.admitted <= len(m.terms)
        and s.permits >= 0
        and all(permits >= 0 for permits in s.queue_permits)
        and all(0 <= queue <= m.config.queues for queue in s.paused)
        and s.threads in _sizes(m)
        and s.peak in _sizes(m)
    )


@LAWS.of_state('RG-1 "memory stays bounded"; decision 3 "no limit is never the default for a queue"')
def queue_cap(m: Lifecycle, s: State) -> bool:
    """Accepted tasks that have not ended are no more than the queue and the threads hold."""
    return m.config.queue_max is None or _count(s, LIVE) <= m.config.queue_max + s.peak


@LAWS.of_state('RL-4 "concurrency caps are never exceeded"')
def concurrency_cap(_: Lifecycle, s: State) -> bool:
    """Functions on threads are no more than the most threads there ever were."""
    return sum(s.executing) <= s.peak


@LAWS.of_state('RL-3 "burst is configurable and deterministic": a limiter never allows more at once')
def burst_cap(m: Lifecycle, s: State) -> bool:
    """Permits are no more than the burst."""
    return s.permits <= (m.config.burst or 0) and all(
        permits <= (m.config.queue_burst or 0) for permits in s.queue_permits
    )


@LAWS.of_state('LC-1 "no duplicate execution"')
def one_execution_at_a_time(_: Lifecycle, s: State) -> bool:
    """No task has two functions on threads."""
    return all(executing <= 1 for executing in s.executing)


@LAWS.of_state('RT-1 "zero retries disables them; the maximum is configurable and exact"')
def attempts_bounded(m: Lifecycle, s: State) -> bool:
    """No task is started more often than once and its retries."""
    return all(attempts <= m.config.max_retries + 1 for attempts in s.attempts)


@LAWS.of_state('LC-3 "status transitions are atomic": running and on a thread are one thing')
def running_holds_slot(_: Lifecycle, s: State) -> bool:
    """A task that is running has its function on a thread."""
    return all(s.executing[t] == 1 for t in _running(s))


@LAWS.of_state('RT-2 "holding no lock, slot or permit while waiting"')
def waiting_holds_nothing(_: Lifecycle, s: State) -> bool:
    """A task that waits has no function on a thread, and no attempt whose time could be over."""
    return all(s.executing[t] == 0 and not s.attempt_over[t] for t in _tasks(s) if s.status[t] in WAITING)


@LAWS.of_state('TC-2 "cancelling prevents execution": a waiting task is cancelled, not flagged')
def waiting_is_uncancelled(_: Lifecycle, s: State) -> bool:
    """No task waits with a request to cancel upon it."""
    return all(s.reason[t] == "none" for t in _tasks(s) if s.status[t] in WAITING)


_ON_THREAD = "its function is on a thread"


def _rows(m: Lifecycle, s: State) -> Iterator[int]:
    """For each running task and each way of coming back: how many rows of the rule apply."""
    worker, tasks = m.unpack(s)
    for task in tasks:
        if task.status == "running":
            for outcome in outcomes(task):
                yield sum(
                    all(
                        guard.test(worker, task, outcome)
                        for guard in row.guards
                        if guard.sentence != _ON_THREAD
                    )
                    for row in ACTIONS.values()
                    if row.is_outcome
                )


@LAWS.of_state('decision 1 "status tells the truth": some row for a function that came back')
def outcome_total(m: Lifecycle, s: State) -> bool:
    """However a function comes back, a row records it."""
    return all(rows >= 1 for rows in _rows(m, s))


@LAWS.of_state('decision 1 "status tells the truth": one row only for a function that came back')
def outcome_unique(m: Lifecycle, s: State) -> bool:
    """However a function comes back, no two rows could record it differently."""
    return all(rows <= 1 for rows in _rows(m, s))


@LAWS.of_state('SD-4 "no thread is leaked": stopped means that nothing is left but named threads')
def stopped_is_quiet(_: Lifecycle, s: State) -> bool:
    """In a stopped worker no task is live, and only abandoned functions are on threads."""
    return s.phase != "stopped" or all(
        s.status[t] not in LIVE and (s.executing[t] == 0 or s.status[t] == "abandoned") for t in _tasks(s)
    )


@LAWS.of_state('decision 6 "an abandoned thread is named, not counted as a leak"')
def threads_are_named(_: Lifecycle, s: State) -> bool:
    """A function on a thread belongs to a task that is running, or abandoned."""
    return all(s.status[t] in ("running", "abandoned") for t in _tasks(s) if s.executing[t] > 0)


@LAWS.of_state('LC-2 "terminal state is immutable": time does nothing more to a task that has ended')
def ended_is_settled(_: Lifecycle, s: State) -> bool:
    """Neither its deadline nor its timeout says anything of it."""
    return all(s.status[t] in LIVE for t in _tasks(s) if s.overdue[t] or s.attempt_over[t])


@LAWS.of_state('TC-1 "timeout and deadline": what was given no limit of time is never late')
def late_had_a_limit(m: Lifecycle, s: State) -> bool:
    """Neither its deadline passes nor the time of its attempt."""
    return all(
        (terms.deadline or not s.overdue[t]) and (terms.timeout or not s.attempt_over[t])
        for t, terms in enumerate(m.terms)
    )


@LAWS.of_state('decision 14 "who": a reason is that of a cancellation, asked for or carried out')
def reason_is_of_a_cancel(_: Lifecycle, s: State) -> bool:
    """Whatever ended otherwise says nothing of a request."""
    return all(s.status[t] in ("running", "cancelled") for t in _tasks(s) if s.reason[t] != "none")


@LAWS.of_state('GR-2 "optional idempotency keys": of the tasks that are known, one has the key')
def one_task_per_key(m: Lifecycle, s: State) -> bool:
    """No two retained tasks have one key."""
    keys = [key for task in _retained(s) if (key := m.terms[task].key) is not None]
    return len(keys) == len(set(keys))


_SETTINGS = ("SetRate", "SetWeight", "SetRetention")


@LAWS.of_state('PRD "deterministic task lifecycle semantics": a submit has its answer, and no other')
def every_request_is_answered(m: Lifecycle, s: State) -> bool:
    """A known key answers in any phase, and settings change while the worker is open."""
    known = any(status != "absent" for status in s.status)
    keyed = any(m.terms[t].key is not None for t in _tasks(s) if s.status[t] != "absent")
    full = m.config.queue_max is not None and _count(s, WAITING) >= m.config.queue_max
    is_open = s.phase == "open"
    expected: dict[tuple[str, Argument], bool] = {
        ("Attach", None): keyed,
        ("Reject", "key_conflict"): keyed,
        ("Reject", "closed"): not is_open,
        ("Reject", "id_used"): is_open and known,
        ("Reject", "full"): is_open and full,
        **{(setting, None): is_open for setting in _SETTINGS},
    }
    possible = m.possible(s)
    return all((request in possible) == due for request, due in expected.items())


@LAWS.of_state('TC-2 "cancelling prevents execution, or stops what runs"; SD-2: whoever asks is heard')
def every_request_is_heard(m: Lifecycle, s: State) -> bool:
    """Who cancels, who stops or drains, who pauses, resumes or resizes."""
    possible = m.possible(s)
    is_open, draining = s.phase == "open", s.phase == "draining"
    loose = draining and s.pending == "finish"
    expected: list[tuple[str, Argument]] = []
    expected += [("Cancel", t) for t in _tasks(s) if s.status[t] in WAITING and not s.overdue[t]]
    expected += [("RequestCancel", t) for t in _running(s) if not _requested(s, t)]
    if is_open:
        expected += [("Resize", size) for size in _sizes(m) if size != s.threads]
        expected += [("Resume" if queue in s.paused else "Pause", queue) for queue in m.pausable]
    if is_open or draining:
        expected.append(("StopNow", None))
    if draining:
        expected.append(("DrainDeadline", None))
    return (
        all(possible.get(request) for request in expected)
        and (("BeginDrain", "finish") in possible) == is_open
        and (("BeginDrain", "cancel") in possible) == (is_open or loose)
    )


@LAWS.of_state('decision 1 "status tells the truth": a function that came back has the row that it deserves')
def every_return_is_recorded(m: Lifecycle, s: State) -> bool:
    """Whatever else is so: late, in time, asked to come back, out of attempts."""
    possible = m.possible(s)
    for t in _running(s):
        if s.executing[t] == 0:
            continue
        late = s.overdue[t] or s.attempt_over[t]
        more = s.attempts[t] <= m.config.max_retries and not s.overdue[t]
        retries = more and not _requested(s, t) and (m.config.retry_timeouts or not late)
        if late:
            expected = ["TimeOutRetry"] if retries else []
            # Another attempt may be too late for the deadline, if there is one.
            if possible.get(("TimeOut", t), False) != (m.terms[t].deadline or not retries):
                return False
        else:
            expected = ["Complete", "AcknowledgeCancel" if _requested(s, t) else "Fail"]
            expected += ["Retry"] if retries else []
        if not all(possible.get((name, t)) for name in expected):
            return False
    return True


def _goes_on_by(m: Lifecycle, s: State, t: int) -> Iterator[tuple[str, Argument]]:
    """What must be possible for a task, lest it stay as it is for ever."""
    status, stopping = s.status[t], s.phase == "stopping"
    cancelling = stopping or (s.phase, s.pending) == ("draining", "cancel")
    doomed = cancelling or (s.phase == "draining" and status == "scheduled")
    if status in WAITING and s.overdue[t]:
        yield "Expire", t
    elif status in WAITING and doomed:
        yield "ShutdownCancel", t
    if status in ("scheduled", "retrying") and not doomed:
        yield "BecomeDue", t
    if status == "running" and s.executing[t] > 0 and stopping:
        yield ("Abandon", t) if s.grace_spent else ("GraceSpent", None)
    if status == "abandoned" and s.executing[t] > 0:
        yield "LateReturn", t
    if m.config.retention and status in TERMINAL and s.executing[t] == 0:
        yield "Evict", t


@LAWS.of_state('PRD "task loss"; SD-4 "stop always completes"; RG-1 "memory stays bounded"')
def nothing_is_stuck(m: Lifecycle, s: State) -> bool:
    """What waits goes on or ends, what is stuck is given up, what has ended can be forgotten.

    And permits accrue, and a shutdown with nothing left to do is over.
    """
    expected = [way for t in _tasks(s) for way in _goes_on_by(m, s, t)]
    if s.permits < (m.config.burst or 0):
        expected.append(("PermitAccrues", THE_WORKER))
    for queue, permits in enumerate(s.queue_permits, start=1):
        if permits < (m.config.queue_burst or 0):
            expected.append(("PermitAccrues", queue))
    if s.phase in ("draining", "stopping") and not _count(s, LIVE):
        expected.append(("Stopped", None))
    possible = m.possible(s)
    return all(possible.get(way) for way in expected)


_ANSWERS = ("Attach", "Reject", "SetRate", "SetWeight", "SetRetention")


@LAWS.of_state('PRD "reliable audit data": what is recorded has happened')
def every_event_is_news(m: Lifecycle, s: State) -> bool:
    """Only an answer, and a setting that the lifecycle knows nothing of, changes nothing here."""
    return not any(after == s and not label.startswith(_ANSWERS) for label, after in m.successors(s))


@LAWS.of_state('RL-1 and section 2 "an empty, paused or limited queue delays nobody"')
def work_conserving(m: Lifecycle, s: State) -> bool:
    """Of what may start in a queue, something can."""
    config = m.config
    starting = s.phase == "open" or (s.phase, s.pending) == ("draining", "finish")
    if not starting or sum(s.executing) >= s.threads or (config.burst and s.permits == 0):
        return True
    possible = m.possible(s)
    for t, terms in enumerate(m.terms):
        mine = [u for u in _tasks(s) if m.terms[u].queue == terms.queue]
        alike = [u for u in _running(s) if m.terms[u].concurrency_key == terms.concurrency_key]
        could_start = (
            s.status[t] == "queued"
            and not s.overdue[t]
            and not (config.queue_burst and s.queue_permits[terms.queue - 1] == 0)
            and not s.paused & {THE_WORKER, terms.queue}
            and (config.per_queue is None or len({*mine} & {*_running(s)}) < config.per_queue)
            and (terms.concurrency_key is None or config.per_key is None or len(alike) < config.per_key)
        )
        if could_start and not any(possible.get(("Start", u)) for u in mine):
            return False
    return True


def seen_of(s: State) -> observable.State:
    """What a client can see of a state."""
    return observable.State(
        tuple([_sight(status, number <= s.admitted) for number, status in enumerate(s.status, start=1)]),
        s.attempts,
        accepting=s.phase == "open",
        done=s.phase == "stopped",
    )


def _sight(status: Status, admitted: bool) -> observable.Sight:  # noqa: FBT001 - once it was given
    if status == "absent":
        return "forgotten" if admitted else "unknown"
    if status == "scheduled" or status == "queued" or status == "retrying":  # noqa: PLR1714 - for the types
        return "waiting"
    return status


def _client(m: Lifecycle) -> observable.Observable:
    return observable.Observable(n=len(m.terms), max_attempts=m.config.max_retries + 1)


@LAWS.of_state('DESIGN 1 "what a client can see": before anything happens, nothing')
def begins_unseen(m: Lifecycle, s: State) -> bool:
    """As long as nothing was submitted and the worker is open, a client sees the beginning."""
    return s.admitted > 0 or s.phase != "open" or seen_of(s) == _client(m).initial()


# ------------------------------------------------------------------- properties of steps


@LAWS.of_step('LC-3 "status transitions are atomic": a step is about one task, or about the worker')
def one_task_at_a_time(_: Lifecycle, s: State, after: State) -> bool:
    """No step changes two statuses."""
    return len(list(_changes(s, after))) <= 1


@LAWS.of_step('RL-4 "concurrency caps are never exceeded": of threads, of a queue, of a concurrency key')
def start_within_cap(m: Lifecycle, s: State, after: State) -> bool:
    """No task starts at or over a cap."""
    config = m.config
    for t in _starts(s, after):
        terms = m.terms[t]
        others = [m.terms[u] for u in _running(s)]
        in_queue = sum(each.queue == terms.queue for each in others)
        with_key = sum(each.concurrency_key == terms.concurrency_key for each in others)
        if sum(s.executing) >= s.threads or (config.per_queue is not None and in_queue >= config.per_queue):
            return False
        if terms.concurrency_key is not None and config.per_key is not None and with_key >= config.per_key:
            return False
    return True


@LAWS.of_step("decision 3: an accepted task found the worker open and the queue below its limit")
def admission_cap(m: Lifecycle, s: State, after: State) -> bool:
    """No task is accepted otherwise."""
    admits = any(old == "absent" for _, old, _ in _changes(s, after))
    room = m.config.queue_max is None or _count(s, WAITING) < m.config.queue_max
    return not admits or (s.phase == "open" and room)


@LAWS.of_step('DESIGN 2 "next admission number": numbers are given in order, and never again')
def numbered_in_order(_: Lifecycle, s: State, after: State) -> bool:
    """The next number is given to a task that is admitted with it."""
    if after.admitted == s.admitted:
        return True
    return after.admitted == s.admitted + 1 and after.status[after.admitted - 1 : after.admitted] != (
        "absent",
    )


@LAWS.of_step('LC-2 "a terminal status never changes"')
def terminal_is_immutable(_: Lifecycle, s: State, after: State) -> bool:
    """Nor does the reason it is kept with, for as long as the task is known."""
    return all(
        (after.status[t], after.reason[t]) == (s.status[t], s.reason[t])
        for t in _tasks(s)
        if s.status[t] in TERMINAL and after.status[t] != "absent"
    )


@LAWS.of_step("RG-1 and decision 6: only what ended, and is off its thread, is ever forgotten")
def only_ended_are_forgotten(m: Lifecycle, s: State, after: State) -> bool:
    """And only where there is retention."""
    return all(
        m.config.retention and old in TERMINAL and s.executing[t] == 0
        for t, old, new in _changes(s, after)
        if new == "absent"
    )


_EDGES = {
    "scheduled": ("queued", "cancelled", "timed_out"),
    "queued": ("running", "cancelled", "timed_out"),
    "retrying": ("queued", "cancelled", "timed_out"),
    "running": ("retrying", *TERMINAL),
}


@LAWS.of_step('PRD Goals "queued -> running -> terminal", with a schedule before and retries in between')
def only_allowed_edges(m: Lifecycle, s: State, after: State) -> bool:
    """A status is followed by those that may follow it."""
    return all(
        new == ("scheduled" if m.terms[t].delayed else "queued")
        if old == "absent"
        else new in _EDGES.get(old, ("absent",))
        for t, old, new in _changes(s, after)
    )


@LAWS.of_step('TC-4 "back at or after [its deadline], it is timed_out"; decision 1: no watcher decides it')
def late_is_timed_out(_: Lifecycle, s: State, after: State) -> bool:
    """What comes back late is timed out, tried again or abandoned; what is overdue is never cancelled."""
    for t, old, new in _changes(s, after):
        if old == "running" and s.attempt_over[t] and new not in ("timed_out", "retrying", "abandoned"):
            return False
        if old == "running" and s.overdue[t] and new not in ("timed_out", "abandoned"):
            return False
        if old in WAITING and s.overdue[t] and new not in ("timed_out", "queued"):
            return False
    return True


@LAWS.of_step(
    'TC-1 "the task\'s function receives its context with timeout and deadline": nothing else ends it'
)
def only_late_is_timed_out(_: Lifecycle, s: State, after: State) -> bool:
    """What is timed out had a limit of time, and that had passed."""
    return all(s.overdue[t] or s.attempt_over[t] for t, _, new in _changes(s, after) if new == "timed_out")


@LAWS.of_step("decision 1: a deadline that has passed stays so for as long as the task is live")
def deadline_is_kept(_: Lifecycle, s: State, after: State) -> bool:
    """No retry, and nothing else, gives a task another deadline."""
    return all(after.overdue[t] for t in _tasks(s) if s.overdue[t] and after.status[t] in LIVE)


@LAWS.of_step('section 2 "a phase may be skipped, never revisited"')
def phase_is_monotone(_: Lifecycle, s: State, after: State) -> bool:
    """The worker's phase only moves forward."""
    return PHASES.index(after.phase) >= PHASES.index(s.phase)


@LAWS.of_step("decision 5: a drain may be tightened, never loosened")
def drain_only_tightens(_: Lifecycle, s: State, after: State) -> bool:
    """A drain that cancels goes on cancelling."""
    return not (s.phase == "draining" and s.pending == "cancel") or after.pending == "cancel"


@LAWS.of_step('decision 5 "drain finishes running, queued and retrying tasks": nothing is paused in it')
def drain_is_unpaused(_: Lifecycle, s: State, after: State) -> bool:  # noqa: ARG001 - as every law of steps
    """A drain that waited for a paused queue would not end."""
    return after.phase != "draining" or not after.paused


@LAWS.of_step('section 2 "Start: open (not paused)": what is paused starts nothing')
def paused_starts_nothing(m: Lifecycle, s: State, after: State) -> bool:
    """Neither the worker nor a queue."""
    return all(not s.paused & {THE_WORKER, m.terms[t].queue} for t in _starts(s, after))


@LAWS.of_step('section 2 "shrinking preempts nobody": operating the worker touches no task')
def operation_touches_no_task(_: Lifecycle, s: State, after: State) -> bool:
    """Whoever pauses, resumes or resizes changes nothing of any task."""
    operated = after.paused != s.paused or after.threads != s.threads
    return not operated or after[:6] == s[:6]


@LAWS.of_step('section 2 "Pause, Resume, Resize: open"')
def operated_while_open(_: Lifecycle, s: State, after: State) -> bool:
    """What a drain unpauses, it unpauses as it begins."""
    if after.paused == s.paused and after.threads == s.threads:
        return True
    unpaused = after.phase == "draining" and not after.paused and after.threads == s.threads
    return s.phase == "open" and (after.phase == "open" or unpaused)


@LAWS.of_step('PRD Acceptance "canceled tasks do not execute"')
def no_start_after_cancel(_: Lifecycle, s: State, after: State) -> bool:
    """Neither what is cancelled nor what is asked to cancel starts."""
    return all(s.status[t] != "cancelled" and s.reason[t] == "none" for t in _starts(s, after))


@LAWS.of_step('TC-4 "past its deadline a task never starts"')
def no_start_after_deadline(_: Lifecycle, s: State, after: State) -> bool:
    """What is overdue does not start."""
    return not any(s.overdue[t] for t in _starts(s, after))


@LAWS.of_step('SD-2 "graceful drain and hard stop are separate operations": stopping starts nothing')
def no_start_when_doomed(_: Lifecycle, s: State, after: State) -> bool:
    """A task starts while the worker is open or draining."""
    return not _starts(s, after) or s.phase in ("open", "draining")


@LAWS.of_step('decision 5 "pending=cancel finishes only what runs"')
def drain_cancel_runs_nothing_new(_: Lifecycle, s: State, after: State) -> bool:
    """No task starts in a drain that cancels."""
    return not _starts(s, after) or not (s.phase == "draining" and s.pending == "cancel")


@LAWS.of_step('decision 5 "scheduled ones are cancelled with reason shutdown"')
def drain_starts_nothing_scheduled(_: Lifecycle, s: State, after: State) -> bool:
    """Once the worker is not open any more, a scheduled task is cancelled, or expires."""
    return s.phase == "open" or all(
        after.status[t] in ("scheduled", "cancelled", "timed_out")
        for t in _tasks(s)
        if s.status[t] == "scheduled"
    )


@LAWS.of_step('decision 5 "finishes running, queued and retrying tasks": such a drain cancels none of them')
def drain_finishes(_: Lifecycle, s: State, after: State) -> bool:
    """In a drain that finishes, only scheduled tasks are cancelled by the shutdown."""
    return (s.phase, s.pending) != ("draining", "finish") or all(
        old == "scheduled" or after.reason[t] != "shutdown"
        for t, old, new in _changes(s, after)
        if new == "cancelled"
    )


@LAWS.of_step('TC-3 "cancelling never reschedules"')
def cancel_never_reschedules(_: Lifecycle, s: State, after: State) -> bool:
    """A running task that was asked to come back does not wait again."""
    return all(after.status[t] not in WAITING for t in _running(s) if _requested(s, t))


@LAWS.of_step("decision 1: only an exception after a request is a cancellation of what ran")
def cancelled_was_asked(_: Lifecycle, s: State, after: State) -> bool:
    """And it carries the reason of that request."""
    return all(
        _requested(s, t) and after.reason[t] == ("shutdown" if s.reason[t] == "none" else s.reason[t])
        for t, old, new in _changes(s, after)
        if (old, new) == ("running", "cancelled")
    )


@LAWS.of_step('decision 1 "status tells the truth": after a request an exception is no failure')
def asked_never_fails(_: Lifecycle, s: State, after: State) -> bool:
    """It is an acknowledgement; and what was done is done."""
    return not any(new == "failed" and _requested(s, t) for t, _, new in _changes(s, after))


@LAWS.of_step('decision 14 "who": what is asked of a running task has one reason, the first')
def first_reason_stays(_: Lifecycle, s: State, after: State) -> bool:
    """For as long as it runs."""
    return all(
        after.reason[t] == s.reason[t]
        for t in _running(s)
        if after.status[t] == "running" and _requested(s, t)
    )


@LAWS.of_step('PRD "compliance teams need traceability": what was cancelled says why')
def cancelled_says_why(m: Lifecycle, s: State, after: State) -> bool:
    """By the shutdown only in one, and with a parent only what has one."""
    for t, _, new in _changes(s, after):
        if new == "cancelled":
            why = after.reason[t]
            if why == "none" or (why == "parent" and not m.terms[t].child):
                return False
            if why == "shutdown" and s.phase not in ("draining", "stopping"):
                return False
    return True


@LAWS.of_step('RT-1 "the maximum is configurable and exact": no attempt but by a start, one at a time')
def one_attempt_per_start(_: Lifecycle, s: State, after: State) -> bool:
    """Attempts are counted where a queued task starts to run, and forgotten with the task."""
    return all(
        after.status[t] == "absent"
        or (
            (s.status[t], after.status[t]) == ("queued", "running") and after.attempts[t] == s.attempts[t] + 1
        )
        for t in _tasks(s)
        if after.attempts[t] != s.attempts[t]
    )


@LAWS.of_step(
    'RL-1 "one limiter, applied exactly once per attempt": permits go with starts, and nothing else'
)
def one_permit_per_start(m: Lifecycle, s: State, after: State) -> bool:
    """Each start spends one of the worker's permits, and one of its queue's."""
    starts = _starts(s, after)
    if after.permits < s.permits and not starts:
        return False
    if m.config.burst and starts and not (s.permits > 0 and after.permits == s.permits - 1):
        return False
    for place, (old, new) in enumerate(zip(s.queue_permits, after.queue_permits, strict=True)):
        in_queue = [t for t in starts if m.terms[t].queue == place + 1]
        if new < old and not in_queue:
            return False
        if m.config.queue_burst and in_queue and not (old > 0 and new == old - 1):
            return False
    return True


@LAWS.of_step('decision 4 "lower priority number runs sooner, ties in order of admission"')
def starts_in_order(m: Lifecycle, s: State, after: State) -> bool:
    """What waits before it in its queue is overdue, or its concurrency key is at its cap."""
    cap = m.config.per_key
    for t in _starts(s, after):
        for u in _tasks(s):
            mine, other = m.terms[t], m.terms[u]
            before = (other.priority, u) < (mine.priority, t) and other.queue == mine.queue
            if before and s.status[u] == "queued" and not s.overdue[u]:
                key = other.concurrency_key
                if key is None or cap is None:
                    return False
                if sum(m.terms[v].concurrency_key == key for v in _running(s)) < cap:
                    return False
    return True


@LAWS.of_step("decision 6: only what is stuck after the grace is abandoned")
def abandon_only_stuck(_: Lifecycle, s: State, after: State) -> bool:
    """Its function is on a thread still."""
    return all(
        s.phase == "stopping" and s.grace_spent and after.executing[t] == 1
        for t, _, new in _changes(s, after)
        if new == "abandoned"
    )


@LAWS.of_step("decision 6: the grace is spent by a stop that waited for it")
def grace_is_of_the_stop(_: Lifecycle, s: State, after: State) -> bool:
    """In no other phase, and once."""
    return after.grace_spent == s.grace_spent or (s.phase == "stopping" and after.grace_spent)


@LAWS.of_step("DESIGN 1: whatever the worker does inside, a client sees a step of Observable, or nothing")
def refines_observable(m: Lifecycle, s: State, after: State) -> bool:
    """The lifecycle, looked at from outside, is the small machine of what a client can see."""
    before, now = seen_of(s), seen_of(after)
    return before == now or any(now == step for _, step in _client(m).successors(before))
