"""Coverage: what meets what is counted rightly, and the scenarios bring everything together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_sim.bench import Bench
from jurat_sim.coverage import (
    ACTIONS,
    BEFORE,
    DURING,
    IMPOSSIBLE,
    PAIRS,
    SITUATIONS,
    Coverage,
    Situation,
    cover,
    situations_of,
)
from jurat_sim.errors import UnknownScenario
from jurat_sim.incidents import INCIDENTS
from jurat_sim.scenarios import scenario_named
from jurat_sim.stage import Span
from jurat_sim.strategies import RandomWalk, Reluctant, Replay, RunToBlock
from jurat_sim.tokens import Grain

if TYPE_CHECKING:
    from jurat_sim.primitives import BenchThread
    from jurat_sim.runtime import Strategy
    from jurat_sim.stage import Stage


ENOUGH = (
    *[describe.__name__ for describe in INCIDENTS],
    "deadlines_race", "retries_race", "shutdown_races_start", "work_gets_done",
)  # fmt: skip
"""Scenarios in which everything is seen already; the audit runs all of them, and more schedules of each."""


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    """Few schedules of few scenarios."""
    return cover(schedules=200, scenarios=ENOUGH)


def test_every_possible_situation_is_seen(coverage: Coverage) -> None:
    """Both orders and an overlap of each pair, but for those that the rule forbids; and these never."""
    assert coverage.missing == []
    assert coverage.contradictions == []
    assert coverage.complete
    assert coverage.runs == 200 * len(ENOUGH)


def test_the_table_has_a_row_for_each_pair(coverage: Coverage) -> None:
    """In the order of the actions, with the counts of its three situations and what is impossible."""
    rows = coverage.rows()
    assert [(row.first, row.second) for row in rows] == list(PAIRS)
    assert len(rows) == len(ACTIONS) * (len(ACTIONS) + 1) // 2
    row = rows[PAIRS.index(("BecomeDue", "StopNow"))]
    assert row.before == coverage.counts[Situation("BecomeDue", BEFORE, "StopNow")] > 0
    assert row.during == coverage.counts[Situation("BecomeDue", DURING, "StopNow")] > 0
    assert row.after == 0
    assert row.impossible == ("StopNow before BecomeDue: after a stop every task that waits is doomed",)
    same = rows[PAIRS.index(("Cancel", "Cancel"))]
    assert same.before == same.after > 0
    assert str(coverage).endswith(
        f"{len(SITUATIONS) - len(IMPOSSIBLE)} possible situations seen in {coverage.runs} runs"
    )


def test_what_is_missing_is_named() -> None:
    """A single scenario does not bring everything together, and the text says what it does not."""
    few = cover(schedules=5, scenarios=["submit_races_stop"])
    lacking = Situation("Submit", DURING, "Evict")
    assert not few.complete
    assert lacking in few.missing
    assert "missing: Submit during Evict" in str(few).splitlines()


def test_what_is_impossible_and_seen_is_a_contradiction() -> None:
    """Were it counted, the coverage would say so, and not be complete."""
    coverage = Coverage()
    coverage.counts = dict.fromkeys(SITUATIONS, 1)
    assert coverage.missing == []
    assert coverage.contradictions == list(IMPOSSIBLE)
    assert not coverage.complete
    assert "contradicted: StopNow before Fail was seen" in str(coverage).splitlines()


def test_the_same_seed_is_the_same_coverage() -> None:
    """And another seed another one."""
    counts = [
        cover(schedules=20, scenarios=["overload", "cancel_storm"], seed=seed).counts for seed in (3, 3, 4)
    ]
    assert counts[0] == counts[1] != counts[2]


def test_an_unknown_scenario_is_named() -> None:
    """As everywhere."""
    with pytest.raises(UnknownScenario):
        cover(scenarios=["nothing"], schedules=1)


def test_progress_is_told() -> None:
    """After each scenario."""
    told: list[int] = []
    cover(schedules=2, scenarios=["overload", "cancel_storm"], advance=told.append)
    assert told == [2, 2]


# What meets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "occurred"),
    [
        (Span("Submit", "a", 1, 4), Span("Evict", "b", 5, 6), {("Submit", BEFORE, "Evict")}),
        (Span("Submit", "a", 5, 6), Span("Evict", "b", 1, 4), {("Evict", BEFORE, "Submit")}),
        (Span("Submit", "a", 1, 4), Span("Evict", "b", 3, 6), {("Submit", DURING, "Evict")}),
        (Span("Evict", "b", 3, 6), Span("Submit", "a", 1, 4), {("Submit", DURING, "Evict")}),
        (Span("Evict", "b", 1, 6), Span("Submit", "a", 3, 3), {("Submit", DURING, "Evict")}),
        (Span("Cancel", "a", 1, 4), Span("Cancel", "b", 3, 6), {("Cancel", DURING, "Cancel")}),
        (Span("Cancel", "a", 1, 4), Span("Cancel", "b", 5, 6), {("Cancel", BEFORE, "Cancel")}),
        (Span("Submit", "a", 1, 4), Span("Evict", "a", 5, 6), set()),
        (Span("Submit", "a", 1, 4), Span("Evict", "a", 2, 3), set()),
    ],
)
def test_two_actions_meet_as_their_steps_say(
    one: Span, other: Span, occurred: set[tuple[str, str, str]]
) -> None:
    """One is over before the other begins, or each begins before the other ends; on one thread, neither."""
    assert situations_of([one, other]) == {Situation(*it) for it in occurred}


def test_a_situation_counts_once_in_a_run() -> None:
    """However often it occurred."""
    spans = [Span("Submit", "a", 1, 2), Span("Submit", "a", 3, 4), Span("Evict", "b", 5, 6)]
    assert situations_of(spans) == {Situation("Submit", BEFORE, "Evict")}


FIRST_THE_CLIENT = (0, 0)
"""A deviation: the default begins with the steward."""


def _watched(scenario: str, deviations: list[tuple[int, int]]) -> set[str]:
    coverage = Coverage()
    with Bench(scenario_named(scenario)) as bench:
        bench.run(Replay(deviations), watch=coverage.watch)
    coverage.count()
    return {str(situation) for situation, count in coverage.counts.items() if count}


def test_one_cancellation_is_seen_before_after_and_during_one_completion() -> None:
    """In the schedules of a duel that depart once from the default.

    Before, the task runs when it is cancelled, and completes; after, the cancellation comes too late.
    """
    seen = set()
    with Bench(scenario_named("cancel_or_complete")) as bench:
        choices = bench.run(Replay([])).choices
    for choice in range(choices):
        for option in range(3):
            seen |= _watched("cancel_or_complete", [(choice, option)])
    assert seen == {"Cancel before Complete", "Complete before Cancel", "Cancel during Complete"}


def test_the_set_up_of_a_scenario_counts_for_nothing() -> None:
    """The client is first, and its cancellation is all there is, though the set-up submits and drains."""
    assert _watched("cancel_or_complete", [FIRST_THE_CLIENT]) == set()


def test_the_call_that_is_answered_with_another_task_is_no_submission() -> None:
    """Attach and Submit are one call, and its answer says which it was."""
    assert _watched("attach_or_evict", [FIRST_THE_CLIENT]) == {
        "Attach before Complete",
        "Attach before Evict",
    }


def test_a_refused_call_counts() -> None:
    """By default the stopper is first, and the task is refused."""
    assert _watched("submit_or_stop", []) == {"StopNow before Submit"}


def test_an_action_lasts_from_the_step_before_its_section_to_the_event() -> None:
    """Reckoned anew, from who took which step and where the log grew, in runs with every kind of action."""
    with Bench(scenario_named("slow_request_repeated")) as bench:
        walk = RandomWalk(1)
        for number in range(30):
            coverage, reckoning = Coverage(), _Reckoning()

            def watch(stage: Stage, first: Coverage = coverage, second: _Reckoning = reckoning) -> None:
                first.watch(stage)
                second.watch(stage)

            bench.run(walk, number, watch=watch)
            coverage.count()
            seen = {situation for situation, count in coverage.counts.items() if count}
            assert seen == situations_of(reckoning.spans())


class _Reckoning:
    """Each step of a run: whose it was, and how long the log was before it."""

    def watch(self, stage: Stage) -> None:
        self.stage = stage
        self.steps: list[tuple[int, str, int]] = []
        observe = stage.runtime.observe
        assert observe is not None

        def both(thread: BenchThread | None) -> None:
            observe(thread)
            if thread is not None:
                self.steps.append((stage.runtime.steps, thread.name, len(stage.log)))

        stage.runtime.observe = both

    def spans(self) -> list[Span]:
        spans = [*self.stage.spans]
        lengths = [length for _, _, length in self.steps[1:]] + [len(self.stage.log)]
        for place, (step, thread, length) in enumerate(self.steps):
            earlier = [at for at, name, _ in self.steps[:place] if name == thread]
            new = [event[1] for event in self.stage.log[length : lengths[place]]]
            own = ("Complete", "Fail", "BecomeDue", "TimeOut", "Expire", "Evict")
            spans += [Span(action, thread, earlier[-1], step) for action in new if action in own]
        return spans


def test_it_can_be_counted_at_the_grain_of_accesses() -> None:
    """Where a section is many steps, an action begins with the one before the section all the same."""
    coverage = Coverage()
    with Bench(scenario_named("cancel_or_complete"), grain=Grain.ACCESS) as bench:
        strategies: list[Strategy] = [RunToBlock(), *[Reluctant(seed) for seed in range(20)]]
        for strategy in strategies:
            bench.run(strategy, watch=coverage.watch)
            coverage.count()
    seen = {str(situation) for situation, count in coverage.counts.items() if count}
    assert seen == {"Cancel before Complete", "Complete before Cancel", "Cancel during Complete"}


def test_counting_without_a_run_is_a_mistake() -> None:
    """There is nothing to count."""
    with pytest.raises(AssertionError, match="no run was watched"):
        Coverage().count()
