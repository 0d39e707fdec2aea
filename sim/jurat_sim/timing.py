"""Timing: how long things take, to the nanosecond, against closed forms.

Here the worker runs in virtual time with a tick of zero: work takes no time, waiting takes
exactly what was asked for, and time passes only when nobody can run.  So the length of a
shutdown is a number, and a formula for it can be compared with `==`.  No tolerance hides a
millisecond that is lost, or granted twice.

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
from .pool import Pool
from .runtime import BenchRuntime, Ending
from .stage import Stage
from .strategies import RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable

NS = 1
US = 1_000 * NS
MS = 1_000 * US
S = 1_000 * MS


class TimingFailed(BenchError):
    """A timing run of the worker did not come to its end, so it has no length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """A length of time, as a formula and as a measurement."""

    name: str
    formula: str
    """In words, for people."""
    expected_ns: int
    """The formula's value for the numbers of this measurement."""
    defect: str
    """Which must make it fail."""
    describe: Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A closed form, measured on the worker and on the worker with the defect."""

    name: str
    formula: str
    expected_ns: int
    measured_ns: int
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


def _close(stage: Stage, worker: Any) -> None:
    stage.close(worker.drain())


def _let_time_pass(stage: Stage, duration_ns: int) -> None:
    stage.runtime.gate().wait_for(duration_ns)


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
    """How long the one shutdown of this run took, in virtual nanoseconds."""
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
        closing = stage.closings[0]
        return closing.at_ns - closing.began_ns
    finally:
        runtime.close()
        pool.close()
