"""What `jurat simulate` does: run a scenario with the worker in virtual time, and tell what came of it.

The work is in `jurat_sim.simulate`; here it is asked for and told.  Everything that is printed on
standard output repeats to the byte, but for the last line for people, which says how much faster than
real time the run was; with `--json` that line goes to standard error.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jurat_sim.errors import BenchError
from jurat_sim.simulate import durations
from jurat_sim.simulate.config import read
from jurat_sim.simulate.guidance import guide
from jurat_sim.simulate.outcome import Verdict
from jurat_sim.simulate.outcome import simulate as run_scenario

from .charts import FILES, charts
from .content import canonical_json
from .errors import UsageError
from .plots import plot_file
from .progress import shown
from .write import check_folder, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from jurat_sim.simulate.guidance import Guidance, Measured, Step
    from jurat_sim.simulate.outcome import Outcome

EXIT_STATUS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNDETERMINED: 3}
PICTURES = ("queue.svg", "retries.svg", "shutdown.svg", "starts.svg", "threads.svg")


def simulated(
    file: Path, *, number: int, replayed: bool, pictures: Path | None, guided: bool, as_json: bool
) -> int:
    """Simulate the scenario in this file, draw it, and say what its guide asks for."""
    try:
        scenario = read(file)
        if guided and scenario.guide is None:
            raise UsageError(f"{file}: has no [guide], which would say what is wanted")
        if pictures is not None:
            check_folder(pictures, PICTURES)
        with shown("simulate", sys.stderr) as progress:
            progress.step(scenario.name)
            began = time.perf_counter()
            outcome = run_scenario(scenario, number=number, replayed=replayed)
            seconds = time.perf_counter() - began
            guidance = None
            if guided:
                progress.step("looking for the smallest that meets what is wanted")
                guidance = guide(scenario, advance=progress.advance)
    except BenchError as error:
        raise UsageError(str(error)) from None
    if pictures is not None:
        drawn = {f"{chart['name']}.svg": plot_file(chart) for chart in charts(outcome, FILES)}
        write_all(pictures, {name: text.encode() for name, text in drawn.items()})
    speed = _speed(outcome, seconds)
    if as_json:
        content = outcome.content()
        if guidance is not None:
            content["guidance"] = asdict(guidance)
        sys.stdout.write(canonical_json(content))
        sys.stderr.write(f"simulate: {speed}\n")
    else:
        console = Console()
        _tell(console, outcome, pictures)
        if guidance is not None:
            _tell_guidance(console, guidance)
        console.print(Text(speed), soft_wrap=True)
    return max(EXIT_STATUS[outcome.verdict], 0 if guidance is None else _guidance_status(guidance))


def _guidance_status(guidance: Guidance) -> int:
    if guidance.undetermined:
        return EXIT_STATUS[Verdict.UNDETERMINED]
    return 0 if guidance.met else 1


def _speed(outcome: Outcome, seconds: float) -> str:
    simulated_s = outcome.run.ended_ns / durations.UNITS["s"]
    return (
        f"{outcome.run.offered:,} tasks and {durations.show(outcome.run.ended_ns)} were simulated in "
        f"{seconds:.1f} s: {simulated_s / seconds:,.0f} times as fast as real time"
    )


def _tell(console: Console, outcome: Outcome, pictures: Path | None) -> None:
    figures = outcome.figures
    console.print(Text(f"{outcome.scenario.name}, run {outcome.run.number}", style="bold"))
    if outcome.scenario.text:
        console.print(Text(outcome.scenario.text), soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("tasks", _tasks(figures))
    for key, what in (("wait_ns", "waits for a thread"), ("latency_ns", "submission to completion")):
        table.add_row(what, _lengths(figures[key]))
    table.add_row("threads busy", f"{figures['busy_ppm'] / 10_000:.1f} %")
    table.add_row(
        "tasks that wait",
        f"{figures['queued_milli'] / 1_000:.2f} on average, {figures['queued_most']:,} at most",
    )
    for it in figures["shutdowns"]:
        bound = "" if it["bound_ns"] is None else f", of at most {durations.show(it['bound_ns'])}"
        said = f"{durations.show(it['length_ns'])}{bound}, with {it['live']:,} tasks"
        table.add_row(f"{it['what']} of worker {it['worker']}", said)
    console.print(table)
    for check in outcome.checks:
        mark = Text("holds ", style="green") if check.holds else Text("BROKEN", style="bold red")
        console.print(Text.assemble(mark, f"  {check.name}: {check.said}"), soft_wrap=True)
    if outcome.verdict is Verdict.UNDETERMINED:
        console.print(Text(outcome.problems[0], style="yellow"), soft_wrap=True)
    if pictures is not None:
        console.print(Text(f"pictures: {pictures}"), soft_wrap=True)


def _tasks(figures: dict[str, Any]) -> str:
    ends = [f"{number:,} {status}" for status, number in figures["ends"].items() if number]
    refused = [f"{number:,} refused ({error})" for error, number in figures["refused"].items()]
    return f"{figures['offered']:,} offered: {', '.join([*ends, *refused])}; {figures['retries']:,} retries"


def _lengths(values: dict[str, int]) -> str:
    if not values["count"]:
        return "none"
    return ", ".join(
        f"{name} {durations.show(values[name])}" for name in ("mean", "p50", "p90", "p99", "most")
    )


def _tell_guidance(console: Console, guidance: Guidance) -> None:
    console.print(Text("\nguidance", style="bold"))
    for step in guidance.steps:
        console.print(Text(_step(step)), soft_wrap=True)
    margins = (
        ("latency", guidance.latency_margin_ppm),
        ("drain", guidance.drain_margin_ppm),
    )
    said = [
        f"{what} {margin / 10_000:.1f} % under its bound" for what, margin in margins if margin is not None
    ]
    if guidance.met:
        console.print(Text(f"what is wanted is met; {', '.join(said)}"), soft_wrap=True)
    else:
        console.print(Text("what is wanted is not met", style="bold red"))
    if guidance.threads_by_theory is not None:
        console.print(Text(f"by theory (M/M/c): {guidance.threads_by_theory} threads"))
    if guidance.undetermined:
        console.print(Text("undetermined: a run was cut short, or broke a check", style="yellow"))


def _step(step: Step) -> str:
    if step.value is None:
        return f"{step.what}: not even the largest will do: {_measured(step.at_value)}"
    less = "" if step.one_less is None else f"; with {step.value - 1}: {_measured(step.one_less)}"
    return f"{step.what} = {step.value}: {_measured(step.at_value)}{less} ({step.runs} runs)"


def _measured(it: Measured) -> str:
    said = []
    if it.latency_ns is not None:
        said.append(f"latency {durations.show(it.latency_ns)}")
    if it.drain_ns is not None:
        said.append(f"drain {durations.show(it.drain_ns)}")
    return ", ".join(said) or "too few tasks complete"
