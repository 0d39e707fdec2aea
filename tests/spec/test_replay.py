"""Replaying a log: a true one is accepted, and each way of being false is named."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurat_spec import arithmetic
from jurat_spec.lifecycle import ACTIONS
from jurat_spec.replay import LOGGED, Event, LoggedTask, NotABehaviour, Replay, replay

if TYPE_CHECKING:
    from random import Random

INIT: Event = (0, "Init", 0, 0, {"threads": 1, "queue_max": 2, "grace_ns": 10})

TRUE: tuple[Event, ...] = (
    INIT,
    (1, "Submit", 1, 0, None),
    (2, "Submit", 2, 0, None),
    (3, "Reject", 0, 0, "full"),
    (4, "Start", 1, 1, None),
    (5, "Submit", 3, 0, None),
    (6, "Cancel", 2, 0, ("user", None)),
    (7, "RequestCancel", 1, 1, ("user", "clerk")),
    (8, "Complete", 1, 1, 8),
    (9, "Start", 3, 1, None),
    (10, "BeginDrain", 0, 0, ("finish", 5, None)),
    (11, "Reject", 0, 0, "closed"),
    (15, "DrainDeadline", 0, 0, None),
    (25, "Abandon", 3, 1, None),
    (25, "Stopped", 0, 0, None),
    (99, "LateReturn", 3, 1, 98),
)


def before(index: int, *events: Any) -> tuple[Event, ...]:
    """The true log's first events, and then these."""
    return (*TRUE[:index], *events)


@pytest.mark.parametrize(("size", "fits"), [(1, True), (2, False), (3, False)])
def test_a_batch_is_refused_for_want_of_room_if_there_is_none_for_all_of_it(size: int, *, fits: bool) -> None:
    """Its last task finds no room when all others have come; what is refused changes nothing."""
    log = before(2, (2, "Reject", 0, 0, ("full", size)), (2, "Submit", 2, 0, None))
    if fits:
        with pytest.raises(NotABehaviour, match="the reason is the first that applies"):
            replay(log)
    else:
        assert replay(log).statuses() == {1: "queued", 2: "queued"}


def test_a_true_log_is_accepted() -> None:
    """With the statuses, attempts and counts that follow from it."""
    result = replay(TRUE)
    assert result.statuses() == {1: "completed", 2: "cancelled", 3: "abandoned"}
    assert result.attempts() == {1: 1, 2: 0, 3: 1}
    assert result.steps == len(TRUE)
    assert result.counts["Submit"] == 3
    assert result.world is not None
    assert result.world.phase == "stopped"


ITS_TURN = ACTIONS["Start"].guards[-1].sentence


@pytest.mark.parametrize(
    ("log", "guard"),
    [
        ((), "the log has a first event"),
        ((TRUE[1],), "the first event is Init"),
        (((0, "Init", 0, 0, None),), "Init carries threads, queue_max and grace_ns"),
        ((INIT, INIT), "the action is one that a log may contain"),
        ((INIT, "Submit"), "an event is (at_ns, action, task, attempt, detail)"),
        (before(3, (1, "Start", 1, 1, None)), "instants never go back"),
        (before(3, ("2", "Start", 1, 1, None)), "an event is (at_ns, action, task, attempt, detail)"),
        (before(3, (3, ["Start"], 1, 1, None)), "an event is (at_ns, action, task, attempt, detail)"),
        (before(3, (3, "Start", [1], 1, None)), "an event is (at_ns, action, task, attempt, detail)"),
        (before(3, (3, "Start", 1, True, None)), "an event is (at_ns, action, task, attempt, detail)"),
        (((0, "Init", 0, 0, {**INIT[4], "threads": "4"}),), "threads is a number of at least 1"),
        (before(3, (3, "Begin", 1, 1, None)), "the action is one that a log may contain"),
        (before(13, (25, "GraceSpent", 0, 0, None)), "the action is one that a log may contain"),
        (before(2, (2, "Submit", 3, 0, None)), "its number is the next in order of admission"),
        (before(3, (3, "Submit", 3, 0, None)), "fewer tasks wait than the queue holds"),
        (before(11, (11, "Submit", 4, 0, None)), "the worker is open"),
        (before(3, (3, "Submit", 1, 0, None)), "the task is absent"),
        (
            before(2, (2, "Reject", 0, 0, "full")),
            "the reason is the first that applies of key_conflict, closed, id_used, full",
        ),
        (
            before(11, (11, "Reject", 0, 0, "full")),
            "the reason is the first that applies of key_conflict, closed, id_used, full",
        ),
        (
            before(3, (3, "Reject", 0, 0, "rude")),
            "the argument is one of key_conflict, closed, id_used, full",
        ),
        (
            before(3, (3, "Start", 2, 1, None)),
            ITS_TURN,
        ),
        (before(6, (6, "Start", 2, 1, None)), "a slot is free"),
        (before(3, (3, "Start", 9, 1, None)), "the task is queued"),
        (before(3, (3, "Start", 1, 2, None)), "the attempt is number 1"),
        (before(3, (3, "Start", 0, 1, None)), "the task is queued"),
        (before(3, (3, "Complete", 1, 0, 3)), "the task is running"),
        (before(5, (5, "Complete", 1, 2, 5)), "the attempt is number 1"),
        (before(5, (5, "AcknowledgeCancel", 1, 1, ("user", 5, "E"))), "it was asked to come back early"),
        (before(8, (8, "Fail", 1, 1, ("E", 8, False, None))), "it was not asked to come back early"),
        (before(8, (8, "RequestCancel", 1, 1, ("user", None))), "it was not asked to come back early"),
        (before(8, (8, "AcknowledgeCancel", 1, 1, ("shutdown", 8, "E"))), "the reason is user"),
        (before(5, (5, "Cancel", 1, 1, ("user", None))), "the task is scheduled or queued or retrying"),
        (before(6, (6, "Cancel", 2, 0, ("shutdown", None))), "the argument is one of user, parent"),
        (before(6, (6, "Cancel", 2, 0, ("parent", None))), "it has a parent, if that is the reason"),
        (before(5, (5, "PermitAccrues", 0, 0, 0)), "the action is one that a log may contain"),
        (before(6, (6, "ShutdownCancel", 2, 0, None)), "the shutdown has decided that it will not run"),
        (before(10, (10, "BeginDrain", 3, 0, ("finish", 5, None))), "an event of the worker names no task"),
        (before(10, (10, "BeginDrain", 0, 0, None)), "the detail is (pending, deadline_ns, actor)"),
        (
            before(10, (10, "BeginDrain", 0, 0, ("finish", "5", None))),
            "the detail is (pending, deadline_ns, actor)",
        ),
        (before(10, (10, "BeginDrain", 0, 0, ("pause", 5, None))), "the argument is one of finish, cancel"),
        (
            before(11, (11, "BeginDrain", 0, 0, ("finish", 5, None))),
            "the worker is open, or is draining to finish and asked to cancel",
        ),
        (before(12, (14, "DrainDeadline", 0, 0, None)), "the drain's deadline has passed"),
        (before(12, (12, "Stopped", 0, 0, None)), "no task is live"),
        (before(13, (24, "Abandon", 3, 1, None)), "the grace is over"),
        (before(12, (14, "Abandon", 3, 1, None)), "the worker is stopping"),
        (before(14, (25, "Complete", 3, 1, 25)), "the task is running"),
        (before(15, (26, "Stopped", 0, 0, None)), "the worker is draining or stopping"),
        (before(15, (26, "StopNow", 0, 0, None)), "the worker is open or draining"),
        ((*TRUE, (100, "LateReturn", 3, 1, 100)), "its function is on a thread"),
    ],
)
def test_a_false_log_is_refused_by_the_sentence_that_is_not_true(log: tuple[Any, ...], guard: str) -> None:
    """At the event that breaks it, which is the last one here."""
    with pytest.raises(NotABehaviour) as caught:
        replay(log)
    assert caught.value.guard == guard
    assert caught.value.index == max(0, len(log) - 1)
    assert guard in str(caught.value)


