"""The two links of the audit that the bench carries: what they answer, and that they can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jurat_audit.content import check_content
from jurat_audit.link import PROFILES, Verdict
from jurat_audit.links import conformance, timing
from jurat_audit.progress import Silent
from jurat_sim import explore, replay
from jurat_sim.build import Patch
from jurat_sim.defects import DEFECTS, LIFECYCLE_DEFECTS, Defect
from jurat_sim.scenarios import SCENARIOS, Scenario
from jurat_sim.simulate import campaign as simulation
from jurat_sim.simulate import queueing, timelaws
from jurat_sim.simulate.campaign import Budget, Campaign
from jurat_sim.simulate.queueing import MODELS
from jurat_sim.simulate.run import Site
from jurat_sim.simulate.timelaws import TIME_LAWS
from jurat_sim.timing import CLOSED_FORMS
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from jurat_audit.link import LinkResult

DEFAULT = PROFILES["default"]


def _some() -> dict[str, Scenario]:
    """Every fourth scenario."""
    return dict(list(SCENARIOS.items())[::4])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile of a few schedules, some scenarios and some defects; `test_explore` has all of them."""
    monkeypatch.setitem(conformance.BUDGETS, "default", {Grain.SEAM: 20, Grain.ACCESS: 5})
    monkeypatch.setattr(conformance, "HUNTED", LIFECYCLE_DEFECTS[::6])
    monkeypatch.setattr(conformance, "SCENARIOS", _some())
    monkeypatch.setattr(queueing, "MODELS", MODELS[1:2])
    monkeypatch.setattr(timing, "MODELS", MODELS[1:2])
    monkeypatch.setattr(timelaws, "TIME_LAWS", TIME_LAWS[::4])
    monkeypatch.setattr(timing, "TIME_LAWS", TIME_LAWS[::4])
    monkeypatch.setitem(timing.BUDGETS, "default", Budget(loads=1, tasks=700, defect_tasks=1_000, faults=1))


def _conformance() -> LinkResult:
    return conformance.run(DEFAULT, Silent())


def test_every_profile_has_its_budgets() -> None:
    """A profile without numbers of schedules would be an error in the middle of an audit."""
    assert set(conformance.BUDGETS) == set(PROFILES)


def test_conformance_passes_with_its_figures() -> None:
    """Every scenario at two grains, each defect found; figures and details are JSON, and repeat."""
    result = _conformance()
    assert (result.id, result.verdict, result.problems) == ("conformance", Verdict.PASS, ())
    assert result.figures["schedules"] == len(_some()) * (20 + 5)
    assert result.figures["defects_found"] == result.figures["defects_seeded"] == len(conformance.HUNTED)
    again = _conformance()
    assert json.dumps([result.figures, result.details], sort_keys=True) == json.dumps(
        [again.figures, again.details], sort_keys=True
    )


def test_each_row_of_a_defect_tells_how_to_see_it_again() -> None:
    """Its token replays to the property that the row names, and the story is the brief one."""
    for row in _conformance().details["defects"]:
        again = replay(row["replay"])
        assert row["found"]
        assert (again.property, again.story.brief()) == (row["property"], row["story"])
        assert 1 <= row["schedules"] <= DEFECTS[row["id"]].schedules


def _seed(monkeypatch: pytest.MonkeyPatch, *defects: Defect) -> None:
    """Hunt these defects and no others."""
    monkeypatch.setattr(conformance, "HUNTED", defects)
    for defect in defects:
        monkeypatch.setitem(DEFECTS, defect.id, defect)


def test_a_defect_that_is_not_found_fails_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch that changes nothing cannot be found, and the link says which."""
    text = "    return refusal, other, wake, steward\n"
    harmless = Defect(
        id="D90",
        title="harmless",
        breaks=("LC-1",),
        scenario="submit_races_stop",
        schedules=20,
        patches=(Patch("_steps", text, "    pass\n" + text),),
    )
    _seed(monkeypatch, harmless)
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert result.problems == ("D90 was not found in 20 schedules: harmless",)
    assert result.figures["defects_found"] == 0


def test_a_patch_that_no_longer_fits_fails_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a problem with a name, and neither a crash nor a pass."""
    gone = Defect(
        id="D91",
        title="gone",
        breaks=("LC-1",),
        scenario="submit_races_stop",
        patches=(Patch("_steps", "no such text", ""),),
    )
    _seed(monkeypatch, gone)
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert "D91" in result.problems[0]
    assert "occurs 0 times in _steps" in result.problems[0]


