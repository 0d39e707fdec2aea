"""The interpreters that are here, and what kind of machine this is.

A kind of machine, not a machine: no name of a host, no path, nothing that says whose it is.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["cpu", "interpreters", "system"]

_ASK = "import platform, sys; print(platform.python_implementation(), *sys.version_info[:2])"
_PATIENCE_S = 10


def interpreters() -> Mapping[str, Path | None]:
    """For each version that is asked for, a CPython of it; None where there is none.

    The one that runs this stands for its own version; the others are looked for on the PATH and where
    pyenv keeps them.
    """
    return {version: next(_found(version), None) for version in VERSIONS}


def _found(version: str) -> Iterator[Path]:
    for candidate in _candidates(version):
        if _is(candidate, version):
            yield candidate


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = (pyenv / "versions").glob(f"{version}.*/bin/python")
    yield from sorted(installed, key=_patch_level, reverse=True)


def _patch_level(python: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", python.parents[1].name))


def _is(python: Path, version: str) -> bool:
    """Whether it runs, and is what its name says: pyenv's own commands may be neither."""
    command = [str(python), "-I", "-c", _ASK]
    try:
        asked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.stdout.split() == ["CPython", *version.split(".")]


def cpu() -> str:
    """The processor's model, as it calls itself."""
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or platform.machine()


def system() -> str:
    """The operating system and the architecture, without what is particular to one installation."""
    release = ".".join(platform.release().split(".")[:2])
    return f"{platform.system()} {release} {platform.machine()}"
