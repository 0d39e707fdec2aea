"""The pictures say what the rule says, no more and no less."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from jurat_audit import pictures
from jurat_audit.errors import AuditError
from jurat_audit.requirements import LINKS
from jurat_spec.lifecycle import ACTIONS, PHASES, STATUSES, TERMINAL, Config, Terms
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle

if TYPE_CHECKING:
    from jurat_spec.lifecycle import Status

TERMS = Terms(delayed=True, deadline=True, timeout=True)
GRAPH = walk(
    Lifecycle(
        Config(threads=1, queue_max=1, max_retries=1, retry_timeouts=True, retention=True), (TERMS, Terms())
    )
)


def texts(svg: str) -> list[str]:
    """The words in a picture."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_matrix_allows_what_the_search_reaches_and_forbids_the_rest() -> None:
    """Every change of status in the whole graph, against the table that the page shows."""
    reached = {
        (before.status[task], after.status[task], label)
        for before, label, after in GRAPH.edges
        for task in range(2)
        if before.status[task] != after.status[task]
    }
    shown = {
        (row["from"], after, label)
        for row in pictures.transitions()
        for after, labels in zip(STATUSES, row["to"], strict=True)
        for label in labels
        if row["from"] != after
    }
    assert shown == reached


def test_the_phases_are_those_of_the_larger_graph() -> None:
    """One task brings about every change of phase that two do."""
    reached = {(before.phase, label, after.phase) for before, label, after in GRAPH.edges}
    assert set(pictures.phase_edges()) == {edge for edge in reached if edge[0] != edge[2]}


@dataclass(frozen=True)
class Area:
    """A rectangle on the paper, and what it is."""

    kind: str
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        """Whether the two have a point in common, edges aside."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Area) -> bool:
        """Whether the other lies in this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


# By class of text: its size, and the width of a character as a part of that, for a font that runs wide.
FONTS = {"node-text": (14, 0.65), "note-text": (12, 0.6), "edge-text": (12.5, 0.6), "group-text": (12.5, 0.6)}


def areas(svg: str) -> list[Area]:
    """The boxes, the frames and the texts of a picture, the texts by an estimate; the paper comes first."""
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    found = [Area("paper", "", 0, 0, width, height)]
    rect = r'<rect class="(\w+)[^"]*" x="(-?\d+)" y="(-?\d+)" width="(\d+)" height="(\d+)"'
    for kind, *numbers in re.findall(rect, svg):
        x, y, w, h = map(int, numbers)
        found.append(Area(kind, "", x, y, x + w, y + h))
    text = r'<text class="([\w-]+)[^"]*" x="(-?\d+)" y="(-?\d+)" text-anchor="(\w+)">([^<]*)</text>'
    for kind, across, down, anchor, words in re.findall(text, svg):
        size, part = FONTS[kind]
        wide = size * part * len(words)
        left = int(across) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        found.append(Area(kind, words, left, int(down) - 0.75 * size, left + wide, int(down) + 0.2 * size))
    assert len(found) == 1 + svg.count("<rect") + svg.count("<text")
    return found


PICTURES = [pictures.lifecycle_picture(wide=True), pictures.lifecycle_picture(wide=False)]
PICTURES.append(pictures.phase_picture())


def test_what_is_drawn_once_for_a_group_is_what_the_rule_has_for_each_status_in_it() -> None:
    """Edge by edge, none twice."""
    spread = [
        (source, label, source if before == after else after)
        for before, label, after in pictures.lifecycle_edges()
        for source in pictures.GROUPS.get(before, (before,))
    ]
    assert Counter(spread) == Counter(pictures.status_edges())
    drawn = {label: before for before, label, _ in pictures.lifecycle_edges() if before in pictures.GROUPS}
    assert drawn == {
        **dict.fromkeys(("Cancel", "Expire", "ShutdownCancel"), "waiting"),
        "Evict": "ended",
        "DeadlinePasses": "live",
    }


@pytest.mark.parametrize("wide", [True, False])
def test_the_lifecycle_shows_each_status_once_and_each_action_as_often_as_the_rule_says(wide: bool) -> None:
    """A box for each status, a label for each action and way, an arrow for each way that is a change."""
    svg = pictures.lifecycle_picture(wide=wide)
    edges = pictures.lifecycle_edges()
    shown = Counter(texts(svg))
    shown.pop("while it is so:")
    assert shown == Counter([*(label for _, label, _ in edges), *STATUSES, *pictures.GROUPS])
    assert {label for _, label, _ in edges} == {row.name for row in ACTIONS.values() if row.of == "task"}
    assert svg.count("marker-end") == len({(one, other) for one, _, other in edges if one != other})
    assert svg == pictures.lifecycle_picture(wide=wide)


