"""Each predicate means the same in TLA+ and in Python, and a predicate that does not is found."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from jurat_audit import agreement, manifest, samples, tlc
from jurat_audit.agreement import Agreement, agree
from jurat_audit.links.equivalence import TWINS
from jurat_audit.progress import Silent
from jurat_audit.subject import project_root
from jurat_audit.tlaplus import Module
from jurat_spec.machine import Law, Laws
from jurat_spec.observable import Observable, State

PROJECT = manifest.load(project_root() / "tla")
OBSERVABLE = next(each for each in samples.SUBJECTS if each.module == "Observable")
FEW = 400


def asked(subject: samples.Subject, models: manifest.Manifest = PROJECT, count: int = FEW) -> Agreement:
    """What comes of a few samples."""
    return agree(models, tlc.locate(), TWINS, count, Silent(), subjects=(subject,))


def changed(name: str, holds: Any) -> samples.Subject:
    """The small module with another Python predicate."""
    laws: Laws[Observable, State] = Laws()
    for source, target in (
        (OBSERVABLE.laws.invariants, laws.invariants),
        (OBSERVABLE.laws.of_steps, laws.of_steps),
    ):
        target += [Law(law.name, law.source, holds) if law.name == name else law for law in source]
    return replace(OBSERVABLE, laws=laws)


@pytest.mark.parametrize("subject", samples.SUBJECTS, ids=lambda subject: subject.module)
def test_every_predicate_of_a_module_agrees(subject: samples.Subject) -> None:
    """As far as a few samples tell: none differs, and each is true of some and false of others."""
    answer = asked(subject)
    module = PROJECT.modules[subject.module]
    assert {row.name for row in answer.rows} == set(module.safety)
    assert [row.name for row in answer.rows if row.differ] == []
    assert [row.name for row in answer.rows if not row.rarer] == []
    assert all(row.samples >= FEW for row in answer.rows)


def test_a_predicate_that_differs_in_python_is_found() -> None:
    """With a sample, a state before and what follows."""
    answer = asked(changed("EndIsFinal", lambda m, s, after: after.done or s.seen == after.seen))
    first, of, then = answer.problems[:3]
    assert first.startswith("Observable: EndIsFinal is ")
    assert of.startswith("  of {seen: [")
    assert then.startswith("  then ")
    assert answer.figures["predicates"] == len(answer.rows) - 1


def test_a_predicate_that_differs_in_tla_is_found() -> None:
    """The same, from the other side."""
    edit = manifest.Edit(definition="DoneIsQuiet", replace="~accepting", by="accepting")
    text = manifest.edited_text(PROJECT.sources["Observable"], edit, "test")
    models = replace(PROJECT, sources={**PROJECT.sources, "Observable": text})
    answer = asked(OBSERVABLE, models)
    assert [row.name for row in answer.rows if row.differ] == ["DoneIsQuiet"]


def test_a_predicate_that_is_always_true_says_nothing() -> None:
    """Agreement on it is no agreement."""
    text = PROJECT.sources["Observable"]
    begin = text.index("DoneWasStarted ==")
    text = text[:begin] + "DoneWasStarted == TRUE" + text[text.index("\n\n", begin) :]
    models = replace(PROJECT, sources={**PROJECT.sources, "Observable": text})
    answer = asked(changed("DoneWasStarted", lambda m, s, after: True), models)
    assert answer.problems == (
        "Observable: DoneWasStarted is the same of nearly every sample, which says nothing",
    )


def test_what_tlc_cannot_evaluate_is_a_problem() -> None:
    """No answer is no agreement."""
    text = PROJECT.sources["Observable"].replace("DoneIsQuiet == done =>", "DoneIsQuiet == done[1] =>")
    models = replace(PROJECT, sources={**PROJECT.sources, "Observable": text})
    answer = asked(OBSERVABLE, models)
    assert len(answer.problems) == 1
    assert "TLC has no answer" in answer.problems[0]
    assert answer.figures["samples"] == 0


def test_the_samples_are_the_same_wherever_they_are_drawn() -> None:
    """From the seed alone; a field out of its type is one that TypeOK refuses."""
    machine = Observable(n=3, max_attempts=2)
    pairs = samples.drawn(OBSERVABLE, machine, Random("seed"), 50)
    assert pairs == samples.drawn(OBSERVABLE, machine, Random("seed"), 50)
    assert pairs != samples.drawn(OBSERVABLE, machine, Random("other"), 50)
    typed = OBSERVABLE.laws.invariants[0]
    wrong = [each for before, _ in pairs if (each := samples.mistyped(before, Random(str(before))))]
    assert wrong
    assert not any(typed.holds(machine, each, each) for each in wrong)


def test_values_are_written_as_tla_reads_them() -> None:
    """True is no number there."""
    assert agreement.written((1, True, "a", frozenset({2, 1}))) == '<<1, TRUE, "a", {1, 2}>>'
    with pytest.raises(TypeError, match="no TLA"):
        agreement.written(1.5)


def test_a_boxed_predicate_keeps_its_columns() -> None:
    """Or a list of conjuncts would be another."""
    text = "P == [][\\A t : /\\ a\n                /\\ b]_vars\n\nQ == 1\n"
    module = Module("M", text)
    assert agreement.boxed(module, "P") == (
        "P_Box ==\n        \\A t : /\\ a\n                /\\ b\nP_Step == P_Box \\/ UNCHANGED vars"
    )
    with pytest.raises(manifest.ManifestError, match=r"Q is not written as"):
        agreement.boxed(module, "Q")
