"""Builds: the code under test, as it is shipped or changed on the way in.

The clean worker at the grain of the seam *is* the package that everybody imports: the
same module objects, the same code objects.  Anything else is a copy, loaded under a
private name from the same source files, with one or both of two changes made to the text
on its way to the compiler: a defect's patches applied, and switch points put before each
access to shared state (`grain`).  So the worker's own files contain no switch, no hook
and no test double, and many builds live side by side in one process.

A patch names its anchor, a piece of text that must occur exactly once in its module.  When
the worker changes under a patch, that is an error that says so, and never a patch that
silently does nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadAnchor
from .grain import POINTS, Points, instrument
from .tokens import Grain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of the source."""

    module: str
    """The file in the package, without its suffix."""
    anchor: str
    """Text that occurs exactly once in it."""
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A package, ready to be run on the bench."""

    package: Any
    """What `import` gives."""
    points: Points | None
    """Where its switch points report to; None at the grain of the seam."""
    digest: str
    """Of the source files as they are, before any change: which worker this is."""


def load(
    package: str = "jurat", *, name: str = "clean", patches: Sequence[Patch] = (), grain: Grain = Grain.SEAM
) -> Build:
    """The package with these changes.

    With patches, the same name is loaded again as a fresh copy; without any, a build is made once and
    shared, as the package itself is.

    Raises
    ------
    BadAnchor: an anchor does not occur exactly once.
    UnknownSyntax: at the grain of accesses, the source has syntax without a rule.
    """
    folder = _folder(package)
    digest = _digest(folder)
    if not patches and grain is Grain.SEAM:
        return Build(package=importlib.import_module(package), points=None, digest=digest)
    private = f"_jurat_sim_{package}_{name}_{grain}"
    if not patches and (known := _unpatched.get((private, digest))) is not None:
        return known
    _forget(private)
    points = Points(private) if grain is Grain.ACCESS else None
    finder = _Finder(private, folder, patches, points, name)
    finder.check()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(private)
        for file in sorted(folder.glob("*.py")):
            if not file.stem.startswith("__"):
                importlib.import_module(f"{private}.{file.stem}")
    finally:
        sys.meta_path.remove(finder)
    build = Build(package=sys.modules[private], points=points, digest=digest)
    if not patches:
        _unpatched[private, digest] = build
    return build


_unpatched: dict[tuple[str, str], Build] = {}
"""Builds that nothing was changed in, by private name and digest."""


def source_of(module: str, package: str = "jurat") -> str:
    """The text of one of the package's files, named without its suffix."""
    return (_folder(package) / f"{module}.py").read_text()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package named {package!r}", name=package)
    return Path(next(iter(spec.submodule_search_locations)))


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        content = file.read_bytes()
        whole.update(f"{file.name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _forget(private: str) -> None:
    for name in [name for name in sys.modules if name == private or name.startswith(private + ".")]:
        del sys.modules[name]


@lru_cache(maxsize=128)
def _compiled(source: str, origin: str) -> CodeType:
    """A module's code.  Most modules of a patched copy are as they were in the last one."""
    return compile(source, origin, "exec", dont_inherit=True)


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of one private package in the files of the real one, and loads them changed."""

    def __init__(
        self, private: str, folder: Path, patches: Sequence[Patch], points: Points | None, patch: str
    ) -> None:
        self._private = private
        self._folder = folder
        self._patches = patches
        self._points = points
        self._patch = patch

    def check(self) -> None:
        """Every patch has a place, before anything is loaded."""
        for module in sorted({patch.module for patch in self._patches}):
            file = self._folder / f"{module}.py"
            self._patched(module, file.read_text() if file.exists() else "")

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        if name == self._private:
            spec = ModuleSpec(name, self, origin=str(self._folder / "__init__.py"), is_package=True)
        elif name.startswith(self._private + "."):
            file = self._folder / f"{name.rpartition('.')[2]}.py"
            if not file.exists():
                return None
            spec = ModuleSpec(name, self, origin=str(file))
        else:
            return None
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None and spec.origin is not None  # noqa: S101, PT018 - `find_spec` gave both.
        file = Path(spec.origin)
        source = self._patched(file.stem, file.read_text())
        if self._points is None:
            code = _compiled(source, spec.origin)
        else:
            vars(module)[POINTS] = self._points
            tree = instrument(ast.parse(source, file.name), file.name, self._points)
            code = compile(tree, spec.origin, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102

    def _patched(self, module: str, source: str) -> str:
        for patch in self._patches:
            if patch.module == module:
                count = source.count(patch.anchor)
                if count != 1:
                    raise BadAnchor(self._patch, module, patch.anchor, count)
                source = source.replace(patch.anchor, patch.replacement)
        return source
