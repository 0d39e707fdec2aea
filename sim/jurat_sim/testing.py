"""The bench in tests of your own: a test under many interleavings, in virtual time.

A test that is marked with `explored` is run so many times, each time under another schedule.  Its
argument `bench` is a machine that does as it is told: it gives the test a worker whose threads run
one at a time, in an order that the schedule chooses, and on which an hour passes in no time.

    from jurat_sim.testing import Machine, explored

    @explored(schedules=200)
    def test_no_deposit_is_lost(bench: Machine) -> None:
        account = {"balance": 0}

        def deposit(context, amount):
            seen = account["balance"]
            bench.pause("between reading and writing")
            account["balance"] = seen + amount

        with bench.worker(threads=2) as worker:
            worker.submit(deposit, 10)
            worker.submit(deposit, 20)
        assert account["balance"] == 30

This test fails, and pytest shows the assertion as it always does.  With it comes the story of the
schedule, shrunk to what is needed (`story`), and how to have that very run again:

    pytest --schedule=v1.BIDVO2Y6AAAMISQ2AJXWA test_account.py::test_no_deposit_is_lost

Load the plugin with `pytest -p jurat_sim.testing`, or with `pytest_plugins = ["jurat_sim.testing"]` in
the `conftest.py` at the root.

**What is explored.**  The test function runs on a thread of the bench, and so do clients
(`Machine.client`) and the worker's threads.  They are switched at every operation of the worker, and of
the bench's locks and gates, and wherever the test says `pause`; what lies between runs as one
step.  Time passes when nobody can go on, and with `slow_machine` at any moment.

What waits must wait on the bench: for a task, in `Machine.sleep`, at `Machine.lock` or
`Machine.gate`.  A real lock that is held by another thread, or `time.sleep`, stops the whole process, since
only one thread runs.  Real time, unseeded random numbers and real threads make a run depend on more than its
schedule; if a failure does not come again under its own schedule, the test fails and says so.

**What is checked.**  The test's own assertions; that no exception escapes a client; that no thread is
left waiting for ever; that the worker's event log is a behaviour of its specification; and that each
run is over within `steps` steps, since a run that was cut short shows nothing.  If the test has not
stopped its worker, this is done as a `with` block would do it.  A test that passes was sampled,
not proved.

Other fixtures are made once for all schedules: what a run changes, the next one finds changed.
"""

from __future__ import annotations

import inspect
import shlex
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jurat import Worker
from jurat_spec.replay import NotABehaviour
from jurat_spec.replay import replay as replay_log

from .bench import Bench
from .checks import STEP_BOUND
from .errors import BadExploration, BadToken, BenchError, TokenMisfit
from .explore import replay, strategy_for
from .findings import Finding
from .runtime import STEP_BOUND as STEPS
from .runtime import Ending
from .scenarios import Scenario, scenario_of_token
from .shrink import shrink
from .story import Story, tell
from .strategies import Replay
from .tokens import Grain, Schedule, decode, name_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Run
    from .primitives import BenchGate, BenchLock, BenchThread
    from .runtime import BenchRuntime
    from .stage import Stage

__all__ = ["Machine", "explored"]

_MARK = "explored"
_OUTCOMES = (pytest.skip.Exception, pytest.xfail.Exception)
"""What a test raises to say that it has no result."""


def explored(
    *, schedules: int = 200, seed: int = 1, steps: int = STEPS, slow_machine: bool = False
) -> pytest.MarkDecorator:
    """Mark a test that takes `bench`: it is run under so many schedules, or until one fails.

    Parameters
    ----------
    schedules: how many.
    seed: which ones.
    steps: after so many a run is cut short, and the test fails as undetermined.
    slow_machine: time may pass at any moment, though somebody could go on.  So each timeout may be
        reached, a drain's deadline too, however long it is.

    Raises
    ------
    BadExploration: one of them is out of range.
    """
    for name, value, least in (("schedules", schedules, 1), ("seed", seed, 0), ("steps", steps, 1)):
        if type(value) is not int or value < least:
            raise BadExploration(f"{name} must be a whole number from {least} upwards, not {value!r}")
    return pytest.mark.explored(schedules=schedules, seed=seed, steps=steps, slow_machine=slow_machine)


