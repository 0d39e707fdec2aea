"""Charts of a simulation, as data: starts, threads, retries, a shutdown, a queue.

A chart is plain data: two axes, and marks in the units of those axes.  So it can stand in `audit.json`, and
`plots` draws the same picture from it as from a run.  Nothing here knows about pixels.

Each chart says three things in words: its title; a description, for readers who do not see it; and how it
is read, that is what it shows, what would be wrong, and what is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NotRequired, TypedDict

from jurat_sim.simulate.durations import show
from jurat_sim.simulate.laws import Rate, envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jurat_sim.simulate.outcome import Outcome
    from jurat_sim.simulate.run import Run


class Axis(TypedDict):
    """One axis, in whole numbers.  An axis with names has one unit for each, and no numbers."""

    label: str
    unit: str
    """`ns`, or nothing for a count."""
    least: int
    most: int
    names: NotRequired[list[str]]


class Marks(TypedDict):
    """Marks of one kind: a point for each `x` and `y`, which some shapes take on to an end."""

    shape: str
    """`stairs`, `line`, `dots`, `bars` (to `x_until`, along an axis with names) or `bands` (to both ends)."""
    style: str
    """`value`, `bound`, `mark`, `band`, `returned` or `raised`: how it is painted."""
    says: str
    """What it is, for the legend."""
    x: list[int]
    y: list[int]
    x_until: NotRequired[list[int]]
    y_until: NotRequired[list[int]]


class Chart(TypedDict):
    """A chart."""

    name: str
    title: str
    description: str
    reading: str
    """What is seen and what would be wrong, in a line or two."""
    x: Axis
    y: Axis
    marks: list[Marks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How much of a run is drawn at most."""

    starts: int
    attempts: int
    threads: int
    dots: int
    columns: int
    """Parts of the time along a line.  Of each, the largest and the least value are drawn."""


FILES = Detail(starts=400, attempts=400, threads=40, dots=2_000, columns=200)
"""For files of their own."""
PAGE = Detail(starts=160, attempts=120, threads=16, dots=400, columns=100)
"""For a page that shows several."""


def charts(outcome: Outcome, detail: Detail) -> list[Chart]:
    """The charts of a simulation.  What did not happen has no chart."""
    drawn = (
        starts_chart(outcome, detail),
        threads_chart(outcome.run, detail),
        retries_chart(outcome, detail),
        shutdown_chart(outcome, detail),
        queue_chart(outcome.run, detail),
    )
    return [chart for chart in drawn if chart is not None]


def starts_chart(outcome: Outcome, detail: Detail) -> Chart | None:
    """How many tasks the first worker has started, beside how many its limiter permits by then."""
    limit = outcome.scenario.worker.rate
    every = outcome.run.ledger.starts[0]
    if limit is None or not every:
        return None
    starts = every[: detail.starts].tolist()
    permitted = envelope(starts, Rate(limit.starts, limit.per, limit.burst))
    last = max(starts[-1], starts[0] + 1)
    return Chart(
        name="starts",
        title="Starts, and the most that the limiter permits",
        description=(
            f"{len(starts):,} starts from {show(starts[0])} to {show(starts[-1])}, where at most "
            f"{permitted[-1]:,} were permitted: {limit.burst:,} at once and {limit.starts:,} in "
            f"{show(limit.per)}."
        ),
        reading=(
            "Each step is a start. The dashed line is the most that the limiter permits by then, given the "
            "starts before. A step above it would be wrong."
            + _first(len(starts), len(every), "starts of the first worker")
        ),
        x=Axis(label="time", unit="ns", least=starts[0], most=last),
        y=Axis(label="starts", unit="", least=0, most=max(*permitted, len(starts))),
        marks=[
            Marks(shape="line", style="bound", says="permitted", x=starts, y=permitted),
            Marks(shape="stairs", style="value", says="started", x=starts, y=list(range(1, len(starts) + 1))),
        ],
    )


def threads_chart(run: Run, detail: Detail) -> Chart | None:
    """What ran on which thread, when: the first attempts of the first worker."""
    every = [span for span in run.spans if span.worker == 0]
    spans = every[: detail.attempts]
    if not spans:
        return None
    names = sorted({span.thread for span in spans}, key=lambda name: (len(name), name))[: detail.threads]
    rows = {name: row for row, name in enumerate(reversed(names))}
    shown = [span for span in spans if span.thread in rows]
    marks = []
    for how in ("returned", "raised"):
        of_it = [span for span in shown if span.how == how]
        marks.append(
            Marks(
                shape="bars",
                style=how,
                says=how,
                x=[span.began_ns for span in of_it],
                x_until=[span.ended_ns for span in of_it],
                y=[rows[span.thread] for span in of_it],
            )
        )
    return Chart(
        name="threads",
        title="Attempts, on their threads",
        description=(
            f"{len(shown):,} attempts on {len(names):,} threads; "
            f"{sum(span.how == 'raised' for span in shown):,} of them raised."
        ),
        reading=(
            "Each bar is an attempt, from the call of its function to its end. Two bars of one thread that "
            "overlap would be wrong, and so would a thread beyond the worker's own."
            + _first(len(shown), len(run.ledger.starts[0]), "attempts of the first worker")
        ),
        x=Axis(
            label="time",
            unit="ns",
            least=min(span.began_ns for span in shown),
            most=max(*(span.ended_ns for span in shown), 1),
        ),
        y=Axis(label="", unit="", least=0, most=len(names), names=list(rows)),
        marks=marks,
    )


