"""What the small machines have in common: laws, each with the sentence that it comes from.

Beside the lifecycle stand machines that are rules of their own: the limiter and its like.
Each is one module here, and one in `tla/` with the same names: its constants, its state, the
steps it may take, and then its laws, which say from outside what the steps must add up to.
`jurat_spec.search` walks a machine, and its graph is held against TLC's, edge by edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Law", "Laws"]

M = TypeVar("M")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Law(Generic[M, S]):
    """Something that is true of every step: of the state before, and of the state after."""

    name: str
    source: str
    """The sentence it comes from."""
    holds: Callable[[M, S, S], bool]


@dataclass(slots=True)
class Laws(Generic[M, S]):
    """The laws of a machine, in the order in which its module states them."""

    invariants: list[Law[M, S]] = field(default_factory=list)
    """True of every state, so of the state before a step; they do not look at the other."""
    of_steps: list[Law[M, S]] = field(default_factory=list)

    def of_state(self, source: str) -> Callable[[Callable[[M, S], bool]], Callable[[M, S], bool]]:
        """Note the decorated function as an invariant, by its name."""

        def add(holds: Callable[[M, S], bool]) -> Callable[[M, S], bool]:
            def before(machine: M, state: S, _: S) -> bool:
                return holds(machine, state)

            self.invariants.append(Law(_camel(holds.__name__), source, before))
            return holds

        return add

    def of_step(self, source: str) -> Callable[[Callable[[M, S, S], bool]], Callable[[M, S, S], bool]]:
        """Note the decorated function as a property of steps, by its name."""

        def add(holds: Callable[[M, S, S], bool]) -> Callable[[M, S, S], bool]:
            self.of_steps.append(Law(_camel(holds.__name__), source, holds))
            return holds

        return add


def _camel(name: str) -> str:
    """`only_ended_leave` is `OnlyEndedLeave`; `type_ok` is `TypeOK`, as TLA+ people write it."""
    return "".join(part.capitalize() for part in name.split("_")).replace("Ok", "OK")
