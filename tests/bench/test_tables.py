"""The page says what the file says."""

from __future__ import annotations

import pytest
from benchmarks.tables import CURRENT, EXPIRED, page
from tests.bench.documents import document, figure, summary


def lines(**changes: object) -> list[str]:
    """The lines of the page of a document."""
    return page(document(**changes), current=True, explored=True).splitlines()


def row(title: str, **changes: object) -> list[list[str]]:
    """The cells of the rows that begin with a title."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines(**changes)]
    return [line for line in cells if line and line[0] == title]


def test_the_first_line_says_whether_it_is_current() -> None:
    """The rest of the page is the same."""
    pages = (page(document(), current=current, explored=True) for current in (True, False))
    current, expired = (text.splitlines() for text in pages)
    assert (current[0], expired[0]) == (CURRENT, EXPIRED)
    assert "EXPIRED" in EXPIRED
    assert current[1:] == expired[1:]


def test_a_load_has_its_times_its_ratio_and_its_verdicts() -> None:
    """The bound is kept; the aim is not reached."""
    measured, _ = row("no-op tasks")
    assert measured == [
        "no-op tasks", "3.12", "3.125", "10.25", "3.25 (2.75 to 4.5)", "3", "yes", "4", "**no**"
    ]  # fmt: skip


def test_what_was_not_measured_says_why() -> None:
    """And is neither kept nor broken."""
    _, missing = row("no-op tasks")
    assert missing[4:] == ["not measured: no CPython 3.13", "3", "not measured", "4", "not measured"]
    assert row("Celery") == [["Celery", "", "not measured: it did not start", ""]]


@pytest.mark.parametrize(
    ("sense", "value", "kept"),
    [
        ("at least", 2.999, "**no**"),
        ("at least", 3.0, "yes"),
        ("at most", 3.0, "yes"),
        ("at most", 3.001, "**no**"),
    ],
)
def test_a_bound_is_kept_up_to_the_bound_itself(sense: str, value: float, kept: str) -> None:
    """In the direction that its sense says."""
    (found,) = row("no-op tasks", figures=[figure(sense=sense, value=summary(value))])
    assert found[6] == kept


@pytest.mark.parametrize("group", ["speed", "switches", "size", "scale"])
def test_every_figure_is_in_a_table(group: str) -> None:
    """Whatever its group."""
    assert len(row("no-op tasks", figures=[figure(group=group)])) == 1


def test_a_figure_without_a_bound_has_no_verdict() -> None:
    """It is there for scale."""
    (found,) = row("no-op tasks", figures=[figure(must=None, aim=None)])
    assert found[5:] == ["", "", "", ""]


def test_a_smoke_run_says_so() -> None:
    """Its figures are not to be quoted."""
    assert any("smoke run" in line for line in lines(quick=True))
    assert not any("smoke run" in line for line in lines())