def test_a_refused_event_leaves_the_replay_as_it_was() -> None:
    """The log may be taken up again after it."""
    state = Replay()
    for event in TRUE[:5]:
        state.step(event)
    with pytest.raises(NotABehaviour):
        state.step((5, "Start", 2, 1, None))
    for event in TRUE[5:13]:
        state.step(event)
    with pytest.raises(NotABehaviour):
        state.step((25, "Complete", 3, 1, None, "a sixth field"))
    with pytest.raises(NotABehaviour):  # its instant is after the grace, but it did not happen
        state.step((25, "Stopped", 0, 0, None))
    with pytest.raises(NotABehaviour) as caught:
        state.step((24, "Abandon", 3, 1, None))
    assert caught.value.guard == "the grace is over"
    for event in TRUE[13:]:
        state.step(event)
    assert state.statuses() == replay(TRUE).statuses()


def test_a_drain_that_is_tightened_keeps_the_earlier_deadline() -> None:
    """The second deadline counts only if it is sooner."""
    log: list[Event] = [INIT, (1, "Submit", 1, 0, None), (2, "Start", 1, 1, None)]
    log += [(3, "BeginDrain", 0, 0, ("finish", 10, None)), (4, "BeginDrain", 0, 0, ("cancel", 100, None))]
    replay([*log, (13, "DrainDeadline", 0, 0, None)])
    with pytest.raises(NotABehaviour):
        replay([*log, (12, "DrainDeadline", 0, 0, None)])


def test_a_drain_without_a_deadline_has_none() -> None:
    """However late it is."""
    log: list[Event] = [INIT, (1, "BeginDrain", 0, 0, ("finish", None, None))]
    with pytest.raises(NotABehaviour) as caught:
        replay([*log, (10**18, "DrainDeadline", 0, 0, None)])
    assert caught.value.guard == "the drain's deadline has passed"


def told(threads: int = 4, queue_max: int | None = None, **more: Any) -> Event:
    """The Init of a worker that was told more."""
    return (0, "Init", 0, 0, {"threads": threads, "queue_max": queue_max, "grace_ns": 10, **more})


def queue(name: str, weight: int = 1, cap: int | None = None, rate: Any = None) -> dict[str, Any]:
    """A queue, as Init declares it."""
    return {"name": name, "weight": weight, "cap": cap, "rate": rate}


TWO_QUEUES = told(
    threads=2, queue_max=4, queues=[queue("default", 2, 2), queue("bulk", 1, 1)], key_cap=1, retention=[3, 99]
)
WHOLE: tuple[Event, ...] = (
    TWO_QUEUES,
    (
        *(1, "Submit", 1, 0),
        {
            "name": "charge",
            "queue": "default",
            "id": "x",
            "priority": 3,
            "actor": "clerk",
            "due_ns": None,
            "deadline_ns": 100,
            "timeout_ns": 5,
            "max_retries": 1,
            "retry_timeouts": True,
            "concurrency_key": "c",
            "idempotency_key": "k",
            "parent": False,
        },
    ),
    (2, "Attach", 0, 0, 1),
    (2, "Reject", 0, 0, "key_conflict"),
    (2, "Reject", 0, 0, "id_used"),
    (3, "Submit", 2, 0, {"queue": "bulk", "due_ns": 9, "parent": True}),
    (4, "Start", 1, 1, None),
    (10, "TimeOutRetry", 1, 1, (None, 9, 12)),
    (10, "BecomeDue", 2, 0, None),
    (11, "Cancel", 2, 0, ("parent", "clerk")),
    (12, "BecomeDue", 1, 1, None),
    (13, "Start", 1, 2, None),
    (19, "TimeOut", 1, 2, ("TimeoutError", 18, None)),
    (20, "Submit", 3, 0, {"max_retries": 1}),
    (21, "Start", 3, 1, None),
    (22, "Retry", 3, 1, ("ValueError", 22, 25)),
    (25, "BecomeDue", 3, 1, None),
    (26, "Start", 3, 2, None),
    (27, "Fail", 3, 2, ("ValueError", 27, True, None)),
    (28, "Submit", 4, 0, {"deadline_ns": 30}),
    (29, "Pause", 0, 0, "bulk"),
    (29, "Pause", 0, 0, None),
    (30, "Resume", 0, 0, None),
    (30, "Resume", 0, 0, "bulk"),
    (31, "Expire", 4, 0, None),
    (32, "Evict", 2, 0, None),
    (33, "SetRetention", 0, 0, (2, None)),
    (33, "Evict", 1, 2, None),
    (34, "Resize", 0, 0, 3),
    (35, "SetRate", 0, 0, (None, [1, 5, 2])),
    (36, "SetWeight", 0, 0, ("bulk", 4)),
    (37, "Submit", 5, 0, {"id": "x", "idempotency_key": "k"}),
    (38, "Start", 5, 1, None),
    (39, "RequestCancel", 5, 1, ("user", None)),
    (40, "AcknowledgeCancel", 5, 1, ("user", 40, "TaskCancelled")),
    (41, "Submit", 6, 0, None),
    (42, "Start", 6, 1, None),
    (43, "Complete", 6, 1, 43),
    (44, "Submit", 7, 0, {"queue": "bulk"}),
    (45, "Submit", 8, 0, {}),
    (48, "Start", 7, 1, None),
    (49, "BeginDrain", 0, 0, ("finish", 5, "clerk")),
    (50, "Reject", 0, 0, "closed"),
    (54, "DrainDeadline", 0, 0, None),
    (55, "ShutdownCancel", 8, 0, None),
    (64, "Abandon", 7, 1, None),
    (64, "Stopped", 0, 0, None),
    (70, "LateReturn", 7, 1, 66),
    (70, "Evict", 3, 2, None),
)
STOPPED: tuple[Event, ...] = (INIT, (1, "StopNow", 0, 0, "clerk"), (1, "Stopped", 0, 0, None))


def test_true_logs_with_every_row_are_accepted() -> None:
    """Of the two ways to stop a log has one, so there are two logs.  What was evicted is not reported."""
    whole = replay(WHOLE)
    assert {*whole.counts, *replay(STOPPED).counts} == {"Init", *LOGGED}
    ended = {4: "timed_out", 5: "cancelled", 6: "completed", 7: "abandoned", 8: "cancelled"}
    assert whole.statuses() == ended
    assert whole.attempts() == {4: 0, 5: 1, 6: 1, 7: 1, 8: 0}


