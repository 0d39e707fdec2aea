"""The fields that threads share, and no methods.

Everything here is read and written inside the sections of `_steps`, under `Core.lock`.
What is read without the lock is a short list, each a single load: a task's `_status`,
`_reason` and `_attempts`, and its `_value` and `_error` once it is terminal; `Core.phase`
and `ended_in_shutdown`, which only move forward; a seat's `parked` and `leaving`, by its own
thread, and `stuck`, once the worker has stopped; the gates of a latch that is over.  The
configuration is written once, before any thread is started, and `threads` before `manned`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._states import Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context as Variables

    from ._events import Event
    from ._runtime import Gate, Lock, Runtime, Thread
    from ._states import Reason, Status

__all__ = ["Core", "Latch", "Seat", "TaskState"]


class Latch:
    """Something that happens once, and the gates of those who wait for it.

    A waiter that gives up leaves its gate enrolled and puts it into `spare`; the next
    waiter takes it from there.  So giving up needs no search of the list, and the list
    is never longer than the largest number of waiters there was at once.
    """

    __slots__ = ("gates", "over", "spare")

    def __init__(self) -> None:
        self.over = False
        self.gates: list[Gate] = []
        self.spare: list[Gate] = []


class TaskState:
    """What the worker knows of a task.  `Task`, the handle, adds what a caller may do with it."""

    __slots__ = (
        "_args",
        "_attempts",
        "_core",
        "_ended",
        "_error",
        "_function",
        "_name",
        "_number",
        "_reason",
        "_status",
        "_tripped",
        "_value",
        "_variables",
    )

    _core: Core
    _function: Callable[..., Any]
    _args: tuple[Any, ...]
    _variables: Variables
    _name: str
    _number: int
    _status: Status
    _attempts: int
    _reason: Reason | None
    _value: Any
    _error: BaseException | None
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
        self.leaving = False  # the worker has stopped, and its thread goes home
        self.stuck = False  # what it runs was abandoned


class Core:
    """One worker's shared state."""

    __slots__ = (
        "admitted",
        "drain_over_ns",
        "ended_in_shutdown",
        "grace_ns",
        "grace_over_ns",
        "head",
        "idle",
        "instance",
        "lane",
        "last_ns",
        "live",
        "lock",
        "log",
        "manned",
        "now",
        "pending_cancel",
        "phase",
        "queue_max",
        "runtime",
        "seats",
        "started",
        "starting",
        "steward",
        "stopped",
        "tail",
        "threads",
        "tripping",
        "waiting",
        "waking",
    )

    def __init__(
        self, runtime: Runtime, *, threads: int, queue_max: int, grace_ns: int, log: list[Event] | None
    ) -> None:
        # Written once.
        self.runtime = runtime
        self.now: Callable[[], int] = runtime.monotonic_ns
        self.lock: Lock = runtime.lock()
        self.log = log
        self.queue_max = queue_max
        self.grace_ns = grace_ns
        self.instance: str = runtime.entropy(8).hex()
        self.seats: tuple[Seat, ...] = tuple([Seat(index, runtime.gate()) for index in range(threads)])

        # The worker's own record.
        self.phase = Phase.OPEN
        self.pending_cancel = False  # a drain cancels what waits
        self.starting = True  # tasks may start: open, or draining to finish
        self.drain_over_ns: int | None = None
        self.grace_over_ns: int | None = None
        self.last_ns = 0  # of the last step: the log's clock never goes back

        # Tasks.
        self.lane: list[Any] = []  # queued, in order of admission; those that were taken out are None
        self.head = 0  # where in the lane the first one is
        self.tail = 0  # how long the lane is
        self.admitted = 0
        self.waiting = 0
        self.live = 0
        self.ended_in_shutdown: list[TaskState] = []

        # Threads.
        self.idle: list[Gate] = []  # parked worker threads, the last one to park on top
        self.waking = False  # one was woken and has not had its turn; it wakes the next
        self.steward: Gate | None = None  # where the steward is parked, if it is
        self.tripping = False  # a stop has yet to wake those who sleep in contexts
        self.started = False
        self.manned = Latch()  # every thread has been spawned
        self.stopped = Latch()
        self.threads: list[tuple[Seat | None, Thread]] = []  # with their seats; the steward has none
