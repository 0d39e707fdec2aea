"""The form of the file of the figures: what is right is taken, and what is wrong is refused by place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.measured import MalformedMeasurement, is_current, parse, render, source_digest
from tests.bench.documents import DIGEST, document, figure, summary

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read() -> None:
    """Every key, every number."""
    assert parse(render(document())) == document()


def test_a_figure_is_a_line() -> None:
    """A measurement that has changed is a line that has changed."""
    before = render(document()).splitlines()
    after = render(document(figures=[figure(aim=5.0), *document()["figures"][1:]])).splitlines()
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"schema": 2}, "the document.schema"),
        ({"date": "yesterday"}, "the document.date"),
        ({"quick": 0}, "the document.quick"),
        ({"hostname": "ann"}, "the document.hostname"),
        ({"machine": {"cpu": "Abacus 3", "cores": 8, "used": 2}}, "the document.machine.system"),
        ({"pythons": {}}, "the document.pythons"),
        ({"pythons": {"3.12": 3.12}}, "the document.pythons.3.12"),
        ({"source": DIGEST[:-1]}, "the document.source"),
        ({"figures": {}}, "the document.figures"),
        ({"figures": [figure(group="fun")]}, "the document.figures[0].group"),
        ({"figures": [figure(sense="about")]}, "the document.figures[0].sense"),
        ({"figures": [figure(must="3")]}, "the document.figures[0].must"),
        ({"figures": [figure(aim=True)]}, "the document.figures[0].aim"),
        ({"figures": [figure(value=None)]}, "the document.figures[0]"),
        ({"figures": [figure(not_measured="no time")]}, "the document.figures[0]"),
        ({"figures": [figure(value=summary(3, low=4))]}, "the document.figures[0].value"),
        ({"figures": [figure(value=summary(3) | {"rounds": 4})]}, "the document.figures[0].value"),
        ({"figures": [figure(parts={"worker": 3})]}, "the document.figures[0].parts.worker"),
        ({"figures": [figure(parts=[])]}, "the document.figures[0].parts"),
        ({"figures": [figure(), figure()]}, "figures"),
        ({"others": {"python": "3.12.1", "tasks": 5000}}, "the document.others.systems"),
    ],
)
def test_a_malformed_document_is_refused(changes: dict[str, Any], where: str) -> None:
    """And the error says where."""
    with pytest.raises(MalformedMeasurement) as refused:
        parse(json.dumps(document(**changes)))
    assert refused.value.where == where


@pytest.mark.parametrize("key", document())
def test_nothing_may_be_missing(key: str) -> None:
    """A document without one of its keys is no document."""
    less = document()
    del less[key]
    with pytest.raises(MalformedMeasurement, match=f"{key}: is missing"):
        parse(json.dumps(less))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": NaN}'])
def test_what_is_no_document_is_refused(text: str) -> None:
    """Cut short, of another kind, or with what is no number."""
    with pytest.raises(MalformedMeasurement, match="the document"):
        parse(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A source of two modules."""
    for name in ("worker/jurat/_steps.py", "benchmarks/loads.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


def test_the_digest_is_of_names_and_contents(root: Path) -> None:
    """Any change of what was measured, or of what measured it, is seen; the rest is not looked at."""
    seen = {source_digest(root)}
    (root / "benchmarks" / "loads.py").write_text("x = 2\n")
    seen.add(source_digest(root))
    (root / "worker" / "jurat" / "_steps.py").rename(root / "worker" / "jurat" / "_moves.py")
    seen.add(source_digest(root))
    (root / "worker" / "jurat" / "_new.py").touch()
    seen.add(source_digest(root))
    assert len(seen) == 4
    (root / "worker" / "jurat" / "notes.txt").touch()
    (root / "other.py").touch()
    assert source_digest(root) in seen


def test_figures_are_current_until_the_source_changes(root: Path) -> None:
    """And again when it has changed back."""
    measured = document(source=source_digest(root))
    assert is_current(measured, root)
    (root / "benchmarks" / "loads.py").write_text("x = 2\n")
    assert not is_current(measured, root)
    (root / "benchmarks" / "loads.py").write_text("x = 1\n")
    assert is_current(measured, root)
