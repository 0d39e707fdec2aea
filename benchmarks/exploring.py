"""How many schedules a second an explorer runs: `python -m benchmarks.exploring SYSTEM CASE`.

Three cases, each with two threads that race:

* `submit racing stop`: a client submits one task, another stops the worker now; two worker threads
  and the steward; the run is over when the worker has stopped.
* `cancel racing completion`: one task waits; a client cancels it, another drains the worker.
* `no wake-up lost`: a toy of a lock, two flags and a gate, without a worker.

The systems are the bench of this project at its two grains, frontrun and interleave-test.  The worker is
the shipped one for all of them.  The bench runs it on its own seam; the other two control `threading`,
so for them the seam is `Seam`, made of `threading`.  What they do in a schedule is not the same:

* the bench at the grain of the seam switches at operations on locks, gates and threads, and at the grain
  of accesses before each access to shared state in the worker's files.  Every run is held against the
  rule event by event, and against all other checks of a scenario (`jurat_sim.checks`);
* interleave-test switches at each bytecode instruction of the worker's files (`opcode`), or at each line
  (`line`), on threads of the operating system.  Each run replays its log against the rule, no more;
* frontrun switches at bytecode instructions too, and wants to know its threads beforehand: so they are
  made in its `setup`.  The same check.  By its default strategy it looks for one schedule of each
  class, and by `random` it draws them.

So a schedule of theirs has finer steps than one of the bench at the seam, and fewer checks.  All choose at
random; a schedule is counted when it has been run and checked.  One core, processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import threading
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from .samples import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["BOUNDS", "CASES", "SYSTEMS", "Failed", "Seam", "main", "measure"]

SEED = 1
OTHERS_NEED = (3, 12)
"""The first CPython for which both of the others are made (the extra `explorers`)."""


# The cases, on any seam -------------------------------------------------------------------------------


class Play:
    """A case that was set up: what its threads do, and what must hold when they have ended."""

    def __init__(self, threads: Mapping[str, Callable[[], object]], holds: Callable[[], bool]) -> None:
        self.threads = threads
        self.holds = holds


def submit_racing_stop(runtime: Any) -> Play:
    """One client submits, another stops."""
    worker, log = _worker(runtime)

    def submit() -> None:
        try:
            worker.submit(_nothing)
        except import_module("jurat").WorkerStopped:
            pass

    return Play({"client": submit, "stopper": lambda: worker.stop_now().wait()}, lambda: _conforms(log))


def cancel_racing_completion(runtime: Any) -> Play:
    """One client cancels a task that waits, another drains."""
    worker, log = _worker(runtime)
    task = worker.submit(_nothing)
    drain: Callable[[], object] = lambda: worker.drain(deadline=None).wait()  # noqa: E731
    return Play({"canceller": task.cancel, "drainer": drain}, lambda: _conforms(log))


def no_wake_up_lost(runtime: Any) -> Play:
    """Who sleeps says so under the lock.  Said outside it, a wake-up would be lost, now and then."""
    lock, gate = runtime.lock(), runtime.gate()
    it = {"ready": False, "sleeps": False}

    def sleeper() -> None:
        with lock:
            ready = it["ready"]
            it["sleeps"] = not ready
        if not ready:
            gate.wait()

    def waker() -> None:
        with lock:
            it["ready"] = True
            sleeps = it["sleeps"]
        if sleeps:
            gate.open()

    return Play({"sleeper": sleeper, "waker": waker}, lambda: it["ready"])


def _worker(runtime: Any) -> tuple[Any, list[Any]]:
    log: list[Any] = []
    worker = import_module("jurat").Worker(threads=2, recorder=log, runtime=runtime)
    worker.start()
    return worker, log


def _nothing(_context: object) -> None: ...


def _conforms(log: list[Any]) -> bool:
    """The log is a behaviour of the rule, to its end: no task is live, and the worker has stopped."""
    world = import_module("jurat_spec.replay").replay(log).world
    return world.phase == "stopped" and not world.live


CASES: Mapping[str, Callable[[Any], Play]] = {
    "submit racing stop": submit_racing_stop,
    "cancel racing completion": cancel_racing_completion,
    "no wake-up lost": no_wake_up_lost,
}


# A seam for those who control `threading` -------------------------------------------------------------


class _Gate:
    def __init__(self) -> None:
        self._tokens = threading.Semaphore(0)
        self.open = self._tokens.release

    def wait(self) -> bool:
        return bool(self._tokens.acquire())

    def wait_for(self, timeout_ns: int) -> bool:
        return bool(self._tokens.acquire(timeout=timeout_ns / 1e9))


class _Thread:
    """A thread that somebody else starts."""

    def __init__(self, name: str, body: Callable[[], object]) -> None:
        self.name = name
        self._body = body
        self._over = threading.Semaphore(0)

    def run(self) -> None:
        self._body()
        self._over.release()

    def join(self, timeout_ns: int | None = None) -> bool:
        over = self._over.acquire(timeout=None if timeout_ns is None else timeout_ns / 1e9)
        if over:
            self._over.release()  # for whoever else joins
        return bool(over)


class Seam:
    """The worker's seam on `threading`, whose names are looked up in the run.  Its clock counts readings."""

    def __init__(self) -> None:
        self.threads: list[_Thread] = []
        self._ticks = count()
        self.monotonic_ns = self.wall_ns = self._ticks.__next__
        self.ident = threading.get_ident

    def lock(self) -> Any:
        """As the seam's."""
        return threading.Lock()

    def gate(self) -> _Gate:
        """As the seam's."""
        return _Gate()

    def spawn(self, target: Callable[..., None], name: str, *args: object) -> _Thread:
        """As the seam's, but that the thread is run by whoever explores."""
        thread = _Thread(name, lambda: target(*args))
        self.threads.append(thread)
        return thread

    def entropy(self, size: int) -> bytes:
        """Always the same."""
        return bytes(size)


