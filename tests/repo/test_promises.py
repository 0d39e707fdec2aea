"""The repository keeps its promises, and each check objects when one is broken.

Every promise of `promises.py` appears twice: kept by the files that are here, and broken by an offence
planted for the purpose.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
from tests.repo import promises

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(promises.ROOTS)
LOCKS = ["lock.txt", "bench.txt", "explorers.txt"]


def sources(package: str) -> list[Path]:
    """The Python files of one of our packages."""
    found = sorted((ROOT / promises.ROOTS[package] / package).rglob("*.py"))
    assert found, f"{package} has no source"
    return found


def files() -> list[Path]:
    """Every file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    assert found, "git knows no file here"
    return found


def report(findings: dict[Path, list[str]]) -> list[str]:
    """One line per finding, each with its file."""
    return [f"{path.relative_to(ROOT)}: {line}" for path, lines in findings.items() for line in lines]


def pyproject() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted(lock: str) -> list[str]:
    """All that the project asks for: in two locks to be compared with, in the other everything else."""
    extras: dict[str, list[str]] = pyproject()["project"]["optional-dependencies"]
    compared = {f"{extra}.txt": extras.pop(extra) for extra in ("bench", "explorers")}
    if lock in compared:
        return compared[lock]
    backend: list[str] = pyproject()["build-system"]["requires"]
    return [*(requirement for extra in extras.values() for requirement in extra), *backend]


# Imports ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    """The audit knows the bench, the bench the worker and the spec; these two know nobody."""
    findings = {path: promises.backward_imports(package, path.read_text()) for path in sources(package)}
    assert report(findings) == []


@pytest.mark.parametrize(
    "offence",
    [
        "import jurat_sim",
        "from jurat_spec.replay import replay",
        "def late():\n    import jurat_audit.link as link",
        "import importlib\nimportlib.import_module('jurat_spec')",
        "if TYPE_CHECKING:\n    from jurat_sim import explore",
    ],
)
def test_a_backward_import_is_found(offence: str) -> None:
    """Hidden in a function, under TYPE_CHECKING or in a string, it is an import."""
    assert len(promises.backward_imports("jurat", offence)) == 1


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_themselves_relatively(package: str) -> None:
    """So that a patched copy of a package is all of one piece."""
    findings = {
        path: promises.absolute_imports_of_self(package, path.read_text()) for path in sources(package)
    }
    assert report(findings) == []


def test_an_absolute_import_of_the_own_package_is_found() -> None:
    """The relative form beside it is not."""
    source = "from ._core import Core\nfrom jurat import Worker\n"
    assert promises.absolute_imports_of_self("jurat", source) == ["line 2: jurat imports itself by name"]


STANDARD = ("_standard.py", "_task.py", "executor.py")
"""A task as a future, or awaited: the modules that speak to the standard library's own handles."""


def test_only_the_seam_knows_threads_time_and_chance() -> None:
    """One module of the worker, so that the bench can stand in its place."""
    beside_seam = [path for path in sources("jurat") if path.name != "_runtime.py"]
    breaches = {path: promises.seam_breaches(path.read_text()) for path in beside_seam}
    for path in beside_seam:
        if path.name in STANDARD:  # what they wait with is the standard library's, and not the worker's
            breaches[path] = [it for it in breaches[path] if "asyncio" not in it and "concurrent" not in it]
    assert report(breaches) == []


def test_the_seam_itself_would_be_found() -> None:
    """The check sees the imports of the one module that is excused from it."""
    seam = (ROOT / "worker" / "jurat" / "_runtime.py").read_text()
    found = {line.split()[2] for line in promises.seam_breaches(seam)}
    assert found >= {"_thread", "threading", "time"}


@pytest.mark.parametrize("package", ["jurat", "jurat_spec"])
def test_worker_and_spec_import_the_standard_library_only(package: str) -> None:
    """An embedded component in an audited product brings nothing with it."""
    findings = {path: promises.third_party_imports(path.read_text()) for path in sources(package)}
    assert report(findings) == []


