"""The input: payment instructions, and the faults that will befall some of them.

Two CSV files, written on the first run and read ever after.  They are ordinary input: open them in a
spreadsheet, change an amount, delete a fault, and run again.

The ten thousand instructions are drawn from a seed.  Only `getrandbits` is used, because it gives the
same bits in every version of Python; `randrange` and `choice` have changed before and may change again.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SEED = 20_240_229
ACCOUNTS = 200
ONE_FAULT_IN = 48

BEFORE = "before"  # the correspondent bank does not answer; the ledger is never touched
INSIDE = "inside"  # the debit is written, the credit is not; the transaction must leave nothing

_AMOUNT = re.compile(r"\d{1,12}\.\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Move `cents` from the debtor's account to the creditor's."""

    id: str
    debtor: str
    creditor: str
    cents: int


class BadInput(Exception):
    """A line of an input file that cannot be read.  Correct it, or delete the file to have it made anew."""


# Drawing ----------------------------------------------------------------------------------------------


def draw(count: int, *, seed: int = SEED) -> tuple[list[Instruction], dict[str, str]]:
    """Draw `count` instructions, and the faults by instruction id."""
    bits = Random(seed).getrandbits
    instructions: list[Instruction] = []
    faults: dict[str, str] = {}

    def below(limit: int) -> int:
        return bits(32) * limit >> 32

    for number in range(1, count + 1):
        debtor = below(ACCOUNTS)
        creditor = (debtor + 1 + below(ACCOUNTS - 1)) % ACCOUNTS  # never the same account
        magnitude = 10 ** (3 + below(5))  # up to 10.00, 100.00, ... 100,000.00, each as likely
        instruction = Instruction(
            id=f"PI-{number:06}",
            debtor=f"ACC-{debtor:04}",
            creditor=f"ACC-{creditor:04}",
            cents=1 + below(magnitude),
        )
        instructions.append(instruction)
        if below(ONE_FAULT_IN) == 0:
            faults[instruction.id] = (BEFORE, INSIDE)[below(2)]
    return instructions, faults


# Files ------------------------------------------------------------------------------------------------


def write(path: Path, instructions: Iterable[Instruction]) -> None:
    """Write instructions as CSV, amounts as people write them."""
    rows = ((line.id, line.debtor, line.creditor, euros(line.cents)) for line in instructions)
    _write(path, ("id", "debtor", "creditor", "amount"), rows)


def read(path: Path) -> list[Instruction]:
    """Read instructions, and refuse any that are not to be trusted with money."""
    instructions: list[Instruction] = []
    seen: set[str] = set()
    for where, row in _read(path, ("id", "debtor", "creditor", "amount")):
        if row["id"] in seen:
            raise BadInput(f"{where}: {row['id']} comes twice")
        if not _AMOUNT.fullmatch(row["amount"]):
            raise BadInput(f"{where}: {row['amount']!r} is no amount such as 1234.50")
        seen.add(row["id"])
        cents = int(row["amount"].replace(".", ""))  # no float ever holds money
        instructions.append(
            Instruction(id=row["id"], debtor=row["debtor"], creditor=row["creditor"], cents=cents)
        )
    return instructions


def write_faults(path: Path, faults: Mapping[str, str]) -> None:
    """Write which instruction is to fail, and where."""
    _write(path, ("id", "where"), faults.items())


def read_faults(path: Path) -> dict[str, str]:
    """Read which instruction is to fail, and where."""
    faults: dict[str, str] = {}
    for where, row in _read(path, ("id", "where")):
        if row["where"] not in (BEFORE, INSIDE):
            raise BadInput(f"{where}: a fault is {BEFORE} or {INSIDE}, not {row['where']!r}")
        faults[row["id"]] = row["where"]
    return faults


def euros(cents: int) -> str:
    """Cents as people write them: 123450 is 1234.50."""
    return f"{cents // 100}.{cents % 100:02}"


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _read(path: Path, header: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row, with its place for an error message."""
    with path.open(encoding="ascii", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if tuple(reader.fieldnames or ()) != header:
            raise BadInput(f"{path.name}: the first line must be {','.join(header)}")
        for row in reader:
            where = f"{path.name}, line {reader.line_num}"
            if None in row or None in row.values():
                raise BadInput(f"{where}: {len(header)} fields are needed")
            yield where, row
