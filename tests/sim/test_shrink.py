"""Shrinking: fewer deviations, fewer tasks, the same failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_sim import Grain, replay
from jurat_sim.bench import Bench, Run
from jurat_sim.defects import defect_named
from jurat_sim.explore import strategy_for
from jurat_sim.parts import fail
from jurat_sim.scenarios import SCENARIOS, Scenario, scenario_named
from jurat_sim.shrink import BUDGET, SOUND, shrink
from jurat_sim.strategies import Replay, RunToBlock
from jurat_sim.tokens import decode

if TYPE_CHECKING:
    from jurat_sim.stage import Stage


def _failing(bench: Bench, schedules: int = 400) -> list[Run]:
    walk = strategy_for(bench.grain, 1)
    return [run for run in (bench.run(walk, number) for number in range(schedules)) if run.findings]


def test_shrinking_keeps_the_property_and_drops_deviations() -> None:
    """Each of nine failures, of several kinds, is shrunk to one of its own kind, and a simpler one."""
    kept, before, after = [], 0, 0
    for defect in ("D01", "D04", "D19"):
        with Bench(scenario_named("submit_races_stop"), defect=defect_named(defect)) as bench:
            for found in _failing(bench)[:3]:
                small = shrink(bench, found, budget=200)
                kept.append((found.findings[0].property, small.findings[0].property))
                before += len(found.deviations)
                after += len(small.deviations)
    assert all(one == other for one, other in kept)
    assert len(set(kept)) > 1
    assert after * 5 < before


def test_tasks_that_the_failure_does_not_need_are_left_out() -> None:
    """A task that a drain forgets is enough to show it, and the token says what was left out."""
    with Bench(scenario_named("retries_race"), defect=defect_named("F07")) as bench:
        small = shrink(bench, _failing(bench, 1)[0])
        token = bench.token(small)
        assert small.deviations == []
        assert small.submissions - len(small.omitted) <= 3
        assert decode(token).omitted == small.omitted
    again = replay(token)
    assert (again.digest, again.property) == (small.digest, "stuck")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_left_out_leaves_no_trace(scenario: str) -> None:
    """The worker never hears of it, and its log is sound, whatever single submission it is."""
    with Bench(scenario_named(scenario)) as bench:
        whole = bench.run(RunToBlock())
        for number in range(whole.submissions):
            run = bench.run(RunToBlock(), omit=(number,))
            assert run.omitted == (number,)
            assert {it.property.split(":")[0] for it in run.findings} <= {"stuck", "exception"}
            assert _submitted(run) < _submitted(whole) + len(run.findings)


def _submitted(run: Run) -> int:
    return sum(event[1] in ("Submit", "Attach", "Reject") for event in run.log)


def test_a_program_that_the_cut_has_broken_is_not_accepted() -> None:
    """To leave out the task that opens the door is to be stuck, but not for the reason that was found."""

    def door(stage: Stage) -> None:
        """One task waits for another; a third waits for another attempt when the drain comes."""
        worker = stage.build_worker(threads=2, drain_deadline=None)
        gate = stage.runtime.gate()
        stage.submit(lambda context: gate.wait())
        stage.submit(lambda context: gate.open())
        stage.submit(fail, retry=stage.jurat.Retry(max_retries=1, delay=0))
        worker.start()

        def closer() -> None:
            stage.close(worker.drain())

        stage.client("closer", closer)

    scenario = Scenario(name="door", text="", describe=door)
    with Bench(scenario, defect=defect_named("F07")) as bench:
        found = next(run for run in _failing(bench, 50) if run.findings[0].property == "stuck")
        # Without the second task the first waits for ever, with the defect or without it, so the first has
        # to go before it; and the third is the one that the drain forgets.
        assert shrink(bench, found).omitted == (0, 1)
    with Bench(scenario) as bench:
        stuck = bench.run(RunToBlock(), omit=(1,))
        assert stuck.findings[0].property == "stuck"
        assert shrink(bench, stuck).omitted == (1,)  # nothing shows that less than that can work


def test_the_budget_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However complicated the failure is; asking whether cuts are sound has a bound of its own."""
    made = 0
    run = Bench.run

    def counted(bench: Bench, *args: object, **options: object) -> Run:
        nonlocal made
        made += 1
        return run(bench, *args, **options)  # type: ignore[arg-type]

    with Bench(scenario_named("deadlines_race"), defect=defect_named("D45")) as bench:
        found = _failing(bench)[0]
        monkeypatch.setattr(Bench, "run", counted)
        shrink(bench, found)
        assert BUDGET // 2 < made <= BUDGET + found.submissions**2 * (SOUND + 2)
        made = 0
        assert shrink(bench, found, budget=0) is found
        assert made == 0


def test_shrinking_is_the_same_every_time() -> None:
    """It draws its numbers from its own name."""
    with Bench(scenario_named("submit_races_stop"), defect=defect_named("L02"), grain=Grain.ACCESS) as bench:
        found = _failing(bench, 60)[0]
        assert len({bench.token(shrink(bench, found, budget=150)) for _ in range(2)}) == 1


def test_a_shrunk_run_cannot_lose_a_single_deviation() -> None:
    """Each that is left is needed."""
    with Bench(scenario_named("submit_races_stop"), defect=defect_named("D20")) as bench:
        small = shrink(bench, _failing(bench)[0], budget=300)
        assert len(small.deviations) >= 2
        for place in range(len(small.deviations)):
            kept = small.deviations[:place] + small.deviations[place + 1 :]
            run = bench.run(Replay(kept), omit=small.omitted)
            assert not run.findings or len(run.deviations) >= len(small.deviations)
