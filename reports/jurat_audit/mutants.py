r"""Mutants of the specification: each TLA+ module with one small, mechanical change of its rule.

A property that holds says little until it is known what it would catch.  So the rule is changed in
every small way that the list of `Operator` knows, and each mutant is to be *killed*: TLC reports a
named property violated, or the mutant no longer does what the module does in the same small model,
by name: an action that is no longer taken, or a predicate listed under `reached` in the manifest
that is no longer false anywhere.  A mutant of a module that another one refines is killed as well
where that one refines it no longer.  A mutant that TLC cannot tell from the module, state by state
and step by step, in every mutation model of the manifest, is *equivalent*; that is decided by
comparing the graphs and never by opinion.  What is left has *survived*: a property is missing, and
the campaign says so.  A mutant that TLC cannot evaluate is *invalid*, and one that has more states
than its bound is *undetermined*; neither is ever counted as killed.

What is changed is the rule and never its laws.  The actions are changed where they stand, so that
ENABLED and WF speak of the changed action.  A word of the rule that a property uses as well, as
`HasRoom`, must go on to mean there what it did: the changed word is a copy, and only the actions,
and what they reach, refer to the copy.  A word about which a property *speaks*, because it is what
the machine answers, is named in the manifest under `judged` and is changed where it stands.  `Init`
is not mutated, nor are numbers that select from a tuple.

    python -m jurat_audit.mutants --list
    python -m jurat_audit.mutants --module Fanout
    python -m jurat_audit.mutants --id Fanout.Put.guard-dropped.2

Prior art: Kupferman, "Sanity checks in formal verification", CONCUR 2006: vacuity and coverage are
one question about mutants.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from . import cache, dot, manifest, tlc
from .errors import AuditError, UsageError
from .manifest import SAFETY
from .progress import shown
from .subject import project_root, subject_of
from .tlaplus import EXISTS, FORALL, Edit, Module, edited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from .link import Progress
    from .tlaplus import Body, Node, Token

DEFAULT_COUNT = 20
"""Mutants of the default profile."""
JOBS = 2
LIMIT_SECONDS = 120.0
STATES_TIMES, STATES_PLUS = 20, 1_000
"""A mutant may have so many times the states of its model, and so many more, before it is undetermined."""

NOT_TLA = 150
"""The exit status with which TLC refuses a text that is not TLA+: a fault of the mutator, and no verdict."""

BOUND = "MutantBound"
COPY = "{}_m"
MARKS = "marks"
MARKED = "{}_marked"
NEXT = "Next"


class Operator(StrEnum):
    """The ways in which a module is changed."""

    GUARD_DROPPED = "guard-dropped"  # a conjunct of a guard is TRUE
    DISJUNCT_DROPPED = "disjunct-dropped"  # a disjunct of a guard is FALSE
    ACTION_DROPPED = "action-dropped"  # a disjunct of the next-state relation is FALSE
    NEGATED = "negated"  # a condition without a comparison is its opposite
    COMPARISON = "comparison"  # < is <=, > is >=, = is #, \in is \notin; and back
    INTEGER = "integer"  # a number is one less, or one more
    ARITHMETIC = "arithmetic"  # + is -, and back
    EFFECT_DROPPED = "effect-dropped"  # what an effect changes is UNCHANGED
    STRING = "string"  # a string is another of the same set
    ELEMENT_DROPPED = "element-dropped"  # a set lacks one of its elements
    QUANTIFIER = "quantifier"  # \A is \E, and back
    BOOLEAN = "boolean"  # TRUE is FALSE, and back
    FAIRNESS_DROPPED = "fairness-dropped"  # a conjunct of a fairness assumption is TRUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A module with one change."""

    id: str
    """`Module.Definition.operator.ordinal`: another change elsewhere leaves it as it is."""
    module: str
    definition: str
    operator: Operator
    says: str
    """What is changed, in one sentence."""
    text: str = field(repr=False)
    """The module, changed."""


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"  # a property is violated, or something named is no longer reached
    EQUIVALENT = "equivalent"  # it has the graph of the module, in every mutation model
    SURVIVED = "survived"  # it has another graph, and nothing says so
    INVALID = "invalid"  # TLC cannot evaluate it
    UNDETERMINED = "undetermined"  # it exceeds its bound of states or time


