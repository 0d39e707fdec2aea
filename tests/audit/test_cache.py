"""Kept answers of TLC are used for the same question only, and say nothing that TLC did not say."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.counters import COUNTER

from jurat_audit import cache, tlc

if TYPE_CHECKING:
    from pathlib import Path

OUTCOME = (
    "@!@!@STARTMSG 2262:0 @!@!@\nTLC2 Version 2.15\n@!@!@ENDMSG 2262 @!@!@\n"
    "@!@!@STARTMSG 2193:0 @!@!@\nval = 1.0E-19\n@!@!@ENDMSG 2193 @!@!@\n"
    "@!@!@STARTMSG 2194:0 @!@!@\nThe depth of the complete state graph search is 2.\n@!@!@ENDMSG 2194 @!@!@\n"
    "@!@!@STARTMSG 2199:0 @!@!@\n3 states generated, 2 distinct states found, 0 states left on queue.\n"
    "@!@!@ENDMSG 2199 @!@!@\n"
)
DUMP = (
    'strict digraph DiskGraph {\nnodesep=0.35;\nsubgraph cluster_graph {\ncolor="white";\n'
    '1 [label="n = 0",style = filled]\n'
    '1 -> 2 [label="Up",color="black",fontcolor="black"];\n2 [label="n = 1"];\n'
    "{rank = same; 1;}\n}\n}"
)
CHECK = tlc.Check(module="Counter", sources={"Counter": COUNTER}, constants={"Top": 1}, specification="Spec")


class Asked:
    """A TLC that counts how often it was asked, and always says the same."""

    def __init__(self, folder: Path, answers: Path | None) -> None:
        self.times = 0
        self.output = OUTCOME
        jar = folder / "tla2tools.jar"
        jar.write_bytes(b"a jar")
        kept = None if answers is None else cache.Cache(answers)
        self.tool = tlc.Tlc(java=folder / "java", jar=jar, answers=kept)

    def __call__(self, folder: Path, _tool: Any, check: tlc.Check, options: Any, _limit: float) -> cache.Said:
        """Answer, and write the dump if one is wanted."""
        self.times += 1
        if options:
            (folder / f"{check.module}.dot").write_text(DUMP, encoding="utf-8")
        return cache.Said(output=self.output, exit_status=0)

    @property
    def answers(self) -> cache.Cache:
        """What is kept."""
        assert self.tool.answers is not None
        return self.tool.answers


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """TLC, replaced by that."""
    asked = Asked(tmp_path, tmp_path / "answers")
    monkeypatch.setattr(tlc, "_asked", asked)
    return asked


def entry(asked: Asked) -> Path:
    """The one file that is kept."""
    [path] = asked.answers.folder.iterdir()
    return path


def test_the_same_question_is_asked_once(asked: Asked) -> None:
    """The outcome, and the graph, are those that TLC gave."""
    answers = [tlc.graph(asked.tool, CHECK, ("n",)) for _ in range(2)]
    assert asked.times == 1
    assert answers[0] == answers[1]
    assert answers[1][1].edges == {((0,), "Up", (1,))}
    assert tlc.counts(asked.tool) == {
        "answers from the cache": 1,
        "answers from TLC": 1,
        "damaged cache entries": 0,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"sources": {"Counter": COUNTER + " "}},
        {"sources": {"Counter": COUNTER, "Other": ""}},
        {"constants": {"Top": 2}},
        {"specification": "Fair"},
        {"invariants": ("Fits",)},
        {"properties": ("Rises",)},
        {"deadlock": True},
        {"coverage": True},
        {"module": "Other"},
    ],
)
def test_another_question_is_another(asked: Asked, change: dict[str, Any]) -> None:
    """Whatever TLC is given decides."""
    tlc.run(asked.tool, CHECK)
    tlc.run(asked.tool, replace(CHECK, **change))
    assert (asked.times, asked.answers.hits) == (2, 0)


def test_another_jar_is_asked(asked: Asked, tmp_path: Path) -> None:
    """And so is the same one for a graph, where before it was asked for a verdict alone."""
    tlc.run(asked.tool, CHECK)
    other = tmp_path / "other.jar"
    other.write_bytes(b"another jar")
    tlc.run(replace(asked.tool, jar=other), CHECK)
    tlc.shape(asked.tool, CHECK)
    assert (asked.times, asked.answers.hits) == (3, 0)


def test_how_fast_java_runs_is_no_part_of_the_question(asked: Asked) -> None:
    """A change of the recorded sizes asks nothing anew."""
    tlc.run(asked.tool, CHECK)
    tlc.run(asked.tool, replace(CHECK, brief=True))
    assert asked.times == 1


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-9], lambda whole: b"", lambda whole: b"x" * 99])
def test_a_damaged_entry_is_ignored_and_said_to_be(
    asked: Asked, spoil: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut short, empty, or something else: TLC is asked again, and its answer kept again."""
    first = tlc.graph(asked.tool, CHECK, ("n",))
    path = entry(asked)
    path.write_bytes(spoil(path.read_bytes()))
    assert tlc.graph(asked.tool, CHECK, ("n",)) == first
    assert asked.times == 2
    assert asked.answers.damaged == 1
    said = capsys.readouterr().err
    assert said.startswith(f"jurat: a cached answer of TLC is damaged and ignored: {path.name}: ")
    assert tlc.graph(asked.tool, CHECK, ("n",)) == first
    assert asked.times == 2


