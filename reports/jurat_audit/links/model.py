"""The link from requirements to the model: TLC holds each property in each reachable state.

Two questions are asked, and the second is what makes the first worth asking.  Do all properties
hold in models that are searched completely?  And does each property fail where it must, in a
model with one planted defect and that property alone switched on?

The answers are compared with `tla/manifest.json` number by number: states, edges, depth, exit
status, the property violated and the length of the counterexample.  A model that still passes
but has other numbers is another model, and nobody has said so: that is a failure as well.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import compare, manifest, mutants, tlc
from ..link import PROFILES, LinkResult, Profile, Progress, Verdict, budget
from ..subject import project_root, subject_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from .. import dot
    from ..dot import State

    Case = TypeVar("Case", manifest.Model, manifest.MustFail)
    Answered = TypeVar("Answered")

COMMAND = "jurat audit --link model"
JOBS = 2  # TLC at a time: each has one worker, and a Java that helps it
COLLISION_LIMIT = 1e-6
"""Above this estimate of TLC's, that two states shared a fingerprint, a search counts as incomplete."""

LIMIT_SECONDS: dict[str, float] = {"default": 600.0, "deep": 7_200.0}
"""How long TLC may take for one model, by profile.  What is stopped is undetermined."""

MUTANTS: dict[str, int] = {"default": mutants.DEFAULT_COUNT, "deep": 10_000}
"""Mutants of the specification at most; the deep profile has all of them."""

LIMITS = (
    "The models are bounded by their constants: a fifth task is not looked at, nor a third thread.",
    "Mutants are judged in small models: one that differs in a larger one alone counts as equivalent.",
    "Time is no number in the models: a deadline or the end of a grace may come at any moment.",
    f"TLC knows states by 64-bit fingerprints, and puts the chance of a mix-up below {COLLISION_LIMIT:g}.",
)


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Run every model of the profile and compare each answer with what was recorded."""
    tool = tlc.locate(answers=profile.answers)
    return check(
        manifest.load(project_root() / "tla"),
        tool,
        progress,
        profile=profile,
        mutated=budget(MUTANTS, profile, "model"),
    )


def check(
    models: manifest.Manifest,
    tool: tlc.Tlc,
    progress: Progress,
    *,
    profile: Profile = PROFILES["default"],
    mutated: int = 0,
) -> LinkResult:
    """The same, for any manifest.  So many mutants of the specification are judged as well."""
    limit = budget(LIMIT_SECONDS, profile, "model")
    searches = list(_searches(models, models.models_of(profile), tool, progress, limit))
    attempts = list(_attempts(models, models.must_fail_of(profile), tool, progress, limit))
    answers: list[Search | Attempt] = [*searches, *attempts]
    problems = [line for each in answers for line in each.problems] + _never_taken(models, searches)
    campaign = _mutants(models, tool, progress, mutated)
    problems += campaign.problems
    figures = _figures(models, searches, attempts) | (campaign.figures if mutated else {})
    return LinkResult(
        id="model",
        verdict=_verdict(answers, problems),
        command=COMMAND,
        summary=_summary(figures),
        figures=figures,
        details=_details(models, searches, attempts, campaign),
        problems=tuple(problems),
        timings={each.name: round(each.outcome.seconds, 3) for each in answers} | tlc.counts(tool),
    )


# ---------------------------------------------------------------------------------------------
# Models in which every property must hold
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A model, what TLC answered, and what is wrong with the answer."""

    model: manifest.Model
    outcome: tlc.Outcome
    answer: manifest.Answer
    taken: Counter[str]
    """Edges by the action that they are labelled with."""
    properties: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name


def _searches(
    models: manifest.Manifest,
    chosen: Sequence[manifest.Model],
    tool: tlc.Tlc,
    progress: Progress,
    limit: float,
) -> Iterator[Search]:
    """Each model that must hold.  Edges are counted in TLC's dump, which alone tells one from two."""

    def ask(model: manifest.Model) -> tuple[tlc.Outcome, dot.Shape]:
        return tlc.shape(tool, models.check(model), limit_seconds=limit)

    progress.step("models in which every property must hold")
    for model, (outcome, shape) in _in_order(ask, chosen, progress):
        taken = shape.taken
        answer = manifest.answered(outcome, taken.total())
        yield Search(
            model=model,
            outcome=outcome,
            answer=answer,
            taken=taken,
            properties=models.properties_of(model),
            problems=tuple(_wrong_search(model, outcome, answer, models.modules[model.module].variables)),
        )


def _wrong_search(
    model: manifest.Model, outcome: tlc.Outcome, answer: manifest.Answer, variables: tuple[str, ...]
) -> Iterator[str]:
    if outcome.found is not tlc.Found.OK:
        yield f"{model.name}: {_what(outcome)}"
        yield from story(outcome, variables)
        return
    if float(outcome.collision) >= COLLISION_LIMIT:
        yield f"{model.name}: fingerprints may have collided, with probability {outcome.collision}"
    yield from manifest.differences(model.name, model.expect, answer)


