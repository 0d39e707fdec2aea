"""The machines: their laws hold of everything that they allow, and names agree.  That each law can be
false, and is so where TLC says so, is `tests/audit/test_agreement.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jurat_spec import fanout, limiter, observable, properties, queues, registry
from jurat_spec.lifecycle import Config, Terms
from jurat_spec.search import Graph, Machine, walk
from jurat_spec.view import Lifecycle

if TYPE_CHECKING:
    from jurat_spec.machine import Law, Laws

TLA = Path(__file__).parents[2] / "tla"


@dataclass(frozen=True, eq=False)
class Subject:
    """A machine and its laws."""

    module: str
    machine: Machine[Any]
    laws: Laws[Any, Any]

    @property
    def text(self) -> str:
        """The TLA+ module."""
        return (TLA / f"{self.module}.tla").read_text(encoding="utf-8")


LIFECYCLE = Lifecycle(
    Config(
        threads=2,
        queue_max=1,
        max_retries=1,
        retry_timeouts=True,
        burst=1,
        queues=2,
        queue_burst=1,
        per_queue=1,
        per_key=1,
        retention=True,
    ),
    (
        Terms(priority=1, delayed=True, timeout=True, child=True, concurrency_key="c", key="k"),
        Terms(priority=0, deadline=True, concurrency_key="c", queue=2, key="k"),
    ),
    other_threads=(1,),
    pausable=(1,),
)

SUBJECTS = (
    Subject("Lifecycle", LIFECYCLE, properties.LAWS),
    Subject("Observable", observable.Observable(n=2, max_attempts=2), observable.LAWS),
    Subject(
        "RateLimiter",
        limiter.RateLimiter(num=2, den=3, other_num=1, other_den=2, burst=2, tasks=4, horizon=4, changes=2),
        limiter.LAWS,
    ),
    Subject("Registry", registry.Registry(tasks=3, keys=1, queue_max=2, keep=1), registry.LAWS),
    Subject(
        "Fanout",
        fanout.Fanout(publications=2, cap=1, blocking=1, dropping_oldest=1, dropping_newest=0),
        fanout.LAWS,
    ),
    Subject(
        "Queues",
        queues.Queues(
            weight_one=2,
            weight_two=1,
            weight_three=0,
            other_weight=0,
            tasks=2,
            cap=1,
            pausable=2,
            limitable=1,
        ),
        queues.LAWS,
    ),
)

# --- the same questions to each ------------------------------------------------------------------


@cache
def graph_of(subject: Subject) -> Graph[Any]:
    """All that the machine allows."""
    return walk(subject.machine)


def cases(kind: str) -> list[Any]:
    """Each law of a kind, with its machine."""
    return [
        pytest.param(subject, law, id=f"{subject.module}-{law.name}")
        for subject in SUBJECTS
        for law in getattr(subject.laws, kind)
    ]


every_machine = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.module)


@pytest.mark.parametrize(("subject", "law"), cases("invariants"))
def test_an_invariant_holds_of_every_reachable_state(subject: Subject, law: Law[Any, Any]) -> None:
    """All of them, by search."""
    assert [s for s in graph_of(subject).states if not law.holds(subject.machine, s, s)] == []


@pytest.mark.parametrize(("subject", "law"), cases("of_steps"))
def test_a_law_of_steps_holds_of_every_edge(subject: Subject, law: Law[Any, Any]) -> None:
    """All of them, by search."""
    edges = graph_of(subject).edges
    assert [edge for edge in edges if not law.holds(subject.machine, edge[0], edge[2])] == []


@every_machine
def test_the_laws_are_those_of_the_module(subject: Subject) -> None:
    """By name, in the same order, each with the sentence it comes from."""
    invariants, steps = subject.text.split("(* Invariants.")[1].split("(* Action properties:")
    defined = re.compile(r"^([A-Z]\w+)\s*== ?(\[\]\[)?", re.MULTILINE)
    named = [name for name, box in defined.findall(steps) if box]
    assert [law.name for law in subject.laws.invariants] == [name for name, _ in defined.findall(invariants)]
    assert [law.name for law in subject.laws.of_steps] == named
    assert all(law.source for law in (*subject.laws.invariants, *subject.laws.of_steps))


@every_machine
def test_the_variables_are_those_of_the_module(subject: Subject) -> None:
    """In the same order, so that a state can be read beside the module."""
    [listed] = re.findall(r"^vars\s*== <<(.*?)>>", subject.text, re.MULTILINE | re.DOTALL)
    assert [name.strip() for name in listed.split(",")] == list(subject.machine.variables)


@every_machine
def test_every_step_of_the_module_is_taken(subject: Subject) -> None:
    """Each name of a step stands in the module, as an action of its own."""
    for label in {label for _, label, _ in graph_of(subject).edges}:
        assert re.search(rf"^{label}(\([^)]*\))?\s*==", subject.text, re.MULTILINE)
