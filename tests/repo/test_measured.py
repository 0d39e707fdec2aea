"""The published figures are what was measured, and a page that has expired says so.

Nothing here asks how fast anything is, or when it was measured last.  A page that was current when it was
made may lie beside a source that has moved on; `make report` makes its first line anew.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from benchmarks import __main__ as command
from benchmarks.measured import is_current, parse, render, source_digest
from benchmarks.tables import CURRENT, EXPIRED, page

ROOT = Path(__file__).parents[2]
JSON = ROOT / "docs" / "measured.json"
PAGE = ROOT / "docs" / "measured.md"


def test_the_file_has_its_form() -> None:
    """And is no smoke run."""
    text = JSON.read_text(encoding="utf-8")
    measured = parse(text)
    assert text == render(measured)
    assert not measured["quick"]


def test_the_page_is_made_from_the_file() -> None:
    """To the letter; its first line is one of two."""
    measured = parse(JSON.read_text(encoding="utf-8"))
    pages = {page(measured, current=it, explored=too) for it in (True, False) for too in (True, False)}
    assert PAGE.read_text(encoding="utf-8") in pages


def test_every_figure_of_the_page_is_in_the_file() -> None:
    """Each number in a cell of its tables."""
    number = r"(?<![\w.`])\d[\d,]*(?:\.\d+)*(?![\w.])"
    text = JSON.read_text(encoding="utf-8")
    known = {f"{float(found):g}" for found in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", text)}
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [cell for row in rows for cell in row.split("|") if cell.strip()[:1].isdigit()]
    figures = [found.replace(",", "") for cell in cells for found in re.findall(number, cell)]
    assert len(figures) > 100
    assert [f for f in figures if f not in text and f"{float(f):g}" not in known] == []


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worker, the benchmarks and their figures, to be doctored."""
    for name in ("worker/jurat", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "DOCS", tmp_path / "docs")
    return tmp_path


def test_a_page_expires_with_the_source(copy: Path) -> None:
    """Measured on what is there: current.  One comment later: expired."""
    measured = parse(JSON.read_text(encoding="utf-8")) | {"source": source_digest(copy)}
    (copy / "docs" / "measured.json").write_text(render(measured), encoding="utf-8")
    assert is_current(measured, copy)
    assert command.main(["--tables"]) == 0
    made = copy / "docs" / "measured.md"
    assert made.read_text(encoding="utf-8").splitlines()[0] == CURRENT
    with (copy / "worker" / "jurat" / "_steps.py").open("a") as steps:
        steps.write("# One comment more.\n")
    assert command.main(["--tables"]) == 0
    assert made.read_text(encoding="utf-8").splitlines()[0] == EXPIRED


def test_no_page_is_made_from_a_malformed_file(copy: Path) -> None:
    """The one that is there stays."""
    doctored = JSON.read_text(encoding="utf-8").replace('"rounds": ', '"turns": ', 1)
    (copy / "docs" / "measured.json").write_text(doctored, encoding="utf-8")
    before = (copy / "docs" / "measured.md").read_bytes()
    assert command.main(["--tables"]) == 1
    assert (copy / "docs" / "measured.md").read_bytes() == before
