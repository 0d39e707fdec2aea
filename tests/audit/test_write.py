"""A reader never meets half a file, nor half a report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jurat_audit.errors import OutputError, UnknownFolder
from jurat_audit.write import check_folder, write_all


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_all_files_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    """Old content is replaced."""
    (tmp_path / "a").write_bytes(b"old")
    write_all(tmp_path, {"a": b"new", "b": b"beside"})
    assert contents(tmp_path) == {"a": b"new", "b": b"beside"}


def test_a_disk_that_fills_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file does not get to the disk: the first is not replaced either."""
    write_all(tmp_path, {"a": b"old", "b": b"old"})
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_all(tmp_path, {"a": b"new", "b": b"new"})
    assert contents(tmp_path) == {"a": b"old", "b": b"old"}


def test_an_interruption_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of it."""
    write_all(tmp_path, {"a": b"old"})

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path, {"a": b"new"})
    assert contents(tmp_path) == {"a": b"old"}


def test_a_missing_folder_is_made_if_only_it_is_missing(tmp_path: Path) -> None:
    """One level: a misspelt path does not become a tree of folders."""
    check_folder(tmp_path / "out", ["a"])
    assert contents(tmp_path / "out") == {}
    with pytest.raises(UnknownFolder, match=r"no folder .*misspelt"):
        check_folder(tmp_path / "misspelt" / "out", ["a"])
    assert not (tmp_path / "misspelt").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Neither as the folder, nor above it."""
    (tmp_path / "file").touch()
    with pytest.raises(UnknownFolder, match="file is not a folder"):
        check_folder(tmp_path / "file", ["a"])
    with pytest.raises(UnknownFolder):
        check_folder(tmp_path / "file" / "out", ["a"])


def test_a_folder_where_a_file_should_be_is_refused(tmp_path: Path) -> None:
    """Before the work, not after it."""
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a: it is not a file"):
        check_folder(tmp_path, ["a"])


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write into")
def test_a_folder_that_cannot_be_written_into_is_refused() -> None:
    """Not even by root."""
    with pytest.raises(OutputError, match="cannot write into /proc"):
        check_folder(Path("/proc/self"), ["a"])
