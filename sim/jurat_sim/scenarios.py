"""Scenarios: small programs that use the worker where it is hard to be right.

A scenario is a function that gets a fresh `Stage`, builds the worker, perhaps submits
before the start, and describes client threads; the bench then runs them all, one schedule
after another.  It asserts nothing: every run of every scenario is held against the same
checks (`checks`), of which the first is the rule itself.  So a scenario is judged by the
situations it can reach, and its docstring says which.

Scenarios are small on purpose.  Two tasks on two threads reach nearly everything that two
hundred on twenty do, in schedules that a person can read.

Here are those of the lifecycle.  `features` has one for each thing that a task may be told and
a worker be built with, `incidents` those in which several kinds of action meet, and `duels`
those of two operations.  Whether any two actions have met is counted by `coverage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .corners import CORNERS
from .duels import DUELS
from .errors import TokenOfATest, UnknownScenario
from .features import FEATURES
from .incidents import INCIDENTS
from .parts import fail, leave, wait_for
from .punctual import PUNCTUAL
from .tokens import name_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named program for the bench."""

    name: str
    text: str
    """What it reaches, in a paragraph."""
    describe: Callable[[Stage], None]
    duel: bool = False
    """Two operations only: small enough to be searched exhaustively (see `duels`)."""
    punctual: bool = False
    """Time passes only when nobody can run, and to read the clock takes none (`punctual`)."""

    @property
    def clock(self) -> dict[str, Any]:
        """How time goes by in its runs: options of `BenchRuntime`."""
        return {"tick_ns": 0, "time_is_a_choice": False} if self.punctual else {}


_all: list[Scenario] = []


def _scenario(describe: Callable[[Stage], None], *, duel: bool = False, punctual: bool = False) -> Scenario:
    text = " ".join((describe.__doc__ or "").split())
    scenario = Scenario(name=describe.__name__, text=text, describe=describe, duel=duel, punctual=punctual)
    _all.append(scenario)
    return scenario


@_scenario
def submit_races_stop(stage: Stage) -> None:
    """A client submits to a worker that another client stops at once.

    One task waits already; two more submissions, the start, a fourth submission and the stop
    race.  The stopper waits for the end of the first task, with a timeout that may pass at
    any moment.  The second task raises SystemExit, and the queue has room for two, so that a
    submission may be refused for either reason.
    """
    worker = stage.build_worker(threads=2, queue_max=2)
    first = stage.submit(lambda context: "first")

    def client() -> None:
        stage.submit(leave)
        stage.submit(lambda context: "third")
        worker.start()
        stage.submit(lambda context: "fourth")

    def stopper() -> None:
        first.handle.wait(timeout=timedelta(milliseconds=1))
        stage.close(stage.stop_now())

    stage.client("client", client)
    stage.client("stopper", stopper)


@_scenario
def work_gets_done(stage: Stage) -> None:
    """Clients submit to a worker that runs, and wait for what they submitted.

    No wait has a timeout and the drain has no deadline, so time can help nobody: whoever
    is not woken, be it a thread, the steward or a client, waits for ever and is found.
    The first task needs the second to come back, so that both threads must be woken.  The
    third is cancelled at once, perhaps as the last task of the drain, perhaps before the
    thread that was woken for it has looked.
    """
    worker = stage.build_worker(threads=2, drain_deadline=None)
    worker.start()
    door = stage.runtime.gate()

    def busy() -> None:
        first = stage.submit(lambda context: door.wait())
        second = stage.submit(lambda context: door.open())
        wait_for(first, second)
        stage.close(stage.drain())

    def fickle() -> None:
        third = stage.submit(lambda context: "third")
        if third.handle is not None:
            stage.cancel(third)
            wait_for(third)

    stage.client("busy", busy)
    stage.client("fickle", fickle)


@_scenario
def cancel_races_completion(stage: Stage) -> None:
    """One task returns, one comes back when asked, one fails; each is cancelled meanwhile.

    Another client waits for the first two, once with a timeout that may pass, then drains.
    So a cancellation may find its task waiting, running, about to be recorded, or ended;
    and who waits for the end may be woken by the end, by the cancellation or by time.  The
    drain has no deadline that would hide a wake-up that was lost.
    """
    worker = stage.build_worker(threads=2, drain_deadline=None)
    runtime = stage.runtime

    def returns(_: Any) -> str:
        runtime.pause("its work")
        return "done"

    def obeys(context: Any) -> None:
        context.wait()  # without a timeout: a wake-up that is lost is missed for ever
        context.raise_if_cancelled()
        raise AssertionError("woken without having been asked to come back")

    tasks = [stage.submit(returns), stage.submit(obeys), stage.submit(fail)]

    def canceller() -> None:
        for task in tasks:
            stage.cancel(task)

    def waiter() -> None:
        tasks[0].handle.wait(timeout=timedelta(milliseconds=1))
        wait_for(tasks[1])
        stage.close(stage.drain())

    worker.start()
    stage.client("canceller", canceller)
    stage.client("waiter", waiter)