def test_a_log_has_every_row_but_the_steps_of_time() -> None:
    """These follow from the instants."""
    assert set(ACTIONS) - LOGGED == {"DeadlinePasses", "AttemptTimeoutPasses", "PermitAccrues", "GraceSpent"}


@pytest.mark.parametrize("log", [TRUE, WHOLE, STOPPED])
def test_a_log_read_back_from_json_is_the_same_log(log: tuple[Event, ...]) -> None:
    """Tuples come back as lists."""
    listed = json.loads(json.dumps(log))
    assert replay(listed).counts == replay(log).counts
    assert replay(listed).statuses() == replay(log).statuses()


# ----------------------------------------------------------------------- what Init carries

RATE = "a rate is (starts, ns, burst), each at least 1, or None"
A_QUEUE = "a queue is a dict of name, weight, cap and rate"
KEPT = "retention is (number, age_ns), each at least 0, or None"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("threads", 0, "threads is a number of at least 1"),
        ("threads", True, "threads is a number of at least 1"),
        ("queue_max", -1, "queue_max is a number of at least 0, or None"),
        ("queue_max", 2.0, "queue_max is a number of at least 0, or None"),
        ("grace_ns", None, "grace_ns is a number of at least 0"),
        ("grace_ns", -1, "grace_ns is a number of at least 0"),
        ("rate", 5, RATE),
        ("rate", [1, 2], RATE),
        ("rate", [0, 2, 1], RATE),
        ("rate", [1, 0, 1], RATE),
        ("rate", [1, 2, None], RATE),
        ("rate", "abc", RATE),
        ("queues", None, "queues is a list of at least one"),
        ("queues", [], "queues is a list of at least one"),
        ("queues", {"default": 1}, "queues is a list of at least one"),
        ("queues", ["default"], A_QUEUE),
        ("queues", [{"weight": 1}], A_QUEUE),
        ("queues", [{"name": "a", "color": "red"}], A_QUEUE),
        ("queues", [{"name": "a", 1: "red"}], A_QUEUE),
        ("queues", [queue(1)], "the name of a queue is a text"),  # type: ignore[arg-type]
        ("queues", [queue("a", 0)], "a weight is a number of at least 1"),
        ("queues", [queue("a", 1, 0)], "a cap is a number of at least 1, or None"),
        ("queues", [queue("a", 1, 1, [1])], RATE),
        ("queues", [queue("a"), queue("a", 2)], "no two queues have one name"),
        ("key_cap", 0, "key_cap is a number of at least 1, or None"),
        ("retention", None, KEPT),
        ("retention", [1], KEPT),
        ("retention", [-1, None], KEPT),
        ("retention", [None, "1"], KEPT),
        ("color", "red", "Init carries nothing that the format does not have"),
        (7, "red", "Init carries nothing that the format does not have"),
    ],
)
def test_a_configuration_that_is_none_is_refused(field: Any, value: object, sentence: str) -> None:
    """By what the field should be."""
    refuses(((0, "Init", 0, 0, {**INIT[4], field: value}),), sentence)


def test_what_init_leaves_out_has_a_default() -> None:
    """One queue without a cap, no limiter, no cap for a key, and nothing is forgotten."""
    log = [told(), *((1, "Submit", n, 0, {"concurrency_key": "c"}) for n in (1, 2, 3))]
    log += [(1, "Start", n, 1, None) for n in (1, 2, 3)] + [(2, "Complete", 1, 1, 2)]
    assert replay(log).statuses() == {1: "completed", 2: "running", 3: "running"}
    refuses((*log, (9, "Evict", 1, 1, None)), "tasks that ended are forgotten in the end")
    refuses((*log, (9, "Submit", 4, 0, {"queue": "other"})), "the queue was declared")


# ----------------------------------------------------------------------- what details carry


def refuses(log: tuple[Any, ...], sentence: str) -> None:
    """All of a log is true but its last event, and this is why."""
    state = Replay()
    for event in log[:-1]:
        state.step(event)
    with pytest.raises(NotABehaviour) as caught:
        state.step(log[-1])
    assert caught.value.guard == sentence


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ("default", "the terms are a dict, or None"),
        ({"color": "red"}, "the terms have no field that the format does not have"),
        ({1: "red"}, "the terms have no field that the format does not have"),
        ({"name": 1}, "name is a text, or None"),
        ({"queue": None}, "queue is a text"),
        ({"queue": "other"}, "the queue was declared"),
        ({"id": 1}, "id is a text, or None"),
        ({"priority": None}, "priority is a number"),
        ({"priority": True}, "priority is a number"),
        ({"due_ns": 1.5}, "due_ns is an instant, or None"),
        ({"deadline_ns": "9"}, "deadline_ns is an instant, or None"),
        ({"timeout_ns": -1}, "timeout_ns is a number of at least 0, or None"),
        ({"max_retries": None}, "max_retries is a number of at least 0"),
        ({"max_retries": -1}, "max_retries is a number of at least 0"),
        ({"retry_timeouts": 1}, "retry_timeouts is True or False"),
        ({"concurrency_key": 1}, "concurrency_key is a text, or None"),
        ({"idempotency_key": []}, "idempotency_key is a text, or None"),
        ({"parent": None}, "parent is True or False"),
        ({"actor": 0}, "actor is a text, or None"),
    ],
)
def test_terms_that_are_none_are_refused(terms: object, sentence: str) -> None:
    """By what the field should be."""
    refuses((INIT, (1, "Submit", 1, 0, terms)), sentence)


FAILED = "the detail is (error, instant, retryable, next instant)"


