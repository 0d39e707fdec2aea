r"""Reading TLA+ as far as its mechanical mutation needs: definitions, junctions, tokens.

This is no parser of TLA+; TLC has one.  It knows the layout of the modules in `tla/`, and its
answers are positions in their text, so that a change of a module is an exact edit of it:

* a *definition* begins in the first column, `Name(parameters) ==`, and ends before the first line
  that is blank or begins in the first column again;
* its body is split in conjuncts and disjuncts: by bullets, those of one list being the same sign in
  the same column, and by signs between operands.  Quantifiers, parentheses, `~`, `=>` and `IF` are
  looked into; whatever else stands between is a *leaf*, and its tokens are all that is known of it;
* a definition is an *action* if it speaks of the next state (a prime, or UNCHANGED), itself or
  through another definition, and a *word* otherwise.

An edit may move the bullets that follow it on its line, and TLA+ reads columns; `edited` moves the
lines below along with them.  TLC, which parses what comes of it, has the last word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

AND, OR = "/\\", "\\/"
FORALL, EXISTS = "\\A", "\\E"

_TOKEN = re.compile(
    r"""(?P<comment> \\\*[^\n]* | \(\*.*?\*\) )
      | (?P<string> "(?:[^"\\\n]|\\.)*" )
      | (?P<number> \d+ )
      | (?P<word>   \\?[A-Za-z_]\w* )
      | (?P<sign>   /\\ | \\/ | <=> | => | == | <= | >= | << | >> | \|-> | -> | ~> | \.\. | \[\] | <> | \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(r"^(\w+)(?:\([^)]*\))?[ ]*==", re.MULTILINE)
_VARIABLES = re.compile(r"^VARIABLES?\b((?:.*\n)+?)\s*\n", re.MULTILINE)
_OPENERS = {"(": ")", "[": "]", "{": "}", "<<": ">>"}
_CLOSERS = frozenset(_OPENERS.values())
_REST_IS_ITS = frozenset({FORALL, EXISTS, "CHOOSE", "LET", "IF", "CASE", "LAMBDA"})
_IMPLICATIONS = frozenset({"=>", "<=>", "~>"})
_BEFORE_BULLET = frozenset({":", "==", "THEN", "ELSE", "IN", "(", "~", AND, OR, *_IMPLICATIONS})


class TlaLayoutError(AuditError):
    """A module is not laid out as those of this project are, so it cannot be mutated mechanically."""


class Token(NamedTuple):
    """A token, and where it is in the text of its module."""

    kind: str
    """`string`, `number`, `word` or `sign`."""
    text: str
    start: int
    end: int
    column: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of a definition's body, and the parts that it joins."""

    kind: str
    """`and`, `or`, `implies`, `not`, `quantified`, `parenthesised`, `if` or `leaf`."""
    first: int
    """The first of its tokens."""
    stop: int
    """The token after its last."""
    parts: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all that it contains, in the order of the text."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A definition, by positions in the text of its module."""

    name: str
    start: int
    body: int
    """Where its body begins."""
    end: int


class Edit(NamedTuple):
    """What replaces a stretch of text.  It stays on one line."""

    start: int
    end: int
    by: str


class Module:
    """The text of a module, and what is known of it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.definitions = {each.name: each for each in _definitions(text)}
        declared = _VARIABLES.search(text)
        self.variables: tuple[str, ...] = (
            tuple(
                token.text for token in _tokens(text, declared.start(1), declared.end(1)) if token.text != ","
            )
            if declared
            else ()
        )
        self._bodies: dict[str, Body] = {}
        self._actions: dict[str, bool] = {}

    def body(self, name: str) -> Body:
        """The body of a definition."""
        if name not in self.definitions:
            raise TlaLayoutError(f"{self.name}.tla: no definition of {name}")
        if name not in self._bodies:
            self._bodies[name] = Body(self, self.definitions[name])
        return self._bodies[name]

    def uses(self, name: str) -> set[str]:
        """The definitions that a definition refers to."""
        return {token.text for token in self.body(name).tokens if token.text in self.definitions}

    def reachable(self, *names: str, within: Collection[str] | None = None) -> tuple[str, ...]:
        """The definitions that these refer to, and so on, themselves included, in the order of the text."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                used = self.uses(name)
                waiting += used if within is None else used.intersection(within)
        return tuple(name for name in self.definitions if name in found)

    def is_action(self, name: str) -> bool:
        """Whether a definition speaks of the next state."""
        if name not in self._actions:
            self._actions[name] = False  # for a definition that refers to itself
            body = self.body(name)
            self._actions[name] = body.speaks_of_next(0, len(body.tokens))
        return self._actions[name]

    def constrained(self, name: str) -> set[str]:
        """The variables whose next value a definition says."""
        body = self.body(name)
        return body.constrained(0, len(body.tokens))

    def only_effect(self, name: str) -> bool:
        """Whether a definition says the next state and has no guard."""
        body = self.body(name)
        return all(body.only_effect(node) for node in body.tree.walk() if node.kind == "leaf")


class Body:
    """The tokens and the junctions of a definition's body."""

    def __init__(self, module: Module, definition: Definition) -> None:
        self._module = module
        self.definition = definition
        self.tokens = tuple(_tokens(module.text, definition.body, definition.end))
        self.closing = _matching(module.name, definition.name, self.tokens)
        if not self.tokens:
            raise TlaLayoutError(f"{module.name}.tla: {definition.name} has no body")

    @cached_property
    def tree(self) -> Node:
        """Its junctions."""
        return self._parsed(0, len(self.tokens))

    def text(self, node: Node) -> str:
        """A part as it is written, on one line."""
        return " ".join(self._module.text[self.start(node) : self.end(node)].split())

    def start(self, node: Node) -> int:
        """Where a part begins in the text of the module."""
        return self.tokens[node.first].start

    def end(self, node: Node) -> int:
        """Where it ends."""
        return self.tokens[node.stop - 1].end

    def speaks_of_next(self, first: int, stop: int) -> bool:
        """Whether these tokens speak of the next state."""
        return any(
            token.text in ("'", "UNCHANGED")
            or (token.text in self._module.definitions and self._module.is_action(token.text))
            for token in self.tokens[first:stop]
        )

    def constrained(self, first: int, stop: int) -> set[str]:
        """The variables whose next value these tokens say, UNCHANGED included."""
        found: set[str] = set()
        for at in range(first, stop):
            text = self.tokens[at].text
            if text == "'":
                found |= self._variables(at - 1, at)
            elif text == "UNCHANGED":
                end = self.closing.get(at + 1, at + 1) + 1
                found |= self._variables(at + 1, end)
            elif text in self._module.definitions and self._module.is_action(text):
                found |= self._module.constrained(text)
        return found

    def only_effect(self, node: Node) -> bool:
        """Whether a leaf says the next state and guards nothing: `x' = e`, UNCHANGED, or a call of such."""
        head = self.tokens[node.first].text
        if head in self._module.definitions:
            return self._module.is_action(head) and self._module.only_effect(head)
        return self.speaks_of_next(node.first, node.stop)

    def _variables(self, first: int, stop: int) -> set[str]:
        """Those that are named here, or in a tuple of them with a name of its own."""
        found: set[str] = set()
        for token in self.tokens[first:stop]:
            if token.text in self._module.variables:
                found.add(token.text)
            elif token.text in self._module.definitions:
                named = self._module.body(token.text).tokens
                found |= {each.text for each in named if each.text in self._module.variables}
        return found

    # -- junctions ------------------------------------------------------------------------------

    def _parsed(self, first: int, stop: int) -> Node:
        head = self.tokens[first].text
        if head in (AND, OR):
            return self._bulleted(first, stop)
        if head in (EXISTS, FORALL):
            colon = self._find(first + 1, stop, ":")
            inner = self._parsed(colon + 1, stop)
            return Node(kind="quantified", first=first, stop=stop, parts=(inner,))
        if head == "(" and self.closing[first] == stop - 1:
            inner = self._parsed(first + 1, stop - 1)
            return Node(kind="parenthesised", first=first, stop=stop, parts=(inner,))
        if head == "IF":
            then, other = self._branches(first, stop)
            spans = ((first + 1, then), (then + 1, other), (other + 1, stop))
            return Node(kind="if", first=first, stop=stop, parts=tuple(self._parsed(*span) for span in spans))
        return self._between(first, stop)

    def _bulleted(self, first: int, stop: int) -> Node:
        """A list of bullets: one sign, in one column."""
        bullet = self.tokens[first]
        later = list(self._outside_brackets(first, stop))
        if any(
            self.tokens[at].column <= bullet.column and self.tokens[at].text != bullet.text for at in later
        ):
            return Node(kind="leaf", first=first, stop=stop)  # something follows the list: not looked into
        places = [
            at
            for at in later
            if self.tokens[at].text == bullet.text and self.tokens[at].column == bullet.column
        ]
        ends = [*places[1:], stop]
        parts = tuple(self._parsed(at + 1, end) for at, end in zip(places, ends, strict=True))
        return self._joined(bullet.text, first, stop, parts)

    def _between(self, first: int, stop: int) -> Node:
        """Operands with signs between them, or a leaf."""
        places = []
        for at in self._outside_brackets(first, stop):
            if self.tokens[at].text in _REST_IS_ITS:
                break
            if self.tokens[at].text in _IMPLICATIONS:
                sides = (self._parsed(first, at), self._parsed(at + 1, stop))
                return Node(kind="implies", first=first, stop=stop, parts=sides)
            if self.tokens[at].text in (AND, OR):
                places.append(at)
        signs = {self.tokens[at].text for at in places}
        if len(signs) > 1:
            here = self.tokens[first].line
            raise TlaLayoutError(f"{self._module.name}.tla, line {here}: {AND} and {OR} without parentheses")
        if signs:
            starts, ends = [first, *(at + 1 for at in places)], [*places, stop]
            parts = tuple(self._parsed(at, end) for at, end in zip(starts, ends, strict=True))
            return self._joined(signs.pop(), first, stop, parts)
        if self.tokens[first].text == "~":
            return Node(kind="not", first=first, stop=stop, parts=(self._parsed(first + 1, stop),))
        return Node(kind="leaf", first=first, stop=stop)

    @staticmethod
    def _joined(sign: str, first: int, stop: int, parts: tuple[Node, ...]) -> Node:
        return Node(kind="and" if sign == AND else "or", first=first, stop=stop, parts=parts)

    def _branches(self, first: int, stop: int) -> tuple[int, int]:
        """Where THEN and ELSE are, of the IF at `first`."""
        depth, then = 0, first
        for at in self._outside_brackets(first, stop):
            text = self.tokens[at].text
            depth += text == "IF"
            if depth == 1 and text == "THEN":
                then = at
            elif text == "ELSE":
                depth -= 1
                if depth == 0:
                    return then, at
        raise TlaLayoutError(f"{self._module.name}.tla, line {self.tokens[first].line}: IF without ELSE")

    def _find(self, first: int, stop: int, text: str) -> int:
        for at in self._outside_brackets(first, stop):
            if self.tokens[at].text == text:
                return at
        raise TlaLayoutError(f"{self._module.name}.tla, line {self.tokens[first].line}: no {text!r}")

    def _outside_brackets(self, first: int, stop: int) -> Iterator[int]:
        at = first
        while at < stop:
            yield at
            at = self.closing.get(at, at) + 1


# ---------------------------------------------------------------------------------------------
# Text
# ---------------------------------------------------------------------------------------------


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after some edits, which do not overlap.  Bullets that they move keep their lists."""
    for edit in sorted(edits, reverse=True):
        text = _one_edit(text, edit)
    return text


def _one_edit(text: str, edit: Edit) -> str:
    begin = text.rfind("\n", 0, edit.start) + 1
    end_of_line = text.find("\n", edit.end)
    end_of_line = len(text) if end_of_line < 0 else end_of_line
    was = edit.end - (text.rfind("\n", 0, edit.end) + 1)
    moved = edit.start - begin + len(edit.by) - was
    rest, below = text[edit.end : end_of_line], text[end_of_line:]
    if moved and (column := _bullet(rest, was)) is not None:
        below = _moved(below, column, moved)
    return text[: edit.start] + edit.by + rest + below


def _bullet(rest: str, column: int) -> int | None:
    """The column of the first bullet in the rest of a line that opens a list; None without one."""
    before = ""
    for token in _tokens(rest, 0, len(rest)):
        if token.text in (AND, OR) and before in _BEFORE_BULLET:
            return column + token.start
        before = token.text
    return None


def _moved(below: str, column: int, by: int) -> str:
    """The lines that belong to a list, moved with its first bullet."""
    first, *lines = below.split("\n")
    for at, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip() or indent < column:
            break
        lines[at] = " " * (indent + by) + line.lstrip(" ")
    return "\n".join([first, *lines])


def _definitions(text: str) -> Iterator[Definition]:
    for head in _HEAD.finditer(text):
        end = text.find("\n", head.end())
        while (
            end >= 0 and text[end + 1 : end + 2] == " " and text[end + 1 : text.find("\n", end + 1)].strip()
        ):
            end = text.find("\n", end + 1)
        stop = len(text) if end < 0 else end
        yield Definition(name=head[1], start=head.start(), body=head.end(), end=stop)


def _tokens(text: str, start: int, end: int) -> Iterator[Token]:
    """The tokens of a stretch of text, without comments."""
    line = text.count("\n", 0, start) + 1
    seen = start
    for match in _TOKEN.finditer(text, start, end):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        if match.lastgroup != "comment":
            column = match.start() - (text.rfind("\n", 0, match.start()) + 1)
            yield Token(str(match.lastgroup), match[0], match.start(), match.end(), column, line)


def _matching(module: str, definition: str, tokens: tuple[Token, ...]) -> dict[int, int]:
    """Each opening bracket's place, and its closing one's."""
    matching: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.text in _OPENERS:
            opened.append(at)
        elif token.text in _CLOSERS:
            if not opened or _OPENERS[tokens[opened[-1]].text] != token.text:
                raise TlaLayoutError(f"{module}.tla, line {token.line}: {definition} closes what is not open")
            matching[opened.pop()] = at
    if opened:
        raise TlaLayoutError(
            f"{module}.tla, line {tokens[opened[0]].line}: {definition} opens what it does not close"
        )
    return matching
