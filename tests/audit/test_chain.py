"""The reader of an audit log finds whatever is done to one, and says where.

The logs are made by the worker, small and with everything in them: two lives, several files, many digests.
What is done to them is done to the bytes.  `forged` writes a chain anew as an insider would, by the words of
`docs/audit-log.md` and with code of its own; its Merkle tree is the recursive definition of RFC 9162, and an
oracle for the two others.
"""

from __future__ import annotations

import itertools
import json
import tracemalloc
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from jurat import Context, Worker
from jurat.auditlog import AuditLog, Head
from jurat_audit.verifying import chain
from jurat_audit.verifying.chain import Finding, Kind, Reader, Record, Weight, files_in
from jurat_spec.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Log = list[list[bytes]]
"""The lines of each file, with their newlines."""


def nothing(_: Context) -> None:
    """Do nothing."""


def write(folder: Path, tasks: int, **options: Any) -> str:
    """One life.  Returns the hash of its last record."""
    log = AuditLog(folder, when_full="wait", **options)
    with Worker(threads=1, audit_log=log) as worker:
        for _ in range(tasks):
            worker.submit(nothing, actor="ann")
    return log.stats().head


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Two lives, the first in several files, with several digests in one of them."""
    folder = tmp_path_factory.mktemp("pristine")
    write(folder, 3, rotate_bytes=1_500, digest_every=3)
    write(folder, 2)
    log = [path.read_bytes().splitlines(keepends=True) for path in files_in(folder)]
    assert len(log) >= 4
    return log


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log of the same kind, of other workers."""
    folder = tmp_path_factory.mktemp("another")
    write(folder, 3, rotate_bytes=1_500, digest_every=3)
    write(folder, 2)
    return [path.read_bytes().splitlines(keepends=True) for path in files_in(folder)]


def save(folder: Path, log: Log) -> Path:
    """As files, in place of those that were there."""
    folder.mkdir(exist_ok=True)
    for path in files_in(folder):
        path.unlink()
    for number, lines in enumerate(log, start=1):
        (folder / f"audit-{number:06d}.jsonl").write_bytes(b"".join(lines))
    return folder


def read(folder: Path) -> tuple[Reader, list[Record], list[Finding]]:
    """What a reader says."""
    reader = Reader(files_in(folder))
    records: list[Record] = []
    findings: list[Finding] = []
    for entry in reader.read():
        (findings if isinstance(entry, Finding) else records).append(entry)  # type: ignore[arg-type]
    return reader, records, findings


def kinds(folder: Path, log: Log) -> list[Kind]:
    """What is wrong with it."""
    return [finding.kind for finding in read(save(folder, log))[2]]


def weights(found: list[Kind]) -> set[Weight]:
    """What follows from it."""
    return {kind.weight for kind in found}


def places(log: Log) -> list[tuple[int, int]]:
    """Every record, by file and line."""
    return [(file, line) for file, lines in enumerate(log) for line in range(len(lines))]


def without(log: Log, file: int, line: int) -> Log:
    """The log, and not that record."""
    return [[*lines[:line], *lines[line + 1 :]] if at == file else lines for at, lines in enumerate(log)]


def with_line(log: Log, file: int, line: int, added: bytes) -> Log:
    """The log, and a line more."""
    return [[*lines[:line], added, *lines[line:]] if at == file else lines for at, lines in enumerate(log)]


# Nothing is wrong ---------------------------------------------------------------------------------------


