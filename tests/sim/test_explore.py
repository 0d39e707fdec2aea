"""Exploring, shrinking, telling and replaying: on the real worker, sound and not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jurat_sim import Grain, Verdict, explore, replay
from jurat_sim.bench import Bench
from jurat_sim.build import load
from jurat_sim.defects import DEFECTS, LIFECYCLE_DEFECTS, defect_named
from jurat_sim.errors import UnknownDefect, UnknownGrain, UnknownScenario
from jurat_sim.explore import strategy_for
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.shrink import shrink
from jurat_sim.story import tell
from jurat_sim.tokens import decode

if TYPE_CHECKING:
    from jurat_sim.defects import Defect

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
each_grain = pytest.mark.parametrize("grain", Grain)
each_defect = pytest.mark.parametrize("defect", LIFECYCLE_DEFECTS, ids=[d.id for d in LIFECYCLE_DEFECTS])


@each_grain
@each_scenario
def test_the_shipped_worker_passes(scenario: str, grain: Grain) -> None:
    """A sample of schedules at each grain breaks nothing, and says that all of the sample was run."""
    schedules = 100 if grain is Grain.SEAM else 50
    report = explore(scenario, grain=grain, schedules=schedules, seed=11)
    assert (report.verdict, report.failure, report.schedules) == (Verdict.PASS, None, schedules)
    assert report.traces > (1 if SCENARIOS[scenario].duel else 5)
    assert (report.accesses > 0) == (grain is Grain.ACCESS)


@each_defect
def test_each_defect_is_found_and_its_token_is_the_run(defect: Defect) -> None:
    """Within its number of schedules; and the token replays to the same log and the same property."""
    report = explore(
        defect.scenario, defect=defect.id, grain=defect.grain, schedules=defect.schedules, seed=2
    )
    assert report.failure is not None, f"{defect.id} was not found"
    again = replay(report.failure.token)
    assert (again.digest, again.property) == (report.failure.digest, report.failure.property)
    assert (again.defect, again.scenario, again.same_source) == (defect.id, defect.scenario, True)


@each_defect
def test_what_a_defect_breaks_the_shipped_worker_keeps(defect: Defect) -> None:
    """The very schedule that shows the defect shows nothing on the worker without it."""
    report = explore(
        defect.scenario, defect=defect.id, grain=defect.grain, schedules=defect.schedules, seed=1
    )
    assert report.failure is not None
    assert len(report.failure.token) <= 64
    with Bench(scenario_named(defect.scenario), grain=defect.grain) as bench:
        assert tell(bench, decode(report.failure.token).deviations).run.findings == []


@each_defect
def test_a_defect_says_what_it_breaks(defect: Defect) -> None:
    """A title, requirements and a scenario that exists; and no patch touches an event."""
    assert defect.title
    assert defect.breaks
    assert defect.scenario in SCENARIOS
    written = sum(patch.replacement.count("log") for patch in defect.patches)
    assert written == sum(patch.anchor.count("log") for patch in defect.patches), (
        "it writes or drops an event"
    )


def test_a_run_twice_as_logged_is_seen_by_the_witness_alone() -> None:
    """D44: the log is a behaviour of the rule, and only the functions know better."""
    report = explore("cancel_races_completion", defect="D44", schedules=10)
    assert report.failure is not None
    assert report.failure.property == "witness: as many entries as starts"
    story = replay(report.failure.token).story
    assert story.refused is None


def test_shrinking_keeps_the_property_and_drops_deviations() -> None:
    """Each of a dozen failures, of several kinds, is shrunk to one of its own kind, and a simpler one."""
    kept, dropped = [], 0
    for defect in ("D01", "D04", "D19"):
        with Bench(scenario_named("submit_races_stop"), defect=defect_named(defect)) as bench:
            walk = strategy_for(Grain.SEAM, 1)
            runs = (bench.run(walk, number) for number in range(400))
            for found in [run for run in runs if run.findings][:4]:
                small = shrink(bench, found)
                kept.append((found.findings[0].property, small.findings[0].property))
                dropped += len(found.deviations) - len(small.deviations)
                assert len(small.deviations) < len(found.deviations)
    assert all(before == after for before, after in kept)
    assert len(set(kept)) > 1
    assert dropped > 200


def test_a_brief_story_ends_where_the_rule_is_broken() -> None:
    """It names who was held up where, the event that was refused, and the guard; then it ends."""
    report = explore("submit_races_stop", defect="D19", schedules=500)
    assert report.failure is not None
    lines = replay(report.failure.token).story.brief()
    assert any("is held up" in line for line in lines)
    assert "NOT ALLOWED, since this is not true: the worker is open" in lines[-2]
    assert lines[-1].startswith("conformance: Submit: the worker is open: ")
    assert lines[0] == "scenario: Init  [nothing -> worker open]"


def test_a_full_story_has_a_line_for_each_step_and_event() -> None:
    """Steps by number, time, thread and place; events with the state before and after."""
    with Bench(scenario_named("submit_races_stop")) as bench:
        story = tell(bench, [])
    lines = story.full()
    assert len(lines) == len(story.lines) + len(story.run.log) + 1
    assert [line.step for line in story.lines] == sorted(line.step for line in story.lines)
    assert story.lines[-1].step in (story.run.steps, story.run.steps - 1)
    assert lines[-1] == "the run is finished, and every check holds"
    assert any("Start task 1, attempt 1  [queued -> running]" in line for line in lines)
    assert any("about to take lock _core.lock" in line for line in lines)


def test_a_run_that_is_cut_short_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step bound that the shipped worker reaches is no pass, and no failure either."""
    monkeypatch.setattr("jurat_sim.runtime.BenchRuntime.__init__.__kwdefaults__", _bound(20))
    report = explore("submit_races_stop", schedules=5)
    assert (report.verdict, report.failure) == (Verdict.UNDETERMINED, None)


