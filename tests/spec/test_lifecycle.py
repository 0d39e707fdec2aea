"""The rule itself: what each row allows, and that everything else is refused and changes nothing."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from jurat_spec.lifecycle import (
    ACTIONS,
    OUTCOMES,
    PHASES,
    STATUSES,
    TERMINAL,
    Action,
    Config,
    Guard,
    TaskRecord,
    WorkerRecord,
)
from jurat_spec.search import reach, successors
from jurat_spec.view import State, initial, pack, unpack

if TYPE_CHECKING:
    from jurat_spec.lifecycle import Phase, Status

CONFIG = Config(threads=2, queue_max=1, tasks=3)
GRAPH = reach(CONFIG)

ALLOWED: dict[Status, set[str]] = {
    "absent": {"Submit"},
    "queued": {"Start", "Cancel", "ShutdownCancel"},
    "running": {"Complete", "AcknowledgeCancel", "Fail", "RequestCancel", "Abandon"},
    "completed": set(),
    "failed": set(),
    "cancelled": set(),
    "abandoned": {"LateReturn"},
}
"""By status, the actions that can ever happen to a task.  Four statuses are final, and say so."""

PHASE_ACTIONS: dict[Phase, set[str]] = {
    "open": {"BeginDrain", "StopNow", "Reject"},
    "draining": {"BeginDrain", "StopNow", "DrainDeadline", "Stopped", "Reject"},
    "stopping": {"GraceSpent", "Stopped", "Reject"},
    "stopped": {"Reject"},
}

TASK_ACTIONS = [action for action in ACTIONS.values() if action.of == "task"]
WORKER_ACTIONS = [action for action in ACTIONS.values() if action.of == "worker"]


def label(action: Action) -> str:
    """The name, for test ids."""
    return action.name


def test_the_tables_of_this_test_name_every_row() -> None:
    """A row that is added to the rule must be added here, with its place."""
    named = set().union(*ALLOWED.values(), *PHASE_ACTIONS.values())
    assert named == set(ACTIONS)
    assert set(ALLOWED) == set(STATUSES)
    assert set(PHASE_ACTIONS) == set(PHASES)


@pytest.mark.parametrize("action", TASK_ACTIONS, ids=label)
@pytest.mark.parametrize("status", STATUSES)
def test_an_action_happens_in_its_statuses_and_in_no_other(action: Action, status: Status) -> None:
    """Over every reachable state: possible somewhere if allowed, refused everywhere if not."""
    happened = False
    for state in GRAPH.states:
        worker, tasks = unpack(CONFIG, state)
        for task in tasks:
            if task.status == status:
                before = pack(worker, tasks)
                happened = action.refusal(worker, task, None) is None or happened
                assert pack(worker, tasks) == before
    assert happened is (action.name in ALLOWED[status])


@pytest.mark.parametrize("action", WORKER_ACTIONS, ids=label)
@pytest.mark.parametrize("phase", PHASES)
def test_an_action_of_the_worker_happens_in_its_phases_and_in_no_other(action: Action, phase: Phase) -> None:
    """Over every reachable state, with every argument."""
    happened = False
    for state in GRAPH.states:
        if state.phase == phase:
            worker, _ = unpack(CONFIG, state)
            for argument in action.arguments:
                happened = action.refusal(worker, TaskRecord(0), argument) is None or happened
    assert happened is (action.name in PHASE_ACTIONS[phase])


def test_an_argument_that_is_none_of_a_rows_is_refused() -> None:
    """By naming those that it has."""
    refusal = ACTIONS["BeginDrain"].refusal(WorkerRecord(CONFIG), TaskRecord(0), "pause")
    assert refusal == "the argument is one of finish, cancel"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_exactly_one_row_applies_to_a_function_that_came_back(outcome: str) -> None:
    """In every reachable state, for each running task."""
    rows = [action for action in ACTIONS.values() if action.outcome == outcome]
    seen = 0
    for state in GRAPH.states:
        worker, tasks = unpack(CONFIG, state)
        for task in tasks:
            if task.status == "running":
                seen += 1
                assert sum(row.refusal(worker, task, None) is None for row in rows) == 1
    assert seen > 0


def test_the_sums_that_the_rule_keeps_are_the_sums_over_the_tasks() -> None:
    """Each effect, applied in place, leaves the same record as one built afresh from the state."""
    for state in GRAPH.states:
        for action, position in product(ACTIONS.values(), range(CONFIG.tasks)):
            for argument in action.arguments:
                worker, tasks = unpack(CONFIG, state)
                task = tasks[position] if action.of == "task" else TaskRecord(0)
                if action.refusal(worker, task, argument) is None:
                    action.apply(worker, task, argument)
                    afresh, _ = unpack(CONFIG, pack(worker, tasks))
                    for field in ("waiting", "live", "threads_taken", "admitted"):
                        assert getattr(worker, field) == getattr(afresh, field), (action.name, field)
                    first, expected = worker.first_queued(), afresh.first_queued()
                    assert (first and first.number) == (expected and expected.number)


def test_a_terminal_status_is_left_by_no_step() -> None:
    """LC-2, over every edge of the graph."""
    for before, _, after in GRAPH.edges:
        for old, new in zip(before.status, after.status, strict=True):
            assert old not in TERMINAL or new == old


def test_a_negated_guard_says_so() -> None:
    """Its sentence is what a refusal prints."""
    guard = Guard("it rains", lambda w, t, x: False, "it is dry")
    assert ((~guard).sentence, (~~guard).sentence) == ("it is dry", "it rains")
    assert (~guard).test(WorkerRecord(CONFIG), TaskRecord(1), None)
    with pytest.raises(ValueError, match="it rains"):
        ~Guard("it rains", guard.test)


def test_every_row_has_a_sentence_for_its_effect_and_for_each_guard() -> None:
    """They are printed in the report, and where a log is refused."""
    for action in ACTIONS.values():
        assert action.text.endswith(".")
        assert all(guard.sentence for guard in action.guards)


def test_packing_undoes_unpacking() -> None:
    """For every reachable state."""
    for state in GRAPH.states:
        assert pack(*unpack(CONFIG, state)) == state


def test_the_search_reaches_every_status_and_phase() -> None:
    """And nothing follows from a stopped worker but refusals and late returns."""
    assert {status for state in GRAPH.states for status in state.status} == set(STATUSES)
    assert {state.phase for state in GRAPH.states} == set(PHASES)
    assert GRAPH.initial == {initial(CONFIG)}
    last = [label for before, label, _ in GRAPH.edges if before.phase == "stopped"]
    assert set(last) == {"RejectClosed", "LateReturn"}


def test_a_worker_without_a_limit_never_says_full() -> None:
    """queue_max None is no limit."""
    config = Config(threads=1, queue_max=None, tasks=2)
    assert not any(edge[1] == "RejectFull" for edge in reach(config).edges)


def test_successors_of_the_initial_state() -> None:
    """Read aloud: a new worker may accept a task, or be told to drain or to stop."""
    assert sorted({name for name, _ in successors(CONFIG, initial(CONFIG))}) == [
        "BeginDrain",
        "StopNow",
        "Submit",
    ]
    assert isinstance(initial(CONFIG), State)
