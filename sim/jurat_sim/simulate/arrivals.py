"""When tasks come: the instants of a load, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .config import Bursts, FromTrace, Poisson, Regular
from .distributions import exponential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..randomness import SplitMix64
    from .config import Load


def instants(load: Load, numbers: SplitMix64) -> Iterator[tuple[int, int | None]]:
    """Each task's instant, in nanoseconds of the run, and how long it takes if the trace says so."""
    for place, (at, length) in enumerate(_endless(load, numbers)):
        if (load.count is not None and place >= load.count) or (load.until is not None and at > load.until):
            return
        yield at, length


def _endless(load: Load, numbers: SplitMix64) -> Iterator[tuple[int, int | None]]:
    at = load.start
    match load.arrivals:
        case Regular(every=every):
            while True:
                yield at, None
                at += every
        case Poisson(mean=mean):
            while True:
                at += exponential(numbers, mean)
                yield at, None
        case Bursts(size=size, every=every):
            while True:
                for _ in range(size):
                    yield at, None
                at += every
        case FromTrace():
            for instant, length in load.trace:
                yield at + instant, length
