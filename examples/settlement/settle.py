"""Settle ten thousand payment instructions on four threads, and be told to drain half way.

    python examples/settlement/settle.py

What happens, and what could go wrong with it:

* Each instruction is posted to a ledger by a task of the worker.  It must be posted once, not twice.
* Some fail before the ledger is touched, some between their debit and their credit.  They must leave
  no trace in the ledger, and be listed.
* After instruction 6,000 the worker is told to drain, as at a deployment.  What was accepted must be
  finished.  The submitter knows nothing of it and goes on; it must be refused, and the refusal listed.

The program keeps its promises in four files in the output folder:

    ledger.sqlite   what was posted
    outcomes.csv    a line for each instruction: what became of it, and, counted by the task functions
                    themselves, how often one began and how often one came back
    events.jsonl    the worker's event log

It then reads them back, as an auditor would, and says whether they agree (`reconcile.py`).  Whether the
log is a behaviour of the specification is another program's business (`verify.py`): a process in
production does not carry its own judge.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import instructions as paperwork
import reconcile
from instructions import BadInput, Instruction
from jurat import Context, InvalidArgument, Retention, Task, Worker, WorkerStopped
from ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jurat import Event

# How long the drain may take before it turns into a stop.  It takes a second or two; on a machine that is
# busy with other things the tasks that were accepted must still be finished, not cancelled.
DRAIN_DEADLINE = timedelta(minutes=2)


class CorrespondentSilent(Exception):
    """A fault before the transaction: the other bank did not answer."""


class ConnectionLost(Exception):
    """A fault inside the transaction: the debit was written, the credit was not."""


@dataclass(slots=True)
class Clerk:
    """Posts instructions, and counts for itself how often it was asked to.

    The worker writes its own log, so the log must not be the only witness.  The counts are kept as lists
    because appending to a list is one step in Python; `counter[id] += 1` is three, and would lose the
    very thing to be seen: two threads in the same instruction.
    """

    ledger: Ledger
    faults: Mapping[str, str]
    began: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)

    def post(self, context: Context, instruction: Instruction) -> None:  # noqa: ARG002
        """Write the two entries of one instruction.  This is the function that the worker runs."""
        self.began.append(instruction.id)
        try:
            fault = self.faults.get(instruction.id)
            if fault == paperwork.BEFORE:
                raise CorrespondentSilent(instruction.id)
            with self.ledger.transaction() as transaction:
                transaction.debit(instruction.id, instruction.debtor, instruction.cents)
                if fault == paperwork.INSIDE:
                    raise ConnectionLost(instruction.id)
                transaction.credit(instruction.id, instruction.creditor, instruction.cents)
        finally:
            self.returned.append(instruction.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What the submitter holds in its hands when it is over."""

    accepted: dict[str, Task[None]]
    refused: dict[str, str]  # and why
    events: list[Event]


def settle(instructions: list[Instruction], clerk: Clerk, *, drain_after: int, threads: int) -> Settlement:
    """Submit everything, drain on the way, and wait for the end."""
    accepted: dict[str, Task[None]] = {}
    refused: dict[str, str] = {}
    events: list[Event] = []
    with Worker(
        threads=threads,
        queue_max=len(instructions),
        drain_deadline=DRAIN_DEADLINE,
        retention=Retention(number=None),  # every outcome is written down at the end
        recorder=events,
    ) as worker:
        for position, instruction in enumerate(instructions, start=1):
            try:
                accepted[instruction.id] = worker.submit(
                    clerk.post, instruction, name="post", id=instruction.id
                )
            except WorkerStopped as refusal:
                refused[instruction.id] = type(refusal).__name__
            if position == drain_after:
                worker.drain()  # returns at once, and so the submitter goes on
    # The block has ended, so the drain has: every accepted task is in its last status.
    return Settlement(accepted=accepted, refused=refused, events=events)


# Files ------------------------------------------------------------------------------------------------


def prepare(folder: Path, count: int) -> tuple[list[Instruction], dict[str, str]]:
    """Draw the input if it is not there yet; then read it, drawn or not."""
    folder.mkdir(parents=True, exist_ok=True)
    papers, faults = folder / "instructions.csv", folder / "faults.csv"
    if not papers.exists():
        drawn, befallen = paperwork.draw(count)
        paperwork.write_faults(faults, befallen)
        paperwork.write(papers, drawn)  # last: where it is, both are
    instructions = paperwork.read(papers)
    if len(instructions) != count:
        raise BadInput(
            f"{papers} has {len(instructions):,} instructions, not {count:,}: delete it, or use --out"
        )
    return instructions, paperwork.read_faults(faults)


def new_ledger(folder: Path) -> Ledger:
    """An empty ledger, in place of the last run's."""
    path = folder / "ledger.sqlite"
    for leftover in (path, *folder.glob("ledger.sqlite-*")):
        leftover.unlink(missing_ok=True)
    return Ledger(path)


def write_outcomes(path: Path, instructions: list[Instruction], clerk: Clerk, settlement: Settlement) -> None:
    """A line for each instruction.  Those that are not `completed` are not posted, for the reason given."""
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "task", "status", "reason", "began", "returned"))
        began, returned = Counter(clerk.began), Counter(clerk.returned)
        for instruction in instructions:
            task = settlement.accepted.get(instruction.id)
            if task is None:
                number, status, reason = 0, "refused", settlement.refused[instruction.id]
            else:
                error = task.exception()
                number, status, reason = task.number, str(task.status), type(error).__name__ if error else ""
            witnessed = (began[instruction.id], returned[instruction.id])
            writer.writerow((instruction.id, number, status, reason, *witnessed))


def write_events(path: Path, events: list[Event]) -> None:
    """The log as JSON lines: at_ns, action, task, attempt, detail."""
    with path.open("w", encoding="ascii") as file:
        for event in events:
            file.write(json.dumps(event) + "\n")


# The program ------------------------------------------------------------------------------------------


def run(folder: Path, *, count: int, drain_after: int, threads: int) -> None:
    """Settle, and leave the files behind."""
    instructions, faults = prepare(folder, count)
    ledger = new_ledger(folder)
    clerk = Clerk(ledger, faults)
    try:
        settlement = settle(instructions, clerk, drain_after=drain_after, threads=threads)
    finally:
        ledger.close()
    write_outcomes(folder / "outcomes.csv", instructions, clerk, settlement)
    write_events(folder / "events.jsonl", settlement.events)


def positive(text: str) -> int:
    """A whole number above zero, from the command line."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main(arguments: list[str] | None = None) -> int:
    """Run the example.  0: everything agrees; 1: it does not, and here is where; 2: bad input."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description="Settle payment instructions, with faults and a drain.")
    for name, default, meaning in (
        ("--instructions", 10_000, "how many to settle"),
        ("--drain-after", 6_000, "drain once so many are accepted"),
        ("--threads", 4, "threads of the worker"),
    ):
        parser.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{meaning} (default {default})"
        )
    parser.add_argument("--out", type=Path, default=here / "out", metavar="DIR", help="where the files go")
    options = parser.parse_args(arguments)
    try:
        run(
            options.out,
            count=options.instructions,
            drain_after=options.drain_after,
            threads=options.threads,
        )
    except (BadInput, InvalidArgument, OSError) as error:
        print(f"settle: {error}", file=sys.stderr)
        return 2
    result = reconcile.reconcile(options.out)
    print(result.summary())
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
