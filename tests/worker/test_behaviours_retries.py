"""Behaviours B15 to B20: what follows a failed attempt, and when.

See `test_behaviours_lifecycle` for what a behaviour is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, actions
from tests.worker.virtual import MS, S, drain, instants, let_pass, play

from jurat import Context, Reason, Retry, Status, TaskCancelled
from jurat._arithmetic import backoff, jittered

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

    from jurat_sim.stage import Stage


HOUR = 3_600


def fail(_: Any) -> NoReturn:
    """Raise."""
    raise ValueError("a task failed")


@pytest.mark.evidence("RT-1", "RL-2")
@pytest.mark.parametrize("retry", [None, Retry(max_retries=0)])
def test_no_retries_is_one_attempt(hire: Hire, retry: Retry | None) -> None:
    """B15: zero, and None, mean one attempt, whatever the worker was built with."""
    worker, log = hire(threads=1, retry=Retry(max_retries=3, delay=0))
    with worker:
        task = worker.submit(fail, retry=retry)
        assert isinstance(task.exception(PATIENCE), ValueError)
        usual = worker.submit(fail)
        assert usual.wait(PATIENCE)
    assert (task.status, task.attempts) == (Status.FAILED, 1)
    assert (usual.status, usual.attempts) == (Status.FAILED, 4)
    assert [event[2] for event in log if event[1] == "Retry"] == [2] * 3


def delays(stage: Stage, number: int = 1) -> list[int]:
    """How long each retry of a task came after the failure before it."""
    failed = instants(stage, "Retry", number)
    return [start - at for at, start in zip(failed, instants(stage, "Start", number)[1:], strict=True)]


def schedule(retry: dict[str, Any], *, seed: int = 0) -> Stage:
    """A run in which two tasks fail as often as they may."""

    def describe(stage: Stage) -> None:
        policy = stage.jurat.Retry(**retry)
        worker = stage.build_worker(threads=2, seed=seed, retry=policy)
        for _ in range(2):
            stage.submit(fail)
        worker.start()
        drain(stage)

    return play(describe)


@pytest.mark.evidence("RT-1", "RT-2")
def test_the_delays_are_exactly_those_of_the_formula() -> None:
    """B16: at most n + 1 attempts, after min(cap, delay * 2 ** i), to the nanosecond."""
    stage = schedule({"max_retries": 6, "delay": 0.000_000_003, "cap": 0.000_000_040, "jitter": 0})
    assert [task.handle.attempts for task in stage.submissions] == [7, 7]
    assert delays(stage) == [3, 6, 12, 24, 40, 40]


@pytest.mark.evidence("RT-2")
def test_jitter_stays_within_its_bounds_and_follows_the_seed() -> None:
    """B16: between d (1 - j) and d; the same seed gives the same schedule, another seed or task another."""
    retry = {"max_retries": 5, "delay": 1, "cap": 8, "jitter": 0.25}
    stage = schedule(retry, seed=7)
    whole = [S, 2 * S, 4 * S, 8 * S, 8 * S]
    for number in (1, 2):
        assert all(0.75 * d <= it <= d for it, d in zip(delays(stage, number), whole, strict=True))
    assert delays(schedule(retry, seed=7)) == delays(stage)
    assert delays(schedule(retry, seed=8)) != delays(stage) != delays(stage, 2)


@pytest.mark.evidence("RT-2")
def test_no_number_of_attempts_overflows_the_delay() -> None:
    """B16: the millionth million of retries waits the cap, and the answer comes at once."""
    assert backoff(10**12, S, 2**63 - 1) == 2**63 - 1
    assert backoff(10**12, 0, S) == 0
    assert jittered(2**63 - 1, 10**9, 10**9 - 1, 10**9) >= 0


@pytest.mark.evidence("RT-3", "SD-4")
@pytest.mark.parametrize("ending", ["cancel", "token", "drain, cancelling", "stop"])
def test_a_task_that_backs_off_ends_at_once_when_it_is_to_end(ending: str) -> None:
    """B17: cancelled, or stopped, an hour before its next attempt: it ends at that very instant."""

    def describe(stage: Stage) -> None:
        retry = stage.jurat.Retry(max_retries=1, delay=3_600, jitter=0)
        worker = stage.build_worker(threads=1, retry=retry)
        token = stage.jurat.Token()
        task = stage.submit(fail, parent=token)
        worker.start()

        def closer() -> None:
            let_pass(stage, 5 * MS + 1)
            if ending == "cancel":
                task.handle.cancel()
            elif ending == "token":
                token.cancel()
            shutdown = worker.stop_now() if ending == "stop" else worker.drain(pending="cancel")
            assert task.handle.wait()
            stage.close(shutdown)

        stage.client("closer", closer)

    stage = play(describe)
    task = stage.submissions[0].handle
    reason = {"cancel": Reason.USER, "token": Reason.PARENT}.get(ending, Reason.SHUTDOWN)
    problem = task.exception(0)
    assert isinstance(problem, TaskCancelled)
    assert (problem.reason, type(problem.__cause__), task.attempts) == (reason, ValueError, 1)
    action = "ShutdownCancel" if reason is Reason.SHUTDOWN else "Cancel"
    assert instants(stage, action) == [5 * MS + 1] == instants(stage, "Stopped")


@pytest.mark.evidence("RT-3", "TC-4")
@pytest.mark.parametrize(("deadline", "attempts"), [(1.0, 1), (1.000_000_001, 2)])
def test_no_task_backs_off_beyond_its_deadline(deadline: float, attempts: int) -> None:
    """B17: if the next attempt were at its deadline or later, the task fails at once, with its own error."""

    def describe(stage: Stage) -> None:
        retry = stage.jurat.Retry(max_retries=9, delay=1, jitter=0)
        worker = stage.build_worker(threads=1, retry=retry)
        stage.submit(fail, deadline=deadline)
        worker.start()
        drain(stage)

    stage = play(describe)
    task = stage.submissions[0].handle
    assert (task.status, task.attempts) == ("failed", attempts)
    assert instants(stage, "Fail") == [(attempts - 1) * S]


@pytest.mark.evidence("RT-1", "RT-3")
def test_a_retry_that_comes_due_while_the_queue_is_full_is_not_lost() -> None:
    """B18: it is queued all the same, with its error, and has its attempt when a thread is free."""
    tries: list[int] = []

    def describe(stage: Stage) -> None:
        def flaky(context: Any) -> None:
            tries.append(stage.runtime.now_ns)
            if context.attempt == 1:
                context.sleep(1)
                fail(context)

        retry = stage.jurat.Retry(max_retries=1, delay=1, jitter=0)
        worker = stage.build_worker(threads=1, queue_max=1)
        stage.submit(flaky, retry=retry)
        worker.start()

        def client() -> None:
            let_pass(stage, S // 2)
            stage.submit(lambda context: context.sleep(5))
            let_pass(stage, S)
            assert stage.submit(lambda _: None).refusal == "QueueFull"
            let_pass(stage, 2 * S)
            first = stage.submissions[0].handle
            assert (first.status, type(first._error)) == ("queued", ValueError)
            assert stage.submit(lambda _: None).refusal == "QueueFull"
            stage.close(worker.drain())

        stage.client("client", client)

    stage = play(describe)
    assert instants(stage, "BecomeDue") == [2 * S]
    assert tries == [0, 6 * S]
    assert [it.handle.status for it in stage.submissions if it.handle] == ["completed"] * 2


@pytest.mark.evidence("RT-2", "RT-3")
def test_a_task_that_backs_off_holds_nothing() -> None:
    """B19: one thread, a cap of one for its queue and its key, one permit: all free while it waits."""
    started: list[int] = []

    def describe(stage: Stage) -> None:
        def note(_: Any) -> None:
            started.append(stage.runtime.now_ns)

        jurat = stage.jurat
        limit = jurat.RateLimit(1, per=1, burst=1)
        worker = stage.build_worker(threads=1, queues=[jurat.Queue("narrow", cap=1)], rate=limit)
        how = {"queue": "narrow", "concurrency_key": "k"}
        stage.submit(fail, retry=jurat.Retry(max_retries=1, delay=HOUR, cap=HOUR, jitter=0), **how)
        for _ in range(3):
            stage.submit(note, **how)
        worker.start()
        drain(stage)

    stage = play(describe)
    assert started == [S, 2 * S, 3 * S]
    assert instants(stage, "Start", 1) == [0, HOUR * S]


def leave(_: Context) -> NoReturn:
    """Try to end the thread."""
    raise SystemExit


@pytest.mark.evidence("RT-1")
@pytest.mark.parametrize(
    ("function", "policy", "attempts"),
    [
        (fail, {}, 3),
        (fail, {"on": (KeyError, OSError)}, 1),
        (fail, {"on": (KeyError, ValueError)}, 3),
        (fail, {"never": ValueError}, 1),
        (fail, {"on": ValueError, "never": (KeyError, Exception)}, 1),
        (fail, {"on": lambda error: isinstance(error, KeyError)}, 1),
        (fail, {"on": lambda error: "failed" in str(error)}, 3),
        (leave, {}, 1),
        (leave, {"on": BaseException}, 1),
        (leave, {"on": lambda _: True}, 1),
    ],
)
def test_what_is_not_retryable_is_not_retried(
    hire: Hire, function: Any, policy: dict[str, Any], attempts: int
) -> None:
    """B20: by type, by exclusion, by a function's word; and never what would end a thread."""
    worker, log = hire(threads=1)
    with worker:
        task = worker.submit(function, retry=Retry(max_retries=2, delay=0, **policy))
        assert task.wait(PATIENCE)
    assert (task.status, task.attempts) == (Status.FAILED, attempts)
    assert actions(log).count("Fail") == 1
