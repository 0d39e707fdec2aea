"""The settlement example holds on real threads, and whatever might be wrong with it is named.

First the whole of it, as the audit runs it.  Then, on a smaller settlement, its files are falsified in
every way that occurred to us: a payment posted twice, lost, halved or off by a cent; an outcome left out
or dressed up; each single event of the log removed, repeated, or exchanged with the next.  Each must be
found, and named.  Last, the program itself is given bad clerks and bad input.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import instructions as paperwork
import reconcile
import settle
import verify
from jurat_audit.errors import ToolError
from jurat_audit.link import PROFILES, Verdict
from jurat_audit.links import log
from jurat_audit.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat import Context

EXAMPLE = Path(settle.__file__).parent
COUNT, DRAIN_AFTER = 60, 40


def problems(folder: Path) -> tuple[str, ...]:
    """What the link has to say against the files in `folder`."""
    result = log.judge(EXAMPLE, folder, instructions=COUNT, accepted=DRAIN_AFTER)
    assert (result.verdict is Verdict.PASS) == (not result.problems)
    assert bool(result.figures) == (not result.problems)
    return result.problems


# The real thing ---------------------------------------------------------------------------------------


@pytest.mark.evidence("LC-1", "SD-2")
def test_ten_thousand_instructions_are_settled_once_or_listed() -> None:
    """The figures that the audit reports are determined: two runs give the same."""
    first, second = (log.run(PROFILES["default"], Silent()) for _ in range(2))
    assert first.problems == ()
    assert first.verdict is Verdict.PASS
    figures = first.figures
    assert figures["accepted"] == 6_000
    assert figures["refused"] == 4_000
    failed = int(figures["failed_before"]) + int(figures["failed_inside"])
    assert int(figures["posted"]) + failed == 6_000
    assert int(figures["failed_before"]) > 0
    assert int(figures["failed_inside"]) > 0
    assert figures["balance_cents"] == 0
    # Init, BeginDrain and Stopped; Submit, Start and an end for each accepted; Reject for each refused.
    assert figures["events"] == 3 + 3 * 6_000 + 4_000
    assert (second.figures, second.details, second.summary) == (first.figures, first.details, first.summary)


# Falsified files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a small settlement, in which each kind of fault occurs."""
    folder = tmp_path_factory.mktemp("settled")
    papers, _ = paperwork.draw(COUNT)
    paperwork.write_faults(folder / "faults.csv", {"PI-000007": "before", "PI-000011": "inside"})
    paperwork.write(folder / "instructions.csv", papers)
    settle.run(folder, count=COUNT, drain_after=DRAIN_AFTER, threads=4)
    assert problems(folder) == ()
    return folder


@pytest.fixture
def folder(settled: Path, tmp_path: Path) -> Path:
    """A copy to be falsified."""
    return shutil.copytree(settled, tmp_path / "settled")


def test_the_digest_is_what_sort_and_sha256sum_print() -> None:
    """Whoever has the ids can make it again."""
    assert log.digest(["b", "a"]) == hashlib.sha256(b"a\nb\n").hexdigest()


