"""The auditor: read the files that the settlement left, and say where they disagree.

It imports nothing of the program that it checks, and trusts nothing that the program held in memory.
What should be in the ledger is computed anew from the instructions; what did happen is told three times,
by the outcomes, by the task functions' own counts and by the worker's log, and the three must agree.

Each check yields a line for each disagreement.  A check that yields nothing might as well see nothing, so
the tests plant every kind of disagreement and look for its line.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOWN = 20

REASONS = {"before": "CorrespondentSilent", "inside": "ConnectionLost"}
"""The exception that each kind of fault ends in."""


class Paper(NamedTuple):
    """An instruction, as its line in the CSV says."""

    debtor: str
    creditor: str
    cents: int


class Outcome(NamedTuple):
    """What became of an instruction, as its line in the outcomes says."""

    task: int  # 0: the worker did not accept it
    status: str
    reason: str
    began: int
    returned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that the settlement left behind, as read."""

    papers: dict[str, Paper]
    faults: dict[str, str]
    outcomes: dict[str, Outcome]
    lines: Counter[str]
    """How many lines the outcomes have for each instruction."""
    entries: dict[str, Counter[tuple[str, int]]]
    """By instruction: how often each (account, cents) is in the ledger."""
    accounts: dict[str, int]
    """Each account's balance, as the ledger sums it up."""
    events: list[tuple[str, int, Any]]
    """(action, task, detail); instants are the specification's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What is determined about a settlement, and every disagreement."""

    sets: dict[str, list[str]]
    """Sorted instruction ids: accepted, posted, failed_before, failed_inside, refused."""
    cents: int
    """The sum of what was posted."""
    balance: int
    """The sum over the whole ledger."""
    accounts: int
    """How many accounts the ledger knows."""
    findings: list[str]

    def summary(self) -> str:
        """For the person who ran it."""
        size = {name: f"{len(ids):>8,}" for name, ids in self.sets.items()}
        posted = f"{self.cents // 100:,}.{self.cents % 100:02}"
        lines = [
            f"accepted      {size['accepted']}",
            f"  posted      {size['posted']}   {posted} on {self.accounts} accounts",
            f"  not posted  {size['failed_before']}   failed before their transaction",
            f"  not posted  {size['failed_inside']}   failed inside it, and left no trace",
            f"refused       {size['refused']}   the worker was draining",
            "",
        ]
        if not self.findings:
            lines += [
                "The ledger balances to the cent, and each account is what its instructions say.",
                "Each instruction is posted once, or listed as not posted with its reason.",
                "The task functions' own counts agree with the worker's log.",
            ]
        else:
            lines += [f"These {len(self.findings):,} things disagree:", *self.findings[:SHOWN]]
            if len(self.findings) > SHOWN:
                lines.append(f"... and {len(self.findings) - SHOWN:,} more")
        return "\n".join(lines)


def reconcile(folder: Path) -> Reconciliation:
    """Read the folder of a settlement, and hold its files against each other."""
    books = read(folder)
    by_status = defaultdict(list)
    for id, outcome in sorted(books.outcomes.items()):
        by_status[outcome.status, outcome.reason].append(id)
    posted = by_status["completed", ""]
    return Reconciliation(
        sets={
            "accepted": sorted(id for id, outcome in books.outcomes.items() if outcome.task),
            "posted": posted,
            "failed_before": by_status["failed", REASONS["before"]],
            "failed_inside": by_status["failed", REASONS["inside"]],
            "refused": by_status["refused", "WorkerStopped"],
        },
        cents=sum(books.papers[id].cents for id in posted if id in books.papers),
        balance=sum(books.accounts.values()),
        accounts=len(books.accounts),
        findings=[
            *every_instruction_has_an_outcome(books),
            *outcomes_are_what_the_faults_say(books),
            *each_is_posted_once_or_not_at_all(books),
            *the_ledger_balances(books),
            *the_tasks_own_counts_agree(books),
            *the_log_tells_the_same(books),
        ],
    )


# The checks -------------------------------------------------------------------------------------------


def every_instruction_has_an_outcome(books: Books) -> Iterator[str]:
    """Nothing is lost between the two lists, nothing invented, nothing told twice."""
    for id in books.papers:
        if books.lines[id] != 1:
            yield f"{id} has {books.lines[id]} outcomes"
    for id in books.outcomes:
        if id not in books.papers:
            yield f"{id} has an outcome, and was never instructed"


def outcomes_are_what_the_faults_say(books: Books) -> Iterator[str]:
    """What is accepted fails if it was made to; and once one is refused, so are all that follow."""
    refused_first = overtaken = None
    for id in books.papers:
        if (outcome := books.outcomes.get(id)) is None:
            continue
        if not outcome.task:
            expected = ("refused", "WorkerStopped")
            refused_first = refused_first or id
        else:
            expected = ("failed", REASONS[books.faults[id]]) if id in books.faults else ("completed", "")
            overtaken = overtaken or (id if refused_first else None)
        if (outcome.status, outcome.reason) != expected:
            yield f"{id} is {_told(outcome)}, and should be {' '.join(expected).strip()}"
    if overtaken:
        yield f"{refused_first} was refused, and {overtaken} after it was accepted"