@pytest.mark.parametrize(
    ("name", "task", "attempt", "details", "sentence"),
    [
        ("Start", 1, 1, (0, "now", []), "there is no detail"),
        ("Attach", 0, 0, (None, "1", True), "the detail is a number"),
        (
            "Reject",
            0,
            0,
            (None, 1, ["full"], ("full", 0), ("full", True), ("closed", 2)),
            'the detail is the reason, or ("full", how many)',
        ),
        (
            "Complete",
            2,
            1,
            (None, "5", True, 5.0),
            "the detail is the instant at which the function came back",
        ),
        ("LateReturn", 2, 1, (None, "5"), "the detail is the instant at which the function came back"),
        (
            *("AcknowledgeCancel", 2, 1),
            (None, "user", ("user", 5), (1, 5, "E"), ("user", "5", "E"), ("user", 5, 6)),
            "the detail is (reason, instant, error)",
        ),
        ("Fail", 2, 1, ("E", ("E", 5, 6), (1, 5, True, 6), ("E", "5", True, 6), ("E", 5, 1, 6)), FAILED),
        ("Fail", 2, 1, (("E", 5, True, "6"),), FAILED),
        (
            "Retry",
            2,
            1,
            (("E", 5), ("E", 5, None), (5, 5, 5)),
            "the detail is (error, instant, next instant)",
        ),
        ("TimeOutRetry", 2, 1, ((None, 5, None),), "the detail is (error, instant, next instant)"),
        ("TimeOut", 2, 1, ((None, 5, "6"),), "the detail is (error, instant, next instant or None)"),
        ("Cancel", 1, 0, (None, "user", ("user",), (1, None), ("user", 1)), "the detail is (reason, actor)"),
        ("RequestCancel", 2, 1, ("user", ("user", 1)), "the detail is (reason, actor)"),
        ("StopNow", 0, 0, (1, ("clerk",)), "the detail is the actor, or None"),
        (
            *("BeginDrain", 0, 0),
            (("finish", 5), (1, 5, None), ("finish", -5, None), ("finish", 5, 1)),
            "the detail is (pending, deadline_ns, actor)",
        ),
        ("Pause", 0, 0, (0, ("default",)), "the detail is the name of a queue, or None"),
        ("Pause", 0, 0, ("other",), "the queue was declared"),
        ("Resume", 0, 0, (0,), "the detail is the name of a queue, or None"),
        ("Resize", 0, 0, (None, "2", True), "the detail is a number"),
        ("SetRate", 0, 0, (None, ("default",)), "the detail is (queue, rate)"),
        ("SetRate", 0, 0, ((1, None),), "the detail is the name of a queue, or None"),
        ("SetRate", 0, 0, (("default", [1, 1]),), RATE),
        ("SetRate", 0, 0, (("other", None),), "the queue was declared"),
        (
            *("SetWeight", 0, 0),
            (None, (None, 1), ("default", 0), ("default", None)),
            "the detail is (queue, weight), and the weight is at least 1",
        ),
        ("SetWeight", 0, 0, (("other", 1),), "the queue was declared"),
        ("SetRetention", 0, 0, (None, (1,), (-1, None)), KEPT),
    ],
)
def test_a_detail_that_is_none_is_refused(
    name: str, task: int, attempt: int, details: tuple[object, ...], sentence: str
) -> None:
    """Task 1 waits, and task 2 runs."""
    log = (
        told(),
        (1, "Submit", 1, 0, {"priority": 1}),
        (1, "Submit", 2, 0, None),
        (4, "Start", 2, 1, None),
    )
    for detail in details:
        refuses((*log, (5, name, task, attempt, detail)), sentence)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ((5, "Cancel", 1, 0, ("why", None)), "the argument is one of user, parent"),
        ((5, "Pause", 0, 0, "default"), None),
        ((5, "Resume", 0, 0, "default"), "it is paused"),
        ((5, "Resize", 0, 0, 4), "it is another number of threads"),
        ((5, "Resize", 0, 0, 0), "it is another number of threads"),
        ((5, "Resize", 0, 0, -1), "the argument is a number"),
        ((5, "Stopped", 0, 1, None), "the worker is draining or stopping"),
        ((5, "StopNow", 0, 1, None), "the attempt is number 0"),
    ],
)
def test_an_operation_that_the_rule_does_not_allow_is_refused(event: Event, sentence: str | None) -> None:
    """By the sentence of the rule."""
    log = (told(), (1, "Submit", 1, 0, None), event)
    if sentence is None:
        replay(log)
    else:
        refuses(log, sentence)


# ------------------------------------------------------------- ids, keys and what is forgotten


def test_an_id_is_used_once_while_its_task_is_retained() -> None:
    """It is free again when the task is forgotten; and what was never retained is no answer."""
    log: tuple[Event, ...] = (told(retention=[0, None]), (1, "Submit", 1, 0, {"id": "x"}))
    refuses((*log, (2, "Submit", 2, 0, {"id": "x"})), "no retained task has its id")
    replay((*log, (2, "Submit", 2, 0, {"id": "y"})))
    log += ((2, "Cancel", 1, 0, ("user", None)),)
    refuses((*log, (3, "Submit", 2, 0, {"id": "x"})), "no retained task has its id")
    replay((*log, (3, "Evict", 1, 0, None), (3, "Submit", 2, 0, {"id": "x"})))


def test_the_answer_to_a_caller_is_a_retained_task_with_a_key() -> None:
    """And the key is free when the task is forgotten."""
    answer = "the answer is a retained task that has an idempotency key"
    log: tuple[Event, ...] = (told(retention=[0, None]), (1, "Submit", 1, 0, None))
    refuses((*log, (2, "Attach", 0, 0, 1)), "a retained task has the key")
    log += ((2, "Submit", 2, 0, {"idempotency_key": "k"}),)
    refuses((*log, (2, "Attach", 0, 0, 1)), answer)
    refuses((*log, (2, "Attach", 0, 0, 9)), answer)
    refuses((*log, (2, "Attach", 2, 0, 2)), "an event of the worker names no task")
    refuses((*log, (2, "Submit", 3, 0, {"idempotency_key": "k"})), "no retained task has its key")
    log += ((2, "Attach", 0, 0, 2), (2, "Cancel", 2, 0, ("user", None)), (2, "Attach", 0, 0, 2))
    log += ((2, "Evict", 2, 0, None),)
    refuses((*log, (3, "Attach", 0, 0, 2)), "a retained task has the key")
    replay((*log, (3, "Submit", 3, 0, {"idempotency_key": "k"})))


FORGOTTEN = "more tasks that ended are retained than the number, or it has reached the age"
FIRST = "of the tasks that ended, and whose functions are off their threads, it ended first"


def test_what_is_forgotten_is_one_of_too_many_and_the_first() -> None:
    """By number.  A task whose function is stuck counts, and stays."""
    log = [told(retention=[1, None]), *((1, "Submit", n, 0, None) for n in (1, 2, 3))]
    log += [(1, "Start", n, 1, None) for n in (1, 2, 3)] + [(2, "Complete", 2, 1, 2)]
    refuses((*log, (3, "Evict", 2, 1, None)), FORGOTTEN)
    refuses((*log, (3, "Evict", 1, 1, None)), f"the task is {' or '.join(ACTIONS['Evict'].source)}")
    log += [(3, "StopNow", 0, 0, None), (13, "Abandon", 1, 1, None), (13, "AcknowledgeCancel", 3, 1, BY_STOP)]
    refuses((*log, (14, "Evict", 1, 1, None)), "its function is off its thread")
    refuses((*log, (14, "Evict", 3, 1, None)), FIRST)
    log += [(14, "Evict", 2, 1, None)]
    assert replay(log).statuses() == {1: "abandoned", 3: "cancelled"}
    refuses((*log, (15, "LateReturn", 1, 1, 15), (15, "Evict", 3, 1, None)), FIRST)
    refuses(
        (*log, (15, "Evict", 3, 1, None), (15, "LateReturn", 1, 1, 15), (15, "Evict", 1, 1, None)), FORGOTTEN
    )


BY_STOP = ("shutdown", 13, "TaskCancelled")


def test_what_is_forgotten_has_its_age() -> None:
    """By the instant at which it ended, and to the nanosecond; a later word of it changes the age."""
    log: tuple[Event, ...] = (told(retention=[None, 10]), (1, "Submit", 1, 0, None))
    log += ((2, "Cancel", 1, 0, ("user", None)),)
    refuses((*log, (11, "Evict", 1, 0, None)), FORGOTTEN)
    assert replay((*log, (12, "Evict", 1, 0, None))).tasks == {}
    replay((*log, (3, "SetRetention", 0, 0, (None, 1)), (3, "Evict", 1, 0, None)))
    never = (*log, (3, "SetRetention", 0, 0, (None, None)), (99, "Evict", 1, 0, None))
    refuses(never, "tasks that ended are forgotten in the end")
    refuses((*log, (12, "Evict", 1, 0, None), (12, "Evict", 1, 0, None)), NOT_ENDED)


