"""The link from the shipped worker to the rule: every explored interleaving refines it.

The worker runs on the bench, which makes each choice between threads.  Each run's event log must
be a behaviour of the specification, and agree with what the task functions themselves recorded and
with what callers were told.  The parts of this link are in `jurat_audit.exploring`; their jobs are
done together, by a few processes, and what they answer does not depend on how many.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..exploring import accesses, campaigns, costs, guided, hunts, repeats, searches
from ..jobs import done
from ..link import LinkResult, Profile, Progress, Verdict

if TYPE_CHECKING:
    from types import ModuleType

    from ..exploring import Part

COMMAND = "jurat audit --link conformance"

PARTS: tuple[ModuleType, ...] = (campaigns, searches, accesses, repeats, costs, guided, hunts)
"""In the order in which the page shows them."""


def run(profile: Profile, progress: Progress) -> LinkResult:
    """Do every part's jobs, and put the parts together."""
    before = time.monotonic()
    jobs = [part.jobs(profile) for part in PARTS]
    progress.step("exploring, searching, leading, and hunting the seeded defects")
    answers = iter(done([job for part in jobs for job in part], progress))
    parts = [
        part.part(profile, list(islice(answers, len(its_jobs))))
        for part, its_jobs in zip(PARTS, jobs, strict=True)
    ]
    return joined(parts, time.monotonic() - before)


def joined(parts: list[Part], seconds: float) -> LinkResult:
    """The link's answer, from those of its parts."""
    figures: dict[str, int | str] = {}
    for part in parts:
        figures |= part.figures
    tables: list[dict[str, Any]] = [table for part in parts for table in part.tables]
    return LinkResult(
        id="conformance",
        verdict=_verdict(parts),
        command=COMMAND,
        summary="; ".join(part.summary for part in parts),
        figures=figures,
        details={
            "defects": [row for part in parts for row in part.defects],
            "tables": tables,
            "limits": [sentence for part in parts for sentence in part.limits],
        },
        problems=tuple(line for part in parts for line in (*part.problems, *part.undetermined)),
        timings={"seconds": seconds},
    )


def _verdict(parts: list[Part]) -> Verdict:
    """The worst of them."""
    verdicts = {part.verdict for part in parts}
    for verdict in (Verdict.FAIL, Verdict.UNDETERMINED):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
