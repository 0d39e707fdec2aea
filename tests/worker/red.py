"""The red table: for each behaviour a patch of the worker under which its test fails.

A test that was never seen red may test nothing.  Each entry below names a behaviour, the test that
cites it, and a change of the worker's source that breaks what it promises.  `make red` (this module, as a
program) copies the worker, applies the patch to the copy, runs the test against it in a process of its
own, and writes what it saw to `docs/behaviours.md`.  Nothing of the worker itself is touched.

It fails, by name, if a patch no longer fits, if a test stays green under its patch, if it breaks in
another way than by failing, or if the clean worker does not pass.

Prior art: the defects of `jurat_sim.defects`, which the bench finds; some patches here are theirs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jurat_sim.build import Patch
from jurat_sim.errors import BadAnchor

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "behaviours.md"
FOLDER = "tests/worker"
TIMEOUT = 100
"""Seconds for one test, which takes one or two."""
PROGRAM = """import os, pytest, sys
code = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)
"""
"""A worker that is broken may never stop: the process does not wait for it when it exits."""


@dataclass(frozen=True, slots=True)
class Red:
    """One row of the table."""

    behaviour: str
    promise: str
    """What the behaviour promises, in a few words."""
    file: str
    """In `tests/worker`, without `test_behaviours_`."""
    test: str
    title: str
    """What the patch does to the worker."""
    patches: tuple[Patch, ...]

    @property
    def path(self) -> str:
        """The test's file, from the root."""
        return f"{FOLDER}/test_behaviours_{self.file}.py"

    @property
    def node(self) -> str:
        """What pytest calls the test."""
        return f"{self.path}::{self.test}"


def _steps(*changes: tuple[str, str]) -> tuple[Patch, ...]:
    return _patches("_steps", *changes)


def _patches(module: str, *changes: tuple[str, str]) -> tuple[Patch, ...]:
    return tuple(Patch(module, before, after) for before, after in changes)


