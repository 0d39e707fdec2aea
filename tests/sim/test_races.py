"""Data races: what is in order is silent, what is not is reported, and the worker races as declared."""

from __future__ import annotations

import ast
from contextlib import suppress
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.auditing import Memory

import jurat
from jurat_sim import Verdict, explore, replay
from jurat_sim.bench import Bench
from jurat_sim.build import Patch, load
from jurat_sim.defects import DEFECTS
from jurat_sim.errors import NoAccesses
from jurat_sim.parts import fail
from jurat_sim.pool import Pool
from jurat_sim.primitives import Operation
from jurat_sim.races import DECLARED, Detector, RaceBench, Races, detect, search
from jurat_sim.runtime import BenchRuntime
from jurat_sim.scenarios import SCENARIOS, Scenario
from jurat_sim.seeding import Defect
from jurat_sim.strategies import RandomWalk, Reluctant
from jurat_sim.tokens import Grain, decode

from .toys import Exhaustive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jurat_sim.build import Build
    from jurat_sim.primitives import BenchThread
    from jurat_sim.stage import Stage

# ------------------------------------------------------------------------------- toys

TOY = """
import heapq

SEEN = {}

class Box:
    def __init__(self):
        self.value = 0
        self.items = []

def put(box):
    box.value = 1

def look(box):
    return box.value

def look_twice(box):
    first = box.value
    return first, box.value

def put_in(box, lock):
    with lock:
        box.value = 1

def look_in(box, lock):
    with lock:
        return box.value

def put_and_open(box, gate):
    box.value = 1
    gate.open()

def pass_and_look(box, gate):
    gate.wait()
    return box.value

def give_up_and_look(box, gate):
    SEEN["passed"] = gate.wait_for(1)
    return box.value

def spawn_and_join(box, runtime):
    box.value = 1
    thread = runtime.spawn(put, "child", box)
    thread.join()
    return box.value

def spawn_and_look(box, runtime):
    runtime.spawn(put, "child", box)
    return box.value

def spawn_and_leave(box, runtime):
    thread = runtime.spawn(put, "child", box)
    thread.join(0)
    return box.value

def many(box):
    for turn in (1, 2, 3):
        Box().value = turn

def append(box):
    box.items.append(1)

def extend(box):
    box.items += (1,)

def copy(box):
    mine = []
    mine += box.items

def store(box):
    items = box.items
    items[0:0] = (1,)

def push(box):
    heapq.heappush(box.items, 1)

def count(box):
    return len(box.items)

def test(box):
    if box.items:
        return 1

def walk(box):
    for item in box.items:
        pass

def add(box):
    items = box.items
    return items + [1]

def indirect(box):
    setattr(box, "value", 2)

def see(box):
    SEEN["box"] = box

def seen(box):
    return tuple(SEEN.values())
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """The package above, built at the grain of accesses."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "toy_of_races"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "toy.py").write_text(TOY)
    return load("toy_of_races", grain=Grain.ACCESS)


Threads = list[tuple[Any, ...]]


def _every_run(build: Build, describe: Callable[[Any, BenchRuntime], Threads]) -> Iterator[Detector]:
    """A detector for each interleaving of these threads: (function, arguments after the box)."""
    points = build.points
    assert points is not None
    strategy, pool, number = Exhaustive(), Pool(), 0
    while True:
        strategy.begin(number)
        if strategy.exhausted:
            return
        runtime = BenchRuntime(strategy, pool)
        runtime.monitor = detector = Detector(build)
        points.use(runtime)
        try:
            module = build.package.toy
            box = module.Box()
            for at, (function, *args) in enumerate(describe(module, runtime)):
                runtime.spawn(function, f"thread {at}", box, *args)
            runtime.run()
            assert all(thread.error is None for thread in runtime.threads)
        finally:
            points.use(None)
            runtime.close()
        yield detector
        number += 1


