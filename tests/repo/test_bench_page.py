"""The page about the bench keeps its word: each command is run, in order, and prints what the page quotes."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, NamedTuple

import pytest

from jurat_audit.cli import run as run_jurat

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")

TOKEN = re.compile(r"\bv1\.[A-Z2-7]+\b")
STATUS = re.compile(r"  # status (\d)$")


class Block(NamedTuple):
    """A fenced block, and the name of the file that it is to be saved as."""

    name: str | None
    kind: str
    text: str


def blocks(text: str) -> list[Block]:
    """All of them, in order."""
    found = re.findall(
        r"(?:^Save this as `([^`]+)`:\n\n)?^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    )
    return [Block(name or None, kind, body) for name, kind, body in found]


def test_each_command_runs_and_prints_what_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty folder.  TOKEN is the last one that was printed; a quoted line is one of those printed."""
    monkeypatch.chdir(tmp_path)
    printed = ""
    ran = 0
    for block in blocks(PAGE):
        if block.name is not None:
            Path(block.name).write_text(block.text, encoding="utf-8")
        elif block.kind == "sh":
            for line in block.text.splitlines():
                status, output = _run(_filled(line, printed), capsys)
                assert status == _status(line), f"{line}\n{output}"
                printed += output
                ran += 1
        elif block.kind == "text":
            said = [" ".join(line.split()) for line in printed.splitlines()]
            for line in block.text.splitlines():
                assert " ".join(line.split()) in said, line
        else:
            pytest.fail(f"nobody runs this: {block}")
    assert ran > 10
    assert {it.name for it in Path("pictures").iterdir()} >= {"queue.svg", "threads.svg"}


def _status(line: str) -> int:
    found = STATUS.search(line)
    return int(found[1]) if found else 0


def _filled(line: str, printed: str) -> list[str]:
    """The words of a command."""
    if "TOKEN" in line:
        line = line.replace("TOKEN", TOKEN.findall(printed)[-1])
    return shlex.split(STATUS.sub("", line), comments=True)


def _run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The status of a command, and what it prints.  `jurat` needs no process of its own, so is quicker."""
    program, *arguments = words
    if program == "jurat":
        status = run_jurat(arguments)
        return status, capsys.readouterr().out
    module = {"pytest": ["-m", "pytest", "-p", "no:cacheprovider"], "python": []}[program]
    done = run(
        (sys.executable, *module, *arguments), check=False, capture_output=True, text=True, timeout=100
    )
    return done.returncode, done.stdout + done.stderr


def test_the_test_of_the_page_passes_when_it_is_put_right(tmp_path: Path) -> None:
    """As the page says: with a lock of the bench around the two lines."""
    (source,) = (block.text for block in blocks(PAGE) if block.name == "test_deposits.py")
    right = "".join(_locked(source.splitlines(keepends=True)))
    (tmp_path / "test_right.py").write_text(right, encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "jurat_sim.testing", "-p", "no:cacheprovider")
    done = run((*command, "test_right.py"), cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def _locked(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if "account = {" in line:
            yield f"{line}    lock = bench.lock()\n"
        elif "def deposit" in line:
            yield f"{line}        with lock:\n"
        elif line.startswith(("        seen", "        bench.pause", "        account")):
            yield f"    {line}"
        else:
            yield line


def test_every_link_leads_to_a_file() -> None:
    """From the folder of the page."""
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
