"""What a worker is told about retries, rates, queues and retention: frozen, and checked when made.

Each is a value: made once, shared, compared by what it says.  A duration is a `timedelta` or a
number of seconds; a limit that may be absent is None, and zero means zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from ._options import (
    PRIORITY,
    RATE_PER,
    RETAINED,
    RETRY_CAP,
    RETRY_DELAY,
    RETRY_JITTER,
    count,
    is_name,
    nanoseconds,
    optional_count,
    optional_nanoseconds,
    positive_nanoseconds,
)
from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._options import Duration

__all__ = ["PRIORITY", "Queue", "Rate", "RateLimit", "Retention", "Retry"]

SCALE = 10**9
"""Jitter is kept as a whole number of parts of this many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed attempt is followed by another, and after how long.

    Retry number i, from 1, waits min(cap, delay * 2 ** (i - 1)), shortened by a random part of
    at most the fraction `jitter`.  The randomness comes from the worker's seed, the task's
    number and the attempt, so it does not depend on who runs when.

    An exception with an attribute `retry_after` (a timedelta, or seconds) waits exactly so long.
    An exception that is not an `Exception` (SystemExit, KeyboardInterrupt) is never retried.
    """

    max_retries: int
    """Attempts after the first; 0 is one attempt."""
    delay: Duration = RETRY_DELAY
    """What the first retry waits, before jitter."""
    cap: Duration = RETRY_CAP
    """What no retry waits longer than."""
    jitter: float = RETRY_JITTER
    """The largest part of a delay that is left out, from 0 to 1."""
    on: type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool] = Exception
    """What is retried: types, or a function that is asked.  If the function fails, there is no retry."""
    never: type[BaseException] | tuple[type[BaseException], ...] = ()
    """Types that are not retried, whatever `on` says."""
    timeouts: bool = False
    """Whether an attempt that took too long is followed by another."""

    def __post_init__(self) -> None:
        count("max_retries", self.max_retries, least=0)
        nanoseconds("delay", self.delay)
        nanoseconds("cap", self.cap)
        if isinstance(self.jitter, bool) or not isinstance(self.jitter, int | float):
            raise InvalidArgument("jitter", f"must be a number, not {type(self.jitter).__name__}")
        if not 0 <= self.jitter <= 1:
            raise InvalidArgument("jitter", f"must be from 0 to 1, and is {self.jitter}")
        if not (_are_types(self.on) or (callable(self.on) and not isinstance(self.on, type))):
            raise InvalidArgument("on", "must be exception types, or a function")
        if not _are_types(self.never):
            raise InvalidArgument("never", "must be exception types")
        if not isinstance(self.timeouts, bool):
            raise InvalidArgument("timeouts", f"must be True or False, not {type(self.timeouts).__name__}")


def _are_types(value: object) -> bool:
    types = value if isinstance(value, tuple) else (value,)
    return all(isinstance(it, type) and issubclass(it, BaseException) for it in types)


class Rate(NamedTuple):
    """A rate in whole numbers: so many starts in so many nanoseconds, and so many at once."""

    starts: int
    per_ns: int
    burst: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `starts` in any `per`, and `burst` at once after a rest.

    In every closed interval of length w, at most burst + w * starts / per tasks start.  Kept
    exactly: 1 in 10 minutes and 7 in 3 seconds are the ratios that they are.
    """

    starts: int
    per: Duration = RATE_PER
    burst: int = 1

    def __post_init__(self) -> None:
        count("starts", self.starts, least=1)
        positive_nanoseconds("per", self.per)
        count("burst", self.burst, least=1)

    @property
    def rate(self) -> Rate:
        """In whole numbers, in lowest terms."""
        ratio = Fraction(self.starts, positive_nanoseconds("per", self.per))
        return Rate(ratio.numerator, ratio.denominator, self.burst)


@dataclass(frozen=True, slots=True)
class Queue:
    """A named queue.

    Between queues that have something to start, starts are shared out by weight; inside a queue
    the lower priority number is first, and of equals the one admitted first.
    """

    name: str
    weight: int = 1
    """Its share of the starts."""
    cap: int | None = None
    """How many of its tasks may run at once; None is no cap but the number of threads."""
    rate: RateLimit | None = None
    """None is no limit but the worker's."""

    def __post_init__(self) -> None:
        is_name("name", self.name)
        count("weight", self.weight, least=1)
        optional_count("cap", self.cap, least=1)
        if self.rate is not None and not isinstance(self.rate, RateLimit):
            raise InvalidArgument("rate", f"must be a RateLimit or None, not {type(self.rate).__name__}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many tasks that ended are remembered, and for how long.  The first to end goes first.

    While a task is remembered, its id and its idempotency key are taken.
    """

    number: int | None = RETAINED
    """None is no limit."""
    age: Duration | None = None
    """None is no limit."""

    def __post_init__(self) -> None:
        optional_count("number", self.number, least=0)
        optional_nanoseconds("age", self.age)
