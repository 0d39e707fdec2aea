"""One run of a scenario: the shipped worker in virtual time, from the first task to the last thread.

The worker runs on the very runtime that explores interleavings (`BenchRuntime`), here with one order:
a thread runs until it waits.  Work takes no time, waiting takes what was asked for, and time passes
only when nobody can run.  So a month is as long as its events.

Who takes part, each a thread of the run: a *source* for each load, which submits; the *operator*, who
does what the scenario's events say; a *closer* for each shutdown, who waits for it; a *reader* for each
subscription; and the *conductor*, who drains what is left when the sources and the operator are done.
When all workers have stopped, tasks that hang are let go, so that every thread ends.

A worker that is replaced is followed by another with a log of its own.  Each log is replayed against
the specification while it is written.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jurat
from jurat_spec.replay import NotABehaviour, Replay

from ..pool import Pool
from ..randomness import SplitMix64, derive, seed_of
from ..runtime import BenchRuntime, Ending
from ..strategies import RunToBlock
from . import config, durations
from .arrivals import instants
from .distributions import happens
from .ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..primitives import BenchGate, BenchThread
    from .config import Load, Scenario

STEPS = 2_000_000_000
"""Steps of threads after which a run is cut short: then nothing follows from it."""

EVERY = 1_024
"""Submissions after which the log is read and cut."""

SPANS = 2_000
"""Attempts whose place and time are kept, for a picture."""


class Site(StrEnum):
    """Where something may go wrong on purpose."""

    TASK_RAISES = "a task raises an exception"
    TASK_HANGS = "a task never comes back by itself"
    TASK_IGNORES = "a task works on though its context has asked it to come back"
    TASK_KILLS = "a task raises SystemExit on its thread"
    WALL_CLOCK = "the wall clock jumps"
    SUBSCRIBER = "a subscriber stalls"
    OBSERVER = "an observer raises"
    CALLBACK = "a done callback raises"
    WRAPPER = "a wrapper raises"


class SimulatedFailure(Exception):
    """What a task raises when its scenario says that it fails."""


class Span(NamedTuple):
    """An attempt on its thread."""

    worker: int
    thread: str
    load: int
    began_ns: int
    ended_ns: int
    how: str


@dataclass(slots=True, kw_only=True)
class Closing:
    """A shutdown that was waited for."""

    worker: int
    what: str
    """`drain` or `stop`."""
    live: int
    """Tasks that had not ended when it began."""
    began_ns: int
    bound_ns: int | None
    """What its length must not exceed: the drain's deadline and the grace; None is no bound."""
    ended_ns: int = -1

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return self.ended_ns - self.began_ns


@dataclass(slots=True)
class Witness:
    """What the functions themselves count."""

    entered: int = 0
    returned: int = 0
    raised: int = 0
    inside: Counter[int] = field(default_factory=Counter)
    """By submission, how many calls of its function have not come back."""
    twice: int = 0
    """How often a function was entered while a call of the same submission had not come back."""


class Machine(BenchRuntime):
    """The bench's runtime, with a wall clock that may jump."""

    jumped_ns = 0

    def wall_ns(self) -> int:
        """The wall clock, wherever it has jumped to."""
        return super().wall_ns() + self.jumped_ns


class Generation:
    """One worker of the run, and its log."""

    def __init__(self, number: int, worker: Any, log: list[Any], *, cut: bool, replayed: bool) -> None:
        self.number = number
        self.worker = worker
        self.log = log
        self.replay = Replay() if replayed else None
        self.refused: NotABehaviour | None = None
        self.closed = False
        self._cut = cut
        self._seen = 0

    def read(self) -> list[Any]:
        """Read and replay what was recorded since, and cut it off if nobody else reads it."""
        events = self.log[self._seen :]
        if self._cut:
            del self.log[:]
        else:
            self._seen += len(events)
        if self.replay is not None and self.refused is None:
            try:
                for event in events:
                    self.replay.step(event)
            except NotABehaviour as refused:
                self.refused = refused
        return events


