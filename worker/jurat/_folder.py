"""Where the audit log goes: a sink, and the one that is a folder of files.

A sink is given bytes, and nothing else of what the log is.  It may fail, and it may block: it is only ever
called on a thread of its own (`auditlog`).

A `Folder` holds one chain, in files that are numbered: `audit-000001.jsonl`, `audit-000002.jsonl` and so on.
A file is only ever appended to, and only by the worker that made it: every life of a worker begins a file of
its own.  So a file that a crash has cut in the middle of a record stays as it is, and the next life says so.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ._records import LONGEST, Head, hash_of
from .errors import AuditLogUnavailable

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without it has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["Folder", "Sink"]

NAME = re.compile(r"audit-(\d{6,})\.jsonl", re.ASCII)
BLOCK = 1 << 16


class Sink(Protocol):
    """Takes the bytes of a log, in order.  If `write` or `rotate` raises, it is called again."""

    def open(self) -> Head:
        """Be ready, and say where the chain goes on: `Head()` if it begins here.

        Raises
        ------
        AuditLogUnavailable: it cannot be.
        """

    def write(self, data: bytes) -> int:
        """Take some of the bytes, from the first on, and say how many.  If it raises, it took none."""

    def rotate(self) -> None:
        """What comes next belongs into another file."""

    def sync(self) -> None:
        """Make what was taken outlive the machine."""

    def close(self) -> None:
        """Nothing comes any more."""


class Folder:
    """A sink that is a folder on a disk, for one worker at a time.

    While a worker writes, it holds a lock on the file `lock` there, which ends with its process.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._number = 0
        self._file: int | None = None
        self._new = False  # the file's name may not be on the disk yet
        self._lock: int | None = None

    def open(self) -> Head:
        """Lock the folder, make it if need be, and look for the last whole record."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._path / "lock", os.O_RDWR | os.O_CREAT, 0o640)
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = self._head()
        except BlockingIOError:
            self._unlock()
            raise AuditLogUnavailable(str(self._path), "another worker writes to it") from None
        except OSError as problem:
            self._unlock()
            raise AuditLogUnavailable(str(self._path), str(problem)) from problem
        except AuditLogUnavailable:
            self._unlock()
            raise
        self._number = head.file
        return head

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _head(self) -> Head:
        """Where the chain goes on: after the last whole record of the last file that has one."""
        files = sorted(
            (int(found[1]), path) for path in self._path.iterdir() if (found := NAME.fullmatch(path.name))
        )
        number = files[-1][0] + 1 if files else 1
        cut: list[tuple[str, int]] = []
        for _, path in reversed(files):
            record, beyond = last_record(path)
            if beyond or record is None:
                cut.append((path.name, beyond))
            if record is not None:
                return Head(self._seq(path, record) + 1, hash_of(record), number, tuple(reversed(cut)))
        return Head(file=number, recovered=tuple(reversed(cut)))

    def _seq(self, path: Path, record: bytes) -> int:
        """The number of a record that somebody wrote before us."""
        seq = None
        with suppress(ValueError, RecursionError):
            read = json.loads(record)
            seq = read.get("seq") if type(read) is dict else None
        if type(seq) is not int or seq < 0:
            raise AuditLogUnavailable(str(self._path), f"the last line of {path.name} is no record")
        return seq

    def write(self, data: bytes) -> int:
        """Append.  The file is made when there is something for it."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(self._path / f"audit-{self._number:06d}.jsonl", flags, 0o640)
            self._new = True
        return os.write(self._file, data)

    def rotate(self) -> None:
        """Close the file; the next has the next number."""
        self._close_file()
        self._number += 1

    def sync(self) -> None:
        """Have the file, and its name in the folder, written to the disk."""
        if self._file is not None:
            os.fsync(self._file)
            if self._new and os.name == "posix":
                folder = os.open(self._path, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
            self._new = False

    def close(self) -> None:
        """Close the file, and give the folder back."""
        self._close_file()
        self._unlock()

    def abandon(self) -> None:
        """In a child process: what is open is the parent's, which goes on."""
        self.close()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def last_record(path: Path) -> tuple[bytes | None, int]:
    """The last line of a file that ends with a newline, without it, and how many bytes follow it.

    Reads from the end.  None if there is no such line.

    Raises
    ------
    AuditLogUnavailable: it is longer than any record.
    """
    tail = b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        size = at
        while True:
            last = tail.rfind(b"\n")
            before = tail.rfind(b"\n", 0, last) if last >= 0 else -1
            if before >= 0 or at == 0:
                break
            if len(tail) > 2 * LONGEST:
                raise AuditLogUnavailable(str(path), "its last line is longer than any record")
            step = min(max(BLOCK, len(tail)), at)
            at = file.seek(at - step)
            tail = file.read(step) + tail
    if last < 0:
        return None, size
    return tail[before + 1 : last], len(tail) - last - 1