def test_a_flipped_bit_is_noticed(asked: Asked) -> None:
    """Anywhere in the part that holds the answer."""
    tlc.graph(asked.tool, CHECK, ("n",))
    path = entry(asked)
    whole = bytearray(path.read_bytes())
    for at in range(10, len(whole)):  # the first ten bytes are gzip's header, which holds nothing of ours
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert asked.answers.get(path.name, asked.answers.folder.parent / "dump") is None
    assert asked.answers.damaged == len(whole) - 10


def test_an_entry_under_another_name_answers_nothing(asked: Asked) -> None:
    """A file that was renamed is damaged as well."""
    tlc.run(asked.tool, CHECK)
    path = entry(asked)
    path.rename(path.with_name("0" * 64))
    assert asked.answers.get("0" * 64, None) is None
    assert asked.answers.damaged == 1


def test_what_is_no_answer_is_not_kept(asked: Asked) -> None:
    """An error may be gone tomorrow."""
    asked.output = OUTCOME.replace("2193", "1000")
    assert tlc.run(asked.tool, CHECK).found is tlc.Found.ERROR
    assert not asked.answers.folder.exists()


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is asked."""
    asked = Asked(tmp_path, None)
    monkeypatch.setattr(tlc, "_asked", asked)
    for _ in range(2):
        tlc.run(asked.tool, CHECK)
    assert asked.times == 2
    assert tlc.counts(asked.tool) == {}


def test_a_fresh_folder_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    """While the audit's own is left as it is."""
    with cache.opened(tmp_path) as folder:
        assert folder == tmp_path / "build" / "cache" / "tlc"
    with cache.opened(tmp_path, fresh=True) as folder:
        assert list(folder.iterdir()) == []
        assert not folder.is_relative_to(tmp_path / "build")
    assert not folder.exists()


def test_the_least_used_go_when_there_are_too_many(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a limit would fill the disk."""
    for number, top in enumerate((1, 2, 3)):
        tlc.run(asked.tool, replace(CHECK, constants={"Top": top}))
        for path in asked.answers.folder.iterdir():
            os.utime(path, (number, number)) if path.stat().st_mtime > 10 else None
    oldest = min(asked.answers.folder.iterdir(), key=lambda path: path.stat().st_mtime)
    monkeypatch.setattr(cache, "LIMIT_BYTES", sum(path.stat().st_size for path in oldest.parent.iterdir()))
    tlc.run(asked.tool, replace(CHECK, constants={"Top": 4}))
    assert not oldest.exists()
    assert len(list(asked.answers.folder.iterdir())) == 3
