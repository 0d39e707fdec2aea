"""The façade: check the arguments, take one step, open the gates it returned."""

from __future__ import annotations

import sys
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from . import _steps
from ._batch import BATCH_MAX, Batch
from ._choose import Dispatch, QueueState
from ._context import SEATS, task_id
from ._core import FOREVER, Core, Extras, Label
from ._follower import Transition, employ, report_problem
from ._opening import forget, tell
from ._options import (
    DEFAULT,
    DRAIN_DEADLINE,
    GRACE,
    KEY_CAP,
    QUEUE_MAX,
    QUEUE_WAIT,
    THREADS,
    Default,
    count,
    is_a,
    is_name,
    items,
    nanoseconds,
    optional_count,
    optional_name,
    optional_nanoseconds,
    positive_nanoseconds,
    whole,
)
from ._policies import Queue, Rate, RateLimit, Retention, Retry
from ._process import watch
from ._results import SUBSCRIPTION_SIZE, Policy, Subscription, start_herald, subscribe
from ._runtime import REAL
from ._shutdown import Shutdown
from ._snapshot import Snapshot, snapshot
from ._states import Cancelling, Pending, Phase
from ._submission import LAZY, check_function, detail_of, fingerprint_of, name_of, read_options, terms_of
from ._task import Task
from ._threads import serve, work
from ._token import enter
from .errors import (
    IdInUse,
    InvalidArgument,
    KeyConflict,
    QueueFull,
    TaskNotFound,
    ThreadsUnavailable,
    WorkerForked,
    WorkerStopped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Literal, Self, Unpack

    from ._context import Context
    from ._core import TaskState
    from ._events import Event
    from ._options import Duration
    from ._runtime import Gate, Runtime, Thread
    from ._submission import SubmitOptions
    from .auditlog import AuditLog

__all__ = ["Worker"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


FIRST_QUEUE = "default"
LABELS_MAX = 1_000
"""Names of tasks that are counted apart, for each queue; the rest are counted together."""
OTHER = "(other)"


class Worker:
    """Runs functions on a number of threads.

    Parameters
    ----------
    threads: how many functions run at once; at least 1.
    queue_max: how many accepted tasks may wait; None is no limit.
    queue_wait: how long `submit` waits for room when so many wait; 0 refuses at once.
    queues: named queues beside the first, which is called "default" unless one of these is.
    rate: how many tasks may start, and when; None is no limit.
    key_cap: how many tasks with the same concurrency key run at once; None is no cap.
    retry: what follows a failed attempt; None is nothing.
    timeout: how long an attempt may take; None is no limit.
    retention: how many tasks that ended are remembered, and for how long.
    drain_deadline: how long a drain may take before it turns into a stop; None is no limit.
    grace: how long a stop waits for running functions before it abandons them by name.
    observers: functions that are told of every event of the log, in its order, on a thread that
        does nothing else.  What goes wrong in one is reported and changes nothing.
    wrappers: functions of a context that return a context manager; every attempt runs within
        all of them.  What goes wrong in one is reported and changes nothing.
    seed: what the jitter of retries is drawn from; None draws one.
    recorder: an empty list that receives the event log, or None.
    audit_log: writes the event log to files, or None; see `jurat.auditlog`.
    runtime: the seam; None is the machine itself.

    Tasks may be submitted before `start`.  As a context manager the worker starts, and at
    the end of the block drains and waits; after an exception it stops now, and waits.
    """

    __slots__ = ("__weakref__", "_core", "_first", "_labels", "_plain", "_queue_wait_ns", "_terms")

    def __init__(
        self,
        *,
        threads: int = THREADS,
        queue_max: int | None = QUEUE_MAX,
        queue_wait: Duration = QUEUE_WAIT,
        queues: Iterable[Queue] = (),
        rate: RateLimit | None = None,
        key_cap: int | None = KEY_CAP,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        drain_deadline: Duration | None = DRAIN_DEADLINE,
        grace: Duration = GRACE,
        observers: Sequence[Callable[[Transition], object]] = (),
        wrappers: Sequence[Callable[[Context], AbstractContextManager[object]]] = (),
        seed: int | None = None,
        recorder: list[Event] | None = None,
        audit_log: AuditLog | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        count("threads", threads, least=1)
        optional_count("queue_max", queue_max, least=1)
        optional_count("key_cap", key_cap, least=1)
        grace_ns = nanoseconds("grace", grace)
        drain_deadline_ns = optional_nanoseconds("drain_deadline", drain_deadline)
        is_a("rate", rate, RateLimit)
        is_a("retry", retry, Retry)
        is_a("retention", retention, Retention, optional=False)
        if recorder is not None and (type(recorder) is not list or recorder):
            raise InvalidArgument("recorder", "must be an empty list")
        declared = _declared(queues)
        observers, wrappers = _functions("observers", observers), _functions("wrappers", wrappers)
        self._queue_wait_ns = nanoseconds("queue_wait", queue_wait)
        self._core = core = Core(
            REAL if runtime is None else runtime,
            threads=threads,
            queue_max=sys.maxsize if queue_max is None else queue_max,
            grace_ns=grace_ns,
            log=[] if recorder is None and (observers or audit_log is not None) else recorder,
        )
        core.own_log = recorder is None
        core.observers = observers
        core.drain_deadline_ns = drain_deadline_ns
        core.on_problem = report_problem
        core.retry = retry
        core.timeout_ns = FOREVER if timeout is None else positive_nanoseconds("timeout", timeout)
        core.wrappers = wrappers
        core.seed = int.from_bytes(core.runtime.entropy(8), "big") if seed is None else whole("seed", seed)
        core.keep = FOREVER if retention.number is None else retention.number
        core.keep_ns = optional_nanoseconds("age", retention.age)
        states = tuple(
            QueueState(at, it.name, it.weight, it.cap, _rate(it.rate)) for at, it in enumerate(declared)
        )
        core.queues = {state.name: state for state in states}
        core.dispatch = Dispatch(states, _rate(rate), key_cap)
        self._first = first = states[0]
        core.gated = rate is not None or first.cap is not None or first.limiter.rate is not None
        core.capped = any(state.cap is not None for state in states)
        core.direct = not core.gated
        self._labels = first.labels
        self._plain = timeout is None
        self._terms = terms_of(core.retry, core.timeout_ns)
        if audit_log is not None:
            self._attach(audit_log)
        if core.log is not None:
            core.last_ns = core.now()
            core.log.append([core.last_ns, "Init", 0, 0, _configuration(core, states, queue_max)])
        watch(core)

    def _attach(self, audit_log: AuditLog) -> None:
        from .auditlog import AuditLog  # noqa: PLC0415 - only for those who use it

        is_a("audit_log", audit_log, AuditLog)
        core = self._core
        audit_log.attach(core)
        core.audit = audit_log
        if core.own_log and core.observers:
            core.relay = []
            core.relaying = True

    # ------------------------------------------------------------------------- life

    def start(self) -> None:
        """Start the threads.  Once is enough; again is fine.

        Raises
        ------
        ThreadsUnavailable: the machine gave fewer threads than asked for.  If it gave
            none, nothing has changed; if it gave some, the worker is stopping.
        AuditLogUnavailable: the audit log cannot be written.  Nothing has changed.
        WorkerForked: this is a copy in a child process.
        """
        core = self._core
        if core.forked:
            raise WorkerForked
        if not _steps.claim_start(core):
            return
        try:
            if core.audit is not None:
                core.audit.open()
        except BaseException:
            _steps.give_back_start(core)
            raise
        given: list[Thread] = []
        try:
            self._spawn_all(given)
        except (RuntimeError, ThreadsUnavailable) as refused:
            if not given:
                _steps.give_back_start(core)
            else:
                self.stop_now()
            raise ThreadsUnavailable(len(core.seats) + 1, len(given)) from refused
        finally:
            if given:
                self._open(*_steps.pass_latch(core, core.manned), _steps.nudge(core))

    def _spawn_all(self, given: list[Thread]) -> None:
        """Spawn them, and note those that were given: among all threads a subscriber may put the herald."""
        core = self._core
        spawn = core.runtime.spawn
        given.append(spawn(serve, "steward", core))
        core.threads.append((None, given[-1]))
        if _steps.claim_herald(core):
            start_herald(core)
        if core.observers:
            employ(core)
        if core.audit is not None:
            core.audit.spawn()
        for seat in tuple(core.seats):
            given.append(spawn(work, f"worker-{seat.index}", core, seat))
            core.threads.append((seat, given[-1]))

    def drain(
        self,
        *,
        pending: Literal["finish", "cancel"] | Pending = Pending.FINISH,
        deadline: Duration | Default | None = DEFAULT,
        actor: str | None = None,
    ) -> Shutdown:
        """Accept nothing more and finish what there is.  Returns at once.

        Tasks scheduled for later are cancelled; those that run, wait for a thread or for another
        attempt are finished.

        Parameters
        ----------
        pending: "finish" runs the tasks that wait, "cancel" cancels them.  A drain may be
            tightened from finish to cancel, never loosened.
        deadline: how long until the drain turns into a stop; None is no limit.
        actor: who asks, for the log.
        """
        try:
            pending = Pending(pending)
        except ValueError:
            raise InvalidArgument("pending", f"must be 'finish' or 'cancel', and is {pending!r}") from None
        optional_name("actor", actor)
        core = self._core
        if isinstance(deadline, Default):
            deadline_ns = core.drain_deadline_ns
        else:
            deadline_ns = optional_nanoseconds("deadline", deadline)
        steward, wake, room = _steps.begin_drain(core, pending, deadline_ns, actor, core.now())
        return self._shutting_down(steward, wake, *room)

    def stop_now(self, *, actor: str | None = None) -> Shutdown:
        """Accept nothing more, cancel what waits, ask what runs to come back.  Returns at once.

        What has not come back when the grace is over is abandoned, by name.
        """
        optional_name("actor", actor)
        core = self._core
        steward, room = _steps.stop_now(core, actor, core.now())
        return self._shutting_down(steward, *room)

    @property
    def phase(self) -> Phase:
        """Where the worker is in its life."""
        return self._core.phase

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutdown = self.drain() if kind is None else self.stop_now()
        shutdown.wait()

    def _shutting_down(self, *gates: Gate | None) -> Shutdown:
        self._open(*gates)
        if not self._core.forked:
            self.start()
        return Shutdown(self._core)

    # ------------------------------------------------------------------------ tasks

    def submit(  # noqa: C901, PLR0912 - in one frame, for speed
        self, function: Callable[[Context, *Ts], R], /, *args: *Ts, **options: Unpack[SubmitOptions]
    ) -> Task[R]:
        """Have `function(context, *args)` called on one of the worker's threads.

        Keywords of the function are given by `functools.partial`.  A coroutine function or a generator
        function is refused: nobody would run what it makes.

        Parameters
        ----------
        function: called with the task's context first, in the submitter's context variables.
        options: how: `name`, `queue`, `priority`, `timeout`, `deadline`, `retry` and others.
            `SubmitOptions` says what each means.

        Raises
        ------
        QueueFull: `queue_max` tasks wait already.
        WorkerStopped: the worker is draining, stopping or stopped.
        IdInUse: a task with this id is remembered.
        KeyConflict: a task with this idempotency key is remembered, and is another request.
        AuditLogFull: the audit log had no room in time, and was built to wait for it.
        InvalidArgument: something that cannot mean anything, by its name.
        """
        code = getattr(function, "__code__", None)
        if code is None or code.co_flags & LAZY:
            check_function(function)
        core = self._core
        if core.audit is not None:
            core.audit.wait_for_room()
        now = core.now()
        extras = None
        patience_ns = self._queue_wait_ns
        if options or not self._plain:
            wait = options.get("queue_wait")
            if wait is not None:
                patience_ns = nanoseconds("queue_wait", wait)
            label, extras, detail = self._read(function, args, options, now)
        else:
            try:
                label = self._labels[function.__qualname__]
            except (AttributeError, KeyError, TypeError):
                label = self._label(self._first, name_of(function))
            detail = label.detail
        task: Task[R] = Task()  # as `_new_task`, without its frame
        task._label = label
        task._function = function
        task._args = args
        task._variables = copy_context()
        task._number = task._attempts = task._started_ns = task._ended_ns = 0
        task._extras = extras
        task._reason = task._value = task._error = task._ended = task._tripped = None
        refusal, other, wake, steward = _steps.admit(core, task, detail, now, patience_ns > 0)
        if refusal is not None and refusal == "full" and patience_ns:
            refusal, other, wake, steward = self._wait_for_room(task, detail, now + patience_ns)
        if core.follower is not None or core.scribe is not None:
            tell(core)
        if wake is not None:
            wake.open()
        if steward is not None:
            steward.open()
        if refusal is not None:
            raise self._refusal(refusal, detail)
        if other is not None:
            return other  # type: ignore[return-value]
        if extras is not None and extras.parent is not None:
            enter(extras.parent, task)
        return task

    def submit_call(
        self, function: Callable[[*Ts], R], /, *args: *Ts, **options: Unpack[SubmitOptions]
    ) -> Task[R]:
        """As `submit`, for a function that is not given a context: `function(*args)` is called.

        It finds its context, if it wants it, by `jurat.current()`.
        """
        check_function(function)
        if options.get("name") is None:
            options["name"] = name_of(function)
        return self.submit(_without_context(function), *args, **options)

    def submit_all(
        self,
        function: Callable[[Context, *Ts], R],
        arguments: Iterable[tuple[*Ts]],
        /,
        *,
        ids: Iterable[str] | None = None,
        **options: Unpack[SubmitOptions],
    ) -> list[Task[R]]:
        """Submit a task for each tuple of arguments: all of them, with consecutive numbers, or none.

        The options are those of `submit`, for each of them, but for `id`, `idempotency_key`,
        `fingerprint` and `queue_wait`; `ids` may give each its own.  At most 10,000 at once.

        Raises
        ------
        QueueFull, WorkerStopped, IdInUse, AuditLogFull, InvalidArgument: as `submit`; nothing was accepted.
        """
        check_function(function)
        _refuse_single(options)
        calls = _calls(arguments)
        names = _ids(ids, len(calls))
        core = self._core
        if core.audit is not None:
            core.audit.wait_for_room()
        now = core.now()
        if not calls:
            self._read(function, (), options, now)  # a wrong option is wrong however many tasks it is for
            return []
        tasks: list[Task[R]] = []
        details = []
        for args, id in zip(calls, names, strict=True):
            label, extras, detail = self._read(function, args, {**options, "id": id}, now)
            tasks.append(_new_task(label, function, args, extras))
            details.append(detail)
        answer = None
        while answer is None:  # twice at most: what was to be scheduled may be due by now
            answer = _admit_all(core, Batch(tasks, details, core.now()))
        refusal, wake, steward = answer
        self._open(wake, steward)
        if refusal is not None:
            raise self._refusal(refusal, details[0])
        parent = options.get("parent")
        if parent is not None:
            for task in tasks:
                enter(parent, task)
        return tasks

    def task(self, id: str) -> Task[Any]:
        """The task with this id.

        Raises
        ------
        TaskNotFound: there never was one, or it was forgotten.
        """
        core = self._core
        found = core.ids.get(is_name("id", id))
        if found is None:
            instance, _, number = id.rpartition("-")
            if instance == core.instance and number.isascii() and number.isdecimal() and len(number) < 20:
                found = core.registry.get(int(number))
                if found is not None and task_id(found) != id:
                    found = None  # it is known by another id
        if found is None:
            raise TaskNotFound(id)
        return found  # type: ignore[return-value]

    def tasks(self) -> list[Task[Any]]:
        """The tasks that are known: those that are live, and those that ended and are remembered."""
        return list(self._core.registry.values())  # type: ignore[arg-type]

    def cancel_all(
        self,
        *,
        queue: str | None = None,
        where: Callable[[Task[Any]], bool] | None = None,
        actor: str | None = None,
    ) -> dict[Cancelling, int]:
        """Cancel what waits and ask what runs, of the tasks accepted so far.  Returns how many of each.

        Parameters
        ----------
        queue: only the tasks of this queue.
        where: only the tasks for which this is true.  What it raises is raised here.
        """
        if queue is not None:
            self._queue(queue)
        if where is not None and not callable(where):
            raise InvalidArgument("where", "must be a function")
        optional_name("actor", actor)
        answers = dict.fromkeys(Cancelling, 0)
        for task in self.tasks():
            if task.status.terminal or (queue is not None and task.queue != queue):
                continue
            if where is None or where(task):
                answers[task.cancel(actor=actor)] += 1
        return answers

    def snapshot(self) -> Snapshot:
        """Where everything stands: counts of one and the same instant."""
        return snapshot(self._core)

    def subscribe(
        self,
        *,
        size: int = SUBSCRIPTION_SIZE,
        policy: Policy = "drop_oldest",
        timeout: Duration | None = None,
    ) -> Subscription:
        """Be told of every task that ends from now on, in order of end.

        Parameters
        ----------
        size: how many tasks wait for the subscriber at most.
        policy: what happens to a task for which there is no room.  "drop_oldest" lets go the one
            that waits longest, "drop_newest" the one that comes; both at once, and counted.
            "block" lets it wait for room until `timeout` has passed, and then drops and counts
            it.  None of them ever slows a task; but the end of a shutdown waits for it.
        timeout: for "block", and only for it: a timedelta, or seconds.

        Before the start is early enough; once the worker has stopped, nothing comes.

        Raises
        ------
        ThreadsUnavailable: the machine gave no thread to deliver with.
        InvalidArgument: an argument that cannot mean anything.
        """
        return subscribe(self._core, size=size, policy=policy, timeout=timeout)

    # -------------------------------------------------------------------- operation

    def pause(self, queue: str | None = None) -> None:
        """Start nothing until `resume`: the whole worker, or one queue.  A drain resumes everything."""
        core = self._core
        is_open = _steps.pause(core, self._queue_or_none(queue), core.now())
        self._open()
        self._must_be_open(is_open)

    def resume(self, queue: str | None = None) -> None:
        """Start tasks again."""
        core = self._core
        is_open, wake = _steps.resume(core, self._queue_or_none(queue), self._first, core.now())
        self._open(wake)
        self._must_be_open(is_open)

    def resize(self, threads: int) -> None:
        """Have another number of functions run at once.  What runs, runs on."""
        count("threads", threads, least=1)
        core = self._core
        is_open, steward = _steps.resize(core, threads, core.now())
        self._open(steward)
        self._must_be_open(is_open)

    def set_rate(self, rate: RateLimit | None, *, queue: str | None = None) -> None:
        """Another limit, of the worker or of a queue, from the next start on.

        What was spent stays spent: so many starts as were owed are owed at the new rate.
        """
        is_a("rate", rate, RateLimit)
        core = self._core
        state = self._queue_or_none(queue)
        limiter = core.dispatch.limiter if state is None else state.limiter
        is_open, wake = _steps.set_rate(core, limiter, state, _rate(rate), core.now())
        self._open(wake)
        self._must_be_open(is_open)

    def set_weight(self, queue: str, weight: int) -> None:
        """Another share of the starts for a queue, from the next start on."""
        count("weight", weight, least=1)
        core = self._core
        is_open = _steps.set_weight(core, self._queue(queue), weight, core.now())
        self._open()
        self._must_be_open(is_open)

    def set_retention(self, retention: Retention) -> None:
        """Remember more or fewer tasks that ended, from now on."""
        is_a("retention", retention, Retention, optional=False)
        core = self._core
        age_ns = optional_nanoseconds("age", retention.age)
        keep = FOREVER if retention.number is None else retention.number
        is_open, steward = _steps.set_retention(core, keep, age_ns, (retention.number, age_ns), core.now())
        self._open(steward)
        if is_open:
            forget(core)
        self._must_be_open(is_open)

    # ----------------------------------------------------------------------- the parts

    def _queue(self, name: str) -> QueueState:
        state = self._core.queues.get(is_name("queue", name))
        if state is None:
            raise InvalidArgument("queue", f"must be one of {', '.join(self._core.queues)}, and is {name!r}")
        return state

    def _queue_or_none(self, name: str | None) -> QueueState | None:
        return None if name is None else self._queue(name)

    def _open(self, *gates: Gate | None) -> None:
        """After a step: open gates, and see to it that whoever is to be told is told."""
        for gate in gates:
            if gate is not None:
                gate.open()
        tell(self._core)

    def _must_be_open(self, is_open: bool) -> None:  # noqa: FBT001 - what a step has answered
        if self._core.forked:
            raise WorkerForked
        if not is_open:
            raise WorkerStopped(self._core.phase)

    def _label(self, queue: QueueState, name: str) -> Label:
        """The label of that name in a queue; beyond so many, one that is counted with the others."""
        core = self._core
        label = queue.labels.get(name)
        if label is not None:
            return label
        label = Label(core, queue, name, self._terms)
        if len(queue.labels) < LABELS_MAX or name == OTHER:
            return _steps.add_label(core, label)
        other = self._label(queue, OTHER)
        label.base, label.queued, label.running, label.completed = (
            other.base,
            other.queued,
            other.running,
            other.completed,
        )
        return label

    def _read(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: SubmitOptions, now: int
    ) -> tuple[Label, Extras, dict[str, Any]]:
        """What was said at submit: the label, what goes beyond it, and the terms for the log."""
        queue = options.get("queue")
        name = options.get("name")
        state = self._first if queue is None else self._queue(queue)
        name = name_of(function) if name is None else is_name("name", name)
        extras = read_options(self._core, options, now)
        extras.special = (
            state is not self._first or extras.priority != 0 or extras.concurrency_key is not None
        )
        if extras.key is not None:
            extras.fingerprint = fingerprint_of(name, state.name, args, options.get("fingerprint"))
        label = self._label(state, name)  # last, so that what is refused leaves no trace
        return label, extras, detail_of(label, extras)

    def _wait_for_room(
        self, task: Task[Any], detail: dict[str, Any], until: int
    ) -> tuple[str | None, TaskState | None, Gate | None, Gate | None]:
        """Admit a task when there is room, or refuse it when the time is over.  Tasks do not wait."""
        core = self._core
        seat = SEATS.get(core.runtime.ident())
        patient = seat is None or seat not in core.seats
        while True:
            gate = core.runtime.gate()
            if patient and _steps.enrol_for_room(core, gate):
                left = until - core.now()
                patient = left > 0 and gate.wait_for(left)
            answer = _steps.admit(core, task, detail, core.now(), patient)
            if not patient or answer[0] != "full":
                return answer

    def _refusal(self, refusal: str, detail: dict[str, Any]) -> Exception:
        core = self._core
        if refusal == "full":
            return QueueFull(core.queue_max)
        if refusal == "id_used":
            return IdInUse(str(detail.get("id")))
        if refusal == "key_conflict":
            return KeyConflict(detail["idempotency_key"])
        return WorkerForked() if core.forked else WorkerStopped(core.phase)

    def __repr__(self) -> str:
        return f"<Worker {self._core.instance}, {self._core.phase}>"


def _without_context(function: Callable[[*Ts], R]) -> Callable[[Context, *Ts], R]:
    """The function, given a context that it does not want."""

    def call(_: Context, /, *args: *Ts) -> R:
        return function(*args)

    return call


def _new_task(
    label: Label, function: Callable[..., R], args: tuple[Any, ...], extras: Extras | None
) -> Task[R]:
    task: Task[R] = Task()
    task._label = label
    task._function = function
    task._args = args
    task._variables = copy_context()
    task._number = task._attempts = task._started_ns = task._ended_ns = 0
    task._extras = extras
    task._reason = task._value = task._error = task._ended = task._tripped = None
    return task


def _declared(queues: Iterable[Queue]) -> list[Queue]:
    """The worker's queues, the first one first."""
    declared = items("queues", queues)
    for queue in declared:
        is_a("queues", queue, Queue, optional=False)
    names = [queue.name for queue in declared]
    if len(set(names)) != len(names):
        raise InvalidArgument("queues", "must have different names")
    first = [queue for queue in declared if queue.name == FIRST_QUEUE]
    return [*(first or [Queue(FIRST_QUEUE)]), *[queue for queue in declared if queue.name != FIRST_QUEUE]]


def _functions(argument: str, functions: Iterable[Callable[..., Any]]) -> tuple[Callable[..., Any], ...]:
    listed = tuple(items(argument, functions))
    if not all(callable(function) for function in listed):
        raise InvalidArgument(argument, "must be functions")
    return listed


def _rate(limit: RateLimit | None) -> Rate | None:
    return None if limit is None else limit.rate


def _configuration(core: Core, states: Sequence[QueueState], queue_max: int | None) -> dict[str, Any]:
    """What the worker was built with, for the log."""

    def listed(rate: Rate | None) -> list[int] | None:
        return None if rate is None else list(rate)

    return {
        "threads": core.threads_wanted,
        "queue_max": queue_max,
        "grace_ns": core.grace_ns,
        "rate": listed(core.dispatch.limiter.rate),
        "queues": [
            {"name": it.name, "weight": it.weight, "cap": it.cap, "rate": listed(it.limiter.rate)}
            for it in states
        ],
        "key_cap": core.dispatch.key_cap,
        "retention": [None if core.keep == FOREVER else core.keep, core.keep_ns],
    }


def _refuse_single(options: SubmitOptions) -> None:
    for option in ("id", "idempotency_key", "fingerprint", "queue_wait"):
        if options.get(option) is not None:
            raise InvalidArgument(option, "is not for many tasks at once")


def _calls(arguments: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    calls = items("arguments", arguments)
    if not all(isinstance(it, tuple) for it in calls):
        raise InvalidArgument("arguments", "must be tuples, one for each call")
    if len(calls) > BATCH_MAX:
        raise InvalidArgument("arguments", f"must be at most {BATCH_MAX}, and are {len(calls)}")
    return calls


def _ids(ids: Iterable[str] | None, size: int) -> list[str | None]:
    if ids is None:
        return [None] * size
    names: list[str | None] = [is_name("ids", it) for it in items("ids", ids)]
    if len(names) != size or len(set(names)) != size:
        raise InvalidArgument("ids", "must be as many as the calls, and all different")
    return names


def _admit_all(core: Core, batch: Batch) -> tuple[str | None, Gate | None, Gate | None] | None:
    """Admit the batch, however often it has to be written; None if its time has come meanwhile."""
    while not batch.is_stale(now := core.now()):
        batch.write(core, now)
        answered, refusal, wake, steward = _steps.admit_all(core, batch, core.now())
        if answered:
            return refusal, wake, steward
    return None
