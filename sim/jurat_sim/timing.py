"""Timing: when things happen and how long they take, to the nanosecond, against closed forms.

Here the worker runs in virtual time with a tick of zero: work takes no time, waiting takes
exactly what was asked for, and time passes only when nobody can run.  So the length of a
shutdown is a number, and so is the instant of a start; a formula for it can be compared with
`==`.  No tolerance hides a millisecond that is lost, or granted twice.

What this shows: the worker asks for the right instants and acts on them.  What it does not:
how late a real machine wakes a thread.

A comparison is worth something only if it can fail.  Each formula names a defect of time
(`defects`, T01 and on); the same measurement of a worker with that defect must differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .build import load
from .checks import check
from .defects import defect_named
from .errors import BenchError
from .parts import fail
from .pool import Pool
from .runtime import BenchRuntime, Ending
from .stage import Stage
from .strategies import RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .stage import Submission

NS = 1
US = 1_000 * NS
MS = 1_000 * US
S = 1_000 * MS


class TimingFailed(BenchError):
    """A timing run of the worker did not come to its end, so it has no length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """A length of time, or a series of instants, as a formula and as a measurement."""

    name: str
    formula: str
    """In words, for people."""
    expected_ns: int
    """The formula's value for the numbers of this measurement."""
    defect: str
    """Which must make it fail."""
    describe: Callable[[Stage], None]
    read: Callable[[Stage], tuple[int, ...]] | None = None
    """What is measured; by default how long the one shutdown took."""
    before: tuple[int, ...] = ()
    """The formula's values for what comes before the last, if a series is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A closed form, measured on the worker and on the worker with the defect."""

    name: str
    formula: str
    expected_ns: int
    measured_ns: int
    """Of a series the last, or the first that is not what the formula says."""
    defect: str
    defect_title: str
    defect_ns: int | None
    """What the defective worker measured; it must differ from what is expected.  None: not measured."""
    trouble: str
    """Why it was not measured."""

    @property
    def holds(self) -> bool:
        """The worker takes exactly as long as the formula says."""
        return self.measured_ns == self.expected_ns

    @property
    def can_fail(self) -> bool:
        """The worker with the defect does not."""
        return self.defect_ns is not None and self.defect_ns != self.expected_ns


# The measurements.  Odd numbers, so that no rounding goes unseen.

DRAIN_NS = 5 * S + 3
GRACE_NS = 2 * S + 500 * MS + 7
TASK_NS = 250 * MS + 1
TASKS = 7
THREADS = 3
RUNNING_NS = 40 * MS + 9
"""How long a worker had been running when it was stopped."""


def _drain_passes_its_bound(stage: Stage) -> None:
    door = stage.runtime.gate()
    worker = stage.build_worker(threads=2, drain_deadline=DRAIN_NS / S, grace=GRACE_NS / S)
    stage.submit(lambda context: door.wait())
    worker.start()

    def closer() -> None:
        _let_time_pass(stage, RUNNING_NS)
        stage.close(worker.drain())
        door.open()

    stage.client("closer", closer)


def _stop_passes_its_grace(stage: Stage) -> None:
    door = stage.runtime.gate()
    worker = stage.build_worker(threads=2, grace=GRACE_NS / S)
    stage.submit(lambda context: door.wait())
    worker.start()

    def closer() -> None:
        _let_time_pass(stage, RUNNING_NS)
        stage.close(worker.stop_now())
        door.open()

    stage.client("closer", closer)


def _stop_wakes_a_sleeper(stage: Stage) -> None:
    worker = stage.build_worker(threads=2, grace=GRACE_NS / S)
    stage.submit(lambda context: context.sleep(timedelta(hours=1)))
    worker.start()

    def closer() -> None:
        _let_time_pass(stage, RUNNING_NS)
        stage.close(worker.stop_now())

    stage.client("closer", closer)


def _drain_finishes(stage: Stage) -> None:
    worker = stage.build_worker(threads=THREADS)
    for _ in range(TASKS):
        stage.submit(lambda context: context.sleep(TASK_NS / S))
    stage.client("closer", lambda: _close(stage, worker))


