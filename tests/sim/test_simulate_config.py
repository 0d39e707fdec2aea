"""Scenario files: what they may say, and that each mistake is told by file, line and key."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from jurat_sim.simulate import ScenarioError, config, durations, errors, read, schema
from jurat_sim.simulate.tables import Document, schema_of

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "scenarios").glob("*.toml"))

WHOLE = """\
name = "whole"
[worker]
threads = 3
rate = { starts = 3, per = "10ms", burst = 2 }
retry = { max_retries = 2, jitter = 0.25 }
[[queue]]
name = "mail"
[[load]]
name = "a"
count = 5
arrivals = { kind = "poisson", mean = "1ms" }
service = { kind = "uniform", least = "1us", most = "1.5ms" }
faults = { raises = 0.1 }
[[load]]
name = "b"
queue = "mail"
until = "1h 30m"
arrivals = { kind = "bursts", size = 2, every = "1s" }
[[event]]
at = "10s"
do = "drain"
replaced = "at once"
"""


def write(folder: Path, text: str) -> Path:
    """A scenario file with this text."""
    path = folder / "s.toml"
    path.write_text(text)
    return path


def test_a_scenario_is_read_in_whole_numbers(tmp_path: Path) -> None:
    """Lengths are nanoseconds and shares are exact, as they are written."""
    scenario = read(write(tmp_path, WHOLE))
    assert scenario.worker.rate == config.RateLimit(starts=3, per=10_000_000, burst=2)
    assert scenario.worker.retry is not None
    assert scenario.worker.retry.jitter == Fraction(1, 4)
    assert scenario.load[0].service == config.UniformService(least=1_000, most=1_500_000)
    assert scenario.load[0].faults.raises == Fraction(1, 10)
    assert scenario.load[1].until == 5_400_000_000_000
    assert scenario.event == (config.Drain(at=10_000_000_000, replaced="at once"),)


MISTAKES: list[tuple[str, str, type[ScenarioError], str]] = [
    (
        "threads = 3",
        "threads = 0",
        errors.BadValue,
        "s.toml, line 3: worker.threads: must be at least 1, and is 0",
    ),
    ("threads = 3", "thread = 3", errors.UnknownKey, "s.toml, line 3: worker.thread: is no key here"),
    (
        'per = "10ms"',
        'per = "10 ms"',
        errors.BadValue,
        "s.toml, line 4: worker.rate.per: must be a number and",
    ),
    (
        'per = "10ms"',
        'per = "0.5ns"',
        errors.BadValue,
        "line 4: worker.rate.per: must be a whole number of nano",
    ),
    ('per = "10ms"', 'per = "-10ms"', errors.BadValue, "line 4: worker.rate.per: must not be below 1 ns"),
    ("jitter = 0.25", "jitter = 1.25", errors.BadValue, "line 5: worker.retry.jitter: must be from 0 to 1"),
    ("jitter = 0.25", "jitter = nan", errors.BadValue, "line 5: worker.retry.jitter: must be from 0 to 1"),
    ('mean = "1ms" }', "mean = 1 }", errors.BadValue, "line 11: load[0].arrivals.mean: must be text such as"),
    (
        'kind = "poisson", ',
        "",
        errors.MissingKey,
        "line 11: load[0].arrivals.kind: is missing: one of regular",
    ),
    (
        'kind = "poisson"',
        'kind = "chance"',
        errors.BadValue,
        "line 11: load[0].arrivals.kind: must be one of reg",
    ),
    ('least = "1us"', 'least = "2ms"', errors.BadValue, "line 12: load[0].service: must have least <= most"),
    (
        "raises = 0.1",
        "raises = 0.6, hangs = 0.5",
        errors.BadValue,
        "line 13: load[0].faults: must not be more",
    ),
    ("count = 5\n", "", errors.BadValue, "line 8: load[0]: must say count or until"),
    (
        'queue = "mail"',
        'queue = "fax"',
        errors.BadValue,
        "line 16: load[1].queue: must be one of default, mail",
    ),
    ('name = "b"', 'name = "a"', errors.BadValue, "line 8: load: must have different names"),
    ('do = "drain"', 'do = "dance"', errors.BadValue, "line 21: event[0].do: must be one of drain, stop"),
    ('at = "10s"\n', "", errors.MissingKey, "line 19: event[0].at: is missing: when"),
    ('name = "whole"', 'name = "whole', errors.NotToml, "s.toml, line 1: "),
    ('name = "whole"', "name = []", errors.BadValue, "line 1: name: must be text that is not empty"),
    (
        "threads = 3",
        "threads = true",
        errors.BadValue,
        "line 3: worker.threads: must be a whole number, not a truth",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "error", "said"), MISTAKES, ids=[row[1][:24] for row in MISTAKES])
def test_a_mistake_is_told_by_file_line_and_key(
    tmp_path: Path, right: str, wrong: str, error: type[ScenarioError], said: str
) -> None:
    """In one line, by the error that belongs to it."""
    assert right in WHOLE
    path = write(tmp_path, WHOLE.replace(right, wrong, 1))
    with pytest.raises(error) as raised:
        read(path, "s.toml")
    assert type(raised.value) is error
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """And one that is no text."""
    with pytest.raises(errors.CannotRead, match="No such file"):
        read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.CannotRead, match="not UTF-8"):
        read(tmp_path / "bytes.toml")


def test_lines_are_found_in_any_layout(tmp_path: Path) -> None:
    """Dotted keys, lists over several lines, text with brackets and equals signs in it."""
    text = (
        'a.b = 1\nc = [\n  1,\n  2, # ]\n]\nd = """\ne = 5\n[f]\n"""\n'
        '[g.h]\ni = 1\n[[k]]\nl = "="\n[[k]]\nl = 2\n'
    )
    document = Document(write(tmp_path, text))
    paths: list[tuple[str | int, ...]] = [
        ("a", "b"),
        ("c",),
        ("d",),
        ("g", "h", "i"),
        ("k", 0, "l"),
        ("k", 1, "l"),
    ]
    assert [document.line(path) for path in paths] == [1, 2, 6, 11, 13, 15]
    assert document.line(("e",)) == 0


TRACE = """\
name = "traced"
[[load]]
name = "a"
arrivals = { kind = "trace", file = "a.csv" }
"""


def test_a_trace_is_read_with_its_lengths(tmp_path: Path) -> None:
    """Comments and empty lines are passed over."""
    (tmp_path / "a.csv").write_text("# instants\n1ms\n\n1ms, 2us # twice\n3s\n")
    assert read(write(tmp_path, TRACE)).load[0].trace == (
        (1_000_000, None),
        (1_000_000, 2_000),
        (3_000_000_000, None),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1ms\n1s\n999ms\n", "a.csv, line 3: 999ms is before the instant of the line above"),
        ("1ms\nsoon\n", "a.csv, line 2: must be a number and a unit"),
        ("1ms, -1s\n", "a.csv, line 1: -1s is negative"),
        ("# nothing\n", "a.csv: has no line"),
    ],
)
def test_a_mistake_in_a_trace_names_the_line_of_the_trace(tmp_path: Path, text: str, said: str) -> None:
    """And the trace, not the scenario."""
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(errors.BadTrace) as raised:
        read(write(tmp_path, TRACE))
    assert str(raised.value).startswith(said)


def test_a_trace_that_is_not_there_names_the_line_of_the_scenario(tmp_path: Path) -> None:
    """Since that is where its name stands."""
    with pytest.raises(
        errors.CannotRead, match=r"s\.toml, line 4: load\[0\]\.arrivals\.file: a\.csv: No such"
    ):
        read(write(tmp_path, TRACE), "s.toml")


@pytest.mark.parametrize(
    ("guide", "said"),
    [
        ("threads = { most = 3 }", "must say what is wanted"),
        ('drain = "1s"', "must say what may be changed"),
        ('drain = "1s"\nthreads = { least = 4, most = 3 }', "guide.threads: must have least <= most"),
        ('drain = "1s"\nthreads = { most = 501 }', "guide.threads.most: must be at most 500"),
    ],
)
def test_a_guide_says_what_is_wanted_and_what_may_be_changed(tmp_path: Path, guide: str, said: str) -> None:
    """Otherwise there is nothing to look for."""
    with pytest.raises(errors.BadValue, match=said):
        read(write(tmp_path, f"{WHOLE}[guide]\n{guide}\n"))


def test_the_schema_beside_the_module_is_the_one_that_the_reader_goes_by() -> None:
    """`schema.json` is for editors; it is written by `jurat_sim.simulate.schema`."""
    path = Path(config.__file__).with_name("schema.json")
    assert path.read_text() == json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _objects(value: Any) -> list[dict[str, Any]]:
    found = [value] if isinstance(value, dict) and value.get("type") == "object" else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found + [it for one in inner for it in _objects(one)]


def test_every_table_of_the_schema_is_closed_and_described() -> None:
    """An editor shows what a key means, and marks one that there is not."""
    objects = _objects(schema())
    assert len(objects) > 20
    assert all(it["additionalProperties"] is False for it in objects)
    assert all(
        "const" in it or it.get("description") for table in objects for it in table["properties"].values()
    )
    assert schema_of(config.RateLimit, "x")["required"] == ["starts", "per"]


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_can_be_read(path: Path) -> None:
    """And is named after its file."""
    assert read(path).name == path.stem


@pytest.mark.parametrize(
    ("text", "ns"),
    [("0s", 0), ("1.5us", 1_500), ("1h 30m", 5_400_000_000_000), ("-1h 1ns", -3_600_000_000_001)],
)
def test_a_length_is_exact(text: str, ns: int) -> None:
    """Decimals are no floats."""
    assert durations.parse(text) == ns


@pytest.mark.parametrize("text", ["", "1", "ms", "1 ms", "1.ms", "1ms2s", "\u0661ms", "0.1ns", "1e3s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """Or no whole number of nanoseconds."""
    with pytest.raises(ValueError, match="must be"):
        durations.parse(text)


def test_the_worker_is_given_the_very_length() -> None:
    """A float of seconds is used only where it is exact to the nanosecond."""
    for ns in (0, 1, 999, 1_000, 2**51 - 1, 10**17):
        given = durations.for_worker(ns)
        back = (
            round(given * 10**9) if isinstance(given, float) else round(given.total_seconds() * 10**6) * 1_000
        )
        assert back == ns
    with pytest.raises(ValueError, match="too long"):
        durations.for_worker(2**51 + 1)


def test_a_length_is_shown_with_three_decimals() -> None:
    """In the largest unit that it fills."""
    shown = [durations.show(ns) for ns in (0, 999, 1_234_567, 59_999_999_999, 90_000_000_000, -1_000)]
    assert shown == ["0 ns", "999 ns", "1.235 ms", "60 s", "1.5 m", "-1 us"]
