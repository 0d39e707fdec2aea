"""Rounds, and what they say together."""

from __future__ import annotations

import pytest
from benchmarks.samples import Summary, alternate, ratios, significant


def test_a_summary_is_the_middle_and_the_ends() -> None:
    """In whatever order the rounds came."""
    assert Summary.of([5, 1, 3, 9, 2]) == Summary(median=3, min=1, max=9, rounds=5)


@pytest.mark.parametrize("values", [[], [1, 2], [1, 2, 3, 4]])
def test_an_even_number_of_rounds_has_no_middle(values: list[float]) -> None:
    """The mean of two rounds was measured in neither."""
    with pytest.raises(ValueError, match=f"{len(values)} rounds have no middle"):
        Summary.of(values)


@pytest.mark.parametrize(("value", "kept"), [(3.14159, 3.142), (123456.0, 123500.0), (0.00012345, 0.0001234)])
def test_four_digits_are_kept(value: float, kept: float) -> None:
    """The fifth is noise."""
    assert significant(value) == kept


def test_a_and_b_take_turns_and_each_begins_every_other_time() -> None:
    """So that neither always profits from a warm cache or suffers from what the other left."""
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return len(order)

    assert alternate(lambda: measure("a"), lambda: measure("b"), 3) == ([1, 4, 5], [2, 3, 6])
    assert "".join(order) == "abbaab"


def test_a_ratio_is_of_one_round() -> None:
    """A round that was slow for both sides changes nothing."""
    assert ratios([10, 100], [5, 50]) == [2, 2]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])
