"""The audit: run every link of the chain in its order, then say what follows.

Here is only the course of events.  What a link does is in `links`, what its answer is
worth in `requirements`, what is written down in `report`, and where in `write`.
"""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from jurat_sim.errors import BenchError

from . import deep, evidence, progress
from .errors import AuditError, UnknownLink
from .link import LinkResult, Profile, Verdict
from .requirements import LINKS, Finding, Table, judge, load_table, overall
from .subject import Subject, subject_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

# The Python minor version that the committed report is made with.  It is named here and nowhere else.
COMMITTED_PYTHON = "3.11"

EXIT_STATUS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNDETERMINED: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that was found, before it is written down."""

    subject: Subject
    python: str
    """Minor version only: on another patch release the report is the same."""
    profile: Profile
    links: tuple[LinkResult, ...]
    tests: evidence.EvidenceRun
    table: Table
    findings: tuple[Finding, ...]
    verdict: Verdict
    deep: deep.Deep = field(default_factory=deep.Deep)
    """The deep campaign that is committed."""
    envelope: dict[str, object] = field(default_factory=dict)
    """When, on what and how long: for `run.json`, never for the report."""


def python_minor() -> str:
    """Such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def default_folder(root: Path) -> Path:
    """Where the report goes: beside the committed one only if it can be compared with it."""
    return root / "reports" if python_minor() == COMMITTED_PYTHON else root / "build" / "reports"


def run_link(id: str, profile: Profile, stream: TextIO) -> LinkResult:
    """Run one link, showing its progress on `stream`."""
    if id not in LINKS:
        raise UnknownLink(id, LINKS)
    run = import_module(f".links.{id}", __package__).run
    with progress.shown(id, stream) as shown:
        try:
            result = run(profile, shown)
        except BenchError as error:  # such as worker source that the bench cannot instrument
            raise AuditError(f"the link {id} could not be tried: {error}") from error
    assert isinstance(result, LinkResult)  # noqa: S101 - the one place where a link's shape is checked
    return result


def run_audit(profile: Profile, *, root: Path, stream: TextIO) -> Audit:
    """Run the whole chain.  Raises `AuditError` when a part of it could not be tried."""
    table, subject = load_table(), subject_of(root)
    campaign = deep.committed(root, subject)
    started = datetime.now(UTC)
    seconds: dict[str, float] = {}
    links = []
    for id in LINKS:
        before = time.monotonic()
        links.append(run_link(id, profile, stream))
        seconds[id] = round(time.monotonic() - before, 3)
    before = time.monotonic()
    with progress.shown("evidence", stream) as shown:
        tests = evidence.run_tests(root, shown)
    seconds["evidence"] = round(time.monotonic() - before, 3)
    if changed := subject_of(root).changed_from(subject):
        raise AuditError(f"the sources changed while the audit ran, so run it again: {', '.join(changed)}")
    findings = judge(table, links, tests)
    return Audit(
        subject=subject,
        python=python_minor(),
        profile=profile,
        links=tuple(links),
        tests=tests,
        table=table,
        findings=findings,
        verdict=Verdict.FAIL if campaign.fails else overall(links, tests, findings),
        deep=campaign,
        envelope={
            "started": started.isoformat(timespec="seconds"),
            "seconds": seconds,
            "timings": {link.id: link.timings for link in links if link.timings},
            "python": sys.version,
            "platform": platform.platform(),
        },
    )


def run_deep(profile: Profile, *, root: Path, stream: TextIO) -> dict[str, Any]:
    """Run the deep campaign: the content of `deep.json`.  Raises `AuditError` as `run_audit` does."""
    subject = deep.subject_of_deep(subject_of(root))
    links = [run_link(id, profile, stream) for id in deep.LINKS]
    if changed := deep.subject_of_deep(subject_of(root)).changed_from(subject):
        raise AuditError(f"the sources changed while the campaign ran, so run it again: {', '.join(changed)}")
    return deep.content_of(links, subject, root=root)