@pytest.mark.parametrize(
    ("script", "ours"),
    [
        ("instructions", set()),
        ("ledger", set()),
        ("settle", {"jurat", "instructions", "ledger", "reconcile"}),
        ("reconcile", set()),
        ("verify", {"jurat_spec"}),
    ],
)
def test_the_example_keeps_its_programs_apart(script: str, ours: set[str]) -> None:
    """The settlement knows the worker, the judge the rule, the auditor neither; and nothing third-party."""
    source = (ROOT / "examples" / "settlement" / f"{script}.py").read_text()
    assert promises.third_party_imports(source, ours=ours) == []


def test_no_program_of_the_example_is_forgotten() -> None:
    """The list above is complete."""
    (marks,) = test_the_example_keeps_its_programs_apart.pytestmark  # type: ignore[attr-defined]
    named = {script for script, _ in marks.args[1]}
    assert named == {path.stem for path in (ROOT / "examples" / "settlement").glob("*.py")}


def test_a_third_party_import_is_found() -> None:
    """The standard library, and what is named as ours, are not third-party."""
    source = "import os.path\nimport ledger\nfrom simpy.core import Environment\n"
    assert promises.third_party_imports(source, ours={"ledger"}) == ["line 3: simpy is third-party"]


# Names and texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["jurat"])
def test_all_is_right(package: str) -> None:
    """Every public name can be imported from the package, and is meant to be."""
    assert promises.export_errors(importlib.import_module(package)) == []


def test_a_wrong_all_is_found() -> None:
    """A name that does not exist, a name twice, and a public name that was forgotten."""
    module = ModuleType("planted")
    module.__dict__.update(__all__=["Worker", "Worker", "gone"], Worker=1, Task=2, _hidden=3)
    assert promises.export_errors(module) == [
        "__all__ names gone, which does not exist",
        "__all__ names Worker twice",
        "Task is public and not in __all__",
    ]
    assert promises.export_errors(ModuleType("empty")) == ["empty has no __all__"]


def test_every_module_opens_with_a_sentence() -> None:
    """A module's docstring says what lives in it."""
    scripts = [path for path in files() if path.suffix == ".py"]
    assert report({path: promises.docstring_errors(path.read_text()) for path in scripts}) == []


@pytest.mark.parametrize(
    "offence", ["x = 1", '"""Utilities."""', '"""The worker and its parts"""', '""" """']
)
def test_a_module_without_a_sentence_is_found(offence: str) -> None:
    """Nothing, a word, and a title are no sentence."""
    assert len(promises.docstring_errors(offence)) == 1


def test_no_file_names_a_machine_or_a_registry() -> None:
    """Committed reports and locks included: they are the same wherever they are made."""
    assert report({path: promises.machine_traces(path.read_bytes()) for path in files()}) == []


@pytest.mark.parametrize(
    "offence",
    [
        "wrote /{}/ann/jurat/audit.json".format("home"),
        "cwd = '/{}/jurat'".format("work"),
        "/{}/x".format("tmp"),
        "--find-links=/{}/wheels".format("opt"),
        "https://{}.org/simple".format("pypi"),
        "see files.{}.org".format("pythonhosted"),
    ],
)
def test_a_trace_of_a_machine_is_found(offence: str) -> None:
    """Quoted, in an option, in an address: a path is a path."""
    assert len(promises.machine_traces(offence.encode())) == 1


def test_a_path_of_the_project_is_no_trace() -> None:
    """Relative paths, the system's own, and words that merely look alike."""
    innocent = "#!/usr/bin/env bash\ncp examples/home/work/tmp .. # client/work/order, and/or\n"
    assert promises.machine_traces(innocent.encode()) == []


# What is installed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_is_exact_and_says_nothing_of_where(name: str) -> None:
    """Each requirement has one version and a hash; no index, no address, no option."""
    lock = (ROOT / "requirements" / name).read_text()
    assert promises.lock_errors(lock) == []
    assert "==" in lock


