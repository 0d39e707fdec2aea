"""Tables of a TOML file, read into frozen dataclasses by one rule that is also their JSON Schema.

A field says in its metadata what may stand there (`Kind`), and how it is described:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Limit:
        starts: int = said(Whole(least=1), "so many starts")

`Document.read` makes the dataclass from the file or raises an error that names file, line and key;
`schema_of` says the same to an editor.  The library that reads TOML does not tell where a key
stands, so `Document` looks for the lines itself, in text that is known to be TOML.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, Field, dataclass, field, fields
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from . import durations
from .errors import BadValue, CannotRead, MissingKey, NotToml, ScenarioError, UnknownKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T")
Path_ = tuple[str | int, ...]
"""Where in a document: keys and places in lists."""


class Document:
    """A TOML file, and the line of each of its keys."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Read it.

        Raises
        ------
        CannotRead, NotToml: as they say.
        """
        self.path = path
        self.name = str(path) if name is None else name
        try:
            text = path.read_bytes().decode()
        except OSError as error:
            raise CannotRead(self.name, 0, "", error.strerror or type(error).__name__) from None
        except UnicodeDecodeError:
            raise CannotRead(self.name, 0, "", "is not UTF-8 text") from None
        text = text.replace("\r\n", "\n")
        try:
            self.content: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+)", str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            what = re.sub(r"\s*\(at .*", "", str(error))
            raise NotToml(self.name, line, "", what) from None
        self._lines = _lines_of(text)

    def line(self, path: Path_) -> int:
        """The line of what stands there, or of the nearest thing around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def read(self, kind: type[T]) -> T:
        """The whole document as this dataclass."""
        table: T = Table(kind).read(self, (), self.content)
        return table

    def refuse(self, path: Path_, what: str, error: type[ScenarioError] = BadValue) -> ScenarioError:
        """The error for what stands there."""
        return error(self.name, self.line(path), shown(path), what)