NOT_ENDED = f"the task is {' or '.join(ACTIONS['Evict'].source)}"


# ------------------------------------------------------------------------- due and deadline


def test_nothing_becomes_due_before_its_time() -> None:
    """What is due at its submission waits for a start at once."""
    log: tuple[Event, ...] = (told(), (1, "Submit", 1, 0, {"due_ns": 5}))
    refuses((*log, (4, "BecomeDue", 1, 0, None)), "its time has come")
    refuses((*log, (5, "Start", 1, 1, None)), "the task is queued")
    replay((*log, (5, "BecomeDue", 1, 0, None), (5, "Start", 1, 1, None)))
    replay((told(), (5, "Submit", 1, 0, {"due_ns": 5}), (5, "Start", 1, 1, None)))
    refuses((told(), (5, "Submit", 1, 0, {"due_ns": 5}), (5, "BecomeDue", 1, 0, None)), DELAYED)


DELAYED = "the task is scheduled or retrying"
IN_TIME = "its deadline has not passed"


def test_a_deadline_passes_at_its_instant_for_a_task_that_waits() -> None:
    """From then on it expires, and nothing else happens to it."""
    log: tuple[Event, ...] = (told(), (1, "Submit", 1, 0, {"deadline_ns": 5}))
    refuses((*log, (4, "Expire", 1, 0, None)), "its deadline has passed")
    replay((*log, (4, "Start", 1, 1, None)))
    replay((*log, (4, "Cancel", 1, 0, ("user", None))))
    refuses((*log, (5, "Start", 1, 1, None)), IN_TIME)
    refuses((*log, (5, "Cancel", 1, 0, ("user", None))), IN_TIME)
    refuses((*log, (5, "StopNow", 0, 0, None), (5, "ShutdownCancel", 1, 0, None)), IN_TIME)
    assert replay((*log, (5, "Expire", 1, 0, None))).statuses() == {1: "timed_out"}
    overdue_at_once = (told(), (5, "Submit", 1, 0, {"deadline_ns": 5}))
    refuses((*overdue_at_once, (5, "Start", 1, 1, None)), IN_TIME)


LATE = ACTIONS["TimeOut"].guards[1].sentence
IN_TIME_BACK = ACTIONS["Complete"].guards[2].sentence
FOR_GOOD = ACTIONS["TimeOut"].guards[2].sentence
NOT_FOR_GOOD = ACTIONS["TimeOutRetry"].guards[2].sentence
MAY_RETRY = ACTIONS["Retry"].guards[4].sentence
MAY_NOT_RETRY = ACTIONS["Fail"].guards[4].sentence
CAME_BACK = "the function came back at or after the start, and at or before the record of it"


def running(**terms: Any) -> tuple[Event, ...]:
    """A task with these terms that runs since instant 4."""
    return (told(), (1, "Submit", 1, 0, terms), (4, "Start", 1, 1, None))


def test_it_is_late_by_the_instant_at_which_the_function_came_back() -> None:
    """Not by that of the record: the function is back at 9, the deadline is at 10, the record at 11."""
    for terms in ({"deadline_ns": 10}, {"timeout_ns": 6}, {"deadline_ns": 99, "timeout_ns": 6}):
        log = running(**terms)
        replay((*log, (11, "Complete", 1, 1, 9)))
        refuses((*log, (11, "TimeOut", 1, 1, (None, 9, None))), LATE)
        refuses((*log, (11, "Complete", 1, 1, 10)), IN_TIME_BACK)
        refuses((*log, (11, "Fail", 1, 1, ("E", 10, False, None))), IN_TIME_BACK)
        replay((*log, (11, "TimeOut", 1, 1, (None, 10, None))))


def test_a_function_comes_back_after_its_start_and_before_the_record() -> None:
    """Whatever the outcome, and when it was abandoned as well."""
    log = running(max_retries=1, deadline_ns=50, timeout_ns=40, retry_timeouts=True)
    for instant in (3, 8):
        for name, detail in (
            ("Complete", instant),
            ("Fail", ("E", instant, False, None)),
            ("Retry", ("E", instant, 9)),
            ("TimeOut", ("E", instant, None)),
            ("TimeOutRetry", ("E", instant, 9)),
            ("AcknowledgeCancel", ("user", instant, "E")),
        ):
            refuses((*log, (7, name, 1, 1, detail)), CAME_BACK)
    abandoned = (*running(), (5, "StopNow", 0, 0, None), (15, "Abandon", 1, 1, None))
    refuses((*abandoned, (17, "LateReturn", 1, 1, 3)), CAME_BACK)
    refuses((*abandoned, (17, "LateReturn", 1, 1, 18)), CAME_BACK)
    replay((*abandoned, (17, "LateReturn", 1, 1, 14)))
    refuses((*running(), (17, "LateReturn", 1, 1, 14)), "the task is abandoned")


def test_what_should_be_retried_is_not_failed_and_the_reverse() -> None:
    """By the policy, the attempts, and the next instant against the deadline."""
    log = running(max_retries=1, deadline_ns=10)
    replay((*log, (7, "Retry", 1, 1, ("E", 6, 9))))
    refuses((*log, (7, "Retry", 1, 1, ("E", 6, 10))), MAY_RETRY)
    refuses((*log, (7, "Fail", 1, 1, ("E", 6, True, 9))), MAY_NOT_RETRY)
    refuses((*log, (7, "Fail", 1, 1, ("E", 6, True, None))), MAY_NOT_RETRY)
    replay((*log, (7, "Fail", 1, 1, ("E", 6, True, 10))))
    replay((*log, (7, "Fail", 1, 1, ("E", 6, True, 11))))
    replay((*log, (7, "Fail", 1, 1, ("E", 6, False, None))))
    replay((*running(), (7, "Fail", 1, 1, ("E", 6, True, None))))
    refuses((*running(), (7, "Retry", 1, 1, ("E", 6, 9))), MAY_RETRY)
    refuses((*running(max_retries=1), (7, "Fail", 1, 1, ("E", 6, True, None))), MAY_NOT_RETRY)
    sooner = "the next attempt is at or after the instant at which the function came back"
    refuses((*log, (7, "Retry", 1, 1, ("E", 6, 5))), sooner)
    refuses((*log, (7, "Fail", 1, 1, ("E", 6, True, 5))), sooner)


def test_a_function_that_raised_says_what() -> None:
    """Without an error it returned, and what returned has not failed."""
    log = running(max_retries=1)
    refuses((*log, (7, "Fail", 1, 1, (None, 6, False, None))), "it raised")
    refuses((*log, (7, "Retry", 1, 1, (None, 6, 9))), "it raised")
    asked = (*log, (5, "RequestCancel", 1, 1, ("user", None)))
    refuses((*asked, (7, "AcknowledgeCancel", 1, 1, ("user", 6, None))), "it raised")


