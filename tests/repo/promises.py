"""The promises that the repository makes about itself, as functions from its files to findings.

Each function takes text, names or a module, and returns one line per offence: no file is read here, and
nothing is asserted.  So each check can be shown an offence as easily as the real thing, and the tests
beside this file do both.  A check that was never seen to object is decoration.

Prior art: TigerBeetle's `tidy.zig`, trio's `test_exports.py`, execution-specs' `import_hygiene.py`.
"""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from types import ModuleType

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "jurat": frozenset(),
    "jurat_spec": frozenset(),
    "jurat_sim": frozenset({"jurat", "jurat_spec"}),
    "jurat_audit": frozenset({"jurat", "jurat_spec", "jurat_sim"}),
}
"""Which of our packages each of our packages may import.  Dependencies point one way."""

ROOTS: Mapping[str, str] = {
    "jurat": "worker",
    "jurat_spec": "spec",
    "jurat_sim": "sim",
    "jurat_audit": "reports",
}
"""The source root of each package."""

SEAM = frozenset({"_thread", "asyncio", "concurrent", "queue", "random", "sched", "threading", "time"})
"""What only the worker's seam may know: threads, waiting, clocks and chance."""


# Imports ----------------------------------------------------------------------------------------------


class Import(NamedTuple):
    """One absolute import: the line it is on, and the top-level name it loads."""

    line: int
    name: str


def imports(source: str) -> Iterator[Import]:
    """Every absolute import in `source`, however deep, those by `import_module("...")` included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield Import(node.lineno, alias.name.partition(".")[0])
            case ast.ImportFrom(module=str(module), level=0):
                yield Import(node.lineno, module.partition(".")[0])
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ) if not module.startswith("."):
                yield Import(node.lineno, module.partition(".")[0])


def backward_imports(package: str, source: str) -> list[str]:
    """Imports of another package of ours against the one way that dependencies point."""
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[package] - {package}
    return [f"line {line}: {package} imports {name}" for line, name in imports(source) if name in forbidden]


def absolute_imports_of_self(package: str, source: str) -> list[str]:
    """Imports of the own package by its full name, where a relative import belongs.

    The bench loads a patched copy of the worker beside the shipped one.  A copy that imported `jurat`
    by name would quietly run the shipped code, and no seeded defect would be found.
    """
    return [
        f"line {line}: {package} imports itself by name" for line, name in imports(source) if name == package
    ]


def third_party_imports(source: str, *, ours: Collection[str] = ()) -> list[str]:
    """Imports of anything that is neither in the standard library nor one of `ours`."""
    known = sys.stdlib_module_names | frozenset(ours)
    return [f"line {line}: {name} is third-party" for line, name in imports(source) if name not in known]


def seam_breaches(source: str) -> list[str]:
    """Imports that only the worker's seam may have."""
    return [f"line {line}: {name} belongs to the seam" for line, name in imports(source) if name in SEAM]


# Names and texts ----------------------------------------------------------------------------------------


def export_errors(module: ModuleType) -> list[str]:
    """Where `__all__` and the public names of a package differ.  Its order is the linter's business."""
    exported: list[str] = list(getattr(module, "__all__", ()))
    if not exported:
        return [f"{module.__name__} has no __all__"]
    submodules = {
        name.rpartition(".")[2] for name in sys.modules if name.rpartition(".")[0] == module.__name__
    }
    public = {name for name in vars(module) if not name.startswith("_")} - submodules - {"annotations"}
    dunders = {name for name in exported if name.startswith("__")}
    return [
        *(f"__all__ names {name}, which does not exist" for name in exported if not hasattr(module, name)),
        *(f"__all__ names {name} twice" for name in sorted(set(exported)) if exported.count(name) > 1),
        *(f"{name} is public and not in __all__" for name in sorted(public - set(exported) - dunders)),
    ]


def docstring_errors(source: str) -> list[str]:
    """A module opens with a sentence that says what lives in it."""
    docstring = ast.get_docstring(ast.parse(source))
    if docstring is None:
        return ["the module has no docstring"]
    opening = docstring.partition("\n\n")[0]
    if len(opening.split()) < 4 or opening[-1] not in ".:!?":
        return [f"the docstring opens with no sentence: {opening!r}"]
    return []


