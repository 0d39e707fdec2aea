"""The course of an audit: what is run, what is written, and how it ends."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.samples import link, outcome, sample_links, sample_table, sample_tests

from jurat_audit import audit, cli, evidence, page
from jurat_audit.errors import AuditError, ToolError, UnknownLink, UnknownProfile
from jurat_audit.link import PROFILES, LinkResult, Profile, Verdict, profile_named
from jurat_audit.progress import Silent
from jurat_audit.requirements import LINKS
from jurat_audit.subject import project_root, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the links and the evidence tests answer what a test wants."""

    def set_answers(tests: evidence.EvidenceRun | None = None, **replaced: Any) -> None:
        known = {answer.id: answer for answer in sample_links()} | replaced

        def run_link(id: str, *_: Any) -> LinkResult:
            answer = known[id]
            if isinstance(answer, LinkResult):
                return answer
            raise answer

        monkeypatch.setattr(audit, "load_table", sample_table)
        monkeypatch.setattr(audit, "run_link", run_link)
        monkeypatch.setattr(cli, "run_link", run_link)
        monkeypatch.setattr(evidence, "run_tests", lambda *_: tests or sample_tests())

    set_answers()
    return set_answers


def files(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("answers")
def test_an_audit_that_passes_writes_the_report_and_its_envelope(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Content and envelope are two things; the summary is on one screen."""
    assert cli.run(["audit", "--out", str(tmp_path)]) == 0
    assert files(tmp_path) == ["audit.html", "audit.json", "junit.xml", "run.json"]
    content = json.loads((tmp_path / "audit.json").read_text())
    assert content["verdict"] == "pass"
    assert [item["id"] for item in content["links"]] == list(LINKS)
    envelope = json.loads((tmp_path / "run.json").read_text())
    assert set(envelope["seconds"]) == {*LINKS, "evidence"}
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 24
    assert "requirements: 2 pass, 45 planned, of 47" in shown


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0),
        ({"log": link("log", Verdict.FAIL, problems=("line 7 is no behaviour",))}, 1),
        ({"timing": link("timing", Verdict.UNDETERMINED, problems=("a bound was reached",))}, 3),
        (
            {"log": link("log", Verdict.FAIL), "timing": link("timing", Verdict.UNDETERMINED)},
            1,
        ),
        ({"tests": sample_tests(outcome("t", "LC-2", verdict=Verdict.FAIL), verdict=Verdict.FAIL)}, 1),
        ({"tests": sample_tests(verdict=Verdict.UNDETERMINED)}, 3),
    ],
)
def test_the_exit_status_says_how_it_ended(
    answers: Callable[..., None], changes: dict[str, Any], status: int, tmp_path: Path
) -> None:
    """0 holds, 1 does not, 3 nobody knows; the report is written each time."""
    answers(**changes)
    assert cli.run(["audit", "--out", str(tmp_path)]) == status
    assert files(tmp_path) == ["audit.html", "audit.json", "junit.xml", "run.json"]


def test_problems_are_printed_in_full(
    answers: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that is cut off cannot be replayed."""
    token = "v1." + "A" * 300
    answers(conformance=link("conformance", Verdict.FAIL, problems=(f"replay: {token}",)))
    cli.run(["audit", "--out", str(tmp_path)])
    assert token in capsys.readouterr().out


@pytest.mark.usefixtures("answers")
def test_json_is_the_committed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else is on standard output."""
    cli.run(["audit", "--out", str(tmp_path), "--json"])
    assert capsys.readouterr().out == (tmp_path / "audit.json").read_text()


@pytest.mark.usefixtures("answers")
def test_an_audit_is_the_same_when_made_again(tmp_path: Path) -> None:
    """To the byte, but for the envelope."""
    written = []
    for name in ("one", "two"):
        cli.run(["audit", "--out", str(tmp_path / name)])
        written.append([(tmp_path / name / file).read_bytes() for file in ("audit.html", "audit.json")])
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ToolError("no TLC jar at nowhere.jar"), "jurat: no TLC jar at nowhere.jar\n"),
        (AuditError("two\nlines"), "jurat: two lines\n"),
    ],
)
def test_a_link_that_cannot_be_tried_leaves_the_old_report(
    answers: Callable[..., None],
    error: Exception,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, exit 2, nothing written."""
    (tmp_path / "audit.html").write_text("old")
    answers(timing=error)
    assert cli.run(["audit", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == said
    assert files(tmp_path) == ["audit.html"]
    assert (tmp_path / "audit.html").read_text() == "old"


@pytest.mark.usefixtures("answers")
def test_a_failure_while_the_page_is_drawn_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of ours is shown as one, and still half-writes nothing."""
    (tmp_path / "audit.html").write_text("old")
    monkeypatch.setattr(page, "_template", lambda _: "{{ no_such_name }}")
    assert cli.run(["audit", "--out", str(tmp_path)]) == 2
    assert "is a bug in jurat" in capsys.readouterr().err
    assert files(tmp_path) == ["audit.html"]
    assert (tmp_path / "audit.html").read_text() == "old"


def test_a_speed_among_the_figures_is_refused(
    answers: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would differ each time."""
    answers(log=link("log", figures={"events_per_second": 1.5}))
    assert cli.run(["audit", "--out", str(tmp_path)]) == 2
    assert "audit.links[5].figures.events_per_second" in capsys.readouterr().err
    assert files(tmp_path) == []


def test_an_interrupted_audit_writes_nothing(
    answers: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in a link."""
    answers(timing=KeyboardInterrupt())
    assert cli.run(["audit", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "jurat: interrupted; no report was written\n"
    assert files(tmp_path) == []


@pytest.mark.usefixtures("answers")
def test_sources_that_change_meanwhile_are_no_subject(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the evidence would be about other code; the files are named."""
    before = subject_of(project_root())
    after = replace(before, files={**before.files, "worker/jurat/new.py": "00"})
    seen = [after, before]
    monkeypatch.setattr(audit, "subject_of", lambda _: seen.pop())
    assert cli.run(["audit", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("so run it again: worker/jurat/new.py\n")
    assert files(tmp_path) == []


@pytest.mark.usefixtures("answers")
def test_on_another_python_the_committed_report_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output goes elsewhere, and the last line says so."""
    monkeypatch.setattr(audit, "COMMITTED_PYTHON", "2.7")
    monkeypatch.setattr(cli, "COMMITTED_PYTHON", "2.7")
    assert audit.default_folder(tmp_path) == tmp_path / "build" / "reports"
    monkeypatch.setattr(cli, "default_folder", lambda _: tmp_path / "build" / "reports")
    assert cli.run(["audit"]) == 0
    assert files(tmp_path / "build" / "reports") == ["audit.html", "audit.json", "junit.xml", "run.json"]
    assert "the committed report is made with Python 2.7" in capsys.readouterr().out.splitlines()[-1]


def test_the_committed_python_has_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the sources."""
    monkeypatch.setattr(audit, "COMMITTED_PYTHON", audit.python_minor())
    assert audit.default_folder(tmp_path) == tmp_path / "reports"


@pytest.mark.parametrize(
    ("verdict", "status"), [("pass", 0), ("fail", 1), ("undetermined", 3), ("planned", 0)]
)
def test_one_link_alone_is_run_and_nothing_written(
    answers: Callable[..., None], verdict: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that the report names beside each link."""
    answers(log=link("log", Verdict(verdict), problems=("line 7",)))
    assert cli.run(["audit", "--link", "log"]) == status
    shown = capsys.readouterr().out
    assert verdict in shown
    assert "line 7" in shown


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    """A typing error is found by reading one line."""
    with pytest.raises(UnknownProfile, match="unknown profile 'depe': the profiles are deep, default"):
        profile_named("depe")
    with pytest.raises(UnknownLink, match="unknown link 'modle': the links are model, equivalence"):
        audit.run_link("modle", PROFILES["default"], io.StringIO())


def test_silent_progress_is_silent() -> None:
    """It satisfies the protocol and does nothing."""
    progress = Silent()
    progress.step("text")
    progress.total(7)
    progress.advance()


def test_no_cache_gives_the_links_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that all of them share, and that is gone afterwards."""
    given: list[tuple[Path | None, bool]] = []

    def run_link(id: str, profile: Profile, _: Any) -> LinkResult:
        folder = profile.answers
        given.append((folder, folder is not None and folder.exists()))
        return link(id)

    monkeypatch.setattr(cli, "run_link", run_link)
    assert cli.run(["audit", "--link", "log"]) == 0
    assert cli.run(["audit", "--link", "log", "--no-cache"]) == 0
    kept, fresh = given
    assert kept[0] == project_root() / "build" / "cache" / "tlc"
    assert fresh[0] is not None
    assert fresh[0] != kept[0]
    assert fresh[1]
    assert not fresh[0].exists()
