"""Whether two accesses of the clean worker race: in every scenario, at the grain of accesses.

The worker reads some fields without the lock, on purpose.  Each such read is declared, with the
reason why an old value does no harm; a race that is not declared fails the link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jurat_sim.races import DECLARED, Races, detect
from jurat_sim.scenarios import SCENARIOS

from ..jobs import Job
from ..link import Profile, budget
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

BUDGETS = {"default": 8, "deep": 400}
"""Schedules of each scenario."""


def jobs(profile: Profile) -> list[Job]:
    """A search for each scenario."""
    schedules = budget(BUDGETS, profile, "conformance")
    return [Job(function=detect, args=(name, schedules), weight=20 * schedules) for name in SCENARIOS]


def part(profile: Profile, answers: Sequence[Races]) -> Part:
    """What raced."""
    del profile
    met = frozenset(key for races in answers for key in races.met)
    schedules = sum(races.schedules for races in answers)
    fields = {field for races in answers for field in races.fields}
    problems = []
    for races in answers:
        for race, token in races.undeclared:
            problems += [f"{races.scenario}: {race}", f"replay: jurat explore --races --replay {token}"]
    declared = sum(len(entry.keys) for entry in DECLARED)
    return Part(
        summary=f"{schedules:,} schedules looked at for data races over {len(fields)} fields",
        figures={
            "race_schedules": schedules,
            "race_accesses": sum(races.accesses for races in answers),
            "fields": len(fields),
            "races_declared": declared,
            "races_met": len(met),
        },
        tables=(
            {
                "title": "Accesses without the lock that are meant, and why an old value does no harm",
                "columns": ["fields", "read by", "written by", "kind", "why", "met"],
                "rows": [
                    [
                        ", ".join(entry.fields),
                        ", ".join(entry.reads),
                        ", ".join(entry.writes),
                        str(entry.kind),
                        entry.why,
                        sum(key in met for key in entry.keys),
                    ]
                    for entry in DECLARED
                ],
            },
        ),
        problems=tuple(problems),
        undetermined=tuple(
            f"{races.scenario}: the step bound ended {races.cut_short} runs that were looked at"
            for races in answers
            if races.cut_short
        ),
    )
