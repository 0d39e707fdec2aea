"""Explorers are measured on the same cases, and each case is a program that works."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as command
from benchmarks import exploring
from benchmarks.exploring import BOUNDS, CASES, SYSTEMS, Failed, Seam, measure
from benchmarks.measured import MalformedMeasurement, explored_digest, is_explored, parse, render
from benchmarks.tables import EXPLORED_ANEW, page
from tests.bench.documents import document, explorer, summary

OWN = [(name, case) for name, system in SYSTEMS.items() if name.startswith("jurat") for case in system.cases]


@pytest.mark.parametrize("case", CASES)
def test_a_case_runs_on_real_threads(case: str) -> None:
    """Made of `threading`, as other explorers see it; and what must hold then does."""
    seam = Seam()
    play = CASES[case](seam)
    bodies = [*[thread.run for thread in seam.threads], *play.threads.values()]
    threads = [threading.Thread(target=body, daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert play.holds()


@pytest.mark.parametrize(("system", "case"), OWN)
def test_the_bench_explores_each_case(system: str, case: str) -> None:
    """So many schedules, all of which hold."""
    ran, _ = SYSTEMS[system].run(case, 5)
    assert ran == 5


def test_a_schedule_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sleeper that says so outside the lock loses its wake-up in one of a few schedules."""

    def loses(runtime: Any) -> exploring.Play:
        lock, gate = runtime.lock(), runtime.gate()
        it = {"ready": False, "sleeps": False}

        def sleeper() -> None:
            with lock:
                ready = it["ready"]
            if not ready:
                it["sleeps"] = True
                gate.wait()

        def waker() -> None:
            with lock:
                it["ready"] = True
            if it["sleeps"]:
                gate.open()

        return exploring.Play({"sleeper": sleeper, "waker": waker}, lambda: it["ready"])

    monkeypatch.setattr(exploring, "CASES", {"no wake-up lost": loses})
    with pytest.raises(Failed, match="stuck, in schedule"):
        measure("jurat, seam", "no wake-up lost", 100, 1)


def test_the_bounds_are_of_what_is_measured() -> None:
    """Of a system, on a case that it runs."""
    assert all(case in SYSTEMS[system].cases for system, case in BOUNDS)


def test_each_explorer_has_a_row_or_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without their environment the others have the reason."""

    def ask(_python: Path, _module: str, system: str, case: str, *_numbers: str) -> dict[str, Any]:
        if case == "no wake-up lost":
            raise command.MeasurementFailed("no answer in 3 s")
        return {"python": "3.12.1", "version": "", "per_second": summary(9_000), "not_measured": None}

    monkeypatch.setattr(command, "ask", ask)
    found = command.measure_exploring(None, quick=True)
    reasons = {(row["system"], row["case"]): row["not_measured"] for row in found["rows"]}
    assert len(reasons) == len(CASES) * len(SYSTEMS)
    assert reasons["jurat, seam", "submit racing stop"] is None
    assert reasons["jurat, seam", "no wake-up lost"] == "no answer in 3 s"
    assert reasons["jurat, accesses", "no wake-up lost"] == "it has nothing to do there"
    assert reasons["frontrun, DPOR", "submit racing stop"] == (
        "its environment was not named (`make bench` makes one)"
    )
    assert parse(render(document(exploring=found)))["exploring"] == found


def test_a_fresh_process_measures() -> None:
    """In the environment that the command gives it."""
    asked = ("jurat, seam", "submit racing stop", "5", "1")
    answer = command.ask(Path(sys.executable), "benchmarks.exploring", *asked)
    assert answer["per_second"]["rounds"] == 1


def test_an_explorer_that_is_not_there_has_a_reason_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This environment has none of the others."""
    asked = ("frontrun, DPOR", "submit racing stop", "5", "1")
    answer = command.ask(Path(sys.executable), "benchmarks.exploring", *asked)
    why = "it needs CPython 3.12 or later" if sys.version_info < (3, 12) else "it is not installed there"
    assert (answer["per_second"], answer["not_measured"]) == (None, why)
    monkeypatch.setattr(exploring, "SYSTEMS", {name: SYSTEMS[name] for name in ("frontrun, DPOR",)})
    found = command.measure_exploring(Path(sys.executable), quick=True)
    assert [row["not_measured"] for row in found["rows"]] == [why] * len(CASES)
    assert parse(render(document(exploring=found)))["exploring"] == found


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"case": 1}, "the document.exploring.rows[0].case"),
        ({"per_second": 9_000}, "the document.exploring.rows[0].per_second"),
        ({"per_second": None}, "the document.exploring.rows[0]"),
        ({"must": "8,000"}, "the document.exploring.rows[0].must"),
    ],
)
def test_a_malformed_row_is_refused(changes: dict[str, Any], where: str) -> None:
    """By its place."""
    exploring = document()["exploring"] | {"rows": [explorer(**changes)]}
    with pytest.raises(MalformedMeasurement) as refused:
        parse(render(document(exploring=exploring)))
    assert refused.value.where == where


def test_the_page_has_speed_and_verdicts() -> None:
    """The bound is kept, the aim is not reached."""
    lines = page(document(), current=True, explored=True).splitlines()
    (row,) = [line for line in lines if line.startswith("| submit racing stop")]
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells == [
        "jurat, seam", "", "3.12.1", "9,000 (7,000 to 10,000)", "8,000", "yes", "15,000", "**no**"
    ]  # fmt: skip


def test_speeds_expire_with_the_bench(tmp_path: Path) -> None:
    """A change of the bench does not touch the figures of the worker, and these do."""
    folder = tmp_path / "sim" / "jurat_sim"
    folder.mkdir(parents=True)
    (folder / "runtime.py").write_text("")
    exploring = document()["exploring"] | {"source": explored_digest(tmp_path)}
    assert is_explored(document(exploring=exploring), tmp_path)
    (folder / "runtime.py").write_text("# One comment more.\n")
    assert not is_explored(document(exploring=exploring), tmp_path)
    assert EXPLORED_ANEW in page(document(), current=True, explored=False)
    assert EXPLORED_ANEW not in page(document(), current=True, explored=True)
