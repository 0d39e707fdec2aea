"""The clean worker led along every edge of the rule's state graph.

Exploring asks whether what the worker does is allowed; this asks whether it does what is allowed.
Edges that no section can produce are listed by kind, each with its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jurat_sim.edges import CONFIGURATIONS, Report, drive, reason_of

from ..jobs import Job
from ..link import Profile, budget
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = {"default": ("two-sizes",), "deep": tuple(CONFIGURATIONS)}
LEAST_EDGES = 10_000
"""What the largest of them owes."""


def jobs(profile: Profile) -> list[Job]:
    """A configuration each."""
    names = budget(NAMES, profile, "conformance")
    return [Job(function=_drive, args=(name,), weight=40_000) for name in names]


def _drive(name: str) -> Report:
    return drive(CONFIGURATIONS[name])


def part(profile: Profile, answers: Sequence[Report]) -> Part:
    """What was driven, and what cannot be."""
    names = budget(NAMES, profile, "conformance")
    problems = [
        f"{name}: {line}" for name, report in zip(names, answers, strict=True) for line in report.problems
    ]
    if max(report.edges for report in answers) < LEAST_EDGES:
        problems.append(f"no configuration has {LEAST_EDGES:,} edges")
    driven = sum(report.alone + report.inside for report in answers)
    edges = sum(report.edges for report in answers)
    kinds = sorted({kind for report in answers for kind in report.unproducible})
    return Part(
        summary=f"the worker led along {driven:,} of {edges:,} edges of the rule's graph",
        figures={
            "graph_edges": edges,
            "edges_driven": driven,
            "edges_driven_alone": sum(report.alone for report in answers),
            "edges_not_producible": sum(sum(report.unproducible.values()) for report in answers),
            "states_compared": sum(report.sections for report in answers),
        },
        tables=(
            {
                "title": "The worker led along the rule's graph",
                "columns": [
                    "configuration",
                    "states",
                    "edges",
                    "driven alone",
                    "driven inside a section",
                    "not producible",
                    "walks",
                    "sections compared",
                ],
                "rows": [
                    [
                        name,
                        report.states,
                        report.edges,
                        report.alone,
                        report.inside,
                        sum(report.unproducible.values()),
                        report.walks,
                        report.sections,
                    ]
                    for name, report in zip(names, answers, strict=True)
                ],
            },
            {
                "title": "Edges that no section of the worker can produce",
                "columns": ["kind", "edges", "why"],
                "rows": [
                    [kind, sum(report.unproducible.get(kind, 0) for report in answers), reason_of(kind)]
                    for kind in kinds
                ],
            },
        ),
        problems=tuple(problems),
    )
