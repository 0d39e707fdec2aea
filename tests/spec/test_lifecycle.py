"""The rule itself: what each row allows, and that everything else is refused and changes nothing."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat_spec.lifecycle import (
    ACTIONS,
    PHASES,
    STATUSES,
    TERMINAL,
    Action,
    Argument,
    Config,
    Guard,
    Outcome,
    TaskRecord,
    Terms,
    WorkerRecord,
)
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle, State, outcomes, pack

if TYPE_CHECKING:
    from jurat_spec.lifecycle import Phase, Status

MACHINE = Lifecycle(
    Config(
        threads=1,
        queue_max=1,
        max_retries=1,
        retry_timeouts=True,
        burst=1,
        queues=1,
        queue_burst=1,
        retention=True,
    ),
    (
        Terms(delayed=True, deadline=True, timeout=True, child=True, key="k"),
        Terms(key="k", concurrency_key="c"),
    ),
    other_threads=(2,),
    pausable=(0, 1),
)
CONFIG = MACHINE.config
GRAPH = walk(MACHINE)

ALLOWED: dict[Status, set[str]] = {
    "absent": {"Submit"},
    "scheduled": {"BecomeDue", "Cancel", "Expire", "ShutdownCancel", "DeadlinePasses"},
    "queued": {"Start", "Cancel", "Expire", "ShutdownCancel", "DeadlinePasses"},
    "retrying": {"BecomeDue", "Cancel", "Expire", "ShutdownCancel", "DeadlinePasses"},
    "running": {
        *("TimeOutRetry", "TimeOut", "Complete", "AcknowledgeCancel", "Retry", "Fail"),
        *("RequestCancel", "Abandon", "DeadlinePasses", "AttemptTimeoutPasses"),
    },
    "completed": {"Evict"},
    "failed": {"Evict"},
    "cancelled": {"Evict"},
    "timed_out": {"Evict"},
    "abandoned": {"LateReturn", "Evict"},
}
"""By status, the actions that can ever happen to a task.  Five statuses are final, and say so."""

ANYWHERE = {"Attach", "Reject", "PermitAccrues"}
PHASE_ACTIONS: dict[Phase, set[str]] = {
    "open": {
        *ANYWHERE,
        *("BeginDrain", "StopNow", "Pause", "Resume", "Resize", "SetRate", "SetWeight", "SetRetention"),
    },
    "draining": {*ANYWHERE, "BeginDrain", "StopNow", "DrainDeadline", "Stopped"},
    "stopping": {*ANYWHERE, "GraceSpent", "Stopped"},
    "stopped": ANYWHERE,
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


def arguments_of(action: Action) -> tuple[object, ...]:
    """What an action may be told; of numbers, those that mean something here."""
    return (0, 1, 2) if action.arguments is None else action.arguments


@pytest.mark.parametrize("action", TASK_ACTIONS, ids=label)
def test_an_action_happens_in_its_statuses_and_in_no_other(action: Action) -> None:
    """Over every reachable state: possible somewhere if allowed, refused everywhere if not."""
    happened = set()
    for state in GRAPH.states:
        worker, tasks = MACHINE.unpack(state)
        for task in tasks:
            if any(action.refusal(worker, task, argument) is None for argument in arguments_of(action)):  # type: ignore[arg-type]
                happened.add(task.status)
        assert pack(worker, tasks) == state
    assert happened == {status for status in STATUSES if action.name in ALLOWED[status]}


@pytest.mark.parametrize("action", WORKER_ACTIONS, ids=label)
def test_an_action_of_the_worker_happens_in_its_phases_and_in_no_other(action: Action) -> None:
    """Over every reachable state, with every argument."""
    happened = set()
    for state in GRAPH.states:
        worker, _ = MACHINE.unpack(state)
        if any(action.refusal(worker, TaskRecord(0), argument) is None for argument in arguments_of(action)):  # type: ignore[arg-type]
            happened.add(state.phase)
    assert happened == {phase for phase in PHASES if action.name in PHASE_ACTIONS[phase]}


def test_an_argument_that_is_none_of_a_rows_is_refused() -> None:
    """By naming those that it has."""
    worker = WorkerRecord.fresh(CONFIG)
    refusal = ACTIONS["BeginDrain"].refusal(worker, TaskRecord(0), "pause")
    assert refusal == "the argument is one of finish, cancel"
    assert ACTIONS["Resize"].refusal(worker, TaskRecord(0), "two") == "the argument is a number"
    assert ACTIONS["Resize"].refusal(worker, TaskRecord(0), -1) == "the argument is a number"
    assert ACTIONS["Resize"].refusal(worker, TaskRecord(0), 0) == "it is another number of threads"
    assert ACTIONS["Pause"].refusal(worker, TaskRecord(0), 2) == "it is the worker or a queue"


def test_exactly_one_row_applies_to_a_function_that_came_back() -> None:
    """In every reachable state, for each running task and each way of coming back."""
    rows = [action for action in ACTIONS.values() if action.is_outcome]
    seen: dict[str, set[Outcome]] = {row.name: set() for row in rows}
    for state in GRAPH.states:
        worker, tasks = MACHINE.unpack(state)
        for task in tasks:
            if task.status == "running":
                for outcome in outcomes(task):
                    [row] = [row for row in rows if row.refusal(worker, task, outcome) is None]
                    seen[row.name].add(outcome)
    assert all(seen.values())
    assert {outcome.kind for outcome in seen["TimeOut"]} == {"returned", "raised"}
    assert {outcome.next for outcome in seen["Retry"]} == {"before"}


SUMS = ("waiting", "live", "retained", "threads_taken", "admitted", "running_in", "running_with", "keys")


def test_the_sums_that_the_rule_keeps_are_the_sums_over_the_tasks() -> None:
    """Each effect, applied in place, leaves the same record as one built afresh from the state."""
    for state in sorted(GRAPH.states, key=repr)[::7]:
        for action, position in product(ACTIONS.values(), range(len(MACHINE.terms))):
            for argument in arguments_of(action):
                worker, tasks = MACHINE.unpack(state)
                task = tasks[position] if action.of == "task" else TaskRecord(0)
                if action.refusal(worker, task, argument) is None:  # type: ignore[arg-type]
                    action.apply(worker, task, argument)  # type: ignore[arg-type]
                    afresh, others = MACHINE.unpack(pack(worker, tasks))
                    for field in SUMS:
                        assert getattr(worker, field) == getattr(afresh, field), (action.name, field)
                    turns = [worker.is_next(one) for one in tasks]
                    assert turns == [afresh.is_next(one) for one in others], action.name


def test_a_copy_of_the_record_is_its_own() -> None:
    """What is done to the one is not done to the other."""
    worker, tasks = MACHINE.unpack(MACHINE.initial())
    ACTIONS["Submit"].apply(worker, tasks[1], None)
    before = pack(worker, tasks)
    other, task = worker.bare(), tasks[1].copy()
    ACTIONS["Start"].apply(other, task, None)
    ACTIONS["Pause"].apply(other, task, 0)
    ACTIONS["Resize"].apply(other, task, 2)
    assert pack(worker, tasks) == before
    assert worker.live == worker.waiting == worker.keys["k"] == 1
    assert worker.is_next(tasks[1])


def test_the_most_urgent_that_may_start_is_next() -> None:
    """One that is overdue, or whose concurrency key is at its cap, stands in nobody's way."""
    config = Config(threads=3, queue_max=None, per_key=1)
    worker = WorkerRecord.fresh(config)
    terms = (
        Terms(priority=1),
        Terms(priority=0, concurrency_key="c"),
        Terms(priority=0, concurrency_key="c"),
        Terms(priority=0, deadline=True),
        Terms(priority=0),
    )
    tasks = [TaskRecord(number, each) for number, each in enumerate(terms, start=1)]
    for task in tasks:
        ACTIONS["Submit"].apply(worker, task, None)

    def turns() -> list[int]:
        return [task.number for task in tasks if task.status == "queued" and worker.is_next(task)]

    assert turns() == [2]
    ACTIONS["Start"].apply(worker, tasks[1], None)
    assert turns() == [4]
    ACTIONS["DeadlinePasses"].apply(worker, tasks[3], None)
    assert turns() == [5]
    ACTIONS["Start"].apply(worker, tasks[4], None)
    assert turns() == [1]
    assert turns() == [1]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("Submit"), st.integers(0, 3), st.sampled_from([None, "c", "d"])),
            st.tuples(
                st.sampled_from(
                    ["Start", "Start", "Retry", "BecomeDue", "Complete", "Cancel", "DeadlinePasses"]
                ),
                st.integers(0, 20),
                st.none(),
            ),
        ),
        max_size=120,
    ),
    st.sampled_from([1, 2, None]),
)
def test_the_order_is_that_of_all_tasks_that_wait(
    steps: list[tuple[str, int, str | None]], per_key: int | None
) -> None:
    """However it was kept: the least of those that may start, looked for afresh after each step."""
    worker = WorkerRecord.fresh(Config(threads=9, queue_max=None, max_retries=9, per_key=per_key))
    tasks: list[TaskRecord] = []
    for name, number, key in steps:
        if name == "Submit":
            terms = Terms(priority=number, concurrency_key=key, deadline=True)
            tasks.append(TaskRecord(len(tasks) + 1, terms))
            ACTIONS["Submit"].apply(worker, tasks[-1], None)
        elif tasks:
            action, task = ACTIONS[name], tasks[number % len(tasks)]
            argument = TOLD.get(name)
            if action.refusal(worker, task, argument) is None:
                action.apply(worker, task, argument)
        may = [
            task for task in tasks if task.status == "queued" and not task.overdue and _has_key(worker, task)
        ]
        first = min(may, key=lambda task: (task.terms.priority, task.number), default=None)
        assert [task for task in tasks if worker.is_next(task)] == ([] if first is None else [first])
        assert worker.can_give(1) == (first is not None and worker.threads_taken < 9)
        order = worker.orders.get(1)
        assert order is None or len(order.heap) + sum(map(len, order.aside.values())) == order.size


