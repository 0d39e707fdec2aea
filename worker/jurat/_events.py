"""The event log: what the worker writes down, inside the step that makes it true.

An event is a list of five, `[at_ns, action, task, attempt, detail]`:

at_ns
    The monotonic clock, in nanoseconds.  Never goes back from one event to the next.
action
    The row of the rule, by the name it has in the specification.
task
    The task's admission number, counting from 1; 0 where the event is the worker's.
attempt
    The attempt that the event belongs to; 0 before the first.
detail
    What the action says beyond that, or None:

    ==================== =====================================================
    Init                 the configuration, a dict: threads, queue_max, grace_ns
    Reject               the reason: "closed" or "full"
    Fail                 the name of the exception's type, never its message
    Cancel               the reason: "user"
    RequestCancel        the reason: "user"
    AcknowledgeCancel    the reason: "user" or "shutdown"
    BeginDrain           (pending, deadline_ns): the deadline counts from the event
    ==================== =====================================================

It is a list, not a tuple, because it is made before its step and completed inside: making
a container in a section could start the garbage collector there (`_steps` says why that
must not be).  Once it is in the log, nothing of the worker changes it.

Since each event is appended under the step lock, the order of the list is an order in
which the steps really happened: checking a log is a replay, not a search.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Event"]

Event = list[Any]
