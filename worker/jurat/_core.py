"""The fields that threads share, and no methods.

Everything here is read and written inside the sections of `_steps`, under `Core.lock`.
What is read without the lock is a short list, each a single load: a task's `_status`,
`_reason`, `_attempts` and instants, and its `_value` and `_error` once it is terminal;
`Core.phase` and `ended_in_shutdown`, which only move forward; `admitted` and `changes`, by
whoever chooses, who is told by the step that follows if they have moved; hints that a step
looks at again (`direct`, `keep_ns`, `kept_count`, `tombs`, `lost`, `seated`, `herald`, `follower`,
`scribe`); a seat's `parked`, `leaving` and `task`, by its own thread, and `stuck`, once the worker
has stopped; the gates of a latch that is over; the registry, in single lookups.  The configuration
is written once, before any thread is started; `threads` before `manned`, or for the herald before
`announced`; `helpers` before `employed`.

What belongs to one thread, or to a lock of its own, is not here: the heaps of the queues
and the limiters (`_choose`), and the alarms of the steward (`_threads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._states import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._choose import QueueState
    from ._events import Event
    from ._policies import Retry
    from ._runtime import Gate, Lock, Runtime, Thread
    from ._states import Reason, Status
    from ._token import Token
    from .auditlog import AuditLog

__all__ = ["COLUMNS", "FOREVER", "Core", "Extras", "Label", "Latch", "Seat", "TaskState"]

FOREVER = 2**63 - 1
"""An instant that never comes, and a length of time that is never over, in nanoseconds."""

COLUMNS = (
    "scheduled",
    "queued",
    "running",
    "retrying",
    "completed",
    "failed",
    "cancelled",
    "timed_out",
    "abandoned",
    "retries",
)
"""What is counted for each label: tasks by status, and how often one was to be tried again."""


class Latch:
    """Something that happens once, and the gates of those who wait for it.

    A waiter that gives up leaves its gate enrolled and puts it into `spare`; the next
    waiter takes it from there.  So giving up needs no search of the list, and the list
    is never longer than the largest number of waiters there was at once.
    """

    __slots__ = ("gates", "over", "spare")

    def __init__(self) -> None:
        self.over = False
        self.gates: list[Any] = []
        self.spare: list[Any] = []


class Label:
    """A name of tasks in a queue: what all of them share, and where they are counted.

    `base` is where its row begins in `Core.tallies`; the columns that every task passes
    are written out.
    """

    __slots__ = ("base", "completed", "core", "detail", "name", "queue", "queued", "running")

    def __init__(self, core: Core, queue: QueueState, name: str, terms: dict[str, Any]) -> None:
        self.core = core
        self.queue = queue
        self.name = name
        self.detail: dict[str, Any] = {"name": name, "queue": queue.name, **terms}
        """The terms of a task for which nothing else was said, for the log."""
        self.base = 0
        self.queued = 0
        self.running = 0
        self.completed = 0


class Extras:
    """What most tasks do not have: whatever was said at submit beyond a function and a name."""

    __slots__ = (
        "actor",
        "attempt_end_ns",
        "concurrency_key",
        "deadline_ns",
        "due_ns",
        "fingerprint",
        "freed",
        "id",
        "key",
        "metadata",
        "parent",
        "priority",
        "retry",
        "special",
        "timeout_ns",
    )

    def __init__(self) -> None:
        self.actor: str | None = None
        self.attempt_end_ns = FOREVER
        self.concurrency_key: str | None = None
        self.deadline_ns = FOREVER
        self.due_ns = 0
        self.fingerprint: str | None = None
        self.freed: tuple[str, ...] = ()
        """The concurrency key, as the entry that is left when a task with it has come back."""
        self.id: str | None = None
        self.key: str | None = None
        self.metadata: Any = None
        self.parent: Token | None = None
        self.priority = 0
        self.retry: Retry | None = None
        self.special = False
        """Whether it is chosen by its queue's order, and not from the lane."""
        self.timeout_ns = FOREVER


