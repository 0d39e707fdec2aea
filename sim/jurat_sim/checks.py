"""Checks: what must hold of every run of every scenario.

`check` looks at a run that is over and answers with findings, the most telling first:

* `conformance`: the event log is a behaviour of the specification, event by event;
* `misuse`, `lock`, `exception`: the seam was used by its rules, no code of a user's began while its thread
  held a lock of the worker's, and no exception escaped a thread;
* `witness`: the functions' own record agrees with the log: as many entries as Start
  events, never two of one task at once, and outcomes as recorded;
* `stuck`: the run came to an end;
* `functions`: what a function raised is what its scenario made it raise, so that an error
  of the worker's own that surfaces inside a function is not taken for a failure of the task;
* `handles`: what a caller is told (status, attempts, result or exception, refusal) is what
  the log says;
* `shutdown`: after a stop every task is terminal, the worker's own counts say that nothing
  waits, the handle says done and its report names the right tasks; no thread is left but
  those whose function is still out;
* `batches`, `callbacks`, `snapshots`: a batch is admitted as a whole or refused as a whole, who
  asked to be called is called once, and a snapshot shows the counts of one instant of the log;
* `results`: what subscribers got, and what they are told of it, agrees with the log.

Only the specification is asked what is allowed.  Nothing here knows a rule of its own.
"""

from __future__ import annotations

import marshal
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import TERMINAL
from jurat_spec.log import Settings, settings
from jurat_spec.replay import LoggedTask, NotABehaviour, Replay

from .findings import Finding
from .runtime import Ending
from .stage import Look

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .stage import Closing, Listener, Stage, Submission

STEP_BOUND = "step bound"
"""The property that is not one: the run was cut short, and nothing follows from it."""


def check(stage: Stage) -> list[Finding]:
    """Everything that is wrong with this run, which is over and not yet closed."""
    return _held_against(stage, _follow(stage.log, _looked_at(stage)))


class Checks:
    """`check`, for the runs of a campaign.  Many have the same log, to the nanosecond.

    What the specification makes of a log depends on the log alone.  So a log that is a behaviour is replayed
    when it is first seen, and its course is remembered; all else is checked of every run.
    """

    def __init__(self) -> None:
        self._courses: dict[tuple[bytes, frozenset[int]], _Course] = {}

    def __call__(self, stage: Stage) -> list[Finding]:
        """Everything that is wrong with this run, which is over and not yet closed."""
        places = _looked_at(stage)
        try:
            written = _written(stage.log)
        except ValueError:  # it holds something else than a log may: for the specification to refuse
            return check(stage)
        course = self._courses.get((written, places))
        if course is None:
            course = _follow(stage.log, places)
            if course.refused is None and len(self._courses) < REMEMBERED:
                self._courses[written, places] = course
        return _held_against(stage, course)


REMEMBERED = 1_000
"""Logs of a campaign, at most, whose courses are remembered: a few megabytes."""


def _held_against(stage: Stage, course: _Course) -> list[Finding]:
    """What is wrong with this run, if this is the course of its log."""
    runtime = stage.runtime
    findings: list[Finding] = []
    if course.refused is not None:
        refused = course.refused
        findings.append(Finding(f"conformance: {_action(refused.event)}: {refused.guard}", str(refused)))
    findings += _broken(stage)
    over = runtime.ending is Ending.FINISHED
    numbers = {s.handle.number: s for s in stage.submissions if s.handle is not None and not s.attached}
    findings += _witness(stage, numbers, over=over)
    if runtime.ending is Ending.STUCK:
        findings.append(Finding("stuck", "; ".join([runtime.trouble, *_live(course.replay)])))
    elif runtime.ending is Ending.STEP_BOUND:
        findings.append(Finding(STEP_BOUND, runtime.trouble))
    findings += _functions(stage)
    if over and course.refused is None:
        stage.finish()
        findings += _told(stage, course, numbers)
    return findings


@dataclass(slots=True, eq=False)
class _Course:
    """What the specification makes of a log, and what later checks need from the way there."""

    replay: Replay
    records: dict[int, LoggedTask]
    """Every task that was admitted; one that was evicted, as it was before."""
    counts: dict[int, dict[str, Any]]
    """What a snapshot would say, by the place of the log, where one may have been taken."""
    refused: NotABehaviour | None = None