class Means(StrEnum):
    """How a mutant was killed."""

    NONE = ""
    PROPERTY = "is violated"  # an invariant, an action property or a temporal one
    REACHED = "holds, and must not"  # a reachability model stops failing
    TAKEN = "is never taken"  # an action that the module takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A mutant and what became of it."""

    mutant: Mutant
    verdict: Verdict
    by: str = ""
    """The property or the action that killed it."""
    means: Means = Means.NONE
    model: str = ""
    """The model in which that was seen."""
    depth: int = 0
    """States of the counterexample, 0 without one."""
    why: str = ""
    """What TLC said of a mutant that is invalid or undetermined."""
    seconds: float = field(default=0.0, compare=False)

    @property
    def told(self) -> str:
        """The verdict and what it rests on."""
        return f"{self.verdict}: {self.by} {self.means}" if self.by else f"{self.verdict}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """All results, and what a link makes of them."""

    results: tuple[Result, ...]
    problems: tuple[str, ...]

    @property
    def figures(self) -> dict[str, int]:
        """The counts.  `mutants` is the sum of the five verdicts."""
        verdicts = Counter(each.verdict for each in self.results)
        by_property = sum(each.means is Means.PROPERTY for each in self.results)
        return {
            "mutants": len(self.results),
            "mutants_killed": verdicts[Verdict.KILLED],
            "mutants_killed_by_property": by_property,
            "mutants_killed_by_reachability": verdicts[Verdict.KILLED] - by_property,
            "mutants_equivalent": verdicts[Verdict.EQUIVALENT],
            "mutants_survived": verdicts[Verdict.SURVIVED],
            "mutants_invalid": verdicts[Verdict.INVALID],
            "mutants_undetermined": verdicts[Verdict.UNDETERMINED],
        }

    @property
    def tables(self) -> list[dict[str, Any]]:
        """One row for each mutant, in the order of the modules."""
        rows = [
            [each.mutant.id, each.mutant.says, each.told, each.model, each.depth or ""]
            for each in self.results
        ]
        return [
            {
                "title": "Mutants of the specification",
                "columns": ["mutant", "what is changed", "verdict", "model", "states in the counterexample"],
                "rows": rows,
            }
        ]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by mutant: for the run envelope only."""
        return {each.mutant.id: round(each.seconds, 3) for each in self.results}


# ---------------------------------------------------------------------------------------------
# Making them
# ---------------------------------------------------------------------------------------------


def mutants_of(models: manifest.Manifest, modules: Iterable[str] | None = None) -> tuple[Mutant, ...]:
    """Every mutant of these modules, or of all that the manifest names, in the order of their text.

    Raises TlaLayoutError for a module that is not laid out as `tlaplus` expects.
    """
    names = models.modules if modules is None else modules
    return tuple(mutant for name in names for mutant in _Mutator(models, name).mutants())


def select(mutants: Sequence[Mutant], digest: str, count: int = DEFAULT_COUNT) -> tuple[Mutant, ...]:
    """A sample that depends on the source digest and on nothing else, in the order of the mutants."""

    def order(mutant: Mutant) -> str:
        return hashlib.sha256(f"{digest}{mutant.id}".encode()).hexdigest()

    chosen = {mutant.id for mutant in sorted(mutants, key=order)[:count]}
    return tuple(mutant for mutant in mutants if mutant.id in chosen)


@dataclass(frozen=True, slots=True)
class _Change:
    """One edit of one definition."""

    definition: str
    operator: Operator
    edit: Edit
    says: str


_COMPARISONS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "=": "#",
    "#": "=",
    "\\in": "\\notin",
    "\\notin": "\\in",
}
_OPPOSITES = {FORALL: EXISTS, EXISTS: FORALL}
_SIGNS = {"+": "-", "-": "+"}
_BOOLEANS = {"TRUE": "FALSE", "FALSE": "TRUE"}