# The systems ------------------------------------------------------------------------------------------
#
# Each runs so many schedules of a case, or fewer if there are no more, and tells how many and the
# seconds of processor time that they took.  A schedule that fails raises.

Ran = tuple[int, float]


class Failed(Exception):
    """A schedule was found in which something is wrong."""


def _bench(grain: str) -> Callable[[str, int], Ran]:
    def run(case: str, schedules: int) -> Ran:
        kind = import_module("jurat_sim.tokens").Grain(grain)
        walk = import_module("jurat_sim.explore").strategy_for(kind, SEED)
        if case not in _DESCRIPTIONS:
            return _toy(CASES[case], walk, schedules)
        scenario = import_module("jurat_sim.scenarios").Scenario(
            name=case, text=case, describe=_DESCRIPTIONS[case]
        )
        with import_module("jurat_sim.bench").Bench(scenario, grain=kind) as bench:
            bench.run(walk, schedules)  # carriers and tables are made
            began = process_time()
            for number in range(schedules):
                findings = bench.run(walk, number).findings
                if findings:
                    raise Failed(findings[0].message)
            return schedules, process_time() - began

    return run


def _describe_submit(stage: Any) -> None:
    worker = stage.build_worker(threads=2)
    worker.start()
    stage.client("client", lambda: stage.submit(_nothing))
    stage.client("stopper", lambda: stage.close(worker.stop_now()))


def _describe_cancel(stage: Any) -> None:
    worker = stage.build_worker(threads=2)
    worker.start()
    task = stage.submit(_nothing)
    stage.client("canceller", task.handle.cancel)
    stage.client("drainer", lambda: stage.close(worker.drain(deadline=None)))


_DESCRIPTIONS: Mapping[str, Callable[[Any], None]] = {
    "submit racing stop": _describe_submit,
    "cancel racing completion": _describe_cancel,
}
"""The same programs on a stage, which records what its checks need."""


def _toy(case: Callable[[Any], Play], walk: Any, schedules: int) -> Ran:
    """A program without a worker has no stage, and no checks but its own."""
    simulated: Any = import_module("jurat_sim.runtime")
    pool = import_module("jurat_sim.pool").Pool()
    began = process_time()
    for number in range(schedules):
        walk.begin(number)
        runtime = simulated.BenchRuntime(walk, pool)
        play = case(runtime)
        for name, body in play.threads.items():
            runtime.spawn(body, name)
        ending = runtime.run()
        runtime.close()
        if ending != "finished" or not play.holds():
            raise Failed(f"{ending}, in schedule {number + 1}")
    took = process_time() - began
    pool.close()
    return schedules, took


