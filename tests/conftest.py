"""What all tests share: they repeat exactly, and their claims of evidence are well formed.

Nothing here helps a test to pass.  Hypothesis is told to derive its examples from the test itself, so
that a run today and a run tomorrow try the same ones; and a test that says `evidence("LC-1")` is refused
at collection when what it cites cannot be the id of a requirement.
"""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

_REQUIREMENT = re.compile(r"[A-Z]{2}-[1-9]\d*")

if find_spec("hypothesis"):  # `jurat audit` runs the evidence tests where only jurat[audit] is installed
    from hypothesis import settings

    settings.register_profile("jurat", derandomize=True, deadline=None, database=None, print_blob=True)
    settings.load_profile("jurat")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse evidence for nothing, or for what is no requirement."""
    for item in items:
        for mark in item.iter_markers("evidence"):
            if not mark.args or not all(
                isinstance(cited, str) and _REQUIREMENT.fullmatch(cited) for cited in mark.args
            ):
                raise pytest.UsageError(
                    f"{item.nodeid}: evidence{mark.args} must cite requirements such as LC-1"
                )
