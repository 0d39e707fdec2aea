"""Worker-test evidence: the tests that a requirement cites, run by the audit itself.

A test says what it is evidence for:

    @pytest.mark.evidence("LC-2", "TC-2")
    def test_a_completed_task_cannot_be_cancelled() -> None: ...

The audit runs the marked tests in a process of their own, so that they meet real threads
and an interpreter that no link has touched, and learns each outcome from
`evidence_plugin`.  A test that fails, fails the requirements it names.  One that is
skipped is no evidence.  The run has a limit of time, and reaching it is undetermined:
a slow machine must not turn into a broken promise, nor into a kept one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .link import Verdict

if TYPE_CHECKING:
    from .link import Progress

LIMIT_SECONDS = 40.0
COMMAND = "python -m pytest -m evidence"

_NO_TEST_COLLECTED = 5  # an exit status of pytest
_VERDICTS = {"passed": Verdict.PASS, "failed": Verdict.FAIL, "skipped": Verdict.PLANNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTest:
    """One marked test and what became of it."""

    id: str
    """As pytest names it: path, then names."""
    requirements: tuple[str, ...]
    verdict: Verdict
    """`PLANNED` for a test that was skipped (it says nothing), `UNDETERMINED` for one that did not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRun:
    """All marked tests, sorted by id."""

    verdict: Verdict
    tests: tuple[EvidenceTest, ...]
    problems: tuple[str, ...] = ()
    output: str = ""
    """What pytest printed, for the terminal: it has times and paths in it, so the report does not."""
    junit_xml: bytes = field(default=b"", repr=False)

    def count(self, verdict: Verdict) -> int:
        """How many tests ended so."""
        return sum(1 for test in self.tests if test.verdict is verdict)

    @property
    def summary(self) -> str:
        """One sentence with its figures."""
        if not self.tests:
            return "no test of the worker is marked as evidence"
        text = f"{self.count(Verdict.PASS)} of {len(self.tests)} tests of the worker on real threads passed"
        if skipped := self.count(Verdict.PLANNED):
            text += f", {skipped} skipped"
        return text


def run_tests(root: Path, progress: Progress, *, limit_seconds: float = LIMIT_SECONDS) -> EvidenceRun:
    """Run the marked tests of the project at `root` and say what became of each."""
    progress.step("the tests of the worker that are marked as evidence")
    with tempfile.TemporaryDirectory(prefix="jurat-evidence-") as scratch:
        outcomes, junit = Path(scratch) / "outcomes.jsonl", Path(scratch) / "junit.xml"
        status, output = _pytest(root, outcomes, junit, limit_seconds)
        tests = _read(outcomes)
        junit_xml = junit.read_bytes() if junit.exists() else b""
    verdict, problems = _verdict(status, tests, limit_seconds)
    return EvidenceRun(verdict=verdict, tests=tests, problems=problems, output=output, junit_xml=junit_xml)


def _pytest(root: Path, outcomes: Path, junit: Path, limit_seconds: float) -> tuple[int | None, str]:
    """Exit status and output; no status if the limit of time was reached."""
    command = (
        *(sys.executable, "-m", "pytest", "-m", "evidence", "-q", "--no-header", "--tb=short", "--color=no"),
        *("-p", "no:cacheprovider", "-p", f"{__package__}.evidence_plugin"),
        *("--evidence-out", str(outcomes), "--junitxml", str(junit)),
    )
    # What the caller's shell prefers must not decide which tests run, nor how.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


def _read(outcomes: Path) -> tuple[EvidenceTest, ...]:
    """What the plugin wrote: first each test that was collected, then each that ended."""
    if not outcomes.exists():
        return ()
    tests: dict[str, EvidenceTest] = {}
    for line in outcomes.read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        verdict = _VERDICTS[row["outcome"]] if "outcome" in row else Verdict.UNDETERMINED
        tests[row["id"]] = EvidenceTest(
            id=row["id"], requirements=tuple(row["requirements"]), verdict=verdict
        )
    return tuple(tests[id] for id in sorted(tests))


def _verdict(
    status: int | None, tests: tuple[EvidenceTest, ...], limit_seconds: float
) -> tuple[Verdict, tuple[str, ...]]:
    unfinished = [test.id for test in tests if test.verdict is Verdict.UNDETERMINED]
    failed = [test.id for test in tests if test.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, tuple(f"failed: {id}" for id in failed)
    if status is None:
        reached = f"the limit of {limit_seconds:g} s was reached with {len(unfinished)} tests unfinished"
        return Verdict.UNDETERMINED, (reached, *(f"unfinished: {id}" for id in unfinished))
    if status == _NO_TEST_COLLECTED and not tests:
        return Verdict.PLANNED, ()
    if status != 0 or unfinished:
        return Verdict.FAIL, (f"pytest ended with status {status}",)
    return Verdict.PASS, ()
