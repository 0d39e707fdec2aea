"""The two links of the audit that the bench carries: what they answer, and that they can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import jurat_sim.costs
from jurat_audit import jobs
from jurat_audit.content import canonical_json, check_content
from jurat_audit.errors import ToolError
from jurat_audit.exploring import accesses, campaigns, costs, guided, hunts, repeats, searches
from jurat_audit.link import PROFILES, Verdict
from jurat_audit.links import conformance, timing
from jurat_audit.progress import Silent
from jurat_audit.subject import project_root
from jurat_sim import explore, replay
from jurat_sim.build import Patch
from jurat_sim.defects import DEFECTS, LIFECYCLE_DEFECTS, Defect
from jurat_sim.races import detect
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
    from types import ModuleType

    from jurat_audit.link import LinkResult

DEFAULT = PROFILES["default"]


def _some(step: int) -> dict[str, Scenario]:
    """Each so many-th scenario."""
    return dict(list(SCENARIOS.items())[::step])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile of few schedules, scenarios and defects, all in this process; `test_explore` has all."""
    duel = {"submit_or_stop": SCENARIOS["submit_or_stop"]}
    monkeypatch.setattr(jobs, "PROCESSES", 1)
    monkeypatch.setattr(campaigns, "SCENARIOS", _some(8))
    monkeypatch.setattr(campaigns, "MEETINGS_OWED", False)
    monkeypatch.setitem(campaigns.BUDGETS, "default", {Grain.SEAM: 20, Grain.ACCESS: 5})
    monkeypatch.setattr(searches, "SCENARIOS", duel)
    monkeypatch.setitem(searches.PREEMPTIONS, "default", 0)
    monkeypatch.setitem(searches.FINELY_TRACED, "default", ())
    monkeypatch.setitem(searches.TRACED, "default", ("cancel_or_complete",))
    monkeypatch.setattr(accesses, "SCENARIOS", duel)
    monkeypatch.setattr(repeats, "SCENARIOS", duel)
    monkeypatch.setattr(repeats, "IN_OTHER_PROCESSES", ())
    monkeypatch.setattr(costs, "SCENARIOS", duel)
    monkeypatch.setitem(guided.NAMES, "default", ("two-plain",))
    monkeypatch.setattr(guided, "LEAST_EDGES", 1_000)
    monkeypatch.setattr(hunts, "HUNTED", LIFECYCLE_DEFECTS[::25])
    monkeypatch.setattr(queueing, "MODELS", MODELS[1:2])
    monkeypatch.setattr(timing, "MODELS", MODELS[1:2])
    monkeypatch.setattr(timelaws, "TIME_LAWS", TIME_LAWS[::4])
    monkeypatch.setattr(timing, "TIME_LAWS", TIME_LAWS[::4])
    monkeypatch.setitem(timing.BUDGETS, "default", Budget(loads=1, tasks=700, defect_tasks=1_000, faults=1))


def only(monkeypatch: pytest.MonkeyPatch, *parts: ModuleType) -> None:
    """The link with these parts and no others."""
    monkeypatch.setattr(conformance, "PARTS", parts)


def _conformance() -> LinkResult:
    return conformance.run(DEFAULT, Silent())


@pytest.mark.parametrize(
    "budgets",
    [
        campaigns.BUDGETS,
        searches.PREEMPTIONS,
        searches.FINELY_TRACED,
        searches.TRACED,
        accesses.BUDGETS,
        repeats.SCHEDULES,
        repeats.FOLLOWED,
        costs.SCHEDULES,
        guided.NAMES,
    ],
)
def test_every_profile_has_its_budgets(budgets: dict[str, object]) -> None:
    """A profile without numbers of schedules would be an error in the middle of an audit."""
    assert set(budgets) == set(PROFILES)


