"""The stage of one run: what a scenario acts on, and what it remembers for the checks.

A scenario uses the worker as a program would, from several client threads.  The stage
gives it a worker, starts its clients, and wraps the functions it submits, so that they
keep a record of their own: which submission entered and left a function, on which thread
and how.  This record is the *witness*.  The worker writes its own log, and a worker that
runs a task twice and logs it once writes a fine log; only the functions know better.

A submission is known by its *ticket*, a number of the stage's own, since the worker's
number for it is part of what is being checked.

The stage also remembers when each call of the worker began and ended, in steps of the run
(`Span`), so that `coverage` can say which of them have overlapped.  For that a scenario
makes its calls through the stage: `stage.resize(2)` and not `worker.resize(2)`.

A stage may be told to leave submissions out, which is how a failure is shown with fewer tasks
(`shrink`).  What is left out is not made, and leaves no trace but its number in the order of
calls; the scenario gets a handle on which nothing happens.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .carriers import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import timedelta

    from .primitives import BenchThread
    from .runtime import BenchRuntime

Body = Any
"""A task's function.  It gets the context of whichever copy of the worker is being run."""


@dataclass(slots=True, eq=False)
class Submission:
    """One call of submit, and what became of it."""

    ticket: int
    attempts: int = 1
    """How many it may have."""
    body: Body = None
    options: dict[str, Any] = field(default_factory=dict)
    """Its function and its options, for those who tell what happened."""
    handle: Any = None
    """What submit returned."""
    refusal: str | None = None
    """The type of the error that submit raised."""
    attached: bool = False
    """It was answered with the task of another submission, since their idempotency keys are the same."""
    value: object = None
    """What the function returned last."""
    error: BaseException | None = None
    """What the function raised last."""


class NoTask:
    """The handle of a submission that was left out: whatever is asked of it was done long ago."""

    __slots__ = ("status",)

    def __init__(self, status: Any) -> None:
        self.status = status

    def cancel(self) -> None:
        """It has ended."""

    def wait(self, timeout: timedelta | None = None) -> bool:  # noqa: ARG002
        """It has ended."""
        return True


@dataclass(slots=True, eq=False)
class Batch:
    """One call of submit_all, and what became of it."""

    submissions: list[Submission]
    refusal: str | None = None
    """The type of the error that it raised."""


@dataclass(slots=True, eq=False)
class Look:
    """A snapshot of the worker, and between which places of the log it was taken."""

    snapshot: Any
    since: int
    until: int


class Witnessed(NamedTuple):
    """A function was entered or left."""

    ticket: int
    what: Literal["entered", "returned", "raised"]
    thread: str


@dataclass(slots=True, eq=False)
class Closing:
    """One shutdown that a client waited for."""

    shutdown: Any
    finished: bool
    """What `wait` returned."""
    left: tuple[str, ...]
    """The worker's threads that had not ended when `wait` returned."""
    began_ns: int
    at_ns: int
    """When the waiting began, and when `wait` returned."""


class Span(NamedTuple):
    """An action, from the step of the run in which it began to the one in which it ended."""

    action: str
    thread: str
    began: int
    ended: int


class Listener:
    """A subscription, what its readers have got, and what it said of itself after each step of theirs."""

    __slots__ = ("_stage", "closed", "got", "looks", "readers", "since", "subscription")

    def __init__(self, stage: Stage, options: dict[str, Any]) -> None:
        self._stage = stage
        log = stage.log
        before = len(log)
        self.subscription: Any = stage.call("Subscribe", stage.worker.subscribe, **options)
        self.since = (before, len(log))
        """Between which places of the log it subscribed."""
        self.got: list[int] = []
        """The numbers of the tasks, in the order in which the readers came back with them."""
        self.readers: list[str] = []
        """By which thread each was got: what two of them have got, they may come back with in any order."""
        self.looks: list[Any] = []
        self.closed = False

    def get(self, timeout: timedelta | None = None) -> None:
        """Wait for one."""
        task = self.subscription.get(timeout)
        self._hear([] if task is None else [task])

    def collect(self, timeout: timedelta | None, most: int | None = None) -> None:
        """Take what is there."""
        self._hear(self.subscription.collect(timeout, most))

    def rest(self) -> None:
        """Read to the end."""
        for task in self.subscription:
            self._hear([task])

    def close(self) -> None:
        """Close it."""
        self.closed = True
        self._stage.call("Unsubscribe", self.subscription.close)
        self.look()

    def look(self) -> None:
        """Ask for its accounts."""
        self.looks.append(self.subscription.accounts())

    def _hear(self, tasks: list[Any]) -> None:
        self.got += [task.number for task in tasks]
        self.readers += [self._stage.runtime.running.name] * len(tasks)
        self.look()


