"""The parts of the READMEs that are not written by hand: evidence, lifecycle, defaults, names.

`python -m jurat_audit.readme` writes them between their markers: in `README.md` the table from the
committed report, the diagram from the rule and the defaults from the code; in `tla/README.md` the
name tables from the sources themselves.  A test of the repository fails when they are not current,
so no figure and no name in them can go stale.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import ACTIONS

from . import api, names
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


def filled(text: str, parts: dict[str, Callable[[], str]], document: str = "README.md") -> str:
    """The text with each generated part written anew between its markers.

    Errors: `AuditError`, with the name of the document, if a part has no place in it, or more than one.
    """
    for name, make in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        found = pattern.findall(text)
        if len(found) != 1:
            raise AuditError(f"{document} has {len(found)} places for the part {name}, and needs one")
        before, _, rest = text.partition(found[0][0])
        after = rest[rest.index(found[0][1]) :]
        text = f"{before}{found[0][0]}{make()}\n{after}"
    return text


def _evidence() -> str:
    report = json.loads((project_root() / "reports" / "audit.json").read_text(encoding="utf-8"))
    return evidence_table(report)


DOCUMENTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"evidence": _evidence, "lifecycle": lifecycle_diagram, "defaults": api.defaults_table},
    "tla/README.md": {"names": names.action_table, "words": names.word_table},
}
"""The documents that have generated parts, and who makes each part."""


def current(text: str, document: str = "README.md") -> str:
    """A document as it should be, given the document as it is."""
    return filled(text, DOCUMENTS[document], document)


def main() -> int:
    """Write the generated parts of every document; none, if one of them cannot be made."""
    written = {}
    for document in DOCUMENTS:
        path = project_root() / document
        written[path] = current(path.read_text(encoding="utf-8"), document)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
