"""The scenarios: how many there are, how many threads they have, and what duels are."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from jurat_sim import duels, features, incidents, scenarios
from jurat_sim.bench import Bench
from jurat_sim.checks import check
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.strategies import RandomWalk, Replay

if TYPE_CHECKING:
    from jurat_sim.scenarios import Scenario
    from jurat_sim.stage import Stage

DUELS = [scenario for scenario in SCENARIOS.values() if scenario.duel]
OTHERS = [it for it in SCENARIOS.values() if not (it.duel or it.punctual)]


def test_there_are_as_many_as_are_promised() -> None:
    """At least 25 of three threads or more, and at least five duels."""
    assert len(OTHERS) >= 25
    assert len(DUELS) >= 5


@pytest.mark.parametrize("scenario", OTHERS, ids=[scenario.name for scenario in OTHERS])
def test_a_scenario_has_three_threads_or_more_in_every_run(scenario: Scenario) -> None:
    """Of which two are clients; each of them has begun and ended."""
    stages: list[Stage] = []
    with Bench(scenario) as bench:
        walk = RandomWalk(1)
        for number in range(10):
            assert bench.run(walk, number, watch=stages.append).findings == []
    for stage in stages:
        assert len(stage.clients) >= 2
        assert len(stage.runtime.threads) >= 3
        assert stage.runtime.unfinished() == []


@pytest.mark.parametrize("scenario", DUELS, ids=[scenario.name for scenario in DUELS])
def test_a_duel_ends_in_two_ways_or_more(scenario: Scenario) -> None:
    """Among all schedules that depart once from the default, none of which breaks anything."""
    traces = set()
    with Bench(scenario) as bench:
        for deviation in _single_deviations(bench):
            run = bench.run(Replay(deviation))
            assert run.findings == []
            traces.add(run.trace)
    assert len(traces) > 1


class _Counting(Replay):
    """The default, and how many options each of its choices had."""

    def __init__(self) -> None:
        super().__init__([])
        self.options: list[int] = []

    def choose(self, ready: Any, default: int, time: bool) -> int:
        self.options.append(len(ready) + time)
        return super().choose(ready, default, time)


def _single_deviations(bench: Bench) -> list[list[tuple[int, int]]]:
    counting = _Counting()
    bench.run(counting)
    return [
        [(choice, option)] for choice, options in enumerate(counting.options) for option in range(options)
    ]


def test_every_call_that_coverage_counts_is_made_through_the_stage() -> None:
    """A call that goes straight to the worker would not be seen."""
    straight = [
        f"{module.__name__}, line {node.lineno}: {ast.unparse(node)}"
        for module in (scenarios, features, incidents, duels)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute) and _goes_straight(ast.unparse(node.value), node.attr)
    ]
    assert straight == []


def _goes_straight(owner: str, called: str) -> bool:
    if owner == "worker":
        return called in ("submit", "submit_all", "drain", "stop_now", "resize", "pause", "subscribe")
    return owner.endswith(".handle") and called == "cancel"


def test_a_shutdown_that_nobody_waits_for_is_looked_at_when_the_run_is_over() -> None:
    """That it is not done is found, though no client has asked."""
    stages: list[Stage] = []
    with Bench(SCENARIOS["cancel_or_complete"]) as bench:
        bench.run(Replay([]), watch=stages.append)
    (stage,) = stages
    assert len(stage.closings) == 1
    assert check(stage) == []
    stage.close_at_end(_NeverDone(stage.closings[0].shutdown))
    assert "shutdown: done" in {finding.property for finding in check(stage)}


class _NeverDone:
    def __init__(self, shutdown: Any) -> None:
        self.report = shutdown.report
        self.done = False

    def wait(self, timeout: float | None) -> bool:
        assert timeout == 0
        return False