def _bound(steps: int) -> dict[str, object]:
    from jurat_sim.runtime import BenchRuntime

    return {**(BenchRuntime.__init__.__kwdefaults__ or {}), "step_bound": steps}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"scenario": "nothing"}, UnknownScenario),
        ({"scenario": "submit_races_stop", "defect": "D99"}, UnknownDefect),
        ({"scenario": "submit_races_stop", "grain": "byte"}, UnknownGrain),
    ],
)
def test_what_does_not_exist_is_named(arguments: dict[str, str], error: type[Exception]) -> None:
    """Before any schedule is run."""
    with pytest.raises(error):
        explore(**arguments)  # type: ignore[arg-type]


def test_progress_is_told() -> None:
    """All schedules but the last odd ones, in batches."""
    told: list[int] = []
    explore("submit_races_stop", schedules=250, advance=told.append)
    assert told == [100, 100]


_DIGESTS = """
from jurat_sim import explore
for place, scenario in enumerate({scenarios}):
    for grain in ("seam", "access") if place % 3 == 0 else ("seam",):
        report = explore(scenario, grain=grain, schedules=10, seed=3)
        print(report.digest, report.traces, report.steps, report.choices, report.accesses)
report = explore("submit_races_stop", defect="D20", schedules=2000)
print(report.failure)
"""


def test_the_same_seed_is_the_same_campaign_whatever_the_hash_seed() -> None:
    """Logs, counts, failure and token are the same under two PYTHONHASHSEEDs.

    Every third scenario at both grains: to load the worker at that of accesses takes longer than the runs.
    """
    printed = set()
    for hash_seed in ("1", "4242"):
        code = _DIGESTS.format(scenarios=list(SCENARIOS))
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        printed.add(ran.stdout)
    assert len(printed) == 1
    assert "Failure(property='stuck'" in printed.pop()


def test_every_defect_has_its_place() -> None:
    """Ids are unique and sorted; each is looked for by exploring or by a closed form."""
    from jurat_sim.timing import CLOSED_FORMS

    assert list(DEFECTS) == sorted(DEFECTS)
    timed = {form.defect for form in CLOSED_FORMS}
    assert {d.id for d in LIFECYCLE_DEFECTS} | timed == set(DEFECTS)
    assert {d.id for d in LIFECYCLE_DEFECTS}.isdisjoint(timed)
    assert {"D01", "D04", "D19", "D20", "D44"} <= set(DEFECTS)


def test_a_token_from_other_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay tells whether the worker's files are those that the token was made from."""
    report = explore("submit_races_stop", defect="D04", schedules=500)
    assert report.failure is not None
    assert replay(report.failure.token).same_source
    monkeypatch.setattr("jurat_sim.build._digest", lambda folder: "0" * 64)
    assert not replay(report.failure.token).same_source
    assert load().digest == "0" * 64
