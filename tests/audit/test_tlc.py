"""TLC is found, run and understood; what does not add up is never a pass."""

from __future__ import annotations

import tempfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from jurat_audit import tlc
from jurat_audit.dot import Function
from jurat_audit.tlc import Check, Found, Outcome, TlcUnavailable, TlcUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jurat_audit.dot import Value

# A counter that goes up to Top and stays, and one value of each kind, one of them wide enough to be broken
# over lines.
COUNTER = """
---- MODULE Counter ----
EXTENDS Integers, TLC
CONSTANT Top
VARIABLES n, odd
vars == <<n, odd>>

Wide == [i \\in 1..9 |-> "a rather long word, so that the line is broken"]
Init == n \\in {-1, 0} /\\ odd = [set |-> {}, sequence |-> <<>>, wide |-> Wide, flag |-> n = 0]
Up   == n < Top /\\ n' = n + 1 /\\ odd' = [odd EXCEPT !.set = @ \\cup {n}, !.sequence = <<n>>]
Stay == n = Top /\\ UNCHANGED vars
Next == Up \\/ Stay
Spec == Init /\\ [][Next]_vars
Fair == Spec /\\ WF_vars(Up)

Starts    == n >= 0
Small     == n < 2
Fits      == n <= Top
Rises     == [][n' > n]_vars
NeverBack == [][n' >= n]_vars
Arrives   == <>(n = Top)
Returns   == (n = Top) ~> (n = 0)
Explodes  == n < 2 \\/ Assert(FALSE, "too much")
====
"""


def check(source: str = COUNTER, *, top: int = 2, **fields: Any) -> Check:
    """A question about the counter."""
    fields = {"specification": "Spec", **fields}
    return Check(module="Counter", sources={"Counter": source}, constants={"Top": top}, **fields)


@pytest.fixture(scope="module")
def tool() -> tlc.Tlc:
    """The TLC that is installed."""
    return tlc.locate({})


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Everything temporary goes here, and has to be gone again."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_a_model_that_holds(tool: tlc.Tlc) -> None:
    """The whole graph is searched, and the numbers are those that can be counted by hand."""
    outcome = tlc.run(
        tool,
        check(specification="Fair", invariants=("Fits",), properties=("NeverBack", "Arrives"), deadlock=True),
    )
    assert (outcome.found, outcome.exit_status, outcome.violated) == (Found.OK, 0, None)
    assert (outcome.distinct, outcome.generated, outcome.depth) == (7, 9, 4)
    assert float(outcome.collision) < 1e-6


def test_the_graph_is_the_one_that_can_be_drawn_by_hand(tool: tlc.Tlc) -> None:
    """States with odd values, a self-loop, and the stuttering of a temporal property left out."""
    asked = check(top=1, specification="Fair", properties=("Arrives",))
    outcome, graph = tlc.graph(tool, asked, ("n", "odd"))

    def state(n: int, start: int, seen: tuple[int, ...]) -> tuple[int, Function]:
        wide = ("a rather long word, so that the line is broken",) * 9
        fields: dict[Value, Value] = {
            "set": frozenset(seen),
            "sequence": seen[-1:],
            "wide": wide,
            "flag": start == 0,
        }
        return n, Function(frozenset(fields.items()))

    low, zero = state(-1, -1, ()), state(0, 0, ())
    middle, high, top = state(0, -1, (-1,)), state(1, 0, (0,)), state(1, -1, (-1, 0))
    assert graph.initial == {low, zero}
    assert graph.states == {low, zero, middle, high, top}
    assert graph.edges == {
        (low, "Up", middle),
        (middle, "Up", top),
        (zero, "Up", high),
        (top, "Stay", top),
        (high, "Stay", high),
    }
    assert (outcome.found, outcome.distinct) == (Found.OK, 5)


def test_answers_are_kept_beside_the_classes_of_tlc(tool: tlc.Tlc, tmp_path: Path) -> None:
    """Java starts sooner with them, and says the same."""
    asked = check(specification="Fair", invariants=("Fits",), properties=("NeverBack", "Arrives"))
    keeping = tlc.locate({}, answers=tmp_path / "answers")
    outcomes = [tlc.run(keeping, asked) for _ in range(2)]
    assert outcomes == 2 * [tlc.run(tool, asked)]
    assert tlc.counts(keeping)["answers from the cache"] == 1
    assert sorted(path.suffix for path in (tmp_path / "answers").iterdir()) == ["", ".jsa"]


