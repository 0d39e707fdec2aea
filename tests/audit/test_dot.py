"""TLC's dumps are read completely or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_audit.dot import DumpError, Function, ValueSyntaxError, parse_state, parse_value, read

if TYPE_CHECKING:
    from pathlib import Path

HEADER = 'strict digraph DiskGraph {\nnodesep=0.35;\nsubgraph cluster_graph {\ncolor="white";\n'
FOOTER = "{rank = same; 1;}\n}\n}"
ARROW = ',color="black",fontcolor="black"];\n'

# Three states of two variables: a value that TLC broke over lines, a negative fingerprint, a step
# that is written twice, two actions between the same states, and steps that change nothing.
BODY = (
    '-1 [label="/\\\\ n = 1\\n/\\\\ word = <<\\"absent\\",\\n  \\"absent\\">>",style = filled]\n'
    '-1 -> 2 [label="Go"' + ARROW + '2 [label="/\\\\ n = 2\\n/\\\\ word = <<\\"absent\\", \\"here\\">>"];\n'
    '-1 -> 2 [label="Go"'
    + ARROW
    + '-1 -> 2 [label="Jump"'
    + ARROW
    + '2 -> 2 [label="Stay"'
    + ARROW
    + "2 -> -3 "
    '[label="Go"' + ARROW + '-3 [label="/\\\\ n = -3\\n/\\\\ word = <<>>"];\n'
)
FIRST, SECOND, THIRD = (1, ("absent", "absent")), (2, ("absent", "here")), (-3, ())


def dump(folder: Path, body: str = BODY, *, whole: str | None = None) -> Path:
    """A file with this graph."""
    path = folder / "Toy.dot"
    path.write_text(HEADER + body + FOOTER if whole is None else whole, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("TRUE", True),
        ("FALSE", False),
        ('""', ""),
        (r'"a\"b\\c\nd"', 'a"b\\c\nd'),
        ('"TRUE"', "TRUE"),
        ('"<<1>>"', "<<1>>"),
        ("<<>>", ()),
        ("<<1, <<2>>,\n   <<>> >>", (1, (2,), ())),
        ("{}", frozenset()),
        ('{"b", "a"}', frozenset({"a", "b"})),
        ("{{}, {1}}", frozenset({frozenset(), frozenset({1})})),
        ("-1..2", frozenset({-1, 0, 1, 2})),
        ("[a |-> TRUE, b |-> <<1>>]", Function(frozenset({("a", True), ("b", (1,))}))),
        ('(3 :> "x" @@ 5 :> "y")', Function(frozenset({(3, "x"), (5, "y")}))),
        ('("a" :> TRUE)', Function(frozenset({("a", True)}))),
        ('(2 :> "y" @@ 1 :> "x")', ("x", "y")),
        ("(<<1, 2>> :> {})", Function(frozenset({((1, 2), frozenset())}))),
    ],
)
def test_values_are_read(text: str, value: object) -> None:
    """Each kind of value that the models use, and a few that they may come to use."""
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_a_record_is_a_function_over_strings() -> None:
    """As in TLA+ itself, however TLC chose to print it."""
    assert parse_value("[a |-> 1]") == parse_value('("a" :> 1)')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<<",
        "<<1",
        "<<1,>>",
        "<<1 2>>",
        "{1, 1}",
        "{1",
        "[a |-> 1",
        "[a -> 1]",
        "[1 |-> 1]",
        "[]",
        "[a |-> 1, a |-> 2]",
        "(1 :> 2 @@ 1 :> 3)",
        "(1 : 2)",
        "()",
        "1 2",
        "1..",
        '1.."a"',
        '"open',
        '"line\nbreak"',
        r'"\q"',
        "t1",
        "null",
        "1 + 1",
        "SUBSET {1}",
        "é",
    ],
)
def test_what_is_no_value_is_refused(text: str) -> None:
    """Half a value, an expression, a model value: nothing is guessed."""
    with pytest.raises(ValueSyntaxError):
        parse_value(text)


def test_a_state_of_a_counterexample_is_read() -> None:
    """With its variables in TLC's order, or with only one and so without a conjunction."""
    assert parse_state('/\\ b = <<1,\n  2>>\n/\\ a = "x"') == (("b", (1, 2)), ("a", "x"))
    assert parse_state("n = 0") == (("n", 0),)


