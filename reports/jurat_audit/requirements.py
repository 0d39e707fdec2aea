"""From evidence to verdicts: what may be said of each requirement, and why.

`requirements.toml` says what every requirement needs; the links, the evidence tests and
the defect campaign say what there is.  This module holds the two against each other.
It is the one place where the word `pass` is earned, and the rule fits in four sentences:

* a source that was tried and does not hold makes the requirement `fail`;
* every kind it needs, each with a count above zero and each cited source present: `pass`,
  unless the table says what the requirement still awaits;
* what is missing was tried, and a bound or a tool stopped it: `undetermined`;
* otherwise it is `planned`, unless its issue is resolved: then what is missing is a `fail`.

`planned` is computed and never written down, so that no requirement can be declared
built, and none can fall back to planned unnoticed once its issue is resolved.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Any

from .errors import TableError
from .link import LinkResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .evidence import EvidenceRun

ISSUES = range(1, 9)

# The ids of the requirements document.  The table must have exactly these: an id that is
# dropped from it would be a promise that quietly goes missing.
IDS = tuple(
    f"{family}-{number}"
    for family, count in (
        ("LC", 3), ("RL", 4), ("TC", 4), ("RT", 3), ("SD", 4), ("RS", 2), ("RG", 1), ("GR", 3), ("NF", 3),
        ("OB", 3), ("AU", 2), ("NP", 1), ("SC", 3), ("MG", 1), ("DF", 1), ("NH", 5), ("RM", 4),
    )
    for number in range(1, count + 1)
)  # fmt: skip

# What decides whether a task runs once, in time, or at all, is held to all three.
STRICT_FAMILIES = frozenset({"LC", "RL", "TC", "RT", "SD", "RS", "RG"})


class Kind(StrEnum):
    """A kind of evidence."""

    PROPERTY = "property"  # a TLA+ property that TLC checked on every reachable state of a bounded model
    SPEC = "spec"  # the executable specification, shown equal to the model
    ARITHMETIC = "arithmetic"  # a pure function, confirmed symbolically or compared with its definition
    WORKER_TEST = "worker_test"  # a test of the shipped worker, marked as evidence for the id
    DEFECT = "defect"  # a seeded defect that breaks the id, found
    FIGURE = "figure"  # a figure of a link: a time, a count


STRICT_KINDS = frozenset({Kind.PROPERTY, Kind.SPEC, Kind.WORKER_TEST})
CITED_KINDS = (Kind.PROPERTY, Kind.SPEC, Kind.ARITHMETIC, Kind.FIGURE)
LINKS = ("model", "equivalence", "arithmetic", "conformance", "timing", "log")


def issue_name(issue: int | str) -> str:
    """How prose names an issue of the series."""
    return issue if isinstance(issue, str) else f"issue {issue} of {len(ISSUES)}"


# --- the table -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One row of the table."""

    id: str
    text: str
    source: str
    """Where the requirement comes from: a section of the product requirements."""
    needs: tuple[Kind, ...]
    issue: int | str
    """The issue that completes it, or "roadmap"."""
    cites: dict[Kind, tuple[str, ...]] = field(default_factory=dict)
    """What discharges each kind that the table lists: properties, or figures as "link.figure"."""
    mutant: str | None = None
    """A model that must fail and breaks this requirement: one of its properties alone finds it."""
    awaits: str | None = None
    """What does not exist yet and keeps it planned, whatever evidence there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One row of the defect catalogue: a way in which systems of this kind have been seen to fail."""

    id: str
    text: str
    breaks: tuple[str, ...]
    issue: int
    """The issue that seeds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`requirements.toml`, checked."""

    requirements: tuple[Requirement, ...]
    defects: tuple[Defect, ...]
    resolved: frozenset[int]

    def breaking(self, id: str) -> tuple[str, ...]:
        """The ids of the catalogue's defects that break this requirement."""
        return tuple(defect.id for defect in self.defects if id in defect.breaks)


