"""The manifest of models: what TLC is asked, and what it must answer.

`tla/manifest.json` lists, for each TLA+ module, its properties; then the *models*, which are
small enough to be searched completely and in which every property must hold; then the models
that *must fail*, each of them one of the former with a single edit of its module and a single
property switched on.  The second list is the proof that the first is worth something: a
property that no defect can violate says nothing.  So each property must be violated there, or
the manifest names the properties that imply it; a manifest without either is refused.

Each row names the smallest profile that runs it.  The default profile has an expected failure
for each requirement that cites a property; the profile `deep` runs them all.

Some that must fail have no edit.  Their property says that a limit is never *reached*, of a
queue or a buffer that it is never full, and TLC must find the state in which it is.

Beside each model stands what TLC answered when it was recorded: exit status, states, edges,
depth.  The link `model` compares every one of these numbers.  A change of the rule changes
them, and whoever changes the rule records them anew, on purpose, and has the difference in
the diff:

    python -m jurat_audit.manifest --record

No audit ever does that.  To run TLC by hand, a second command writes the modules and the
configuration of a model, of either kind, into a folder:

    python -m jurat_audit.manifest --write MODEL FOLDER
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import cache, tlc
from .errors import AuditError
from .link import PROFILES
from .subject import project_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .link import Profile

FILE = "manifest.json"
SCHEMA_VERSION = 2
LINE = 108

BRIEF = 40_000
"""Models that generate fewer states are over before Java's second compiler would pay."""

SAFETY = "Spec"
"""The specification without fairness, under which invariants and action properties are checked."""

_SECTIONS = {"schema_version", "modules", "models", "must_fail"}


class ManifestError(AuditError):
    """The manifest contradicts itself or the modules that it is about: correct it there."""