def test_a_worker_that_breaks_a_property_fails_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the shipped worker were defective, the link would print the property, a token and the story."""

    def defective(scenario: str, **options: object) -> object:
        return explore(scenario, **(options | {"defect": "D37"}))  # type: ignore[arg-type]

    monkeypatch.setattr(conformance, "explore", defective)
    monkeypatch.setattr(conformance, "HUNTED", ())
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert any(line.startswith("replay: jurat explore --replay v1.") for line in result.problems)
    assert any("NOT ALLOWED" in line for line in result.problems)


def test_timing_passes_with_its_figures() -> None:
    """Every closed form holds and can fail; so do the laws, the models and the faults of the campaign."""
    result = timing.run(DEFAULT, Silent())
    assert (result.id, result.verdict) == ("timing", Verdict.PASS), result.problems
    figures = result.figures
    count = len(CLOSED_FORMS)
    assert [figures[name] for name in ("closed_forms", "exact", "timing_defects_found")] == [count] * 3
    assert figures["laws"] == figures["laws_hold"] == figures["law_defects_found"] == len(TIME_LAWS[::4])
    assert figures["theory_agrees"] == figures["theory_comparisons"] == 2
    assert figures["theory_twins_refuted"] == figures["theory_defects_found"] == 1
    assert figures["guidance_agrees"] == 1
    assert figures["fault_sites_hit"] == len(Site)
    check_content([result.figures, result.details], root=Path.cwd())


EMPTY = Campaign(
    laws=(),
    models=(),
    sizing=None,
    sites={},
    fault_checks=0,
    fault_tasks=0,
    events=0,
    problems=(),
    undetermined=False,
)


def _without_campaign(monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    """Only the closed forms are measured, and the campaign has found what is said."""
    found = replace(EMPTY, **said)  # type: ignore[arg-type]
    monkeypatch.setattr(simulation, "campaign", lambda much, advance: found)


def test_timing_fails_with_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not hold there is a problem of the link, and a run that was cut short leaves it open."""
    monkeypatch.setattr(timing, "CLOSED_FORMS", ())
    _without_campaign(monkeypatch, problems=("a law: 1 of 3 comparisons do not hold",))
    result = timing.run(DEFAULT, Silent())
    assert (result.verdict, result.problems) == (Verdict.FAIL, ("a law: 1 of 3 comparisons do not hold",))
    _without_campaign(monkeypatch, undetermined=True)
    assert timing.run(DEFAULT, Silent()).verdict is Verdict.UNDETERMINED


def test_timing_says_what_it_measured_though_the_defect_no_longer_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever breaks a line that a patch is anchored at is told by how much, and of the anchor as well."""
    _without_campaign(monkeypatch)
    form = CLOSED_FORMS[0]
    lost = replace(DEFECTS[form.defect], patches=(Patch("_steps", "no such line\n", "\n"),))
    monkeypatch.setitem(DEFECTS, form.defect, lost)
    monkeypatch.setattr(timing, "CLOSED_FORMS", (replace(form, expected_ns=form.expected_ns - 1),))
    result = timing.run(DEFAULT, Silent())
    assert result.verdict is Verdict.FAIL
    measured, anchor = result.problems
    assert f"{form.expected_ns:,} ns were measured, not {form.expected_ns - 1:,}" in measured
    assert f"{form.defect} could not be told apart" in anchor
    assert (result.figures["exact"], result.figures["timing_defects_found"]) == (0, 0)


@pytest.mark.parametrize("broken", ["measured", "harmless"])
def test_timing_fails_when_a_form_does_not_hold_or_cannot_fail(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A worker a nanosecond late fails the link, and so does a defect that makes no difference."""
    _without_campaign(monkeypatch)
    lengths = iter([CLOSED_FORMS[0].expected_ns + (broken == "measured")] * 2)
    monkeypatch.setattr("jurat_sim.timing.CLOSED_FORMS", CLOSED_FORMS[:1])
    monkeypatch.setattr(timing, "CLOSED_FORMS", CLOSED_FORMS[:1])
    monkeypatch.setattr("jurat_sim.timing._length", lambda form, package, *, clean: next(lengths))
    result = timing.run(DEFAULT, Silent())
    assert result.verdict is Verdict.FAIL
    assert len(result.problems) == 1
