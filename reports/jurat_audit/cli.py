"""The `jurat` command: its words, what it prints, and how it ends.

What a command is asked to do, it does elsewhere (`audit`, `explore`, `simulate`).  The exit status:

* 0: the evidence holds;
* 1: it does not: a link failed, a requirement failed, a schedule breaks a property;
* 2: nothing was tried, or nothing could be made: bad usage, a missing tool, no place to write;
* 3: a bound or a tool stopped something, and nothing failed.

Whatever is wrong with what was asked for is said in one line on standard error.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from importlib import metadata
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import cache, deep, write
from .audit import COMMITTED_PYTHON, EXIT_STATUS, default_folder, run_audit, run_deep, run_link
from .content import canonical_json
from .errors import AuditError, UsageError
from .link import Verdict, profile_named
from .report import COMMITTED, ENVELOPE, files_of, verdict_counts
from .subject import project_root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .audit import Audit
    from .link import LinkResult, Profile

INTERRUPTED = 130  # what a shell says of a program that was ended by Ctrl-C
STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.UNDETERMINED: "yellow",
    Verdict.PLANNED: "dim",
}

app = typer.Typer(
    help="A task worker, and the proof that comes with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run(arguments: list[str]) -> int:
    """Run the command line; every error that a caller can cause becomes one line and a 2."""
    try:
        status = app(arguments, prog_name="jurat", standalone_mode=False)
    except (AuditError, typer.TyperException) as error:
        say = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        sys.stderr.write(f"jurat: {' '.join(say.split())}\n")
        return 2
    except ModuleNotFoundError:
        raise  # `__main__` says what to install
    except Exception:  # noqa: BLE001 - a bug of ours: show where, and end with "could not be made"
        traceback.print_exc()
        sys.stderr.write("jurat: the above is a bug in jurat; no report was written\n")
        return 2
    if status == INTERRUPTED:
        sys.stderr.write("jurat: interrupted; no report was written\n")
    return status if isinstance(status, int) else 0


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"jurat {metadata.version('jurat')}")
        raise typer.Exit


@app.callback()
def _top(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """A task worker, and the proof that comes with it."""


# --- jurat audit ------------------------------------------------------------------------


@app.command()
def audit(
    *,
    profile: Annotated[str, typer.Option(help="How much is done.")] = "default",
    out: Annotated[
        Path | None, typer.Option(help="The folder to write into.", show_default="reports/")
    ] = None,
    link: Annotated[str | None, typer.Option(help="Run this link alone, and write nothing.")] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Ask TLC everything again, whatever it has answered before.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Run the whole chain of evidence and write the report; with --profile deep, the deep campaign.

    Exit status: 0 the evidence holds, 1 it does not, 2 it could not be made, 3 undetermined.
    """
    chosen = profile_named(profile)
    root = project_root()
    if link is not None and out is not None:
        raise UsageError("--link writes nothing, so it takes no --out")
    with cache.opened(root, fresh=no_cache) as answers:
        chosen = replace(chosen, answers=answers)
        if link is not None:
            return _show_link(run_link(link, chosen, sys.stderr), as_json=json)
        if chosen.name == "deep":
            return _deep_campaign(chosen, root, out, as_json=json)
        return _whole_audit(chosen, root, out, as_json=json)


def _whole_audit(chosen: Profile, root: Path, out: Path | None, *, as_json: bool) -> int:
    """Run every link, write the report, and show it."""
    folder = (default_folder(root) if out is None else out).absolute()
    if out is None:
        folder.parent.mkdir(exist_ok=True)
    write.check_folder(folder, (*COMMITTED, *ENVELOPE))
    found = run_audit(chosen, root=root, stream=sys.stderr)
    files = files_of(found, root)
    write.write_all(folder, files)
    if as_json:
        sys.stdout.write(files["audit.json"].decode())
    else:
        _show_audit(found, _shown(folder, root))
    return EXIT_STATUS[found.verdict]