# Written in pieces, so that this file does not contain what it looks for.
_REGISTRIES = "|".join(
    re.escape(".".join(host))
    for host in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
    )
)
_MACHINE = "|".join(
    f"/{first}/{rest}"
    for first, rest in (
        ("home", r"\w"),
        ("Users", r"\w"),
        ("root", r"[\w.]"),
        ("work", r"\w"),
        ("tmp", ""),
        ("opt", r"\w"),
    )
)
_TRACES = re.compile(rf"(?<![\w.)}}/-])(?:{_MACHINE})|\b(?:{_REGISTRIES})\b".encode())


def machine_traces(content: bytes) -> list[str]:
    """Paths of somebody's machine, and the hosts of package registries.

    They say where something was made, not what it is; and they make the next person's copy wrong.
    """
    return [
        f"line {number}: {found.group().decode()}"
        for number, line in enumerate(content.splitlines(), start=1)
        for found in _TRACES.finditer(line)
    ]


# The lock -------------------------------------------------------------------------------------------------


def _pins(lock: str) -> Iterator[str]:
    """The logical lines of a requirements file: continued lines joined, comments gone."""
    for line in lock.replace("\\\n", " ").splitlines():
        if pin := line.partition("#")[0].strip():
            yield pin


def lock_errors(lock: str) -> list[str]:
    """Lines of the lock that are no exact version with a hash, or that say where to fetch from."""
    findings = []
    for pin in _pins(lock):
        name = pin.split()[0]
        if name.startswith("-"):
            findings.append(f"{name} is an option: the lock says what, never from where")
        elif "==" not in name:
            findings.append(f"{name} is not pinned to one version")
        elif "://" in pin:
            findings.append(f"{name} has an address")
        elif not re.search(r"\s--hash=sha256:[0-9a-f]{64}(\s|$)", pin):
            findings.append(f"{name} has no hash")
    return findings


def unlocked(wanted: Iterable[str], lock: str) -> list[str]:
    """Requirements of the project that the lock has not, or has in a version out of bounds."""
    pinned = {}
    for pin in _pins(lock):
        name, _, rest = pin.partition("==")
        pinned[name.strip()] = rest.split()[0]
    findings = []
    for requirement in map(Requirement, wanted):
        if requirement.name == "jurat":  # an extra that includes another
            continue
        version = pinned.get(requirement.name)
        if version is None:
            findings.append(f"{requirement.name} is not in the lock")
        elif version not in requirement.specifier:
            findings.append(f"{requirement.name} {version} is not {requirement.specifier}")
    return findings


def unbounded(wanted: Iterable[str]) -> list[str]:
    """Requirements without a lower or without an upper bound."""
    findings = []
    for requirement in map(Requirement, wanted):
        operators = {specifier.operator for specifier in requirement.specifier}
        if requirement.name != "jurat" and not operators >= {">=", "<"}:
            findings.append(f"{requirement} needs a lower and an upper bound")
    return findings


# The wheel and the Makefile ---------------------------------------------------------------------------------


def wheel_errors(names: Iterable[str], sources: Iterable[str], *, version: str) -> list[str]:
    """What a wheel has beside our packages, and what it lacks of them.

    `names` are the members of the wheel, `sources` the files it should hold, as it should name them.
    """
    members = set(names)
    homes = (*MAY_IMPORT, f"jurat-{version}.dist-info")
    strangers = {member for member in members if member.partition("/")[0] not in homes}
    return [
        *(f"{member} is a stranger" for member in sorted(strangers)),
        *(f"{source} is missing" for source in sorted(set(sources) - members)),
    ]


def unlisted_habits(makefile: str) -> list[str]:
    """Targets that `make help` does not list, or that are not declared phony."""
    declared = {
        name for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE) for name in line.split()
    }
    listed = set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE))
    return [
        *(f"make {name} is not in make help" for name in sorted(declared - listed)),
        *(f"make {name} is not phony" for name in sorted(listed - declared)),
    ]