def retries_chart(outcome: Outcome, detail: Detail) -> Chart | None:
    """The backoff of each retry, beside the band in which its jitter may put it."""
    retry = outcome.scenario.worker.retry
    every = outcome.run.ledger.delays
    delays = every[: detail.dots]
    if retry is None or not delays:
        return None
    attempts = max(delay.attempt for delay in delays)
    longest = [min(retry.cap, retry.delay * 2**before) for before in range(attempts)]
    kept = 1 - retry.jitter
    return Chart(
        name="retries",
        title="The backoff of each retry, and its band",
        description=(
            f"{len(delays):,} retries after at most {attempts} attempts; each band is from {kept} of the "
            f"longest backoff to all of it."
        ),
        reading=(
            "Each dot is a retry, at the backoff that it was given; each box is what the policy permits "
            "after that attempt. A dot outside its box would be wrong, and so would dots that do not spread."
            + _first(len(delays), len(every), "retries")
        ),
        x=Axis(
            label="after attempt",
            unit="",
            least=0,
            most=attempts,
            names=[str(before + 1) for before in range(attempts)],
        ),
        y=Axis(
            label="backoff", unit="ns", least=0, most=max(*longest, *(delay.delay_ns for delay in delays), 1)
        ),
        marks=[
            Marks(
                shape="bands",
                style="band",
                says="permitted",
                x=list(range(attempts)),
                x_until=list(range(1, attempts + 1)),
                y=[-(-length * kept.numerator // kept.denominator) for length in longest],
                y_until=longest,
            ),
            Marks(
                shape="dots",
                style="value",
                says="drawn",
                x=[delay.attempt - 1 for delay in delays],
                y=[delay.delay_ns for delay in delays],
            ),
        ],
    )


def shutdown_chart(outcome: Outcome, detail: Detail) -> Chart | None:
    """How many tasks are left during the shutdown that began with the most, beside its bound."""
    run, said = outcome.run, outcome.scenario.worker
    closings = [it for it in run.closings if it.ended_ns >= 0]
    if not closings:
        return None
    it = max(closings, key=lambda one: one.live)
    points = [(0, it.live)]
    points += [
        (at - it.began_ns, live)
        for at, live in zip(run.ledger.live_at, run.ledger.live, strict=True)
        if it.began_ns < at <= it.ended_ns
    ]
    shown = _columns([at for at, _ in points], [live for _, live in points], detail.columns)
    most = max(live for _, live in points) or 1
    marks = [_stairs(shown, "not ended")]
    bounds = {"bound": it.bound_ns}
    if it.what == "drain":
        bounds = {"deadline": said.drain_deadline, **bounds}
    marks += [
        Marks(
            shape="line",
            style="bound" if words == "bound" else "mark",
            says=words,
            x=[at, at],
            y=[0, most],
        )
        for words, at in bounds.items()
        if at is not None
    ]
    bound = "" if it.bound_ns is None else f" of at most {show(it.bound_ns)}"
    hanging = "" if it.bound_ns is None else "; what hangs until its bound is abandoned"
    last = len(run.generations) == it.worker + 1
    others = "" if last else " Tasks of the worker that follows are counted too."
    return Chart(
        name="shutdown",
        title=f"Tasks that have not ended, during the {it.what} of worker {it.worker}",
        description=f"{it.live:,} tasks when it began; it took {show(it.length_ns)}{bound}.",
        reading=(
            f"The line ends when the {it.what} is over{hanging}. Beyond its bound, or with a task left, "
            f"it would be wrong.{others}{_extremes(len(shown), len(points))}"
        ),
        x=Axis(
            label="since it began",
            unit="ns",
            least=0,
            most=max(it.bound_ns or 0, it.length_ns, 1),
        ),
        y=Axis(label="tasks", unit="", least=0, most=most),
        marks=marks,
    )


def queue_chart(run: Run, detail: Detail) -> Chart | None:
    """How many tasks wait for a thread."""
    ledger = run.ledger
    if not ledger.depth:
        return None
    most = max(ledger.depth)
    shown = _columns(ledger.depth_at, ledger.depth, detail.columns)
    end = (run.ended_ns, ledger.depth[-1])
    return Chart(
        name="queue",
        title="Tasks that wait for a thread",
        description=f"At most {most:,} tasks waited, in {show(run.ended_ns)}.",
        reading=(
            "Loads fill the queue, and threads empty it. A queue that does not come down again would be "
            "wrong, and so would one that does not end at zero." + _extremes(len(shown), len(ledger.depth))
        ),
        x=Axis(label="time", unit="ns", least=0, most=max(1, run.ended_ns)),
        y=Axis(label="tasks", unit="", least=0, most=max(1, most)),
        marks=[_stairs([*shown, end], "waiting")],
    )


def _stairs(points: Sequence[tuple[int, int]], says: str) -> Marks:
    return Marks(shape="stairs", style="value", says=says, x=[x for x, _ in points], y=[y for _, y in points])


def _first(shown: int, of: int, what: str) -> str:
    return "" if shown >= of else f" Shown are the first {shown:,} of {of:,} {what}."


def _extremes(shown: int, of: int) -> str:
    if shown >= of:
        return ""
    return f" Of each part of the time the largest and the least of {of:,} values are shown."


def _columns(instants: Sequence[int], values: Sequence[int], columns: int) -> list[tuple[int, int]]:
    """The largest and the least value of each column, as they come, and the last of all."""
    points = list(zip(instants, values, strict=True))
    if len(points) <= 2 * columns:
        return points
    first, last = instants[0], instants[-1]
    span = max(1, last - first)
    kept: list[tuple[int, int]] = []
    for _, column in groupby(points, key=lambda point: (point[0] - first) * columns // span):
        of_it = list(column)
        ends = {min(of_it, key=lambda point: point[1]), max(of_it, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