def _deep_campaign(chosen: Profile, root: Path, out: Path | None, *, as_json: bool) -> int:
    """Run the links of the deep campaign, write what they found, and show it."""
    folder = (default_folder(root) / "deep" if out is None else out).absolute()
    if out is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
    write.check_folder(folder, deep.FILES)
    content = run_deep(chosen, root=root, stream=sys.stderr)
    files = deep.files_of(content)
    write.write_all(folder, files)
    verdict = Verdict(content["verdict"])
    if as_json:
        sys.stdout.write(files["deep.json"].decode())
        return EXIT_STATUS[verdict]
    console = Console()
    for row in content["links"]:
        console.print(
            Text.assemble(f"{row['id']}: ", _styled(Verdict(row["verdict"])), f" · {row['summary']}")
        )
        _show_problems(console, row["id"], row["problems"])
    where = f"{_shown(folder, root)}deep.html"
    console.print(Text.assemble("deep campaign: ", _styled(verdict), f" · {where}"), soft_wrap=True)
    return EXIT_STATUS[verdict]


def _shown(folder: Path, root: Path) -> str:
    """The folder as a reader would type it."""
    return f"{folder.relative_to(root)}/" if folder.is_relative_to(root) else f"{folder}/"


def _show_link(result: LinkResult, *, as_json: bool) -> int:
    """Print the answer of one link alone."""
    if as_json:
        row = {
            "id": result.id,
            "verdict": str(result.verdict),
            "summary": result.summary,
            "figures": result.figures,
            "problems": list(result.problems),
        }
        sys.stdout.write(canonical_json(row))
    else:
        console = Console()
        console.print(Text.assemble(f"{result.id}: ", _styled(result.verdict), f" · {result.summary}"))
        _show_problems(console, result.id, result.problems)
    return EXIT_STATUS.get(result.verdict, 0)


def _show_audit(found: Audit, folder: str) -> None:
    """One screen: the links, the requirements, what is wrong, and where the report is."""
    console = Console()
    console.print(_links_table(found))
    counts = verdict_counts(str(finding.verdict) for finding in found.findings)
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    console.print(Text(f"requirements: {said}, of {len(found.findings)}"))
    for link in found.links:
        _show_problems(console, link.id, link.problems)
    _show_problems(console, "evidence tests", (*found.tests.problems, *_output(found)))
    _show_problems(console, "requirements", _broken(found))
    console.print(
        Text.assemble("verdict: ", _styled(found.verdict), f" · {folder}audit.html"), soft_wrap=True
    )
    if found.python != COMMITTED_PYTHON:
        said = (
            f"Python {found.python} made this; the committed report is made with Python {COMMITTED_PYTHON}, "
            f"so this one is in {folder} and reports/ is as it was"
        )
        console.print(Text(said), soft_wrap=True)


def _links_table(found: Audit) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("link", "verdict", "found"):
        table.add_column(column, overflow="fold")
    table.add_column("seconds", justify="right")
    seconds = found.envelope["seconds"]
    assert isinstance(seconds, dict)  # noqa: S101 - for the type checker
    for link in found.links:
        table.add_row(link.id, _styled(link.verdict), Text(link.summary), f"{seconds[link.id]:.1f}")
    table.add_row(
        "tests", _styled(found.tests.verdict), Text(found.tests.summary), f"{seconds['evidence']:.1f}"
    )
    return table


def _styled(verdict: Verdict) -> Text:
    return Text(str(verdict), style=STYLES[verdict])


def _output(found: Audit) -> list[str]:
    """What pytest printed, if its tests did not pass."""
    return found.tests.output.splitlines() if found.tests.problems else []


