"""Exploring, shrinking, telling and replaying: on the real worker, sound and not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jurat_sim import Grain, Mode, Verdict, explore, replay
from jurat_sim.bench import Bench
from jurat_sim.build import load
from jurat_sim.defects import DEFECTS, LIFECYCLE_DEFECTS
from jurat_sim.errors import UnknownDefect, UnknownGrain, UnknownScenario, UnknownStrategy
from jurat_sim.explore import PORTFOLIO
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.story import tell
from jurat_sim.tokens import decode

if TYPE_CHECKING:
    from jurat_sim.defects import Defect

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
each_grain = pytest.mark.parametrize("grain", Grain)
each_defect = pytest.mark.parametrize("defect", LIFECYCLE_DEFECTS, ids=[d.id for d in LIFECYCLE_DEFECTS])


FEW_ORDERS = {"callbacks_race", "weights_race"} | {
    it.name for it in SCENARIOS.values() if it.punctual or it.duel
}
"""Scenarios in which the events come in a few orders only, however the threads are interleaved."""


@each_grain
@each_scenario
def test_the_shipped_worker_passes(scenario: str, grain: Grain) -> None:
    """A sample of schedules at each grain breaks nothing, and says that all of the sample was run."""
    schedules = 100 if grain is Grain.SEAM else 40
    report = explore(scenario, grain=grain, schedules=schedules, seed=11)
    assert (report.verdict, report.failure, report.schedules) == (Verdict.PASS, None, schedules)
    assert report.orders > schedules // 8 or scenario in FEW_ORDERS
    assert report.traces is not None
    assert report.traces >= report.orders
    assert (report.mode, report.exhausted, report.strategy) == (Mode.SAMPLED, False, "portfolio")
    assert (report.accesses > 0) == (grain is Grain.ACCESS)


@each_defect
def test_each_defect_is_found_and_its_token_is_the_run(defect: Defect) -> None:
    """Well within its number of schedules; its token is short, and replays to the same log and property.

    With the seed of the audit, so this is what it prints.  And the very schedule that shows the
    defect shows nothing on the worker without it.
    """
    report = explore(
        defect.scenario, defect=defect.id, grain=defect.grain, schedules=defect.schedules, seed=1
    )
    assert report.failure is not None, f"{defect.id} was not found"
    assert 3 * report.failure.schedule <= defect.schedules
    assert len(report.failure.token) <= 64
    schedule = decode(report.failure.token)
    again = replay(report.failure.token)
    assert (again.digest, again.property) == (report.failure.digest, report.failure.property)
    assert (again.defect, again.scenario, again.same_source) == (defect.id, defect.scenario, True)
    with Bench(scenario_named(defect.scenario), grain=defect.grain) as bench:
        assert tell(bench, schedule.deviations, omit=schedule.omitted).run.findings == []
        assert tell(bench, schedule.deviations).run.findings == []


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


def test_a_run_that_is_cut_short_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step bound that the shipped worker reaches is no pass, and no failure either."""
    monkeypatch.setattr("jurat_sim.runtime.BenchRuntime.__init__.__kwdefaults__", _bound(20))
    report = explore("submit_races_stop", schedules=5)
    assert (report.verdict, report.failure) == (Verdict.UNDETERMINED, None)