@_scenario
def shutdown_races_start(stage: Stage) -> None:
    """Two clients start a worker at once; one drains it, the other stops it, and both wait.

    A shutdown may come before the threads are there, while they are being spawned, or
    after.  One task waits in its context to be asked to come back; the other may be run,
    or be cancelled: by the stop, or by a third client, which also tightens the drain and
    then asks to loosen it, in vain.
    """
    worker = stage.build_worker(threads=2, grace=timedelta(milliseconds=3))
    stage.submit(lambda context: context.wait())
    second = stage.submit(lambda context: "second")

    def tightener() -> None:
        stage.drain(pending="cancel")
        stage.cancel(second)
        stage.drain(pending="finish")

    def drainer() -> None:
        worker.start()
        stage.close(stage.drain())

    def stopper() -> None:
        worker.start()
        stage.close(stage.stop_now())

    stage.client("drainer", drainer)
    stage.client("stopper", stopper)
    stage.client("tightener", tightener)


@_scenario
def drain_with_stuck_task(stage: Stage) -> None:
    """A drain passes its deadline and its grace, because one task ignores its context.

    The stuck task is abandoned and comes back only when the shutdown is over: a late
    return.  Beside it are a task that sleeps in its context and wakes when the drain turns
    into a stop, and one that waits for a thread and may never get it.  A second client
    stops the worker somewhere in between.  What has ended is forgotten, but for what was
    abandoned.
    """
    worker = stage.build_worker(
        threads=2,
        drain_deadline=timedelta(milliseconds=5),
        grace=timedelta(milliseconds=3),
        retention=stage.jurat.Retention(number=0),
    )
    door = stage.runtime.gate()

    def ignores(_: Any) -> str:
        door.wait()
        return "late"

    def sleeps(context: Any) -> bool:
        return bool(context.sleep(timedelta(milliseconds=20)))

    stage.submit(ignores)
    stage.submit(sleeps)
    stage.submit(lambda context: "quick")
    worker.start()

    def closer() -> None:
        stage.close(stage.drain())
        door.open()

    def hurrier() -> None:
        stage.submit(lambda context: "too late, perhaps")
        stage.stop_now()

    stage.client("closer", closer)
    stage.client("hurrier", hurrier)


@_scenario
def results_race(stage: Stage) -> None:
    """Tasks end in every way while subscribers read, look on, come late and go.

    Each subscription has room for one result.  Who drops the oldest and who blocks subscribe
    before the start, are read now and then, and to the end when the worker has stopped; until
    then an offer to the one that blocks may be in flight, and its bound may be spent at any
    moment.  Who drops the newest comes while tasks end, waits for a result without a timeout,
    and closes, perhaps in the middle of a publication.  One task is cancelled, one fails, one
    is abandoned, and one may run or be cancelled by the stop.
    """
    worker = stage.build_worker(threads=2, grace=timedelta(milliseconds=3))
    door = stage.runtime.gate()
    moment = timedelta(milliseconds=1)
    oldest = stage.subscribe(size=1)
    blocking = stage.subscribe(size=1, policy="block", timeout=moment)

    def ignores(_: Any) -> str:
        door.wait()
        return "late"

    first = stage.submit(lambda context: "first")
    stage.submit(fail)
    stage.submit(ignores)

    def reader() -> None:
        blocking.collect(moment)
        oldest.look()
        blocking.collect(timedelta(0), most=1)

    def stopper() -> None:
        worker.start()
        stage.cancel(first)
        oldest.get()  # no timeout: an arrival that wakes nobody is missed for ever
        stage.close(stage.stop_now())
        door.open()
        oldest.rest()
        blocking.rest()

    def visitor() -> None:
        newest = stage.subscribe(size=1, policy="drop_newest")
        stage.submit(lambda context: "last")
        newest.get()
        newest.close()

    stage.client("reader", reader)
    stage.client("stopper", stopper)
    stage.client("visitor", visitor)


@_scenario
def subscribe_races_stop(stage: Stage) -> None:
    """The first subscription is made while the worker is started, and while it is stopped.

    So the thread that delivers is spawned with the others, or later, or when the worker has
    stopped already, or never; a stop is done when it has ended, whoever spawned it.  A second
    subscriber comes as well, so that only one of them may spawn it.  Both read to the end.
    """
    worker = stage.build_worker(threads=1)
    stage.submit(lambda context: "first")

    def stopper() -> None:
        worker.start()
        stage.submit(lambda context: "second")
        stage.submit(lambda context: "third")
        stage.close(stage.stop_now())

    def subscriber() -> None:
        stage.subscribe().rest()

    stage.client("stopper", stopper)
    stage.client("subscriber", subscriber)
    stage.client("subscriber", subscriber)


for _describe in (*FEATURES, *CORNERS, *INCIDENTS):
    _scenario(_describe)
for _describe in DUELS:
    _scenario(_describe, duel=True)
for _describe in PUNCTUAL:
    _scenario(_describe, punctual=True)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _all}
"""By name."""


def scenario_named(name: str) -> Scenario:
    """The scenario of that name, or `UnknownScenario`."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise UnknownScenario(name) from None


def scenario_of_token(token: str, scenario: bytes) -> Scenario:
    """The scenario that a token means, or `TokenOfATest`."""
    for it in _all:
        if name_hash(it.name) == scenario:
            return it
    raise TokenOfATest(token)