def test_a_timeout_is_retried_if_the_policy_says_so_and_only_then() -> None:
    """A next instant that nobody has computed ends it only if there could be none."""
    log = running(max_retries=1, timeout_ns=2, retry_timeouts=True, deadline_ns=10)
    replay((*log, (7, "TimeOutRetry", 1, 1, (None, 6, 9))))
    replay((*log, (7, "TimeOutRetry", 1, 1, ("E", 6, 9))))
    refuses((*log, (7, "TimeOutRetry", 1, 1, (None, 5, 9))), LATE)
    refuses((*log, (7, "TimeOutRetry", 1, 1, (None, 6, 10))), NOT_FOR_GOOD)
    refuses((*log, (10, "TimeOutRetry", 1, 1, (None, 10, 11))), NOT_FOR_GOOD)
    refuses((*log, (7, "TimeOut", 1, 1, (None, 6, None))), FOR_GOOD)
    refuses((*log, (7, "TimeOut", 1, 1, (None, 6, 9))), FOR_GOOD)
    replay((*log, (7, "TimeOut", 1, 1, (None, 6, 10))))
    replay((*log, (10, "TimeOut", 1, 1, (None, 10, None))))
    replay((*log, (5, "RequestCancel", 1, 1, ("user", None)), (7, "TimeOut", 1, 1, (None, 6, None))))
    replay((*running(timeout_ns=2, retry_timeouts=True), (7, "TimeOut", 1, 1, (None, 6, None))))
    replay((*running(timeout_ns=2, max_retries=1), (7, "TimeOut", 1, 1, (None, 6, None))))


def test_a_deadline_that_passes_before_the_record_has_passed_for_the_retry() -> None:
    """The function is back at 6, the next attempt is to be at 9, the deadline 10, the record 11."""
    log = (*running(max_retries=2, deadline_ns=10), (11, "Retry", 1, 1, ("E", 6, 9)))
    refuses((*log, (11, "Cancel", 1, 1, ("user", None))), IN_TIME)
    refuses((*log, (11, "BecomeDue", 1, 1, None), (11, "Start", 1, 2, None)), IN_TIME)
    replay((*log, (11, "Expire", 1, 1, None)))
    later = (*running(max_retries=2, deadline_ns=10), (7, "Retry", 1, 1, ("E", 6, 9)))
    refuses((*later, (8, "BecomeDue", 1, 1, None)), "its time has come")
    later += ((9, "BecomeDue", 1, 1, None),)
    replay((*later, (9, "Start", 1, 2, None)))
    refuses((*later, (10, "Start", 1, 2, None)), IN_TIME)


def test_the_limit_of_an_attempt_counts_from_its_own_start() -> None:
    """The second one has the whole time again."""
    log = running(max_retries=1, timeout_ns=2, retry_timeouts=True)
    log += ((7, "TimeOutRetry", 1, 1, (None, 6, 9)), (9, "BecomeDue", 1, 1, None), (10, "Start", 1, 2, None))
    replay((*log, (12, "Complete", 1, 2, 11)))
    refuses((*log, (12, "Complete", 1, 2, 12)), IN_TIME_BACK)


# ---------------------------------------------------------------------- permits, caps, order

PERMIT = "each limiter that applies has a permit"
PAUSED = "neither its queue nor the worker is paused"
CAPS = "its queue and its concurrency key are under their caps"


def submitted(*terms: Any, init: Event | None = None) -> tuple[Event, ...]:
    """So many tasks were submitted at instant 1."""
    tasks = [(1, "Submit", number, 0, each) for number, each in enumerate(terms, start=1)]
    return (told() if init is None else init, *tasks)


def starts(*instants: int) -> tuple[Event, ...]:
    """Tasks 1, 2 and so on are started at these instants."""
    return tuple([(at, "Start", number, 1, None) for number, at in enumerate(instants, start=1)])


@pytest.mark.parametrize(
    "init", [told(rate=[2, 3, 2]), told(queues=[queue("other"), queue("default", rate=[2, 3, 2])])]
)
def test_no_start_spends_a_permit_before_it_has_accrued(init: Event) -> None:
    """Two starts in three nanoseconds are one in one and a half; and two may come at once, at first."""
    log = submitted(*[None] * 6, init=init)
    refuses((*log, *starts(1, 1, 2)), PERMIT)
    log += starts(1, 1, 3)
    refuses((*log, (3, "Start", 4, 1, None)), PERMIT)
    replay((*log, (4, "Start", 4, 1, None)))
    refuses((*log, (4, "Start", 4, 1, None), (5, "Start", 5, 1, None)), SLOT)


SLOT = "a slot is free"


def test_a_limiter_of_a_queue_is_its_own() -> None:
    """Other queues go on."""
    init = told(queues=[queue("default", rate=[1, 10, 1]), queue("bulk")])
    log = submitted(None, None, {"queue": "bulk"}, init=init) + starts(1)
    refuses((*log, (2, "Start", 2, 1, None)), PERMIT)
    replay((*log, (2, "Start", 3, 1, None), (11, "Start", 2, 1, None)))


def test_another_rate_keeps_what_is_owed_in_starts() -> None:
    """Rounded up, for the worker and for a queue; none at all allows what it likes; a new one is full."""
    for which, init in (
        (None, told(rate=[1, 10, 1])),
        ("default", told(queues=[queue("default", rate=[1, 10, 1])])),
    ):
        log = (*submitted(*[None] * 4, init=init), *starts(1))
        log += ((6, "SetRate", 0, 0, (which, [1, 100, 1])),)  # half a start is owed: 50 of the new ones
        refuses((*log, (55, "Start", 2, 1, None)), PERMIT)
        replay((*log, (56, "Start", 2, 1, None)))
        none = (*log, (7, "SetRate", 0, 0, (which, None)), (7, "Start", 2, 1, None), (7, "Start", 3, 1, None))
        replay(none)
        full = (*none, (8, "SetRate", 0, 0, (which, [1, 100, 1])), (8, "Start", 4, 1, None))
        replay(full)
        wider = (
            *log,
            (7, "SetRate", 0, 0, (which, [1, 100, 3])),
            (7, "Start", 2, 1, None),
            (7, "Start", 3, 1, None),
        )
        refuses((*wider, (7, "Start", 4, 1, None)), PERMIT)
        narrow = (
            *wider,
            (8, "SetRate", 0, 0, (which, [1, 100, 1])),
        )  # 249 hundredths are owed, and 1 allowed
        refuses((*narrow, (255, "Start", 4, 1, None)), PERMIT)
        replay((*narrow, (256, "Start", 4, 1, None)))


