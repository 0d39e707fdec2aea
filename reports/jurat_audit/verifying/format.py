"""What a record of an audit log is: its members, by kind and by action, and the event that it stands for.

A log may hold anything in any place.  So nothing is believed before it was looked at: types are asked for
exactly (True is no number), a member too many is as wrong as one too few, and one that occurs twice, of which
two readers could take either, is refused.  What an event's detail may hold is not asked here but of the
specification, when the event is replayed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FORMATS",
    "LONGEST",
    "NOTHING",
    "PHASES",
    "RULES",
    "Unfit",
    "WallClock",
    "check",
    "event_of",
    "parse",
]

FORMATS = frozenset({1})
"""Versions of the format that can be read here."""
RULES = frozenset({2})
"""Versions of the rule that an event can be replayed by."""
LONGEST = 1 << 24
"""Bytes that a record has at most, with its newline."""
NOTHING = "0" * 64
"""What the first record of all has for the hash of the one before."""
PHASES = {"BeginDrain": "draining", "StopNow": "stopping", "DrainDeadline": "stopping", "Stopped": "stopped"}
"""The phase of the worker after an action; after any other it is as before."""


class Unfit(Exception):
    """A line is not a record; the sentence says why."""


# ------------------------------------------------------------------------------------- a line


def parse(line: bytes) -> dict[str, Any]:
    """The members of a record, with those right that all have: seq, prev, wall, ns and kind."""
    try:
        members = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, _Refused):
            raise Unfit(str(problem)) from None
        raise Unfit("it is not JSON") from None
    if type(members) is not dict:
        raise Unfit("it is not a JSON object")
    get = members.get
    if type(get("seq")) is not int or type(get("ns")) is not int:
        raise Unfit("seq and ns are whole numbers")
    if not (type(get("prev")) is type(get("wall")) is type(get("kind")) is str):
        raise Unfit("prev, wall and kind are texts")
    return members


class _Refused(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("no member occurs twice")
    return members


def _no_number(_: str) -> NoReturn:
    raise _Refused("all numbers are whole")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_no_number, parse_constant=_no_number)


class WallClock:
    """Reads the wall clock of records: RFC 3339, in UTC, with nine digits of a second."""

    def __init__(self) -> None:
        self._second = ""
        self._ns = 0

    def read(self, text: str) -> int:
        """Nanoseconds since 1970."""
        fraction = text[20:29]
        if len(text) != 30 or text[29] != "Z" or not (fraction.isascii() and fraction.isdigit()):
            raise Unfit("wall is a time of day in UTC with nine digits of a second")
        if text[:20] != self._second:
            try:
                second = datetime.strptime(text[:20], "%Y-%m-%dT%H:%M:%S.").replace(tzinfo=UTC)
            except ValueError:
                raise Unfit("wall is a time of day in UTC with nine digits of a second") from None
            self._second = text[:20]
            self._ns = int(second.timestamp()) * 1_000_000_000
        return self._ns + int(fraction)


# ----------------------------------------------------------------------------------- the kinds


def check(members: dict[str, Any]) -> None:
    """Whether a record that is no event has the members of its kind, and no others."""
    fields = _KINDS.get(members["kind"])
    if fields is None:
        raise Unfit("its kind is one of begin, segment, event, gap, digest, end")
    if members.keys() != fields.keys() | _ALL:
        raise Unfit(f"a {members['kind']} has exactly {', '.join(sorted(fields))}")
    for name, (is_right, what) in fields.items():
        if not is_right(members[name]):
            raise Unfit(f"{name} is {what}")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_text_or_none(value: Any) -> bool:
    return value is None or type(value) is str


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _is_hash(value: Any) -> bool:
    return type(value) is str and len(value) == 64 and not set(value) - set("0123456789abcdef")


def _is_wall(value: Any) -> bool:
    try:
        return type(value) is str and WallClock().read(value) >= 0
    except Unfit:
        return False


def _is_recovered(value: Any) -> bool:
    return type(value) is list and all(
        type(each) is dict
        and each.keys() == {"file", "bytes"}
        and type(each["file"]) is str
        and _is_count(each["bytes"])
        for each in value
    )


def _are_counts(value: Any) -> bool:
    return type(value) is dict and len(value) > 0 and all(_is_positive(count) for count in value.values())


def _is_anything(_: Any) -> bool:
    return True


_Field = tuple["Callable[[Any], bool]", str]
_ALL = {"seq", "prev", "wall", "ns", "kind"}
_KINDS: dict[str, dict[str, _Field]] = {
    "begin": {
        "format": (_is_whole, "a whole number"),
        "rule": (_is_whole, "a whole number"),
        "jurat": (_is_text_or_none, "a text, or null"),
        "instance": (_is_text, "a text"),
        "file": (_is_positive, "a number of at least 1"),
        "recovered": (_is_recovered, "a list of files and bytes"),
        "pseudonyms": (_is_text_or_none, "a text, or null"),
        "configuration": (_is_object, "an object"),
    },
    "segment": {
        "format": (_is_whole, "a whole number"),
        "instance": (_is_text, "a text"),
        "file": (_is_positive, "a number of at least 1"),
    },
    "gap": {
        "missing": (_is_positive, "a number of at least 1"),
        "from_ns": (_is_whole, "an instant"),
        "to_ns": (_is_whole, "an instant"),
        "actions": (_are_counts, "an object of numbers"),
    },
    "digest": {
        "from": (_is_count, "a number of at least 0"),
        "to": (_is_count, "a number of at least 0"),
        "count": (_is_positive, "a number of at least 1"),
        "root": (_is_hash, "64 hexadecimal digits"),
        "clock": (_is_wall, "a time of day"),
        "signature": (_is_anything, ""),
    },
    "end": {
        "events": (_is_positive, "a number of at least 1"),
        "missing": (_is_count, "a number of at least 0"),
    },
}


# --------------------------------------------------------------------------------------- events


def event_of(members: dict[str, Any]) -> list[Any]:
    """The event that a record stands for: [at_ns, action, task, attempt, detail], as the worker has it."""
    action = members.get("action")
    if type(action) is not str or type(members.get("phase")) is not str:
        raise Unfit("action and phase are texts")
    if type(members.get("task")) is not int or type(members.get("attempt")) is not int:
        raise Unfit("task and attempt are whole numbers")
    if action == "Submit":
        detail: Any = {name: value for name, value in members.items() if name not in _OF_AN_EVENT}
    else:
        detail = _detail(action, members)
    return [members["ns"], action, members["task"], members["attempt"], detail]


def _detail(action: str, members: dict[str, Any]) -> Any:
    names = _DETAILS.get(action)
    if names is None:
        raise Unfit("action is one that a log may contain")
    if action == "Reject" and "size" in members:
        names = ("reason", "size")
    if len(members) != len(_OF_AN_EVENT) + len(names) or not members.keys() >= set(names):
        what = ", ".join(names) or "nothing"
        raise Unfit(f"{action} has exactly {what} besides what every event has")
    if not names:
        return None
    return members[names[0]] if len(names) == 1 else tuple([members[name] for name in names])


_OF_AN_EVENT = frozenset({*_ALL, "action", "task", "attempt", "phase"})
_DETAILS: dict[str, tuple[str, ...]] = {
    "Attach": ("answer",),
    "Reject": ("reason",),
    "BecomeDue": (),
    "Start": (),
    "TimeOutRetry": ("error", "returned_ns", "next_ns"),
    "TimeOut": ("error", "returned_ns", "next_ns"),
    "Complete": ("returned_ns",),
    "AcknowledgeCancel": ("reason", "returned_ns", "error"),
    "Retry": ("error", "returned_ns", "next_ns"),
    "Fail": ("error", "returned_ns", "retryable", "next_ns"),
    "Cancel": ("reason", "actor"),
    "RequestCancel": ("reason", "actor"),
    "Expire": (),
    "BeginDrain": ("pending", "deadline_ns", "actor"),
    "StopNow": ("actor",),
    "DrainDeadline": (),
    "ShutdownCancel": (),
    "Abandon": (),
    "LateReturn": ("returned_ns",),
    "Stopped": (),
    "Evict": (),
    "Pause": ("queue",),
    "Resume": ("queue",),
    "Resize": ("threads",),
    "SetRate": ("queue", "rate"),
    "SetWeight": ("queue", "weight"),
    "SetRetention": ("number", "age_ns"),
}
"""What each part of an action's detail is called, in order; one part alone is the whole detail."""