def shown(path: Path_) -> str:
    """Where, for people: `load[0].service.mean`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


_HEADER = re.compile(r"\s*(\[\[|\[)\s*([A-Za-z0-9_.\s-]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")


def _lines_of(text: str) -> dict[Path_, int]:
    """The line of each bare key of a TOML text, those inside inline tables excepted."""
    lines = text.split("\n")
    found: dict[Path_, int] = {}
    counts: dict[Path_, int] = {}
    prefix: Path_ = ()
    at = 0
    while at < len(lines):
        line = lines[at]
        if header := _HEADER.match(line):
            prefix = ()
            names = [part.strip() for part in header[2].split(".")]
            for place, name in enumerate(names):
                prefix = (*prefix, name)
                last = place == len(names) - 1
                if last and header[1] == "[[":
                    counts[prefix] = counts.get(prefix, -1) + 1
                if prefix in counts:
                    found.setdefault(prefix, at + 1)
                    prefix = (*prefix, counts[prefix])
                found.setdefault(prefix, at + 1)
        elif key := _KEY.match(line):
            path = prefix
            for name in key[1].split("."):
                path = (*path, name.strip())
                found.setdefault(path, at + 1)
            at = _end_of_value(lines, at)
        at += 1
    return found


def _end_of_value(lines: list[str], first: int) -> int:
    """The last line of the value that begins on this line: the first up to which it is TOML."""
    for last in range(first, len(lines)):
        try:
            tomllib.loads("\n".join(lines[first : last + 1]))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return first


# --- what may stand in a field ------------------------------------------------------------------


class Kind(Protocol):
    """What may stand somewhere."""

    def read(self, document: Document, path: Path_, value: Any) -> Any:
        """What the value means.  Raises a `ScenarioError` if it means nothing."""

    def schema(self) -> dict[str, Any]:
        """The same as a JSON Schema."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int

    def read(self, document: Document, path: Path_, value: Any) -> int:
        """The number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise document.refuse(path, f"must be a whole number, not {_kind(value)}")
        if value < self.least:
            raise document.refuse(path, f"must be at least {self.least}, and is {value}")
        return value

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "integer", "minimum": self.least}


@dataclass(frozen=True, slots=True)
class Share:
    """A number from 0 to 1, kept as the exact fraction that is written."""

    def read(self, document: Document, path: Path_, value: Any) -> Fraction:
        """The fraction."""
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise document.refuse(path, f"must be a number from 0 to 1, not {_kind(value)}")
        if not (Decimal(value).is_finite() and 0 <= value <= 1):
            raise document.refuse(path, f"must be from 0 to 1, and is {value}")
        return Fraction(value)

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time, in nanoseconds; `least` is the shortest."""

    least: int = 0
    most: int | None = None
    """The longest that can be given to the worker exactly, if it is given to the worker."""

    def read(self, document: Document, path: Path_, value: Any) -> int:
        """The length."""
        if not isinstance(value, str):
            raise document.refuse(path, f"must be text such as '250ms', not {_kind(value)}")
        try:
            length = durations.parse(value)
        except ValueError as error:
            raise document.refuse(path, f"{error}, and is {value!r}") from None
        if length < self.least:
            least = "negative" if self.least == 0 else f"below {self.least} ns"
            raise document.refuse(path, f"must not be {least}, and is {value!r}")
        if self.most is not None and length > self.most and length % 1_000:
            raise document.refuse(path, "must be whole microseconds if it is longer than 26 days")
        return length

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "string", "pattern": durations.PATTERN}


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is not empty."""

    def read(self, document: Document, path: Path_, value: Any) -> str:
        """The text."""
        if not isinstance(value, str) or not value:
            raise document.refuse(path, "must be text that is not empty")
        return value

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, document: Document, path: Path_, value: Any) -> bool:
        """The flag."""
        if not isinstance(value, bool):
            raise document.refuse(path, f"must be true or false, not {_kind(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Word:
    """One of these words."""

    words: tuple[str, ...]

    def read(self, document: Document, path: Path_, value: Any) -> str:
        """The word."""
        if value not in self.words:
            raise document.refuse(path, f"must be one of {', '.join(self.words)}, and is {value!r}")
        return str(value)

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class OrUnlimited:
    """Something, or the word `unlimited`, which is None."""

    kind: Kind

    def read(self, document: Document, path: Path_, value: Any) -> Any:
        """What it is."""
        return None if value == "unlimited" else self.kind.read(document, path, value)

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"anyOf": [self.kind.schema(), {"const": "unlimited"}]}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the fields of a dataclass."""

    kind: type
    tag: str = ""
    """A key that was read already, to tell this table from others."""

    def read(self, document: Document, path: Path_, value: Any) -> Any:
        """The dataclass."""
        if not isinstance(value, dict):
            raise document.refuse(path, f"must be a table, not {_kind(value)}")
        known = {it.name: it for it in _said(self.kind)}
        for key in value:
            if key not in known and key != self.tag:
                wanted = ", ".join(sorted(known))
                raise document.refuse((*path, key), f"is no key here; there are {wanted}", UnknownKey)
        said: dict[str, Any] = {}
        for key, it in known.items():
            if key in value:
                said[key] = it.metadata["kind"].read(document, (*path, key), value[key])
            elif it.default is MISSING:
                raise document.refuse((*path, key), f"is missing: {it.metadata['text']}", MissingKey)
        return self.kind(**said)

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        properties: dict[str, Any] = {}
        required = []
        for it in _said(self.kind):
            properties[it.name] = {"description": it.metadata["text"], **it.metadata["kind"].schema()}
            if it.default is MISSING:
                required.append(it.name)
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """A table whose `tag` says which dataclass it is."""

    tag: str
    kinds: Mapping[str, type]

    def read(self, document: Document, path: Path_, value: Any) -> Any:
        """The dataclass."""
        if not isinstance(value, dict):
            raise document.refuse(path, f"must be a table, not {_kind(value)}")
        if self.tag not in value:
            what = f"is missing: one of {', '.join(self.kinds)}"
            raise document.refuse((*path, self.tag), what, MissingKey)
        which = Word(tuple(self.kinds)).read(document, (*path, self.tag), value[self.tag])
        return Table(self.kinds[which], self.tag).read(document, path, value)

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        branches = []
        for word, kind in self.kinds.items():
            branch = Table(kind).schema()
            branch["properties"] = {self.tag: {"const": word}, **branch["properties"]}
            branch["required"] = [self.tag, *branch["required"]]
            branches.append({"title": word, **branch})
        return {"oneOf": branches}


@dataclass(frozen=True, slots=True)
class Many:
    """A list of such things."""

    kind: Kind
    least: int = 0

    def read(self, document: Document, path: Path_, value: Any) -> tuple[Any, ...]:
        """The things."""
        if not isinstance(value, list):
            raise document.refuse(path, f"must be a list, not {_kind(value)}")
        if len(value) < self.least:
            raise document.refuse(path, f"must be at least {self.least}")
        return tuple(self.kind.read(document, (*path, place), it) for place, it in enumerate(value))

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        return {"type": "array", "items": self.kind.schema(), "minItems": self.least}


def said(kind: Kind, text: str, default: Any = MISSING) -> Any:
    """A field of a dataclass that is read from a table: what may stand there, and what it says."""
    metadata = {"kind": kind, "text": text}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def schema_of(kind: type, title: str) -> dict[str, Any]:
    """The JSON Schema of a document that is read as this dataclass."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **Table(kind).schema()}


def _said(kind: type) -> list[Field[Any]]:
    """The fields that are read from a table."""
    return [it for it in fields(kind) if "kind" in it.metadata]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    names = {str: "text", int: "a whole number", Decimal: "a fraction", dict: "a table", list: "a list"}
    return names.get(type(value), "a date or a time")
