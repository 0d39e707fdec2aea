"""Mutation: every small change of the worker is made, one at a time, and judged for what it does."""

from __future__ import annotations

import ast
import mmap
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jurat_sim import mutation
from jurat_sim.build import source_of
from jurat_sim.errors import UnknownMutant
from jurat_sim.mutation import MODULES, Mutant, Operator, Verdict, judge, judge_apart, mutants, mutants_named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def opening() -> list[Mutant]:
    """The mutants of the smallest module."""
    return list(mutants("_opening"))


def _of(module: str, function: str, operator: Operator, says: str) -> Mutant:
    """The one mutant of a function that is said so."""
    there = [it for it in mutants(module, function) if it.operator is operator]
    (found,) = [it for it in there if it.says.startswith(says)]
    return found


def test_every_operator_has_its_mutants() -> None:
    """In the worker as it is, and without its largest module already; and no two mutants have one name."""
    modules = [module for module in MODULES if module != "_steps"]
    all_of_them = [(it.id, it.operator) for module in modules for it in mutants(module)]
    assert {operator for _, operator in all_of_them} == set(Operator)
    assert len({id for id, _ in all_of_them}) == len(all_of_them)


def test_a_mutant_is_another_module_in_one_function(opening: list[Mutant]) -> None:
    """It can be parsed, differs from the source in its function, and nowhere else."""
    source = source_of("_opening")
    for mutant in opening:
        before, after = ({ast.dump(it) for it in ast.parse(text).body} for text in (source, mutant.text))
        (changed,) = after - before
        assert len(before - after) == 1
        assert f"name='{mutant.function}'" in changed


def test_what_was_changed_is_as_it_was_for_the_next_one(opening: list[Mutant]) -> None:
    """The same mutants come again, whatever was made of the tree before."""
    assert [it.text for it in mutants("_opening")] == [it.text for it in opening]
    assert len({it.text for it in opening}) > len(opening) // 2


def test_a_narrowed_section_does_the_same_after_it() -> None:
    """Its last statement is carried out if, and only if, it would have been, and when the lock is free."""
    mutant = _of("_results", "give_up_waiting", Operator.NARROWED_AFTER, "arrival.spare += entry")
    assert mutant.text.count("narrowed_0 = True") == 1
    assert "    if narrowed_0:\n        arrival.spare += entry\n" in mutant.text


def test_a_mutant_that_loses_a_wake_up_is_killed() -> None:
    """By a run that gets stuck, after so many schedules."""
    mutant = _of("_steps", "turn", Operator.FLAG_DROPPED, "core.waking = False")
    result = judge(mutant, seam=40, access=0, scenarios=("work_gets_done",))
    assert (result.verdict, result.property, result.scenario) == (Verdict.KILLED, "stuck", "work_gets_done")
    assert 1 <= result.schedules <= 40


def test_a_lost_lock_is_killed_at_the_grain_of_accesses() -> None:
    """Where its switch points at the seam are gone with it."""
    mutant = _of("_steps", "copy_tallies", Operator.LOCK_DROPPED, "with core.lock")
    result = judge(mutant, seam=20, access=20, scenarios=("retries_race",))
    assert (result.verdict, result.grain) == (Verdict.KILLED, "access")
    assert result.schedules > 20


def test_a_change_that_changes_nothing_survives(opening: list[Mutant]) -> None:
    """As it should: all of its schedules are run at both grains."""
    same = replace(opening[0], text=source_of("_opening") + "\n")
    result = judge(same, seam=6, access=2, scenarios=("work_gets_done", "backoff_on_time"))
    assert (result.verdict, result.schedules) == (Verdict.SURVIVED, 8)


def test_a_mutant_that_livelocks_is_counted_apart() -> None:
    """A steward that always has something to do never parks: that is no kill."""
    mutant = _of("_steps", "attend", Operator.FLAG_DROPPED, "core.tripping = False")
    result = judge(mutant, seam=20, access=0, scenarios=("drain_with_stuck_task",))
    assert result.verdict == Verdict.CUT_SHORT
    assert result.schedules == mutation.PATIENCE


def test_a_mutant_that_breaks_a_scenario_before_it_runs_is_killed() -> None:
    """What escapes while a scenario is being set up is what any caller would see."""
    mutant = _of("_results", "subscribe", Operator.TERM_DROPPED, "without timeout is None")
    result = judge(mutant, seam=20, access=0, scenarios=("results_race",))
    assert (result.verdict, result.property, result.schedules) == (
        Verdict.KILLED,
        "exception: InvalidArgument",
        1,
    )


def test_a_mutant_that_cannot_be_imported_has_no_verdict(opening: list[Mutant]) -> None:
    """A fault of the mutator, said as such."""
    broken = replace(opening[0], text="this is no Python\n")
    assert judge(broken, seam=1, access=0).verdict == Verdict.INVALID


def test_a_mutant_that_spins_is_ended(opening: list[Mutant], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bench has no switch point, the limit of its process ends it, and the next one is judged."""
    source = source_of("_opening")
    spins = replace(opening[0], text=source + "\n\ndef tell(core):\n    while True:\n        pass\n")
    with monkeypatch.context() as patch:  # not for the next one, which may need more
        patch.setattr(mutation, "CPU_SECONDS", 1)
        result = judge_apart(spins, seam=5, access=0, scenarios=("work_gets_done",))
    assert (result.verdict, result.message) == (Verdict.CUT_SHORT, "its process was ended: SIGXCPU")
    same = replace(opening[0], text=source + "\n")
    judged = judge_apart(same, seam=2, access=0, scenarios=("work_gets_done",))
    assert (judged.verdict, judged.message) == (Verdict.SURVIVED, "")


def test_a_mutant_has_the_same_room_in_a_large_process(
    opening: list[Mutant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the process had before does not count: only what the mutant takes."""
    source = source_of("_opening")
    same = replace(opening[0], text=source + "\n")
    hoards = replace(opening[0], text=source + "\n\nHOARD = bytearray(128 << 20)\n")
    monkeypatch.setattr(mutation, "MEMORY_BYTES", 64 << 20)
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 4 << 30, flags=private, prot=mmap.PROT_READ):  # addresses, and no memory
        judged = judge_apart(same, seam=2, access=0, scenarios=("work_gets_done",))
        refused = judge_apart(hoards, seam=2, access=0, scenarios=("work_gets_done",))
    assert (judged.verdict, judged.message) == (Verdict.SURVIVED, "")
    assert refused.verdict == Verdict.INVALID


def test_an_unknown_mutant_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Also by the command, in one line."""
    with pytest.raises(UnknownMutant, match="unknown mutant: _steps"):
        mutants_named({"_steps.admit.deleted.0"})
    assert mutation.main(["--id", "_steps.admit.deleted.0"]) == 2
    assert capsys.readouterr().err == "unknown mutant: _steps.admit.deleted.0\n"


def test_the_command_tells_each_verdict_and_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each, and the sum; `--list` says what there is."""
    chosen = ["--module", "_opening", "--function", "forget", "--operator", "gate-dropped"]
    assert mutation.main([*chosen, "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith("_opening.forget.gate-dropped.1:")
    out = tmp_path / "results"
    budget = ["--seam", "1", "--access", "0", "--scenario", "work_gets_done", "--json", str(out)]
    assert mutation.main([*chosen, *budget]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "1 survived"
    assert len(out.read_text().splitlines()) == 1
