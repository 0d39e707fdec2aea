"""The README's table of defaults, against what a worker that is told nothing does."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jurat import Queue, RateLimit, Retention, Retry, Worker

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
WORDS = {"timedelta": timedelta, "Retention": Retention, "Exception": Exception}


def documented() -> dict[tuple[str, str], Any]:
    """The rows of the table: (of, option) to the value that the text means."""
    part = README.partition("<!-- generated: defaults")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| `(\w+)` \| `(.*)` \|$", part, flags=re.MULTILINE)
    return {(of, option): eval(text, dict(WORDS)) for of, option, text in rows}  # noqa: S307 - our own text


DURATIONS = {
    ("Worker", "queue_wait"),
    ("Worker", "drain_deadline"),
    ("Worker", "grace"),
    ("RateLimit", "per"),
    ("Retry", "delay"),
    ("Retry", "cap"),
}


@pytest.mark.evidence("DF-1")
def test_every_default_that_is_a_duration_is_a_timedelta() -> None:
    """And those that may be absent are None: no bare number is a duration."""
    table = documented()
    assert {where for where, value in table.items() if isinstance(value, timedelta)} == DURATIONS
    for where in (("Worker", "timeout"), ("Retention", "age"), ("Worker.subscribe", "timeout")):
        assert table[where] is None


@pytest.mark.evidence("DF-1")
def test_a_worker_that_is_told_nothing_does_what_the_table_says() -> None:
    """As it is built, and as its policies are."""
    table = documented()
    worker = Worker()
    core = worker._core
    assert len(core.seats) == table["Worker", "threads"]
    assert core.queue_max == table["Worker", "queue_max"]
    assert worker._queue_wait_ns == table["Worker", "queue_wait"] // timedelta(microseconds=1) * 1_000
    assert core.drain_deadline_ns == table["Worker", "drain_deadline"] // timedelta(microseconds=1) * 1_000
    assert core.grace_ns == table["Worker", "grace"] // timedelta(microseconds=1) * 1_000
    assert (core.keep, core.keep_ns) == (
        table["Worker", "retention"].number,
        table["Worker", "retention"].age,
    )
    assert core.retry is table["Worker", "retry"]
    assert (tuple(core.observers), core.wrappers) == (
        table["Worker", "observers"],
        table["Worker", "wrappers"],
    )
    assert [queue.name for queue in core.queues.values()] == ["default"]
    made = (Queue("a"), RateLimit(1), Retry(max_retries=1), Retention())
    said = {(type(it).__name__, name): getattr(it, name) for it in made for name in it.__slots__}
    policies = {where: value for where, value in table.items() if not where[0].startswith("Worker")}
    assert {where: said[where] for where in policies} == policies
