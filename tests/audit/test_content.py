"""What does not repeat does not get into the report."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from jurat_audit.content import NotContent, canonical_json, check_content, without_paths

ROOT = Path("/somewhere/project")


@pytest.mark.parametrize(
    "value",
    [{}, {"a": [1, "text", True, None, {"b": (2, 3)}]}, {"text": "somewhere else"}],
)
def test_text_and_whole_numbers_are_content(value: Any) -> None:
    """And lists and dictionaries of them."""
    check_content(value, root=ROOT)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"links": [{"figures": {"rate": 0.5}}]}, "audit.links[0].figures.rate"),
        ({"links": {1, 2}}, "audit.links"),
        ({"links": {7: "seven"}}, "audit.links[7]"),
        ({"links": [b"bytes"]}, "audit.links[0]"),
        ({"where": "in /somewhere/project/tla"}, "audit.where"),
        ({"where": Path("/x")}, "audit.where"),
    ],
)
def test_the_rest_is_refused_where_it_is(value: Any, where: str) -> None:
    """A speed, an order that changes, a path."""
    with pytest.raises(NotContent) as caught:
        check_content(value, root=ROOT)
    assert caught.value.where == where


def test_the_home_folder_and_the_host_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They say who made it, not what was made."""
    monkeypatch.setattr(Path, "home", lambda: Path("/homes/someone"))
    monkeypatch.setattr(socket, "gethostname", lambda: "build-machine-7")
    for text in ("read /homes/someone/file", "on build-machine-7"):
        with pytest.raises(NotContent):
            check_content({"text": text}, root=ROOT)


def test_bad_news_loses_its_paths_and_is_not_refused() -> None:
    """A failure must get into the report."""
    lines = without_paths(["no file /somewhere/project/tla/X", "else"], root=ROOT)
    assert lines == ["no file …/tla/X", "else"]
    check_content({"problems": lines}, root=ROOT)


def test_json_is_written_in_one_way() -> None:
    """Whatever order the keys came in."""
    assert (
        canonical_json({"b": 1, "a": "é"})
        == canonical_json({"a": "é", "b": 1})
        == '{\n "a": "é",\n "b": 1\n}\n'
    )
