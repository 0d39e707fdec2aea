"""Stories: what a person needs to find the reason."""

from __future__ import annotations

import pytest

from jurat import _steps as _steps_of_the_worker
from jurat_sim import Grain, explore, replay
from jurat_sim.bench import Bench
from jurat_sim.defects import DEFECTS
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.story import DUTIES, PROPERTIES, Story, tell


def _story(defect: str, strategy: str = "portfolio") -> Story:
    it = DEFECTS[defect]
    failure = explore(
        it.scenario, defect=defect, grain=it.grain, strategy=strategy, schedules=it.schedules
    ).failure
    assert failure is not None
    return replay(failure.token).story


def _steps(told: list[str]) -> list[str]:
    """The lines that are steps."""
    return [line for line in told if line[:5].strip().isdigit()]


def test_the_reason_for_a_forgotten_retry_is_in_its_story() -> None:
    """F07: a drain began, a task failed and is due again, its alarm is answered, and nothing comes of it."""
    told = _story("F07").brief()
    text = "\n".join(told)
    steps = _steps(told)
    drain = next(place for place, line in enumerate(steps) if "BeginDrain" in line)
    retry = next(place for place, line in enumerate(steps) if "Retry task 2" in line)
    answered = max(place for place, line in enumerate(steps) if "become_due" in line)
    assert drain < retry < answered
    assert "records nothing in attend, become_due, rest" in steps[answered]
    assert "what died: stuck" in text
    assert "the specification's state at the end: worker draining, to finish what waits; 1 waiting" in text
    assert "  task 2: retrying, attempt 1 of at most 3, due at " in text
    assert "which has passed" in text
    assert "  the worker may, and in the end must: BecomeDue task 2" in text
    assert "  steward waits without a timer at gate steward." in text
    assert "BecomeDue task 2 is owed" in text
    assert told[-1].startswith("token: v1.")


def test_a_stranger_finds_the_reason_for_d12() -> None:
    """A drain cancels what waits; the steward comes by, and passes over what waits for another attempt.

    Each line below answers a question that a reader without the source was left with.
    """
    story = _story("D12")
    told = story.brief()
    text = "\n".join(told)
    steps = _steps(told)
    # Who is who?
    assert "threads of users: drainer, tightener" in told
    assert "threads of the worker: steward, for what is due, late, or ended by a shutdown; worker-0" in text
    # What became of the task, and what was asked for?
    retry = next(line for line in steps if "Retry task 1" in line)
    assert "[running -> retrying]" in retry
    drain = next(line for line in steps if "BeginDrain" in line)
    assert "(pending=cancel)" in drain
    assert "worker draining, to cancel what waits; 1 waiting" in text
    after = steps[steps.index(drain) + 1]
    assert after.endswith("tightener   opens gate steward.1; records nothing in claim_start")
    # What should have happened, since when, and where did it not?
    undone = next(line for line in told if "could have been done since" in line)
    assert undone.startswith("    ShutdownCancel task 1 could")
    assert f"since step {drain.split()[0]};" in undone
    passed_by = undone.partition("steward came to shutdown_cancel at step ")[2]
    assert passed_by.endswith(", and recorded nothing")
    at = int(passed_by.partition(",")[0])
    full = next(line for line in story.full() if line.startswith(f"{at:5} "))
    assert "in serve > _cancel_what_waits > shutdown_cancel" in full
    # What is that function?
    assert any(
        line.startswith("  shutdown_cancel, _steps.py:") and "task will not run" in line for line in told
    )
    # Only functions that are named are explained.
    above, _, below = text.partition("the worker's functions that are named above:\n")
    explained = [line.split(",")[0].strip() for line in below.partition("\n\n")[0].splitlines()]
    assert len(explained) > 5
    assert all(name in above for name in explained)
    # Is a wake-up lost?  The steward sleeps although it owes something; the others only have nothing to do.
    standing = [line for line in told if "which nobody opens" in line]
    assert [line.partition(" waits")[0].strip() for line in standing if "is owed" in line] == ["steward"]
    assert sum("it has nothing to do" in line for line in standing) == 2
    # Whose timer?
    assert any("time        passes until steward's wait at gate steward." in line for line in steps)


