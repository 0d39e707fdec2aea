"""The manifest says what TLC is asked and must answer, and cannot say nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.counters import COUNTER, manifest_of, write

from jurat_audit import manifest, tlc
from jurat_audit.link import PROFILES
from jurat_audit.manifest import Edit, ManifestError, edited_text, load, main, record, written
from jurat_audit.requirements import Kind, load_table
from jurat_audit.subject import project_root
from jurat_spec import lifecycle, view

if TYPE_CHECKING:
    from pathlib import Path

TLA = project_root() / "tla"

# --- the project's own ---------------------------------------------------------------------------


def test_the_manifest_of_the_project_is_whole() -> None:
    """It loads: each property has a model, and a defect that it must find; each anchor is there once."""
    models = load(TLA)
    for module in models.modules.values():
        cases = [case for case in models.must_fail if models.model(case.model).module == module.name]
        assert {case.property for case in cases} == {*module.properties, *module.reached}


def test_each_module_is_in_the_manifest() -> None:
    """A module that nobody checks would look as if somebody did."""
    models = load(TLA)
    assert set(models.sources) == set(models.modules)


@pytest.mark.parametrize("name", load(TLA).modules)
def test_no_property_of_the_module_is_left_out(name: str) -> None:
    """What the module defines as a property under its headings is checked."""
    text = (TLA / f"{name}.tla").read_text("utf-8")
    module = load(TLA).modules[name]
    defined = set(re.findall(r"^(\w+) == \[\]\[", text, re.MULTILINE))
    assert set(module.action_properties) == defined
    assert set(module.liveness) == set(re.findall(r"^(\w+) == .*(?: ~> |\[\]<>)", text, re.MULTILINE))
    _, _, reached = text.partition("(* Reached: each of these is false somewhere. *)")
    assert set(module.reached) == set(re.findall(r"^(\w+)\s*==", reached, re.MULTILINE))
    invariants = text[text.index("(* Invariants.") : text.index("(* Action properties")]
    helpers = {"GoesOn", "Rows"}
    assert (
        set(module.invariants)
        == set(re.findall(r"^(\w+)(?:\([^)]*\))?\s*==", invariants, re.MULTILINE)) - helpers
    )


def test_variables_and_actions_are_the_specifications() -> None:
    """Under the same names, so that a difference is a difference of the rule."""
    module = load(TLA).modules["Lifecycle"]
    assert module.variables == view.VARIABLES
    labels = {
        action.label(argument)
        for action in lifecycle.ACTIONS.values()
        for argument in (action.arguments or (None,))
    }
    assert set(module.actions) == labels


def test_the_file_is_written_as_it_would_be_recorded() -> None:
    """So that recording changes numbers, and no line besides."""
    text = (TLA / manifest.FILE).read_text("utf-8")
    assert written(json.loads(text)) + "\n" == text


def test_defects_are_single_edits_that_change_something() -> None:
    """And the module itself is untouched, as it is where a limit must be reached."""
    models = load(TLA)
    for case in models.must_fail:
        asked = models.check_failing(case)
        reached = case.property in models.modules[asked.module].reached
        assert (asked.sources[asked.module] == models.sources[asked.module]) == reached
        assert asked.invariants + asked.properties == (case.property,)


def test_the_default_profile_has_a_failure_for_each_requirement() -> None:
    """For each that names properties of the models, one of them is seen to fail; the rest is deep's."""
    models = load(TLA)
    fail = {case.property for case in models.must_fail_of(PROFILES["default"])}
    known = {name for module in models.modules.values() for name in module.properties}
    for requirement in load_table().requirements:
        cited = set(requirement.cites.get(Kind.PROPERTY, ())) & known
        assert not cited or cited & fail, requirement.id
    assert len(models.must_fail_of(PROFILES["deep"])) == len(models.must_fail)


def test_each_requirement_names_a_mutant_that_its_own_properties_find() -> None:
    """It is in the manifest, one of the requirement's properties is switched on, and every audit runs it."""
    models = load(TLA)
    run = {case.name: case for case in models.must_fail_of(PROFILES["default"])}
    known = {name for module in models.modules.values() for name in module.properties}
    named = {each.id: each for each in load_table().requirements if each.mutant}
    for requirement in load_table().requirements:
        if set(requirement.cites.get(Kind.PROPERTY, ())) & known:
            case = run[named[requirement.id].mutant or ""]
            assert case.property in requirement.cites[Kind.PROPERTY], requirement.id
            assert case.edit is not None
    assert {each.mutant for each in named.values()} == set(run)


def test_every_property_that_a_requirement_of_the_model_cites_exists() -> None:
    """A name that no module has would stay planned for ever."""
    known = {name for module in load(TLA).modules.values() for name in module.properties}
    for requirement in load_table().requirements:
        if requirement.mutant:
            assert set(requirement.cites[Kind.PROPERTY]) <= known, requirement.id


# --- manifests that are refused ------------------------------------------------------------------


