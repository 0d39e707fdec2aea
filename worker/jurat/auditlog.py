"""The audit log: every event of a worker, in files that an auditor can check without us.

    from jurat import Worker
    from jurat.auditlog import AuditLog

    with Worker(audit_log=AuditLog("audit", when_full="wait")) as worker:
        ...

What is in the files is described in `docs/audit-log.md`, for whoever checks them with a program of their own.
No argument, result, message or metadata of a task ever reaches them.

A step appends its event to the worker's list and is done: it never waits for the log.  Two threads do the
rest.  The *scribe* takes the events off the list, in order, and makes records of them (`_records`); it waits
for nobody.  The *porter* carries the records to the sink (`_folder`), which may fail or block.  So a sink
that is stuck holds up the porter and nobody else: the scribe goes on and sees when the buffer is full.

**When the buffer is full**, one of two things happens, and whoever builds the log says which.

* "wait": a submission waits for room, before its step and outside of every lock, and is refused when its
  patience is over.  Events of tasks that are accepted are kept, however many they are.  Nothing is missing.
* "count": nobody waits.  What does not fit is not kept, it is counted, and the log itself says how much is
  missing, between which instants, as soon as there is room: a gap never looks like silence.

**When the sink fails** it is reported once, counted, and tried again, from the very byte at which it
stopped.  So nothing is written twice, and nothing that was written is ever changed.

**At the end** the shutdown waits until the last record has been written, for `close_within` at the most.  A
log that was not ended shows it by that: it has no `end`.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from . import _steps
from ._core import Latch
from ._folder import Folder, Sink
from ._options import count, nanoseconds, optional_count, optional_nanoseconds
from ._records import Chain, Head
from ._runtime import REAL
from ._states import Phase
from .errors import AuditLogFull, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._core import Core
    from ._events import Event
    from ._options import Duration
    from ._runtime import Gate, Lock, Thread

__all__ = ["AuditLog", "AuditLogStats", "Head", "Sink"]

WhenFull = Literal["wait", "count"]
SyncPolicy = Literal["never", "batch", "close"]

BUFFER = 50_000
PATIENCE = 1
ROTATE_BYTES = 64 << 20
SYNC = 1
DIGEST_EVERY = 10_000
DIGEST_EVERY_AT_MOST = 1_000_000
DIGEST_AFTER = 60
CLOSE_WITHIN = 5

LINGER_NS = 10_000_000
"""How long the scribe leaves events on the list that follow others: so it is woken for many at once."""
RETRY_NS = 1_000_000_000
"""How long after a failure of the sink it is tried again."""
SCRIBE, PORTER = 0, 1
AT_ONCE = 1024
"""Events of which records are made at once."""
PARCEL = 1 << 18
"""Bytes that are carried to the sink at once, or a little more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogStats:
    """How the log is doing, at one instant."""

    recorded: int
    """Events whose records the sink has taken."""
    pending: int
    """Events that have been taken from the worker, and whose records the sink has not."""
    missing: int
    """Events that were not kept: all of them are in declared gaps, or will be."""
    refused: int
    """Submissions that were refused because there was no room."""
    failures: int
    """How often the sink failed."""
    failing: bool
    """Whether it failed the last time."""
    files: int
    """Files that were begun."""
    head: str
    """The hash of the last record that the sink has taken, to be kept where nobody can change it."""
    closed: bool
    """Whether the last record was written."""


