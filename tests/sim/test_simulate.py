"""Simulations: figures by hand, checks that can fail, laws and models that can be refuted."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jurat
from jurat_sim.build import Patch, load
from jurat_sim.defects import DEFECTS, Defect, defect_named
from jurat_sim.simulate import Scenario, Verdict, guide, queueing, read, run, simulate, timelaws
from jurat_sim.simulate.campaign import BUDGETS, EVERYTHING, SIZING, Budget, campaign, everything_goes_wrong
from jurat_sim.simulate.config import (
    CancelAll,
    ConstantService,
    Drain,
    Event,
    Faults,
    FromTrace,
    Guide,
    Hooks,
    Latency,
    Load,
    Pause,
    Queue,
    Range,
    RateLimit,
    Regular,
    Resize,
    Resume,
    Retry,
    SetRate,
    Stop,
    Subscriber,
    Worker,
)
from jurat_sim.simulate.guidance import smallest
from jurat_sim.simulate.run import Run, Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_sim.simulate import Outcome

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
MS = 1_000_000
S = 1_000 * MS
ALL = Fraction(1)


def tasks(*instants: tuple[int, int | None], **said: Any) -> Load:
    """Tasks that come at these instants and take so long."""
    return Load(name="task", arrivals=FromTrace(file=""), trace=instants, **said)


def one(load: Load, *events: Event, **said: Any) -> Scenario:
    """A scenario of one load on one thread, if nothing else is said."""
    return Scenario(name="one", worker=Worker(**{"threads": 1, **said}), load=(load,), event=events)


def failing(outcome: Outcome) -> set[str]:
    """The names of the checks that do not hold."""
    return {check.name for check in outcome.checks if not check.holds}


def test_the_figures_are_those_that_one_gets_by_hand() -> None:
    """Three tasks of 10 ms on one thread, at 0, 4 and 30 ms."""
    outcome = simulate(one(tasks((0, 10 * MS), (4 * MS, 10 * MS), (30 * MS, 10 * MS))))
    figures = outcome.figures
    assert (outcome.verdict, outcome.problems) == (Verdict.PASS, ())
    assert list(outcome.run.ledger.waits) == [0, 6 * MS, 0]
    assert list(outcome.run.ledger.latencies) == [10 * MS, 16 * MS, 10 * MS]
    assert figures["wait_ns"] == {
        "count": 3,
        "mean": 2 * MS,
        "p50": 0,
        "p90": 6 * MS,
        "p99": 6 * MS,
        "most": 6 * MS,
    }
    assert figures["simulated_ns"] == 40 * MS
    assert figures["busy_ppm"] == 750_000
    assert figures["queued_milli"] == 150
    assert figures["ends"]["completed"] == figures["offered"] == figures["attempts"] == 3
    assert figures["events"] == 1 + 3 * 3 + 2


def test_a_scenario_repeats_to_the_byte_and_its_runs_differ() -> None:
    """All numbers follow from the name and the number of the run."""
    scenario = replace(read(EXAMPLES / "theory.toml"), guide=None)
    scenario = replace(scenario, load=(replace(scenario.load[0], count=200),))
    first, again = simulate(scenario), simulate(scenario)
    other, named = simulate(scenario, number=1), simulate(replace(scenario, name="other"))
    assert json.dumps(first.content()) == json.dumps(again.content())
    assert len({it.figures["simulated_ns"] for it in (first, other, named)}) == 3


@pytest.mark.parametrize("name", ["deploy", "incident"])
def test_the_examples_hold_every_check(name: str) -> None:
    """Deploys, incidents, failures and slow readers included; and every fault site is hit."""
    outcome = simulate(read(EXAMPLES / f"{name}.toml"))
    assert outcome.problems == ()
    assert outcome.figures["workers"] == 2


def test_what_is_counted_over_two_workers_is_counted_in_order_of_time() -> None:
    """Also while the one drains and the other has begun."""
    load = tasks(*[(at * 10 * MS, 30 * MS) for at in range(12)])
    run = simulate(one(load, Drain(at=55 * MS, replaced="at once"), threads=1)).run
    assert len(run.generations) == 2
    for instants in (run.ledger.depth_at, run.ledger.live_at):
        assert list(instants) == sorted(instants)
    # Six tasks of the first worker, one after the other, and then the second has the other six.
    waiting = dict(zip(run.ledger.depth_at, run.ledger.depth, strict=True))
    assert waiting[50 * MS] == 4
    assert waiting[60 * MS] == 3
    assert waiting[70 * MS] == 4


def test_a_worker_that_is_replaced_at_once_refuses_nothing() -> None:
    """And one that is replaced when it has stopped refuses what comes meanwhile."""
    load = Load(name="task", arrivals=Regular(every=MS), count=100, service=ConstantService(length=5 * MS))
    told = {}
    for replaced in ("never", "at once", "when stopped"):
        outcome = simulate(one(load, Drain(at=50 * MS + 1, replaced=replaced), threads=6))
        assert outcome.problems == ()
        told[replaced] = outcome.figures["refused"], outcome.figures["workers"]
    assert told == {
        "never": ({"WorkerStopped": 49}, 1),
        "at once": ({}, 2),
        "when stopped": ({"WorkerStopped": 4}, 2),
    }


def test_events_do_what_they_say() -> None:
    """Starts stand still while the worker is paused; a larger worker has more; a rate may come and go."""
    load = Load(name="task", arrivals=Regular(every=0), count=8, service=ConstantService(length=10 * MS))
    events: tuple[Event, ...] = (Pause(at=15 * MS), Resume(at=40 * MS), Resize(at=55 * MS, threads=3))
    assert list(simulate(one(load, *events)).run.ledger.starts[0]) == [
        at * MS for at in (0, 10, 40, 50, 55, 55, 60, 65)
    ]
    events = (
        SetRate(at=5 * MS, rate=RateLimit(starts=1, per=25 * MS)),
        SetRate(at=50 * MS),
        CancelAll(at=65 * MS),
    )
    outcome = simulate(one(load, *events))
    assert outcome.problems == ()
    assert list(outcome.run.ledger.starts[0]) == [at * MS for at in (0, 10, 35, 50, 60)]
    assert outcome.figures["ends"]["cancelled"] == 4


def test_queues_priorities_delays_and_deadlines_reach_the_worker() -> None:
    """A load says them, and the log shows what came of it."""
    first = tasks((0, 10 * MS))
    loads = (
        first,
        replace(tasks((1, 1 * MS)), name="late", deadline=5 * MS),
        replace(tasks((1, 1 * MS)), name="low", priority=5),
        replace(tasks((1, 1 * MS)), name="high", priority=-5),
        replace(tasks((1, 1 * MS)), name="mail", queue="mail"),
        replace(tasks((1, 1 * MS)), name="delayed", delay=50 * MS),
    )
    scenario = Scenario(
        name="many", worker=Worker(threads=1), load=loads, queue=(Queue(name="mail", weight=9),), hold=60 * MS
    )
    made = Run(scenario, kept=True).play()
    names = {event[2]: event[4]["name"] for event in made.events if event[1] == "Submit"}
    started = [(names[event[2]], event[0]) for event in made.events if event[1] == "Start"]
    assert started == [
        ("task", 0), ("mail", 10 * MS), ("high", 11 * MS), ("low", 12 * MS), ("delayed", 50 * MS + 1)
    ]  # fmt: skip
    assert made.ledger.ends == {"completed": 5, "timed_out": 1}


def test_a_stop_in_the_middle_cancels_what_waits_and_abandons_what_hangs() -> None:
    """Its length is the grace, to the nanosecond, and the function that hangs comes back in the end."""
    load = Load(name="task", arrivals=Regular(every=MS), count=20, faults=Faults(hangs=ALL))
    outcome = simulate(one(load, Stop(at=5 * MS + 1), grace=3 * MS + 7, threads=2))
    assert outcome.problems == ()
    assert outcome.figures["ends"] == {
        "abandoned": 2, "cancelled": 4, "completed": 0, "failed": 0, "timed_out": 0
    }  # fmt: skip
    assert outcome.run.closings[0].length_ns == 3 * MS + 7
    assert outcome.run.ledger.actions["LateReturn"] == 2


def test_retries_draw_anew_and_are_counted_apart() -> None:
    """Each attempt has its own fate; a task that fails for good has used all of them."""
    load = Load(name="task", arrivals=Regular(every=MS), count=400, faults=Faults(raises=Fraction(1, 2)))
    outcome = simulate(one(load, threads=4, retry=Retry(max_retries=2, delay=MS)), replayed=False)
    failed = outcome.figures["ends"]["failed"]
    assert outcome.problems == ()
    assert outcome.figures["attempts"] == 400 + outcome.figures["retries"]
    assert 25 < failed < 80  # an eighth of 400


def test_a_simulation_that_cannot_end_says_who_waits_for_what() -> None:
    """A drain without a deadline waits for ever for a task that hangs."""
    outcome = simulate(one(tasks((0, MS), faults=Faults(hangs=ALL)), drain_deadline=None))
    assert outcome.verdict is Verdict.FAIL
    assert "end" in failing(outcome)
    assert "stuck" in outcome.problems[0]


def test_a_run_that_is_cut_short_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that was reached is no pass, and no failure either."""
    monkeypatch.setattr(run, "STEPS", 50)
    outcome = simulate(one(Load(name="task", arrivals=Regular(every=1), count=50)))
    assert outcome.verdict is Verdict.UNDETERMINED
    assert outcome.problems == ("undetermined: not over after 50 steps",)