def _looked_at(stage: Stage) -> frozenset[int]:
    """The places of the log at which a snapshot may have been taken."""
    ranges = [range(look.since, look.until + 1) for look in stage.looks]
    return frozenset(chain((len(stage.log),), *ranges))


def _follow(log: Sequence[Any], places: Collection[int]) -> _Course:
    """Hold the log against the specification, in one pass, and count at these places."""
    replay = Replay(_settings)
    course = _Course(replay, {}, {0: {}})
    forgotten: list[str] = []
    try:
        for place, event in enumerate(log, start=1):
            if event[1] == "Evict" and event[2] in replay.tasks:
                record = course.records[event[2]] = copy(replay.tasks[event[2]])
                forgotten.append(record.status)
            replay.step(event)
            if place in places:
                course.counts[place] = _counted(replay, forgotten)
    except NotABehaviour as refused:
        course.refused = refused
    else:
        course.records.update(replay.tasks)
    return course


def _settings(detail: Any) -> Settings:
    """The configuration of a log.  The runs of a campaign begin alike: it is read for the first of them."""
    try:
        written = _written(detail)
    except ValueError:  # it holds something else: for the specification to refuse
        return settings(detail)
    return _read_settings(written)


def _written(it: Any) -> bytes:
    """The same bytes only for what is the same: equal values of the same built-in types.

    Raises
    ------
    ValueError: it holds values of other types.
    """
    return marshal.dumps(it, _WITHOUT_REFERENCES)


_WITHOUT_REFERENCES = 2
"""The version of the format.  Later ones write what is met again as a reference, or not, as it happens."""


@lru_cache(maxsize=64)
def _read_settings(written: bytes) -> Settings:
    return settings(marshal.loads(written))  # noqa: S302 - written a moment ago


def _told(stage: Stage, course: _Course, numbers: dict[int, Submission]) -> Iterator[Finding]:
    """What holds of what callers were told, when the run is over and its log is in order."""
    replay, records = course.replay, course.records
    yield from _handles(stage, records, numbers)
    known = sorted(task.number for task in stage.worker.tasks())
    if known != sorted(replay.tasks):
        yield Finding("handles: tasks", f"the worker knows {known}, and by the log {sorted(replay.tasks)}")
    yield from _batches(stage)
    yield from _callbacks(stage)
    yield from _snapshots(stage, course.counts)
    yield from _shutdown(stage, replay, records)
    yield from _results(stage)


def _live(replay: Replay) -> Iterator[str]:
    """The tasks that have not ended, by the log as far as it is in order."""
    for task in replay.tasks.values():
        if task.status not in TERMINAL:
            yield f"task {task.number} is {task.status}"


def _broken(stage: Stage) -> Iterator[Finding]:
    """A rule of the seam, or a thread."""
    runtime = stage.runtime
    if runtime.ending is Ending.MISUSE:
        yield Finding("misuse", runtime.trouble)
    for thread in runtime.threads:
        if thread.error is not None:
            what = type(thread.error).__name__
            yield Finding(f"exception: {what}", f"{what} escaped from {thread.name}: {thread.error}")
    for what in stage.held:
        yield Finding("lock: not held across user code", f"its thread holds a lock of the worker's: {what}")
    for place, problem in stage.problems:
        yield Finding(f"exception: {type(problem).__name__}", f"reported of {place}: {problem}")


def _action(event: Any) -> str:
    return str(event[1]) if isinstance(event, list | tuple) and len(event) > 1 else "?"


def _witness(stage: Stage, numbers: dict[int, Submission], *, over: bool) -> Iterator[Finding]:
    """The functions' own record against the log."""
    inside: dict[int, str] = {}
    entered = [0] * len(stage.submissions)
    left: list[list[str]] = [[] for _ in stage.submissions]
    for seen in stage.witness:
        ticket = seen.ticket
        if seen.what != "entered":
            inside.pop(ticket, None)
            left[ticket].append(seen.what)
            continue
        if ticket in inside:
            yield Finding(
                "witness: one execution at a time",
                f"submission {ticket} entered on {seen.thread} while on {inside[ticket]}",
            )
        inside[ticket] = seen.thread
        entered[ticket] += 1
    started, ended = _logged(stage, numbers)
    for ticket, entries in enumerate(entered):
        if entries > started[ticket] or (over and entries != started[ticket]):
            yield Finding(
                "witness: as many entries as starts",
                f"the function of submission {ticket} was entered {entries} times, "
                f"and the log has {started[ticket]} starts of it",
            )
        elif entries > stage.submissions[ticket].attempts:
            yield Finding(
                "witness: no more attempts than asked for",
                f"the function of submission {ticket} was entered {entries} times, "
                f"and it was to be {stage.submissions[ticket].attempts} at most",
            )
        elif over and any(
            logged not in (None, was) for logged, was in zip(ended[ticket], left[ticket], strict=False)
        ):
            yield Finding(
                "witness: outcomes as recorded",
                f"the function of submission {ticket} {left[ticket]}, and the log has {ended[ticket]}",
            )


