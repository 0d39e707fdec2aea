"""The report as data: `audit.json`, and the files that go beside it.

What is in here is a pure function of an `Audit`.  The page is drawn from the same
dictionary, so that no figure can be on the page and not in the data.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from .content import canonical_json, check_content, without_paths
from .evidence import COMMAND
from .link import LinkResult, Verdict
from .requirements import Finding, defect_rows, issue_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .audit import Audit
    from .evidence import EvidenceRun

SCHEMA_VERSION = 1
COMMITTED = ("audit.html", "audit.json")
ENVELOPE = ("junit.xml", "run.json")


def content_of(audit: Audit, *, root: Path) -> dict[str, Any]:
    """The whole content of the report, in plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "subject": {
            "name": audit.subject.name,
            "version": audit.subject.version,
            "source_digest": audit.subject.source_digest,
            "source_files": len(audit.subject.files),
        },
        "python": audit.python,
        "profile": audit.profile.name,
        "verdict": str(audit.verdict),
        "links": [link_row(link, root) for link in audit.links],
        "evidence_tests": _tests(audit.tests, root),
        "requirements": [_requirement(finding) for finding in audit.findings],
        "defects": _defects(audit),
        "unseeded_defects": _unseeded(audit),
        "gaps": _gaps(audit),
        "deep": audit.deep.row,
    }


def files_of(audit: Audit, root: Path) -> dict[str, bytes]:
    """Every file of the report by its name, rendered and checked; nothing is written here."""
    from .page import render  # noqa: PLC0415 - only this needs the template engine

    content = content_of(audit, root=root)
    check_content(content, root=root)
    return {
        "audit.html": render(content).encode(),
        "audit.json": canonical_json(content).encode(),
        "junit.xml": audit.tests.junit_xml,
        "run.json": (json.dumps(audit.envelope, indent=1, sort_keys=True) + "\n").encode(),
    }


def link_row(link: LinkResult, root: Path) -> dict[str, Any]:
    """What the report says of a link."""
    row = {
        "id": link.id,
        "verdict": str(link.verdict),
        "command": link.command,
        "summary": link.summary,
        "figures": link.figures,
        "details": {key: value for key, value in link.details.items() if key != "defects"},
        "problems": without_paths(link.problems, root=root),
    }
    return row if link.planned_in is None else {**row, "planned_in": link.planned_in}


def _tests(tests: EvidenceRun, root: Path) -> dict[str, Any]:
    return {
        "verdict": str(tests.verdict),
        "command": COMMAND,
        "summary": tests.summary,
        "problems": without_paths(tests.problems, root=root),
        "tests": [
            {"id": test.id, "requirements": list(test.requirements), "verdict": str(test.verdict)}
            for test in tests.tests
        ],
    }


def _requirement(finding: Finding) -> dict[str, Any]:
    requirement = finding.requirement
    row: dict[str, Any] = {
        "id": requirement.id,
        "text": requirement.text,
        "source": requirement.source,
        "verdict": str(finding.verdict),
        "needs": [str(kind) for kind in requirement.needs],
        "missing": [str(kind) for kind in finding.missing],
        "evidence": [
            {
                "kind": str(source.kind),
                "source": source.name,
                "count": source.count,
                "verdict": str(source.verdict),
            }
            for source in finding.sources
        ],
    }
    if finding.planned_in is not None:
        row["planned_in"] = finding.planned_in
    if requirement.awaits is not None:
        row["awaits"] = requirement.awaits
    return row


def _defects(audit: Audit) -> list[dict[str, Any]]:
    """Each defect that was seeded, with what the catalogue says of it and what found it."""
    catalogue = {defect.id: defect for defect in audit.table.defects}
    return [
        {
            "id": row["id"],
            "text": catalogue[row["id"]].text,
            "breaks": list(catalogue[row["id"]].breaks),
            "found": row["found"],
            "by": row["by"],
            "property": row["property"],
            "schedules": row["schedules"],
            "replay": row["replay"],
            "story": list(row.get("story", ())),
        }
        for row in defect_rows(audit.links)
    ]


def _unseeded(audit: Audit) -> list[dict[str, Any]]:
    """The rest of the catalogue: what nobody has looked for yet."""
    seeded = {row["id"] for row in defect_rows(audit.links)}
    return [
        {
            "id": defect.id,
            "text": defect.text,
            "breaks": list(defect.breaks),
            "planned_in": issue_name(defect.issue),
        }
        for defect in audit.table.defects
        if defect.id not in seeded
    ]


def _gaps(audit: Audit) -> dict[str, list[str]]:
    """What does not meet: promises with no evidence at all, and properties that no promise asks for."""
    checked = {row["name"] for link in audit.links for row in link.details.get("properties", [])}
    cited = {source.name for finding in audit.findings for source in finding.sources}
    return {
        "requirements_without_evidence": [
            finding.requirement.id
            for finding in audit.findings
            if not any(source.count for source in finding.sources)
        ],
        "properties_without_requirement": sorted(checked - cited),
    }


def verdict_counts(verdicts: Iterable[str]) -> dict[str, int]:
    """How many of each verdict, each verdict named, in the order in which a reader asks."""
    counts = Counter(verdicts)
    return {str(verdict): counts[str(verdict)] for verdict in Verdict}