@pytest.mark.parametrize(
    ("fields", "found", "exit_status", "violated", "depth"),
    [
        ({"invariants": ("Fits", "Starts")}, Found.INVARIANT, 12, "Starts", 1),
        ({"invariants": ("Fits", "Small")}, Found.INVARIANT, 12, "Small", 3),
        ({"properties": ("NeverBack", "Rises"), "top": 0}, Found.OK, 0, None, 2),
        ({"properties": ("NeverBack", "Falls")}, Found.ACTION, 13, "Falls", 2),
        ({"properties": ("Arrives",)}, Found.TEMPORAL, 13, "Arrives", 3),
        (
            {"specification": "Fair", "properties": ("NeverBack", "Arrives", "Returns")},
            Found.TEMPORAL,
            13,
            "Returns",
            4,
        ),
        ({"deadlock": True, "specification": "Ends"}, Found.DEADLOCK, 11, None, 3),
    ],
)
def test_what_is_violated_is_known_by_name(
    tool: tlc.Tlc, fields: dict[str, Any], found: Found, exit_status: int, violated: str | None, depth: int
) -> None:
    """A temporal property too, which TLC does not name; its counterexample need not be a shortest one."""
    source = COUNTER.replace("====", "Falls == [][n' < n]_vars\nEnds == Init /\\ [][Up]_vars\n====")
    outcome = tlc.run(tool, check(source, **fields))
    assert (outcome.found, outcome.exit_status, outcome.violated) == (found, exit_status, violated)
    assert outcome.depth == depth
    assert len(outcome.trace) == (0 if found is Found.OK else depth)


def test_a_counterexample_tells_actions_and_values(tool: tlc.Tlc) -> None:
    """And how a behaviour goes on that never ends."""
    outcome = tlc.run(tool, check(specification="Fair", properties=("Returns",), top=1))
    assert [each.action for each in outcome.trace] == ["", "Up", "Up"]
    assert [dict(each.values)["n"] for each in outcome.trace] == [-1, 0, 1]
    assert outcome.ending


def test_coverage_counts_actions(tool: tlc.Tlc) -> None:
    """New states and all states: staying finds nothing new, and is still taken."""
    assert tlc.run(tool, check(coverage=True)).coverage == (("Up", 5, 5), ("Stay", 0, 2))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            check(invariants=("Nope",)),
            "The invariant Nope specified in the configuration file is not defined",
        ),
        (check(specification="Nope"), "Nope"),
        (check(COUNTER.replace("Up   ==", "Up   =")), "Parse Error"),
        (check(invariants=("Explodes",)), "too much"),
        (check(COUNTER.replace("n' = n + 1", "TRUE")), "not completely specified by action Up"),
    ],
)
def test_a_model_that_cannot_be_evaluated_is_an_error(tool: tlc.Tlc, asked: Check, said: str) -> None:
    """In TLC's own words, on one line."""
    outcome = tlc.run(tool, asked)
    assert outcome.found is Found.ERROR
    assert said in outcome.error
    assert "\n" not in outcome.error


def test_a_limit_of_time_is_undetermined(tool: tlc.Tlc) -> None:
    """Not searched to the end is not searched."""
    outcome = tlc.run(tool, check(top=10_000_000), limit_seconds=1.5)
    assert outcome == Outcome(found=Found.UNDETERMINED, exit_status=None, error="stopped after 1.5 s")


# --- a tool that is missing or broken ------------------------------------------------------------


def java(folder: Path, script: str) -> str:
    """A program that stands for Java."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_a_missing_jar_is_named(tmp_path: Path) -> None:
    """With the variable that names it."""
    path = tmp_path / "none.jar"
    with pytest.raises(TlcUnavailable) as caught:
        tlc.locate({"JURAT_TLC_JAR": str(path)})
    assert str(caught.value) == f"no TLC jar at {path} (from JURAT_TLC_JAR)"


@pytest.mark.parametrize("content", [b"", b"not a jar", None])
def test_a_jar_without_tlc_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A text, nothing at all, or the jar of something else."""
    path = tmp_path / "tla2tools.jar"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other/Main.class", b"")
    else:
        path.write_bytes(content)
    with pytest.raises(TlcUnavailable) as caught:
        tlc.locate({"JURAT_TLC_JAR": str(path)})
    assert str(caught.value) == f"{path} (from JURAT_TLC_JAR) is not a TLC jar: it holds no tlc2.TLC"


def test_a_jar_with_a_broken_class_is_named(tmp_path: Path) -> None:
    """It looks like TLC until Java reads it."""
    path = tmp_path / "tla2tools.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tlc2/TLC.class", b"not a class")
    broken = tlc.locate({"JURAT_TLC_JAR": str(path)})
    with pytest.raises(
        TlcUnavailable, match=r"did not run TLC from .*tla2tools\.jar: exit status 1, and it said"
    ):
        tlc.run(broken, check())


