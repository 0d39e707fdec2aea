"""A pytest plugin that writes down what became of each test marked as evidence.

Loaded by `jurat_audit.evidence` into the process that runs the tests; without its option
it does nothing.  One line of JSON is written for each marked test when it is collected,
and one more when it has ended, so that a run that is cut short still says which tests it
owes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_OPTION = "--evidence-out"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns the plugin on."""
    parser.addoption(_OPTION, metavar="FILE", help="write the outcomes of tests marked as evidence")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and the recorder if it is wanted."""
    config.addinivalue_line("markers", "evidence(*ids): evidence for these requirement ids")
    if path := config.getoption(_OPTION):
        config.pluginmanager.register(Recorder(Path(path)), "jurat-evidence")


def requirements_of(item: pytest.Item) -> list[str]:
    """The ids that a test is evidence for, sorted."""
    ids: set[str] = set()
    for mark in item.iter_markers("evidence"):
        if mark.kwargs or not mark.args or not all(isinstance(id, str) for id in mark.args):
            raise pytest.UsageError(f'{item.nodeid}: write the ids, as in @pytest.mark.evidence("LC-2")')
        ids.update(mark.args)
    return sorted(ids)


class Recorder:
    """Keeps the file of outcomes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._phases: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write down what is owed.  Called after `-m` has deselected the rest."""
        for item in session.items:
            if ids := requirements_of(item):
                self._write({"id": item.nodeid, "requirements": ids})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Gather setup, call and teardown; write the worst of them after the last."""
        report = yield
        phases = self._phases.setdefault(item.nodeid, [])
        phases.append(report.outcome)
        if report.when == "teardown" and (ids := requirements_of(item)):
            outcome = next((worst for worst in ("failed", "skipped") if worst in phases), "passed")
            self._write({"id": item.nodeid, "requirements": ids, "outcome": outcome})
        return report

    def _write(self, row: dict[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
