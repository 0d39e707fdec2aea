"""The name table: one name for one thing, in the model, the specification, the log and the worker.

`action_table` and `word_table` are Markdown, for `tla/README.md`.  Nothing in them is written by
hand.  The model's names are read from the text of `Lifecycle.tla`: the actions from its `Next`,
the statuses, phases and reasons from its sets.  The worker's are read from its syntax trees: which
function of `_steps.py` writes which event, which words the enumerations of `_states.py` have.

A name that two of the four do not share is an error, unless the worker only lacks it: what it does
not do yet is said so in the table.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jurat_spec.lifecycle import ACTIONS, LIVE, PHASES, REASONS, STATUSES, TERMINAL, WAITING
from jurat_spec.replay import LOGGED

from .errors import AuditError
from .subject import project_root

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "NOT_YET",
    "Definition",
    "NamesDiffer",
    "action_table",
    "definitions",
    "events_written",
    "model_actions",
    "model_set",
    "rows_implied",
    "word_table",
    "worker_words",
]

NOT_YET = "not yet"

# What stands where there is nothing: no task, no reason.  The worker has None, and no word.
_NOTHING = frozenset({"absent", "none"})

_FIELDS = 5  # of an event


class NamesDiffer(AuditError):
    """A name stands in one place, and in another where it has to stand it does not."""


# ------------------------------------------------------------------ from the model's text


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition of a TLA+ module, without its comments."""

    head: str
    """What is defined, with its parameters, as `Pause(q)`."""
    body: str
    """The right-hand side: to the next line that is not indented."""


