"""Writing files so that a reader never meets half of one.

Everything is rendered before anything is written.  Then each file is written whole under
a name of its own in the folder it belongs to, and only when all of them are there are
they moved into place, which a file system does in one step.  A failure before that leaves
the old files as they were.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import OutputError, UnknownFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def check_folder(folder: Path, names: Iterable[str]) -> None:
    """Find out before the work whether its result can be written; make the folder if only it is missing."""
    if not folder.exists() and not folder.parent.is_dir():
        raise UnknownFolder(f"there is no folder {folder.parent} to write {folder.name} into")
    if folder.exists() and not folder.is_dir():
        raise UnknownFolder(f"{folder} is not a folder")
    try:
        folder.mkdir(exist_ok=True)
        trial = _beside(folder, "trial")
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}") from None
    for name in names:
        if (folder / name).exists() and not (folder / name).is_file():
            raise OutputError(f"cannot write {folder / name}: it is not a file")


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write these files into the folder, all of them or none."""
    staged: list[tuple[Path, Path]] = []
    try:
        for name, content in sorted(files.items()):
            temporary = _beside(folder, name)
            staged.append((temporary, folder / name))
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for temporary, target in staged:
            temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}") from None
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def _beside(folder: Path, name: str) -> Path:
    return folder / f".{name}.{os.getpid()}.part"