def test_no_more_run_than_the_caps_allow() -> None:
    """Of a queue, of a concurrency key, and of all."""
    init = told(threads=3, queues=[queue("default", cap=2), queue("bulk")], key_cap=1)
    bulk, key = {"queue": "bulk"}, {"queue": "bulk", "concurrency_key": "c"}
    refuses((*submitted(None, None, None, init=init), *starts(1, 1, 1)), CAPS)
    refuses((*submitted(key, key, init=init), *starts(1, 1)), CAPS)
    log = (
        *submitted(key, key, bulk, init=init),
        *starts(1),
        (2, "Complete", 1, 1, 2),
        (2, "Start", 2, 1, None),
    )
    replay(log)
    refuses((*submitted(bulk, bulk, bulk, bulk, init=init), *starts(1, 1, 1, 1)), SLOT)
    log = (*submitted(bulk, bulk, bulk, bulk, init=init), (2, "Resize", 0, 0, 4), *starts(2, 2, 2, 2))
    replay(log)
    log = (*submitted(bulk, bulk, init=init), *starts(1), (2, "Resize", 0, 0, 1))
    refuses((*log, (3, "Start", 2, 1, None)), SLOT)


def test_what_is_paused_starts_nothing() -> None:
    """A queue by its name, or the worker."""
    log = submitted(None, {"queue": "bulk"}, init=TWO_QUEUES)
    refuses((*log, (2, "Pause", 0, 0, "bulk"), (2, "Start", 2, 1, None)), PAUSED)
    replay((*log, (2, "Pause", 0, 0, "default"), (2, "Start", 2, 1, None)))
    refuses((*log, (2, "Pause", 0, 0, None), (2, "Start", 1, 1, None)), PAUSED)
    refuses((*log, (2, "Pause", 0, 0, "bulk"), (2, "Pause", 0, 0, "bulk")), "it is not paused")
    replay((*log, (2, "Pause", 0, 0, None), (2, "BeginDrain", 0, 0, DRAIN), (2, "Start", 1, 1, None)))


DRAIN = ("finish", None, None)


def test_of_a_queue_the_most_urgent_that_may_start_is_next() -> None:
    """What is overdue, or behind its key, stands in nobody's way; what comes back keeps its number."""
    key = {"priority": -1, "concurrency_key": "c"}
    log = submitted(
        None, key, key, {"priority": -1, "deadline_ns": 3}, {"priority": -1}, init=told(key_cap=1)
    )
    refuses((*log, (2, "Start", 1, 1, None)), ITS_TURN)
    log += ((2, "Start", 2, 1, None),)
    refuses((*log, (2, "Start", 5, 1, None)), ITS_TURN)
    replay((*log, (2, "Start", 4, 1, None)))
    log += ((3, "Start", 5, 1, None),)
    replay((*log, (3, "Start", 1, 1, None)))
    log += ((4, "Complete", 2, 1, 4),)
    refuses((*log, (4, "Start", 1, 1, None)), ITS_TURN)
    replay((*log, (4, "Start", 3, 1, None)))
    again = (*submitted({"max_retries": 1}, None), *starts(1), (2, "Retry", 1, 1, ("E", 2, 2)))
    again += ((2, "BecomeDue", 1, 1, None),)
    refuses((*again, (2, "Start", 2, 1, None)), ITS_TURN)
    replay((*again, (2, "Start", 1, 2, None)))


TURN = "of the queues that have a task that may start it is the turn of its queue"


def may_start(state: Replay, number: int) -> bool:
    """Whether the log may go on with the start of this task; the replay stays as it is."""
    try:
        copy.deepcopy(state).step((9, "Start", number, 1, None))
    except NotABehaviour as refused:
        return refused.guard not in {TURN, ITS_TURN, PERMIT, CAPS, PAUSED}  # another one would be news
    return True


def turns(init: Event, queues: str, *between: Event) -> str:
    """The queues that give the starts: at each there is one that may, and no other."""
    state = Replay()
    for event in submitted(*[{"queue": name} for name in queues], init=init):
        state.step(event)
    for event in between:
        state.step(event)
    given = ""
    waiting = list(enumerate(queues, start=1))
    while waiting:
        allowed = [(number, name) for number, name in waiting if may_start(state, number)]
        if not allowed:
            break
        [(number, name)] = allowed
        state.step((9, "Start", number, 1, None))
        waiting.remove((number, name))
        given += name
    return given


def test_the_queues_give_starts_by_their_weights() -> None:
    """Of equals the first; one that cannot gives none, and delays no other."""
    init = told(threads=99, queues=[queue("a", 3), queue("b", 1)])
    assert turns(init, "aaaaaabb") == "aabaaaba"
    assert turns(init, "bbb") == "bbb"
    assert turns(told(threads=99, queues=[queue("a"), queue("b")]), "aabb") == "abab"
    assert turns(told(threads=99, queues=[queue("a", 3, 1), queue("b")]), "aabb") == "abb"
    assert turns(told(threads=99, queues=[queue("a", 3, rate=[1, 99, 1]), queue("b")]), "aabb") == "abb"
    assert turns(init, "aabb", (2, "Pause", 0, 0, "a")) == "bb"
    assert turns(init, "aabb", (2, "SetWeight", 0, 0, ("a", 1))) == "abab"


RATES: dict[str, tuple[Fraction, int]] = {"a": (Fraction(2, 5), 2), "b": (Fraction(1, 4), 1)}
WEIGHTS = (3, 1)
BUSY = told(
    threads=4,
    rate=[1, 2, 3],
    key_cap=1,
    queues=[queue("a", WEIGHTS[0], 3, [2, 5, 2]), queue("b", WEIGHTS[1], 2, [1, 4, 1])],
)


@dataclasses.dataclass
class Onlooker:
    """Knows which task is next from what has happened, and from the laws."""

    started: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    picks: list[arithmetic.Pick] = dataclasses.field(default_factory=list)

    def next(self, tasks: dict[int, LoggedTask], at: int) -> int | None:
        """The task that is next at this instant, if one is."""
        running = [task for task in tasks.values() if task.status == "running"]
        if len(running) == 4 or not self.permitted("ab", at, Fraction(1, 2), 3):
            return None
        firsts = {}
        for place, name in enumerate("ab"):
            mine = [task for task in tasks.values() if task.terms.queue == place + 1]
            able = [
                (task.terms.priority, task.number)
                for task in mine
                if task.status == "queued"
                and (task.deadline_ns is None or at < task.deadline_ns)
                and (
                    task.terms.concurrency_key not in {one.terms.concurrency_key for one in running} - {None}
                )
            ]
            busy = sum(task.status == "running" for task in mine)
            if able and busy < (3, 2)[place] and self.permitted(name, at, *RATES[name]):
                firsts[place] = min(able)[1]
        place_picked = arithmetic.next_pick(WEIGHTS, tuple(self.picks), frozenset(firsts))
        if place_picked is None:
            return None
        self.picks.append(arithmetic.Pick(frozenset(firsts), place_picked))
        self.started.append((at, "ab"[place_picked]))
        return firsts[place_picked]

    def permitted(self, names: str, at: int, rate: Fraction, burst: int) -> bool:
        """By the law of the window."""
        return arithmetic.permitted(
            tuple([instant for instant, name in self.started if name in names]), at, rate, burst
        )


