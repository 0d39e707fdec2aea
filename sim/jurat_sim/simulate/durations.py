"""Lengths of time: text to whole nanoseconds and back, and what the worker takes.

In a scenario a length of time is text, a number and its unit: `250ms`, `1.5s`, `1h 30m`.  It must be a
whole number of nanoseconds, so nothing is rounded.  The worker takes a timedelta or seconds; a float of
seconds is exact to the nanosecond below 2**51 of them, which is `LONGEST_NS`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

UNITS: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
"""Nanoseconds in each unit."""

LONGEST_NS = 2**51
"""A little more than 26 days."""

PATTERN = r"^-?[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d)( [0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d))*$"
"""The form of a length of time, as a JSON Schema says it."""

_WHOLE = re.compile(PATTERN, re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z]+)", re.ASCII)


def parse(text: str) -> int:
    """The length in nanoseconds.

    Raises
    ------
    ValueError: it is no length of time, or no whole number of nanoseconds.
    """
    if not _WHOLE.match(text):
        raise ValueError(f"must be a number and a unit ({', '.join(UNITS)}), such as '250ms' or '1h 30m'")
    total = sum((Fraction(number) * UNITS[unit] for number, unit in _PART.findall(text)), Fraction(0))
    if total.denominator != 1:
        raise ValueError("must be a whole number of nanoseconds")
    return -total.numerator if text.startswith("-") else total.numerator


def show(length_ns: int) -> str:
    """The length for people: the largest unit of which it is at least one, and at most three decimals."""
    if length_ns < 0:
        return f"-{show(-length_ns)}"
    name, unit = next(
        ((name, unit) for name, unit in reversed(UNITS.items()) if length_ns >= unit), ("ns", 1)
    )
    whole, rest = divmod((2_000 * length_ns + unit) // (2 * unit), 1_000)
    decimals = f".{rest:03}".rstrip("0").rstrip(".")
    return f"{whole:,}{decimals} {name}"


def for_worker(length_ns: int) -> timedelta | float:
    """The same length as the worker takes it, exactly.

    Raises
    ------
    ValueError: it is no whole number of microseconds and longer than `LONGEST_NS`.
    """
    if length_ns % 1_000 == 0:
        return timedelta(microseconds=length_ns // 1_000)
    if length_ns > LONGEST_NS:
        raise ValueError(f"{length_ns} ns is too long to be exact in seconds")
    return length_ns / 1_000_000_000
