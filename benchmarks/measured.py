"""The file of the figures: its form, its check, and whether it is still about this source.

`docs/measured.json` is one object.  Nothing is optional, and nothing else may be there.

    schema      1
    date        the day of the measurement, in UTC: "2026-01-31"
    quick       true if it was a smoke run, whose figures mean nothing
    machine     {"cpu": its model, "cores": how many there are, "used": how many were used,
                "system": name, release and architecture}
    pythons     by version asked for ("3.11"), the one that was found ("3.11.7"), or null
    source      the digest of what was measured, and of what measured it (`source_digest`)
    figures     a list, one for each figure and version
    others      {"python": the version, "tasks": how many in a batch, "systems": a list}
    exploring   {"source": the digest of what was explored and by what (`explored_digest`), "rows": a list}

A figure is

    id, title   what it is
    group       the table it stands in: "speed", "switches", "size" or "scale"
    python      the version asked for
    unit        of its value
    sense       "at least" or "at most": how to read the next two
    must        its bound, or null
    aim         what is hoped for, or null
    value       a summary, or null if it was not measured
    parts       by name, summaries of what the value was made of or is to be compared with
    not_measured   why there is no value, or null

A summary is {"median", "min", "max", "rounds"}: an odd number of rounds, the one in the middle and the two
at the ends.  The value of a ratio is the median of the rounds' ratios, not the ratio of two medians.

A system is {"name", "version", "us", "times", "not_measured"}: summaries of the microseconds per task and
of how many times the worker's own that is, or null, null and why.

A row of `exploring` is {"system", "case", "version", "python", "per_second", "must", "aim",
"not_measured"}: a summary of schedules a second, or null and why.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "SCHEMA",
    "MalformedMeasurement",
    "Measured",
    "explored_digest",
    "is_current",
    "is_explored",
    "parse",
    "render",
    "source_digest",
]

SCHEMA = 1
SOURCES = ("benchmarks/*.py", "worker/jurat/*.py")
EXPLORED = ("benchmarks/exploring.py", "sim/jurat_sim/*.py", "spec/jurat_spec/*.py", "worker/jurat/*.py")

Measured = dict[str, Any]
"""A document that `parse` has checked."""

GROUPS = ("speed", "switches", "size", "scale")
SENSES = ("at least", "at most")


class MalformedMeasurement(Exception):
    """The document has not the form that this module describes.  Says where."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


# Currency -------------------------------------------------------------------------------------------


def source_digest(root: Path) -> str:
    """SHA-256 over the names and contents of the worker's and the benchmarks' modules, sorted by name."""
    return _digest_of(root, SOURCES)


def explored_digest(root: Path) -> str:
    """The same over the worker, the rule, the bench and what measures how fast it explores."""
    return _digest_of(root, EXPLORED)


