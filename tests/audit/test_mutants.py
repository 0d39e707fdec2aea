"""Mutants of the specification: made mechanically, seen by the laws as they are, and never excused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.counters import COUNTER, manifest_of, write

from jurat_audit import manifest, mutants, tlc
from jurat_audit.manifest import ManifestError, load
from jurat_audit.mutants import Means, Mutant, Operator, Verdict, mutants_of, select
from jurat_audit.progress import Silent
from jurat_audit.subject import project_root
from jurat_audit.tlaplus import Edit, Module, TlaLayoutError, edited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TLA = project_root() / "tla"

QUEUE = r"""
---- MODULE Queue ----
EXTENDS Naturals
CONSTANTS Most
VARIABLES
    waiting,  \* Nat
    phase     \* of the queue

vars == <<waiting, phase>>

Phases == {"open", "closed"}

RECURSIVE Down(_)
Down(k) == IF k = 0 THEN 0 ELSE Down(k - 1)

Zero    == Down(0)
HasRoom == waiting < Most + Zero
IsOpen  == phase = "open"
May(k)  == /\ HasRoom
           /\ \A i \in 1..k : i > waiting \/ IsOpen

Same == UNCHANGED phase

Put ==
    /\ May(1)  \* a comment with "a string"
    /\ waiting' = waiting + 1
    /\ Same

Close ==
    /\ phase \in {"open"}
    /\ phase' = "closed" /\ UNCHANGED waiting

Refuse == ~HasRoom /\ UNCHANGED vars

Next == \/ Put \/ Close
        \/ Refuse

Init == waiting = 0 /\ phase = "open"
Spec == Init /\ [][Next]_vars
Fair == Spec /\ WF_vars(Close)

