"""Evidence tests: each outcome reaches the requirement it is for."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from jurat_audit.evidence import EvidenceRun, run_tests
from jurat_audit.link import Verdict
from jurat_audit.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path


def ran(folder: Path, source: str, *, limit_seconds: float = 40.0) -> EvidenceRun:
    """Run one file of tests as a project of its own."""
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = ['--strict-markers']\n")
    (folder / "test_one.py").write_text("import pytest\n" + textwrap.dedent(source))
    return run_tests(folder, Silent(), limit_seconds=limit_seconds)


def verdicts(found: EvidenceRun) -> dict[str, tuple[tuple[str, ...], Verdict]]:
    """What was found, by the name of the test."""
    return {test.id.partition("::")[2]: (test.requirements, test.verdict) for test in found.tests}


def test_a_test_that_passes_counts_for_each_requirement_it_names(tmp_path: Path) -> None:
    """Marks on a class and on a function add up; a test without the mark is not run."""
    found = ran(
        tmp_path,
        """
        @pytest.mark.evidence("LC-2")
        class TestIt:
            @pytest.mark.evidence("TC-2", "LC-1")
            def test_one(self): ...
        @pytest.mark.evidence("SD-1")
        @pytest.mark.parametrize("way", ["drain", "stop"])
        def test_two(way): ...
        def test_other(): raise AssertionError
        """,
    )
    assert found.verdict is Verdict.PASS
    assert verdicts(found) == {
        "TestIt::test_one": (("LC-1", "LC-2", "TC-2"), Verdict.PASS),
        "test_two[drain]": (("SD-1",), Verdict.PASS),
        "test_two[stop]": (("SD-1",), Verdict.PASS),
    }
    assert found.summary == "3 of 3 tests of the worker on real threads passed"
    assert b"<testsuites" in found.junit_xml


@pytest.mark.parametrize(
    "body",
    [
        "def test_it(): assert 1 == 2",
        "def test_it(request): request.addfinalizer(lambda: 1 / 0)",
        "def test_it(no_such_fixture): ...",
    ],
)
def test_a_test_that_fails_anywhere_is_a_fail(tmp_path: Path, body: str) -> None:
    """In its setup, in itself, or in its teardown."""
    found = ran(tmp_path, f'@pytest.mark.evidence("LC-2")\n{body}\n')
    assert found.verdict is Verdict.FAIL
    assert verdicts(found) == {"test_it": (("LC-2",), Verdict.FAIL)}
    assert found.problems == ("failed: test_one.py::test_it",)
    assert "test_it" in found.output


def test_a_skipped_test_says_nothing(tmp_path: Path) -> None:
    """The run passes, the test does not count."""
    found = ran(tmp_path, '@pytest.mark.evidence("LC-2")\n@pytest.mark.skip\ndef test_it(): ...\n')
    assert found.verdict is Verdict.PASS
    assert verdicts(found) == {"test_it": (("LC-2",), Verdict.PLANNED)}
    assert found.summary == "0 of 1 tests of the worker on real threads passed, 1 skipped"


def test_no_marked_test_is_no_evidence_and_no_failure(tmp_path: Path) -> None:
    """Nothing was claimed."""
    found = ran(tmp_path, "def test_it(): ...\n")
    assert (found.verdict, found.tests) == (Verdict.PLANNED, ())


def test_a_file_that_cannot_be_imported_is_a_fail(tmp_path: Path) -> None:
    """The tests in it would have been evidence, and nobody knows how many there are."""
    found = ran(tmp_path, "import no_such_module\n")
    assert found.verdict is Verdict.FAIL
    assert found.problems == ("pytest ended with status 2",)
    assert "no_such_module" in found.output


def test_a_mark_without_an_id_is_a_fail(tmp_path: Path) -> None:
    """Evidence for nothing."""
    found = ran(tmp_path, "@pytest.mark.evidence\ndef test_it(): ...\n")
    assert found.verdict is Verdict.FAIL
    assert 'write the ids, as in @pytest.mark.evidence("LC-2")' in found.output


def test_a_limit_that_is_reached_is_undetermined(tmp_path: Path) -> None:
    """What ended counts as it ended; what did not is named."""
    found = ran(
        tmp_path,
        """
        import threading
        @pytest.mark.evidence("LC-1")
        def test_a_quick_one(): ...
        @pytest.mark.evidence("LC-2")
        def test_that_hangs(): threading.Event().wait()
        """,
        limit_seconds=5,
    )
    assert found.verdict is Verdict.UNDETERMINED
    assert verdicts(found)["test_that_hangs"] == (("LC-2",), Verdict.UNDETERMINED)
    assert found.problems[-1] == "unfinished: test_one.py::test_that_hangs"


def test_the_callers_own_options_do_not_reach_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They could deselect what fails."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing")
    found = ran(tmp_path, '@pytest.mark.evidence("LC-2")\ndef test_it(): assert False\n')
    assert found.verdict is Verdict.FAIL