class AuditLog:
    """An audit log, for one worker: `Worker(audit_log=...)`.

    Parameters
    ----------
    to: a folder, which is made if need be and whose chain is continued if there is one; or a `Sink`.
    when_full: "wait" or "count".
    buffer: events that may wait to be written.
    patience: how long a submission waits for room, for "wait".
    rotate_bytes: a file that is as long is followed by another; None is no limit.
    sync: when what was written is made to outlive the machine.  "never" leaves it to the machine; "batch" is
        whenever something was written; "close" is whenever a file is full, and at the end; a length of time
        is so long after something was written, at most.
    digest_every: records after which there is a digest.
    digest_after: how long a record waits for one, if nothing else happens; None is until the end.
    close_within: how long the end of a shutdown waits for the last record, after the worker has stopped.
    pseudonym_key: ids and keys are replaced by their HMAC-SHA256 with this key, of at least 16 bytes.
    """

    __slots__ = (
        "_buffer",
        "_chain",
        "_close_ns",
        "_closed",
        "_core",
        "_deadline_ns",
        "_digest_after_ns",
        "_digest_every",
        "_failing",
        "_failures",
        "_files",
        "_finished",
        "_gapped",
        "_head",
        "_key",
        "_limit",
        "_lock",
        "_missing",
        "_own",
        "_parcels",
        "_patience_ns",
        "_pending",
        "_policy",
        "_porter",
        "_progress",
        "_recorded",
        "_recovered",
        "_refused",
        "_resting",
        "_room",
        "_seen",
        "_sink",
        "_sync_ns",
        "_threads",
    )

    def __init__(
        self,
        to: str | PathLike[str] | Sink,
        *,
        when_full: WhenFull,
        buffer: int = BUFFER,
        patience: Duration = PATIENCE,
        rotate_bytes: int | None = ROTATE_BYTES,
        sync: SyncPolicy | Duration = SYNC,
        digest_every: int = DIGEST_EVERY,
        digest_after: Duration | None = DIGEST_AFTER,
        close_within: Duration = CLOSE_WITHIN,
        pseudonym_key: bytes | None = None,
    ) -> None:
        if when_full not in get_args(WhenFull):
            raise InvalidArgument("when_full", f"must be 'wait' or 'count', and is {when_full!r}")
        patience_ns = nanoseconds("patience", patience)
        self._patience_ns = patience_ns if when_full == "wait" else None
        self._buffer = count("buffer", buffer, least=1)
        optional_count("rotate_bytes", rotate_bytes, least=1)
        self._limit = sys.maxsize if rotate_bytes is None else rotate_bytes
        self._policy, self._sync_ns = _sync_policy(sync)
        self._digest_every = count("digest_every", digest_every, least=1)
        if digest_every > DIGEST_EVERY_AT_MOST:
            raise InvalidArgument("digest_every", f"must be at most {DIGEST_EVERY_AT_MOST}")
        self._digest_after_ns = optional_nanoseconds("digest_after", digest_after)
        self._close_ns = nanoseconds("close_within", close_within)
        if pseudonym_key is not None and (type(pseudonym_key) is not bytes or len(pseudonym_key) < 16):
            raise InvalidArgument("pseudonym_key", "must be bytes, at least 16 of them")
        self._key = pseudonym_key
        self._sink: Sink = _sink(to)

        # Written when the worker is built, and when it starts.
        self._core: Core | None = None
        self._lock: Lock = REAL.lock()
        self._chain: Chain | None = None
        self._recovered: tuple[tuple[str, int], ...] = ()
        self._threads: list[Thread] = []

        # Under the lock.
        self._own: list[int | None] = [None, None]  # who the two are
        self._seen = 0  # events of the list that were taken, if they stay there
        self._pending = 0  # events that were taken and not written
        self._parcels: list[_Parcel] = []
        self._finished = False  # no further parcel comes
        self._porter: Gate | None = None  # where the porter is parked, if it is
        self._gapped = False  # the scribe waits for room
        self._resting: list[Gate | None] = [None, None]  # where the two wait for a time to pass
        self._progress = 0  # how often something was written
        self._deadline_ns: int | None = None  # once the worker has stopped: until when to try
        self._room = Latch()  # the next time that something is written, for submissions that wait
        self._recorded = 0  # this and the rest as in `AuditLogStats`
        self._missing = 0
        self._refused = 0
        self._failures = 0
        self._failing = False
        self._files = 0
        self._head = ""
        self._closed = False

    def stats(self) -> AuditLogStats:
        """How it is doing."""
        return _account(self)

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<AuditLog, {stats.recorded} recorded, {stats.pending} pending, {stats.missing} missing>"

    # What the worker calls ----------------------------------------------------------------------

    def attach(self, core: Core) -> None:
        """Be the log of this worker."""
        if self._core is not None:
            raise InvalidArgument("audit_log", "is the log of another worker")
        self._core = core
        self._lock = core.runtime.lock()

    def open(self) -> None:
        """Open the sink, and find where the chain goes on.  Once is enough.

        Raises
        ------
        AuditLogUnavailable: nothing can be written there.
        """
        if self._chain is None:
            core = _core(self)
            head = self._sink.open()
            self._recovered = head.recovered
            _begin(self, head.prev)
            self._chain = Chain(head, instance=core.instance, epoch_ns=core.epoch_ns, pseudonym_key=self._key)

    def spawn(self) -> None:
        """Start the scribe and the porter."""
        spawn = _core(self).runtime.spawn
        self._threads.append(spawn(_write, "scribe", self))
        self._threads.append(spawn(_carry, "porter", self))

    def wait_for_room(self) -> None:
        """Whoever is about to submit waits until there is room, if the log was built so.

        Raises
        ------
        AuditLogFull: there was none in time.
        """
        if self._patience_ns is not None and not _has_room(self):
            _wait_for_room(self, self._patience_ns)

    def hurry(self) -> None:
        """The worker has stopped: from now on the clock runs for whoever waits for the last record."""
        core = _core(self)
        _open(_hurry(self, core.now() + self._close_ns))

    def join(self, until: int | None) -> bool:
        """Wait for the last record, or until the log's time is over.  False if it is not `until` then."""
        now = _core(self).now
        bound = self._deadline_ns
        assert bound is not None  # noqa: S101 - the steward has ended
        limit = bound if until is None else min(bound, until)
        ended = [thread.join(max(0, limit - now())) for thread in self._threads]
        return all(ended) or until is None or until >= bound

    def finish_here(self) -> None:
        """The worker has stopped and was never started: write everything on this thread."""
        try:
            self.open()
        except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
            _core(self).on_problem("the audit log", problem)
            return
        _write(self)
        _carry(self)

    def abandon(self) -> None:
        """This is a child process, and the log is its parent's: let go of it."""
        give_up = getattr(self._sink, "abandon", None)
        if give_up is not None:
            give_up()