TOLD: dict[str, Argument] = {
    "Retry": Outcome("raised", True),
    "Complete": Outcome("returned"),
    "Cancel": "user",
}


def _has_key(worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether the concurrency key is under its cap."""
    cap, key = worker.config.per_key, task.terms.concurrency_key
    return cap is None or key is None or worker.running_with.get(key, 0) < cap


def test_one_that_was_brought_back_and_left_is_followed_by_the_next_behind_its_key() -> None:
    """Two wait behind a key; its task ends, and the first of the two is cancelled before it surfaces."""
    worker = WorkerRecord.fresh(Config(threads=9, queue_max=None, per_key=1))
    tasks = [TaskRecord(number, Terms(concurrency_key="c")) for number in (1, 2, 3)]
    tasks.append(TaskRecord(4, Terms(priority=9)))
    for task in tasks:
        ACTIONS["Submit"].apply(worker, task, None)
    ACTIONS["Start"].apply(worker, tasks[0], None)
    assert worker.is_next(tasks[3])
    ACTIONS["Complete"].apply(worker, tasks[0], Outcome("returned"))
    ACTIONS["Cancel"].apply(worker, tasks[1], "user")
    assert worker.is_next(tasks[2])


def test_the_order_keeps_no_more_than_twice_what_waits() -> None:
    """And a few: what has gone without surfacing is thrown away, aside or not."""
    worker = WorkerRecord.fresh(Config(threads=9, queue_max=None, per_key=1))
    first = TaskRecord(1, Terms(concurrency_key="c"))
    ACTIONS["Submit"].apply(worker, first, None)
    ACTIONS["Start"].apply(worker, first, None)
    for number in range(2, 200):
        task = TaskRecord(number, Terms(concurrency_key="c"))
        ACTIONS["Submit"].apply(worker, task, None)
        assert not worker.is_next(task)
        ACTIONS["Cancel"].apply(worker, task, "user")
    assert worker.orders[1].size < 30


def test_what_is_said_queue_by_queue_is_what_is_said_of_all() -> None:
    """If it is the same: the graphs are equal.  If it is not, each queue has its own."""
    terms = (Terms(queue=1), Terms(queue=1), Terms(queue=2))
    alike = Config(threads=2, queue_max=None, queues=2, queue_burst=2, per_queue=1)
    each = Config(threads=2, queue_max=None, queues=2, queue_bursts=(2, 2), queue_caps=(1, 1))
    assert walk(Lifecycle(alike, terms)).edges == walk(Lifecycle(each, terms)).edges
    other = Config(threads=3, queue_max=None, queues=2, queue_bursts=(None, 1), queue_caps=(1, None))
    states = walk(Lifecycle(other, terms)).states
    assert {state.queue_permits for state in states} == {(0, 0), (0, 1)}
    assert not any(state.status[:2] == ("running", "running") for state in states)
    assert any(state.status[1:] == ("running", "running") for state in states)


def test_the_terms_of_a_task_may_say_how_often_it_is_retried() -> None:
    """And whether after a timeout: else it is as the worker was built."""
    worker = WorkerRecord.fresh(Config(threads=9, queue_max=None, max_retries=1, retry_timeouts=True))
    outcome = Outcome("raised", True)

    def after(terms: Terms, *, late: bool) -> set[str]:
        task = TaskRecord(1, terms, "running", 1, executing=1, attempt_over=late)
        return {
            row.name for row in ACTIONS.values() if row.is_outcome and not row.refusal(worker, task, outcome)
        }

    assert after(Terms(), late=False) == {"Retry"}
    assert after(Terms(max_retries=0), late=False) == {"Fail"}
    assert after(Terms(max_retries=2), late=False) == {"Retry"}
    assert after(Terms(), late=True) == {"TimeOutRetry"}
    assert after(Terms(max_retries=0), late=True) == {"TimeOut"}
    assert after(Terms(retry_timeouts=False), late=True) == {"TimeOut"}


def test_a_task_that_is_cancelled_while_it_waits_for_a_permit_in_a_drain() -> None:
    """The question that the module's docstring answers: at once, in any phase, and no permit is lost."""
    waits = [
        state
        for state in GRAPH.states
        if state.phase == "draining" and state.pending == "finish" and state.permits == 0
        for status, overdue in zip(state.status, state.overdue, strict=True)
        if status == "queued" and not overdue
    ]
    assert waits
    for state in waits:
        found = [(label, after) for label, after in MACHINE.successors(state) if label == "Cancel"]
        assert found
        for _, after in found:
            assert "cancelled" in after.status
            assert set(after.reason) & {"user", "parent"}
            assert (after.permits, after.queue_permits) == (state.permits, state.queue_permits)


def test_a_terminal_status_is_left_only_to_be_forgotten() -> None:
    """LC-2, over every edge of the graph."""
    for before, label, after in GRAPH.edges:
        for old, new in zip(before.status, after.status, strict=True):
            assert old not in TERMINAL or new == old or (label, new) == ("Evict", "absent")


def test_a_negated_guard_says_so() -> None:
    """Its sentence is what a refusal prints."""
    guard = Guard("it rains", lambda w, t, x: False, "it is dry")
    assert ((~guard).sentence, (~~guard).sentence) == ("it is dry", "it rains")
    assert (~guard).test(WorkerRecord.fresh(CONFIG), TaskRecord(1), None)
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
        assert pack(*MACHINE.unpack(state)) == state


def test_the_search_reaches_every_status_and_phase() -> None:
    """And nothing follows from a stopped worker but refusals, late returns and forgetting."""
    assert {status for state in GRAPH.states for status in state.status} == set(STATUSES)
    assert {state.phase for state in GRAPH.states} == set(PHASES)
    assert GRAPH.initial == {MACHINE.initial()}
    last = {label for before, label, _ in GRAPH.edges if before.phase == "stopped"}
    assert last == {"RejectClosed", "RejectKeyConflict", "Attach", "LateReturn", "Evict", "PermitAccrues"}


def test_a_worker_without_a_limit_never_says_full() -> None:
    """queue_max None is no limit."""
    machine = Lifecycle(Config(threads=1, queue_max=None), (Terms(), Terms()))
    assert not any(edge[1] == "RejectFull" for edge in walk(machine).edges)


def test_successors_of_the_initial_state() -> None:
    """Read aloud: a new worker may accept a task, be operated, or be told to drain or to stop."""
    initial = MACHINE.initial()
    operations = ["Pause", "Resize", "SetRate", "SetRetention", "SetWeight"]
    assert sorted({name for name, _ in MACHINE.successors(initial)}) == sorted(
        ["BeginDrain", "StopNow", "Submit", *operations]
    )
    assert isinstance(initial, State)
