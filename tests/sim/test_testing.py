"""The kit for tests of one's own, used as its users do: by pytest, in a project of theirs."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from jurat_sim import explore, testing
from jurat_sim.errors import BadExploration
from jurat_sim.testing import explored

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]

FIRST_LINES = "from jurat_sim.testing import Machine, explored\n\n"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Write a test file, if there is one to write, and run pytest with the plugin."""

    def write_and_run(source: str | None, *options: str) -> pytest.RunResult:
        if source is not None:
            pytester.makepyfile(test_account=FIRST_LINES + textwrap.dedent(source))
        return pytester.runpytest_inprocess("-p", "jurat_sim.testing", "-p", "no:cacheprovider", *options)

    return write_and_run


def _example() -> str:
    """The example of the module's docstring."""
    text = testing.__doc__
    assert text is not None
    block = text[text.index("    from jurat_sim") : text.index("This test fails")]
    return textwrap.dedent(block).removeprefix(FIRST_LINES)


def _the_same_run(result: pytest.RunResult) -> list[str]:
    """The options that pytest was told to be given, be they said once or again in the summary (CI is set)."""
    (options,) = {
        line.partition("the same run: pytest ")[2] for line in result.outlines if "the same run: " in line
    }
    return options.split()


def test_the_example_fails_as_its_text_says_and_its_token_is_the_run(run: Run) -> None:
    """The assertion, the story and the line; which makes that run again, and no other."""
    found = run(_example())
    found.assert_outcomes(failed=1)
    told = found.stdout.str()
    assert "assert 10 == 30" in told or "assert 20 == 30" in told
    assert "what died: exception: AssertionError in line " in told
    assert "at its pause: between reading and writing, in work > deposit, is held up" in told
    again = run(None, *_the_same_run(found))
    again.assert_outcomes(failed=1)
    story = re.compile(r"^E  +\d+ .*", re.MULTILINE)
    assert story.findall(again.stdout.str()) == story.findall(told)
    assert len(story.findall(told)) > 5


def test_the_example_passes_with_a_lock(run: Run) -> None:
    """Of the bench, since a real one would stop the process; the schedule that failed passes too.

    A test that does not have the choices of the schedule any more says that the token is of other source.
    """
    example = _example()
    token = _the_same_run(run(example))[0]
    mended = example.replace(
        '    account = {"balance": 0}\n', '    account, lock = {"balance": 0}, bench.lock()\n'
    )
    body = mended.index("        seen = ")
    end = mended.index("    with bench")
    mended = mended[:body] + "        with lock:\n" + textwrap.indent(mended[body:end], "    ") + mended[end:]
    run(mended).assert_outcomes(passed=1)
    run(None, token).assert_outcomes(passed=1)
    late = run("@explored()\ndef test_no_deposit_is_lost(bench) -> None: ...", token)
    late.assert_outcomes(failed=1)
    assert "a choice it makes does not exist; it was recorded from other source" in late.stdout.str()


def test_time_is_virtual_and_clients_are_explored(run: Run) -> None:
    """Hours pass, timeouts are met to the nanosecond, and whichever client comes first is seen first."""
    run(
        """
        from datetime import timedelta

        firsts = set()

        @explored(schedules=60)
        def test_hours(bench: Machine) -> None:
            order = []
            clients = [bench.client(order.append, name, name=name) for name in "ab"]
            worker = bench.worker(threads=1)
            worker.start()
            task = worker.submit(lambda context: context.sleep(timedelta(hours=2)))
            bench.sleep(3600)
            assert bench.now_ns >= 3600 * 10**9
            task.result()
            for client in clients:
                client.join()
            firsts.add(order[0])

        def test_both_were_first():
            assert firsts == {"a", "b"}
        """
    ).assert_outcomes(passed=2)


@pytest.mark.parametrize(("slow", "outcome"), [(False, "passed"), (True, "failed")])
def test_time_passes_at_any_moment_only_on_a_slow_machine(run: Run, slow: bool, outcome: str) -> None:
    """There, half a minute may pass before a thread has taken its next step, and a drain gives up."""
    result = run(
        f"""
        @explored(schedules=200, slow_machine={slow})
        def test_drain(bench: Machine) -> None:
            with bench.worker(threads=1) as worker:
                tasks = [worker.submit(lambda context: bench.pause()) for _ in range(3)]
            assert all(task.status == "completed" for task in tasks)
        """
    )
    result.assert_outcomes(**{outcome: 1})