@pytest.mark.parametrize(
    ("forgery", "finding"),
    [
        (
            "INSERT INTO entries SELECT * FROM entries WHERE instruction = 'PI-000003'",
            "PI-000003 is posted twice",
        ),
        (
            "DELETE FROM entries WHERE instruction = 'PI-000003'",
            "PI-000003 is completed, and has no entry in the ledger",
        ),
        (
            "DELETE FROM entries WHERE instruction = 'PI-000003' AND cents > 0",
            "the ledger does not balance",
        ),
        (
            "UPDATE entries SET cents = cents + 1 WHERE instruction = 'PI-000003' AND cents > 0",
            "the ledger does not balance: debits and credits differ by 1 cents",
        ),
        (
            "UPDATE entries SET cents = cents * 2 WHERE instruction = 'PI-000003'",
            "PI-000003 should be",
        ),
        (
            "UPDATE entries SET account = 'ACC-9999' WHERE instruction = 'PI-000003' AND cents > 0",
            "account ACC-9999 stands at",
        ),
        (
            "INSERT INTO entries VALUES ('PI-000007', 'ACC-0001', -5)",
            "PI-000007 is not completed, and has 1 entries in the ledger",
        ),
        (
            "INSERT INTO entries VALUES ('PI-000011', 'ACC-0001', -5), ('PI-000011', 'ACC-0002', 5)",
            "PI-000011 is not completed, and has 2 entries in the ledger",
        ),
        (
            "INSERT INTO entries VALUES ('PI-999999', 'ACC-0001', -5), ('PI-999999', 'ACC-0002', 5)",
            "PI-999999 is in the ledger, and was never instructed",
        ),
    ],
)
def test_a_falsified_ledger_is_found(folder: Path, forgery: str, finding: str) -> None:
    """Doubled, lost, halved, off by a cent, misdirected, left behind, invented."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute(forgery)
        assert ledger.total_changes > 0
    assert any(line.startswith(finding) for line in problems(folder)), problems(folder)


def rewrite(folder: Path, forge: Callable[[list[dict[str, str]]], None]) -> None:
    """Falsify the outcomes."""
    path = folder / "outcomes.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    forge(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def drop(rows: list[dict[str, str]]) -> None:
    """An instruction is listed nowhere."""
    del rows[2]


def repeat(rows: list[dict[str, str]]) -> None:
    """An instruction is listed twice."""
    rows.append(rows[2])


def invent(rows: list[dict[str, str]]) -> None:
    """An instruction is listed that nobody gave."""
    rows.append(rows[-1] | {"id": "PI-999999"})


def embellish(rows: list[dict[str, str]]) -> None:
    """A failure is told as a success."""
    rows[6] |= {"status": "completed", "reason": ""}


def excuse(rows: list[dict[str, str]]) -> None:
    """A success is told as a failure."""
    rows[2] |= {"status": "failed", "reason": "ConnectionLost"}


def disown(rows: list[dict[str, str]]) -> None:
    """An accepted instruction is told as refused, though later ones were accepted."""
    rows[2] |= {"task": "0", "status": "refused", "reason": "WorkerStopped", "began": "0", "returned": "0"}


def twice(rows: list[dict[str, str]]) -> None:
    """A function ran twice; the log has it once."""
    rows[2] |= {"began": "2", "returned": "2"}


def stuck(rows: list[dict[str, str]]) -> None:
    """A function never came back."""
    rows[2] |= {"returned": "0"}


def run_anyway(rows: list[dict[str, str]]) -> None:
    """A refused instruction ran."""
    rows[-1] |= {"began": "1", "returned": "1"}


def confuse(rows: list[dict[str, str]]) -> None:
    """Two instructions are the same task."""
    rows[2] |= {"task": rows[3]["task"]}


@pytest.mark.parametrize(
    ("forge", "finding"),
    [
        (drop, "PI-000003 has 0 outcomes"),
        (repeat, "PI-000003 has 2 outcomes"),
        (invent, "PI-999999 has an outcome, and was never instructed"),
        (embellish, "PI-000007 is completed, and should be failed CorrespondentSilent"),
        (excuse, "PI-000003 is failed ConnectionLost, and the log ends it so: [('Complete', None)]"),
        (disown, "PI-000003 is not completed, and has 2 entries in the ledger"),
        (disown, "PI-000003 was refused, and PI-000004 after it was accepted"),
        (disown, "21 instructions were refused, and the log has 20 refusals"),
        (disown, "task 3 is in the log, and no instruction is that task"),
        (twice, "PI-000003 began 2 times, and the log has 1 starts of it"),
        (stuck, "PI-000003 began 1 times and came back 0 times, not 1"),
        (run_anyway, "PI-000060 began 1 times and came back 1 times, not 0"),
        (confuse, "PI-000003 is task 4, which the log submits 1 times"),
    ],
)
def test_falsified_outcomes_are_found(
    folder: Path, forge: Callable[[list[dict[str, str]]], None], finding: str
) -> None:
    """Left out, repeated, invented, dressed up, run twice."""
    rewrite(folder, forge)
    assert any(line.startswith(finding) for line in problems(folder)), problems(folder)


def events(folder: Path) -> list[list[Any]]:
    """The events of the log."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def write_events(folder: Path, forged: list[list[Any]]) -> None:
    """A falsified log."""
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in forged))


def test_no_event_can_be_removed(folder: Path) -> None:
    """Each of them in turn, the last included."""
    whole = events(folder)
    for index, event in enumerate(whole):
        write_events(folder, whole[:index] + whole[index + 1 :])
        assert problems(folder), f"removing {event} was not found"


def test_no_event_can_be_repeated(folder: Path) -> None:
    """Each of them in turn."""
    whole = events(folder)
    for index, event in enumerate(whole):
        write_events(folder, [*whole[:index], event, *whole[index:]])
        assert problems(folder), f"repeating {event} was not found"