@pytest.mark.evidence("AU-1")
def test_a_log_that_nobody_touched_is_whole(tmp_path: Path, pristine: Log) -> None:
    """No finding; everything is counted; and the head is what the writer has noted."""
    reader, records, findings = read(save(tmp_path, pristine))
    assert findings == []
    assert reader.records == len(records) == len(places(pristine))
    assert reader.lives == 2
    assert reader.events == sum(record.event is not None for record in records)
    head = write(tmp_path, 1)
    assert read(tmp_path)[0].head == head


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 80, 113])
def test_roots_are_those_of_the_rfc(size: int) -> None:
    """The reader's, node by node, and the writer's, level by level, against the recursive definition."""
    from jurat._records import root_of  # the writer's, which the reader does not know

    hashes = [sha256(bytes([number])).digest() for number in range(size)]
    pages = [b"".join(hashes[at : at + 16]) for at in range(0, size, 16)]
    tree = chain._Tree()
    for each in hashes:
        tree.add(each)
    assert tree.size == size
    assert tree.close() == root_of([each.hex() for each in hashes]).hex() == merkle_tree_hash(pages).hex()
    assert tree.size == 0


def merkle_tree_hash(entries: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if not entries:
        return sha256().digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1" + merkle_tree_hash(entries[:split]) + merkle_tree_hash(entries[split:])).digest()


def test_memory_does_not_depend_on_the_length(tmp_path: Path) -> None:
    """Ten times as many records take no more of it."""
    peaks = []
    for tasks in (300, 3_000):
        folder = tmp_path / str(tasks)
        write(folder, tasks)
        tracemalloc.start()
        for entry in Reader(files_in(folder)).read():
            assert isinstance(entry, Record)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


# Something was done to it ---------------------------------------------------------------------------------


@pytest.mark.evidence("AU-1")
def test_every_byte_that_is_flipped_is_found(tmp_path: Path) -> None:
    """But for the clock in the last record, whose hash nobody has: that only who noted it down can tell."""
    head = write(tmp_path, 1, rotate_bytes=1_500)
    by_head_only = []
    whole = [path.read_bytes() for path in files_in(tmp_path)]
    assert len(whole) > 1
    for at, content in enumerate(whole):
        path = tmp_path / f"audit-{at + 1:06d}.jsonl"
        for byte in range(len(content)):
            path.write_bytes(content[:byte] + bytes([content[byte] ^ 1]) + content[byte + 1 :])
            reader, _, findings = read(tmp_path)
            assert findings or reader.head != head
            if not findings:
                by_head_only.append((at, byte))
        path.write_bytes(content)
    clock = whole[-1].rindex(b'"clock":"') + len(b'"clock":"')
    assert {at for at, _ in by_head_only} == {len(whole) - 1}
    assert {byte for _, byte in by_head_only} <= set(range(clock, clock + 29))


@pytest.mark.evidence("AU-1")
def test_every_record_that_is_dropped_or_written_twice_is_found(tmp_path: Path, pristine: Log) -> None:
    """At its place, or, for the last one that is dropped, as a log without an end."""
    *others, last = places(pristine)
    for file, line in others:
        reader = read(save(tmp_path, without(pristine, file, line)))
        assert Weight.BROKEN in weights([finding.kind for finding in reader[2]])
        assert reader[2][0].line in (line + 1, 1)
    assert kinds(tmp_path, without(pristine, *last)) == [Kind.NOT_ENDED]
    for file, line in places(pristine):
        twice = with_line(pristine, file, line, pristine[file][line])
        assert Weight.BROKEN in weights(kinds(tmp_path, twice))


@pytest.mark.evidence("AU-1")
def test_every_two_records_that_are_swapped_are_found(tmp_path: Path, pristine: Log) -> None:
    """Neighbours, within a file and across two; and whole files."""
    flat = places(pristine)
    for first, second in itertools.pairwise(flat):
        swapped = [list(lines) for lines in pristine]
        one, other = pristine[first[0]][first[1]], pristine[second[0]][second[1]]
        swapped[first[0]][first[1]], swapped[second[0]][second[1]] = other, one
        assert Weight.BROKEN in weights(kinds(tmp_path, swapped))
    for file in range(len(pristine) - 1):
        files = list(pristine)
        files[file], files[file + 1] = files[file + 1], files[file]
        assert Weight.BROKEN in weights(kinds(tmp_path, files))


@pytest.mark.evidence("AU-1")
def test_what_comes_from_another_log_is_found(tmp_path: Path, pristine: Log, another: Log) -> None:
    """A record in place of the one with its number, a record more, a file, and the end of the log."""
    for file, line in places(pristine):
        if (file, line) not in places(another):
            continue
        foreign = another[file][line]
        replaced = with_line(without(pristine, file, line), file, line, foreign)
        assert Weight.BROKEN in weights(kinds(tmp_path, replaced))
        assert Weight.BROKEN in weights(kinds(tmp_path, with_line(pristine, file, line, foreign)))
    for file in range(1, len(pristine)):
        replaced = [*pristine[:file], another[file], *pristine[file + 1 :]]
        assert Weight.BROKEN in weights(kinds(tmp_path, replaced))
        assert Weight.BROKEN in weights(kinds(tmp_path, [*pristine[:file], *another[file:]]))


@pytest.mark.evidence("AU-1")
def test_a_log_that_is_cut_off_anywhere_has_no_end(tmp_path: Path, pristine: Log) -> None:
    """After each record, and after each byte of one: that is all one can tell, for it may be going on."""
    for file, line in places(pristine)[:-1]:
        cut = [*pristine[:file], pristine[file][: line + 1]]
        ended = (
            json.loads(pristine[file][line])["kind"] == "digest"
            and b'"kind":"end"' in pristine[file][line - 1]
        )
        assert kinds(tmp_path, cut) == ([] if ended else [Kind.NOT_ENDED])
    *before, last = pristine
    for byte in range(1, len(last[2])):
        assert kinds(tmp_path, [*before, [*last[:2], last[2][:byte]]]) == [Kind.CUT, Kind.NOT_ENDED]


def test_a_file_that_is_missing_is_found(tmp_path: Path, pristine: Log) -> None:
    """In the middle; at the beginning and at the end one cannot tell."""
    for file in range(len(pristine)):
        rest = [*pristine[:file], *pristine[file + 1 :]]
        found = kinds(tmp_path, rest)
        if file == 0:
            assert found == [Kind.NO_BEGINNING]
        elif file == len(pristine) - 1:
            assert found == []  # the first life has its end
        else:
            assert Weight.BROKEN in weights(found)
    assert kinds(tmp_path, pristine[:2]) == [Kind.NOT_ENDED]
    assert kinds(tmp_path, []) == [Kind.NO_BEGINNING]
    assert kinds(tmp_path, [[]]) == [Kind.CUT]


def test_what_was_added_after_the_end_is_found(tmp_path: Path, pristine: Log) -> None:
    """A line, or a few bytes."""
    for more in (b"{}\n", b"\0", pristine[-1][1]):
        assert Weight.BROKEN in weights(kinds(tmp_path, [*pristine[:-1], [*pristine[-1], more]]))


# The chain was written anew --------------------------------------------------------------------------------


def forged(log: Log, change: Callable[[dict[str, Any]], None]) -> Log:
    """The log with each record changed like that, and with all hashes and roots right."""
    prev, written = "0" * 64, []
    hashes: list[bytes] = []
    for lines in log:
        file = []
        for line in lines:
            record = json.loads(line)
            change(record)
            record["prev"] = prev
            if record["kind"] == "begin":
                hashes.clear()
            if record["kind"] == "digest":
                pages = [b"".join(hashes[at : at + 16]) for at in range(0, len(hashes), 16)]
                if record.get("root") != "0" * 64:
                    record["root"] = merkle_tree_hash(pages).hex()
                hashes.clear()
            made = json.dumps(record, separators=(",", ":")).encode()
            if record["kind"] != "digest":
                hashes.append(sha256(made).digest())
            prev = sha256(made).hexdigest()
            file.append(made + b"\n")
        written.append(file)
    return written


def test_a_wholly_rechained_forgery_is_seen_by_its_head_only(tmp_path: Path, pristine: Log) -> None:
    """Nothing is wrong with it, and it is not the log: without a hash from elsewhere nobody can tell."""

    def change(record: dict[str, Any]) -> None:
        if record.get("actor") == "ann":
            record["actor"] = "bob"

    head = read(save(tmp_path, pristine))[0].head
    assert forged(pristine, lambda _: None) == pristine
    reader, records, findings = read(save(tmp_path, forged(pristine, change)))
    assert findings == []
    assert any(record.members.get("actor") == "bob" for record in records)
    assert reader.head != head


def on(kind: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """Change members of the records of a kind, or of an action."""

    def change(record: dict[str, Any]) -> None:
        if kind in (record["kind"], record.get("action")):
            record.update({name: it(record[name]) if callable(it) else it for name, it in changes.items()})

    return change


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (on("Start", seq=lambda it: it + 1), Kind.WRONG_NUMBER),
        (on("Start", ns=lambda it: it + 1), Kind.WRONG_TIME),
        (on("Complete", wall="2026-01-01T00:00:00.000000000Z"), Kind.WRONG_TIME),
        (on("Start", phase="stopped"), Kind.WRONG_PHASE),
        (on("BeginDrain", phase="open"), Kind.WRONG_PHASE),
        (on("Stopped", action="Evict"), Kind.WRONG_PHASE),
        (on("end", events=lambda it: it + 1), Kind.WRONG_COUNT),
        (on("end", missing=1), Kind.WRONG_COUNT),
        (on("digest", root="0" * 64), Kind.WRONG_DIGEST),
        (on("digest", count=lambda it: it + 1), Kind.WRONG_DIGEST),
        (on("digest", to=0), Kind.WRONG_DIGEST),
        (on("segment", instance="0" * 16), Kind.WRONG_PLACE),
        (on("segment", file=1), Kind.WRONG_PLACE),
        (on("begin", recovered=[{"file": "audit-000001.jsonl", "bytes": 3}]), Kind.WRONG_RECOVERY),
        (on("begin", rule=99), Kind.UNKNOWN_RULE),
        (on("begin", format=99), Kind.UNKNOWN_FORMAT),
        (on("segment", format=99), Kind.UNKNOWN_FORMAT),
    ],
)
def test_a_forged_field_is_found_without_the_chain(
    tmp_path: Path, pristine: Log, change: Callable[[dict[str, Any]], None], kind: Kind
) -> None:
    """What a record says twice must agree, though every hash is right."""
    found = kinds(tmp_path, forged(pristine, change))
    assert kind in found
    assert weights(found) >= {kind.weight}


