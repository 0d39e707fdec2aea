"""What a type checker infers: each `assert_type` here is checked by `make check`, and run by the test."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, assert_type

from tests.worker.conftest import PATIENCE

from jurat import Cancelling, Context, Status, Task

if TYPE_CHECKING:
    from tests.worker.conftest import Hire


def describe(_: Context, order: str, cents: int) -> str:
    """A function with positional arguments."""
    return f"{order}: {cents}"


def total(*cents: int) -> int:
    """A function that is not given a context."""
    return sum(cents)


def convert(_: Context, amount: float, *, rate: float) -> float:
    """A function with a keyword."""
    return amount * rate


def test_results_are_inferred_from_the_function(hire: Hire) -> None:
    """Of a function, a batch, a plain callable, a partial; of a result, a future, an await."""
    worker, _ = hire()

    async def wait(task: Task[str]) -> str:
        return assert_type(await task, str)

    with worker:
        task = worker.submit(describe, "order-17", 100, name="describe", timeout=30)
        assert_type(task, Task[str])
        assert_type(task.result(PATIENCE), str)
        assert_type(task.future(), Future[str])
        assert_type(worker.submit_all(describe, [("a", 1), ("b", 2)]), list[Task[str]])
        assert_type(worker.submit_call(len, "four").result(PATIENCE), int)
        assert_type(worker.submit(partial(convert, rate=2.0), 1.5).result(PATIENCE), float)
        assert_type(task.status, Status)
        assert_type(task.cancel(), Cancelling)
        assert_type(task.exception(PATIENCE), BaseException | None)
        assert_type(worker.task(task.id), Task[Any])
        assert wait is not None


def test_what_does_not_fit_is_refused_by_the_type_checker(hire: Hire) -> None:
    """Each line is an error to mypy, which says so if one of them is not."""
    worker, _ = hire()
    with worker:
        worker.submit(describe, "order-17")  # type: ignore[arg-type]
        worker.submit(describe, "order-17", "100")  # type: ignore[arg-type]
        worker.submit_call(total, "1")  # type: ignore[arg-type]
        worker.submit(describe, "a", 1, metadata={"known": 1})
