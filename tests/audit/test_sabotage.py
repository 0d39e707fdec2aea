"""Sabotage is found by name, and a fault that does no harm is not taken for one that is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jurat_audit import sabotage
from jurat_audit.progress import Silent
from jurat_audit.requirements import LINKS
from jurat_audit.sabotage import CHECKS, FAULTS, Fault, FaultError, Said, Trial, planted, trials
from jurat_audit.subject import project_root

if TYPE_CHECKING:
    from pathlib import Path

TABLE = next(fault for fault in FAULTS if fault.check == "table")


def test_each_check_has_a_fault_and_each_link_a_check() -> None:
    """A link that nobody has seen red proves little."""
    assert {fault.check for fault in FAULTS} == set(CHECKS)
    assert set(LINKS) <= set(CHECKS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_each_fault_can_be_planted(fault: Fault, tmp_path: Path) -> None:
    """Its text is in its file once, and is another afterwards."""
    path = tmp_path / fault.file
    path.parent.mkdir(parents=True)
    before = (project_root() / fault.file).read_text("utf-8")
    path.write_text(before, encoding="utf-8")
    planted(tmp_path, fault)
    assert path.read_text("utf-8") != before


def test_a_fault_is_found_by_name_and_the_clean_tree_is_green() -> None:
    """One of the table, in copies of this tree; the tree itself is not touched."""
    before = (project_root() / TABLE.file).read_bytes()
    clean, faulty = trials(project_root(), (TABLE,), Silent())
    assert (clean.verdict, clean.as_it_should) == ("green", True)
    assert (faulty.verdict, faulty.as_it_should) == ("red: requirements.toml: missing SD-1", True)
    assert (project_root() / TABLE.file).read_bytes() == before


def test_a_fault_that_does_no_harm_is_not_red() -> None:
    """And so it is not as it should be."""
    harmless = replace(TABLE, after=f"# The same.\n{TABLE.before}")
    [faulty] = trials(project_root(), (harmless,), Silent(), clean=False)
    assert (faulty.verdict, faulty.as_it_should) == ("not red", False)


def test_red_for_another_reason_is_not_found() -> None:
    """Being red is easy; the words of the declaration must be there."""
    other = replace(TABLE, expects="no such thing")
    [faulty] = trials(project_root(), (other,), Silent(), clean=False)
    assert faulty.verdict == "red for another reason: requirements.toml: missing SD-1"
    assert not faulty.as_it_should


@pytest.mark.parametrize(
    "change", [{"before": "no such text"}, {"before": "[[requirement]]"}, {"file": "gone.toml"}]
)
def test_a_fault_whose_anchor_is_gone_fails_loudly(change: dict[str, str]) -> None:
    """Before anything is run: the tree would stay as it is, and green."""
    fault = replace(TABLE, **change)
    path = project_root() / fault.file
    text = path.read_text("utf-8") if path.exists() else ""
    times = text.count(fault.before)
    with pytest.raises(FaultError, match=f"its text is {times} times in {fault.file}, not once"):
        next(trials(project_root(), (fault,), Silent()))
    assert not path.exists() or path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("status", "output", "faulty", "verdict"),
    [
        (0, "", False, "green"),
        (1, "line\n", False, "not green: line"),
        (2, "", False, "not green: nothing"),
        (0, "", True, "not red"),
        (1, "first\nmissing SD-1\n", True, "red: missing SD-1"),
        (1, "first\n", True, "red for another reason: first"),
        (2, "missing SD-1\n", True, "red for another reason: missing SD-1"),
    ],
)
def test_what_came_out_is_said(status: int, output: str, faulty: bool, verdict: str) -> None:
    """A check that could not be tried is neither green nor red."""
    fault = replace(TABLE, expects="missing SD-1") if faulty else None
    trial = Trial(check="table", fault=fault, said=Said(status=status, output=output), seconds=0.0)
    assert trial.verdict == verdict
    assert trial.as_it_should == (verdict == "green" or verdict.startswith("red: "))


@pytest.mark.parametrize(("harmless", "status"), [(False, 0), (True, 1)])
def test_the_exit_status_says_whether_all_was_as_it_should(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], harmless: bool, status: int
) -> None:
    """One fault that is not found is enough, and the table says which."""
    fault = replace(TABLE, after=TABLE.before + "# The same.\n") if harmless else TABLE
    monkeypatch.setattr(sabotage, "FAULTS", (fault,))
    assert sabotage.main([]) == status
    shown = capsys.readouterr().out
    assert ("not red" in shown) == harmless
    assert f"{1 - harmless} of 1 faults were found by name" in shown


def test_a_check_runs_here_with_its_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """That is what runs in a copy."""
    assert sabotage.main(["--check", "table"]) == 0
    assert capsys.readouterr().out == ""


def test_a_check_that_takes_too_long_has_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither green nor red."""
    monkeypatch.setattr(sabotage, "LIMIT_SECONDS", 0.0)
    [faulty] = trials(project_root(), (TABLE,), Silent(), clean=False)
    assert faulty.verdict == "red for another reason: stopped after 0 s"
