"""What one part of the link from the worker to the rule contributes to the link's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jurat_sim.explore import replay

from ..link import Verdict

if TYPE_CHECKING:
    from jurat_sim.explore import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The fields mean what those of `LinkResult` of the same names mean."""

    summary: str
    """A clause of the link's sentence."""
    figures: dict[str, int | str]
    tables: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    """What does not hold."""
    undetermined: tuple[str, ...] = ()
    """What a bound has stopped."""
    defects: tuple[dict[str, Any], ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What follows from this part alone."""
        if self.problems:
            return Verdict.FAIL
        return Verdict.UNDETERMINED if self.undetermined else Verdict.PASS


def told(report: Report) -> list[str]:
    """What is wrong with the clean worker in one campaign or search, for a person."""
    failure = report.failure
    if failure is None:
        return []
    return [
        (
            f"{report.scenario} at the grain of the {report.grain}: schedule {failure.schedule}, "
            f"by {failure.strategy}, breaks {failure.property}"
        ),
        f"replay: jurat explore --replay {failure.token}",
        *(f"    {line}" for line in replay(failure.token).story.brief()),
    ]
