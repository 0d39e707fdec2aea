"""The link from the worker's arithmetic to its definition: planned.

The limiter, the backoff with its jitter, the order of retention and the weighted pick are
pure functions of whole numbers, and none of them exists yet.  They arrive with issue 2 of
8, each confirmed by CrossHair or compared by Hypothesis with the definition in
`jurat_spec`, and each with a wrong twin that must be refuted.  Until then this link says
so, on the first screen of the report.
"""

from __future__ import annotations

from ..link import LinkResult, Profile, Progress, Verdict
from ..requirements import issue_name

ISSUE = 2


def run(profile: Profile, progress: Progress) -> LinkResult:  # noqa: ARG001 - every link is called alike
    """Say that there is nothing to check yet, and when there will be."""
    planned_in = issue_name(ISSUE)
    return LinkResult(
        id="arithmetic",
        verdict=Verdict.PLANNED,
        command="jurat audit --link arithmetic",
        summary=f"the worker has no limiter, backoff or weights yet; they come with proofs in {planned_in}",
        planned_in=planned_in,
    )
