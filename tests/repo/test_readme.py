"""The README keeps its word: its example runs, its generated parts are current, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jurat_audit.errors import AuditError
from jurat_audit.readme import DOCUMENTS, current, evidence_table, filled, lifecycle_diagram
from jurat_spec.lifecycle import ACTIONS
from jurat_spec.replay import replay

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples(text: str) -> list[str]:
    """The Python blocks of a Markdown text."""
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


FIRST = "charged order-17 completed\n"
SECOND = (
    "charged order-17 on attempt 1 completed ['charged a on attempt 1', 'charged b on attempt 1']\n"
    "cancelled True 1\n"
)


@pytest.mark.parametrize("source", examples(README))
def test_each_example_runs_and_its_log_conforms(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a reader would run it, and it says what it should."""
    names: dict[str, list[tuple[object, ...]]] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102 - our own text, run to see that it runs
    assert capsys.readouterr().out in (FIRST, SECOND)
    assert set(replay(names["events"]).statuses().values()) <= {"completed", "cancelled"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_generated_parts_are_current(document: str) -> None:
    """If not: python -m jurat_audit.readme."""
    text = (ROOT / document).read_text(encoding="utf-8")
    assert current(text, document) == text


@pytest.mark.parametrize(
    ("document", "true", "false"),
    [
        ("README.md", "**pass**", "**fail**"),
        ("tla/README.md", "| `Start` | `turn`, `start` |", "| `Start` | not yet |"),
        ("tla/README.md", "| `Status.QUEUED` |", "| `Status.WAITING` |"),
    ],
)
def test_a_stale_part_is_found(document: str, true: str, false: str) -> None:
    """One word is enough."""
    text = (ROOT / document).read_text(encoding="utf-8")
    stale = text.replace(true, false, 1)
    assert stale != text
    assert current(stale, document) == text


def test_a_missing_marker_is_named() -> None:
    """Rather than leave a figure behind that nobody writes any more."""
    with pytest.raises(AuditError, match=r"README\.md has 0 places for the part evidence"):
        filled("no markers", {"evidence": lambda: ""})
    with pytest.raises(AuditError, match=r"tla/README\.md has 0 places for the part names"):
        current("no markers", "tla/README.md")


def test_the_table_has_a_row_for_each_link_and_the_diagram_a_line_for_each_step() -> None:
    """Nothing is left out."""
    link = {"id": "model", "verdict": "pass", "summary": "said", "command": "typed"}
    assert "**pass**: said | `typed` |" in evidence_table({"links": [link]})
    diagram = lifecycle_diagram()
    assert all(f": {action.name}" in diagram for action in ACTIONS.values() if action.of == "task")


def test_every_link_to_a_file_leads_to_one() -> None:
    """Of the README and of the model's."""
    for document in (ROOT / "README.md", ROOT / "tla" / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