def test_no_event_can_change_places_with_the_next(folder: Path) -> None:
    """Each of them in turn, but for two of the same instant, whose order may mean nothing."""
    whole = events(folder)
    tried = 0
    for index, (event, following) in enumerate(pairwise(whole)):
        if event[0] != following[0]:
            tried += 1
            write_events(folder, [*whole[:index], following, event, *whole[index + 2 :]])
            assert problems(folder), f"exchanging {event} and {following} was not found"
    assert tried > len(whole) // 2


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("Submit", "Start"), ("Start", "Complete"), ("BeginDrain", "Reject"), ("Complete", "Stopped")],
)
def test_a_forged_order_is_found_though_the_instants_fit(folder: Path, earlier: str, later: str) -> None:
    """The forger exchanged what happened and left the clock alone: the rule itself must object."""
    forged = events(folder)
    candidates = [index for index, event in enumerate(forged) if event[1] == earlier]
    first = candidates[-1] if later == "Stopped" else candidates[0]
    task = forged[first][2]
    second = next(
        index
        for index, event in enumerate(forged)
        if index > first and event[1] == later and event[2] in (task, 0)
    )
    forged[first][1:], forged[second][1:] = forged[second][1:], forged[first][1:]
    write_events(folder, forged)
    found = problems(folder)
    assert any(line.startswith("event ") and "instants" not in line for line in found), found


def test_a_file_that_cannot_be_read_is_a_problem(folder: Path) -> None:
    """Not an exception: it is the evidence that is broken, not the audit."""
    with (folder / "events.jsonl").open("a") as file:
        file.write("[1, 2")
    assert problems(folder)[0].startswith("the settlement's files cannot be read: JSONDecodeError")
    (folder / "ledger.sqlite").write_text("no database")
    assert problems(folder)[0].startswith("the settlement's files cannot be read: DatabaseError")


def test_another_number_accepted_is_found(settled: Path) -> None:
    """That the drain began after 6,000 is part of what is claimed."""
    result = log.judge(EXAMPLE, settled, instructions=COUNT, accepted=DRAIN_AFTER + 1)
    assert result.problems == (
        "40 instructions were accepted, and not 41",
        "20 instructions were refused, and not 19",
    )


def test_many_problems_are_cut_short(folder: Path) -> None:
    """A screen of them is enough."""
    rewrite(folder, lambda rows: [row.update(began="3") for row in rows].clear())
    found = problems(folder)
    assert len(found) == log.PROBLEMS_SHOWN + 1
    assert found[-1].startswith("... and ")


# The program ------------------------------------------------------------------------------------------


class Doubling(settle.Clerk):
    """Posts everything twice, as if the worker had run the function twice."""

    def post(self, context: Context, instruction: paperwork.Instruction) -> None:
        """Once more."""
        super().post(context, instruction)
        super().post(context, instruction)


class Idle(settle.Clerk):
    """Posts nothing, as if the worker had forgotten to call."""

    def post(self, context: Context, instruction: paperwork.Instruction) -> None:
        """Look busy."""


class Sloppy(settle.Clerk):
    """Writes the debit in a transaction of its own."""

    def post(self, context: Context, instruction: paperwork.Instruction) -> None:
        """First the one, then the other."""
        with self.ledger.transaction() as transaction:
            transaction.debit(instruction.id, instruction.debtor, instruction.cents)
        super().post(context, instruction)


@pytest.mark.parametrize(
    ("clerk", "finding"),
    [
        (Doubling, "PI-000001 is posted twice"),
        (Doubling, "PI-000001 began 2 times, and the log has 1 starts of it"),
        (Idle, "PI-000001 is completed, and has no entry in the ledger"),
        (Idle, "PI-000001 began 0 times and came back 0 times, not 1"),
        (Sloppy, "the ledger does not balance"),
        (Sloppy, "PI-000060 is not completed, and has 1 entries in the ledger"),
    ],
)
def test_the_program_tells_on_a_bad_clerk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    clerk: type[settle.Clerk],
    finding: str,
) -> None:
    """It ends with status 1, and says where."""
    monkeypatch.setattr(settle, "Clerk", clerk)
    monkeypatch.setattr(reconcile, "SHOWN", 1_000)
    status = settle.main(["--out", str(tmp_path), "--instructions", "100", "--drain-after", "80"])
    assert status == 1
    assert any(line.startswith(finding) for line in capsys.readouterr().out.splitlines())


