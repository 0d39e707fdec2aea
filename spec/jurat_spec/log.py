"""The format of a log: what an event says, read and not trusted.

A log may hold anything in any place: it may have been forged, or damaged, or written by another
program.  Each reader here takes whatever stands where a detail should, and answers with values of
known types, or raises `Untrue` with the sentence that is not true.  Types are asked for exactly,
so True is no number here, and nothing that a log holds is ever called.

What is read is not yet allowed: what may happen says the rule, and `replay` asks it.  The format
itself is described where it is written, in the worker's `_events`; nothing but that text is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "DETAILS",
    "Back",
    "Drain",
    "Queue",
    "Rate",
    "Refusal",
    "Retention",
    "Settings",
    "Untrue",
    "is_event",
    "settings",
]


class Untrue(Exception):
    """Something that must be true of an event is not; the sentence says what."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


# ----------------------------------------------------------------------- what is read


class Rate(NamedTuple):
    """The rate of a limiter."""

    starts: int
    ns: int
    """So many starts in so many nanoseconds."""
    burst: int
    """So many at once."""


class Queue(NamedTuple):
    """A queue as it was declared."""

    name: str
    weight: int = 1
    cap: int | None = None
    rate: Rate | None = None


class Retention(NamedTuple):
    """How long tasks that ended are kept; None is no limit."""

    number: int | None
    age_ns: int | None

    @property
    def is_limited(self) -> bool:
        """Whether any is ever forgotten."""
        return self.number is not None or self.age_ns is not None


class Settings(NamedTuple):
    """The configuration of `Init`."""

    threads: int
    queue_max: int | None
    grace_ns: int
    rate: Rate | None
    queues: tuple[Queue, ...]
    key_cap: int | None
    retention: Retention


class Back(NamedTuple):
    """A function that came back."""

    kind: Literal["returned", "raised"]
    instant: int
    retryable: bool = False
    next: int | None = None
    """When the next attempt would be due; None if there could be none."""
    reason: Any = None
    """Why it was cancelled."""


class Refusal(NamedTuple):
    """A submission that was refused."""

    reason: str
    size: int = 1
    """Of how many tasks."""


class Drain(NamedTuple):
    """How a drain begins."""

    pending: str
    deadline_ns: int | None


# ----------------------------------------------------------------- questions of type


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_text_or_none(value: Any) -> bool:
    return value is None or type(value) is str


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _is_whole_or_none(value: Any) -> bool:
    return value is None or type(value) is int


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_count_or_none(value: Any) -> bool:
    return value is None or _is_count(value)


def _is_positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_positive_or_none(value: Any) -> bool:
    return value is None or _is_positive(value)


def _is_bool(value: Any) -> bool:
    return type(value) is bool


def _is_row(value: Any, length: int) -> bool:
    """A tuple, or what JSON makes of it."""
    return type(value) in (list, tuple) and len(value) == length


def _must(true: bool, sentence: str) -> None:  # noqa: FBT001 - it is the subject
    if not true:
        raise Untrue(sentence)


def is_event(event: Any) -> bool:
    """Whether there are five fields, and the first four of their types."""
    if type(event) not in (list, tuple) or len(event) != 5:
        return False
    at, name, number, attempt, _ = event
    return type(at) is type(number) is type(attempt) is int and type(name) is str


# -------------------------------------------------------------------- the configuration

_SETTINGS = {"threads", "queue_max", "grace_ns", "rate", "queues", "key_cap", "retention"}
_QUEUE = {"name", "weight", "cap", "rate"}


def _has_fields(value: Any, known: set[str], needed: set[str]) -> bool:
    if type(value) is not dict or not all(type(field) is str for field in value):
        return False
    return needed <= value.keys() <= known


