"""The link from the worker's arithmetic to its definition: the sums of time and rate are right.

The limiter, the backoff with its jitter, lateness, the order of retention and the weighted
pick are pure functions of whole numbers.  CrossHair confirms laws of them for all arguments
that a law allows.  Hypothesis compares each function with the spec's own definition, which
is written from the law and shares no code with it.  Neither counts for anything unless it
can fail: for each law CrossHair must refute a wrong twin of the function with arguments
that break it, and each comparison must tell every wrong twin of its function apart.

The arguments that CrossHair finds may differ between runs, so the report does not have them.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from ..comparisons import COMPARISONS, Compared, compare
from ..contracts import CONDITIONS, TWINS
from ..link import LinkResult, Profile, Progress, Verdict
from ..symbolic import LIMIT, Answer, Examination, examine, module_of, worker_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from ..contracts import Condition

COMMAND = "jurat audit --link arithmetic"
PROCESSES = 2

# Arguments that Hypothesis draws for each function, by profile.
BUDGETS: dict[str, int] = {
    "default": 1_000,
    "deep": 20_000,
}

LIMITS = (
    (
        "A law is confirmed for the arguments that its lines `pre:` allow: of backoff the first six retries, "
        "of retention up to three tasks, of weights up to three queues; the limiter's rates are examples."
    ),
    "What is not confirmed is compared on drawn arguments, and a sample is a sample.",
    "These are the functions alone.  That the worker calls them rightly is for other links to show.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One condition: what CrossHair says of the worker, and of the wrong twin."""

    condition: Condition
    clean: Examination
    twin: Examination | None
    """None if the twin's text is not in the worker any more."""

    def verdict(self) -> Verdict:
        """Pass only if the one is confirmed and the other refuted."""
        if self.clean.answer in {Answer.REFUTED, Answer.VACUOUS} or self.twin is None:
            return Verdict.FAIL
        if self.twin.answer in {Answer.CONFIRMED, Answer.VACUOUS}:
            return Verdict.FAIL
        if Answer.UNDETERMINED in {self.clean.answer, self.twin.answer}:
            return Verdict.UNDETERMINED
        return Verdict.PASS

    def problem(self) -> str | None:
        """Why it is no pass, for a person."""
        name, twin = self.condition.name, self.condition.twin
        if self.clean.answer is not Answer.CONFIRMED:
            return f"{name} is {self.clean.answer}: {self.clean.message}"
        if self.twin is None:
            return f"{name}: the text that its wrong twin {twin} replaces is not in the worker exactly once"
        if self.twin.answer is not Answer.REFUTED:
            return f"{name}: its wrong twin {twin} is not refuted but {self.twin.answer}: {self.twin.message}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """One function: how it compares with its definition, and which of its twins do."""

    function: str
    budget: int
    clean: Compared
    missed: tuple[str, ...]
    """The wrong twins that were not told apart, or could not be made."""
    twins: int

    def problems(self) -> list[str]:
        """Why it is no pass, for a person."""
        problems = [f"{self.function} and its definition agree on its wrong twin {it}" for it in self.missed]
        if self.clean.difference is not None:
            problems.append(f"{self.function} differs from its definition: {self.clean.difference}")
        elif self.clean.examples < self.budget:
            problems.append(f"{self.function}: {self.clean.examples} of {self.budget} examples were drawn")
        if not self.twins:
            problems.append(f"{self.function} has no wrong twin")
        return problems

    def verdict(self) -> Verdict:
        """Too few examples, and nothing else, is no answer."""
        if self.clean.difference is not None or self.missed or not self.twins:
            return Verdict.FAIL
        return Verdict.PASS if self.clean.examples >= self.budget else Verdict.UNDETERMINED


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Confirm every condition and compare every function, in two processes."""
    return check(worker_source(), BUDGETS[profile.name], progress)


def check(source: str, examples: int, progress: Progress) -> LinkResult:
    """Do so for the worker's arithmetic with this source."""
    began = time.monotonic()
    progress.step("confirming the arithmetic, and comparing it with its definition")
    progress.total(len(CONDITIONS) + len(COMPARISONS))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        matching = [pool.submit(match, function, source, examples) for function in COMPARISONS]
        testing = [pool.submit(examine_both, condition, source) for condition in CONDITIONS]
        futures: list[Future[Any]] = [*matching, *testing]
        for _ in as_completed(futures):
            progress.advance()
    tested = [future.result() for future in testing]
    matched = [future.result() for future in matching]
    return result(tested, matched, examples, time.monotonic() - began)


def twin_source(source: str, twin: str) -> str | None:
    """The source with the fault planted; None if the text it replaces is not there exactly once."""
    it = TWINS[twin]
    return source.replace(it.right, it.wrong) if source.count(it.right) == 1 else None


