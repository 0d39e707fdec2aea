"""The shape of one link of the chain of evidence.

A link is a function `run(profile, progress) -> LinkResult` in `jurat_audit.links`.
It does its work, says how far it is through `progress`, and answers with a verdict and
the figures behind it.  It raises `AuditError` only when it could not be tried at all
(a missing tool); evidence that does not hold is an answer, not an exception.

What a link answers falls into two halves, and the boundary between them is the reason
for the two groups of fields below.  `figures` and `details` are *content*: they go into
the committed report, which must be the same to the byte when it is made again, so they
hold counts, names, tokens and virtual times, and never a clock, a speed, a path or a
host.  `timings` are about this run on this machine, and go to the run envelope only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .errors import NoBudget, UnknownProfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

Budget = TypeVar("Budget")


class Verdict(StrEnum):
    """What may be said of a link, of a requirement, or of the whole audit."""

    PASS = "pass"  # every check was made, and holds
    FAIL = "fail"  # a check was made, and does not hold
    UNDETERMINED = "undetermined"  # tried, and a bound or a tool stopped it: neither of the above
    PLANNED = "planned"  # not built yet: counts nowhere, and says which issue will build it


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkResult:
    """The answer of one link."""

    id: str
    """One of `jurat_audit.requirements.LINKS`."""

    verdict: Verdict

    command: str
    """What a reader types to repeat this link alone."""

    summary: str
    """One sentence with its figures."""

    figures: dict[str, int | str] = field(default_factory=dict)
    """Named counts.  A requirement's evidence cites one of them as `link.figure`."""

    details: dict[str, Any] = field(default_factory=dict)
    """More deterministic JSON, for the page and the matrix: only str, int, bool, None, list, dict.

    These keys mean the same in every link, each optional; a link adds its own beside them:

    * `properties`: [{"name", "model", "holds"}], each property checked, by its TLA+ name;
    * `defects`: [{"id", "found", "by", "property", "schedules", "replay", "story"}], story a list of lines;
    * `limits`: sentences, what this link's bounds do not cover;
    * `tables`: [{"title", "columns", "rows"}], shown as they are;
    * `simulation`: {"scenario", "text", "command", "checks", "checks_that_hold", "charts"}, a simulation
      that is drawn; the charts are numbers (`charts.Chart`), and no pictures.
    """

    problems: tuple[str, ...] = ()
    """Lines for a person, printed in full when the verdict is not pass."""

    timings: dict[str, float] = field(default_factory=dict)
    """Seconds and speeds of this run.  They go to the run envelope and nowhere else."""

    planned_in: str | None = None
    """For `Verdict.PLANNED`: the issue that builds it, as "issue 2 of 8"."""


class Progress(Protocol):
    """How a link says how far it is.  Implementations are in `jurat_audit.progress`."""

    def step(self, text: str) -> None:
        """Say what is being done now.  Ends the count of the step before."""

    def total(self, count: int) -> None:
        """Say how many units the present step has."""

    def advance(self, count: int = 1) -> None:
        """Say that `count` more units are done.  Cheap, but not free: call it per batch."""

    def row(self, text: str) -> AbstractContextManager[None]:
        """Show one of several things that are done at a time, in a row of its own, while it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much is done.  Budgets are counts, never seconds, so that they repeat on any machine."""

    name: str
    description: str

    answers: Path | None = None
    """The folder in which TLC's answers are kept while and after this audit runs; None for nowhere."""

    @property
    def runs(self) -> tuple[str, ...]:
        """The profiles whose models are run: a larger one runs those of the smaller as well."""
        return tuple(PROFILES)[: tuple(PROFILES).index(self.name) + 1]


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(name="default", description="what every change is checked with: minutes on two cores"),
        Profile(name="deep", description="the large budgets, run on purpose and not with every change"),
    )
}


def budget(budgets: Mapping[str, Budget], profile: Profile, link: str) -> Budget:
    """What a link does in a profile.  A link that has not said so raises `NoBudget`."""
    try:
        return budgets[profile.name]
    except KeyError:
        raise NoBudget(link, profile.name) from None


def profile_named(name: str) -> Profile:
    """The profile of that name, or `UnknownProfile`."""
    try:
        return PROFILES[name]
    except KeyError:
        raise UnknownProfile(name, tuple(sorted(PROFILES))) from None
