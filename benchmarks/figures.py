"""What is measured, and what it must be.

A figure is one number for each interpreter.  Its bound, *must*, is what the project promises; its *aim* is
what it wants.  Figures that have neither are there for scale.  A load against the pool is written as how
many times faster the worker is, so "never slower" is at least 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BY_ID", "FIGURES", "VERSIONS", "Figure", "holds"]

VERSIONS = ("3.11", "3.12", "3.13")
"""The interpreters that the figures are asked of, where they are present."""

Sense = Literal["at least", "at most"]
Group = Literal["speed", "switches", "size", "scale"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing that is measured."""

    id: str
    title: str
    group: Group
    """The table it stands in."""
    job: str
    """The measurement, in a process of its own, that it comes from."""
    unit: str
    sense: Sense
    must: tuple[float, ...] | None = None
    """The bound for each of `VERSIONS`."""
    aim: tuple[float, ...] | None = None

    def bounds(self, version: str) -> tuple[float | None, float | None]:
        """The bound and the aim on this interpreter."""
        place = VERSIONS.index(version)
        return (
            None if self.must is None else self.must[place],
            None if self.aim is None else self.aim[place],
        )


def holds(value: float, sense: str, bound: float) -> bool:
    """Whether the value keeps within the bound."""
    return value >= bound if sense == "at least" else value <= bound


def _everywhere(bound: float) -> tuple[float, ...]:
    return (bound,) * len(VERSIONS)


def _faster(job: str, title: str, must: tuple[float, ...], aim: tuple[float, ...] | None = None) -> Figure:
    return Figure(
        id=job, title=title, group="speed", job=job, unit="times", sense="at least", must=must, aim=aim
    )


_NEVER_SLOWER = _everywhere(1.0)
_WORTH_HAVING = _everywhere(1.5)

FIGURES: tuple[Figure, ...] = (
    _faster("noop", "no-op tasks, recorder off", (3.0, 3.0, 2.5), (5.0, 4.0, 3.5)),
    _faster("recorded", "no-op tasks, in-memory recorder on", _everywhere(2.0), (3.5, 3.0, 2.5)),
    _faster("producers", "no-op tasks from 4 producers", _NEVER_SLOWER, _WORTH_HAVING),
    _faster("window", "64 outstanding, `result()` of each", _NEVER_SLOWER, _WORTH_HAVING),
    _faster("hashing", "SHA-1 of 4 kB, which drops the GIL", _NEVER_SLOWER, _WORTH_HAVING),
    _faster("naps", "`sleep(0)`, which drops the GIL", _NEVER_SLOWER, _WORTH_HAVING),
    _faster("latency", "submit to start when idle, p50", _NEVER_SLOWER),
    Figure(
        id="switches",
        title="voluntary context switches per no-op task",
        group="switches",
        job="switches",
        unit="switches",
        sense="at most",
        must=_everywhere(0.02),
        aim=_everywhere(0.006),
    ),
    Figure(
        id="idleness",
        title="voluntary context switches of an idle worker in 3 s",
        group="switches",
        job="idleness",
        unit="switches",
        sense="at most",
        must=_everywhere(0),
    ),
    Figure(
        id="traced",
        title="bytes per queued task beyond its arguments, traced",
        group="size",
        job="traced",
        unit="bytes",
        sense="at most",
        must=_everywhere(450),
        aim=_everywhere(350),
    ),
    Figure(
        id="resident",
        title="bytes per queued task, resident, at 1,000,000",
        group="size",
        job="resident",
        unit="bytes",
        sense="at most",
    ),
    Figure(
        id="growth",
        title="submit at 1,000,000 queued, in terms of submit at 1,000",
        group="scale",
        job="million",
        unit="times",
        sense="at most",
        must=_everywhere(2.5),
        aim=_everywhere(1.5),
    ),
    Figure(
        id="stall",
        title="longest stall of a caller while 1,000,000 are cancelled",
        group="scale",
        job="million",
        unit="ms",
        sense="at most",
        must=_everywhere(50),
    ),
)

BY_ID = {figure.id: figure for figure in FIGURES}


def jobs() -> Iterable[str]:
    """The measurements, each once, in the order of the figures."""
    return dict.fromkeys(figure.job for figure in FIGURES)