def test_a_manifest_is_read(tmp_path: Path) -> None:
    """So that the refusals below are refusals of what they change."""
    models = load(write(tmp_path))
    assert models.check(models.model("small")).invariants == ("Fits",)
    assert models.check(models.model("fair")).specification == "Fair"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw.pop("models"), "not models, modules, must_fail, schema_version of version 2"),
        (lambda raw: raw.update(schema_version=1), "of version 2"),
        (lambda raw: raw["models"][0].pop("says"), "'small' lacks, or has too much: says"),
        (lambda raw: raw["models"][0].update(extra=1), "'small' lacks, or has too much: extra"),
        (lambda raw: raw["models"][0]["expect"].update(edges=None), "small: edges is no number: None"),
        (lambda raw: raw["models"].append(raw["models"][0]), "two models are called 'small'"),
        (lambda raw: raw["models"][0].update(module="Other"), "small: 'Other' is not known"),
        (lambda raw: raw["models"][0].update(profile="Other"), "small: 'Other' is not known"),
        (lambda raw: raw["must_fail"][0].update(profile="Other"), "too-far: 'Other' is not known"),
        (lambda raw: raw["models"][0].update(checks="Other"), "small: 'Other' is not known"),
        (lambda raw: raw["modules"].append({**raw["modules"][0], "name": "Other"}), "no Other.tla"),
        (lambda raw: raw["modules"][0]["invariants"].append("Idle"), "Idle must be violated"),
        (lambda raw: raw["modules"][0].update(implied={"Fits": "it is obvious"}), "Fits must be violated"),
        (lambda raw: raw["modules"][0].update(implied={"Other": "?"}), "'Other' is not known"),
        (lambda raw: raw["models"][1].update(checks="safety"), "Arrives is checked in no model"),
        (lambda raw: raw["must_fail"].pop(), "Arrives must be violated in a model that must fail"),
        (
            lambda raw: raw["must_fail"][0].update(model="Other"),
            "no model 'Other'; the models are small, fair",
        ),
        (lambda raw: raw["must_fail"][0].update(property="Other"), "Fits must be violated"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    """In one line that names the entry."""
    raw = manifest_of()
    change(raw)
    with pytest.raises(ManifestError) as caught:
        load(write(tmp_path, raw))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    """Missing, or not JSON."""
    with pytest.raises(ManifestError, match="No such file"):
        load(tmp_path)
    (tmp_path / manifest.FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ManifestError, match="Expecting"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("definition", "replace", "said"),
    [
        ("Other", "x = 1", "case: 0 definitions of Other, not one"),
        ("A", "x = 2", "case: 'x = 2' is 0 times in A, not once"),
        ("A", "x", "case: 'x' is 2 times in A, not once"),
        ("C", "y", "case: 2 definitions of C, not one"),
    ],
)
def test_an_edit_without_its_anchor_is_refused(definition: str, replace: str, said: str) -> None:
    """A defect that is not there would be found by nothing, or by chance."""
    text = "A(t) ==\n    /\\ x = 1\n    /\\ x = 3\n\nB == x = 2\n\nC == y\nC == y\n\n"
    with pytest.raises(ManifestError) as caught:
        edited_text(text, Edit(definition=definition, replace=replace, by="TRUE"), "case")
    assert str(caught.value) == f"manifest.json: {said}"


def test_an_edit_stays_in_its_definition() -> None:
    """The same text elsewhere is left alone."""
    text = "A(t) ==\n    /\\ x = 1\n\nB ==\n    /\\ x = 1\n\n"
    edited = edited_text(text, Edit(definition="A", replace="x = 1", by="TRUE"), "case")
    assert edited == "A(t) ==\n    /\\ TRUE\n\nB ==\n    /\\ x = 1\n\n"


# --- recording -----------------------------------------------------------------------------------


def test_recording_writes_what_tlc_answers(tmp_path: Path) -> None:
    """And says what has changed."""
    raw = manifest_of()
    raw["models"][0]["expect"]["distinct"] = 99
    raw["must_fail"][0]["expect"]["depth"] = 99
    changes = record(write(tmp_path, raw), tlc.locate())
    assert changes == ["small: distinct recorded 99, now 4", "too-far: depth recorded 99, now 5"]
    assert json.loads((tmp_path / manifest.FILE).read_text("utf-8")) == manifest_of()


def test_what_does_not_hold_is_not_recorded(tmp_path: Path) -> None:
    """The file stays as it is."""
    folder = write(tmp_path, source=COUNTER.replace("n <= Top", "n < Top"))
    before = (folder / manifest.FILE).read_bytes()
    with pytest.raises(ManifestError, match="small: invariant Fits; not recorded"):
        record(folder, tlc.locate())
    assert (folder / manifest.FILE).read_bytes() == before


def test_a_defect_that_is_not_found_is_not_recorded(tmp_path: Path) -> None:
    """Expecting less is not among the deliberate acts."""
    folder = write(tmp_path, source=COUNTER.replace("Fits    == n <= Top", "Fits    == n >= 0"))
    with pytest.raises(ManifestError, match="too-far: ok, not Fits violated; not recorded"):
        record(folder, tlc.locate())


def test_a_model_is_written_for_running_by_hand(tmp_path: Path) -> None:
    """Either kind, and the folder of the models is not touched."""
    assert main(["--write", "any-order", str(tmp_path / "hand")]) == 0
    modules = {f"{name}.tla" for name in load(TLA).modules}
    assert {path.name for path in (tmp_path / "hand").iterdir()} == {"Lifecycle.cfg", *modules}
    assert "PROPERTIES\n    StartsInOrder\n" in (tmp_path / "hand" / "Lifecycle.cfg").read_text("utf-8")
    assert "IsFirst(t)\n    /\\ SlotIsFree" not in (tmp_path / "hand" / "Lifecycle.tla").read_text("utf-8")
    assert main(["--write", "wide", str(tmp_path / "hand")]) == 0
    assert (tmp_path / "hand" / "Lifecycle.tla").read_bytes() == (TLA / "Lifecycle.tla").read_bytes()


def test_an_unknown_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit status 2."""
    assert main(["--write", "none", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("manifest.json: no model 'none'; the models are one-life, ")
