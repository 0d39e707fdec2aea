"""Numbers that are drawn alike on every machine and by every version of Python.

A schedule is found again only if the numbers that chose it are.  The standard library
promises that for `Random.random()` and for nothing else, so what a run draws comes from
here: SplitMix64 (Steele, Lea, Flood 2014; the constants are those of the reference code at
https://prng.di.unimi.it/splitmix64.c), ten lines of integer arithmetic.
"""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class SplitMix64:
    """A stream of 64-bit numbers from a seed."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def next(self) -> int:
        """The next number, 64 bits."""
        self._state = z = (self._state + _STEP) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def random(self) -> float:
        """A number in [0, 1) with 53 random bits."""
        return (self.next() >> 11) / (1 << 53)

    def below(self, size: int) -> int:
        """One of the first whole numbers, as many as `size`, which is small."""
        return self.next() % size

    def bytes(self, size: int) -> bytes:
        """As many random bytes."""
        return b"".join([self.next().to_bytes(8, "little") for _ in range(-(-size // 8))])[:size]


def derive(seed: int, number: int) -> int:
    """A seed for the `number`th thing that a seed is needed for, unrelated to its neighbours."""
    return SplitMix64(seed ^ SplitMix64(number).next()).next()


def seed_of(name: str) -> int:
    """The seed that belongs to a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