def _broken(found: Audit) -> list[str]:
    """A line for each requirement that failed or is undetermined, with the sources that made it so."""
    lines = []
    for finding in found.findings:
        if finding.verdict in (Verdict.FAIL, Verdict.UNDETERMINED):
            why = [
                f"{source.kind} {source.name}"
                for source in finding.sources
                if source.verdict == finding.verdict
            ]
            why = why or [f"no {kind}" for kind in finding.missing]
            lines.append(f"{finding.requirement.id} {finding.verdict}: {', '.join(why)}")
    return lines


def _show_problems(console: Console, title: str, lines: Iterable[str]) -> None:
    """The lines in full, as they are: a story is read, and a token is copied."""
    lines = list(lines)
    if lines:
        console.print(Text(f"\n{title}", style="bold"))
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)


# --- jurat explore ----------------------------------------------------------------------


@app.command()
def explore(
    scenario: Annotated[str | None, typer.Argument(help="Which scenario; --list names them.")] = None,
    *,
    schedules: Annotated[int, typer.Option(min=1, help="How many interleavings to try.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Which interleavings.")] = 1,
    defect: Annotated[
        str | None, typer.Option(help="Seed this defect of the catalogue, such as D01.")
    ] = None,
    grain: Annotated[
        str | None,
        typer.Option(
            help="Where threads may be switched: seam or access. Without it seam, or access with --races.",
        ),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="Who chooses: portfolio, random, reluctant, urw, pct, preemptions:N, delays:N, dpor, dpor:N."
        ),
    ] = "portfolio",
    races: Annotated[
        bool, typer.Option("--races", help="Look for data races as well, among accesses.")
    ] = False,
    replay: Annotated[str | None, typer.Option(metavar="TOKEN", help="Show this interleaving again.")] = None,
    full: Annotated[bool, typer.Option("--full", help="With --replay: every step.")] = False,
    backend: Annotated[
        str, typer.Option(help="With --replay: what its threads live on, greenlets or threads.")
    ] = "greenlets",
    list_: Annotated[bool, typer.Option("--list", help="Name the scenarios and the defects.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Run the shipped worker under controlled interleavings, or show one again.

    Exit status: 0 every check holds, 1 a schedule breaks a property, 2 bad usage, 3 undetermined.
    """
    from . import explore as command  # noqa: PLC0415 - only this needs the bench and its libraries

    if list_:
        return command.listed(as_json=json)
    if replay is not None:
        if scenario is not None:
            raise UsageError("--replay takes no scenario: the token names it")
        return command.replayed(replay, races=races, backend=backend, full=full, as_json=json)
    if scenario is None:
        raise UsageError(
            "name a scenario, or a token with --replay; jurat explore --list names the scenarios"
        )
    return command.explored(
        scenario,
        schedules=schedules,
        seed=seed,
        defect=defect,
        grain=grain or ("access" if races else "seam"),
        strategy=strategy,
        races=races,
        as_json=json,
    )


# --- jurat simulate ---------------------------------------------------------------------


@app.command()
def simulate(
    file: Annotated[Path, typer.Argument(help="The scenario, a TOML file; examples/scenarios has some.")],
    *,
    run: Annotated[int, typer.Option(min=0, help="Which run of it: each draws other numbers.")] = 0,
    pictures: Annotated[Path | None, typer.Option(help="A folder to draw charts into.")] = None,
    guide: Annotated[
        bool,
        typer.Option("--guide", help="Look for the threads, rate and burst that its \\[guide] asks for."),
    ] = False,
    no_replay: Annotated[
        bool, typer.Option("--no-replay", help="Do not hold each event against the specification.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> int:
    """Run the shipped worker in virtual time, as a scenario says.

    Exit status: 0 every check holds, 1 one does not, or what is wanted is not met, 2 bad usage,
    3 undetermined.
    """
    from . import simulate as command  # noqa: PLC0415 - only this needs the bench and its libraries

    return command.simulated(
        file, number=run, replayed=not no_replay, pictures=pictures, guided=guide, as_json=json
    )