class _Mutator:
    """Changes one module."""

    def __init__(self, models: manifest.Manifest, name: str) -> None:
        self._spec = models.modules[name]
        self._module = Module(name, models.sources[name])
        reached = [each for each in self._module.reachable(NEXT) if each != "vars"]
        self._actions = [each for each in reached if self._module.is_action(each)]
        judged = self._spec.judged
        self._in_place = {*self._actions, *judged}
        self._words = {each for each in reached if each not in self._in_place}
        self._rule = [each for each in reached if each in self._in_place or each in self._words]
        self._strings = _StringSets(self._module)

    def mutants(self) -> Iterator[Mutant]:
        """All of them, no two with the same text."""
        seen = {self._module.text}
        ordinals: Counter[tuple[str, Operator]] = Counter()
        for change in self._changes():
            ordinals[change.definition, change.operator] += 1
            text = self._mutated(change)
            if text in seen:
                continue
            seen.add(text)
            ordinal = ordinals[change.definition, change.operator]
            yield Mutant(
                id=f"{self._module.name}.{change.definition}.{change.operator}.{ordinal}",
                module=self._module.name,
                definition=change.definition,
                operator=change.operator,
                says=change.says,
                text=text,
            )

    def _mutated(self, change: _Change) -> str:
        """The module after a change, which only the rule sees."""
        text = self._module.text
        if change.definition not in self._words:
            return edited(text, [change.edit])
        within = self._words
        affected = {
            word for word in within if change.definition in self._module.reachable(word, within=within)
        }
        edits = [edit for name in self._in_place for edit in self._references(name, affected)]
        for name in affected:
            end = self._module.definitions[name].end
            edits.append(Edit(end, end, "\n" + self._copy(name, affected, change)))
        return edited(text, edits)

    def _copy(self, name: str, affected: set[str], change: _Change) -> str:
        """The changed copy of a word, under a name of its own."""
        definition = self._module.definitions[name]
        edits = self._references(name, affected)
        edits.append(Edit(definition.start, definition.start + len(name), COPY.format(name)))
        if name == change.definition:
            changed = range(change.edit.start, change.edit.end)
            edits = [edit for edit in edits if edit.start not in changed] + [change.edit]
        shifted = [
            Edit(edit.start - definition.start, edit.end - definition.start, edit.by) for edit in edits
        ]
        text = edited(self._module.text[definition.start : definition.end], shifted)
        if name in self._module.uses(name):
            places = ", ".join("_" for _ in self._parameters(name))
            return f"RECURSIVE {COPY.format(name)}({places})\n{text}"
        return text

    def _parameters(self, name: str) -> list[str]:
        definition = self._module.definitions[name]
        head = self._module.text[definition.start + len(name) : definition.body]
        return re.findall(r"\w+", head)

    def _references(self, name: str, affected: set[str]) -> list[Edit]:
        return [
            Edit(token.start, token.end, COPY.format(token.text))
            for token in self._module.body(name).tokens
            if token.text in affected
        ]

    # -- changes ----------------------------------------------------------------------------------

    def _changes(self) -> Iterator[_Change]:
        """All changes, in the order of the text."""
        for name in self._rule:
            changes = [*self._of_junctions(name), *self._of_tokens(name), *self._of_sets(name)]
            yield from sorted(changes, key=lambda change: (change.edit.start, change.edit.end))
        yield from self._of_fairness()

    def _of_junctions(self, name: str) -> Iterator[_Change]:
        """Conjuncts, disjuncts and conditions."""
        body = self._module.body(name)
        for node in body.tree.walk():
            if node.kind == "and":
                for part in node.parts:
                    yield from self._of_conjunct(name, body, part)
            elif node.kind == "or":
                for part in node.parts:
                    yield from self._of_disjunct(name, body, part)
            elif node.kind == "if":
                yield from self._negated(name, body, node.parts[0])
            elif node.kind == "implies":
                condition, holds = (body.text(part) for part in node.parts)
                says = f"in {name}, `{condition}` is not asked for before `{holds}`"
                yield self._replaced(name, body, node.parts[0], Operator.GUARD_DROPPED, "TRUE", says)
        if body.tree.kind == "leaf":
            yield from self._effect(name, body, body.tree)

    def _of_conjunct(self, name: str, body: Body, part: Node) -> Iterator[_Change]:
        if body.speaks_of_next(part.first, part.stop):
            yield from self._effect(name, body, part)
            return
        says = f"in {name}, `{body.text(part)}` is not asked for"
        yield self._replaced(name, body, part, Operator.GUARD_DROPPED, "TRUE", says)
        yield from self._negated(name, body, part)

    def _of_disjunct(self, name: str, body: Body, part: Node) -> Iterator[_Change]:
        if not body.speaks_of_next(part.first, part.stop):
            says = f"in {name}, `{body.text(part)}` is not enough"
            yield self._replaced(name, body, part, Operator.DISJUNCT_DROPPED, "FALSE", says)
            yield from self._negated(name, body, part)
        elif not any(each.kind in ("or", "and") for each in part.walk()):
            says = f"in {name}, `{body.text(part)}` may not happen"
            yield self._replaced(name, body, part, Operator.ACTION_DROPPED, "FALSE", says)

    def _negated(self, name: str, body: Body, part: Node) -> Iterator[_Change]:
        """The opposite of a condition, where no comparison in it will be turned round anyway."""
        if part.kind == "not":
            inner = body.text(part.parts[0])
            says = f"in {name}, `{inner}` is asked for, and not its opposite"
            yield self._replaced(name, body, part, Operator.NEGATED, inner, says)
        elif part.kind == "leaf" and not any(
            token.text in _COMPARISONS for token in body.tokens[part.first : part.stop]
        ):
            says = f"in {name}, the opposite of `{body.text(part)}` is asked for"
            yield self._replaced(name, body, part, Operator.NEGATED, f"~({body.text(part)})", says)

    def _effect(self, name: str, body: Body, part: Node) -> Iterator[_Change]:
        """An effect that does not take place.  What is UNCHANGED already cannot be dropped."""
        tokens = body.tokens[part.first : part.stop]
        if part.kind != "leaf" or tokens[0].text == "UNCHANGED" or not body.only_effect(part):
            return
        if tokens[0].text in self._module.definitions and not self._primes(tokens[0].text):
            return
        changed = body.constrained(part.first, part.stop)
        listed = ", ".join(each for each in self._module.variables if each in changed)
        by = f"UNCHANGED <<{listed}>>" if len(changed) > 1 else f"UNCHANGED {listed}"
        says = f"in {name}, `{body.text(part)}` does not take place"
        yield self._replaced(name, body, part, Operator.EFFECT_DROPPED, by, says)

    def _primes(self, name: str) -> bool:
        """Whether an action sets a variable, itself or through another."""
        tokens = self._module.body(name).tokens
        called = [each for each in self._module.uses(name) if self._module.is_action(each)]
        return any(token.text == "'" for token in tokens) or any(self._primes(each) for each in called)

    def _of_tokens(self, name: str) -> Iterator[_Change]:
        """Comparisons, numbers, signs, strings and quantifiers."""
        body = self._module.body(name)
        untouched = {*_binders(body), *_targets(body)}
        for at, token in enumerate(body.tokens):
            if at not in untouched:
                for operator, by in self._others(body, at):
                    yield self._token(name, token, operator, by)
        for node in body.tree.walk():
            if node.kind == "quantified" and not body.speaks_of_next(node.first, node.stop):
                quantifier = body.tokens[node.first]
                yield self._token(name, quantifier, Operator.QUANTIFIER, _OPPOSITES[quantifier.text])

    def _others(self, body: Body, at: int) -> Iterator[tuple[Operator, str]]:
        """What could stand in the place of a token."""
        token = body.tokens[at]
        if token.kind == "string" and (other := self._strings.other(token.text)) is not None:
            yield Operator.STRING, other
        elif token.kind == "number" and not _selects(body, at):
            if int(token.text) > 0:
                yield Operator.INTEGER, str(int(token.text) - 1)
            yield Operator.INTEGER, str(int(token.text) + 1)
        elif token.text in _COMPARISONS and body.tokens[at - 1].text != "'":
            yield Operator.COMPARISON, _COMPARISONS[token.text]
        elif token.text in _SIGNS:
            yield Operator.ARITHMETIC, _SIGNS[token.text]
        elif token.text in _BOOLEANS:
            yield Operator.BOOLEAN, _BOOLEANS[token.text]

    def _of_sets(self, name: str) -> Iterator[_Change]:
        """Sets that are written out, without one element."""
        body = self._module.body(name)
        for first, stop in sorted(body.closing.items()):
            if body.tokens[first].text != "{" or stop == first + 1:
                continue
            elements = _elements(body, first, stop)
            if elements is None:
                continue
            texts = [self._text(body, span) for span in elements]
            for dropped in range(len(texts)):
                rest = ", ".join(texts[:dropped] + texts[dropped + 1 :])
                edit = Edit(body.tokens[first].start, body.tokens[stop].end, f"{{{rest}}}")
                says = f"in {name}, `{{{', '.join(texts)}}}` is without {texts[dropped]}"
                yield _Change(name, Operator.ELEMENT_DROPPED, edit, says)

    def _of_fairness(self) -> Iterator[_Change]:
        for name in _fairness(self._module, self._spec.liveness.values()):
            body = self._module.body(name)
            for node in body.tree.walk():
                if node.kind == "leaf" and body.tokens[node.first].text.startswith(("WF_", "SF_")):
                    says = f"in {name}, `{body.text(node)}` is not assumed"
                    yield self._replaced(name, body, node, Operator.FAIRNESS_DROPPED, "TRUE", says)

    def _replaced(self, name: str, body: Body, part: Node, operator: Operator, by: str, says: str) -> _Change:
        return _Change(name, operator, Edit(body.start(part), body.end(part), by), says)

    def _token(self, name: str, token: Token, operator: Operator, by: str) -> _Change:
        edit = Edit(token.start, token.end, by)
        says = f"in {name}, `{self._line(edit)}`, with {by} for {token.text}"
        return _Change(name, operator, edit, says)

    def _line(self, edit: Edit) -> str:
        """The line of an edit, as it is then, without its bullet and its comment."""
        text = self._module.text
        begin, end = text.rfind("\n", 0, edit.start) + 1, text.find("\n", edit.end)
        line = f"{text[begin : edit.start]}{edit.by}{text[edit.end : end]}".split("\\*")[0]
        return " ".join(line.split()).removeprefix("/\\ ").removeprefix("\\/ ")

    def _text(self, body: Body, span: tuple[int, int]) -> str:
        first, stop = span
        return " ".join(self._module.text[body.tokens[first].start : body.tokens[stop - 1].end].split())