class TaskState:
    """What the worker knows of a task.  `Task`, the handle, adds what a caller may do with it."""

    __slots__ = (
        "__weakref__",
        "_args",
        "_attempts",
        "_ended",
        "_ended_ns",
        "_error",
        "_extras",
        "_function",
        "_label",
        "_number",
        "_reason",
        "_started_ns",
        "_status",
        "_submitted_ns",
        "_tripped",
        "_value",
        "_variables",
    )

    _label: Label
    _function: Any
    """A callable; None once it is no longer needed, as `_variables`."""
    _args: tuple[Any, ...]
    _variables: Any
    """The submitter's context variables, a `contextvars.Context`."""
    _number: int
    _status: Status
    _attempts: int
    _reason: Reason | None
    _value: Any
    _error: BaseException | None
    _extras: Extras | None
    _submitted_ns: int
    _started_ns: int
    """Of the last attempt; 0 before the first."""
    _ended_ns: int
    _ended: Latch | None
    """Those who wait for the end; made when the first one waits."""
    _tripped: Latch | None
    """Those who sleep in its context; made when the first one sleeps."""


class Seat:
    """A worker thread's place: where it parks, and what it runs."""

    __slots__ = ("entry", "gate", "index", "leaving", "parked", "stuck", "task")

    def __init__(self, index: int, gate: Gate) -> None:
        self.index = index
        self.gate = gate
        self.entry = (gate,)
        self.parked = False
        self.task: TaskState | None = None
        self.leaving = False  # its thread goes home: the worker has stopped, or needs fewer
        self.stuck = False  # what it runs was abandoned


