"""What TLC said, kept between audits under the digest of what it was asked.

TLC with one worker and a fixed fingerprint function gives the same answer to the same question.
The question is all of its input: the text of the modules, the configuration, the flags and the
bytes of the jar.  What is kept is what TLC *said*, its output and its exit status, and the dump of
the state graph, compressed.  Nothing that this audit made of it is kept: an answer from here is
read, judged and compared with the present specification by the same code, in the same way, as one
that has just been given.  So a change of our reader, of the manifest or of the specification
needs no new answer, and cannot be hidden by an old one.

An entry is one file.  It is written whole under another name and then moved into place, so that
audits at the same time never meet half of one; both would write the same.  An entry that is
damaged is reported on standard error, counted, and asked for anew.  `jurat audit --no-cache` works
with an empty folder that is gone afterwards: each question is then asked once in that audit, and
the links that need the same answer share it.

Not covered by the digest: the Java runtime, which is trusted to run the jar as any other would.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path("build", "cache", "tlc")
"""Where a source tree keeps its answers.  git ignores it, and `make clean` empties it."""

LIMIT_BYTES = 4 << 30
"""When a folder is larger, the entries that were used least lately go, until it is not."""

_LEVEL = 1  # a dump shrinks to an eighth at once, and little more with patience
_CHUNK = 1 << 20
_FORMAT = "jurat-tlc-answer-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What TLC said, as it said it."""

    output: str
    """Its standard output, without the names of the folder that it ran in."""
    exit_status: int


@dataclass(slots=True)
class Cache:
    """A folder of answers, and how often it had one."""

    folder: Path
    hits: int = 0
    misses: int = 0
    damaged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str, dump: Path | None) -> Said | None:
        """The answer under this key, its dump unpacked as `dump`; None if there is none."""
        path = self._path(key)
        try:
            said = _unpacked(path, key, dump)
        except FileNotFoundError:
            said = None
        except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
            said = None
            with self._lock:
                self.damaged += 1
            sys.stderr.write(f"jurat: a cached answer of TLC is damaged and ignored: {path.name}: {error}\n")
            path.unlink(missing_ok=True)
        with self._lock:
            if said is None:
                self.misses += 1
            else:
                self.hits += 1
        if said is not None:
            os.utime(path)
        return said

    def put(self, key: str, said: Said, dump: Path | None) -> None:
        """Keep an answer.  A disk that is full is no reason to lose the audit: then it is not kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                _pack(file, key, said, dump)
            part.replace(self._path(key))
        except OSError as error:
            sys.stderr.write(f"jurat: an answer of TLC could not be kept: {error.strerror}\n")
        finally:
            part.unlink(missing_ok=True)
        self._shrink()

    def counts(self) -> dict[str, float]:
        """How often there was an answer, for the run envelope."""
        return {
            "answers from the cache": self.hits,
            "answers from TLC": self.misses,
            "damaged cache entries": self.damaged,
        }

    def _path(self, key: str) -> Path:
        return self.folder / key

    def _shrink(self) -> None:
        with self._lock:
            entries = []
            for path in self.folder.iterdir():
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # another audit has moved it into place, or taken it away
                entries.append((status.st_mtime_ns, status.st_size, path))
            total = sum(size for _, size, _ in entries)
            for _, size, path in sorted(entries):
                if total <= LIMIT_BYTES:
                    break
                path.unlink(missing_ok=True)
                total -= size


@contextmanager
def opened(root: Path, *, fresh: bool = False) -> Iterator[Path]:
    """The folder of answers of a source tree, or an empty one that is gone afterwards."""
    if not fresh:
        yield root / FOLDER
        return
    with tempfile.TemporaryDirectory(prefix="jurat-answers-") as folder:
        yield Path(folder)


def key_of(jar: Path, parts: Iterable[str]) -> str:
    """The digest of a question: the jar, and each part of what it is asked, in order."""
    digest = hashlib.sha256(f"{_FORMAT}\n{_jar_digest(jar)}\n".encode())
    for part in parts:
        content = part.encode()
        digest.update(f"{len(content)}\n".encode() + content)
    return digest.hexdigest()


@lru_cache(maxsize=8)
def _jar_digest(jar: Path) -> str:
    return hashlib.sha256(jar.read_bytes()).hexdigest()


def _pack(file: IO[bytes], key: str, said: Said, dump: Path | None) -> None:
    """One gzip stream, whose checksum covers all of it: a line about the answer, then the dump."""
    row = {"key": key, "output": said.output, "exit_status": said.exit_status, "dump": dump is not None}
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
        packed.write(json.dumps(row).encode() + b"\n")
        if dump is not None:
            with dump.open("rb") as content:
                shutil.copyfileobj(content, packed, _CHUNK)


def _unpacked(path: Path, key: str, dump: Path | None) -> Said:
    """The answer in a file.  The stream is read to its end, since only there is its checksum."""
    with gzip.open(path, "rb") as packed:
        row = json.loads(packed.readline())
        if row["key"] != key or row["dump"] != (dump is not None):
            raise ValueError("it answers another question")
        with Path(os.devnull if dump is None else dump).open("wb") as content:
            shutil.copyfileobj(packed, content, _CHUNK)
    return Said(output=row["output"], exit_status=row["exit_status"])