def renumbered(log: Log) -> Log:
    """With gapless numbers, and everything else right, too."""
    seqs = iter(range(len(places(log))))
    since = 0

    def change(record: dict[str, Any]) -> None:
        nonlocal since
        record["seq"] = next(seqs)
        if record["kind"] == "begin":
            since = record["seq"]
        if record["kind"] == "digest":
            record.update({"from": since, "to": record["seq"] - 1, "count": record["seq"] - since})
            since = record["seq"] + 1

    return forged(log, change)


def test_records_in_the_wrong_place_are_found_without_the_chain(tmp_path: Path, pristine: Log) -> None:
    """A begin in the middle, an event after the end, two ends, a file without its digest, and others."""
    first, last = pristine[0], pristine[-1]
    *rest, end, digest = last
    for lines in (
        [*rest, first[1], end, digest],  # another life's event, whose clock is another
        [*rest, end, rest[-1], digest],
        [*rest, end, end, digest],
        [*rest, end, digest, digest],
        [last[0], *last],
        last[1:],
    ):
        found = kinds(tmp_path, renumbered([*pristine[:-1], lines]))
        assert Weight.BROKEN in weights(found)
    early = [first[:-1], *pristine[1:]]
    assert Kind.WRONG_PLACE in kinds(tmp_path, renumbered(early))
    assert Kind.WRONG_HASH in kinds(tmp_path, [[first[0].replace(b"0" * 64, b"1" * 64)], *pristine[1:]])
    assert Kind.WRONG_PLACE in kinds(tmp_path, [last[1:]])  # no life has begun
    assert Kind.WRONG_PLACE in kinds(tmp_path, [[end, digest]])


