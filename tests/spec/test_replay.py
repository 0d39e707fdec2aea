"""Replaying a log: a true one is accepted, and each way of being false is named."""

from __future__ import annotations

from typing import Any

import pytest

from jurat_spec.lifecycle import ACTIONS
from jurat_spec.replay import Event, NotABehaviour, Replay, replay

INIT: Event = (0, "Init", 0, 0, {"threads": 1, "queue_max": 2, "grace_ns": 10})

TRUE: tuple[Event, ...] = (
    INIT,
    (1, "Submit", 1, 0, None),
    (2, "Submit", 2, 0, None),
    (3, "Reject", 0, 0, "full"),
    (4, "Start", 1, 1, None),
    (5, "Submit", 3, 0, None),
    (6, "Cancel", 2, 0, "user"),
    (7, "RequestCancel", 1, 1, "user"),
    (8, "Complete", 1, 1, None),
    (9, "Start", 3, 1, None),
    (10, "BeginDrain", 0, 0, ("finish", 5)),
    (11, "Reject", 0, 0, "closed"),
    (15, "DrainDeadline", 0, 0, None),
    (25, "Abandon", 3, 1, None),
    (25, "Stopped", 0, 0, None),
    (99, "LateReturn", 3, 1, None),
)


def before(index: int, *events: Any) -> tuple[Event, ...]:
    """The true log's first events, and then these."""
    return (*TRUE[:index], *events)


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
        (((0, "Init", 0, 0, {**INIT[4], "threads": "4"}),), "Init carries threads, queue_max and grace_ns"),
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
        (before(3, (3, "Complete", 1, 0, None)), "the task is running"),
        (before(5, (5, "Complete", 1, 2, None)), "the attempt is number 1"),
        (before(5, (5, "AcknowledgeCancel", 1, 1, "user")), "it was asked to come back early"),
        (before(8, (8, "Fail", 1, 1, "E")), "it was not asked to come back early"),
        (before(8, (8, "RequestCancel", 1, 1, "user")), "it was not asked to come back early"),
        (before(8, (8, "AcknowledgeCancel", 1, 1, "shutdown")), "the reason is user"),
        (before(5, (5, "Cancel", 1, 1, "user")), "the task is scheduled or queued or retrying"),
        (before(6, (6, "Cancel", 2, 0, "shutdown")), "the argument is one of user, parent"),
        (before(6, (6, "Cancel", 2, 0, "parent")), "it has a parent, if that is the reason"),
        (before(5, (5, "Retry", 1, 1, None)), "the action is one that a log may contain"),
        (before(6, (6, "ShutdownCancel", 2, 0, None)), "the shutdown has decided that it will not run"),
        (before(10, (10, "BeginDrain", 3, 0, ("finish", 5))), "an event of the worker names no task"),
        (before(10, (10, "BeginDrain", 0, 0, None)), "the detail is (pending, deadline_ns)"),
        (before(10, (10, "BeginDrain", 0, 0, ("finish", "5"))), "the detail is (pending, deadline_ns)"),
        (before(10, (10, "BeginDrain", 0, 0, ("pause", 5))), "the argument is one of finish, cancel"),
        (
            before(11, (11, "BeginDrain", 0, 0, ("finish", 5))),
            "the worker is open, or is draining to finish and asked to cancel",
        ),
        (before(12, (14, "DrainDeadline", 0, 0, None)), "the drain's deadline has passed"),
        (before(12, (12, "Stopped", 0, 0, None)), "no task is live"),
        (before(13, (24, "Abandon", 3, 1, None)), "the grace is over"),
        (before(12, (14, "Abandon", 3, 1, None)), "the worker is stopping"),
        (before(14, (25, "Complete", 3, 1, None)), "the task is running"),
        (before(15, (26, "Stopped", 0, 0, None)), "the worker is draining or stopping"),
        (before(15, (26, "StopNow", 0, 0, None)), "the worker is open or draining"),
        ((*TRUE, (100, "LateReturn", 3, 1, None)), "its function is on a thread"),
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
    log += [(3, "BeginDrain", 0, 0, ("finish", 10)), (4, "BeginDrain", 0, 0, ("cancel", 100))]
    replay([*log, (13, "DrainDeadline", 0, 0, None)])
    with pytest.raises(NotABehaviour):
        replay([*log, (12, "DrainDeadline", 0, 0, None)])


def test_a_drain_without_a_deadline_has_none() -> None:
    """However late it is."""
    log: list[Event] = [INIT, (1, "BeginDrain", 0, 0, ("finish", None))]
    with pytest.raises(NotABehaviour) as caught:
        replay([*log, (10**18, "DrainDeadline", 0, 0, None)])
    assert caught.value.guard == "the drain's deadline has passed"


def test_a_log_read_back_from_json_is_the_same_log() -> None:
    """Tuples come back as lists."""
    listed = [list(event) for event in TRUE]
    listed[10][4] = ["finish", 5]
    assert replay(listed).counts == replay(TRUE).counts
