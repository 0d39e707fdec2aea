"""Replay tokens: they hold a schedule, and say what is wrong with them when they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat_sim import BadToken, replay
from jurat_sim.errors import (
    TokenAlphabet,
    TokenChecksum,
    TokenMisfit,
    TokenOfATest,
    TokenPrefix,
    TokenTruncated,
    TokenUnknown,
)
from jurat_sim.scenarios import SCENARIOS
from jurat_sim.tokens import Grain, Schedule, decode, encode, name_hash

_gaps = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), max_size=40)


def _schedule(**changed: object) -> Schedule:
    values: dict[str, object] = {
        "scenario": name_hash("submit_races_stop"),
        "grain": Grain.SEAM,
        "defect": None,
        "source": 0xBEEF,
        "deviations": ((0, 1), (7, 2), (400, 0)),
    }
    return Schedule(**(values | changed))  # type: ignore[arg-type]


TOKEN = encode(_schedule())


@given(
    gaps=_gaps,
    grain=st.sampled_from(Grain),
    defect=st.none() | st.from_regex(r"[DLTWF][0-9]{2}", fullmatch=True),
    source=st.integers(0, 0xFFFF),
    omitted=st.sets(st.integers(0, 40)),
)
def test_a_token_holds_its_schedule(
    gaps: list[tuple[int, int]], grain: Grain, defect: str | None, source: int, omitted: set[int]
) -> None:
    """Decoding what was encoded gives it back, whatever it was."""
    choice, deviations = -1, []
    for gap, option in gaps:
        choice += gap + 1
        deviations.append((choice, option))
    schedule = _schedule(
        grain=grain,
        defect=defect,
        source=source,
        deviations=tuple(deviations),
        omitted=tuple(sorted(omitted)),
    )
    assert decode(encode(schedule)) == schedule


def test_a_token_is_short_and_may_be_typed_in_lower_case() -> None:
    """A schedule with a dozen deviations fits in 64 characters."""
    token = encode(_schedule(deviations=tuple((place * 3, 1) for place in range(12))))
    assert len(token) <= 64
    assert decode("v1." + token[3:].lower()) == decode(token)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", TokenPrefix),
        ("v2." + TOKEN[3:], TokenPrefix),
        ("v1.", TokenTruncated),
        ("v1.01", TokenAlphabet),
        ("v1.é" + TOKEN[3:], TokenAlphabet),
        (TOKEN + "=", TokenAlphabet),
        (TOKEN + "AAAAAAAA", TokenChecksum),
        (TOKEN[:9] + ("A" if TOKEN[9] != "A" else "B") + TOKEN[10:], TokenChecksum),
        (encode(_schedule(scenario=b"none")), TokenOfATest),
        (encode(_schedule(defect="D98")), TokenUnknown),
        (encode(_schedule(deviations=((0, 77),))), TokenMisfit),
    ],
)
def test_a_bad_token_says_what_is_wrong_with_it(token: str, error: type[BadToken]) -> None:
    """Each way of being wrong has its own error, in one line that shows the token."""
    with pytest.raises(error) as raised:
        replay(token)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    assert raised.value.why in str(raised.value)


def test_a_token_of_a_test_comes_with_the_command_that_makes_its_run_again() -> None:
    """The bench knows no test; pytest does."""
    token = encode(_schedule(scenario=name_hash("test_account.py::test_no_deposit_is_lost")))
    with pytest.raises(TokenOfATest, match=rf"pytest --schedule={token}$"):
        replay(token)


@pytest.mark.parametrize("length", range(3, len(TOKEN)))
def test_a_token_cut_short_is_called_truncated(length: int) -> None:
    """Whatever is missing at its end, it is not mistaken for another."""
    with pytest.raises(TokenTruncated):
        decode(TOKEN[:length])


def test_a_token_without_omissions_is_what_it_was_before_there_were_any() -> None:
    """Tokens in old reports still work, and what is left out costs a few letters only."""
    assert TOKEN == "v1.B4MZUZ7QAAAL53YAAEDAFCADABCP6"
    assert len(encode(_schedule(omitted=(1, 6)))) <= len(TOKEN) + 3


def test_every_single_letter_changed_is_noticed() -> None:
    """No other letter in any place makes another token."""
    for place in range(3, len(TOKEN)):
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":
            if letter != TOKEN[place]:
                with pytest.raises(BadToken):
                    decode(TOKEN[:place] + letter + TOKEN[place + 1 :])


def test_scenarios_are_told_apart_by_four_bytes() -> None:
    """No two names have one hash."""
    assert len({name_hash(name) for name in SCENARIOS}) == len(SCENARIOS)
