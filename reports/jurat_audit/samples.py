"""Random states of each machine: of the right types, and mostly such as no behaviour ever reaches.

On reachable states every property is true, so that a property which TLA+ and Python state
differently would agree there by accident.  These states are where it would not (`agreement`).

Three sources are mixed, since each alone leaves some predicates nearly always true, or nearly
always false: fields drawn each for itself; states met on a random walk; and such states with a
few fields drawn anew.  For a step, the state after is one that may follow, another altogether,
or one that may follow with a few fields drawn anew.

All is drawn from one seed with methods of `random.Random` that are the same in every version of
Python, and nothing depends on the order of a set of strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jurat_spec import fanout, lifecycle, limiter, observable, properties, queues, registry, view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from jurat_spec.machine import Laws
    from jurat_spec.search import Machine

    from .tlc import Constant

State = tuple[Any, ...]
Pair = tuple[State, State]

TYPE_OK = "TypeOK"

WALK = 60
"""Steps of a random walk before it begins anew."""
KEPT = 2_000
"""States of random walks that are drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A module with constants under which each of its predicates matters."""

    module: str
    constants: Mapping[str, Constant]
    """Those that are not as the manifest has them by default."""
    laws: Laws[Any, Any]
    any_state: Callable[[Random, Any], State]
    """A state with each field drawn for itself."""
    any_step: Callable[[Random, Any], State] = lambda _, state: state
    """A state after a state, such as a step with a mistake might leave."""


# ---------------------------------------------------------------------------------------------
# Drawing
# ---------------------------------------------------------------------------------------------


def states_met(machine: Machine[Any], random: Random) -> list[Pair]:
    """Steps of random walks: each state with one that followed it."""
    met: list[Pair] = []
    while len(met) < KEPT:
        state = machine.initial()
        for _ in range(WALK):
            following = [after for _, after in machine.successors(state)]
            if not following:
                break
            after = random.choice(following)
            met.append((state, after))
            state = after
    return met


def drawn(subject: Subject, machine: Machine[Any], random: Random, count: int) -> list[Pair]:
    """So many pairs of states, each of its type: a state before, and one that may or may not follow."""
    typed = next(law for law in subject.laws.invariants if law.name == TYPE_OK)
    met = states_met(machine, random)
    pairs: list[Pair] = []
    while len(pairs) < count:
        before, after = _pair(subject, machine, random, met)
        if typed.holds(machine, before, before) and typed.holds(machine, after, after):
            pairs.append((before, after))
    return pairs


def _pair(subject: Subject, machine: Machine[Any], random: Random, met: list[Pair]) -> Pair:
    before, after = random.choice(met)
    anything = subject.any_state(random, machine)
    match random.randrange(17):
        case 0:
            return anything, subject.any_state(random, machine)
        case 1:
            return before, random.choice(met)[1]
        case 2:
            return before, after
        case 3 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16:
            return anything, subject.any_step(random, anything)
        case 4:
            before = _mixed(before, anything, random)
            return before, subject.any_step(random, before)
        case 5:
            before = _mixed(before, anything, random)
            return before, _mixed(before, subject.any_state(random, machine), random)
        case 6:
            return _mixed(before, anything, random), after
        case _:
            return before, _mixed(after, anything, random)


def _mixed(state: State, other: State, random: Random) -> State:
    """The state with one to three fields, or parts of them, of the other."""
    values = list(state)
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(values))
        mine, its = values[place], other[place]
        if isinstance(mine, tuple) and isinstance(its, tuple) and len(mine) == len(its) > 1:
            part = random.randrange(len(mine))
            values[place] = (*mine[:part], its[part], *mine[part + 1 :])
        else:
            values[place] = its
    return type(state)(*values)


def mistyped(state: State, random: Random) -> State | None:
    """The state with one field out of its type, or None if the field that was drawn has no such value.

    TLC cannot hold a Boolean against anything but a Boolean, so Booleans stay.
    """
    place = random.randrange(len(state))
    wrong = _wrong(state[place], random)
    if wrong is None:
        return None
    values = list(state)
    values[place] = wrong
    return type(state)(*values)


def _wrong(value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return -1
    if isinstance(value, str):
        return "ajar"
    if isinstance(value, frozenset):
        return value | {-1}
    if isinstance(value, tuple) and value:
        part = random.randrange(len(value))
        wrong = _wrong(value[part], random)
        if wrong is not None:
            kind = type(value)
            parts = (*value[:part], wrong, *value[part + 1 :])
            return parts if kind is tuple else kind(*parts)
    return None


# ---------------------------------------------------------------------------------------------
# Each machine
# ---------------------------------------------------------------------------------------------


def _any(random: Random, values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return tuple(random.choice(values) for _ in range(count))


def _some(random: Random, values: tuple[int, ...]) -> frozenset[int]:
    return frozenset(value for value in values if random.random() < 0.5)


def any_lifecycle(random: Random, machine: view.Lifecycle) -> State:
    """Each field for itself; numbers go a little beyond what they may ever be.

    One in eight has idle threads and all permits, and nothing is paused: something could start there.
    """
    tasks, config = len(machine.terms), machine.config
    sizes = (config.threads, *machine.other_threads)
    booleans = (False, True)
    state = view.State(
        status=_any(random, (*lifecycle.STATUSES, *3 * lifecycle.LIVE, *5 * ("queued",)), tasks),
        attempts=_any(random, tuple(range(config.max_retries + 3)), tasks),
        reason=_any(random, ("none", "none", "none", *lifecycle.REASONS), tasks),
        executing=_any(random, (0, 0, 1, 1, 2), tasks),
        overdue=_any(random, (False, False, True), tasks),
        attempt_over=_any(random, (False, False, True), tasks),
        phase=random.choice(("draining", "draining", *lifecycle.PHASES)),
        pending=random.choice(("finish", *lifecycle.PENDINGS)),
        grace_spent=random.choice(booleans),
        admitted=random.randrange(tasks + 1),
        permits=random.randrange((config.burst or 0) + 2),
        queue_permits=_any(random, tuple(range((config.queue_burst or 0) + 2)), config.queues),
        paused=_some(random, tuple(range(config.queues + 1))),
        threads=random.choice(sizes),
        peak=random.choice(sizes),
    )
    if random.randrange(8):
        return state
    return state._replace(
        status=_any(random, ("queued", "queued", "cancelled"), tasks),
        executing=(0,) * tasks,
        phase=random.choice(("open", "draining")),
        permits=config.burst or 0,
        queue_permits=(config.queue_burst or 0,) * config.queues,
        paused=frozenset(),
    )


def any_lifecycle_step(random: Random, state: view.State) -> State:
    """One task starts, is cancelled, asked or given up, waits again, or anything else happens to it."""
    kinds = (*3 * ("start", "cancel", "any"), *2 * ("ask",), "wait", "give up")
    what = random.choice(kinds)
    wanted = "queued" if what == "start" else "running"
    task = random.randrange(len(state.status))
    if what in ("start", "ask", "wait") and wanted in state.status:
        task = random.choice([at for at, status in enumerate(state.status) if status == wanted])

    def with_it(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        return (*values[:task], value, *values[task + 1 :])

    if what == "start":
        return state._replace(
            status=with_it(state.status, "running"),
            attempts=with_it(state.attempts, state.attempts[task] + 1),
            executing=with_it(state.executing, 1),
            permits=max(0, state.permits - random.randrange(3)),
        )
    if what == "cancel":
        return state._replace(
            status=with_it(state.status, "cancelled"),
            reason=with_it(state.reason, random.choice(("shutdown", *lifecycle.REASONS))),
        )
    if what == "give up":
        return state._replace(status=with_it(state.status, "abandoned"))
    if what == "ask":
        return state._replace(reason=with_it(state.reason, random.choice(lifecycle.REASONS)))
    if what == "wait":
        return state._replace(status=with_it(state.status, random.choice(lifecycle.WAITING)))
    status = random.choice(("timed_out", "failed", state.status[task], random.choice(lifecycle.STATUSES)))
    return state._replace(
        status=with_it(state.status, status),
        attempts=with_it(state.attempts, state.attempts[task] + random.choice((0, 0, 0, 1))),
        reason=with_it(state.reason, random.choice(("shutdown", *lifecycle.REASONS))),
        executing=with_it(state.executing, random.randrange(2)),
        pending=random.choice(lifecycle.PENDINGS),
    )


def any_observable(random: Random, machine: observable.Observable) -> State:
    """Each field for itself."""
    booleans = (False, True)
    return observable.State(
        seen=_any(random, observable.SIGHTS, machine.n),
        attempts=_any(random, tuple(range(machine.max_attempts + 2)), machine.n),
        accepting=random.choice(booleans),
        done=random.choice(booleans),
    )


def any_limiter(random: Random, machine: limiter.RateLimiter) -> State:
    """Some tasks have started, at any instants, and the rate has changed at any others."""
    now = random.randrange(machine.horizon + 1)
    instants = tuple(range(now + 1))
    starts = sorted(_any(random, instants, random.randrange(machine.tasks + 1)))
    sinces = [0, *sorted(_any(random, instants, random.randrange(machine.changes + 1)))]
    tenures = tuple(limiter.Tenure(since, *random.choice(machine.rates)) for since in sinces)
    waiting = random.randrange(machine.tasks + 1)
    return limiter.State(now, waiting, tuple(starts), tenures, random.randrange(12))


def any_registry(random: Random, machine: registry.Registry) -> State:
    """Each field for itself, but that the order of the ended is one of those that have ended."""
    tasks = tuple(range(1, machine.tasks + 1))
    status = _any(random, ("absent", "live", "ended"), machine.tasks)
    ended = [task for task in tasks if status[task - 1] == "ended"]
    random.shuffle(ended)
    return registry.State(
        status=status,
        key=_any(random, tuple(range(machine.keys + 1)), machine.tasks),
        request=_any(random, registry.REQUESTS, machine.tasks),
        holder=_any(random, (0, *tasks), machine.keys),
        ended=tuple(ended),
        aged=random.randrange(len(ended) + 1),
        stuck=_some(random, tasks),
        open=random.choice((False, True)),
    )


def any_fanout(random: Random, machine: fanout.Fanout) -> State:
    """Each field for itself, each number one of those there are."""
    published = random.randrange(1, machine.publications + 1)
    count = len(machine.subscribers)
    numbers = tuple(range(published + 1))

    def waiting() -> tuple[int, ...]:
        return _any(random, numbers[1:], random.randrange(3))

    return fanout.State(
        published,
        _some(random, tuple(machine.subscribers)),
        random.choice((False, True)),
        _any(random, fanout.STATUSES, count),
        _any(random, numbers, count),
        tuple(waiting() for _ in range(count)),
        _any(random, numbers, count),
        _any(random, numbers, count),
        _any(random, numbers, count),
    )


def any_queues(random: Random, machine: queues.Queues) -> State:
    """Each field for itself, but that the last starts came from queues that could have given them."""
    numbers = tuple(machine.numbers)
    among = _some(random, numbers)
    owed = random.randrange(-2, 3)
    return queues.State(
        weight=machine.declared,
        waiting=tuple(tuple(sorted(_some(random, (1, 2)), key=lambda _: random.random())) for _ in numbers),
        running=_any(random, (0, 0, 0, 1, 2), len(numbers)),
        paused=_some(random, numbers[:1]),
        limited=_some(random, numbers[:1]),
        draining=random.choice((False, True)),
        credit=(owed, random.choice((-owed, 0, 1))),
        passed=_any(random, tuple(range(5)), len(numbers)),
        recent=_any(random, tuple(sorted(among)), random.choice((0, 1, 2, 3, 3))) if among else (),
        among=among,
        exact=random.choice((False, True)),
    )


def any_queues_step(random: Random, state: queues.State) -> State:
    """A task starts from anywhere in its queue, or nothing but counters and orders change."""
    at = random.randrange(len(state.waiting))
    waiting = list(state.waiting[at])
    if random.randrange(6) == 0:
        waiting.reverse()
    elif waiting:
        waiting.pop(random.randrange(len(waiting)))
    running = state.running[at] + random.randrange(2)
    return state._replace(
        waiting=(*state.waiting[:at], tuple(waiting), *state.waiting[at + 1 :]),
        running=(*state.running[:at], running, *state.running[at + 1 :]),
        recent=state.recent[random.randrange(2) :],
    )


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        module="Lifecycle",
        constants={
            "N": 3,
            "Threads": 2,
            "OtherThreads": [1],
            "QueueMax": 1,
            "MaxRetries": 1,
            "RetryTimeouts": True,
            "Burst": 1,
            "QueueBurst": 1,
            "PerQueue": 1,
            "PerKey": 1,
            "Pausable": [0, 1],
            "Retention": True,
            "Delayed": [1],
            "Deadlines": [1, 2],
            "Timeouts": [2, 3],
            "Children": [1, 3],
            "Urgent": [2],
            "Second": [3],
            "Alike": [1, 3],
            "Keyed": [1, 2],
        },
        laws=properties.LAWS,
        any_state=any_lifecycle,
        any_step=any_lifecycle_step,
    ),
    Subject(
        module="Observable",
        constants={"N": 3, "MaxAttempts": 2},
        laws=observable.LAWS,
        any_state=any_observable,
    ),
    Subject(
        module="RateLimiter",
        constants={
            "Num": 2,
            "Den": 3,
            "OtherNum": 1,
            "OtherDen": 2,
            "Burst": 2,
            "Tasks": 4,
            "Horizon": 4,
            "Changes": 2,
        },
        laws=limiter.LAWS,
        any_state=any_limiter,
    ),
    Subject(
        module="Registry",
        constants={"Tasks": 3, "Keys": 1, "QueueMax": 2, "Keep": 1},
        laws=registry.LAWS,
        any_state=any_registry,
    ),
    Subject(
        module="Fanout",
        constants={"Publications": 2, "Cap": 1, "Blocking": 1, "DroppingOldest": 1, "DroppingNewest": 0},
        laws=fanout.LAWS,
        any_state=any_fanout,
    ),
    Subject(
        module="Queues",
        constants={
            "WeightOne": 2,
            "WeightTwo": 1,
            "WeightThree": 0,
            "OtherWeight": 0,
            "Tasks": 2,
            "Cap": 1,
            "Pausable": 2,
            "Limitable": 1,
        },
        laws=queues.LAWS,
        any_state=any_queues,
        any_step=any_queues_step,
    ),
)
