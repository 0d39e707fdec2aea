"""Whether TLA+ and Python mean the same by each predicate.

The graphs of a module and of its twin are equal, so both are the same rule.  Their properties
are written twice as well, and on reachable states all of them are true, in either language and
by whatever mistake.  So they are compared where they are false: on random states, and pairs of
states, that no behaviour need ever reach (`samples`).

For each module TLC is given one module more, which extends it and holds the samples as numbers:
a table of values for each variable, and for each state a row of places in these tables.  Its
initial states are the samples before; from each there is one step, to the sample after, which
notes in a variable of its own the truth of every invariant of the one, and of every property of
the step.  TLC writes that graph down, and Python says what it thinks of the same states.

Agreement means something only where a predicate is true of some samples and false of others, so
each must be so in one of a hundred at least.  TypeOK is asked of states with one field out of
its type as well.  A few predicates are true of every state, because the rule itself makes them
so: they are asked of a rule that is wrong, in both languages in the same way (`TWISTS`).

On the way is seen which predicates imply which others, in every sample; that is no proof, and
is tabulated because a property that follows from another shows nothing of its own.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from jurat_spec import fanout, lifecycle, queues, registry

from . import compare, manifest, tlc
from .samples import SUBJECTS, TYPE_OK, Subject, drawn, mistyped
from .tlaplus import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from jurat_spec.machine import Law
    from jurat_spec.search import Machine

    from .link import Progress
    from .samples import Pair, State

    Twin = Callable[[Mapping[str, Any]], Machine[Any]]

LEAST_SHARE = 100
"""One of so many samples must be true, and one false."""
PART = 10_000
"""Samples that one run of TLC is given: more would need more memory than time."""
MISTYPED = 10
"""One of so many samples is drawn once more with a field out of its type, for TypeOK."""
JOBS = 2

_MODULE = "Agreement"
_CHUNK = 500
_BITS = 28
"""Predicates whose truth is one number."""
_ANSWER = re.compile(r"<<\d+(, \d+)+>>")
_NUMBER = re.compile(r"\d+")
_RADIX = 2**30
"""Places of several tables are one number, as long as it stays below this: TLC's have 32 bits."""