def _never_taken(models: manifest.Manifest, searches: list[Search]) -> list[str]:
    """Actions that no model ever takes, and labels that the manifest does not know."""
    lines = []
    for module in models.modules.values():
        taken = {label for each in searches if each.model.module == module.name for label in each.taken}
        missing, strange = set(module.actions) - taken, taken - set(module.actions)
        lines += [f"{module.name}: no model takes the action {name}" for name in sorted(missing)]
        lines += [f"{module.name}: {manifest.FILE} knows no action {name}" for name in sorted(strange)]
    return lines


# ---------------------------------------------------------------------------------------------
# Models that must fail
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A model that must fail, what TLC answered, and what is wrong with the answer."""

    case: manifest.MustFail
    outcome: tlc.Outcome
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The case's."""
        return self.case.name


def _attempts(
    models: manifest.Manifest,
    chosen: Sequence[manifest.MustFail],
    tool: tlc.Tlc,
    progress: Progress,
    limit: float,
) -> Iterator[Attempt]:
    def ask(case: manifest.MustFail) -> tlc.Outcome:
        try:
            question = models.check_failing(case)
        except manifest.ManifestError as gone:  # the rule has changed where the defect was planted
            return tlc.Outcome(found=tlc.Found.ERROR, exit_status=None, error=str(gone))
        return tlc.run(tool, question, limit_seconds=limit)

    progress.step("models that must fail")
    for case, outcome in _in_order(ask, chosen, progress):
        yield Attempt(case=case, outcome=outcome, problems=tuple(_wrong_attempt(case, outcome)))


def _wrong_attempt(case: manifest.MustFail, outcome: tlc.Outcome) -> Iterator[str]:
    if outcome.found is tlc.Found.OK:
        searched = f"TLC searched all {outcome.distinct:,} states"
        yield f"{case.name}: {case.property} does not find that {case.says}: {searched}"
    elif outcome.violated != case.property:
        yield f"{case.name}: {case.property} must be violated, but {_what(outcome)}"
    else:
        failure = manifest.Failure(exit=outcome.exit_status or 0, depth=outcome.depth)
        yield from manifest.differences(case.name, case.expect, failure)


# ---------------------------------------------------------------------------------------------
# Both
# ---------------------------------------------------------------------------------------------


def _in_order(
    ask: Callable[[Case], Answered], cases: Sequence[Case], progress: Progress
) -> Iterator[tuple[Case, Answered]]:
    """Each case with its answer, in the order of the manifest; a few are asked at a time, the largest first.

    A large one that came last would be waited for alone.
    """

    def shown(case: Case) -> Answered:
        with progress.row(case.name):
            answer = ask(case)
        progress.advance()
        return answer

    progress.total(len(cases))
    with ThreadPoolExecutor(JOBS) as pool:
        futures = {case.name: pool.submit(shown, case) for case in sorted(cases, key=_size, reverse=True)}
        try:
            for case in cases:
                yield case, futures[case.name].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _size(case: manifest.Model | manifest.MustFail) -> int:
    """States that TLC has to make, as far as that is recorded."""
    return case.expect.generated if isinstance(case, manifest.Model) else 0


def _what(outcome: tlc.Outcome) -> str:
    """The outcome in a few words."""
    match outcome.found:
        case tlc.Found.OK:
            return "everything holds"
        case tlc.Found.ERROR | tlc.Found.UNDETERMINED:
            return f"{outcome.found}: {outcome.error}"
        case tlc.Found.DEADLOCK:
            return f"deadlock after {outcome.depth} states"
        case _:
            return f"{outcome.violated} is violated after {outcome.depth} states"


def story(outcome: tlc.Outcome, variables: tuple[str, ...]) -> Iterator[str]:
    """A counterexample, a line per state: the action, and what it changed."""
    before: State | None = None
    for number, each in enumerate(outcome.trace, start=1):
        values = dict(each.values)
        after = tuple(values[name] for name in variables)
        shown = (
            compare.show(after, variables)
            if before is None
            else compare.show_change(before, after, variables)
        )
        yield f"  {number:2} {each.action or 'Init'}: {shown}"
        before = after
    if outcome.ending:
        yield f"     {outcome.ending}"


def _verdict(answers: list[Search | Attempt], problems: list[str]) -> Verdict:
    """Broken evidence is a failure; evidence that could not be had within the limits is undetermined."""
    if not problems:
        return Verdict.PASS
    stopped = [each for each in answers if each.outcome.found is tlc.Found.UNDETERMINED]
    of_those = {line for each in stopped for line in each.problems}
    return Verdict.UNDETERMINED if stopped and of_those == set(problems) else Verdict.FAIL