class Core:
    """One worker's shared state."""

    __slots__ = (
        "__weakref__",
        "admitted",
        "alarms",
        "announced",
        "audit",
        "calls",
        "capped",
        "changes",
        "choosing",
        "direct",
        "dispatch",
        "drain_deadline_ns",
        "drain_over_ns",
        "employed",
        "ended",
        "ended_in_shutdown",
        "epoch_ns",
        "followed",
        "follower",
        "following",
        "forked",
        "freed",
        "gated",
        "grace_ns",
        "grace_over_ns",
        "head",
        "held",
        "helpers",
        "herald",
        "heralded",
        "hired",
        "idle",
        "ids",
        "inbox",
        "instance",
        "keep",
        "keep_ns",
        "kept",
        "kept_count",
        "kept_head",
        "keys",
        "lane",
        "last_ns",
        "lock",
        "log",
        "lost",
        "manned",
        "now",
        "observers",
        "on_problem",
        "orders",
        "outbox",
        "own_log",
        "paused",
        "pending_cancel",
        "phase",
        "queue_max",
        "queues",
        "registry",
        "rejected",
        "relay",
        "relaying",
        "resized",
        "retry",
        "room",
        "runtime",
        "scheduled",
        "scribe",
        "seated",
        "seats",
        "seed",
        "specials",
        "started",
        "starting",
        "steward",
        "steward_until_ns",
        "stopped",
        "subscribed",
        "surplus",
        "sweeping",
        "tail",
        "tallies",
        "tally_rows",
        "threads",
        "threads_wanted",
        "timeout_ns",
        "tombs",
        "tripping",
        "unseen",
        "waiting",
        "waking",
        "width",
        "wrappers",
    )

    def __init__(  # noqa: PLR0915 - a list of fields
        self, runtime: Runtime, *, threads: int, queue_max: int, grace_ns: int, log: list[Event] | None
    ) -> None:
        # Written once.
        self.runtime = runtime
        self.now: Callable[[], int] = runtime.monotonic_ns
        self.epoch_ns = runtime.wall_ns() - runtime.monotonic_ns()
        self.lock: Lock = runtime.lock()
        self.log = log
        self.observers: tuple[Callable[[Any], object], ...] = ()
        self.own_log = False  # the log is kept for the observers only
        self.queue_max = queue_max
        self.grace_ns = grace_ns
        self.drain_deadline_ns: int | None = None
        self.instance: str = runtime.entropy(8).hex()
        self.queues: dict[str, QueueState] = {}
        self.retry: Retry | None = None
        self.timeout_ns = FOREVER
        self.seed = 0
        self.wrappers: tuple[Callable[[Any], Any], ...] = ()

        # The worker's own record.
        self.phase = Phase.OPEN
        self.forked = False  # this is a copy of the worker in a child process, without its threads
        self.pending_cancel = False  # a drain cancels what waits
        self.starting = True  # tasks may start: open, or draining to finish
        self.paused = False  # the whole worker
        self.held = False  # the worker, or its first queue, is paused
        self.drain_over_ns: int | None = None
        self.grace_over_ns: int | None = None
        self.last_ns = 0  # of the last step: the log's clock never goes back

        # Tasks that wait.  Those of the first queue, with priority 0 and without a concurrency
        # key, wait in the lane.  All others, and those whose time has come, are special: they
        # are put into the inbox, and whoever chooses sorts them.
        self.lane: list[Any] = []  # in order of admission; those that were taken out are None
        self.head = 0  # where in the lane the first one is
        self.tail = 0  # how long the lane is
        self.tombs = 0  # how many in the lane have ended there
        self.inbox: list[TaskState] = []
        self.specials = 0  # special tasks that are queued
        self.lost = 0  # how many ended in the inbox or a heap, and may still be there
        self.scheduled = 0  # tasks whose time has not come
        self.waiting = 0
        self.room: list[Gate] = []  # of those who wait until fewer tasks wait

        # Choosing (`_choose`), by one worker thread at a time, and what others leave for it.
        self.direct = True  # a thread takes the head of the lane, and need not choose
        self.gated = False  # there is a limiter, or a cap on the first queue
        self.capped = False  # a queue has a cap: a task that comes back may let another of it start
        self.changes = 0  # how often something happened that a choice depends on
        self.choosing: Lock = runtime.lock()
        self.dispatch: Any = None
        self.freed: list[str] = []  # concurrency keys of tasks that came back
        self.orders: list[Any] = []  # new rates, and since when

        # Tasks that are known.
        self.admitted = 0
        self.ended = 0
        self.registry: dict[int, TaskState] = {}  # by number
        self.ids: dict[str, TaskState] = {}  # by the caller's id
        self.keys: dict[str, TaskState] = {}  # by idempotency key
        self.kept: list[Any] = []  # in order of end; those that were forgotten are None
        self.kept_head = 0
        self.kept_count = 0
        self.keep = FOREVER  # how many are kept
        self.keep_ns: int | None = None  # and for how long
        self.ended_in_shutdown: list[TaskState] = []

        # Counters: a row of `COLUMNS` for each label, one after the other.
        self.tallies: list[int] = []
        self.width = 0
        self.tally_rows: list[Label] = []
        self.rejected = 0

        # Threads.
        self.seats: list[Seat] = [Seat(index, runtime.gate()) for index in range(threads)]
        self.hired = threads  # how many seats there ever were
        self.seated = threads  # seats that are not to be left
        self.threads_wanted = threads
        self.resized = False  # another number is wanted, and the steward has not looked
        self.surplus = 0  # seats that are to be left
        self.idle: list[Gate] = []  # parked worker threads, the last one to park on top
        self.waking = False  # one was woken and has not had its turn; it wakes the next
        self.alarms: list[list[int]] = []  # [instant, number of a task] that the steward has not seen
        self.unseen = 0  # tasks among those alarms, at least
        self.steward: Gate | None = None  # where the steward is parked, if it is
        self.steward_until_ns = FOREVER  # when it wakes by itself
        self.sweeping = False  # a shutdown has tasks to cancel that wait
        self.tripping = False  # a stop has yet to wake those who sleep in contexts
        self.calls: list[Any] = []  # what the follower is to call
        self.following = False  # there is a follower, and it takes what is posted
        self.follower: Gate | None = None  # where it is parked, if it is
        self.followed = False  # somebody has spawned it, or is about to
        self.employed = Latch()  # it is among the helpers
        self.started = False
        self.manned = Latch()  # every thread has been spawned
        self.stopped = Latch()
        self.threads: list[tuple[Seat | None, Thread]] = []  # with their seats; the steward has none

        # Results.
        self.outbox: list[Any] = []  # tasks that ended, and subscriptions, in order, for the herald
        self.subscribed = False  # the outbox is wanted
        self.heralded = False  # somebody has spawned the herald, or is about to
        self.herald: Gate | None = None  # where the herald is parked, if it is
        self.announced = Latch()  # the herald is among the threads

        # The audit log (`auditlog`).
        self.audit: AuditLog | None = None  # written once
        self.scribe: Gate | None = None  # where the scribe is parked, if it is
        self.relay: list[Event] | None = None  # what the scribe took and the observers are to be told of
        self.relaying = False  # more may come

        # What belongs to users.
        self.helpers: list[Thread] = []  # the follower, once there is one
        self.on_problem: Callable[[str, BaseException], None]