def definitions(text: str) -> dict[str, Definition]:
    """The definitions of a TLA+ module by name, in their order."""
    code = re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)
    code = re.sub(r"\\\*[^\n]*", "", code)
    parts = re.split(r"^(([A-Za-z_]\w*)(?:\([^)\n]*\))?)[ \t]*==", code, flags=re.MULTILINE)
    return {
        name: Definition(head, re.split(r"\n(?=\S)", body)[0].strip())
        for head, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def model_actions(text: str) -> list[str]:
    """The actions that `Next` of a TLA+ module is made of, in its order.

    Errors: `NamesDiffer` if there is no `Next`, or if it names what is not defined.
    """
    defined = definitions(text)
    if "Next" not in defined:
        raise NamesDiffer("the model has no Next")
    # A disjunct is an action, by its name and what it is applied to, or a quantifier before a disjunct.
    disjuncts = re.split(r"\\/|\\E[^:]*:", defined["Next"].body)
    names = [found[0] for part in disjuncts if (found := re.match(r"\w+", part.strip()))]
    if strangers := [name for name in names if name not in defined]:
        raise NamesDiffer(f"Next of the model names what it does not define: {', '.join(strangers)}")
    return names


def model_set(text: str, name: str) -> set[str]:
    """The words in a set of a TLA+ module that is written as sets of words, joined.

    Errors: `NamesDiffer` if it is not defined so.
    """
    defined = definitions(text)
    words: set[str] = set()
    for part in re.split(r"\\cup", defined[name].body if name in defined else ""):
        piece = part.strip()
        if re.fullmatch(r'\{\s*"\w+"(\s*,\s*"\w+")*\s*\}', piece):
            words |= set(re.findall(r'"(\w+)"', piece))
        elif re.fullmatch(r"\w+", piece):
            words |= model_set(text, piece)
        else:
            raise NamesDiffer(f"the model does not define {name} as a set of words")
    return words


# ------------------------------------------------------------- from the worker's syntax trees


def events_written(source: str) -> dict[str, list[str]]:
    """By event, the functions of a module of the worker that write it, in the order of the module.

    An event is a list of five whose second element is its name.  A function makes it with the name
    in it, or puts another name in its second place later.
    """
    written: dict[str, list[str]] = {}
    for function in ast.parse(source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            name: ast.expr | None = None
            if isinstance(node, ast.List) and len(node.elts) == _FIELDS:
                name = node.elts[1]
            elif isinstance(node, ast.Assign) and _is_second_place(node.targets[0]):
                name = node.value
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                writers = written.setdefault(name.value, [])
                if function.name not in writers:
                    writers.append(function.name)
    return written


def _is_second_place(target: ast.expr) -> bool:
    return (
        isinstance(target, ast.Subscript)
        and isinstance(target.slice, ast.Constant)
        and target.slice.value == 1
    )


def rows_implied(source: str) -> set[str]:
    """The rows of the rule that the replay applies without an event, by their names in its source."""
    return {
        node.slice.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "ACTIONS"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


def worker_words(source: str, enumeration: str) -> dict[str, str]:
    """By word, the member of an enumeration of the worker that stands for it.

    Errors: `NamesDiffer` if there is no such enumeration.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == enumeration:
            return {
                line.value.value: f"{enumeration}.{line.targets[0].id}"
                for line in node.body
                if isinstance(line, ast.Assign)
                and isinstance(line.targets[0], ast.Name)
                and isinstance(line.value, ast.Constant)
                and isinstance(line.value.value, str)
            }
    raise NamesDiffer(f"the worker has no enumeration {enumeration}")


# --------------------------------------------------------------------------------- the tables


def action_table(root: Path | None = None) -> str:
    """A row for each action, in the order of the rule.

    Errors: `NamesDiffer` if model and specification have other actions, or the worker writes an
    event that a log may not contain.
    """
    root = root or project_root()
    text = _read(root, "tla/Lifecycle.tla")
    _must_be_equal("actions", model_actions(text), ACTIONS)
    defined = definitions(text)
    _must_be_equal("the events that a log may contain, and actions", LOGGED - set(ACTIONS), ())
    written = events_written(_read(root, "worker/jurat/_steps.py"))
    _must_be_equal("events of the worker that a log may not contain", set(written) - LOGGED, ())
    implied = rows_implied(_read(root, "spec/jurat_spec/replay.py"))
    rows = []
    for name in ACTIONS:
        steps = ", ".join(f"`{step}`" for step in written.get(name, ()))
        absent = "none: it follows from the instants" if name in implied else NOT_YET
        log = f"`{name}`" if name in LOGGED else absent
        rows.append((f"`{defined[name].head}`", f"`{name}`", log, steps or absent))
    return _table(("TLA+", "specification", "log", "step of the worker"), rows)


def word_table(root: Path | None = None) -> str:
    """A row for each status, phase and reason.

    Errors: `NamesDiffer` if model and specification have other words, or the worker has one that
    they do not have.
    """
    root = root or project_root()
    text = _read(root, "tla/Lifecycle.tla")
    states = _read(root, "worker/jurat/_states.py")
    for group, part in (("Waiting", WAITING), ("Live", LIVE), ("Terminal", TERMINAL)):
        _must_be_equal(f"the set {group}", model_set(text, group), part)
    rows = []
    kinds: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("Statuses", "Status", STATUSES),
        ("Phases", "Phase", PHASES),
        ("Reasons", "Reason", REASONS),
    )
    for name, enumeration, words in kinds:
        _must_be_equal(f"the set {name}", model_set(text, name), words)
        members = worker_words(states, enumeration)
        strangers = members.keys() - (set(words) - _NOTHING)
        _must_be_equal(f"words of the worker's {enumeration}", strangers, ())
        rows += [
            (f'`"{word}"`', f'`"{word}"`', enumeration.lower(), _member(word, members)) for word in words
        ]
    return _table(("TLA+", "specification", "it is a", "worker"), rows)


def _member(word: str, members: Mapping[str, str]) -> str:
    """The worker's word for a word of the rule."""
    if word in _NOTHING:
        return "has no word for it"
    return f"`{members[word]}`" if word in members else NOT_YET


def _must_be_equal(what: str, found: Collection[str], expected: Collection[str]) -> None:
    """Errors: `NamesDiffer`, naming what is on one side only."""
    if odd := sorted(set(found) ^ set(expected)):
        raise NamesDiffer(f"{what}: not the same name everywhere: {', '.join(odd)}")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [" | ".join(row) for row in (heads, ("---",) * len(heads), *rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")