def _core(its: AuditLog) -> Core:
    assert its._core is not None  # noqa: S101 - only a worker calls
    return its._core


def _sink(to: Any) -> Sink:
    if isinstance(to, str | PathLike):
        return Folder(to)
    if all(callable(getattr(to, name, None)) for name in ("open", "write", "rotate", "sync", "close")):
        return to  # type: ignore[no-any-return]
    raise InvalidArgument("to", f"must be a folder or a sink, and is of type {type(to).__name__}")


def _sync_policy(sync: SyncPolicy | Duration) -> tuple[SyncPolicy, int | None]:
    """The policy, and after how long what was written is synced."""
    if isinstance(sync, str):
        if sync not in get_args(SyncPolicy):
            raise InvalidArgument("sync", f"must be 'never', 'batch', 'close' or a time, and is {sync!r}")
        return sync, None
    return "close", nanoseconds("sync", sync)


def _version() -> str | None:
    """The version of the distribution; None if it runs from a source tree that nobody installed."""
    try:
        return version("jurat")
    except PackageNotFoundError:
        return None


# --------------------------------------------------------------------------------- submissions


def _has_room(its: AuditLog) -> bool:
    log = _core(its).log
    recorded = 0 if log is None else len(log) - its._seen
    return recorded + its._pending < its._buffer


