"""The red table is whole: each of B1 to B34 has a test that exists, a patch that fits, and its row.

That each test really fails under its patch is what `make red` sees; here nothing is run.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.worker.red import HEAD, REDS, TABLE, Red, patched, row

from jurat_sim.build import Patch
from jurat_sim.errors import BadAnchor

ROOT = Path(__file__).parents[2]
NAMES = [f"{red.behaviour}-{red.test}" for red in REDS]


def docstrings(red: Red) -> dict[str, str]:
    """The tests of the file that an entry names, and what they say of themselves."""
    tree = ast.parse((ROOT / red.path).read_text())
    return {
        node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)
    }


def test_each_behaviour_has_a_row() -> None:
    """From B1 to B34, in order; those of gRPC and of observability come with their issues."""
    assert list(dict.fromkeys(red.behaviour for red in REDS)) == [f"B{number}" for number in range(1, 35)]


@pytest.mark.parametrize("red", REDS, ids=NAMES)
def test_the_cited_test_exists_and_cites_the_behaviour(red: Red) -> None:
    """Its docstring begins with the id."""
    assert docstrings(red)[red.test].startswith(f"{red.behaviour}: ")


@pytest.mark.parametrize("red", REDS, ids=NAMES)
def test_each_patch_fits_the_worker(red: Red) -> None:
    """Its anchor is there once, what it makes is Python, and it is not the same."""
    sources: dict[str, str] = {}
    for patch in red.patches:
        before = sources.get(patch.module) or (ROOT / f"worker/jurat/{patch.module}.py").read_text()
        sources[patch.module] = patched(patch, before, red.behaviour)
        assert sources[patch.module] != before
    assert sources
    for source in sources.values():
        ast.parse(source)


@pytest.mark.parametrize("source", ["nothing of the kind", "twice: x = 1\ntwice: x = 1\n"])
def test_a_patch_that_does_not_fit_is_an_error(source: str) -> None:
    """Gone, or no longer the only one."""
    with pytest.raises(BadAnchor, match="B1: its anchor occurs"):
        patched(Patch("_steps", "x = 1", "x = 2"), source, "B1")


def test_the_table_is_that_of_the_patches() -> None:
    """Each row but for how it was seen red, which `make red` alone can say, and which is not empty."""
    table = TABLE.read_text()
    assert table.startswith(HEAD)
    rows = table.removeprefix(HEAD).splitlines()
    expected = [row(red, "").rpartition(" | ")[0] for red in REDS]
    assert [line.rpartition(" | ")[0] for line in rows] == expected
    assert all(line.rpartition(" | ")[2].removesuffix(" |").strip("`").strip() for line in rows)
