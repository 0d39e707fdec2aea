"""The small machines: their laws hold of everything that they allow, each can be false, names agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from jurat_spec import fanout, limiter, queues, registry
from jurat_spec.search import Graph, Machine, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jurat_spec.machine import Law, Laws

TLA = Path(__file__).parents[2] / "tla"
NUMBER = 2_000
"""Random states, or pairs of them, for each law."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A machine, its laws, and any state of it, reachable or not."""

    module: str
    machine: Machine[Any]
    laws: Laws[Any, Any]
    any_state: Callable[[Random], Any]
    no_state: Callable[[Any], Any]
    """The same state with one field out of its type, which only TypeOK is there to find."""

    @property
    def text(self) -> str:
        """The TLA+ module."""
        return (TLA / f"{self.module}.tla").read_text(encoding="utf-8")


# --- random states of each -----------------------------------------------------------------------

LIMITER = limiter.RateLimiter(num=2, den=3, other_num=1, other_den=2, burst=2, tasks=4, horizon=4, changes=2)


def any_limiter(random: Random) -> limiter.State:
    """Some tasks have started, at any instants, and the rate has changed at any others."""
    now = random.randrange(LIMITER.horizon + 1)
    starts = sorted(random.choices(range(now + 1), k=random.randrange(LIMITER.tasks + 1)))
    sinces = [0, *sorted(random.choices(range(now + 1), k=random.randrange(LIMITER.changes + 1)))]
    tenures = [limiter.Tenure(since, *random.choice(LIMITER.rates)) for since in sinces]
    waiting = random.randrange(LIMITER.tasks + 1)
    return limiter.State(now, waiting, tuple(starts), tuple(tenures), random.randrange(12))


REGISTRY = registry.Registry(tasks=3, keys=1, queue_max=2, keep=1)


def any_registry(random: Random) -> registry.State:
    """Each field for itself, but that the order of the ended is one of those that have ended."""
    status: list[registry.Status] = random.choices(("absent", "live", "ended"), k=3)
    ended = [task for task in (1, 2, 3) if status[task - 1] == "ended"]
    random.shuffle(ended)
    return registry.State(
        tuple(status),
        tuple(random.choices((0, 1), k=3)),
        tuple(random.choices(registry.REQUESTS, k=3)),
        (random.randrange(4),),
        tuple(ended),
        random.randrange(len(ended) + 1),
        frozenset(random.sample((1, 2, 3), k=random.randrange(3))),
        random.random() < 0.5,
    )


FANOUT = fanout.Fanout(publications=2, cap=1, blocking=1, dropping_oldest=1, dropping_newest=0)


def any_fanout(random: Random) -> fanout.State:
    """Each field for itself, each number one of those there are."""
    published = random.randrange(1, 3)

    def numbers() -> tuple[int, ...]:
        return tuple(random.choices(range(published + 1), k=2))

    def waiting() -> tuple[int, ...]:
        return tuple(random.choices(range(1, published + 1), k=random.randrange(3)))

    return fanout.State(
        published,
        frozenset(random.sample((1, 2), k=random.randrange(3))),
        random.random() < 0.5,
        tuple(random.choices(fanout.STATUSES, k=2)),
        numbers(),
        tuple(
            tuple(random.choices(range(1, published + 1), k=random.randrange(3))) for _ in FANOUT.subscribers
        ),
        numbers(),
        numbers(),
        numbers(),
    )


QUEUES = queues.Queues(
    weight_one=2, weight_two=1, weight_three=0, other_weight=0, tasks=2, cap=1, pausable=2, limitable=1
)


def any_queues(random: Random) -> queues.State:
    """Each field for itself, but that the last starts came from queues that could have given them."""
    among = frozenset(random.sample((1, 2), k=random.randrange(3)))
    owed = random.randrange(-2, 3)

    def numbers(most: int) -> tuple[int, ...]:
        return tuple(random.choices(range(most + 1), k=2))

    def one_or_none() -> frozenset[int]:
        return frozenset(random.sample((1,), k=random.randrange(2)))

    return queues.State(
        weight=QUEUES.declared,
        waiting=tuple(tuple(random.sample((1, 2), k=random.randrange(3))) for _ in QUEUES.numbers),
        running=tuple(random.choices((0, 0, 0, 1, 2), k=2)),
        paused=one_or_none(),
        limited=one_or_none(),
        draining=random.random() < 0.5,
        credit=(owed, random.choice((-owed, 0, 1))),
        passed=numbers(4),
        recent=tuple(random.choices(sorted(among), k=random.randrange(4))) if among else (),
        among=among,
        exact=random.random() < 0.5,
    )


SUBJECTS = (
    Subject("RateLimiter", LIMITER, limiter.LAWS, any_limiter, lambda state: state._replace(waiting=-1)),
    Subject("Registry", REGISTRY, registry.LAWS, any_registry, lambda state: state._replace(aged=4)),
    Subject("Fanout", FANOUT, fanout.LAWS, any_fanout, lambda state: state._replace(published=3)),
    Subject("Queues", QUEUES, queues.LAWS, any_queues, lambda state: state._replace(running=(-1, 0))),
)