# ---------------------------------------------------------------------------------------------
# What is in it
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A TLA+ module, and what is claimed of it."""

    name: str
    variables: tuple[str, ...]
    actions: tuple[str, ...]
    """The labels of its steps.  Each must be taken in one of the models at least."""
    invariants: tuple[str, ...]
    action_properties: tuple[str, ...]
    liveness: Mapping[str, str]
    """Each temporal property, and the specification, with the fairness it needs, that implies it."""
    defaults: Mapping[str, tlc.Constant]
    """Constants with their values where a model does not say otherwise."""
    implied: Mapping[str, str]
    """Properties without a model of their own that must fail, and why they cannot have one."""
    reached: tuple[str, ...] = ()
    """Predicates that say of a limit that it is never reached, and are each false in some model."""
    mutation: tuple[str, ...] = ()
    """The models that judge the mutants of the module: small ones, for each property one at least.

    After its own there may be some of a module that refines it."""
    judged: tuple[str, ...] = ()
    """Words of the rule that properties are about, being what the machine answers: there, too, they
    are as a mutant has them, while all other words mean in a property what they always did."""

    @property
    def safety(self) -> tuple[str, ...]:
        """The properties of a state or a step."""
        return (*self.invariants, *self.action_properties)

    @property
    def properties(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.safety, *self.liveness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What TLC answers about a model in which everything holds."""

    exit: int
    distinct: int
    generated: int
    edges: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A module with its constants, searched completely."""

    name: str
    says: str
    """What it is there for."""
    module: str
    constants: Mapping[str, tlc.Constant]
    """All of them; in the file, those that are not as the module has them by default."""
    checks: str
    """`safety` for all invariants and action properties, or the name of a temporal property."""
    profile: str
    """The smallest profile that runs it."""
    compare: bool
    """Whether the link `equivalence` compares its graph with the executable specification."""
    expect: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit of a module: in the definition of that name, this text, there once, becomes that."""

    definition: str
    replace: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How TLC answers when a property is violated."""

    exit: int
    depth: int
    """States in the counterexample, from the initial one to the last that is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MustFail:
    """A model with one defect, which one property must find; or one that must reach a limit."""

    name: str
    says: str
    """What is wrong in it, or what is reached."""
    model: str
    """The model that it is, but for the edit."""
    property: str
    profile: str
    """The smallest profile that runs it.  The default one needs a failure for each requirement."""
    edit: Edit | None
    """None if the property says that something is never reached, in a module that is right."""
    expect: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of it, and the text of the modules."""

    modules: Mapping[str, Module]
    models: tuple[Model, ...]
    must_fail: tuple[MustFail, ...]
    sources: Mapping[str, str]

    def model(self, name: str) -> Model:
        """The model of that name."""
        for model in self.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.models)
        raise ManifestError(f"{FILE}: no model {name!r}; the models are {known}")

    def models_of(self, profile: Profile) -> tuple[Model, ...]:
        """The models that a profile runs, in their order."""
        return tuple(model for model in self.models if model.profile in profile.runs)

    def must_fail_of(self, profile: Profile) -> tuple[MustFail, ...]:
        """The models that must fail which a profile runs, in their order."""
        return tuple(case for case in self.must_fail if case.profile in profile.runs)

    def properties_of(self, model: Model) -> tuple[str, ...]:
        """The properties that are checked in a model."""
        module = self.modules[model.module]
        return module.safety if model.checks == "safety" else (model.checks,)

    def told(self, model: Model) -> str:
        """The constants of a model that are not as its module has them by default."""
        defaults = self.modules[model.module].defaults
        return ", ".join(
            f"{name} = {tlc.shown(value)}"
            for name, value in model.constants.items()
            if name not in defaults or defaults[name] != value
        )

    def check(self, model: Model, properties: tuple[str, ...] = ()) -> tlc.Check:
        """The question to TLC that a model is, about these properties if it is not about its own."""
        brief = model.expect.generated < BRIEF
        names = properties or self.properties_of(model)
        return self._question(model, names, self.sources, brief=brief)

    def check_failing(self, case: MustFail) -> tlc.Check:
        """The question to TLC that a model which must fail is: one edit or none, and one property."""
        model = self.model(case.model)
        if case.edit is None:
            return self._question(model, (case.property,), self.sources, brief=True)
        edited = {**self.sources, model.module: edited_text(self.sources[model.module], case.edit, case.name)}
        return self._question(model, (case.property,), edited, brief=True)

    def _question(
        self, model: Model, names: tuple[str, ...], sources: Mapping[str, str], *, brief: bool = False
    ) -> tlc.Check:
        module = self.modules[model.module]
        of_states = (*module.invariants, *module.reached)
        specifications = {module.liveness.get(name, SAFETY) for name in names}
        return tlc.Check(
            module=model.module,
            sources=sources,
            constants=model.constants,
            specification=specifications.pop(),
            invariants=tuple(name for name in names if name in of_states),
            properties=tuple(name for name in names if name not in of_states),
            brief=brief,
        )


def edited_text(text: str, edit: Edit, name: str) -> str:
    """The text of a module after one edit, or an error that says which anchor is gone or ambiguous.

    A definition ends at the first blank line, as in every module here.  `load` does not try the
    edits: someone who changed the rule is to learn first what that has changed.
    """
    heads = list(re.finditer(rf"^{re.escape(edit.definition)}(?:\([^)]*\))?\s*==", text, re.MULTILINE))
    if len(heads) != 1:
        raise ManifestError(f"{FILE}: {name}: {len(heads)} definitions of {edit.definition}, not one")
    start = heads[0].start()
    end = text.find("\n\n", start)
    definition = text[start:end]
    if (times := definition.count(edit.replace)) != 1:
        raise ManifestError(
            f"{FILE}: {name}: {edit.replace!r} is {times} times in {edit.definition}, not once"
        )
    return text[:start] + definition.replace(edit.replace, edit.by) + text[end:]


# ---------------------------------------------------------------------------------------------
# Reading it
# ---------------------------------------------------------------------------------------------


def load(folder: Path) -> Manifest:
    """Read and check the manifest in a folder of TLA+ modules."""
    raw = _read(folder)
    modules = {row["name"]: _as(Module, row) for row in raw["modules"]}
    manifest = Manifest(
        modules=modules,
        models=tuple(_model(row, modules) for row in raw["models"]),
        must_fail=tuple(_as(MustFail, row, expect=Failure, edit=Edit) for row in raw["must_fail"]),
        sources={path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.tla"))},
    )
    _check(manifest)
    return manifest


def _model(row: dict[str, Any], modules: Mapping[str, Module]) -> Model:
    """A model with all its constants."""
    model = _as(Model, row, expect=Answer)
    if (module := modules.get(model.module)) is None:
        raise _stray(model.name, model.module)
    return replace(model, constants={**module.defaults, **model.constants})


def _read(folder: Path) -> dict[str, Any]:
    try:
        raw = json.loads((folder / FILE).read_text("utf-8"))
    except OSError as error:
        raise ManifestError(f"{folder / FILE}: {error.strerror}") from None
    except ValueError as error:
        raise ManifestError(f"{FILE}: {error}") from None
    if not isinstance(raw, dict) or raw.keys() != _SECTIONS or raw["schema_version"] != SCHEMA_VERSION:
        raise ManifestError(f"{FILE}: not {', '.join(sorted(_SECTIONS))} of version {SCHEMA_VERSION}")
    return raw


_Row = TypeVar("_Row")


def _as(kind: type[_Row], row: dict[str, Any], **nested: type[Any]) -> _Row:
    """A row of the file as its type.  Each field must be there unless it has a default, and nothing else."""
    known = fields(kind)  # type: ignore[arg-type]  # every _Row is a dataclass
    needed = {each.name for each in known if each.default is MISSING}
    if strange := (needed - row.keys()) | (row.keys() - {each.name for each in known}):
        odd = ", ".join(sorted(strange))
        raise ManifestError(f"{FILE}: {row.get('name', kind.__name__)!r} lacks, or has too much: {odd}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    inner = {name: _as(each, row[name]) for name, each in nested.items() if row[name] is not None}
    return kind(**values | inner)


def _check(manifest: Manifest) -> None:
    """Refuse a manifest that speaks of what is not there, or leaves a property without a witness."""
    names = [model.name for model in manifest.models] + [case.name for case in manifest.must_fail]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise ManifestError(f"{FILE}: two models are called {name!r}")
    for model in manifest.models:
        if model.checks not in ("safety", *manifest.modules[model.module].liveness):
            raise _stray(model.name, model.checks)
        _check_row(model)
    for module in manifest.modules.values():
        if module.name not in manifest.sources:
            raise ManifestError(f"{FILE}: no {module.name}.tla")
        _check_witnesses(module, manifest)
        _check_mutation(module, manifest)
    for case in manifest.must_fail:
        module = manifest.modules[manifest.model(case.model).module]
        if case.property not in (*module.properties, *module.reached):
            raise _stray(case.name, case.property)
        _check_row(case)
        if (case.edit is None) != (case.property in module.reached):
            raise ManifestError(
                f"{FILE}: {case.name}: what must be reached has no edit, and all else has one"
            )


def _check_row(row: Model | MustFail) -> None:
    if row.profile not in PROFILES:
        raise _stray(row.name, row.profile)
    for key, value in _as_row(row.expect).items():
        if type(value) is not int:
            raise ManifestError(f"{FILE}: {row.name}: {key} is no number: {value!r}")


def _check_witnesses(module: Module, manifest: Manifest) -> None:
    """Each property is checked in a model, and violated in one that must fail or implied by others."""
    models = [model for model in manifest.models if model.module == module.name]
    cases = [case for case in manifest.must_fail if manifest.model(case.model) in models]
    checked = {name for model in models for name in manifest.properties_of(model)}
    violated = {case.property for case in cases}
    for name in module.properties:
        if name not in checked:
            raise ManifestError(f"{FILE}: {name} is checked in no model")
        if (name in violated) == (name in module.implied):
            raise ManifestError(
                f"{FILE}: {name} must be violated in a model that must fail, or else be implied"
            )
    for name in module.reached:
        if name not in violated:
            raise ManifestError(f"{FILE}: {name} must be violated in a model that must fail")
    if strangers := sorted(module.implied.keys() - set(module.properties)):
        raise _stray(f"implied in {module.name}", strangers[0])


def _check_mutation(module: Module, manifest: Manifest) -> None:
    """The models that judge mutants have all properties of the module between them.

    Besides its own there may be some of a module that refines it, and must go on to do so.
    """
    if not module.mutation:
        return
    models = [manifest.model(name) for name in module.mutation]
    for model in models:
        refines = re.search(rf"\bINSTANCE {module.name}\b", manifest.sources[model.module])
        if model.module != module.name and not refines:
            raise _stray(f"mutation of {module.name}", model.name)
    checked = {name for model in models for name in manifest.properties_of(model)}
    for name in module.properties:
        if name not in checked:
            raise ManifestError(f"{FILE}: {name} is checked in no mutation model of {module.name}")


def _stray(where: str, name: str) -> ManifestError:
    return ManifestError(f"{FILE}: {where}: {name!r} is not known")


# ---------------------------------------------------------------------------------------------
# Recording it, deliberately
# ---------------------------------------------------------------------------------------------


def record(folder: Path, tool: tlc.Tlc, only: Sequence[str] = ()) -> list[str]:
    """Ask TLC everything, or only these models, write down what it answers, and say what changed.

    What is *expected* is never recorded: a model that does not pass, or that must fail and does
    not violate its own property, stops the recording and leaves the file as it is.
    """
    manifest, raw = load(folder), _read(folder)
    names = {model.name for model in manifest.models} | {case.name for case in manifest.must_fail}
    if strangers := sorted(set(only) - names):
        raise _stray("--only", strangers[0])
    chosen = set(only) or names
    changes = []
    for model, row in zip(manifest.models, raw["models"], strict=True):
        if model.name not in chosen:
            continue
        outcome, shape = tlc.shape(tool, manifest.check(model))
        if outcome.found is not tlc.Found.OK:
            raise ManifestError(
                f"{model.name}: {outcome.found} {outcome.violated or outcome.error}; not recorded"
            )
        answer = answered(outcome, shape.taken.total())
        changes += differences(model.name, model.expect, answer)
        row["expect"] = _as_row(answer)
    for case, row in zip(manifest.must_fail, raw["must_fail"], strict=True):
        if case.name not in chosen:
            continue
        outcome = tlc.run(tool, manifest.check_failing(case))
        if outcome.violated != case.property:
            raise ManifestError(f"{case.name}: {outcome.found}, not {case.property} violated; not recorded")
        failure = Failure(exit=outcome.exit_status or 0, depth=outcome.depth)
        changes += differences(case.name, case.expect, failure)
        row["expect"] = _as_row(failure)
    (folder / FILE).write_text(written(raw) + "\n", encoding="utf-8")
    return changes


def written(value: object, indent: str = "") -> str:
    """JSON for people: what fits on a line is one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts = [written(each, inner) for each in value]
    else:
        parts = [f"{json.dumps(key)}: {written(each, inner)}" for key, each in value.items()]
    opened, closed = "[]" if isinstance(value, list) else "{}"
    return f"{opened}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closed}"