def _digest_of(root: Path, patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    paths = {path.relative_to(root).as_posix(): path for pattern in patterns for path in root.glob(pattern)}
    for name, path in sorted(paths.items()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def is_current(measured: Measured, root: Path) -> bool:
    """Whether the figures are of the source as it stands."""
    return bool(measured["source"] == source_digest(root))


def is_explored(measured: Measured, root: Path) -> bool:
    """Whether the speeds of exploring are of the source as it stands."""
    return bool(measured["exploring"]["source"] == explored_digest(root))


# Writing --------------------------------------------------------------------------------------------


def render(measured: Measured) -> str:
    """The document as text: one figure to a line, so that a diff shows which have changed."""
    parts = []
    for key, value in measured.items():
        if key == "figures":
            text = _lines(value)
        elif key == "others":
            head = json.dumps({name: value[name] for name in ("python", "tasks")})
            text = f'{head[:-1]}, "systems": {_lines(value["systems"])}}}'
        elif key == "exploring":
            text = f'{{"source": {json.dumps(value["source"])}, "rows": {_lines(value["rows"])}}}'
        else:
            text = json.dumps(value, ensure_ascii=False)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(rows: list[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"


# Reading --------------------------------------------------------------------------------------------


def parse(text: str) -> Measured:
    """The document, if it has the form that this module describes.

    Raises
    ------
    MalformedMeasurement: it has not.
    """
    try:
        found = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise MalformedMeasurement("the document", f"is no JSON ({error})") from error
    _object(
        "the document",
        found,
        {
            "schema": _exactly(SCHEMA),
            "date": _day,
            "quick": _a(bool),
            "machine": _machine,
            "pythons": _pythons,
            "source": _digest,
            "figures": _list_of(_figure),
            "others": _others,
            "exploring": _exploring,
        },
    )
    _each_once("figures", [(row["id"], row["python"]) for row in found["figures"]])
    _each_once("others", [row["name"] for row in found["others"]["systems"]])
    _each_once("exploring", [(row["system"], row["case"]) for row in found["exploring"]["rows"]])
    checked: Measured = found
    return checked


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _machine(where: str, value: Any) -> None:
    _object(where, value, {"cpu": _a(str), "cores": _a(int), "used": _a(int), "system": _a(str)})


def _pythons(where: str, value: Any) -> None:
    if not isinstance(value, dict) or not value:
        _refuse(where, "is no object with a version in it")
    for version, found in value.items():
        if found is not None:
            _a(str)(f"{where}.{version}", found)


def _figure(where: str, value: Any) -> None:
    _object(
        where,
        value,
        {
            "id": _a(str),
            "title": _a(str),
            "group": _one_of(GROUPS),
            "python": _a(str),
            "unit": _a(str),
            "sense": _one_of(SENSES),
            "must": _maybe(_number),
            "aim": _maybe(_number),
            "value": _maybe(_summary),
            "parts": _parts,
            "not_measured": _maybe(_a(str)),
        },
    )
    _value_or_reason(where, value["value"], value["not_measured"])


def _parts(where: str, value: Any) -> None:
    if not isinstance(value, dict):
        _refuse(where, "is no object")
    for name, part in value.items():
        _summary(f"{where}.{name}", part)


def _others(where: str, value: Any) -> None:
    _object(where, value, {"python": _a(str), "tasks": _a(int), "systems": _list_of(_system)})


def _system(where: str, value: Any) -> None:
    _object(
        where,
        value,
        {
            "name": _a(str),
            "version": _a(str),
            "us": _maybe(_summary),
            "times": _maybe(_summary),
            "not_measured": _maybe(_a(str)),
        },
    )
    for name in ("us", "times"):
        _value_or_reason(where, value[name], value["not_measured"])


def _exploring(where: str, value: Any) -> None:
    _object(where, value, {"source": _digest, "rows": _list_of(_explorer)})


def _explorer(where: str, value: Any) -> None:
    _object(
        where,
        value,
        {
            "system": _a(str),
            "case": _a(str),
            "version": _a(str),
            "python": _a(str),
            "per_second": _maybe(_summary),
            "must": _maybe(_number),
            "aim": _maybe(_number),
            "not_measured": _maybe(_a(str)),
        },
    )
    _value_or_reason(where, value["per_second"], value["not_measured"])


def _summary(where: str, value: Any) -> None:
    _object(where, value, {"median": _number, "min": _number, "max": _number, "rounds": _a(int)})
    if value["rounds"] < 1 or value["rounds"] % 2 == 0:
        _refuse(where, f"has {value['rounds']} rounds, which have no middle")
    if not value["min"] <= value["median"] <= value["max"]:
        _refuse(where, "is not in order: min, median, max")


# What values are made of ----------------------------------------------------------------------------


def _refuse(where: str, problem: str) -> NoReturn:
    raise MalformedMeasurement(where, problem)


def _object(where: str, value: Any, keys: Mapping[str, Callable[[str, Any], None]]) -> None:
    """An object with exactly these keys, each of which passes its check."""
    if not isinstance(value, dict):
        _refuse(where, "is no object")
    for name in sorted(keys.keys() ^ value.keys()):
        _refuse(f"{where}.{name}", "is missing" if name in keys else "is not known")
    for name, check in keys.items():
        check(f"{where}.{name}", value[name])


def _list_of(check: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    def every(where: str, value: Any) -> None:
        if not isinstance(value, list):
            _refuse(where, "is no list")
        for index, item in enumerate(value):
            check(f"{where}[{index}]", item)

    return every


def _a(kind: type) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if type(value) is not kind:
            _refuse(where, f"must be {kind.__name__}, not {type(value).__name__}")

    return check


def _maybe(check: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    return lambda where, value: None if value is None else check(where, value)


def _exactly(wanted: object) -> Callable[[str, Any], None]:
    return _one_of((wanted,))


def _one_of(wanted: tuple[object, ...]) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if value not in wanted:
            _refuse(where, f"must be {' or '.join(map(repr, wanted))}, and is {value!r}")

    return check


def _number(where: str, value: Any) -> None:
    if type(value) not in {int, float} or not math.isfinite(value):
        _refuse(where, f"must be a number, and is {value!r}")


def _day(where: str, value: Any) -> None:
    _a(str)(where, value)
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise MalformedMeasurement(where, "is no day") from error


def _digest(where: str, value: Any) -> None:
    _a(str)(where, value)
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        _refuse(where, "is no SHA-256")


def _value_or_reason(where: str, value: Any, reason: Any) -> None:
    if (value is None) == (reason is None):
        _refuse(where, "has either a value or a reason why it has none")


def _each_once(where: str, names: list[Any]) -> None:
    for name in names:
        if names.count(name) > 1:
            _refuse(where, f"has {name} twice")
