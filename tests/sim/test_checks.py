"""The checks: each holds for a sound run, and each is broken by the very thing it is there for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jurat_sim import checks
from jurat_sim.bench import Bench
from jurat_sim.build import load
from jurat_sim.checks import Checks, check
from jurat_sim.pool import Pool
from jurat_sim.randomness import seed_of
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.stage import Stage, Submission, Witnessed
from jurat_sim.strategies import RandomWalk, RunToBlock
from jurat_spec.lifecycle import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jurat_sim.findings import Finding
    from jurat_sim.scenarios import Scenario


@pytest.fixture(params=list(SCENARIOS.values()), ids=list(SCENARIOS))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A sound run of each scenario, over and not yet closed."""
    yield from _ran(request.param)


@pytest.fixture
def drained() -> Iterator[Stage]:
    """The run in which a task is abandoned and comes back late."""
    yield from _ran(SCENARIOS["drain_with_stuck_task"])


@pytest.fixture
def told() -> Iterator[Stage]:
    """The run in which three subscribers listen, of which the third leaves early."""
    yield from _ran(SCENARIOS["results_race"])


def _ran(scenario: Scenario) -> Iterator[Stage]:
    runtime = BenchRuntime(RunToBlock(), Pool(), seed=seed_of(scenario.name), **scenario.clock)
    stage = Stage(load().package, runtime)
    scenario.describe(stage)
    runtime.run()
    yield stage
    runtime.close()


def _properties(findings: list[Finding]) -> set[str]:
    return {finding.property for finding in findings}


def test_a_sound_run_has_no_finding(stage: Stage) -> None:
    """Neither a scenario nor a check complains of the shipped worker."""
    assert check(stage) == []


def test_a_sound_run_is_judged_on_something(stage: Stage) -> None:
    """No check passes for want of matter: there are events, entries, handles and a closed shutdown.

    Where the default order stops a worker before its threads have run, tasks end without having run,
    or are refused.
    """
    assert check(stage) == []
    assert len(stage.log) > 3
    assert stage.witness or any(
        event[1] in ("Cancel", "ShutdownCancel", "Expire", "Reject") for event in stage.log
    )
    assert any(it.handle is not None or it.refusal is not None for it in stage.submissions)
    assert stage.closings


# What is done to a run, and the property that must then be broken.


def _find(stage: Stage, action: str) -> int:
    return next(place for place, event in enumerate(stage.log) if event[1] == action)


def _drop_event(action: str) -> Callable[[Stage], None]:
    def tamper(stage: Stage) -> None:
        del stage.log[_find(stage, action)]

    return tamper


def _enter_twice(stage: Stage) -> None:
    stage.witness.insert(0, stage.witness[0])


def _enter_once_more(stage: Stage) -> None:
    first = next(seen for seen in stage.witness if seen.what == "returned")
    stage.witness += [Witnessed(first.ticket, "entered", "worker-0"), first]


def _never_enter(stage: Stage) -> None:
    ticket = stage.witness[0].ticket
    stage.witness[:] = [seen for seen in stage.witness if seen.ticket != ticket]


def _raise_instead(stage: Stage) -> None:
    complete = stage.log[_find(stage, "Complete")][2]
    ticket = next(s.ticket for s in stage.submissions if s.handle is not None and s.handle.number == complete)
    place = next(
        i for i, seen in enumerate(stage.witness) if (seen.ticket, seen.what) == (ticket, "returned")
    )
    stage.witness[place] = stage.witness[place]._replace(what="raised")


class _Handle:
    """A handle that says other things."""

    def __init__(self, handle: Any, **said: Any) -> None:
        self._handle = handle
        self._said = said

    def __getattr__(self, name: str) -> Any:
        return self._said[name] if name in self._said else getattr(self._handle, name)


def _saying(**said: Any) -> Callable[[Stage], None]:
    def tamper(stage: Stage) -> None:
        submission = next(s for s in stage.submissions if s.handle is not None)
        submission.handle = _Handle(submission.handle, **said)

    return tamper


