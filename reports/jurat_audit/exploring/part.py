"""What one part of the link from the worker to the rule contributes to the link's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..link import Verdict


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