LIMITED = 7
BURST = 2
PER_NS = 10 * MS + 7
"""Three starts in so many nanoseconds, which no three divide."""
BACKOFF_NS = 3 * MS + 1
CAP_NS = 20 * MS + 3
LATER_NS = 7 * MS + 5


def _limited(stage: Stage) -> None:
    worker = stage.build_worker(threads=2, rate=stage.jurat.RateLimit(3, PER_NS / S, burst=BURST))
    _submitting(stage, worker, lambda: [stage.submit(_nothing) for _ in range(LIMITED)])


def _one_by_one(stage: Stage) -> None:
    worker = stage.build_worker(threads=2, rate=stage.jurat.RateLimit(1, PER_NS / S))
    _submitting(stage, worker, lambda: [stage.submit(_nothing) for _ in range(3)])


def _limited_and_cancelled(stage: Stage) -> None:
    worker = stage.build_worker(threads=1, rate=stage.jurat.RateLimit(1, PER_NS / S))

    def submit() -> None:
        for cancelled in (False, True, True, False):
            submission = stage.submit(_nothing)
            if cancelled:
                submission.handle.cancel()

    _submitting(stage, worker, submit)


def _limited_queue(stage: Stage) -> None:
    jurat = stage.jurat
    worker = stage.build_worker(threads=1, queues=[jurat.Queue("slow", rate=jurat.RateLimit(1, PER_NS / S))])

    def submit() -> None:
        for queue in ("slow", "slow", "slow", "default", "default"):
            stage.submit(_nothing, queue=queue)

    _submitting(stage, worker, submit)


def _retried(stage: Stage) -> None:
    retry = stage.jurat.Retry(max_retries=5, delay=BACKOFF_NS / S, cap=CAP_NS / S, jitter=0)
    worker = stage.build_worker(threads=1)
    _submitting(stage, worker, lambda: stage.submit(fail, retry=retry))


def _retried_as_asked(stage: Stage) -> None:
    worker = stage.build_worker(threads=1, retry=stage.jurat.Retry(max_retries=1))
    _submitting(stage, worker, lambda: stage.submit(_ask_for_later))


def _delayed(stage: Stage) -> None:
    worker = stage.build_worker(threads=1)

    def submit() -> None:
        _wait(stage.submit(_nothing, delay=LATER_NS / S))

    _submitting(stage, worker, submit)


def _overdue(stage: Stage) -> None:
    worker = stage.build_worker(threads=1)

    def submit() -> None:
        stage.submit(lambda context: context.sleep(TASK_NS / S))
        stage.submit(_nothing, deadline=LATER_NS / S)

    _submitting(stage, worker, submit)


def _takes_too_long(stage: Stage) -> None:
    worker = stage.build_worker(threads=1)
    _submitting(
        stage,
        worker,
        lambda: stage.submit(lambda context: context.sleep(timedelta(hours=1)), timeout=LATER_NS / S),
    )


def _forgotten(stage: Stage) -> None:
    worker = stage.build_worker(threads=1, retention=stage.jurat.Retention(age=LATER_NS / S))

    def submit() -> None:
        stage.submit(_nothing)
        stage.submit(lambda context: context.sleep(BACKOFF_NS / S))
        _let_time_pass(stage, TASK_NS)

    _submitting(stage, worker, submit)


def _drain_with_retries(stage: Stage) -> None:
    retry = stage.jurat.Retry(max_retries=1, delay=BACKOFF_NS / S, jitter=0)
    worker = stage.build_worker(threads=1, retry=retry)
    for _ in range(TASKS):
        stage.submit(fail)
    stage.client("closer", lambda: _close(stage, worker))


def _submitting(stage: Stage, worker: Any, submit: Callable[[], object]) -> None:
    """A client that submits to a worker that has run for a while, and drains it."""
    worker.start()

    def closer() -> None:
        _let_time_pass(stage, RUNNING_NS)
        submit()
        _close(stage, worker)

    stage.client("closer", closer)