REDS: tuple[Red, ...] = (
    Red(
        "B1",
        "user code starts exactly once per attempt",
        "lifecycle",
        "test_user_code_starts_once_per_attempt",
        "a thread calls the function twice",
        _patches(
            "_threads",
            (
                """            args = task._args
            try:
""",
                """            args = task._args
            try:
                task._variables.run(task._function, context, *args)
""",
            ),
        ),
    ),
    Red(
        "B2",
        "what has ended never changes",
        "lifecycle",
        "test_what_has_ended_stays_as_it_is",
        "a late return completes an abandoned task",
        _steps(
            (
                """                    ended[1] = "LateReturn"
""",
                """                    ended[1] = "LateReturn"
                    done._status = COMPLETED
""",
            )
        ),
    ),
    Red(
        "B3",
        "a task that starts before submit returns does not go back to queued",
        "lifecycle",
        "test_a_task_that_has_run_before_submit_returns_is_not_queued_again",
        "submit sets the status after the task is visible",
        _steps(
            (
                """    return refusal, other, wake, steward


def _alarms_of""",
                """    if refusal is None and other is None:
        task._status = QUEUED
    return refusal, other, wake, steward


def _alarms_of""",
            )
        ),
    ),
    Red(
        "B4",
        "a duplicate id is refused, and the first task's handle still works",
        "lifecycle",
        "test_an_id_that_is_taken_is_refused_and_the_first_task_keeps_its_handle",
        "a second submission with the id takes its place",
        _steps(
            (
                "        elif extras is not None and extras.id is not None and extras.id in core.ids:\n",
                "        elif extras is not None and extras.id is not None and extras.id in ():\n",
            )
        ),
    ),
    Red(
        "B5",
        "of equal priority, the first admitted starts first",
        "lifecycle",
        "test_equals_start_in_order_of_admission",
        "of equals, the last admitted is first",
        _patches("_choose", ("task._number, task))", "-task._number, task))")),
    ),
    Red(
        "B6",
        "weights 3 and 1: every window of four starts has three and one",
        "lifecycle",
        "test_every_window_of_four_starts_has_three_of_one_queue_and_one_of_the_other",
        "no queue keeps its credit",
        _patches("_choose", ("            one.credit = credit\n", "            one.credit = credit * 0\n")),
    ),
    Red(
        "B7",
        "never more run than a cap of a queue allows",
        "lifecycle",
        "test_no_more_run_than_the_cap_at_every_instant",
        "a queue's cap is off by one",
        _patches(
            "_choose", ("_running_in(core, queue) < queue.cap", "_running_in(core, queue) <= queue.cap")
        ),
    ),
    Red(
        "B7",
        "never more run than the cap of a key allows",
        "lifecycle",
        "test_many_keys_at_their_caps_delay_nobody_else",
        "a key that was freed is told to nobody",
        _patches("_choose", ("            for key in freed:\n", "            for key in freed[:0]:\n")),
    ),
    Red(
        "B8",
        "a queued task that is cancelled never starts",
        "cancellation",
        "test_a_queued_task_that_is_cancelled_never_starts",
        "no look at the status at the last instant",
        _steps(
            (
                """                    if first._status is not QUEUED:
                        core.tombs -= 1
""",
                """                    if first._status is RUNNING:
                        core.tombs -= 1
""",
            )
        ),
    ),
    Red(
        "B8",
        "what is submitted with a cancelled token never starts",
        "cancellation",
        "test_what_is_submitted_with_a_cancelled_token_never_starts",
        "a token is not looked at when a child is entered",
        _patches(
            "_token", ("    elif token.cancelled:\n", "    elif token.cancelled and task._number < 0:\n")
        ),
    ),
    Red(
        "B9",
        "who ignores a cancellation and returns is completed",
        "cancellation",
        "test_a_running_task_that_returns_all_the_same_is_completed",
        "what was asked to come back and returned is judged as if it had raised",
        _patches(
            "_retries",
            (
                "    if not late and error is None:\n",
                "    if not late and error is None and task._reason is None:\n",
            ),
        ),
    ),
    Red(
        "B10",
        "a cancellation between the return and its record changes nothing",
        "cancellation",
        "test_a_cancellation_between_the_return_and_its_record_changes_nothing",
        "the record looks whether a cancellation was asked for",
        _steps(
            (
                """                done._value = value
                done._reason = None
""",
                """                done._value = value
                asked = done._reason is not None
                done._reason = None
""",
            ),
            (
                "                done._status = COMPLETED\n",
                "                done._status = CANCELLED if asked else COMPLETED\n",
            ),
        ),
    ),
    Red(
        "B11",
        "a function's own cancelled or timeout error is a failure, and retried",
        "cancellation",
        "test_a_functions_own_cancellation_or_timeout_is_a_failure_and_retried",
        "a cancelled or timeout error is taken for an acknowledgement",
        _steps(
            (
                "        requested = reason is not None or core.phase is STOPPING\n",
                """        requested = reason is not None or core.phase is STOPPING
        if failure is not None and ("Cancelled" in failure or "Time" in failure):
            requested = True
""",
            )
        ),
    ),
    Red(
        "B12",
        "at its deadline a task has timed out",
        "cancellation",
        "test_a_deadline_is_a_contract_to_the_nanosecond",
        "who comes back at the very deadline is in time",
        _patches(
            "_arithmetic",
            ("deadline is not None and returned >= deadline", "deadline is not None and returned > deadline"),
        ),
    ),
    Red(
        "B12",
        "a deadline that passes in the queue is a timeout, never a cancellation",
        "cancellation",
        "test_a_deadline_that_passes_in_the_queue_is_never_a_cancellation",
        "a cancellation does not look at the deadline",
        _steps(
            (
                """            if extras is not None and extras.deadline_ns <= now:
                event[1] = "Expire"
""",
                """            if extras is not None and extras.deadline_ns < now:
                event[1] = "Expire"
""",
            )
        ),
    ),
    Red(
        "B12",
        "an attempt that takes too long counts, and may be tried again",
        "cancellation",
        "test_an_attempt_that_takes_too_long_may_be_tried_again",
        "an attempt runs without its timeout",
        _steps(
            (
                """            task._started_ns = now
            if extras is not None:
                extras.attempt_end_ns = now + extras.timeout_ns
            task._status = RUNNING
            idle = core.idle
            if idle and (core.specials""",
                """            task._started_ns = now
            if extras is not None:
                extras.attempt_end_ns = FOREVER
            task._status = RUNNING
            idle = core.idle
            if idle and (core.specials""",
            )
        ),
    ),
    Red(
        "B13",
        "a task leaves no context, timer or thread behind",
        "cancellation",
        "test_a_task_leaves_no_context_no_timer_and_no_thread_behind",
        "contexts are kept",
        _patches(
            "_threads",
            (
                "        context._task = task\n",
                "        context._task = task\n        KEPT.append(context)\n",
            ),
            ("ALARMS = 4096\n", "ALARMS = 4096\nKEPT: list[Context] = []\n"),
        ),
    ),
    Red(
        "B14",
        "cancelling twice has the same answer, and what has ended says so",
        "cancellation",
        "test_cancelling_the_unknown_the_ended_and_twice",
        "to cancel a cancelled task is too late",
        _steps(
            (
                "            answer = NOW_CANCELLED\n        else:\n",
                "            answer = HAD_ENDED\n        else:\n",
            )
        ),
    ),
    Red(
        "B15",
        "no retries is one attempt",
        "retries",
        "test_no_retries_is_one_attempt",
        "no retries is read as the worker's own",
        _patches(
            "_submission",
            (
                "        extras.retry = retry or NO_RETRY\n",
                "        extras.retry = retry if retry and retry.max_retries else core.retry\n",
            ),
        ),
    ),
    Red(
        "B16",
        "at most n + 1 attempts, after exactly the delays of the formula",
        "retries",
        "test_the_delays_are_exactly_those_of_the_formula",
        "the maximum of retries is off by one",
        _patches("_arithmetic", ("attempts <= max_retries)", "attempts < max_retries)")),
    ),
    Red(
        "B16",
        "jitter within its bounds, the same for the same seed",
        "retries",
        "test_jitter_stays_within_its_bounds_and_follows_the_seed",
        "jitter lengthens a delay",
        _patches(
            "_arithmetic",
            (
                "    return delay - delay * jitter * draw // (scale * scale)\n",
                "    return delay + delay * jitter * draw // (scale * scale)\n",
            ),
        ),
    ),
    Red(
        "B17",
        "a task that backs off ends at once when it is cancelled or stopped",
        "retries",
        "test_a_task_that_backs_off_ends_at_once_when_it_is_to_end",
        "a shutdown passes over tasks that back off",
        _steps(
            (
                "        if waits and (not core.starting or",
                "        if waits and status is not RETRYING and (not core.starting or",
            )
        ),
    ),
    Red(
        "B17",
        "no task backs off beyond its deadline",
        "retries",
        "test_no_task_backs_off_beyond_its_deadline",
        "the next attempt is not held against the deadline",
        _patches(
            "_retries",
            (
                "can_retry(task._attempts, policy.max_retries, next_ns, deadline_ns)",
                "can_retry(task._attempts, policy.max_retries, next_ns, None)",
            ),
        ),
    ),
    Red(
        "B18",
        "a retry that comes due while the queue is full is not lost",
        "retries",
        "test_a_retry_that_comes_due_while_the_queue_is_full_is_not_lost",
        "a retry that comes due needs room",
        _steps(
            (
                "(status is RETRYING and core.starting)) and extras.due_ns <= now:",
                "(status is RETRYING and core.waiting < core.queue_max)) and extras.due_ns <= now:",
            )
        ),
    ),
    Red(
        "B19",
        "a task that backs off holds no thread, cap or permit",
        "retries",
        "test_a_task_that_backs_off_holds_nothing",
        "it backs off on the worker's thread",
        _patches(
            "_retries",
            (
                "    next_ns = returned + _delay_ns(core, policy, task, error)\n",
                """    next_ns = returned + _delay_ns(core, policy, task, error)
    core.runtime.gate().wait_for(next_ns - returned)
""",
            ),
        ),
    ),
    Red(
        "B20",
        "what is not retryable is not retried",
        "retries",
        "test_what_is_not_retryable_is_not_retried",
        "types that are never retried are not looked at",
        _patches("_retries", ("isinstance(error, policy.never)", "isinstance(error, ())")),
    ),
    Red(
        "B21",
        "no interval has more starts than burst + rate * length",
        "limits",
        "test_no_interval_has_more_starts_than_its_share",
        "the burst is off by one",
        _patches(
            "_choose",
            (
                "_arithmetic.first_permitted(now, self.tat, *self.rate)",
                "_arithmetic.first_permitted(now, self.tat, *self.rate[:2], self.rate.burst + 1)",
            ),
        ),
    ),
    Red(
        "B22",
        "each start is as early as the window law allows",
        "limits",
        "test_the_next_start_is_at_the_first_permitted_instant",
        "a thread is woken a nanosecond late",
        _patches(
            "_choose",
            ("min(choice.wake_ns, permitted)\n", "min(choice.wake_ns, permitted + 1)\n"),
        ),
    ),
    Red(
        "B23",
        "a low rate never stalls, and a new one is for the next start",
        "limits",
        "test_a_low_rate_never_stalls_and_a_new_one_is_for_the_next_start",
        "a new rate forgets what is owed",
        _patches(
            "_choose",
            (
                "        if self.rate is not None and rate is not None:\n",
                "        if self.rate is None and rate is not None:\n",
            ),
        ),
    ),
    Red(
        "B24",
        "a queue that may not start delays no other",
        "limits",
        "test_a_queue_that_may_not_start_delays_no_other",
        "a queue without a permit is chosen from, and waited for",
        _patches(
            "_choose",
            (
                "    picked = _arithmetic.pick(choice.shares)\n",
                """    picked = _arithmetic.pick(choice.shares)
    if choice.wake_ns != FOREVER or any(it.paused or it.aside for it in dispatch.queues):
        picked = None
""",
            ),
        ),
    ),
    Red(
        "B25",
        "a drain finishes what was accepted and refuses the rest",
        "shutdown",
        "test_a_drain_finishes_what_was_accepted_and_refuses_the_rest",
        "a worker that drains still accepts",
        _steps(
            (
                """        elif core.phase is not OPEN:
            refusal = "closed"
        elif extras is not None and extras.id""",
                """        elif core.phase is STOPPED:
            refusal = "closed"
        elif extras is not None and extras.id""",
            )
        ),
    ),
    Red(
        "B26",
        "a drain past its deadline interrupts, names, and returns",
        "shutdown",
        "test_a_drain_past_its_deadline_interrupts_and_names",
        "the deadline of a drain wakes nobody who sleeps in a context",
        _steps(
            (
                """            core.sweeping = core.tripping = True
            core.phase = STOPPING
        alarms""",
                """            core.sweeping = True
            core.phase = STOPPING
        alarms""",
            )
        ),
    ),
    Red(
        "B27",
        "stops in any order, from anywhere, are one shutdown",
        "shutdown",
        "test_any_order_of_stops_is_one_shutdown",
        "a second stop raises",
        _patches(
            "_worker",
            (
                "        steward, room = _steps.stop_now(core, actor, core.now())\n",
                """        if core.phase is not Phase.OPEN:
            raise WorkerStopped(core.phase)
        steward, room = _steps.stop_now(core, actor, core.now())
""",
            ),
        ),
    ),
    Red(
        "B28",
        "a submit that races a stop is refused, or its task ends",
        "shutdown",
        "test_a_submit_that_races_a_stop_is_refused_or_ends",
        "submit looks whether the worker is open before its step",
        _steps(
            (
                """        due, over, alarms, soonest = _alarms_of(extras)
""",
                """        due, over, alarms, soonest = _alarms_of(extras)
    closed = core.phase is not OPEN
""",
            ),
            (
                """        elif core.phase is not OPEN:
            refusal = "closed"
        elif extras is not None and extras.id""",
                """        elif closed:
            refusal = "closed"
        elif extras is not None and extras.id""",
            ),
        ),
    ),
    Red(
        "B28",
        "who waits for room is refused when the worker stops",
        "shutdown",
        "test_who_waits_for_room_is_refused_when_the_worker_stops",
        "a task that submits may wait for room, and nobody else",
        _patches(
            "_worker",
            (
                "        patient = seat is None or seat not in core.seats\n",
                "        patient = seat is None or seat in core.seats\n",
            ),
        ),
    ),
    Red(
        "B29",
        "a token that is cancelled resolves everything that is queued",
        "shutdown",
        "test_a_token_that_is_cancelled_resolves_everything_that_is_queued",
        "a token cancels the first of its tasks",
        _patches(
            "_token",
            ("in tuple(self._children.values()):", "in tuple(self._children.values())[:1]:"),
        ),
    ),
    Red(
        "B30",
        "when a shutdown is done, nothing of ours is alive",
        "shutdown",
        "test_nothing_of_ours_is_alive_when_a_shutdown_is_done",
        "nobody wakes the threads that are parked",
        _patches("_threads", ("        _open(parked)\n", "")),
    ),
    Red(
        "B31",
        "a task that ends its thread costs neither a slot nor the stop",
        "shutdown",
        "test_a_task_that_ends_its_thread_costs_neither_a_slot_nor_the_stop",
        "only an Exception is caught",
        _patches(
            "_threads",
            (
                """            except BaseException as raised:
                error = raised
                leave_out""",
                """            except Exception as raised:
                error = raised
                leave_out""",
            ),
        ),
    ),
    Red(
        "B32",
        "every end is delivered or counted, for each subscriber",
        "results",
        "test_every_end_is_delivered_or_counted",
        "who drops the oldest does not count it",
        _patches(
            "_results",
            (
                """                its._dropped += 1
                if its._evicts:
""",
                """                if not its._evicts:
                    its._dropped += 1
                else:
""",
            ),
        ),
    ),
    Red(
        "B33",
        "a subscriber that blocks holds a stop up to its bound, and no task",
        "results",
        "test_a_subscriber_that_blocks_holds_a_stop_up_to_its_bound_and_no_task",
        "who delivers waits for room for ever",
        _patches("_results", ("            gate.wait_for(until - now)\n", "            gate.wait()\n")),
    ),
    Red(
        "B33",
        "to close a subscription while it is published to is safe",
        "results",
        "test_to_close_a_subscription_while_it_is_published_to_is_safe",
        "what a subscription that is closed lets go is not withdrawn",
        _patches(
            "_results",
            (
                "            its._published -= pending\n            its._withdrawn = pending\n",
                "            its._withdrawn = pending\n",
            ),
        ),
    ),
    Red(
        "B34",
        "what ended is forgotten at its age, to the nanosecond",
        "results",
        "test_what_ended_is_forgotten_at_its_age_to_the_nanosecond",
        "the steward sleeps a nanosecond too long",
        _steps(
            (
                "                if forget_ns < until:",
                "                forget_ns += 1\n                if forget_ns < until:",
            )
        ),
    ),
    Red(
        "B34",
        "the first to end is forgotten first, and its key and id are free",
        "results",
        "test_the_first_to_end_is_forgotten_first_and_only_what_has_ended",
        "a task that is forgotten keeps its id",
        _steps(
            (
                """                            if extras.id is not None:
                                del core.ids[extras.id]
                            if extras.key is not None:
                                del core.keys[extras.key]
""",
                """                            if extras.key is not None:
                                del core.keys[extras.key]
""",
            )
        ),
    ),
)