def test_a_worker_that_is_left_running_is_stopped(run: Run) -> None:
    """As by a `with` block; a client that is left waiting fails the test, and is named."""
    result = run(
        """
        @explored(schedules=20)
        def test_left(bench: Machine) -> None:
            bench.worker(threads=2).submit(lambda context: None)

        @explored(schedules=20)
        def test_stuck(bench: Machine) -> None:
            bench.client(bench.gate().wait, name="patient")
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    assert "patient waits without a timer at gate test.1, which nobody opens" in result.stdout.str()
    assert "--schedule=v1." in result.stdout.str()


def test_what_escapes_from_a_client_fails_the_test(run: Run) -> None:
    """With its name."""
    result = run(
        """
        @explored(schedules=5)
        def test_client(bench: Machine) -> None:
            bench.client(lambda: 1 / 0, name="divider").join()
        """
    )
    result.assert_outcomes(failed=1)
    assert "ZeroDivisionError escaped from divider" in result.stdout.str()


def test_a_worker_whose_log_breaks_the_rule_fails_the_test(run: Run) -> None:
    """Though no assertion of the test does."""
    result = run(
        """
        @explored(schedules=5)
        def test_log(bench: Machine) -> None:
            worker = bench.worker(threads=1)
            with worker:
                worker.submit(lambda context: None).wait()
                worker._core.log.append(worker._core.log[-1])
        """
    )
    result.assert_outcomes(failed=1)
    assert "conformance: Complete: the task is running" in result.stdout.str()


def test_a_run_that_was_cut_short_is_no_pass(run: Run) -> None:
    """It is undetermined, which fails the test, and says how to allow more."""
    result = run(
        """
        @explored(schedules=5, steps=50)
        def test_long(bench: Machine) -> None:
            for _ in range(100):
                bench.pause()
        """
    )
    result.assert_outcomes(failed=1)
    assert "undetermined: schedule 5 was not over after 50 steps" in result.stdout.str()


def test_a_test_that_depends_on_more_than_its_schedule_says_so(run: Run) -> None:
    """A failure that does not come again gets no token."""
    result = run(
        """
        runs = []

        @explored(schedules=50)
        def test_counts(bench: Machine) -> None:
            runs.append(0)
            assert len(runs) != 7
        """
    )
    result.assert_outcomes(failed=1)
    assert "nondeterminism: schedule 7 failed" in result.stdout.str()
    assert "--schedule=" not in result.stdout.str()


def test_parameters_fixtures_and_skips_are_pytests_own(run: Run) -> None:
    """A token is that of one parameter; other fixtures are there; a skip is a skip."""
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("least", [1, 2])
        @explored(schedules=50)
        def test_parameter(bench: Machine, least: int, tmp_path) -> None:
            assert tmp_path.exists()
            order = []
            first = bench.client(order.append, 1)
            bench.client(order.append, 2).join()
            first.join()
            assert order[0] >= least

        @explored(schedules=50)
        def test_skips(bench: Machine) -> None:
            pytest.skip("not here")
        """
    )
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    schedule, test = _the_same_run(result)
    assert test.strip("'") == "test_account.py::test_parameter[2]"
    run(None, schedule).assert_outcomes(failed=1, deselected=2)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("@explored()\ndef test_it() -> None: ...", "test_it is explored, so it must take `bench`"),
        (
            "def test_it(bench: Machine) -> None: ...",
            "test_it takes `bench`, so it must be marked with @explored",
        ),
        (
            """
            import pytest
            @pytest.fixture
            def worker(bench): return bench.worker()
            @explored()
            def test_it(bench, worker) -> None: ...
            """,
            "`bench` is there for the test's function, anew in each run, and for no fixture",
        ),
        (
            "@explored()\ndef test_it(bench) -> None:\n    bench.worker()\n    bench.worker()",
            "a run has one worker",
        ),
        (
            "@explored(schedules=0)\ndef test_it(bench) -> None: ...",
            "schedules must be a whole number from 1",
        ),
    ],
    ids=["no bench", "no mark", "a fixture", "two workers", "no schedules"],
)
def test_misuse_says_what_to_write(run: Run, source: str, said: str) -> None:
    """Each in one line."""
    assert said in run(source).stdout.str()


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("v2.AAAA", "bad prefix"),
        ("v1.BQDVO2Y6AAAIR3INAMBACGL7", "checksum does not match"),
        ("v1.BQDVO2Y6AAAIR3INAMBACGL6", "this token is of no test that was collected"),
    ],
)
def test_a_token_that_is_of_no_use_is_said_to_be(run: Run, token: str, said: str) -> None:
    """A mistyped one before anything is collected, one of another test after it."""
    result = run("def test_other(): ...", f"--schedule={token}")
    assert said in result.stderr.str() + result.stdout.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_token_of_the_benchs_own_is_a_test_too(run: Run) -> None:
    """pytest makes a scenario's run again, in whatever project."""
    failure = explore("submit_races_stop", defect="D04").failure
    assert failure is not None
    result = run("def test_other(): ...", f"--schedule={failure.token}")
    result.assert_outcomes(failed=1, deselected=1)
    assert f"what died: {failure.property}" in result.stdout.str()


@pytest.mark.parametrize("wrong", [{"schedules": 0}, {"schedules": 1.5}, {"seed": -1}, {"steps": True}])
def test_what_cannot_be_explored_is_refused_where_it_is_written(wrong: dict[str, int]) -> None:
    """By the name of what is wrong."""
    with pytest.raises(BadExploration, match=f"{next(iter(wrong))} must be a whole number"):
        explored(**wrong)  # type: ignore[arg-type]