def _wait(submission: Submission) -> None:
    submission.handle.wait()


def _nothing(_: Any) -> None:
    """Return at once."""


class _Later(ValueError):
    retry_after = LATER_NS / S


def _ask_for_later(_: Any) -> None:
    raise _Later


def _instants(action: str) -> Callable[[Stage], tuple[int, ...]]:
    """When events of this kind were recorded, from the moment of submission on."""

    def read(stage: Stage) -> tuple[int, ...]:
        return tuple(event[0] - RUNNING_NS for event in stage.log if event[1] == action)

    return read


_starts = _instants("Start")


def _close(stage: Stage, worker: Any) -> None:
    stage.close(worker.drain())


def _let_time_pass(stage: Stage, duration_ns: int) -> None:
    stage.runtime.gate().wait_for(duration_ns)


def _series(
    *,
    name: str,
    formula: str,
    values: Sequence[int],
    defect: str,
    describe: Callable[[Stage], None],
    read: Callable[[Stage], tuple[int, ...]],
) -> ClosedForm:
    return ClosedForm(
        name=name,
        formula=formula,
        expected_ns=values[-1],
        before=tuple(values[:-1]),
        defect=defect,
        describe=describe,
        read=read,
    )


CLOSED_FORMS: tuple[ClosedForm, ...] = (
    ClosedForm(
        name="a drain with a task that ignores its context",
        formula=f"drain deadline + grace = {DRAIN_NS} + {GRACE_NS}",
        expected_ns=DRAIN_NS + GRACE_NS,
        defect="T01",
        describe=_drain_passes_its_bound,
    ),
    ClosedForm(
        name="a stop with a task that ignores its context",
        formula=f"grace = {GRACE_NS}",
        expected_ns=GRACE_NS,
        defect="T02",
        describe=_stop_passes_its_grace,
    ),
    ClosedForm(
        name="a stop with a task that sleeps in its context",
        formula="0: the stop wakes it, and it returns at that instant",
        expected_ns=0,
        defect="T03",
        describe=_stop_wakes_a_sleeper,
    ),
    ClosedForm(
        name=f"a drain of {TASKS} tasks of {TASK_NS} ns on {THREADS} threads",
        formula=f"ceil(tasks / threads) * length = ceil({TASKS} / {THREADS}) * {TASK_NS}",
        expected_ns=-(-TASKS // THREADS) * TASK_NS,
        defect="T04",
        describe=_drain_finishes,
    ),
    ClosedForm(
        name=f"a drain of {TASKS} tasks that fail once more after their backoff, on one thread",
        formula=f"backoff = {BACKOFF_NS}, in which they hold no thread",
        expected_ns=BACKOFF_NS,
        defect="D11",
        describe=_drain_with_retries,
    ),
    _series(
        name=f"starts of {LIMITED} tasks under a limiter of 3 in {PER_NS} ns, {BURST} at once",
        formula=f"the k-th at ceil((k - {BURST}) * {PER_NS} / 3), or at once",
        values=[max(0, -(-(k - BURST) * PER_NS // 3)) for k in range(1, LIMITED + 1)],
        defect="D49",
        describe=_limited,
        read=_starts,
    ),
    _series(
        name=f"starts under a limiter of 1 in {PER_NS} ns",
        formula=f"the k-th at (k - 1) * {PER_NS}",
        values=[0, PER_NS, 2 * PER_NS],
        defect="D06",
        describe=_one_by_one,
        read=_starts,
    ),
    _series(
        name="starts under a limiter, of a first task, and of a fourth when two were cancelled",
        formula=f"0 and {PER_NS}: who is cancelled takes no permit",
        values=[0, PER_NS],
        defect="D07",
        describe=_limited_and_cancelled,
        read=_starts,
    ),
    _series(
        name=f"starts of 3 tasks of a queue with a limiter of 1 in {PER_NS} ns, beside 2 of another queue",
        formula=f"the k-th at (k - 1) * {PER_NS}, the others at once",
        values=[0, 0, 0, PER_NS, 2 * PER_NS],
        defect="D36",
        describe=_limited_queue,
        read=_starts,
    ),
    _series(
        name="starts of a task that fails six times",
        formula=f"each min({CAP_NS}, {BACKOFF_NS} * 2 ** (i - 1)) after the one before it",
        values=[sum(min(CAP_NS, BACKOFF_NS * 2**i) for i in range(k)) for k in range(6)],
        defect="T05",
        describe=_retried,
        read=_starts,
    ),
    _series(
        name="starts of a task whose exception says when to try again",
        formula=f"0 and {LATER_NS}",
        values=[0, LATER_NS],
        defect="T06",
        describe=_retried_as_asked,
        read=_starts,
    ),
    _series(
        name="the start of a delayed task",
        formula=f"the delay = {LATER_NS}",
        values=[LATER_NS],
        defect="T07",
        describe=_delayed,
        read=_starts,
    ),
    _series(
        name="the end of a task whose deadline passes while it waits for a thread",
        formula=f"the deadline = {LATER_NS}",
        values=[LATER_NS],
        defect="T08",
        describe=_overdue,
        read=_instants("Expire"),
    ),
    _series(
        name="the end of an attempt that sleeps in its context for longer than it has",
        formula=f"the timeout = {LATER_NS}",
        values=[LATER_NS],
        defect="T09",
        describe=_takes_too_long,
        read=_instants("TimeOut"),
    ),
    _series(
        name="the instants at which tasks are forgotten by age",
        formula=f"their ends, 0 and {BACKOFF_NS}, and {LATER_NS} more",
        values=[LATER_NS, LATER_NS + BACKOFF_NS],
        defect="T10",
        describe=_forgotten,
        read=_instants("Evict"),
    ),
)


def measure(form: ClosedForm, *, package: str = "jurat") -> Measurement:
    """Measure the worker, and the worker with the defect that this form must see.

    What the worker does is measured and told even if its source has changed so that the
    defect's patch no longer fits, or the run with the defect does not end.

    Raises
    ------
    TimingFailed: a run of the worker did not end, or broke a property on the way.
    """
    defect = defect_named(form.defect)
    measured_ns = _length(form, load(package).package, clean=True)
    defect_ns = None
    trouble = ""
    try:
        seeded = load(package, name=defect.id, patches=defect.patches)
        defect_ns = _length(form, seeded.package, clean=False)
    except BenchError as error:
        trouble = str(error)
    return Measurement(
        name=form.name,
        formula=form.formula,
        expected_ns=form.expected_ns,
        measured_ns=measured_ns,
        defect=defect.id,
        defect_title=defect.title,
        defect_ns=defect_ns,
        trouble=trouble,
    )


def _length(form: ClosedForm, package: Any, *, clean: bool) -> int:
    """What the form measures of a run, in virtual nanoseconds: by default how long its one shutdown took."""
    pool = Pool()
    runtime = BenchRuntime(RunToBlock(), pool, tick_ns=0, time_is_a_choice=False)
    try:
        stage = Stage(package, runtime)
        form.describe(stage)
        ending = runtime.run()
        findings = check(stage) if clean else []
        if ending is not Ending.FINISHED or findings or len(stage.closings) != 1:
            what = "; ".join(str(finding) for finding in findings) or f"{ending}: {runtime.trouble}"
            raise TimingFailed(f"{form.name}: {what}")
        if form.read is None:
            return stage.closings[0].at_ns - stage.closings[0].began_ns
        measured = form.read(stage)
        expected = (*form.before, form.expected_ns)
        if len(measured) != len(expected):
            raise TimingFailed(f"{form.name}: there were {len(measured)}, not {len(expected)}")
        off = [one for one, right in zip(measured, expected, strict=True) if one != right]
        return next((one for one in off if one != form.expected_ns), -1) if off else form.expected_ns
    finally:
        runtime.close()
        pool.close()
