"""The worker in virtual time, for tests of when: work takes none, waiting takes exactly what was asked for.

`play` makes one run of the very worker that everybody imports on the bench's runtime, holds it against
all checks of the bench, the replay of its log among them, and gives back the stage.  Instants begin at zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jurat
from jurat_sim.checks import check
from jurat_sim.pool import Pool
from jurat_sim.runtime import BenchRuntime, Ending
from jurat_sim.stage import Stage
from jurat_sim.strategies import RunToBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_sim.runtime import Strategy

MS = 1_000_000
S = 1_000 * MS

FINDINGS: list[str] = []
"""What the checks found in the runs of a test: looked at when it is over, so that it can fail by itself."""


def play(
    describe: Callable[[Stage], None], strategy: Strategy | None = None, *, time_is_a_choice: bool = False
) -> Stage:
    """One run, which must come to its end.  That it passes every check is seen at the end of the test."""
    pool = Pool()
    runtime = BenchRuntime(
        strategy or RunToBlock(), pool, tick_ns=0, time_is_a_choice=time_is_a_choice, step_bound=200_000
    )
    try:
        stage = Stage(jurat, runtime)
        describe(stage)
        ending = runtime.run()
        for client in stage.clients:
            if client.error is not None:
                raise client.error
        assert ending is Ending.FINISHED, runtime.trouble
        FINDINGS.extend(str(finding) for finding in check(stage))
        return stage
    finally:
        runtime.close()
        pool.close()


def drain(stage: Stage) -> None:
    """A client that drains the worker, without a deadline, and waits."""
    stage.client("closer", lambda: _close(stage))


def _close(stage: Stage) -> None:
    stage.close(stage.worker.drain(deadline=None))


def let_pass(stage: Stage, duration_ns: int) -> None:
    """Have the client that calls this wait, in virtual time."""
    stage.runtime.gate().wait_for(duration_ns)


def instants(stage: Stage, action: str, number: int | None = None) -> list[int]:
    """When this was recorded, of all tasks or of one."""
    return [at for at, name, task, _, _ in stage.log if name == action and number in (None, task)]
