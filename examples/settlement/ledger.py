"""The ledger: double entry, whole cents, in one SQLite file.

Each instruction is two rows, a debit and a credit, which come together or not at all.  There is no
uniqueness constraint and no `INSERT OR IGNORE` on purpose.  A real ledger would have both; here they
would hide what the example is there to show.  If the worker ran an instruction twice, the ledger would
hold it twice.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE entries (
    instruction TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    cents       INTEGER NOT NULL  -- negative: debited; positive: credited
)
"""


class Transaction:
    """Writes entries.  They count once the transaction has ended, and only if it ended well."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def debit(self, instruction: str, account: str, cents: int) -> None:
        """Take `cents` from the account."""
        self._connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (instruction, account, -cents))

    def credit(self, instruction: str, account: str, cents: int) -> None:
        """Give `cents` to the account."""
        self._connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (instruction, account, cents))


class Ledger:
    """A new, empty ledger.  Any thread may open a transaction on it."""

    def __init__(self, path: Path) -> None:
        # isolation_level=None: BEGIN and COMMIT are written out below, where one can see them.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_SCHEMA)
        self._writer = Lock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of the block's entries, or, if it raises, none.

        SQLite has one writer at a time.  Its own way to wait is to sleep and try again, until it gives
        up; a lock is fair, and never gives up.
        """
        with self._writer:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Fold the journal into the file, and close it."""
        self._connection.close()
