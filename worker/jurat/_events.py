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

    ================= ========================================================================
    Init              the configuration, a dict (below)
    Submit            the terms, a dict (below)
    Attach            the number of the task that is the answer
    Reject            the reason: "key_conflict", "closed", "id_used" or "full"; of a batch for
                      which there is no room, ("full", how many tasks it has)
    Complete          the instant at which the function came back
    LateReturn        the instant at which the function came back
    AcknowledgeCancel (reason, instant, error)
    Fail              (error, instant, retryable, next instant)
    Retry             (error, instant, next instant)
    TimeOut           (error, instant, next instant)
    TimeOutRetry      (error, instant, next instant)
    Cancel            (reason, actor): "user" or "parent"
    RequestCancel     (reason, actor): "user" or "parent"
    BeginDrain        (pending, deadline_ns, actor): the deadline counts from the event
    StopNow           the actor
    Pause, Resume     the name of a queue; None is the worker
    Resize            the number of threads
    SetRate           (queue, rate): the name of a queue or None; None or [starts, ns, burst]
    SetWeight         (queue, weight)
    SetRetention      (number, age_ns)
    ================= ========================================================================

An `error` is the name of the exception's type, never its message; None if the function
returned.  `retryable` is whether the policy would try again after what it raised.  The `next
instant` is when the next attempt would be due, None where nobody computed it, because there
could be none.

The configuration of `Init`:

    ================= ========================================================================
    threads           functions that may run at once
    queue_max         tasks that may wait; None is no limit
    grace_ns          how long a stop waits for functions, in nanoseconds
    rate              the worker's limiter, None or [starts, ns, burst]: so many starts in so
                      many nanoseconds, and so many at once
    queues            by number, from 1: {"name", "weight", "cap", "rate"}
    key_cap           tasks with one concurrency key that may run at once; None is no cap
    retention         [number, age_ns]; None is no limit
    ================= ========================================================================

The terms of a `Submit`.  What is not there has its default:

    ================= ========================================================================
    name              what the task is called
    queue             the name of its queue
    id                the caller's id for it; by default there is none but the number
    priority          0; the lower number runs sooner
    due_ns            the instant before which it does not run; none
    deadline_ns       the instant after which it does not run, and its result is too late; none
    timeout_ns        how long an attempt may take; no limit
    max_retries       attempts after the first; 0
    retry_timeouts    whether an attempt that timed out may be followed by another; False
    concurrency_key   none
    idempotency_key   none
    parent            whether it is cancelled with a token; False
    actor             who submitted it; nobody said
    ================= ========================================================================

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
