"""A run and the interpreter around it; and what runs share."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from jurat_sim.bench import Bench
from jurat_sim.checks import _settings
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.strategies import RunToBlock
from jurat_spec.log import Untrue

if TYPE_CHECKING:
    from jurat_sim.stage import Stage


@pytest.mark.parametrize("collecting", [True, False])
def test_a_run_collects_no_garbage(*, collecting: bool) -> None:
    """And leaves collecting as it was, though it fails."""
    seen = []

    def watch(stage: Stage) -> None:
        seen.append(gc.isenabled())
        raise LookupError

    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with Bench(SCENARIOS["submit_races_stop"]) as bench, pytest.raises(LookupError):
            bench.run(RunToBlock(), watch=watch)
        assert seen == [False]
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


def test_a_configuration_that_was_read_before_is_not_taken_for_one_like_it() -> None:
    """True equals one, and is no number of threads; nor is a string of a class of its own a name."""

    class Name(str):
        __slots__ = ()

    right = {"threads": 1, "queue_max": 1, "grace_ns": 1, "queues": [{"name": "default"}]}
    assert _settings(right).threads == 1
    assert _settings({**right, "queue_max": 2}).queue_max == 2
    with pytest.raises(Untrue, match="threads"):
        _settings({**right, "threads": True})
    with pytest.raises(Untrue, match="name of a queue"):
        _settings({**right, "queues": [{"name": Name("default")}]})
