"""Plots: the charts of a simulation, drawn by hand into SVG.

As `pictures`, they are plain text with whole-number coordinates, so they repeat to the byte, and each
has a title and a description for readers who do not see it.  In a page they take their colours from its
style sheet; a file of its own brings its few rules of style, for light and for dark.

What differs in meaning differs in shape as well as in colour: an attempt that raised is a taller bar, a
bound is dashed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import takewhile
from typing import TYPE_CHECKING

from jurat_sim.simulate.durations import UNITS, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .charts import Axis, Chart, Marks

STYLE = (
    "svg{--sheet:#fff;--ink:#1d1f22;--soft:#555c66;--rule:#d8d5cc;--accent:#1d4f86;--fail:#a11616;"
    "--band:#d5e2f1;background:var(--sheet)}"
    "@media(prefers-color-scheme:dark){svg{--sheet:#1b1e22;--ink:#e6e4de;--soft:#a4abb5;--rule:#373c44;"
    "--accent:#8cb8ec;--fail:#ff9389;--band:#26384d}}"
    'text{font:13px system-ui,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}'
    ".title{font-weight:600;font-size:15px;fill:var(--ink)}path{fill:none}.axis{stroke:var(--rule)}"
    ".value{stroke:var(--accent);stroke-width:1.6}.bound{stroke:var(--fail);stroke-width:1.4;"
    "stroke-dasharray:6 4}.mark{stroke:var(--soft);stroke-width:1.4;stroke-dasharray:2 3}"
    ".band{fill:var(--band);stroke:none}.returned{stroke:var(--accent);stroke-width:8}"
    ".raised{stroke:var(--fail);stroke-width:16}"
    ".dots{stroke-width:4;stroke-linecap:round;stroke-opacity:.6}"
)
"""The rules of `audit.css` for charts, for a file of its own."""

ROW = 22
"""The height of a row of an axis with names."""
SPREAD = 7
"""Dots of one column are this many hundredths of it apart: few of them hide each other."""
CLOCK = tuple(
    number * UNITS[unit]
    for unit, numbers in (("s", (1, 2, 5, 10, 15, 30)), ("m", (1, 2, 5, 10, 15, 30)), ("h", (1, 3, 6, 12)))
    for number in numbers
)
"""Round numbers of nanoseconds from a second to half a day.  Below and above they go by 1, 2, 5 and 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The room for a chart, in pixels."""

    width: int
    height: int
    left: int
    right: int = 16
    top: int = 28
    bottom: int = 46
    marks: int
    """Numbers along an axis, about."""


WIDE = Paper(width=920, height=300, left=96, marks=6)
NARROW = Paper(width=360, height=240, left=66, marks=4)


def wide_plot(chart: Chart) -> str:
    """The chart in a page that has room for it."""
    return _Plot(chart, WIDE).svg(suffix="wide", css="chart wide")


def narrow_plot(chart: Chart) -> str:
    """The same for a narrow page: less wide, and its text as large."""
    return _Plot(chart, NARROW).svg(suffix="narrow", css="chart narrow")


def plot_file(chart: Chart) -> str:
    """The chart as a file of its own, with its title on it."""
    paper = Paper(
        width=WIDE.width, height=WIDE.height + 36, left=WIDE.left, top=WIDE.top + 28, marks=WIDE.marks
    )
    return _Plot(chart, paper).svg(suffix="file", alone=True)


@dataclass(slots=True)
class _Plot:
    """A chart on its paper."""

    chart: Chart
    paper: Paper
    height: int = 0
    _drawn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        paper, rows = self.paper, self.chart["y"].get("names")
        self.height = paper.height if rows is None else paper.top + paper.bottom + ROW * len(rows)

    def svg(self, *, suffix: str, css: str = "", alone: bool = False) -> str:
        chart = self.chart
        id = f"{chart['name']}-{suffix}"
        kind = f' class="{css}"' if css else ""
        head = (
            f'<svg{kind} viewBox="0 0 {self.paper.width} {self.height}" role="img" '
            f'aria-labelledby="{id}-title {id}-desc" xmlns="http://www.w3.org/2000/svg">'
            f'<title id="{id}-title">{escape(chart["title"])}</title>'
            f'<desc id="{id}-desc">{escape(chart["description"])} {escape(chart["reading"])}</desc>'
        )
        if alone:
            head += f"<style>{STYLE}</style>"
            self._text(8, 22, chart["title"], anchor="start", css="title")
        behind = [marks for marks in chart["marks"] if marks["shape"] == "bands"]
        for marks in behind:
            self._marks(marks)
        self._axes()
        for marks in chart["marks"]:
            if marks not in behind:
                self._marks(marks)
        self._legend()
        return "\n".join([head, *self._drawn, "</svg>"]) + "\n"

    # --- places ---

    def _x(self, value: int) -> int:
        axis, paper = self.chart["x"], self.paper
        room = paper.width - paper.left - paper.right
        return paper.left + (value - axis["least"]) * room // max(1, axis["most"] - axis["least"])

    def _y(self, value: int) -> int:
        axis, base = self.chart["y"], self.height - self.paper.bottom
        return base - (value - axis["least"]) * (base - self.paper.top) // max(
            1, axis["most"] - axis["least"]
        )

    # --- axes and legend ---

    def _axes(self) -> None:
        paper, x, y = self.paper, self.chart["x"], self.chart["y"]
        base, right = self.height - paper.bottom, paper.width - paper.right
        for place, words in _named(y):
            self._text(paper.left - 8, self._y(place) - ROW // 2 + 4, words, anchor="end")
        for value, words in _numbers(y, paper.marks):
            self._path("axis", f"M{paper.left} {self._y(value)}H{right}")
            self._text(paper.left - 8, self._y(value) + 4, words, anchor="end")
        for place, words in _named(x):
            self._text((self._x(place) + self._x(place + 1)) // 2, base + 18, words)
        for value, words in _numbers(x, paper.marks):
            self._path("axis", f"M{self._x(value)} {base}v5")
            # A number at the right end would stand out of the paper, were it centred there.
            at_end = self._x(value) > right - 24
            self._text(
                right if at_end else self._x(value), base + 18, words, anchor="end" if at_end else "middle"
            )
        self._path("axis", f"M{paper.left} {paper.top}V{base}H{right}")
        if x["label"]:
            self._text(paper.left, base + 38, x["label"], anchor="start")
        if y["label"]:
            self._text(paper.left - 8, paper.top - 12, y["label"], anchor="end")

    def _legend(self) -> None:
        """What each kind of mark is, above the plane, from the left."""
        x, y = self.paper.left, self.paper.top - 16
        for marks in self.chart["marks"]:
            match marks["shape"]:
                case "bands":
                    self._path(marks["style"], f"M{x} {y - 6}h18v12h-18z")
                case "dots":
                    self._path(f"{marks['style']} dots", f"M{x + 9} {y}h0")
                case _:
                    self._path(marks["style"], f"M{x} {y}h18")
            self._text(x + 24, y + 4, marks["says"], anchor="start")
            x += 24 + 7 * len(marks["says"]) + 20

    # --- marks ---

    def _marks(self, marks: Marks) -> None:
        css = f"{marks['style']} dots" if marks["shape"] == "dots" else marks["style"]
        if path := "".join(_SHAPES[marks["shape"]](self, marks)):
            self._path(css, path)

    def _line(self, marks: Marks) -> Iterator[str]:
        for place, (x, y) in enumerate(zip(marks["x"], marks["y"], strict=True)):
            yield f"{'L' if place else 'M'}{self._x(x)} {self._y(y)}"

    def _stairs(self, marks: Marks) -> Iterator[str]:
        """A value that stays until the next point."""
        for place, (x, y) in enumerate(zip(marks["x"], marks["y"], strict=True)):
            yield f"H{self._x(x)}V{self._y(y)}" if place else f"M{self._x(x)} {self._y(y)}"

    def _bars(self, marks: Marks) -> Iterator[str]:
        """Each a pixel shorter than it is, so that neighbours can be told apart."""
        for x, until, row in zip(marks["x"], marks["x_until"], marks["y"], strict=True):
            width = self._x(until) - self._x(x)
            yield f"M{self._x(x)} {self._y(row) - ROW // 2}h{max(1, width - 1)}"

    def _bands(self, marks: Marks) -> Iterator[str]:
        """With a tenth of their width left free on each side."""
        for x, until, y, top in zip(marks["x"], marks["x_until"], marks["y"], marks["y_until"], strict=True):
            free = (self._x(until) - self._x(x)) // 10
            height = max(1, self._y(y) - self._y(top))
            yield f"M{self._x(x) + free} {self._y(top)}H{self._x(until) - free}v{height}H{self._x(x) + free}z"

    def _dots(self, marks: Marks) -> Iterator[str]:
        """Side by side within their column, in the order in which they come."""
        seen: dict[int, int] = {}
        for column, y in zip(marks["x"], marks["y"], strict=True):
            number = seen[column] = seen.get(column, -1) + 1
            left, width = self._x(column), self._x(column + 1) - self._x(column)
            yield f"M{left + width * (15 + number * SPREAD % 71) // 100} {self._y(y)}h0"

    # --- elements ---

    def _path(self, css: str, path: str) -> None:
        self._drawn.append(f'<path class="{css}" d="{path}"/>')

    def _text(self, x: int, y: int, text: str, *, anchor: str = "middle", css: str = "") -> None:
        kind = f' class="{css}"' if css else ""
        self._drawn.append(f'<text{kind} x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')


_SHAPES = {
    "line": _Plot._line,
    "stairs": _Plot._stairs,
    "bars": _Plot._bars,
    "bands": _Plot._bands,
    "dots": _Plot._dots,
}


def _named(axis: Axis) -> Iterator[tuple[int, str]]:
    """The names along an axis, each with the unit that it stands beside."""
    yield from enumerate(axis.get("names", []))


def _numbers(axis: Axis, wanted: int) -> Iterator[tuple[int, str]]:
    """Round numbers along an axis, at most so many and one more, and how they are written."""
    if "names" in axis:
        return
    step = round_step(axis["most"] - axis["least"], wanted, axis["unit"])
    for value in range(-(-axis["least"] // step) * step, axis["most"] + 1, step):
        yield value, show(value) if axis["unit"] == "ns" else f"{value:,}"


def round_step(span: int, wanted: int, unit: str) -> int:
    """The smallest round number of which so many or fewer fit into the span; of a time, one of the clock."""
    return next(step for step in _steps(unit) if span // step <= wanted)


def _steps(unit: str) -> Iterator[int]:
    if unit != "ns":
        yield from _decades(1)
    yield from takewhile(lambda step: step < CLOCK[0], _decades(1))
    yield from CLOCK
    yield from _decades(UNITS["d"])


def _decades(least: int) -> Iterator[int]:
    while True:
        yield from (least, 2 * least, 5 * least)
        least *= 10