def test_the_program_and_the_judge_agree_on_a_good_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice in the same folder: the second run makes a new ledger and keeps the input."""
    for _ in range(2):
        assert settle.main(["--out", str(tmp_path), "--instructions", "200", "--drain-after", "120"]) == 0
    monkeypatch.setattr("sys.argv", ["verify.py", "--out", str(tmp_path)])
    assert verify.main() == 0
    printed = capsys.readouterr().out
    assert "accepted           120" in printed
    assert "The log is a behaviour of the specification" in printed


def test_a_drain_that_never_comes_is_no_error(tmp_path: Path) -> None:
    """Leaving the block drains, and nobody is refused."""
    settle.run(tmp_path, count=50, drain_after=51, threads=1)
    result = reconcile.reconcile(tmp_path)
    assert result.findings == []
    assert (len(result.sets["accepted"]), len(result.sets["refused"])) == (50, 0)


def test_the_input_is_the_same_on_every_python(tmp_path: Path) -> None:
    """The report has digests of sets of ids, so the draw may not change with the version."""
    papers, faults = paperwork.draw(10_000)
    paperwork.write(tmp_path / "instructions.csv", papers)
    paperwork.write_faults(tmp_path / "faults.csv", faults)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in tmp_path.iterdir()}
    assert digests == {"instructions.csv": "ca68ab0b6f9d637c", "faults.csv": "2e9647b5fa2a38b5"}
    assert paperwork.read(tmp_path / "instructions.csv") == papers
    assert paperwork.read_faults(tmp_path / "faults.csv") == faults


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("instructions.csv", "id,amount\nPI-1,1.00\n", "the first line must be id,debtor,creditor,amount"),
        ("instructions.csv", "id,debtor,creditor,amount\nPI-1,A,B\n", "line 2: 4 fields are needed"),
        ("instructions.csv", "id,debtor,creditor,amount\nPI-1,A,B,1.00,x\n", "line 2: 4 fields are needed"),
        ("instructions.csv", "id,debtor,creditor,amount\nPI-1,A,B,1.5\n", "line 2: '1.5' is no amount"),
        ("instructions.csv", "id,debtor,creditor,amount\nPI-1,A,B,-1.50\n", "line 2: '-1.50' is no amount"),
        (
            "instructions.csv",
            "id,debtor,creditor,amount\nPI-1,A,B,1.00\nPI-1,A,B,1.00\n",
            "line 3: PI-1 comes twice",
        ),
        ("faults.csv", "id,where\nPI-1,after\n", "line 2: a fault is before or inside, not 'after'"),
    ],
)
def test_bad_input_is_refused_by_its_line(
    settled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    complaint: str,
) -> None:
    """Status 2, one line, and nothing is settled."""
    for paper in ("instructions.csv", "faults.csv"):
        shutil.copy(settled / paper, tmp_path)
    (tmp_path / name).write_text(text)
    assert settle.main(["--out", str(tmp_path), "--instructions", str(COUNT)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "ledger.sqlite").exists()


# The link ---------------------------------------------------------------------------------------------


def test_a_settlement_that_does_not_end_is_a_problem(tmp_path: Path) -> None:
    """Its worker promises to stop within a bound."""
    (tmp_path / "settle.py").write_text("import threading; threading.Event().wait()\n")
    assert log.settle(tmp_path, tmp_path, limit_seconds=0.5)[0].startswith("the settlement did not end")


def test_a_settlement_that_breaks_off_is_a_problem(tmp_path: Path) -> None:
    """And its last words are passed on."""
    (tmp_path / "settle.py").write_text("raise SystemError('the bank is closed')\n")
    found = log.settle(tmp_path, tmp_path)
    assert found[0] == "the settlement ended with status 1"
    assert found[-1] == "SystemError: the bank is closed"


def test_a_settlement_that_cannot_run_is_no_evidence_at_all(tmp_path: Path) -> None:
    """Bad input, or a file that is missing: the audit cannot be made."""
    (tmp_path / "settle.py").write_text("import sys; sys.exit(2)\n")
    with pytest.raises(ToolError, match="could not run"):
        log.settle(tmp_path, tmp_path)
    with pytest.raises(ToolError, match="is missing"):
        log.settle(tmp_path / "nowhere", tmp_path)
    with pytest.raises(ToolError, match="is missing"):
        log.judge(tmp_path / "nowhere", tmp_path)
