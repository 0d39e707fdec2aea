"""The counters change inside the steps: at every instant they add up, and at the end they are the log's."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import PATIENCE, Meeting

from jurat import Context, Counts, Queue, Retry, Snapshot, Status

if TYPE_CHECKING:
    from tests.worker.conftest import Hire

ENDS = {
    "Complete": "completed",
    "Fail": "failed",
    "Cancel": "cancelled",
    "ShutdownCancel": "cancelled",
    "AcknowledgeCancel": "cancelled",
    "TimeOut": "timed_out",
    "Expire": "timed_out",
    "Abandon": "abandoned",
}


def work(_: Context, kind: int) -> None:
    """Return, or raise."""
    if kind % 3 == 0:
        raise ValueError


def logged(log: list[list[Any]]) -> dict[tuple[str, str], Counter[str]]:
    """By queue and name, what the log says of the tasks: their ends, and how often they were retried."""
    label: dict[int, tuple[str, str]] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    for _, action, number, _, detail in log:
        if action == "Submit":
            label[number] = detail["queue"], detail["name"]
            counts.setdefault(label[number], Counter())
        elif action in ENDS:
            counts[label[number]][ENDS[action]] += 1
        elif action in ("Retry", "TimeOutRetry"):
            counts[label[number]]["retries"] += 1
    return counts


def told(counts: Counts) -> Counter[str]:
    """What a snapshot says, without what is zero."""
    ended = {status.value: counts[status] for status in Status}
    return Counter({name: count for name, count in {**ended, "retries": counts.retries}.items() if count})


@pytest.mark.evidence("LC-3")
def test_the_counters_are_the_logs_at_the_end_and_add_up_at_every_instant(hire: Hire) -> None:
    """Over retries, cancellations, delays, priorities, two queues and a stop; no gauge is left above zero."""
    worker, log = hire(threads=3, queues=[Queue("mail", weight=2, cap=1)], queue_max=None, seed=7)
    numbers = random.Random(7)
    seen: list[Snapshot] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(worker.snapshot())

    watcher = threading.Thread(target=watch)
    watcher.start()
    worker.start()
    for number in range(600):
        task = worker.submit(
            work,
            number,
            name=numbers.choice(["one", "two"]),
            queue=numbers.choice([None, "mail"]),
            priority=numbers.randrange(2),
            delay=numbers.choice([None, None, 0.0001, 3_600]),
            retry=Retry(max_retries=numbers.randrange(3), delay=0),
        )
        if numbers.random() < 0.2:
            task.cancel()
    assert worker.drain().wait(PATIENCE)
    over.set()
    watcher.join()
    final = worker.snapshot()
    assert {label: told(counts) for label, counts in final.labels.items()} == logged(log)
    assert final.counts.live == 0
    assert final.counts.submitted == 600
    submitted = 0
    for snapshot in seen:
        counts = snapshot.counts
        assert counts.submitted >= submitted
        submitted = counts.submitted
        assert min(counts[status] for status in Status) >= 0
        assert counts.running <= 3
        assert snapshot.queues["mail"].running <= 1
        assert sum(it.submitted for it in snapshot.queues.values()) == counts.submitted


def test_a_snapshot_is_frozen_and_names_are_bounded(hire: Hire) -> None:
    """More names than are counted apart are counted together, and no task is lost among them."""
    worker, _ = hire(threads=1, queue_max=None)
    meeting = Meeting()
    with worker:
        worker.submit(meeting)
        meeting.met()
        for number in range(1_100):
            worker.submit(work, 1, name=f"task {number}")
        snapshot = worker.snapshot()
        meeting.leave.set()
    assert snapshot.counts.queued == 1_100
    assert snapshot.counts.running == 1
    assert len(snapshot.labels) <= 1_001
    assert snapshot.labels["default", "(other)"].queued == 1_100 - (len(snapshot.labels) - 2)
    with pytest.raises(AttributeError):
        snapshot.rejected = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        snapshot.queues["default"] = snapshot.counts  # type: ignore[index]