def _wait_for_room(its: AuditLog, patience_ns: int) -> None:
    """Wait for what the porter has written, and look again.

    The log's own threads do not wait: there a finalizer submits, and nobody would make room.  Nor does
    anybody once the worker is closed: the step says so.
    """
    core = _core(its)
    if _is_own(its, core.runtime.ident()):
        return
    until = core.now() + patience_ns
    patient = True
    while patient:
        progress = _progress(its)
        if _has_room(its) or _is_closed(core):
            return
        room, gate = _enrol(its, core.runtime.gate(), progress)
        if gate is not None:
            left = until - core.now()
            patient = (left > 0 and gate.wait_for(left)) or _give_up(its, room, gate)
    if not (_has_room(its) or _is_closed(core)):
        _refuse(its)
        raise AuditLogFull(its._buffer)


def _is_closed(core: Core) -> bool:
    return core.phase is not Phase.OPEN


# ---------------------------------------------------------------------------------- the scribe


class _Parcel(NamedTuple):
    """Records on their way to the sink."""

    data: bytes
    events: int
    head: str
    """The hash of its last record."""
    opens: bool
    """Whether it is the first of a file."""
    first: bool
    """Whether it is the first of all."""


class _Gap:
    """Events that are not kept, since the last that was."""

    def __init__(self) -> None:
        self.actions: Counter[str] = Counter()
        self.from_ns = 0
        self.to_ns = 0

    def add(self, at: int, action: str) -> None:
        if not self.actions:
            self.from_ns = at
        self.to_ns = at
        self.actions[action] += 1

    def __bool__(self) -> bool:
        return bool(self.actions)


class _Desk:
    """What the scribe works at: the chain, the records that no parcel holds yet, and the gap."""

    def __init__(self, its: AuditLog) -> None:
        assert its._chain is not None  # noqa: S101 - it was opened before the thread was started
        self.its = its
        self.core = _core(its)
        self.chain = its._chain
        self.gap = _Gap()
        self.data: list[bytes] = []
        self.size = 0  # bytes of these data
        self.events = 0  # events in them
        self.in_file = 0  # bytes of the file
        self.opens = self.first = True
        self.digest_ns: int | None = None  # when the next digest is due, if nothing else happens

    def write(self, events: list[Event]) -> None:
        """Make records of events, the first of which may be Init."""
        its, chain = self.its, self.chain
        at = 0
        if events and events[0][1] == "Init":
            at = 1
            self.put(chain.begin(events[0], version=_version(), recovered=its._recovered), 1)
        while at < len(events):
            if chain.unsealed >= its._digest_every:
                self.seal()
            most = min(AT_ONCE, its._digest_every - chain.unsealed, len(events) - at)
            room = max(1, its._limit - self.in_file)
            made, data = chain.take(events[at : at + most], room)
            at += made
            self.put(data, made)
            if self.in_file >= its._limit:
                self.turn_over()
            elif made < most:  # what comes next is too long for a record
                _claim(its, -1, 0)
                self.leave_out(events[at : at + 1])
                self.declare()
                at += 1
        if chain.unsealed >= its._digest_every:
            self.seal()

    def put(self, data: bytes, events: int = 0) -> None:
        """Records, and how many of them are events."""
        self.data.append(data)
        self.size += len(data)
        self.in_file += len(data)
        self.events += events
        if self.size >= PARCEL:
            self.hand_over()

    def seal(self) -> None:
        """A digest, of what has come since the last."""
        self.put(self.chain.digest(self.core.now(), self.core.runtime.wall_ns()))
        self.digest_ns = None

    def turn_over(self) -> None:
        """The file is full: it ends with a digest, and the next begins."""
        self.seal()
        self.hand_over()
        self.opens = True
        self.in_file = 0
        self.put(self.chain.segment(self.core.now()))

    def declare(self) -> None:
        """The gap is over."""
        gap = self.gap
        self.put(self.chain.gap(self.core.now(), gap.actions, gap.from_ns, gap.to_ns))
        self.gap = _Gap()

    def end(self) -> None:
        """Nothing more comes: the digest is last, so that a signature of it covers the end."""
        if self.gap:
            self.declare()
        self.put(self.chain.end(self.core.now()))
        self.seal()

    def hand_over(self, *, last: bool = False) -> None:
        """Give the porter what there is."""
        parcels: tuple[_Parcel, ...] = ()
        if self.data:
            data = b"".join(self.data)
            parcels = (_Parcel(data, self.events, self.chain.prev, self.opens, self.first),)
            self.opens = self.first = False
            self.data.clear()
            self.size = self.events = 0
        porter = _post(self.its, parcels, last)
        if porter is not None:
            porter.open()

    def take_in(self, events: list[Event], *, last: bool) -> None:
        """Make records of events; or, if the log counts what does not fit, of those that do."""
        its = self.its
        room = len(events)
        if its._patience_ns is None:
            room = max(0, its._buffer - _pending(its))
            if self.gap and not last and 2 * room < its._buffer:  # not one by one, between gap and gap
                room = 0
            elif self.gap:
                self.declare()
        kept, rest = events[:room], events[room:]
        _claim(its, len(kept), 0 if self.core.own_log else len(events))
        self.write(kept)
        if rest:
            if not self.gap:
                self.core.on_problem("the audit log", AuditLogFull(its._buffer))
            self.leave_out(rest)

    def leave_out(self, events: list[Event]) -> None:
        """Count events that are not kept."""
        for at, action, _, _, _ in events:
            self.gap.add(at, action)
            self.chain.look(action)
        _miss(self.its, len(events))

    def settle(self) -> int | None:
        """Nothing has come: declare a gap if there is room, or seal if it is time.  When to look again."""
        its = self.its
        if self.gap and 2 * (its._buffer - _pending(its)) >= its._buffer:
            self.declare()
        if its._digest_after_ns is not None and self.chain.unsealed:
            now = self.core.now()
            if self.digest_ns is None:
                self.digest_ns = now + its._digest_after_ns
            if now >= self.digest_ns:
                self.seal()
        if self.data:
            self.hand_over()
        return self.digest_ns


