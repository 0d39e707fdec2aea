"""What the report is about: a name, a version, and a digest of every byte that decides.

The digest covers the models, the rule, the worker, the bench and its scenarios, this audit, the
project file and the lock; it does not cover anything that these produce.  It is the SHA-256 of
the sorted lines `<sha256 of the file>  <path>`, that is, of what

    sha256sum FILES... | sort -k 2

would print with C collation, so a reader can make it again without us.  The files are
those that git tracks or would track.  Where there is no git, as in an exported tree,
nothing that git would ignore is there to begin with, and a walk finds the same files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .errors import UnknownFolder

ROOTS = (
    "examples/scenarios",
    "pyproject.toml",
    "reports/jurat_audit",
    "requirements",
    "sim",
    "spec",
    "tla",
    "worker",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Name, version and source digest of what was audited."""

    name: str
    version: str
    files: dict[str, str]
    """The SHA-256 of each file that the digest covers, by path."""

    @property
    def source_digest(self) -> str:
        """SHA-256 over the sorted list of the files and their own SHA-256."""
        lines = (f"{self.files[path]}  {path}\n" for path in sorted(self.files, key=os.fsencode))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def changed_from(self, before: Subject) -> list[str]:
        """The files that came, went or changed since."""
        paths = self.files.keys() | before.files.keys()
        return sorted(path for path in paths if self.files.get(path) != before.files.get(path))


def project_root() -> Path:
    """The source tree that this package is part of: the evidence is made from it, not from a wheel."""
    root = Path(__file__).resolve().parents[2]
    for name in ROOTS:
        if not (root / name).exists():
            raise UnknownFolder(
                f"{root} is not a source tree of jurat: it has no {name}; run the audit from a clone"
            )
    return root


def subject_of(root: Path) -> Subject:
    """Read the project file and digest the sources under `root`."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    files = {path: hashlib.sha256(_content(root / path)).hexdigest() for path in source_files(root)}
    return Subject(name=project["name"], version=project["version"], files=files)


def _content(path: Path) -> bytes:
    """The bytes of a file; of a link, as in git, where it points."""
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def source_files(root: Path) -> list[str]:
    """The files under `ROOTS` that git tracks or would track, as sorted POSIX paths."""
    found = _from_git(root)
    if found is None:
        found = _from_walk(root)
    return sorted(path for path in found if (root / path).is_symlink() or (root / path).is_file())


def _from_git(root: Path) -> set[str] | None:
    """Ask git; None if there is no git, or the tree is not a repository of its own."""
    # A hook runs with GIT_DIR and GIT_INDEX_FILE set, which would answer for another tree.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = (
        "git",
        "-C",
        str(root),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *ROOTS,
    )
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return {os.fsdecode(path) for path in answer.split(b"\0") if path}


def _from_walk(root: Path) -> set[str]:
    found: set[str] = set()
    for name in ROOTS:
        start = root / name
        if start.is_file():
            found.add(name)
        for folder, folders, files in os.walk(start):
            folders[:] = [child for child in folders if child != "__pycache__" and not child.startswith(".")]
            here = Path(folder).relative_to(root)
            found |= {
                (here / file).as_posix() for file in files if not file.endswith((".pyc", ".pyo", ".pyd"))
            }
    return found
