"""The public interface of the worker, as text, and the promise that it does not change unseen.

`docs/api.txt` is a snapshot: every public name of `jurat`, with signatures, defaults, fields and
members.  `make check` compares.  A difference is a decision: give the distribution another version,
say in `CHANGELOG.md` what changed in it, and write the snapshot anew with
`python -m jurat_audit.api --record`, which refuses without the two.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import inspect
import re
import sys
import tomllib
from typing import TYPE_CHECKING, Any, ForwardRef

import jurat

from .errors import AuditError
from .subject import project_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["defaults_table", "differences", "main", "rendered"]

SNAPSHOT = "docs/api.txt"
ADVICE = """\
api: the public interface has changed.  If that is meant, give it another version in pyproject.toml, say
what changed in CHANGELOG.md, and record it: python -m jurat_audit.api --record
"""


def rendered() -> str:
    """The public interface, a line for each thing."""
    lines: list[str] = []
    for name in sorted(jurat.__all__):
        lines += _of(name, getattr(jurat, name))
    return "\n".join(lines) + "\n"


def _of(name: str, thing: Any) -> Iterator[str]:
    if isinstance(thing, type):
        bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"  {line}" for line in _members(thing))
    elif callable(thing):
        yield f"def {name}{_signature(thing)}"
    else:
        yield f"{name} = {thing!r}"


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        yield from (f"{member.name} = {member.value!r}" for member in kind)
    if dataclasses.is_dataclass(kind) or "__init__" in vars(kind):
        yield f"__init__{_signature(kind)}"
    if hasattr(kind, "__total__"):
        yield from (f"{field}: {_shown(hint)}" for field, hint in kind.__annotations__.items())
    for name, member in sorted(vars(kind).items()):
        if name.startswith("_") and name not in _SPECIAL:
            continue
        if isinstance(member, property):
            yield f"{name}: {_shown(inspect.signature(member.fget or _nothing).return_annotation)}"
        elif inspect.isfunction(member):
            yield f"{name}{_signature(member)}"
        elif isinstance(member, staticmethod | classmethod):
            yield f"{name}{_signature(member.__func__)}"


_SPECIAL = {"__await__", "__enter__", "__exit__", "__iter__", "__next__", "__getitem__"}


def _nothing() -> None: ...


def _shown(annotation: object) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _signature(thing: Any) -> str:
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return "(...)"
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def defaults_table() -> str:
    """Every default of the worker and of its policies, as it is in the code."""
    rows = ["| of | option | default |", "|---|---|---|"]
    kinds = (jurat.Worker, jurat.Queue, jurat.RateLimit, jurat.Retry, jurat.Retention)
    for kind in kinds:
        rows += [
            f"| `{kind.__name__}` | `{parameter.name}` | `{_plain(parameter.default)}` |"
            for parameter in inspect.signature(kind).parameters.values()
            if parameter.default is not inspect.Parameter.empty
        ]
    for option, value in inspect.signature(jurat.Worker.subscribe).parameters.items():
        if option != "self":
            rows.append(f"| `Worker.subscribe` | `{option}` | `{_plain(value.default)}` |")
    return "\n".join(rows)


def _plain(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    return repr(value).replace("datetime.", "")


def version(root: Path) -> str:
    """The distribution's version."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def differences(recorded: str, now: str) -> list[str]:
    """What is in one and not in the other."""
    lines = difflib.unified_diff(recorded.splitlines(), now.splitlines(), SNAPSHOT, "jurat", lineterm="", n=0)
    return list(lines)


def recorded(root: Path) -> tuple[str, str]:
    """The version of the snapshot, and the interface in it."""
    head, _, body = (root / SNAPSHOT).read_text(encoding="utf-8").partition("\n\n")
    return head.removeprefix("version "), body


def record(root: Path, now: str) -> None:
    """Write the snapshot, if the version is another one than the recorded and the changelog speaks of it.

    Raises
    ------
    AuditError: one of the two is missing.
    """
    current = version(root)
    if (root / SNAPSHOT).exists():
        before, body = recorded(root)
        if body == now and before == current:
            return
        if before == current:
            raise AuditError(f"the interface differs from that of version {before}: give it another version")
        if current not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
            raise AuditError(f"CHANGELOG.md says nothing of version {current}")
    (root / SNAPSHOT).write_text(f"version {current}\n\n{now}", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Compare, or with --record write.  0: it is as recorded; 1: it is not."""
    arguments = sys.argv[1:] if argv is None else argv
    root = project_root()
    now = rendered()
    try:
        if arguments == ["--record"]:
            record(root, now)
            return 0
        found = differences(recorded(root)[1], now)
    except (AuditError, OSError) as error:
        sys.stderr.write(f"api: {error}\n")
        return 1
    if found:
        sys.stdout.write("\n".join([*found, ""]))
        sys.stderr.write(ADVICE)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
