"""The source digest: it changes when a byte changes, and only then."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from jurat_audit import subject
from jurat_audit.errors import UnknownFolder
from jurat_audit.subject import ROOTS, project_root, source_files, subject_of

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "examples/scenarios/sample.toml": "x = 7\n",
    "pyproject.toml": '[project]\nname = "sample"\nversion = "7.7"\n',
    "requirements/lock.txt": "nothing\n",
    "worker/jurat/__init__.py": "",
    "worker/jurat/_steps.py": "x = 1\n",
    "spec/jurat_spec/lifecycle.py": "x = 2\n",
    "sim/jurat_sim/bench.py": "x = 3\n",
    "tla/Lifecycle.tla": "---- MODULE Lifecycle ----\n",
    "reports/jurat_audit/audit.py": "x = 4\n",
    ".gitignore": "__pycache__/\n*.pyc\n*.scratch\n",
    "README.md": "# sample\n",
    "reports/audit.json": "{}\n",
    "tests/test_it.py": "x = 5\n",
}
GENERATED = (
    "worker/jurat/__pycache__/_steps.cpython-311.pyc",
    "worker/jurat/__pycache__/notes",
    "sim/jurat_sim/bench.pyc",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree without git."""
    for path, text in FILES.items():
        file = tmp_path / "tree" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "tree"


@pytest.fixture
def repository(tree: Path) -> Path:
    """The same tree under git, with everything committed."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "sample")):
        subprocess.run(("git", "-C", str(tree), *command), check=True)
    return tree


def digest(tree: Path) -> str:
    """The source digest of a tree."""
    return subject_of(tree).source_digest


def test_name_and_version_come_from_the_project_file(tree: Path) -> None:
    """And the digest covers the files of the roots, and no other."""
    found = subject_of(tree)
    assert (found.name, found.version, len(found.files)) == ("sample", "7.7", 9)


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(ROOTS)])
def test_one_byte_in_any_source_changes_the_digest(tree: Path, path: str) -> None:
    """Wherever it is."""
    before = digest(tree)
    with (tree / path).open("a") as file:
        file.write("\n")
    assert digest(tree) != before


@pytest.mark.parametrize("path", ["README.md", "reports/audit.json", "tests/test_it.py"])
def test_nothing_outside_the_roots_changes_the_digest(tree: Path, path: str) -> None:
    """Neither prose, nor the report itself, nor a test."""
    before = digest(tree)
    (tree / path).write_text("other\n")
    assert digest(tree) == before


def test_a_file_that_comes_goes_or_moves_changes_the_digest(tree: Path) -> None:
    """Names count too."""
    before = digest(tree)
    new = tree / "worker/jurat/new.py"
    new.touch()
    with_new = digest(tree)
    new.rename(tree / "worker/jurat/newer.py")
    renamed = digest(tree)
    (tree / "worker/jurat/newer.py").unlink()
    assert len({before, with_new, renamed}) == 3
    assert digest(tree) == before


@pytest.mark.parametrize("generated", GENERATED)
def test_what_is_generated_does_not_count(tree: Path, generated: str) -> None:
    """Compiled files come and go."""
    before = digest(tree)
    (tree / generated).parent.mkdir(exist_ok=True)
    (tree / generated).write_bytes(b"compiled")
    assert digest(tree) == before


def test_with_git_and_without_the_digest_is_the_same(repository: Path, tmp_path: Path) -> None:
    """A clone and an exported tree are the same subject."""
    exported = tmp_path / "exported"
    shutil.copytree(repository, exported, ignore=shutil.ignore_patterns(".git"))
    assert digest(repository) == digest(exported)


def test_git_counts_a_new_file_before_it_is_added_and_ignores_what_is_ignored(repository: Path) -> None:
    """An audit of uncommitted work is an audit of that work."""
    before = digest(repository)
    for generated in (*GENERATED, "worker/jurat/ignored.scratch"):
        (repository / generated).parent.mkdir(exist_ok=True)
        (repository / generated).write_bytes(b"compiled")
    assert digest(repository) == before
    (repository / "worker/jurat/new.py").touch()
    assert digest(repository) != before


def test_a_hooks_environment_does_not_change_the_digest(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook, git's variables point at another repository."""
    (repository / "worker/jurat/ignored.scratch").touch()  # only git knows that it does not count
    before = digest(repository)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert digest(repository) == before


def test_a_reader_can_make_the_digest_again(tree: Path) -> None:
    """It is what `sha256sum` and `sort` make of the files."""
    lines = "".join(
        f"{hashlib.sha256((tree / path).read_bytes()).hexdigest()}  {path}\n" for path in source_files(tree)
    )
    assert digest(tree) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_package_outside_its_source_tree_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a wheel there is no evidence to make."""
    monkeypatch.setattr(subject, "__file__", str(tmp_path / "a" / "b" / "subject.py"))
    with pytest.raises(UnknownFolder, match="is not a source tree of jurat: it has no"):
        project_root()


def test_this_project_has_every_root() -> None:
    """And the digest covers this test's subject, and not this test."""
    files = source_files(project_root())
    assert "reports/jurat_audit/subject.py" in files
    assert not [path for path in files if path.startswith("tests/") or "__pycache__" in path]