def test_a_fault_site_that_is_never_hit_fails() -> None:
    """What was asked for and did not happen was not tested."""
    load = Load(name="task", arrivals=Regular(every=1), count=5, faults=Faults(kills=Fraction(1, 10**9)))
    assert failing(simulate(one(load))) == {f"fault site: {Site.TASK_KILLS}"}


def seeded(id: str) -> Any:
    """The worker's package with a defect."""
    return load(name=id, patches=DEFECTS[id].patches).package


def patched(module: str, anchor: str, replacement: str) -> Any:
    """The worker's package with a change of the test's own."""
    return load(name="test", patches=(Patch(module, anchor, replacement),)).package


LIMITED = Scenario(
    name="limited",
    worker=Worker(threads=2, rate=RateLimit(starts=1, per=10 * MS, burst=3)),
    load=(tasks(*((at * MS, 0) for at in (100, 100, 100, 100, 300, 300, 300, 300, 300))),),
)


@pytest.mark.parametrize(
    ("check", "scenario", "package"),
    [
        ("windows", LIMITED, lambda: seeded("D08")),
        (
            "drain of worker 0",
            one(tasks((0, S), faults=Faults(ignores=ALL)), Drain(at=1), drain_deadline=MS, grace=MS),
            lambda: seeded("T01"),
        ),
        (
            "stop of worker 0",
            one(tasks((0, S), faults=Faults(ignores=ALL)), Stop(at=1), grace=MS),
            lambda: seeded("T12"),
        ),
        ("replay", LIMITED, lambda: seeded("D08")),
        ("witness", one(tasks((0, MS))), lambda: seeded("D44")),
        (
            "counters",
            one(tasks((0, MS))),
            lambda: patched("_steps", "tallies[label.completed] += 1", "tallies[label.completed] += 2"),
        ),
        (
            "hooks",
            replace(one(tasks((0, MS))), hooks=Hooks(callback_raises_every=1)),
            lambda: patched("_follower", 'self._core.on_problem("a done callback", problem)', "pass"),
        ),
        (
            "subscriber",
            replace(
                one(tasks(*[(0, 0)] * 9)), subscriber=(Subscriber(size=1, policy="drop_oldest", stalls=MS),)
            ),
            lambda: seeded("D24"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_check_holds_of_the_worker_and_can_fail(
    check: str, scenario: Scenario, package: Callable[[], Any]
) -> None:
    """A worker with a defect that the check is for does not pass it."""
    clean = simulate(scenario)
    assert check not in failing(clean)
    assert check in {it.name for it in clean.checks}
    assert check in failing(simulate(scenario, package=package()))


def test_conservation_can_fail() -> None:
    """Counted by who submits, and by the log."""
    made = Run(one(tasks((0, MS)))).play()
    assert made.offered == made.ledger.submitted == made.ledger.ends.total() == 1
    assert made.ledger.left == 0
    wrong = patched("_steps", 'event[1] = "Reject"', 'event[1] = "Attach"')
    refused = one(tasks(*((0, S) for _ in range(3))), queue_max=1)
    assert failing(simulate(refused)) == set()
    assert "conservation" in failing(simulate(refused, package=wrong, replayed=False))


# --- laws, theory, campaign ---------------------------------------------------------------------------


@pytest.mark.parametrize("law", timelaws.TIME_LAWS, ids=lambda law: law.name)
def test_a_law_of_time_holds_and_its_defect_breaks_it(law: timelaws.TimeLaw) -> None:
    """At fewer loads than the audit's."""
    found = timelaws.examine(replace(law, loads=max(2, law.loads // 2)))
    assert (found.broken, found.trouble) == (0, "")
    assert found.holds
    assert found.can_fail


def test_a_law_whose_defect_does_nothing_cannot_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one whose patch no longer fits; both are said."""
    law = timelaws.TIME_LAWS[-1]
    text = "    picked = _arithmetic.pick(choice.shares)\n"
    for patch, trouble in (
        (Patch("_choose", text, text), ""),
        (Patch("_choose", "no such", ""), "occurs 0 times"),
    ):
        monkeypatch.setitem(DEFECTS, law.defect, replace(defect_named("T14"), patches=(patch,)))
        found = timelaws.examine(replace(law, loads=1))
        assert found.holds
        assert not found.can_fail
        assert trouble in found.trouble


def test_theory_is_within_the_interval_and_what_is_wrong_is_not() -> None:
    """M/D/1 at fewer tasks than the audit's: the twin and the defect are told apart."""
    found = queueing.examine(queueing.MODELS[1], tasks=1_000, defect_tasks=1_000)
    assert all(it.holds and len(it.seeds) == 10 for it in found.comparisons)
    assert found.twin_refuted
    assert found.defect_refuted
    assert found.trouble == ""


def test_a_wrong_formula_is_not_within_the_interval() -> None:
    """What M/M/1 says of M/D/1, taken for the theory, is a problem of the campaign."""
    model = queueing.MODELS[1]
    found = queueing.examine(replace(model, wait=model.twin_wait), tasks=700, defect_tasks=20)
    assert not found.comparisons[0].holds


SMALL = Budget(loads=1, tasks=40, defect_tasks=40, faults=1)


def test_the_campaign_tells_what_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A law that is broken, a model that cannot be told apart, a site that is not hit: a line each."""
    broken = replace(timelaws.TIME_LAWS[6], hold=lambda numbers, package: timelaws.Held(3, 1, 5), loads=1)
    # With the defect of a model that changes nothing, theory holds all the same.
    harmless = Defect(id="T99", title="harmless", breaks=(), patches=())
    monkeypatch.setitem(DEFECTS, "T99", harmless)
    model = replace(queueing.MODELS[1], defect="T99", twin_wait=queueing.MODELS[1].wait)
    monkeypatch.setattr(timelaws, "TIME_LAWS", (broken,))
    monkeypatch.setattr(queueing, "MODELS", (model,))
    monkeypatch.setattr(
        "jurat_sim.simulate.campaign.EVERYTHING",
        one(Load(name="task", arrivals=Regular(every=MS), count=5)),
    )
    # Seen in so few tasks, six threads are more than are needed.
    few = replace(SIZING, load=(replace(SIZING.load[0], count=20),))
    monkeypatch.setattr("jurat_sim.simulate.campaign.SIZING", few)
    found = campaign(SMALL)
    assert any(line.endswith("by guidance, 6 by theory") for line in found.problems)
    assert "the length of a stop: 1 of 3 comparisons do not hold: at most the grace" in found.problems
    assert "M/D/1: the wrong formula, M/M/1, is not told apart" in found.problems
    assert "M/D/1: with T99 (harmless) theory holds all the same" in found.problems
    assert sum(line.startswith("fault site never hit: ") for line in found.problems) == len(Site)


def test_everything_goes_wrong_at_every_site() -> None:
    """Each at least once, every check holds, and the wall clock's jumps change no event."""
    outcome, problems = everything_goes_wrong(0)
    assert problems == []
    assert outcome.run.configured_sites() == set(Site)
    assert all(outcome.run.sites[site] for site in Site)


def test_a_worker_that_asks_the_wall_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the worker timed its retries by the wall clock, a jump would change its log."""
    text = "    next_ns = returned + _delay_ns(core, policy, task, error)\n"
    package = patched(
        "_retries", text, text.replace("returned +", "core.runtime.wall_ns() - core.epoch_ns +")
    )
    few = replace(EVERYTHING, load=(replace(EVERYTHING.load[0], count=500),))
    monkeypatch.setattr("jurat_sim.simulate.campaign.EVERYTHING", few)
    monkeypatch.setattr(
        Run.__init__, "__kwdefaults__", {**(Run.__init__.__kwdefaults__ or {}), "package": package}
    )
    assert any("jumps of the wall clock" in line for line in everything_goes_wrong(0)[1])


def test_every_profile_has_its_budget_and_the_deep_one_is_as_large_as_promised() -> None:
    """Ten million events at least: four for each task of a model, less what is not remembered."""
    deep = BUDGETS["deep"]
    # Submit, Start and Complete; all but the last thousand of a run are forgotten as well.
    assert len(queueing.MODELS) * queueing.SEEDS * (4 * deep.tasks - 1_000) >= 10_000_000
    assert BUDGETS["default"].tasks < deep.tasks


# --- guidance -----------------------------------------------------------------------------------------


def test_the_smallest_is_found_and_its_neighbour_was_asked() -> None:
    """Whatever the threshold is."""
    for threshold in range(1, 20):
        asked: list[int] = []

        def meets(value: int, threshold: int = threshold, asked: list[int] = asked) -> bool:
            asked.append(value)
            return value >= threshold

        found = smallest(Range(least=2, most=17), meets)
        assert found == (None if threshold > 17 else max(2, threshold))
        assert found is None or found == 2 or found - 1 in asked


def sized(**wanted: Any) -> Scenario:
    """Ten tasks of 10 ms at once, and what is wanted of them."""
    scenario = one(
        Load(name="task", arrivals=Regular(every=0), count=10, service=ConstantService(length=10 * MS)),
        rate=RateLimit(starts=10, per=100 * MS, burst=10),
    )
    return replace(scenario, guide=Guide(**wanted))


def test_guidance_finds_the_smallest_threads_rate_and_burst() -> None:
    """Ten tasks at once in 50 ms: two threads; the third start may wait for 10 ms, and so on."""
    found = guide(sized(latency=Latency(share=ALL, within=50 * MS), threads=Range(most=8)))
    (step,) = found.steps
    assert (step.what, step.value, found.met, found.undetermined) == ("threads", 2, True, False)
    assert step.at_value.latency_ns == 50 * MS
    assert step.one_less is not None
    assert step.one_less.latency_ns == 100 * MS
    assert found.latency_margin_ppm == 0
    bursts = guide(
        sized(latency=Latency(share=ALL, within=100 * MS), burst=Range(most=20), starts=Range(most=50))
    )
    assert [(step.what, step.value) for step in bursts.steps] == [("starts", 1), ("burst", 10)]


def test_guidance_of_a_drain_is_by_its_length() -> None:
    """What waits when the last task has come: all of it."""
    found = guide(sized(drain=40 * MS, threads=Range(most=8)))
    assert found.steps[0].value == 3
    assert found.drain_margin_ppm == 0


def test_guidance_that_cannot_be_met_says_so() -> None:
    """A task of 10 ms does not end in 9."""
    found = guide(sized(latency=Latency(share=ALL, within=9 * MS), threads=Range(most=12)))
    assert not found.met
    assert found.steps[0].value is None


def test_guidance_agrees_with_theory_where_theory_knows() -> None:
    """M/M/c: as many threads as the formula for the latency says; of anything else theory is silent."""
    found = guide(SIZING)
    assert found.threads_by_theory == found.steps[0].value == 6
    few = replace(SIZING, load=(replace(SIZING.load[0], count=50, timeout=S),))
    assert guide(few).threads_by_theory is None


def test_a_scenario_without_a_guide_has_no_guidance() -> None:
    """It is an error of the caller's."""
    with pytest.raises(ValueError, match="has no guide"):
        guide(one(tasks((0, 0))))


def test_the_shipped_worker_is_what_runs() -> None:
    """Not a copy of it: the very package that everybody imports."""
    made = Run(one(tasks((0, 0)))).play()
    assert type(made.generations[0].worker) is jurat.Worker