def examine_both(condition: Condition, source: str) -> Tested:
    """Ask CrossHair about the worker, and about the wrong twin."""
    wrong = twin_source(source, condition.twin)
    return Tested(
        condition=condition,
        clean=examine(condition.law, source),
        twin=None if wrong is None else examine(condition.law, wrong),
    )


def match(function: str, source: str, examples: int) -> Matched:
    """Compare one function with its definition, and then each of its wrong twins."""
    comparison = COMPARISONS[function]
    twins = [name for name, twin in TWINS.items() if twin.function == function]
    missed = []
    for name in twins:
        wrong = twin_source(source, name)
        if wrong is None or compare(comparison, module_of(wrong), examples).difference is None:
            missed.append(name)
    return Matched(
        function=function,
        budget=examples,
        clean=compare(comparison, module_of(source), examples),
        missed=tuple(missed),
        twins=len(twins),
    )


def result(
    tested: Sequence[Tested], matched: Sequence[Matched], examples: int, seconds: float = 0.0
) -> LinkResult:
    """The link's answer to what was found."""
    confirmed = sum(it.clean.answer is Answer.CONFIRMED for it in tested)
    refuted = sum(it.twin is not None and it.twin.answer is Answer.REFUTED for it in tested)
    agreeing = [it for it in matched if it.verdict() is Verdict.PASS]
    verdicts = Counter([*(it.verdict() for it in tested), *(it.verdict() for it in matched)])
    problems = [problem for it in tested if (problem := it.problem()) is not None]
    problems += [problem for it in matched for problem in it.problems()]
    return LinkResult(
        id="arithmetic",
        verdict=next(it for it in (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.PASS) if verdicts[it]),
        command=COMMAND,
        summary=(
            f"{confirmed} of {len(tested)} laws of the worker's arithmetic are confirmed for all arguments, "
            f"and {refuted} wrong twins are refuted; {len(agreeing)} of {len(matched)} functions agree with "
            f"the specification on {examples:,} drawn arguments each"
        ),
        figures={
            "conditions": len(tested),
            "conditions_confirmed": confirmed,
            "wrong_twins_refuted": refuted,
            "functions_compared": len(agreeing),
            "comparison_twins_found": sum(it.twins - len(it.missed) for it in matched),
            "examples": examples * len(agreeing),
            **_by_subject(agreeing),
        },
        details={"tables": [_conditions(tested), _comparisons(matched)], "limits": list(LIMITS)},
        problems=tuple(problems),
        timings={
            "seconds": seconds,
            "slowest_condition": max((it.clean.seconds for it in tested), default=0.0),
            "condition_limit": LIMIT,
            **{f"condition.{it.condition.name}": it.clean.seconds for it in tested},
        },
    )


SUBJECTS: dict[str, tuple[str, ...]] = {
    "limiter_functions": (
        "owed",
        "is_permitted",
        "tat_after_start",
        "first_permitted",
        "tat_after_rate_change",
    ),
    "retry_functions": ("backoff", "jittered", "can_retry"),
    "time_functions": ("is_late", "record_time"),
    "retention_functions": ("evicted",),
    "weight_functions": ("pick", "credits_after_pick"),
}
"""Which functions a figure counts, so that a requirement cites those that are its own."""


def _by_subject(agreeing: Sequence[Matched]) -> dict[str, int]:
    names = {it.function for it in agreeing}
    return {figure: len(names.intersection(functions)) for figure, functions in SUBJECTS.items()}


def _conditions(tested: Sequence[Tested]) -> dict[str, Any]:
    return {
        "title": "Laws that CrossHair confirms for all arguments, each with a wrong twin that it refutes",
        "columns": ["law", "what it says", "worker", "wrong twin", "what is wrong with it", "twin"],
        "rows": [
            [
                it.condition.name,
                it.condition.text,
                str(it.clean.answer),
                f"{it.condition.twin} of {TWINS[it.condition.twin].function}",
                TWINS[it.condition.twin].title,
                "not made" if it.twin is None else str(it.twin.answer),
            ]
            for it in tested
        ],
    }


def _comparisons(matched: Sequence[Matched]) -> dict[str, Any]:
    return {
        "title": "Functions that Hypothesis compares with the definition in the specification",
        "columns": ["function", "definition", "examples", "agree", "wrong twins told apart"],
        "rows": [
            [
                it.function,
                COMPARISONS[it.function].definition,
                it.budget,
                "yes" if it.verdict() is Verdict.PASS else "no",
                f"{it.twins - len(it.missed)} of {it.twins}",
            ]
            for it in matched
        ],
    }
