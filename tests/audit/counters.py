"""A very small module with a manifest, for tests of what is made of one.

The counter goes from 0 up to Top and stays there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

COUNTER = """
---- MODULE Counter ----
EXTENDS Naturals
CONSTANT Top
VARIABLE n

Init == n = 0

Up == n < Top /\\ n' = n + 1

Stay == n = Top /\\ UNCHANGED n

Next == Up \\/ Stay
Spec == Init /\\ [][Next]_n

Fair == Spec /\\ WF_n(Up)

Fits    == n <= Top
Idle    == TRUE
Rises   == [][n' >= n]_n
Arrives == <>(n = Top)
====
"""


def manifest_of() -> dict[str, Any]:
    """The manifest of the counter, as it is right."""

    def model(name: str, checks: str) -> dict[str, Any]:
        return {
            "name": name,
            "says": f"the counter, {name}",
            "module": "Counter",
            "constants": {"Top": 3},
            "checks": checks,
            "profile": "default",
            "compare": False,
            "expect": {"exit": 0, "distinct": 4, "generated": 5, "edges": 4, "depth": 4},
        }

    def case(name: str, model: str, breaks: str, edit: tuple[str, str, str], *answer: int) -> dict[str, Any]:
        return {
            "name": name,
            "says": f"the counter is wrong: {name}",
            "model": model,
            "property": breaks,
            "profile": "default",
            "edit": dict(zip(("definition", "replace", "by"), edit, strict=True)),
            "expect": dict(zip(("exit", "depth"), answer, strict=True)),
        }

    return {
        "schema_version": 2,
        "modules": [
            {
                "name": "Counter",
                "variables": ["n"],
                "actions": ["Up", "Stay"],
                "invariants": ["Fits"],
                "action_properties": ["Rises"],
                "liveness": {"Arrives": "Fair"},
                "defaults": {},
                "implied": {},
            }
        ],
        "models": [model("small", "safety"), model("fair", "Arrives")],
        "must_fail": [
            case("too-far", "small", "Fits", ("Up", "n < Top", "n < 2 * Top"), 12, 5),
            case("falls", "small", "Rises", ("Stay", "UNCHANGED n", "n' = 0"), 13, 5),
            case("unfair", "fair", "Arrives", ("Fair", "WF_n(Up)", "TRUE"), 13, 3),
        ],
    }


def write(folder: Path, raw: dict[str, Any] | None = None, *, source: str = COUNTER) -> Path:
    """A folder with the counter and its manifest."""
    (folder / "Counter.tla").write_text(source, encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest_of() if raw is None else raw), encoding="utf-8")
    return folder
