"""The records of the audit log: what each says, and the chain that ties each to the one before.

A record is a line of JSON.  Its *hash* is SHA-256 over its exact bytes, without the newline, and each record
carries, as `prev`, the hash of the one before; so whoever changes, drops, adds or moves one has to write all
that follow anew.  A *digest* has the root of a Merkle tree (RFC 9162, 2.1.1) over the records since the last
one.  The entries of the tree are pages: the hashes of `PAGE` records in a row.  With an entry for each record
the tree would cost as much as the chain does, and with pages a proof that a record is there is no longer than
a few hundred bytes more.

`docs/audit-log.md` describes every record.  Whoever reads a log (`jurat_audit`) shares no line with this
module: a fault in one cannot hide in the other.

Lines are put together by hand, since `json.dumps` takes as long as the task that the line is about.  All
text is ASCII: what is beyond is escaped, which also holds for half a surrogate pair, for which UTF-8 has
no bytes.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ._events import Event

__all__ = ["FORMAT", "LONGEST", "NOTHING", "RULE", "Chain", "Head", "hash_of"]

FORMAT = 1
"""Version of the format."""
RULE = 2
"""Version of the rule that the events follow: `jurat_spec.RULE_VERSION`, which is not imported here."""
NOTHING = "0" * 64
"""What the first record of all has for the hash of the one before."""
LONGEST = 1 << 24
"""Bytes that a record has at most, with its newline: nobody has to read a longer one."""

PAGE = 16
"""Records whose hashes are an entry of a digest's tree."""
REST = 1024
"""Bytes of a record that are not its detail, at most."""
SECOND = 1_000_000_000
CACHED = 4096
"""Texts of terms that are remembered."""
PSEUDONYMS = ("id", "idempotency_key", "concurrency_key")


class Head(NamedTuple):
    """Where a chain goes on."""

    seq: int = 0
    """The number of the next record."""
    prev: str = NOTHING
    """The hash of the record before it, in hexadecimal."""
    file: int = 1
    """The number of the next file."""
    recovered: tuple[tuple[str, int], ...] = ()
    """Files that do not end with a whole record, and how many bytes each has after its last one."""


def hash_of(record: bytes) -> str:
    """A record's hash, in hexadecimal: over its bytes without the newline."""
    return sha256(record).hexdigest()


