"""What may be said when a task is submitted: read, checked, and put into the terms of the log."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from hashlib import blake2b
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict

from ._core import FOREVER, Extras
from ._options import (
    DEFAULT,
    PRIORITY,
    Default,
    instant_ns,
    is_a,
    is_name,
    nanoseconds,
    optional_name,
    positive_nanoseconds,
    whole,
)
from ._policies import Retry
from ._token import Token
from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._core import Core, Label
    from ._options import Duration

__all__ = [
    "LAZY",
    "SubmitOptions",
    "check_function",
    "detail_of",
    "fingerprint_of",
    "name_of",
    "read_options",
    "terms_of",
]

NO_RETRY = Retry(max_retries=0)

LAZY_KINDS = {
    CO_COROUTINE: "a coroutine",
    CO_GENERATOR: "a generator",
    CO_ASYNC_GENERATOR: "an asynchronous generator",
}
LAZY = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR
"""Flags of the code of functions that do nothing when they are called."""


class SubmitOptions(TypedDict, total=False):
    """How a task is to be run.  Whatever is not said is as the worker was built."""

    name: str | None
    """What the task is called in reports; the function's qualified name if None."""
    id: str | None
    """What the task is known by, until it is forgotten; made up if None."""
    queue: str | None
    """The name of one of the worker's queues; the first if None."""
    priority: int
    """The lower number runs sooner; 0 if nothing is said."""
    timeout: Duration | Default | None
    """How long each attempt may take; None is no limit."""
    deadline: Duration | datetime | None
    """How long from now, or until when (with a time zone), all of it may take; None is no limit."""
    delay: Duration | None
    """How long from now it is not to run."""
    not_before: datetime | None
    """Until when it is not to run, with a time zone; instead of `delay`."""
    retry: Retry | Default | None
    """What follows a failed attempt; None is nothing."""
    concurrency_key: str | None
    """Tasks with the same run `key_cap` at a time."""
    idempotency_key: str | None
    """While a task with it is remembered, the same request is answered with that task, and another
    is refused."""
    fingerprint: str | None
    """What makes a request the same; if None, its name, queue and arguments, which must have a JSON
    form then."""
    actor: str | None
    """Who asks, for the log."""
    metadata: Mapping[str, Any] | None
    """For `Context.metadata`; like the arguments it is in no log."""
    parent: Token | None
    """The task is cancelled with this token."""
    queue_wait: Duration | None
    """How long to wait for room if `queue_max` tasks wait already; what the worker was built with if
    None.  A submission from one of the worker's own tasks never waits."""


OPTIONS = frozenset(SubmitOptions.__annotations__)


def read_options(core: Core, options: SubmitOptions, now: int) -> Extras:
    """What was said, checked."""
    for option in options:
        if option not in OPTIONS:
            raise InvalidArgument(option, f"is no option; there are {', '.join(sorted(OPTIONS))}")
    extras = Extras()
    extras.id = optional_name("id", options.get("id"))
    extras.priority = whole("priority", options.get("priority", PRIORITY))
    extras.actor = optional_name("actor", options.get("actor"))
    extras.key = optional_name("idempotency_key", options.get("idempotency_key"))
    if options.get("fingerprint") is not None and extras.key is None:
        raise InvalidArgument("fingerprint", "is only for a submission with an idempotency_key")
    extras.concurrency_key = optional_name("concurrency_key", options.get("concurrency_key"))
    if extras.concurrency_key is not None:
        extras.freed = (extras.concurrency_key,)
    retry = options.get("retry", DEFAULT)
    if isinstance(retry, Default):
        extras.retry = core.retry
    else:
        is_a("retry", retry, Retry)
        extras.retry = retry or NO_RETRY
    extras.metadata = _metadata(options.get("metadata"))
    parent = options.get("parent")
    is_a("parent", parent, Token)
    extras.parent = parent
    _read_times(core, extras, options, now)
    return extras


