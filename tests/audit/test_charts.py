"""The charts of a simulation: they hold what happened, and what is drawn is what they hold."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from jurat_audit.charts import FILES, PAGE, Chart, charts
from jurat_audit.content import canonical_json, check_content
from jurat_audit.page import _template
from jurat_audit.plots import STYLE, narrow_plot, plot_file, round_step, wide_plot
from jurat_sim.simulate import read, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from jurat_audit.charts import Detail, Marks
    from jurat_sim.simulate.outcome import Outcome

ROOT = Path(__file__).parents[2]
NAMES = ["starts", "threads", "retries", "shutdown", "queue"]
PLOTS = [wide_plot, narrow_plot, plot_file]
S, M, D = 1_000_000_000, 60_000_000_000, 86_400_000_000_000


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """The simulation that the audit draws."""
    return simulate(read(ROOT / "examples" / "scenarios" / "deploy.toml"))


@pytest.fixture(scope="module", params=[FILES, PAGE], ids=["files", "page"])
def drawn(outcome: Outcome, request: pytest.FixtureRequest) -> dict[str, Chart]:
    """Its charts, by name."""
    detail: Detail = request.param
    return {chart["name"]: chart for chart in charts(outcome, detail)}


def marks(chart: Chart, says: str) -> Marks:
    """Those that are called so in the legend."""
    return next(it for it in chart["marks"] if it["says"] == says)


def test_what_happened_is_drawn_and_is_content(drawn: dict[str, Chart]) -> None:
    """Five charts, of whole numbers and text alone, each with the words for who does not see it."""
    assert list(drawn) == NAMES
    check_content(drawn, root=ROOT)
    for chart in drawn.values():
        assert chart["description"]
        assert "would be wrong" in chart["reading"]


def test_no_start_is_above_what_is_permitted(drawn: dict[str, Chart]) -> None:
    """And the limiter binds somewhere, or the picture would show nothing."""
    started, permitted = marks(drawn["starts"], "started"), marks(drawn["starts"], "permitted")
    assert started["x"] == permitted["x"]
    spare = [most - count for count, most in zip(started["y"], permitted["y"], strict=True)]
    assert min(spare) == 0


def test_no_two_bars_of_a_thread_overlap(drawn: dict[str, Chart], outcome: Outcome) -> None:
    """They are the attempts of the run, and those that raised are told apart."""
    chart = drawn["threads"]
    bars = [
        (row, began, ended, kind["style"])
        for kind in chart["marks"]
        for row, began, ended in zip(kind["y"], kind["x"], kind["x_until"], strict=True)
    ]
    spans = [span for span in outcome.run.spans if span.worker == 0][: len(bars)]
    names = chart["y"]["names"]
    assert sorted((names[row], began, ended, style) for row, began, ended, style in bars) == sorted(
        (span.thread, span.began_ns, span.ended_ns, span.how) for span in spans
    )
    assert "raised" in {style for *_, style in bars}
    for before, after in pairwise(sorted(bars)):
        assert before[0] != after[0] or before[2] <= after[1]


def test_every_retry_is_inside_its_band(drawn: dict[str, Chart], outcome: Outcome) -> None:
    """The band is made from the policy, the dots from the log."""
    bands, dots = marks(drawn["retries"], "permitted"), marks(drawn["retries"], "drawn")
    assert (bands["y"], bands["y_until"]) == ([S // 10, S // 5, 2 * S // 5], [S // 5, 2 * S // 5, 4 * S // 5])
    assert len(dots["x"]) == outcome.figures["retries"]
    for column, delay in zip(dots["x"], dots["y"], strict=True):
        assert bands["y"][column] <= delay <= bands["y_until"][column]


def test_a_shutdown_ends_with_no_task_at_its_bound(drawn: dict[str, Chart]) -> None:
    """This one has a task that hangs, and is drawn with the deadline as well."""
    chart = drawn["shutdown"]
    left, bound = marks(chart, "not ended"), marks(chart, "bound")
    assert (left["x"][-1], left["y"][-1]) == (bound["x"][0], 0)
    assert marks(chart, "deadline")["x"] == [8 * S, 8 * S]


def test_the_longest_queue_and_the_empty_one_are_drawn(drawn: dict[str, Chart], outcome: Outcome) -> None:
    """However many values are left out."""
    waiting = marks(drawn["queue"], "waiting")
    assert len(waiting["x"]) < len(outcome.run.ledger.depth)
    assert f"of {len(outcome.run.ledger.depth):,} values are shown" in drawn["queue"]["reading"]
    assert max(waiting["y"]) == max(outcome.run.ledger.depth)
    assert min(waiting["y"]) == 0
    assert (waiting["x"][-1], waiting["y"][-1]) == (outcome.run.ended_ns, 0)
    assert waiting["x"] == sorted(waiting["x"])


def test_what_is_left_out_is_said(outcome: Outcome) -> None:
    """In the line below the picture."""
    page = {chart["name"]: chart["reading"] for chart in charts(outcome, PAGE)}
    starts = len(outcome.run.ledger.starts[0])
    assert f"the first {PAGE.starts} of {starts:,} starts" in page["starts"]
    assert f"the first {PAGE.attempts} of {starts:,} attempts" in page["threads"]
    assert "Shown" not in page["retries"]


@pytest.mark.parametrize("plot", PLOTS)
def test_every_mark_is_drawn_inside_the_paper(drawn: dict[str, Chart], plot: Callable[[Chart], str]) -> None:
    """One subpath for each bar, band and dot; a point for each of a line."""
    for chart in drawn.values():
        svg = ET.fromstring(plot(chart))  # noqa: S314 - our own
        _, _, width, height = map(int, svg.attrib["viewBox"].split())
        paths = [node.attrib for node in svg.iter("{http://www.w3.org/2000/svg}path")]
        for it in chart["marks"]:
            css = it["style"] + (" dots" if it["shape"] == "dots" else "")
            path = max((found["d"] for found in paths if found["class"] == css), key=len)
            points = len(re.findall("[ML]|H[0-9]+V" if it["shape"] in {"line", "stairs"} else "M", path))
            assert points == len(it["x"]), (chart["name"], it["says"])
            for x, y in re.findall(r"[ML](\d+) (\d+)", path):
                assert int(x) <= width
                assert int(y) <= height


@pytest.mark.parametrize("plot", PLOTS)
def test_the_legend_fits_on_the_paper(drawn: dict[str, Chart], plot: Callable[[Chart], str]) -> None:
    """With eight pixels a letter, which is more than they are wide on average."""
    for chart in drawn.values():
        svg = ET.fromstring(plot(chart))  # noqa: S314 - our own
        texts = {node.text: int(node.attrib["x"]) for node in svg.iter("{http://www.w3.org/2000/svg}text")}
        for it in chart["marks"]:
            assert texts[it["says"]] + 8 * len(it["says"]) <= int(svg.attrib["viewBox"].split()[2])


def test_a_raised_attempt_differs_in_shape_and_not_in_colour_alone() -> None:
    """Both style sheets draw it twice as high."""
    for style in (STYLE, _template("audit.css")):
        widths = {
            name: re.search(rf"\.{name} ?\{{[^}}]*stroke-width: ?(\d+)", style)
            for name in ("returned", "raised")
        }
        assert [int(found[1]) for found in widths.values() if found] == [8, 16]


def test_the_page_has_a_rule_for_each_style(drawn: dict[str, Chart]) -> None:
    """Or the mark would not be seen."""
    style = _template("audit.css")
    for chart in drawn.values():
        for it in chart["marks"]:
            assert f".chart .{it['style']} {{" in style
            assert f".{it['style']}{{" in STYLE


def test_the_same_picture_is_drawn_from_the_data_read_back(outcome: Outcome) -> None:
    """The pictures of the page are small, and hold no style of their own, which its policy would forbid."""
    for chart in charts(outcome, PAGE):
        again: Chart = json.loads(canonical_json(chart))
        for plot in PLOTS:
            assert plot(again) == plot(chart)
        both = wide_plot(chart) + narrow_plot(chart)
        assert len(both) < 20_000
        assert "<style" not in both
        assert "style=" not in both


@pytest.mark.parametrize(
    ("span", "wanted", "unit", "step"),
    [
        (9, 4, "", 2),
        (41, 4, "", 10),
        (4, 4, "", 1),
        (0, 4, "", 1),
        (700, 6, "ns", 200),
        (9 * S, 4, "ns", 2 * S),
        (70 * S, 4, "ns", 15 * S),
        (17 * M, 4, "ns", 5 * M),
        (30 * D, 6, "ns", 5 * D),
        (3 * D, 6, "ns", D // 2),
    ],
)
def test_the_numbers_along_an_axis_are_round(span: int, wanted: int, unit: str, step: int) -> None:
    """Decimal ones; of a time beyond a second, those of a clock."""
    assert round_step(span, wanted, unit) == step
