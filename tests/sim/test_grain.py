"""The grain of accesses: one switch point before each access, in every schedule, and no access without one.

The shared objects here count for themselves: a witness that knows nothing of how the source was
rewritten.  At each access it asks whether its thread has just passed a switch point.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import pytest

from jurat_sim import grain
from jurat_sim.build import Patch, load
from jurat_sim.errors import UnknownSyntax
from jurat_sim.grain import CONTENT, Points, _Function
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.strategies import RandomWalk, Reluctant, RunToBlock
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from jurat_sim.build import Build
    from jurat_sim.monitor import Effect
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import Strategy

    MakeToy = Callable[[str], Build]


class Witness:
    """Counts accesses by thread, and those that no switch point came directly before.

    And it holds what a monitor was told since that switch point against what happens then.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.unguarded: list[str] = []
        self.told: list[tuple[object, str, bool]] = []
        self.untold: list[str] = []
        self.runtime: Counting | None = None

    def effect(self, thread: BenchThread | None, effect: Effect, what: object) -> None:
        """Nothing that matters here."""

    def access(self, thread: BenchThread, place: int, owner: object, field: str, write: bool) -> None:
        """As `Monitor.access`."""
        assert self.runtime is not None
        assert thread is self.runtime.running
        self.told.append((owner, field, write))

    def saw(self, what: str, owner: object, field: str = CONTENT) -> None:
        """An access, about to happen."""
        runtime = self.runtime
        if runtime is None or runtime.running is runtime.onlooker:
            return
        thread = runtime.running.name
        self.seen[thread] += 1
        write = what.split(" ", maxsplit=1)[0] in WRITING
        if not any(it[0] is owner and it[1:] == (field, write) for it in self.told):
            self.untold.append(f"{thread}: {what}")
        if not runtime.fresh.get(thread):
            self.unguarded.append(f"{thread}: {what}")
        runtime.fresh[thread] = False


class Counting(BenchRuntime):
    """Remembers of each thread whether it has passed a switch point since its last access."""

    def __init__(self, strategy: Strategy, pool: Pool) -> None:
        super().__init__(strategy, pool)
        self.fresh: dict[str, bool] = {}

    def access(self, place: object) -> bool:
        """Pass a switch point."""
        told = super().access(place)
        self.fresh[self.running.name] = True
        WITNESS.told.clear()
        return told


WITNESS = Witness()
WRITING = {"writes", "deletes", "extends"}


