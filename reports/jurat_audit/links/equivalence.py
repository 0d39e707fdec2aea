"""The link from the model to the executable specification: two graphs, the same to the last edge.

The rule is written twice, in TLA+ and in Python, because each is needed: TLC proves properties
of the one, and the other replays a log of any length.  A proof about the one is a proof about
the other only if they are the same rule.  So TLC writes down its whole state graph, the search
walks the whole of the Python rule, and the two are compared as sets: initial states, states,
labelled edges.  A guard that is stricter or weaker on either side changes a set.

The configurations are the models of `tla/manifest.json` that say `"compare": true`.  Nothing is
sampled and nothing is hashed: within these bounds equality is a fact, and beyond them a hope.

TLC's graph is that of its one run of the model, with the properties on, which the link `model`
asks for as well; where its answers are kept, the second asks nothing.  If a property fails there,
TLC stops short, and is asked once more without the properties: what differs is to be seen.
The dump is read, the rule searched and the two compared in a process of its own.  No graph ever
leaves it: what comes back are counts, and lines for a person.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from jurat_spec import fanout, lifecycle, limiter, observable, queues, registry, search, view

from .. import agreement, compare, dot, manifest, tlc
from ..errors import ToolError
from ..link import PROFILES, LinkResult, Profile, Progress, Verdict, budget
from ..subject import project_root
from .model import LIMIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

COMMAND = "jurat audit --link equivalence"
LIMITS = (
    "The graphs are equal at these constants; for others it is expected and not shown.",
    "What the graphs leave out, neither side has: instants, arguments, results and error types.",
)


JOBS = 2  # configurations at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much was compared."""

    states: int
    edges: int


LEAST: dict[str, Size] = {
    "default": Size(states=200_000, edges=900_000),
    "deep": Size(states=1_000_000, edges=5_000_000),
}
"""What a profile owes: the configurations that it compares have as many states and edges together."""