def copy(patches: tuple[Patch, ...], folder: Path, name: str) -> None:
    """A copy of the worker with these patches, or `BadAnchor`."""
    shutil.copytree(ROOT / "worker", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for patch in patches:
        file = folder / "jurat" / f"{patch.module}.py"
        file.write_text(patched(patch, file.read_text(), name))


def patched(patch: Patch, source: str, name: str) -> str:
    """The source with the patch.  Its anchor must occur exactly once."""
    count = source.count(patch.anchor)
    if count != 1:
        raise BadAnchor(name, patch.module, patch.anchor, count)
    return source.replace(patch.anchor, patch.replacement)


def run(worker: Path, nodes: list[str]) -> subprocess.CompletedProcess[str]:
    """Run these tests against the worker in that folder."""
    roots = [str(worker), *(str(ROOT / root) for root in ("spec", "sim", "reports"))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(roots),
        "PYTHONDONTWRITEBYTECODE": "1",
        "JURAT_TEST_PATIENCE": "5",
        "COLUMNS": "400",
    }
    options = ["-q", "-rfE", "-x", "--no-header", "-p", "no:cacheprovider", "-o", "verbosity_assertions=0"]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *options, *nodes],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=TIMEOUT,
    )


def seen(red: Red) -> str:
    """How the test failed under its patch, in one line; what is wrong if it did not."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Path(folder) / "worker"
        copy(red.patches, worker, red.behaviour)
        ran = run(worker, [red.node])
    failed = re.findall(rf"^FAILED {re.escape(red.node)}(?:\[.*?\])? - (.*)$", ran.stdout, re.MULTILINE)
    if ran.returncode == 0:
        raise SystemExit(f"{red.behaviour}: {red.node} stays green though {red.title}")
    if ran.returncode != 1 or not failed:
        raise SystemExit(f"{red.behaviour}: {red.node} did not fail by itself:\n{ran.stdout}{ran.stderr}")
    return _plain(failed[0])


def _plain(line: str) -> str:
    """Without what differs from run to run, and short."""
    line = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{16}\b|(?<=<Task )[0-9a-f]+(?=\.\.\.)", "…", line)
    line = re.sub(r"\s+", " ", line).replace("|", "\\|").replace("`", "'")
    return line if len(line) <= 110 else line[:109] + "…"


HEAD = """# Behaviours

Promises of the best systems of this kind, and of this one.  Each has a test that cites it in its first
line, and each test was seen red: `make red` copies the worker, applies the patch of the row, runs the test
against the copy, and writes this table.  The patches are in `tests/worker/red.py`.

| id | what it promises | test | patch | seen red as |
|---|---|---|---|---|
"""


def row(red: Red, red_as: str) -> str:
    """A row of the table."""
    file = red.path.removeprefix(f"{FOLDER}/")
    return f"| {red.behaviour} | {red.promise} | `{file}`: `{red.test}` | {red.title} | `{red_as}` |\n"


def main() -> None:
    """See every test green, and then each red under its patch; write the table."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Path(folder) / "worker"
        copy((), worker, "clean")
        ran = run(worker, sorted({red.node for red in REDS}))
        if ran.returncode != 0:
            raise SystemExit(f"the worker as it is does not pass:\n{ran.stdout}{ran.stderr}")
    with ThreadPoolExecutor(2) as pool:
        rows = [row(red, red_as) for red, red_as in zip(REDS, pool.map(seen, REDS), strict=True)]
    TABLE.write_text(HEAD + "".join(rows))
    sys.stdout.write(f"{len(REDS)} tests seen red; wrote {TABLE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
