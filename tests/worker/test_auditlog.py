"""The audit log's writer: real files, and sinks that fail and stall as they are told.

That what was written can be trusted is for the reader to say (`jurat_audit.verifying`, which shares no line
with the writer) and for the specification, which replays it.
"""

from __future__ import annotations

import errno
import hmac
import inspect
import itertools
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.auditing import Memory, entries, events, kinds, play, records, replayed
from tests.worker.conftest import PATIENCE, Meeting, eventually
from tests.worker.test_sections import offences, sections
from tests.worker.virtual import MS, S, let_pass

import jurat
from jurat import (
    AuditLogFull,
    AuditLogUnavailable,
    Context,
    InvalidArgument,
    Queue,
    QueueFull,
    RateLimit,
    Retention,
    Retry,
    Task,
    Token,
    Transition,
    Worker,
    _records,
    auditlog,
)
from jurat.auditlog import AuditLog
from jurat_audit.verifying.chain import Record
from jurat_sim.build import Patch, load
from jurat_sim.clock import WALL_EPOCH_NS
from jurat_sim.strategies import RandomWalk, RunToBlock
from jurat_spec import RULE_VERSION
from jurat_spec.replay import NotABehaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage

SECRET = "canary-7f3a"
KEY = b"k" * 32


def nothing(_: Context) -> None:
    """Do nothing."""


def fail(_: Context) -> None:
    """Raise."""
    raise LookupError(SECRET)


def slow(context: Context) -> None:
    """Wait until asked to come back."""
    context.wait()
    context.raise_if_cancelled()