def _fairness(module: Module, specifications: Iterable[str]) -> list[str]:
    """The definitions with a fairness assumption that these specifications refer to."""
    reached = module.reachable(*set(specifications))
    return [
        name
        for name in reached
        if any(token.text.startswith(("WF_", "SF_")) for token in module.body(name).tokens)
    ]


def _binders(body: Body) -> Iterator[int]:
    r"""The places of `\in` that bind a name, and compare nothing."""
    for at, token in enumerate(body.tokens):
        if token.text in (FORALL, EXISTS, "CHOOSE"):
            yield from _membership(body, at + 1, ":")
        elif token.text == "[":
            yield from _membership(body, at + 1, "|->")
        elif token.text == "{":
            filters = at + 2 < len(body.tokens) and body.tokens[at + 2].text == "\\in"
            ending = ":" if filters else "}"
            inside = list(_membership(body, at + 1, ending))
            colons = [place for place in _level(body, at + 1) if body.tokens[place].text == ":"]
            if colons:
                yield from (place for place in inside if filters or place > colons[0])


def _membership(body: Body, first: int, ending: str) -> list[int]:
    r"""The places of `\in` from here to an ending at the same level; none without that ending."""
    found: list[int] = []
    for at in _level(body, first):
        if body.tokens[at].text == ending:
            return found
        if body.tokens[at].text == "\\in":
            found.append(at)
    return []


