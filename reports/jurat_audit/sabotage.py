"""Does the audit notice?  One fault planted for each link, each in a copy, each to be found by name.

A chain of evidence that is green proves little until it has been seen red.  So this command makes
copies of the source tree, plants one fault in each, and runs the link that must notice, cut down to
what the fault needs.  A fault counts as found only if the link is red *for the stated reason*: what
it says contains the words that the fault's declaration names.  And the same checks must be green in
a copy without a fault, or being red would mean nothing.

    make sabotage

`FAULTS` is the table.  A new link adds a line to `CHECKS` and a fault of five lines; a fault whose
anchor is gone, because the source that it changes has changed, ends the command with an error.

Exit status: 0 every fault was found, and the tree without one is green; 1 not so; 2 it could not be
tried, as when an anchor is gone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import agreement, evidence, manifest, mutants, progress, tlc
from .errors import AuditError, TableError
from .link import PROFILES
from .links import equivalence
from .requirements import load_table
from .samples import SUBJECTS
from .subject import project_root, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .link import LinkResult, Progress

JOBS = 2  # copies that are checked at a time
LIMIT_SECONDS = 300.0
"""How long one check may take.  A check that takes longer has found nothing."""

NOT_COPIED = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "out")
"""What a copy is without: what the sources make, and what is installed."""

MODULE = "RateLimiter"
"""The module of which the checks of models run every model of the default profile: a small one."""


class FaultError(AuditError):
    """A fault cannot be planted: its text is not once in its file.  Write it anew in `FAULTS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is made wrong, and who must say so."""

    check: str
    """One of `CHECKS`."""
    says: str
    """What is wrong then."""
    file: str
    before: str
    """A text that is in the file once."""
    after: str
    expects: str
    """What the check must say."""


_CANCELS = (
    '    event = [now, "Cancel", task._number, 0, (reason.value, actor)]\n'
    "    record = (event,)\n"
    "    gates: Iterable[Any] = NO_GATES\n"
    "    room: Iterable[Gate] = NO_GATES\n"
    "    crowd: list[Gate] = []\n"
    "    steward = None\n"
)
"""What the step that cancels does before it takes the lock."""

FAULTS: tuple[Fault, ...] = (
    Fault(
        check="model",
        says="the limiter of the model grants one permit beyond the burst",
        file="tla/RateLimiter.tla",
        before="Debt + PerStart <= Burst * PerStart",
        after="Debt <= Burst * PerStart",
        expects="Window is violated",
    ),
    Fault(
        check="equivalence",
        says="the executable specification owes a fraction less after a change of the rate",
        file="spec/jurat_spec/limiter.py",
        before="return -(-a // b)",
        after="return a // b",
        expects="only the spec allows: action SetRate",
    ),
    Fault(
        check="agreement",
        says="a law of the executable specification looks at no window of a single instant",
        file="spec/jurat_spec/limiter.py",
        before="for end in range(begin, s.now + 1)",
        after="for end in range(begin + 1, s.now + 1)",
        expects="Window is False in TLA+ and True in Python",
    ),
    Fault(
        check="mutants",
        says="a law of the model no longer holds starts against the rate",
        file="tla/RateLimiter.tla",
        before="StartsIn(t, u) * Parts <= Allowed(t, u)",
        after="StartsIn(t, u) <= Tasks",
        expects="RateLimiter.Start.guard-dropped.2: nothing notices",
    ),
    Fault(
        check="arithmetic",
        says="a function that comes back exactly at the end of its attempt is not late",
        file="worker/jurat/_arithmetic.py",
        before="attempt_end is not None and returned >= attempt_end",
        after="attempt_end is not None and returned > attempt_end",
        expects="is_late",
    ),
    Fault(
        check="conformance",
        says="the worker lets a late return overwrite a terminal status",
        file="worker/jurat/_steps.py",
        before='ended[1] = "LateReturn"\n',
        after='ended[1] = "LateReturn"\n                    done._status = COMPLETED\n',
        expects="breaks handles: status and attempts",
    ),
    Fault(
        check="searches",
        says="the worker cancels without the lock",
        file="worker/jurat/_steps.py",
        before=_CANCELS + "    with core.lock:\n",
        after=_CANCELS + "    if True:\n",
        expects="cancel_or_complete at the grain of the access",
    ),
    Fault(
        check="accesses",
        says="the worker cancels without the lock",
        file="worker/jurat/_steps.py",
        before=_CANCELS + "    with core.lock:\n",
        after=_CANCELS + "    if True:\n",
        expects="cancel_or_complete: ",
    ),
    Fault(
        check="repeats",
        says="the worker reads a real clock when it accepts a task",
        file="worker/jurat/_worker.py",
        before="        now = core.now()\n        extras = None\n",
        after='        now = __import__("time").monotonic_ns()\n        extras = None\n',
        expects="nondeterminism",
    ),
    Fault(
        check="costs",
        says="the worker calls a function while it holds the lock, which reads the clock",
        file="worker/jurat/_steps.py",
        before="        rejected = core.rejected\n",
        after="        rejected = core.rejected\n        core.now()\n",
        expects="read the clock",
    ),
    Fault(
        check="guided",
        says="the worker drains to finish what waits when it was asked to cancel it",
        file="worker/jurat/_steps.py",
        before="core.pending_cancel = True",
        after="core.pending_cancel = False",
        expects="two-plain",
    ),
    Fault(
        check="timing",
        says="the worker grants twice the grace",
        file="worker/jurat/_steps.py",
        before=(
            "            core.grace_over_ns = now + core.grace_ns\n"
            "            core.starting = core.direct = False\n"
            "            core.sweeping = core.tripping = True\n            room"
        ),
        after=(
            "            core.grace_over_ns = now + 2 * core.grace_ns\n"
            "            core.starting = core.direct = False\n"
            "            core.sweeping = core.tripping = True\n            room"
        ),
        expects="ns were measured, not",
    ),
    Fault(
        check="log",
        says="the ledger keeps what a failed instruction has written",
        file="examples/settlement/ledger.py",
        before='self._connection.execute("ROLLBACK")',
        after='self._connection.execute("COMMIT")',
        expects="ledger",
    ),
    Fault(
        check="evidence",
        says="the worker lets a late return overwrite a terminal status",
        file="worker/jurat/_steps.py",
        before='ended[1] = "LateReturn"\n',
        after='ended[1] = "LateReturn"\n                    done._status = COMPLETED\n',
        expects="failed: tests/worker/",
    ),
    Fault(
        check="table",
        says="the requirements table loses a requirement that defects break",
        file="reports/jurat_audit/requirements.toml",
        before='[[requirement]]\nid = "SD-1"\n',
        after='[[requirement]]\nid = "SD-99"\n',
        expects="SD-1",
    ),
    Fault(
        check="report",
        says="the rule changes after the report was written",
        file="tla/RateLimiter.tla",
        before="(* Invariants. *)",
        after="(* Invariants, as they are now. *)",
        expects="the committed report is about other sources",
    ),
)

# ---------------------------------------------------------------------------------------------
# The checks, as they run in a copy
# ---------------------------------------------------------------------------------------------


def _small() -> manifest.Manifest:
    """The models of one small module, in which every property must hold."""
    models = manifest.load(project_root() / "tla")
    chosen = tuple(model for model in models.models_of(PROFILES["default"]) if model.module == MODULE)
    return replace(models, modules={MODULE: models.modules[MODULE]}, models=chosen, must_fail=())


def _on_small_models(id: str) -> Sequence[str]:
    check = import_module(f".links.{id}", __package__).check
    result: LinkResult = check(_small(), tlc.locate(), progress.Silent())
    return result.problems


def _whole(id: str) -> Sequence[str]:
    result: LinkResult = import_module(f".links.{id}", __package__).run(
        PROFILES["default"], progress.Silent()
    )
    return result.problems


def _agreement() -> Sequence[str]:
    """What TLA+ and Python mean by the laws of the small module."""
    subjects = [subject for subject in SUBJECTS if subject.module == MODULE]
    return agreement.agree(
        _small(), tlc.locate(), equivalence.TWINS, 1_000, progress.Silent(), subjects=subjects
    ).problems


def _mutants() -> Sequence[str]:
    """The mutants of one action of the small module that lack a guard."""
    models = manifest.load(project_root() / "tla")
    chosen = [each for each in mutants.mutants_of(models, [MODULE]) if ".Start.guard-dropped." in each.id]
    return mutants.campaign(models, tlc.locate(), chosen, progress.Silent()).problems


def _conformance() -> Sequence[str]:
    """A few schedules of each scenario, and one defect of the catalogue."""
    from .exploring import campaigns, hunts  # noqa: PLC0415 - only this check needs the bench

    campaigns.BUDGETS["default"] = dict.fromkeys(campaigns.BUDGETS["default"], 150)
    campaigns.MEETINGS_OWED = False
    hunts.HUNTED = hunts.HUNTED[:1]
    return _part("campaigns", "hunts")


def _repeats() -> Sequence[str]:
    """A few runs made again, in this process and on threads."""
    from .exploring import repeats  # noqa: PLC0415

    repeats.SCHEDULES["default"] = 3
    repeats.FOLLOWED["default"] = 0
    repeats.IN_OTHER_PROCESSES = ()
    return _part("repeats")


def _guided() -> Sequence[str]:
    """The worker led along a small graph."""
    from .exploring import guided  # noqa: PLC0415

    guided.NAMES["default"] = ("two-plain",)
    guided.LEAST_EDGES = 0
    return _part("guided")


def _part(*names: str) -> Sequence[str]:
    """The link from the worker to the rule, with these of its parts."""
    from .links import conformance  # noqa: PLC0415

    conformance.PARTS = tuple(import_module(f".exploring.{name}", __package__) for name in names)
    return _whole("conformance")


def _evidence() -> Sequence[str]:
    found = evidence.run_tests(project_root(), progress.Silent())
    return (*found.problems, *(found.output.splitlines() if found.problems else ()))


def _table() -> Sequence[str]:
    try:
        load_table()
    except TableError as error:
        return (str(error),)
    return ()


def _report() -> Sequence[str]:
    """A report with another digest than the sources is stale, whatever it says."""
    root = project_root()
    subject = json.loads((root / "reports" / "audit.json").read_text("utf-8"))["subject"]
    if subject["source_digest"] == subject_of(root).source_digest:
        return ()
    return ("the committed report is about other sources: run `make report`",)


CHECKS: Mapping[str, Callable[[], Sequence[str]]] = {
    "model": lambda: _on_small_models("model"),
    "equivalence": lambda: _on_small_models("equivalence"),
    "agreement": _agreement,
    "mutants": _mutants,
    "arithmetic": lambda: _whole("arithmetic"),
    "conformance": _conformance,
    "searches": lambda: _part("searches"),
    "accesses": lambda: _part("accesses"),
    "repeats": _repeats,
    "costs": lambda: _part("costs"),
    "guided": _guided,
    "timing": lambda: _whole("timing"),
    "log": lambda: _whole("log"),
    "evidence": _evidence,
    "table": _table,
    "report": _report,
}
"""What may be sabotaged: each check returns lines that say what is wrong, none if nothing is."""


# ---------------------------------------------------------------------------------------------
# Copies
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a check said in a copy."""

    status: int
    """0 nothing is wrong, 1 something is; anything else: it could not be tried."""
    output: str

    @property
    def first(self) -> str:
        """The first line of it."""
        return next((line for line in self.output.splitlines() if line.strip()), "nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One check, with a fault or without, and what came of it."""

    check: str
    fault: Fault | None
    said: Said
    seconds: float

    @property
    def as_it_should(self) -> bool:
        """Without a fault: green.  With one: red, for the stated reason."""
        if self.fault is None:
            return self.said.status == 0
        return self.said.status == 1 and self.fault.expects in self.said.output

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.fault is None:
            return "green" if self.as_it_should else f"not green: {self.said.first}"
        if self.as_it_should:
            line = next(line for line in self.said.output.splitlines() if self.fault.expects in line)
            return f"red: {line.strip()}"
        if self.said.status == 0:
            return "not red"
        return f"red for another reason: {self.said.first}"


def planted(root: Path, fault: Fault) -> None:
    """Plant a fault in the tree at `root`, which had better be a copy.  Raises `FaultError`."""
    text = _with_anchor(root, fault)
    (root / fault.file).write_text(text.replace(fault.before, fault.after), encoding="utf-8")


def _with_anchor(root: Path, fault: Fault) -> str:
    """The text of the fault's file, in which its anchor is once."""
    path = root / fault.file
    text = path.read_text("utf-8") if path.is_file() else ""
    if (times := text.count(fault.before)) != 1:
        raise FaultError(
            f"the fault of {fault.check} ({fault.says}): its text is {times} times in {fault.file}, not once"
        )
    return text


def copied(root: Path, target: Path) -> None:
    """Copy a tree, but for what it makes itself."""
    shutil.copytree(root, target, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)


def tried(root: Path, check: str, fault: Fault | None) -> Trial:
    """Run a check in a copy of the tree at `root`, with the fault if there is one."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="jurat-sabotage-") as folder:
        tree = Path(folder, "tree")
        copied(root, tree)
        if fault is not None:
            planted(tree, fault)
        said = _said(tree, check)
    return Trial(check=check, fault=fault, said=said, seconds=time.monotonic() - began)


def _said(tree: Path, check: str) -> Said:
    """Run a check with the packages of the copy, which come before those that are installed."""
    roots = [str(tree / name) for name in ("spec", "worker", "sim", "reports")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(roots),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = (sys.executable, "-m", "jurat_audit.sabotage", "--check", check)
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Said(status=2, output=f"stopped after {LIMIT_SECONDS:g} s")
    return Said(status=done.returncode, output=done.stdout)


def trials(root: Path, faults: Sequence[Fault], shown: Progress, *, clean: bool = True) -> Iterator[Trial]:
    """Each check without a fault, then each fault, in the order of the table."""
    for fault in faults:  # find out at once whether each can be planted
        _with_anchor(root, fault)
    checks = dict.fromkeys(fault.check for fault in faults) if clean else {}
    todo: list[tuple[str, Fault | None]] = [(check, None) for check in checks]
    todo += [(fault.check, fault) for fault in faults]

    def shown_trial(check: str, fault: Fault | None) -> Trial:
        with shown.row(f"{check}: {'the tree as it is' if fault is None else fault.says}"):
            trial = tried(root, check, fault)
        shown.advance()
        return trial

    shown.step("sabotage")
    shown.total(len(todo))
    with ThreadPoolExecutor(JOBS) as pool:
        futures = [pool.submit(shown_trial, check, fault) for check, fault in todo]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


# ---------------------------------------------------------------------------------------------
# The command
# ---------------------------------------------------------------------------------------------


def _table_of(done: Sequence[Trial]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("check", "planted", "came out"):
        table.add_column(column, overflow="fold")
    table.add_column("seconds", justify="right")
    for trial in done:
        table.add_row(
            trial.check,
            Text("nothing" if trial.fault is None else trial.fault.says),
            Text(trial.verdict, style="green" if trial.as_it_should else "bold red"),
            f"{trial.seconds:.1f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """The command line, and, with `--check`, what runs in a copy."""
    parser = argparse.ArgumentParser(
        prog="python -m jurat_audit.sabotage", description="plant faults, and see each link go red"
    )
    parser.add_argument("--check", choices=tuple(CHECKS), help="run this check here, with nothing planted")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.check is not None:
            lines = CHECKS[chosen.check]()
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            return 1 if lines else 0
        with progress.shown("sabotage", sys.stderr) as shown:
            done = list(trials(project_root(), FAULTS, shown))
    except AuditError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return _concluded(done)


def _concluded(done: Sequence[Trial]) -> int:
    console = Console()
    console.print(_table_of(done))
    wrong = [trial for trial in done if not trial.as_it_should]
    faults = [trial for trial in done if trial.fault is not None]
    found = sum(trial.as_it_should for trial in faults)
    console.print(Text(f"{found} of {len(faults)} faults were found by name"))
    for trial in wrong:
        console.print(Text(f"\n{trial.check} said", style="bold"))
        for line in trial.said.output.splitlines()[-20:]:
            console.print(Text(f"  {line}"), soft_wrap=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
