"""The public interface is as recorded, and a change of it does not go unseen."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jurat_audit import api
from jurat_audit.errors import AuditError

ROOT = Path(__file__).parents[2]


@pytest.mark.evidence("NF-3")
def test_the_interface_is_as_recorded() -> None:
    """Names, signatures, defaults, fields and members; of this version."""
    version, body = api.recorded(ROOT)
    assert api.differences(body, api.rendered()) == []
    assert version == api.version(ROOT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class Worker", "class Employer"),
        ("threads: 'int' = 4", "threads: 'int' = 8"),
        ("  TIMED_OUT = 'timed_out'\n", ""),
        ("  deadline: Duration | datetime | None\n", "  deadline: Duration | None\n"),
    ],
)
def test_a_change_is_found(before: str, after: str) -> None:
    """A name, a default, a member, a field."""
    now = api.rendered()
    assert before in now
    assert api.differences(now, now.replace(before, after))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project with a snapshot."""
    (tmp_path / "docs").mkdir()
    for name in ("pyproject.toml", "CHANGELOG.md", api.SNAPSHOT):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_change_needs_another_version_and_a_word_about_it(copy: Path) -> None:
    """Otherwise it cannot be recorded."""
    now = api.rendered() + "def another()\n"
    with pytest.raises(AuditError, match="give it another version"):
        api.record(copy, now)
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace(f'version = "{api.version(copy)}"', 'version = "99.0.0"'))
    with pytest.raises(AuditError, match="says nothing of version"):
        api.record(copy, now)
    (copy / "CHANGELOG.md").write_text("## 99.0.0\n")
    api.record(copy, now)
    assert api.recorded(copy) == ("99.0.0", now)


def test_make_check_asks() -> None:
    """As its own command, which fails if the interface differs."""
    assert "jurat_audit.api" in (ROOT / "Makefile").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "jurat_audit.api"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