def _write(its: AuditLog) -> None:
    """The scribe's life: take what was recorded, make records of it, and park.

    As the herald, it enrols a fresh gate before it looks.  What comes while it is at work leaves a token
    there, and the next look sees it.
    """
    core = _core(its)
    _sign(its, SCRIBE, core.runtime.ident())
    desk = _Desk(its)
    over = False
    while not over:
        gate = core.runtime.gate()
        events, over = _take(its, core, gate)
        if core.relay is not None:
            follower = _steps.relay(core, events, last=over)
            if follower is not None:
                follower.open()
        if over:
            desk.take_in(events, last=True)
            desk.end()
            desk.hand_over(last=True)
        elif events:
            desk.take_in(events, last=False)
            desk.settle()
            _rest(its, SCRIBE, LINGER_NS)
        else:
            until = desk.settle()
            if until is None:
                gate.wait()
            else:
                gate.wait_for(max(0, until - core.now()))


def _take(its: AuditLog, core: Core, gate: Gate) -> tuple[list[Event], bool]:
    """What has been recorded since, and whether the worker has stopped: then nothing more belongs here."""
    events: list[Event] = []
    over = _steps.take_log(core, events, gate)
    if not core.own_log:
        assert core.log is not None  # noqa: S101 - it is somebody's own list
        events = core.log[its._seen :]
    return events, over


# ---------------------------------------------------------------------------------- the porter


def _carry(its: AuditLog) -> None:
    """The porter's life: carry records to the sink until the last one is there, or the time is over."""
    core = _core(its)
    _sign(its, PORTER, core.runtime.ident())
    sync_ns: int | None = None
    over = False
    while not over:
        gate = core.runtime.gate()
        parcels, finished = _fetch(its, gate)
        if not all(_deliver(its, core, parcel) for parcel in parcels):
            break
        sync_ns = _sync(its, core, sync_ns, wrote=bool(parcels))
        if parcels:
            continue
        if finished:
            _end(its)
            over = True
        elif sync_ns is None:
            gate.wait()
        else:
            gate.wait_for(max(0, sync_ns - core.now()))
    if its._policy != "never":
        _try(its, core, its._sink.sync)
    _try(its, core, its._sink.close)