SAMPLES: dict[str, int] = {"default": 10_000, "deep": 100_000}
"""Random states, and pairs of states, for each predicate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What came of holding a dump against the search: all that leaves the process that did it."""

    states: int = 0
    edges: int = 0
    depth: int = 0
    """The last three are the search's, not TLC's."""
    lines: tuple[str, ...] = ()
    """How they differ; none if they are equal."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One configuration, and what was found there."""

    model: manifest.Model
    outcome: tlc.Outcome
    held: Held

    @property
    def problems(self) -> tuple[str, ...]:
        """Lines for a person, with the name of the configuration."""
        return tuple(f"{self.model.name}: {line}" for line in self.held.lines)


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Compare TLC's graph with the search's at each configuration of the profile."""
    tool = tlc.locate(answers=profile.answers)
    least = budget(LEAST, profile, "equivalence")
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as processes:
        return check(
            manifest.load(project_root() / "tla"),
            tool,
            progress,
            profile=profile,
            least=least,
            samples=budget(SAMPLES, profile, "equivalence"),
            processes=processes,
        )


def check(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    progress: Progress,
    *,
    profile: Profile = PROFILES["default"],
    least: Size = Size(states=1, edges=1),
    samples: int = 0,
    processes: Executor | None = None,
) -> LinkResult:
    """The same, for any manifest of modules that have a twin; without `processes`, in this one.

    With `samples`, each predicate is compared as well, on so many random states.
    """
    comparisons = list(_comparisons(models, tool, progress, profile, processes))
    equal = [each for each in comparisons if not each.problems]
    compared = Size(
        states=sum(each.held.states for each in equal), edges=sum(each.held.edges for each in equal)
    )
    agreed = agreement.agree(models, tool, TWINS, samples, progress) if samples else None
    figures: dict[str, int | str] = {
        "configurations": len(equal),
        "states": compared.states,
        "edges": compared.edges,
        **(agreed.figures if agreed else {}),
    }
    problems = [line for each in comparisons for line in each.problems]
    if not problems and (compared.states < least.states or compared.edges < least.edges):
        problems.append(
            f"{compared.states:,} states and {compared.edges:,} edges were compared; the profile "
            f"{profile.name} owes {least.states:,} and {least.edges:,}"
        )
    problems += agreed.problems if agreed else ()
    return LinkResult(
        id="equivalence",
        verdict=_verdict(comparisons, problems),
        command=COMMAND,
        summary=_summary(figures, len(comparisons)),
        figures=figures,
        details={
            "tables": [_table(models, comparisons), *(agreed.tables if agreed else ())],
            "limits": list(LIMITS),
        },
        problems=tuple(problems),
        timings=_timings(comparisons) | (agreed.timings if agreed else {}) | tlc.counts(tool),
    )


def _comparisons(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    progress: Progress,
    profile: Profile,
    processes: Executor | None,
) -> Iterator[Comparison]:
    """Each configuration in the order of the manifest; a few are compared at a time, the largest first."""
    chosen = [model for model in models.models_of(profile) if model.compare]
    if not chosen:
        raise manifest.ManifestError(f"{manifest.FILE}: no model is compared")
    limit = budget(LIMIT_SECONDS, profile, "equivalence")

    def compared(model: manifest.Model) -> Comparison:
        with progress.row(model.name):
            comparison = _compared(models, tool, model, limit, processes)
        progress.advance()
        return comparison

    progress.step("configurations")
    progress.total(len(chosen))
    with ThreadPoolExecutor(JOBS) as pool:
        largest_first = sorted(chosen, key=lambda model: model.expect.generated, reverse=True)
        futures = {model.name: pool.submit(compared, model) for model in largest_first}
        try:
            for model in chosen:
                yield futures[model.name].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _compared(
    models: manifest.Manifest, tool: tlc.Tlc, model: manifest.Model, limit: float, processes: Executor | None
) -> Comparison:
    question = models.check(model)
    comparison = _asked(models, tool, model, question, limit, processes)
    if comparison.outcome.violated is None:
        return comparison
    bare = replace(question, invariants=(), properties=())
    return _asked(models, tool, model, bare, limit, processes)


def _asked(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    model: manifest.Model,
    question: tlc.Check,
    limit: float,
    processes: Executor | None,
) -> Comparison:
    with tlc.dumped(tool, question, limit_seconds=limit) as (outcome, dump):
        if dump is not None and outcome.complete:
            variables = models.modules[model.module].variables
            held = _held(processes, model, dump, variables, outcome)
        else:
            held = Held(lines=(f"TLC has no graph: {outcome.found} {outcome.error}",))
    return Comparison(model=model, outcome=outcome, held=held)


def _held(
    processes: Executor | None,
    model: manifest.Model,
    dump: Path,
    variables: tuple[str, ...],
    outcome: tlc.Outcome,
) -> Held:
    if processes is None:
        return hold(model, dump, variables, outcome)
    try:
        return processes.submit(hold, model, dump, variables, outcome).result()
    except BrokenExecutor as broken:
        raise ToolError(f"{model.name}: the process that compared its graphs has died: {broken}") from None


def hold(model: manifest.Model, dump: Path, variables: tuple[str, ...], outcome: tlc.Outcome) -> Held:
    """Read a dump, search the twin of its module, and compare the two.

    Raises what `dot.read` does for a dump that is none.  A rule that raises an error of its own is
    not the rule of the module: that is a difference.
    """
    began = time.monotonic()
    machine = twin_of(model)
    try:
        walked = search.walk(machine)
    except Exception as error:  # noqa: BLE001 - whatever the rule raises
        return Held(lines=(f"the spec cannot be searched: {type(error).__name__}: {error}",))
    dumped = dot.read(dump, variables)
    tlc.check_dump(outcome, len(dumped.states))
    left, right = compare.Side(name="TLC", graph=dumped), compare.Side(name="the spec", graph=walked)
    lines = list(compare.difference(left, right, machine.variables))
    if outcome.depth != walked.depth:
        lines.append(f"TLC searched {outcome.depth} levels, the spec {walked.depth}")
    return Held(
        states=len(walked.numbers),
        edges=len(walked.steps),
        depth=walked.depth,
        lines=tuple(lines),
        seconds=time.monotonic() - began,
    )


def _lifecycle(constants: Mapping[str, Any]) -> view.Lifecycle:
    """The sets of tasks become the terms of each task."""

    def has(name: str, number: int) -> bool:
        return number in constants[name]

    return view.Lifecycle(
        config=lifecycle.Config(
            threads=constants["Threads"],
            queue_max=constants["QueueMax"],
            max_retries=constants["MaxRetries"],
            retry_timeouts=constants["RetryTimeouts"],
            burst=constants["Burst"] or None,
            queues=2,
            queue_burst=constants["QueueBurst"] or None,
            per_queue=constants["PerQueue"],
            per_key=constants["PerKey"],
            retention=constants["Retention"],
        ),
        terms=tuple(
            lifecycle.Terms(
                queue=2 if has("Second", number) else 1,
                priority=0 if has("Urgent", number) else 1,
                delayed=has("Delayed", number),
                deadline=has("Deadlines", number),
                timeout=has("Timeouts", number),
                child=has("Children", number),
                concurrency_key="the one" if has("Alike", number) else None,
                key="the one" if has("Keyed", number) else None,
            )
            for number in range(1, constants["N"] + 1)
        ),
        other_threads=tuple(constants["OtherThreads"]),
        pausable=tuple(constants["Pausable"]),
    )


def _named_alike(machine: Callable[..., search.Machine[Any]]) -> Callable[..., search.Machine[Any]]:
    """A machine whose constants have the names of the module's: `other_num` is `OtherNum`."""

    def twin(constants: Mapping[str, Any]) -> search.Machine[Any]:
        return machine(**{_CAPITAL.sub("_", name).lower(): value for name, value in constants.items()})

    return twin


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")

