"""The name table says what the sources say, and refuses names that are not the same everywhere."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jurat import _states
from jurat_audit import names
from jurat_audit.manifest import load
from jurat_audit.subject import project_root
from jurat_spec.lifecycle import ACTIONS, PHASES, REASONS, STATUSES
from jurat_spec.replay import LOGGED

if TYPE_CHECKING:
    from pathlib import Path

ROOT = project_root()
MODEL_FILE, STEPS, STATES = "tla/Lifecycle.tla", "worker/jurat/_steps.py", "worker/jurat/_states.py"
SOURCES = (MODEL_FILE, STEPS, STATES, "spec/jurat_spec/replay.py")
MODEL = r"""
---- MODULE Small ----
EXTENDS Naturals
\* Ghost == "in a comment"
Waiting == {"queued", "retrying"}
All     == {"absent"} \cup Waiting
           \cup {"running"}
Mixed   == 1..2
(* Ghost == TRUE *)
Start(t) ==
    /\ t \in Waiting

    /\ UNCHANGED t
Pause(q) == q
Stopped  == TRUE  \* Never == this
Next == \/ \E t \in {1} : Start(t) \/ Pause(t)
        \/ Stopped
Spec == Next
====
"""


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table without its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the sources that the tables are made from."""
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def change(root: Path, name: str, old: str, new: str) -> None:
    """Put one text in the place of another, which must be there."""
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), encoding="utf-8")


def test_every_action_has_a_row_with_what_each_place_calls_it() -> None:
    """In the order of the rule; the log's names are those of the replay."""
    table = rows(names.action_table())
    assert [row[1] for row in table] == [f"`{name}`" for name in ACTIONS]
    assert all(model.startswith(name[:-1]) for model, name, _, _ in table)
    assert {row[2] for row in table if row[2].startswith("`")} == {f"`{name}`" for name in LOGGED}
    assert ["`Start(t)`", "`Start`", "`Start`", "`turn`, `start`"] in table
    assert ["`Reject`", "`Reject`", "`Reject`", "`admit`, `admit_all`"] in table
    assert ["`GraceSpent`", "`GraceSpent`", *["none: it follows from the instants"] * 2] in table


def test_every_word_has_a_row_and_the_worker_has_no_other() -> None:
    """The member that the table names has the word as its value."""
    table = rows(names.word_table())
    assert [row[0] for row in table] == [f'`"{word}"`' for word in (*STATUSES, *PHASES, *REASONS)]
    members = {row[3].strip("`"): row[0].strip('`"') for row in table if row[3].startswith("`")}
    assert members == {
        f"{kind.__name__}.{member.name}": member.value
        for kind in (_states.Status, _states.Phase, _states.Reason)
        for member in kind
    }


def test_a_module_is_read_without_its_comments() -> None:
    """Definitions end at the next line that is not indented; a blank line ends none."""
    defined = names.definitions(MODEL)
    assert list(defined) == ["Waiting", "All", "Mixed", "Start", "Pause", "Stopped", "Next", "Spec"]
    assert defined["Pause"] == names.Definition("Pause(q)", "q")
    assert defined["Start"].body.endswith("UNCHANGED t")
    assert defined["Spec"].body == "Next"
    assert names.model_actions(MODEL) == ["Start", "Pause", "Stopped"]
    assert names.model_set(MODEL, "All") == {"absent", "queued", "retrying", "running"}


def test_the_actions_of_next_are_those_of_the_manifest() -> None:
    """There each reason of Reject is an action of its own."""
    actions = load(ROOT / "tla").modules["Lifecycle"].actions
    named = {"Reject" if name.startswith("Reject") else name for name in actions}
    assert named == set(names.model_actions((ROOT / MODEL_FILE).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["Mixed", "Ghost"])
def test_what_is_no_set_of_words_is_refused(name: str) -> None:
    """A range is none, and neither is what is not defined."""
    with pytest.raises(names.NamesDiffer, match=f"does not define {name} "):
        names.model_set(MODEL, name)


def test_a_next_that_cannot_be_read_is_refused() -> None:
    """There is none, or it names what is not defined."""
    with pytest.raises(names.NamesDiffer, match="no Next"):
        names.model_actions(MODEL.replace("Next ==", "After =="))
    with pytest.raises(names.NamesDiffer, match="does not define: Halted"):
        names.model_actions(MODEL.replace(r"\/ Stopped", r"\/ Halted"))


def test_the_writers_of_an_event_are_found_in_the_syntax_tree() -> None:
    """In the list of five, or put into its second place; other lists and places are none."""
    source = (
        "def one(now):\n    event = [now, 'A', 0, 0, None]\n    event[1] = 'B'\n    event[4] = 'C'\n"
        "def two(now):\n    record = ([now, 'A', 0, 0, None],)\n    other = [now, 'D']\n    event[1] = now\n"
    )
    assert names.events_written(source) == {"A": ["one", "two"], "B": ["one"]}


def test_an_enumeration_that_is_not_there_is_named() -> None:
    """As `Status` would be, were it renamed."""
    with pytest.raises(names.NamesDiffer, match="no enumeration Status"):
        names.worker_words("class State:\n    A = 'a'\n", "Status")


@pytest.mark.parametrize(
    ("name", "old", "new", "odd"),
    [
        (MODEL_FILE, "Expire(t)", "Lapse(t)", "actions: .*: Expire, Lapse$"),
        (MODEL_FILE, r"\/ StopNow \/", r"\/", "actions: .*: StopNow$"),
        (STEPS, '"Abandon"', '"Abandoned"', "may not contain: .*: Abandoned$"),
        (STEPS, 'event[1] = "Reject"', 'event[1] = "Refuse"', "may not contain: .*: Refuse$"),
    ],
)
def test_an_action_with_two_names_is_refused(copied: Path, name: str, old: str, new: str, odd: str) -> None:
    """Renamed in the model, left out of `Next`, or written into the log by another name."""
    change(copied, name, old, new)
    with pytest.raises(names.NamesDiffer, match=odd):
        names.action_table(copied)


@pytest.mark.parametrize(
    ("name", "old", "new", "odd"),
    [
        (
            MODEL_FILE,
            '"timed_out", "abandoned"}',
            '"late", "abandoned"}',
            "set Terminal: .*: late, timed_out$",
        ),
        (MODEL_FILE, '{"none", "user", "parent", ', '{"none", "user", ', "set Reasons: .*: parent$"),
        (MODEL_FILE, r'Waiting \cup {"running"}', "Waiting", "set Live: .*: running$"),
        (STATES, '"failed"', '"broken"', "worker's Status: .*: broken$"),
        (STATES, '"user"', '"none"', "worker's Reason: .*: none$"),
    ],
)
def test_a_word_with_two_names_is_refused(copied: Path, name: str, old: str, new: str, odd: str) -> None:
    """In the model or in the worker; a word for nothing is one too many."""
    change(copied, name, old, new)
    with pytest.raises(names.NamesDiffer, match=odd):
        names.word_table(copied)


def test_what_the_worker_does_not_do_is_said_so(copied: Path) -> None:
    """A step or a word that is taken away leaves its row, and the row says it."""
    change(copied, STEPS, '"StopNow"', '"Stopped"')
    assert ["`StopNow`", "`StopNow`", "`StopNow`", names.NOT_YET] in rows(names.action_table(copied))
    change(copied, STATES, '"shutdown"', '"user"')
    assert ['`"shutdown"`', '`"shutdown"`', "reason", names.NOT_YET] in rows(names.word_table(copied))
