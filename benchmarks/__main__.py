"""`make bench`: measure on every interpreter that is here, write the file and the page.

    python -m benchmarks [--quick] [--others PYTHON] [--explorers PYTHON]     measure everything
    python -m benchmarks --exploring [--explorers PYTHON]     measure exploring anew, and nothing else
    python -m benchmarks --tables                        only make the page again from the file

The file and the page go to `docs/`; those of a smoke run (`--quick`), whose figures mean nothing, to
`build/bench/`.  What is being measured is told on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from . import exploring, machine, tables
from .child import CORES
from .figures import FIGURES, jobs
from .measured import (
    SCHEMA,
    MalformedMeasurement,
    Measured,
    explored_digest,
    is_current,
    is_explored,
    parse,
    render,
    source_digest,
)
from .others import SYSTEMS
from .samples import Summary, ratios

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .figures import Figure

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SMOKE = ROOT / "build" / "bench"

OTHERS_TASKS = {False: 5_000, True: 500}
OTHERS_ROUNDS = {False: 5, True: 1}
EXPLORING_ROUNDS = {False: 5, True: 1}
QUICKER = 20
"""A smoke run explores so many times fewer schedules."""
PATIENCE_S = 300
ROOTS = ("worker", "spec", "sim", "")
"""Where the packages are that a measurement may need."""


class MeasurementFailed(Exception):
    """The process of a measurement did not answer.  Its text is fit to be published."""


# One process ----------------------------------------------------------------------------------------


def ask(python: Path, module: str, *arguments: str) -> dict[str, Any]:
    """What a measurement in a fresh process answers.

    Raises
    ------
    MeasurementFailed: it ended without an answer, or took too long.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / root) for root in ROOTS)
    try:
        ran = subprocess.run(
            [str(python), "-m", module, *arguments],
            cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"no answer in {PATIENCE_S} s") from None
    if ran.returncode:
        tell(ran.stderr)
        raise MeasurementFailed(f"its process ended with {blame(ran.stderr)}")
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def blame(errors: str) -> str:
    """The type of the exception that ended a process.  Its message may name somebody's folders."""
    last = errors.strip().splitlines()[-1:] or [""]
    name = last[0].partition(":")[0]
    return name.rpartition(".")[2] if name.replace(".", "").isidentifier() else "an error"