def _functions(stage: Stage) -> Iterator[Finding]:
    """Exceptions that no scenario raises."""
    jurat = stage.jurat
    meant = (ValueError, SystemExit, jurat.TaskCancelled, jurat.TaskTimedOut)
    for submission in stage.submissions:
        error = submission.error
        if error is not None and not isinstance(error, meant):
            yield Finding(
                f"functions: {type(error).__name__}",
                f"the function of submission {submission.ticket} raised what is none of its own: {error}",
            )


_OUTCOMES: dict[str, str | None] = {
    "Complete": "returned",
    "Fail": "raised",
    "AcknowledgeCancel": "raised",
    "Retry": "raised",
    "TimeOut": None,  # either, as the detail says
    "TimeOutRetry": None,
    "LateReturn": None,
}


def _logged(stage: Stage, numbers: dict[int, Submission]) -> tuple[list[int], list[list[str | None]]]:
    """By ticket, what the log says: how many starts, and which outcomes."""
    started = [0] * len(stage.submissions)
    ended: list[list[str | None]] = [[] for _ in stage.submissions]
    for _, action, number, _, _ in stage.log:
        submission = numbers.get(number)
        if submission is None:
            continue
        if action == "Start":
            started[submission.ticket] += 1
        elif action in _OUTCOMES:
            ended[submission.ticket].append(_OUTCOMES[action])
    return started, ended


def _handles(
    stage: Stage, records: dict[int, LoggedTask], numbers: dict[int, Submission]
) -> Iterator[Finding]:
    """What callers are told, against the log."""
    if set(numbers) != set(records):
        yield Finding(
            "handles: every accepted task has one",
            f"handles for tasks {sorted(numbers)}, the log admits {sorted(records)}",
        )
        return
    refusals = [submission.refusal for submission in stage.submissions]
    refusals += [batch.refusal for batch in stage.batches]
    raised = sorted(_REASONS[refusal] for refusal in refusals if refusal is not None)
    rejected = sorted(
        event[4] if isinstance(event[4], str) else event[4][0] for event in stage.log if event[1] == "Reject"
    )
    if raised != rejected:
        yield Finding("handles: refusals", f"raised for the reasons {raised}, and the log has {rejected}")
    attached = sorted(s.handle.number for s in stage.submissions if s.attached)
    answers = sorted(event[4] for event in stage.log if event[1] == "Attach")
    if attached != answers:
        yield Finding("handles: attached", f"callers got the tasks {attached}, and the log has {answers}")
    for number, record in records.items():
        handle = numbers[number].handle
        told, logged = (handle.status, handle.attempts), (record.status, record.attempts)
        asked = "none" if handle.cancel_reason is None else str(handle.cancel_reason)
        if told == logged:
            if asked != record.reason:
                yield Finding("handles: reason", f"task {number} says {asked}, the log {record.reason}")
            yield from _kept(handle, record)
        if told != logged:
            yield Finding("handles: status and attempts", f"task {number} says {told}, the log {logged}")
        elif record.status in TERMINAL:
            yield from _outcome(stage, numbers[number], record.status, record.reason)


def _kept(handle: Any, record: LoggedTask) -> Iterator[Finding]:
    """The instants that a handle tells of, and that it lets go of what nobody needs any more."""
    ended_ns = record.ended_ns if record.status in TERMINAL else 0
    told, logged = (handle._started_ns, handle._ended_ns), (record.started_ns, ended_ns)
    if told != logged:
        yield Finding(
            "handles: instants",
            f"task {handle.number} says it was started and ended at {told}, the log {logged}",
        )
    if record.status in TERMINAL and record.status != "abandoned" and handle._function is not None:
        yield Finding("handles: lets go", f"task {handle.number} is {record.status} and keeps its function")


