"""What a seeded defect is: a change of the source, and where it must be found."""

from __future__ import annotations

from dataclasses import dataclass, field

from .build import Patch
from .tokens import Grain


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One entry of the catalogue."""

    id: str
    title: str
    breaks: tuple[str, ...]
    """Identifiers of the requirements that it breaks."""
    patches: tuple[Patch, ...]
    scenario: str = ""
    """Where it is looked for; empty for a defect of time."""
    grain: Grain = Grain.SEAM
    schedules: int = 2_000
    """Within how many schedules it must be found."""
    note: str = field(default="")
    """What the patch does, where the title does not say it."""


def patch(module: str, before: str, after: str) -> Patch:
    """A patch whose texts are written as blocks, each beginning on the line after its quotes."""
    return Patch(module, before.removeprefix("\n"), after.removeprefix("\n"))
