"""The page that is made from the file of the figures.

Every number on the page is a number of the file: nothing is computed here but yes and no.  The first line
says whether the page is still about the source beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .measured import Measured

__all__ = ["CURRENT", "EXPIRED", "page"]

CURRENT = "**Current**: measured on the source that it lies beside."
EXPIRED = "**EXPIRED**: the source has changed since this was measured.  `make bench` measures anew."
SMOKE = "This was a smoke run of one round: its figures mean nothing."

READING = """\
Made by `make bench` from [measured.json](measured.json); `python -m benchmarks --tables` makes the page
again from it.  No test depends on any of these figures.

The worker and the standard library's `ThreadPoolExecutor`, each with four threads, take turns in one
process.  A figure is the median of an odd number of rounds, with the least and the greatest round in
brackets; a ratio is the median of the rounds' own ratios.  On a shared machine times move by a third, ratios
by less, context switches and bytes hardly at all."""

SPEED = """\
A bare `Worker(threads=4)` with its defaults.  A batch is 10,000 tasks, the length of its default queue
(5,000 where a task takes longer), timed from the first submit until everything has run and the threads have
ended.  *Times faster* is the pool's time in terms of the worker's."""

SCALE = """\
A caller submits and cancels while a stop cancels a million queued tasks.  What it waits for is mostly the
interpreter itself, as the same length of code that takes no lock shows.  "Without a long pause" is read as
at most ten of the interpreter's switch intervals."""

OTHERS = """\
The same task, which counts and does nothing else, on four threads in one process: memory for a broker,
results not kept, logging off, polling every millisecond where there is polling.  Each round of each system
is a fresh process, and the systems take turns; timed from the first submit until the last task has run.
They are not all meant for this: APScheduler keeps time, Dramatiq and Celery move work to other machines.
The table says what such a task costs, not which is better."""


_VERDICTS = ("kept", "aim", "reached")


EXPLORING = """\
Schedules a second on one core, run and checked; each round of a system lasts about a second.  The worker
is the same for all of them.  The bench at its coarse grain switches threads at operations on locks, gates
and threads, at its fine one before each access to shared state as well, and holds every run against the rule
and all other checks of a scenario.  The other two control `threading`, which the worker's seam is made of
for them; they switch at bytecode instructions or at lines of the worker's source, on threads of the operating
system, and check that the log conforms to the rule.  DPOR looks for one schedule of each class, and all
others draw them at random."""

EXPLORED_ANEW = "These have **EXPIRED**: the bench, the rule or the worker has changed since."


def page(measured: Measured, *, current: bool, explored: bool) -> str:
    """The whole page, as Markdown."""
    machine = measured["machine"]
    blocks = [
        CURRENT if current else EXPIRED,
        "# Measured",
        *([SMOKE] if measured["quick"] else []),
        READING,
        _table(
            ("", ""),
            [
                ("date", measured["date"]),
                ("processor", f"{machine['cpu']}, {machine['used']} of {machine['cores']} cores used"),
                ("system", machine["system"]),
                (
                    "CPython",
                    ", ".join(found or f"no {asked}" for asked, found in measured["pythons"].items()),
                ),
                ("source", f"`{measured['source']}`"),
            ],
        ),
        "## Speed",
        SPEED,
        _speed(_of_group(measured, "speed")),
        "## Context switches",
        _quantities(_of_group(measured, "switches")),
        "## Size",
        _quantities(_of_group(measured, "size")),
        "## A million tasks",
        SCALE,
        _quantities(_of_group(measured, "scale")),
        "What these are made of:",
        _parts(_of_group(measured, "scale")),
        "## Beside other libraries",
        OTHERS,
        _others(measured["others"]),
        "## Exploring schedules",
        *([] if explored else [EXPLORED_ANEW]),
        EXPLORING,
        _exploring(measured["exploring"]["rows"]),
    ]
    return "\n\n".join(blocks) + "\n"


def _of_group(measured: Measured, group: str) -> list[dict[str, Any]]:
    return [figure for figure in measured["figures"] if figure["group"] == group]


def _speed(figures: Iterable[dict[str, Any]]) -> str:
    columns = ("load", "CPython", "worker, us", "pool, us", "times faster", "at least", *_VERDICTS)
    rows = [
        (
            figure["title"],
            figure["python"],
            _part(figure, "worker"),
            _part(figure, "ThreadPoolExecutor"),
            _value(figure["value"], figure["not_measured"]),
            *_verdicts(figure),
        )
        for figure in figures
    ]
    return _table(columns, rows)


def _quantities(figures: Iterable[dict[str, Any]]) -> str:
    columns = ("figure", "CPython", "worker", "pool", "at most", *_VERDICTS)
    rows = [
        (
            figure["title"],
            figure["python"],
            _value(figure["value"], figure["not_measured"], figure["unit"]),
            _part(figure, "ThreadPoolExecutor"),
            *_verdicts(figure),
        )
        for figure in figures
    ]
    return _table(columns, rows)


def _parts(figures: Iterable[dict[str, Any]]) -> str:
    rows = [
        (name, figure["python"], _value(part, None))
        for figure in figures
        for name, part in figure["parts"].items()
    ]
    return _table(("", "CPython", "measured"), sorted(rows))


def _others(others: dict[str, Any]) -> str:
    rows = [
        (
            system["name"],
            system["version"],
            _value(system["us"], system["not_measured"]),
            _value(system["times"], system["not_measured"] and ""),
        )
        for system in others["systems"]
    ]
    columns = (f"{_number(others['tasks'])} no-op tasks on {others['python']}", "version", "us per task")
    return _table((*columns, "times the worker's"), rows)


def _exploring(rows: Iterable[dict[str, Any]]) -> str:
    columns = ("case", "explorer", "version", "CPython", "schedules a second", "at least", *_VERDICTS)
    return _table(
        columns,
        [
            (
                row["case"],
                row["system"],
                row["version"],
                row["python"],
                _value(row["per_second"], row["not_measured"]),
                *_verdicts(row | {"value": row["per_second"], "sense": "at least"}),
            )
            for row in rows
        ],
    )


# Cells ----------------------------------------------------------------------------------------------


def _verdicts(figure: dict[str, Any]) -> tuple[str, str, str, str]:
    must, aim = figure["must"], figure["aim"]
    return (_bound(must), _kept(figure, must), _bound(aim), _kept(figure, aim))


def _bound(bound: float | None) -> str:
    return "" if bound is None else _number(bound)


def _kept(figure: dict[str, Any], bound: float | None) -> str:
    if bound is None:
        return ""
    if figure["value"] is None:
        return "not measured"
    return "yes" if holds(figure["value"]["median"], figure["sense"], bound) else "**no**"


def _part(figure: dict[str, Any], name: str) -> str:
    part = figure["parts"].get(name)
    return "" if part is None else _value(part, None)


def _value(summary: dict[str, Any] | None, reason: str | None, unit: str = "") -> str:
    if summary is None:
        return f"not measured: {reason}" if reason else ""
    middle = f"{_number(summary['median'])} {unit}".rstrip()
    if summary["min"] == summary["max"]:
        return middle
    return f"{middle} ({_number(summary['min'])} to {_number(summary['max'])})"


def _number(value: float) -> str:
    return f"{value:,g}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