class Stage:
    """One run's worker, clients, submissions, listeners and witness."""

    def __init__(self, jurat: Any, runtime: BenchRuntime, omit: Collection[int] = ()) -> None:
        self._omit = omit
        self.calls_made = 0
        """Calls of submit and submit_all, with those that were left out."""
        self.jurat = jurat
        """The package under test: the shipped one, or a build of it."""
        self.runtime = runtime
        self.log: list[Any] = []
        self.worker: Any = None
        self._retry: Any = None
        self.clients: list[BenchThread] = []
        self.submissions: list[Submission] = []
        self.batches: list[Batch] = []
        self.calls: list[tuple[Submission, Any]] = []
        """Done callbacks that were called: of which submission, and with which handle."""
        self.asked: list[Submission] = []
        """For which submissions a done callback was asked for."""
        self.looks: list[Look] = []
        self.problems: list[tuple[str, BaseException]] = []
        """Failures of callbacks and policies that the worker has reported."""
        self.listeners: list[Listener] = []
        self.witness: list[Witnessed] = []
        self.closings: list[Closing] = []
        self.spans: list[Span] = []
        """The calls of the worker that threads of the run have made, in the order in which they ended."""
        self.held: list[str] = []
        """What of a user's has begun on a thread that held a lock of the worker's."""
        self._left_open: list[Any] = []

    @property
    def omitted(self) -> tuple[int, ...]:
        """Of the calls of submit and submit_all in this run, those that were left out, from 0."""
        return tuple(sorted(number for number in self._omit if number < self.calls_made))

    def build_worker(self, **options: Any) -> Any:
        """The worker of this run, not started."""
        self._retry = options.get("retry")
        self.worker = self.jurat.Worker(recorder=self.log, runtime=self.runtime, **options)
        self.worker._core.on_problem = self._problem
        return self.worker

    def client(self, name: str, body: Callable[[], object]) -> None:
        """A client thread, which starts when the run does."""
        self.clients.append(self.runtime.spawn(body, name))

    def submit(self, body: Body, **options: Any) -> Submission:
        """Submit a function; a refusal is an answer like any other."""
        if self._leave_out():
            return Submission(-1, handle=NoTask(self.jurat.Status.COMPLETED))
        retry = options.get("retry", self._retry)
        submission = Submission(len(self.submissions), 1 if retry is None else 1 + retry.max_retries)
        submission.body, submission.options = body, options
        self.submissions.append(submission)
        began = self.runtime.steps
        try:
            function = self._witnessed(submission, body)
            handle = self.worker.submit(function, **options)
            submission.attached = handle.name != function.__qualname__
            submission.handle = handle
        except self._refusals as refusal:
            submission.refusal = type(refusal).__name__
        self._over("Attach" if submission.attached else "Submit", began)
        return submission

    def submit_all(self, body: Body, size: int, **options: Any) -> Batch:
        """Submit a function so many times, all of them or none."""
        if self._leave_out():
            return Batch([Submission(-1, handle=NoTask(self.jurat.Status.COMPLETED)) for _ in range(size)])
        first = len(self.submissions)
        retry = options.get("retry", self._retry)
        attempts = 1 if retry is None else 1 + retry.max_retries
        batch = Batch([Submission(first + place, attempts) for place in range(size)])
        for submission in batch.submissions:
            submission.body, submission.options = body, options
        self.submissions += batch.submissions
        self.batches.append(batch)

        def function(context: Any, submission: Submission) -> object:
            return self._witnessed(submission, body)(context)

        calls = [(submission,) for submission in batch.submissions]
        began = self.runtime.steps
        try:
            handles = self.worker.submit_all(function, calls, **{"name": f"batch {first}", **options})
        except self._refusals as refusal:
            batch.refusal = type(refusal).__name__
        else:
            for submission, handle in zip(batch.submissions, handles, strict=True):
                submission.handle = handle
        self._over("Submit", began)
        return batch

    def call_back(self, submission: Submission) -> None:
        """Ask to be called when the task of this submission has ended."""
        if isinstance(submission.handle, NoTask):
            return
        self.asked.append(submission)

        def called(handle: Any) -> None:
            self._begins("a done callback")
            self.calls.append((submission, handle))
            self.look()  # whoever is called may use the worker as anybody may

        submission.handle.add_done_callback(called)

    def look(self) -> None:
        """Take a snapshot of the worker."""
        since = len(self.log)
        snapshot = self.worker.snapshot()
        self.looks.append(Look(snapshot, since, len(self.log)))

    def subscribe(self, **options: Any) -> Listener:
        """Subscribe to the worker's results."""
        listener = Listener(self, options)
        self.listeners.append(listener)
        return listener

    def cancel(self, submission: Submission) -> None:
        """Cancel its task, if it was accepted."""
        if submission.handle is not None:
            self.call("Cancel", submission.handle.cancel)

    def drain(self, **options: Any) -> Any:
        """Drain the worker; its handle."""
        return self.call("BeginDrain", self.worker.drain, **options)

    def stop_now(self) -> Any:
        """Stop the worker; its handle."""
        return self.call("StopNow", self.worker.stop_now)

    def resize(self, threads: int) -> None:
        """Give the worker so many threads; that it is open no longer is an answer like any other."""
        with suppress(self.jurat.WorkerStopped):
            self.call("Resize", self.worker.resize, threads)

    def pause(self, *queue: str) -> None:
        """Pause the worker or a queue; that it is open no longer is an answer like any other."""
        with suppress(self.jurat.WorkerStopped):
            self.call("Pause", self.worker.pause, *queue)

    def call(self, action: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call it, and remember when it began and ended, be it with an answer or with a refusal."""
        began = self.runtime.steps
        try:
            answer = function(*args, **options)
        except Exception:
            self._over(action, began)
            raise
        self._over(action, began)
        return answer

    def _over(self, action: str, began: int) -> None:
        """A call is over.  One that a scenario makes while it is set up comes before every step: left out."""
        runtime = self.runtime
        if runtime.running is not runtime.onlooker:
            self.spans.append(Span(action, runtime.running.name, began, runtime.steps))

    def _leave_out(self) -> bool:
        """Whether the next call is one that was to be left out."""
        self.calls_made += 1
        return self.calls_made - 1 in self._omit

    def _begins(self, what: str) -> None:
        """Something of a user's begins on the thread that runs."""
        core, me = self.worker._core, self.runtime.running
        if core.lock.owner is me or core.choosing.owner is me:
            self.held.append(f"{what}, on {me.name}")

    def _problem(self, what: str, problem: BaseException) -> None:
        """The worker reports that something of a user's has failed."""
        self._begins("the report of a failure")
        if not isinstance(problem, Killed):
            self.problems.append((what, problem))

    @property
    def _refusals(self) -> tuple[type[Exception], ...]:
        jurat = self.jurat
        return jurat.QueueFull, jurat.WorkerStopped, jurat.IdInUse, jurat.KeyConflict

    def close_at_end(self, shutdown: Any) -> None:
        """Have nobody wait for a shutdown: it is looked at when the run is over (`finish`)."""
        self._left_open.append(shutdown)

    def finish(self) -> None:
        """The run is over: all threads have ended."""
        while self._left_open:
            self.close(self._left_open.pop(), timeout=0)

    def close(self, shutdown: Any, timeout: float | None = None) -> Closing:
        """Wait for a shutdown, and look at what is left."""
        began_ns = self.runtime.now_ns
        finished = shutdown.wait(timeout)
        left = tuple(t.name for t in self.runtime.unfinished() if t not in self.clients)
        closing = Closing(shutdown, finished, left, began_ns, self.runtime.now_ns)
        self.closings.append(closing)
        return closing

    def _witnessed(self, submission: Submission, body: Body) -> Body:
        ticket = submission.ticket
        witness = self.witness
        runtime = self.runtime

        def function(context: Any) -> object:
            thread = runtime.running.name
            self._begins("a function")
            witness.append(Witnessed(ticket, "entered", thread))
            try:
                submission.value = value = body(context)
            except BaseException as error:
                submission.error = error
                witness.append(Witnessed(ticket, "raised", thread))
                raise
            else:
                witness.append(Witnessed(ticket, "returned", thread))
                return value

        function.__qualname__ = f"{ticket}"  # its name, if it is submitted with no word about it
        return function
