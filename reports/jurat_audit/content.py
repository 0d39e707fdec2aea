"""The boundary between what repeats and what does not, as a check.

The committed report holds *content*: text and whole numbers that come out the same on
any machine.  A clock, a speed, a path or the name of a host would make it differ from
run to run, and a report that differs each time is one whose real changes nobody sees.
So each value is looked at before it is written, and the first stray is an error that
says where it is: a bug in the link that let it through.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotContent(AuditError):
    """A link put something into the report that would not repeat."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"the report may not contain {where}: {why}")
        self.where = where
        self.why = why


def canonical_json(value: Any) -> str:
    """The one way in which content is written as JSON.  Keys are sorted, text is not escaped."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def check_content(value: Any, *, root: Path) -> None:
    """Raise `NotContent` for the first part of `value` that would not repeat elsewhere."""
    _check(value, "audit", _private_words(root))


def without_paths(lines: Iterable[str], *, root: Path) -> list[str]:
    """Lines about a failure, with what names this machine taken out: bad news must not be refused."""
    cleaned = []
    for line in lines:
        for word in sorted(_private_words(root), key=len, reverse=True):
            line = line.replace(word, "…")  # noqa: PLW2901 - that is what the loop is for
        cleaned.append(line)
    return cleaned


def _private_words(root: Path) -> dict[str, str]:
    """Text that names this machine, and what it is.  Short or common words would be found by chance."""
    words = {str(root): "the project's folder", str(Path.home()): "the home folder"}
    host = socket.gethostname()
    if len(host) >= 8 and host != "localhost":
        words[host] = "the name of the host"
    return {word: what for word, what in words.items() if len(word) >= 5}


def _check(value: Any, where: str, private: dict[str, str]) -> None:
    match value:
        case None | bool() | int():
            return
        case str():
            for word, what in private.items():
                if word in value:
                    raise NotContent(where, f"it names {what}")
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise NotContent(f"{where}[{key!r}]", "the key is not text")
                _check(item, f"{where}.{key}", private)
        case list() | tuple():
            for position, item in enumerate(value):
                _check(item, f"{where}[{position}]", private)
        case _:
            raise NotContent(where, f"{type(value).__name__} is neither text nor a whole number")