@pytest.mark.parametrize("strategy", ["dpor", "dpor:1", "preemptions:0"])
def test_a_search_through_runs_that_are_cut_short_is_not_exhausted(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have made every run there is, but it has not seen the end of them."""
    monkeypatch.setattr("jurat_sim.runtime.BenchRuntime.__init__.__kwdefaults__", _bound(6))
    report = explore("submit_races_stop", strategy=strategy, schedules=2_000)
    assert report.schedules < 2_000
    assert (report.verdict, report.exhausted) == (Verdict.UNDETERMINED, False)


def test_the_portfolio_says_whose_turn_it_was() -> None:
    """The failure names one of its walks, by the number of the schedule."""
    report = explore("submit_races_stop", defect="D19", schedules=2_000, seed=2)
    assert report.failure is not None
    assert report.strategy == "portfolio"
    walk = PORTFOLIO[(report.failure.schedule - 1) % len(PORTFOLIO)]
    assert report.failure.strategy == {"suited": "random", "other": "reluctant 1/8"}.get(walk, walk)


def test_a_campaign_that_pct_had_a_part_in_says_what_it_may_have_missed() -> None:
    """For each depth: how many runs, and the chance; deeper bugs are missed more easily."""
    report = explore("submit_races_stop", schedules=400)
    assert [miss.depth for miss in report.misses] == [1, 2, 3, 4]
    assert all(0 < miss.runs < 50 for miss in report.misses)
    chances = [miss.probability for miss in report.misses]
    assert chances == sorted(chances)
    assert 0 < chances[0] < 0.5
    assert explore("submit_races_stop", strategy="random", schedules=10).misses == ()


def test_traces_need_not_be_counted() -> None:
    """The report then says that they were not, and all else is the same."""
    counted = explore("submit_races_stop", schedules=50)
    not_counted = explore("submit_races_stop", schedules=50, count_traces=False)
    assert not_counted == replace(counted, traces=None)


def _bound(steps: int) -> dict[str, object]:
    from jurat_sim.runtime import BenchRuntime

    return {**(BenchRuntime.__init__.__kwdefaults__ or {}), "step_bound": steps}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"scenario": "nothing"}, UnknownScenario),
        ({"scenario": "submit_races_stop", "defect": "D99"}, UnknownDefect),
        ({"scenario": "submit_races_stop", "grain": "byte"}, UnknownGrain),
        ({"scenario": "submit_races_stop", "strategy": "luck"}, UnknownStrategy),
        ({"scenario": "submit_races_stop", "strategy": "preemptions"}, UnknownStrategy),
        ({"scenario": "submit_races_stop", "strategy": "delays:-1"}, UnknownStrategy),
        ({"scenario": "submit_races_stop", "strategy": "random:2"}, UnknownStrategy),
        ({"scenario": "submit_races_stop", "strategy": "dpor:x"}, UnknownStrategy),
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
scenarios = {scenarios}
for grain, some in (("seam", scenarios[::3]), ("access", scenarios[::5])):
    for scenario in some:
        print(explore(scenario, grain=grain, schedules=8, seed=3))
for strategy in ("dpor", "dpor:1", "preemptions:1"):
    print(explore("shutdown_races_start", strategy=strategy, schedules=50))
for strategy in ("dpor", "dpor:1"):
    print(explore("submit_or_stop", grain="access", strategy=strategy, schedules=20))
report = explore("submit_races_stop", defect="D20", schedules=2000)
print(report.failure)
"""


def test_the_same_seed_is_the_same_campaign_whatever_the_hash_seed() -> None:
    """Logs, counts, failure and token are the same under two PYTHONHASHSEEDs."""
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
    """Ids are unique and sorted; each is looked for by exploring or by a closed form, or on time by both."""
    from jurat_sim.simulate.queueing import MODELS
    from jurat_sim.simulate.timelaws import TIME_LAWS
    from jurat_sim.timing import CLOSED_FORMS

    assert list(DEFECTS) == sorted(DEFECTS)
    timed = {form.defect for form in CLOSED_FORMS}
    told_apart = {law.defect for law in TIME_LAWS} | {model.defect for model in MODELS}
    explored = {d.id for d in LIFECYCLE_DEFECTS}
    assert explored | timed | told_apart == set(DEFECTS)
    assert {id for id in explored & timed if not SCENARIOS[DEFECTS[id].scenario].punctual} == set()
    assert {"D01", "D04", "D19", "D20", "D44"} <= set(DEFECTS)


def test_a_token_from_other_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay tells whether the worker's files are those that the token was made from."""
    report = explore("submit_races_stop", defect="D04", schedules=500)
    assert report.failure is not None
    assert replay(report.failure.token).same_source
    monkeypatch.setattr("jurat_sim.build._digest", lambda folder: "0" * 64)
    assert not replay(report.failure.token).same_source
    assert load().digest == "0" * 64