@dataclass(slots=True)
class Row:
    """A predicate, and what was found."""

    module: str
    name: str
    kind: str
    samples: int = 0
    true: int = 0
    differ: int = 0
    twisted: bool = False

    @property
    def rarer(self) -> int:
        """Samples with the rarer answer."""
        return min(self.true, self.samples - self.true)

    @property
    def says_nothing(self) -> bool:
        """Whether one of the answers is too rare."""
        return self.rarer * LEAST_SHARE < self.samples

    @property
    def agrees(self) -> bool:
        """Whether both said the same of every sample, and said both things."""
        return self.differ == 0 and not self.says_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The answers of all modules."""

    rows: tuple[Row, ...]
    implied: tuple[tuple[str, str, str, int], ...]
    """Module, predicate, what it implies in every sample, and of how many samples that was false."""
    problems: tuple[str, ...]
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, int | str]:
        """Counts, for the link."""
        return {
            "predicates": sum(row.agrees for row in self.rows if not row.twisted),
            "predicates_of_a_wrong_rule": sum(row.agrees for row in self.rows if row.twisted),
            "samples": min((row.samples for row in self.rows), default=0),
            "least_per_mille": min((1000 * row.rarer // row.samples for row in self.rows), default=0),
        }

    @property
    def tables(self) -> list[dict[str, Any]]:
        """For the page."""
        return [
            {
                "title": "Predicates, in TLA+ and in Python, on random states and pairs of states",
                "columns": ["module", "predicate", "of", "samples", "true", "false", "the same"],
                "rows": [
                    [
                        row.module,
                        row.name + (" (of a wrong rule)" if row.twisted else ""),
                        row.kind,
                        row.samples,
                        row.true,
                        row.samples - row.true,
                        "no" if row.differ else "yes",
                    ]
                    for row in self.rows
                ],
            },
            {
                "title": "Predicates that imply another in every sample",
                "columns": ["module", "if this is true", "then this", "which was false of so many samples"],
                "rows": [list(each) for each in self.implied],
            },
        ]


# ---------------------------------------------------------------------------------------------
# Rules that are wrong, on purpose
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """Predicates that are true of every state of the right rule, and a rule of which they are not."""

    module: str
    names: tuple[str, ...]
    edits: tuple[manifest.Edit, ...]
    twist: Callable[[Machine[Any]], AbstractContextManager[Machine[Any]]]
    """The same edits in Python, while it lasts: a machine that is wrong."""


@contextmanager
def _rows_changed(machine: Machine[Any]) -> Iterator[Machine[Any]]:
    """No row for a function that raises in a drain, and two rows for one that returns late.

    And a few rows that nobody can take once a grace is spent.
    """
    rows = lifecycle.ACTIONS
    kept = dict(rows)

    def without(name: str, guard: lifecycle.Guard) -> None:
        guards = tuple(each for each in rows[name].guards if each.sentence != guard.sentence)
        rows[name] = replace(rows[name], guards=guards)

    without("Complete", ~lifecycle.late)
    without("GraceSpent", ~lifecycle.grace_spent)

    def also(name: str, test: Callable[[Any, Any, Any], bool]) -> None:
        rows[name] = replace(rows[name], guards=(*rows[name].guards, lifecycle.Guard("a mistake", test)))

    also("Fail", lambda w, t, x: w.phase != "draining")
    also("Reject", lambda w, t, x: x != "closed" or not w.grace_spent)
    for name in ("StopNow", "Expire", "Start"):
        also(name, lambda w, t, x: not w.grace_spent)
    try:
        yield machine
    finally:
        rows.update(kept)


@contextmanager
def _instead(kind: type[Any], machine: Machine[Any]) -> Iterator[Machine[Any]]:
    """The same constants in another kind of machine."""
    names = getattr(machine, "__dataclass_fields__", {})
    yield kind(**{name: getattr(machine, name) for name in names})


class OnlyTheFirst(registry.Registry):
    """A registry in which a task on its thread holds up all that ended after it."""

    def evictable(self, s: registry.State) -> int | None:
        """The first to end, or nothing."""
        task = registry.Registry.evictable(self, s)
        return task if s.ended and s.ended[0] == task else None


class Waiting(fanout.Fanout):
    """A fan-out in which every offer waits for room, whatever the policy."""

    def offer(self, s: fanout.State, number: int) -> tuple[str, fanout.State]:
        """A full buffer blocks."""
        label, after = fanout.Fanout.offer(self, s, number)
        return label if label == "Put" else "GiveUp", after


class AnyOne(queues.Queues):
    """Queues of which any that has a task may give the next start, if nothing is paused."""

    def successors(self, s: queues.State) -> Iterator[tuple[str, queues.State]]:
        """A start of each."""
        if not s.paused:
            for number in self.eligible(s):
                yield "Start", self.start(s, number)


class PausesAgain(queues.Queues):
    """Queues of which one that is paused can be paused once more."""

    def successors(self, s: queues.State) -> Iterator[tuple[str, queues.State]]:
        """What may follow, and a pause that changes nothing."""
        yield from queues.Queues.successors(self, s)
        if not s.draining and any(number <= self.pausable for number in s.paused):
            yield "Pause", s


def _edit(definition: str, text: str, by: str) -> manifest.Edit:
    return manifest.Edit(definition=definition, replace=text, by=by)


TWISTS: tuple[Twist, ...] = (
    Twist(
        module="Lifecycle",
        names=(
            "OutcomeTotal",
            "OutcomeUnique",
            "EveryRequestIsAnswered",
            "EveryRequestIsHeard",
            "EveryReturnIsRecorded",
            "NothingIsStuck",
            "EveryEventIsNews",
            "WorkConserving",
        ),
        edits=(
            _edit("RejectClosed", "RejectClosed ==", "RejectClosed == ~grace_spent /\\"),
            _edit("StopNow", "StopNow       ==", "StopNow       == ~grace_spent /\\"),
            _edit("Expire", "/\\ overdue[t]", "/\\ overdue[t] /\\ ~grace_spent"),
            _edit("Start", "/\\ MayStart(t)", "/\\ MayStart(t) /\\ ~grace_spent"),
            _edit("GraceSpent", "/\\ ~grace_spent\n", "/\\ TRUE\n"),
            _edit("FailApplies", "~Requested(t)", '~Requested(t) /\\ phase # "draining"'),
            _edit("CompleteApplies", "~Late(t) /\\ o.kind", "o.kind"),
        ),
        twist=_rows_changed,
    ),
    Twist(
        module="Registry",
        names=("OverLimitImpliesEvictEnabled",),
        edits=(_edit("Evict", "/\\ IsFirst(t)", "/\\ Len(ended) > 0 /\\ t = ended[1] /\\ IsFirst(t)"),),
        twist=partial(_instead, OnlyTheFirst),
    ),
    Twist(
        module="Fanout",
        names=("DropPoliciesNeverBlock",),
        edits=(
            _edit("DropOldest", 'Policy(s) = "drop_oldest"', "FALSE"),
            _edit("DropNewest", 'Policy(s) = "drop_newest"', "FALSE"),
        ),
        twist=partial(_instead, Waiting),
    ),
    Twist(
        module="Queues",
        names=("BlockedBlocksNobody", "StartIsDecided"),
        edits=(_edit("Start", "/\\ IsNext(q)", "/\\ Eligible(q) /\\ paused = {}"),),
        twist=partial(_instead, AnyOne),
    ),
    Twist(
        module="Queues",
        names=("EveryEventIsNews",),
        edits=(_edit("Pause", "q <= Pausable /\\ q \\notin paused", "q <= Pausable"),),
        twist=partial(_instead, PausesAgain),
    ),
)
"""Each with the only predicates that the right rule makes true of every state."""


# ---------------------------------------------------------------------------------------------
# The module that holds the samples
# ---------------------------------------------------------------------------------------------


class _Table:
    """The values of one variable, each once, as TLA+ writes them."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """Where in the table the value is, from 0.  True and 1 are two values, as in TLA+."""
        return self.places.setdefault(written(value), len(self.places))

    def text(self) -> str:
        """As a sequence."""
        return _sequence(list(self.places))


def _sequence(values: Sequence[str]) -> str:
    return "<<" + ", ".join(values) + ">>"


def written(value: Any) -> str:
    """A value as TLA+ writes it."""
    match value:
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case str():
            return f'"{value}"'
        case tuple():
            return "<<" + ", ".join(map(written, value)) + ">>"
        case frozenset():
            return "{" + ", ".join(sorted(map(written, value))) + "}"
    raise TypeError(f"no TLA+ value is like {value!r}")


def _groups(tables: Sequence[_Table]) -> list[list[int]]:
    """Variables, by their places, whose places in the tables fit together into one number."""
    groups: list[list[int]] = []
    size = _RADIX
    for number, table in enumerate(tables):
        count = max(1, len(table.places))
        if size * count >= _RADIX:
            groups.append([])
            size = 1
        groups[-1].append(number)
        size *= count
    return groups


def boxed(module: Module, name: str) -> str:
    """What an action property says of a step: P, or that nothing changes, of `Name == [][P]_vars`.

    P keeps its columns, by which TLA+ tells the items of one list from those of another.
    """
    place = module.definitions.get(name)
    definition = module.text[place.start : place.end].rstrip() if place else ""
    found = re.fullmatch(rf"{name}\s*== \[\]\[(.*)\]_(vars|<<[^>]*>>)", definition, re.DOTALL)
    if found is None:
        raise manifest.ManifestError(f"{name} is not written as [][P]_vars")
    column = " " * found.start(1)
    return f"{name}_Box ==\n{column}{found[1]}\n{name}_Step == {name}_Box \\/ UNCHANGED {found[2]}"


def _bits(names: Sequence[str]) -> str:
    """These predicates as numbers that TLC can hold, so that a line has room for all of them."""
    parts = [names[at : at + _BITS] for at in range(0, len(names), _BITS)]
    return ", ".join(
        " + ".join(f"(IF {name} THEN {2**place} ELSE 0)" for place, name in enumerate(part)) for part in parts
    )


def module_of(
    module: manifest.Module,
    text: str,
    invariants: Sequence[str],
    steps: Sequence[str],
    pairs: Sequence[Pair],
    odd: Sequence[State],
) -> str:
    """The text of a module that extends another, with these pairs, and these states that have no type."""
    tables = [_Table() for _ in module.variables]

    def row(state: State) -> list[int]:
        return [table.place(value) for table, value in zip(tables, state, strict=True)]

    asked = [state for pair in pairs for state in (pair if steps else pair[:1])]
    rows = [row(state) for state in (*asked, *odd)]
    groups = _groups(tables)
    packed = []
    for each in rows:
        numbers = []
        for group in groups:
            number = 0
            for place in reversed(group):
                number = number * max(1, len(tables[place].places)) + each[place]
            numbers.append(str(number))
        packed.append(_sequence(numbers))
    chunks = [packed[at : at + _CHUNK] for at in range(0, len(packed), _CHUNK)]
    lines = [
        f"---- MODULE {_MODULE} ----",
        f"EXTENDS {module.name}, Integers, Sequences, TLC",
        "VARIABLES sample",
    ]
    lines += [f"Chunk{number} == {_sequence(chunk)}" for number, chunk in enumerate(chunks, start=1)]
    lines.append(f"Chunks == {_sequence([f'Chunk{number}' for number in range(1, len(chunks) + 1)])}")
    lines.append(f"Row(i) == Chunks[((i - 1) \\div {_CHUNK}) + 1][((i - 1) % {_CHUNK}) + 1]")
    for number, table in enumerate(tables):
        lines.append(f"Table{number} == {table.text()}")
    for group_number, group in enumerate(groups, start=1):
        below = 1
        for place in group:
            size = max(1, len(tables[place].places))
            lines.append(
                f"At{place}(row) == Table{place}[((row[{group_number}] \\div {below}) % {size}) + 1]"
            )
            below *= size
    rule = Module(module.name, text)
    lines += [boxed(rule, name) for name in steps]
    before = [f"/\\ {name} = At{place}(Row(sample))" for place, name in enumerate(module.variables)]
    after = [f"/\\ {name}' = At{place}(Row(sample'))" for place, name in enumerate(module.variables)]
    stride, last = (2, 2 * len(pairs)) if steps else (1, len(pairs))
    names = [*invariants, *(f"{name}_Step" for name in steps)]
    lines += [
        f"Samples == {{i \\in 1..{last} : (i - 1) % {stride} = 0}}",
        f"Begins == /\\ sample \\in Samples \\cup ({last + 1}..{len(rows)})",
        *(f"          {line}" for line in before),
        f"Judges == /\\ sample' = IF sample <= {last} THEN sample + {stride - 1} ELSE sample",
        *(f"          {line}" for line in after),
        "          /\\ IF sample \\in Samples",
        f"             THEN PrintT(<<sample, {_bits(names)}>>)",
        f"             ELSE sample > {last} /\\ PrintT(<<sample, {_bits([TYPE_OK])}>>)",
        f"Sampling == Begins /\\ [][Judges]_<<sample, {', '.join(module.variables)}>>",
        "====",
    ]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------
# Asking both
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A part of the samples of a module, for the right rule or for a twisted one."""

    subject: Subject
    module: manifest.Module
    text: str
    machine: Machine[Any]
    invariants: tuple[str, ...]
    steps: tuple[str, ...]
    pairs: tuple[Pair, ...]
    odd: tuple[State, ...]
    twist: Twist | None