def test_a_gap_is_declared_and_its_sums_are_right(tmp_path: Path, pristine: Log) -> None:
    """One cannot tell what was not kept; what the gap says of itself can be wrong."""
    *before, last = pristine
    after = json.loads(last[2])
    wall = {name: after[name] for name in ("seq", "prev", "wall", "ns")}

    def gapped(**said: Any) -> Log:
        gap = {"missing": 3, "from_ns": after["ns"], "to_ns": after["ns"], "actions": {"Evict": 3}, **said}
        line = json.dumps({**wall, "kind": "gap", **gap}).encode() + b"\n"
        log = renumbered([*before, [*last[:3], line, *last[3:]]])
        number = iter(range(2))
        return forged(log, lambda it: it.update(missing=3) if it["kind"] == "end" and next(number) else None)

    assert kinds(tmp_path, gapped()) == [Kind.GAP]
    assert kinds(tmp_path, gapped(actions={"Evict": 2})) == [Kind.WRONG_COUNT, Kind.GAP]
    assert Kind.WRONG_TIME in kinds(tmp_path, gapped(from_ns=1))
    assert Kind.WRONG_TIME in kinds(tmp_path, gapped(to_ns=after["ns"] - 1))
    assert Kind.WRONG_TIME in kinds(tmp_path, gapped(to_ns=after["ns"] + 10**12))
    assert Kind.WRONG_COUNT in kinds(tmp_path, gapped(missing=2, actions={"Evict": 2}))
    assert kinds(tmp_path, gapped(actions={})) != [Kind.GAP]