def _keep_the_function(stage: Stage) -> None:
    submission = next(s for s in stage.submissions if s.handle is not None and s.handle.status == "completed")
    submission.handle = _Handle(submission.handle, _function=print)


def _lose_handle(stage: Stage) -> None:
    stage.submissions[0].handle = None


def _reporting(**said: Any) -> Callable[[Stage], None]:
    def tamper(stage: Stage) -> None:
        stage.closings[0].shutdown = _Handle(stage.closings[0].shutdown, **said)

    return tamper


def _report_nobody(stage: Stage) -> None:
    report = replace(stage.closings[0].shutdown.report(), abandoned=())
    _reporting(report=lambda: report)(stage)


def _leave_thread(stage: Stage) -> None:
    stage.closings[0].left = ("worker-1",)


def _time_out(stage: Stage) -> None:
    stage.closings[0].finished = False


def _cut_before(action: str) -> Callable[[Stage], None]:
    def tamper(stage: Stage) -> None:
        del stage.log[_find(stage, action) :]

    return tamper


def _refuse_otherwise(stage: Stage) -> None:
    next(s for s in stage.submissions if s.refusal is not None).refusal = "QueueFull"


def _hold(stage: Stage) -> None:
    stage.held.append("a function, on worker-0")


def _stuck(stage: Stage) -> None:
    stage.runtime.ending = Ending.STUCK


def _misused(stage: Stage) -> None:
    stage.runtime.ending = Ending.MISUSE


def _bounded(stage: Stage) -> None:
    stage.runtime.ending = Ending.STEP_BOUND


REFUSED = ACTIONS["Reject"].guards[0].sentence
ITS_TURN = ACTIONS["Start"].guards[-1].sentence


def _die(stage: Stage) -> None:
    stage.runtime.threads[0].error = SystemExit()


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_drop_event("Init"), "conformance: Submit: the first event is Init"),
        (
            _drop_event("BeginDrain"),
            f"conformance: Reject: {REFUSED}",
        ),
        (
            _drop_event("Start"),
            f"conformance: Start: {ITS_TURN}",
        ),
        (_misused, "misuse"),
        (_hold, "lock: not held across user code"),
        (_die, "exception: SystemExit"),
        (_stuck, "stuck"),
        (_bounded, "step bound"),
        (_enter_twice, "witness: one execution at a time"),
        (_enter_once_more, "witness: as many entries as starts"),
        (_never_enter, "witness: as many entries as starts"),
        (_raise_instead, "witness: outcomes as recorded"),
        (_lose_handle, "handles: every accepted task has one"),
        (_saying(status="queued"), "handles: status and attempts"),
        (_saying(attempts=2), "handles: status and attempts"),
        (_saying(exception=lambda timeout: ValueError()), "handles: result"),
        (_saying(cancel_reason="parent"), "handles: reason"),
        (_saying(_started_ns=99), "handles: instants"),
        (_saying(_ended_ns=0), "handles: instants"),
        (_keep_the_function, "handles: lets go"),
        (_refuse_otherwise, "handles: refusals"),
        (_time_out, "shutdown: done"),
        (_reporting(done=False), "shutdown: done"),
        (_report_nobody, "shutdown: report"),
        (_leave_thread, "shutdown: no thread left"),
        (_cut_before("Stopped"), "shutdown: stopped"),
        (_cut_before("ShutdownCancel"), "shutdown: every task terminal"),
    ],
)
def test_each_check_can_fail(drained: Stage, tamper: Callable[[Stage], None], broken: str) -> None:
    """A run that was tampered with breaks the property that the tampering breaks."""
    judge = Checks()
    assert check(drained) == judge(drained) == []
    tamper(drained)
    assert broken in _properties(check(drained))
    assert broken in _properties(judge(drained))  # which has seen the log before, unless it is the log