def _interleave_test(granularity: str) -> Callable[[str, int], Ran]:
    def run(case: str, schedules: int) -> Ran:
        it: Any = import_module("interleave_test")

        def model() -> None:
            seam = Seam()
            play = CASES[case](seam)
            bodies = {thread.name: thread.run for thread in seam.threads} | dict(play.threads)
            for task in [it.spawn(body, name=name) for name, body in bodies.items()]:
                task.join()
            with it.no_interleave():
                assert play.holds()  # noqa: S101 - as its models say what must be

        began = process_time()
        result = it.explore(
            model,
            iterations=schedules,
            seed=SEED,
            granularity=granularity,
            include=[Path(str(import_module("jurat").__file__)).parent, __file__],
            raise_on_failure=False,
        )
        if not result.ok:
            raise Failed(str(result.failure))
        return schedules, process_time() - began

    return run


def _frontrun(strategy: str) -> Callable[[str, int], Ran]:
    def run(case: str, schedules: int) -> Ran:
        os.environ["FRONTRUN_ACTIVE"] = "1"  # as its command does
        frontrun: Any = import_module("frontrun")

        class State:
            def __init__(self) -> None:
                seam = Seam()
                self.play = CASES[case](seam)
                self.bodies = [*[thread.run for thread in seam.threads], *self.play.threads.values()]

        def worker(at: int) -> Callable[[State], object]:
            return lambda state: state.bodies[at]()

        limits = {"dpor": {"max_executions": schedules}, "random": {"max_attempts": schedules, "seed": SEED}}
        workers = [worker(at) for at in range(len(State().bodies))]
        began = process_time()
        result = frontrun.explore(
            setup=State,
            workers=workers,
            invariant=lambda state: state.play.holds(),
            strategy=strategy,
            detect_io=False,
            reproduce_on_failure=0,
            **limits[strategy],
        )
        if not result.property_holds:
            raise Failed(str(result.explanation or result.inconclusive_reason))
        return result.num_explored, process_time() - began

    return run


@dataclass(frozen=True)
class System:
    """An explorer, and how it is used."""

    run: Callable[[str, int], Ran]
    schedules: int
    """Of a round: about a second's."""
    cases: tuple[str, ...] = tuple(CASES)
    """Those that it can run."""


SYSTEMS: Mapping[str, System] = {
    "jurat, seam": System(_bench("seam"), 5_000),
    "jurat, accesses": System(_bench("access"), 2_000, tuple(_DESCRIPTIONS)),  # which rewrites packages only
    "interleave-test, lines": System(_interleave_test("line"), 50),
    "interleave-test, opcodes": System(_interleave_test("opcode"), 20),
    "frontrun, random": System(_frontrun("random"), 20),
    "frontrun, DPOR": System(_frontrun("dpor"), 20),
}

BOUNDS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("jurat, seam", "submit racing stop"): (8_000, 15_000),
    ("jurat, accesses", "submit racing stop"): (2_500, 5_000),
}
"""Schedules a second: what must be, and the aim."""


def measure(system: str, case: str, schedules: int, rounds: int) -> list[float]:
    """Schedules a second, round by round."""
    run = SYSTEMS[system].run
    return [ran / took for ran, took in (run(case, schedules) for _ in range(rounds))]


def keep_to_one_core() -> None:
    """Keep the process to one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


def _version(system: str) -> str:
    try:
        return version(system.partition(",")[0])
    except PackageNotFoundError:  # what is measured from its source
        return ""


def absent(system: str) -> str | None:
    """Why this environment has not got the system, or None if it has."""
    if find_spec(system.partition(",")[0].replace("-", "_")) is not None:
        return None
    return "it needs CPython 3.12 or later" if sys.version_info < OTHERS_NEED else "it is not installed there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one system on one case and write one line, with the speed or with the reason for none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exploring", description="one measurement")
    parser.add_argument("system", choices=list(SYSTEMS))
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("schedules", type=int, help="schedules of a round")
    parser.add_argument("rounds", type=int, help="an odd number")
    options = parser.parse_args(arguments)
    keep_to_one_core()
    reason = absent(options.system)
    found = [] if reason else measure(options.system, options.case, options.schedules, options.rounds)
    answer = {
        "python": platform.python_version(),
        "version": _version(options.system),
        "per_second": asdict(Summary.of(found)) if found else None,
        "not_measured": reason,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
