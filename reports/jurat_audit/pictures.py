"""Pictures, drawn by hand into SVG: the chain of evidence, and the lifecycle.

All are generated, the chain from the verdicts of its links, the lifecycle from the rule
in `jurat_spec.lifecycle`, so none can say something that the data does not.  They are
plain text with whole-number coordinates, so they repeat to the byte; they take their
colours from classes of the page, so they follow its light and its dark; each has a title
and a description for readers who do not see it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from jurat_spec.lifecycle import ACTIONS, PHASES, STATUSES, TERMINAL, Config, Terms
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Edge = tuple[str, str, str]
"""From, label, to."""


# --- what the rule allows -------------------------------------------------------------


def status_edges() -> list[Edge]:
    """Each change of a task's status that the rule has a row for, and each row that leaves it as it is."""
    return [
        (source, action.name, target)
        for action in ACTIONS.values()
        if action.of == "task"
        for source in action.source
        for target in action.target or (source,)
    ]


def phase_edges() -> list[Edge]:
    """Each change of the worker's phase, found by walking everything that one task can bring about."""
    graph = walk(Lifecycle(Config(threads=1, queue_max=1), (Terms(),)))
    found = {
        (before.phase, label, after.phase)
        for before, label, after in graph.edges
        if before.phase != after.phase
    }
    return sorted(found, key=lambda edge: (PHASES.index(edge[0]), PHASES.index(edge[2]), edge[1]))


def transitions() -> list[dict[str, Any]]:
    """For each status, the actions that lead to each other one; an empty list is a forbidden change."""
    ways = _grouped(status_edges())
    return [
        {"from": before, "to": [ways.get((before, after), []) for after in STATUSES]} for before in STATUSES
    ]


def _grouped(edges: Iterable[Edge]) -> dict[tuple[str, str], list[str]]:
    """The labels between each two nodes, in order."""
    ways: dict[tuple[str, str], list[str]] = defaultdict(list)
    for before, label, after in edges:
        ways[before, after].append(label)
    return dict(ways)


# --- a sheet of paper -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node, by its centre and its size."""

    x: int
    y: int
    width: int = 124
    height: int = 36

    @property
    def top(self) -> int:
        """The y of its upper edge."""
        return self.y - self.height // 2

    @property
    def bottom(self) -> int:
        """The y of its lower edge."""
        return self.y + self.height // 2

    @property
    def left(self) -> int:
        """The x of its left edge."""
        return self.x - self.width // 2

    @property
    def right(self) -> int:
        """The x of its right edge."""
        return self.x + self.width // 2