def load_table(text: str | None = None) -> Table:
    """Read and check the table (the project's own, unless a test brings another)."""
    if text is None:
        text = resources.files(__package__).joinpath("requirements.toml").read_text("utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"requirements.toml: {error}") from None
    defects = tuple(_defect(row) for row in raw.get("defect", []))
    table = Table(
        requirements=tuple(_requirement(row) for row in raw.get("requirement", [])),
        defects=defects,
        resolved=frozenset(raw.get("resolved", [])),
    )
    _check_ids(table)
    for requirement in table.requirements:
        _check_needs(requirement, table)
        _check_owed(requirement, table)
    return table


_KEYS = ("id", "text", "source", "needs", "issue", "mutant", "awaits")


def _requirement(row: dict[str, Any]) -> Requirement:
    id = row.get("id", "?")
    _refuse_unknown_keys(id, row, {*_KEYS, *CITED_KINDS})
    try:
        return Requirement(
            id=id,
            text=row["text"],
            source=row["source"],
            needs=tuple(Kind(kind) for kind in row["needs"]),
            issue=row["issue"],
            cites={kind: tuple(row[kind]) for kind in CITED_KINDS if row.get(kind)},
            mutant=row.get("mutant"),
            awaits=row.get("awaits"),
        )
    except KeyError as error:
        raise TableError(f"requirements.toml: {id} has no {error.args[0]!r}") from None
    except ValueError as error:
        raise TableError(f"requirements.toml: {id}: {error}") from None


def _defect(row: dict[str, Any]) -> Defect:
    id = row.get("id", "?")
    _refuse_unknown_keys(id, row, {"id", "text", "breaks", "issue"})
    try:
        return Defect(id=id, text=row["text"], breaks=tuple(row["breaks"]), issue=row["issue"])
    except KeyError as error:
        raise TableError(f"requirements.toml: {id} has no {error.args[0]!r}") from None


def _refuse_unknown_keys(id: str, row: dict[str, Any], known: set[str]) -> None:
    for key in sorted(set(row) - known):
        raise TableError(f"requirements.toml: {id} has an unknown key {key!r}")


def _check_ids(table: Table) -> None:
    ids = [requirement.id for requirement in table.requirements]
    for id, count in Counter([*ids, *(defect.id for defect in table.defects)]).items():
        if count > 1:
            raise TableError(f"requirements.toml: {id} is there {count} times")
    if missing := sorted(set(IDS) - set(ids)):
        raise TableError(f"requirements.toml: missing {', '.join(missing)}")
    if unknown := sorted(set(ids) - set(IDS)):
        raise TableError(f"requirements.toml: unknown {', '.join(unknown)}")
    for defect in table.defects:
        if stray := sorted(set(defect.breaks) - set(ids)):
            raise TableError(f"requirements.toml: {defect.id} breaks unknown {', '.join(stray)}")
        if not defect.breaks:
            raise TableError(f"requirements.toml: {defect.id} breaks nothing")
    if stray_issues := sorted(table.resolved - set(ISSUES)):
        raise TableError(f"requirements.toml: resolved has no issue {', '.join(map(str, stray_issues))}")


def _check_needs(requirement: Requirement, table: Table) -> None:
    """Refuse a row that asks for too little, or cites what it does not need."""
    id, needs = requirement.id, set(requirement.needs)
    if requirement.issue != "roadmap" and requirement.issue not in ISSUES:
        raise TableError(f"requirements.toml: {id} has no such issue: {requirement.issue!r}")
    if not needs:
        raise TableError(f"requirements.toml: {id} needs no evidence, so nothing could refute it")
    if id.partition("-")[0] in STRICT_FAMILIES and (short := STRICT_KINDS - needs):
        raise TableError(f"requirements.toml: {id} must also need {', '.join(sorted(short))}")
    if (Kind.DEFECT in needs) != bool(table.breaking(id)):
        raise TableError(f"requirements.toml: {id} needs 'defect' if and only if the catalogue breaks it")
    for kind, sources in requirement.cites.items():
        if kind not in needs:
            raise TableError(f"requirements.toml: {id} cites {kind} and does not need it")
        for source in sources:
            if kind is not Kind.PROPERTY and source.partition(".")[0] not in LINKS:
                raise TableError(f"requirements.toml: {id} cites {source!r}, which is no link's figure")


def _check_owed(requirement: Requirement, table: Table) -> None:
    """Refuse a row whose issue is resolved and that leaves open what would discharge it."""
    if requirement.issue not in table.resolved:
        return
    id, resolved = requirement.id, f"{issue_name(requirement.issue)} is resolved"
    if requirement.awaits:
        raise TableError(f"requirements.toml: {id} awaits {requirement.awaits}, and {resolved}")
    for kind in CITED_KINDS:
        if kind in requirement.needs and kind not in requirement.cites:
            raise TableError(f"requirements.toml: {id} has nothing for {kind}, and {resolved}")


# --- the evidence --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing that was looked at for one requirement, and what came of it."""

    kind: Kind
    name: str
    """A property, a figure as "link.figure", a test, a defect."""
    count: int
    """How often it was seen to hold: models, edges, tests, schedules.  Zero when it was not."""
    verdict: Verdict
    """`PLANNED` here means: nobody has tried yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What may be said of one requirement."""

    requirement: Requirement
    verdict: Verdict
    sources: tuple[Source, ...]
    missing: tuple[Kind, ...]
    """The kinds it needs and does not have, or not in full."""

    @property
    def planned_in(self) -> str | None:
        """Which issue will complete it, when it is planned."""
        return issue_name(self.requirement.issue) if self.verdict is Verdict.PLANNED else None

    def counts(self) -> dict[str, int]:
        """The evidence there is, counted by kind."""
        return {
            str(kind): sum(source.count for source in self.sources if source.kind is kind)
            for kind in self.requirement.needs
        }


def judge(table: Table, links: Sequence[LinkResult], tests: EvidenceRun) -> tuple[Finding, ...]:
    """The finding for every requirement of the table, in its order."""
    _refuse_strays(table, links, tests)
    evidence = _Evidence(table, {link.id: link for link in links}, tests)
    return tuple(_finding(requirement, evidence, table.resolved) for requirement in table.requirements)


def _refuse_strays(table: Table, links: Sequence[LinkResult], tests: EvidenceRun) -> None:
    """Evidence for an id that does not exist is a slip of the pen somewhere: stop and say where."""
    known = {requirement.id for requirement in table.requirements}
    for test in tests.tests:
        if strays := sorted(set(test.requirements) - known):
            raise TableError(
                f"{test.id} is evidence for {', '.join(strays)}, which requirements.toml has not"
            )
    catalogue = {defect.id for defect in table.defects}
    for row in defect_rows(links):
        if row["id"] not in catalogue:
            raise TableError(
                f"the defect {row['id']} is seeded, and not in the catalogue of requirements.toml"
            )


def defect_rows(links: Iterable[LinkResult]) -> list[dict[str, Any]]:
    """Every seeded defect that any link tried, sorted by id."""
    rows = [row for link in links for row in link.details.get("defects", [])]
    return sorted(rows, key=lambda row: (str(row["id"]), str(row.get("by", ""))))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Everything that was found, asked by kind."""

    table: Table
    links: Mapping[str, LinkResult]
    tests: EvidenceRun

    def sources(self, requirement: Requirement, kind: Kind) -> list[Source]:
        match kind:
            case Kind.PROPERTY:
                return [self._property(name) for name in requirement.cites.get(kind, ())]
            case Kind.WORKER_TEST:
                return self._worker_tests(requirement.id)
            case Kind.DEFECT:
                return [self._defect(id) for id in self.table.breaking(requirement.id)]
            case _:
                return [self._figure(kind, name) for name in requirement.cites.get(kind, ())]

    def _property(self, name: str) -> Source:
        """A property counts once for each model in which TLC checked it."""
        link = self.links["model"]
        rows = [row for row in link.details.get("properties", []) if row["name"] == name]
        holds = sum(1 for row in rows if row["holds"])
        if holds < len(rows):
            return Source(kind=Kind.PROPERTY, name=name, count=0, verdict=Verdict.FAIL)
        return _supported(Kind.PROPERTY, name, link, holds)

    def _defect(self, id: str) -> Source:
        """A defect counts once for each campaign that found it; one that escaped is a failure."""
        for link in self.links.values():
            rows = [row for row in link.details.get("defects", []) if row["id"] == id]
            if any(not row["found"] for row in rows):
                return Source(kind=Kind.DEFECT, name=id, count=0, verdict=Verdict.FAIL)
            if rows:
                return _supported(Kind.DEFECT, id, link, len(rows))
        return Source(kind=Kind.DEFECT, name=id, count=0, verdict=Verdict.PLANNED)

    def _figure(self, kind: Kind, name: str) -> Source:
        """A figure has no verdict of its own: it stands and falls with its link."""
        link_id, _, figure = name.partition(".")
        link = self.links[link_id]
        if link.verdict is Verdict.FAIL:
            return Source(kind=kind, name=name, count=0, verdict=Verdict.FAIL)
        count = link.figures.get(figure, 0)
        return _supported(kind, name, link, count if isinstance(count, int) else 1)

    def _worker_tests(self, id: str) -> list[Source]:
        return [
            Source(
                kind=Kind.WORKER_TEST,
                name=test.id,
                count=int(test.verdict is Verdict.PASS),
                verdict=test.verdict,
            )
            for test in self.tests.tests
            if id in test.requirements
        ]


def _supported(kind: Kind, name: str, link: LinkResult, count: int) -> Source:
    """A source that nothing has refuted: what its count is worth, given the link it comes from.

    A link that failed supports nothing: what it did not refute is undetermined, because
    the checks that make its counts mean something are the ones that did not hold.
    """
    if link.verdict in (Verdict.FAIL, Verdict.UNDETERMINED):
        return Source(kind=kind, name=name, count=0, verdict=Verdict.UNDETERMINED)
    verdict = Verdict.PASS if count > 0 else Verdict.PLANNED
    return Source(kind=kind, name=name, count=count, verdict=verdict)


def _finding(requirement: Requirement, evidence: _Evidence, resolved: frozenset[int]) -> Finding:
    sources = {kind: evidence.sources(requirement, kind) for kind in requirement.needs}
    missing = tuple(kind for kind in requirement.needs if not _complete(sources[kind]))
    flat = tuple(source for kind in requirement.needs for source in sources[kind])
    return Finding(
        requirement=requirement,
        verdict=_verdict(requirement, sources, missing, resolved),
        sources=flat,
        missing=missing,
    )


def _complete(sources: Sequence[Source]) -> bool:
    """All there, and something there."""
    return bool(sources) and all(source.count > 0 for source in sources)


def _verdict(
    requirement: Requirement,
    sources: Mapping[Kind, Sequence[Source]],
    missing: Sequence[Kind],
    resolved: frozenset[int],
) -> Verdict:
    verdicts = {source.verdict for found in sources.values() for source in found}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if not missing:
        return Verdict.PLANNED if requirement.awaits else Verdict.PASS
    untried = any(_untried(sources[kind]) for kind in missing)
    if not untried:
        return Verdict.UNDETERMINED
    return Verdict.FAIL if requirement.issue in resolved else Verdict.PLANNED


def _untried(sources: Sequence[Source]) -> bool:
    """Whether something of this kind has never been tried, as against tried and stopped."""
    return not sources or any(source.verdict is Verdict.PLANNED for source in sources)


def overall(links: Sequence[LinkResult], tests: EvidenceRun, findings: Sequence[Finding]) -> Verdict:
    """The verdict of the audit.  What is planned counts nowhere."""
    verdicts = {
        *(link.verdict for link in links),
        tests.verdict,
        *(finding.verdict for finding in findings),
    }
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if Verdict.UNDETERMINED in verdicts or Verdict.PASS not in verdicts:
        return Verdict.UNDETERMINED
    return Verdict.PASS
