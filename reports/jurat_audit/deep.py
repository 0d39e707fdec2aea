"""The deep campaign: the large budgets, run on purpose, and what a report may still say of them.

    make deep

runs the links that gain from more time under the profile `deep`: the models, their equivalence, the
arithmetic, a million schedules of the worker and ten million simulated events.  What it finds is
written to `reports/deep/` and committed, since it takes too long to be made again with every change.
So it may be about other sources than the report that shows it, and it carries a digest.  The digest is
that of the subject, restricted to the files on which these links depend (`DEPENDS`): a change of a
page's style does not touch what was searched here.  If it is another than that of the present sources,
the campaign is *expired*: it is shown, it counts as no evidence, and it does not change the verdict.
While it is current, a campaign that failed is a check that does not hold, and fails the audit that
shows it; one that passed adds no evidence to a requirement, which has its own from the default profile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .content import canonical_json, check_content
from .errors import AuditError
from .link import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .link import LinkResult
    from .subject import Subject

LINKS = ("model", "equivalence", "arithmetic", "conformance", "timing")
"""The links that are part of it, in the order of the chain."""

SCHEMA_VERSION = 1
FILES = ("deep.html", "deep.json")

DEPENDS = (
    "examples/scenarios/",
    "pyproject.toml",
    "reports/jurat_audit/",
    "requirements/",
    "spec/",
    "tla/",
    "sim/",
    "worker/jurat/",
)
"""Beginnings of the paths on which those links depend: rule, models, worker, bench, tools and this audit."""

DRAWS = (
    "reports/jurat_audit/cli.py",
    "reports/jurat_audit/page.py",
    "reports/jurat_audit/pictures.py",
    "reports/jurat_audit/plots.py",
    "reports/jurat_audit/progress.py",
    "reports/jurat_audit/readme.py",
    "reports/jurat_audit/requirements",
    "reports/jurat_audit/sabotage.py",
    "reports/jurat_audit/templates/",
)
"""Those among them that only draw, weigh or test what the links have found."""

_KEYS = {"schema_version", "subject", "profile", "verdict", "links"}


class State(StrEnum):
    """What the campaign that is committed is worth."""

    CURRENT = "current"  # it is about these sources
    EXPIRED = "expired"  # it is about others: no evidence
    NOT_RUN = "not run"  # there is none


class DeepError(AuditError):
    """What is committed under `reports/deep/` is no campaign: make it again, or delete it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deep:
    """The campaign that is committed, held against the present sources."""

    state: State = State.NOT_RUN
    content: dict[str, Any] | None = None
    """What `deep.json` holds; None if there is none."""

    @property
    def fails(self) -> bool:
        """Whether it shows that something does not hold in these very sources."""
        return (
            self.state is State.CURRENT
            and self.content is not None
            and self.content["verdict"] == str(Verdict.FAIL)
        )

    @property
    def row(self) -> dict[str, Any]:
        """What the report says of it."""
        return {"state": str(self.state), "campaign": self.content}


def subject_of_deep(subject: Subject) -> Subject:
    """The subject, restricted to the files on which the campaign depends."""
    files = {
        path: digest
        for path, digest in subject.files.items()
        if path.startswith(DEPENDS) and not path.startswith(DRAWS)
    }
    return replace(subject, files=files)


def verdict_of(links: Sequence[LinkResult]) -> Verdict:
    """The worst of them; what is planned counts for nothing."""
    verdicts = {link.verdict for link in links}
    for verdict in (Verdict.FAIL, Verdict.UNDETERMINED):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def content_of(links: Sequence[LinkResult], subject: Subject, *, root: Path) -> dict[str, Any]:
    """What `deep.json` holds.  Raises `NotContent` if it would not repeat."""
    from .report import link_row  # noqa: PLC0415 - which shows what this module reads

    narrowed = subject_of_deep(subject)
    content = {
        "schema_version": SCHEMA_VERSION,
        "subject": {
            "name": narrowed.name,
            "version": narrowed.version,
            "source_digest": narrowed.source_digest,
            "source_files": len(narrowed.files),
        },
        "profile": "deep",
        "verdict": str(verdict_of(links)),
        "links": [link_row(link, root) for link in links],
    }
    check_content(content, root=root)
    return content


def files_of(content: dict[str, Any]) -> dict[str, bytes]:
    """The files of the campaign by their names; nothing is written here."""
    from .page import render_deep  # noqa: PLC0415 - only this needs the template engine

    return {
        "deep.html": render_deep(content).encode(),
        "deep.json": canonical_json(content).encode(),
    }


def committed(root: Path, subject: Subject) -> Deep:
    """The campaign that is committed under `root`, held against a subject."""
    path = root / "reports" / "deep" / "deep.json"
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Deep()
    except (OSError, ValueError) as error:
        raise DeepError(f"reports/deep/deep.json cannot be read: {error}") from None
    if not isinstance(content, dict) or content.keys() != _KEYS:
        raise DeepError(f"reports/deep/deep.json is no campaign: it has not {', '.join(sorted(_KEYS))}")
    if content["schema_version"] != SCHEMA_VERSION:
        return Deep(state=State.EXPIRED)  # it was written by another audit
    current = content["subject"]["source_digest"] == subject_of_deep(subject).source_digest
    return Deep(state=State.CURRENT if current else State.EXPIRED, content=content)
