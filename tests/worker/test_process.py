"""The process around a worker: real signals, real exits, real forks, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from tests.worker.conftest import PATIENCE

import jurat
from jurat import Worker, drain_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX")

HEAD = """
import atexit, os, signal, sys, threading, time
import jurat
from jurat import *
from threading import Event

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")  # in one piece: several threads say something
    sys.stdout.flush()

def stay(context):
    say("inside")
    context.wait()
    say("asked to come back")

def stuck(context):
    say("inside")
    time.sleep(60)
"""


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Processes of a test; none of them is left behind."""
    launched = Launch()
    yield launched
    for process in launched.processes:
        process.kill()
        process.communicate()


class Launch:
    """Starts programs."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, program: str) -> subprocess.Popen[str]:
        """A program, after `HEAD`."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + dedent(program)],
            env={**os.environ, "PYTHONPATH": str(Path(jurat.__file__).parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process


def line(process: subprocess.Popen[str]) -> str:
    """The next line that a program says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest(process: subprocess.Popen[str], status: int = 0) -> list[str]:
    """What else it says, once it has exited, which it must within `PATIENCE`, and without complaint."""
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (status, "")
    return out.splitlines()


# ------------------------------------------------------------------------------------ signals


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_and_the_log_says_who(launch: Launch, number: signal.Signals) -> None:
    """What waits is finished, nothing more is accepted, and the block goes on to its end."""
    process = launch("""
        log = []
        worker = Worker(threads=1, recorder=log)
        go = Event()
        with drain_on_signals(worker):
            worker.start()
            first = worker.submit(lambda context: (say("inside"), go.wait()))
            second = worker.submit(lambda context: say("second"))
            while worker.phase is Phase.OPEN:
                time.sleep(0.001)
            try:
                worker.submit(stay)
            except WorkerStopped:
                say("refused")
            go.set()
            worker.drain().wait()
        say(first.status, second.status, [event[4] for event in log if event[1] == "BeginDrain"][0][2])
    """)
    assert line(process) == "inside"
    process.send_signal(number)
    assert rest(process) == ["refused", "second", f"completed completed {number.name}"]


@posix
def test_the_second_signal_stops_now(launch: Launch) -> None:
    """What waits is cancelled, what runs is asked to come back."""
    process = launch("""
        log = []
        worker = Worker(threads=1, recorder=log)
        with drain_on_signals(worker):
            worker.start()
            running, waiting = worker.submit(stay), worker.submit(stay)
            while worker.phase is Phase.OPEN:
                time.sleep(0.001)
            say("draining")
            worker.drain().wait()
        say(running.status, waiting.status, [event[4] for event in log if event[1] == "StopNow"])
    """)
    assert line(process) == "inside"
    process.send_signal(signal.SIGTERM)
    assert line(process) == "draining"
    process.send_signal(signal.SIGINT)
    assert rest(process) == ["asked to come back", "completed cancelled ['SIGINT']"]


@posix
def test_what_handled_the_signals_before_handles_them_afterwards() -> None:
    """Also if the block ends with an exception, or one of the signals cannot be handled."""

    def handler(*_: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGUSR1, handler)
    other = signal.getsignal(signal.SIGTERM)
    worker = Worker()
    try:
        with suppress(KeyError), drain_on_signals(worker, (signal.SIGUSR1, signal.SIGTERM)):
            assert signal.getsignal(signal.SIGUSR1) is not handler
            assert signal.getsignal(signal.SIGTERM) is not other
            raise KeyError
        assert (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM)) == (handler, other)
        with (
            pytest.raises(OSError, match="Invalid"),
            drain_on_signals(worker, (signal.SIGUSR1, signal.SIGKILL)),
        ):
            raise AssertionError
        assert signal.getsignal(signal.SIGUSR1) is handler
        block = drain_on_signals(worker, (signal.SIGUSR1,))
        for _ in range(2):
            with block:
                pass
        assert signal.getsignal(signal.SIGUSR1) is handler
    finally:
        signal.signal(signal.SIGUSR1, before)


# --------------------------------------------------------------------------------------- exits


def test_a_program_that_falls_off_its_end_runs_what_it_has_submitted(launch: Launch) -> None:
    """Submitted before or after the start, and with callbacks."""
    process = launch("""
        worker = Worker(threads=2)
        for n in range(50):
            worker.submit(lambda context, n: say(n), n)
        worker.start()
        worker.submit(lambda context: 7).add_done_callback(lambda task: say(task.result()))
        for n in range(50, 100):
            worker.submit(lambda context, n: say(n), n)
    """)
    assert sorted(map(int, rest(process))) == sorted([*range(100), 7])


def test_a_task_that_is_stuck_holds_an_exit_no_longer_than_the_bound(launch: Launch) -> None:
    """The drain's deadline and the grace, and then it is left behind."""
    process = launch("""
        worker = Worker(threads=1, drain_deadline=0.2, grace=0.2)
        worker.start()
        worker.submit(stuck)
        worker.submit(stay)
        while worker.snapshot().counts.running == 0:
            time.sleep(0.001)
        say("falls off")
    """)
    assert line(process) == "inside"
    assert line(process) == "falls off"
    began = monotonic()
    assert rest(process) == []
    assert monotonic() - began < 30


def test_a_worker_that_was_never_started_cancels_what_waits_at_the_exit(launch: Launch) -> None:
    """Nothing of it runs; each task has an end, and what waits for it is told."""
    process = launch("""
        log = []
        worker = Worker(recorder=log)
        atexit.unregister(jurat._process._exit)
        atexit.register(lambda: say(*(event[1] for event in log)))  # after the worker's own
        atexit.register(jurat._process._exit)
        tasks = [worker.submit(stay), worker.submit(stay, delay=100)]
        tasks[0].add_done_callback(lambda task: say(task.status, task.cancel_reason))
        say("falls off")
    """)
    assert rest(process) == [
        "falls off",
        "cancelled shutdown",
        "Init Submit Submit BeginDrain ShutdownCancel ShutdownCancel Stopped",
    ]


def test_an_exception_in_the_block_stops_now(launch: Launch) -> None:
    """And goes on to the caller."""
    process = launch("""
        try:
            with Worker(threads=1) as worker:
                running, waiting = worker.submit(stay), worker.submit(stay)
                while running.status is not Status.RUNNING:
                    time.sleep(0.001)
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            say(worker.phase, running.status, waiting.status)
    """)
    assert rest(process)[-1] == "stopped completed cancelled"


@posix
def test_an_exit_within_a_task_ends_the_task_and_not_the_process(launch: Launch) -> None:
    """`sys.exit` on a worker's thread is a failure like any other; so is a KeyboardInterrupt there."""
    process = launch("""
        def interrupt(context):
            raise KeyboardInterrupt
        with Worker(threads=1) as worker:
            tasks = [worker.submit_call(sys.exit, 3), worker.submit(interrupt), worker.submit_call(int)]
        say(*(type(task.exception()).__name__ for task in tasks))
    """)
    assert rest(process) == ["SystemExit KeyboardInterrupt NoneType"]


# --------------------------------------------------------------------------------------- forks

FORK = """
def in_child(act):
    \"\"\"Fork, with every lock of the worker taken as if by another thread; what `act` says is said.\"\"\"
    locks = [core.lock, core.choosing, *(its._lock for its in subscriptions)]
    for lock in locks:
        lock.acquire()
    child = os.fork()
    if not child:
        signal.alarm(30)  # the end of a child that hangs
        status = 1
        try:
            act()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    for lock in locks:
        lock.release()
    say("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def refused(function, *arguments):
    try:
        return function(*arguments)
    except WorkerForked:
        return "forked"

go = Event()
worker = Worker(threads=1)
core = worker._core
subscriptions = [worker.subscribe(), worker.subscribe(size=1, policy="block", timeout=0.2)]
worker.start()
done = worker.submit(lambda context: 42)
done.result()
inside = Event()
running = worker.submit(lambda context: (inside.set(), go.wait()) and "went on")
waiting = worker.submit(lambda context: "went on, too")
inside.wait()
"""


@posix
def test_in_a_child_process_nothing_is_accepted_and_nothing_hangs(launch: Launch) -> None:
    """Whatever the locks were when it was forked; and the parent goes on."""
    process = launch(
        FORK
        + dedent("""
        def act():
            say(worker.phase, refused(worker.submit, stay), refused(worker.start))
            say(refused(worker.submit_call, int), refused(worker.submit_all, stay, [()]))
            say(refused(worker.pause), refused(worker.resume), refused(worker.resize, 3))
            say(worker.drain().wait(), worker.stop_now().wait(), worker.drain().done)
            say(done.status, done.result(), done.cancel(), running.status, waiting.status)
            for live in running, waiting:
                say(*(refused(it) for it in (live.result, live.wait, live.exception, live.cancel)))
                say(refused(live.add_done_callback, say), live.id == live.id, refused(live.future))
            say(*([task for task in its] for its in subscriptions), subscriptions[0].ended)
            say(worker.snapshot().phase, len(worker.tasks()), worker.task(done.id) is done)
            with worker.subscribe() as late:
                say(late.get())
        in_child(act)
        go.set()
        say(running.result(), waiting.result(), worker.phase)
        say(*(task.number for task in subscriptions[0].collect(5, most=1)))
    """)
    )
    assert rest(process) == [
        "stopped forked forked",
        "forked forked",
        "forked forked forked",
        "True True True",
        "completed 42 ended running queued",
        "forked forked forked forked",
        "forked True forked",
        "forked forked forked forked",
        "forked True forked",
        "[] [] True",
        "stopped 3 True",
        "None",
        "child 0",
        "went on went on, too open",
        "1",
    ]


@posix
def test_a_child_process_may_leave_the_workers_block_and_exit(launch: Launch) -> None:
    """By its end, by an exception, and by way of the exit hook, which waits for its own workers only."""
    process = launch(
        FORK
        + dedent("""
        def leave():
            with block:
                say("left")
        def fall_off():
            Worker().submit(stay)
            own.append(Worker(threads=1))
            own[0].start()
            own[0].submit(lambda context: say("the child's own"))
            own[0].submit_call(int).add_done_callback(lambda task: say("called back"))
            jurat._process._exit()
            say(own[0].phase)
        own = []
        class Block:
            def __enter__(self):
                pass
            def __exit__(self, *error):
                worker.__exit__(*error)
        block = Block()
        in_child(leave)
        in_child(fall_off)
        go.set()
    """)
    )
    assert rest(process) == [
        "left",
        "child 0",
        "the child's own",
        "called back",
        "stopped",
        "child 0",
    ]


@posix
def test_a_task_may_fork(launch: Launch) -> None:
    """In the child its context says that the worker has stopped, and nothing of it waits."""
    process = launch(
        """
        def act(context):
            child = os.fork()
            if not child:
                signal.alarm(30)
                say(current().task_id == context.task_id, context.cancelled, context.sleep(60))
                with Worker(threads=1) as own:
                    say(own.submit(lambda context: current().task_id == context.task_id).result())
                os._exit(0)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with Worker(threads=2) as worker:
            say(worker.submit(act).result())
            child = os.fork()
            if not child:
                try:
                    current()
                except NotInTask:
                    os._exit(0)
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    )
    assert rest(process) == ["True True False", "True", "0", "0"]


@posix
def test_a_child_process_may_cancel_a_token_and_await_nothing(launch: Launch) -> None:
    """A token is a local thing in the child; to await a live task there is refused."""
    process = launch(
        FORK
        + dedent("""
        import asyncio
        token = Token()
        child_task = worker.submit(lambda context: "went on as well", parent=token)
        async def wait_for(task):
            return await task
        def act():
            token.cancel()
            say(child_task.status, refused(asyncio.run, wait_for(child_task)), asyncio.run(wait_for(done)))
        in_child(act)
        go.set()
        say(child_task.result())
    """)
    )
    assert rest(process) == ["queued forked 42", "child 0", "went on as well"]
