"""Arguments at the edge: checked once, early, by name, and turned into integers.

Outside, a duration is a `timedelta` or a number of seconds.  Inside, it is an integer
number of nanoseconds.  `None` is the only "no limit".
"""

from __future__ import annotations

from datetime import timedelta
from math import isfinite

from .errors import InvalidArgument

__all__ = [
    "DRAIN_DEADLINE",
    "GRACE",
    "QUEUE_MAX",
    "THREADS",
    "Duration",
    "count",
    "nanoseconds",
    "optional_count",
    "optional_nanoseconds",
]

Duration = timedelta | float | int
"""A length of time: a timedelta, or seconds."""

THREADS = 4
QUEUE_MAX = 10_000
DRAIN_DEADLINE = timedelta(seconds=30)
GRACE = timedelta(seconds=10)

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
