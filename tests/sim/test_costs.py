"""What a task costs is counted exactly, and what is done while a lock is held is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jurat_sim import costs
from jurat_sim.bench import Bench
from jurat_sim.build import Patch, load
from jurat_sim.costs import FEW, LOADS, MANY, Holding, Uneven, cost_of_a_task, sections
from jurat_sim.monitor import Effect
from jurat_sim.scenarios import SCENARIOS, Scenario
from jurat_sim.strategies import RandomWalk, RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_sim.runtime import BenchRuntime
    from jurat_sim.stage import Stage


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Have the costs be counted of a worker in which one text of a module is replaced."""

    def replace(module: str, old: str, new: str) -> None:
        patch = Patch(module, old, new)

        class Patched(Bench):
            def __init__(self, scenario: Scenario, **options: Any) -> None:
                grain = {"grain": options["grain"]} if "grain" in options else {}
                build = load("jurat", name="costs", patches=(patch,), **grain)
                super().__init__(scenario, build=build, **options)

        monkeypatch.setattr(costs, "Bench", Patched)

    return replace


def test_a_task_costs_what_the_design_says() -> None:
    """One lock to submit it, and one to take it up and to record the end of the one before; nobody is woken.

    If each is waited for, the client takes the lock to wait, and the thread to park; each is woken once.
    """
    busy, idle = (cost_of_a_task(load) for load in LOADS)
    assert (busy.locks, busy.gates, busy.clock) == (2, 0, 2)
    assert (idle.locks, idle.gates, idle.clock) == (4, 2, 3)
    assert 2 * busy.locks == busy.operations < busy.accesses < busy.bytecodes < idle.bytecodes


def test_it_is_the_same_each_time() -> None:
    """Instructions as well, which real threads have executed."""
    assert cost_of_a_task(LOADS[0]) == cost_of_a_task(LOADS[0])


def test_one_more_reading_of_the_clock_is_counted(built: Callable[[str, str, str], None]) -> None:
    """In the submission: one reading, and the instructions that it takes."""
    before = cost_of_a_task(LOADS[0])
    anchor = "        patience_ns = self._queue_wait_ns\n"
    built("_worker", anchor, anchor + "        core.now()\n")
    after = cost_of_a_task(LOADS[0])
    assert after.clock == before.clock + 1
    assert after.locks == before.locks
    assert after.bytecodes > before.bytecodes


def test_tasks_that_cost_more_and_more_have_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not divide evenly is refused, and not rounded."""
    made = iter([{"locks": 2 * FEW}, {"locks": 2 * MANY + 1}])
    monkeypatch.setattr(costs, "_counted", lambda *_: next(made))
    with pytest.raises(Uneven, match="100 tasks in a row cost 201 locks"):
        cost_of_a_task(LOADS[0])


def test_the_worker_does_nothing_in_its_sections() -> None:
    """In each scenario."""
    found = {name: sections(name, RandomWalk(1), 2) for name in SCENARIOS}
    assert all(entered > 10 for entered, _ in found.values())
    assert {name: lines for name, (_, lines) in found.items() if lines} == {}


def _toy(body: Callable[[BenchRuntime, Any, Any], object]) -> list[str]:
    """What is found when a thread does that, with an outer and an inner lock."""
    looking: list[Holding] = []

    def describe(stage: Stage) -> None:
        runtime = stage.runtime
        outer, inner = runtime.lock(), runtime.lock()
        runtime.monitor = holding = Holding(outer)
        looking.append(holding)
        runtime.spawn(lambda: body(runtime, outer, inner), "thread")

    scenario = Scenario(name="toy", text="a toy", describe=describe)
    with Bench(scenario, check=lambda _: []) as bench:
        bench.run(RunToBlock())
    return looking[0].found


def _holding_the_inner(does: Callable[[BenchRuntime, Any], object]) -> Callable[..., None]:
    def body(runtime: BenchRuntime, outer: Any, inner: Any) -> None:
        with inner:
            does(runtime, outer)

    return body


def _takes_the_outer(_: BenchRuntime, outer: Any) -> None:
    with outer:
        pass


@pytest.mark.parametrize(
    ("does", "effect"),
    [
        (lambda runtime, _: runtime.monotonic_ns(), Effect.READ_CLOCK),
        (lambda runtime, _: runtime.gate().open(), Effect.OPENED),
        (lambda runtime, _: runtime.gate().wait_for(1), Effect.GAVE_UP),
        (lambda runtime, _: runtime.spawn(int, "child"), Effect.SPAWNED),
        (lambda runtime, _: runtime.spawn(int, "child").join(), Effect.JOINED),
        (_takes_the_outer, Effect.ACQUIRED),
    ],
    ids=str,
)
def test_what_a_section_must_not_do_is_found(
    does: Callable[[BenchRuntime, Any], object], effect: Effect
) -> None:
    """Each of them, by name."""
    found = _toy(_holding_the_inner(does))
    assert any(f"thread, which holds lock scenario.2, {effect}" in line for line in found), found


def test_the_outer_lock_may_hold_another_and_read_the_clock_and_no_more() -> None:
    """And what comes after a section is none of it."""

    def allowed(runtime: BenchRuntime, outer: Any, inner: Any) -> None:
        with outer:
            runtime.monotonic_ns()
            with inner:
                pass
        runtime.monotonic_ns()
        runtime.gate().open()

    def waits(runtime: BenchRuntime, outer: Any, inner: Any) -> None:
        del inner
        with outer:
            runtime.gate().wait_for(1)

    assert _toy(allowed) == []
    assert _toy(waits) != []
