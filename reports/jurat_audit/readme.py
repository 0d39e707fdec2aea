"""The parts of the README that are not written by hand: the evidence table and the lifecycle.

`python -m jurat_audit.readme` writes them between their markers, the table from the committed
report, the diagram from the rule.  A test of the repository fails when they are not current, so no
figure in the README can go stale.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import ACTIONS

from .errors import AuditError
from .subject import project_root

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIMS = {
    "model": "the model has the properties that the requirements ask for",
    "equivalence": "the executable specification is the model, edge by edge",
    "arithmetic": "the pure functions of time and rate are right",
    "conformance": "the shipped worker follows the specification",
    "timing": "it does so at the right nanosecond",
    "log": "a log of real threads is a behaviour of the specification",
}


def evidence_table(report: dict[str, Any]) -> str:
    """Claim, what was found and the command that finds it again, a row for each link."""
    rows = [
        f"| {CLAIMS[link['id']]} | **{link['verdict']}**: {link['summary']} | `{link['command']}` |"
        for link in report["links"]
    ]
    return "\n".join(["| claim | last result | checked again by |", "|---|---|---|", *rows])


def lifecycle_diagram() -> str:
    """The statuses of a task and the actions between them, as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for action in ACTIONS.values():
        for source in action.source:
            for target in action.target or (source,):
                start = "[*]" if source == "absent" else source
                end = "[*]" if target == "absent" else target
                lines.append(f"    {start} --> {end}: {action.name}")
    return "\n".join([*lines, "```"])


def filled(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """The text with each generated part written anew between its markers."""
    for name, make in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        found = pattern.findall(text)
        if len(found) != 1:
            raise AuditError(f"README.md has {len(found)} places for the part {name}, and needs one")
        before, _, rest = text.partition(found[0][0])
        after = rest[rest.index(found[0][1]) :]
        text = f"{before}{found[0][0]}{make()}\n{after}"
    return text


def current(text: str) -> str:
    """The README as it should be, given the README as it is."""
    report = json.loads((project_root() / "reports" / "audit.json").read_text(encoding="utf-8"))
    return filled(text, {"evidence": lambda: evidence_table(report), "lifecycle": lifecycle_diagram})


def main() -> int:
    """Write the generated parts."""
    path = project_root() / "README.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(current(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
