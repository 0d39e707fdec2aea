"""Undeclared nondeterminism: what decides a run besides its choices.

A token is a run only if nothing but the schedule decides it.  What the worker asks of its machine
comes from the bench, and it is forbidden to ask elsewhere; but the order of a set, an address in
memory, a counter that outlives its run or a look at a real clock would decide as well, and no
seam stands in their way.  So a campaign is made twice and compared, event by event, times included:

* `same` makes it twice in this process, one after the other.  What differs from one object, one
  instant or one run to the next shows here.
* `same_under_hash_seeds` makes it in two processes with two values of PYTHONHASHSEED.  What
  depends on the hash of a string, and is therefore constant within a process, shows here.

Both answer with None, or with a finding that names the first schedule and its first event that
differ.  None means that so many schedules did not differ: it is a sample, as every campaign is.

Prior art: the determinism check of shuttle (`check_uncontrolled_nondeterminism`), which runs each
schedule a second time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from .bench import Bench
from .build import Patch
from .defects import defect_named
from .explore import strategy_for
from .findings import Finding
from .scenarios import scenario_named
from .seeding import Defect
from .tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["NONDETERMINISM", "same", "same_under_hash_seeds"]

NONDETERMINISM = "nondeterminism"
"""The property that a finding of this module names."""


class _Seen(NamedTuple):
    """What is compared of a run."""

    events: list[str]
    steps: int
    choices: int


def same(
    scenario: str,
    *,
    defect: Defect | str | None = None,
    grain: Grain = Grain.SEAM,
    schedules: int = 100,
    seed: int = 1,
) -> Finding | None:
    """Make this campaign twice in this process; the first difference, if there is one.

    Raises
    ------
    UnknownScenario, UnknownDefect, BadAnchor: as `explore`.
    """
    seeded = _defect(defect)
    with Bench(scenario_named(scenario), defect=seeded, grain=grain) as bench:
        first, second = (list(_runs(bench, schedules, seed)) for _ in range(2))
    return _difference(scenario, first, second)


def same_under_hash_seeds(
    scenario: str,
    *,
    defect: Defect | str | None = None,
    grain: Grain = Grain.SEAM,
    schedules: int = 100,
    seed: int = 1,
    hash_seeds: tuple[int, int] = (0, 42),
) -> Finding | None:
    """Make this campaign in two processes, each with its PYTHONHASHSEED; the first difference, if any.

    Raises
    ------
    UnknownScenario, UnknownDefect: there is none of this name.
    subprocess.CalledProcessError: a process could not make the campaign; it has said why.
    """
    seeded = _defect(defect)
    asked = {
        "scenario": scenario_named(scenario).name,
        "defect": None if seeded is None else seeded.id,
        "patches": []
        if seeded is None
        else [[it.module, it.anchor, it.replacement] for it in seeded.patches],
        "grain": str(grain),
        "schedules": schedules,
        "seed": seed,
    }
    first, second = (_elsewhere(asked, hash_seed) for hash_seed in hash_seeds)
    return _difference(scenario, first, second)


def _defect(defect: Defect | str | None) -> Defect | None:
    return defect_named(defect) if isinstance(defect, str) else defect


def _runs(bench: Bench, schedules: int, seed: int) -> Iterator[_Seen]:
    walk = strategy_for(bench.grain, seed)
    for number in range(schedules):
        run = bench.run(walk, number)
        yield _Seen([repr(event) for event in run.log], run.steps, run.choices)


def _difference(scenario: str, first: Iterable[_Seen], second: Iterable[_Seen]) -> Finding | None:
    """The first schedule that was not the same run, and where it parts."""
    for number, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        if one != other:
            return Finding(NONDETERMINISM, f"{scenario}, schedule {number}: {_parting(one, other)}")
    return None


def _parting(one: _Seen, other: _Seen) -> str:
    for place, (here, there) in enumerate(zip_longest(one.events, other.events)):
        if here != there:
            return f"event {place} is {here or 'missing'} in one run, and {there or 'missing'} in the other"
    return (
        f"the same log after {one.steps} steps and {one.choices} choices in one run, "
        f"and {other.steps} and {other.choices} in the other"
    )


def _elsewhere(asked: dict[str, Any], hash_seed: int) -> list[_Seen]:
    """Have the campaign made by another process."""
    ran = subprocess.run(
        [sys.executable, "-m", "jurat_sim.determinism"],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [_Seen(*json.loads(line)) for line in ran.stdout.splitlines()]


def _answer() -> None:
    """In the other process: make the campaign that standard input asks for, a line for each run."""
    asked = json.load(sys.stdin)
    defect = None
    if asked["defect"] is not None:
        patches = tuple(Patch(*patch) for patch in asked["patches"])
        defect = Defect(id=asked["defect"], title="", breaks=(), patches=patches)
    with Bench(scenario_named(asked["scenario"]), defect=defect, grain=Grain(asked["grain"])) as bench:
        for seen in _runs(bench, asked["schedules"], asked["seed"]):
            sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    _answer()
