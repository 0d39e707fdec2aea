"""The link `arithmetic` passes for the worker, and each way in which it may not hold is told apart."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from jurat import _arithmetic as arithmetic
from jurat_audit.comparisons import COMPARISONS, Compared
from jurat_audit.contracts import CONDITIONS, TWINS
from jurat_audit.link import LinkResult, Verdict
from jurat_audit.links import arithmetic as link
from jurat_audit.progress import Silent
from jurat_audit.symbolic import LIMIT, Answer, Examination, examine, worker_source

SOURCE = worker_source()
CONFIRMED = Examination(answer=Answer.CONFIRMED, message="", seconds=0.1)
REFUTED = Examination(answer=Answer.REFUTED, message="", seconds=0.1)
TESTED = link.Tested(condition=CONDITIONS[0], clean=CONFIRMED, twin=REFUTED)
MATCHED = link.Matched(
    function="owed", budget=9, clean=Compared(examples=9, difference=None), missed=(), twins=1
)


def answer(tested: link.Tested = TESTED, matched: link.Matched = MATCHED) -> LinkResult:
    """What the link says of one condition and one comparison."""
    return link.result([tested], [matched], 9)


def unsatisfiable(now: int) -> bool:
    """Nothing is both.

    pre: now < 0
    pre: now > 0
    post: _
    """
    return arithmetic.owed(now, 0, 1) >= 0


def without_contract(now: int) -> bool:
    """Nothing is said of it."""
    return arithmetic.owed(now, 0, 1) >= 0


def test_the_worker_passes() -> None:
    """Every condition is confirmed, every twin refuted, every function compared."""
    result = link.check(SOURCE, 200, Silent())
    assert (result.verdict, result.problems) == (Verdict.PASS, ())
    assert result.figures["conditions_confirmed"] == result.figures["wrong_twins_refuted"] == len(CONDITIONS)
    assert result.figures["functions_compared"] == len(COMPARISONS)
    assert result.timings["slowest_condition"] <= LIMIT / 10


def test_at_least_twelve_conditions_and_every_function_is_compared_and_counted() -> None:
    """The tables cover the module, and every twin is used and its text is there once."""
    assert len(CONDITIONS) >= 12
    assert set(COMPARISONS) == set(arithmetic.__all__)
    assert sorted(name for names in link.SUBJECTS.values() for name in names) == sorted(arithmetic.__all__)
    assert {condition.twin for condition in CONDITIONS} == set(TWINS)
    assert {twin.function for twin in TWINS.values()} == set(COMPARISONS)
    assert all(link.twin_source(SOURCE, twin) is not None for twin in TWINS)


def test_a_wrong_worker_is_refuted_by_the_law_and_by_the_definition() -> None:
    """The twin in the place of the worker."""
    wrong = link.twin_source(SOURCE, "one-too-many")
    assert wrong is not None
    condition = next(each for each in CONDITIONS if each.twin == "one-too-many")
    tested = link.examine_both(condition, wrong)
    matched = link.match("is_permitted", wrong, 200)
    assert tested.clean.answer is Answer.REFUTED
    assert matched.clean.difference is not None
    result = link.result([tested], [matched], 200)
    assert result.verdict is Verdict.FAIL
    assert "burst_is_kept is refuted" in result.problems[0]
    assert any("differs from its definition" in problem for problem in result.problems)


def test_a_twin_that_cannot_be_made_fails() -> None:
    """The worker was changed, and its fault no longer fits."""
    result = answer(replace(TESTED, twin=None))
    assert result.verdict is Verdict.FAIL
    assert "not in the worker exactly once" in result.problems[0]
    assert link.match("owed", SOURCE.replace("max(0, debt)", "max(debt, 0)"), 20).missed == ("saved-rest",)


@pytest.mark.parametrize(
    ("clean", "twin", "verdict"),
    [
        (Answer.CONFIRMED, Answer.REFUTED, Verdict.PASS),
        (Answer.REFUTED, Answer.REFUTED, Verdict.FAIL),
        (Answer.VACUOUS, Answer.REFUTED, Verdict.FAIL),
        (Answer.CONFIRMED, Answer.CONFIRMED, Verdict.FAIL),
        (Answer.UNDETERMINED, Answer.REFUTED, Verdict.UNDETERMINED),
        (Answer.CONFIRMED, Answer.UNDETERMINED, Verdict.UNDETERMINED),
        (Answer.UNDETERMINED, Answer.CONFIRMED, Verdict.FAIL),
    ],
)
def test_the_verdict_of_a_condition(clean: Answer, twin: Answer, verdict: Verdict) -> None:
    """Only confirmed and refuted is a pass, and what is none says why."""
    tested = replace(TESTED, clean=replace(CONFIRMED, answer=clean), twin=replace(REFUTED, answer=twin))
    result = answer(tested)
    assert result.verdict is verdict
    assert bool(result.problems) == (verdict is not Verdict.PASS)


def test_a_comparison_needs_its_examples_and_its_twins() -> None:
    """Too few is undetermined; a twin that is missed, or none, fails."""
    few = replace(MATCHED, clean=Compared(examples=8, difference=None))
    assert answer(matched=few).verdict is Verdict.UNDETERMINED
    assert answer(matched=replace(MATCHED, missed=("saved-rest",))).verdict is Verdict.FAIL
    assert answer(matched=replace(MATCHED, twins=0)).verdict is Verdict.FAIL


@pytest.mark.parametrize("law", [unsatisfiable, without_contract])
def test_a_law_about_nothing_is_vacuous(law: object) -> None:
    """No arguments satisfy its preconditions, or it has none and no postcondition."""
    assert callable(law)
    assert examine(law, SOURCE, limit=2.0).answer is Answer.VACUOUS


def test_a_condition_that_is_confirmed_too_slowly_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine it might not have been."""
    monkeypatch.setattr("jurat_audit.symbolic.SHARE", 0.0)
    slow = examine(CONDITIONS[0].law, SOURCE)
    assert (slow.answer, slow.message) == (
        Answer.UNDETERMINED,
        "it was confirmed in more than a tenth of its limit",
    )


def test_the_shipped_worker_is_put_back() -> None:
    """A twin does not stay where the next condition looks."""
    law = CONDITIONS[0].law
    examine(law, SOURCE)
    shipped = law.__globals__["arithmetic"]
    assert isinstance(shipped, ModuleType)
    assert shipped is arithmetic