def _read_times(core: Core, extras: Extras, options: SubmitOptions, now: int) -> None:
    timeout = options.get("timeout", DEFAULT)
    if isinstance(timeout, Default):
        extras.timeout_ns = core.timeout_ns
    elif timeout is not None:
        extras.timeout_ns = positive_nanoseconds("timeout", timeout)
    deadline = options.get("deadline")
    if isinstance(deadline, datetime):
        extras.deadline_ns = _on_the_clock(core, "deadline", deadline)
    elif deadline is not None:
        extras.deadline_ns = min(FOREVER - 1, now + positive_nanoseconds("deadline", deadline))
    delay, not_before = options.get("delay"), options.get("not_before")
    if delay is not None and not_before is not None:
        raise InvalidArgument("not_before", "and delay exclude each other")
    if delay is not None:
        extras.due_ns = min(FOREVER - 1, now + nanoseconds("delay", delay))
    elif not_before is not None:
        extras.due_ns = _on_the_clock(core, "not_before", not_before)
    if extras.due_ns <= now:
        extras.due_ns = 0
    elif extras.due_ns >= extras.deadline_ns:
        raise InvalidArgument("deadline", "must be after the time before which the task is not to run")


def _on_the_clock(core: Core, argument: str, value: datetime) -> int:
    """The instant on the worker's clock that a time of day means."""
    return min(FOREVER - 1, max(1, instant_ns(argument, value) - core.epoch_ns))


def _metadata(value: object) -> Mapping[str, Any] | None:
    if value is None:
        return None
    try:
        return MappingProxyType(dict(value))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise InvalidArgument("metadata", f"must be a mapping, not {type(value).__name__}") from None


def terms_of(retry: Retry | None, timeout_ns: int) -> dict[str, Any]:
    """What a policy and a timeout add to the terms of a task."""
    terms: dict[str, Any] = {}
    if timeout_ns != FOREVER:
        terms["timeout_ns"] = timeout_ns
    if retry is not None and retry.max_retries:
        terms["max_retries"] = retry.max_retries
        if retry.timeouts:
            terms["retry_timeouts"] = True
    return terms


def detail_of(label: Label, extras: Extras) -> dict[str, Any]:
    """The terms of a task."""
    optional = {
        "id": extras.id,
        "priority": extras.priority or None,
        "due_ns": extras.due_ns or None,
        "deadline_ns": None if extras.deadline_ns == FOREVER else extras.deadline_ns,
        "concurrency_key": extras.concurrency_key,
        "idempotency_key": extras.key,
        "parent": True if extras.parent is not None else None,
        "actor": extras.actor,
    }
    said = {field: value for field, value in optional.items() if value is not None}
    terms = {"name": label.name, "queue": label.queue.name}
    return {**terms, **said, **terms_of(extras.retry, extras.timeout_ns)}


def check_function(function: object) -> None:
    """Refuse what cannot be called, or would only make something when it is called, and do nothing.

    Nobody would await the coroutine that comes back, or iterate over the generator: the task would be
    complete, and its work not begun.
    """
    if not callable(function):
        raise InvalidArgument("function", f"must be callable, and is of type {type(function).__name__}")
    called: Any = function
    while isinstance(called, partial):
        called = called.func
    code = getattr(called, "__code__", None)
    if code is None:
        code = getattr(type(called).__call__, "__code__", None)
    flags = code.co_flags & LAZY if code is not None else 0
    if flags:
        kind = LAZY_KINDS[flags]
        raise InvalidArgument("function", f"must do its work when it is called, and is {kind} function")


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called, looked for in what wraps it."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) and name else type(function).__qualname__


def fingerprint_of(name: str, queue: str, args: tuple[Any, ...], fingerprint: str | None) -> str:
    """What makes a request the same: the caller's word, or a digest of its name, queue and arguments."""
    if fingerprint is not None:
        return is_name("fingerprint", fingerprint)
    try:
        request = [name, queue, args]
        canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise InvalidArgument("fingerprint", "must be given, since the arguments have no JSON form") from None
    return blake2b(canonical.encode(), digest_size=16).hexdigest()
