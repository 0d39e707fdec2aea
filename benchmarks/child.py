"""One measurement, in a process of its own: `python -m benchmarks.child JOB`.

The process keeps to two cores where the system lets it, measures, and writes one line of JSON:

    {"python": "3.12.1", "figures": {"noop": {"value": {...}, "parts": {"worker": {...}, ...}}}}

Each `{...}` is a summary of rounds (`samples`).  A part is what the value was made of, or what it is to be
compared with.  A fresh process for each measurement means that none inherits another's heap or threads.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import scale, sides
from .figures import jobs
from .loads import LOADS
from .samples import Summary, alternate, ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .sides import Side

__all__ = ["BUDGETS", "Budget", "main", "measure"]

CORES = 2

Measured = dict[str, dict[str, Any]]
"""By figure: its value and its parts."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to look.  Rounds are odd, so that there is one in the middle."""

    rounds: int
    few_rounds: int
    """Of what takes seconds."""
    idle_s: float
    million: int


BUDGETS: Mapping[bool, Budget] = {
    False: Budget(rounds=21, few_rounds=3, idle_s=3.0, million=1_000_000),
    True: Budget(rounds=1, few_rounds=1, idle_s=0.3, million=50_000),
}
"""By whether it is only a smoke test."""


def measure(job: str, budget: Budget) -> Measured:
    """Everything that the job measures."""
    match job:
        case "recorded":
            return _load(job, budget.rounds, sides.recorded_worker)
        case "idleness":
            return {job: _figure([scale.idleness(budget.idle_s)])}
        case "traced":
            return {job: _beside(*alternate(scale.traced_worker, scale.traced_pool, 1))}
        case "resident":
            return {job: _figure([scale.resident(budget.million)])}
        case "million":
            return _million(budget)
        case "switches":
            return {job: _beside(*_take_turns(job, budget.rounds, sides.worker))}
        case _:
            return _load(job, budget.rounds, sides.worker)


def _load(job: str, rounds: int, make: Callable[[], Side]) -> Measured:
    """How many times faster than the pool, round by round."""
    ours, theirs = _take_turns(job, rounds, make)
    return {job: _figure(ratios(theirs, ours), worker=ours, ThreadPoolExecutor=theirs)}


def _take_turns(job: str, rounds: int, make: Callable[[], Side]) -> tuple[list[float], list[float]]:
    load = LOADS[job]

    def on(make_side: Callable[[], Side]) -> Callable[[], float]:
        def once() -> float:
            gc.collect()
            side = make_side()
            try:
                return load(side)
            finally:
                side.finish()

        return once

    return alternate(on(make), on(sides.pool), rounds)


def _million(budget: Budget) -> Measured:
    rounds = []
    for _ in range(budget.few_rounds):
        gc.collect()
        rounds.append(scale.growth_and_stall(budget.million))

    def each(name: str) -> list[float]:
        return [found[name] for found in rounds]

    return {
        "growth": _figure(
            each("growth"),
            **{
                "at 1,000, us": each("few"),
                "at 1,000,000, us": each("many"),
                "mean of the first 1,000,000, full collections included, us": each("fill"),
            },
        ),
        "stall": _figure(
            each("stall"),
            **{
                "longest stall of code that takes no lock, ms": each("bystander"),
                "longest garbage collection, ms": each("collection"),
                "the interpreter's switch interval, ms": each("interval"),
                "from the stop to the last task cancelled, ms": each("cancelled"),
            },
        ),
    }


def _beside(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """A figure of the worker's own, with the pool's for scale."""
    return _figure(ours, ThreadPoolExecutor=theirs)


def _figure(values: Sequence[float], **parts: Sequence[float]) -> dict[str, Any]:
    return {
        "value": asdict(Summary.of(values)),
        "parts": {name: asdict(Summary.of(part)) for name, part in parts.items()},
    }


def keep_to_two_cores() -> int:
    """Keep the process to two cores, where the system can; returns how many it has."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    return len(os.sched_getaffinity(0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one job and write one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.child", description="one measurement")
    parser.add_argument("job", choices=list(jobs()))
    parser.add_argument("--quick", action="store_true", help="one round: a smoke test, no figure")
    options = parser.parse_args(arguments)
    keep_to_two_cores()
    found = measure(options.job, BUDGETS[options.quick])
    sys.stdout.write(json.dumps({"python": platform.python_version(), "figures": found}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
