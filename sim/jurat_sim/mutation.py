"""Mutation: the worker with one small change at a time, and what the bench says of each.

Checks that hold say little until it is known what they would catch.  So the worker's concurrent
modules are changed in every small way that the list of `Operator` knows, and each *mutant* is run
through every scenario, a few schedules each, first at the grain of the seam and then at that of
accesses.  It is *killed* by the first run that breaks a property.  It was *cut short* if the step
bound, or the limit of its process, ended a run and nothing else was found: mutants livelock, and
that is counted apart.  Otherwise it has *survived*: it is equivalent, or it needs what no scenario
reaches, or a check is missing.  Which of these it is, a person says.

    python -m jurat_sim.mutation --every 3
    python -m jurat_sim.mutation --module _steps --function admit
    python -m jurat_sim.mutation --id _steps.admit.lock-dropped.1 --seam 2000

A mutant is known by its module, function, operator and ordinal, so a change of another function
leaves its name as it is.  Each runs in a process of its own, one at a time, since a mutant may spin
where the bench has no switch point.  This needs a machine that can fork, and that says in `/proc` how
large a process is.

Prior art: mutmut and cosmic-ray for the operators that any program has; the concurrent ones (locks
dropped and narrowed, wake-ups lost) are those of ConMAn, Bradbury, Cordy and Dingel, "Mutation
operators for concurrent Java", Mutation 2006.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import signal
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from .bench import Bench
from .build import Patch, load, source_of
from .checks import STEP_BOUND
from .errors import BenchError, UnknownMutant
from .explore import strategy_for
from .findings import Finding
from .scenarios import SCENARIOS
from .tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .runtime import Strategy

MODULES = ("_steps", "_choose", "_threads", "_opening", "_results", "_follower", "_retries", "_batch")
"""The modules that are changed: what threads do to what they share."""

SEAM, ACCESS = 150, 40
"""How many schedules a mutant is given at each grain, shared out among the scenarios."""
CPU_SECONDS = 10
"""After so much work a mutant that has not come to an end is cut short."""
MEMORY_BYTES = 2 << 30
"""After it has taken so much more than its process was forked with, it is cut short as well."""
PATIENCE = 3
"""After so many runs that reached the step bound, no more are made."""


class Operator(StrEnum):
    """The ways in which a function is changed."""

    LOCK_DROPPED = "lock-dropped"  # a `with lock` is gone, what was in it stays
    NARROWED_BEFORE = "narrowed-before"  # the first statement of a section is before it
    NARROWED_AFTER = "narrowed-after"  # a last statement of a section is after it
    GATE_DROPPED = "gate-dropped"  # a gate is not opened
    LOOP_SHORTENED = "loop-shortened"  # a loop leaves the first item out
    ALWAYS = "always"  # a condition is true
    NEVER = "never"  # a condition is false
    TERM_DROPPED = "term-dropped"  # a condition lacks one of its terms
    OFF_BY_ONE = "off-by-one"  # < is <=, > is >=; and back
    FLAG_DROPPED = "flag-dropped"  # a field is not set to True, False or None
    DELETED = "deleted"  # another statement with an effect is gone
    SWAPPED = "swapped"  # two statements that depend on each other are the other way round


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"  # a run broke a property
    CUT_SHORT = "cut short"  # a run did not come to an end, and nothing else was found
    SURVIVED = "survived"  # every run was in order
    INVALID = "invalid"  # it cannot be imported: a fault of the mutator, and no verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A module with one change."""

    id: str
    """`module.function.operator.ordinal`."""
    module: str
    function: str
    operator: Operator
    line: int
    says: str
    """What is changed: the code that it concerns, in one line."""
    text: str = field(repr=False)
    """The module, changed."""

    @property
    def patch(self) -> Patch:
        """The change, as of the whole module."""
        return Patch(self.module, source_of(self.module), self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a mutant, and what found it."""

    id: str
    operator: str
    line: int
    says: str
    verdict: str
    property: str = ""
    message: str = ""
    scenario: str = ""
    grain: str = ""
    schedules: int = 0
    """Runs made, of all scenarios, up to the one that decided."""


# ---------------------------------------------------------------------------------- the mutants


@dataclass(frozen=True, slots=True)
class _Edit:
    """`node.field` is `value` instead."""

    operator: Operator
    line: int
    says: str
    node: ast.AST
    field: str
    value: Any


def mutants(module: str, of: str | None = None) -> Iterator[Mutant]:
    """Every mutant of this module of the worker, in the order of the source; or those of one function."""
    source = source_of(module)
    for name, function in _functions(ast.parse(source)):
        if of not in (None, name):
            continue
        ordinals: Counter[Operator] = Counter()
        for edit in _edits(function):
            before = getattr(edit.node, edit.field)
            setattr(edit.node, edit.field, edit.value)
            text = _spliced(source, function)
            setattr(edit.node, edit.field, before)
            ordinals[edit.operator] += 1
            yield Mutant(
                id=f"{module}.{name}.{edit.operator}.{ordinals[edit.operator]}",
                module=module,
                function=name,
                operator=edit.operator,
                line=edit.line,
                says=edit.says,
                text=text,
            )


def _spliced(source: str, function: ast.FunctionDef) -> str:
    """The source with this function as it is now."""
    lines = source.splitlines(keepends=True)
    new = indent(ast.unparse(ast.fix_missing_locations(function)), " " * function.col_offset)
    return "".join((*lines[: function.lineno - 1], new, "\n", *lines[function.end_lineno :]))


def mutants_named(ids: Collection[str]) -> list[Mutant]:
    """The mutants with these ids, function by function; `UnknownMutant` if one does not exist."""
    wanted = {(module, function) for module, function, _, _ in map(_parts, ids) if module in MODULES}
    found = [mutant for module, of in sorted(wanted) for mutant in mutants(module, of) if mutant.id in ids]
    missing = sorted(set(ids) - {mutant.id for mutant in found})
    if missing:
        raise UnknownMutant(missing[0])
    return found


def _parts(id: str) -> tuple[str, str, str, str]:
    """Module, function (which may be a method: `Class.method`), operator and ordinal."""
    module, _, rest = id.partition(".")
    function, operator, ordinal = ("..", *rest.rsplit(".", 2))[-3:]
    return module, function, operator, ordinal


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                    yield f"{node.name}.{method.name}", method


def _edits(function: ast.FunctionDef) -> Iterator[_Edit]:
    for node in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield from _of_block(node, name, block)
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield from _of_test(node, node.test)
        if isinstance(node, ast.BoolOp) and len(node.values) > 1:
            for place, term in enumerate(node.values):
                rest = node.values[:place] + node.values[place + 1 :]
                yield _Edit(
                    Operator.TERM_DROPPED, node.lineno, f"without {_code(term)}", node, "values", rest
                )
        if (
            isinstance(node, ast.Compare)
            and type(node.ops[0]) in _NEIGHBOURS
            and _code(node) not in (*_SETTLED, "now < core.last_ns")
        ):
            other = _NEIGHBOURS[type(node.ops[0])]()
            yield _Edit(Operator.OFF_BY_ONE, node.lineno, _code(node), node, "ops", [other, *node.ops[1:]])
        if isinstance(node, ast.For):
            yield _Edit(
                Operator.LOOP_SHORTENED, node.lineno, _code(node), node, "iter", _without_first(node.iter)
            )


_NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def _of_test(node: ast.If | ast.While | ast.IfExp, test: ast.expr) -> Iterator[_Edit]:
    if not isinstance(test, ast.Constant) and _code(test) not in _SETTLED:
        yield _Edit(Operator.ALWAYS, node.lineno, _code(test), node, "test", ast.Constant(True))
        yield _Edit(Operator.NEVER, node.lineno, _code(test), node, "test", ast.Constant(False))


_SETTLED = ("log is not None", "first >= FRONT", "head >= FRONT")
"""Conditions that the bench settles: it always keeps a log, and no list of its grows to `FRONT`."""


def _of_block(node: ast.AST, name: str, block: list[ast.stmt]) -> Iterator[_Edit]:
    for place, statement in enumerate(block):
        before, after = block[:place], block[place + 1 :]
        if _is_section(statement):
            yield from _of_section(node, name, before, statement, after)
        operator = _deletion(statement)
        if operator is not None:
            left = [*before, *after] or [ast.Pass()]
            yield _Edit(operator, statement.lineno, _code(statement), node, name, left)
        if after and _depend(statement, after[0]):
            swapped = [*before, after[0], statement, *after[1:]]
            says = f"{_code(after[0])}; {_code(statement)}"
            yield _Edit(Operator.SWAPPED, statement.lineno, says, node, name, swapped)


def _is_section(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.With):
        return False
    lock = statement.items[0].context_expr
    return isinstance(lock, ast.Attribute) and lock.attr in ("lock", "_lock", "choosing")


def _of_section(
    node: ast.AST, name: str, before: list[ast.stmt], section: Any, after: list[ast.stmt]
) -> Iterator[_Edit]:
    body: list[ast.stmt] = section.body
    dropped = [*before, *body, *after]
    yield _Edit(Operator.LOCK_DROPPED, section.lineno, _code(section), node, name, dropped)
    if len(body) > 1:
        rest = ast.With(items=section.items, body=body[1:])
        yield _Edit(
            Operator.NARROWED_BEFORE,
            body[0].lineno,
            _code(body[0]),
            node,
            name,
            [*before, body[0], rest, *after],
        )
    for place, (inside, last) in enumerate(_tails(body)):
        if inside is body and len(body) == 1:
            continue
        flag = f"narrowed_{place}"
        shorter = ast.With(items=section.items, body=_with_last(body, inside, _assignment(flag, value=True)))
        late = ast.If(test=ast.Name(flag, ast.Load()), body=[last], orelse=[])
        whole = [*before, _assignment(flag, value=False), shorter, late, *after]
        yield _Edit(Operator.NARROWED_AFTER, last.lineno, _code(last), node, name, whole)


def _tails(block: list[ast.stmt]) -> Iterator[tuple[list[ast.stmt], ast.stmt]]:
    """The statements after which a section is left, with their blocks."""
    last = block[-1]
    if isinstance(last, ast.If):
        yield from _tails(last.body)
        if last.orelse:
            yield from _tails(last.orelse)
    elif isinstance(last, ast.Assign | ast.AugAssign | ast.Delete):
        yield block, last


def _with_last(block: list[ast.stmt], inside: list[ast.stmt], other: ast.stmt) -> list[ast.stmt]:
    """A copy of a block in which the last statement of `inside` is another."""
    if block is inside:
        return [*block[:-1], other]
    last = block[-1]
    if not isinstance(last, ast.If):
        return block
    body, orelse = (_with_last(part, inside, other) if part else [] for part in (last.body, last.orelse))
    return [*block[:-1], ast.If(test=last.test, body=body, orelse=orelse)]


def _assignment(name: str, *, value: bool) -> ast.stmt:
    return ast.Assign(targets=[ast.Name(name, ast.Store())], value=ast.Constant(value))


def _deletion(statement: ast.stmt) -> Operator | None:
    """How leaving this statement out is called; None if it is not worth it, as for a local variable."""
    if isinstance(statement, ast.Expr):
        call = statement.value
        if not isinstance(call, ast.Call):
            return None
        opens = isinstance(call.func, ast.Attribute) and call.func.attr == "open"
        opens = opens or (isinstance(call.func, ast.Name) and call.func.id in ("_open", "open_ended", "tell"))
        return Operator.GATE_DROPPED if opens else Operator.DELETED
    if isinstance(statement, ast.Delete):
        return None if isinstance(statement.targets[0], ast.Name) else Operator.DELETED
    if isinstance(statement, ast.AugAssign):
        return Operator.DELETED
    if isinstance(statement, ast.Assign) and not isinstance(statement.targets[0], ast.Name):
        value = statement.value
        is_flag = isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, bool))
        return Operator.FLAG_DROPPED if is_flag else Operator.DELETED
    return None


def _depend(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether the order of two plain statements matters, to this thread or to one that reads on its own."""
    if not _is_plain(first) or not _is_plain(second):
        return False
    reads, writes = zip(*(_uses(it) for it in (first, second)), strict=True)
    local = all(isinstance(_target(it), ast.Name) for it in (first, second))
    seen_by_others = {"_status", "phase", "over", "log"} & {
        name.rpartition(".")[2] for name in writes[0] | writes[1]
    }
    return bool(writes[0] & (reads[1] | writes[1]) or reads[0] & writes[1]) or bool(
        seen_by_others and not local
    )


def _is_plain(statement: ast.stmt) -> bool:
    """Not compound, and no docstring."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    return isinstance(statement, ast.Assign | ast.AugAssign | ast.Delete)


def _target(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, ast.Assign):
        return statement.targets[0]
    return statement.target if isinstance(statement, ast.AugAssign) else None


def _uses(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """What a statement reads and what it writes, by its text.  A call reads and writes its arguments."""
    reads: set[str] = set()
    writes: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            (reads if isinstance(node.ctx, ast.Load) else writes).add(ast.unparse(node))
    if isinstance(statement, ast.AugAssign):
        reads |= writes
    return reads, writes


def _without_first(iterable: ast.expr) -> ast.expr:
    everything = ast.Call(func=ast.Name("list", ast.Load()), args=[iterable], keywords=[])
    return ast.Subscript(
        value=everything, slice=ast.Slice(lower=ast.Constant(1), upper=None, step=None), ctx=ast.Load()
    )


def _code(node: ast.AST) -> str:
    """The first line of the code of this node."""
    return ast.unparse(node).partition("\n")[0]


# -------------------------------------------------------------------------------- what becomes of them


def judge(mutant: Mutant, *, seam: int = SEAM, access: int = ACCESS, scenarios: Sequence[str] = ()) -> Result:
    """Run a mutant, in this process.

    Parameters
    ----------
    seam, access: how many schedules at each grain, in all; the scenarios take turns.
    scenarios: the names of those to run; all if empty.
    """
    made = 0
    short: Result | None = None
    for grain, count in ((Grain.SEAM, seam), (Grain.ACCESS, access)):
        try:
            build = load(name="mutant", patches=(mutant.patch,), grain=grain)
        except Exception as refused:  # noqa: BLE001 - whatever a module raises when it is imported
            return _result(mutant, Verdict.INVALID, message=str(refused))
        names = scenarios or tuple(SCENARIOS)
        with ExitStack() as opened:
            benches = [
                opened.enter_context(Bench(SCENARIOS[name], grain=grain, build=build)) for name in names
            ]
            result = _judge(mutant, benches, strategy_for(grain, 1), count, made)
        if result.verdict == Verdict.KILLED:
            return result
        if result.verdict == Verdict.CUT_SHORT:
            short = short or result
        made = result.schedules
    return short or _result(mutant, Verdict.SURVIVED, schedules=made)


def _judge(mutant: Mutant, benches: Sequence[Bench], walk: Strategy, count: int, made: int) -> Result:
    """So many schedules at one grain, of these scenarios in turn; `made` have been made at another."""
    short = 0
    message = ""
    for number in range(count):
        bench = benches[number % len(benches)]
        found = _broken(bench, walk, number // len(benches))
        if found is None:
            continue
        where = {"scenario": bench.scenario.name, "grain": str(bench.grain), "schedules": made + number + 1}
        if found.property != STEP_BOUND:
            return _result(mutant, Verdict.KILLED, property=found.property, message=found.message, **where)
        short += 1
        if short == PATIENCE:
            return _result(mutant, Verdict.CUT_SHORT, message=found.message, **where)
        message = found.message
    verdict = Verdict.CUT_SHORT if short else Verdict.SURVIVED
    return _result(mutant, verdict, message=message, schedules=made + count)


def _broken(bench: Bench, walk: Strategy, number: int) -> Finding | None:
    """What is wrong with one run, be it with the scenario before its first step."""
    try:
        run = bench.run(walk, number)
    except Exception as escaped:  # noqa: BLE001 - from the worker, in the hands of the scenario or of the checks
        return Finding(f"exception: {type(escaped).__name__}", str(escaped))
    return run.findings[0] if run.findings else None


def _result(mutant: Mutant, verdict: Verdict, **more: Any) -> Result:
    return Result(
        id=mutant.id,
        operator=str(mutant.operator),
        line=mutant.line,
        says=mutant.says,
        verdict=str(verdict),
        **more,
    )


def judge_apart(mutant: Mutant, **budget: Any) -> Result:
    """Run a mutant in a process of its own, whose work has a limit."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        memory = _address_space() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            with os.fdopen(writer, "w") as out:
                json.dump(asdict(judge(mutant, **budget)), out)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if not text:
        ended = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no answer"
        return _result(mutant, Verdict.CUT_SHORT, message=f"its process was ended: {ended}")
    return Result(**json.loads(text))


def _address_space() -> int:
    """How many bytes of addresses this process has, which is what `RLIMIT_AS` limits."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


# -------------------------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge what was asked for, a line each, and count.  The exit status is 0 whatever survives."""
    try:
        return _main(arguments)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m jurat_sim.mutation", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--module", action="append", choices=MODULES, help="only of this module; may be repeated"
    )
    parser.add_argument("--function", help="only of this function")
    parser.add_argument(
        "--operator", action="append", choices=[str(it) for it in Operator], help="only these"
    )
    parser.add_argument("--id", action="append", help="only this mutant; may be repeated")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth mutant")
    parser.add_argument("--first", type=int, default=0, help="the first one of those")
    parser.add_argument("--seam", type=int, default=SEAM, help="schedules at the grain of the seam")
    parser.add_argument("--access", type=int, default=ACCESS, help="schedules at the grain of accesses")
    parser.add_argument("--scenario", action="append", choices=tuple(SCENARIOS), help="only in this scenario")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--json", type=Path, help="append the results to this file, a line each")
    said = parser.parse_args(arguments)
    if said.id:
        chosen = mutants_named(set(said.id))
    else:
        there = [it for module in said.module or MODULES for it in mutants(module, said.function)]
        chosen = [it for it in there if not said.operator or it.operator in said.operator]
        chosen = chosen[said.first :: said.every]
    counted: Counter[str] = Counter()
    for mutant in chosen:
        if said.list:
            _say(f"{mutant.id}:{mutant.line}: {mutant.says}")
            continue
        result = judge_apart(mutant, seam=said.seam, access=said.access, scenarios=tuple(said.scenario or ()))
        counted[result.verdict] += 1
        found = f"  {result.property} in {result.scenario}, {result.schedules}" if result.property else ""
        _say(f"{result.verdict:9} {mutant.id}:{mutant.line}: {mutant.says}{found}")
        if said.json is not None:
            with said.json.open("a") as out:
                out.write(json.dumps(asdict(result)) + "\n")
    _say(", ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items())))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
