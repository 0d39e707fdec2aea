"""The link `equivalence` sees a guard that was changed on one side only, and shows where the two part."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from jurat_audit import manifest, tlc
from jurat_audit.errors import ToolError
from jurat_audit.link import LinkResult, Verdict
from jurat_audit.links import equivalence
from jurat_audit.progress import Silent
from jurat_audit.subject import project_root
from jurat_spec import lifecycle, search, view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = manifest.load(project_root() / "tla")
RULE = PROJECT.sources["Lifecycle"]
START = lifecycle.ACTIONS["Start"]


def compared(rule: str = RULE, *, constants: Mapping[str, tlc.Constant] | None = None) -> LinkResult:
    """What the link says of a small configuration: two tasks for one thread and a queue of two."""
    constants = {**PROJECT.modules["Lifecycle"].defaults, **(constants or {})}
    small = replace(PROJECT.model("two-threads"), name="small", constants=constants)
    models = replace(PROJECT, models=(small,), sources={**PROJECT.sources, "Lifecycle": rule})
    return equivalence.check(models, tlc.locate(), Silent())


def edited(definition: str, before: str, after: str) -> str:
    """The rule in TLA+ with one edit."""
    return manifest.edited_text(RULE, manifest.Edit(definition=definition, replace=before, by=after), "test")


def differences(result: LinkResult) -> list[str]:
    """The lines that name an action."""
    return [line for line in result.problems if "allows: action" in line]


def test_the_two_are_the_same_rule() -> None:
    """So that the differences below are differences of what they change."""
    result = compared()
    assert (result.verdict, result.problems) == (Verdict.PASS, ())
    config = lifecycle.Config(threads=1, queue_max=2, queues=2)
    graph = search.walk(view.Lifecycle(config, (lifecycle.Terms(),) * 2))
    states, edges = len(graph.states), len(graph.edges)
    assert result.figures == {"configurations": 1, "states": states, "edges": edges}
    [table] = result.details["tables"]
    assert table["rows"] == [["small", "Lifecycle", "", states, edges, graph.depth, "yes"]]
    assert states > 500


def test_a_guard_that_was_dropped_in_tla_is_found() -> None:
    """The second task starts before the first: a state, an action, and the way there."""
    result = compared(edited("Start", "    /\\ IsNext(t)\n", ""))
    assert result.verdict is Verdict.FAIL
    assert result.problems[1:] == (
        "small: only TLC allows: action Start",
        result.problems[2],
        "small:   to   {status: [queued, running], attempts: [0, 1], executing: [0, 1]}",
        "small:   after Submit, Submit",
    )
    assert "status: [queued, queued]" in result.problems[2]
    assert result.figures["configurations"] == 0


def test_a_guard_that_was_added_in_tla_is_found() -> None:
    """A rule that is too strict is another rule as well: this is what replaying logs can never see."""
    result = compared(edited("GraceSpent", "~grace_spent", "~grace_spent /\\ executing[1] = 0"))
    assert differences(result) == ["small: only the spec allows: action GraceSpent"]


def test_an_effect_that_was_changed_in_tla_is_found_on_both_sides() -> None:
    """Each goes where the other does not."""
    result = compared(edited("Abandon", '"none"', '"shutdown"'))
    assert differences(result) == [
        "small: only TLC allows: action Abandon",
        "small: only the spec allows: action Abandon",
    ]


def test_an_action_that_was_renamed_in_tla_is_found() -> None:
    """The states are the same, and the labels are not."""
    result = compared(RULE.replace("Complete(t)", "Finish(t)"))
    assert differences(result) == [
        "small: only TLC allows: action Finish",
        "small: only the spec allows: action Complete",
    ]


@pytest.mark.parametrize(
    ("name", "action"),
    [("three-halves", "Cancel"), ("two-keys", "Evict"), ("blocking", "Unsubscribe")],
)
def test_the_small_machines_are_compared_as_well(name: str, action: str) -> None:
    """Each with its own twin: an action that is missing in TLA+ is one that only the spec allows."""
    model = PROJECT.model(name)
    rule = PROJECT.sources[model.module]
    head = next(line for line in rule.splitlines() if line.startswith((f"{action}(", f"{action} ==")))
    without = rule.replace(head, f"{head}\n    /\\ FALSE", 1)
    models = replace(PROJECT, models=(model,), sources={model.module: without})
    result = equivalence.check(models, tlc.locate(), Silent())
    assert differences(result) == [f"{name}: only the spec allows: action {action}"]


def test_a_guard_that_was_dropped_in_the_spec_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, from the other side."""
    guards = tuple(guard for guard in START.guards if guard is not lifecycle.its_turn)
    assert len(guards) == len(START.guards) - 1
    monkeypatch.setitem(lifecycle.ACTIONS, "Start", replace(START, guards=guards))
    assert differences(compared()) == ["small: only the spec allows: action Start"]