_REASONS = {
    "WorkerStopped": "closed",
    "QueueFull": "full",
    "IdInUse": "id_used",
    "KeyConflict": "key_conflict",
}


def _outcome(stage: Stage, submission: Submission, status: str, reason: str) -> Iterator[Finding]:
    """What the handle of a task that ended gives, against what its function did."""
    handle = submission.handle
    got = handle.exception(0)
    jurat = stage.jurat
    if status == "completed":
        right = got is None and handle.result(0) == submission.value
    elif status == "failed":
        right = got is submission.error and got is not None
    elif status == "abandoned":
        right = isinstance(got, jurat.TaskAbandoned)
    elif status == "timed_out":
        right = isinstance(got, jurat.TaskTimedOut)
    else:
        right = isinstance(got, jurat.TaskCancelled) and got.reason == reason
    if not right:
        yield Finding(
            "handles: result",
            f"task {handle.number} is {status} and its handle gives {type(got).__name__} ({got})",
        )


def _batches(stage: Stage) -> Iterator[Finding]:
    """All of a batch, with consecutive numbers, or nothing."""
    for batch in stage.batches:
        numbers = [it.handle.number for it in batch.submissions if it.handle is not None]
        size = 0 if batch.refusal is not None else len(batch.submissions)
        first = min(numbers, default=0)
        if numbers != list(range(first, first + size)):
            yield Finding("batches: all or nothing", f"a batch of {len(batch.submissions)} got {numbers}")


def _callbacks(stage: Stage) -> Iterator[Finding]:
    """Whoever asked is called once, with the handle of a task that has ended."""
    for asked in stage.asked:
        handles = [handle for submission, handle in stage.calls if submission is asked]
        due = int(asked.handle.status.terminal)
        if len(handles) != due or any(handle is not asked.handle for handle in handles):
            yield Finding(
                "callbacks: once each",
                f"that of submission {asked.ticket}, whose task is {asked.handle.status}, "
                f"was called {len(handles)} times",
            )


def _snapshots(stage: Stage, counts: dict[int, dict[str, Any]]) -> Iterator[Finding]:
    """A snapshot agrees with the log at some place between those where it was asked for and was there."""
    looks = [*stage.looks]
    if stage.closings:
        looks.append(Look(stage.worker.snapshot(), len(stage.log), len(stage.log)))
    for look in looks:
        snapshot = look.snapshot
        told = {column: getattr(snapshot.counts, column) for column in _COLUMNS}
        told |= {"rejected": snapshot.rejected, "remembered": snapshot.remembered}
        told |= {"phase": snapshot.phase, "threads": snapshot.threads}
        logged = [counts[place] for place in range(look.since, look.until + 1)]
        if told not in logged:
            yield Finding("snapshots: the counts of one instant", f"it says {told}, and the log {logged}")


_COLUMNS = (
    "scheduled", "queued", "running", "retrying",
    "completed", "failed", "cancelled", "timed_out", "abandoned", "retries",
)  # fmt: skip


def _counted(replay: Replay, forgotten: list[str]) -> dict[str, Any]:
    """What a snapshot says at this place of the log, if tasks were forgotten that had ended in these ways."""
    said: dict[str, Any] = dict.fromkeys(_COLUMNS, 0)
    for status in forgotten:
        said[status] += 1
    remembered = 0
    for task in replay.tasks.values():
        said[task.status] += 1
        remembered += task.status in TERMINAL
    counts, world = replay.counts, replay.world
    assert world is not None  # noqa: S101 - it has taken an event
    said["retries"] = counts["Retry"] + counts["TimeOutRetry"]
    said["rejected"] = counts["Reject"]
    said["remembered"] = remembered
    said["phase"], said["threads"] = world.phase, world.threads
    return said


def _shutdown(stage: Stage, replay: Replay, records: dict[int, LoggedTask]) -> Iterator[Finding]:
    """What holds when a shutdown is over."""
    for closing in stage.closings:
        yield from _closing(closing, stage)
        if not closing.shutdown.done:
            yield Finding("shutdown: done", "the worker has stopped and the handle does not say so")
        yield from _report(stage, closing)
    if not stage.closings:
        return
    world = replay.world
    if world is None or world.phase != "stopped":
        yield Finding("shutdown: stopped", "a shutdown was waited for, and the log has no Stopped")
    core = stage.worker._core
    waiting = {it: getattr(core, it) for it in ("waiting", "specials", "scheduled") if getattr(core, it)}
    if waiting:
        yield Finding("shutdown: nothing waits", f"the worker has stopped and still counts {waiting}")
    for number, record in records.items():
        if record.status not in TERMINAL:
            yield Finding("shutdown: every task terminal", f"task {number} is {record.status} after the stop")