class Machine:
    """What an explored test runs on, for one run."""

    def __init__(self, stage: Stage, leaving: ExitStack) -> None:
        self._stage = stage
        self._leaving = leaving
        self.runtime: BenchRuntime = stage.runtime
        """The worker's seam, for those who build what they need with it."""

    def worker(self, **options: Any) -> Worker:
        """A worker on this machine: the shipped one, not started yet, with these options of `Worker`.

        Raises
        ------
        BadExploration: this run has one already.
        """
        if self._stage.worker is not None:
            raise BadExploration("a run has one worker: its log is what is held against the specification")
        self._stage.worker = worker = Worker(recorder=self._stage.log, runtime=self.runtime, **options)
        self._leaving.push(worker)
        return worker

    def client(self, function: Callable[..., object], *args: object, name: str = "client") -> BenchThread:
        """Start another thread, and return it: it has `join`."""
        return self.runtime.spawn(function, name, *args)

    def pause(self, where: str = "the test") -> None:
        """Let others run here, perhaps."""
        self.runtime.pause(where)

    def sleep(self, duration: timedelta | float) -> None:
        """Wait so long (seconds, if it is a number), in virtual time."""
        seconds = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        self.runtime.gate().wait_for(seconds // timedelta(microseconds=1) * 1_000)

    def lock(self) -> BenchLock:
        """Mutual exclusion, to be used by `with`."""
        return self.runtime.lock()

    def gate(self) -> BenchGate:
        """One token: `open` leaves it, `wait` and `wait_for` take it."""
        return self.runtime.gate()

    @property
    def now_ns(self) -> int:
        """The time since the run began, in nanoseconds."""
        return self.runtime.now_ns


# ------------------------------------------------------------------------------- exploring


class _Exploration:
    """A test, and what is wrong with its runs."""

    def __init__(self, item: pytest.Function) -> None:
        mark = item.get_closest_marker(_MARK)
        assert mark is not None  # noqa: S101 - whoever comes here has looked
        self._schedules: int = mark.kwargs.get("schedules", 200)
        self._seed: int = mark.kwargs.get("seed", 1)
        self._steps: int = mark.kwargs.get("steps", STEPS)
        self._slow_machine: bool = mark.kwargs.get("slow_machine", False)
        self._item = item
        self._function = item.obj
        names = inspect.signature(item.obj).parameters
        if "bench" not in names:
            raise BadExploration(f"{item.name} is explored, so it must take `bench`")
        self._arguments = {name: item.funcargs[name] for name in names}
        self._error: BaseException | None = None
        """What escaped from the test in the last run."""

    def bench(self) -> Bench:
        """The bench on which the test is run."""
        describe = self._describe
        scenario = Scenario(name=self._item.nodeid, text=_first_line(self._function), describe=describe)
        source = self._item.path.read_bytes()
        return Bench(
            scenario,
            check=self._check,
            step_bound=self._steps,
            time_is_a_choice=self._slow_machine,
            depends_on=source,
            told=inspect.unwrap(self._function).__module__,
        )

    def explore(self) -> None:
        """Run the schedules; fail with the first that does."""
        with self.bench() as bench:
            walk = strategy_for(Grain.SEAM, self._seed)
            cut_short = None
            for number in range(self._schedules):
                run = bench.run(walk, number)
                if isinstance(self._error, _OUTCOMES):
                    raise self._error
                if run.verdict_is_open:
                    cut_short = number
                elif run.findings:
                    self._must_come_again(bench, run, number)
                    small = shrink(bench, run)
                    self._fail(tell(bench, small.deviations))
            if cut_short is not None:
                said = f"schedule {cut_short + 1} was not over after {self._steps:,} steps"
                pytest.fail(f"undetermined: {said}; explored(steps=...) allows more", pytrace=False)

    def replay(self, token: str, schedule: Schedule) -> None:
        """Make the run of this token; fail if it does."""
        with self.bench() as bench:
            story = tell(bench, schedule.deviations)
            same_source = bench.source == schedule.source
        if isinstance(self._error, _OUTCOMES):
            raise self._error
        if story.misfits or tuple(story.run.deviations) != schedule.deviations:
            source = "the same" if same_source else "other"
            misfit = TokenMisfit(
                token, f"a choice it makes does not exist; it was recorded from {source} source"
            )
            pytest.fail(str(misfit), pytrace=False)
        if story.run.findings:
            self._fail(story)

    def _describe(self, stage: Stage) -> None:
        def test() -> None:
            with ExitStack() as leaving:
                self._function(**(self._arguments | {"bench": Machine(stage, leaving)}))

        stage.client("test", test)

    def _check(self, stage: Stage) -> list[Finding]:
        runtime = stage.runtime
        self._error = stage.clients[0].error
        findings = [
            Finding(
                _escaped(it.error, self._item.path.name),
                f"{type(it.error).__name__} escaped from {it.name}: {it.error}",
            )
            for it in runtime.threads
            if it.error is not None
        ]
        if stage.log:
            try:
                replay_log(stage.log)
            except NotABehaviour as refused:
                action = refused.event[1] if isinstance(refused.event, list | tuple) else "?"
                findings.append(Finding(f"conformance: {action}: {refused.guard}", str(refused)))
        match runtime.ending:
            case Ending.MISUSE:
                findings.append(Finding("misuse", runtime.trouble))
            case Ending.STUCK:
                findings.append(Finding("stuck", runtime.trouble))
            case Ending.STEP_BOUND:
                findings.append(Finding(STEP_BOUND, runtime.trouble))
        return findings

    def _must_come_again(self, bench: Bench, run: Run, number: int) -> None:
        again = bench.run(Replay(run.deviations))
        if (again.digest, again.findings[:1]) == (run.digest, run.findings[:1]):
            return
        now = again.findings[0] if again.findings else "every check holds"
        pytest.fail(
            f"nondeterminism: schedule {number + 1} failed with {run.findings[0]}\n"
            f"and the very same schedule, run again: {now}\n"
            "Something besides the schedule decides: real time, a random number, a real thread,\n"
            "the order of a set, or what an earlier run has left behind.",
            pytrace=False,
        )

    def _fail(self, story: Story) -> None:
        """Show the story, with the test's own error if that is what failed."""
        again = f"pytest --schedule={story.token} {shlex.quote(self._item.nodeid)}"
        told = "\n".join([*story.brief(), f"the same run: {again}"])
        finding = story.run.findings[0]
        error = self._error
        if error is not None and finding.property == _escaped(error, self._item.path.name):
            error.add_note("\n" + told)
            raise error
        pytest.fail(f"{finding}\n\n{told}", pytrace=False)


def _first_line(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _finding(thread: BenchThread, file: str) -> Finding:
    error = thread.error
    return Finding(_escaped(error, file), f"{type(error).__name__} escaped from {thread.name}: {error}")


def _escaped(error: BaseException | None, file: str) -> str:
    """The name of the property, with the line of the test's file: another line is another failure."""
    line = None
    trace = None if error is None else error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    name = f"exception: {type(error).__name__}"
    return name if line is None else f"{name} in line {line}"


# ---------------------------------------------------------------------------------- pytest


class _Elsewhere:
    """What `bench` is outside of the test's own function."""

    def __getattr__(self, name: str) -> Any:
        raise BadExploration("`bench` is there for the test's function, anew in each run, and for no fixture")


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Any:
    """The machine that an explored test runs on: a `Machine`, anew in each run."""
    if request.node.get_closest_marker(_MARK) is None:
        raise BadExploration(f"{request.node.name} takes `bench`, so it must be marked with @explored(...)")
    return _Elsewhere()


_SCHEDULE = pytest.StashKey[Schedule]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--schedule`."""
    group = parser.getgroup("jurat")
    group.addoption("--schedule", metavar="TOKEN", help="make the one run that this replay token names again")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and read the token."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(schedules, seed, steps, slow_machine): run under many schedules a test that takes `bench`",
    )
    token = config.getoption("schedule")
    if token is not None:
        try:
            config.stash[_SCHEDULE] = decode(token)
        except BadToken as error:
            raise pytest.UsageError(f"--schedule: {error}") from None


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """With `--schedule`, only the test whose token it is; or the scenario of the bench, if it is one's."""
    schedule = config.stash.get(_SCHEDULE, None)
    if schedule is None:
        return
    token = str(config.getoption("schedule"))
    chosen: list[pytest.Item] = [
        it
        for it in items
        if it.get_closest_marker(_MARK) is not None and name_hash(it.nodeid) == schedule.scenario
    ]
    if not chosen:
        try:
            name = scenario_of_token(token, schedule.scenario).name
        except BadToken:
            raise pytest.UsageError(
                "--schedule: this token is of no test that was collected; name the test as pytest did when "
                "it printed the token, from the same root"
            ) from None
        chosen = [_OfTheBench.from_parent(session, name=name, token=token)]
    config.hook.pytest_deselected(items=[it for it in items if it not in chosen])
    items[:] = chosen


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Explore the test, or make the one run that was asked for."""
    if pyfuncitem.get_closest_marker(_MARK) is None:
        return None
    exploration = _Exploration(pyfuncitem)
    schedule = pyfuncitem.config.stash.get(_SCHEDULE, None)
    if schedule is None:
        exploration.explore()
    else:
        exploration.replay(str(pyfuncitem.config.getoption("schedule")), schedule)
    return True


class _OfTheBench(pytest.Item):
    """A run of one of the bench's own scenarios, as a test."""

    def __init__(self, *, token: str, **known: Any) -> None:
        super().__init__(**known)
        self._token = token

    def runtest(self) -> None:
        """Make the run again."""
        try:
            run = replay(self._token)
        except BenchError as error:
            pytest.fail(str(error), pytrace=False)
        if run.property is not None:
            pytest.fail("\n".join(run.story.brief()), pytrace=False)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """What pytest calls it."""
        return self.path, None, f"schedule of {self.name}"