@pytest.mark.parametrize(
    ("offence", "finding"),
    [
        ("--index-url https://index.example\n", "--index-url is an option"),
        ("simpy>=4 --hash=sha256:" + "0" * 64, "simpy>=4 is not pinned"),
        ("simpy==4.1.2", "simpy==4.1.2 has no hash"),
        ("simpy==4.1.2 \\\n    --hash=md5:00", "simpy==4.1.2 has no hash"),
        ("simpy @ https://index.example/simpy.whl", "simpy is not pinned"),
        ("simpy==4.1.2 --hash=sha256:" + "0" * 64 + " --index https://index.example", "simpy==4.1.2 has an"),
    ],
)
def test_a_loose_line_of_the_lock_is_found(offence: str, finding: str) -> None:
    """Hash or no hash, version or no version."""
    found = promises.lock_errors(offence)
    assert len(found) == 1
    assert found[0].startswith(finding)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_fits_the_project(name: str) -> None:
    """Whoever changes a bound in pyproject.toml runs `make lock`."""
    lock = (ROOT / "requirements" / name).read_text()
    assert promises.unlocked(wanted(name), lock) == []
    assert promises.unbounded(wanted(name)) == []


def test_a_lock_that_is_behind_is_found() -> None:
    """A requirement that is new, and one whose bounds have moved."""
    lock = "simpy==4.1.2 \\\n    --hash=sha256:00\n    # via jurat\n"
    assert promises.unlocked(["simpy>=4.2,<5", "rich>=15", "jurat[cli]"], lock) == [
        "simpy 4.1.2 is not <5,>=4.2",
        "rich is not in the lock",
    ]
    assert promises.unbounded(["rich>=15", "jurat[cli]", "simpy>=4,<5"]) == [
        "rich>=15 needs a lower and an upper bound"
    ]


def test_the_project_requires_nothing() -> None:
    """Without an extra, jurat installs jurat."""
    assert pyproject()["project"]["dependencies"] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    """Its annotations reach those who install it."""
    assert (ROOT / promises.ROOTS[package] / package / "py.typed").is_file()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the project as it stands."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    """All of their files, no test, no report."""
    expected = [
        path.relative_to(ROOT / root).as_posix()
        for package, root in promises.ROOTS.items()
        for path in files()
        if path.is_relative_to(ROOT / root / package)
    ]
    version = wheel.name.split("-")[1]
    assert len(expected) > len(PACKAGES)
    assert promises.wheel_errors(ZipFile(wheel).namelist(), expected, version=version) == []


def test_a_wrong_wheel_is_found() -> None:
    """A top-level package too many, and a file that was forgotten."""
    names = ["jurat/__init__.py", "jurat-0.1.0.dist-info/METADATA", "tests/conftest.py"]
    wanted = ["jurat/__init__.py", "jurat/py.typed"]
    assert promises.wheel_errors(names, wanted, version="0.1.0") == [
        "tests/conftest.py is a stranger",
        "jurat/py.typed is missing",
    ]


@pytest.mark.parametrize("package", ["jurat", "jurat_spec"])
def test_worker_and_spec_run_from_the_bare_wheel(wheel: Path, package: str) -> None:
    """In an interpreter without site-packages; so no import hides behind what happens to be installed."""
    program = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import {package}; "
        f"print(sorted({{name.partition('.')[0] for name in sys.modules}} - sys.stdlib_module_names))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(wheel)], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == f"['__main__', '{package}']"


# Habits -----------------------------------------------------------------------------------------------


def test_make_help_lists_every_habit() -> None:
    """And every habit is a name, not a file."""
    assert promises.unlisted_habits((ROOT / "Makefile").read_text()) == []


def test_a_hidden_habit_is_found() -> None:
    """A target without its line of help, and a line of help without its declaration."""
    makefile = ".PHONY: test secret\ntest: ## run every test\nnews: ## print the news\nsecret:\n\trm -rf x\n"
    assert promises.unlisted_habits(makefile) == [
        "make secret is not in make help",
        "make news is not phony",
    ]


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("reports/audit.html", False),
        ("reports/audit.json", False),
        ("requirements/lock.txt", False),
        ("reports/run.json", True),
        ("reports/junit.xml", True),
        ("build/reports/audit.json", True),
        ("examples/settlement/out/ledger.sqlite", True),
        (".venv/bin/python", True),
        ("worker/jurat/__pycache__/x.pyc", True),
    ],
)
def test_git_keeps_the_report_and_ignores_the_run(name: str, *, ignored: bool) -> None:
    """The content of a report is committed; what depends on the machine is not."""
    answer = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT, check=False)
    assert answer.returncode == (0 if ignored else 1)