@pytest.mark.parametrize("wide", [True, False])
def test_every_arrow_begins_and_ends_where_the_rule_says(wide: bool) -> None:
    """On the edge of the box or frame that it leaves, and of the box that it leads to."""
    plan = pictures.WIDE if wide else pictures.NARROW
    svg = pictures.lifecycle_picture(wide=wide)
    named = {area.text: area for area in areas(svg) if area.kind == "node-text"}
    boxes = [area for area in areas(svg) if area.kind == "node"]
    place = {name: next(box for box in boxes if box.holds(text)) for name, text in named.items()}
    for name, (frame, _, _) in plan.frames.items():
        place[name] = Area("group", name, frame.left, frame.top, frame.right, frame.bottom)
    for (before, after), route in plan.routes.items():
        assert route.path in svg
        for name, (x, y) in zip((before, after), ends(route.path), strict=True):
            area = place[name]
            edge = x in (area.left, area.right) or y in (area.top, area.bottom)
            assert edge, (before, after)
            assert area.left <= x <= area.right, (before, after)
            assert area.top <= y <= area.bottom, (before, after)


def ends(path: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last point of a path of straight lines."""
    start, *rest = re.findall(r"([MHV])(\d+)(?: (\d+))?", path)
    x, y = first = int(start[1]), int(start[2])
    for command, number, _ in rest:
        x, y = (int(number), y) if command == "H" else (x, int(number))
    return first, (x, y)


@pytest.mark.parametrize("svg", PICTURES)
def test_boxes_do_not_overlap_and_everything_stays_on_the_paper(svg: str) -> None:
    """A frame has a box inside it or outside it."""
    paper, *rest = areas(svg)
    assert all(paper.holds(area) for area in rest), [area for area in rest if not paper.holds(area)]
    boxes = [area for area in rest if area.kind == "node"]
    assert len(boxes) >= len(PHASES)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])]
    frames = [area for area in rest if area.kind == "group"]
    assert all(frame.holds(box) or not frame.meets(box) for frame in frames for box in boxes)


@pytest.mark.parametrize("svg", PICTURES)
def test_labels_overlap_neither_boxes_nor_each_other(svg: str) -> None:
    """By an estimate of their widths; the text of a box lies in the box."""
    found = areas(svg)
    boxes = [area for area in found if area.kind == "node"]
    labels = [area for area in found if area.text]
    assert not [pair for pair in combinations(labels, 2) if pair[0].meets(pair[1])]
    for label in labels:
        assert all(box.holds(label) or not box.meets(label) for box in boxes), label
        if label.kind == "node-text":
            assert sum(box.holds(label) for box in boxes) == 1, label


def test_a_picture_with_things_over_each_other_would_be_seen() -> None:
    """The measure measures: a label moved into its neighbour, or off the paper, meets it or leaves."""
    svg = pictures.lifecycle_picture(wide=True)
    paper, *rest = areas(
        svg.replace('x="388" y="146"', 'x="270" y="150"').replace('x="62" y="157"', 'x="2" y="157"')
    )
    start = next(area for area in rest if area.text == "Start")
    assert [area.kind for area in rest if area.text != "Start" and start.meets(area)].count("node") == 1
    assert [area.text for area in rest if not paper.holds(area)] == ["absent"]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        (("queued",), ("scheduled",), "queued to scheduled"),
        (("running",), ("queued",), "running to queued"),
        (TERMINAL, ("queued",), "ended to queued"),
    ],
)
def test_a_change_that_has_no_place_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    wide: bool,
    source: tuple[Status, ...],
    target: tuple[Status, ...],
    named: str,
) -> None:
    """Rather than left out."""
    row = replace(ACTIONS["Start"], name="Invented", source=source, target=target)
    monkeypatch.setattr(pictures, "ACTIONS", {**ACTIONS, "Invented": row})
    with pytest.raises(AuditError, match=f"has no place for {named}$"):
        pictures.lifecycle_picture(wide=wide)


def test_a_status_that_has_no_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than left out."""
    monkeypatch.setattr(pictures, "STATUSES", (*STATUSES, "parked"))
    with pytest.raises(AuditError, match=r"has no place for parked$"):
        pictures.lifecycle_picture(wide=True)


def test_another_action_on_a_known_way_appears(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a label of its arrow, or as a note of its box; and in words for those who do not see it."""
    more = {
        "Hurry": replace(ACTIONS["Start"], name="Hurry"),
        "Yawn": replace(ACTIONS["LateReturn"], name="Yawn", source=("queued",)),
    }
    monkeypatch.setattr(pictures, "ACTIONS", {**ACTIONS, **more})
    for wide in (True, False):
        svg = pictures.lifecycle_picture(wide=wide)
        assert Counter(texts(svg))["Hurry"] == Counter(texts(svg))["Yawn"] == 1
        assert "queued to running by Start or Hurry;" in svg
        assert "while queued, and staying so: Yawn" in svg


def test_the_chain_shows_each_link_with_its_own_verdict() -> None:
    """In both shapes."""
    verdicts = dict(zip(LINKS, ("pass", "fail", "planned", "undetermined", "pass", "pass"), strict=True))
    for wide in (True, False):
        svg = pictures.chain_picture(verdicts, wide=wide)
        words = texts(svg)
        for link, verdict in verdicts.items():
            assert words[words.index(link) + 1] == verdict
            assert f"{link} {verdict}" in svg  # in the description too
