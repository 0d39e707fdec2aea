"""Two accounts that are kept while a log is replayed: permits that were spent, and turns that were had.

Both say the same as the machines of their names, whose states hold a history so that laws can be
asked of it: `limiter`, which counts starts, and `queues`, which counts turns.  Here is only what
the next step needs, changed in place, so that a log may be of any length.  A test holds these
accounts against those machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .log import Rate

__all__ = ["Limiter", "Turns"]


class Limiter:
    """The starts that a rate allows.

    `tat` is the instant at which all that was spent is given back, multiplied by the starts of the
    rate: so a nanosecond gives back `starts`, a start spends `ns`, and nothing is rounded.
    """

    def __init__(self, rate: Rate, at: int) -> None:
        """It is full: nothing was spent."""
        self.rate = rate
        self.tat = at * rate.starts

    def permits(self, at: int) -> int:
        """Starts that could come at once at this instant: the burst, less what is owed, rounded up.

        Below zero if more is owed than a burst, as it may be when the burst was made smaller.
        """
        return self.rate.burst - _up(self._debt(at), self.rate.ns)

    def spend(self, at: int) -> None:
        """A task starts."""
        self.tat = at * self.rate.starts + self._debt(at) + self.rate.ns

    def change(self, rate: Rate, at: int) -> None:
        """What is owed is owed in starts, rounded up, whatever a start is worth from now on."""
        self.tat = at * rate.starts + _up(self._debt(at) * rate.ns, self.rate.ns)
        self.rate = rate

    def _debt(self, at: int) -> int:
        """What was spent and is not yet given back."""
        return max(0, self.tat - at * self.rate.starts)


def _up(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


class Turns:
    """Which queue gives the next start: smooth weighted round robin.  A queue is a number from 1."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = list(weights)
        self.credits = [0] * len(self.weights)

    def pick(self, eligible: Sequence[int]) -> int:
        """Of the queues that could give it: the most credit, when each has gained its weight; of equals the
        first."""
        return max(eligible, key=lambda queue: (self.credits[queue - 1] + self.weights[queue - 1], -queue))

    def take(self, eligible: Sequence[int], chosen: int) -> None:
        """Each of these gains its weight, and who gives the start pays for all."""
        for queue in eligible:
            self.credits[queue - 1] += self.weights[queue - 1]
            self.credits[chosen - 1] -= self.weights[queue - 1]