# What is no record ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "it is not JSON"),
        (b"nonsense", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"1" * 5_000, "it is not JSON"),
        (b"[1]", "it is not a JSON object"),
        (b'{"seq":1,"seq":1}', "no member occurs twice"),
        (b'{"seq":1.0}', "all numbers are whole"),
        (b'{"seq":NaN}', "all numbers are whole"),
        (b'{"seq":true,"ns":1}', "seq and ns are whole numbers"),
        (b'{"seq":1,"ns":1,"prev":1,"wall":"","kind":""}', "prev, wall and kind are texts"),
        (b'{"seq":1,"ns":1,"prev":"","wall":"","kind":"note"}', "its kind is one of"),
        (
            b'{"seq":1,"ns":1,"prev":"","wall":"","kind":"end","events":1}',
            "a end has exactly events, missing",
        ),
        (b'{"seq":1,"ns":1,"prev":"","wall":"","kind":"end","events":0,"missing":0}', "events is a number"),
    ],
)
def test_a_line_that_is_no_record_is_found(tmp_path: Path, pristine: Log, line: bytes, text: str) -> None:
    """With the reason; and reading goes on after it."""
    log = with_line(pristine, 0, 1, line + b"\n")
    _, records, findings = read(save(tmp_path, log))
    assert findings[0].kind is Kind.NOT_A_RECORD
    assert (findings[0].file, findings[0].line) == ("audit-000001.jsonl", 2)
    assert text in findings[0].text
    assert str(findings[0]).startswith("audit-000001.jsonl:2: broken: not a record: ")
    assert len(records) == len(places(pristine))


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "Sleep"},
        {"action": 7},
        {"task": "1"},
        {"attempt": True},
        {"phase": None},
        {"returned_ns": 7},
        {"wall": "2026-01-01T00:00:00Z"},
        {"wall": "2026-13-01T00:00:00.000000000Z"},
        {"wall": "2026-01-01T00:00:00.00000000\u0661Z"},
        {"action": "Retry", "error": None, "returned_ns": 1},
        {"action": "Retry", "error": None, "returned_ns": 1, "next": 2},
    ],
)
def test_an_event_of_another_shape_is_no_record(
    tmp_path: Path, pristine: Log, changes: dict[str, Any]
) -> None:
    """A member too many, too few, or of another type."""

    def change(record: dict[str, Any]) -> None:
        if record.get("action") == "Start":
            record.update(changes)

    assert Kind.NOT_A_RECORD in kinds(tmp_path, forged(pristine, change))