def _sync(its: AuditLog, core: Core, sync_ns: int | None, *, wrote: bool) -> int | None:
    """Sync if it is time.  Returns when it will be, if something is not synced."""
    if wrote and its._policy == "batch":
        _try(its, core, its._sink.sync)
    elif wrote and its._sync_ns is not None and sync_ns is None:
        sync_ns = core.now() + its._sync_ns
    if sync_ns is not None and core.now() >= sync_ns:
        _try(its, core, its._sink.sync)
        sync_ns = None
    return sync_ns


def _deliver(its: AuditLog, core: Core, parcel: _Parcel) -> bool:
    """Give it to the sink, however often it takes.  False if the time is over before."""
    sink = its._sink
    if parcel.opens and not parcel.first:
        if its._policy != "never":
            _try(its, core, sink.sync)
        if not _insist(its, core, _rotated(sink)):
            return False
    data = parcel.data
    while data:
        taken = _insist(its, core, _taken(sink, data))
        if not taken:
            return False
        data = data[taken:]
    gates, gapped = _written(its, parcel)
    _open(gates)
    if gapped:
        scribe = _steps.call_scribe(core)
        if scribe is not None:
            scribe.open()
    return True


def _rotated(sink: Sink) -> Callable[[], int]:
    def rotate() -> int:
        sink.rotate()
        return 1

    return rotate


def _taken(sink: Sink, data: bytes) -> Callable[[], int]:
    def write() -> int:
        taken = sink.write(data)
        if type(taken) is not int or not 0 < taken <= len(data):
            raise OSError(f"the sink took {taken!r} of {len(data)} bytes")
        return taken

    return write


def _insist(its: AuditLog, core: Core, do: Callable[[], int]) -> int:
    """Do it until it does not fail.  0 if the log's time is over before."""
    failed = False
    while True:
        try:
            done = do()
        except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
            _fail(its, failing=True)
            if not failed:
                core.on_problem("the audit log", problem)
            failed = True
        else:
            if failed:
                _mend(its)
            return done
        if not _rest(its, PORTER, RETRY_NS):
            return 0


def _try(its: AuditLog, core: Core, do: Callable[[], None]) -> None:
    """Do it once.  To sync again after it has failed would only hide what is lost."""
    try:
        do()
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
        _fail(its, failing=False)
        core.on_problem("the audit log", problem)


def _rest(its: AuditLog, who: int, duration_ns: int) -> bool:
    """Let time pass, but not beyond the end of the log's.  False if that is over.

    A scribe that is hurried does not rest at all.
    """
    core = _core(its)
    gate = core.runtime.gate()
    deadline = _lie_down(its, who, gate)
    if deadline is None:
        gate.wait_for(duration_ns)
        return True
    left = deadline - core.now()
    if left > 0 and who == PORTER:
        gate.wait_for(min(duration_ns, left))
    return left > 0


def _open(gates: Iterable[Gate | None]) -> None:
    for gate in gates:
        if gate is not None:
            gate.open()


# ------------------------------------------------------------------- the sections, one function each


def _enrol(its: AuditLog, gate: Gate, progress: int) -> tuple[Latch, Gate | None]:
    """A submission will wait until something is written.  No gate if something was, meanwhile."""
    entry = (gate,)
    at: Gate | None = gate
    with its._lock:
        room = its._room
        spare = room.spare
        if its._progress != progress:
            at = None
        elif spare:
            at = spare[-1]
            del spare[-1]
        else:
            room.gates += entry
    return room, at


def _give_up(its: AuditLog, room: Latch, gate: Gate) -> bool:
    """A submission waits no longer: its gate is for the next one.  Returns whether something was written."""
    entry = (gate,)
    with its._lock:
        over = room.over
        if not over:
            room.spare += entry
    return over


def _sign(its: AuditLog, who: int, ident: int) -> None:
    """One of the two has begun."""
    with its._lock:
        its._own[who] = ident