def agree(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    twins: Mapping[str, Twin],
    count: int,
    progress: Progress,
    *,
    subjects: Sequence[Subject] = SUBJECTS,
) -> Agreement:
    """Compare so many samples of each predicate of each module."""
    questions = [each for subject in subjects for each in _questions(models, twins, subject, count)]
    progress.step(f"{len(questions)} runs of TLC over random states")
    progress.total(len(questions))
    rows: dict[tuple[str, str], Row] = {}
    seen: dict[str, list[dict[str, bool]]] = {subject.module: [] for subject in subjects}
    problems: list[str] = []
    timings: dict[str, float] = {}
    with ThreadPoolExecutor(JOBS) as pool:
        try:
            answers = pool.map(lambda each: _asked(models, tool, each), questions)
            for question, (outcome, answer) in zip(questions, answers, strict=True):
                name = f"{question.module.name}: {len(timings) + 1}"
                timings[name] = round(outcome.seconds, 3)
                if answer is None:
                    said = outcome.error or str(outcome.found)
                    problems.append(f"{question.module.name}: TLC has no answer about random states: {said}")
                else:
                    problems += _held(question, answer, rows, seen[question.module.name])
                progress.advance()
        finally:
            pool.shutdown(cancel_futures=True)
    problems += [
        f"{row.module}: {row.name} is the same of nearly every sample, which says nothing"
        for row in rows.values()
        if row.says_nothing
    ]
    return Agreement(
        rows=tuple(rows.values()),
        implied=tuple(_implied(seen)),
        problems=tuple(problems),
        timings=timings,
    )