def settings(detail: Any) -> Settings:
    """What `Init` carries.  All but the first three may be left out."""
    needed = {"threads", "queue_max", "grace_ns"}
    _must(type(detail) is dict and needed <= detail.keys(), "Init carries threads, queue_max and grace_ns")
    _must(_has_fields(detail, _SETTINGS, needed), "Init carries nothing that the format does not have")
    _must(_is_positive(detail["threads"]), "threads is a number of at least 1")
    _must(_is_count_or_none(detail["queue_max"]), "queue_max is a number of at least 0, or None")
    _must(_is_count(detail["grace_ns"]), "grace_ns is a number of at least 0")
    key_cap = detail.get("key_cap")
    _must(_is_positive_or_none(key_cap), "key_cap is a number of at least 1, or None")
    return Settings(
        detail["threads"],
        detail["queue_max"],
        detail["grace_ns"],
        _rate(detail.get("rate")),
        _queues(detail["queues"]) if "queues" in detail else (Queue("default"),),
        key_cap,
        retention(detail.get("retention", (None, None))),
    )


def _queues(value: Any) -> tuple[Queue, ...]:
    _must(type(value) in (list, tuple) and len(value) > 0, "queues is a list of at least one")
    queues = tuple([_queue(each) for each in value])
    _must(len({queue.name for queue in queues}) == len(queues), "no two queues have one name")
    return queues


def _queue(value: Any) -> Queue:
    _must(_has_fields(value, _QUEUE, {"name"}), "a queue is a dict of name, weight, cap and rate")
    _must(_is_text(value["name"]), "the name of a queue is a text")
    queue = Queue(value["name"], value.get("weight", 1), value.get("cap"), _rate(value.get("rate")))
    _must(_is_positive(queue.weight), "a weight is a number of at least 1")
    _must(_is_positive_or_none(queue.cap), "a cap is a number of at least 1, or None")
    return queue


def _rate(value: Any) -> Rate | None:
    if value is None:
        return None
    right = _is_row(value, 3) and all(_is_positive(part) for part in value)
    _must(right, "a rate is (starts, ns, burst), each at least 1, or None")
    return Rate(*value)


def retention(detail: Any) -> Retention:
    """Of Init, and of SetRetention."""
    right = _is_row(detail, 2) and all(_is_count_or_none(part) for part in detail)
    _must(right, "retention is (number, age_ns), each at least 0, or None")
    return Retention(*detail)


# ------------------------------------------------------------------------- the details

_TERMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_text_or_none, "a text, or None"),
    "queue": (_is_text, "a text"),
    "id": (_is_text_or_none, "a text, or None"),
    "priority": (_is_whole, "a number"),
    "due_ns": (_is_whole_or_none, "an instant, or None"),
    "deadline_ns": (_is_whole_or_none, "an instant, or None"),
    "timeout_ns": (_is_count_or_none, "a number of at least 0, or None"),
    "max_retries": (_is_count, "a number of at least 0"),
    "retry_timeouts": (_is_bool, "True or False"),
    "concurrency_key": (_is_text_or_none, "a text, or None"),
    "idempotency_key": (_is_text_or_none, "a text, or None"),
    "parent": (_is_bool, "True or False"),
    "actor": (_is_text_or_none, "a text, or None"),
}
_NO_TERMS: dict[str, Any] = {}


def _terms(detail: Any) -> Mapping[str, Any]:
    """The terms that are not left out."""
    if detail is None:
        return _NO_TERMS
    _must(type(detail) is dict, "the terms are a dict, or None")
    terms: Mapping[str, Any] = detail
    for field, value in terms.items():
        if type(field) is not str or field not in _TERMS:
            raise Untrue("the terms have no field that the format does not have")
        is_right, kind = _TERMS[field]
        if not is_right(value):
            raise Untrue(f"{field} is {kind}")
    return terms


def _nothing(detail: Any) -> None:
    _must(detail is None, "there is no detail")


def _number(detail: Any) -> int:
    _must(_is_whole(detail), "the detail is a number")
    return int(detail)


def _refusal(detail: Any) -> Refusal:
    if _is_row(detail, 2) and _is_text(detail[0]) and detail[0] == "full" and _is_positive(detail[1]):
        return Refusal("full", detail[1])
    _must(_is_text(detail), 'the detail is the reason, or ("full", how many)')
    return Refusal(str(detail))


