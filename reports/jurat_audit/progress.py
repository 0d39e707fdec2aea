"""Three ways to show progress: a bar for a person, lines for a log file, nothing for a test.

All of it goes to standard error, so that standard output holds the summary, or the JSON,
and can be piped.  Which of the first two is used depends on whether standard error is a
terminal; `rich` sees to NO_COLOR.  Nothing here reaches the report.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import link


class Silent:
    """Says nothing."""

    def step(self, text: str) -> None:
        """Ignore the step."""

    def total(self, count: int) -> None:
        """Ignore the size."""

    def advance(self, count: int = 1) -> None:
        """Ignore the advance."""

    @contextmanager
    def row(self, text: str) -> Iterator[None]:  # noqa: ARG002 - as every kind of progress
        """Ignore the row."""
        yield


class Lines:
    """One line for each step, and for a long step one each ten seconds."""

    EVERY_SECONDS = 10.0

    def __init__(self, prefix: str, stream: TextIO) -> None:
        self._prefix = prefix
        self._stream = stream
        self._text = ""
        self._total = self._done = 0
        self._said_at = 0.0

    def step(self, text: str) -> None:
        """Say it, and start counting anew."""
        self._text, self._total, self._done = text, 0, 0
        self._say(text)

    def total(self, count: int) -> None:
        """Keep the size for the lines to come."""
        self._total = count

    def advance(self, count: int = 1) -> None:
        """Count, and say so if nothing was said for a while."""
        self._done += count
        if time.monotonic() - self._said_at >= self.EVERY_SECONDS:
            of = f" of {self._total:,}" if self._total else ""
            self._say(f"{self._text}: {self._done:,}{of}")

    @contextmanager
    def row(self, text: str) -> Iterator[None]:
        """Say that it begins."""
        self._say(f"  {text}")
        yield

    def _say(self, text: str) -> None:
        self._said_at = time.monotonic()
        print(f"{self._prefix}: {text}", file=self._stream, flush=True)


class Bar:
    """One row of a `rich` progress display."""

    def __init__(self, display: Progress, row: TaskID) -> None:
        self._display = display
        self._row = row

    def step(self, text: str) -> None:
        """Show the text, with a bar of unknown length."""
        # Not `reset`: the time shown is that of the whole part, and the length becomes unknown again.
        task = next(task for task in self._display.tasks if task.id == self._row)
        task.total, task.completed = None, 0
        self._display.update(self._row, step=text)

    def total(self, count: int) -> None:
        """Give the bar its length."""
        self._display.update(self._row, total=count)

    def advance(self, count: int = 1) -> None:
        """Fill the bar a little."""
        self._display.advance(self._row, count)

    @contextmanager
    def row(self, text: str) -> Iterator[None]:
        """A bar of its own, of unknown length, that is gone when it is done."""
        row = self._display.add_task(f"{'':<12}", total=None, step=text)
        try:
            yield
        finally:
            self._display.remove_task(row)


@contextmanager
def shown(name: str, stream: TextIO) -> Iterator[link.Progress]:
    """Progress for one part of the work, shown as suits the stream, and gone when it is over."""
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(name, stream)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
    )
    with Progress(*columns, console=console, transient=True) as display:
        yield Bar(display, display.add_task(f"{name:<12}", total=None, step=""))