def _questions(
    models: manifest.Manifest, twins: Mapping[str, Twin], subject: Subject, count: int
) -> Iterator[Question]:
    module, text = models.modules[subject.module], models.sources[subject.module]
    constants = {**module.defaults, **subject.constants}
    machine = twins[subject.module](constants)
    subject = replace(subject, constants=constants)
    random = Random(f"agreement of {subject.module}")
    twists = [twist for twist in TWISTS if twist.module == subject.module]
    apart = {name for twist in twists for name in twist.names}
    invariants = tuple(name for name in module.invariants if name not in apart)
    pairs = drawn(subject, machine, random, count)
    for at in range(0, count, PART):
        part = tuple(pairs[at : at + PART])
        odd = tuple(
            wrong for before, _ in part[::MISTYPED] if (wrong := mistyped(before, random)) is not None
        )
        whole = Question(
            subject=subject,
            module=module,
            text=text,
            machine=machine,
            invariants=invariants,
            steps=module.action_properties,
            pairs=part,
            odd=odd,
            twist=None,
        )
        yield whole
        for twist in twists:
            twisted = text
            for edit in twist.edits:
                twisted = manifest.edited_text(twisted, edit, subject.module)
            yield replace(whole, text=twisted, invariants=twist.names, steps=(), odd=(), twist=twist)