def _asked(detail: Any) -> str:
    right = _is_row(detail, 2) and _is_text(detail[0]) and _is_text_or_none(detail[1])
    _must(right, "the detail is (reason, actor)")
    return str(detail[0])


def _actor(detail: Any) -> None:
    _must(_is_text_or_none(detail), "the detail is the actor, or None")


def _drain(detail: Any) -> Drain:
    right = _is_row(detail, 3) and _is_text(detail[0]) and _is_text_or_none(detail[2])
    _must(right and _is_count_or_none(detail[1]), "the detail is (pending, deadline_ns, actor)")
    return Drain(detail[0], detail[1])


def _instant(detail: Any) -> int:
    _must(_is_whole(detail), "the detail is the instant at which the function came back")
    return int(detail)


def _kind(error: Any) -> Literal["returned", "raised"]:
    """What a function did, by the error that it is said to have raised."""
    return "returned" if error is None else "raised"


def _acknowledged(detail: Any) -> Back:
    right = (
        _is_row(detail, 3) and _is_text(detail[0]) and _is_whole(detail[1]) and _is_text_or_none(detail[2])
    )
    _must(right, "the detail is (reason, instant, error)")
    reason, instant, error = detail
    return Back(_kind(error), instant, reason=reason)


def _failed(detail: Any) -> Back:
    right = _is_row(detail, 4) and _is_text_or_none(detail[0]) and _is_whole(detail[1])
    right = right and _is_bool(detail[2]) and _is_whole_or_none(detail[3])
    _must(right, "the detail is (error, instant, retryable, next instant)")
    error, instant, retryable, following = detail
    return Back(_kind(error), instant, retryable, following)


def _retried(detail: Any) -> Back:
    right = _is_row(detail, 3) and _is_text_or_none(detail[0]) and _is_whole(detail[1])
    _must(right and _is_whole(detail[2]), "the detail is (error, instant, next instant)")
    error, instant, following = detail
    return Back(_kind(error), instant, retryable=True, next=following)


def _timed_out(detail: Any) -> Back:
    right = _is_row(detail, 3) and _is_text_or_none(detail[0]) and _is_whole(detail[1])
    _must(right and _is_whole_or_none(detail[2]), "the detail is (error, instant, next instant or None)")
    error, instant, following = detail
    return Back(_kind(error), instant, retryable=True, next=following)


def _which(detail: Any) -> str | None:
    _must(_is_text_or_none(detail), "the detail is the name of a queue, or None")
    return None if detail is None else str(detail)


def _rate_of(detail: Any) -> tuple[str | None, Rate | None]:
    _must(_is_row(detail, 2), "the detail is (queue, rate)")
    return _which(detail[0]), _rate(detail[1])


def _weight_of(detail: Any) -> tuple[str, int]:
    right = _is_row(detail, 2) and _is_text(detail[0]) and _is_positive(detail[1])
    _must(right, "the detail is (queue, weight), and the weight is at least 1")
    return detail[0], detail[1]


DETAILS: dict[str, Callable[[Any], Any]] = {
    "Submit": _terms,
    "Attach": _number,
    "Reject": _refusal,
    "BecomeDue": _nothing,
    "Start": _nothing,
    "TimeOutRetry": _retried,
    "TimeOut": _timed_out,
    "Complete": _instant,
    "AcknowledgeCancel": _acknowledged,
    "Retry": _retried,
    "Fail": _failed,
    "Cancel": _asked,
    "RequestCancel": _asked,
    "Expire": _nothing,
    "BeginDrain": _drain,
    "StopNow": _actor,
    "DrainDeadline": _nothing,
    "ShutdownCancel": _nothing,
    "Abandon": _nothing,
    "LateReturn": _instant,
    "Stopped": _nothing,
    "Evict": _nothing,
    "Pause": _which,
    "Resume": _which,
    "Resize": _number,
    "SetRate": _rate_of,
    "SetWeight": _weight_of,
    "SetRetention": retention,
}
"""By action, what reads its detail.  A log may contain these, and nothing else."""