@given(st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_at_each_instant_the_task_that_may_start_is_the_one_that_an_onlooker_names(random: Random) -> None:
    """Two queues with weights, caps and limiters, a limiter of the worker, priorities, keys and deadlines."""
    state, onlooker, at, number = Replay(), Onlooker(), 0, 0
    state.step(BUSY)
    for _ in range(60):
        at += random.choice((0, 0, 1, 2))
        if random.random() < 0.6:
            number += 1
            terms = {
                "queue": random.choice("ab"),
                "priority": random.randrange(3),
                "concurrency_key": random.choice((None, None, "c", "d")),
                "deadline_ns": random.choice((None, at + random.randrange(9))),
            }
            state.step((at, "Submit", number, 0, terms))
        running = [task for task in state.tasks.values() if task.status == "running"]
        if running and random.random() < 0.5:
            task = random.choice(running)
            late = task.deadline_ns is not None and at >= task.deadline_ns
            name, detail = ("TimeOut", (None, at, None)) if late else ("Complete", at)
            state.step((at, name, task.number, 1, detail))
        named = onlooker.next(state.tasks, at)
        queued = [task.number for task in state.tasks.values() if task.status == "queued"]
        for other in queued:
            if other != named:
                assert not accepts(state, (at, "Start", other, 1, None))
        if named is not None:
            state.step((at, "Start", named, 1, None))


# ---------------------------------------------------------------------- nothing is trusted


class Unsayable:
    """Something that cannot be shown, compared or asked."""

    def __repr__(self) -> str:
        raise AttributeError

    def __eq__(self, other: object) -> bool:
        raise AttributeError

    def __hash__(self) -> int:
        return 1


def test_what_cannot_be_shown_is_refused_like_anything_else() -> None:
    """A number too long to be written, a list in a list in a list, an object that fails when asked."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for junk in (10**5000, deep, Unsayable(), float("nan"), b"x", {Unsayable(): 1}, {"queue": Unsayable()}):
        for name in sorted(LOGGED - {"Resize"}):
            for number in (0, 1):
                state = Replay()
                for event in TRUE[:5]:
                    state.step(event)
                with pytest.raises(NotABehaviour):
                    state.step((9, name, number, 1, junk))
        with pytest.raises(NotABehaviour):
            replay((junk,))  # type: ignore[arg-type]  # it is none
        with pytest.raises(NotABehaviour):
            replay(((0, "Init", 0, 0, junk),))
    with pytest.raises(NotABehaviour):
        replay((INIT, (1, "Resize", 0, 0, 10**5000), (1, "Resize", 0, 0, 10**5000)))
    with pytest.raises(NotABehaviour):
        replay((INIT, (10**5000, "Start", 10**5000, 10**5000, None)))


WORDS = st.sampled_from(
    [*LOGGED, "Init", "default", "bulk", "user", "finish", "full", "id", "queue", "x", "k"]
)
SMALL = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-1, 70), st.floats(), WORDS)
JUNK = st.recursive(
    SMALL,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(WORDS, inner, max_size=3),
    ),
    max_leaves=8,
)


@given(data=st.data())
def test_junk_is_refused_and_leaves_the_replay_as_it_was(data: st.DataObject) -> None:
    """In any place of any event: if it is refused, the true log goes on as if nothing had been said."""
    log = data.draw(st.sampled_from([TRUE, WHOLE, STOPPED]))
    state = Replay()
    for event in log:
        for place in data.draw(st.sets(st.integers(0, 4), max_size=2)):
            junk: list[Any] = list(data.draw(st.sampled_from(log)) if place else event)
            junk[0] = event[0]
            junk[place] = data.draw(JUNK)
            if accepts(state, junk):
                return  # by chance it was true
        state.step(event)
    told_so, told_not = state, replay(log)
    assert (told_so.statuses(), told_so.attempts()) == (told_not.statuses(), told_not.attempts())
    assert told_so.counts == told_not.counts
    assert pack(told_so) == pack(told_not)


def accepts(state: Replay, event: Any) -> bool:
    """Whether it takes the event.  Nothing but its own refusal comes out of it."""
    try:
        state.step(event)
    except NotABehaviour:
        return False
    return True


def pack(state: Replay) -> tuple[object, ...]:
    """The worker's record, without what has a different shape for the same meaning."""
    world = state.world
    assert world is not None
    fields = ("phase", "pending", "grace_spent", "admitted", "permits", "queue_permits", "paused", "threads")
    sums = ("peak", "waiting", "live", "retained", "threads_taken", "running_in", "running_with", "keys")
    return tuple([getattr(world, name) for name in (*fields, *sums)])


def test_time_that_a_refused_event_would_have_let_pass_has_not_passed() -> None:
    """Deadlines, the limit of an attempt, permits and the grace: each is as before."""
    state = Replay()
    terms = {"deadline_ns": 50, "timeout_ns": 20, "concurrency_key": "c"}
    for event in submitted(terms, terms, None, init=told(rate=[1, 40, 1], key_cap=1)):
        state.step(event)
    state.step((2, "Start", 1, 1, None))
    for junk in (
        (60, "Start", 2, 1, None),
        (60, "Complete", 1, 1, 60),
        (60, "Retry", 1, 1, ("E", 60, 61)),
        (60, "Cancel", 2, 0, ("user", None)),
        (60, "Cancel", 2, 0, "user"),
    ):
        with pytest.raises(NotABehaviour):
            state.step(junk)
    assert state.world is not None
    assert state.world.permits == 0
    with pytest.raises(NotABehaviour) as caught:
        state.step((41, "Start", 3, 1, None))
    assert caught.value.guard == PERMIT
    state.step((41, "Complete", 1, 1, 21))
    state.step((42, "Start", 2, 1, None))
    with pytest.raises(NotABehaviour):
        state.step((70, "Complete", 2, 1, 50))
    state.step((70, "Complete", 2, 1, 49))


def test_a_deadline_that_has_not_passed_after_all_leaves_the_order_as_it_was() -> None:
    """The refused event has looked for the next task, at an instant at which the first one was overdue."""
    state = Replay()
    for event in submitted({"deadline_ns": 50}, None, None):
        state.step(event)
    for at, number in ((60, 3), (40, 2)):
        with pytest.raises(NotABehaviour) as caught:
            state.step((at, "Start", number, 1, None))
        assert caught.value.guard == ITS_TURN
    state.step((40, "Start", 1, 1, None))


# ------------------------------------------------------------------------ what it costs


def test_memory_is_bounded_by_the_tasks_that_are_not_forgotten() -> None:
    """Of those that are, nothing is left, though they waited behind a key, and their deadlines are far."""
    gc.collect()
    others = [one for one in gc.get_objects() if type(one) is LoggedTask]  # of replays that tests have kept
    state = Replay()
    state.step(told(retention=[2, None], key_cap=1))
    terms = {"deadline_ns": 10**9, "concurrency_key": "c"}
    for event in ((1, "Submit", 1, 0, terms), (1, "Submit", 2, 0, terms), (1, "Start", 1, 1, None)):
        state.step(event)
    for number in range(3, 2000):
        state.step((2, "Submit", number, 0, {**terms, "id": str(number), "idempotency_key": str(number)}))
        state.step((2, "Cancel", number, 0, ("user", None)))
        if number > 4:
            state.step((2, "Evict", number - 2, 0, None))
    gc.collect()
    assert state.steps > 5000
    assert sum(type(one) is LoggedTask for one in gc.get_objects()) < 100 + len(others)
