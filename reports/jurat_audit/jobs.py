"""Work that falls into jobs: done by a few processes, answered in order.

A job is a call of a function with arguments that can be pickled, and so can its answer.  What a job
answers depends on its arguments alone, so the answers are the same however many processes there are
and whichever is done first.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from .errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .link import Progress

PROCESSES = 2
"""As many as the machine for which the budgets are made has cores.  With 1, this process does all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call."""

    function: Callable[..., Any]
    """A function of a module, so that another process finds it."""
    args: tuple[Any, ...]
    weight: int
    """How much work it is, in units that all jobs share: large ones are begun first."""


def done(jobs: Sequence[Job], progress: Progress) -> list[Any]:
    """The answer of each job, in the order of the jobs.  The first error of a job is raised here.

    Raises
    ------
    ToolError: a process was killed.
    """
    progress.total(sum(job.weight for job in jobs))
    if PROCESSES == 1:
        return [_here(job, progress) for job in jobs]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        futures = {}
        for place, job in sorted(enumerate(jobs), key=lambda it: -it[1].weight):
            futures[pool.submit(job.function, *job.args)] = place
        answers: dict[int, Any] = {}
        try:
            for future in as_completed(futures):
                place = futures[future]
                answers[place] = future.result()
                progress.advance(jobs[place].weight)
        except BrokenExecutor as broken:
            raise ToolError(f"a process that explores was killed: {broken}") from broken
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [answers[place] for place in range(len(jobs))]


def _here(job: Job, progress: Progress) -> Any:
    answer = job.function(*job.args)
    progress.advance(job.weight)
    return answer