def each_is_posted_once_or_not_at_all(books: Books) -> Iterator[str]:
    """The ledger has one debit and one credit of what completed, and no trace of anything else."""
    for id, paper in books.papers.items():
        found = books.entries.get(id, Counter())
        whole = Counter({(paper.debtor, -paper.cents): 1, (paper.creditor, paper.cents): 1})
        outcome = books.outcomes.get(id)
        if outcome is None or outcome.status != "completed":
            if found:
                yield f"{id} is not completed, and has {found.total()} entries in the ledger"
        elif not found:
            yield f"{id} is completed, and has no entry in the ledger"
        elif found == whole + whole:
            yield f"{id} is posted twice"
        elif found != whole:
            yield f"{id} should be {_entries(whole)}, and is {_entries(found)}"
    for id in books.entries.keys() - books.papers.keys():
        yield f"{id} is in the ledger, and was never instructed"


def the_ledger_balances(books: Books) -> Iterator[str]:
    """To the cent: the whole, and each account, computed anew from the instructions."""
    if (balance := sum(books.accounts.values())) != 0:
        yield f"the ledger does not balance: debits and credits differ by {balance} cents"
    expected: Counter[str] = Counter()
    for id, paper in books.papers.items():
        if id in books.outcomes and books.outcomes[id].status == "completed":
            expected[paper.debtor] -= paper.cents
            expected[paper.creditor] += paper.cents
    for account in sorted(expected.keys() | books.accounts.keys()):
        if expected[account] != books.accounts.get(account, 0):
            stands = books.accounts.get(account, 0)
            yield f"account {account} stands at {stands} cents, and should at {expected[account]}"


def the_tasks_own_counts_agree(books: Books) -> Iterator[str]:
    """What was accepted began once and came back once; what was refused never began.  The log says so too."""
    starts = Counter(task for action, task, _ in books.events if action == "Start")
    for id, outcome in books.outcomes.items():
        once = 1 if outcome.task else 0
        if (outcome.began, outcome.returned) != (once, once):
            yield f"{id} began {outcome.began} times and came back {outcome.returned} times, not {once}"
        if outcome.task and outcome.began != starts[outcome.task]:
            yield f"{id} began {outcome.began} times, and the log has {starts[outcome.task]} starts of it"


ENDS = ("Complete", "Fail", "TimeOut", "Expire", "Cancel", "ShutdownCancel", "AcknowledgeCancel", "Abandon")
"""The events after which a task is in its last status."""


def the_log_tells_the_same(books: Books) -> Iterator[str]:
    """Each accepted instruction is one task, with one end, the same in the log as in the outcomes."""
    submits = Counter(task for action, task, _ in books.events if action == "Submit")
    ends = defaultdict(list)
    for action, task, detail in books.events:
        if action in ENDS:
            ends[task].append((action, detail[0] if action == "Fail" else None))
    owners = Counter(outcome.task for outcome in books.outcomes.values() if outcome.task)
    for id, outcome in books.outcomes.items():
        if not outcome.task:
            continue
        end = ("Complete", None) if outcome.status == "completed" else ("Fail", outcome.reason)
        if owners[outcome.task] != 1 or submits[outcome.task] != 1:
            yield f"{id} is task {outcome.task}, which the log submits {submits[outcome.task]} times"
        if ends[outcome.task] != [end]:
            yield f"{id} is {_told(outcome)}, and the log ends it so: {ends[outcome.task]}"
    for task in sorted((submits.keys() | ends.keys()) - owners.keys()):
        yield f"task {task} is in the log, and no instruction is that task"
    rejects = sum(action == "Reject" and detail == "closed" for action, _, detail in books.events)
    refused = sum(not outcome.task for outcome in books.outcomes.values())
    if rejects != refused:
        yield f"{refused} instructions were refused, and the log has {rejects} refusals"


def _told(outcome: Outcome) -> str:
    return f"{outcome.status} {outcome.reason}".strip()


def _entries(entries: Counter[tuple[str, int]]) -> str:
    return ", ".join(f"{account} {cents:+}" for account, cents in sorted(entries.elements()))


# Reading ----------------------------------------------------------------------------------------------


def read(folder: Path) -> Books:
    """Read every file, each in the plainest way."""
    papers = {
        row["id"]: Paper(row["debtor"], row["creditor"], int(row["amount"].replace(".", "")))
        for row in _rows(folder / "instructions.csv")
    }
    outcomes = _rows(folder / "outcomes.csv")
    entries: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        for instruction, account, cents in ledger.execute("SELECT instruction, account, cents FROM entries"):
            entries[instruction][account, cents] += 1
        accounts = dict(ledger.execute("SELECT account, SUM(cents) FROM entries GROUP BY account"))
    with (folder / "events.jsonl").open(encoding="ascii") as file:
        events = [
            (action, task, detail) for _, action, task, _, detail in (json.loads(line) for line in file)
        ]
    return Books(
        papers=papers,
        faults={row["id"]: row["where"] for row in _rows(folder / "faults.csv")},
        outcomes={
            row["id"]: Outcome(
                int(row["task"]), row["status"], row["reason"], int(row["began"]), int(row["returned"])
            )
            for row in outcomes
        },
        lines=Counter(row["id"] for row in outcomes),
        entries=dict(entries),
        accounts=accounts,
        events=events,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))
