"""Lengths of time drawn at random, in whole numbers and alike on every machine.

Everything is drawn from `SplitMix64`.  The exponential distribution is von Neumann's: it compares
uniform numbers and computes no logarithm, so no platform's library has a say in the last digit.

Sources: J. von Neumann, "Various techniques used in connection with random digits", 1951; L. Devroye,
*Non-Uniform Random Variate Generation*, 1986, IV.2, which also has the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..randomness import SplitMix64

_BITS = 64
_HALF = 1 << (_BITS - 1)


class Distribution(Protocol):
    """How long something takes, in nanoseconds."""

    def draw(self, numbers: SplitMix64) -> int:
        """One length."""

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""


def below(numbers: SplitMix64, bound: int) -> int:
    """A number in [0, bound), each as likely as any other to one part in 2**64 / bound."""
    return numbers.next() * bound >> _BITS


def happens(number: int, share: Fraction) -> bool:
    """Whether something that happens with this probability happens at this number of 64 bits."""
    return number * share.denominator < share.numerator << _BITS


def exponential(numbers: SplitMix64, mean_ns: int) -> int:
    """An exponential length of this mean, rounded to the nearest nanosecond."""
    draw = numbers.next
    whole = 0
    while True:
        first = last = draw()
        odd = True
        while (number := draw()) < last:
            last = number
            odd = not odd
        if odd:
            return whole * mean_ns + (first * mean_ns + _HALF >> _BITS)
        whole += 1


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    length_ns: int

    def draw(self, numbers: SplitMix64) -> int:  # noqa: ARG002 - as every distribution
        """One length."""
        return self.length_ns

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""
        return Fraction(self.length_ns)

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""
        return Fraction(self.length_ns) ** 2


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without memory."""

    mean: int

    def draw(self, numbers: SplitMix64) -> int:
        """One length."""
        return exponential(numbers, self.mean)

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""
        return Fraction(self.mean)

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""
        return 2 * Fraction(self.mean) ** 2


@dataclass(frozen=True, slots=True)
class Uniform:
    """Any whole number from `least_ns` to `most_ns`, both included."""

    least_ns: int
    most_ns: int

    def draw(self, numbers: SplitMix64) -> int:
        """One length."""
        return self.least_ns + below(numbers, self.most_ns - self.least_ns + 1)

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""
        return Fraction(self.least_ns + self.most_ns, 2)

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""
        values = self.most_ns - self.least_ns + 1
        return self.mean_ns**2 + Fraction(values**2 - 1, 12)


@dataclass(frozen=True, slots=True)
class Erlang:
    """The sum of so many exponential stages: more regular than one."""

    stages: int
    mean: int

    def draw(self, numbers: SplitMix64) -> int:
        """One length."""
        total = sum(exponential(numbers, self.mean) for _ in range(self.stages))
        return (2 * total + self.stages) // (2 * self.stages)

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""
        return Fraction(self.mean)

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""
        return Fraction(self.mean) ** 2 * (1 + Fraction(1, self.stages))


@dataclass(frozen=True, slots=True)
class Hyperexponential:
    """One of two exponential lengths: more irregular than one.  The first has probability `share`."""

    share: Fraction
    first: int
    second: int

    def draw(self, numbers: SplitMix64) -> int:
        """One length."""
        return exponential(numbers, self.first if happens(numbers.next(), self.share) else self.second)

    @property
    def mean_ns(self) -> Fraction:
        """Its expectation."""
        return self.share * self.first + (1 - self.share) * self.second

    @property
    def second_moment_ns2(self) -> Fraction:
        """The expectation of its square."""
        return 2 * (self.share * self.first**2 + (1 - self.share) * self.second**2)
