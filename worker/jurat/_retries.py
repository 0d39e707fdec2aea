"""What follows from how a function came back, as far as it can be said before the step.

Whether it is late, whether there would be another attempt, and when.  Here the policy is
asked, which may be a user's function; the step that records the outcome then has the last
word, since a cancellation or a stop may have come in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _arithmetic
from ._core import FOREVER, Extras
from ._options import nanoseconds
from ._policies import SCALE

if TYPE_CHECKING:
    from ._core import Core, TaskState
    from ._policies import Retry

__all__ = ["Verdict", "judge"]


class Verdict(NamedTuple):
    """How a function came back, and what may follow."""

    late: bool
    """At or after the end of its attempt, or its deadline."""
    retrying: bool
    """There is another attempt, unless somebody has asked the task to come back."""
    retryable: bool
    """The policy would try again after this error, or after this timeout."""
    next_ns: int | None
    """When the next attempt would be due."""


FINAL = Verdict(False, False, False, None)


def judge(core: Core, task: TaskState, error: BaseException | None, returned: int) -> Verdict | None:
    """What is to be recorded; None if the function returned in time."""
    extras = task._extras
    deadline_ns = None
    late = False
    policy = core.retry
    if extras is not None:
        deadline_ns = None if extras.deadline_ns == FOREVER else extras.deadline_ns
        late = _arithmetic.is_late(returned, extras.attempt_end_ns, deadline_ns)
        policy = extras.retry or policy
    if not late and error is None:
        return None
    if policy is None:
        return Verdict(True, False, False, None) if late else FINAL
    retryable = policy.timeouts if late else _wants(core, policy, error)
    over = deadline_ns is not None and returned >= deadline_ns
    if not retryable or task._attempts > policy.max_retries or over:
        return Verdict(late, False, retryable, None)
    next_ns = returned + _delay_ns(core, policy, task, error)
    retrying = _arithmetic.can_retry(task._attempts, policy.max_retries, next_ns, deadline_ns)
    if retrying and extras is None:
        task._extras = Extras()
    return Verdict(late, retrying, retryable, next_ns)


def _wants(core: Core, policy: Retry, error: BaseException | None) -> bool:
    """Whether the policy would try again after this error."""
    if not isinstance(error, Exception):
        return False
    on = policy.on
    try:
        if isinstance(error, policy.never):
            return False
        return isinstance(error, on) if isinstance(on, type | tuple) else bool(on(error))
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is reported
        core.on_problem("the retry policy's function", problem)
        return False


def _delay_ns(core: Core, policy: Retry, task: TaskState, error: BaseException | None) -> int:
    """How long until the next attempt: what the exception asks for, or the backoff with its jitter."""
    try:
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return nanoseconds("retry_after", asked)
    except BaseException as problem:  # noqa: BLE001 - an exception's own attribute
        core.on_problem("an exception's retry_after", problem)
    delay = _arithmetic.backoff(
        task._attempts, nanoseconds("delay", policy.delay), nanoseconds("cap", policy.cap)
    )
    draw = _draw(core.seed, task._number, task._attempts)
    return _arithmetic.jittered(delay, round(policy.jitter * SCALE), draw, SCALE)


def _draw(seed: int, number: int, attempt: int) -> int:
    """A number in [0, SCALE) that depends on these three and on nothing else.

    The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
    Generators, 2014), which sends inputs that differ a little to outputs that differ a lot.
    """
    mask = 2**64 - 1
    mixed = (seed + number * 0x9E3779B97F4A7C15 + attempt * 0xD1B54A32D192ED03) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) % SCALE
