"""The link `model` is red when a property fails, when one cannot fail, and when a number is another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.counters import COUNTER, manifest_of, write

from jurat_audit import manifest, tlc
from jurat_audit.errors import NoBudget
from jurat_audit.link import PROFILES, LinkResult, Profile, Verdict
from jurat_audit.links import model
from jurat_audit.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], Any]:
    """What TLC has answered to the questions of this file."""
    return {}


@pytest.fixture(autouse=True)
def asked_once(
    request: pytest.FixtureRequest, answers: dict[tuple[str, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLC takes a second to answer, so it is asked each question once, except where that is the question."""

    def remembering(ask: Callable[..., Any]) -> Callable[..., Any]:
        def answer(tool: tlc.Tlc, check: tlc.Check, **options: Any) -> Any:
            question = (check.sources["Counter"], f"{ask.__name__} {check.config}")
            if question not in answers:
                answers[question] = ask(tool, check, **options)
            return answers[question]

        return answer

    monkeypatch.setattr(tlc, "run", remembering(tlc.run))
    monkeypatch.setattr(tlc, "shape", remembering(tlc.shape))


def checked(folder: Path, raw: dict[str, Any] | None = None, *, source: str = COUNTER) -> LinkResult:
    """What the link says of the counter."""
    return model.check(manifest.load(write(folder, raw, source=source)), tlc.locate(), Silent())


def test_a_manifest_that_tlc_confirms_passes(tmp_path: Path) -> None:
    """With figures, and a row for each property, model, action and defect."""
    result = checked(tmp_path)
    assert (result.verdict, result.problems) == (Verdict.PASS, ())
    assert result.figures == {
        "models": 2,
        "properties": 3,
        "states": 8,
        "edges": 8,
        "depth": 4,
        "actions": 2,
        "expected_failures": 3,
        "properties_shown_to_fail": 3,
        "reached": 0,
    }
    assert result.details["properties"] == [
        {"name": "Fits", "model": "small", "holds": True},
        {"name": "Rises", "model": "small", "holds": True},
        {"name": "Arrives", "model": "fair", "holds": True},
    ]
    assert [len(table["rows"]) for table in result.details["tables"]] == [2, 2, 3]
    for table in result.details["tables"]:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}


def test_the_answer_is_the_same_when_it_is_made_again(
    tmp_path: Path, answers: dict[tuple[str, str], Any]
) -> None:
    """Counterexamples to temporal properties included; only the timings differ."""
    first = checked(tmp_path)
    answers.clear()
    second = checked(tmp_path)
    assert replace(first, timings={}) == replace(second, timings={})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda raw: raw["models"][0]["expect"].update(distinct=5), "small: distinct recorded 5, now 4"),
        (lambda raw: raw["models"][0]["expect"].update(generated=6), "small: generated recorded 6, now 5"),
        (lambda raw: raw["models"][0]["expect"].update(edges=3), "small: edges recorded 3, now 4"),
        (lambda raw: raw["models"][1]["expect"].update(depth=5), "fair: depth recorded 5, now 4"),
        (lambda raw: raw["models"][1]["expect"].update(exit=1), "fair: exit recorded 1, now 0"),
        (lambda raw: raw["must_fail"][0]["expect"].update(depth=4), "too-far: depth recorded 4, now 5"),
        (lambda raw: raw["must_fail"][1]["expect"].update(exit=12), "falls: exit recorded 12, now 13"),
        (lambda raw: raw["modules"][0]["actions"].append("Down"), "Counter: no model takes the action Down"),
        (
            lambda raw: raw["modules"][0]["actions"].remove("Stay"),
            "Counter: manifest.json knows no action Stay",
        ),
    ],
)
def test_another_number_is_a_failure(tmp_path: Path, change: Callable[[Any], None], problem: str) -> None:
    """Although every property holds and every defect is found: it is another model."""
    raw = manifest_of()
    change(raw)
    result = checked(tmp_path, raw)
    assert (result.verdict, result.problems) == (Verdict.FAIL, (problem,))


def test_a_property_that_does_not_hold_is_a_failure_with_its_story(tmp_path: Path) -> None:
    """The actions and what each changed; the property is listed as one that does not hold."""
    result = checked(tmp_path, source=COUNTER.replace("n' = n + 1", "n' = IF n = 2 THEN 0 ELSE n + 1"))
    assert result.verdict is Verdict.FAIL
    assert result.problems[:5] == (
        "small: Rises is violated after 4 states",
        "   1 Init: {n: 0}",
        "   2 Up: {n: 1}",
        "   3 Up: {n: 2}",
        "   4 Up: {n: 0}",
    )
    assert {"name": "Rises", "model": "small", "holds": False} in result.details["properties"]
    assert {"name": "Fits", "model": "small", "holds": True} not in result.details["properties"]
    assert "fair: Arrives is violated after 3 states" in result.problems


