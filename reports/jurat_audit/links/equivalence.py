"""The link from the model to the executable specification: two graphs, the same to the last edge.

The rule is written twice, in TLA+ and in Python, because each is needed: TLC proves properties
of the one, and the other replays a log of any length.  A proof about the one is a proof about
the other only if they are the same rule.  So TLC writes down its whole state graph, the search
walks the whole of the Python rule, and the two are compared as sets: initial states, states,
labelled edges.  A guard that is stricter or weaker on either side changes a set.

The configurations are the models of `tla/manifest.json` that say `"compare": true`.  Nothing is
sampled and nothing is hashed: within these bounds equality is a fact, and beyond them a hope.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jurat_spec import fanout, lifecycle, limiter, observable, queues, registry, search, view

from .. import compare, manifest, tlc
from ..link import LinkResult, Profile, Progress, Verdict
from ..subject import project_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from .. import dot

COMMAND = "jurat audit --link equivalence"
LIMITS = (
    "The graphs are equal at these constants; for others it is expected and not shown.",
    "What the graphs leave out, neither side has: instants, arguments, results and error types.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One configuration, and what was found there."""

    model: manifest.Model
    outcome: tlc.Outcome
    graph: search.Graph[Any]
    problems: tuple[str, ...]
    seconds: float
    """Of the search and the comparison; TLC's are in its outcome."""


def run(profile: Profile, progress: Progress) -> LinkResult:  # noqa: ARG001 - one profile so far
    """Compare TLC's graph with the search's at each configuration."""
    return check(manifest.load(project_root() / "tla"), tlc.locate(), progress)


def check(models: manifest.Manifest, tool: tlc.Tlc, progress: Progress) -> LinkResult:
    """The same, for any manifest of modules that have a twin."""
    comparisons = list(_comparisons(models, tool, progress))
    equal = [each for each in comparisons if not each.problems]
    figures: dict[str, int | str] = {
        "configurations": len(equal),
        "states": sum(len(each.graph.states) for each in equal),
        "edges": sum(len(each.graph.edges) for each in equal),
    }
    return LinkResult(
        id="equivalence",
        verdict=_verdict(comparisons),
        command=COMMAND,
        summary=_summary(figures, len(comparisons)),
        figures=figures,
        details={"tables": [_table(comparisons)], "limits": list(LIMITS)},
        problems=tuple(line for each in comparisons for line in each.problems),
        timings=_timings(comparisons),
    )


def _comparisons(models: manifest.Manifest, tool: tlc.Tlc, progress: Progress) -> Iterator[Comparison]:
    """Each configuration in turn.  While one is searched here, TLC is busy with the next."""
    chosen = [model for model in models.models if model.compare]
    if not chosen:
        raise manifest.ManifestError(f"{manifest.FILE}: no model is compared")
    with ThreadPoolExecutor(1) as pool:
        answers = [pool.submit(_by_tlc, models, tool, model) for model in chosen]
        try:
            for number, (model, answer) in enumerate(zip(chosen, answers, strict=True), start=1):
                progress.step(f"configuration {number} of {len(chosen)}: {model.name}")
                yield _compared(models, model, answer)
        finally:
            pool.shutdown(cancel_futures=True)


def _by_tlc(models: manifest.Manifest, tool: tlc.Tlc, model: manifest.Model) -> tuple[tlc.Outcome, dot.Graph]:
    """TLC's graph.  No property is checked on the way: that is another link."""
    bare = replace(models.check(model), invariants=(), properties=())
    return tlc.graph(tool, bare, models.modules[model.module].variables)


def _compared(
    models: manifest.Manifest, model: manifest.Model, answer: Future[tuple[tlc.Outcome, dot.Graph]]
) -> Comparison:
    began = time.monotonic()
    machine = twin_of(models, model)
    walked = search.walk(machine)
    seconds = time.monotonic() - began
    outcome, dumped = answer.result()
    began = time.monotonic()
    return Comparison(
        model=model,
        outcome=outcome,
        graph=walked,
        problems=tuple(_problems(model, machine.variables, outcome, dumped, walked)),
        seconds=seconds + time.monotonic() - began,
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


def twin_of(models: manifest.Manifest, model: manifest.Model) -> search.Machine[Any]:
    """The executable specification of the model's module, with the model's constants."""
    if (twin := TWINS.get(model.module)) is None:
        raise manifest.ManifestError(f"{manifest.FILE}: {model.name}: {model.module} has no twin")
    return twin(models.constants_of(model))


def _problems(
    model: manifest.Model,
    variables: tuple[str, ...],
    outcome: tlc.Outcome,
    dumped: dot.Graph,
    walked: search.Graph[Any],
) -> Iterator[str]:
    if not outcome.complete:
        yield f"{model.name}: TLC has no graph: {outcome.found} {outcome.error}"
        return
    left, right = compare.Side(name="TLC", graph=dumped), compare.Side(name="the spec", graph=walked)
    yield from (f"{model.name}: {line}" for line in compare.difference(left, right, variables))
    if outcome.depth != walked.depth:
        yield f"{model.name}: TLC searched {outcome.depth} levels, the spec {walked.depth}"


def _verdict(comparisons: list[Comparison]) -> Verdict:
    found = {each.outcome.found for each in comparisons if each.problems}
    if not found:
        return Verdict.PASS
    return Verdict.UNDETERMINED if found == {tlc.Found.UNDETERMINED} else Verdict.FAIL


def _summary(figures: dict[str, int | str], tried: int) -> str:
    return (
        f"the executable specification and the model have the same graph at {{configurations}} of {tried} "
        "configurations: {states:,} states and {edges:,} labelled edges, as sets"
    ).format_map(figures)


def _timings(comparisons: list[Comparison]) -> dict[str, float]:
    timings = {}
    for each in comparisons:
        timings[f"{each.model.name}: TLC"] = round(each.outcome.seconds, 3)
        timings[f"{each.model.name}: search and comparison"] = round(each.seconds, 3)
    return timings


def _table(comparisons: list[Comparison]) -> dict[str, object]:
    return {
        "title": "Graphs that were compared",
        "columns": ["configuration", "module", "constants", "states", "edges", "depth", "equal"],
        "rows": [
            [
                each.model.name,
                each.model.module,
                ", ".join(f"{name} = {value}" for name, value in each.model.constants.items()),
                len(each.graph.states),
                len(each.graph.edges),
                each.graph.depth,
                "no" if each.problems else "yes",
            ]
            for each in comparisons
        ],
    }