def _is_own(its: AuditLog, ident: int) -> bool:
    """Whether this thread is one of the two."""
    with its._lock:
        return ident == its._own[SCRIBE] or ident == its._own[PORTER]


def _refuse(its: AuditLog) -> None:
    """A submission was refused."""
    with its._lock:
        its._refused += 1


def _claim(its: AuditLog, kept: int, seen: int) -> None:
    """So many events are kept, of so many that stay in somebody's list."""
    with its._lock:
        its._pending += kept
        its._seen += seen


def _miss(its: AuditLog, events: int) -> None:
    """So many events are not kept: the scribe wants to know when there is room."""
    with its._lock:
        its._missing += events
        its._gapped = True


def _pending(its: AuditLog) -> int:
    """How many events were taken and are not written."""
    with its._lock:
        return its._pending


def _progress(its: AuditLog) -> int:
    """How often something was written."""
    with its._lock:
        return its._progress


def _begin(its: AuditLog, head: str) -> None:
    """The sink is open, and the chain goes on there."""
    with its._lock:
        its._head = head


def _end(its: AuditLog) -> None:
    """The last record was written."""
    with its._lock:
        its._closed = True


def _fail(its: AuditLog, *, failing: bool) -> None:
    """The sink has failed; whether it is to be tried again."""
    with its._lock:
        its._failures += 1
        if failing:
            its._failing = True


def _mend(its: AuditLog) -> None:
    """The sink has stopped failing."""
    with its._lock:
        its._failing = False


def _account(its: AuditLog) -> AuditLogStats:
    """Every number at one instant."""
    with its._lock:
        recorded = its._recorded
        pending = its._pending
        missing = its._missing
        refused = its._refused
        failures = its._failures
        failing = its._failing
        files = its._files
        head = its._head
        closed = its._closed
    return AuditLogStats(
        recorded=recorded,
        pending=pending,
        missing=missing,
        refused=refused,
        failures=failures,
        failing=failing,
        files=files,
        head=head,
        closed=closed,
    )


def _post(its: AuditLog, parcels: tuple[_Parcel, ...], last: bool) -> Gate | None:  # noqa: FBT001
    """Put parcels where the porter takes them.  Returns its gate, if it is parked."""
    with its._lock:
        its._parcels += parcels
        if last:
            its._finished = True
        porter = its._porter
        its._porter = None
    return porter


def _fetch(its: AuditLog, gate: Gate) -> tuple[list[_Parcel], bool]:
    """Take all parcels, or be parked at the gate.  Returns them, and whether no more will come."""
    nothing: list[_Parcel] = []
    with its._lock:
        parcels = its._parcels
        its._parcels = nothing
        its._porter = None if parcels else gate
        over = its._finished
    return parcels, over


def _written(its: AuditLog, parcel: _Parcel) -> tuple[list[Gate], bool]:
    """It is in the sink.  Gates of those who wait for room, and whether the scribe does."""
    fresh = Latch()
    with its._lock:
        its._pending -= parcel.events
        its._recorded += parcel.events
        its._head = parcel.head
        if parcel.opens:
            its._files += 1
        its._progress += 1
        room = its._room
        room.over = True
        its._room = fresh
        gapped = its._gapped
        its._gapped = False
    return room.gates, gapped


def _lie_down(its: AuditLog, who: int, gate: Gate) -> int | None:
    """One of the two will wait at the gate, unless both are hurried: then the end of the log's time."""
    with its._lock:
        deadline = its._deadline_ns
        if deadline is None:
            its._resting[who] = gate
    return deadline


def _hurry(its: AuditLog, deadline_ns: int) -> tuple[Gate | None, Gate | None]:
    """Nobody rests any more, and what is not written by then will not be.  Gates to open."""
    with its._lock:
        its._deadline_ns = deadline_ns
        scribe = its._resting[SCRIBE]
        porter = its._resting[PORTER]
        its._resting[SCRIBE] = None
        its._resting[PORTER] = None
    return scribe, porter