Bounded   == waiting <= Most
Refusable == HasRoom \/ ENABLED Refuse
Closes    == <>(phase = "closed")
====
"""


def queue(text: str = QUEUE, **changes: Any) -> manifest.Manifest:
    """A manifest of the queue, which says nothing of models: none of these tests asks TLC."""
    module = manifest.Module(
        name="Queue",
        variables=("waiting", "phase"),
        actions=("Put", "Close", "Refuse"),
        invariants=("Bounded", "Refusable"),
        action_properties=(),
        liveness={"Closes": "Fair"},
        defaults={},
        implied={},
    )
    return manifest.Manifest(
        modules={"Queue": replace(module, **changes)}, models=(), must_fail=(), sources={"Queue": text}
    )


def by_id(models: manifest.Manifest) -> dict[str, Mutant]:
    """All mutants by the end of their ids."""
    return {mutant.id.partition(".")[2]: mutant for mutant in mutants_of(models)}


def definition(text: str, name: str) -> str:
    """A definition as it is written, or nothing."""
    module = Module("Queue", text)
    if name not in module.definitions:
        return ""
    found = module.definitions[name]
    return text[found.start : found.end]


# --- the parser ----------------------------------------------------------------------------------


def shape(node: Any) -> Any:
    """The kinds of a tree."""
    return (node.kind, *map(shape, node.parts)) if node.parts else node.kind


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 1", "leaf"),
        ("a /\\ b /\\ c", ("and", "leaf", "leaf", "leaf")),
        ("\n    /\\ a\n    /\\ b \\/ c", ("and", "leaf", ("or", "leaf", "leaf"))),
        (
            "\n    /\\ \\/ a\n       \\/ b /\\ c\n    /\\ d",
            ("and", ("or", "leaf", ("and", "leaf", "leaf")), "leaf"),
        ),
        ("\\E x \\in S : a /\\ b", ("quantified", ("and", "leaf", "leaf"))),
        ("a /\\ \\A x \\in S : b /\\ c", ("and", "leaf", ("quantified", ("and", "leaf", "leaf")))),
        ("(a \\/ b) => ~c", ("implies", ("parenthesised", ("or", "leaf", "leaf")), ("not", "leaf"))),
        (
            "IF a /\\ b THEN c ELSE IF d THEN e ELSE f",
            ("if", ("and", "leaf", "leaf"), "leaf", ("if",) + ("leaf",) * 3),
        ),
        ("f[a /\\ b] = {x \\in S : c \\/ d}", "leaf"),
        ("/\\ a  \\* not /\\ this\n     /\\ b", ("and", "leaf", "leaf")),
        ("\n    /\\ a\n    /\\ b\n    => c", "leaf"),
    ],
)
def test_a_body_is_split_as_it_is_laid_out(body: str, expected: Any) -> None:
    """By bullets in one column and by signs between operands; what follows a list is not looked into."""
    head = "D == "
    assert shape(Module("Any", f"{head}{body}\n\n").body("D").tree) == expected


def test_a_definition_ends_where_another_begins_or_at_a_blank_line() -> None:
    """Comments between are no part of it."""
    text = "A == 1\nB(x) ==\n    x\n\\* of C\nC == 2\n\n    stray\n"
    module = Module("Any", text)
    found = [text[each.start : each.end] for each in module.definitions.values()]
    assert found == ["A == 1", "B(x) ==\n    x", "C == 2"]


def test_actions_speak_of_the_next_state() -> None:
    """Themselves or through others; words do not."""
    module = Module("Queue", QUEUE)
    reached = module.reachable("Next")
    actions = {name for name in reached if module.is_action(name)}
    assert actions == {"Same", "Put", "Close", "Refuse", "Next"}
    assert set(reached) - actions == {"vars", "Down", "Zero", "HasRoom", "IsOpen", "May"}
    assert module.variables == ("waiting", "phase")
    assert module.constrained("Refuse") == {"waiting", "phase"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("D == a /\\ b \\/ c\n\n", "Any.tla, line 1: /\\ and \\/ without parentheses"),
        ("D == (a\n\n", "Any.tla, line 1: D opens what it does not close"),
        ("\nD == a)\n\n", "Any.tla, line 2: D closes what is not open"),
        ("D == IF a THEN b\n\n", "Any.tla, line 1: IF without ELSE"),
        ("D == \\A x \\in S\n\n", "Any.tla, line 1: no ':'"),
        ("D ==\n\n", "Any.tla: D has no body"),
        ("E == 1\n\n", "Any.tla: no definition of D"),
    ],
)
def test_another_layout_is_refused(text: str, said: str) -> None:
    """With the line at fault, rather than mutated into something else."""
    with pytest.raises(TlaLayoutError) as caught:
        _ = Module("Any", text).body("D").tree
    assert str(caught.value) == said


def test_bullets_that_an_edit_moves_stay_in_their_column() -> None:
    """Otherwise the list would end there, and the mutant be another than it says."""
    text = "D == \\E s \\in S : \\/ a\n                  \\/ b\n     \\/ c\n"
    at = text.index("S :")
    longer, shorter = edited(text, [Edit(at, at + 1, "Sets")]), edited(text, [Edit(at - 5, at, "")])
    for changed in (longer, shorter):
        first, second, third, _ = changed.split("\n")
        assert first.index("\\/") == second.index("\\/")
        assert third == "     \\/ c"


# --- the operators -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("Put.guard-dropped.1", "/\\ TRUE  \\* a comment"),
        ("Put.negated.1", "/\\ ~(May(1))"),
        ("Put.integer.1", "/\\ May(0)"),
        ("Put.effect-dropped.1", "/\\ UNCHANGED waiting\n"),
        ("Put.arithmetic.1", "waiting' = waiting - 1"),
        ("Put.integer.3", "waiting' = waiting + 0"),
        ("Put.integer.4", "waiting' = waiting + 2"),
        ("Close.guard-dropped.1", "/\\ TRUE\n"),
        ("Close.comparison.1", 'phase \\notin {"open"}'),
        ("Close.element-dropped.1", "phase \\in {}"),
        ("Close.string.1", 'phase \\in {"closed"}'),
        ("Close.string.2", 'phase\' = "open"'),
        ("Close.effect-dropped.1", "/\\ UNCHANGED phase /\\ UNCHANGED waiting"),
        ("Refuse.negated.1", "HasRoom /\\ UNCHANGED vars"),
        ("Next.action-dropped.1", "\\/ FALSE \\/ Close"),
        ("May_m.guard-dropped.2", "/\\ TRUE"),
        ("May_m.quantifier.1", "\\E i \\in 1..k : i > waiting \\/ IsOpen"),
        ("May_m.disjunct-dropped.1", "FALSE \\/ IsOpen"),
        ("May_m.comparison.1", "i >= waiting"),
        ("HasRoom_m.comparison.1", "waiting <= Most + Zero"),
        ("Fair.fairness-dropped.1", "Spec /\\ TRUE"),
    ],
)
def test_each_operator_changes_one_thing(name: str, changed: str) -> None:
    """And says which definition it is in."""
    where, _, rest = name.partition(".")
    mutant = by_id(queue())[f"{where.removesuffix('_m')}.{rest}"]
    assert mutant.operator == rest.rpartition(".")[0]
    assert mutant.says.startswith(f"in {mutant.definition}, ")
    assert changed in f"{definition(mutant.text, where)}\n"


def test_every_operator_is_used_in_the_project() -> None:
    """One that changed nothing would be a promise."""
    assert {mutant.operator for mutant in mutants_of(load(TLA))} == set(Operator)


def test_what_compares_nothing_is_left_alone() -> None:
    """The sign that binds a name, the one that sets a variable, and UNCHANGED itself."""
    for mutant in mutants_of(queue()):
        assert "i \\notin 1..k" not in mutant.text
        assert "waiting' #" not in mutant.text
        if mutant.definition != "Same":
            assert definition(mutant.text, "Same") == "Same == UNCHANGED phase"


# --- words that the laws use as well -------------------------------------------------------------


def test_a_shared_word_is_changed_for_the_rule_only() -> None:
    """Refusable goes on to mean what it did, so that it can see the difference."""
    text = by_id(queue())["HasRoom.comparison.1"].text
    assert definition(text, "HasRoom") == "HasRoom == waiting < Most + Zero"
    assert definition(text, "HasRoom_m") == "HasRoom_m == waiting <= Most + Zero"
    assert "/\\ HasRoom_m\n" in definition(text, "May_m")
    assert "/\\ HasRoom\n" in definition(text, "May")
    assert "May_m(1)" in definition(text, "Put")
    assert definition(text, "Refuse") == "Refuse == ~HasRoom_m /\\ UNCHANGED vars"
    assert definition(text, "Refusable") == definition(QUEUE, "Refusable")


def test_only_what_uses_the_word_is_copied() -> None:
    """The rest of the module is as it was."""
    text = by_id(queue())["IsOpen.comparison.1"].text
    assert definition(text, "May_m") != ""
    assert definition(text, "HasRoom_m") == ""
    assert definition(text, "Refuse") == definition(QUEUE, "Refuse")


def test_a_word_that_refers_to_itself_is_copied_whole() -> None:
    """With its declaration, and with everything that leads to it."""
    text = by_id(queue())["Down.integer.1"].text
    assert "RECURSIVE Down_m(_)\nDown_m(k) == IF k = 1 THEN 0 ELSE Down_m(k - 1)\n" in text
    assert definition(text, "Zero_m").endswith("== Down_m(0)")
    assert definition(text, "Down") == definition(QUEUE, "Down")


def test_a_word_that_is_judged_is_changed_where_it_stands() -> None:
    """A property that is about it must see what has become of it."""
    text = by_id(queue(judged=("HasRoom",)))["HasRoom.comparison.1"].text
    assert definition(text, "HasRoom") == "HasRoom == waiting <= Most + Zero"
    assert "_m" not in text


def test_no_law_of_the_project_is_ever_changed() -> None:
    """Neither a property nor what only properties use."""
    models = load(TLA)
    for name, module in models.modules.items():
        original = Module(name, models.sources[name])
        laws = [*module.properties, *module.reached]
        for mutant in mutants_of(models, [name]):
            changed = Module(name, mutant.text)
            rule = set(original.reachable("Next", *module.liveness.values()))
            for law in {each for each in original.reachable(*laws) if each not in rule}:
                before, after = original.definitions[law], changed.definitions[law]
                assert (
                    mutant.text[after.start : after.end] == models.sources[name][before.start : before.end]
                ), mutant.id


def test_no_law_of_the_project_is_made_of_actions() -> None:
    """Actions are changed where they stand: a law may ask whether one is enabled, and nothing else of it."""
    models = load(TLA)
    for name, spec in models.modules.items():
        module = Module(name, models.sources[name])
        rule = set(module.reachable("Next", *spec.liveness.values()))
        for law in set(module.reachable(*spec.properties, *spec.reached)) - rule:
            body = module.body(law)
            asked: set[int] = set()
            for at, token in enumerate(body.tokens):
                if token.text == "ENABLED":
                    asked.update(range(at + 1, body.closing.get(at + 1, at + 1) + 1))
            elsewhere = {at + 1 for at, token in enumerate(body.tokens) if token.text == "!"}
            asked |= elsewhere  # a name of another module, such as Client!Next
            used = {token.text for at, token in enumerate(body.tokens) if at not in asked}
            assert not {each for each in used & rule if module.is_action(each)}, law


# --- names and samples ---------------------------------------------------------------------------


def test_ids_are_names_and_stay() -> None:
    """A change elsewhere in the module leaves them, and no two are one."""
    before = by_id(queue())
    after = by_id(queue(QUEUE.replace("Phases ==", "Other == 1\n\nPhases ==").replace("< Most", "<= Most")))
    assert len(before) == len(mutants_of(queue()))
    assert {key for key in before if key.startswith("Put.")} == {
        key for key in after if key.startswith("Put.")
    }
    assert before["Put.guard-dropped.1"].says == after["Put.guard-dropped.1"].says


def test_no_two_mutants_have_one_text() -> None:
    """And none is the module itself."""
    texts = [QUEUE, *(mutant.text for mutant in mutants_of(queue()))]
    assert len(set(texts)) == len(texts)


def test_the_sample_depends_on_the_digest_alone() -> None:
    """The same for the same sources, another for others, in the order of the mutants."""
    everyone = mutants_of(load(TLA))
    sample = select(everyone, "a" * 64)
    assert len(sample) == mutants.DEFAULT_COUNT
    assert sample == select(tuple(reversed(everyone)), "a" * 64)[::-1]
    assert sample != select(everyone, "b" * 64)
    assert [mutant for mutant in everyone if mutant in sample] == list(sample)


def test_there_are_as_many_as_were_asked_for() -> None:
    """At least 80 of the small machines, and 150 of the lifecycle."""
    models = load(TLA)
    assert len(mutants_of(models, ["RateLimiter", "Registry", "Fanout"])) >= 80
    assert len(mutants_of(models, ["Lifecycle"])) >= 150


# --- the campaign --------------------------------------------------------------------------------


def counter(folder: Path, source: str = COUNTER, **changes: Any) -> manifest.Manifest:
    """The counter, with its two models to judge its mutants."""
    raw = manifest_of()
    raw["modules"][0].update({"mutation": ["small", "fair"], **changes})
    return load(write(folder, raw, source=source))


def judged(models: manifest.Manifest, *names: str) -> mutants.Campaign:
    """What becomes of some mutants, TLC being asked."""
    found = [mutant for mutant in mutants_of(models) if mutant.id.removeprefix("Counter.") in names]
    assert len(found) == len(names)
    return mutants.campaign(models, tlc.locate(), found, Silent())


def test_mutants_are_killed_by_what_is_named(tmp_path: Path) -> None:
    """An invariant, a temporal property, an action that is no longer taken; each with its model."""
    names = ("Up.guard-dropped.1", "Up.arithmetic.1", "Next.action-dropped.2", "Fair.fairness-dropped.1")
    answer = judged(counter(tmp_path), *names)
    assert [(each.verdict, each.by, each.means, each.model, each.depth) for each in answer.results] == [
        (Verdict.KILLED, "Fits", Means.PROPERTY, "small", 5),
        (Verdict.KILLED, "Rises", Means.PROPERTY, "small", 2),
        (Verdict.KILLED, "Stay", Means.TAKEN, "small", 0),
        (Verdict.KILLED, "Arrives", Means.PROPERTY, "fair", 3),
    ]
    assert answer.problems == ()
    assert answer.figures["mutants_killed"] == 4
    assert answer.figures["mutants_killed_by_property"] == 3
    [table] = answer.tables
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    assert answer.timings.keys() == {f"Counter.{name}" for name in names}


def test_a_mutant_with_the_graph_of_its_module_is_equivalent(tmp_path: Path) -> None:
    """Decided by comparison, and no problem; nor is it a kill."""
    source = COUNTER.replace("Up == n < Top", "Up == n # Top /\\ n < Top")
    answer = judged(counter(tmp_path, source), "Up.guard-dropped.1")
    assert (answer.results[0].verdict, answer.problems) == (Verdict.EQUIVALENT, ())
    assert (answer.figures["mutants_equivalent"], answer.figures["mutants_killed"]) == (1, 0)


def test_a_survivor_is_a_problem(tmp_path: Path) -> None:
    """It has another graph, and nothing says so."""
    source = COUNTER.replace("Stay == n = Top", "Stay == n = Top /\\ n > 1")
    answer = judged(counter(tmp_path, source), "Stay.comparison.1")
    assert answer.results[0].verdict is Verdict.SURVIVED
    says = "in Stay, `Stay == n # Top /\\ n > 1 /\\ UNCHANGED n`, with # for ="
    assert answer.problems == (f"Counter.Stay.comparison.1: nothing notices that {says}",)


def test_a_reachability_model_that_stops_failing_kills(tmp_path: Path) -> None:
    """What is named there must be reached, and the mutant does not reach it."""
    raw = manifest_of()
    raw["modules"][0].update(mutation=["small", "fair"], reached=["NeverLow"])
    case = {"name": "low", "says": "it stays low", "model": "small", "property": "NeverLow", "edit": None}
    raw["must_fail"].append({**case, "profile": "default", "expect": {"exit": 12, "depth": 1}})
    source = COUNTER.replace("Stay == n = Top", "Stay == n \\in {1, Top}").replace(
        "Idle    == TRUE", "NeverLow == ~(n = 1 /\\ ENABLED Stay)"
    )
    models = load(write(tmp_path, raw, source=source))
    answer = judged(models, "Stay.element-dropped.1")
    [result] = answer.results
    assert (result.verdict, result.by, result.means) == (Verdict.KILLED, "NeverLow", Means.REACHED)


def test_a_mutant_that_is_wrong_from_the_start_is_killed(tmp_path: Path) -> None:
    """TLC leaves its graph half written then."""
    source = COUNTER.replace("Idle    == TRUE", "Idle    == ENABLED Up \\/ n = Top")
    raw = manifest_of()
    raw["modules"][0].update(
        mutation=["small", "fair"], invariants=["Fits", "Idle"], implied={"Idle": "a test"}
    )
    models = load(write(tmp_path, raw, source=source))
    [result] = judged(models, "Up.comparison.1").results
    assert (result.verdict, result.by, result.depth) == (Verdict.KILLED, "Fits", 5)
    source = source.replace("Up == n < Top", "Up == n >= 0 /\\ n < Top")
    models = load(write(tmp_path, raw, source=source))
    [result] = judged(models, "Up.comparison.1").results
    assert (result.verdict, result.by, result.depth) == (Verdict.KILLED, "Idle", 1)


def test_a_mutant_that_another_module_refines_no_longer_is_killed() -> None:
    """What a client is no longer promised to see, the lifecycle does still."""
    models = load(TLA)
    [mutant] = [each for each in mutants_of(models, ["Observable"]) if each.id.endswith("Ended.string.1")]
    [result] = mutants.campaign(models, tlc.locate(), [mutant], Silent()).results
    assert (result.verdict, result.by, result.model) == (Verdict.KILLED, "RefinesObservable", "one-life")


def test_a_model_of_a_stranger_judges_nothing(tmp_path: Path) -> None:
    """Of other modules only one that refines this one can."""
    shutil.copytree(TLA, tmp_path / "tla")
    manifest_file = tmp_path / "tla" / manifest.FILE
    raw = json.loads(manifest_file.read_text("utf-8"))
    next(row for row in raw["modules"] if row["name"] == "Registry")["mutation"].append("blocking")
    manifest_file.write_text(json.dumps(raw), "utf-8")
    with pytest.raises(ManifestError, match=r"mutation of Registry: 'blocking' is not known"):
        load(tmp_path / "tla")


def test_what_tlc_cannot_evaluate_is_no_kill(tmp_path: Path) -> None:
    """It is counted apart."""
    source = COUNTER.replace("Up == n < Top", "Up == n < Top /\\ <<n, n>>[n - n + 1] = n")
    answer = judged(counter(tmp_path, source), "Up.arithmetic.2")
    assert answer.results[0].verdict is Verdict.INVALID
    assert answer.results[0].why
    assert (answer.figures["mutants_killed"], answer.figures["mutants_invalid"]) == (0, 1)


def test_what_is_not_tla_is_a_problem(tmp_path: Path) -> None:
    """The mutator has made it, and has to be corrected."""
    models = counter(tmp_path)
    [mutant] = (each for each in mutants_of(models) if each.id == "Counter.Up.comparison.1")
    broken = replace(mutant, text=mutant.text.replace("Up == ", "Up = ", 1))
    answer = mutants.campaign(models, tlc.locate(), [broken], Silent())
    assert answer.results[0].verdict is Verdict.UNDETERMINED
    assert answer.problems[0].startswith("Counter.Up.comparison.1: undetermined: ***Parse Error***")


def test_a_bound_that_is_reached_is_no_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is undetermined, and a problem."""
    monkeypatch.setattr(mutants, "STATES_PLUS", 0)
    monkeypatch.setattr(mutants, "STATES_TIMES", 2)
    source = COUNTER.replace("n <= Top", "n \\in Nat")
    answer = judged(counter(tmp_path, source), "Up.guard-dropped.1")
    assert answer.results[0].verdict is Verdict.UNDETERMINED
    assert answer.problems == ("Counter.Up.guard-dropped.1: undetermined: more states than its bound",)