class OnlyTheFirst(registry.Registry):
    """A registry in which a task on its thread holds up all that ended after it."""

    def evictable(self, s: registry.State) -> int | None:
        """The first to end, or nothing."""
        task = super().evictable(s)
        return task if s.ended and s.ended[0] == task else None


class Waiting(fanout.Fanout):
    """A fan-out in which every offer waits for room, whatever the policy."""

    def offer(self, s: fanout.State, number: int) -> tuple[str, fanout.State]:
        """A full buffer blocks."""
        label, after = super().offer(s, number)
        return label if label == "Put" else "GiveUp", after


class HeadOfLine(queues.Queues):
    """Queues of which the one with the most credit is waited for, whatever keeps it from a start."""

    def next(self, s: queues.State) -> int | None:
        """The queue that would be next if only the empty ones took no part, or nothing if it cannot start."""
        free = s._replace(paused=frozenset(), limited=frozenset(), running=(0, 0))
        chosen = super().next(free)
        return chosen if chosen in self.eligible(s) else None


class AtWill(queues.Queues):
    """Queues of which any that could give the next start may."""

    def successors(self, s: queues.State) -> Iterator[tuple[str, queues.State]]:
        """A start of each."""
        for number in self.eligible(s):
            yield "Start", self.start(s, number)


WRONG: dict[str, Machine[Any]] = {
    "BlockedBlocksNobody": HeadOfLine(
        weight_one=2, weight_two=1, weight_three=0, other_weight=0, tasks=2, cap=1, pausable=1, limitable=1
    ),
    "StartIsDecided": AtWill(
        weight_one=2, weight_two=1, weight_three=0, other_weight=0, tasks=2, cap=1, pausable=1, limitable=1
    ),
    "DropPoliciesNeverBlock": Waiting(
        publications=2, cap=1, blocking=1, dropping_oldest=1, dropping_newest=0
    ),
    "OverLimitImpliesEvictEnabled": OnlyTheFirst(tasks=3, keys=1, queue_max=2, keep=1),
}
"""Laws that are true of every state whatever, because of the steps: for each a machine with a wrong one."""

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


@pytest.mark.parametrize(("subject", "law"), cases("invariants"))
def test_an_invariant_is_true_of_some_states_and_false_of_others(
    subject: Subject, law: Law[Any, Any]
) -> None:
    """Among random ones, which need not be reachable; of a wrong type, for TypeOK."""
    random = Random(law.name)
    states = [subject.any_state(random) for _ in range(NUMBER)]
    if law.name == "TypeOK":
        states += [subject.no_state(state) for state in states]
    machine = WRONG.get(law.name, subject.machine)
    share = sum(law.holds(machine, state, state) for state in states) / len(states)
    assert 0.01 < share < 0.99


@pytest.mark.parametrize(("subject", "law"), cases("of_steps"))
def test_a_law_of_steps_is_true_of_some_pairs_and_false_of_others(
    subject: Subject, law: Law[Any, Any]
) -> None:
    """Among random pairs: a reachable state, with one that is or is not what may follow it."""
    random = Random(law.name)
    states = sorted(graph_of(subject).states, key=repr)
    pairs = []
    for _ in range(NUMBER):
        before, other = random.choice(states), random.choice(states)
        places = random.sample(range(len(before)), k=random.randrange(1, len(before)))
        after = [other[at] if at in places else value for at, value in enumerate(before)]
        pairs.append((before, type(before)(*after)))
    share = sum(law.holds(subject.machine, before, after) for before, after in pairs) / NUMBER
    assert 0.01 < share < 0.99


@every_machine
def test_the_laws_are_those_of_the_module(subject: Subject) -> None:
    """By name, in the same order, each with the sentence it comes from."""
    invariants, steps = subject.text.split("(* Invariants.")[1].split("(* Action properties:")
    defined = re.compile(r"^([A-Z]\w+) == ?(\[\]\[)?", re.MULTILINE)
    named = [name for name, box in defined.findall(steps) if box]
    assert [law.name for law in subject.laws.invariants] == [name for name, _ in defined.findall(invariants)]
    assert [law.name for law in subject.laws.of_steps] == named
    assert all(law.source for law in (*subject.laws.invariants, *subject.laws.of_steps))


@every_machine
def test_the_variables_are_those_of_the_module(subject: Subject) -> None:
    """In the same order, so that a state can be read beside the module."""
    [listed] = re.findall(r"^vars == <<(.*?)>>", subject.text, re.MULTILINE | re.DOTALL)
    assert [name.strip() for name in listed.split(",")] == list(subject.machine.variables)


@every_machine
def test_every_step_of_the_module_is_taken(subject: Subject) -> None:
    """Each name of a step stands in the module, as an action of its own."""
    for label in {label for _, label, _ in graph_of(subject).edges}:
        assert re.search(rf"^{label}(\([^)]*\))?\s*==", subject.text, re.MULTILINE)