class Shared:
    """An object whose attributes are watched."""

    def __getattribute__(self, name: str) -> Any:
        if name != "__class__":  # which `isinstance` asks for
            WITNESS.saw(f"reads {name}", self, name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        WITNESS.saw(f"writes {name}", self, name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        WITNESS.saw(f"deletes {name}", self, name)
        object.__delattr__(self, name)


class Items(list[Any]):
    """A list whose items are watched."""

    def __getitem__(self, at: Any) -> Any:
        WITNESS.saw("reads an item", self)
        return super().__getitem__(at)

    def __setitem__(self, at: Any, value: Any) -> None:
        WITNESS.saw("writes an item", self)
        super().__setitem__(at, value)

    def __delitem__(self, at: Any) -> None:
        WITNESS.saw("deletes an item", self)
        super().__delitem__(at)

    def __len__(self) -> int:
        WITNESS.saw("counts", self)
        return super().__len__()

    def __contains__(self, value: object) -> bool:
        WITNESS.saw("searches", self)
        return super().__contains__(value)

    def __eq__(self, other: object) -> bool:
        WITNESS.saw("compares", self)
        return super().__eq__(other)

    def __iadd__(self, values: Any) -> Self:
        WITNESS.saw("extends", self)
        self.extend(values)
        return self

    def __add__(self, values: Any) -> Any:
        WITNESS.saw("adds", self)
        return [*list.__iter__(self), *values]

    def __repr__(self) -> str:
        WITNESS.saw("shows", self)
        return "items"

    def __iter__(self) -> Iterator[Any]:
        return Watched(self, super().__iter__())

    __hash__ = None


class Watched:
    """An iterator that is watched at each item, and at the look that finds the end."""

    def __init__(self, whole: Items, items: Iterator[Any]) -> None:
        self._whole = whole
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        WITNESS.saw("takes an item", self._whole)
        return next(self._items)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeToy:
    """A package with this source, built at the grain of accesses."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(source: str) -> Build:
        package = tmp_path / "toy_of_accesses"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(source)
        return load("toy_of_accesses", grain=Grain.ACCESS)

    return make


def _fresh() -> tuple[Shared, Items]:
    shared, items = Shared(), Items([1, 2, 3, 0])
    shared.a, shared.b, shared.items, shared.other = 1, None, items, Shared()
    shared.other.a = 5
    return shared, items


def _run(
    build: Build, strategy: Strategy, number: int, objects: Callable[[], tuple[Shared, Items]]
) -> Counting:
    """Three threads in `body`, each with the objects it is given."""
    assert build.points is not None
    strategy.begin(number)
    runtime = Counting(strategy, Pool())
    WITNESS.__init__()  # type: ignore[misc]
    WITNESS.runtime = runtime
    runtime.monitor = WITNESS
    build.points.use(runtime)
    try:
        for name in "abc":
            shared, items = objects()
            runtime.spawn(build.package.body, name, shared, items)
        assert runtime.run() is Ending.FINISHED
        assert [thread.error for thread in runtime.threads] == [None, None, None]
    finally:
        build.points.use(None)
        runtime.close()
        WITNESS.runtime = None
    return runtime


STRATEGIES: list[tuple[Strategy, int]] = [(RunToBlock(), 1), (RandomWalk(1), 15), (Reluctant(1), 15)]

# What each piece of source does: accesses that the witness sees, and switch points besides.
CASES = [
    # loads and stores
    ("shared.a", 1, 0),
    ("x = shared.other.a", 2, 0),
    ("shared.a = 1", 1, 0),
    ("shared.a = shared.b = 2", 2, 0),
    ("shared.a, shared.b = 1, 2", 2, 0),
    ("shared.a: int = 1", 1, 0),
    ("del shared.b", 1, 0),
    ("items[0]", 1, 0),
    ("items[1:3]", 1, 0),
    ("items[0] = 1", 1, 0),
    ("items[0], x = items[1], items[2]", 3, 0),
    ("del items[0]", 1, 0),
    ("shared.items[0] = shared.a", 3, 0),
    # augmented assignments: a load, an operation on what is there, a store
    ("shared.a += 1", 2, 0),
    ("shared.other.a += shared.a", 4, 0),
    ("items[0] += 1", 2, 0),
    ("shared.items[1] -= items[0]", 4, 0),
    ("items += (1,)", 1, 0),
    ("shared.items += (1,)", 3, 0),
    # looks inside
    ("if items: pass", 1, 0),
    ("while not items: pass", 1, 0),
    ("x = items and shared.a", 2, 0),
    ("x = shared.b or items", 1, 0),
    ("x = 1 if items and shared.b else 2", 2, 0),
    ("assert items, 'none'", 1, 0),
    ("x = 1 in items", 1, 0),
    ("x = 7 not in items and 2 in items", 2, 0),
    ("x = items == shared", 1, 0),
    ("x = items is shared.items", 1, 0),
    ("x = items + [1]", 1, 0),
    ("x = f'{items!r:>9} {shared.a}'", 2, 0),
    # iteration: once for each item, and once for the end
    ("for x in items: pass", 5, 0),
    ("for x in items: shared.a = x", 9, 0),
    ("x = [it for it in items if it]", 5, 0),
    ("x = {it: shared.a for it in items}", 9, 0),
    ("x = sum(it for it in items)", 5, 1),  # sum is not of the package, so calling it is an access
    # calls: of Python's own functions they are accesses, of functions of the package they are not
    ("x = len(items)", 1, 0),
    ("x = helper(shared)", 1, 0),
    ("x = (lambda it: it.a)(shared)", 1, 0),
    ("x = Point(shared.a).x", 1, 1),  # the point's own x: nothing shows that nobody else has it
    ("shared.items.append(7)", 1, 2),  # the method is read from a list, and called
    ("try:\n    items[99]\nexcept IndexError:\n    shared.a = 1", 2, 0),
    ("with Manager(): shared.a", 1, 0),
    ("global counter\ncounter = counter + 1", 0, 2),  # a global that a function rebinds is shared
    ("def inner():\n    return items[0]\nx = inner()", 1, 1),  # so is a variable of a nested one
    # what C code reads in one go, where the witness cannot look
    ("y = [1, 2]\nx = [*y]", 0, 1),
    ("y = {1: 2}\nx = {**y}", 0, 1),
    ("y = [1, 2]\nx = y * 2", 0, 1),
    ("x = -shared.a", 1, 0),
    ("x = {it: 1 for it in items}, {it for it in items}", 10, 0),
    ("x = (lambda it=shared.a: it)()", 1, 1),  # names in a lambda's defaults are taken for shared
    # what is excluded
    ("x = 1\nx += 1\ny = -x", 0, 0),
    ("x = 1, 2\nif x: pass\ny, z = x", 0, 0),
    ("x = Colour.RED\ny = math.pi\nz = 'a'.upper", 0, 0),
    ("for x in (1, 2): pass\nfor x in 1, 2: pass", 0, 0),
    ("x = None\nif x is None and not x: pass", 0, 0),
    ("x = [1, 2]", 0, 0),
]  # fmt: skip

SOURCE = """
import math
from enum import Enum

counter = 0

class Colour(Enum):
    RED = 1

class Point:
    def __init__(self, x):
        self.x = x

class Manager:
    def __enter__(self):
        return None
    def __exit__(self, *exc):
        return None

def helper(shared):
    return shared.a

def body(shared, items):
"""


@pytest.mark.parametrize(("source", "accesses", "besides"), CASES, ids=[case[0] for case in CASES])
def test_each_access_has_a_switch_point_directly_before_it(
    toy: MakeToy, source: str, accesses: int, besides: int
) -> None:
    """The witness sees the known number of accesses, none unguarded; the bench counts the known number."""
    build = toy(SOURCE + indent(source, "    ") + "\n")
    for strategy, runs in STRATEGIES:
        for number in range(runs):
            runtime = _run(build, strategy, number, _fresh)
            assert WITNESS.unguarded == []
            assert WITNESS.untold == []
            assert WITNESS.seen == Counter({name: accesses for name in "abc" if accesses})
            assert runtime.accesses == 3 * (accesses + besides)


def test_each_rule_has_a_case() -> None:
    """What the rewriting knows of by a rule of its own occurs above, or is refused below."""
    rules = {name.removeprefix("visit_") for name in dir(_Function) if name.startswith("visit_")}
    met = {type(node).__name__ for source, _, _ in CASES for node in ast.walk(ast.parse(source))}
    assert rules - met - {"Constant"} == set()  # visit_Constant is the visitor's own
    calls = {name for name, it in vars(Points).items() if callable(it) and not name.startswith("_")} - {"use"}
    assert {kind for kind in calls if f'"{kind}"' not in Path(grain.__file__).read_text()} == set()


COMPLETENESS = """
class Account:
    def __init__(self, owner):
        self.owner = owner

def body(shared, items):
    for turn in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9):
        shared.a += 1                       # 2
        items[0] = items[1] + shared.a      # 3
        if items and 2 in items:            # 2
            shared.b = Account(shared)      # 1
        items += (turn,)                    # 1
        del items[3]                        # 1
        shared.items[0] += shared.other.a   # 5
"""
EACH = 10 * 15


def test_the_completeness_toy_counts_what_it_executes_in_every_schedule(toy: MakeToy) -> None:
    """Three threads on the same objects make exactly 450 accesses, and 450 are counted, in each schedule."""
    build = toy(COMPLETENESS)
    orders = set()
    walks: list[tuple[Strategy, int]] = [(RunToBlock(), 1), (RandomWalk(3), 60), (Reluctant(3), 60)]
    for strategy, runs in walks:
        for number in range(runs):
            one = _fresh()
            runtime = _run(build, strategy, number, lambda one=one: one)  # type: ignore[misc]
            assert WITNESS.unguarded == []
            assert WITNESS.untold == []
            assert WITNESS.seen == {"a": EACH, "b": EACH, "c": EACH}
            assert runtime.accesses == 3 * EACH
            orders.add(tuple(runtime.deviations))
    assert len(orders) == 121


def test_a_lost_update_needs_no_operation_of_the_seam(toy: MakeToy) -> None:
    """Without any lock there is no switch point at the seam, and the bug is found all the same."""
    build = toy("def body(shared, items):\n    shared.a += 1\n")
    assert build.points is not None
    totals = set()
    for number in range(100):
        one = _fresh()
        _run(build, RandomWalk(1), number, lambda one=one: one)  # type: ignore[misc]
        totals.add(one[0].a)
    assert totals == {2, 3, 4}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def body(a):\n    match a:\n        case 1: pass\n", "Match"),
        ("async def body(a):\n    pass\n", "AsyncFunctionDef"),
        ("def body(a):\n    yield a\n", "Yield"),
        ("def body(a):\n    class Inner: pass\n", "ClassDef"),
        ("def body(a):\n    x = (it for it in a)\n", "GeneratorExp"),
        ("counter = 0\ndef body(a):\n    global counter\n    counter += 1\n", "augmented assignment"),
        ("counter = 0\ndef body(a):\n    global counter\n    for counter in a: pass\n", "binding a shared"),
    ],
)
def test_syntax_without_a_rule_is_refused(toy: MakeToy, source: str, kind: str) -> None:
    """What is not known to be local is visible; what cannot be made visible is not passed over."""
    with pytest.raises(UnknownSyntax, match=kind):
        toy(source)


def test_the_whole_worker_is_covered_by_rules() -> None:
    """The shipped worker has no syntax that is refused, and many places."""
    points = load(grain=Grain.ACCESS).points
    assert points is not None
    assert len(points.places) > 500
    assert any(place.endswith("reads core.last_ns") for place in points.places)


def test_the_seam_grain_cannot_see_a_lost_lock_and_this_one_can() -> None:
    """Deleting the claim's lock deletes its switch points with it: only accesses show the race."""
    from jurat_sim import Verdict, explore

    seam = explore("submit_races_stop", defect="L01", grain="seam", schedules=300, seed=1)
    access = explore("submit_races_stop", defect="L01", grain="access", schedules=300, seed=1)
    assert (seam.verdict, access.verdict) == (Verdict.PASS, Verdict.FAIL)


def test_a_patch_and_switch_points_go_together(toy: MakeToy, tmp_path: Path) -> None:
    """A patched module is instrumented as patched."""
    toy("def body(shared, items):\n    shared.a\n")
    patched = load(
        "toy_of_accesses",
        name="patched",
        patches=[Patch("__init__", "    shared.a\n", "    shared.a = shared.b\n")],
        grain=Grain.ACCESS,
    )
    assert patched.points is not None
    assert [place.split(" ", 1)[1] for place in patched.points.places] == [
        "reads shared.b",
        "writes shared.a",
    ]
