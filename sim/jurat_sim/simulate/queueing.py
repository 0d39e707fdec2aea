"""The worker against queueing theory: a queue whose mean wait is known, simulated ten times.

Each `Model` is a scenario and what theory says of it.  It is simulated with ten seeds that follow from
its name, none of which was chosen.  The means of these ten independent runs give an interval by Student's
t with nine degrees of freedom: theory should be within it, and is, but once in a thousand models, if the
worker does what the theory assumes.  The first tasks of a run, which find an empty queue, are left out.

Two things must not be within the interval: what a *twin* says, a formula that is known and wrong here;
and theory, when the worker has a defect of time.

Prior art: the method of independent replications, A. M. Law, *Simulation Modeling and Analysis*, 9.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import jurat

from ..build import load as build
from ..defects import defect_named
from ..errors import BenchError
from .config import (
    ConstantService,
    ExponentialService,
    HyperexponentialService,
    Load,
    Poisson,
    Scenario,
    Service,
    Worker,
    distribution,
)
from .errors import SimulationFailed
from .outcome import Verdict, simulate
from .theory import STUDENT_99_9, erlang_c, md1_wait, mg1_wait, mmc_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEEDS = 10
SKIPPED = 10
"""One in so many tasks is left out, from the beginning."""
US = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A queue that theory knows."""

    name: str
    threads: int
    arrival_ns: int
    """The mean time between arrivals."""
    service: Service
    wait: Fraction
    """What theory says of the mean wait, in nanoseconds."""
    waits: Fraction
    """What theory says of the share that waits."""
    formula: str
    twin: str
    """The formula that is wrong here."""
    twin_wait: Fraction
    """What it says of the mean wait."""
    defect: str

    def scenario(self, tasks: int) -> Scenario:
        """The model as a scenario of so many tasks."""
        return Scenario(
            name=self.name,
            worker=Worker(threads=self.threads, queue_max=None, drain_deadline=None),
            load=(
                Load(
                    name="task",
                    count=tasks,
                    arrivals=Poisson(mean=self.arrival_ns),
                    service=self.service,
                ),
            ),
        )


class Interval(NamedTuple):
    """The mean of independent values, and 99.9 % of Student's t around it, rounded outwards."""

    mean: int
    least: int
    most: int

    def holds(self, value: Fraction) -> bool:
        """Whether the value is within it."""
        return self.least <= value <= self.most