def _level(body: Body, first: int) -> Iterator[int]:
    """The places from here to the end of the bracket that is open here, that end included."""
    at = first
    while at < len(body.tokens):
        yield at
        if body.tokens[at].text in (")", "]", "}", ">>"):
            return
        at = body.closing.get(at, at) + 1


def _targets(body: Body) -> Iterator[int]:
    """The places of `=` after `![x]` in an EXCEPT, which compare nothing, and of LET's."""
    for at, token in enumerate(body.tokens):
        if token.text == "!":
            after = at + 1
            while body.tokens[after].text == "[":
                after = body.closing[after] + 1
            yield after


def _selects(body: Body, at: int) -> bool:
    """Whether a number selects from a tuple: `pair[1]`."""
    before, after = body.tokens[at - 1 : at], body.tokens[at + 1 : at + 2]
    opened = bool(before) and before[0].text == "[" and bool(after) and after[0].text == "]"
    return (
        opened and at >= 2 and (body.tokens[at - 2].kind == "word" or body.tokens[at - 2].text in (")", "]"))
    )


def _elements(body: Body, first: int, stop: int) -> list[tuple[int, int]] | None:
    """The elements of a set that is written out, as spans of tokens; None for any other set."""
    spans, start = [], first + 1
    for at in _level(body, first + 1):
        if body.tokens[at].text == ":":
            return None
        if body.tokens[at].text == "," or at == stop:
            spans.append((start, at))
            start = at + 1
    return spans


class _StringSets:
    """Which strings stand for each other: those of one set, or else of one definition."""

    def __init__(self, module: Module) -> None:
        self._module = module
        sets = [self._set_of(name, frozenset()) for name in module.definitions]
        written = [tuple(found) for name in module.definitions for found in self._written(name)]
        self._sets = sorted((each for each in (*sets, *written) if len(each) > 1), key=len, reverse=True)
        self._home: dict[str, tuple[str, ...]] = {}
        known = {string for each in self._sets for string in each}
        for name in module.definitions:
            strings = [token.text for token in module.body(name).tokens if token.kind == "string"]
            loose = tuple(dict.fromkeys(string for string in strings if string not in known))
            for string in loose:
                self._home.setdefault(string, loose)

    def other(self, string: str) -> str | None:
        """The next of the strings that could stand here; None if there is no other."""
        among = next((each for each in self._sets if string in each), self._home.get(string, ()))
        if len(among) < 2:
            return None
        return among[(among.index(string) + 1) % len(among)]

    def _set_of(self, name: str, above: frozenset[str]) -> tuple[str, ...]:
        """The strings of a definition that is a union of sets of strings; empty for any other."""
        strings: list[str] = []
        for token in self._module.body(name).tokens:
            if token.kind == "string":
                strings.append(token.text)
            elif token.text in self._module.definitions and token.text not in above:
                found = self._set_of(token.text, above | {name})
                if not found:
                    return ()
                strings += found
            elif token.text not in ("{", "}", ",", "\\cup"):
                return ()
        return tuple(dict.fromkeys(strings))

    def _written(self, name: str) -> Iterator[list[str]]:
        body = self._module.body(name)
        for first, stop in sorted(body.closing.items()):
            inside = body.tokens[first + 1 : stop]
            strings = [token.text for token in inside if token.kind == "string"]
            if body.tokens[first].text == "{" and len(strings) == len(inside) - max(0, len(strings) - 1):
                yield strings


# ---------------------------------------------------------------------------------------------
# Killing them
# ---------------------------------------------------------------------------------------------


def campaign(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    mutants: Sequence[Mutant],
    progress: Progress,
    *,
    tell: Callable[[Result], None] = lambda _: None,
) -> Campaign:
    """Judge each mutant, a few at a time.

    The problems are the survivors, those that could not be judged within their bounds, and modules
    that cannot judge any: without mutation models, or with one that does not hold unchanged.  Each
    result is told as soon as it and all before it are known.
    """
    names = list(dict.fromkeys(mutant.module for mutant in mutants))
    with ThreadPoolExecutor(JOBS) as pool:
        try:
            progress.step(f"unchanged: {', '.join(names)}")
            judges = dict(zip(names, pool.map(lambda name: _Judge(models, tool, name), names), strict=True))
            progress.step(f"{len(mutants):,} mutants")
            progress.total(len(mutants))
            results = []
            for result in pool.map(lambda mutant: judges[mutant.module].result(mutant), mutants):
                results.append(result)
                tell(result)
                progress.advance()
        finally:
            pool.shutdown(cancel_futures=True)
    problems = [line for judge in judges.values() for line in judge.problems]
    problems += [line for each in results if (line := _problem(each))]
    return Campaign(results=tuple(results), problems=tuple(problems))


