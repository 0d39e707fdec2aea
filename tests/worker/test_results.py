"""The fan-out: each subscriber gets every result, in order, or finds it counted.

A subscription that is made after another one is published to after it.  So who has got a task from
the second, the *ear*, knows that it was published to the first: nothing here sleeps or guesses.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.worker.conftest import PATIENCE, Meeting

from jurat import (
    Accounts,
    Context,
    InvalidArgument,
    QueueFull,
    Status,
    Subscription,
    Task,
    ThreadsUnavailable,
    Worker,
)
from jurat._results import FRONT
from jurat._runtime import REAL, RealRuntime

if TYPE_CHECKING:
    from types import FrameType

    from tests.worker.conftest import Hire

LONG = 3_600.0
"""A bound, in seconds, that is never spent in a test."""

EACH_POLICY: list[dict[str, Any]] = [
    {"policy": "drop_oldest"},
    {"policy": "drop_newest"},
    {"policy": "block", "timeout": LONG},
]
each_policy = pytest.mark.parametrize("how", EACH_POLICY, ids=[how["policy"] for how in EACH_POLICY])


def nothing(_: Context) -> None:
    """Do nothing."""


def fail(_: Context) -> NoReturn:
    """Raise."""
    raise ValueError("a secret")


def double(_: Context, number: int) -> int:
    """Return twice the number."""
    return 2 * number


def lawful(accounts: Accounts) -> bool:
    """The law of section 2."""
    return accounts.delivered + accounts.dropped + accounts.pending == accounts.published


def run(worker: Worker, ear: Subscription, number: int) -> list[Task[None]]:
    """Run so many tasks, and wait until each was published to whoever subscribed before the ear."""
    tasks = [worker.submit(nothing) for _ in range(number)]
    for _ in tasks:
        assert ear.get(PATIENCE) is not None
    return tasks


@pytest.mark.evidence("RS-1")
@each_policy
def test_each_subscriber_gets_every_result_in_order_and_then_the_end(hire: Hire, how: dict[str, Any]) -> None:
    """Three subscribers, one before the start: the same tasks for each, in order of end, none twice."""
    worker, log = hire(threads=3)
    subscriptions = [worker.subscribe(**how)]
    worker.start()
    subscriptions += [worker.subscribe(**how) for _ in range(2)]
    tasks = [worker.submit(double, number) for number in range(100)]
    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(list, subscription) for subscription in subscriptions]
        assert worker.drain().wait(PATIENCE)
        got = [stream.result(PATIENCE) for stream in streams]
    assert [task.number for task in got[0]] == [event[2] for event in log if event[1] == "Complete"]
    assert got[0] == got[1] == got[2]
    assert sorted(task.result(0) for task in got[0]) == [2 * number for number in range(100)]
    assert set(got[0]) == set(tasks)
    for subscription in subscriptions:
        assert subscription.ended
        assert subscription.accounts() == Accounts(
            published=100, delivered=100, dropped=0, pending=0, withdrawn=0
        )


@pytest.mark.evidence("RS-2")
@pytest.mark.parametrize(("policy", "kept"), [("drop_oldest", slice(-3, None)), ("drop_newest", slice(3))])
def test_who_drops_keeps_the_newest_or_the_oldest_and_counts(hire: Hire, policy: Any, kept: slice) -> None:
    """Of ten results, a buffer of three: seven are dropped, and the stop waits for nobody."""
    worker, _ = hire(threads=1)
    subscription = worker.subscribe(size=3, policy=policy)
    tasks = [worker.submit(nothing) for _ in range(10)]
    worker.start()
    assert worker.drain().wait(PATIENCE)
    assert (subscription.published, subscription.pending, subscription.dropped) == (10, 3, 7)
    assert not subscription.ended
    assert list(subscription) == tasks[kept]
    assert (subscription.delivered, subscription.dropped, subscription.pending) == (3, 7, 0)


@pytest.mark.evidence("RS-2")
def test_who_blocks_gets_everything_if_it_reads_in_time(hire: Hire) -> None:
    """A buffer of one, a long bound, 500 results, read while they come and after the stop began."""
    worker, _ = hire(threads=2)
    subscription = worker.subscribe(size=1, policy="block", timeout=LONG)
    tasks = [worker.submit(nothing) for _ in range(500)]
    worker.start()
    shutdown = worker.drain()
    got = [subscription.get(PATIENCE) for _ in range(250)]
    assert lawful(subscription.accounts())
    while len(got) < 500:
        got += subscription.collect(PATIENCE, most=7)
    assert set(got) == set(tasks)
    assert shutdown.wait(PATIENCE), "the last offer was taken, and nothing holds the stop"
    assert subscription.get() is None
    assert subscription.dropped == 0


@pytest.mark.evidence("RS-2")
def test_a_subscriber_that_blocks_holds_up_nobody_else(hire: Hire) -> None:
    """What it does not read is in flight; others have theirs at once, and the tasks have run."""
    worker, _ = hire(threads=1)
    worker.start()
    slow = worker.subscribe(size=2, policy="block", timeout=LONG)
    ear = worker.subscribe()
    tasks = run(worker, ear, 50)
    assert slow.accounts() == Accounts(published=50, delivered=0, dropped=0, pending=50, withdrawn=0)
    assert slow.collect() == tasks
    assert slow.delivered == 50


@pytest.mark.evidence("RS-2")
@pytest.mark.evidence("SD-4")
@pytest.mark.parametrize("bound", [0, 0.01])
def test_what_has_waited_its_bound_is_dropped_and_a_stop_waits_no_longer(hire: Hire, bound: float) -> None:
    """Nobody reads: of twenty, two are in the buffer and the rest is counted, and the stop is over."""
    worker, _ = hire(threads=2)
    subscription = worker.subscribe(size=2, policy="block", timeout=bound)
    for _ in range(20):
        worker.submit(nothing)
    worker.start()
    shutdown = worker.drain()
    assert shutdown.wait(PATIENCE)
    assert shutdown.done
    assert subscription.accounts() == Accounts(published=20, delivered=0, dropped=18, pending=2, withdrawn=0)
    assert len(list(subscription)) == 2


def test_a_stop_is_not_done_before_every_result_is_offered(hire: Hire) -> None:
    """An offer in flight holds it, up to its bound; closing the subscription withdraws the offer."""
    worker, _ = hire(threads=1)
    worker.start()
    slow = worker.subscribe(size=1, policy="block", timeout=LONG)
    ear = worker.subscribe()
    run(worker, ear, 3)
    shutdown = worker.stop_now()
    assert list(ear) == []
    assert not shutdown.done
    slow.close()
    assert shutdown.wait(PATIENCE)
    assert slow.accounts() == Accounts(published=0, delivered=0, dropped=0, pending=0, withdrawn=3)


@pytest.mark.evidence("RS-2")
@each_policy
@pytest.mark.parametrize("size", [1, 5])
def test_the_law_holds_at_every_instant(hire: Hire, how: dict[str, Any], size: int) -> None:
    """One thread looks while two submit, one reads, and at last one closes."""
    worker, _ = hire(threads=2, queue_max=None)
    worker.start()
    subscription = worker.subscribe(**{**how, "size": size})
    over = threading.Event()

    def look() -> int:
        looks = 0
        while not over.is_set():
            accounts = subscription.accounts()
            assert lawful(accounts), accounts
            looks += 1
        return looks

    def submit() -> None:
        for _ in range(1_000):
            worker.submit(nothing)

    def read() -> int:
        read = 0
        while len(subscription.collect(PATIENCE, most=3)):
            read += 1
            if read == 300:
                subscription.close()
        return read

    with ThreadPoolExecutor(4) as pool:
        looking, reading = pool.submit(look), pool.submit(read)
        for submitting in [pool.submit(submit) for _ in range(2)]:
            submitting.result(PATIENCE)
        assert worker.drain().wait(PATIENCE)
        reading.result(PATIENCE)
        over.set()
        assert looking.result(PATIENCE) > 0
    assert lawful(subscription.accounts())
    assert subscription.pending == 0
    assert subscription.published <= 2_000


@pytest.mark.evidence("RS-1")
@pytest.mark.evidence("SD-4")
def test_a_hard_stop_loses_no_result(hire: Hire) -> None:
    """Completed, failed, cancelled by the user and by the stop, abandoned: all come, in order of end."""
    worker, log = hire(threads=1)
    subscription = worker.subscribe()
    cancelled = worker.submit(nothing)
    cancelled.cancel()
    completed, failed = worker.submit(nothing), worker.submit(fail)
    meeting = Meeting()
    stuck = worker.submit(meeting)
    waiting = [worker.submit(nothing) for _ in range(5)]
    worker.start()
    meeting.met()
    shutdown = worker.stop_now()
    got = list(subscription)
    assert shutdown.wait(PATIENCE)
    assert [task.status for task in (cancelled, completed, failed)] == ["cancelled", "completed", "failed"]
    assert got[:3] == [cancelled, completed, failed]
    assert set(got[3:]) == {stuck, *waiting}
    ends = ("Complete", "Fail", "Cancel", "ShutdownCancel", "Abandon")
    assert [task.number for task in got] == [event[2] for event in log if event[1] in ends]
    assert stuck.status is Status.ABANDONED
    meeting.leave.set()


def test_a_late_return_is_no_second_result(hire: Hire) -> None:
    """An abandoned task ended when it was abandoned."""
    worker, _ = hire(threads=1)
    subscription = worker.subscribe()
    meeting = Meeting()
    stuck = worker.submit(meeting)
    worker.start()
    meeting.met()
    assert worker.stop_now().wait(PATIENCE)
    meeting.leave.set()
    assert list(subscription) == [stuck]


def test_a_subscriber_gets_what_ends_after_it_subscribed(hire: Hire) -> None:
    """Not before, whether the herald has published that or not."""
    worker, _ = hire(threads=1)
    ear = worker.subscribe()
    worker.start()
    for _ in range(100):
        before = worker.submit(nothing)
        assert before.wait(PATIENCE)
        late = worker.subscribe(size=1, policy="drop_newest")
        after = worker.submit(nothing)
        assert late.get(PATIENCE) is after
        late.close()
    assert ear.accounts().published == 200


def test_whoever_subscribes_after_the_stop_is_told_the_end_at_once(hire: Hire) -> None:
    """Whether there ever was a herald or not."""
    for early in (True, False):
        worker, _ = hire()
        if early:
            worker.subscribe()
        worker.submit(nothing)
        with worker:
            pass
        late = worker.subscribe()
        assert late.ended
        assert list(late) == late.collect(None) == []
        assert late.get() is None
        assert late.accounts() == Accounts(published=0, delivered=0, dropped=0, pending=0, withdrawn=0)


def test_a_worker_that_never_ran_tells_what_was_cancelled(hire: Hire) -> None:
    """Subscribed and stopped without a start."""
    worker, _ = hire()
    subscription = worker.subscribe()
    tasks = [worker.submit(nothing) for _ in range(3)]
    assert worker.stop_now().wait(PATIENCE)
    assert list(subscription) == tasks


@each_policy
def test_closing_lets_go_what_is_pending_and_ends_the_stream(hire: Hire, how: dict[str, Any]) -> None:
    """Twice is once; nothing is published to it any more, and the law still holds."""
    worker, _ = hire(threads=1)
    worker.start()
    subscription = worker.subscribe(**{**how, "size": 2})
    ear = worker.subscribe()
    with subscription:
        tasks = run(worker, ear, 5)
        assert subscription.get() in tasks
    at_once = subscription.accounts()
    assert lawful(at_once)
    assert (at_once.delivered, at_once.pending) == (1, 0)
    assert at_once.published + at_once.withdrawn == 5
    run(worker, ear, 3)
    subscription.close()
    assert subscription.accounts() == at_once
    assert subscription.ended
    assert list(subscription) == []


def test_closing_wakes_whoever_waits(hire: Hire) -> None:
    """From another thread, with and without a timeout."""
    worker, _ = hire()
    worker.start()
    subscription = worker.subscribe()
    with ThreadPoolExecutor(4) as pool:
        waiting: list[Any] = [
            pool.submit(list, subscription),
            pool.submit(subscription.get),
            pool.submit(subscription.collect, None),
            pool.submit(subscription.collect, LONG),
        ]
        subscription.close()
        assert [call.result(PATIENCE) for call in waiting] == [[], None, [], []]


@pytest.mark.evidence("SD-3")
@each_policy
def test_subscriptions_come_and_go_while_results_are_published(hire: Hire, how: dict[str, Any]) -> None:
    """Sixteen threads subscribe, read a little and close, two at once: the ear misses nothing."""
    worker, _ = hire(threads=2, queue_max=None)
    worker.start()
    ear = worker.subscribe(size=100_000)
    over = threading.Event()

    def visit() -> int:
        visits = 0
        while not over.is_set():
            with worker.subscribe(**{**how, "size": 1}) as subscription:
                subscription.collect(0.001)
                closing = pool.submit(subscription.close)
                subscription.close()
                closing.result(PATIENCE)
            assert lawful(subscription.accounts())
            assert subscription.pending == 0
            visits += 1
        return visits

    with ThreadPoolExecutor(16) as pool:
        visiting = [pool.submit(visit) for _ in range(8)]
        tasks = [worker.submit(nothing) for _ in range(2_000)]
        got = [ear.get(PATIENCE) for _ in tasks]
        over.set()
        assert all(call.result(PATIENCE) > 0 for call in visiting)
    assert set(got) == set(tasks)


def test_each_result_reaches_one_of_the_threads_that_wait(hire: Hire) -> None:
    """Eight threads read one subscription, by each way there is; together they have everything."""
    worker, _ = hire(threads=2)
    worker.start()
    subscription = worker.subscribe()

    def with_timeouts() -> list[Task[Any]]:
        got: list[Task[Any]] = []
        while not subscription.ended:
            got += subscription.collect(0.0005)
        return got

    with ThreadPoolExecutor(8) as pool:
        reading = [pool.submit(list[Task[Any]], subscription) for _ in range(4)]
        reading += [pool.submit(with_timeouts) for _ in range(4)]
        tasks = [worker.submit(nothing) for _ in range(500)]
        assert worker.drain().wait(PATIENCE)
        got = [task for call in reading for task in call.result(PATIENCE)]
    assert len(got) == len(tasks)
    assert set(got) == set(tasks)


def test_a_wait_that_is_given_up_leaves_nothing_behind(hire: Hire) -> None:
    """A thousand timeouts, one gate; and a wait after them is woken."""
    worker, _ = hire(threads=1)
    worker.start()
    subscription = worker.subscribe()
    for _ in range(1_000):
        assert subscription.get(0.000001) is None
        assert subscription.collect(0.000001) == []
    assert not subscription.ended
    assert len(subscription._arrival.gates) <= 1
    task = worker.submit(nothing)
    assert subscription.get() is task


def test_collect_takes_what_there_is(hire: Hire) -> None:
    """All of it or the first few, at once; nothing is an empty list."""
    worker, _ = hire(threads=1)
    worker.start()
    subscription = worker.subscribe()
    ear = worker.subscribe()
    assert subscription.collect() == []
    tasks = run(worker, ear, 10)
    assert subscription.collect(most=4) == tasks[:4]
    assert subscription.collect(LONG, most=1) == tasks[4:5]
    assert subscription.collect(None) == tasks[5:]
    assert subscription.collect() == []
    assert subscription.delivered == 10


def test_what_was_taken_takes_no_room(hire: Hire) -> None:
    """Ten thousand results through a buffer of two, read or dropped or given up: memory stays bounded."""
    worker, _ = hire(threads=1, queue_max=None)
    subscriptions = [
        worker.subscribe(size=2, policy="drop_oldest"),
        worker.subscribe(size=2, policy="block", timeout=0),
        worker.subscribe(size=2, policy="block", timeout=LONG),
    ]
    reader = subscriptions[-1]
    ear = worker.subscribe()
    worker.start()
    for _ in range(100):
        run(worker, ear, 100)
        assert len(reader.collect()) == 100
    assert [its.dropped for its in subscriptions] == [9_998, 9_998, 0]
    for its in subscriptions:
        assert len(its._buffer) <= 2 + FRONT + 1
        assert len(its._held) <= 100 + FRONT + 1


def test_there_is_one_herald_and_only_if_somebody_listens(hire: Hire) -> None:
    """It is started with the first subscription, or with the worker, and ends with the worker."""

    def heralds() -> int:
        return len([thread for thread in threading.enumerate() if thread.name == "herald"])

    worker, _ = hire()
    worker.start()
    assert heralds() == 0
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: worker.subscribe(), range(32)))
    assert heralds() == 1
    assert worker.drain().wait(PATIENCE)
    assert heralds() == 0
    early, _ = hire()
    early.subscribe()
    assert heralds() == 0
    early.start()
    assert heralds() == 1


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"size": 0}, "size"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"size": 1.5}, "size"),
        ({"policy": "drop"}, "policy"),
        ({"policy": None}, "policy"),
        ({"policy": "block"}, "timeout"),
        ({"policy": "block", "timeout": -1}, "timeout"),
        ({"policy": "block", "timeout": float("nan")}, "timeout"),
        ({"policy": "block", "timeout": "1"}, "timeout"),
        ({"policy": "drop_newest", "timeout": 1}, "timeout"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_arguments_that_mean_nothing_are_refused_by_name(
    hire: Hire, arguments: dict[str, Any], argument: str
) -> None:
    """And nobody has subscribed."""
    worker, _ = hire()
    with pytest.raises(InvalidArgument) as refused:
        worker.subscribe(**arguments)
    assert refused.value.argument == argument
    assert not worker._core.subscribed


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda s: s.get(-1), "timeout"),
        (lambda s: s.collect("soon"), "timeout"),
        (lambda s: s.collect(most=0), "most"),
    ],
)
def test_a_wait_that_means_nothing_is_refused_by_name(hire: Hire, call: Any, argument: str) -> None:
    """Before anything is taken."""
    worker, _ = hire()
    with pytest.raises(InvalidArgument) as refused:
        call(worker.subscribe())
    assert refused.value.argument == argument


class Niggard(RealRuntime):
    """A machine that has no thread for a herald, for so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def spawn(self, target: Any, name: str, *args: object) -> Any:  # type: ignore[override]
        """As the real one, but for the herald."""
        if name == "herald" and self.refusals:
            self.refusals -= 1
            raise RuntimeError("can't start new thread")
        return REAL.spawn(target, name, *args)


