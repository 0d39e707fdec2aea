"""The link from a production log to the rule: the settlement example, run and judged.

The example is run as its reader would run it, as a program of its own, in an empty folder, on real
threads.  What it leaves there is then judged twice: its files are reconciled with each other, which needs
no idea of what a worker is, and its event log is replayed against the rule.  Both judges are part of the
example (`reconcile.py` and `verify.py`), because a reader should be able to call them without us; they
are loaded from there by path, and neither imports the worker.

One run on real threads is one interleaving, and another each time.  What is reported is therefore only
what no interleaving may change: how many instructions, which ones, and how much money.
"""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from ..link import LinkResult, Profile, Progress, Verdict
from ..subject import project_root

if TYPE_CHECKING:
    from collections.abc import Iterable

INSTRUCTIONS = 10_000
DRAIN_AFTER = 6_000
THREADS = 4

# The program drains within two minutes or stops within ten seconds more, by its own options; it takes
# about one second.  Twice its bound is no matter of a slow machine.
LIMIT_SECONDS = 300.0

COMMAND = "jurat audit --link log"
PROBLEMS_SHOWN = 20

LIMITS = (
    "One run on real threads is one interleaving; the conformance link explores others.",
    (
        "The faults are exceptions of the task functions.  The process is not killed: the queue is in "
        "memory, and what becomes of it in a crash is a matter of a durable backend."
    ),
    "The log is held in memory until the end, and is not yet protected against later changes.",
)


def run(profile: Profile, progress: Progress) -> LinkResult:  # noqa: ARG001 - every profile settles once
    """Settle in a folder of its own, then judge what is there."""
    example = project_root() / "examples" / "settlement"
    with tempfile.TemporaryDirectory(prefix="jurat-settlement-") as scratch:
        folder = Path(scratch)
        progress.step(f"settling {INSTRUCTIONS:,} instructions on {THREADS} threads")
        before = time.monotonic()
        problems = settle(example, folder)
        settled = time.monotonic()
        if problems:
            return _result(problems)
        progress.step("reconciling the ledger, and replaying the log")
        result = judge(example, folder)
        return replace(result, timings={"settle": settled - before, "judge": time.monotonic() - settled})


def settle(example: Path, folder: Path, *, limit_seconds: float = LIMIT_SECONDS) -> list[str]:
    """Run the program, and say why there is nothing to judge, if there is nothing."""
    program = example / "settle.py"
    if not program.is_file():
        raise ToolError(f"the settlement example is missing: {program}")
    command = [sys.executable, str(program), "--out", str(folder)]
    for option, value in (("instructions", INSTRUCTIONS), ("drain-after", DRAIN_AFTER), ("threads", THREADS)):
        command += [f"--{option}", str(value)]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [
            f"the settlement did not end within {limit_seconds:g} s, and its worker's bound is less than half"
        ]
    if ended.returncode == 2:
        raise ToolError(f"the settlement could not run: {ended.stderr.strip()}")
    # Disagreements (status 1) are for `judge` to find for itself; a traceback is one too, and leaves no log.
    if ended.returncode not in (0, 1) or not (folder / "events.jsonl").exists():
        return [f"the settlement ended with status {ended.returncode}", *ended.stderr.splitlines()]
    return []


def judge(
    example: Path, folder: Path, *, instructions: int = INSTRUCTIONS, accepted: int = DRAIN_AFTER
) -> LinkResult:
    """Hold the files in `folder` against each other and against the rule."""
    try:
        books = _load(example / "reconcile.py").reconcile(folder)
        findings = [*books.findings, *_load(example / "verify.py").verify(folder)]
    except (OSError, ValueError, LookupError, sqlite3.Error) as error:
        return _result([f"the settlement's files cannot be read: {type(error).__name__}: {error}"])
    expected = {"accepted": accepted, "refused": instructions - accepted}
    findings += [
        f"{len(books.sets[name]):,} instructions were {name}, and not {count:,}"
        for name, count in expected.items()
        if len(books.sets[name]) != count
    ]
    if findings:
        return _result(findings)
    return _result([], books, events=_lines(folder / "events.jsonl"))


def _result(problems: list[str], books: Any = None, *, events: int = 0) -> LinkResult:
    """The link's answer.  Figures only where there is no problem: they would not be determined."""
    if problems:
        hidden = len(problems) - PROBLEMS_SHOWN
        more = [f"... and {hidden:,} more"] if hidden > 0 else []
        return LinkResult(
            id="log",
            verdict=Verdict.FAIL,
            command=COMMAND,
            summary=f"the settlement does not hold: {problems[0]}",
            problems=(*problems[:PROBLEMS_SHOWN], *more),
        )
    figures: dict[str, int | str] = {name: len(ids) for name, ids in books.sets.items()}
    figures |= {"events": events, "accounts": books.accounts, "posted_cents": books.cents}
    figures |= {"balance_cents": books.balance}
    figures |= {f"{name}_sha256": digest(ids) for name, ids in books.sets.items()}
    failed = len(books.sets["failed_before"]) + len(books.sets["failed_inside"])
    return LinkResult(
        id="log",
        verdict=Verdict.PASS,
        command=COMMAND,
        summary=(
            f"{figures['posted']:,} payments were posted once each, {failed:,} failed by injected faults "
            f"and left no trace, {figures['refused']:,} were refused while draining; the ledger balances "
            f"to the cent, and all {events:,} events of the log are a behaviour of the rule"
        ),
        figures=figures,
        details={"tables": [_table(books.sets)], "limits": list(LIMITS)},
    )


def _table(sets: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "title": "The instructions, by what became of them",
        "columns": ["set", "instructions", "SHA-256 of the sorted ids, one a line"],
        "rows": [[name.replace("_", " "), len(ids), digest(ids)] for name, ids in sets.items()],
    }


def digest(ids: Iterable[str]) -> str:
    """The SHA-256 of the sorted ids, one a line: what `sort | sha256sum` prints."""
    return hashlib.sha256("".join(f"{id}\n" for id in sorted(ids)).encode()).hexdigest()


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _load(path: Path) -> Any:
    """The module in that file.  The example is no package: its programs stand alone, on purpose."""
    name = f"jurat_example_settlement_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ToolError(f"the settlement example is missing: {path}")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module