def _problem(result: Result) -> str:
    mutant = result.mutant
    if result.verdict is Verdict.SURVIVED:
        return f"{mutant.id}: nothing notices that {mutant.says}"
    if result.verdict is Verdict.UNDETERMINED:
        return f"{mutant.id}: undetermined: {result.why}"
    return ""


class _Judge:
    """Judges the mutants of one module.

    What is cheap is asked first: most mutants violate something in the first small model.
    """

    def __init__(self, models: manifest.Manifest, tool: tlc.Tlc, name: str) -> None:
        self._manifest = models
        self._tool = tool
        self._module = models.modules[name]
        self._text = Module(name, models.sources[name])
        chosen = [models.model(each) for each in self._module.mutation]
        self._models = [model for model in chosen if model.module == name]
        self._safe = [model for model in self._models if model.checks == "safety"]
        self._refining = [model for model in chosen if model.module != name]
        self._lock = threading.Lock()
        self._digests: dict[str, str] = {}
        self._graphs: dict[str, dot.Graph] = {}
        self._marks: dict[str, frozenset[str]] = {}
        self.problems: list[str] = []
        if not self._models:
            self.problems.append(f"{name}: {manifest.FILE} names no mutation models for it")
        for model in self._safe:
            with tlc.dumped(tool, models.check(model)) as (outcome, dump):  # as the link `model` does
                if dump is not None:
                    self._digests[model.name] = _digest(dump)
                if not outcome.complete:
                    said = outcome.violated or outcome.error
                    self.problems.append(f"{name}: {model.name} does not hold unchanged: {said}")

    def result(self, mutant: Mutant) -> Result:
        """What becomes of a mutant."""
        if self.problems:
            return Result(mutant=mutant, verdict=Verdict.UNDETERMINED, why=self.problems[0])
        trial = _Trial(mutant)
        if mutant.operator is Operator.FAIRNESS_DROPPED:
            return self._unfair(trial)
        if found := self._searched(trial) or self._refined(trial):
            return found
        if trial.same:
            return trial.unnoticed(Verdict.EQUIVALENT)
        return self._unending(trial) or trial.unnoticed(Verdict.SURVIVED)

    def _unfair(self, trial: _Trial) -> Result:
        """Less fairness has the same states and steps: only a temporal property can tell."""
        for model in self._models:
            specification = self._module.liveness.get(model.checks, SAFETY)
            if trial.mutant.definition in self._text.reachable(specification):
                outcome = trial.asked(self._run(model, trial.mutant.text))
                if found := trial.violation(outcome, model):
                    return found
        return trial.unnoticed(Verdict.SURVIVED)

    def _searched(self, trial: _Trial) -> Result | None:
        """The mutant that violates a property, that no longer does what the module does, or that is none."""
        trial.same = True
        for model in self._most_telling(trial.mutant.definition):
            check = self._check(model, trial.mutant.text, self._manifest.properties_of(model))
            with tlc.dumped(self._tool, check, limit_seconds=LIMIT_SECONDS) as (outcome, dump):
                found = trial.violation(trial.asked(outcome), model) or trial.unjudged()
                if found or dump is None:
                    return found
                if _digest(dump) == self._digests[model.name]:
                    continue  # TLC wrote the same to the byte
                graph = dot.read(dump, self._module.variables)
            if not _equal(graph, self._unchanged(model)):
                trial.same = False
                if found := self._lacking(trial, model, graph):
                    return found
        return None

    def _most_telling(self, definition: str) -> list[manifest.Model]:
        """The models of safety, those first that set more of the constants which the definition mentions."""
        mentioned = {token.text for token in self._text.body(definition).tokens}
        further = {
            token.text for word in self._text.reachable(definition) for token in self._text.body(word).tokens
        }

        def rank(model: manifest.Model) -> tuple[int, int]:
            of_its_own = {
                name
                for name, value in model.constants.items()
                if name not in self._module.defaults or self._module.defaults[name] != value
            }
            return -len(of_its_own & mentioned), -len(of_its_own & further)

        return sorted(self._safe, key=rank)

    def _lacking(self, trial: _Trial, model: manifest.Model, graph: dot.Graph) -> Result | None:
        """The mutant that takes fewer actions than the module does in a model, or reaches less."""
        missing = _labels(self._unchanged(model)) - _labels(graph)
        if missing:
            first = next(action for action in self._module.actions if action in missing)
            return trial.killed(first, Means.TAKEN, model=model.name)
        if self._module.reached:
            outcome, marked = self._marked(model, trial.mutant.text)
            unmarked = self._unchanged_marks(model) - _marks(marked)
            if unmarked and trial.asked(outcome).complete:
                first = next(name for name in self._module.reached if name in unmarked)
                return trial.killed(first, Means.REACHED, model=model.name)
        return trial.unjudged()

    def _refined(self, trial: _Trial) -> Result | None:
        """The mutant that no longer allows what a module does that is said to refine it."""
        for model in self._refining:
            check = self._manifest.check(model)
            sources = {**check.sources, self._module.name: trial.mutant.text}
            outcome = tlc.run(self._tool, replace(check, sources=sources), limit_seconds=LIMIT_SECONDS)
            if found := trial.violation(trial.asked(outcome), model):
                return found
        return None

    def _unending(self, trial: _Trial) -> Result | None:
        """The mutant that a temporal property kills: dearer than all else, so it is asked last."""
        for model in self._models:
            if model.checks != "safety":
                outcome = trial.asked(self._run(model, trial.mutant.text))
                if found := trial.violation(outcome, model):
                    return found
        return None

    def _run(self, model: manifest.Model, text: str) -> tlc.Outcome:
        check = self._check(model, text, self._manifest.properties_of(model))
        return tlc.run(self._tool, check, limit_seconds=LIMIT_SECONDS)

    def _unchanged(self, model: manifest.Model) -> dot.Graph:
        """The graph of the module itself, read when it is first needed."""
        with self._lock:
            if model.name not in self._graphs:
                question = self._manifest.check(model)
                _, self._graphs[model.name] = tlc.graph(self._tool, question, self._module.variables)
            return self._graphs[model.name]

    def _unchanged_marks(self, model: manifest.Model) -> frozenset[str]:
        """What the module itself reaches in a model, of all that it reaches somewhere."""
        with self._lock:
            if model.name not in self._marks:
                _, graph = self._marked(model, self._manifest.sources[self._module.name])
                self._marks[model.name] = _marks(graph)
            return self._marks[model.name]

    def _marked(self, model: manifest.Model, text: str) -> tuple[tlc.Outcome, dot.Graph]:
        """All states of a mutant, each with the names under `reached` that are false in it."""
        variables = self._module.variables
        extended = marked(text, variables, self._module.reached)
        check = self._check(model, extended, self._manifest.properties_of(model))
        bare = replace(check, invariants=(BOUND,), properties=(), specification=MARKED.format(SAFETY))
        return tlc.graph(self._tool, bare, (*variables, MARKS), whole=True, limit_seconds=LIMIT_SECONDS)

    def _check(self, model: manifest.Model, text: str, names: tuple[str, ...]) -> tlc.Check:
        check = self._manifest.check(model, names)
        most = model.expect.distinct * STATES_TIMES + STATES_PLUS
        sources = {**self._manifest.sources, model.module: bounded(text, most)}
        return replace(check, sources=sources, invariants=(*check.invariants, BOUND), brief=True)


