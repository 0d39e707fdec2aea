"""The reader of an audit log: does each record follow from the one before, and is anything missing?

`Reader.read` goes through the files once, in order, and yields records and findings as it meets them.  It
holds one line, the page of a digest's tree that is being filled, and one node for each level of that tree; so
memory does not depend on how long the log is.

A finding says what is wrong, and where.  It weighs one of two things.  *Broken*: somebody changed, dropped,
added or moved something, or the writer is at fault; no honest log looks like that.  *Cannot tell*: what is
here is whole, and something is not here.  The file ends in the middle of a record, a gap was declared, there
is no end, or the log was written by a version that is not known here.

What the chain cannot show: that the last records were cut off together (the log looks as one that goes on),
and that somebody wrote the whole chain anew.  For that one needs to know a later hash from elsewhere: compare
`Reader.head` with it, or have the digests signed.

    reader = Reader(files_in(folder))
    for entry in reader.read():
        if isinstance(entry, Finding):
            print(entry)
            continue
        if entry.kind == "begin":
            replayed = Replay()
        if entry.event is not None:
            replayed.step(entry.event)
"""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from .format import FORMATS, LONGEST, NOTHING, PHASES, RULES, Unfit, WallClock, check, event_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["Finding", "Kind", "Reader", "Record", "Weight", "files_in"]

PAGE = 16
"""Records whose hashes are an entry of a digest's tree."""
_FILE = re.compile(r"audit-(\d{6,})\.jsonl", re.ASCII)


class Weight(StrEnum):
    """What follows from a finding."""

    BROKEN = "broken"  # no honest log looks like that
    CANNOT_TELL = "cannot tell"  # something is not here


class Kind(StrEnum):
    """What is wrong."""

    NOT_A_RECORD = "not a record"
    WRONG_HASH = "wrong hash"
    WRONG_NUMBER = "wrong number"
    WRONG_PLACE = "wrong place"
    WRONG_TIME = "wrong time"
    WRONG_PHASE = "wrong phase"
    WRONG_COUNT = "wrong count"
    WRONG_DIGEST = "wrong digest"
    WRONG_RECOVERY = "wrong recovery"
    NO_BEGINNING = "no beginning"
    NOT_ENDED = "not ended"
    CUT = "cut"
    GAP = "gap"
    UNKNOWN_FORMAT = "unknown format"
    UNKNOWN_RULE = "unknown rule"

    @property
    def weight(self) -> Weight:
        """What follows from it."""
        return Weight.CANNOT_TELL if self in _NOT_HERE else Weight.BROKEN


_NOT_HERE = frozenset(
    {Kind.NO_BEGINNING, Kind.NOT_ENDED, Kind.CUT, Kind.GAP, Kind.UNKNOWN_FORMAT, Kind.UNKNOWN_RULE}
)