@pytest.mark.parametrize(
    ("changes", "source", "said"),
    [
        ({"mutation": []}, COUNTER, "Counter: manifest.json names no mutation models for it"),
        ({}, COUNTER.replace("n <= Top", "n < Top"), "Counter: small does not hold unchanged: Fits"),
    ],
)
def test_a_module_that_cannot_judge_is_a_problem(
    tmp_path: Path, changes: dict[str, Any], source: str, said: str
) -> None:
    """And none of its mutants is killed, whatever becomes of it."""
    answer = judged(counter(tmp_path, source, **changes), "Up.arithmetic.1")
    assert answer.results[0].verdict is Verdict.UNDETERMINED
    assert answer.problems[0] == said


# --- the manifest --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda raw: raw["modules"][0].update(reached=["Idle"]),
            "Idle must be violated in a model that must fail",
        ),
        (lambda raw: raw["must_fail"][0].update(edit=None), "too-far: what must be reached has no edit"),
        (
            lambda raw: raw["modules"][0].update(mutation=["fair"]),
            "Fits is checked in no mutation model of Counter",
        ),
        (lambda raw: raw["modules"][0].update(mutation=["none"]), "no model 'none'"),
    ],
)
def test_a_manifest_that_could_not_judge_is_refused(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    """Before any mutant is."""
    raw = manifest_of()
    change(raw)
    with pytest.raises(ManifestError) as caught:
        load(write(tmp_path, raw))
    assert said in str(caught.value)


# --- by hand -------------------------------------------------------------------------------------


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, with what is changed."""
    assert mutants.main(["--list", "--module", "Fanout"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Fanout.")
    assert len(lines) == len(mutants_of(load(TLA), ["Fanout"]))
    assert mutants.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == mutants.DEFAULT_COUNT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--id", "None.of.these.1"], "unknown mutant"), (["--module", "None"], "unknown module 'None'")],
)
def test_what_is_not_there_is_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2."""
    assert mutants.main(arguments) == 2
    assert capsys.readouterr().err.startswith(said)
