"""Audit logs in tests: a sink in memory that fails and stalls as told, and what a reader says of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat.auditlog import Head
from jurat_audit.verifying.chain import Finding, Reader, Record, files_in
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.stage import Stage
from jurat_spec.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from jurat_sim.runtime import Strategy


class Memory:
    """A sink that keeps what it is given, a buffer for each file.

    `before` is called before each write with the number of the write, from 1: it may raise, wait, or say how
    many bytes at most are taken this time.  Whatever is called is noted in `calls`.
    """

    def __init__(self, before: Callable[[int], int | None] | None = None) -> None:
        self.before = before
        self.files: list[bytearray] = []
        self.writes = 0
        self.calls: list[str] = []
        self._next = True

    def open(self) -> Head:
        """The chain begins here."""
        self.calls.append("open")
        return Head()

    def write(self, data: bytes) -> int:
        """Take it, or some of it."""
        self.writes += 1
        most = self.before(self.writes) if self.before is not None else None
        if self._next:
            self.files.append(bytearray())
            self._next = False
        taken = len(data) if most is None else min(most, len(data))
        self.files[-1] += data[:taken]
        self.calls.append("write")
        return taken

    def rotate(self) -> None:
        """Another file."""
        self.calls.append("rotate")
        self._next = True

    def sync(self) -> None:
        """Nothing is lost."""
        self.calls.append("sync")

    def close(self) -> None:
        """It is over."""
        self.calls.append("close")

    def save(self, folder: Path) -> Path:
        """As files of a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(self.files, start=1):
            (folder / f"audit-{number:06d}.jsonl").write_bytes(content)
        return folder


def entries(folder: Path) -> list[Record | Finding]:
    """What a reader says."""
    return list(Reader(files_in(folder)).read())


def records(folder: Path) -> list[Record]:
    """The records of a log with which nothing is wrong."""
    read = entries(folder)
    found = [str(entry) for entry in read if isinstance(entry, Finding)]
    assert not found, found[0]
    return [entry for entry in read if isinstance(entry, Record)]


def kinds(folder: Path) -> list[str]:
    """What is wrong with a log, in order."""
    return [entry.kind.value for entry in entries(folder) if isinstance(entry, Finding)]


def events(read: Iterable[Record | Finding]) -> list[Any]:
    """The events of its records."""
    return [entry.event for entry in read if isinstance(entry, Record) and entry.event is not None]


def replayed(read: Iterable[Record | Finding]) -> Replay:
    """The last life, replayed."""
    replay = Replay()
    for event in events(read):
        if event[1] == "Init":
            replay = Replay()
        replay.step(event)
    return replay


def play(package: Any, strategy: Strategy, describe: Callable[[Stage], None], *, tick_ns: int = 0) -> Stage:
    """One run of a build of the worker, which must come to its end."""
    pool = Pool()
    runtime = BenchRuntime(strategy, pool, tick_ns=tick_ns, time_is_a_choice=False, step_bound=200_000)
    try:
        stage = Stage(package, runtime)
        describe(stage)
        ending = runtime.run()
        for thread in runtime.threads:
            if thread.error is not None:
                raise thread.error
        assert ending is Ending.FINISHED, runtime.trouble
        return stage
    finally:
        runtime.close()
        pool.close()
