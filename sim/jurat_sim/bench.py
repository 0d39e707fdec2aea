"""The bench: one scenario, with one build of the worker, run as often as you like.

`Bench` holds what the runs of a campaign share: the build, which may be a patched or
instrumented copy, and the pool of carriers.  `Bench.run` makes one run under a strategy
and holds it against the checks.  A run depends on the choices of its strategy and on
nothing else: its numbers come from the scenario's name, its time from the bench.
"""

from __future__ import annotations

import gc
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import batons, pool
from .build import Build, load
from .carriers import Backend
from .checks import STEP_BOUND, Checks
from .errors import UnknownBackend
from .randomness import seed_of
from .runtime import BenchRuntime
from .stage import Stage
from .tokens import Grain, Schedule, encode, name_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType
    from typing import Self

    from .carriers import Pool
    from .findings import Finding
    from .runtime import Ending, Strategy
    from .scenarios import Scenario
    from .seeding import Defect


@dataclass(slots=True, eq=False)
class Run:
    """What one run did.  Made for every schedule, so it holds references and computes late."""

    ending: Ending
    findings: list[Finding]
    log: list[Any]
    deviations: list[tuple[int, int]]
    steps: int
    choices: int
    accesses: int
    submissions: int
    """Calls of submit and submit_all, with those that were left out."""
    omitted: tuple[int, ...]
    """Those that were left out, in the order in which the run came to them, from 0."""

    @property
    def verdict_is_open(self) -> bool:
        """Nothing was found, but the run was cut short."""
        return bool(self.findings) and self.findings[0].property == STEP_BOUND

    @property
    def trace(self) -> tuple[Any, ...]:
        """The log without its times: what happened, in which order."""
        return tuple([(action, task, attempt) for _, action, task, attempt, _ in self.log])

    @property
    def digest(self) -> str:
        """Of the log with its times.  Two runs with one digest are one run."""
        return hashlib.sha256(repr(self.log).encode()).hexdigest()


class Bench:
    """A scenario and a build of the worker.  Close it, or use it in a `with`.

    Parameters
    ----------
    defect, grain, package: which build.
    build: this one, of that grain, instead of one of its own.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        defect: Defect | None = None,
        grain: Grain = Grain.SEAM,
        package: str = "jurat",
        build: Build | None = None,
        backend: Backend | str = Backend.GREENLETS,
        check: Callable[[Stage], list[Finding]] | None = None,
        step_bound: int | None = None,
        time_is_a_choice: bool = True,
        depends_on: bytes = b"",
        told: str | None = None,
        tick_ns: int = 1,
    ) -> None:
        """Load the build.

        Parameters
        ----------
        build: what is run, if it is loaded already.
        check: what is wrong with a run that is over and not yet closed; None is `Checks`.
        step_bound: steps after which a run is cut short; None is as many as the runtime allows.
        time_is_a_choice: time may pass though threads could run; see `runtime`.
        depends_on: source, other than the worker's, that a schedule of this bench was recorded from.
        tick_ns: what a reading of the clock costs; zero for searches, to whom readings must commute.
        told: the module whose functions a story names, besides the worker's; None is the scenario's own.
        """
        self.told = scenario.describe.__module__ if told is None else told
        self._check = Checks() if check is None else check
        self._options: dict[str, Any] = {"tick_ns": tick_ns, "time_is_a_choice": time_is_a_choice}
        self._options |= scenario.clock
        if step_bound is not None:
            self._options["step_bound"] = step_bound
        self._depends_on = depends_on
        self.scenario = scenario
        self.defect = defect
        self.grain = grain
        self.package = package
        if build is None:
            name, patches = ("clean", ()) if defect is None else (defect.id, defect.patches)
            build = load(package, name=name, patches=patches, grain=grain)
        self.build = build
        self._pool = pool_of(backend)
        self._seed = seed_of(scenario.name)

    def run(
        self,
        strategy: Strategy,
        number: int = 0,
        *,
        omit: Collection[int] = (),
        watch: Callable[[Stage], None] | None = None,
        look: Callable[[Stage], None] | None = None,
    ) -> Run:
        """One run, with its findings.

        Parameters
        ----------
        number: handed to the strategy, whose choices depend on it.
        omit: submissions that are left out; see `stage`.
        watch: called with the stage before the first step, for those who want to look on.
        look: called with the stage when the run is over, and its threads still stand where it left them.
        """
        collecting = gc.isenabled()
        gc.disable()  # no finalizer runs in the middle of a run; and a twelfth of the time is saved
        try:
            return self._run(strategy, number, omit, watch, look)
        finally:
            if collecting:
                gc.enable()

    def _run(
        self,
        strategy: Strategy,
        number: int,
        omit: Collection[int],
        watch: Callable[[Stage], None] | None,
        look: Callable[[Stage], None] | None,
    ) -> Run:
        strategy.begin(number)
        points = self.build.points
        runtime = BenchRuntime(strategy, self._pool, seed=self._seed, **self._options)
        try:
            stage = Stage(self.build.package, runtime, omit)
            self.scenario.describe(stage)
            if watch is not None:
                watch(stage)
            if points is not None:
                points.use(runtime)
            ending = runtime.run()
            if points is not None:
                points.use(None)  # what is asked of the worker now is asked by nobody who runs
            findings = self._check(stage)
            if look is not None:
                look(stage)
            return Run(
                ending,
                findings,
                stage.log[:],
                runtime.deviations,
                runtime.steps,
                runtime.choices,
                runtime.accesses,
                stage.calls_made,
                stage.omitted,
            )
        finally:
            if points is not None:
                points.use(runtime)  # for threads that are ended in the middle, and would go on
            runtime.close()
            if points is not None:
                points.use(None)

    def token(self, run: Run) -> str:
        """The token that makes this run again."""
        return encode(
            Schedule(
                scenario=name_hash(self.scenario.name),
                grain=self.grain,
                defect=None if self.defect is None else self.defect.id,
                tick_ns=self._options["tick_ns"],
                source=self.source,
                deviations=tuple(run.deviations),
                omitted=run.omitted,
            )
        )

    @property
    def source(self) -> int:
        """Sixteen bits of the digest of the worker's files, and of what else a schedule depends on."""
        digest = self.build.digest
        if self._depends_on:
            digest = hashlib.sha256(digest.encode() + self._depends_on).hexdigest()
        return int(digest[:4], 16)

    def close(self) -> None:
        """Give the carriers up."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def pool_of(backend: Backend | str) -> Pool:
    """A new pool of carriers of this kind.

    Raises
    ------
    UnknownBackend: there is no such kind.
    """
    match backend:
        case Backend.GREENLETS:
            return pool.Pool()
        case Backend.THREADS:
            return batons.Pool()
        case _:
            raise UnknownBackend(str(backend))
