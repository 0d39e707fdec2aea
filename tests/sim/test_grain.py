"""The grain of accesses: one switch point before each access, in every schedule, and no access without."""

from __future__ import annotations

from collections import Counter
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from jurat_sim.build import Patch, load
from jurat_sim.errors import UnknownSyntax
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.strategies import RandomWalk, Reluctant, RunToBlock
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jurat_sim.build import Build
    from jurat_sim.runtime import Strategy

TOY = '''
"""Each line of `body` says in its comment how many accesses to shared state it makes."""

from enum import Enum
import math

class Colour(Enum):
    RED = 1

class Point:
    def __init__(self, x):
        self.x = x                      # not published yet: none

def helper(shared):
    return shared.a                     # 1

def body(shared):
    items = shared.items                # 1
    shared.a = 1                        # 1
    shared.a += 1                       # 2: a load and a store
    items[0] = items[1]                 # 2
    items[1] += 5                       # 2
    shared.items[2] = 7                 # 2: the attribute, and the item
    local = [1, 2, 3]
    if items:                           # 1: a truth test looks inside
        local = local + [4]             # 1: nothing says that this list is local
    if not items:                       # 1
        raise AssertionError
    found = 1 in items                  # 1
    several = items[0], items[1]        # 2
    first, second = several             # a tuple, none
    for item in items:                  # 6 items there, and one look that finds the end: 7
        pass
    copied = [item for item in items if item]   # 7
    total = sum(item for item in items)         # 7, and 8 for sum, called and pulling: see below
    shared.a = shared.b = helper(shared)        # 2, and 1 in helper
    colour = Colour.RED                 # none
    pi = math.pi                        # none
    n = 1 + 2 * 3 if first is second else 4     # none that the witness sees
    while shared.a is None:             # 1
        pass
    del items[5]                        # 1
    items += [9]                        # 1
    del shared.b                        # 1
    shared.a = Point(3).x               # 1, and one for a point's x that the witness does not see
    text = f"{items!r}"                 # 1
    try:
        shared.items[99]                # 2
    except IndexError:
        shared.a = 0                    # 1
    return shared.a and items           # 2: the attribute, and no test of the last operand... 1
'''

ACCESSES = {"attributes": 21, "items": 0}


class Witness:
    """Shared objects that count for themselves, and compare with the switch points just passed."""

    def __init__(self) -> None:
        self.runtime: Counting | None = None
        self.seen: Counter[str] = Counter()
        self.unguarded: list[str] = []

    def saw(self, what: str) -> None:
        runtime = self.runtime
        if runtime is None or runtime.running is runtime.onlooker:
            return
        thread = runtime.running.name
        self.seen[thread] += 1
        if not runtime.fresh.get(thread):
            self.unguarded.append(what)
        runtime.fresh[thread] = False


class Counting(BenchRuntime):
    """A runtime that remembers whether a thread has just passed a switch point."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fresh: dict[str, bool] = {}

    def access(self, place: object) -> None:
        super().access(place)
        self.fresh[self.running.name] = True