@pytest.mark.parametrize(
    ("before", "after", "name", "breaks", "states"),
    [
        ("Fits    == n <= Top", "Fits    == n >= 0", "too-far", "Fits", 7),
        ("Rises   == [][n' >= n]_n", "Rises   == [][TRUE]_n", "falls", "Rises", 4),
        ("Arrives == <>(n = Top)", "Arrives == <>(n >= 0)", "unfair", "Arrives", 4),
    ],
)
def test_a_property_that_cannot_fail_is_a_failure(
    tmp_path: Path, before: str, after: str, name: str, breaks: str, states: int
) -> None:
    """It holds in every model, and so would anything else that says nothing."""
    result = checked(tmp_path, source=COUNTER.replace(before, after))
    assert result.verdict is Verdict.FAIL
    searched = f"TLC searched all {states} states"
    assert result.problems == (
        f"{name}: {breaks} does not find that the counter is wrong: {name}: {searched}",
    )


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"by": "nonsense"}, "Unknown operator: `nonsense'."),
        ({"replace": "gone"}, "'gone' is 0 times in Up, not once"),
        ({"definition": "Gone"}, "0 definitions of Gone, not one"),
    ],
)
def test_a_defect_that_cannot_be_planted_is_not_one_that_is_found(
    tmp_path: Path, edit: dict[str, str], said: str
) -> None:
    """TLC ends with an error on some of them as well, and the property has said nothing."""
    raw = manifest_of()
    raw["must_fail"][0]["edit"].update(edit)
    result = checked(tmp_path, raw)
    assert result.verdict is Verdict.FAIL
    assert result.problems[0].startswith("too-far: Fits must be violated, but error: ")
    assert said in result.problems[0]


def test_a_module_that_is_none_is_a_failure(tmp_path: Path) -> None:
    """The evidence is broken, not the tool."""
    result = checked(tmp_path, source=COUNTER.replace("Idle    ==", "Idle    ="))
    assert result.verdict is Verdict.FAIL
    assert result.problems[0].startswith("small: error: ***Parse Error***")


def test_what_is_stopped_is_undetermined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not searched to the end is not searched, and not refuted either."""
    run = tlc.run

    def stopped(tool: tlc.Tlc, check: tlc.Check, **options: Any) -> tlc.Outcome:
        if "n < 2 * Top" in check.sources["Counter"]:
            return tlc.Outcome(found=tlc.Found.UNDETERMINED, exit_status=None, error="stopped after 600 s")
        return run(tool, check, **options)

    monkeypatch.setattr(tlc, "run", stopped)
    result = checked(tmp_path)
    assert result.verdict is Verdict.UNDETERMINED
    assert result.problems == ("too-far: Fits must be violated, but undetermined: stopped after 600 s",)


def test_what_is_broken_besides_what_is_stopped_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thing that does not hold is enough."""
    stopped = tlc.Outcome(found=tlc.Found.UNDETERMINED, exit_status=None, error="stopped")
    monkeypatch.setattr(tlc, "run", lambda *_, **__: stopped)
    raw = manifest_of()
    raw["models"][0]["expect"]["depth"] = 5
    assert checked(tmp_path, raw).verdict is Verdict.FAIL


def test_a_likely_mix_up_of_states_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that may have taken two states for one is no search of all."""
    monkeypatch.setattr(model, "COLLISION_LIMIT", 1e-30)
    result = checked(tmp_path)
    assert result.verdict is Verdict.FAIL
    assert result.problems[0].startswith("small: fingerprints may have collided, with probability ")


def test_a_profile_runs_its_models_and_those_of_the_smaller(tmp_path: Path) -> None:
    """What is left to `deep` is neither run nor counted by default."""
    raw = manifest_of()
    raw["models"].append({**raw["models"][0], "name": "again", "profile": "deep"})
    raw["must_fail"][1]["profile"] = "deep"
    models = manifest.load(write(tmp_path, raw))
    results = {
        name: model.check(models, tlc.locate(), Silent(), profile=profile)
        for name, profile in PROFILES.items()
    }
    counted = {
        name: (result.verdict, result.figures["models"], result.figures["expected_failures"])
        for name, result in results.items()
    }
    assert counted == {"default": (Verdict.PASS, 2, 2), "deep": (Verdict.PASS, 3, 3)}


def test_a_profile_without_numbers_is_refused(tmp_path: Path) -> None:
    """A link that does not say what it does in a profile does not guess it either."""
    strange = Profile(name="strange", description="of nobody")
    with pytest.raises(NoBudget, match="the link model has no budget for the profile 'strange'"):
        model.check(manifest.load(write(tmp_path)), tlc.locate(), Silent(), profile=strange)
