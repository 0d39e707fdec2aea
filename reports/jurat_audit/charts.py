"""Charts of a simulation, drawn by hand into SVG: starts, threads, retries, a shutdown, a queue.

As `pictures`, they are plain text with whole-number coordinates, so they repeat to the byte, and each
has a title and a description for readers who do not see it.  They are files of their own, so each brings
its few rules of style, for light and for dark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from jurat_sim.simulate.durations import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jurat_sim.simulate.outcome import Outcome
    from jurat_sim.simulate.run import Closing, Run

WIDTH, HEIGHT = 920, 380
LEFT, RIGHT, TOP, BOTTOM = 96, 24, 44, 56
COLUMNS = 400
"""Points along a line at most: of more, the largest in each column is drawn."""
BARS = 400
"""Attempts that are drawn beside their threads at most."""
MOST_ROWS = 40
DOTS = 2_000

STYLE = (
    "svg{--paper:#fff;--ink:#1d1f22;--soft:#555c66;--rule:#d8d5cc;--line:#1d4f86;--bad:#a11616;"
    "--band:#d5e2f1;background:var(--paper)}"
    "@media(prefers-color-scheme:dark){svg{--paper:#1b1e22;--ink:#e6e4de;--soft:#a4abb5;--rule:#373c44;"
    "--line:#8cb8ec;--bad:#ff9389;--band:#26384d}}"
    'text{font:13px system-ui,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}'
    ".title{font-weight:600;font-size:15px;fill:var(--ink)}.axis,.grid{stroke:var(--rule);fill:none}"
    ".line{stroke:var(--line);fill:none;stroke-width:1.6}.bound{stroke:var(--bad);fill:none;"
    "stroke-width:1.4;stroke-dasharray:6 4}.band{fill:var(--band)}.dot{fill:var(--line);fill-opacity:.55}"
    ".returned{fill:var(--line)}.raised{fill:var(--bad)}"
)


@dataclass(slots=True, kw_only=True)
class Chart:
    """A plane with two axes, from zero or `x_least` to the given ends, in whole numbers."""

    name: str
    title: str
    x_least: int = 0
    x_most: int
    y_most: int
    height: int = HEIGHT
    _marks: list[str] = field(default_factory=list)

    def x(self, value: int) -> int:
        """Where a value stands from the left."""
        span = max(1, self.x_most - self.x_least)
        return LEFT + (value - self.x_least) * (WIDTH - LEFT - RIGHT) // span

    def y(self, value: int) -> int:
        """Where a value stands from the top."""
        return self.height - BOTTOM - value * (self.height - TOP - BOTTOM) // max(1, self.y_most)

    def scale(self, label: str, show_value: Callable[[int], str]) -> None:
        """The axis on the left, with five marks."""
        for step in range(5):
            value = self.y_most * step // 4
            y = self.y(value)
            self._marks.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
            self.text(LEFT - 8, y + 4, show_value(value), anchor="end")
        self.text(8, TOP - 8, label, anchor="start")

    def axes(
        self, x_label: str, show_x: Callable[[int], str], y_label: str, show_y: Callable[[int], str]
    ) -> None:
        """Both axes, with five marks each."""
        base, right = self.height - BOTTOM, WIDTH - RIGHT
        if y_label:
            self.scale(y_label, show_y)
        for step in range(5):
            value = self.x_least + (self.x_most - self.x_least) * step // 4
            x = self.x(value)
            self._marks.append(f'<path class="axis" d="M{x} {base}v5"/>')
            self.text(x, base + 20, show_x(value), anchor="end" if step == 4 else "middle")
        self._marks.append(f'<path class="axis" d="M{LEFT} {TOP}V{base}H{right}"/>')
        self.text(LEFT, base + 42, x_label, anchor="start")

    def text(self, x: int, y: int, text: str, *, css: str = "", anchor: str = "middle") -> None:
        """One line of text."""
        kind = f' class="{css}"' if css else ""
        self._marks.append(f'<text{kind} x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')

    def stairs(self, points: Sequence[tuple[int, int]], *, css: str = "line") -> None:
        """A value that stays until the next point."""
        if points:
            first, *rest = points
            path = [f"M{self.x(first[0])} {self.y(first[1])}"]
            path += [f"H{self.x(x)}V{self.y(y)}" for x, y in rest]
            self._marks.append(f'<path class="{css}" d="{"".join(path)}"/>')

    def straight(self, points: Sequence[tuple[int, int]], *, css: str = "bound") -> None:
        """A line through these points."""
        path = " ".join(
            f"{'L' if place else 'M'}{self.x(x)} {self.y(y)}" for place, (x, y) in enumerate(points)
        )
        self._marks.append(f'<path class="{css}" d="{path}"/>')

    def bar(self, x: int, until: int, y: int, height: int, *, css: str) -> None:
        """A bar from one value to another, at a place in pixels."""
        left = self.x(x)
        width = max(1, self.x(until) - left)
        self._marks.append(f'<rect class="{css}" x="{left}" y="{y}" width="{width}" height="{height}"/>')

    def band(self, x: int, until: int, least: int, most: int) -> None:
        """A rectangle between two values on each axis."""
        left, top = self.x(x), self.y(most)
        width, height = self.x(until) - left, max(1, self.y(least) - top)
        self._marks.append(f'<rect class="band" x="{left}" y="{top}" width="{width}" height="{height}"/>')

    def dot(self, x: int, y: int) -> None:
        """A point, at a place in pixels."""
        self._marks.append(f'<circle class="dot" cx="{x}" cy="{y}" r="2"/>')

    def svg(self, description: str) -> str:
        """The chart as text."""
        name = self.name
        head = (
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" '
            f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
            f'<title id="{name}-title">{escape(self.title)}</title>'
            f'<desc id="{name}-desc">{escape(description)}</desc><style>{STYLE}</style>'
            f'<text class="title" x="8" y="20" text-anchor="start">{escape(self.title)}</text>'
        )
        return "\n".join([head, *self._marks, "</svg>"]) + "\n"


def charts(outcome: Outcome) -> dict[str, str]:
    """The charts of a simulation by the names of their files.  What did not happen has no chart."""
    drawn = {
        "starts.svg": starts_chart(outcome),
        "threads.svg": threads_chart(outcome.run),
        "retries.svg": retries_chart(outcome),
        "shutdown.svg": shutdown_chart(outcome.run),
        "queue.svg": queue_chart(outcome.run),
    }
    return {name: chart for name, chart in drawn.items() if chart is not None}


def starts_chart(outcome: Outcome) -> str | None:
    """How many tasks the first worker has started, beside how many its limiter permits."""
    limit = outcome.scenario.worker.rate
    starts = outcome.run.ledger.starts[0]
    if limit is None or not starts:
        return None
    first, last = starts[0], starts[-1]
    permitted = limit.burst + limit.starts * (last - first) // limit.per
    chart = Chart(
        name="starts",
        title="Starts, and the most that the limiter permits since the first",
        x_least=first,
        x_most=max(last, first + 1),
        y_most=max(permitted, len(starts)),
    )
    chart.axes("time", show, "starts", _number)
    chart.stairs(_columns(starts, range(1, len(starts) + 1)))
    chart.straight([(first, limit.burst), (last, permitted)])
    return chart.svg(
        f"{len(starts):,} starts from {show(first)} to {show(last)}; at most {permitted:,} were permitted: "
        f"{limit.burst} at once and {limit.starts} in {show(limit.per)}."
    )


def threads_chart(run: Run) -> str | None:
    """What ran on which thread, when: the first attempts of the first worker."""
    spans = [span for span in run.spans if span.worker == 0][:BARS]
    if not spans:
        return None
    threads = sorted({span.thread for span in spans}, key=lambda name: (len(name), name))[:MOST_ROWS]
    row = 22
    chart = Chart(
        name="threads",
        title=f"The first {len(spans):,} attempts, on their threads",
        x_least=min(span.began_ns for span in spans),
        x_most=max(span.ended_ns for span in spans),
        y_most=len(threads),
        height=TOP + BOTTOM + row * len(threads),
    )
    chart.axes("time", show, "", lambda _: "")
    for place, thread in enumerate(threads):
        chart.text(LEFT - 8, TOP + row * place + 15, thread, anchor="end")
    for span in spans:
        if span.thread in threads:
            y = TOP + row * threads.index(span.thread) + 4
            chart.bar(span.began_ns, span.ended_ns, y, row - 8, css=span.how)
    raised = sum(span.how == "raised" for span in spans)
    return chart.svg(f"{len(spans):,} attempts on {len(threads):,} threads; {raised:,} of them raised.")


def retries_chart(outcome: Outcome) -> str | None:
    """The backoff of each retry, beside the band in which its jitter may put it."""
    retry = outcome.scenario.worker.retry
    delays = outcome.run.ledger.delays[:DOTS]
    if retry is None or not delays:
        return None
    attempts = max(delay.attempt for delay in delays)
    longest = [min(retry.cap, retry.delay * 2 ** (attempt - 1)) for attempt in range(1, attempts + 1)]
    most = max(*longest, *(delay.delay_ns for delay in delays), 1)
    chart = Chart(
        name="retries",
        title="The backoff of each retry, and its band",
        x_most=attempts * COLUMNS,
        y_most=most,
    )
    for place, length in enumerate(longest):
        least = -(-length * (retry.jitter.denominator - retry.jitter.numerator) // retry.jitter.denominator)
        chart.band(place * COLUMNS + 40, (place + 1) * COLUMNS - 40, least, length)
        chart.text(
            chart.x(place * COLUMNS + COLUMNS // 2), HEIGHT - BOTTOM + 20, f"after attempt {place + 1}"
        )
    chart.scale("backoff", show)
    seen = [0] * attempts
    for delay in delays:
        place = delay.attempt - 1
        # Spread by a step that has no divisor in common with the width, so that dots do not hide each other.
        x = place * COLUMNS + 50 + seen[place] * 7 % 300
        seen[place] += 1
        chart.dot(chart.x(x), chart.y(delay.delay_ns))
    return chart.svg(
        f"{len(delays):,} retries after at most {attempts} attempts; the band of each is from "
        f"{1 - retry.jitter} of its longest backoff to all of it."
    )


def shutdown_chart(run: Run) -> str | None:
    """How many tasks are left during the shutdown that began with the most, beside its bound."""
    closings = [it for it in run.closings if it.ended_ns >= 0]
    if not closings:
        return None
    it = max(closings, key=lambda one: one.live)
    ledger = run.ledger
    points = [(it.began_ns, it.live)]
    points += [
        (at, live)
        for at, live in zip(ledger.live_at, ledger.live, strict=True)
        if it.began_ns < at <= it.ended_ns
    ]
    end = it.ended_ns if it.bound_ns is None else it.began_ns + it.bound_ns
    chart = Chart(
        name="shutdown",
        title=f"Tasks that have not ended, during the {it.what} of worker {it.worker}",
        x_least=it.began_ns,
        x_most=max(end, it.ended_ns, it.began_ns + 1),
        y_most=max(live for _, live in points) or 1,
    )
    chart.axes("since it began", _since(it), "tasks of all workers", _number)
    chart.stairs(_columns([at for at, _ in points], [live for _, live in points]))
    if it.bound_ns is not None:
        chart.straight([(end, 0), (end, chart.y_most)])
    bound = "" if it.bound_ns is None else f" of at most {show(it.bound_ns)}"
    return chart.svg(f"{it.live:,} tasks when it began; it took {show(it.length_ns)}{bound}.")


def queue_chart(run: Run) -> str | None:
    """How many tasks wait for a thread."""
    ledger = run.ledger
    if not ledger.depth:
        return None
    most = max(ledger.depth)
    chart = Chart(
        name="queue", title="Tasks that wait for a thread", x_most=max(1, run.ended_ns), y_most=max(1, most)
    )
    chart.axes("time", show, "tasks", _number)
    chart.stairs(_columns(ledger.depth_at, ledger.depth))
    return chart.svg(f"At most {most:,} tasks waited, in {show(run.ended_ns)}.")


def _columns(instants: Sequence[int], values: Sequence[int]) -> list[tuple[int, int]]:
    """The largest value of each column, and the last value of all."""
    if len(instants) <= COLUMNS:
        return list(zip(instants, values, strict=True))
    first, last = instants[0], instants[-1]
    span = max(1, last - first)
    largest: dict[int, tuple[int, int]] = {}
    for at, value in zip(instants, values, strict=True):
        column = (at - first) * COLUMNS // span
        if column not in largest or value > largest[column][1]:
            largest[column] = (at, value)
    return [*largest.values(), (last, values[-1])]


def _number(value: int) -> str:
    return f"{value:,}"


def _since(closing: Closing) -> Callable[[int], str]:
    return lambda at: show(at - closing.began_ns)
