"""jurat: a task worker for teams that must be able to prove what their background work did.

    from jurat import Worker

    with Worker(threads=4) as worker:
        task = worker.submit(lambda context: 6 * 7)
        assert task.result(timeout=5) == 42

The rule that the worker follows, its model and the evidence are in the same repository:
start with `spec/jurat_spec/lifecycle.py` and `reports/audit.html`.
"""

from ._context import Context
from ._events import Event
from ._shutdown import Shutdown, ShutdownReport
from ._states import Cancelling, Pending, Phase, Reason, Status
from ._task import Task
from ._worker import Worker
from .errors import (
    InvalidArgument,
    JuratError,
    QueueFull,
    TaskAbandoned,
    TaskCancelled,
    ThreadsUnavailable,
    WaitTimeout,
    WorkerStopped,
)

__all__ = [
    "Cancelling",
    "Context",
    "Event",
    "InvalidArgument",
    "JuratError",
    "Pending",
    "Phase",
    "QueueFull",
    "Reason",
    "Shutdown",
    "ShutdownReport",
    "Status",
    "Task",
    "TaskAbandoned",
    "TaskCancelled",
    "ThreadsUnavailable",
    "WaitTimeout",
    "Worker",
    "WorkerStopped",
]
