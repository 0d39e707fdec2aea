"""Every measurement runs, on loads that are too small to say anything; no figure is judged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as command
from benchmarks import loads, machine, others, scale
from benchmarks.child import BUDGETS, Budget, measure
from benchmarks.figures import FIGURES, VERSIONS, holds, jobs
from benchmarks.measured import parse, render

TINY = Budget(rounds=1, few_rounds=1, idle_s=0.0, million=200)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few tasks that nothing takes long."""
    for name in ("BATCH", "SMALL_BATCH"):
        monkeypatch.setattr(loads, name, 200)
    monkeypatch.setattr(loads, "STARTS", 3)
    for name in ("TRACED", "TRACED_FUTURES", "THOUSAND", "BLOCK"):
        monkeypatch.setattr(scale, name, 200)
    monkeypatch.setattr(others, "WARM_UP", 10)


@pytest.mark.skipif(not scale.TASKS.is_dir(), reason="counts switches and pages as Linux tells them")
@pytest.mark.parametrize("job", list(jobs()))
def test_a_job_measures_its_figures(job: str) -> None:
    """Those that say they come from it, each with a summary."""
    found = measure(job, TINY)
    assert list(found) == [figure.id for figure in FIGURES if figure.job == job]
    for figure in found.values():
        assert figure["value"]["rounds"] == 1


def test_a_ratio_stands_beside_what_it_is_made_of() -> None:
    """The pool's time in terms of the worker's."""
    found = measure("noop", TINY)["noop"]
    pool, worker = (found["parts"][name]["median"] for name in ("ThreadPoolExecutor", "worker"))
    assert found["value"]["median"] == pytest.approx(pool / worker, rel=0.01)


@pytest.mark.parametrize("quick", [False, True])
def test_rounds_are_odd(*, quick: bool) -> None:
    """So that there is one in the middle."""
    assert BUDGETS[quick].rounds % 2 == BUDGETS[quick].few_rounds % 2 == 1


@pytest.mark.parametrize("system", ["jurat", "ThreadPoolExecutor"])
def test_a_system_runs_the_whole_batch(system: str) -> None:
    """Those that need no library; the others are run by `make bench` only."""
    assert others.measure(system, 50) > 0


def test_a_system_that_loses_a_task_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for what never comes ends."""
    monkeypatch.setattr(others, "PATIENCE_S", 0.0)
    with pytest.raises(TimeoutError, match="not all of 5 tasks"):
        others.Ticking().microseconds(lambda: None, 5)


def test_every_figure_has_its_bounds_on_every_version() -> None:
    """And an aim is never easier than the bound."""
    for figure in FIGURES:
        for version in VERSIONS:
            must, aim = figure.bounds(version)
            assert must is None or aim is None or holds(aim, figure.sense, must)


# The command ------------------------------------------------------------------------------------------


def test_this_interpreter_is_found() -> None:
    """It stands for its own version; one that is not here is said to be absent."""
    found = machine.interpreters()
    assert list(found) == list(VERSIONS)
    own = ".".join(map(str, sys.version_info[:2]))
    if own in VERSIONS:
        assert found[own] == Path(sys.executable)


def test_an_impostor_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of the right name that is another version, or that does not run."""
    wrong = next(version for version in VERSIONS if version != ".".join(map(str, sys.version_info[:2])))
    (tmp_path / f"python{wrong}").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    broken = tmp_path / "versions" / f"{wrong}.1" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o700)
    assert machine.interpreters()[wrong] is None


def fake(answers: dict[str, Any]) -> Any:
    """A process that answers from a table, or fails."""

    def ask(_python: Path, _module: str, job: str, *_options: str) -> dict[str, Any]:
        if job not in answers:
            raise command.MeasurementFailed("its process ended with OSError")
        found: dict[str, Any] = answers[job]
        return found

    return ask


def test_what_fails_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that is absent, a job that failed, an environment that was not named: all are said."""
    summary = {"median": 3.0, "min": 3.0, "max": 3.0, "rounds": 1}
    answer = {"python": "3.11.7", "figures": {"noop": {"value": summary, "parts": {"worker": summary}}}}
    monkeypatch.setattr(command, "ask", fake({"noop": answer}))
    monkeypatch.setattr(machine, "interpreters", lambda: {"3.11": Path("python"), "3.12": None})
    measured = parse(render(command.measure(quick=True, others=None, explorers=None)))
    reasons = {(row["id"], row["python"]): row["not_measured"] for row in measured["figures"]}
    assert reasons["noop", "3.11"] is None
    assert reasons["noop", "3.12"] == "there is no CPython 3.12 here"
    assert reasons["stall", "3.11"] == "its process ended with OSError"
    assert measured["pythons"] == {"3.11": "3.11.7", "3.12": None}
    assert {system["us"] for system in measured["others"]["systems"]} == {None}


def test_a_system_that_fails_leaves_the_others_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a reason; they have their times in terms of the worker's."""
    answers = {"jurat": {"us": 3.0, "version": ""}, "Huey": {"us": 36.0, "version": "3.5.4"}}
    monkeypatch.setattr(command, "ask", fake(answers))
    found = {row["name"]: row for row in command.measure_others(Path("python"), quick=True)["systems"]}
    assert found["Huey"]["times"]["median"] == 12
    assert found["Celery"]["not_measured"] == "its process ended with OSError"


def test_the_reason_of_a_failure_names_no_folder() -> None:
    """The type of the exception, and not its message."""
    failed = "Traceback:\n  File '...'\nconcurrent.futures.BrokenExecutor: in {}home{}ann\n".format("/", "/")
    with pytest.raises(command.MeasurementFailed, match=r"ended with an error$"):
        command.ask(Path(sys.executable), "benchmarks.child", "no-such-job")
    assert command.blame(failed) == "BrokenExecutor"


def test_the_core_loads_need_no_library() -> None:
    """An interpreter without site-packages can be measured."""
    root = Path(command.__file__).parents[1]
    path = os.pathsep.join(map(str, (root / "worker", root)))
    program = "import sys; sys.path[:0] = sys.argv[1].split(sys.argv[2]); import benchmarks.child"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, path, os.pathsep],
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