def test_a_graph_is_read(tmp_path: Path) -> None:
    """Initial states, states and labelled steps, as sets, in the asked order of variables."""
    graph = read(dump(tmp_path), ("n", "word"))
    assert graph.initial == {FIRST}
    assert graph.states == {FIRST, SECOND, THIRD}
    assert graph.edges == {
        (FIRST, "Go", SECOND),
        (FIRST, "Jump", SECOND),
        (SECOND, "Stay", SECOND),
        (SECOND, "Go", THIRD),
    }


def test_the_caller_chooses_the_order_of_the_variables(tmp_path: Path) -> None:
    """TLC's order is its own affair."""
    assert read(dump(tmp_path), ("word", "n")).initial == {(("absent", "absent"), 1)}


def test_one_variable_has_no_conjunction(tmp_path: Path) -> None:
    """TLC prints `n = 0` then, without the sign of a conjunct."""
    graph = read(dump(tmp_path, '1 [label="n = 0",style = filled]\n'), ("n",))
    assert graph.states == {(0,)}


def test_stuttering_is_no_step(tmp_path: Path) -> None:
    """Where a temporal property is checked TLC draws it, dashed."""
    assert (
        read(dump(tmp_path, BODY + '2 -> 2 [style="dashed"];\n'), ("n", "word")).edges
        == read(dump(tmp_path), ("n", "word")).edges
    )


def test_equal_states_are_one_object(tmp_path: Path) -> None:
    """A large graph has few different values: sharing them is what makes it fit."""
    edges = read(dump(tmp_path), ("n", "word")).edges
    assert len({id(state) for before, _, after in edges for state in (before, after)}) == 3


def test_a_dump_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    """A disk that is full must not look like a smaller graph."""
    whole = HEADER + BODY + FOOTER
    for end in range(len(whole)):
        with pytest.raises(DumpError):
            read(dump(tmp_path, whole=whole[:end]), ("n", "word"))


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("garbage\n", 5, "neither a state nor a step"),
        (BODY.replace("Stay", "St ay"), 10, "neither a state nor a step"),
        (BODY.replace("2 -> 2", "2 -> two"), 10, "neither a state nor a step"),
        (BODY.replace("n = 2", "n 2"), 7, "no `variable = value`"),
        (BODY.replace("n = 2", "n = two"), 7, "'two' is a model value"),
        (BODY.replace("n = 2", "m = 2"), 7, "the variable m, which is none of n, word"),
        (BODY.replace("/\\\\ n = 2\\n", ""), 7, "a state without n"),
        (BODY.replace("n = 2\\n", "n = 2\\n/\\\\ n = 3\\n"), 7, "a variable twice"),
        (BODY.replace("2 -> -3", "2 -> -4"), 12, "'-4', which is no state so far"),
        (BODY.replace("2 -> -3", "9 -> -3"), 12, "'9', which is no state so far"),
        (BODY + BODY.splitlines(keepends=True)[2], 13, "the state 2 for the second time"),
        (
            BODY.replace("n = -3", "n = 2").replace("<<>>", '<<\\"absent\\", \\"here\\">>'),
            14,
            "3 fingerprints for 2 different states",
        ),
        (BODY + '1 -> 2 [style="dashed"];\n', 13, "neither a state nor a step"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(
    tmp_path: Path, body: str, line: int, what: str
) -> None:
    """Nothing is skipped, guessed or repaired."""
    with pytest.raises(DumpError, match="line") as caught:
        read(dump(tmp_path, body), ("n", "word"))
    assert what in caught.value.what
    assert caught.value.line == line
    assert str(caught.value).startswith(f"TLC's dump Toy.dot, line {line}: ")


@pytest.mark.parametrize("whole", ["", "digraph G {\n}\n", HEADER, HEADER + BODY + FOOTER + "more"])
def test_what_is_no_dump_is_refused(tmp_path: Path, whole: str) -> None:
    """An empty file, another tool's graph, half a header, something after the end."""
    with pytest.raises(DumpError):
        read(dump(tmp_path, whole=whole), ("n", "word"))
