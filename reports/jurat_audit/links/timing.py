"""The link from the worker to time: what happens, happens exactly when its formula says.

The shipped worker runs in virtual time, in whole nanoseconds, and the length of each
shutdown, and the instants of starts, ends and evictions, are compared with closed forms, with
no tolerance.  Each closed form is also held
against a worker with a defect of time, and must then fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jurat_sim.errors import BenchError
from jurat_sim.timing import CLOSED_FORMS, measure

from ..link import LinkResult, Profile, Progress, Verdict

if TYPE_CHECKING:
    from jurat_sim.timing import Measurement

COMMAND = "jurat audit --link timing"

LIMITS = (
    (
        "Virtual time shows which instants the worker asks for and acts on.  How late an operating system "
        "wakes a thread is not in it."
    ),
    (
        "Each formula is held at one set of numbers.  Laws over many rates, retries and loads come with "
        "issue 4 of 8."
    ),
)


def run(profile: Profile, progress: Progress) -> LinkResult:  # noqa: ARG001 - every profile measures all
    """Measure every closed form, on the worker and on one that is wrong."""
    progress.step("measuring in virtual time")
    progress.total(len(CLOSED_FORMS))
    measured: list[Measurement] = []
    problems: list[str] = []
    for form in CLOSED_FORMS:
        try:
            measurement = measure(form)
        except BenchError as error:  # the worker's own run did not end, or broke the rule
            problems.append(f"{form.name}: {error}")
        else:
            measured.append(measurement)
            problems += _problems(measurement)
        progress.advance()
    exact = sum(it.holds for it in measured)
    refuted = sum(it.can_fail for it in measured)
    return LinkResult(
        id="timing",
        verdict=Verdict.FAIL if problems else Verdict.PASS,
        command=COMMAND,
        summary=(
            f"{exact} of {len(CLOSED_FORMS)} lengths and instants are exactly as their closed forms say, to "
            f"the nanosecond of virtual time; {refuted} of {len(CLOSED_FORMS)} defects of time are told apart"
        ),
        figures={"closed_forms": len(CLOSED_FORMS), "exact": exact, "timing_defects_found": refuted},
        details={"tables": [_forms(measured), _defects(measured)], "limits": list(LIMITS)},
        problems=tuple(problems),
    )


def _problems(it: Measurement) -> list[str]:
    problems = []
    if not it.holds:
        problems.append(
            f"{it.name}: {it.formula} ns, and {it.measured_ns:,} ns were measured, not {it.expected_ns:,}"
        )
    if it.defect_ns is None:
        problems.append(f"{it.name}: {it.defect} could not be told apart: {it.trouble}")
    elif not it.can_fail:
        problems.append(f"{it.name}: with {it.defect} ({it.defect_title}) it is the same")
    return problems


def _forms(measured: list[Measurement]) -> dict[str, Any]:
    return {
        "title": "How long it takes, and when it happens, in nanoseconds",
        "columns": ["what is measured", "closed form", "expected", "measured"],
        "rows": [[it.name, it.formula, it.expected_ns, it.measured_ns] for it in measured],
    }


def _defects(measured: list[Measurement]) -> dict[str, Any]:
    return {
        "title": "The same, with a defect of time in the worker: each must differ",
        "columns": ["defect", "what it does", "expected", "measured"],
        "rows": [
            [it.defect, it.defect_title, it.expected_ns, it.defect_ns]
            for it in measured
            if it.defect_ns is not None
        ],
    }
