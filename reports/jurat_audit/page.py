"""The report as a page: one HTML file that needs nothing else, and runs nothing.

The page is drawn from the same dictionary that `audit.json` is written from.  It has no
script and asks for nothing: the policy in its head forbids everything but its own style
sheet, which is named by its digest, so a browser enforces what we promise.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from jurat_spec import RULE_VERSION
from jurat_spec.lifecycle import ACTIONS, STATUSES

from . import pictures, plots
from .report import verdict_counts

if TYPE_CHECKING:
    from jurat_spec.lifecycle import Action

    from .charts import Chart

HEADLINES = {
    "pass": "Everything that is built was checked, and holds. What is planned counts for nothing here.",
    "fail": "Something that was checked does not hold. The summary says what.",
    "undetermined": "A bound or a tool stopped a check before it could tell. The summary says which.",
}

SECTIONS = (
    ("summary", "Summary"),
    ("provenance", "Provenance"),
    ("chain", "The chain of evidence"),
    ("lifecycle", "The lifecycle, and what is forbidden"),
    ("formal", "Formal verification"),
    ("deep", "The deep campaign"),
    ("traceability", "Traceability"),
    ("conformance", "Conformance and exploration"),
    ("timing", "Timing"),
    ("defects", "Defects, and how each was caught"),
    ("log", "The settlement run"),
    ("limits", "Tool confidence and limits"),
    ("signoff", "Sign-off"),
)
"""The sections of the page in their order: anchor and title."""


def render(content: dict[str, Any]) -> str:
    """The page for this content."""
    style = _template("audit.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    links = {
        link["id"]: {"tables": [], "limits": [], "simulation": None, **link["details"], **link}
        for link in content["links"]
    }
    verdicts = {link["id"]: link["verdict"] for link in content["links"]}
    counts = verdict_counts(row["verdict"] for row in content["requirements"])
    return (
        _environment()
        .get_template("audit.html")
        .render(
            content=content,
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=digest,
            link=links,
            headline=HEADLINES[content["verdict"]],
            sections=SECTIONS,
            rule_version=RULE_VERSION,
            requirement_counts=counts,
            requirements=[
                {**row, "evidence_by_kind": _by_kind(row["needs"], row["evidence"]), "absent": _absent(row)}
                for row in content["requirements"]
            ],
            properties=_properties(content),
            evidence_rows=[
                [test["id"], test["requirements"], test["verdict"]]
                for test in content["evidence_tests"]["tests"]
            ],
            chain=[Markup(pictures.chain_picture(verdicts, wide=wide)) for wide in (True, False)],  # noqa: S704
            lifecycle=[Markup(pictures.lifecycle_picture(wide=wide)) for wide in (True, False)],  # noqa: S704
            phases=Markup(pictures.phase_picture()),  # noqa: S704
            transitions=pictures.transitions(),
            statuses=STATUSES,
            actions=[_action_row(action) for action in ACTIONS.values()],
        )
    )


def render_deep(content: dict[str, Any]) -> str:
    """The page of the deep campaign, for what `deep.json` holds."""
    style = _template("audit.css")
    return (
        _environment()
        .get_template("deep.html")
        .render(
            content=content,
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            links=[
                {"tables": [], "limits": [], "simulation": None, **link["details"], **link}
                for link in content["links"]
            ],
            sections=[(link["id"], words(link["id"]).capitalize()) for link in content["links"]],
        )
    )


def _template(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = count
    environment.filters["words"] = words
    environment.filters["plural"] = plural
    environment.filters["prose"] = prose
    environment.filters["breakable"] = breakable
    environment.filters["by_words"] = by_words
    environment.filters["plots"] = plots_of
    return environment


def count(value: object) -> str:
    """A whole number with its thousands apart; anything else as it is."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def words(name: str) -> str:
    """The name of a figure as words."""
    return name.replace("_", " ")


def plural(number: int, noun: str) -> str:
    """A number with its noun, as "1 test" or "2 tests"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def prose(text: str) -> Markup:
    """A sentence in which `this` is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its other half
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def breakable(name: str) -> Markup:
    """A long name that a browser may break after its underscores, and nowhere else."""
    return Markup("_<wbr>").join(name.split("_"))


def by_words(name: str) -> Markup:
    """The name of an action, which a browser may break before its capitals, and nowhere else."""
    return Markup("<wbr>").join(re.findall(r"[A-Z]?[^A-Z]+|[A-Z]", name))


def plots_of(chart: Chart) -> Markup:
    """A chart twice, for a wide page and for a narrow one; the style sheet shows one of them."""
    return Markup(plots.wide_plot(chart) + plots.narrow_plot(chart))  # noqa: S704 - drawn here, and escaped


def _action_row(action: Action) -> dict[str, Any]:
    """A row of the rule, for a table."""
    if action.of == "worker":
        change = "the worker"
    elif not action.target:
        change = f"{' or '.join(action.source)}, and stays so"
    else:
        change = f"{' or '.join(action.source)} → {' or '.join(action.target)}"
    return {
        "name": action.name,
        "by": action.by,
        "change": change,
        "guards": [guard.sentence for guard in action.guards],
        "text": action.text,
    }


def _properties(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Each property once, with the models it was checked in and the requirements that cite it."""
    rows = [row for link in content["links"] for row in link["details"].get("properties", [])]
    cited: dict[str, list[str]] = {}
    for requirement in content["requirements"]:
        for source in requirement["evidence"]:
            if source["kind"] == "property":
                cited.setdefault(source["source"], []).append(requirement["id"])
    return [
        {
            "name": name,
            "holds": all(row["holds"] for row in rows if row["name"] == name),
            "models": sorted({row["model"] for row in rows if row["name"] == name}),
            "cited_by": cited.get(name, []),
        }
        for name in sorted({row["name"] for row in rows})
    ]


def _absent(row: dict[str, Any]) -> list[str]:
    """What a requirement still misses: the kind, and by name what the table cites for it."""
    lines = []
    for kind in row["missing"]:
        names = [
            source["source"]
            for source in row["evidence"]
            if source["kind"] == kind and source["verdict"] == "planned"
        ]
        lines.append(f"{words(kind)} {', '.join(names)}" if names else words(kind))
    return [*lines, row["awaits"]] if "awaits" in row else lines


def _by_kind(kinds: list[str], evidence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The evidence that was looked at, gathered by kind, with the verdicts that are not pass."""
    looked_at = [source for source in evidence if source["verdict"] != "planned"]
    parts = []
    for kind in kinds:
        if sources := [source for source in looked_at if source["kind"] == kind]:
            bad = sorted({source["verdict"] for source in sources} - {"pass"})
            total = sum(source["count"] for source in sources)
            parts.append({"kind": kind, "count": total, "bad": bad, "sources": sources})
    return parts