def test_a_guard_that_was_added_in_the_spec_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spec would refuse logs that the model allows."""
    picky = lifecycle.Guard("the worker is open", lambda worker, _task, _argument: worker.phase == "open")
    monkeypatch.setitem(lifecycle.ACTIONS, "Start", replace(START, guards=(*START.guards, picky)))
    result = compared()
    assert differences(result) == ["small: only TLC allows: action Start"]
    assert "phase: draining" in result.problems[2]


def test_an_action_that_is_missing_in_the_spec_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a wrong row, but none."""
    without = {name: row for name, row in lifecycle.ACTIONS.items() if name != "LateReturn"}
    monkeypatch.setattr(view, "ACTIONS", without)  # deleted and put back, it would be the last row
    assert differences(compared()) == ["small: only TLC allows: action LateReturn"]


def test_constants_mean_the_same_on_both_sides() -> None:
    """With more threads than tasks, and a queue that refuses: no guard is idle everywhere."""
    for constants in ({"N": 2, "Threads": 3, "QueueMax": 1}, {"N": 3, "Threads": 1, "QueueMax": 1}):
        assert compared(constants=constants).verdict is Verdict.PASS


def test_another_depth_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search counts levels as TLC does, or one of the two counts wrong."""
    walk = search.walk
    monkeypatch.setattr(search, "walk", lambda machine: replace(walk(machine), depth=12))
    assert compared().problems == ("small: TLC searched 13 levels, the spec 12",)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [(tlc.Found.UNDETERMINED, Verdict.UNDETERMINED), (tlc.Found.ERROR, Verdict.FAIL)],
)
def test_no_graph_is_no_equality(monkeypatch: pytest.MonkeyPatch, found: tlc.Found, verdict: Verdict) -> None:
    """A limit that was reached is undetermined; a module that is none is broken evidence."""
    outcome = tlc.Outcome(found=found, exit_status=None, error="stopped")

    @contextmanager
    def none(*_: Any, **__: Any) -> Iterator[tuple[tlc.Outcome, None]]:
        yield outcome, None

    monkeypatch.setattr(tlc, "dumped", none)
    result = compared()
    assert (result.verdict, result.problems) == (verdict, (f"small: TLC has no graph: {found} stopped",))


def test_a_module_without_a_twin_is_refused() -> None:
    """There would be nothing to hold it against."""
    alone = replace(PROJECT.model("two-threads"), module="Alone")
    with pytest.raises(manifest.ManifestError, match="two-threads: Alone has no twin"):
        equivalence.twin_of(alone)


def test_nothing_to_compare_is_refused() -> None:
    """Equality at no configuration at all would pass."""
    models = replace(PROJECT, models=(PROJECT.model("stop"),))
    with pytest.raises(manifest.ManifestError, match="no model is compared"):
        equivalence.check(models, tlc.locate(), Silent())


def test_a_rule_that_raises_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be one of the audit otherwise, and end it."""

    def broken(_: search.Machine[Any]) -> search.Graph[Any]:
        raise KeyError("running")

    monkeypatch.setattr(search, "walk", broken)
    result = compared()
    assert result.verdict is Verdict.FAIL
    assert result.problems == ("small: the spec cannot be searched: KeyError: 'running'",)


def test_less_than_the_profile_owes_is_a_failure() -> None:
    """Equal graphs that became small would look like the same evidence."""
    models = replace(PROJECT, models=(PROJECT.model("three-halves"),))
    owed = equivalence.Size(states=281, edges=464)
    result = equivalence.check(models, tlc.locate(), Silent(), least=owed)
    assert result.verdict is Verdict.FAIL
    assert result.problems == (
        "280 states and 464 edges were compared; the profile default owes 281 and 464",
    )
    owed = equivalence.Size(states=280, edges=464)
    assert equivalence.check(models, tlc.locate(), Silent(), least=owed).verdict is Verdict.PASS


def test_processes_of_their_own_find_the_same() -> None:
    """What comes back are counts and lines; the rule there is the one in the files."""
    models = replace(PROJECT, models=(PROJECT.model("three-halves"), PROJECT.model("blocking")))
    here = equivalence.check(models, tlc.locate(), Silent())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        there = equivalence.check(models, tlc.locate(), Silent(), processes=processes)
    assert replace(here, timings={}) == replace(there, timings={})
    assert there.verdict is Verdict.PASS


def test_a_process_that_dies_is_no_verdict() -> None:
    """Nobody has compared anything then."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        processes.submit(os._exit, 1).exception()
        models = replace(PROJECT, models=(PROJECT.model("three-halves"),))
        with pytest.raises(ToolError, match="three-halves: the process that compared its graphs has died"):
            equivalence.check(models, tlc.locate(), Silent(), processes=processes)
