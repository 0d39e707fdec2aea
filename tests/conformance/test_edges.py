"""Every edge of the specification's graph is taken by the real worker, or there is a reason why not."""

from __future__ import annotations

import pytest

from jurat_audit import manifest
from jurat_audit.links.equivalence import twin_of
from jurat_audit.subject import project_root
from jurat_sim import passes
from jurat_sim.abstraction import differences
from jurat_sim.defects import defect_named
from jurat_sim.edges import CONFIGURATIONS, drive, reason_of

MANIFEST = manifest.load(project_root() / "tla")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_is_one_whose_graph_is_that_of_tlc(name: str) -> None:
    """What is driven here is what the audit compares with TLC's graph, edge by edge."""
    (model,) = [model for model in MANIFEST.models if model.name == name]
    assert model.compare
    assert twin_of(model) == CONFIGURATIONS[name]


@pytest.mark.parametrize(
    ("name", "least"), [("two-plain", 1_000), ("one-life", 4_000), ("two-sizes", 10_000)]
)
def test_every_edge_is_driven_or_has_a_reason(name: str, least: int) -> None:
    """The abstract state is compared after each section, and no edge is left."""
    report = drive(CONFIGURATIONS[name])
    assert report.problems == ()
    assert report.passed
    assert report.edges >= least
    assert report.edges == report.alone + report.inside + sum(report.unproducible.values())
    assert (report.inside > 0) == (name != "one-life")  # who returns starts the next task, if there is one
    assert all(reason_of(kind) for kind in report.unproducible)


def test_the_same_walks_are_made_again() -> None:
    """Nothing depends on anything but the seed; with another one the edges are the same."""
    machine = CONFIGURATIONS["two-plain"]
    first = drive(machine, wanderings=20)
    assert drive(machine, wanderings=20) == first
    other = drive(machine, wanderings=20, seed=2)
    assert (other.alone + other.inside, other.unproducible) == (
        first.alone + first.inside,
        first.unproducible,
    )


@pytest.mark.parametrize(
    ("name", "defect", "told"),
    [
        ("two-plain", "D03", "edge LateReturn"),
        ("two-plain", "D14", "edge Start"),
        ("one-life", "D01", "edge Submit"),
        ("one-life", "D15", "edge AcknowledgeCancel"),
    ],
)
def test_a_seeded_defect_is_a_mismatch_at_an_edge(name: str, defect: str, told: str) -> None:
    """The first problem names the edge, and where the state differs."""
    report = drive(CONFIGURATIONS[name], defect=defect_named(defect), rounds=1, wanderings=0)
    assert not report.passed
    assert report.problems[0].startswith(told)
    assert " must be " in report.problems[0]


def test_an_edge_that_the_worker_fails_to_take_is_not_passed_over() -> None:
    """A drain that forgets tasks with a time still to come logs nothing wrong: it does not do what it may."""
    report = drive(CONFIGURATIONS["one-life"], defect=defect_named("D22"), rounds=1, wanderings=0)
    assert any(problem.startswith("not driven: ShutdownCancel") for problem in report.problems)


def test_a_model_that_allows_too_much_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that is said to have a section must be driven."""
    monkeypatch.delitem(passes._SECTIONS, "Abandon")  # so it might be done at any time
    report = drive(CONFIGURATIONS["two-plain"], rounds=1, wanderings=0)
    assert any(problem.startswith("not driven: Abandon") for problem in report.problems)


def test_a_model_that_forbids_too_much_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that is said to have no section must not be met by chance."""
    monkeypatch.setattr(passes.Stewarded, "_is_in_the_way", lambda *_: True)
    report = drive(CONFIGURATIONS["two-plain"], rounds=1, wanderings=20)
    assert any(problem.startswith("met, though no section") for problem in report.problems)


def test_a_difference_is_told_by_variable() -> None:
    """What was seen, and what must be."""
    state = CONFIGURATIONS["two-plain"].initial()
    assert differences(state, state) == ""
    assert differences(state, state._replace(threads=2)) == "threads is 2 and must be 1"