@dataclass(slots=True)
class Sheet:
    """An SVG picture being drawn.  Labels go on last, over the lines."""

    name: str
    width: int
    height: int
    _lines: list[str] = field(default_factory=list)
    _labels: list[str] = field(default_factory=list)

    def box(self, box: Box, text: str, *, css: str = "node") -> None:
        """A rounded box with one line of text in its middle."""
        self._lines.append(
            f'<rect class="{css}" x="{box.left}" y="{box.top}" '
            f'width="{box.width}" height="{box.height}" rx="6"/>'
        )
        self.text(box.x, box.y + 5, text, css="node-text")

    def arrow(self, path: str, *, css: str = "edge") -> None:
        """A line with a head at its end, by SVG path commands."""
        self._lines.append(f'<path class="{css}" d="{path}" marker-end="url(#{self.name}-head)"/>')

    def text(self, x: int, y: int, text: str, *, css: str = "edge-text", anchor: str = "middle") -> None:
        """One line of text."""
        self._labels.append(
            f'<text class="{css}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def lines(self, x: int, y: int, texts: Sequence[str], *, anchor: str = "middle") -> None:
        """Several lines of text, centred on `y`."""
        first = y - 7 * (len(texts) - 1)
        for row, text in enumerate(texts):
            self.text(x, first + 14 * row, text, anchor=anchor)

    def svg(self, title: str, description: str, *, css: str = "") -> str:
        """The picture as text."""
        name = self.name
        head = (
            f'<svg class="{css or name}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
            f'<title id="{name}-title">{escape(title)}</title>'
            f'<desc id="{name}-desc">{escape(description)}</desc>'
            f'<defs><marker id="{name}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path class="head" d="M0 0.5 L8 4 L0 7.5 Z"/></marker></defs>'
        )
        return "\n".join([head, *self._lines, *self._labels, "</svg>"])


# --- the lifecycle ------------------------------------------------------------------------


ROW = 108  # from the middle of one row to the middle of the next


def lifecycle_picture() -> str:
    """The statuses of a task in rows, by how far they are from the start, and the actions between them."""
    edges = _grouped(status_edges())
    boxes = _placed(edges)
    sheet = Sheet("lifecycle", 660, max(box.bottom for box in boxes.values()) + 46)
    for status, box in boxes.items():
        sheet.box(box, status, css="node terminal" if status in TERMINAL else "node")
    for (before, after), labels in edges.items():
        _draw(sheet, boxes[before], boxes[after], labels)
    said = "; ".join(
        f"{before} to {after} by {' or '.join(labels)}" for (before, after), labels in edges.items()
    )
    return sheet.svg("The statuses of a task, and the actions that change them", said + ".")


def _placed(edges: Mapping[tuple[str, str], list[str]]) -> dict[str, Box]:
    """A row for each rank.  Statuses that are reached by a short cut stand left, where it has room."""
    rank = _ranks(edges)
    rows: dict[int, list[str]] = defaultdict(list)
    for status in STATUSES:
        rows[rank[status]].append(status)
    boxes: dict[str, Box] = {}
    for row, statuses in rows.items():
        statuses.sort(key=lambda status: not _has_short_cut(status, rank, edges))
        step = 640 // len(statuses)
        for column, name in enumerate(statuses):
            boxes[name] = Box(x=10 + step // 2 + step * column, y=28 + ROW * row)
    return boxes


def _ranks(edges: Mapping[tuple[str, str], list[str]]) -> dict[str, int]:
    """How many steps a status is from the start, by the longest way that meets none twice."""
    rank: dict[str, int] = dict.fromkeys(STATUSES, 0)
    place: dict[str, int] = {status: number for number, status in enumerate(STATUSES)}
    for _ in STATUSES:
        for before, after in edges:
            if place[before] < place[after]:
                rank[after] = max(rank[after], rank[before] + 1)
    return rank


def _has_short_cut(status: str, rank: Mapping[str, int], edges: Mapping[tuple[str, str], list[str]]) -> bool:
    return any(after == status and rank[after] - rank[before] > 1 for before, after in edges)


def _draw(sheet: Sheet, before: Box, after: Box, labels: Sequence[str]) -> None:
    """One arrow, its shape chosen by where its ends are: a loop, a short cut, or one row down."""
    if before == after:
        if before.y > sheet.height - 100:  # in the last row the room is below
            x, y = before.x, before.bottom
            sheet.arrow(f"M{x - 22} {y} C{x - 22} {y + 26} {x + 22} {y + 26} {x + 22} {y}")
            sheet.lines(x, y + 36, labels)
        else:
            x, y = before.right, before.y
            sheet.arrow(f"M{x} {y - 9} C{x + 40} {y - 20} {x + 40} {y + 20} {x} {y + 9}")
            sheet.lines(x + 40, y + 4, labels, anchor="start")
    elif after.y - before.y > ROW + 8:
        x, y = after.x - 28, after.top
        sheet.arrow(f"M{before.left} {before.y} C{x} {before.y} {x} {before.y + 60} {x} {y}")
        sheet.lines(x + 8, (before.y + y) // 2 + 4, labels, anchor="start")
    elif after.x == before.x:
        sheet.arrow(f"M{before.x} {before.bottom} L{after.x} {after.top}")
        sheet.lines(after.x + 9, (before.bottom + after.top) // 2 + 3, labels, anchor="start")
    else:
        start, end = before.x + (after.x - before.x) // 7, after.x + 14
        low, high = before.bottom + 34, before.bottom + 6
        sheet.arrow(
            f"M{start} {before.bottom} C{start} {low} {end} {high} {end} {after.top - 26} L{end} {after.top}"
        )
        sheet.lines(end + 7, after.top - 12, labels, anchor="start")


def phase_picture() -> str:
    """The phases of the worker from top to bottom; an arrow that skips one goes round it."""
    edges = _grouped(phase_edges())
    boxes: dict[str, Box] = {phase: Box(x=204, y=28 + ROW * row) for row, phase in enumerate(PHASES)}
    sheet = Sheet("phases", 410, boxes[PHASES[-1]].bottom + 46)
    for phase, box in boxes.items():
        sheet.box(box, phase, css="node terminal" if phase == PHASES[-1] else "node")
    side = -1
    for (before, after), labels in edges.items():
        start, end = boxes[before], boxes[after]
        if end.y - start.y <= ROW:
            sheet.arrow(f"M{start.x} {start.bottom} L{end.x} {end.top}")
            sheet.lines(start.x + 9, (start.bottom + end.top) // 2 + 2, labels, anchor="start")
        else:
            x = start.x + side * start.width // 2
            out = x + side * 88
            sheet.arrow(f"M{x} {start.y} C{out} {start.y + 20} {out} {end.y - 20} {x} {end.y}")
            sheet.lines(
                x + side * 74, (start.y + end.y) // 2 + 4, labels, anchor="end" if side < 0 else "start"
            )
            side = -side
    said = "; ".join(
        f"{before} to {after} by {' or '.join(labels)}" for (before, after), labels in edges.items()
    )
    return sheet.svg("The phases of the worker, and the actions that change them", said + ".")


# --- the chain of evidence ------------------------------------------------------------------

# What the chain leads through, and the links that vouch for the step to the next thing.
CHAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("requirement", ("model",)),
    ("TLA+ property", ("equivalence",)),
    ("executable specification", ("conformance", "timing", "arithmetic")),
    ("shipped worker", ("log",)),
    ("recorded log", ()),
)


def chain_picture(verdicts: Mapping[str, str], *, wide: bool) -> str:
    """The chain as a row for wide paper, or as a column for narrow, with the verdict of each link."""
    said = ". ".join(
        f"{name} to {CHAIN[place + 1][0]}: " + ", ".join(f"{link} {verdicts[link]}" for link in links)
        for place, (name, links) in enumerate(CHAIN[:-1])
    )
    sheet = _chain_row(verdicts) if wide else _chain_column(verdicts)
    css = "chain wide" if wide else "chain narrow"
    return sheet.svg("The chain of evidence, and the verdict of each link", f"From {said}.", css=css)


def _chain_row(verdicts: Mapping[str, str]) -> Sheet:
    sheet = Sheet("chain-row", 1000, 172)
    width = 116
    step = (1000 - width - 8) // (len(CHAIN) - 1)
    for place, (name, links) in enumerate(CHAIN):
        box = Box(x=width // 2 + 4 + step * place, y=64, width=width, height=60)
        _wrapped_box(sheet, box, name)
        if links:
            sheet.arrow(f"M{box.right} 64 L{box.right + step - width} 64")
            _link_labels(sheet, box.right + (step - width) // 2 - 2, 64, links, verdicts)
    return sheet


def _chain_column(verdicts: Mapping[str, str]) -> Sheet:
    step = 100
    sheet = Sheet("chain-column", 340, 50 + step * (len(CHAIN) - 1))
    for place, (name, links) in enumerate(CHAIN):
        box = Box(x=110, y=24 + step * place, width=200, height=38)
        sheet.box(box, name)
        if links:
            sheet.arrow(f"M110 {box.bottom} L110 {box.bottom + step - 38}")
            first = box.bottom + (step - 38) // 2 + 4 - 8 * (len(links) - 1)
            for row, link in enumerate(links):
                verdict = verdicts[link]
                sheet.text(124, first + 16 * row, link, css="link-name", anchor="start")
                sheet.text(220, first + 16 * row, verdict, css=f"link-verdict on-{verdict}", anchor="start")
    return sheet


def _wrapped_box(sheet: Sheet, box: Box, text: str) -> None:
    """A box with its words below each other."""
    words = text.split()
    sheet.box(box, "")
    first = box.y + 5 - 8 * (len(words) - 1)
    for row, word in enumerate(words):
        sheet.text(box.x, first + 16 * row, word, css="node-text")


def _link_labels(sheet: Sheet, x: int, y: int, links: Sequence[str], verdicts: Mapping[str, str]) -> None:
    """The names of links and their verdicts: the first above the arrow, the others below it."""
    for row, link in enumerate(links):
        base = y - 26 if row == 0 else y + 22 + 38 * (row - 1)
        verdict = verdicts[link]
        sheet.text(x, base, link, css="link-name")
        sheet.text(x, base + 15, verdict, css=f"link-verdict on-{verdict}")