def test_conformance_passes_with_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part passes, and none of its figures is zero that says that something was done."""
    monkeypatch.setitem(searches.FINELY_TRACED, "default", ("cancel_or_complete",))
    result = _conformance()
    assert (result.id, result.verdict, result.problems) == ("conformance", Verdict.PASS, ())
    figures = result.figures
    assert figures["schedules"] == sum(
        sum((20 // share, 5 // share))
        for share in (campaigns.PUNCTUAL_SHARE if it.punctual else 1 for it in _some(8).values())
    )
    assert figures["defects_found"] == figures["defects_seeded"] == len(hunts.HUNTED)
    assert figures["graph_edges"] == int(figures["edges_driven"]) + int(figures["edges_not_producible"])
    exhausted = ("duels_exhausted", "programs_exhausted_between_accesses", "programs_exhausted")
    assert [figures[name] for name in exhausted] == [1, 1, 1]
    done = (
        "situations_seen",
        "race_accesses",
        "schedules_repeated",
        "schedules_on_threads",
        "locked_sections",
    )
    assert all(figures[name] for name in done)


def test_what_is_done_in_a_section_and_what_costs_unevenly_fails_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By name; and a load whose tasks cost more and more has no figures."""
    only(monkeypatch, costs)
    monkeypatch.setattr(costs, "sections", lambda *_: (7, ("a thread waits",)))
    uneven = [{"locks": 1}, {"locks": 2}] * 2
    monkeypatch.setattr(jurat_sim.costs, "_counted", lambda *_: uneven.pop())
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert "submit_or_stop: a thread waits" in result.problems
    assert any("so no task has a cost" in line for line in result.problems)
    assert result.figures == {"locked_sections": 7, "offences_in_sections": 1}


def test_what_it_answers_does_not_depend_on_how_many_processes_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Figures and details are JSON, and the same when two processes do the jobs."""
    only(monkeypatch, searches, hunts)
    monkeypatch.setattr(hunts, "HUNTED", LIFECYCLE_DEFECTS[:2])
    alone = _conformance()
    monkeypatch.setattr(jobs, "PROCESSES", 2)
    together = _conformance()
    assert json.dumps([alone.figures, alone.details]) == json.dumps([together.figures, together.details])


def test_a_situation_that_was_not_seen_fails_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """What met what is counted, and each gap is a problem by name."""
    only(monkeypatch, campaigns)
    monkeypatch.setattr(campaigns, "MEETINGS_OWED", True)
    monkeypatch.setattr(campaigns, "SCENARIOS", _some(100))
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert any("was never seen" in line and "Subscribe" in line for line in result.problems)


def test_a_search_that_is_cut_short_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no pass, and says how far it came."""
    only(monkeypatch, searches)
    monkeypatch.setattr(searches, "MOST", 3)
    result = _conformance()
    assert result.verdict is Verdict.UNDETERMINED
    assert "cut short after 3 schedules" in result.problems[0]


def test_a_race_that_is_not_declared_fails_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both places, and a token that shows it again."""
    only(monkeypatch, accesses)
    racy = detect("submit_or_stop", 40, defect="L01", until_found=True)
    assert racy.undeclared
    monkeypatch.setattr(accesses, "detect", lambda *_: racy)
    result = _conformance()
    assert result.verdict is Verdict.FAIL
    assert any(line.startswith("replay: jurat explore --races --replay v1.") for line in result.problems)


def test_a_graph_that_is_too_small_fails_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile owes a number of edges."""
    only(monkeypatch, guided)
    monkeypatch.setattr(guided, "LEAST_EDGES", 5_000)
    assert _conformance().problems == ("no configuration has 5,000 edges",)


def test_each_row_of_a_defect_tells_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its token replays to the property that the row names, and the story is the brief one."""
    only(monkeypatch, hunts)
    for row in _conformance().details["defects"]:
        again = replay(row["replay"])
        assert row["found"]
        assert (again.property, again.story.brief()) == (row["property"], row["story"])
        assert 1 <= row["schedules"] <= DEFECTS[row["id"]].schedules


def _seed(monkeypatch: pytest.MonkeyPatch, *defects: Defect) -> None:
    """Hunt these defects, and do nothing else."""
    only(monkeypatch, hunts)
    monkeypatch.setattr(hunts, "HUNTED", defects)
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

    monkeypatch.setattr(campaigns, "explore", defective)
    only(monkeypatch, campaigns)
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
    drawn = result.details["simulation"]
    assert drawn["checks"] == drawn["checks_that_hold"] > 0
    assert len(drawn["charts"]) == 5
    assert len(canonical_json(drawn)) < 60_000


def test_timing_fails_when_the_simulation_that_is_drawn_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its checks count like any other; without the file there is nothing to draw, and that is no verdict."""
    _without_campaign(monkeypatch)
    monkeypatch.setattr(timing, "CLOSED_FORMS", ())
    text = (project_root() / timing.DRAWN).read_text()
    file = tmp_path / "rare.toml"
    file.write_text(text.replace("raises = 0.08", "raises = 0.0000000001"))
    monkeypatch.setattr(timing, "DRAWN", str(file))
    result = timing.run(DEFAULT, Silent())
    assert result.verdict is Verdict.FAIL
    assert any("a task raises an exception: 0 times" in line for line in result.problems)
    file.unlink()
    with pytest.raises(ToolError, match="the scenario that is drawn is missing"):
        timing.run(DEFAULT, Silent())


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
