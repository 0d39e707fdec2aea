"""The command as a user meets it: a process, its exit status, and one line on standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jurat_audit.subject import project_root

ROOT = project_root()
TOKENS = {
    "truncated": "v1.CAMZUZ7Q",
    "prefix": "v0.CAMZUZ7QAAGUVSQKAIAAAAIDAIBLFUY",
    "nonsense": "no token at all",
}


def jurat(*arguments: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; `before` is run in its process first."""
    start = "import sys; from jurat_audit.__main__ import main; sys.argv[0] = 'jurat'; sys.exit(main())"
    return subprocess.run(
        (sys.executable, "-c", f"{before}\n{start}", *arguments),
        env={**os.environ, "NO_COLOR": "1", **environment},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("audit", "--profile", "depe"), "unknown profile 'depe'"),
        (("audit", "--link", "modle"), "unknown link 'modle'"),
        (("audit", "--link", "log", "--out", "x"), "--out"),
        (("audit", "--nonsense"), "--nonsense"),
        (("audit", "extra"), "extra"),
        (("nonsense",), "nonsense"),
        (("explore",), "name a scenario"),
        (("explore", "no_such_scenario"), "unknown scenario: no_such_scenario"),
        (("explore", "submit_races_stop", "--defect", "D99"), "unknown defect: D99"),
        (("explore", "submit_races_stop", "--grain", "sand"), "unknown grain: sand"),
        (("explore", "submit_races_stop", "--strategy", "luck"), "unknown strategy: luck"),
        (("explore", "submit_races_stop", "--grain", "seam", "--races"), "at the grain of accesses only"),
        (("explore", "submit_races_stop", "--schedules", "0"), "--schedules"),
        (("explore", "submit_races_stop", "--schedules", "many"), "--schedules"),
        (("explore", "submit_races_stop", "--replay", "v1.A"), "takes no scenario"),
        (("explore", "--replay", TOKENS["truncated"]), "replay token 'v1.CAMZUZ7Q': truncated"),
        (("explore", "--replay", TOKENS["prefix"]), "bad prefix"),
        (("explore", "--replay", TOKENS["nonsense"]), "replay token 'no token at all'"),
    ],
)
def test_bad_input_is_one_line_that_names_it(arguments: tuple[str, ...], named: str) -> None:
    """Exit 2, nothing on standard output, no traceback."""
    done = jurat(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_folder_is_one_line(tmp_path: Path) -> None:
    """And it is not made."""
    done = jurat("audit", "--out", str(tmp_path / "misspelt" / "out"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "misspelt" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write into")
def test_an_unwritable_folder_is_one_line_before_any_work() -> None:
    """Not after two minutes."""
    done = jurat("audit", "--out", "/proc/self")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "cannot write into" in done.stderr


@pytest.mark.parametrize("jar", ["missing.jar", "broken.jar"])
def test_a_missing_or_broken_model_checker_is_named(tmp_path: Path, jar: str) -> None:
    """The old report stays, and nothing is beside it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audit.json").write_text("old")
    (tmp_path / "broken.jar").write_bytes(b"this is no archive")
    done = jurat("audit", "--out", str(tmp_path / "out"), JURAT_TLC_JAR=str(tmp_path / jar))
    assert done.returncode == 2
    assert done.stdout == ""
    assert jar in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["audit.json"]
    assert (tmp_path / "out" / "audit.json").read_text() == "old"


def without(*modules: str) -> str:
    """A program that hides modules from what runs after it."""
    return f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("typer", ("audit",)),
        ("rich", ("explore", "--list")),
        ("greenlet", ("explore", "--list")),
        ("simpy", ("explore", "--list")),
        ("greenlet", ("audit", "--link", "conformance")),
        ("simpy", ("audit", "--link", "timing")),
    ],
)
def test_a_missing_library_names_what_to_install(module: str, arguments: tuple[str, ...]) -> None:
    """The worker alone is installed without any of them."""
    done = jurat(*arguments, before=without(module))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"jurat: {module} is not installed; install it with: pip install 'jurat[audit]'"
    )
    assert "Traceback" not in done.stderr


def test_a_module_of_ours_that_is_missing_is_a_bug() -> None:
    """And not something to install."""
    done = jurat("explore", "--list", before=without("jurat_sim"))
    assert done.returncode != 0
    assert "pip install" not in done.stderr
    assert "jurat_sim" in done.stderr


def test_a_seeded_defect_is_found_and_its_token_makes_the_same_run_again() -> None:
    """What the report promises beside each defect."""
    found = jurat("explore", "submit_races_stop", "--defect", "D04", "--json")
    assert found.returncode == 1
    failure = json.loads(found.stdout)["failure"]
    again = jurat("explore", "--replay", failure["token"], "--json")
    assert again.returncode == 1
    replayed = json.loads(again.stdout)
    assert (replayed["digest"], replayed["property"]) == (failure["digest"], failure["property"])


def test_the_story_names_its_replay_and_the_replay_tells_the_story() -> None:
    """For people."""
    found = jurat("explore", "submit_races_stop", "--defect", "D04")
    *_, last = found.stdout.splitlines()
    assert last.startswith("replay: jurat explore --replay v1.")
    again = jurat("explore", "--replay", last.split()[-1])
    story = [line[2:] for line in found.stdout.splitlines() if line.startswith("  ")]
    assert [line for line in again.stdout.splitlines()[2:] if line] == [line for line in story if line]


def test_races_are_looked_for_among_accesses_and_shown_again() -> None:
    """The lock of a section is dropped; the line at the end is a command."""
    done = jurat("explore", "submit_or_stop", "--races", "--defect", "L01", "--schedules", "20")
    assert done.returncode == 1
    assert "at the grain of accesses" in done.stdout
    assert "breaks race: Core." in done.stdout
    command = done.stdout.splitlines()[-1].removeprefix("replay: jurat ").split()
    assert command[:3] == ["explore", "--races", "--replay"]
    again = jurat(*command)
    assert again.returncode == 1
    assert "holding no lock" in again.stdout
    at_the_seam = jurat("explore", "submit_or_stop", "--defect", "D01", "--json")
    token = json.loads(at_the_seam.stdout)["failure"]["token"]
    assert "at the grain of accesses only" in jurat("explore", "--races", "--replay", token).stderr


def test_a_token_is_replayed_on_threads_as_on_greenlets() -> None:
    """The same lines; and what is neither is named."""
    token = json.loads(jurat("explore", "submit_races_stop", "--defect", "D04", "--json").stdout)["failure"][
        "token"
    ]
    on_greenlets, on_threads = (
        jurat("explore", "--replay", token, "--backend", backend) for backend in ("greenlets", "threads")
    )
    assert on_threads.stdout == on_greenlets.stdout
    assert "what died: conformance: Start" in on_threads.stdout
    refused = jurat("explore", "--replay", token, "--backend", "fibres")
    assert (refused.returncode, refused.stderr) == (
        2,
        "jurat: unknown backend: fibres (greenlets or threads)\n",
    )


def test_the_clean_worker_passes_and_the_words_say_sampled() -> None:
    """A sample is no proof."""
    done = jurat("explore", "drain_with_stuck_task", "--schedules", "50")
    assert done.returncode == 0
    assert "they are a sample" in done.stdout


def test_a_search_that_is_cut_short_has_a_status_of_its_own() -> None:
    """Nothing was found, and nothing follows."""
    done = jurat("explore", "submit_races_stop", "--strategy", "dpor", "--schedules", "20")
    assert done.returncode == 3
    assert "undetermined: the search was cut short" in done.stdout


def test_scenarios_and_defects_are_listed() -> None:
    """By the names that the command takes."""
    listed = json.loads(jurat("explore", "--list", "--json").stdout)
    assert "submit_races_stop" in [row["name"] for row in listed["scenarios"]]
    assert "D04" in [row["id"] for row in listed["defects"]]
    shown = jurat("explore", "--list").stdout
    assert "submit_races_stop" in shown
    assert "D04" in shown


def test_what_stands_in_brackets_is_not_taken_for_a_style() -> None:
    """In the help."""
    assert "its [guide] asks for" in " ".join(jurat("simulate", "--help", COLUMNS="200").stdout.split())


def test_the_version_is_said() -> None:
    """On standard output."""
    done = jurat("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "jurat")
