"""CPython's own tests of its thread pool, and of futures, pass on `jurat.Executor`.

They are run where they are: by an interpreter that ships them, never from a copy.  Many do not (a
distribution puts them into a package of their own), and then the test for that version is skipped by name.
What does not apply is in `EXCLUDED`, each with its reason, and must still be in CPython's suite.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.worker import cpython_suite

import jurat

PARTS = ("test_thread_pool", "test_shutdown", "test_wait", "test_as_completed", "test_future", "test_init")
"""The modules of CPython's package, from 3.12 on, that are about thread pools or futures."""

THREADS = "reads `_threads`, the standard pool's own list of its threads"
SCRIPT = "starts a script that imports the standard executor by its name; our own test is in test_executor.py"

EXCLUDED = {
    "ThreadPoolExecutorTest.test_default_workers": "reads `_max_workers`; our own test reads the snapshot",
    "ThreadPoolExecutorTest.test_saturation": THREADS,
    "ThreadPoolExecutorTest.test_idle_thread_reuse": THREADS + ": ours are started together, not one by one",
    "ThreadPoolExecutorTest.test_hang_global_shutdown_lock": (
        "is about a lock of the standard pool's module; forks are tested in test_process.py"
    ),
    "ThreadPoolShutdownTest.test_threads_terminate": THREADS,
    "ThreadPoolShutdownTest.test_context_manager_shutdown": THREADS,
    "ThreadPoolShutdownTest.test_del_shutdown": THREADS,
    "ThreadPoolShutdownTest.test_shutdown_no_wait": THREADS,
    "ThreadPoolShutdownTest.test_thread_names_assigned": THREADS,
    "ThreadPoolShutdownTest.test_thread_names_default": THREADS,
    "ThreadPoolShutdownTest.test_interpreter_shutdown": SCRIPT,
    "ThreadPoolShutdownTest.test_submit_after_interpreter_shutdown": SCRIPT,
    "ThreadPoolShutdownTest.test_hang_gh83386": SCRIPT,
    "ThreadPoolShutdownTest.test_cancel_futures_wait_false": SCRIPT,
    "ThreadPoolFailingInitializerTest.test_initializer": (
        "waits for `_broken`, an attribute of the standard pool; our own test is in test_executor.py"
    ),
}

PATIENCE = 100.0
"""Seconds for a module of CPython's, which sleeps for up to twenty."""


def interpreters(version: str) -> list[str]:
    """Interpreters of that version on this machine: the one that runs, those on the path, and pyenv's."""
    found = []
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        found.append(sys.executable)
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        found.append(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found += [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
    return found


def ships_the_tests(interpreter: str) -> bool:
    """Whether it has CPython's tests of executors."""
    program = "import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)"
    answer = subprocess.run(
        [interpreter, "-c", program, cpython_suite.PACKAGE], check=False, capture_output=True
    )
    return answer.returncode == 0


def run(interpreter: str, parts: tuple[str, ...]) -> dict[str, str]:
    """What became of each test, by its class and method.  The parts are run at once: mostly they sleep."""
    environment = {**os.environ, "PYTHONPATH": str(Path(jurat.__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [interpreter, cpython_suite.__file__, part, *EXCLUDED],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in parts
    ]
    outcomes: dict[str, str] = {}
    try:
        for process in processes:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            outcomes.update(json.loads(out.splitlines()[-1]))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return outcomes


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_cpythons_own_tests_pass(version: str) -> None:
    """All but those that are excluded, and each of those is there."""
    interpreter = next((it for it in interpreters(version) if ships_the_tests(it)), None)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine ships test.test_concurrent_futures")
    outcomes = run(interpreter, ("all",) if version == "3.11" else PARTS)
    problems = {test: what for test, what in outcomes.items() if what not in ("passed", "excluded")}
    assert problems == {}
    assert {test for test, what in outcomes.items() if what == "excluded"} == set(EXCLUDED)
    assert len(outcomes) > 2 * len(EXCLUDED)
