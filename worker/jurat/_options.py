"""Arguments at the edge: checked once, early, by name, and turned into integers.

Outside, a duration is a `timedelta` or a number of seconds.  Inside, it is an integer
number of nanoseconds.  `None` is the only "no limit".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DEFAULT",
    "DRAIN_DEADLINE",
    "GRACE",
    "KEY_CAP",
    "PRIORITY",
    "QUEUE_MAX",
    "QUEUE_WAIT",
    "RETAINED",
    "RETRY_CAP",
    "RETRY_DELAY",
    "RETRY_JITTER",
    "THREADS",
    "Default",
    "Duration",
    "count",
    "instant_ns",
    "is_a",
    "is_name",
    "items",
    "nanoseconds",
    "optional_count",
    "optional_name",
    "optional_nanoseconds",
    "positive_nanoseconds",
    "whole",
]

T = TypeVar("T")

Duration = timedelta | float | int
"""A length of time: a timedelta, or seconds."""


class Default:
    """Stands for "what the worker was built with", where None already means "no limit"."""

    def __repr__(self) -> str:
        return "<the worker's own>"


DEFAULT = Default()

THREADS = 4
QUEUE_MAX = 10_000
QUEUE_WAIT = timedelta(0)
DRAIN_DEADLINE = timedelta(seconds=30)
GRACE = timedelta(seconds=10)
RETAINED = 1_000
KEY_CAP = 1
PRIORITY = 0
RATE_PER = timedelta(seconds=1)
RETRY_DELAY = timedelta(seconds=1)
RETRY_CAP = timedelta(minutes=5)
RETRY_JITTER = 0.1

_LONGEST_NS = 2**63 - 1
_LONGEST_S = 2.0**34  # more seconds than that are more nanoseconds than the longest


def nanoseconds(argument: str, value: Duration) -> int:
    """The duration in nanoseconds.  Zero or more, and below 292 years."""
    if isinstance(value, timedelta):
        ns = (value.days * 86_400 + value.seconds) * 1_000_000_000 + value.microseconds * 1_000
    elif isinstance(value, bool) or not isinstance(value, int | float):
        kind = type(value).__name__
        raise InvalidArgument(argument, f"must be a timedelta or a number of seconds, not {kind}")
    elif isinstance(value, float) and not isfinite(value):
        raise InvalidArgument(argument, f"must be a finite number of seconds, not {value}")
    elif value < 0:
        ns = -1  # however little: what rounds to nothing is negative all the same
    else:
        ns = round(min(value, _LONGEST_S) * 1_000_000_000)  # a float's product could overflow
    if ns < 0:
        raise InvalidArgument(argument, f"must not be negative, and is {value}")
    if ns > _LONGEST_NS:
        raise InvalidArgument(argument, "must be below 292 years")
    return ns


def optional_nanoseconds(argument: str, value: Duration | None) -> int | None:
    """As `nanoseconds`, but None stays None: no limit."""
    return None if value is None else nanoseconds(argument, value)


def count(argument: str, value: int, *, least: int) -> int:
    """A whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(argument, f"must be a whole number, not {type(value).__name__}")
    if value < least:
        raise InvalidArgument(argument, f"must be at least {least}, and is {value}")
    return value


def optional_count(argument: str, value: int | None, *, least: int) -> int | None:
    """As `count`, but None stays None: no limit."""
    return None if value is None else count(argument, value, least=least)


def positive_nanoseconds(argument: str, value: Duration) -> int:
    """As `nanoseconds`, but at least one nanosecond."""
    ns = nanoseconds(argument, value)
    if ns == 0:
        raise InvalidArgument(argument, f"must be at least a nanosecond, and is {value}")
    return ns


def is_name(argument: str, value: str) -> str:
    """A string that is not empty, as a plain string."""
    if not isinstance(value, str):
        raise InvalidArgument(argument, f"must be a string, not {type(value).__name__}")
    if not value:
        raise InvalidArgument(argument, "must not be empty")
    return str.__str__(value)  # of a subclass, too: its own comparisons stay out of our tables


def optional_name(argument: str, value: str | None) -> str | None:
    """As `is_name`, but None stays None."""
    return None if value is None else is_name(argument, value)


def whole(argument: str, value: int) -> int:
    """A whole number, of either sign."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(argument, f"must be a whole number, not {type(value).__name__}")
    return value


def instant_ns(argument: str, value: datetime) -> int:
    """A time of day as nanoseconds since 1970, in UTC.  It must say its time zone."""
    if not isinstance(value, datetime):
        raise InvalidArgument(argument, f"must be a datetime, not {type(value).__name__}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidArgument(argument, "must say its time zone")
    return (value - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1_000


def items(argument: str, value: Iterable[T]) -> list[T]:
    """What can be iterated over, as a list.  What iterating raises is the caller's own."""
    try:
        iterator = iter(value)
    except TypeError:
        raise InvalidArgument(argument, f"must be iterable, and is of type {type(value).__name__}") from None
    return list(iterator)


def is_a(argument: str, value: object, kind: type, *, optional: bool = True) -> None:
    """Refuse what is not of that kind, nor None where that may be."""
    if not (isinstance(value, kind) or (optional and value is None)):
        what = f"a {kind.__name__}" + (" or None" if optional else "")
        raise InvalidArgument(argument, f"must be {what}, not {type(value).__name__}")
