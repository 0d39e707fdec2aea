"""A test that claims to be evidence says for which requirement, or nothing is collected at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collect(folder: Path, mark: str) -> subprocess.CompletedProcess[str]:
    """Collect one test with that mark, under the configuration and the conftest of this repository."""
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (folder / "test_one.py").write_text(f"import pytest\n\n@pytest.mark.{mark}\ndef test_one(): ...\n")
    options = ("--collect-only", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"))
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_evidence_that_cites_requirements_is_collected(tmp_path: Path) -> None:
    """One id, or several."""
    collected = collect(tmp_path, 'evidence("LC-1", "SD-2")')
    assert collected.returncode == 0, collected.stdout + collected.stderr


@pytest.mark.parametrize(
    "mark", ["evidence", "evidence()", 'evidence("lifecycle")', 'evidence("LC-1", 2)', 'evidense("LC-1")']
)
def test_evidence_for_nothing_is_refused(tmp_path: Path, mark: str) -> None:
    """Without an id, with what is no id, or misspelt."""
    collected = collect(tmp_path, mark)
    assert collected.returncode not in (0, 5), collected.stdout
    assert mark[:8] in collected.stdout + collected.stderr
