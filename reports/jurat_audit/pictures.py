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

from jurat_spec.lifecycle import ACTIONS, LIVE, PHASES, STATUSES, TERMINAL, WAITING, Config, Terms
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle

from .errors import AuditError

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

    def box(self, box: Box, text: str, *, css: str = "node", notes: Sequence[str] = ()) -> None:
        """A rounded box with one line of text in its middle, and notes below it."""
        self._lines.append(
            f'<rect class="{css}" x="{box.left}" y="{box.top}" '
            f'width="{box.width}" height="{box.height}" rx="6"/>'
        )
        first = box.y + 5 - 7 * (len(notes) + bool(notes))
        self.text(box.x, first, text, css="node-text")
        if notes:
            self.notes(box.x, first + 15, notes)

    def frame(self, box: Box) -> None:
        """A frame round several boxes."""
        self._lines.append(
            f'<rect class="group" x="{box.left}" y="{box.top}" '
            f'width="{box.width}" height="{box.height}" rx="10"/>'
        )

    def notes(self, x: int, y: int, labels: Sequence[str]) -> None:
        """What may happen here and changes no status, from the baseline `y` down."""
        for row, text in enumerate(("while it is so:", *labels)):
            self.text(x, y + 14 * row, text, css="note-text" if row else "note-text lead")

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


# Statuses that the picture draws a frame round.  An action whose sources are exactly those of a
# group is drawn once, from its frame.
GROUPS: dict[str, tuple[str, ...]] = {"waiting": WAITING, "live": LIVE, "ended": TERMINAL}