def _figures(
    models: manifest.Manifest, searches: list[Search], attempts: list[Attempt]
) -> dict[str, int | str]:
    """The counts.  Properties of two modules may have one name, as TypeOK has, and are two."""
    done = [each.answer for each in searches if each.outcome.complete]
    violated = [each for each in attempts if each.outcome.violated == each.case.property]
    return {
        "models": len(done),
        "properties": len(
            {
                (each.model.module, name)
                for each in searches
                if each.outcome.complete
                for name in each.properties
            }
        ),
        "states": sum(answer.distinct for answer in done),
        "edges": sum(answer.edges for answer in done),
        "depth": max((answer.depth for answer in done), default=0),
        "actions": len({(each.model.module, label) for each in searches for label in each.taken}),
        "expected_failures": sum(each.case.edit is not None for each in violated),
        "properties_shown_to_fail": len(
            {
                (models.model(each.case.model).module, each.case.property)
                for each in violated
                if each.case.edit is not None
            }
        ),
        "reached": sum(each.case.edit is None for each in violated),
    }


def _summary(figures: dict[str, int | str]) -> str:
    told = (
        "{properties} properties hold in all {states:,} states and {edges:,} steps of {models} models; "
        "{properties_shown_to_fail} of them were each seen to fail alone, in {expected_failures} models with "
        "a planted defect"
    )
    if figures.get("mutants"):
        told += (
            "; of {mutants} mutants {mutants_killed} were killed, {mutants_equivalent} are equivalent, "
            "{mutants_survived} survived"
        )
    return told.format_map(figures)


def _mutants(models: manifest.Manifest, tool: tlc.Tlc, progress: Progress, mutated: int) -> mutants.Campaign:
    """So many mutants, drawn by the digest of the sources: another sample for each commit."""
    if not mutated:
        return mutants.Campaign(results=(), problems=())
    made = mutants.mutants_of(models)
    chosen = mutants.select(made, subject_of(project_root()).source_digest, mutated)
    return mutants.campaign(models, tool, chosen, progress)


def _details(
    models: manifest.Manifest,
    searches: list[Search],
    attempts: list[Attempt],
    campaign: mutants.Campaign,
) -> dict[str, Any]:
    return {
        "properties": [
            {"name": name, "model": each.name, "holds": each.outcome.complete}
            for each in searches
            for name in each.properties
            if each.outcome.complete or name == each.outcome.violated
        ],
        "tables": [
            _models_table(models, searches),
            *(_actions_table(module, searches) for module in models.modules.values()),
            _attempts_table(
                "Models that must fail: one defect, one property",
                ["defect", "property that must find it", "violated", "states in the counterexample"],
                [each for each in attempts if each.case.edit],
            ),
            *_reached_tables([each for each in attempts if each.case.edit is None]),
            *(campaign.tables if campaign.results else ()),
        ],
        "limits": list(LIMITS),
    }


def _models_table(models: manifest.Manifest, searches: list[Search]) -> dict[str, Any]:
    return {
        "title": "Models in which every property must hold",
        "columns": [
            "model",
            "module",
            "constants",
            "checks",
            "states",
            "edges",
            "depth",
            "what it is there for",
        ],
        "rows": [
            [
                each.name,
                each.model.module,
                models.told(each.model),
                f"{len(each.properties)} properties" if len(each.properties) > 1 else each.properties[0],
                each.answer.distinct,
                each.answer.edges,
                each.answer.depth,
                each.model.says,
            ]
            for each in searches
        ],
    }


def _actions_table(module: manifest.Module, searches: list[Search]) -> dict[str, Any]:
    """How often each action of a module is taken.  Its models of liveness take the same ones."""
    of_this = [each for each in searches if each.model.module == module.name]
    safety = [each for each in of_this if each.model.checks == "safety"]
    return {
        "title": f"Steps of {module.name} by action",
        "columns": ["action", *(each.name for each in safety)],
        "rows": [[action, *(each.taken[action] for each in safety)] for action in module.actions],
    }


def _reached_tables(attempts: list[Attempt]) -> list[dict[str, Any]]:
    if not attempts:
        return []
    title = "Models that reach what they should: each says that it is never so, and fails"
    columns = ["what is reached", "what is said of it", "violated", "states on the way"]
    return [_attempts_table(title, columns, attempts)]


def _attempts_table(title: str, columns: list[str], attempts: list[Attempt]) -> dict[str, Any]:
    return {
        "title": title,
        "columns": columns,
        "rows": [
            [each.case.says, each.case.property, each.outcome.violated or "nothing", each.outcome.depth]
            for each in attempts
        ],
    }
