"""Bad arguments: refused at once, by the argument's name, and nothing has changed.

The table below has every parameter of every public callable, and every option of a submission; a test
compares it with the signatures, so that a new one without its bad values is found.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.worker.conftest import actions

import jurat
from jurat import (
    Context,
    InvalidArgument,
    Queue,
    RateLimit,
    Retention,
    Retry,
    Shutdown,
    SubmitOptions,
    Subscription,
    Task,
    Token,
    Worker,
    drain_on_signals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worker.conftest import Hire

NAN, INFINITY = float("nan"), float("inf")
NAIVE = datetime(2031, 1, 1)  # noqa: DTZ001 - that is the point

NO_DURATION: tuple[Any, ...] = (
    -1,
    -1e-12,
    NAN,
    INFINITY,
    -INFINITY,
    1e300,
    10**400,
    "1",
    b"1",
    True,
    [],
    1j,
    timedelta(microseconds=-1),
    timedelta.max,
    NAIVE,
)
NO_POSITIVE_DURATION = (*NO_DURATION, 0, 0.0, -0.0, 1e-10, timedelta(0))
NO_WHOLE: tuple[Any, ...] = (1.5, 2.0, NAN, INFINITY, "1", True, [], 1j)
NO_COUNT = (*NO_WHOLE, 0, -1)
NO_COUNT_FROM_ZERO = (*NO_WHOLE, -1)
NO_NAME: tuple[Any, ...] = ("", 3, b"name", [], True)
NO_FUNCTION: tuple[Any, ...] = (3, "function", [], object())
NO_OBJECT: tuple[Any, ...] = (3, "x", [], object(), Worker)
NO_INSTANT: tuple[Any, ...] = (NAIVE, 3, "tomorrow", timedelta(1))

OPTIONS: dict[str, tuple[Any, ...]] = {
    "name": NO_NAME,
    "id": NO_NAME,
    "queue": (*NO_NAME, "no such queue"),
    "priority": (*NO_WHOLE, None),
    "timeout": NO_POSITIVE_DURATION,
    "deadline": NO_POSITIVE_DURATION,
    "delay": (*NO_DURATION, datetime(2031, 1, 1, tzinfo=UTC)),
    "not_before": NO_INSTANT,
    "retry": (*NO_OBJECT, 0, Retry),
    "concurrency_key": NO_NAME,
    "idempotency_key": NO_NAME,
    "fingerprint": ("without a key",),
    "actor": NO_NAME,
    "metadata": (3, "x", [1], object()),
    "parent": NO_OBJECT,
    "queue_wait": NO_DURATION,
}
"""Of a submission."""

TWO = ("one", "two")
ALONE = dict.fromkeys(("id", "idempotency_key", "fingerprint", "queue_wait"), TWO)
"""What a submission of many does not take at all."""

TABLE: dict[str, dict[str, tuple[Any, ...]]] = {
    "Worker": {
        "threads": (*NO_COUNT, None),
        "queue_max": NO_COUNT,
        "queue_wait": (*NO_DURATION, None),
        "queues": (3, None, "ab", [3], [Queue("a"), Queue("a")], Queue("a")),
        "rate": (*NO_OBJECT, 1.5),
        "key_cap": NO_COUNT,
        "retry": (*NO_OBJECT, Retry),
        "timeout": NO_POSITIVE_DURATION,
        "retention": (*NO_OBJECT, None),
        "drain_deadline": NO_DURATION,
        "grace": (*NO_DURATION, None),
        "observers": (3, None, [3], "ab"),
        "wrappers": (3, None, [3], "ab"),
        "seed": NO_WHOLE,
        "recorder": ((), [1], "log", 3),
        "audit_log": ("audit", 3, object),
    },
    "Retry": {
        "max_retries": (*NO_COUNT_FROM_ZERO, None),
        "delay": (*NO_DURATION, None),
        "cap": (*NO_DURATION, None),
        "jitter": (-0.1, 1.1, NAN, INFINITY, "0", True, None, 1j),
        "on": (3, "ValueError", [ValueError], (ValueError, 3), int, (int,), None),
        "never": (3, "ValueError", [ValueError], (ValueError, 3), int, (int,), None, bool),
        "timeouts": (1, None, "yes"),
    },
    "RateLimit": {
        "starts": (*NO_COUNT, None),
        "per": (*NO_POSITIVE_DURATION, None),
        "burst": (*NO_COUNT, None),
    },
    "Queue": {
        "name": (*NO_NAME, None),
        "weight": (*NO_COUNT, None),
        "cap": NO_COUNT,
        "rate": (*NO_OBJECT, 1.5),
    },
    "Retention": {"number": NO_COUNT_FROM_ZERO, "age": NO_DURATION},
    "Worker.submit": {"function": (*NO_FUNCTION, None), **OPTIONS, "no_such_option": (1, None)},
    "Worker.submit_call": {"function": (*NO_FUNCTION, None), **OPTIONS, "no_such_option": (1, None)},
    "Worker.submit_all": {
        "function": (*NO_FUNCTION, None),
        "arguments": (3, None, [3], ["ab"], [()] * 10_001),
        "ids": (3, ["only one"], ["a", "a"], ["a", 3], ["a", ""], "a"),
        **OPTIONS,
        **ALONE,
        "no_such_option": (1, None),
    },
    "Worker.task": {"id": (*NO_NAME, None)},
    "Worker.cancel_all": {"queue": (*NO_NAME, "no such queue"), "where": NO_FUNCTION, "actor": NO_NAME},
    "Worker.subscribe": {
        "size": (*NO_COUNT, None),
        "policy": ("drop", None, 3, []),
        "timeout": (1, 0),
    },
    "Worker.drain": {"pending": ("stop", None, 3, []), "deadline": NO_DURATION, "actor": NO_NAME},
    "Worker.stop_now": {"actor": NO_NAME},
    "Worker.pause": {"queue": (*NO_NAME, "no such queue")},
    "Worker.resume": {"queue": (*NO_NAME, "no such queue")},
    "Worker.resize": {"threads": (*NO_COUNT, None)},
    "Worker.set_rate": {"rate": (*NO_OBJECT, 1.5), "queue": (*NO_NAME, "no such queue")},
    "Worker.set_weight": {"queue": (*NO_NAME, None, "no such queue"), "weight": (*NO_COUNT, None)},
    "Worker.set_retention": {"retention": (*NO_OBJECT, None)},
    "Task.wait": {"timeout": NO_DURATION},
    "Task.result": {"timeout": NO_DURATION},
    "Task.exception": {"timeout": NO_DURATION},
    "Task.cancel": {"actor": NO_NAME},
    "Task.add_done_callback": {"callback": (*NO_FUNCTION, None)},
    "Context.sleep": {"duration": (*NO_DURATION, None)},
    "Context.wait": {"timeout": NO_DURATION},
    "Subscription.get": {"timeout": NO_DURATION},
    "Subscription.collect": {"timeout": NO_DURATION, "most": NO_COUNT},
    "Shutdown.wait": {"timeout": NO_DURATION},
    "drain_on_signals": {"worker": (*NO_OBJECT, None), "signals": (3, None, ["SIGTERM"], [99_999])},
}

NEEDED: dict[str, dict[str, Any]] = {
    "Retry": {"max_retries": 1},
    "RateLimit": {"starts": 1},
    "Queue": {"name": "q"},
    "Worker.submit": {"function": lambda _: None},
    "Worker.submit_call": {"function": lambda: None},
    "Worker.submit_all": {"function": lambda _: None, "arguments": [(), ()]},
    "Worker.set_rate": {"rate": None},
    "Worker.set_weight": {"queue": "default", "weight": 1},
}
"""What must be said as well."""

POSITIONAL = ("function", "arguments", "callback", "id")
"""Given by position where a method takes it so."""

NOT_CHECKED = {"Worker": {"runtime"}}
"""The seam is for benches, and is not asked what it is."""


def signature_of(name: str) -> set[str]:
    """The parameters of a public callable; the options of a submission by their names."""
    kind, _, method = name.partition(".")
    target = getattr(jurat, kind)
    parameters = inspect.signature(getattr(target, method) if method else target).parameters.values()
    names = {it.name for it in parameters if it.kind not in (it.VAR_KEYWORD, it.VAR_POSITIONAL)} - {"self"}
    if any(it.kind is it.VAR_KEYWORD for it in parameters):
        names |= set(SubmitOptions.__annotations__) | {"no_such_option"}
    return names - NOT_CHECKED.get(name, set())


def test_the_table_has_every_parameter_of_every_public_callable() -> None:
    """A parameter that is added must be added here, with what it refuses."""
    kinds = (Worker, Task, Context, Subscription, Shutdown, Token)
    methods = {
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    values = {kind.__name__ for kind in (Worker, Retry, RateLimit, Queue, Retention, drain_on_signals)}
    takes_something = {name for name in methods | values if signature_of(name)}
    assert set(TABLE) == takes_something
    assert {name: set(TABLE[name]) for name in TABLE} == {name: signature_of(name) for name in TABLE}


CASES = [
    pytest.param(name, argument, value, id=f"{name}-{argument}-{index}")
    for name, arguments in TABLE.items()
    for argument, values in arguments.items()
    for index, value in enumerate(values)
]


def callable_of(name: str, worker: Worker) -> Callable[..., object]:
    """The callable, of a worker that was not started, one of its tasks, and so on."""
    kind, _, method = name.partition(".")
    if not method:
        return getattr(jurat, kind)  # type: ignore[no-any-return]
    if kind == "Worker":
        return getattr(worker, method)  # type: ignore[no-any-return]
    if kind == "Subscription":
        return getattr(worker.subscribe(), method)  # type: ignore[no-any-return]
    if kind == "Shutdown":
        return getattr(Shutdown(worker._core), method)  # type: ignore[no-any-return]
    (task,) = worker.tasks()
    if kind == "Task":
        return getattr(task, method)  # type: ignore[no-any-return]
    context = Context()
    context._task = task
    context.attempt = 1
    return getattr(context, method)  # type: ignore[no-any-return]


@pytest.mark.evidence("RL-2", "NF-1")
@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_a_bad_argument_is_refused_by_its_name(hire: Hire, name: str, argument: str, value: Any) -> None:
    """As a ValueError and a TypeError alike, and neither the log, a count nor a task has changed."""
    worker, log = hire(threads=1)
    worker.submit(lambda _: None)
    call = callable_of(name, worker)
    given = {**NEEDED.get(name, {}), argument: value}
    if name == "drain_on_signals" and argument != "worker":
        given["worker"] = worker
    before = repr(log), worker.snapshot(), worker.tasks(), worker.phase
    position = [given.pop(it) for it in POSITIONAL if it in given and f"{name}.{it}" in AT_POSITION]
    with pytest.raises(InvalidArgument) as refused:
        call(*position, **given)
    assert refused.value.argument == argument
    assert str(refused.value).startswith(f"{argument} ")
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, TypeError)
    assert (repr(log), worker.snapshot(), worker.tasks(), worker.phase) == before
    assert actions(log) == ["Init", "Submit"]


AT_POSITION = {
    f"Worker.{method}.{it}"
    for method in ("submit", "submit_call", "submit_all")
    for it in ("function", "arguments")
}


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"delay": 1, "not_before": datetime(2031, 1, 1, tzinfo=UTC)}, "not_before"),
        ({"delay": 2, "deadline": 2}, "deadline"),
        ({"delay": 2, "deadline": 1.999_999_999}, "deadline"),
        ({"idempotency_key": "k", "fingerprint": ""}, "fingerprint"),
        ({"idempotency_key": "k", "fingerprint": 3}, "fingerprint"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    hire: Hire, options: dict[str, Any], argument: str
) -> None:
    """By the name of the one that is to be changed."""
    worker, log = hire()
    with pytest.raises(InvalidArgument) as refused:
        worker.submit(lambda _: None, **options)
    assert refused.value.argument == argument
    assert actions(log) == ["Init"]
    assert worker.snapshot().labels == {}


@pytest.mark.parametrize("payload", [object(), {1, 2}, NAN, b"bytes", {(1, 2): 3}])
def test_a_payload_without_a_json_form_needs_a_fingerprint(hire: Hire, payload: Any) -> None:
    """With a key; and the refusal says nothing of the payload."""
    worker, log = hire()
    with pytest.raises(InvalidArgument, match=r"^fingerprint must be given") as refused:
        worker.submit(lambda _, it: None, payload, idempotency_key="k")
    assert repr(payload) not in str(refused.value)
    assert actions(log) == ["Init"]
    task = worker.submit(lambda _, it: None, payload, idempotency_key="k", fingerprint="f")
    assert worker.submit(lambda _, it: None, object(), idempotency_key="k", fingerprint="f") is task


@pytest.mark.parametrize(
    ("policy", "timeout", "argument"),
    [("block", None, "timeout"), ("drop_oldest", 1, "timeout"), ("drop_newest", 0, "timeout")],
)
def test_a_bound_belongs_to_the_policy_that_blocks(
    hire: Hire, policy: Any, timeout: Any, argument: str
) -> None:
    """There it must be said, and nowhere else."""
    worker, _ = hire()
    with pytest.raises(InvalidArgument) as refused:
        worker.subscribe(policy=policy, timeout=timeout)
    assert refused.value.argument == argument


@pytest.mark.parametrize("value", NO_DURATION)
def test_a_bad_bound_of_a_subscription_that_blocks_is_refused(hire: Hire, value: Any) -> None:
    """As any other duration."""
    worker, _ = hire()
    with pytest.raises(InvalidArgument, match=r"^timeout "):
        worker.subscribe(policy="block", timeout=value)
