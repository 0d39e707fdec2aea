"""Nothing but its choices decides a run; and if something else did, it would be seen."""

from __future__ import annotations

import pytest

from jurat_sim import Grain
from jurat_sim.build import Patch
from jurat_sim.determinism import NONDETERMINISM, same, same_under_hash_seeds
from jurat_sim.errors import UnknownDefect, UnknownScenario
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.seeding import Defect


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_campaign_made_twice_is_the_same(scenario: str) -> None:
    """In one process, after one another: each event, with its time, of each schedule."""
    assert same(scenario, schedules=40, seed=9) is None


def test_a_campaign_at_the_grain_of_accesses_made_twice_is_the_same() -> None:
    """There too, where each load and store is a choice."""
    assert same("submit_races_stop", grain=Grain.ACCESS, schedules=20) is None


@pytest.mark.parametrize("scenario", ["keys_race", "queues_race"])
def test_a_campaign_does_not_depend_on_the_hashes_of_strings(scenario: str) -> None:
    """In two processes with PYTHONHASHSEED 0 and 42: keys, ids, queues and labels are strings."""
    assert same_under_hash_seeds(scenario, schedules=40) is None


def _planted(title: str, line: str, *, kept: str = "") -> Defect:
    """A worker that does this when it is stopped; `kept` is what its module keeps."""
    stop = '    event = [now, "StopNow", 0, 0, actor]\n'
    constant = "WHOLE = slice(None)\n"
    patches = (
        Patch("_steps", stop, f"    {line}\n{stop}"),
        Patch("_steps", constant, constant + kept + "\n"),
    )
    return Defect(id="planted", title=title, breaks=(), patches=patches)


OF_HASHES = _planted(
    "an instant depends on the order of a set of strings",
    'now += [*{f"task {number}" for number in range(1000)}].index("task 7")',
)
OF_ADDRESSES = _planted(
    "an instant depends on where an object is in memory",
    "kept.append(object()); now += id(kept[-1]) // 16 % 1009",
    kept="kept: list[object] = []",
)
OF_EARLIER_RUNS = _planted(
    "a module counts the stops of all runs", "stops[0] += 1; now += stops[0]", kept="stops = [0]"
)
OF_STEPS = _planted(
    "one stop passes a switch point more",
    "stops[0] += 1; stops[0] == 2 and core.runtime.gate().open()",
    kept="stops = [0]",
)


def test_the_order_of_a_set_of_strings_is_seen() -> None:
    """Two hash seeds show it, with the schedule and the event; within one process it cannot be seen."""
    assert same("submit_races_stop", defect=OF_HASHES, schedules=20) is None
    found = same_under_hash_seeds("submit_races_stop", defect=OF_HASHES, schedules=20)
    assert found is not None
    assert found.property == NONDETERMINISM
    assert found.message.startswith("submit_races_stop, schedule 1: event ")
    assert found.message.count("'StopNow'") == 2


@pytest.mark.parametrize("planted", [OF_ADDRESSES, OF_EARLIER_RUNS], ids=["address", "earlier run"])
def test_what_differs_from_one_run_to_the_next_is_seen(planted: Defect) -> None:
    """Making the campaign twice shows it, at the event that it changes."""
    found = same("submit_races_stop", defect=planted, schedules=5)
    assert found is not None
    assert found.property == NONDETERMINISM
    assert "submit_races_stop, schedule 1: event " in found.message
    assert "'StopNow'" in found.message


def test_runs_that_differ_in_their_steps_alone_are_not_the_same() -> None:
    """The log may agree by chance; the number of steps tells."""
    found = same("submit_races_stop", defect=OF_STEPS, schedules=1)
    assert found is not None
    assert "the same log after " in found.message


def test_what_does_not_exist_is_named() -> None:
    """Before any run, and before any process."""
    with pytest.raises(UnknownScenario):
        same_under_hash_seeds("nothing")
    with pytest.raises(UnknownDefect):
        same("submit_races_stop", defect="D99")
