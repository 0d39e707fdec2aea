"""jurat: a task worker for teams that must be able to prove what their background work did.

    from jurat import Worker

    with Worker(threads=4) as worker:
        task = worker.submit(lambda context: 6 * 7)
        assert task.result(timeout=5) == 42

The rule that the worker follows, its model and the evidence are in the same repository:
start with `spec/jurat_spec/lifecycle.py` and `reports/audit.html`.
"""

from ._context import Context, current
from ._events import Event
from ._follower import Transition
from ._policies import Queue, RateLimit, Retention, Retry
from ._process import drain_on_signals
from ._results import Accounts, Subscription
from ._shutdown import Shutdown, ShutdownReport
from ._snapshot import Counts, Snapshot
from ._states import Cancelling, Pending, Phase, Reason, Status
from ._submission import SubmitOptions
from ._task import Task
from ._token import Token
from ._worker import Worker
from .errors import (
    AuditLogFull,
    AuditLogUnavailable,
    IdInUse,
    InvalidArgument,
    JuratError,
    KeyConflict,
    NotInTask,
    QueueFull,
    TaskAbandoned,
    TaskCancelled,
    TaskNotFound,
    TaskTimedOut,
    ThreadsUnavailable,
    WaitTimeout,
    WorkerForked,
    WorkerStopped,
)
from .executor import Executor

__all__ = [
    "Accounts",
    "AuditLogFull",
    "AuditLogUnavailable",
    "Cancelling",
    "Context",
    "Counts",
    "Event",
    "Executor",
    "IdInUse",
    "InvalidArgument",
    "JuratError",
    "KeyConflict",
    "NotInTask",
    "Pending",
    "Phase",
    "Queue",
    "QueueFull",
    "RateLimit",
    "Reason",
    "Retention",
    "Retry",
    "Shutdown",
    "ShutdownReport",
    "Snapshot",
    "Status",
    "SubmitOptions",
    "Subscription",
    "Task",
    "TaskAbandoned",
    "TaskCancelled",
    "TaskNotFound",
    "TaskTimedOut",
    "ThreadsUnavailable",
    "Token",
    "Transition",
    "WaitTimeout",
    "Worker",
    "WorkerForked",
    "WorkerStopped",
    "current",
    "drain_on_signals",
]