def _with_one_lock(toy: Any, runtime: BenchRuntime) -> Threads:
    lock = runtime.lock()
    return [(toy.put_in, lock), (toy.look_in, lock)]


def _with_two_locks(toy: Any, runtime: BenchRuntime) -> Threads:
    return [(toy.put_in, runtime.lock()), (toy.look_in, runtime.lock())]


def _with_a_gate(toy: Any, runtime: BenchRuntime) -> Threads:
    gate = runtime.gate()
    return [(toy.put_and_open, gate), (toy.pass_and_look, gate)]


ORDERED: dict[str, Callable[[Any, BenchRuntime], Threads]] = {
    "one lock": _with_one_lock,
    "gate": _with_a_gate,
    "spawn and join": lambda toy, runtime: [(toy.spawn_and_join, runtime)],
    "only reads": lambda toy, runtime: [(toy.look,), (toy.look_twice,), (toy.count,)],
    "objects of the same class, short-lived": lambda toy, runtime: [(toy.many,), (toy.many,)],
}

UNORDERED: dict[str, tuple[str, Callable[[Any, BenchRuntime], Threads]]] = {
    "nothing": ("Box.value", lambda toy, runtime: [(toy.put,), (toy.look,)]),
    "two writes": ("Box.value", lambda toy, runtime: [(toy.put,), (toy.put,)]),
    "two locks": ("Box.value", _with_two_locks),
    "a lock on one side": ("Box.value", lambda toy, runtime: [(toy.put_in, runtime.lock()), (toy.look,)]),
    "no join": ("Box.value", lambda toy, runtime: [(toy.spawn_and_look, runtime)]),
    "setattr": ("Box.value", lambda toy, runtime: [(toy.indirect,), (toy.look,)]),
    "a method": ("Box.items[]", lambda toy, runtime: [(toy.append,), (toy.count,)]),
    "augmented": ("Box.items[]", lambda toy, runtime: [(toy.extend,), (toy.test,)]),
    "the right side": ("Box.items[]", lambda toy, runtime: [(toy.append,), (toy.copy,)]),
    "an item": ("Box.items[]", lambda toy, runtime: [(toy.store,), (toy.walk,)]),
    "a function of C": ("Box.items[]", lambda toy, runtime: [(toy.push,), (toy.add,)]),
    "a variable of the module": ("SEEN[]", lambda toy, runtime: [(toy.see,), (toy.seen,)]),
}


@pytest.mark.parametrize("how", ORDERED)
def test_what_is_in_order_is_silent_in_every_interleaving(toy: Build, how: str) -> None:
    """Lock, gate, spawn and join each put two accesses in order, and no two reads need any."""
    runs = 0
    for detector in _every_run(toy, ORDERED[how]):
        assert [str(race) for race in detector.races.values()] == []
        assert detector.accesses > 0
        runs += 1
    assert runs > 0


@pytest.mark.parametrize("how", UNORDERED)
def test_an_unordered_pair_is_reported_in_every_interleaving(toy: Build, how: str) -> None:
    """Whichever side comes first; with both sides, where they are and what they hold."""
    field, describe = UNORDERED[how]
    for detector in _every_run(toy, describe):
        assert field in {race.field for race in detector.races.values()}
        assert not any(race.declared for race in detector.races.values())


def test_a_gate_that_is_given_up_orders_nothing(toy: Build) -> None:
    """Not even if it was opened before the thread that gave up went on."""

    def describe(toy: Any, runtime: BenchRuntime) -> Threads:
        gate = runtime.gate()
        return [(toy.put_and_open, gate), (toy.give_up_and_look, gate)]

    passed = set()
    for detector in _every_run(toy, describe):
        passed.add(toy.package.toy.SEEN["passed"])
        assert bool(detector.races) is not toy.package.toy.SEEN["passed"]
    assert passed == {True, False}


