r"""Reading the state graph that TLC writes with `-dump dot,actionlabels`.

A dump is the whole of what TLC knows about a model: each reachable state, each step between
two of them with the action that took it.  The equivalence link compares it with the graph of
the executable specification, so a state misread here would be a hole in the proof.  This
reader therefore has one rule: it understands a line completely or it stops with the number
of that line.  Nothing is skipped, guessed or repaired.

What TLC 2.15 writes, and what surprises:

* a state is `ID [label="..."]`, an initial one has `style = filled` as well; identifiers are
  64-bit fingerprints, so half of them are negative;
* a step is `ID -> ID [label="Start",...]`; self-loops are there, and two actions may lead
  from one state to the same other one.  A step may be written twice, once for each way in
  which its action can be taken: steps are a set;
* where a temporal property is checked, each state also has a dashed arrow to itself without a
  label.  That is the stuttering of TLA+, which every state may do; it is no step of the module;
* variables come in an order of TLC's own, and a model of one variable has no `/\` before it;
* a value wider than some eighty characters is broken over lines, inside its conjunct;
* labels are escaped twice: as TLA+ strings, then as dot strings.

Values become Python values that can be compared and hashed (`Value`): integers, booleans and
strings as themselves, sets as frozensets, and functions by their domain: over 1..n, which is
what TLA+ calls a sequence, a tuple; over anything else, records among them, a `Function`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, Union

from .errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView, Sequence
    from pathlib import Path

Value: TypeAlias = Union[int, bool, str, tuple["Value", ...], "frozenset[Value]", "Function"]
State: TypeAlias = tuple[Value, ...]
"""The values of the variables, in an order that the caller chose."""
Step: TypeAlias = tuple[State, str, State]
"""A labelled edge: before, action, after."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function whose domain is not 1..n.  A record is one over strings, as in TLA+ itself."""

    items: frozenset[tuple[Value, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A state graph, as sets: the order in which it was found is no part of it.

    As in `jurat_spec.search`, an edge is kept as the numbers of its states.
    """

    initial: set[State]
    numbers: dict[State, int]
    """Each state with its number: 0, 1, 2 in the order of the dump."""
    steps: set[tuple[int, str, int]]
    """Each labelled edge, by the numbers of its states."""

    @property
    def states(self) -> KeysView[State]:
        """The states, as a set."""
        return self.numbers.keys()

    @property
    def edges(self) -> set[Step]:
        """The edges with their states.  Made anew each time, and slow for a large graph."""
        named = list(self.numbers)
        return {(named[before], action, named[after]) for before, action, after in self.steps}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What can be said of a graph without reading the values in its states."""

    states: int
    taken: Counter[str]
    """Edges by the action that they are labelled with.  An edge that is written twice is one."""


class DumpError(ToolError):
    """A dump that is not one, is cut short, or holds something this reader does not know."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"TLC's dump {path.name}, line {line}: {what}")
        self.line = line
        self.what = what


class ValueSyntaxError(ValueError):
    """A text that is not a TLA+ value of the kinds listed above."""


# ---------------------------------------------------------------------------------------------
# Values
# ---------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number> -?\d+ )
      | (?P<string> "(?:[^"\\\n]|\\.)*" )
      | (?P<word>   [A-Za-z_]\w* )
      | (?P<sign>   << | >> | \|-> | :> | @@ | \.\. | [\[\](){},] )
    )""",
    re.VERBOSE,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*) = (.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "f": "\f", "r": "\r"}
_END = ("end", "")


def parse_value(text: str) -> Value:
    """The value that TLC printed as `text`."""
    return _ValueParser(text).whole()


def parse_state(text: str) -> tuple[tuple[str, Value], ...]:
    """The variables and their values in a state, as TLC prints it in a counterexample."""
    conjuncts = text.removeprefix("/\\ ").split("\n/\\ ")
    return tuple(_parse_assignment(conjunct) for conjunct in conjuncts)


def _parse_assignment(text: str) -> tuple[str, Value]:
    """`variable = value`."""
    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment is None:
        raise ValueSyntaxError(f"no `variable = value`: {_shortened(text)}")
    return assignment[1], parse_value(assignment[2])


class _ValueParser:
    """Recursive descent over the tokens of one value; a method per construct of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._tokens.reverse()  # so that taking the next one is a pop

    def whole(self) -> Value:
        value = self._value()
        if self._peek() != "":
            raise self._error(f"{self._peek()!r} after the end of the value")
        return value

    def _value(self) -> Value:
        kind, token = self._take()
        if kind == "number":
            return self._number(int(token))
        if kind == "string":
            return _unquoted(token)
        if token in ("TRUE", "FALSE"):
            return token == "TRUE"
        if token == "<<":
            return tuple(self._items(">>"))
        if token == "{":
            return self._set()
        if token == "[":
            return self._record()
        if token == "(":
            return self._function()
        if kind == "word":
            raise self._error(f"{token!r} is a model value: give the constant integers or strings instead")
        raise self._error(
            f"{token!r} where a value should begin" if token else "it ends where a value should be"
        )

    def _number(self, first: int) -> Value:
        """An integer, or the interval that begins with it."""
        if self._peek() != "..":
            return first
        self._take()
        kind, last = self._take()
        if kind != "number":
            raise self._error(f"{last!r} where an interval should end")
        return frozenset(range(first, int(last) + 1))

    def _items(self, close: str) -> Iterator[Value]:
        """`a, b, c` up to the closing bracket, or nothing at all."""
        if self._peek() == close:
            self._take()
            return
        while True:
            yield self._value()
            if self._either(",", close) == close:
                return

    def _set(self) -> Value:
        elements = list(self._items("}"))
        if len(distinct := frozenset(elements)) != len(elements):
            raise self._error("an element twice")
        return distinct

    def _record(self) -> Value:
        """`[name |-> value, ...]`."""
        pairs: list[tuple[Value, Value]] = []
        while True:
            kind, name = self._take()
            if kind != "word":
                raise self._error(f"{name!r} where a field's name should be")
            self._expect("|->")
            pairs.append((name, self._value()))
            if self._either(",", "]") == "]":
                return self._function_of(pairs)

    def _function(self) -> Value:
        """`(argument :> value @@ ...)`."""
        pairs: list[tuple[Value, Value]] = []
        while True:
            argument = self._value()
            self._expect(":>")
            pairs.append((argument, self._value()))
            if self._either("@@", ")") == ")":
                return self._function_of(pairs)

    def _function_of(self, pairs: list[tuple[Value, Value]]) -> Value:
        """The function that is these pairs, in the form that its domain decides."""
        values = dict(pairs)
        if len(values) != len(pairs):
            raise self._error("an argument or a field twice")
        sequence = all(type(argument) is int for argument in values)
        if sequence and values.keys() == set(range(1, len(values) + 1)):
            return tuple(values[place] for place in range(1, len(values) + 1))
        return Function(frozenset(pairs))

    def _peek(self) -> str:
        return self._tokens[-1][1] if self._tokens else ""

    def _take(self) -> tuple[str, str]:
        return self._tokens.pop() if self._tokens else _END

    def _expect(self, sign: str) -> None:
        self._either(sign)

    def _either(self, *signs: str) -> str:
        _, token = self._take()
        if token not in signs:
            raise self._error(f"{token!r} where {' or '.join(map(repr, signs))} should be")
        return token

    def _error(self, what: str) -> ValueSyntaxError:
        return ValueSyntaxError(f"{what}, in the value {_shortened(self._text)}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueSyntaxError(f"no TLA+ token at {_shortened(text[at:])}")
        at = match.end()
        kind = match.lastgroup or ""  # never empty: each alternative is a group
        yield kind, match[kind]


def _unquoted(literal: str) -> str:
    """The string that a TLA+ literal stands for."""

    def plain(match: re.Match[str]) -> str:
        try:
            return _ESCAPED[match[1]]
        except KeyError:
            raise ValueSyntaxError(f"the escape {match[0]!r} is not one of TLA+, in {literal}") from None

    return sys.intern(_ESCAPE.sub(plain, literal[1:-1]))  # one object for each, so that comparing is quick


def _shortened(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "...")


# ---------------------------------------------------------------------------------------------
# Dumps
# ---------------------------------------------------------------------------------------------

_HEADER = (
    "strict digraph DiskGraph {\n",
    "nodesep=0.35;\n",
    "subgraph cluster_graph {\n",
    'color="white";\n',
)
_EDGE = re.compile(r'(-?\d+) -> (-?\d+) \[label="([A-Za-z_]\w*)",color="black",fontcolor="black"\];\n')
_ARROW, _LABEL, _EDGE_ENDS = " -> ", ' [label="', '",color="black",fontcolor="black"];\n'
_NODE = re.compile(r'(-?\d+) \[label="([^"\\]*+(?:\\.[^"\\]*+)*+)"(?:(,style = filled)\]|\];)\n')
_STUTTER = re.compile(r'(-?\d+) -> \1 \[style="dashed"\];\n')
_RANK = re.compile(r"\{rank = same; (?:-?\d+;)*\}\n")
_DOT_ESCAPE = re.compile(r"\\(.)")
_CONJUNCT = "\\n/\\\\ "  # a line break and `/\ `, as dot escapes them


def read(path: Path, variables: Sequence[str]) -> Graph:
    """The state graph in a dump, each state as the values of `variables` in that order."""
    reader = _Reader(path, variables)
    reader.read()
    distinct = len(reader.numbers)
    if distinct != len(reader.fingerprints):
        what = f"{len(reader.fingerprints)} fingerprints for {distinct} different states"
        raise DumpError(path, reader.line, what)
    return Graph(initial=reader.initial, numbers=reader.numbers, steps=reader.steps)


def shape(path: Path) -> Shape:
    """How many states a dump has, and how many edges of each action; their values are not looked at."""
    reader = _Reader(path, None)
    reader.read()
    taken = Counter(action for _, action, _ in reader.steps)
    return Shape(states=len(reader.fingerprints), taken=taken)


@dataclass(slots=True)
class _Reader:
    """One pass over a dump.

    A large graph has few different values: a million states share some thousands of conjuncts.
    So each conjunct is parsed once, by its text.  Most lines are steps between two states that
    are known, by an action that is known: for those three look-ups are as good as the grammar,
    since what is found there has once been read by it.
    """

    path: Path
    variables: Sequence[str] | None
    """None if states are only to be counted."""
    line: int = 0
    fingerprints: dict[str, int] = field(default_factory=dict)  # the number of each state
    numbers: dict[State, int] = field(default_factory=dict)
    initial: set[State] = field(default_factory=set)
    steps: set[tuple[int, str, int]] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)  # each label, as one object
    conjuncts: dict[str, tuple[int, Value]] = field(default_factory=dict)  # place and value, by text
    columns: list[tuple[int, dict[str, Value]]] = field(default_factory=list)
    """For each variable, which conjunct it is, and its values so far by their text."""

    def read(self) -> None:
        with self.path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            self._header(lines)
            self._body(lines)
            self._end(lines)

    def _header(self, lines: Iterator[str]) -> None:
        for expected in _HEADER:
            self.line += 1
            if (line := next(lines, "")) != expected:
                raise self._error(f"{_shortened(line)} where {expected.strip()!r} should be")

    def _body(self, lines: Iterator[str]) -> None:
        """States and steps, up to the brace that closes the graph.

        A state that is new is written on the line after the step that found it, so the end of
        such a step is looked up one line later.
        """
        step: re.Match[str] | None = None
        number_of, label_of, add = self.fingerprints.get, self.actions.get, self.steps.add
        for number, line in enumerate(lines, start=self.line + 1):
            if step is None and line.endswith(_EDGE_ENDS):
                ends, _, action = line[: -len(_EDGE_ENDS)].partition(_LABEL)
                first, _, second = ends.partition(_ARROW)
                before, label, after = number_of(first), label_of(action), number_of(second)
                if before is not None and label is not None and after is not None:
                    add((before, label, after))
                    continue
            self.line = number
            edge = self._line(line)
            if step is not None:
                self._add_step(step)
            if line == "}\n":
                return
            step = edge
        raise self._error("the file ends here, in the middle of the graph")

    def _line(self, line: str) -> re.Match[str] | None:
        """Understand a line by the grammar: the step that it is, if it is one."""
        edge = _EDGE.fullmatch(line)
        if edge is None:
            if node := _NODE.fullmatch(line):
                self._add_state(node)
            elif line != "}\n" and not _RANK.fullmatch(line) and not _STUTTER.fullmatch(line):
                raise self._error(f"neither a state nor a step: {_shortened(line)}")
        return edge

    def _end(self, lines: Iterator[str]) -> None:
        rest = "".join(lines)
        if rest not in ("}", "}\n"):
            raise self._error(f"{_shortened(rest)} where the last brace should be")

    def _add_step(self, step: re.Match[str]) -> None:
        before, after, action = step.groups()
        action = self.actions.setdefault(action, action)
        try:
            self.steps.add((self.fingerprints[before], action, self.fingerprints[after]))
        except KeyError as unknown:
            what = f"the step before this line is from or to {unknown}, which is no state so far"
            raise self._error(what) from None

    def _add_state(self, node: re.Match[str]) -> None:
        fingerprint, label, filled = node.groups()
        if fingerprint in self.fingerprints:
            raise self._error(f"the state {fingerprint} for the second time")
        if self.variables is None:
            self.fingerprints[fingerprint] = len(self.fingerprints)
            return
        state = self._state(label, self.variables)
        self.fingerprints[fingerprint] = self.numbers.setdefault(state, len(self.numbers))
        if filled:
            self.initial.add(state)

    def _state(self, label: str, variables: Sequence[str]) -> State:
        """The state in a label: a conjunction of `variable = value`, each variable once.

        TLC writes the conjuncts of all states in one order.  So they are looked up in the order of
        the first state, and where that fails, as it does for a value that is new, they are read.
        """
        texts = label.removeprefix("/\\\\ ").split(_CONJUNCT)
        if len(texts) == len(self.columns):
            try:
                return tuple([known[texts[at]] for at, known in self.columns])
            except KeyError:
                pass
        values: dict[int, tuple[int, Value]] = {}  # for each variable, which conjunct it is, and its value
        for at, text in enumerate(texts):
            if text not in self.conjuncts:
                self.conjuncts[text] = self._conjunct(text, variables)
            place, value = self.conjuncts[text]
            values[place] = (at, value)
        if not len(texts) == len(values) == len(variables):
            missing = [name for place, name in enumerate(variables) if place not in values]
            raise self._error(f"a state without {' and '.join(missing)}" if missing else "a variable twice")
        if not self.columns:
            self.columns = [(values[place][0], {}) for place in range(len(values))]
        for place, (at, known) in enumerate(self.columns):
            if values[place][0] == at:
                known[texts[at]] = values[place][1]
        return tuple([values[place][1] for place in range(len(values))])

    def _conjunct(self, text: str, variables: Sequence[str]) -> tuple[int, Value]:
        """The place among the variables, and the value, of one conjunct."""
        try:
            name, value = _parse_assignment(_DOT_ESCAPE.sub(_dot_unescaped, text))
        except ValueSyntaxError as error:
            raise self._error(str(error)) from None
        if name not in variables:
            raise self._error(f"the variable {name}, which is none of {', '.join(variables)}")
        return variables.index(name), value

    def _error(self, what: str) -> DumpError:
        return DumpError(self.path, self.line, what)


def _dot_unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