def tell(line: str) -> None:
    """Say on standard error how far it is."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


# The figures ----------------------------------------------------------------------------------------


def measure_figures(
    pythons: Mapping[str, Path | None], *, quick: bool
) -> tuple[list[dict[str, Any]], dict[str, str | None]]:
    """Every figure on every interpreter, in the order of the tables; and the versions that were found."""
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    reasons: dict[tuple[str, str], str] = {}
    found: dict[str, str | None] = dict.fromkeys(pythons)
    for version, python in pythons.items():
        for job in jobs():
            if python is None:
                reasons[job, version] = f"there is no CPython {version} here"
                continue
            began = monotonic()
            try:
                answer = ask(python, "benchmarks.child", job, *(["--quick"] if quick else []))
            except MeasurementFailed as failure:
                reasons[job, version] = str(failure)
                tell(f"{version}  {job}: {failure}")
                continue
            found[version] = answer["python"]
            answers |= {(name, version): figure for name, figure in answer["figures"].items()}
            tell(f"{version}  {_heard(answer['figures'])}  [{monotonic() - began:.1f} s]")
    return [
        _row(figure, version, answers.get((figure.id, version)), reasons.get((figure.job, version)))
        for figure in FIGURES
        for version in pythons
    ], found


def _heard(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {figure['value']['median']:g}" for name, figure in figures.items())


def _row(figure: Figure, version: str, answer: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
    must, aim = figure.bounds(version)
    return {
        "id": figure.id,
        "title": figure.title,
        "group": figure.group,
        "python": version,
        "unit": figure.unit,
        "sense": figure.sense,
        "must": must,
        "aim": aim,
        "value": None if answer is None else answer["value"],
        "parts": {} if answer is None else answer["parts"],
        "not_measured": reason if answer is None else None,
    }


# The other libraries --------------------------------------------------------------------------------


def measure_others(python: Path | None, *, quick: bool) -> dict[str, Any]:
    """Each system in turn, round by round, each time in a process of its own."""
    tasks = OTHERS_TASKS[quick]
    times: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    versions = dict.fromkeys(SYSTEMS, "")
    reasons: dict[str, str] = {}
    if python is None:
        reasons = dict.fromkeys(SYSTEMS, "its environment was not named (`make bench` makes one)")
    for _ in range(OTHERS_ROUNDS[quick]):
        for name in SYSTEMS:
            if python is None or name in reasons:
                continue
            try:
                answer = ask(python, "benchmarks.others", name, str(tasks))
            except MeasurementFailed as failure:
                reasons[name] = str(failure)
            else:
                times[name].append(answer["us"])
                versions[name] = answer["version"]
            tell(f"others  {name}: {reasons.get(name) or f'{times[name][-1]:.4g} us'}")
    own = times["jurat"] if "jurat" not in reasons else []
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "tasks": tasks,
        "systems": [_system(name, versions[name], times[name], own, reasons.get(name)) for name in SYSTEMS],
    }


def _system(
    name: str, version: str, times: Sequence[float], own: Sequence[float], reason: str | None
) -> dict[str, Any]:
    if reason is None and not own:
        reason = "there is nothing to compare it with"
    return {
        "name": name,
        "version": version,
        "us": None if reason else asdict(Summary.of(times)),
        "times": None if reason else asdict(Summary.of(ratios(times, own))),
        "not_measured": reason,
    }


# Exploring ------------------------------------------------------------------------------------------


def measure_exploring(python: Path | None, *, quick: bool) -> dict[str, Any]:
    """Each explorer on each case.  Without an environment that has the others, this project's alone."""
    rows = []
    for case in exploring.CASES:
        for name, system in exploring.SYSTEMS.items():
            answer: dict[str, Any] = {"version": "", "python": "", "per_second": None}
            reason = None
            if case not in system.cases:
                reason = "it has nothing to do there"
            elif python is None and not name.startswith("jurat"):
                reason = "its environment was not named (`make bench` makes one)"
            else:
                schedules = max(1, system.schedules // QUICKER) if quick else system.schedules
                asked = (name, case, str(schedules), str(EXPLORING_ROUNDS[quick]))
                try:
                    answer = ask(python or Path(sys.executable), "benchmarks.exploring", *asked)
                except MeasurementFailed as failure:
                    reason = str(failure)
                else:
                    reason = answer["not_measured"]
                tell(f"exploring  {name}, {case}: {reason or answer['per_second']['median']}")
            must, aim = exploring.BOUNDS.get((name, case), (None, None))
            rows.append(
                {"system": name, "case": case, **answer, "must": must, "aim": aim, "not_measured": reason}
            )
    return {"source": explored_digest(ROOT), "rows": rows}


# All of it ------------------------------------------------------------------------------------------


def measure(*, quick: bool, others: Path | None, explorers: Path | None) -> Measured:
    """The whole document.  The digest is taken first: what changes meanwhile was not measured."""
    source = source_digest(ROOT)
    figures, pythons = measure_figures(machine.interpreters(), quick=quick)
    cores = os.cpu_count() or 1
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "quick": quick,
        "machine": {
            "cpu": machine.cpu(),
            "cores": cores,
            "used": min(CORES, cores),
            "system": machine.system(),
        },
        "pythons": pythons,
        "source": source,
        "figures": figures,
        "others": measure_others(others, quick=quick),
        "exploring": measure_exploring(explorers, quick=quick),
    }


def write_page(folder: Path) -> None:
    """Make the page of the file in this folder."""
    measured = parse((folder / "measured.json").read_text(encoding="utf-8"))
    page = tables.page(measured, current=is_current(measured, ROOT), explored=is_explored(measured, ROOT))
    (folder / "measured.md").write_text(page, encoding="utf-8")
    tell(f"{(folder / 'measured.md').relative_to(ROOT)}: {page.partition(':')[0].strip('*').lower()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write, or only write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="measure the worker")
    parser.add_argument("--quick", action="store_true", help="a smoke run, into build/bench/")
    parser.add_argument("--tables", action="store_true", help="only make the page again")
    parser.add_argument(
        "--others", type=Path, metavar="PYTHON", help="an interpreter that has requirements/bench.txt"
    )
    parser.add_argument(
        "--explorers",
        type=Path,
        metavar="PYTHON",
        help="one that has requirements/explorers.txt, of 3.12 or later",
    )
    parser.add_argument("--exploring", action="store_true", help="measure exploring anew, and nothing else")
    options = parser.parse_args(arguments)
    folder = SMOKE if options.quick else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not options.tables:
            # Not resolved: a link out of a virtual environment leads out of the environment.
            others, explorers = (it and it.absolute() for it in (options.others, options.explorers))
            if options.exploring:
                kept = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
                text = render(kept | {"exploring": measure_exploring(explorers, quick=options.quick)})
            else:
                text = render(measure(quick=options.quick, others=others, explorers=explorers))
            parse(text)
            (folder / "measured.json").write_text(text, encoding="utf-8")
        write_page(folder)
    except MalformedMeasurement as error:
        tell(f"measured.json is not what it should be: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
