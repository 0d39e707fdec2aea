"""Whether TLA+ and Python mean the same by each predicate.

The graphs of a module and of its twin are equal, so both are the same rule.  Their properties
are written twice as well, and on reachable states all of them are true, in either language and
by whatever mistake.  So they are compared where they are false: on random states, and pairs of
states, that no behaviour need ever reach (`samples`).

For each module TLC is given one module more, which extends it and holds the samples as numbers:
a table of values for each variable, and for each state a row of places in these tables.  Its
initial states are the samples before, each with the truth of every invariant in a variable of
its own; from each there is one step, to the sample after, with the truth of every property of
steps.  TLC writes that graph down, and Python says what it thinks of the same states.

Agreement means something only where a predicate is true of some samples and false of others, so
each must be so in one of a hundred at least.  TypeOK is asked of states with one field out of
its type as well.  A few predicates are true of every state, because the rule itself makes them
so: they are asked of a rule that is wrong, in both languages in the same way (`TWISTS`).

On the way is seen which predicates imply which others, in every sample; that is no proof, and
is tabulated because a property that follows from another shows nothing of its own.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from jurat_spec import fanout, lifecycle, queues, registry

from . import compare, manifest, tlc
from .samples import SUBJECTS, Subject, drawn, mistyped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from jurat_spec.machine import Law
    from jurat_spec.search import Machine

    from .link import Progress
    from .samples import Pair, State

    Twin = Callable[[Mapping[str, Any]], Machine[Any]]

LEAST_SHARE = 0.01
"""Of the samples, so many must be true and so many false."""
PART = 10_000
"""Samples that one run of TLC is given: more would need more memory than time."""
MISTYPED = 10
"""One of so many samples is drawn once more with a field out of its type, for TypeOK."""
TYPE_OK = "TypeOK"
JOBS = 2

_MODULE = "Agreement"
_CHUNK = 500
_RADIX = 2**30
"""Places of several tables are one number, as long as it stays below this: TLC's have 32 bits."""


@dataclass(slots=True)
class Row:
    """A predicate, and what was found."""

    module: str
    name: str
    kind: str
    samples: int = 0
    true: int = 0
    differ: int = 0
    twisted: bool = False

    @property
    def share(self) -> float:
        """Of the rarer answer."""
        return min(self.true, self.samples - self.true) / self.samples if self.samples else 0.0

    @property
    def agrees(self) -> bool:
        """Whether both said the same of every sample, and said both things."""
        return self.samples > 0 and self.differ == 0 and self.share >= LEAST_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The answers of all modules."""

    rows: tuple[Row, ...]
    implied: tuple[tuple[str, str, str, int], ...]
    """Module, predicate, what it implies in every sample, and of how many samples that was false."""
    problems: tuple[str, ...]
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, int | str]:
        """Counts, for the link."""
        return {
            "predicates": sum(row.agrees for row in self.rows),
            "samples": min((row.samples for row in self.rows), default=0),
            "least_per_mille": min((int(1000 * row.share) for row in self.rows), default=0),
        }

    @property
    def tables(self) -> list[dict[str, Any]]:
        """For the page."""
        return [
            {
                "title": "Predicates, in TLA+ and in Python, on random states and pairs of states",
                "columns": ["module", "predicate", "of", "samples", "true", "false", "the same"],
                "rows": [
                    [
                        row.module,
                        row.name + (" (of a wrong rule)" if row.twisted else ""),
                        row.kind,
                        row.samples,
                        row.true,
                        row.samples - row.true,
                        "no" if row.differ else "yes",
                    ]
                    for row in self.rows
                ],
            },
            {
                "title": "Predicates that imply another in every sample",
                "columns": ["module", "if this is true", "then this", "which was false of so many samples"],
                "rows": [list(each) for each in self.implied],
            },
        ]


# ---------------------------------------------------------------------------------------------
# Rules that are wrong, on purpose
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """Predicates that are true of every state of the right rule, and a rule of which they are not."""

    module: str
    names: tuple[str, ...]
    edits: tuple[manifest.Edit, ...]
    twist: Callable[[Machine[Any]], AbstractContextManager[Machine[Any]]]
    """The same edits in Python, while it lasts: a machine that is wrong."""


@contextmanager
def _rows_changed(machine: Machine[Any]) -> Iterator[Machine[Any]]:
    """No row for a function that raises in a drain, and two rows for one that returns late."""
    rows = lifecycle.ACTIONS
    kept = dict(rows)
    not_draining = lifecycle.Guard("the worker is not draining", lambda w, t, x: w.phase != "draining")
    fail, complete = rows["Fail"], rows["Complete"]
    in_time = (~lifecycle.late).sentence
    rows["Fail"] = replace(fail, guards=(*fail.guards, not_draining))
    rows["Complete"] = replace(
        complete, guards=tuple(guard for guard in complete.guards if guard.sentence != in_time)
    )
    try:
        yield machine
    finally:
        rows.update(kept)


@contextmanager
def _instead(kind: type[Any], machine: Machine[Any]) -> Iterator[Machine[Any]]:
    """The same constants in another kind of machine."""
    names = getattr(machine, "__dataclass_fields__", {})
    yield kind(**{name: getattr(machine, name) for name in names})


class OnlyTheFirst(registry.Registry):
    """A registry in which a task on its thread holds up all that ended after it."""

    def evictable(self, s: registry.State) -> int | None:
        """The first to end, or nothing."""
        task = super(OnlyTheFirst, self).evictable(s)
        return task if s.ended and s.ended[0] == task else None