TWINS: Mapping[str, Callable[[Mapping[str, Any]], search.Machine[Any]]] = {
    "Lifecycle": _lifecycle,
    "RateLimiter": _named_alike(limiter.RateLimiter),
    "Registry": _named_alike(registry.Registry),
    "Fanout": _named_alike(fanout.Fanout),
    "Observable": _named_alike(observable.Observable),
    "Queues": _named_alike(queues.Queues),
}
"""For each TLA+ module, its executable specification with the constants of a model."""


def twin_of(model: manifest.Model) -> search.Machine[Any]:
    """The executable specification of the model's module, with the model's constants."""
    if (twin := TWINS.get(model.module)) is None:
        raise manifest.ManifestError(f"{manifest.FILE}: {model.name}: {model.module} has no twin")
    return twin(model.constants)


def _verdict(comparisons: list[Comparison], problems: list[str]) -> Verdict:
    """What is missing because TLC was stopped is undetermined; any other difference is a failure."""
    if not problems:
        return Verdict.PASS
    found = {each.outcome.found for each in comparisons if each.problems}
    return Verdict.UNDETERMINED if found == {tlc.Found.UNDETERMINED} else Verdict.FAIL


def _summary(figures: dict[str, int | str], tried: int) -> str:
    told = (
        f"the executable specification and the model have the same graph at {{configurations}} of {tried} "
        "configurations: {states:,} states and {edges:,} labelled edges, as sets"
    )
    if "samples" in figures:
        told += "; {predicates} predicates mean the same in both on {samples:,} random states each"
    return told.format_map(figures)


def _timings(comparisons: list[Comparison]) -> dict[str, float]:
    timings = {}
    for each in comparisons:
        timings[f"{each.model.name}: TLC"] = round(each.outcome.seconds, 3)
        timings[f"{each.model.name}: search and comparison"] = round(each.held.seconds, 3)
    return timings


def _table(models: manifest.Manifest, comparisons: list[Comparison]) -> dict[str, object]:
    return {
        "title": "Graphs that were compared",
        "columns": ["configuration", "module", "constants", "states", "edges", "depth", "equal"],
        "rows": [
            [
                each.model.name,
                each.model.module,
                models.told(each.model),
                each.held.states,
                each.held.edges,
                each.held.depth,
                "no" if each.problems else "yes",
            ]
            for each in comparisons
        ],
    }