def work(worker: Worker, tasks: int) -> None:
    """Let the worker live, and do so many tasks."""
    with worker:
        for _ in range(tasks):
            worker.submit(nothing)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What was reported to `sys.unraisablehook`."""
    problems: list[BaseException] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: problems.append(report.exc_value))
    return problems


# What is written ----------------------------------------------------------------------------------------


def everything(worker: Worker) -> None:
    """Have nearly every action happen, with nearly every option."""
    token = Token()
    first = worker.submit(
        nothing,
        id="order-17",
        priority=3,
        actor="ann",
        concurrency_key="c",
        idempotency_key="key-1",
        fingerprint="f",
    )
    assert worker.submit(nothing, idempotency_key="key-1", fingerprint="f") is first
    with pytest.raises(jurat.KeyConflict):
        worker.submit(nothing, idempotency_key="key-1", fingerprint="g")
    with pytest.raises(jurat.IdInUse):
        worker.submit(nothing, id="order-17")
    worker.submit(fail, retry=Retry(max_retries=1, delay=0, jitter=0), queue="slow", deadline=3_600)
    worker.submit(nothing, name='quoted " \\ \u00e9 \ud800 \n', metadata={"secret": SECRET})
    late = worker.submit(lambda context: context.wait(), timeout=0.001, retry=Retry(max_retries=0))
    late.wait(PATIENCE)
    running = worker.submit(slow)
    eventually(lambda: running.status == "running")
    running.cancel(actor="bob")
    assert running.wait(PATIENCE)
    worker.pause()
    worker.pause("slow")
    worker.submit(nothing, delay=3_600, parent=token)
    worker.submit(nothing).cancel(actor="bob")
    token.cancel()
    assert worker.submit(nothing, deadline=0.000_001).wait(PATIENCE)
    worker.resume("slow")
    worker.resume()
    worker.resize(3)
    worker.set_rate(RateLimit(1_000, per=0.5, burst=100), queue="slow")
    worker.set_rate(None)
    worker.set_weight("slow", 2)
    worker.set_retention(Retention(number=4, age=60))
    with pytest.raises(QueueFull):
        worker.submit_all(nothing, [()] * 1_001)


@pytest.mark.evidence("AU-1")
def test_the_files_say_what_the_recorder_says(hire: Hire, tmp_path: Path) -> None:
    """Every event, with its detail, as it was recorded; so the log is a behaviour of the rule."""
    worker, log = hire(
        threads=2,
        queue_max=1_000,
        queues=[Queue("first", rate=RateLimit(1_000_000)), Queue("slow", weight=3, cap=1)],
        audit_log=AuditLog(tmp_path, when_full="wait"),
    )
    with worker:
        everything(worker)
    read = records(tmp_path)
    assert events(read) == log
    assert len({event[1] for event in log}) >= 20
    assert replayed(read).statuses() != {}


@pytest.mark.evidence("SC-3")
def test_no_payload_reaches_a_file(tmp_path: Path) -> None:
    """Of arguments, results, messages of errors and metadata nothing; types of errors do."""
    log = AuditLog(tmp_path, when_full="wait")
    with Worker(audit_log=log, threads=1) as worker:
        everything_secret: list[Task[Any]] = [
            worker.submit(lambda _, secret: secret, SECRET),
            worker.submit(fail, metadata={SECRET: SECRET}, fingerprint=SECRET, idempotency_key="k"),
        ]
        assert all(task.wait(PATIENCE) for task in everything_secret)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert SECRET.encode() not in written
    assert b'"error":"LookupError"' in written


def wall(seconds: int) -> str:
    """The bench's time of day, so many seconds after a run began."""
    return datetime.fromtimestamp(WALL_EPOCH_NS // S + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def test_a_record_says_what_the_format_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of a small log, in virtual time."""
    monkeypatch.setattr(auditlog, "_version", lambda: "9.9")

    def describe(stage: Stage) -> None:
        log = AuditLog(tmp_path, when_full="wait")
        worker = stage.build_worker(threads=1, grace=timedelta(seconds=1), audit_log=log)

        def client() -> None:
            worker.start()
            let_pass(stage, 2 * S)
            worker.submit(nothing, name="post", id="p-1").wait()
            stage.close(worker.drain(actor="ann", deadline=None))

        stage.client("client", client)

    play(jurat, RunToBlock(), describe)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["audit-000001.jsonl", "lock"]
    read = [
        json.loads(line)
        for line in (tmp_path / "audit-000001.jsonl").read_bytes().decode("ascii").splitlines()
    ]
    assert [record["seq"] for record in read] == list(range(8))
    assert read[0]["prev"] == "0" * 64
    begin, *rest = read
    assert begin == begin | {
        "kind": "begin",
        "ns": 0,
        "wall": wall(0),
        "format": 1,
        "rule": RULE_VERSION,
        "jurat": "9.9",
        "file": 1,
        "recovered": [],
        "pseudonyms": None,
    }
    assert begin["configuration"]["threads"] == 1
    common = {"kind": "event", "ns": 2 * S, "wall": wall(2)}
    said = [{name: it for name, it in record.items() if name not in ("seq", "prev")} for record in rest]
    assert said[:5] == [
        common
        | {"action": "Submit", "phase": "open", "task": 1, "attempt": 0, "name": "post", "queue": "default"}
        | {"id": "p-1"},
        common | {"action": "Start", "phase": "open", "task": 1, "attempt": 1},
        common | {"action": "Complete", "phase": "open", "task": 1, "attempt": 1, "returned_ns": 2 * S},
        common
        | {"action": "BeginDrain", "phase": "draining", "task": 0, "attempt": 0}
        | {"pending": "finish", "deadline_ns": None, "actor": "ann"},
        common | {"action": "Stopped", "phase": "stopped", "task": 0, "attempt": 0},
    ]
    assert (said[5]["kind"], said[5]["events"], said[5]["missing"]) == ("end", 6, 0)
    assert (said[6]["kind"], said[6]["from"], said[6]["to"], said[6]["count"]) == ("digest", 0, 6, 7)
    assert said[6]["signature"] is None
    assert kinds(tmp_path) == []


def test_the_rule_is_the_one_that_the_specification_has() -> None:
    """The worker does not import it, and says its number all the same."""
    assert RULE_VERSION == _records.RULE


def test_ids_and_keys_can_be_replaced(hire: Hire, tmp_path: Path) -> None:
    """By a keyed hash: the log can still be replayed, and the same value is the same text."""
    worker, _ = hire(audit_log=AuditLog(tmp_path, when_full="wait", pseudonym_key=KEY))
    with worker:
        tasks = [
            worker.submit(nothing, id=name, idempotency_key=name, concurrency_key="patient-0")
            for name in ("patient-0", "patient-1")
        ]
        assert tasks[1].wait(PATIENCE)
        assert worker.submit(nothing, idempotency_key="patient-1") is tasks[1]
    read = records(tmp_path)
    assert b"patient" not in (tmp_path / "audit-000001.jsonl").read_bytes()
    assert read[0].members["pseudonyms"] == "hmac-sha256"
    first, second = (it.members for it in read if it.members.get("action") == "Submit")
    assert first["id"] == hmac.digest(KEY, b"id\0patient-0", "sha256").hex()
    assert len({first["id"], first["idempotency_key"], second["id"], first["concurrency_key"]}) == 4
    assert first["concurrency_key"] == second["concurrency_key"]
    assert replayed(read).counts["Attach"] == 1


# The files ----------------------------------------------------------------------------------------------


@pytest.mark.evidence("AU-1")
def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    """The chain goes on, and each file says what it is and whose."""
    log = AuditLog(tmp_path, when_full="wait", rotate_bytes=2_000)
    work(Worker(audit_log=log), 40)
    read = records(tmp_path)
    firsts = [it for it in read if it.line == 1]
    assert [it.kind for it in firsts] == ["begin", *["segment"] * (len(firsts) - 1)]
    assert [it.members["file"] for it in firsts] == list(range(1, len(firsts) + 1))
    assert len({it.members["instance"] for it in firsts}) == 1
    assert len(firsts) == log.stats().files > 10
    assert replayed(read).counts["Complete"] == 40
    sizes = [path.stat().st_size for path in tmp_path.glob("*.jsonl")]
    assert max(sizes) < 2_000 + 1_000


@pytest.mark.evidence("AU-1")
def test_the_next_life_goes_on_with_the_chain(tmp_path: Path) -> None:
    """In a file of its own, with the next number; what was written stays as it was."""
    heads = []
    for life in range(1, 4):
        before = {path.name: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
        log = AuditLog(tmp_path, when_full="wait", rotate_bytes=3_000)
        work(Worker(audit_log=log), 10)
        heads.append(log.stats().head)
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
        read = records(tmp_path)
        begins = [it for it in read if it.kind == "begin"]
        assert len(begins) == life
        assert len({it.members["instance"] for it in begins}) == life
        assert begins[-1].members["recovered"] == []
    prevs = [it.members["prev"] for it in records(tmp_path) if it.kind == "begin"]
    assert prevs == ["0" * 64, *heads[:-1]]


@pytest.mark.evidence("AU-1")
def test_a_file_that_was_cut_anywhere_in_its_last_record_is_recovered(tmp_path: Path) -> None:
    """It stays as it is; the next life says how much of it is there, and goes on after the last whole one."""
    work(Worker(audit_log=AuditLog(tmp_path / "whole", when_full="wait")), 1)
    content = (tmp_path / "whole" / "audit-000001.jsonl").read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for at in range(last, len(content) + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        cut = folder / "audit-000001.jsonl"
        cut.write_bytes(content[:at])
        work(Worker(audit_log=AuditLog(folder, when_full="wait"), threads=1), 0)
        assert cut.read_bytes() == content[:at]
        read = entries(folder)
        (begin,) = (it for it in read if it.kind == "begin" and it.file == "audit-000002.jsonl")
        left = at - last
        if at == len(content):
            assert kinds(folder) == []
            assert begin.members["recovered"] == []  # type: ignore[union-attr]
        elif left == 0:
            assert kinds(folder) == ["not ended"]
            assert begin.members["recovered"] == []  # type: ignore[union-attr]
        else:
            assert kinds(folder) == ["cut", "not ended"]
            assert begin.members["recovered"] == [{"file": cut.name, "bytes": left}]  # type: ignore[union-attr]


def test_files_without_a_whole_record_are_named_and_passed_over(tmp_path: Path) -> None:
    """Two crashes in a row, one of them before anything was written; and one in the very first record."""
    work(Worker(audit_log=AuditLog(tmp_path, when_full="wait")), 1)
    (tmp_path / "audit-000002.jsonl").write_bytes(b'{"seq":9,')
    (tmp_path / "audit-000003.jsonl").write_bytes(b"")
    work(Worker(audit_log=AuditLog(tmp_path, when_full="wait")), 1)
    assert kinds(tmp_path) == ["cut"]
    begin = next(it for it in entries(tmp_path) if it.file == "audit-000004.jsonl")
    assert [it["bytes"] for it in begin.members["recovered"]] == [9, 0]  # type: ignore[union-attr]
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "audit-000001.jsonl").write_bytes(b'{"seq":0')
    work(Worker(audit_log=AuditLog(alone, when_full="wait")), 1)
    assert kinds(alone) == ["cut"]
    assert entries(alone)[-1].members["from"] == 0  # type: ignore[union-attr]


def test_zeros_that_a_crash_of_the_machine_left_are_no_record(tmp_path: Path) -> None:
    """As file systems do it: more of them than are read at once."""
    work(Worker(audit_log=AuditLog(tmp_path, when_full="wait")), 1)
    first = tmp_path / "audit-000001.jsonl"
    first.write_bytes(b"".join(first.read_bytes().splitlines(keepends=True)[:-2]) + bytes(200_000))
    log = AuditLog(tmp_path, when_full="wait")
    work(Worker(audit_log=log), 1)
    assert kinds(tmp_path) == ["cut", "not ended"]
    begin = next(
        it for it in entries(tmp_path) if it.kind == "begin" and it.line == 1 and it.file != first.name
    )
    assert begin.members["recovered"] == [{"file": "audit-000001.jsonl", "bytes": 200_000}]  # type: ignore[union-attr]


@pytest.mark.parametrize("last", [b"[]\n", b"nonsense\n", b'{"seq":true}\n', b'{"seq":-1}\n', b"\n"])
def test_what_is_no_log_is_not_gone_on_with(tmp_path: Path, last: bytes) -> None:
    """The worker is not started, and could be: nothing has changed."""
    (tmp_path / "audit-000001.jsonl").write_bytes(last)
    worker = Worker(audit_log=AuditLog(tmp_path, when_full="wait"))
    with pytest.raises(AuditLogUnavailable, match="no record"):
        worker.start()
    (tmp_path / "audit-000001.jsonl").unlink()
    work(worker, 1)
    assert kinds(tmp_path) == []


def test_a_folder_is_for_one_worker_at_a_time(tmp_path: Path) -> None:
    """The second is refused while the first lives; and a folder that cannot be is refused too."""
    with Worker(audit_log=AuditLog(tmp_path, when_full="wait")):
        second = Worker(audit_log=AuditLog(tmp_path, when_full="wait"))
        with pytest.raises(AuditLogUnavailable, match="another worker writes to it"):
            second.start()
    work(second, 1)
    assert kinds(tmp_path) == []
    with pytest.raises(AuditLogUnavailable, match="no audit log can be written to"):
        Worker(audit_log=AuditLog(tmp_path / "lock", when_full="wait")).start()


# When the sink does not take it ---------------------------------------------------------------------------


class Stuck:
    """A sink that blocks from its second write on, until it is let go."""

    def __init__(self) -> None:
        self.leave = threading.Event()
        self.inside = threading.Event()
        self.sink = Memory(self._before)

    def _before(self, write: int) -> None:
        if write > 1:
            self.inside.set()
            assert self.leave.wait(PATIENCE)


@pytest.mark.evidence("AU-1")
def test_a_submission_waits_for_room_and_is_refused(hire: Hire, tmp_path: Path) -> None:
    """What was accepted is recorded, all of it, however full the buffer is; and nothing is missing."""
    stuck = Stuck()
    audit = AuditLog(stuck.sink, when_full="wait", buffer=10, patience=0)
    worker, log = hire(audit_log=audit, threads=1)
    worker.start()
    eventually(lambda: audit.stats().recorded == 1)
    task = worker.submit(nothing)
    assert stuck.inside.wait(PATIENCE)
    assert task.wait(PATIENCE)
    while len(log) < 11:
        worker.submit(nothing).wait(PATIENCE)
    with pytest.raises(AuditLogFull) as refused:
        worker.submit(nothing)
    assert refused.value.buffer == 10
    with pytest.raises(AuditLogFull):
        worker.submit_all(nothing, [()] * 3)
    assert audit.stats().refused == 2
    stuck.leave.set()
    eventually(lambda: audit.stats().pending == 0)
    worker.submit(nothing)
    assert worker.drain().wait(PATIENCE)
    assert events(records(stuck.sink.save(tmp_path))) == log
    assert audit.stats().missing == 0


def test_who_waits_for_room_goes_on_when_there_is_some(hire: Hire, tmp_path: Path) -> None:
    """Not only after the patience is over."""
    stuck = Stuck()
    audit = AuditLog(stuck.sink, when_full="wait", buffer=3, patience=PATIENCE)
    worker, log = hire(audit_log=audit, threads=1)
    worker.start()
    eventually(lambda: audit.stats().recorded == 1)
    worker.submit(nothing)
    assert stuck.inside.wait(PATIENCE)
    eventually(lambda: len(log) >= 4)
    waiting = threading.Thread(target=worker.submit, args=(nothing,))
    waiting.start()
    eventually(lambda: bool(audit._room.gates))
    assert len([event for event in log if event[1] == "Submit"]) == 1
    stuck.leave.set()
    waiting.join(PATIENCE)
    assert len([event for event in log if event[1] == "Submit"]) == 2
    assert worker.drain().wait(PATIENCE)
    assert audit.stats().refused == 0


@pytest.mark.evidence("AU-1")
def test_what_does_not_fit_is_counted_and_declared(
    hire: Hire, tmp_path: Path, reported: list[BaseException]
) -> None:
    """Nobody waits; the gap says how many of each, and between which instants; it is reported once."""
    stuck = Stuck()
    audit = AuditLog(stuck.sink, when_full="count", buffer=8)
    worker, log = hire(audit_log=audit, threads=1)
    worker.start()
    eventually(lambda: audit.stats().recorded == 1)
    for _ in range(50):
        assert worker.submit(nothing).wait(PATIENCE)
    assert stuck.inside.wait(PATIENCE)
    eventually(lambda: audit.stats().missing > 100)
    stuck.leave.set()
    eventually(lambda: audit.stats().pending == 0)
    assert worker.submit(nothing).wait(PATIENCE)
    assert worker.drain().wait(PATIENCE)
    assert_gaps_are_declared(log, audit, stuck.sink.save(tmp_path))
    assert {type(problem) for problem in reported} == {AuditLogFull}


def assert_gaps_are_declared(log: Sequence[Any], audit: Any, folder: Path) -> None:
    """Every event is in the log, or in a gap where it belongs."""
    read = entries(folder)
    assert set(kinds(folder)) == {"gap"}
    rest = list(log)
    for entry in read:
        event = getattr(entry, "event", None)
        if event is not None:
            assert event == rest.pop(0)
        elif isinstance(entry, Record) and entry.kind == "gap":
            said = entry.members
            lost, rest = rest[: said["missing"]], rest[said["missing"] :]
            assert (said["from_ns"], said["to_ns"]) == (lost[0][0], lost[-1][0])
            assert sum(said["actions"].values()) == said["missing"]
            assert set(said["actions"]) == {event[1] for event in lost}
    assert rest == []
    (end,) = (it for it in read if it.kind == "end")
    assert end.members["missing"] == audit.stats().missing > 0  # type: ignore[union-attr]


def test_a_gap_at_the_end_is_declared_too(hire: Hire, tmp_path: Path, reported: list[BaseException]) -> None:
    """When the worker stops while the sink is stuck: there is always room for the end."""
    stuck = Stuck()
    audit = AuditLog(stuck.sink, when_full="count", buffer=4)
    worker, log = hire(audit_log=audit, threads=1)
    worker.start()
    for _ in range(20):
        assert worker.submit(nothing).wait(PATIENCE)
    eventually(lambda: audit.stats().missing > 0)
    shutdown = worker.drain()
    eventually(lambda: audit._finished)
    stuck.leave.set()
    assert shutdown.wait(PATIENCE)
    assert_gaps_are_declared(log, audit, stuck.sink.save(tmp_path))
    assert {type(problem) for problem in reported} == {AuditLogFull}


@pytest.mark.parametrize("when_full", ["wait", "count"])
def test_a_full_disk_is_reported_once_and_nothing_is_written_twice(
    hire: Hire, tmp_path: Path, reported: list[BaseException], monkeypatch: pytest.MonkeyPatch, when_full: Any
) -> None:
    """It takes a few bytes and then none, in the middle of a record; when there is room it goes on there."""
    monkeypatch.setattr(auditlog, "RETRY_NS", 0)

    def disk(write: int) -> int | None:
        if write in (3, 4, 5):
            raise OSError(errno.ENOSPC, "no space left")
        return 7 if write < 12 else None

    sink = Memory(disk)
    audit = AuditLog(sink, when_full=when_full)
    worker, log = hire(audit_log=audit, threads=1)
    work(worker, 20)
    assert events(records(sink.save(tmp_path))) == log
    assert [type(problem) for problem in reported] == [OSError]
    stats = audit.stats()
    assert (stats.failures, stats.failing, stats.closed, stats.missing) == (3, False, True, 0)


def test_a_dead_sink_is_no_crash(hire: Hire, reported: list[BaseException], tmp_path: Path) -> None:
    """Tasks run and end, the shutdown ends within the log's time, and the log shows that it has no end."""

    def dead(write: int) -> None:
        if write > 1:
            raise OSError(errno.EIO, "gone")

    sink = Memory(dead)
    audit = AuditLog(sink, when_full="wait", close_within=0)
    worker, _ = hire(audit_log=audit)
    with worker:
        eventually(lambda: audit.stats().recorded == 1)
        assert worker.submit(lambda _: 42).result(PATIENCE) == 42
        eventually(lambda: audit.stats().failing)
    assert not audit.stats().closed
    assert audit.stats().pending > 0
    assert kinds(sink.save(tmp_path)) == ["not ended"]
    assert len(reported) == 1
    assert all(thread.join(int(PATIENCE * S)) for thread in audit._threads)
    assert sink.calls[-1] == "close"


def test_a_sink_that_lies_about_what_it_took_is_not_believed(
    hire: Hire, reported: list[BaseException]
) -> None:
    """More than it was given, or nothing: a failure, and not a loop."""
    sink = Memory(lambda _: 0)
    worker, _ = hire(audit_log=AuditLog(sink, when_full="wait", close_within=0))
    work(worker, 1)
    assert "took 0 of" in str(reported[0])


def test_a_sink_that_blocks_for_ever_does_not_hold_up_the_end(hire: Hire) -> None:
    """The shutdown's wait is over when the log's time is, and says so."""
    stuck = Stuck()
    audit = AuditLog(stuck.sink, when_full="wait", close_within=0)
    worker, _ = hire(audit_log=audit)
    worker.start()
    eventually(lambda: audit.stats().recorded == 1)
    worker.submit(nothing).wait(PATIENCE)
    assert stuck.inside.wait(PATIENCE)
    shutdown = worker.drain()
    assert shutdown.wait(PATIENCE)
    assert shutdown.done
    assert not audit.stats().closed
    stuck.leave.set()
    assert all(thread.join(int(PATIENCE * S)) for thread in audit._threads)


def test_the_end_is_waited_for_within_the_logs_time(hire: Hire) -> None:
    """Whoever waits less long is told that it is not over."""
    stuck = Stuck()
    worker, _ = hire(audit_log=AuditLog(stuck.sink, when_full="wait", close_within=PATIENCE))
    worker.start()
    worker.submit(nothing).wait(PATIENCE)
    assert stuck.inside.wait(PATIENCE)
    shutdown = worker.drain()
    eventually(lambda: worker.phase == "stopped")
    assert not shutdown.wait(0)
    assert not shutdown.done
    stuck.leave.set()
    assert shutdown.wait(PATIENCE)
    assert shutdown.done


def test_an_event_too_long_for_a_record_is_a_gap_by_itself(
    hire: Hire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to read a record that is longer; everything around it is there."""
    monkeypatch.setattr(_records, "LONGEST", 4_096)
    audit = AuditLog(tmp_path, when_full="wait")
    worker, log = hire(audit_log=audit, threads=1)
    with worker:
        worker.submit(nothing)
        worker.submit(nothing, id="x" * 4_096)
        worker.submit(nothing, id="y")
    assert_gaps_are_declared(log, audit, tmp_path)
    assert (audit.stats().missing, audit.stats().pending) == (1, 0)


# In virtual time ------------------------------------------------------------------------------------------


def timed(audit: Any, *, tasks: int = 3, apart_ns: int = S) -> Callable[[Stage], None]:
    """A worker that is given a task now and then, and drained."""

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1, grace=timedelta(seconds=1), audit_log=audit)

        def client() -> None:
            worker.start()
            for _ in range(tasks):
                worker.submit(nothing)
                let_pass(stage, apart_ns)
            stage.close(worker.drain(deadline=None))

        stage.client("client", client)

    return describe


@pytest.mark.parametrize(
    ("sync", "expected"),
    [("never", 0), ("close", 1), ("batch", None), (timedelta(seconds=1_000), 1), (timedelta(seconds=2), 4)],
)
def test_the_sink_is_synced_when_it_was_asked_for(sync: Any, expected: int | None) -> None:
    """Never, at the end, after each batch, or so long after a write: at 2, 4, 6 and 8 seconds."""
    sink = Memory()
    play(jurat, RunToBlock(), timed(AuditLog(sink, when_full="wait", sync=sync), tasks=8))
    if expected is None:
        assert all(after == "sync" for call, after in itertools.pairwise(sink.calls) if call == "write")
    else:
        assert sink.calls.count("sync") == expected
    assert sink.calls[-1] == "close"
    assert sink.calls[:2] == ["open", "write"]


@pytest.mark.parametrize(("sync", "expected"), [("close", True), ("never", False)])
def test_a_file_is_synced_before_the_next_is_begun(sync: Any, expected: bool) -> None:
    """But not if the machine is trusted with it."""
    sink = Memory()
    play(jurat, RunToBlock(), timed(AuditLog(sink, when_full="wait", sync=sync, rotate_bytes=1)))
    before = [sink.calls[at - 1] == "sync" for at, call in enumerate(sink.calls) if call == "rotate"]
    assert len(before) > 5
    assert set(before) == {expected}


def test_a_digest_comes_after_so_many_records_or_so_much_time(tmp_path: Path) -> None:
    """Whichever is first; and what it covers was written before it."""
    for name, options, expected in (
        ("many", {"digest_every": 4}, [4, 4, 4, 1]),
        ("long", {"digest_after": 2.5}, [10, 3]),
        ("end", {"digest_after": None}, [13]),
    ):
        sink = Memory()
        play(jurat, RunToBlock(), timed(AuditLog(sink, when_full="wait", **options)))
        read = records(sink.save(tmp_path / name))
        assert [it.members["count"] for it in read if it.kind == "digest"] == expected


def test_events_are_in_the_sink_soon_after_they_were_recorded() -> None:
    """At once if nothing happened before; otherwise at most some ten milliseconds later."""
    sink = Memory()

    def describe(stage: Stage) -> None:
        worker = stage.build_worker(threads=1, audit_log=AuditLog(sink, when_full="wait"))

        def client() -> None:
            worker.start()
            let_pass(stage, S)
            worker.submit(nothing, name="first")
            let_pass(stage, MS)
            worker.submit(nothing, name="second")
            let_pass(stage, MS)
            assert b"first" in sink.files[0]
            assert b"second" not in sink.files[0]
            let_pass(stage, 10 * MS)
            assert b"second" in sink.files[0]
            stage.close(worker.stop_now())

        stage.client("client", client)

    play(jurat, RunToBlock(), describe)


def flaky(
    when_full: str, package: Any = jurat, **options: Any
) -> tuple[Callable[[Stage], None], Memory, list[Any]]:
    """A worker under load whose sink blocks for a while, fails for a while, and takes some bytes only."""
    sink = Memory()
    logs: list[Any] = []

    def describe(stage: Stage) -> None:
        def before(write: int) -> int | None:
            stage.runtime.pause("the sink")
            if write % 5 == 2:
                stage.runtime.gate().wait_for(3 * S)
            if write % 7 == 4:
                raise OSError(errno.ENOSPC, "full")
            return 100 if write % 3 == 0 else None

        sink.before = before
        module = sys.modules[f"{package.__name__}.auditlog"]
        audit = module.AuditLog(sink, when_full=when_full, buffer=6, patience=1, close_within=100, **options)
        logs.append(audit)
        worker = stage.build_worker(threads=2, grace=timedelta(seconds=1), audit_log=audit)

        def client() -> None:
            worker.start()
            for number in range(12):
                try:
                    worker.submit(nothing if number % 3 else fail)
                except package.AuditLogFull:
                    let_pass(stage, S)
                if number % 4 == 3:
                    let_pass(stage, 2 * S)
            stage.close(worker.drain(deadline=None))

        stage.client("client", client)

    return describe, sink, logs


@pytest.mark.evidence("AU-1")
@pytest.mark.parametrize("when_full", ["wait", "count"])
def test_every_event_is_recorded_or_declared_whatever_the_sink_does(tmp_path: Path, when_full: str) -> None:
    """Under many interleavings, with a sink that blocks, fails and takes a part only."""
    missing = refused = failures = 0
    for run in range(60):
        strategy = RandomWalk(1)
        strategy.begin(run)
        describe, sink, logs = flaky(when_full, rotate_bytes=900)
        stage = play(jurat, strategy, describe, tick_ns=1)
        folder = sink.save(tmp_path / str(run))
        (audit,) = logs
        stats = audit.stats()
        assert stats.closed, run
        if stats.missing:
            assert_gaps_are_declared(stage.log, audit, folder)
        else:
            read = records(folder)
            assert events(read) == stage.log
            assert replayed(read).world is not None
        missing, refused, failures = (
            missing + stats.missing,
            refused + stats.refused,
            failures + stats.failures,
        )
    assert failures > 0
    assert bool(missing) == (when_full == "count")
    assert bool(refused) == (when_full == "wait")


def run_patched(folder: Path, when_full: str, *patches: Patch) -> Path:
    """The log of a worker with a defect."""
    build = load("jurat", name="audited", patches=patches)
    describe, sink, _ = flaky(when_full, build.package, rotate_bytes=900)
    stage = play(build.package, RunToBlock(), describe)
    assert len(stage.log) > 20
    return sink.save(folder)


@pytest.mark.evidence("AU-1")
def test_a_gap_that_is_not_declared_is_found(tmp_path: Path) -> None:
    """D42: the chain is whole, and what it says cannot have happened; or the gap is declared too late."""
    counted = Patch("auditlog", "            self.gap.add(at, action)\n", "")
    silent = run_patched(tmp_path / "silent", "count", counted)
    with pytest.raises(NotABehaviour):
        replayed(entries(silent))
    declared = "            elif self.gap:\n                self.declare()\n"
    late = run_patched(tmp_path / "late", "count", Patch("auditlog", declared, ""))
    assert "wrong time" in kinds(late)


@pytest.mark.evidence("AU-1")
def test_a_chain_that_is_not_carried_over_to_the_next_file_is_found(tmp_path: Path) -> None:
    """D43."""
    begins = "        self.file += 1\n"
    broken = run_patched(
        tmp_path, "wait", Patch("_records", begins, begins + "        self.prev = NOTHING\n")
    )
    assert set(kinds(broken)) == {"wrong hash"}


# With the rest of the worker --------------------------------------------------------------------------------


def test_observers_are_told_and_the_list_is_kept_short(tmp_path: Path) -> None:
    """Without a recorder the scribe takes events off the list, and hands them on, all of them, in order."""
    told: list[Transition] = []
    worker = Worker(observers=[told.append], audit_log=AuditLog(tmp_path, when_full="wait"))
    work(worker, 100)
    assert [list(it) for it in told] == events(records(tmp_path))
    assert worker._core.log == []
    assert worker._core.relay == []


def test_an_observer_that_stalls_does_not_stall_the_log(tmp_path: Path) -> None:
    """The log is whole while the observer has not come back from the first event."""
    meeting = Meeting()
    log = AuditLog(tmp_path, when_full="wait")
    worker = Worker(observers=[lambda _: meeting(None)], audit_log=log, grace=0)  # type: ignore[arg-type]
    worker.start()
    meeting.met()
    worker.submit(nothing).wait(PATIENCE)
    worker.drain(deadline=0)
    eventually(lambda: log.stats().closed)
    assert kinds(tmp_path) == []
    meeting.leave.set()
    assert all(thread.join(int(PATIENCE * S)) for thread in worker._core.helpers)


def test_a_log_is_for_one_worker(tmp_path: Path) -> None:
    """Two would write into each other."""
    log = AuditLog(tmp_path, when_full="wait")
    work(Worker(audit_log=log), 1)
    with pytest.raises(InvalidArgument, match="audit_log is the log of another worker"):
        Worker(audit_log=log)
    with pytest.raises(InvalidArgument, match="audit_log must be a AuditLog"):
        Worker(audit_log="audit")  # type: ignore[arg-type]
    assert "recorded" in repr(log)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("when_full", "drop"),
        ("buffer", 0),
        ("patience", -1),
        ("rotate_bytes", 0),
        ("sync", "sometimes"),
        ("sync", -1),
        ("digest_every", 0),
        ("digest_every", 1_000_001),
        ("digest_after", -1),
        ("close_within", None),
        ("pseudonym_key", b"short"),
        ("pseudonym_key", "k" * 32),
        ("to", 7),
    ],
)
def test_what_cannot_mean_anything_is_refused_by_name(argument: str, value: Any) -> None:
    """When the log is made, and not when the worker starts."""
    options: dict[str, Any] = {"to": "audit", "when_full": "wait", argument: value}
    with pytest.raises(InvalidArgument) as refused:
        AuditLog(options.pop("to"), **options)
    assert refused.value.argument == argument


def test_a_worker_that_was_never_started_has_a_log_as_well(tmp_path: Path) -> None:
    """What it had accepted is cancelled at the interpreter's exit, and that is written down."""
    program = f"""
import sys
from jurat import Worker
assert "jurat.auditlog" not in sys.modules
from jurat.auditlog import AuditLog
worker = Worker(audit_log=AuditLog({str(tmp_path)!r}, when_full="wait"))
worker.submit(print, 1)
"""
    root = str(Path(jurat.__file__).parents[1])
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": root})
    assert replayed(records(tmp_path)).statuses() == {1: "cancelled"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are POSIX")
def test_a_child_process_leaves_the_log_to_its_parent(tmp_path: Path) -> None:
    """It writes nothing, waits for nothing, and does not hold the folder when the parent has ended."""
    program = f"""
import os
from jurat import Worker, WorkerForked
from jurat.auditlog import AuditLog
log = AuditLog({str(tmp_path)!r}, when_full="wait")
out, into = os.pipe()
with Worker(audit_log=log) as worker:
    worker.submit(lambda _: 1).result()
    child = os.fork()
    if not child:
        os.close(into)
        os.read(out, 1)
        try:
            worker.submit(print)
        except WorkerForked:
            os._exit(0)
    worker.submit(lambda _: 1).result()
with Worker(audit_log=AuditLog({str(tmp_path)!r}, when_full="wait")):
    os.close(into)
assert os.waitpid(child, 0)[1] == 0
"""
    root = str(Path(jurat.__file__).parents[1])
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": root})
    assert [it.kind for it in records(tmp_path) if it.line == 1] == ["begin", "begin"]


def test_sections_of_the_log_contain_no_call_no_loop_and_no_container() -> None:
    """As those of the steps: a submission takes them, and with it whatever interrupts one."""
    source = inspect.getsource(auditlog)
    found = list(sections(source))
    assert {ast_name for ast_name, _ in found} >= {"_enrol", "_written", "_post", "_fetch", "_hurry"}
    assert len({name for name, _ in found}) == len(found)
    assert offences(source) == []


def test_a_submission_by_a_finalizer_on_a_thread_of_the_log_does_not_wait(hire: Hire) -> None:
    """Nobody would make room."""
    audit = AuditLog(Memory(), when_full="wait", buffer=1, patience=PATIENCE)
    worker, _ = hire(audit_log=audit)
    worker.start()
    eventually(lambda: None not in audit._own)
    audit._own[0] = worker._core.runtime.ident()
    audit._pending += 1
    worker.submit(nothing)
    audit._pending -= 1