def test_a_missing_java_is_named(tmp_path: Path) -> None:
    """With the variable that names it."""
    path = tmp_path / "java"
    with pytest.raises(TlcUnavailable) as caught:
        tlc.locate({"JURAT_JAVA": str(path)})
    assert str(caught.value) == f"no Java runtime at {path} (from JURAT_JAVA)"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no memory today' >&2; exit 1", "exit status 1, and it said: no memory today"),
        ("echo 'I am something else'", "exit status 0, and it said: I am something else"),
        ("exit 0", "exit status 0, and it said: nothing"),
    ],
)
def test_a_java_that_does_not_run_tlc_is_named(tmp_path: Path, script: str, said: str) -> None:
    """Whatever its exit status: silence is not a pass."""
    program = java(tmp_path, script)
    broken = tlc.locate({"JURAT_JAVA": program})
    with pytest.raises(TlcUnavailable) as caught:
        tlc.run(broken, check())
    assert str(caught.value).startswith(f"{program} did not run TLC from ")
    assert str(caught.value).endswith(said)


def test_a_java_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    """The file is there, and no program."""
    program = tmp_path / "java"
    program.write_bytes(b"\x7fELF, it says")
    program.chmod(0o755)
    with pytest.raises(TlcUnavailable, match="cannot be run"):
        tlc.run(tlc.locate({"JURAT_JAVA": str(program)}), check())


# --- answers that do not add up ------------------------------------------------------------------


def framed(*messages: tuple[int, int, str]) -> str:
    """TLC's tool mode: number, severity, text."""
    return "".join(
        f"@!@!@STARTMSG {code}:{severity} @!@!@\n{text}\n@!@!@ENDMSG {code} @!@!@\n"
        for code, severity, text in messages
    )


VERSION = (2262, 0, "TLC2 Version 2.15")
SUCCESS = (
    2193,
    0,
    "Model checking completed. No error has been found.\n  calculated (optimistic):  val = 2.0E-9",
)
COUNTS = (2199, 0, "7 states generated, 5 distinct states found, 0 states left on queue.")
DEPTH = (2194, 0, "The depth of the complete state graph search is 3.")
VIOLATED = (2110, 1, "Invariant Small is violated.")


def judged(*messages: tuple[int, int, str], exit_status: int = 0, more: str = "") -> Outcome:
    """What is made of these messages."""
    return tlc.judge(tlc.parse(framed(VERSION, *messages) + more), exit_status, check())


def test_a_complete_answer_is_ok() -> None:
    """So that the refusals below are refusals of what they change."""
    outcome = judged(SUCCESS, COUNTS, DEPTH)
    assert (outcome.found, outcome.distinct, outcome.generated, outcome.depth) == (Found.OK, 5, 7, 3)
    assert outcome.collision == "2.0E-9"


@pytest.mark.parametrize(
    ("messages", "exit_status"),
    [
        ((SUCCESS, (2199, 0, COUNTS[2].replace(" 0 ", " 4 ")), DEPTH), 0),
        ((SUCCESS, DEPTH), 0),
        ((SUCCESS, COUNTS), 0),
        ((SUCCESS, COUNTS, DEPTH), 12),
        ((VIOLATED, COUNTS, DEPTH), 0),
        ((VIOLATED, (2217, 4, "no state"), COUNTS, DEPTH), 12),
        ((VIOLATED, (2217, 4, "1: <Initial predicate>\nn = half a"), COUNTS, DEPTH), 12),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(
    messages: tuple[tuple[int, int, str], ...], exit_status: int
) -> None:
    """States left on the queue, missing counts, an exit status for another answer, a trace that is none."""
    with pytest.raises(TlcUnreadable):
        judged(*messages, exit_status=exit_status)


@pytest.mark.parametrize(
    ("messages", "more", "error"),
    [
        ((COUNTS, DEPTH), "", "TLC ended with exit status 0 before it was done, and did not say why"),
        ((SUCCESS, COUNTS, DEPTH, (2103, 1, "An evaluation\nfailed")), "", "An evaluation failed"),
        ((SUCCESS, COUNTS, DEPTH), "@!@!@STARTMSG 1000:1 @!@!@\nA bug", "A bug"),
        (
            (SUCCESS, COUNTS, DEPTH),
            framed((1000, 2, "outer: " + framed((2132, 0, "inner")).strip())),
            "outer: inner",
        ),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(
    messages: tuple[tuple[int, int, str], ...], more: str, error: str
) -> None:
    """Although TLC ended with exit status 0."""
    outcome = judged(*messages, more=more)
    assert (outcome.found, outcome.error) == (Found.ERROR, error)


@pytest.mark.parametrize(
    ("messages", "exit_status", "why"),
    [(((1001, 1, "heap"),), 1, "out of memory"), ((COUNTS,), -9, "killed by signal 9")],
)
def test_a_limit_of_memory_is_undetermined(
    messages: tuple[tuple[int, int, str], ...], exit_status: int, why: str
) -> None:
    """TLC's own, or the system's."""
    outcome = judged(*messages, exit_status=exit_status)
    assert (outcome.found, outcome.error) == (Found.UNDETERMINED, why)


def test_a_frame_that_was_not_opened_is_refused() -> None:
    """Then something was lost before it."""
    with pytest.raises(TlcUnreadable):
        tlc.parse("@!@!@ENDMSG 2193 @!@!@\n")
