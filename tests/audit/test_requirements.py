"""The verdict of a requirement: each way to earn it, to lose it, and to have none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.audit.samples import defect, link, outcome, properties, sample_links, sample_tests

from jurat_audit.errors import TableError
from jurat_audit.link import LinkResult, Verdict
from jurat_audit.requirements import (
    IDS,
    STRICT_FAMILIES,
    STRICT_KINDS,
    Finding,
    Kind,
    Table,
    issue_name,
    judge,
    load_table,
    overall,
)
from jurat_sim.defects import DEFECTS

if TYPE_CHECKING:
    from jurat_audit.evidence import EvidenceRun

# A table in which every id is there and LC-2 is the one of interest: what it needs is two properties (one
# of them), the specification, a worker test, a defect and a figure.
ROW = """
[[requirement]]
id = "{id}"
text = "something"
source = "somewhere"
needs = ["property", "spec", "worker_test"{more}]
issue = {issue}
property = ["{property}"]
spec = ["equivalence.edges"]
"""
DEFECT = """
[[defect]]
id = "D03"
text = "a late writer"
breaks = ["LC-2"]
issue = 1
"""


def table_text(*, resolved: str = "[]", lc2: str | None = None, without: str = "", also: str = "") -> str:
    """A table of all ids, of which LC-2 needs all kinds but arithmetic."""
    rows = [
        ROW.format(id=id, issue=4, property="NotCheckedYet", more="")
        for id in IDS
        if id not in ("LC-2", without)
    ]
    if lc2 is None:
        lc2 = ROW.format(id="LC-2", issue=1, property="TerminalIsImmutable", more=', "defect", "figure"')
        lc2 += 'figure = ["timing.stop_ns"]\n'
    return f"resolved = {resolved}\n" + "\n".join([*rows, lc2, DEFECT, also])


def table(**changes: str) -> Table:
    """The same, read."""
    return load_table(table_text(**changes))


def links(**replaced: LinkResult) -> tuple[LinkResult, ...]:
    """Answers in which everything that LC-2 needs is there, and D03 the only defect."""
    conformance = link("conformance", details={"defects": [defect("D03")]})
    return sample_links(**{"conformance": conformance, **replaced})


def lc2(
    *answers: LinkResult,
    tests: EvidenceRun | None = None,
    of: Table | None = None,
) -> Finding:
    """What is found of LC-2 when some answers are replaced."""
    found = judge(
        of or table(),
        links(**{answer.id: answer for answer in answers}),
        tests or sample_tests(outcome("test_it", "LC-2")),
    )
    return next(finding for finding in found if finding.requirement.id == "LC-2")


def test_every_kind_with_a_count_is_a_pass() -> None:
    """All that is needed is there, and each is counted."""
    finding = lc2()
    assert finding.verdict is Verdict.PASS
    assert finding.counts() == {
        "property": 2,
        "spec": 177_777,
        "worker_test": 1,
        "defect": 1,
        "figure": 47_000_000_007,
    }
    assert finding.missing == ()
    assert finding.planned_in is None


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ([link("model", details={"properties": properties("TypeOK")})], Kind.PROPERTY),
        ([link("model", details={})], Kind.PROPERTY),
        ([link("equivalence", figures={"states": 7})], Kind.SPEC),
        ([link("equivalence", figures={"edges": 0})], Kind.SPEC),
        ([link("equivalence", Verdict.PLANNED)], Kind.SPEC),
        ([link("conformance", details={"defects": [defect("D03")][:0]})], Kind.DEFECT),
        ([link("timing", figures={"stop_ns": 0})], Kind.FIGURE),
    ],
)
def test_a_kind_without_a_count_is_planned(answers: list[LinkResult], missing: Kind) -> None:
    """Take any one kind away: it is no pass any more, and the kind is named."""
    finding = lc2(*answers)
    assert finding.verdict is Verdict.PLANNED
    assert finding.missing == (missing,)
    assert finding.planned_in == "issue 1 of 8"


def test_a_requirement_without_a_worker_test_is_planned() -> None:
    """A test for another requirement is none for this one."""
    assert lc2(tests=sample_tests(outcome("test_it", "SD-1"))).missing == (Kind.WORKER_TEST,)


def test_a_skipped_test_is_no_evidence() -> None:
    """It was collected, and says nothing."""
    skipped = sample_tests(outcome("test_it", "LC-2", verdict=Verdict.PLANNED))
    assert lc2(tests=skipped).verdict is Verdict.PLANNED


def test_every_defect_that_names_it_must_be_found() -> None:
    """One found and one not looked for yet is not all."""
    also = DEFECT.replace("D03", "D04")
    finding = lc2(of=table(also=also))
    assert finding.verdict is Verdict.PLANNED
    assert finding.missing == (Kind.DEFECT,)


@pytest.mark.parametrize(
    "answer",
    [
        link("model", Verdict.FAIL, details={"properties": properties("TerminalIsImmutable", holds=False)}),
        link("equivalence", Verdict.FAIL, figures={"edges": 7}),
        link("conformance", Verdict.FAIL, details={"defects": [defect("D03", found=False)]}),
        link("timing", Verdict.FAIL, figures={"stop_ns": 7}),
    ],
)
def test_what_was_tried_and_does_not_hold_is_a_fail(answer: LinkResult) -> None:
    """A violated property, unequal graphs, a defect that escaped, a wrong time."""
    assert lc2(answer).verdict is Verdict.FAIL


def test_a_property_violated_in_one_model_fails_whatever_the_others_say() -> None:
    """It holds in one and not in the other."""
    rows = [*properties("TerminalIsImmutable"), {"name": "TerminalIsImmutable", "model": "X", "holds": False}]
    assert lc2(link("model", details={"properties": rows})).verdict is Verdict.FAIL


def test_a_failed_worker_test_fails_its_requirement_and_the_audit() -> None:
    """Even beside one that passes."""
    rows = (outcome("test_it", "LC-2"), outcome("test_more", "LC-2", verdict=Verdict.FAIL))
    tests = sample_tests(*rows, verdict=Verdict.FAIL)
    assert lc2(tests=tests).verdict is Verdict.FAIL
    assert overall(links(), tests, judge(table(), links(), tests)) is Verdict.FAIL


@pytest.mark.parametrize("id", ["model", "equivalence", "conformance", "timing"])
def test_what_a_bound_stopped_is_undetermined(id: str) -> None:
    """The same counts as in the pass, in a link that did not get to its end."""
    whole = next(answer for answer in links() if answer.id == id)
    finding = lc2(replace(whole, verdict=Verdict.UNDETERMINED))
    assert finding.verdict is Verdict.UNDETERMINED
    assert len(finding.missing) == 1


def test_a_failed_link_supports_nothing() -> None:
    """The property holds in it, and something else does not: nobody knows what that is worth."""
    whole = next(answer for answer in links() if answer.id == "model")
    finding = lc2(replace(whole, verdict=Verdict.FAIL))
    assert finding.verdict is Verdict.UNDETERMINED


def test_planned_is_refused_once_the_issue_is_resolved() -> None:
    """What was owed and is not there is a fail."""
    answer = link("equivalence", figures={"states": 7})
    assert lc2(answer).verdict is Verdict.PLANNED
    assert lc2(answer, of=table(resolved="[1]")).verdict is Verdict.FAIL
    assert lc2(of=table(resolved="[1]")).verdict is Verdict.PASS


def test_what_is_awaited_keeps_it_planned() -> None:
    """All the evidence is there, and a part of the requirement does not exist yet."""
    waiting = table_text().replace('id = "LC-2"', 'id = "LC-2"\nawaits = "the other half"')
    finding = lc2(of=load_table(waiting))
    assert (finding.verdict, finding.missing) == (Verdict.PLANNED, ())


@pytest.mark.parametrize(
    ("links_say", "expected"),
    [
        ((Verdict.PASS, Verdict.PLANNED), Verdict.PASS),
        ((Verdict.PASS, Verdict.UNDETERMINED), Verdict.UNDETERMINED),
        ((Verdict.UNDETERMINED, Verdict.FAIL), Verdict.FAIL),
        ((Verdict.PASS, Verdict.FAIL), Verdict.FAIL),
        ((Verdict.PLANNED, Verdict.PLANNED), Verdict.UNDETERMINED),
    ],
)
def test_the_worst_verdict_is_the_audits_and_planned_counts_nowhere(
    links_say: tuple[Verdict, Verdict], expected: Verdict
) -> None:
    """Nothing but plans is no pass either."""
    answers = [link("model", links_say[0]), link("log", links_say[1])]
    assert overall(answers, sample_tests(verdict=Verdict.PLANNED), ()) is expected


def test_a_requirement_that_failed_fails_an_audit_whose_links_all_pass() -> None:
    """As when something owed is missing."""
    found = judge(table(resolved="[1]"), links(equivalence=link("equivalence")), sample_tests())
    assert overall(links(), sample_tests(), found) is Verdict.FAIL


# --- the table --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (table_text(without="RS-2"), "missing RS-2"),
        (table_text(also=ROW.format(id="LC-9", issue=4, property="P", more="")), "unknown LC-9"),
        (table_text(also=ROW.format(id="LC-1", issue=4, property="P", more="")), "LC-1 is there 2 times"),
        (table_text(also=DEFECT), "D03 is there 2 times"),
        (table_text(also=DEFECT.replace("LC-2", "LC-8").replace("D03", "D04")), "D04 breaks unknown LC-8"),
        (table_text(also=DEFECT.replace('"LC-2"', "").replace("D03", "D04")), "D04 breaks nothing"),
        (table_text(resolved="[9]"), "no issue 9"),
        (table_text().replace("issue = 4", "issue = 9", 1), "no such issue: 9"),
        (table_text().replace('"spec", ', "", 1), "must also need spec"),
        (table_text(lc2=ROW.format(id="LC-2", issue=1, property="P", more="")), "if and only if"),
        (table_text().replace('"equivalence.edges"', '"equality.edges"', 1), "no link's figure"),
        (table_text().replace("spec = [", "proof = [", 1), "unknown key 'proof'"),
        (table_text().replace("spec = [", "arithmetic = [", 1), "cites arithmetic and does not need it"),
        (table_text().replace('"spec"', '"proof"', 1), "'proof' is not a valid Kind"),
        (table_text().replace('source = "somewhere"\n', "", 1), "no 'source'"),
        (table_text(resolved="[1]").replace('figure = ["timing.stop_ns"]', ""), "nothing for figure"),
        ("resolved = [", "requirements.toml"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str, complaint: str) -> None:
    """By name, before anything is run."""
    with pytest.raises(TableError) as caught:
        load_table(text)
    assert complaint in str(caught.value)


def test_awaiting_after_the_issue_is_resolved_is_refused() -> None:
    """It is there by then, or the issue is not resolved."""
    text = table_text(resolved="[1]").replace('id = "LC-2"', 'id = "LC-2"\nawaits = "the other half"')
    with pytest.raises(TableError, match="awaits the other half, and issue 1 of 8 is resolved"):
        load_table(text)


def test_evidence_for_an_unknown_requirement_is_refused() -> None:
    """Somebody thinks that a promise is kept that nobody has made."""
    with pytest.raises(TableError, match="test_it is evidence for LC-7"):
        judge(table(), links(), sample_tests(outcome("test_it", "LC-7")))


def test_a_defect_outside_the_catalogue_is_refused() -> None:
    """It would be found, and count for nothing."""
    stray = link("conformance", details={"defects": [defect("D99")]})
    with pytest.raises(TableError, match="D99 is seeded, and not in the catalogue"):
        judge(table(), links(conformance=stray), sample_tests())


# --- the project's own table --------------------------------------------------------------


def test_the_projects_table_has_every_id_once() -> None:
    """Forty-seven promises."""
    assert [requirement.id for requirement in load_table().requirements] == list(IDS)
    assert len(IDS) == 47


def test_strict_families_need_model_specification_and_test() -> None:
    """What decides whether a task runs once, in time, or at all."""
    for requirement in load_table().requirements:
        if requirement.id.partition("-")[0] in STRICT_FAMILIES:
            assert set(requirement.needs) >= STRICT_KINDS, requirement.id


def test_the_catalogue_says_the_same_as_the_bench() -> None:
    """Which defect breaks which promise is written in two places, for good reasons, and once in content."""
    ours = {defect.id: defect.breaks for defect in load_table().defects}
    theirs = {defect.id: tuple(defect.breaks) for defect in DEFECTS.values() if defect.scenario}
    assert {id: ours.get(id) for id in theirs} == theirs


def test_issues_are_named_by_their_place_in_the_series() -> None:
    """And the roadmap by its name."""
    assert (issue_name(2), issue_name("roadmap")) == ("issue 2 of 8", "roadmap")