@pytest.mark.parametrize("kind", ["begin", "segment", "digest", "end"])
def test_every_member_of_every_kind_is_looked_at(tmp_path: Path, pristine: Log, kind: str) -> None:
    """None may be missing, or of another type; a signature, which is none yet, may be anything."""
    every = [json.loads(line) for lines in pristine for line in lines]
    example = next(record for record in every if record["kind"] == kind)
    wrong: tuple[Any, ...] = (1.5, [[]], True)
    for name in example.keys() - {"seq", "prev", "wall", "ns", "kind"}:
        if name != "root":  # which is made anew
            assert Kind.NOT_A_RECORD in kinds(tmp_path, forged(pristine, leaving_out(kind, name)))
        if name not in ("signature", "root"):
            for value in wrong:
                assert Kind.NOT_A_RECORD in kinds(tmp_path, forged(pristine, on(kind, **{name: value})))


def leaving_out(kind: str, name: str) -> Callable[[dict[str, Any]], None]:
    """Leave a member out of the records of a kind."""

    def change(record: dict[str, Any]) -> None:
        if record["kind"] == kind:
            del record[name]

    return change


def test_a_line_that_is_longer_than_any_record_ends_the_reading(
    tmp_path: Path, pristine: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to hold it."""
    monkeypatch.setattr(chain, "LONGEST", 2_000)
    _, _, (finding,) = read(save(tmp_path, with_line(pristine, 0, 2, b"x" * 3_000 + b"\n")))
    assert (finding.kind, finding.line) == (Kind.NOT_A_RECORD, 3)


def test_every_kind_of_finding_has_a_weight() -> None:
    """And two things are told apart: a broken log, and one of which something is not here."""
    assert {kind for kind in Kind if kind.weight is Weight.CANNOT_TELL} == {
        Kind.NO_BEGINNING,
        Kind.NOT_ENDED,
        Kind.CUT,
        Kind.GAP,
        Kind.UNKNOWN_FORMAT,
        Kind.UNKNOWN_RULE,
    }


# What it is for -------------------------------------------------------------------------------------------


def test_the_events_of_a_life_can_be_replayed(tmp_path: Path, pristine: Log) -> None:
    """As they come, one after the other, each life by itself."""
    replays: list[Replay] = []
    for record in read(save(tmp_path, pristine))[1]:
        if record.kind == "begin":
            replays.append(Replay())
        if record.event is not None:
            replays[-1].step(record.event)
    assert [replay.counts["Complete"] for replay in replays] == [3, 2]


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Also when they have more digits; and what is no file of a log is left alone."""
    names = [
        "audit-000002.jsonl",
        "audit-1000000.jsonl",
        "audit-000010.jsonl",
        "lock",
        "audit-1.jsonl",
        "x.jsonl",
    ]
    for name in names:
        (tmp_path / name).touch()
    ordered = ["audit-000002.jsonl", "audit-000010.jsonl", "audit-1000000.jsonl"]
    assert [path.name for path in files_in(tmp_path)] == ordered


def test_a_writer_that_begins_in_the_middle_is_read_as_such(tmp_path: Path) -> None:
    """Its first record is not number 0: what was before has to be checked elsewhere."""

    class Elsewhere:
        content = bytearray()

        def open(self) -> Head:
            return Head(seq=100, prev="a" * 64, file=7)

        def write(self, data: bytes) -> int:
            self.content += data
            return len(data)

        def rotate(self) -> None: ...
        def sync(self) -> None: ...
        def close(self) -> None: ...

    sink = Elsewhere()
    with Worker(audit_log=AuditLog(sink, when_full="wait")) as worker:
        worker.submit(nothing)
    (tmp_path / "audit-000007.jsonl").write_bytes(bytes(sink.content))
    _, records, findings = read(tmp_path)
    assert [finding.kind for finding in findings] == [Kind.NO_BEGINNING]
    assert records[0].members["seq"] == 100