@dataclass(frozen=True, slots=True)
class Route:
    """Where an arrow runs, by SVG path commands, and where the last of its labels stands."""

    path: str
    x: int
    y: int
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where things stand on the paper.  What stands there is not said here, but by the rule."""

    size: tuple[int, int]
    boxes: dict[str, tuple[int, int, int]]
    """By status: the centre, and the width."""
    frames: dict[str, tuple[Box, tuple[int, int, str], tuple[int, int]]]
    """By group: the frame, where its name stands, and where its notes begin."""
    routes: dict[tuple[str, str], Route]
    """By the status or group that an arrow leaves, and the status that it leads to."""


WIDE = Plan(
    size=(916, 470),
    boxes={
        "absent": (62, 152, 92),
        "scheduled": (262, 80, 108),
        "queued": (262, 152, 108),
        "retrying": (262, 224, 108),
        "running": (516, 152, 172),
        "completed": (838, 80, 108),
        "failed": (838, 152, 108),
        "abandoned": (838, 224, 108),
        "cancelled": (838, 296, 108),
        "timed_out": (838, 368, 108),
    },
    frames={
        "live": (Box(x=395, y=224, width=438, height=436), (188, 24, "start"), (395, 419)),
        "waiting": (Box(x=271, y=217, width=162, height=366), (200, 52, "start"), (271, 330)),
        "ended": (Box(x=838, y=217, width=132, height=366), (782, 52, "start"), (838, 398)),
    },
    routes={
        ("absent", "scheduled"): Route("M62 134 V80 H208", 118, 74),
        ("absent", "queued"): Route("M108 152 H208", 142, 146),
        ("scheduled", "queued"): Route("M262 98 V134", 269, 120, "start"),
        ("retrying", "queued"): Route("M262 206 V170", 269, 192, "start"),
        ("queued", "running"): Route("M316 152 H430", 388, 146),
        ("running", "retrying"): Route("M470 191 V224 H316", 404, 218),
        ("running", "completed"): Route("M602 152 H630 V80 H784", 700, 74),
        ("running", "failed"): Route("M602 152 H784", 700, 146),
        ("running", "abandoned"): Route("M602 152 H630 V224 H784", 700, 218),
        ("running", "cancelled"): Route("M602 152 H630 V289 H784", 700, 283),
        ("running", "timed_out"): Route("M602 152 H630 V361 H784", 700, 355),
        ("waiting", "cancelled"): Route("M352 305 H784", 480, 299),
        ("waiting", "timed_out"): Route("M352 377 H784", 480, 371),
        ("ended", "absent"): Route("M838 400 V456 H62 V170", 700, 450),
    },
)
"""For paper about 900 units wide: from left to right."""

NARROW = Plan(
    size=(360, 780),
    boxes={
        "absent": (180, 26, 92),
        "scheduled": (70, 130, 92),
        "retrying": (276, 130, 92),
        "queued": (180, 210, 88),
        "running": (180, 341, 172),
        "completed": (273, 474, 110),
        "failed": (273, 526, 110),
        "abandoned": (273, 592, 110),
        "cancelled": (273, 668, 110),
        "timed_out": (273, 740, 110),
    },
    frames={
        "live": (Box(x=173, y=245, width=334, height=358), (14, 82, "start"), (173, 402)),
        "waiting": (Box(x=173, y=171, width=318, height=166), (324, 104, "end"), (100, 252)),
        "ended": (Box(x=273, y=601, width=134, height=338), (214, 449, "start"), (273, 762)),
    },
    routes={
        ("absent", "scheduled"): Route("M134 26 H70 V112", 100, 20),
        ("absent", "queued"): Route("M180 44 V192", 187, 60, "start"),
        ("scheduled", "queued"): Route("M70 148 V210 H136", 77, 184, "start"),
        ("retrying", "queued"): Route("M276 148 V210 H224", 269, 184, "end"),
        ("queued", "running"): Route("M180 228 V302", 173, 282, "end"),
        ("running", "retrying"): Route("M266 341 H306 V148", 300, 292, "end"),
        ("running", "completed"): Route("M94 341 H48 V474 H218", 126, 468),
        ("running", "failed"): Route("M94 341 H48 V526 H218", 126, 520),
        ("running", "abandoned"): Route("M94 341 H48 V592 H218", 126, 586),
        ("running", "cancelled"): Route("M94 341 H48 V661 H218", 126, 655),
        ("running", "timed_out"): Route("M94 341 H48 V733 H218", 126, 727),
        ("waiting", "cancelled"): Route("M26 254 V677 H218", 126, 705),
        ("waiting", "timed_out"): Route("M26 254 V749 H218", 126, 763),
        ("ended", "absent"): Route("M340 601 H352 V26 H226", 290, 20),
    },
)
"""For paper about 360 units wide: from top to bottom."""


def lifecycle_edges() -> list[Edge]:
    """As `status_edges`, but an action that may come from the whole of a group comes from it once.

    An action that leaves the status as it is leads from a place to itself.
    """
    found = []
    for action in ACTIONS.values():
        if action.of == "task":
            whole = [name for name, group in GROUPS.items() if set(group) == set(action.source)]
            for place in whole or action.source:
                found += [(place, action.name, target) for target in action.target or (place,)]
    return found


def lifecycle_picture(*, wide: bool) -> str:
    """The statuses of a task, those of a group in a frame, and the actions between them.

    Errors: `AuditError` if the rule has a status or a change that the plan of the picture has no place for.
    """
    plan, css = (WIDE, "wide") if wide else (NARROW, "narrow")
    ways = _grouped(lifecycle_edges())
    notes = {before: labels for (before, after), labels in ways.items() if before == after}
    changes = {pair: labels for pair, labels in ways.items() if pair[0] != pair[1]}
    missing: list[str] = [status for status in STATUSES if status not in plan.boxes]
    missing += [f"{before} to {after}" for before, after in changes if (before, after) not in plan.routes]
    if missing:
        raise AuditError(f"the picture of the lifecycle has no place for {', '.join(missing)}")
    sheet = Sheet(f"lifecycle-{css}", *plan.size)
    for name, (frame, (x, y, anchor), (notes_x, notes_y)) in plan.frames.items():
        sheet.frame(frame)
        sheet.text(x, y, name, css="group-text", anchor=anchor)
        if name in notes:
            sheet.notes(notes_x, notes_y, notes[name])
    for status in STATUSES:
        x, y, width = plan.boxes[status]
        inside = notes.get(status, [])
        box = Box(x=x, y=y, width=width, height=36 + 14 * (len(inside) + bool(inside)))
        sheet.box(box, status, css="node terminal" if status in TERMINAL else "node", notes=inside)
    for pair, labels in changes.items():
        route = plan.routes[pair]
        sheet.arrow(route.path)
        for row, label in enumerate(reversed(labels)):
            sheet.text(route.x, route.y - 14 * row, label, anchor=route.anchor)
    said = [f"{name} is {' or '.join(group)}" for name, group in GROUPS.items()]
    said += [f"{before} to {after} by {' or '.join(labels)}" for (before, after), labels in changes.items()]
    said += [f"while {place}, and staying so: {' or '.join(labels)}" for place, labels in notes.items()]
    return sheet.svg(
        "The statuses of a task, and the actions that change them",
        "; ".join(said) + ".",
        css=f"lifecycle {css}",
    )


ROW = 108  # from the middle of one row to the middle of the next


def phase_picture() -> str:
    """The phases of the worker from top to bottom; an arrow that skips one goes round it."""
    edges = _grouped(phase_edges())
    boxes: dict[str, Box] = {phase: Box(x=188, y=28 + ROW * row) for row, phase in enumerate(PHASES)}
    sheet = Sheet("phases", 376, boxes[PHASES[-1]].bottom + 10)
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
            out = x + side * 80
            sheet.arrow(f"M{x} {start.y} C{out} {start.y + 20} {out} {end.y - 20} {x} {end.y}")
            sheet.lines(
                x + side * 66, (start.y + end.y) // 2 + 4, labels, anchor="end" if side < 0 else "start"
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
