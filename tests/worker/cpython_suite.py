"""CPython's own tests of executors, run on `jurat.Executor`: a program for an interpreter that ships them.

    python cpython_suite.py PART EXCLUDED...

PART is a module of `test.test_concurrent_futures`, or "all" where that is one module.  EXCLUDED are tests
that are not to be run.  What became of each test is the last line of the output, as JSON.  Nothing here
needs pytest.

Before their modules are imported, the thread pool and the future are replaced by ours, so that a test
that names them tests ours as well.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures._base
import importlib
import json
import sys
import unittest
from typing import TYPE_CHECKING, Any

from jurat import Executor

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "test.test_concurrent_futures"


def replace_by_ours() -> None:
    """The standard thread pool and future are ours from here on."""
    with Executor(1) as executor:
        future = executor.submit(int)
    standard: Any = concurrent.futures
    standard.ThreadPoolExecutor = Executor
    standard.Future = standard._base.Future = type(future)


def load(part: str) -> list[Any]:
    """The modules that hold the tests, and their helpers."""
    if part == "all":
        return [importlib.import_module(PACKAGE)]
    return [importlib.import_module(f"{PACKAGE}.{part}"), importlib.import_module(f"{PACKAGE}.util")]


def each(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    """The tests one by one."""
    if isinstance(suite, unittest.TestSuite):
        for one in suite:
            yield from each(one)
    else:
        yield suite


def name(test: unittest.TestCase) -> str:
    """Its class and method; a failed subtest is a failure of its test."""
    test = getattr(test, "test_case", test)
    return f"{type(test).__name__}.{test._testMethodName}"


def main(part: str, *excluded: str) -> None:
    """Run what is about thread pools and futures, and print what became of it."""
    replace_by_ours()
    tests, *_ = modules = load(part)
    mixin = modules[-1].ThreadPoolMixin
    mixin.executor_type = Executor
    suite = unittest.TestSuite()
    outcomes: dict[str, str] = {}
    for test in each(unittest.defaultTestLoader.loadTestsFromModule(tests)):
        if not (isinstance(test, mixin) or type(test).__name__ == "FutureTests"):
            continue
        outcomes[name(test)] = "excluded" if name(test) in excluded else "passed"
        if name(test) not in excluded:
            suite.addTest(test)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
    for kind, problems in (
        ("skipped", result.skipped),
        ("failed", result.failures),
        ("failed", result.errors),
        ("failed", [(test, "passes unexpectedly") for test in result.unexpectedSuccesses]),
    ):
        for test, why in problems:
            # A module's own failure has no class of the module's.
            key = name(test) if hasattr(test, "_testMethodName") or hasattr(test, "test_case") else str(test)
            outcomes[key] = f"{kind}: {why}"
    sys.stdout.write("\n" + json.dumps(outcomes))  # some tests print as well


if __name__ == "__main__":
    main(*sys.argv[1:])
