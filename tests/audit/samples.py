"""Invented answers of the links, for tests of what is made of them.

Nothing in here was measured.  The figures are shaped like real ones so that a page drawn
from them has the right proportions, and odd enough not to be mistaken for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jurat_audit.audit import Audit
from jurat_audit.charts import Axis, Chart, Marks
from jurat_audit.evidence import EvidenceRun, EvidenceTest
from jurat_audit.link import PROFILES, LinkResult, Verdict
from jurat_audit.requirements import LINKS, Table, judge, load_table, overall
from jurat_audit.subject import Subject

PROPERTIES = (
    "OneExecutionAtATime",
    "OnlyAllowedEdges",
    "PhaseIsMonotone",
    "ClosedStaysClosed",
    "TerminalIsImmutable",
    "EndIsFinal",
    "EndedIsSettled",
    "EveryReturnIsRecorded",
    "TypeOK",
)


CHART = Chart(
    name="sample",
    title="Starts & more",
    description="7 starts from 0 ns to 70 ms.",
    reading="Each step is a start. A step above the line <would> be wrong.",
    x=Axis(label="time", unit="ns", least=0, most=70_000_000),
    y=Axis(label="starts", unit="", least=0, most=9),
    marks=[
        Marks(shape="line", style="bound", says="permitted", x=[0, 70_000_000], y=[2, 9]),
        Marks(shape="stairs", style="value", says="started", x=[0, 7_000_000, 70_000_000], y=[1, 2, 7]),
    ],
)

SIMULATION = {
    "scenario": "sample",
    "text": "Seven tasks & a limiter.",
    "command": "jurat simulate sample.toml",
    "checks": 7,
    "checks_that_hold": 7,
    "charts": [CHART],
}


def link(id: str, verdict: Verdict = Verdict.PASS, **fields: Any) -> LinkResult:
    """A link's answer with the least that it may have."""
    fields = {"command": f"jurat audit --link {id}", "summary": f"the link {id} says 7 things", **fields}
    return LinkResult(id=id, verdict=verdict, **fields)


def defect(id: str, *, found: bool = True, **fields: Any) -> dict[str, Any]:
    """A row about a seeded defect."""
    return {
        "id": id,
        "found": found,
        "by": "stop_race, random",
        "property": "OnlyAllowedEdges",
        "schedules": 77,
        "replay": "v1.SAMPLE" + id,
        "story": [f"step {number}: worker-0 does something with task 1" for number in range(1, 8)],
        **fields,
    }


def properties(*names: str, holds: bool = True) -> list[dict[str, Any]]:
    """Rows about properties, each checked in two models."""
    return [
        {"name": name, "model": model, "holds": holds} for model in ("Sample", "Sample-big") for name in names
    ]


def sample_links(**replaced: LinkResult) -> tuple[LinkResult, ...]:
    """An answer of every link, all well but the one that is planned; some may be replaced, by id."""
    answers = {
        "model": link(
            "model",
            summary="7 properties hold in 2 models, 77,777 distinct states",
            figures={"models": 2, "distinct_states": 77_777, "properties": len(PROPERTIES)},
            details={
                "properties": properties(*PROPERTIES),
                "limits": ["At most 3 tasks and 2 threads", "No retries"],
                "tables": [
                    {
                        "title": "Models, and what TLC counted",
                        "columns": [
                            "model",
                            "tasks",
                            "threads",
                            "distinct states",
                            "edges",
                            "depth",
                            "as expected",
                        ],
                        "rows": [
                            ["Sample", 2, 1, 7_777, 17_777, 17, True],
                            ["Sample-big", 3, 2, 70_000, 170_000, 27, True],
                        ],
                    }
                ],
            },
        ),
        "equivalence": link("equivalence", figures={"states": 77_777, "edges": 177_777}),
        "arithmetic": link("arithmetic", Verdict.PLANNED, planned_in="issue 2 of 8"),
        "conformance": link(
            "conformance",
            figures={"schedules": 7_007, "distinct_traces": 707, "mode": "sampled"},
            details={"defects": [defect("D01"), defect("D03"), defect("D21")]},
        ),
        "timing": link("timing", figures={"stop_ns": 47_000_000_007}, details={"simulation": SIMULATION}),
        "log": link("log", figures={"events": 70_007}),
    }
    answers.update(replaced)
    return tuple(answers[id] for id in LINKS)


def outcome(id: str, *requirements: str, verdict: Verdict = Verdict.PASS) -> EvidenceTest:
    """An outcome of a test marked as evidence."""
    return EvidenceTest(id=f"tests/worker/test_sample.py::{id}", requirements=requirements, verdict=verdict)


def sample_tests(*tests: EvidenceTest, verdict: Verdict = Verdict.PASS) -> EvidenceRun:
    """A run of the evidence tests; without arguments, one that passes and is for LC-2 and SD-1."""
    rows = tests or (outcome("test_an_end_is_an_end", "LC-2"), outcome("test_stop_twice", "SD-1"))
    return EvidenceRun(verdict=verdict, tests=rows, junit_xml=b"<testsuites/>")


def sample_table() -> Table:
    """The project's own requirements, as before any issue was resolved, so that most are planned."""
    return replace(load_table(), resolved=frozenset())


def sample_audit(
    *,
    links: tuple[LinkResult, ...] | None = None,
    tests: EvidenceRun | None = None,
    table: Table | None = None,
) -> Audit:
    """A whole audit of invented answers."""
    links, tests, table = links or sample_links(), tests or sample_tests(), table or sample_table()
    findings = judge(table, links, tests)
    return Audit(
        subject=Subject(name="jurat", version="0.0.7", files={"worker/jurat/sample.py": "5a" * 32}),
        python="3.11",
        profile=PROFILES["default"],
        links=links,
        tests=tests,
        table=table,
        findings=findings,
        verdict=overall(links, tests, findings),
        envelope={"started": "sample", "seconds": {}},
    )
