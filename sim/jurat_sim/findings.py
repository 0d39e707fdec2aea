"""Findings: what a check has to say against a run.

`property` is a stable name for what was broken.  Two runs that break the same property
for the same reason carry the same name, however different their schedules are: shrinking
and the catalogue of defects rely on it.  `message` is for people.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken property in one run."""

    property: str
    message: str

    def __str__(self) -> str:
        return f"{self.property}: {self.message}"
