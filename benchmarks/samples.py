"""Medians: what several rounds say together, and how far apart they were."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Summary", "alternate", "ratios"]

DIGITS = 4
"""What is kept of a figure.  The fifth digit of a time is noise."""


@dataclass(frozen=True)
class Summary:
    """An odd number of rounds: the one in the middle, and the two at the ends."""

    median: float
    min: float
    max: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """The summary of one value per round."""
        if len(values) % 2 == 0:
            raise ValueError(f"{len(values)} rounds have no middle: take an odd number")
        return cls(
            median=significant(median(values)),
            min=significant(min(values)),
            max=significant(max(values)),
            rounds=len(values),
        )


def significant(value: float) -> float:
    """The value with as many digits as mean something."""
    return float(f"{value:.{DIGITS}g}")


def alternate(a: Callable[[], float], b: Callable[[], float], rounds: int) -> tuple[list[float], list[float]]:
    """The values of A and of B, measured in turn.  Who goes first changes with each round."""
    of_a: list[float] = []
    of_b: list[float] = []
    for number in range(rounds):
        turns = [(a, of_a), (b, of_b)]
        for measure, values in turns if number % 2 == 0 else reversed(turns):
            values.append(measure())
    return of_a, of_b


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, how many times the one is the other: what slows a whole round cancels out."""
    return [high / low for high, low in zip(above, below, strict=True)]