def test_a_join_that_was_left_orders_nothing(toy: Build) -> None:
    """Where the child had ended in time there is no race, where it had not there is one."""
    found = {bool(it.races) for it in _every_run(toy, lambda toy, runtime: [(toy.spawn_and_leave, runtime)])}
    assert found == {True, False}


def test_a_read_hides_no_other_read(toy: Build) -> None:
    """Two places of one thread read what another writes after that: both are reported."""
    both_first = next(_every_run(toy, lambda toy, runtime: [(toy.look_twice,), (toy.put,)]))
    assert [race.second.write for race in both_first.races.values()] == [True, True]


def test_the_message_says_who_where_and_what_was_held(toy: Build) -> None:
    """The same words each time: no identity, no address."""
    detector = next(_every_run(toy, lambda toy, runtime: [(toy.put_in, runtime.lock()), (toy.look,)]))
    (race,) = detector.races.values()
    assert race.property == "race: Box.value"
    assert str(race) == (
        "thread 0 at toy.py:23 writes box.value in toy.put_in, holding scenario.1; and "
        "thread 1 at toy.py:15 reads box.value in toy.look, holding no lock"
    )


# ---------------------------------------------------------------------------- the worker

MOMENT = timedelta(milliseconds=1)


def watched(stage: Stage) -> None:
    """Observers, and a worker that is operated on until it has stopped."""
    jurat = stage.jurat
    worker = stage.build_worker(
        threads=2,
        observers=[lambda transition: None],
        retention=jurat.Retention(age=MOMENT),
        queues=[jurat.Queue("other", weight=2)],
        drain_deadline=None,
    )
    begun, door = stage.runtime.gate(), stage.runtime.gate()
    worker.start()
    stage.submit(fail, queue="other", retry=jurat.Retry(max_retries=3, delay=0))

    def polls(context: Any) -> None:
        begun.open()
        for _ in range(8):
            if context.cancelled:
                break
            stage.runtime.pause("its work")

    def submitter() -> None:
        task = stage.submit(polls)
        begun.wait()
        shutdown = worker.drain()
        door.open()
        task.handle.cancel()
        stage.close(shutdown)

    def operator() -> None:
        with suppress(jurat.WorkerStopped):
            worker.pause("other")
            worker.set_weight("other", 3)
            worker.resume("other")
            for number in (2, 1):
                worker.set_retention(jurat.Retention(number=number, age=MOMENT))
            door.wait()
            worker.set_weight("other", 4)

    stage.client("operator", operator)
    stage.client("submitter", submitter)


def limited(stage: Stage) -> None:
    """Permits that are waited for, a subscription that blocks and is closed, a token that is cancelled."""
    jurat = stage.jurat
    worker = stage.build_worker(threads=2, rate=jurat.RateLimit(1, MOMENT), drain_deadline=None)
    token = jurat.Token()
    listener = stage.subscribe(size=1, policy="block", timeout=MOMENT)
    waiting = [stage.submit(lambda context: None) for _ in range(2)]
    worker.start()

    def submitter() -> None:
        stage.submit(lambda context: None).handle.wait()
        listener.close()
        stage.close(worker.drain())

    def parent() -> None:
        stage.submit(lambda context: context.cancelled, parent=token)

    def canceller() -> None:
        for _ in range(12):
            stage.runtime.pause("no operation that would put it in order")
        token.cancel()

    def operator() -> None:
        with suppress(jurat.WorkerStopped):
            worker.set_rate(jurat.RateLimit(2, MOMENT))
            waiting[1].handle.cancel()
            worker.set_rate(jurat.RateLimit(3, MOMENT))

    def ear() -> None:
        for _ in range(4):
            assert listener.subscription.ended in {True, False}

    stage.client("canceller", canceller)
    stage.client("ear", ear)
    stage.client("operator", operator)
    stage.client("parent", parent)
    stage.client("submitter", submitter)


def audited(stage: Stage) -> None:
    """An audit log whose sink takes its time and fails, and submissions that wait for room in it."""
    _audited(stage, "wait")