def test_a_machine_without_a_thread_for_the_herald_says_so_and_the_worker_goes_on(hire: Hire) -> None:
    """Nobody has subscribed then; who tries again later is served; and the stop completes."""
    worker, _ = hire(runtime=Niggard(2))
    worker.start()
    for _ in range(2):
        with pytest.raises(ThreadsUnavailable):
            worker.subscribe()
    assert not worker._core.subscribed
    assert worker.submit(double, 4).result(PATIENCE) == 8
    subscription = worker.subscribe()
    task = worker.submit(nothing)
    assert subscription.get(PATIENCE) is task


def test_a_start_without_a_thread_for_the_herald_stops_the_worker_and_ends_the_streams(hire: Hire) -> None:
    """As a start that gets too few threads does."""
    worker, _ = hire(runtime=Niggard(1))
    subscription = worker.subscribe()
    task = worker.submit(nothing)
    with pytest.raises(ThreadsUnavailable):
        worker.start()
    assert list(subscription) == []
    assert task.wait(PATIENCE)
    assert task.status is Status.CANCELLED


def test_a_subscription_shows_no_payload(hire: Hire) -> None:
    """Its policy and a number; what the tasks were given or gave is for who reads them."""
    worker, _ = hire(threads=1)
    subscription = worker.subscribe(policy="drop_newest")
    failed = worker.submit(fail)
    with worker:
        pass
    assert repr(subscription).endswith("drop_newest, 1 pending>")
    got = subscription.get()
    assert got is failed
    assert isinstance(got.exception(0), ValueError)