class Finding(NamedTuple):
    """Something that is not as it should be."""

    kind: Kind
    file: str
    line: int
    """From 1; 0 if there is no line."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind.weight}: {self.kind}: {self.text}"


class Record(NamedTuple):
    """A record."""

    file: str
    line: int
    kind: str
    members: dict[str, Any]
    event: list[Any] | None
    """The event that it stands for, to be replayed.  Of a `begin` this is Init."""


def _is_of_unknown_format(members: dict[str, Any]) -> bool:
    """Whether it is the first record of a file, and says that nothing here can read it."""
    version = members.get("format")
    return members["kind"] in ("begin", "segment") and type(version) is int and version not in FORMATS


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that a worker writes to, in the order of their numbers."""
    found = [(int(name[1]), path) for path in folder.iterdir() if (name := _FILE.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


class _Tree:
    """The Merkle tree of a digest (RFC 9162, 2.1.1), as far as it must be known: one node a level."""

    def __init__(self) -> None:
        self.size = 0
        self._page: list[bytes] = []
        self._nodes: list[tuple[int, bytes]] = []
        """Whole trees, the largest first: how many pages, and the root."""

    def add(self, digest: bytes) -> None:
        self.size += 1
        self._page.append(digest)
        if len(self._page) == PAGE:
            self._turn_page()

    def _turn_page(self) -> None:
        node = sha256(b"\0" + b"".join(self._page)).digest()
        self._page.clear()
        pages = 1
        while self._nodes and self._nodes[-1][0] == pages:
            node = sha256(b"\1" + self._nodes.pop()[1] + node).digest()
            pages *= 2
        self._nodes.append((pages, node))

    def close(self) -> str:
        """The root in hexadecimal; afterwards the tree is empty."""
        if self._page:
            self._turn_page()
        root = self._nodes.pop()[1] if self._nodes else sha256().digest()
        while self._nodes:
            root = sha256(b"\1" + self._nodes.pop()[1] + root).digest()
        self.size = 0
        return root.hex()


class _Life:
    """What is known of the worker that writes."""

    def __init__(self, instance: str, *, whole: bool) -> None:
        self.instance = instance
        self.whole = whole
        """Whether its first record is here."""
        self.epoch_ns: int | None = None
        """What the wall clock showed when the monotonic one showed zero."""
        self.last_ns: int | None = None
        """The instant of the last event, whether it was kept or not."""
        self.phase: str | None = "open" if whole else None
        self.events = 0
        self.missing = 0
        self.ended = False
        self.sealed = False
        """Ended, and the digest after it."""

    def comes(self, at: int) -> bool:
        """Whether an event may have this instant; it has."""
        before, self.last_ns = self.last_ns, at
        return before is None or before <= at

    def keeps_time(self, epoch_ns: int) -> bool:
        """Whether both clocks are as far apart as they were."""
        if self.epoch_ns is None:
            self.epoch_ns = epoch_ns
        return self.epoch_ns == epoch_ns


class Reader:
    """Reads the files of one chain, given in order.

    `head` is the hash of the last record that was read, `records` and `events` count them, `lives` the
    workers that began.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self.records = 0
        self.events = 0
        self.lives = 0
        self.head = NOTHING
        self._seq: int | None = None
        """The number of the next record; None before the first."""
        self._tree = _Tree()
        self._wall = WallClock()
        self._life: _Life | None = None
        self._number = 0
        """Of the last file that said its number."""
        self._cut: list[tuple[str, int]] = []
        """Files since the last whole record that end in the middle of one, and how many bytes of it."""
        self._here = ("", 0)
        self._stopped = False

    def read(self) -> Iterator[Record | Finding]:
        """Every record, and what is wrong.

        A record follows what is wrong with it.  A line that is no record is a finding and nothing else.
        """
        for path in self._files:
            yield from self._read_file(path)
            if self._stopped:
                return
        yield from self._finish()

    # ------------------------------------------------------------------------------ a file

    def _read_file(self, path: Path) -> Iterator[Record | Finding]:
        name = path.name
        number = 0
        self._here = (name, 0)
        with path.open("rb") as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                self._here = (name, number)
                if line[-1:] != b"\n":
                    if len(line) > LONGEST:
                        yield self._found(Kind.NOT_A_RECORD, "it is longer than any record")
                        self._stopped = True
                        return
                    yield from self._tail(len(line))
                    return
                yield from self._record(line[:-1], name, number)
                if self._stopped:
                    return
        if number == 0:
            self._cut.append((name, 0))

    def _tail(self, size: int) -> Iterator[Finding]:
        """The file ends in the middle of a record."""
        if self._life is not None and self._life.sealed and self._here[1] > 1:
            yield self._found(Kind.WRONG_PLACE, "nothing follows the digest after the end")
            return
        self._cut.append((self._here[0], size))
        yield self._found(Kind.CUT, f"the file ends in the middle of a record, after {size} bytes of it")

    def _record(self, line: bytes, name: str, number: int) -> Iterator[Record | Finding]:
        before = self.head
        digest = sha256(line).digest()
        self.head = digest.hex()
        try:
            members = parse(line)
            kind = members["kind"]
            event = None
            if kind == "event":
                event = event_of(members)
            elif _is_of_unknown_format(members):
                known = ", ".join(str(it) for it in sorted(FORMATS))
                yield self._found(
                    Kind.UNKNOWN_FORMAT, f"it is format {members['format']}; known here: {known}"
                )
                self._stopped = True
                return
            else:
                check(members)
            wall_ns = self._wall.read(members["wall"])
        except Unfit as unfit:
            yield self._found(Kind.NOT_A_RECORD, str(unfit))
            if self._seq is not None:
                self._seq += 1
            self._tree.add(digest)
            return
        seq = members["seq"]
        if seq != self._seq or members["prev"] != before:
            yield from self._out_of_order(seq, members["prev"], before)
        self._seq = seq + 1
        if event is not None and number != 1:  # the way of nearly all
            yield from self._event(members, event)
        else:
            event = yield from self._other(kind, members, first=number == 1)
        if self._life is not None and not self._life.keeps_time(wall_ns - members["ns"]):
            yield self._found(Kind.WRONG_TIME, "wall and ns are as far apart as at the beginning")
        if kind != "digest":
            self._tree.add(digest)
        self.records += 1
        yield Record(name, number, kind, members, event)

    def _out_of_order(self, seq: int, prev: str, before: str) -> Iterator[Finding]:
        if self._seq is None:
            if seq != 0:
                yield self._found(
                    Kind.NO_BEGINNING, f"the log begins with record {seq}: what was before is not here"
                )
            elif prev != NOTHING:
                yield self._found(Kind.WRONG_HASH, "record 0 follows nothing, and prev is 64 zeros")
            return
        if seq != self._seq:
            yield self._found(Kind.WRONG_NUMBER, f"this is record {self._seq}, and it says {seq}")
        if prev != before:
            yield self._found(Kind.WRONG_HASH, "prev is the hash of the record before")

    def _event(self, members: dict[str, Any], event: list[Any]) -> Iterator[Finding]:
        life = self._life
        self.events += 1
        if life is None:
            yield self._found(Kind.WRONG_PLACE, "an event follows the begin of a worker")
            return
        life.events += 1
        if life.ended:
            yield self._found(Kind.WRONG_PLACE, "nothing follows the end but a digest")
        if not life.comes(event[0]):
            yield self._found(Kind.WRONG_TIME, "the ns of events never goes back")
        phase = members["phase"]
        expected = PHASES.get(event[1], life.phase)
        if expected is None:
            expected = phase
        if phase != expected:
            yield self._found(Kind.WRONG_PHASE, f"the phase is {expected}")
        life.phase = phase

    def _other(self, kind: str, members: dict[str, Any], *, first: bool) -> Any:
        """A record that is no event, or the first of a file.  Returns the event that it stands for."""
        opens = kind in ("begin", "segment")
        if first != opens:
            what = "begin or segment is the first record of a file" + ("" if first else ", and no other")
            yield self._found(Kind.WRONG_PLACE, what)
        if opens:
            if members["file"] <= self._number:
                yield self._found(Kind.WRONG_PLACE, f"the file follows file {self._number}")
            self._number = members["file"]
        if kind == "event":
            yield from self._event(members, event_of(members))
            return event_of(members)
        yield from getattr(self, f"_{kind}")(members)
        if kind != "begin":
            return None
        return [members["ns"], "Init", 0, 0, members["configuration"]]

    # ----------------------------------------------------------------------- by kind

    def _begin(self, members: dict[str, Any]) -> Iterator[Finding]:
        said = [each["bytes"] for each in members["recovered"]]
        if said != [size for _, size in self._cut]:
            yield self._found(
                Kind.WRONG_RECOVERY, "recovered says which files before this end with no whole record"
            )
        if self._life is not None and not self._life.sealed:
            yield self._found(Kind.NOT_ENDED, "the worker before this one has no end")
        self._cut.clear()
        self.lives += 1
        self.events += 1
        self._tree.close()
        self._life = _Life(members["instance"], whole=True)
        self._life.events = 1
        self._life.comes(members["ns"])
        if members["rule"] not in RULES:
            known = ", ".join(str(it) for it in sorted(RULES))
            yield self._found(Kind.UNKNOWN_RULE, f"it follows version {members['rule']}; known here: {known}")

    def _segment(self, members: dict[str, Any]) -> Iterator[Finding]:
        life = self._life
        if life is None:
            life = self._life = _Life(members["instance"], whole=False)
        elif life.instance != members["instance"]:
            yield self._found(Kind.WRONG_PLACE, f"the file belongs to worker {life.instance}")
        elif life.ended:
            yield self._found(Kind.WRONG_PLACE, "nothing follows the end but a digest")
        if self._tree.size or self._cut:
            yield self._found(Kind.WRONG_PLACE, "the file before this ends with a digest")
            self._cut.clear()

    def _gap(self, members: dict[str, Any]) -> Iterator[Finding]:
        life = self._life
        missing = members["missing"]
        if life is None or life.ended:
            yield self._found(Kind.WRONG_PLACE, "a gap is between the begin and the end of a worker")
        else:
            life.missing += missing
            life.phase = None
            if not life.comes(members["from_ns"]) or not life.comes(members["to_ns"]):
                yield self._found(Kind.WRONG_TIME, "a gap is after the events before it, and from before to")
        if missing != sum(members["actions"].values()):
            yield self._found(
                Kind.WRONG_COUNT, "what is missing is the sum of the actions, from and to in order"
            )
        span_ns = members["to_ns"] - members["from_ns"]
        yield self._found(Kind.GAP, f"{missing} events were not kept, over {span_ns} ns")

    def _digest(self, members: dict[str, Any]) -> Iterator[Finding]:
        count, seq = self._tree.size, members["seq"]
        root = self._tree.close()
        if (members["from"], members["to"], members["count"]) != (seq - count, seq - 1, count):
            yield self._found(Kind.WRONG_DIGEST, f"it covers the {count} records since the last digest")
        elif members["root"] != root:
            yield self._found(Kind.WRONG_DIGEST, "the root is that of the records before")
        life = self._life
        if life is not None and life.ended:
            if life.sealed:
                yield self._found(Kind.WRONG_PLACE, "nothing follows the digest after the end")
            life.sealed = True

    def _end(self, members: dict[str, Any]) -> Iterator[Finding]:
        life = self._life
        if life is None or life.ended:
            yield self._found(Kind.WRONG_PLACE, "a worker ends once, after it began")
            return
        life.ended = True
        if life.whole and (members["events"], members["missing"]) != (life.events, life.missing):
            yield self._found(
                Kind.WRONG_COUNT, f"the worker's log has {life.events} events, and {life.missing} are missing"
            )
        if life.phase not in ("stopped", None):
            yield self._found(Kind.WRONG_PHASE, "a worker ends when it has stopped")

    # ------------------------------------------------------------------------- the end

    def _finish(self) -> Iterator[Finding]:
        """Nothing follows."""
        if self._seq is None and not self._cut:
            yield self._found(Kind.NO_BEGINNING, "there is no record")
        if self._cut and self._cut[-1][1] == 0:
            yield self._found(Kind.CUT, "the last file is empty")
        if self._life is not None and not self._life.sealed:
            yield self._found(
                Kind.NOT_ENDED, "the log has no end: it goes on, or its last records are not here"
            )

    def _found(self, kind: Kind, text: str) -> Finding:
        return Finding(kind, *self._here, text)
