"""Builds: the shipped worker is run as it is, and a copy is changed where it says so and nowhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import jurat
from jurat_sim.bench import Bench
from jurat_sim.build import Patch, load
from jurat_sim.defects import DEFECTS, defect_named
from jurat_sim.errors import BadAnchor, UnknownDefect
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.strategies import RandomWalk
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType, FrameType


def test_the_clean_worker_at_the_seam_is_the_package_that_everybody_imports() -> None:
    """Not a copy: the same module."""
    assert load().package is jurat


def test_the_bench_executes_the_shipped_code_objects() -> None:
    """Every frame of the worker's files that runs on the bench runs a code object of the shipped modules."""
    executed: set[CodeType] = set()

    def trace(frame: FrameType, event: str, arg: object) -> None:
        if frame.f_globals.get("__package__") == "jurat":
            executed.add(frame.f_code)

    with Bench(SCENARIOS["drain_with_stuck_task"]) as bench:
        sys.setprofile(trace)
        try:
            run = bench.run(RandomWalk(1), 0)
        finally:
            sys.setprofile(None)
    shipped = {
        code
        for name, module in sys.modules.items()
        if name.startswith("jurat.")
        for code in _code_objects(compile_again=module)
    }
    assert run.findings == []
    assert {code.co_name for code in executed} >= {"turn", "attend", "rest", "admit", "begin_drain"}
    assert executed <= shipped


def _code_objects(compile_again: object) -> set[CodeType]:
    """Code objects reachable from a module's functions and classes."""
    found: set[CodeType] = set()
    waiting = list(vars(compile_again).values())
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, type) and thing.__module__.startswith("jurat."):
            waiting += list(vars(thing).values())
        for inner in (thing, getattr(thing, "fget", None), getattr(thing, "__func__", None)):
            code = getattr(inner, "__code__", None)
            if code is not None and code not in found:
                found |= _within(code)
    return found


def _within(code: CodeType) -> set[CodeType]:
    inner = [_within(it) for it in code.co_consts if hasattr(it, "co_code")]
    return {code}.union(*inner)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_every_patch_fits_the_worker(defect: object) -> None:
    """Each anchor occurs exactly once, and the patched copy is another package."""
    entry = defect_named(defect.id)  # type: ignore[attr-defined]
    build = load(name=entry.id, patches=entry.patches)
    assert build.package is not jurat
    assert build.package.Worker is not jurat.Worker
    assert build.digest == load().digest


@pytest.mark.parametrize(("anchor", "count"), [("no such text", 0), ("core.lock", 2)])
def test_an_anchor_that_is_not_there_once_fails_loudly(anchor: str, count: int) -> None:
    """A patch that no longer fits is an error that names the patch, the module and the count."""
    with pytest.raises(BadAnchor, match=r"D99: its anchor occurs \d+ times in _steps, not once") as raised:
        load(name="D99", patches=[Patch("_steps", anchor, "pass")])
    assert raised.value.count == 0 if count == 0 else raised.value.count >= count


def test_an_anchor_in_a_module_that_is_gone_fails_loudly() -> None:
    """A module that no longer exists has no anchors."""
    with pytest.raises(BadAnchor, match="occurs 0 times in _gone"):
        load(name="D99", patches=[Patch("_gone", "anything", "")])


def test_an_unknown_defect_is_named() -> None:
    """The error says which one."""
    with pytest.raises(UnknownDefect, match="unknown defect: D00"):
        defect_named("D00")


def test_a_copy_works_as_the_original_does() -> None:
    """On real threads, an instrumented copy outside a run is the worker it was made from."""
    package = load(grain=Grain.ACCESS).package
    with package.Worker(threads=2) as worker:
        tasks = [worker.submit(lambda context, n: n * n, n) for n in range(5)]
        assert [task.result(timeout=10) for task in tasks] == [0, 1, 4, 9, 16]


def test_the_digest_is_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed byte in one file is another worker."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "toy_of_digests"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_part.py").write_text("x = 1\n")
    before = load("toy_of_digests").digest
    (package / "_part.py").write_text("x = 2\n")
    assert load("toy_of_digests").digest != before