class _Trial:
    """One mutant, while it is judged."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.same = False
        """Whether it has the graph of the module, in every model of safety."""
        self.excuse: tuple[Verdict, str] | None = None
        """Why it cannot be judged by what TLC did not find."""
        self._seconds = 0.0

    def asked(self, outcome: tlc.Outcome) -> tlc.Outcome:
        """Note what TLC answered."""
        self._seconds += outcome.seconds
        if outcome.found is tlc.Found.ERROR:
            verdict = Verdict.UNDETERMINED if outcome.exit_status == NOT_TLA else Verdict.INVALID
            self.excuse = self.excuse or (verdict, outcome.error)
        elif outcome.found is tlc.Found.UNDETERMINED:
            self.excuse = self.excuse or (Verdict.UNDETERMINED, outcome.error)
        elif outcome.violated == BOUND:
            self.excuse = self.excuse or (Verdict.UNDETERMINED, "more states than its bound")
        return outcome

    def violation(self, outcome: tlc.Outcome, model: manifest.Model) -> Result | None:
        """The result, if a property of the module is violated."""
        if outcome.violated in (None, BOUND):
            return None
        return self.killed(str(outcome.violated), Means.PROPERTY, model=model.name, depth=outcome.depth)

    def killed(self, by: str, means: Means, *, model: str = "", depth: int = 0) -> Result:
        """It is killed."""
        return Result(
            mutant=self.mutant,
            verdict=Verdict.KILLED,
            by=by,
            means=means,
            model=model,
            depth=depth,
            seconds=self._seconds,
        )

    def unjudged(self) -> Result | None:
        """The result, if TLC could not look: then what it did not find says nothing."""
        return self.unnoticed(Verdict.SURVIVED) if self.excuse else None

    def unnoticed(self, verdict: Verdict) -> Result:
        """Nothing was found, which says as much only if TLC could look."""
        verdict, why = self.excuse or (verdict, "")
        return Result(mutant=self.mutant, verdict=verdict, why=why, seconds=self._seconds)


def _digest(dump: Path) -> str:
    with dump.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _equal(one: dot.Graph, other: dot.Graph) -> bool:
    """The same states and steps, in whatever order they were found."""
    if one == other:
        return True
    return one.initial == other.initial and one.states == other.states and one.edges == other.edges


def _labels(graph: dot.Graph) -> set[str]:
    return {label for _, label, _ in graph.steps}


def _marks(graph: dot.Graph) -> frozenset[str]:
    """All names that some state of a marked graph is marked with."""
    return frozenset().union(*(state[-1] for state in graph.states))  # type: ignore[arg-type]  # sets of names


def bounded(text: str, most: int) -> str:
    """A module with one more invariant, `MutantBound`: it has no more states than this."""
    extended = re.sub(r"^EXTENDS ", "EXTENDS TLC, ", text, count=1, flags=re.MULTILINE)
    body, closing, rest = extended.rpartition("\n====")
    return f'{body}\n\n{BOUND} == TLCGet("distinct") <= {most}\n{closing}{rest}'


def marked(text: str, variables: Sequence[str], names: Sequence[str]) -> str:
    """A module with one more variable: which of these predicates are false now, as a set of names.

    So one search answers of all of them whether they are ever false.
    """
    cases = " [] ".join(f'name = "{name}" -> {name}' for name in names) or "TRUE -> TRUE"
    state = ", ".join((*variables, MARKS))
    among = "{" + ", ".join(f'"{name}"' for name in names) + "}"
    body, closing, rest = text.rpartition("\n====")
    added = [
        f"VARIABLE {MARKS}",
        f"{MARKS}_now == {{name \\in {among} : ~(CASE {cases})}}",
        f"{MARKED.format('Init')} == Init /\\ {MARKS} = {MARKS}_now",
        f"{MARKED.format(NEXT)} == {NEXT} /\\ {MARKS}' = {MARKS}_now'",
        f"{MARKED.format(SAFETY)} == {MARKED.format('Init')} /\\ [][{MARKED.format(NEXT)}]_<<{state}>>",
    ]
    return "\n\n".join([body, *added]) + f"\n{closing}{rest}"


# ---------------------------------------------------------------------------------------------
# By hand
# ---------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Command line: 0 if every mutant is killed, equivalent or invalid, 1 if not, 2 if it cannot be tried."""
    parser = argparse.ArgumentParser(
        prog="python -m jurat_audit.mutants",
        description="mutants of the specification; without an option those of the default profile",
    )
    parser.add_argument(
        "--all", action="store_true", help="every mutant, and not those of the default profile"
    )
    parser.add_argument("--module", action="append", help="every mutant of this module; may be repeated")
    parser.add_argument("--id", action="append", help="this mutant; may be repeated")
    parser.add_argument("--list", action="store_true", help="say what they are, and ask TLC nothing")
    chosen = parser.parse_args(arguments)
    root = project_root()
    try:
        models = manifest.load(root / "tla")
        mutants = _chosen(models, chosen)
        if chosen.list:
            sys.stdout.write("".join(f"{mutant.id}: {mutant.says}\n" for mutant in mutants))
            return 0
        with shown("mutants", sys.stderr) as progress:
            tool = tlc.locate(answers=root / cache.FOLDER)
            answer = campaign(models, tool, mutants, progress, tell=_say)
    except (AuditError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counts = ", ".join(f"{name} {count:,}" for name, count in answer.figures.items())
    sys.stdout.write("".join(f"{line}\n" for line in (*answer.problems, counts)))
    return 1 if answer.problems else 0


def _say(result: Result) -> None:
    """Two lines: what became of it, and what it is."""
    where = f" in {result.model}" if result.model else ""
    length = f", {result.depth} states" if result.depth else ""
    why = f" ({result.why[:200]})" if result.why else ""
    sys.stdout.write(f"{result.mutant.id}: {result.told}{where}{length}{why}\n    {result.mutant.says}\n")
    sys.stdout.flush()


def _chosen(models: manifest.Manifest, chosen: argparse.Namespace) -> tuple[Mutant, ...]:
    """The mutants that the command line asks for."""
    if strangers := sorted(set(chosen.module or ()) - set(models.modules)):
        raise UsageError(f"unknown module {strangers[0]!r}: the modules are {', '.join(models.modules)}")
    mutants = mutants_of(models, chosen.module)
    if chosen.id:
        if strangers := sorted(set(chosen.id) - {mutant.id for mutant in mutants}):
            raise UsageError(f"unknown mutant {strangers[0]!r}: --list lists them")
        return tuple(mutant for mutant in mutants if mutant.id in chosen.id)
    if chosen.all or chosen.module:
        return mutants
    return select(mutants, subject_of(project_root()).source_digest)


if __name__ == "__main__":
    sys.exit(main())