@pytest.mark.skipif(sys.platform == "win32", reason="interval timers are POSIX")
@each_policy
def test_a_signal_handler_may_subscribe_collect_and_close(hire: Hire, how: dict[str, Any]) -> None:
    """It fires into a thread that does the same, thousands of times, and never waits for itself."""
    worker, _ = hire(threads=2)
    worker.start()
    subscription = worker.subscribe(**{**how, "size": 3})
    others: list[Subscription] = []
    handled = 0

    def handler(_: int, __: FrameType | None) -> None:
        nonlocal handled
        subscription.collect(most=2)
        assert lawful(subscription.accounts())
        others.append(worker.subscribe(**{**how, "size": 1}))
        if len(others) > 3:
            others.pop(0).close()
        handled += 1

    before = signal.signal(signal.SIGALRM, handler)
    gc.callbacks.append(_look)
    armed = 0
    try:
        while handled < 700:
            if handled == armed:
                armed += 1
                signal.setitimer(signal.ITIMER_REAL, (1 + armed % 50) / 1_000_000)
            with suppress(QueueFull):
                worker.submit(nothing)
            subscription.collect()
            subscription.get(0.00001)
            worker.subscribe(**{**how, "size": 1}).close()
            assert lawful(subscription.accounts())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.callbacks.remove(_look)
    for each in (subscription, *others):
        each.close()
        assert lawful(each.accounts())


def test_a_finalizer_may_subscribe_collect_and_close(hire: Hire) -> None:
    """With a collection at nearly every allocation, and in whichever thread it is."""
    worker, _ = hire(threads=2)
    worker.start()
    subscription = worker.subscribe(size=2)
    finalized = 0

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            nonlocal finalized
            subscription.collect()
            worker.subscribe(size=1).close()
            finalized += 1

    thresholds = gc.get_threshold()
    gc.callbacks.append(_look)
    try:
        gc.set_threshold(2, 2, 2)
        while finalized < 300:
            Garbage()
            with suppress(QueueFull):
                worker.submit(lambda _: Garbage())
            subscription.get(0)
        gc.set_threshold(*thresholds)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(_look)
    assert worker.stop_now().wait(PATIENCE)
    assert lawful(subscription.accounts())


def _look(_: str, __: object) -> None:
    """As hypothesis and others have it: Python code that runs at each collection."""