def test_a_thread_in_a_task_s_function_owes_nothing() -> None:
    """F01: there is a task to start, and of two threads only the one that sleeps could do it."""
    told = _story("F01").brief()
    assert any("Start task 2 could have been done since step " in line for line in told)
    standing = {line.split()[0]: line for line in told if "which nobody opens" in line}
    assert standing["worker-0"].endswith(", though Start task 2 is owed")
    assert "in work > a lambda, since step" in standing["worker-1"]
    assert "owed" not in standing["worker-1"]


def test_what_the_worker_owes_is_done_by_functions_that_are_there() -> None:
    """Or no step would be found at which it was passed by."""
    names = {name for sections in DUTIES.values() for name in sections}
    assert all(callable(getattr(_steps_of_the_worker, name)) for name in names)


def test_a_brief_story_ends_where_the_rule_is_broken() -> None:
    """D19: who was held up where, the event that was refused, the guard, and the state before it."""
    story = _story("D19", "random")
    told = story.brief()
    text = "\n".join(told)
    steps = _steps(told)
    assert any("!" in line and "client, about to take lock core.lock" in line for line in steps)
    assert "NOT ALLOWED, since this is not true: the worker is open" in steps[-1]
    assert "what died: conformance: Submit: the worker is open" in told
    assert f"  it says: {PROPERTIES['conformance']}" in told
    assert "  allowed only if: the worker is open" in told
    assert "the specification's state before it: worker stopping" in text
    assert len(story.full()) > len(told)


def test_a_full_story_has_a_line_for_each_step_and_event() -> None:
    """Steps by number, time, thread and place; events with the state before and after."""
    with Bench(scenario_named("submit_races_stop")) as bench:
        story = tell(bench, [])
    told = story.full()
    more = sum(max(0, len(line.events) - 1) for line in story.lines)
    steps = _steps(told)
    assert len(steps) == len(story.lines)
    assert sum(len(line.events) for line in story.lines) == len(story.run.log)
    assert len([line for line in told if line.startswith(" " * 30)]) == more
    assert [line.step for line in story.lines] == sorted(line.step for line in story.lines)
    assert story.lines[-1].step in (story.run.steps, story.run.steps - 1)
    assert "the run is finished, and every check holds" in told
    assert any(
        "Start task 1, attempt 1  [queued -> running]   < takes lock core.lock" in line for line in steps
    )
    assert any("in client > Worker.submit > admit" in line for line in steps)


def test_a_story_says_what_was_left_out_and_what_each_task_is() -> None:
    """The program that was run is smaller than the scenario of that name, and says so."""
    with Bench(scenario_named("retries_race")) as bench:
        told = tell(bench, [], omit=(1, 2)).brief()
    assert "made smaller: of the scenario's 7 submissions these are left out: 2, 3" in told
    assert "task 1: function made by fails_until, retry Retry(max_retries 1, delay 1 ms)" in told


def test_where_threads_stand_when_two_wait_for_each_other() -> None:
    """Each with what it waits for, its calls, and the step since when."""
    told = _story("W01").brief()
    assert any("goes on after giving back lock core.lock, in work > turn" in line for line in told)
    standing = [line for line in told if ", since step " in line]
    assert any(
        " waits without a timer at gate core.seats[" in line
        and "in work, since" in line
        and line.endswith(", though the worker has stopped")
        for line in standing
    )
    assert any(" to end, in stopper > Shutdown.wait" in line for line in standing)


def test_at_the_grain_of_accesses_a_story_says_what_is_read_and_written() -> None:
    """With the line of the source."""
    with Bench(scenario_named("submit_races_stop"), grain=Grain.ACCESS) as bench:
        told = tell(bench, [(400, 0)]).full()
    assert any("goes on at _steps.py:" in line and "core.phase" in line for line in told)


@pytest.mark.parametrize("grain", Grain)
def test_every_scenario_can_be_told(grain: Grain) -> None:
    """A line is a line, whatever happens in it."""
    for scenario in list(SCENARIOS.values())[:: 1 if grain is Grain.SEAM else 12]:
        with Bench(scenario, grain=grain) as bench:
            story = tell(bench, [])
        assert story.run.findings == []
        assert not any("\n" in line for line in story.full())
        assert not any("comp>" in line for line in story.full())  # no call from CPython 3.12 on
