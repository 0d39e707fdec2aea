"""What `jurat explore` does: run schedules of a scenario, or make the run of a token again.

The work is in `jurat_sim.explore`; here it is asked for and told.  The bench's own errors
already name what is wrong in one line, so they are passed on as they are.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jurat_sim.defects import DEFECTS, defect_named
from jurat_sim.errors import BenchError, NoAccesses, UnknownGrain
from jurat_sim.explore import Mode, Report, Verdict, strategy_named
from jurat_sim.explore import explore as run_schedules
from jurat_sim.explore import replay as run_again
from jurat_sim.scenarios import SCENARIOS, scenario_named
from jurat_sim.tokens import Grain

from .content import canonical_json
from .errors import UsageError
from .progress import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAINS = {Grain.SEAM: "at the grain of the seam", Grain.ACCESS: "at the grain of accesses"}
EXIT_STATUS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNDETERMINED: 3}


@contextmanager
def _said() -> Iterator[None]:
    """The bench's errors are about what the caller asked for."""
    try:
        yield
    except BenchError as error:
        raise UsageError(str(error)) from None


def explored(
    scenario: str,
    *,
    schedules: int,
    seed: int,
    defect: str | None,
    grain: str,
    strategy: str,
    races: bool,
    as_json: bool,
) -> int:
    """Run so many schedules and say what came of them."""
    with _said():  # before anything is shown
        scenario_named(scenario)
        if defect is not None:
            defect_named(defect)
        if grain not in set(Grain):
            raise UnknownGrain(grain)
        strategy_named(strategy, Grain(grain), seed)
        if races and grain != Grain.ACCESS:
            raise NoAccesses
    with _said(), shown("explore", sys.stderr) as progress:
        progress.step(scenario if defect is None else f"{scenario} with {defect}")
        progress.total(schedules)
        report = run_schedules(
            scenario,
            defect=defect,
            grain=grain,
            strategy=strategy,
            schedules=schedules,
            seed=seed,
            races=races,
            advance=progress.advance,
        )
    if as_json:
        sys.stdout.write(canonical_json(asdict(report)))
    else:
        _print(_told(report, races=races))
    return EXIT_STATUS[report.verdict]


def _told(report: Report, *, races: bool) -> list[str]:
    """A campaign in words."""
    subject = "the shipped worker" if report.defect is None else f"the worker with {report.defect}"
    lines = [
        f"{report.scenario}: {subject}, {_count(report.schedules, 'schedule')} {GRAINS[report.grain]}",
        (
            f"{_count(report.orders, 'order')} of events, {_count(report.traces or 0, 'trace')}, "
            f"{_count(report.steps, 'step')}, {_count(report.choices, 'choice')}, "
            f"by the strategy {report.strategy} with seed {report.seed}"
        ),
        *(
            f"if there is a bug of depth {miss.depth}, {_count(miss.runs, 'run')} of pct missed it "
            f"with a probability of at most {miss.probability:.4f}"
            for miss in report.misses
            if miss.runs
        ),
    ]
    if races:
        lines.append(
            "data races were looked for; those that are declared, each with its reason, count for none"
        )
    match report.verdict:
        case Verdict.PASS if report.exhausted:
            what = "trace" if report.strategy.startswith("dpor") else "schedule"
            lines.append(f"every check held in each of them; no other {what} is within the strategy's bound")
        case Verdict.PASS:
            lines.append("every check held in each of them; they are a sample")
        case Verdict.UNDETERMINED if report.mode is Mode.EXHAUSTIVE:
            lines.append("undetermined: the search was cut short")
        case Verdict.UNDETERMINED:
            lines.append("undetermined: a run was cut short by the step bound")
        case Verdict.FAIL:
            failure = report.failure
            assert failure is not None  # noqa: S101 - that is what FAIL means
            lines += [
                f"schedule {failure.schedule}, by {failure.strategy}, breaks {failure.property}",
                f"shrunk to {_count(failure.deviations, 'departure')} from the default order",
                "",
                *(f"  {line}" for line in run_again(failure.token, races=races).story.brief()),
                "",
                f"replay: jurat explore {'--races ' if races else ''}--replay {failure.token}",
            ]
    return lines


def replayed(token: str, *, races: bool, backend: str, full: bool, as_json: bool) -> int:
    """Make the run of a token again and tell it."""
    with _said():
        run = run_again(token, races=races, backend=backend)
    story = run.story.full() if full else run.story.brief()
    if as_json:
        row = {
            "scenario": run.scenario,
            "defect": run.defect,
            "grain": str(run.grain),
            "property": run.property,
            "digest": run.digest,
            "same_source": run.same_source,
            "story": story,
        }
        sys.stdout.write(canonical_json(row))
    else:
        subject = "the shipped worker" if run.defect is None else f"the worker with {run.defect}"
        said = "every check holds" if run.property is None else f"breaks {run.property}"
        source = [] if run.same_source else ["note: the token was recorded from other source of the worker"]
        _print([f"{run.scenario}: {subject}, {GRAINS[run.grain]}: {said}", *source, "", *story])
    return 0 if run.property is None else 1


def listed(*, as_json: bool) -> int:
    """Name what can be explored."""
    if as_json:
        rows = {
            "scenarios": [{"name": it.name, "text": it.text} for it in SCENARIOS.values()],
            "defects": [
                {"id": it.id, "title": it.title, "scenario": it.scenario}
                for it in DEFECTS.values()
                if it.scenario
            ],
        }
        sys.stdout.write(canonical_json(rows))
        return 0
    console = Console()
    scenarios = Table("scenario", "what it reaches", box=None, pad_edge=False)
    for scenario in SCENARIOS.values():
        scenarios.add_row(scenario.name, Text(scenario.text))
    defects = Table("defect", "what it is", "found in", box=None, pad_edge=False)
    for defect in DEFECTS.values():
        if defect.scenario:
            defects.add_row(defect.id, Text(defect.title), defect.scenario)
    console.print(scenarios)
    console.print()
    console.print(defects)
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _print(lines: list[str]) -> None:
    console = Console()
    for line in lines:
        console.print(Text(line), soft_wrap=True)