def _closing(closing: Closing, stage: Stage) -> Iterator[Finding]:
    """The moment when `Shutdown.wait` returned."""
    if not closing.finished:
        yield Finding("shutdown: done", "wait without a timeout said that it had timed out")
    abandoned = {
        s.ticket for s in stage.submissions if s.handle is not None and s.handle.status == "abandoned"
    }
    kept = {seen.thread for seen in stage.witness if seen.what == "entered" and seen.ticket in abandoned}
    if closing.at_ns - closing.began_ns >= stage.log[0][4]["grace_ns"]:
        kept.add("follower")  # which is waited for no longer than that
    for thread in closing.left:
        if thread not in kept:
            yield Finding(
                "shutdown: no thread left", f"{thread} had not ended, and no abandoned function kept it"
            )


def _report(stage: Stage, closing: Closing) -> Iterator[Finding]:
    """The shutdown's report, against the log from its beginning on."""
    logged: tuple[list[int], ...] = ([], [], [], [])
    shutting_down = False
    for _, action, number, _, _ in stage.log:
        if action in ("BeginDrain", "StopNow"):
            shutting_down = True
        elif shutting_down and action in _ENDS:
            logged[_ENDS[action]].append(number)
    report = closing.shutdown.report()
    ids = {s.handle.number: s.handle.id for s in stage.submissions if s.handle is not None}
    told = (report.finished, report.cancelled, report.timed_out, report.abandoned)
    expected = tuple(tuple(ids.get(number) for number in part) for part in logged)
    if told != expected:
        yield Finding(
            "shutdown: report",
            f"finished, cancelled, timed out and abandoned are {told}, and by the log {expected}",
        )


_ENDS = {
    "Complete": 0, "Fail": 0,
    "Cancel": 1, "AcknowledgeCancel": 1, "ShutdownCancel": 1,
    "TimeOut": 2, "Expire": 2,
    "Abandon": 3,
}  # fmt: skip
"""The events after which a task is terminal, and the part of a shutdown's report that names it."""


def _results(stage: Stage) -> Iterator[Finding]:
    """What holds for each subscription when the run is over and its readers have read to the end."""
    for number, listener in enumerate(stage.listeners):
        yield from _accounts(number, listener)
        begun, known = (_ended(stage, since) for since in listener.since)
        if not _in_order(listener, begun):
            yield Finding(
                "results: order",
                f"subscription {number} got {listener.got}, and since it subscribed ended {begun}",
            )
        accounts = listener.subscription.accounts()
        told = accounts.published + accounts.withdrawn
        least = 0 if listener.closed or not stage.closings else len(known)
        if not least <= told <= len(begun):
            yield Finding(
                "results: each terminal task once or counted",
                f"{told} were published to subscription {number}, and since it subscribed ended {begun}",
            )


def _ended(stage: Stage, since: int) -> list[int]:
    """The tasks that ended after this place of the log, in order."""
    return [event[2] for event in stage.log[since:] if event[1] in _ENDS]


def _in_order(listener: Listener, ended: list[int]) -> bool:
    """Each was got once, and what one reader got is what ended, in its order, with gaps perhaps."""
    got, readers = listener.got, listener.readers
    for reader in dict.fromkeys(readers):
        rest = iter(ended)
        if not all(task in rest for task, by in zip(got, readers, strict=False) if by == reader):
            return False
    return len(set(got)) == len(got)


def _accounts(number: int, listener: Listener) -> Iterator[Finding]:
    """Delivered, dropped and pending are all that was published, at every look."""
    last = listener.subscription.accounts()
    for accounts in (*listener.looks, last):
        if accounts.delivered + accounts.dropped + accounts.pending != accounts.published:
            yield Finding("results: accounting", f"subscription {number} says {accounts}")
            return
    most = max((it.published + it.withdrawn for it in listener.looks), default=0)
    if last.published + last.withdrawn < most:
        yield Finding("results: accounting", f"subscription {number} was told of {most}, and says {last}")
    if last.delivered != len(listener.got) or last.pending:
        yield Finding(
            "results: accounting", f"subscription {number} got {listener.got} in the end, and says {last}"
        )
