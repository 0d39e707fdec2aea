"""The pictures say what the rule says, no more and no less."""

from __future__ import annotations

import re
from collections import Counter

from jurat_audit import pictures
from jurat_audit.requirements import LINKS
from jurat_spec.lifecycle import STATUSES, Config, Terms
from jurat_spec.search import walk
from jurat_spec.view import Lifecycle

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


def test_the_lifecycle_shows_each_status_and_each_edge_once() -> None:
    """A label for each row of the rule that is about a task, and a box for each status."""
    svg = pictures.lifecycle_picture()
    labels = [label for _, label, _ in pictures.status_edges()]
    assert Counter(texts(svg)) == Counter([*labels, *STATUSES])
    assert svg.count("marker-end") == len({(before, after) for before, _, after in pictures.status_edges()})


def test_boxes_do_not_overlap_and_stay_on_the_paper() -> None:
    """Whatever is added to the rule later."""
    for svg in (pictures.lifecycle_picture(), pictures.phase_picture()):
        width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
        boxes = [
            tuple(map(int, found))
            for found in re.findall(r'<rect[^>]*x="(-?\d+)" y="(-?\d+)" width="(\d+)" height="(\d+)"', svg)
        ]
        assert boxes
        for x, y, w, h in boxes:
            assert x >= 0 and y >= 0 and x + w <= width and y + h <= height  # noqa: PT018
        for first in boxes:
            for second in boxes:
                apart = abs(first[0] - second[0]) >= first[2] or abs(first[1] - second[1]) >= first[3]
                assert apart or first == second


def test_the_chain_shows_each_link_with_its_own_verdict() -> None:
    """In both shapes."""
    verdicts = dict(zip(LINKS, ("pass", "fail", "planned", "undetermined", "pass", "pass"), strict=True))
    for wide in (True, False):
        svg = pictures.chain_picture(verdicts, wide=wide)
        words = texts(svg)
        for link, verdict in verdicts.items():
            assert words[words.index(link) + 1] == verdict
            assert f"{link} {verdict}" in svg  # in the description too
