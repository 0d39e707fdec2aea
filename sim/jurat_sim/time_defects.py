"""Seeded defects of time that a law over many loads sees, and no single closed form.

As in `defects`, which has the others and the catalogue of all; `simulate.timelaws` and
`simulate.queueing` say which law sees which.
"""

from __future__ import annotations

from .seeding import Defect, patch

TIME_DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="T11",
        title="a thread polls: it looks for its next task a tenth of a millisecond later",
        breaks=("LC-3",),
        note="what waits while a thread is free is not started, so queues are longer than they need be",
        patches=(
            patch(
                "_threads",
                """
        task, gates, wake = turn(core, seat, value, returned)
""",
                """
        core.runtime.gate().wait_for(100_000)
        task, gates, wake = turn(core, seat, value, returned)
""",
            ),
        ),
    ),
    Defect(
        id="T12",
        title="a hard stop grants the grace twice",
        breaks=("SD-4",),
        patches=(
            patch(
                "_steps",
                """
            core.grace_over_ns = now + core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            room""",
                """
            core.grace_over_ns = now + 2 * core.grace_ns
            core.starting = core.direct = False
            core.sweeping = core.tripping = True
            room""",
            ),
        ),
    ),
    Defect(
        id="T13",
        title="the jitter of a retry depends on the attempt alone: who fails together comes back together",
        breaks=("RT-2",),
        patches=(
            patch(
                "_retries",
                """
_draw(core.seed, task._number, task._attempts)""",
                """
_draw(core.seed, 0, task._attempts)""",
            ),
        ),
    ),
    Defect(
        id="T14",
        title="the weights of queues are not looked at: each has as many starts as any other",
        breaks=("NH-2",),
        patches=(
            patch(
                "_choose",
                """
        shares.append((queue.weight, queue.credit, head is not None))
""",
                """
        shares.append((1, queue.credit, head is not None))
""",
            ),
        ),
    ),
)
