"""The deep campaign is shown with what it is worth: current, expired, or not run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.samples import link, sample_audit, sample_links

from jurat_audit import audit, cli, deep
from jurat_audit.link import Verdict
from jurat_audit.page import render
from jurat_audit.report import content_of
from jurat_audit.subject import Subject, project_root, subject_of

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = Subject(
    name="jurat",
    version="0.0.7",
    files={
        "tla/Lifecycle.tla": "1a" * 32,
        "spec/jurat_spec/lifecycle.py": "2b" * 32,
        "worker/jurat/_arithmetic.py": "3c" * 32,
        "worker/jurat/_steps.py": "4d" * 32,
        "sim/jurat_sim/stage.py": "5e" * 32,
        "reports/jurat_audit/tlc.py": "6f" * 32,
        "reports/jurat_audit/templates/audit.css": "7a" * 32,
    },
)


def changed(path: str) -> Subject:
    """The same sources, but for one file."""
    return replace(SUBJECT, files={**SUBJECT.files, path: "00" * 32})


def campaign(*links: Any, root: Path) -> dict[str, Any]:
    """What a campaign of invented answers found in those sources."""
    found = links or tuple(answer for answer in sample_links() if answer.id in deep.LINKS)
    return deep.content_of(found, SUBJECT, root=root)


def commit(root: Path, content: dict[str, Any]) -> None:
    """Put a campaign where a tree has it."""
    folder = root / "reports" / "deep"
    folder.mkdir(parents=True)
    for name, text in deep.files_of(content).items():
        (folder / name).write_bytes(text)


def section(found: deep.Deep) -> str:
    """What the page of an audit says of a campaign."""
    content = content_of(replace(sample_audit(), deep=found), root=project_root())
    page = render(content)
    return page[page.index('<section id="deep">') : page.index('<section id="traceability">')]


def test_without_a_campaign_it_was_not_run(tmp_path: Path) -> None:
    """Which is said, and is no error."""
    found = deep.committed(tmp_path, SUBJECT)
    assert (found.state, found.content, found.fails) == (deep.State.NOT_RUN, None, False)
    assert "not run: there is no campaign." in section(found)


def test_a_campaign_about_these_sources_is_current(tmp_path: Path) -> None:
    """Its figures and its digest are on the page."""
    commit(tmp_path, campaign(root=tmp_path))
    found = deep.committed(tmp_path, SUBJECT)
    assert found.state is deep.State.CURRENT
    text = section(found)
    assert "current: it is about these sources" in text
    assert "7 properties hold in 2 models, 77,777 distinct states" in text
    assert deep.subject_of_deep(SUBJECT).source_digest[:16] in text


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("tla/Lifecycle.tla", deep.State.EXPIRED),
        ("tla/New.tla", deep.State.EXPIRED),
        ("spec/jurat_spec/lifecycle.py", deep.State.EXPIRED),
        ("worker/jurat/_arithmetic.py", deep.State.EXPIRED),
        ("reports/jurat_audit/tlc.py", deep.State.EXPIRED),
        ("worker/jurat/_steps.py", deep.State.EXPIRED),
        ("sim/jurat_sim/stage.py", deep.State.EXPIRED),
        ("reports/jurat_audit/templates/audit.css", deep.State.CURRENT),
    ],
)
def test_it_expires_with_what_it_depends_on(tmp_path: Path, path: str, state: deep.State) -> None:
    """And with nothing else."""
    commit(tmp_path, campaign(root=tmp_path))
    assert deep.committed(tmp_path, changed(path)).state is state


def test_an_expired_campaign_counts_for_nothing(tmp_path: Path) -> None:
    """Not even one that failed; and the page says that it is about other sources."""
    commit(tmp_path, campaign(link("model", Verdict.FAIL), root=tmp_path))
    found = deep.committed(tmp_path, changed("tla/Lifecycle.tla"))
    assert not found.fails
    assert "So it is no evidence, and counts for nothing here." in section(found)
    assert ", of other sources than these" in section(found)


def test_a_current_campaign_that_failed_is_a_failure(tmp_path: Path) -> None:
    """It is about these very sources."""
    commit(tmp_path, campaign(link("model", Verdict.FAIL), root=tmp_path))
    assert deep.committed(tmp_path, SUBJECT).fails


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ((Verdict.PASS, Verdict.PLANNED), Verdict.PASS),
        ((Verdict.PASS, Verdict.UNDETERMINED), Verdict.UNDETERMINED),
        ((Verdict.FAIL, Verdict.UNDETERMINED), Verdict.FAIL),
    ],
)
def test_the_worst_verdict_is_the_campaigns(verdicts: tuple[Verdict, ...], verdict: Verdict) -> None:
    """What is planned counts for nothing."""
    assert deep.verdict_of([link(str(n), each) for n, each in enumerate(verdicts)]) is verdict


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema_version": 1}'])
def test_what_is_no_campaign_is_refused(tmp_path: Path, text: str) -> None:
    """A report must not say `not run` of a file that is there."""
    commit(tmp_path, campaign(root=tmp_path))
    (tmp_path / "reports" / "deep" / "deep.json").write_text(text, encoding="utf-8")
    with pytest.raises(deep.DeepError, match=r"reports/deep/deep\.json"):
        deep.committed(tmp_path, SUBJECT)


def test_a_campaign_of_another_version_has_expired(tmp_path: Path) -> None:
    """What it says is not for this page to read."""
    commit(tmp_path, campaign(root=tmp_path))
    path = tmp_path / "reports" / "deep" / "deep.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"schema_version": 0}), encoding="utf-8")
    found = deep.committed(tmp_path, SUBJECT)
    assert (found.state, found.content) == (deep.State.EXPIRED, None)
    assert "it was written by another version of this audit" in section(found)


def test_what_it_depends_on_is_there() -> None:
    """A name that was misspelt would let a campaign live too long."""
    files = subject_of(project_root()).files
    for beginning in {*deep.DEPENDS, *deep.DRAWS}:
        assert any(path.startswith(beginning) for path in files), beginning


def test_the_command_writes_it_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its links and no other, under its own profile; to the byte."""
    answers = {answer.id: answer for answer in sample_links()}
    asked: list[tuple[str, str]] = []

    def run_link(id: str, profile: Any, _: Any) -> Any:
        asked.append((id, profile.name))
        return answers[id]

    monkeypatch.setattr(audit, "run_link", run_link)
    written = []
    for name in ("one", "two"):
        assert cli.run(["audit", "--profile", "deep", "--out", str(tmp_path / name)]) == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert sorted(written[0]) == ["deep.html", "deep.json"]
    assert asked == 2 * [(id, "deep") for id in deep.LINKS]