def counted(stage: Stage) -> None:
    """The same, where what does not fit is counted."""
    _audited(stage, "count")


def _takes_its_time(stage: Stage, write: int) -> int | None:
    for _ in range(4):
        stage.runtime.pause("the sink")
    if write == 3:
        raise OSError
    return 300 if write == 2 else None


def _audited(stage: Stage, when_full: str) -> None:
    jurat = stage.jurat
    auditlog = import_module(f"{jurat.__name__}.auditlog")

    log = auditlog.AuditLog(
        Memory(partial(_takes_its_time, stage)),
        when_full=when_full,
        buffer=3,
        patience=MOMENT,
        digest_after=MOMENT,
        sync="batch",
    )
    worker = stage.build_worker(threads=2, drain_deadline=None, audit_log=log)

    def submitter(number: int) -> None:
        if not number:
            worker.start()
        for _ in range(2):
            with suppress(jurat.AuditLogFull):
                worker.submit(lambda context: None)
            log.stats()
        if number:
            stage.close(stage.drain())

    def onlooker() -> None:
        for _ in range(6):
            log.stats()
            stage.runtime.gate().wait_for(auditlog.RETRY_NS // 4)

    for number in range(2):
        stage.client(f"submitter {number}", partial(submitter, number))
    stage.client("onlooker", onlooker)


def asked(stage: Stage) -> None:
    """A client asks for a result again and again and never waits; threads come while others subscribe."""
    jurat = stage.jurat
    worker = stage.build_worker(threads=1, drain_deadline=None)
    worker.start()
    submission = stage.submit(lambda _: 1)

    def asker() -> None:
        for _ in range(40):
            if submission.handle.status.terminal:
                submission.handle.result()
            stage.runtime.pause("nothing that would put it in order")

    def grower() -> None:
        stage.resize(3)

    def subscriber() -> None:
        with suppress(jurat.WorkerStopped):
            stage.subscribe()

    stage.client("asker", asker)
    stage.client("grower", grower)
    stage.client("subscriber", subscriber)
    stage.client("closer", lambda: stage.close(stage.drain()))


OWN = [
    Scenario(name=it.__name__, text=it.__doc__ or "", describe=it)
    for it in (watched, limited, audited, counted, asked)
]
"""What the bench's own scenarios do seldom or never."""
EVERYWHERE = [*SCENARIOS.values(), *OWN]
SAMPLE = 12


@pytest.fixture(scope="module")
def clean() -> Iterator[RaceBench]:
    """One build of the shipped worker, for whichever scenario."""
    with RaceBench(EVERYWHERE[0], step_bound=10_000) as bench:
        yield bench


@pytest.fixture(scope="module")
def met() -> set[tuple[str, str, bool]]:
    """What raced of the declared accesses: filled by the test of each scenario."""
    return set()


@pytest.mark.parametrize("scenario", EVERYWHERE, ids=lambda it: it.name)
def test_the_worker_races_as_declared(
    clean: RaceBench, scenario: Scenario, met: set[tuple[str, str, bool]]
) -> None:
    """A sample of each scenario has no race that is not declared, and no other finding."""
    clean.scenario = scenario
    schedules = 2 * SAMPLE if scenario in OWN else SAMPLE
    races = search(clean, schedules)
    assert [str(race) for race, _ in races.undeclared] == []
    assert (races.schedules, races.cut_short) == (schedules, 0)
    assert races.accesses > 200 * schedules
    assert len(races.fields) > 80
    assert races.places > 200
    assert races.declared >= len({field for field, _, _ in races.met}) > 0
    met |= races.met


def test_no_declaration_is_stale(met: set[tuple[str, str, bool]]) -> None:
    """Each field raced in each function that it is declared for, in some run above."""
    keys = [key for entry in DECLARED for key in entry.keys]
    assert len(keys) == len(set(keys))
    assert set(keys) - met == set()


# ---------------------------------------------------------------------- locks that are lost

LOCKS = {
    "_steps": "core.lock",
    "_results": "its._lock",
    "_choose": "core.choosing",
    "auditlog": "its._lock",
}
AFTER = {
    "_steps": "FRONT = 4096\n",
    "_results": "FRONT = 4096\n",
    "_choose": "QUEUED = Status.QUEUED\n",
    "auditlog": "BUFFER = 50_000\n",
}
LOST = """

class Lost:
    function = ""

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


NO_LOCK = Lost()
"""


def _sections() -> Iterator[tuple[str, str, str]]:
    """Each function with a locked section: its module, its name, its source."""
    for module, lock in LOCKS.items():
        source = Path(jurat.__file__).with_name(f"{module}.py").read_text()
        for node in ast.parse(source).body:
            text = ast.get_source_segment(source, node) or ""
            if isinstance(node, ast.FunctionDef) and f"with {lock}:" in text:
                assert text.count(f"with {lock}:") == 1
                yield module, node.name, text


def _patches() -> Iterator[Patch]:
    """Each section's lock is taken unless it is the one that is lost."""
    for module in LOCKS:
        yield Patch(module, AFTER[module], AFTER[module] + LOST)
    for module, name, text in _sections():
        lock = LOCKS[module]
        taken = f"with {lock} if Lost.function != {name!r} else NO_LOCK:"
        yield Patch(module, text, text.replace(f"with {lock}:", taken))


MODULES = {
    f"{name}" if module != "_results" else f"results.{name}": module for module, name, _ in _sections()
}

WHERE = {
    "audited": (
        "_account", "_begin", "_claim", "_end", "_enrol", "_fail", "_fetch", "_give_up", "_hurry", "_is_own",
        "_lie_down", "_mend", "_post", "_progress", "_refuse", "_sign", "_written", "call_scribe", "take_log",
    ),
    "batch_race": ("admit_all",),
    "cancel_races_completion": ("begin_drain", "enrol_for_trip"),
    "counted": ("_miss", "_pending"),
    "drain_with_stuck_task": ("trip",),
    "keys_race": ("call_at_end", "claim_follower", "evict", "post", "set_retention", "take_calls"),
    "limited": ("results.give_up", "results.look_for_end", "ring"),
    "limited_starts": ("set_rate", "start"),
    "queues_race": ("next_task", "pause", "resume", "set_weight", "take_inbox"),
    "resize_race": ("nudge", "resize", "take_seat"),
    "results_race": (
        "abandon", "call_herald", "claim_herald", "hear", "results.account", "results.enrol",
        "results.give_up_waiting", "results.publish", "results.unsubscribe", "subscribe",
    ),
    "retries_race": ("become_due", "copy_tallies"),
    "room_race": ("enrol_for_room", "expire", "peek", "skip"),
    "shutdown_races_start": ("claim_start", "park", "shutdown_cancel"),
    "submit_races_stop": (
        "admit", "attend", "come_back", "enrol", "give_up", "pass_latch", "rest", "stop_now", "turn",
    ),
    "subscribe_races_stop": ("results.close_input", "results.deliver"),
    "tokens_race": ("call_at_trip",),
    "watched": ("call_follower", "remind"),
    "work_gets_done": ("add_label", "cancel", "enrol_for_end"),
}  # fmt: skip
"""In which scenario the loss of a section's lock shows."""

NOT_REACHED = {
    "give_back_follower": "the machine gives no thread, which the bench never refuses",
    "give_back_herald": "the same",
    "give_back_seat": "the same",
    "give_back_start": "the same",
    "compact": "a thousand tasks have ended in the heaps",
    "found": "the same",
    "swept": "a thousand tasks have ended in the lane",
    "cut_log": "nobody records the log, and the bench always does",
    "relay": "the same",
    "take_relay": "the same",
}
"""Sections that no scenario enters, and what it would take."""


@pytest.fixture(scope="module")
def losing() -> Iterator[RaceBench]:
    """One build with all these patches, and so with a switch for each lock."""
    defect = Defect(id="L99", title="a lock is lost", breaks=(), patches=tuple(_patches()))
    with RaceBench(EVERYWHERE[0], defect=defect) as bench:
        yield bench


def _lose(bench: RaceBench, function: str, scenario: Scenario, schedules: int) -> Races:
    """What is found when a lock is lost, from one seed, and if that is nothing, from another."""
    module = getattr(bench.build.package, MODULES[function])
    bench.scenario = scenario
    module.Lost.function = function.removeprefix("results.")
    try:
        found = search(bench, schedules, seed=1, until_found=True)
        return found if found.undeclared else search(bench, schedules, seed=2, until_found=True)
    finally:
        module.Lost.function = ""


def test_every_section_is_accounted_for() -> None:
    """Each function with a lock is looked for below, or is named with the reason why not."""
    looked_for = [function for functions in WHERE.values() for function in functions]
    assert sorted([*looked_for, *NOT_REACHED]) == sorted(MODULES)


@pytest.mark.parametrize(("scenario", "function"), [(it, name) for it in WHERE for name in WHERE[it]])
def test_a_lock_that_is_lost_is_a_race(losing: RaceBench, scenario: str, function: str) -> None:
    """Within forty schedules of one scenario, twenty from each of two seeds."""
    races = _lose(losing, function, next(it for it in EVERYWHERE if it.name == scenario), 20)
    assert races.undeclared
    found = [
        side.function.partition(".")[2] for race, _ in races.undeclared for side in (race.first, race.second)
    ]
    assert function.removeprefix("results.") in found or function == "next_task"


def test_with_every_lock_in_its_place_the_switches_change_nothing(losing: RaceBench) -> None:
    """The same build has no race when no lock is lost."""
    losing.scenario = SCENARIOS["submit_races_stop"]
    assert search(losing, 10).undeclared == ()


def test_a_declaration_covers_one_side_only(losing: RaceBench) -> None:
    """A declared read excuses itself against a section, and not a section that has lost its lock."""
    races = _lose(losing, "call_herald", SCENARIOS["results_race"], 10)
    with_declared = [race for race, _ in races.undeclared if race.first.excuse or race.second.excuse]
    assert with_declared
    for race in with_declared:
        assert race.field == "Core.herald"
        assert [side.function for side in (race.first, race.second) if not side.excuse] == [
            "_steps.call_herald"
        ]
    assert all(decode(token).grain is Grain.ACCESS for _, token in races.undeclared)


@pytest.mark.parametrize("defect", ["L01", "L02"])
def test_the_lost_locks_of_the_catalogue_are_races(defect: str) -> None:
    """In its own scenario, within ten schedules."""
    races = detect(DEFECTS[defect].scenario, 10, defect=defect, until_found=True)
    assert races.defect == defect
    assert races.undeclared


# --------------------------------------------------------------------------- in a campaign


def test_a_campaign_fails_at_a_race_and_its_token_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """`explore` and `replay` look for races if they are asked to."""
    monkeypatch.setattr("jurat_sim.shrink.SEARCHED", 0)
    report = explore("submit_races_stop", defect="L01", grain="access", races=True, schedules=20)
    assert report.verdict is Verdict.FAIL
    assert report.failure is not None
    assert report.failure.property.startswith("race: ")
    assert replay(report.failure.token, races=True).property == report.failure.property


def test_looking_on_changes_nothing() -> None:
    """The same runs with and without a detector, to the last access."""
    looked_on = explore("results_race", grain="access", races=True, schedules=5)
    assert looked_on == explore("results_race", grain="access", schedules=5)


def test_the_grain_of_the_seam_has_no_accesses_to_look_at() -> None:
    """A typed error, and no campaign that finds nothing."""
    with pytest.raises(NoAccesses):
        explore("submit_races_stop", races=True, schedules=1)


def test_the_same_seed_sees_the_same_races(clean: RaceBench) -> None:
    """The whole report; another seed sees other runs."""
    clean.scenario = SCENARIOS["tokens_race"]
    reports = [search(clean, 4, seed) for seed in (3, 3, 4)]
    assert reports[0] == reports[1]
    assert reports[0].accesses != reports[2].accesses


# ------------------------------------------------------ bugs of the worker that were found here


def first_subscription_after_a_resize(stage: Stage) -> None:
    """The herald is spawned while the steward takes a thread that has left off the list."""
    worker = stage.build_worker(threads=2)
    worker.start()

    def shrinker() -> None:
        worker.resize(1)
        stage.submit(lambda context: None).handle.wait()
        stage.close(worker.drain())

    stage.client("shrinker", shrinker)
    stage.client("subscriber", lambda: stage.subscribe().rest())


def batch_with_an_id_that_is_forgotten(stage: Stage) -> None:
    """A batch asks for an id while the task that has it is evicted."""
    worker = stage.build_worker(threads=1)
    first = stage.submit(lambda context: None, id="a")
    worker.start()

    def forgetter() -> None:
        first.handle.wait()
        with suppress(stage.jurat.WorkerStopped):
            worker.set_retention(stage.jurat.Retention(number=0))

    def again() -> None:
        first.handle.wait()
        stage.submit_all(lambda context: None, 1, ids=["a"])
        stage.close(worker.drain())

    stage.client("forgetter", forgetter)
    stage.client("again", again)


@pytest.mark.parametrize(
    ("describe", "schedules"),
    [(first_subscription_after_a_resize, 600), (batch_with_an_id_that_is_forgotten, 300)],
)
def test_what_the_steward_and_a_batch_got_wrong(describe: Callable[[Stage], None], schedules: int) -> None:
    """A herald that nobody joined, found in run 271; an id refused that nobody had, found in run 2."""
    with Bench(Scenario(name="x", text="", describe=describe)) as bench:
        walk = RandomWalk(1)
        assert [it for number in range(schedules) for it in bench.run(walk, number).findings] == []


class Steered:
    """Holds a thread back at a place, and another at a second one, until nobody else can go on."""

    name = "steered"

    def __init__(self, places: list[str], first: str, second: str) -> None:
        self._walk = Reluctant(5, leave=1 / 4, time_share=0.0)
        self.begin = self._walk.begin
        self._held = {places.index(first): 1, places.index(second): 2}

    def _patience(self, thread: BenchThread) -> int:
        return self._held.get(thread.object, 0) if thread.operation is Operation.ACCESS else 0  # type: ignore[call-overload]

    def choose(self, ready: Sequence[BenchThread], default: int, time: bool) -> int:
        """The walk's choice, unless somebody is to be held back."""
        option = self._walk.choose(ready, default, time)
        if option == len(ready) or not self._patience(ready[option]):
            return option
        if time:
            return len(ready)
        return min(range(len(ready)), key=lambda at: self._patience(ready[at]))


def test_an_abandoned_task_keeps_its_function_until_it_is_called() -> None:
    """A canceller that looks at the status late takes nothing away: the function is entered, once.

    Its thread is about to call it, the canceller has seen it run, and the grace of a stop is over.
    """
    with Bench(SCENARIOS["shutdown_races_start"], grain=Grain.ACCESS) as bench:
        assert bench.build.points is not None
        places = bench.build.points.places
        calls = [it for it in places if it.startswith("_threads.py") and it.endswith("reads task._variables")]
        called = calls[1]  # in `work`, and without arguments
        looked = next(it for it in places if it.startswith("_opening.py") and "reads status.terminal" in it)
        walk = Steered(places, looked, called)
        runs = [bench.run(walk, number) for number in range(40)]
    abandoned = [run for run in runs if any(event[1] == "Abandon" for event in run.log)]
    assert abandoned
    assert [it for run in runs for it in run.findings] == []