def interval(values: Sequence[int]) -> Interval:
    """The interval of these values.  There are five, ten or twenty of them."""
    count = len(values)
    total = sum(values)
    # The variance of the mean is sum((n x - total) ** 2) / (n ** 3 * (n - 1)).
    squares = sum((count * value - total) ** 2 for value in values)
    student = STUDENT_99_9[count - 1]
    half_squared = student**2 * Fraction(squares, count**3 * (count - 1))
    half = isqrt(half_squared.numerator // half_squared.denominator) + 1
    mean = total // count
    return Interval(mean, mean - half, mean + half + 1)


class Comparison(NamedTuple):
    """A quantity of a model: what theory says, and what was measured."""

    model: str
    what: str
    formula: str
    theory: int
    """Rounded to whole units."""
    interval: Interval
    seeds: tuple[int, ...]
    """What each run measured."""
    holds: bool
    """Theory is within the interval."""


class Examined(NamedTuple):
    """A model, its comparisons, and that they can fail."""

    comparisons: tuple[Comparison, ...]
    twin: str
    twin_wait: int
    twin_refuted: bool
    defect: str
    defect_title: str
    defect_interval: Interval | None
    """Of the mean wait with the defect."""
    defect_refuted: bool
    trouble: str
    tasks: int
    events: int


def examine(
    model: Model, *, tasks: int, defect_tasks: int, advance: Callable[[], None] | None = None
) -> Examined:
    """Simulate a model ten times with the worker, and ten times with its defect.

    Raises
    ------
    SimulationFailed: a run of the worker did not end, or one of its checks does not hold.
    """
    waits, shares, events = _measured(model, tasks, jurat, checked=True, advance=advance)
    of_waits, of_shares = interval(waits), interval(shares)
    million = 1_000_000
    comparisons = (
        Comparison(
            model.name,
            "mean wait, ns",
            model.formula,
            round(model.wait),
            of_waits,
            tuple(waits),
            of_waits.holds(model.wait),
        ),
        Comparison(
            model.name,
            "tasks that wait, in a million",
            "Erlang C" if model.threads > 1 else "rho",
            round(model.waits * million),
            of_shares,
            tuple(shares),
            of_shares.holds(model.waits * million),
        ),
    )
    defect = defect_named(model.defect)
    seeded = None
    trouble = ""
    try:
        package = build(name=defect.id, patches=defect.patches).package
        seeded = interval(_measured(model, defect_tasks, package, checked=False, advance=advance)[0])
    except BenchError as error:
        trouble = str(error)
    return Examined(
        comparisons=comparisons,
        twin=model.twin,
        twin_wait=round(model.twin_wait),
        twin_refuted=not of_waits.holds(model.twin_wait),
        defect=defect.id,
        defect_title=defect.title,
        defect_interval=seeded,
        defect_refuted=seeded is not None and not seeded.holds(model.wait),
        trouble=trouble,
        tasks=tasks * SEEDS,
        events=events,
    )


def _measured(
    model: Model, tasks: int, package: Any, *, checked: bool, advance: Callable[[], None] | None
) -> tuple[list[int], list[int], int]:
    """Of each seed: the mean wait in nanoseconds, and how many of a million tasks wait; and the events."""
    waits, shares = [], []
    events = 0
    for seed in range(SEEDS):
        outcome = simulate(model.scenario(tasks), number=seed, package=package, replayed=checked)
        if outcome.verdict is Verdict.UNDETERMINED or (checked and outcome.problems):
            raise SimulationFailed(f"{model.name}, seed {seed}: {'; '.join(outcome.problems)}")
        counted = outcome.run.ledger.waits[tasks // SKIPPED :]
        waits.append(sum(counted) // len(counted))
        shares.append(sum(wait > 0 for wait in counted) * 1_000_000 // len(counted))
        events += outcome.figures["events"]
        if advance is not None:
            advance()
    return waits, shares, events


# --- the models -----------------------------------------------------------------------------------

# Odd numbers, so that no rounding goes unseen.  A load of seven tenths: waiting matters, and a few
# thousand tasks tell its mean well enough.
ARRIVAL_NS = 1_000 * US + 7


def _mmc(threads: int) -> Model:
    service = threads * 700 * US + 3
    mean, arrival = Fraction(service), Fraction(1, ARRIVAL_NS)
    return Model(
        name=f"M/M/{threads}",
        threads=threads,
        arrival_ns=ARRIVAL_NS,
        service=ExponentialService(mean=service),
        wait=mmc_wait(threads, arrival, mean),
        waits=erlang_c(threads, arrival * mean),
        formula="Erlang C / (c mu - lambda)",
        twin=f"M/M/1 with a thread {threads} times as fast",
        twin_wait=mmc_wait(1, arrival, mean / threads),
        defect="T04",
    )


def _single(
    name: str, service: Service, twin: str, twin_wait: Callable[[Fraction, Fraction], Fraction]
) -> Model:
    law = distribution(service)
    arrival = Fraction(1, ARRIVAL_NS)
    return Model(
        name=name,
        threads=1,
        arrival_ns=ARRIVAL_NS,
        service=service,
        wait=mg1_wait(arrival, law.mean_ns, law.second_moment_ns2),
        waits=arrival * law.mean_ns,
        formula="lambda E[S^2] / (2 (1 - rho))",
        twin=twin,
        twin_wait=twin_wait(arrival, law.mean_ns),
        defect="T11",
    )


def _as_mm1(arrival: Fraction, mean: Fraction) -> Fraction:
    return mmc_wait(1, arrival, mean)


MODELS: tuple[Model, ...] = (
    _mmc(3),
    _single("M/D/1", ConstantService(length=700 * US + 3), "M/M/1", _as_mm1),
    _single(
        "M/G/1",
        HyperexponentialService(share=Fraction(1, 4), first=1_300 * US + 3, second=500 * US + 1),
        "M/D/1",
        md1_wait,
    ),
)