def _asked(
    models: manifest.Manifest, tool: tlc.Tlc, question: Question
) -> tuple[tlc.Outcome, dict[int, tuple[bool, ...]] | None]:
    """What TLC thinks of each sample, by its number."""
    module = question.module
    text = module_of(module, question.text, question.invariants, question.steps, question.pairs, question.odd)
    check = tlc.Check(
        module=_MODULE,
        sources={**models.sources, module.name: question.text, _MODULE: text},
        constants=question.subject.constants,
        specification="Sampling",
        brief=True,
    )
    outcome = tlc.run(tool, check)
    if not outcome.complete:
        return outcome, None
    answers = {}
    for line in outcome.printed:
        if _ANSWER.fullmatch(line):
            sample, *numbers = map(int, _NUMBER.findall(line))
            answers[sample] = tuple(bool(number >> place & 1) for number in numbers for place in range(_BITS))
    return outcome, answers


def _held(
    question: Question,
    answer: Mapping[int, tuple[bool, ...]],
    rows: dict[tuple[str, str], Row],
    seen: list[dict[str, bool]],
) -> list[str]:
    """Python's opinion of the same samples, and where it is another."""
    names = (*question.invariants, *question.steps)
    laws = {law.name: law for law in (*question.subject.laws.invariants, *question.subject.laws.of_steps)}
    problems: list[str] = []
    with ExitStack() as stack:
        machine = question.machine
        if question.twist is not None:
            machine = stack.enter_context(question.twist.twist(machine))
        stride = 2 if question.steps else 1
        for number, (before, after) in enumerate(question.pairs):
            truth = answer.get(number * stride + 1)
            if truth is None or len(truth) < len(names):
                problems.append(f"{question.module.name}: TLC has not judged sample {number + 1}")
                break
            still = before == after  # of which [][P]_vars says nothing
            mine = {name: laws[name].holds(machine, before, before) for name in question.invariants}
            mine |= {name: still or laws[name].holds(machine, before, after) for name in question.steps}
            if question.twist is None:
                seen.append(mine)
            for name, its in zip(names, truth, strict=False):
                _count(question, rows, laws[name], mine[name], its, before, after, problems)
        for number, state in enumerate(question.odd, start=stride * len(question.pairs) + 1):
            law, truth = laws[TYPE_OK], answer.get(number)
            if truth is None:
                problems.append(f"{question.module.name}: TLC has not judged sample {number}")
                break
            _count(question, rows, law, law.holds(machine, state, state), truth[0], state, state, problems)
    return problems


def _count(
    question: Question,
    rows: dict[tuple[str, str], Row],
    law: Law[Any, Any],
    mine: bool,  # noqa: FBT001 - two opinions
    its: bool,  # noqa: FBT001
    before: State,
    after: State,
    problems: list[str],
) -> None:
    module = question.module
    kind = "states" if law.name in question.invariants else "steps"
    row = rows.setdefault(
        (module.name, law.name), Row(module.name, law.name, kind, twisted=question.twist is not None)
    )
    row.samples += 1
    row.true += its
    if mine != its:
        row.differ += 1
        if row.differ == 1:
            problems.append(f"{module.name}: {law.name} is {its} in TLA+ and {mine} in Python")
            problems.append(f"  of {compare.show(before, module.variables)}")
            if kind == "steps":
                problems.append(f"  then {compare.show_change(before, after, module.variables)}")


def _implied(seen: Mapping[str, list[dict[str, bool]]]) -> Iterator[tuple[str, str, str, int]]:
    """Predicates that were never true where another was false."""
    for module, samples in seen.items():
        if not samples:
            continue
        names = [name for name in samples[0] if name != TYPE_OK]
        false = {name: {at for at, each in enumerate(samples) if not each[name]} for name in names}
        for name in names:
            for other in names:
                if name != other and false[other] and false[other] <= false[name]:
                    yield module, name, other, len(false[other])
