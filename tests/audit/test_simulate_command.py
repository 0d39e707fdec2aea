"""`jurat simulate`: what it prints, what it draws, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from jurat_audit.cli import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = {"queue.svg", "retries.svg", "shutdown.svg", "starts.svg", "threads.svg"}

SMALL = """\
name = "small"
[worker]
threads = 2
rate = { starts = 100, per = "1s", burst = 5 }
retry = { max_retries = 2, delay = "10ms", jitter = 0.5 }
drain_deadline = "1s"
grace = "1s"
[[load]]
name = "a"
count = 60
arrivals = { kind = "poisson", mean = "10ms" }
service = { kind = "exponential", mean = "5ms" }
faults = { raises = 0.2 }
"""
GUIDE = '[guide]\nlatency = { share = 0.9, within = "1s" }\nthreads = { most = 4 }\n'


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[str, str]]:
    """What was printed since: on standard output, and on standard error."""

    def read_both() -> tuple[str, str]:
        both = capsys.readouterr()
        return both.out, both.err

    return read_both


def file(folder: Path, text: str) -> str:
    """A scenario file."""
    path = folder / "small.toml"
    path.write_text(text)
    return str(path)


def test_the_json_repeats_to_the_byte_and_the_speed_is_not_in_it(
    tmp_path: Path, say: Callable[[], tuple[str, str]]
) -> None:
    """A real clock has no place in what is compared."""
    path = file(tmp_path, SMALL + GUIDE)
    printed = []
    for _ in range(2):
        assert run(["simulate", path, "--json", "--guide"]) == 0
        out, err = say()
        printed.append(out)
        assert "times as fast as real time" in err
    assert printed[0] == printed[1]
    content = json.loads(printed[0])
    assert (content["verdict"], content["figures"]["offered"]) == ("pass", 60)
    assert content["guidance"]["met"] is True
    assert content["fault_sites"] == {
        "a task raises an exception": content["figures"]["attempts"] - 60 + _failed(content)
    }


def _failed(content: dict[str, dict[str, dict[str, int]]]) -> int:
    return content["figures"]["ends"]["failed"]


def test_another_run_of_a_scenario_draws_other_numbers(
    tmp_path: Path, say: Callable[[], tuple[str, str]]
) -> None:
    """By its number."""
    path = file(tmp_path, SMALL)
    figures = []
    for number in ("0", "1"):
        assert run(["simulate", path, "--json", "--run", number]) == 0
        figures.append(json.loads(say()[0])["figures"])
    assert figures[0]["simulated_ns"] != figures[1]["simulated_ns"]


def test_people_are_told_the_figures_the_checks_and_the_speed(
    tmp_path: Path, say: Callable[[], tuple[str, str]]
) -> None:
    """And what guidance there is."""
    assert run(["simulate", file(tmp_path, SMALL + GUIDE), "--guide"]) == 0
    out = say()[0]
    for words in (
        "60 offered",
        "threads busy",
        "holds   replay: ",
        "threads = 1",
        "what is wanted is met",
        "real time",
    ):
        assert words in out


def test_a_check_that_does_not_hold_ends_with_one(tmp_path: Path, say: Callable[[], tuple[str, str]]) -> None:
    """Here a fault that never happens."""
    assert run(["simulate", file(tmp_path, SMALL.replace("raises = 0.2", "raises = 0.000000001"))]) == 1
    assert "BROKEN  fault site: a task raises an exception: 0 times" in say()[0]


def test_what_is_wanted_and_not_met_ends_with_one(tmp_path: Path, say: Callable[[], tuple[str, str]]) -> None:
    """And says what the largest gives."""
    assert run(["simulate", file(tmp_path, SMALL + GUIDE.replace('"1s"', '"1ns"')), "--guide"]) == 1
    assert "threads: not even the largest will do" in say()[0]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            SMALL.replace("threads = 2", "threads = 0"),
            (),
            "small.toml, line 3: worker.threads: must be at least 1",
        ),
        (SMALL, ("--guide",), "has no [guide]"),
        (SMALL, ("--pictures", "no/such/folder"), "there is no folder no/such"),
        (SMALL, ("--run", "-1"), "--run"),
    ],
)
def test_bad_usage_is_one_line_and_a_two(
    tmp_path: Path, say: Callable[[], tuple[str, str]], text: str, options: tuple[str, ...], said: str
) -> None:
    """On standard error."""
    assert run(["simulate", file(tmp_path, text), *options]) == 2
    out, err = say()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_the_pictures_are_drawn_and_repeat_to_the_byte(tmp_path: Path) -> None:
    """Five of them, each with a title and a description."""
    path = file(tmp_path, SMALL)
    for folder in ("one", "two"):
        assert run(["simulate", path, "--pictures", str(tmp_path / folder)]) == 0
    drawn = {it.name: it.read_bytes() for it in (tmp_path / "one").iterdir()}
    assert set(drawn) == NAMES
    assert drawn == {it.name: it.read_bytes() for it in (tmp_path / "two").iterdir()}
    for text in drawn.values():
        tags = [node.tag.rpartition("}")[2] for node in ET.fromstring(text)]  # noqa: S314 - our own
        assert tags[:3] == ["title", "desc", "style"]


def test_what_did_not_happen_is_not_drawn(tmp_path: Path) -> None:
    """Without a limiter there is no envelope, and without retries no band."""
    text = SMALL.replace('rate = { starts = 100, per = "1s", burst = 5 }\n', "").replace(
        'retry = { max_retries = 2, delay = "10ms", jitter = 0.5 }\n', ""
    )
    assert run(["simulate", file(tmp_path, text), "--pictures", str(tmp_path / "drawn")]) == 0
    assert {it.name for it in (tmp_path / "drawn").iterdir()} == NAMES - {"starts.svg", "retries.svg"}