class Run:
    """A run, while it goes on and when it is over."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        number: int = 0,
        package: Any = jurat,
        replayed: bool = True,
        kept: bool = False,
    ) -> None:
        """A run to be made.

        Parameters
        ----------
        number: which of the scenario's runs; each draws other numbers.
        package: the worker's package, or a build of it with a defect.
        replayed: whether each event is held against the specification.
        kept: whether the events are kept in `events`, in the order in which they were read.
        """
        self.scenario = scenario
        self.number = number
        self.ledger = Ledger()
        self.generations: list[Generation] = []
        self.closings: list[Closing] = []
        self.witness = Witness()
        self.offered = 0
        self.refused: Counter[str] = Counter()
        """By the error's name, what the sources were told."""
        self.unheard: Counter[str] = Counter()
        """Events that a worker in shutdown has refused, by name."""
        self.sites: Counter[Site] = Counter()
        self.problems: Counter[str] = Counter()
        """What the worker reported of hooks that failed."""
        self.accounts: list[tuple[Any, int]] = []
        """Of each subscription, what it says of itself at the end, and what its reader got."""
        self.spans: list[Span] = []
        self.ending: Ending | None = None
        self.trouble = ""
        self.ended_ns = 0
        self.steps = 0
        self.events: list[Any] = []
        self._jurat = package
        self._kept = kept
        self._replayed = replayed
        self._seed = derive(seed_of(scenario.name), number)
        self._doors: list[BenchGate] = []
        self._calls: Counter[str] = Counter()
        self._runtime: Machine
        self._since_read = 0

    # --- from beginning to end ------------------------------------------------------------------

    def play(self) -> Run:
        """Make the run."""
        pool = Pool(self._most_threads())
        self._runtime = runtime = Machine(
            RunToBlock(), pool, tick_ns=0, time_is_a_choice=False, step_bound=STEPS, seed=self._seed
        )
        try:
            self._build().worker.start()
            sources = [
                runtime.spawn(partial(self._source, place, load), f"source-{load.name}")
                for place, load in enumerate(self.scenario.load)
            ]
            operator = runtime.spawn(self._operate, "operator")
            runtime.spawn(partial(self._conduct, [*sources, operator]), "conductor")
            self.ending = runtime.run()
            self.trouble = runtime.trouble
            for thread in runtime.threads:
                if thread.error is not None:
                    raise thread.error
            self._read_all()
            self.ended_ns = runtime.now_ns
            self.steps = runtime.steps
        finally:
            runtime.close()
            pool.close()
        return self

    def _most_threads(self) -> int:
        scenario = self.scenario
        threads = [scenario.worker.threads]
        threads += [it.threads for it in scenario.event if isinstance(it, config.Resize)]
        shutdowns = sum(isinstance(it, config.Shutdown) for it in scenario.event)
        workers = 1 + shutdowns
        around = len(scenario.load) + shutdowns + 3
        return workers * (max(threads) * 2 + 3 + len(scenario.subscriber)) + around

    def _build(self) -> Generation:
        """Another worker, not started."""
        jurat, said, hooks = self._jurat, self.scenario.worker, self.scenario.hooks
        log: list[Any] = []
        retention = said.retention
        worker = jurat.Worker(
            threads=said.threads,
            queue_max=said.queue_max,
            queue_wait=durations.for_worker(said.queue_wait),
            queues=[
                jurat.Queue(it.name, weight=it.weight, cap=it.cap, rate=self._rate(it.rate))
                for it in self.scenario.queue
            ],
            rate=self._rate(said.rate),
            retry=self._retry(said.retry),
            timeout=_optional(said.timeout),
            retention=jurat.Retention(number=retention.number, age=_optional(retention.age)),
            drain_deadline=_optional(said.drain_deadline),
            grace=durations.for_worker(said.grace),
            observers=[self._observe] if hooks.observer_raises_every else [],
            wrappers=[self._wrap] if hooks.wrapper_raises_every else [],
            recorder=log,
            runtime=self._runtime,
        )
        worker._core.on_problem = self._report
        number = self.ledger.add_worker()
        cut = not hooks.observer_raises_every  # observers read the log themselves, from where they were
        generation = Generation(number, worker, log, cut=cut, replayed=self._replayed)
        self.generations.append(generation)
        for place, subscriber in enumerate(self.scenario.subscriber):
            policy = {
                "size": subscriber.size,
                "policy": subscriber.policy,
                "timeout": _optional(subscriber.timeout),
            }
            subscription = worker.subscribe(**policy)
            self._runtime.spawn(
                partial(self._listen, subscription, subscriber.stalls), f"reader-{number}-{place}"
            )
        return generation

    def _rate(self, rate: config.RateLimit | None) -> Any:
        if rate is None:
            return None
        return self._jurat.RateLimit(rate.starts, durations.for_worker(rate.per), burst=rate.burst)

    def _retry(self, retry: config.Retry | None) -> Any:
        if retry is None:
            return None
        return self._jurat.Retry(
            max_retries=retry.max_retries,
            delay=durations.for_worker(retry.delay),
            cap=durations.for_worker(retry.cap),
            jitter=float(retry.jitter),
            timeouts=retry.timeouts,
        )

    # --- who takes part --------------------------------------------------------------------------

    def _sleep_until(self, at_ns: int) -> None:
        left = at_ns - self._runtime.now_ns
        if left > 0:
            self._runtime.gate().wait_for(left)

    def _source(self, place: int, load: Load) -> None:
        """Submit the tasks of a load."""
        seed = derive(self._seed, 1 + place)
        arrivals, lengths = SplitMix64(derive(seed, 0)), SplitMix64(derive(seed, 1))
        draw = config.distribution(load.service).draw
        serve = self._function(place, load, draw)
        options = _options(load)
        refusals = self._jurat.QueueFull, self._jurat.WorkerStopped
        every = self.scenario.hooks.callback_raises_every
        for fate, (at, said) in enumerate(instants(load, arrivals), 1):
            self._sleep_until(at)
            length = draw(lengths) if said is None else said
            self.offered += 1
            try:
                task = self.generations[-1].worker.submit(serve, length, fate, **options)
            except refusals as refusal:
                self.refused[type(refusal).__name__] += 1
            else:
                if every:
                    task.add_done_callback(self._call_back)
            self._since_read += 1
            if self._since_read >= EVERY:
                self._read_all()

    def _read_all(self) -> None:
        self._since_read = 0
        batches = {generation.number: generation.read() for generation in self.generations}
        self.ledger.take_all(batches)
        if self._kept:
            for events in batches.values():
                self.events += events

    def _operate(self) -> None:
        """Do what the events say, in order of their instants."""
        for event in sorted(self.scenario.event, key=lambda it: it.at):
            self._sleep_until(event.at)
            try:
                self._do(event)
            except self._jurat.WorkerStopped:
                self.unheard[type(event).__name__] += 1

    def _do(self, event: config.Event) -> None:
        worker = self.generations[-1].worker
        match event:
            case config.Shutdown():
                self._shut_down(event)
            case config.Resume():
                worker.resume(event.queue)
            case config.Pause():
                worker.pause(event.queue)
            case config.Resize():
                worker.resize(event.threads)
            case config.SetRate():
                worker.set_rate(self._rate(event.rate))
            case config.CancelAll():
                worker.cancel_all()
            case config.WallClock():
                self._runtime.jumped_ns += event.by
                self.sites[Site.WALL_CLOCK] += 1

    def _shut_down(self, event: config.Drain | config.Stop) -> None:
        generation = self.generations[-1]
        if generation.closed:
            self.unheard[type(event).__name__] += 1
            return
        if event.replaced == "at once":
            self._build().worker.start()
        closing = self._begin(generation, event)
        if event.replaced == "when stopped":
            closer = partial(self._close_and_replace, generation, closing)
        else:
            closer = partial(self._close, generation, closing)
        self._runtime.spawn(closer, f"closer-{generation.number}")

    def _begin(self, generation: Generation, event: config.Drain | config.Stop | None) -> Closing:
        """Tell a worker to end, and note when."""
        said = self.scenario.worker
        generation.closed = True
        drains = not isinstance(event, config.Stop)
        pending = event.pending if isinstance(event, config.Drain) else "finish"
        bound = None
        if not drains:
            bound = said.grace
        elif said.drain_deadline is not None:
            bound = said.drain_deadline + said.grace
        closing = Closing(
            worker=generation.number,
            what="drain" if drains else "stop",
            live=generation.worker.snapshot().counts.live,
            began_ns=self._runtime.now_ns,
            bound_ns=bound,
        )
        self.closings.append(closing)
        if drains:
            generation.worker.drain(pending=pending)
        else:
            generation.worker.stop_now()
        return closing

    def _close(self, generation: Generation, closing: Closing) -> None:
        """Wait until a worker has stopped."""
        # A second drain changes nothing, and answers with the handle of the one shutdown there is.
        generation.worker.drain(deadline=None).wait()
        closing.ended_ns = self._runtime.now_ns

    def _close_and_replace(self, generation: Generation, closing: Closing) -> None:
        self._close(generation, closing)
        self._build().worker.start()

    def _conduct(self, others: list[BenchThread]) -> None:
        """Wait for everybody, drain what is left, and let go what hangs."""
        for thread in others:
            thread.join()
        for thread in list(self._runtime.threads):
            if thread.name.startswith("closer-"):
                thread.join()
        if self.scenario.hold:
            self._runtime.gate().wait_for(self.scenario.hold)
        last = self.generations[-1]
        if not last.closed:
            self._close(last, self._begin(last, None))
        for door in self._doors:
            door.open()

    def _listen(self, subscription: Any, stalls_ns: int) -> None:
        """Read results, slowly."""
        got = 0
        for _ in subscription:
            got += 1
            if stalls_ns:
                self.sites[Site.SUBSCRIBER] += 1
                self._runtime.gate().wait_for(stalls_ns)
        self.accounts.append((subscription.accounts(), got))

    # --- what tasks and hooks do -----------------------------------------------------------------

    def _function(self, place: int, load: Load, draw: Callable[[SplitMix64], int]) -> Callable[..., None]:
        """What the tasks of a load do: take their time, and end as their fate says."""
        runtime, witness, spans = self._runtime, self.witness, self.spans
        wrong = load.faults if load.faults.any else None
        seed = derive(self._seed, -1 - place)
        inside = witness.inside

        def serve(context: Any, length_ns: int, fate: int) -> None:
            witness.entered += 1
            key = fate * len(self.scenario.load) + place
            if inside[key]:
                witness.twice += 1
            inside[key] += 1
            began = runtime.now_ns
            how = "raised"
            try:
                if wrong is None and context.attempt == 1:
                    _work(context, length_ns)
                else:
                    numbers = SplitMix64(derive(derive(seed, fate), context.attempt))
                    length = length_ns if context.attempt == 1 else draw(numbers)
                    self._go_wrong(wrong or config.NOTHING_WRONG, numbers.next(), context, length)
                how = "returned"
            finally:
                inside[key] -= 1
                if not inside[key]:
                    del inside[key]
                if how == "returned":
                    witness.returned += 1
                else:
                    witness.raised += 1
                if len(spans) < SPANS:
                    worker, thread = self._place_of(context)
                    spans.append(Span(worker, thread, place, began, runtime.now_ns, how))

        serve.__qualname__ = load.name
        return serve

    def _place_of(self, context: Any) -> tuple[int, str]:
        """On which worker, and on which of its threads, by the name without what tells the workers apart."""
        core = context._task._label.core
        worker = next(it.number for it in self.generations if it.worker._core is core)
        return worker, self._runtime.running.name.partition("#")[0]

    def _go_wrong(self, wrong: config.Faults, number: int, context: Any, length_ns: int) -> None:
        """One attempt, and how it goes wrong if it does: `number` of 64 bits says which."""
        bound = wrong.hangs
        if happens(number, bound):
            self.sites[Site.TASK_HANGS] += 1
            door = self._runtime.gate()
            self._doors.append(door)
            door.wait()
            return
        bound += wrong.ignores
        if happens(number, bound):
            if length_ns:
                self._runtime.gate().wait_for(length_ns)
            if context.cancelled or context.timed_out:
                self.sites[Site.TASK_IGNORES] += 1
            return
        _work(context, length_ns)
        bound += wrong.raises
        if happens(number, bound):
            self.sites[Site.TASK_RAISES] += 1
            raise SimulatedFailure
        bound += wrong.kills
        if happens(number, bound):
            self.sites[Site.TASK_KILLS] += 1
            raise SystemExit

    def _fails_now(self, site: Site, every: int) -> bool:
        """Whether this call of a hook is one that fails."""
        self._calls[site] += 1
        fails = self._calls[site] % every == 0
        self.sites[site] += fails
        return fails

    def _observe(self, _: Any) -> None:
        if self._fails_now(Site.OBSERVER, self.scenario.hooks.observer_raises_every):
            raise SimulatedFailure

    def _call_back(self, _: Any) -> None:
        if self._fails_now(Site.CALLBACK, self.scenario.hooks.callback_raises_every):
            raise SimulatedFailure

    @contextmanager
    def _wrap(self, _: Any) -> Iterator[None]:
        if self._fails_now(Site.WRAPPER, self.scenario.hooks.wrapper_raises_every):
            raise SimulatedFailure
        yield

    def _report(self, what: str, problem: BaseException) -> None:
        """The worker says that something of a user's has failed."""
        self.problems[f"{what}: {type(problem).__name__}"] += 1

    # --- what a scenario asks for -----------------------------------------------------------------

    def configured_sites(self) -> set[Site]:
        """The fault sites that the scenario speaks of, and which should therefore be hit."""
        scenario, hooks = self.scenario, self.scenario.hooks
        faults = [load.faults for load in scenario.load]
        asked: dict[Site, object] = {
            Site.TASK_RAISES: any(it.raises for it in faults),
            Site.TASK_HANGS: any(it.hangs for it in faults),
            Site.TASK_IGNORES: any(it.ignores for it in faults),
            Site.TASK_KILLS: any(it.kills for it in faults),
            Site.WALL_CLOCK: any(isinstance(it, config.WallClock) for it in scenario.event),
            Site.SUBSCRIBER: any(it.stalls for it in scenario.subscriber),
            Site.OBSERVER: hooks.observer_raises_every,
            Site.CALLBACK: hooks.callback_raises_every,
            Site.WRAPPER: hooks.wrapper_raises_every,
        }
        return {site for site, wanted in asked.items() if wanted}


def _work(context: Any, length_ns: int) -> None:
    """Take so long, and come back when asked to."""
    if length_ns and not context.sleep(durations.for_worker(length_ns)):
        context.raise_if_cancelled()


def _options(load: Load) -> dict[str, Any]:
    """What is said at submit.  Nothing, if nothing is special: the shortest way through the worker."""
    said = {
        "queue": load.queue,
        "priority": load.priority or None,
        "timeout": _optional(load.timeout),
        "deadline": _optional(load.deadline),
        "delay": _optional(load.delay),
    }
    return {option: value for option, value in said.items() if value is not None}


def _optional(length_ns: int | None) -> Any:
    return None if length_ns is None else durations.for_worker(length_ns)
