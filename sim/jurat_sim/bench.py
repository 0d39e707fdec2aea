"""The bench: one scenario, with one build of the worker, run as often as you like.

`Bench` holds what the runs of a campaign share: the build, which may be a patched or
instrumented copy, and the pool of carriers.  `Bench.run` makes one run under a strategy
and holds it against the checks.  A run depends on the choices of its strategy and on
nothing else: its numbers come from the scenario's name, its time from the bench.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .build import Build, load
from .checks import STEP_BOUND, check
from .pool import Pool
from .randomness import seed_of
from .runtime import BenchRuntime
from .stage import Stage
from .tokens import Grain, Schedule, encode, name_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

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
    """A scenario and a build of the worker.  Close it, or use it in a `with`."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        defect: Defect | None = None,
        grain: Grain = Grain.SEAM,
        package: str = "jurat",
        tick_ns: int = 1,
    ) -> None:
        self.scenario = scenario
        self.defect = defect
        self.grain = grain
        self.tick_ns = tick_ns
        """What a reading of the clock costs; zero for searches, to whom readings must commute."""
        patches = () if defect is None else defect.patches
        self.build: Build = load(
            package, name="clean" if defect is None else defect.id, patches=patches, grain=grain
        )
        self._pool = Pool()
        self._seed = seed_of(scenario.name)

    def run(
        self, strategy: Strategy, number: int = 0, *, watch: Callable[[Stage], None] | None = None
    ) -> Run:
        """One run, with its findings.

        Parameters
        ----------
        number: handed to the strategy, whose choices depend on it.
        watch: called with the stage before the first step, for those who want to look on.
        """
        strategy.begin(number)
        points = self.build.points
        runtime = BenchRuntime(strategy, self._pool, tick_ns=self.tick_ns, seed=self._seed)
        if points is not None:
            points.use(runtime)
        try:
            stage = Stage(self.build.package, runtime)
            self.scenario.describe(stage)
            if watch is not None:
                watch(stage)
            ending = runtime.run()
            findings = check(stage)
            return Run(
                ending,
                findings,
                stage.log[:],
                runtime.deviations,
                runtime.steps,
                runtime.choices,
                runtime.accesses,
            )
        finally:
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
                tick_ns=self.tick_ns,
                source=self.source,
                deviations=tuple(run.deviations),
            )
        )

    @property
    def source(self) -> int:
        """Sixteen bits of the digest of the worker's files."""
        return int(self.build.digest[:4], 16)

    def close(self) -> None:
        """Give the carriers up."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
