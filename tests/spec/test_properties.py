"""The properties hold of everything that the rule allows, and each can be false."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from jurat_spec.lifecycle import ACTIONS, PENDINGS, PHASES, REASONS, STATUSES, Config
from jurat_spec.properties import ACTION_PROPERTIES, INVARIANTS, ActionProperty, Invariant
from jurat_spec.search import reach
from jurat_spec.view import State

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = (Path(__file__).parents[2] / "tla" / "Lifecycle.tla").read_text(encoding="utf-8")
CONFIG = Config(threads=1, queue_max=1, tasks=3)
"""So that three tasks are one more than the queue and the thread hold: QueueCap could fail."""
GRAPH = reach(CONFIG)
NUMBER = 2_000
"""Random states, or pairs of them, for each property."""


def name_of(checked: Invariant | ActionProperty) -> str:
    """For test ids."""
    return checked.name


def any_state(random: Random) -> State:
    """A state whose fields are of their types, reachable or not."""
    tasks = range(CONFIG.tasks)
    return State(
        tuple([random.choice(STATUSES) for _ in tasks]),
        tuple([random.randrange(3) for _ in tasks]),
        tuple([random.choice(REASONS) for _ in tasks]),
        tuple([random.randrange(3) for _ in tasks]),
        random.choice(PHASES),
        random.choice(PENDINGS),
        random.random() < 0.5,
    )


@pytest.mark.parametrize("invariant", INVARIANTS, ids=name_of)
def test_an_invariant_holds_of_every_reachable_state(invariant: Invariant) -> None:
    """All of them, by search."""
    assert all(invariant.holds(CONFIG, state) for state in GRAPH.states)


@pytest.mark.parametrize("step", ACTION_PROPERTIES, ids=name_of)
def test_a_property_of_steps_holds_of_every_edge(step: ActionProperty) -> None:
    """All of them, by search."""
    assert all(step.holds(CONFIG, before, after) for before, _, after in GRAPH.edges)


@pytest.mark.parametrize("invariant", INVARIANTS, ids=name_of)
def test_an_invariant_is_true_of_some_states_and_false_of_others(invariant: Invariant) -> None:
    """Among random ones, which need not be reachable; of a wrong type, for TypeOK.

    Of a function that came back the rule always has exactly one row, whatever the state: that the two
    properties of outcomes can fail is shown on a rule with a row too few and a row too many, below.
    """
    random = Random(invariant.name)
    states = [any_state(random) for _ in range(NUMBER)]
    if invariant.name == "TypeOK":
        states += [state._replace(phase="ajar") for state in states]  # type: ignore[arg-type]
    share = sum(invariant.holds(CONFIG, state) for state in states) / len(states)
    if invariant.name in ("OutcomeTotal", "OutcomeUnique"):
        assert share == 1
    else:
        assert 0.01 < share < 0.99


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("OutcomeTotal", lambda rows: {k: v for k, v in rows.items() if k != "Fail"}),
        ("OutcomeUnique", lambda rows: {**rows, "Again": rows["Complete"]}),
    ],
)
def test_the_properties_of_outcomes_fail_on_another_rule(
    name: str, change: Callable[[object], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a row taken away, and with one doubled."""
    monkeypatch.setattr("jurat_spec.properties.ACTIONS", change(ACTIONS))
    invariant = next(each for each in INVARIANTS if each.name == name)
    assert not all(invariant.holds(CONFIG, state) for state in GRAPH.states)


@pytest.mark.parametrize("step", ACTION_PROPERTIES, ids=name_of)
def test_a_property_of_steps_is_true_of_some_pairs_and_false_of_others(step: ActionProperty) -> None:
    """Among random pairs of states."""
    random = Random(step.name)
    pairs = [(any_state(random), any_state(random)) for _ in range(NUMBER)]
    share = sum(step.holds(CONFIG, before, after) for before, after in pairs) / NUMBER
    assert 0.01 < share < 0.99


def test_the_properties_are_those_of_the_model() -> None:
    """By name, in the same order, each with the sentence it comes from."""
    invariants, steps = MODULE.split("(* Invariants.")[1].split("(* Action properties:")
    steps = steps.split("(* Liveness.")[0]
    defined = re.compile(r"^([A-Z]\w+)\s*==", re.MULTILINE)
    assert [each.name for each in INVARIANTS] == defined.findall(invariants)
    named = [name for name in defined.findall(steps) if f"{name} == [][" in re.sub(r"\s+==", " ==", steps)]
    assert [each.name for each in ACTION_PROPERTIES] == named
    assert all([each.source for each in INVARIANTS] + [each.source for each in ACTION_PROPERTIES])