def _miscount(stage: Stage) -> None:
    stage.listeners[0].looks[0] = replace(stage.listeners[0].looks[0], dropped=99)


def _forget_what_was_told(stage: Stage) -> None:
    look = stage.listeners[0].looks[0]
    stage.listeners[0].looks[0] = replace(look, published=99, pending=99 - look.delivered - look.dropped)


def _swallow(stage: Stage) -> None:
    del stage.listeners[0].got[0]


def _swap(stage: Stage) -> None:
    stage.listeners[1].got.reverse()


def _repeat(stage: Stage) -> None:
    stage.listeners[1].got.append(stage.listeners[1].got[0])


def _subscribe_earlier(stage: Stage) -> None:
    stage.listeners[2].closed = False
    stage.listeners[2].since = (0, 0)


def _subscribe_later(stage: Stage) -> None:
    stage.listeners[2].since = (len(stage.log), len(stage.log))
    stage.listeners[2].got.clear()


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_miscount, "results: accounting"),
        (_forget_what_was_told, "results: accounting"),
        (_swallow, "results: accounting"),
        (_swap, "results: order"),
        (_repeat, "results: order"),
        (_subscribe_earlier, "results: each terminal task once or counted"),
        (_subscribe_later, "results: each terminal task once or counted"),
    ],
)
def test_each_check_of_results_can_fail(told: Stage, tamper: Callable[[Stage], None], broken: str) -> None:
    """What a subscriber has got, when it subscribed, and what it was told: each matters."""
    judge = Checks()
    assert check(told) == judge(told) == []
    tamper(told)
    assert broken in _properties(check(told))
    assert broken in _properties(judge(told))  # which has seen the log before, unless it is the log


@pytest.fixture
def shared() -> Iterator[Stage]:
    """The run in which two clients submit the same request."""
    yield from _ran(SCENARIOS["keys_race"])


@pytest.fixture
def batched() -> Iterator[Stage]:
    """The run in which a client submits batches, and another looks at the worker."""
    yield from _ran(SCENARIOS["batch_race"])


def _attach_to_another(stage: Stage) -> None:
    attached = next(it for it in stage.submissions if it.attached)
    attached.handle = _Handle(attached.handle, number=99)


def _call_twice(stage: Stage) -> None:
    stage.calls.append(stage.calls[0])


def _never_call(stage: Stage) -> None:
    stage.calls.clear()


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_attach_to_another, "handles: attached"),
        (_call_twice, "callbacks: once each"),
        (_never_call, "callbacks: once each"),
    ],
)
def test_each_check_of_keys_and_callbacks_can_fail(
    shared: Stage, tamper: Callable[[Stage], None], broken: str
) -> None:
    """Who was answered with another's task is known, and so is who was called."""
    judge = Checks()
    assert check(shared) == judge(shared) == []
    tamper(shared)
    assert broken in _properties(check(shared))
    assert broken in _properties(judge(shared))  # which has seen the log before, unless it is the log


def _look_later(stage: Stage) -> None:
    stage.looks[0].since = stage.looks[0].until = 0


def _lose_one_of_a_batch(stage: Stage) -> None:
    next(it for it in stage.batches if it.refusal is None).submissions[0].handle = None


def _count_on(stage: Stage) -> None:
    stage.worker._core.specials += 1


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_look_later, "snapshots: the counts of one instant"),
        (_lose_one_of_a_batch, "batches: all or nothing"),
        (_count_on, "shutdown: nothing waits"),
    ],
)
def test_each_check_of_batches_and_counts_can_fail(
    batched: Stage, tamper: Callable[[Stage], None], broken: str
) -> None:
    """A batch is whole, a snapshot is of its instant, and a stopped worker's own counts are 0."""
    judge = Checks()
    assert check(batched) == judge(batched) == []
    tamper(batched)
    assert broken in _properties(check(batched))
    assert broken in _properties(judge(batched))  # which has seen the log before, unless it is the log


