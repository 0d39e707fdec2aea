"""Laws of time, over many loads: what a closed form says of one set of numbers, said of all that are drawn.

Each `TimeLaw` simulates loads that are drawn from its name and compares what was measured with what
`laws` computes from the load alone: for every start, every window, every backoff, every shutdown.  A law
is worth something only if it can fail, so each names a defect, and the same comparison of a worker with
that defect must find something that does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import jurat

from ..build import load as build
from ..defects import defect_named
from ..errors import BenchError
from ..randomness import SplitMix64, derive, seed_of
from ..runtime import Ending
from .config import (
    NOTHING_WRONG,
    ConstantService,
    Drain,
    Event,
    Faults,
    FromTrace,
    Load,
    Queue,
    RateLimit,
    Retry,
    Scenario,
    Service,
    Stop,
    Worker,
)
from .distributions import below, exponential
from .errors import SimulationFailed
from .laws import Rate, fair_windows, list_schedule, makespan_bounds, permitted, windows
from .run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MS = 1_000_000
S = 1_000 * MS
ALL = Fraction(1)


class Held(NamedTuple):
    """Some comparisons of one simulation."""

    compared: int
    broken: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLaw:
    """A law, the loads it is held at, and the defect that breaks it."""

    name: str
    formula: str
    defect: str
    hold: Callable[[SplitMix64, Any], Held]
    """Draw a load, simulate it with this package, and compare."""
    loads: int
    """How many are drawn by default."""


class Finding(NamedTuple):
    """A law, held against the worker and against the worker with the defect."""

    name: str
    formula: str
    loads: int
    compared: int
    broken: int
    defect: str
    defect_title: str
    defect_broken: int | None
    """In how many comparisons the worker with the defect breaks the law.  None: it could not be compared."""
    trouble: str
    events: int

    @property
    def holds(self) -> bool:
        """Every comparison holds, and there was one."""
        return self.compared > 0 and not self.broken

    @property
    def can_fail(self) -> bool:
        """The worker with the defect breaks the law."""
        return bool(self.defect_broken)


def examine(law: TimeLaw, *, factor: int = 1) -> Finding:
    """Hold a law against the worker at `factor` times its loads, and against its defect at one time.

    Raises
    ------
    SimulationFailed: a simulation of the worker did not come to its end.
    """
    defect = defect_named(law.defect)
    held = list(_held(law, jurat, law.loads * factor))
    broken = None
    trouble = ""
    try:
        seeded = build(name=defect.id, patches=defect.patches).package
        broken = sum(it.broken for it in _held(law, seeded, law.loads))
    except BenchError as error:
        trouble = str(error)
    return Finding(
        name=law.name,
        formula=law.formula,
        loads=len(held),
        compared=sum(it.compared for it in held),
        broken=sum(it.broken for it in held),
        defect=defect.id,
        defect_title=defect.title,
        defect_broken=broken,
        trouble=trouble,
        events=sum(it.events for it in held),
    )


def _held(law: TimeLaw, package: Any, loads: int) -> Iterator[Held]:
    for number in range(loads):
        yield law.hold(SplitMix64(derive(seed_of(law.name), number)), package)


# --- simulations ----------------------------------------------------------------------------------


def _play(scenario: Scenario, package: Any) -> Run:
    run = Run(scenario, package=package, replayed=False, kept=True).play()
    if run.ending is not Ending.FINISHED:
        raise SimulationFailed(f"{scenario.name}: {run.ending}: {run.trouble}")
    return run


def _load(
    name: str,
    trace: Sequence[tuple[int, int | None]],
    *,
    service: Service = ConstantService(length=0),  # noqa: B008 - frozen
    faults: Faults = NOTHING_WRONG,
    queue: str | None = None,
) -> Load:
    return Load(
        name=name,
        arrivals=FromTrace(file="drawn"),
        trace=tuple(trace),
        service=service,
        faults=faults,
        queue=queue,
    )


def _between(numbers: SplitMix64, least: int, most: int) -> int:
    return least + below(numbers, most - least + 1)


def _differ(measured: Sequence[int], expected: Sequence[int]) -> int:
    """In how many places two series differ; those that only one has count."""
    common = sum(one != other for one, other in zip(measured, expected, strict=False))
    return common + abs(len(measured) - len(expected))


def _limited(numbers: SplitMix64, package: Any) -> tuple[Run, list[int], Rate]:
    """Tasks that take no time under a limiter that is sometimes idle and sometimes far behind."""
    limit = RateLimit(
        starts=_between(numbers, 1, 9),
        per=_between(numbers, 5 * MS, 20 * MS),
        burst=_between(numbers, 1, 12),
    )
    at = 0
    arrivals: list[int] = []
    apart = limit.per // limit.starts
    for _ in range(12):
        at += exponential(numbers, 8 * apart)
        for _ in range(_between(numbers, 1, 16)):
            arrivals.append(at)
            at += exponential(numbers, apart // 3)
    scenario = Scenario(
        name="limited",
        worker=Worker(threads=2, rate=limit, drain_deadline=None),
        load=(_load("task", [(it, None) for it in arrivals]),),
    )
    return _play(scenario, package), arrivals, Rate(limit.starts, limit.per, limit.burst)


def _windows(numbers: SplitMix64, package: Any) -> Held:
    run, _, rate = _limited(numbers, package)
    starts = run.ledger.starts[0]
    found = windows(starts, rate)
    # The window law is one inequality for each pair; the number of those that are broken is not needed.
    return Held(found.windows, int(not found.hold), len(run.events))


def _first_permitted(numbers: SplitMix64, package: Any) -> Held:
    run, arrivals, rate = _limited(numbers, package)
    starts = run.ledger.starts[0]
    return Held(len(arrivals), _differ(starts, permitted(arrivals, rate)), len(run.events))


def _conserves(numbers: SplitMix64, package: Any) -> Held:
    threads = _between(numbers, 2, 5)
    at = 0
    trace: list[tuple[int, int | None]] = []
    for _ in range(150):
        at += exponential(numbers, 2 * MS)
        trace.append((at, exponential(numbers, 2 * MS * threads * 9 // 10)))
    scenario = Scenario(
        name="conserves",
        worker=Worker(threads=threads, drain_deadline=None),
        load=(_load("task", trace),),
    )
    run = _play(scenario, package)
    expected = list_schedule([length or 0 for _, length in trace], threads, [it for it, _ in trace])
    return Held(len(trace), _differ(run.ledger.starts[0], expected), len(run.events))


def _drained(numbers: SplitMix64, package: Any) -> tuple[Run, list[int], int]:
    threads = _between(numbers, 2, 6)
    lengths = [exponential(numbers, 30 * MS) for _ in range(_between(numbers, threads, 40))]
    scenario = Scenario(
        name="drained",
        worker=Worker(threads=threads, drain_deadline=None),
        load=(_load("task", [(0, length) for length in lengths]),),
        event=(Drain(at=1),),
    )
    return _play(scenario, package), lengths, threads


def _drain_equals(numbers: SplitMix64, package: Any) -> Held:
    run, lengths, threads = _drained(numbers, package)
    starts = list_schedule(lengths, threads)
    expected = max(at + length for at, length in zip(starts, lengths, strict=True)) - 1
    return Held(1, int(run.closings[0].length_ns != expected), len(run.events))


def _drain_bounds(numbers: SplitMix64, package: Any) -> Held:
    run, lengths, threads = _drained(numbers, package)
    least, most = makespan_bounds(lengths, threads)
    length = run.closings[0].ended_ns
    return Held(2, (length < least) + (length > most), len(run.events))


def _mix(numbers: SplitMix64) -> list[tuple[int, int, bool]]:
    """Tasks that come within 50 ms: when, for how long, and whether they look at their contexts."""
    tasks = []
    at = 0
    for _ in range(_between(numbers, 4, 12)):
        at += exponential(numbers, 4 * MS)
        tasks.append((at, exponential(numbers, 60 * MS), below(numbers, 3) > 0))
    return tasks


def _ended_early(numbers: SplitMix64, package: Any, worker: Worker, event: Event) -> tuple[Run, int]:
    """A shutdown of such a mix, and how long the longest of those that ignore their context has to go."""
    tasks = _mix(numbers)
    loads = [
        _load(str(place), [(at, length)], faults=NOTHING_WRONG if looks else Faults(ignores=ALL))
        for place, (at, length, looks) in enumerate(tasks)
    ]
    scenario = Scenario(name="ended early", worker=worker, load=tuple(loads), event=(event,))
    # Every task has a thread of its own: what is still running at an instant follows from the load.
    left = [at + length - event.at for at, length, looks in tasks if at <= event.at and not looks]
    return _play(scenario, package), max([0, *left])


def _stop_equals(numbers: SplitMix64, package: Any) -> Held:
    grace = _between(numbers, 1, 50 * MS)
    worker = Worker(threads=12, grace=grace, drain_deadline=None)
    run, left = _ended_early(numbers, package, worker, Stop(at=_between(numbers, 10 * MS, 60 * MS)))
    return Held(1, int(run.closings[0].length_ns != min(grace, left)), len(run.events))


def _stop_bound(numbers: SplitMix64, package: Any) -> Held:
    grace = _between(numbers, 1, 50 * MS)
    worker = Worker(threads=12, grace=grace, drain_deadline=None)
    run, _ = _ended_early(numbers, package, worker, Stop(at=_between(numbers, 10 * MS, 60 * MS)))
    return Held(1, int(run.closings[0].length_ns > grace), len(run.events))


def _drain_deadline(numbers: SplitMix64, package: Any) -> Held:
    grace, deadline = _between(numbers, 1, 30 * MS), _between(numbers, 1, 30 * MS)
    worker = Worker(threads=12, grace=grace, drain_deadline=deadline)
    run, _ = _ended_early(numbers, package, worker, Drain(at=_between(numbers, 10 * MS, 60 * MS)))
    return Held(1, int(run.closings[0].length_ns > deadline + grace), len(run.events))


RETRIED = 200


def _failing(numbers: SplitMix64, package: Any, jitter: Fraction, retries: int) -> tuple[Run, Retry]:
    retry = Retry(
        max_retries=retries,
        delay=_between(numbers, MS, 3 * MS),
        cap=_between(numbers, 6 * MS, 20 * MS),
        jitter=jitter,
    )
    scenario = Scenario(
        name=f"failing {numbers.next()}",
        worker=Worker(threads=RETRIED // 10, retry=retry, drain_deadline=None, queue_max=None),
        load=(_load("task", [(place, 0) for place in range(RETRIED)], faults=Faults(raises=ALL)),),
        # Until all have failed for good: a worker that drains looks at every task after each retry.
        hold=(retries + 1) * retry.cap,
    )
    return _play(scenario, package), retry


def _retries(numbers: SplitMix64, package: Any) -> Held:
    """Each backoff is in its band, and each attempt starts when it is over."""
    jitter = Fraction(below(numbers, 5), 4)
    run, retry = _failing(numbers, package, jitter, 5)
    broken = 0
    for attempt, _, delay in run.ledger.delays:
        longest = min(retry.cap, retry.delay * 2 ** (attempt - 1))
        broken += not (1 - jitter) * longest <= delay <= longest
    due = [event[0] for event in run.events if event[1] == "Start" and event[3] > 1]
    expected = sorted(at + delay for _, at, delay in run.ledger.delays)
    return Held(2 * len(expected), broken + _differ(due, expected), len(run.events))


CELLS = 10
CHI_SQUARE = Fraction(27877, 1000)
"""Which the statistic exceeds once in a thousand times, with nine degrees of freedom.

Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4."""


def _spread(numbers: SplitMix64, package: Any) -> Held:
    """The backoffs of one attempt fill their band evenly: ten parts of it, as a chi-square test sees them."""
    run, retry = _failing(numbers, package, ALL, 1)
    cells = [0] * CELLS
    for _, _, delay in run.ledger.delays:
        cells[min(CELLS - 1, delay * CELLS // (min(retry.delay, retry.cap) + 1))] += 1
    even = Fraction(RETRIED, CELLS)
    statistic = sum((count - even) ** 2 for count in cells) / even
    return Held(1, int(statistic > CHI_SQUARE), len(run.events))


def _fair(numbers: SplitMix64, package: Any) -> Held:
    """Queues that always have a task that waits, on one thread."""
    weights = [_between(numbers, 1, 7) for _ in range(_between(numbers, 2, 4))]
    rounds = 6
    names = [f"queue-{place}" for place in range(len(weights))]
    loads = [
        _load(name, [(1, MS)] * ((rounds + 1) * weight), queue=name)
        for name, weight in zip(names, weights, strict=True)
    ]
    scenario = Scenario(
        name="fair",
        worker=Worker(threads=1, drain_deadline=None),
        queue=tuple(Queue(name=name, weight=weight) for name, weight in zip(names, weights, strict=True)),
        # The thread is busy until every queue is full, so that the first turn is everybody's.
        load=(_load("first", [(0, 2)]), *loads),
    )
    run = _play(scenario, package)
    queue_of = {event[2]: event[4]["queue"] for event in run.events if event[1] == "Submit"}
    turns = [
        names.index(queue_of[event[2]])
        for event in run.events
        if event[1] == "Start" and queue_of[event[2]] in names
    ]
    # In the last round queues run empty, and who has nothing owes nothing.
    found = fair_windows(turns[: rounds * sum(weights)], weights)
    return Held(found.windows, found.unfair, len(run.events))


TIME_LAWS: tuple[TimeLaw, ...] = (
    TimeLaw(
        name="every window bound",
        formula="in every closed window of length w, at most burst + rate * w starts",
        defect="D08",
        hold=_windows,
        loads=8,
    ),
    TimeLaw(
        name="work conservation under a limiter",
        formula="each start at the first instant at which no window goes beyond its bound",
        defect="T07",
        hold=_first_permitted,
        loads=8,
    ),
    TimeLaw(
        name="work conservation of threads",
        formula="each start when the task has come and a thread is free, in order of admission",
        defect="T11",
        hold=_conserves,
        loads=6,
    ),
    TimeLaw(
        name="the length of a drain, where the schedule is determined",
        formula="the makespan of the list schedule",
        defect="T11",
        hold=_drain_equals,
        loads=12,
    ),
    TimeLaw(
        name="the length of a drain, between Graham's bounds",
        formula="max(longest, total / threads) <= length <= total / threads + (1 - 1 / threads) * longest",
        defect="T04",
        hold=_drain_bounds,
        loads=12,
    ),
    TimeLaw(
        name="the length of a drain with a deadline",
        formula="at most deadline + grace",
        defect="T01",
        hold=_drain_deadline,
        loads=12,
    ),
    TimeLaw(
        name="the length of a stop",
        formula="at most the grace",
        defect="T12",
        hold=_stop_bound,
        loads=12,
    ),
    TimeLaw(
        name="the length of a stop, of tasks with a thread each",
        formula="min(grace, what those that ignore their context have left)",
        defect="T02",
        hold=_stop_equals,
        loads=12,
    ),
    TimeLaw(
        name="retry times, within the jitter",
        formula="(1 - jitter) * d <= backoff <= d = min(cap, delay * 2 ** (i - 1)), then a start",
        defect="T05",
        hold=_retries,
        loads=5,
    ),
    TimeLaw(
        name="retry times, across the jitter",
        formula=f"chi-square over {CELLS} parts of the band at most 27.877 (9 degrees of freedom, 99.9 %)",
        defect="T13",
        hold=_spread,
        loads=5,
    ),
    TimeLaw(
        name="fairness of weighted queues",
        formula="in every window of as many starts as the weights sum up to, each queue has its weight",
        defect="T14",
        hold=_fair,
        loads=8,
    ),
)