class Chain:
    """Writes the records of one worker's life.

    Each method returns one record, with its newline, and moves on.  `epoch_ns` is what the wall clock showed
    when the monotonic one showed zero.
    """

    __slots__ = (
        "_base_ns",
        "_cache",
        "_epoch_ns",
        "_hashes",
        "_heads",
        "_instance",
        "_key",
        "_phase",
        "_second",
        "events",
        "file",
        "missing",
        "prev",
        "seq",
    )

    def __init__(self, head: Head, *, instance: str, epoch_ns: int, pseudonym_key: bytes | None) -> None:
        self._instance = instance
        self._epoch_ns = epoch_ns
        self._key = pseudonym_key
        self._cache: dict[int, tuple[dict[str, Any], str]] = {}
        self._base_ns = -SECOND  # when the second of the wall clock began, and
        self._second = ""  # that second, in words
        self._hashes: list[str] = []  # hashes of the records since the last digest
        self.seq = head.seq
        self.prev = head.prev
        self.file = head.file
        self.events = 0
        """Events that are in this life's records, `begin` among them."""
        self.missing = 0
        """Events that are in none."""
        self._phase = "open"
        self._heads: dict[str, str] = {}  # what the records of an action have in common, in this phase

    @property
    def unsealed(self) -> int:
        """Records since the last digest."""
        return len(self._hashes)

    # The records ------------------------------------------------------------------------------

    def begin(self, event: Event, *, version: str | None, recovered: tuple[tuple[str, int], ...]) -> bytes:
        """The first record of a life, and of a file: who writes, by which rule, and the event Init."""
        self.events += 1
        members = {
            "kind": "begin",
            "format": FORMAT,
            "rule": RULE,
            "jurat": version,
            "instance": self._instance,
            "file": self.file,
            "recovered": [{"file": name, "bytes": size} for name, size in recovered],
            "pseudonyms": None if self._key is None else "hmac-sha256",
            "configuration": event[4],
        }
        return self._record(event[0], _members(members))

    def take(self, events: Iterable[Event], room: int) -> tuple[int, bytes]:
        """The records of events that follow Init: of all, or of the first, until they take that many bytes.

        Returns how many, and their bytes.  It ends before an event whose record would be too long.

        In one frame, since everything that a worker does passes here.
        """
        records: list[bytes] = []
        seq, prev, base_ns, second = self.seq, self.prev, self._base_ns, self._second
        cache, hashes, heads = self._cache, self._hashes, self._heads
        stamp, stamped_ns = "", -1
        for at, action, task, attempt, detail in events:
            head = heads.get(action)
            if head is None:
                self.look(action)
                head = self._head(action)
            if detail is None and action in PLAIN:
                rest = ""
            elif action == "Complete":
                rest = f',"returned_ns":{detail}'
            else:
                known = cache.get(id(detail))
                rest = known[1] if known is not None and known[0] is detail else self._rest(action, detail)
                if len(rest) > LONGEST - REST:
                    break
            if at != stamped_ns:  # what happens in one step has one instant
                if not 0 <= at - base_ns < SECOND:
                    base_ns, second = self._turn_second(at)
                stamp = f'"wall":"{second}{at - base_ns:09d}Z","ns":{at}'
                stamped_ns = at
            record = (
                f'{{"seq":{seq},"prev":"{prev}",{stamp}{head}"task":{task},"attempt":{attempt}{rest}}}'
            ).encode()
            prev = sha256(record).hexdigest()
            hashes.append(prev)
            seq += 1
            records.append(record)
            room -= len(record)
            if room <= 0:
                break
        self.events += len(records)
        self.seq, self.prev = seq, prev
        records.append(b"")
        return len(records) - 1, b"\n".join(records)

    def look(self, action: str) -> None:
        """Know the worker's phase after this action, whether or not it becomes a record."""
        phase = PHASES.get(action)
        if phase is not None:
            self._phase = phase
            self._heads.clear()

    def gap(self, at: int, actions: Mapping[str, int], from_ns: int, to_ns: int) -> bytes:
        """Events that were not kept: how many of each action, from the first to the last of them."""
        count = sum(actions.values())
        self.missing += count
        members = {"kind": "gap", "missing": count, "from_ns": from_ns, "to_ns": to_ns, "actions": actions}
        return self._record(at, _members(members))

    def segment(self, at: int) -> bytes:
        """The first record of a further file."""
        self.file += 1
        return self._record(
            at, _members({"kind": "segment", "format": FORMAT, "instance": self._instance, "file": self.file})
        )

    def digest(self, at: int, clock_ns: int) -> bytes:
        """The Merkle root over the records since the last digest, or since the life began."""
        members = {
            "kind": "digest",
            "from": self.seq - self.unsealed,
            "to": self.seq - 1,
            "count": self.unsealed,
            "root": root_of(self._hashes).hex(),
            "clock": self._wall(clock_ns),
            "signature": None,
        }
        line = self._record(at, _members(members))
        self._hashes.clear()
        return line

    def end(self, at: int) -> bytes:
        """The worker has stopped, and nothing follows but a digest."""
        members = {"kind": "end", "events": self.events, "missing": self.missing}
        return self._record(at, _members(members))

    # The parts of a record --------------------------------------------------------------------

    def _record(self, at: int, rest: str) -> bytes:
        if not 0 <= at - self._base_ns < SECOND:
            self._turn_second(at)
        line = (
            f'{{"seq":{self.seq},"prev":"{self.prev}","wall":"{self._second}{at - self._base_ns:09d}Z",'
            f'"ns":{at},{rest}}}'
        ).encode()
        self.prev = hash_of(line)
        self._hashes.append(self.prev)
        self.seq += 1
        return line + b"\n"

    def _head(self, action: str) -> str:
        """What the records of an action have in common, in this phase."""
        head = f',"kind":"event","action":"{action}","phase":"{self._phase}",'
        if action not in PHASES:
            self._heads[action] = head
        return head

    def _turn_second(self, at: int) -> tuple[int, str]:
        """The instant at which a second of the wall clock begins, and the second as text."""
        wall_ns = self._epoch_ns + at
        self._base_ns = at - wall_ns % SECOND
        self._second = _second(wall_ns // SECOND)
        return self._base_ns, self._second

    def _wall(self, wall_ns: int) -> str:
        return f"{_second(wall_ns // SECOND)}{wall_ns % SECOND:09d}Z"

    def _rest(self, action: str, detail: Any) -> str:
        """What an action says beyond what every event does."""
        if action != "Submit":
            return "".join([f",{quoted(name)}:{_text(value)}" for name, value in DETAILS[action](detail)])
        terms: list[str] = []
        for name, value in detail.items():
            said = value
            if self._key is not None and name in PSEUDONYMS and value is not None:
                said = _pseudonym(self._key, name, value)
            terms.append(f",{quoted(name)}:{_text(said)}")
        text = "".join(terms)
        if len(self._cache) >= CACHED:
            self._cache.clear()
        self._cache[id(detail)] = (detail, text)  # tasks for which nothing special was said share one dict
        return text


def root_of(hashes: list[str]) -> bytes:
    """The root over at least one record, given their hashes in hexadecimal.

    RFC 9162 splits a tree at the largest power of two; pairing neighbours, level by level, and taking one
    that has no neighbour to the next level as it is, gives the same tree.
    """
    pages = [bytes.fromhex("".join(hashes[at : at + PAGE])) for at in range(0, len(hashes), PAGE)]
    nodes = [sha256(b"\0" + page).digest() for page in pages]
    while len(nodes) > 1:
        odd = nodes[-1:] if len(nodes) & 1 else []
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        nodes = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return nodes[0]


def _second(second: int) -> str:
    """A second of the wall clock as RFC 3339 has it, up to its fraction."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def _pseudonym(key: bytes, name: str, value: str) -> str:
    """The keyed hash of an id or a key.  The same text as an id and as a key has two."""
    message = f"{name}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256").hex()


def _text(value: Any) -> str:
    """JSON, of what an event may hold.  Of an int or a str of somebody's own making only what it is worth."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, dict):
        return f"{{{_members(value)}}}"
    return f"[{','.join([_text(item) for item in value])}]"


def _members(members: Mapping[str, Any]) -> str:
    return ",".join([f"{quoted(name)}:{_text(value)}" for name, value in members.items()])


PLAIN = frozenset({"Start", "Evict", "BecomeDue", "Expire", "ShutdownCancel", "Abandon"})
"""Actions that have no detail, and change no phase."""
PHASES = {"BeginDrain": "draining", "StopNow": "stopping", "DrainDeadline": "stopping", "Stopped": "stopped"}


def _nothing(_: Any) -> tuple[()]:
    return ()


def _one(name: str) -> Callable[[Any], tuple[tuple[str, Any], ...]]:
    """The whole detail has this name."""
    return lambda detail: ((name, detail),)


def _each(*names: str) -> Callable[[Any], tuple[tuple[str, Any], ...]]:
    """The parts of the detail have these names."""
    return lambda detail: tuple(zip(names, detail, strict=True))


def _refusal(detail: Any) -> tuple[tuple[str, Any], ...]:
    return (("reason", detail),) if isinstance(detail, str) else (("reason", detail[0]), ("size", detail[1]))


DETAILS: dict[str, Callable[[Any], tuple[tuple[str, Any], ...]]] = {
    "Attach": _one("answer"),
    "Reject": _refusal,
    "TimeOutRetry": _each("error", "returned_ns", "next_ns"),
    "TimeOut": _each("error", "returned_ns", "next_ns"),
    "AcknowledgeCancel": _each("reason", "returned_ns", "error"),
    "Retry": _each("error", "returned_ns", "next_ns"),
    "Fail": _each("error", "returned_ns", "retryable", "next_ns"),
    "Cancel": _each("reason", "actor"),
    "RequestCancel": _each("reason", "actor"),
    "BeginDrain": _each("pending", "deadline_ns", "actor"),
    "StopNow": _one("actor"),
    "DrainDeadline": _nothing,
    "LateReturn": _one("returned_ns"),
    "Stopped": _nothing,
    "Pause": _one("queue"),
    "Resume": _one("queue"),
    "Resize": _one("threads"),
    "SetRate": _each("queue", "rate"),
    "SetWeight": _each("queue", "weight"),
    "SetRetention": _each("number", "age_ns"),
}
"""What the detail of an action is called, part by part.  Submit, Start and Complete are written out above."""