def test_a_stuck_run_is_not_blamed_for_what_it_had_no_time_to_do(drained: Stage) -> None:
    """A start whose function was not entered yet is no disagreement, unless the run is over."""
    _never_enter(drained)
    drained.runtime.ending = Ending.STUCK
    assert _properties(check(drained)) == {"stuck"}


def test_a_thread_that_was_abandoned_is_no_thread_left(drained: Stage) -> None:
    """The function that ignored its context kept its thread, and the thread is named."""
    assert drained.closings[0].left == ("worker-0",)
    assert check(drained) == []


# What the scenarios reach -----------------------------------------------------------------------

REACHED = {
    "submit_races_stop": {
        "Submit", "Reject closed", "Reject full", "Start", "Complete", "Fail", "AcknowledgeCancel", "StopNow",
        "ShutdownCancel", "Stopped",
    },
    "cancel_races_completion": {
        "Start", "Complete", "Fail", "Cancel", "RequestCancel", "AcknowledgeCancel", "BeginDrain",
        "Stopped",
    },
    "work_gets_done": {"Submit", "Start", "Cancel", "Complete", "BeginDrain", "Stopped"},
    "shutdown_races_start": {
        "Start", "Complete", "Cancel", "BeginDrain", "StopNow", "ShutdownCancel", "Stopped",
    },
    "drain_with_stuck_task": {
        "Submit", "Reject closed", "BeginDrain", "DrainDeadline", "StopNow", "ShutdownCancel", "Abandon",
        "LateReturn", "Complete", "Stopped",
    },
    "results_race": {
        "Submit", "Start", "Complete", "Fail", "Cancel", "StopNow", "ShutdownCancel", "Abandon", "LateReturn",
        "Stopped",
    },
    "subscribe_races_stop": {"Submit", "Start", "Complete", "StopNow", "ShutdownCancel", "Stopped"},
    "retries_race": {
        "Reject full", "Start", "Retry", "BecomeDue", "Cancel", "RequestCancel", "AcknowledgeCancel", "Fail",
        "Complete", "BeginDrain", "Stopped",
    },
    "deadlines_race": {
        "Start", "Expire", "TimeOut", "TimeOutRetry", "Retry", "BecomeDue", "Cancel", "RequestCancel",
        "Complete", "Fail", "BeginDrain", "Stopped",
    },
    "limited_starts": {"Submit", "SetRate", "Cancel", "Start", "Complete", "BeginDrain", "Stopped"},
    "queues_race": {
        "Submit", "Pause", "Resume", "SetWeight", "Cancel", "Start", "Complete", "BeginDrain", "Stopped",
    },
    "keys_race": {
        "Submit", "Attach", "Reject key_conflict", "Reject id_used", "Reject closed", "SetRetention", "Evict",
        "Start", "Complete", "Fail", "BeginDrain", "Stopped",
    },
    "resize_race": {"Submit", "Resize", "Start", "Complete", "StopNow", "Stopped"},
    "batch_race": {
        "Submit", "Reject closed", "Reject id_used", "Reject full", "Reject ('full', 2)", "BecomeDue",
        "Cancel", "Expire", "Start", "Complete", "StopNow", "ShutdownCancel", "Stopped",
    },
    "tokens_race": {
        "Submit", "Start", "Cancel", "RequestCancel", "AcknowledgeCancel", "Complete", "StopNow",
        "ShutdownCancel", "Stopped",
    },
    "room_race": {
        "Submit", "Reject full", "Reject closed", "Expire", "Cancel", "Start", "Complete", "TimeOut",
        "BeginDrain", "Stopped",
    },
    "scheduled_drain": {
        "Submit", "Reject closed", "Start", "Retry", "BecomeDue", "Expire", "BeginDrain", "DrainDeadline",
        "ShutdownCancel", "Complete", "Stopped",
    },
    "held_lane": {
        "Submit", "Reject closed", "Pause", "Resume", "SetRate", "Cancel", "Start", "Complete", "BeginDrain",
        "Stopped",
    },
    "answers_race": {
        "Start", "Complete", "Fail", "Cancel", "RequestCancel", "AcknowledgeCancel", "StopNow", "Stopped",
    },
    "alarms_race": {
        "BecomeDue", "Cancel", "Retry", "Fail", "SetRetention", "Evict", "Complete", "BeginDrain", "Stopped",
    },
    "callbacks_race": {"Start", "Complete", "Fail", "BeginDrain", "Stopped"},
    "aside_race": {"Reject ('full', 2)", "Reject full", "Start", "Complete", "BeginDrain", "Stopped"},
    "caps_race": {"Submit", "Start", "Complete", "BeginDrain", "Stopped"},
    "weights_race": {"Pause", "Resume", "SetWeight", "Start", "Complete", "BeginDrain", "Stopped"},
    "limited_on_time": {"Cancel", "Start", "Complete", "BeginDrain", "Stopped"},
    "queues_on_time": {"Start", "Complete", "BeginDrain", "Stopped"},
    "backoff_on_time": {"Start", "Retry", "BecomeDue", "Fail", "BeginDrain", "Stopped"},
    "room_on_time": {"Start", "Cancel", "Expire", "Complete", "BeginDrain", "Stopped"},
    "deadlines_on_time": {"Start", "Expire", "Complete", "BeginDrain", "Stopped"},
    "batch_on_time": {"BecomeDue", "Expire", "Start", "Complete", "BeginDrain", "Stopped"},
    "forgotten_on_time": {"Complete", "Cancel", "Expire", "Fail", "Evict", "BeginDrain", "Stopped"},
    "offers_on_time": {"Start", "Complete", "StopNow", "Stopped"},
    "shutdown_on_time": {"BeginDrain", "DrainDeadline", "Complete", "Abandon", "LateReturn", "Stopped"},
    "maintenance_window": {
        "Submit", "Attach", "Pause", "Resize", "Resume", "Start", "Complete", "Evict", "BeginDrain",
        "Stopped",
    },
    "slow_request_repeated": {
        "Submit", "Attach", "Start", "Retry", "BecomeDue", "Fail", "TimeOut", "Expire", "Complete", "Evict",
        "BeginDrain", "Stopped",
    },
    "duplicates_at_shutdown": {
        "Submit", "Attach", "Reject closed", "Start", "Complete", "Cancel", "RequestCancel", "Evict",
        "BeginDrain", "StopNow", "ShutdownCancel", "Stopped",
    },
    "late_subscriber": {
        "Submit", "Start", "TimeOut", "Expire", "AcknowledgeCancel", "BeginDrain", "StopNow",
        "ShutdownCancel", "Stopped",
    },
    "watched_retries": {
        "Submit", "Start", "Retry", "BecomeDue", "Fail", "Cancel", "RequestCancel", "AcknowledgeCancel",
        "BeginDrain", "Stopped",
    },
    "overload": {
        "Submit", "Start", "Complete", "TimeOut", "Expire", "Resize", "Pause", "Resume", "BeginDrain",
        "Stopped",
    },
    "deploy_while_retrying": {
        "Submit", "Reject closed", "Start", "Retry", "BecomeDue", "Fail", "Resize", "Pause", "BeginDrain",
        "StopNow", "ShutdownCancel", "AcknowledgeCancel", "Stopped",
    },
    "cancel_storm": {
        "Submit", "Start", "BecomeDue", "Cancel", "RequestCancel", "AcknowledgeCancel", "Expire", "Evict",
        "Complete", "BeginDrain", "Stopped",
    },
    "two_operators": {"Submit", "Pause", "Resume", "Resize", "Start", "Complete", "BeginDrain", "Stopped"},
    "expiry_at_the_door": {
        "Submit", "Reject full", "Reject closed", "Expire", "Cancel", "RequestCancel", "Start", "TimeOut",
        "Complete", "BeginDrain", "Stopped",
    },
    "stops_from_everywhere": {
        "Submit", "Attach", "Start", "Complete", "TimeOut", "StopNow", "Resize", "ShutdownCancel",
        "AcknowledgeCancel", "Stopped",
    },
    "submit_or_stop": {"Submit", "Reject closed", "StopNow", "ShutdownCancel", "Stopped"},
    "cancel_or_complete": {"Start", "Complete", "Cancel", "RequestCancel", "Stopped"},
    "complete_or_deadline": {"Start", "Complete", "DrainDeadline", "ShutdownCancel", "Stopped"},
    "attach_or_evict": {"Attach", "Reject closed", "Start", "Complete", "Evict", "Stopped"},
    "pause_or_start": {"Pause", "Start", "Complete", "BeginDrain", "Stopped"},
    "resize_or_stop": {"Resize", "StopNow", "ShutdownCancel", "Stopped"},
    "due_or_drain": {"BecomeDue", "Start", "Complete", "BeginDrain", "ShutdownCancel", "Stopped"},
    "expire_or_cancel": {"Expire", "Cancel", "RequestCancel", "Start", "TimeOut", "Complete", "Stopped"},
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_scenario_reaches_what_its_text_promises(scenario: Scenario) -> None:
    """A few hundred schedules see every event that the scenario is there for, and several orders."""
    seen: set[str] = set()
    with Bench(scenario) as bench:
        walk = RandomWalk(1)
        for number in range(400):
            for _, action, _, _, detail in bench.run(walk, number).log:
                seen.add(f"{action} {detail}" if action == "Reject" else action)
    assert seen >= REACHED[scenario.name]


def test_every_scenario_has_its_list() -> None:
    """A new scenario says what it reaches."""
    assert set(REACHED) == set(SCENARIOS)


def test_a_log_that_was_seen_before_is_replayed_no_more(
    drained: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the very same log, looked at in the same places, and only if it is a behaviour."""
    followed: list[Any] = []
    follow = checks._follow

    def count(*of: Any) -> Any:
        followed.append(of)
        return follow(*of)

    monkeypatch.setattr(checks, "_follow", count)
    judge = Checks()
    assert judge(drained) == judge(drained) == []
    assert len(followed) == 1
    drained.look()  # a snapshot that was taken at the end
    assert judge(drained) == []
    assert len(followed) == 1
    drained.looks[-1].since -= 1  # or before
    assert judge(drained) == []
    assert len(followed) == 2
    at_ns, *event = drained.log[-1]
    drained.log[-1] = (at_ns + 1, *event)
    assert judge(drained) == []
    assert len(followed) == 3
    drained.log[-1] = (True, *event)
    assert judge(drained) != []
    assert judge(drained) != []
    assert len(followed) == 5


def test_what_no_log_may_hold_is_refused_each_time(drained: Stage) -> None:
    """What cannot be written down is not remembered."""
    judge = Checks()
    assert judge(drained) == []
    at_ns, action, task, attempt, _ = drained.log[1]
    drained.log[1] = (at_ns, action, task, attempt, object())
    assert _properties(judge(drained)) == _properties(check(drained)) != set()


@pytest.mark.parametrize("lock", ["lock", "choosing"])
def test_code_of_a_users_that_begins_under_a_lock_is_seen(lock: str) -> None:
    """Either lock of the worker's: a function, and the report of a failure."""
    runtime = BenchRuntime(RunToBlock(), Pool(), seed=1)
    stage = Stage(load().package, runtime)
    worker = stage.build_worker(threads=1)
    worker.start()

    def client() -> None:
        with getattr(worker._core, lock):
            stage._witnessed(Submission(0), lambda _: None)(None)
            worker._core.on_problem("an observer", ValueError())
        stage._witnessed(Submission(0), lambda _: None)(None)
        stage.close(worker.stop_now())

    stage.client("client", client)
    runtime.run()
    runtime.close()
    assert stage.held == ["a function, on client", "the report of a failure, on client"]