def answered(outcome: tlc.Outcome, edges: int) -> Answer:
    """What TLC answered about a model in which everything holds."""
    return Answer(
        exit=outcome.exit_status or 0,
        distinct=outcome.distinct,
        generated=outcome.generated,
        edges=edges,
        depth=outcome.depth,
    )


def _as_row(answer: Answer | Failure) -> dict[str, int]:
    return {each.name: getattr(answer, each.name) for each in fields(answer)}


def differences(name: str, expected: Answer | Failure, answer: Answer | Failure) -> list[str]:
    """A line for each number that is not as recorded."""
    was, now = _as_row(expected), _as_row(answer)
    return [f"{name}: {key} recorded {was[key]:,}, now {now[key]:,}" for key in now if was[key] != now[key]]


def question(manifest: Manifest, name: str) -> tlc.Check:
    """The question to TLC that a model of either kind is, by its name."""
    for case in manifest.must_fail:
        if case.name == name:
            return manifest.check_failing(case)
    return manifest.check(manifest.model(name))


def main(arguments: list[str] | None = None) -> int:
    """Command line of the two deliberate acts above."""
    parser = argparse.ArgumentParser(
        prog="python -m jurat_audit.manifest", description="the manifest of models"
    )
    act = parser.add_mutually_exclusive_group(required=True)
    act.add_argument("--record", action="store_true", help="write down what TLC answers now")
    act.add_argument(
        "--write", nargs=2, metavar=("MODEL", "FOLDER"), help="write a model for running TLC by hand"
    )
    parser.add_argument("--only", action="append", default=[], help="record this model; may be repeated")
    chosen = parser.parse_args(arguments)
    folder = project_root() / "tla"
    try:
        if chosen.record:
            tool = tlc.locate(answers=project_root() / cache.FOLDER)
            lines = record(folder, tool, chosen.only) or ["nothing has changed"]
        else:
            name, target = chosen.write[0], Path(chosen.write[1])
            target.mkdir(parents=True, exist_ok=True)
            tlc.write(question(load(folder), name), target)
            lines = []
    except (AuditError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
