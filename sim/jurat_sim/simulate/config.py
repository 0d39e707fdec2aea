"""Scenarios: what is simulated, as a TOML file says it.

    name = "deploy"                     # the random numbers follow from it

    [worker]
    threads = 4
    rate = { starts = 100, per = "1s", burst = 10 }
    drain_deadline = "30s"
    grace = "10s"

    [[load]]
    name = "orders"
    count = 100_000
    arrivals = { kind = "poisson", mean = "10ms" }
    service = { kind = "exponential", mean = "25ms" }
    faults = { raises = 0.01 }

    [[event]]
    at = "10m"
    do = "drain"
    replaced = "at once"

`read` makes a `Scenario` of it, or raises a `ScenarioError` that names the file, the line and the key.
Lengths of time are whole nanoseconds, shares are exact fractions: nothing is a float.  `schema.json`
beside this module says the same to an editor; a test holds the two together.
"""

# ruff: noqa: RUF009 - `said` makes a field, as `dataclasses.field` does

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from . import durations
from .distributions import Constant, Distribution, Erlang, Exponential, Hyperexponential, Uniform
from .errors import BadTrace, CannotRead
from .tables import (
    Choice,
    Document,
    Flag,
    Length,
    Many,
    OrUnlimited,
    Share,
    Table,
    Text,
    Whole,
    Word,
    said,
    schema_of,
)

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
FIRST_QUEUE = "default"
GIVEN = durations.LONGEST_NS
NEVER = Fraction(0)
MOST_THREADS = 500
"""Threads that a scenario's worker may have: each is a stack of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A limiter."""

    starts: int = said(Whole(1), "so many starts")
    per: int = said(Length(1, GIVEN), "in so long")
    burst: int = said(Whole(1), "so many at once after a rest", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What follows a failed attempt."""

    max_retries: int = said(Whole(0), "how many attempts follow the first at most")
    delay: int = said(Length(0, GIVEN), "the first backoff", S)
    cap: int = said(Length(0, GIVEN), "the longest backoff", 300 * S)
    jitter: Fraction = said(Share(), "the share of a backoff that is random", Fraction(1, 10))
    timeouts: bool = said(Flag(), "whether an attempt that took too long is followed by another", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many tasks that ended are remembered, and for how long."""

    number: int | None = said(OrUnlimited(Whole(0)), "how many", 1_000)
    age: int | None = said(OrUnlimited(Length(0, GIVEN)), "for how long", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """How the worker is built.  What is not said is as jurat's own defaults."""

    threads: int = said(Whole(1), "how many functions run at once", 4)
    queue_max: int | None = said(OrUnlimited(Whole(1)), "how many accepted tasks may wait", 10_000)
    queue_wait: int = said(Length(0, GIVEN), "how long a submission waits for room", 0)
    rate: RateLimit | None = said(Table(RateLimit), "how many tasks may start, and when", None)
    retry: Retry | None = said(Table(Retry), "what follows a failed attempt", None)
    timeout: int | None = said(OrUnlimited(Length(1, GIVEN)), "how long an attempt may take", None)
    retention: Retention = said(Table(Retention), "how many tasks that ended are remembered", Retention())
    drain_deadline: int | None = said(
        OrUnlimited(Length(0, GIVEN)), "how long a drain may take before it turns into a stop", 30 * S
    )
    grace: int = said(Length(0, GIVEN), "how long a stop waits for running functions", 10 * S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A named queue beside the first."""

    name: str = said(Text(), "what it is called")
    weight: int = said(Whole(1), "its share of the starts", 1)
    cap: int | None = said(OrUnlimited(Whole(1)), "how many of its tasks may run at once", None)
    rate: RateLimit | None = said(Table(RateLimit), "a limiter of its own", None)


# --- arrivals -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Regular:
    """One after the other, always as far apart."""

    every: int = said(Length(0), "how far apart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """At random, without memory."""

    mean: int = said(Length(1), "how far apart on average")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """So many at once, again and again."""

    size: int = said(Whole(1), "how many at once")
    every: int = said(Length(1), "how far apart the bursts are")


@dataclass(frozen=True, slots=True, kw_only=True)
class FromTrace:
    """As a file says: one line for each, its instant and, after a comma, how long it takes."""

    file: str = said(Text(), "the file, relative to the scenario")


Arrivals = Regular | Poisson | Bursts | FromTrace
ARRIVALS: dict[str, type] = {"regular": Regular, "poisson": Poisson, "bursts": Bursts, "trace": FromTrace}


# --- service ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantService:
    """Always as long."""

    length: int = said(Length(0, GIVEN), "how long")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialService:
    """Without memory."""

    mean: int = said(Length(1), "how long on average")


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformService:
    """Any length between two."""

    least: int = said(Length(0), "the shortest")
    most: int = said(Length(0), "the longest")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErlangService:
    """The sum of exponential stages: more regular than one."""

    stages: int = said(Whole(1), "how many stages")
    mean: int = said(Length(1), "how long on average, all stages together")


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperexponentialService:
    """One of two exponential lengths: more irregular than one."""

    share: Fraction = said(Share(), "how often the first")
    first: int = said(Length(1), "the mean of the first")
    second: int = said(Length(1), "the mean of the second")


Service = ConstantService | ExponentialService | UniformService | ErlangService | HyperexponentialService
SERVICES: dict[str, type] = {
    "constant": ConstantService,
    "exponential": ExponentialService,
    "uniform": UniformService,
    "erlang": ErlangService,
    "hyperexponential": HyperexponentialService,
}


def distribution(service: Service) -> Distribution:
    """What the lengths are drawn from."""
    match service:
        case ConstantService():
            return Constant(service.length)
        case ExponentialService():
            return Exponential(service.mean)
        case UniformService():
            return Uniform(service.least, service.most)
        case ErlangService():
            return Erlang(service.stages, service.mean)
        case HyperexponentialService():
            return Hyperexponential(service.share, service.first, service.second)


# --- what goes wrong ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What each attempt does with these probabilities, instead of returning.  One thing at most."""

    raises: Fraction = said(Share(), "it raises an exception when its time is over", NEVER)
    hangs: Fraction = said(Share(), "it never comes back by itself", NEVER)
    ignores: Fraction = said(Share(), "it does not look at its context while it works", NEVER)
    kills: Fraction = said(Share(), "it raises SystemExit when its time is over", NEVER)

    @property
    def any(self) -> bool:
        """Whether anything goes wrong."""
        return bool(self.raises or self.hangs or self.ignores or self.kills)


NOTHING_WRONG = Faults()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Hooks that fail: every so many calls of it one raises.  0 is: there is no such hook."""

    observer_raises_every: int = said(Whole(0), "calls of an observer", 0)
    callback_raises_every: int = said(Whole(0), "calls of done callbacks", 0)
    wrapper_raises_every: int = said(Whole(0), "entries into a wrapper", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Somebody who reads results, and is slow."""

    size: int = said(Whole(1), "how many results wait for it at most", 1_000)
    policy: str = said(
        Word(("drop_oldest", "drop_newest", "block")), "what happens when there is no room", "drop_oldest"
    )
    timeout: int | None = said(Length(0, GIVEN), "for `block`: how long a result waits for room", None)
    stalls: int = said(Length(0), "how long it does nothing after each result", 0)


# --- load and events ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A stream of tasks."""

    name: str = said(Text(), "what its tasks are called")
    arrivals: Arrivals = said(Choice("kind", ARRIVALS), "when tasks come")
    service: Service = said(Choice("kind", SERVICES), "how long they take", ConstantService(length=0))
    count: int | None = said(Whole(1), "how many tasks at most", None)
    until: int | None = said(Length(0), "none comes after this instant", None)
    start: int = said(Length(0), "when the first could come", 0)
    queue: str | None = said(Text(), "the queue they go to", None)
    priority: int = said(Whole(-1_000_000), "the lower number runs sooner", 0)
    timeout: int | None = said(Length(1, GIVEN), "how long an attempt may take", None)
    deadline: int | None = said(Length(1, GIVEN), "how long all of it may take", None)
    delay: int | None = said(Length(0, GIVEN), "how long a task is not to run after it came", None)
    faults: Faults = said(Table(Faults), "what goes wrong", NOTHING_WRONG)
    trace: tuple[tuple[int, int | None], ...] = ()
    """What the trace said: instants and lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """A drain (a deploy) or a stop (an incident)."""

    at: int = said(Length(0), "when")
    replaced: str = said(
        Word(("never", "at once", "when stopped")),
        "whether another worker takes over, and when: before this one is told, or when it has stopped",
        "never",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Shutdown):
    """Accept nothing more and finish what there is."""

    pending: str = said(Word(("finish", "cancel")), "what becomes of the tasks that wait", "finish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Shutdown):
    """Cancel what waits, ask what runs to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Start nothing."""

    at: int = said(Length(0), "when")
    queue: str | None = said(Text(), "of this queue; if not said, nothing at all", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Pause):
    """Start tasks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Another number of threads."""

    at: int = said(Length(0), "when")
    threads: int = said(Whole(1), "how many")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRate:
    """Another limiter; none, if no rate is said."""

    at: int = said(Length(0), "when")
    rate: RateLimit | None = said(Table(RateLimit), "the new one", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll:
    """Cancel what waits, and ask what runs."""

    at: int = said(Length(0), "when")


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """The wall clock jumps.  The monotonic clock, which the worker lives by, does not."""

    at: int = said(Length(0), "when")
    by: int = said(Length(-GIVEN), "how far; a minus is back")


Event = Drain | Stop | Pause | Resume | Resize | SetRate | CancelAll | WallClock
EVENTS: dict[str, type] = {
    "drain": Drain,
    "stop": Stop,
    "pause": Pause,
    "resume": Resume,
    "resize": Resize,
    "set_rate": SetRate,
    "cancel_all": CancelAll,
    "wall_clock": WallClock,
}


# --- guidance -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A bound on how long tasks take from submission to completion."""

    share: Fraction = said(Share(), "of so many of the tasks that complete", Fraction(99, 100))
    within: int = said(Length(0), "within so long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where to look."""

    least: int = said(Whole(1), "the smallest that may be proposed", 1)
    most: int = said(Whole(1), "the largest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What is wanted, and what may be changed for it (NH-5)."""

    latency: Latency | None = said(Table(Latency), "how soon tasks are to be complete", None)
    drain: int | None = said(Length(0), "how long a drain may take", None)
    threads: Range | None = said(Table(Range), "threads to choose from", None)
    starts: Range | None = said(Table(Range), "starts of the worker's rate, in its `per`", None)
    burst: Range | None = said(Table(Range), "bursts of the worker's rate", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated."""

    name: str = said(Text(), "what it is called; the random numbers follow from it")
    text: str = said(Text(), "what it shows", "")
    worker: Worker = said(Table(Worker), "how the worker is built", Worker())
    queue: tuple[Queue, ...] = said(Many(Table(Queue)), "its queues beside the first", ())
    load: tuple[Load, ...] = said(Many(Table(Load), 1), "the tasks that come")
    event: tuple[Event, ...] = said(Many(Choice("do", EVENTS)), "what else happens, and when", ())
    subscriber: tuple[Subscriber, ...] = said(Many(Table(Subscriber)), "who reads the results", ())
    hooks: Hooks = said(Table(Hooks), "hooks that fail", Hooks())
    guide: Guide | None = said(Table(Guide), "what is wanted of threads, rate and burst", None)
    hold: int = said(Length(0), "how long the worker is left alone after the last task, before its drain", 0)


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario."""
    return schema_of(Scenario, "A scenario of jurat simulate")


def read(path: Path, name: str | None = None) -> Scenario:
    """The scenario in this file.

    Parameters
    ----------
    name: what to call the file in errors; its path, if nothing is said.

    Raises
    ------
    ScenarioError: it cannot be simulated as it is written.
    """
    document = Document(path, name)
    scenario = document.read(Scenario)
    _check(document, scenario)
    loads = []
    for place, load in enumerate(scenario.load):
        trace = _trace(document, place, load) if isinstance(load.arrivals, FromTrace) else ()
        loads.append(replace(load, trace=trace))
    return replace(scenario, load=tuple(loads))


def _check(document: Document, scenario: Scenario) -> None:
    """What no field can say of itself."""
    queues = [queue.name for queue in scenario.queue]
    if len(set(queues)) != len(queues):
        raise document.refuse(("queue",), "must have different names")
    names = [load.name for load in scenario.load]
    if len(set(names)) != len(names):
        raise document.refuse(("load",), "must have different names")
    known = {FIRST_QUEUE, *queues}
    for place, load in enumerate(scenario.load):
        _check_load(document, ("load", place), load, known)
    for place, subscriber in enumerate(scenario.subscriber):
        if (subscriber.policy == "block") != (subscriber.timeout is not None):
            raise document.refuse(
                ("subscriber", place, "timeout"), "is for the policy block, and must be said there"
            )
    most = max([scenario.worker.threads, *(it.threads for it in scenario.event if isinstance(it, Resize))])
    if most > MOST_THREADS:
        raise document.refuse(("worker", "threads"), f"must be at most {MOST_THREADS}, and is {most}")
    for place, event in enumerate(scenario.event):
        queue = event.queue if isinstance(event, Pause) else None
        if queue is not None and queue not in known:
            raise document.refuse(("event", place, "queue"), f"must be one of {', '.join(sorted(known))}")
    _check_guide(document, scenario)


def _check_load(document: Document, path: tuple[str | int, ...], load: Load, queues: set[str]) -> None:
    if load.queue is not None and load.queue not in queues:
        raise document.refuse((*path, "queue"), f"must be one of {', '.join(sorted(queues))}")
    if load.count is None and load.until is None and not isinstance(load.arrivals, FromTrace):
        raise document.refuse(path, "must say count or until: it would never end")
    if isinstance(load.arrivals, Regular) and load.arrivals.every == 0 and load.count is None:
        raise document.refuse(path, "must say count: without time between tasks it would never end")
    if isinstance(load.service, UniformService) and load.service.least > load.service.most:
        raise document.refuse((*path, "service"), "must have least <= most")
    faults = load.faults
    if faults.raises + faults.hangs + faults.ignores + faults.kills > 1:
        raise document.refuse((*path, "faults"), "must not be more than 1 together")
    if load.delay is not None and load.deadline is not None and load.delay >= load.deadline:
        raise document.refuse((*path, "deadline"), "must be after the delay")


def _check_guide(document: Document, scenario: Scenario) -> None:
    guide = scenario.guide
    if guide is None:
        return
    if guide.latency is None and guide.drain is None:
        raise document.refuse(("guide",), "must say what is wanted: latency, drain or both")
    if guide.threads is None and guide.starts is None and guide.burst is None:
        raise document.refuse(("guide",), "must say what may be changed: threads, starts or burst")
    if (guide.starts or guide.burst) and scenario.worker.rate is None:
        raise document.refuse(("guide",), "cannot change starts or burst: the worker has no rate")
    for key in ("threads", "starts", "burst"):
        limits = getattr(guide, key)
        if limits is not None and limits.least > limits.most:
            raise document.refuse(("guide", key), "must have least <= most")
    if guide.threads is not None and guide.threads.most > MOST_THREADS:
        raise document.refuse(("guide", "threads", "most"), f"must be at most {MOST_THREADS}")


def _trace(document: Document, place: int, load: Load) -> tuple[tuple[int, int | None], ...]:
    """The instants of a trace file, and the lengths if it has them.  `#` begins a comment."""
    assert isinstance(load.arrivals, FromTrace)  # noqa: S101 - for the type checker
    name = load.arrivals.file
    path: tuple[str | int, ...] = ("load", place, "arrivals", "file")
    try:
        text = (document.path.parent / name).read_text(encoding="utf-8")
    except OSError as error:
        what = f"{name}: {error.strerror or type(error).__name__}"
        raise document.refuse(path, what, CannotRead) from None
    except UnicodeDecodeError:
        raise document.refuse(path, f"{name}: is not UTF-8 text", CannotRead) from None
    instants: list[tuple[int, int | None]] = []
    last = 0
    for line, whole in enumerate(text.splitlines(), 1):
        said_ = whole.partition("#")[0].strip()
        if not said_:
            continue
        at, comma, length = (part.strip() for part in said_.partition(","))
        try:
            at_ns = durations.parse(at)
            length_ns = durations.parse(length) if comma else None
        except ValueError as error:
            raise BadTrace(name, line, "", str(error)) from None
        if at_ns < last:
            raise BadTrace(name, line, "", f"{at} is before the instant of the line above")
        if length_ns is not None and length_ns < 0:
            raise BadTrace(name, line, "", f"{length} is negative")
        last = at_ns
        instants.append((at_ns, length_ns))
    if not instants:
        raise BadTrace(name, 0, "", "has no line")
    return tuple(instants)
