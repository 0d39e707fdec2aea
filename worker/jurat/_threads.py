"""What the threads do between two steps.

A worker thread runs one function after another; the steward does what time and a
shutdown ask for.  Neither polls: each parks at its gate until someone opens it or, for
the steward, until the next instant that matters.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from . import _steps
from ._choose import compact, next_task
from ._context import SEATS, Context
from ._core import FOREVER, Seat
from ._opening import forget, let_go, open_ended, release, remind, tell
from ._retries import judge
from ._states import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Core, TaskState
    from ._runtime import Gate

__all__ = ["serve", "work"]

QUEUED = Status.QUEUED
ALARMS = 4096
"""How many alarms of tasks that have ended the steward keeps, whatever their number."""


def work(core: Core, seat: Seat) -> None:  # noqa: C901, PLR0912, PLR0915 - see below
    """A worker thread's life.

    In one frame, since every task passes here and a call costs as much as a tenth of a step.
    """
    now = core.now
    turn = _steps.turn
    wrapped = bool(core.wrappers)
    me = core.runtime.ident()
    SEATS[me] = seat
    value: Any = None
    error: BaseException | None = None
    gate: Any = None
    returned = now()
    while not seat.leaving:
        task, gates, wake = turn(core, seat, value, returned)
        value = None
        if gates is not None:
            for gate in gates:
                gate.open()
            gate = gates = None  # a thread that is parked keeps no callback, and no task, alive
        if wake is not None:
            wake.open()
        if core.herald is not None or core.follower is not None or core.scribe is not None:
            tell(core)
        if core.keep_ns is not None:
            remind(core)
        if task is None and not seat.parked:
            task = next_task(core, seat)
        if task is None:
            if seat.parked:
                seat.gate.wait()
            returned = now()
            continue
        context = Context()
        context._task = task
        context.attempt = task._attempts
        if wrapped:
            value, error = _run_wrapped(core, task, context)
        else:
            args = task._args
            try:
                if args:
                    value = task._variables.run(task._function, context, *args)
                else:  # without the list and the tuple that the star makes: a tenth of a task's instructions
                    value = task._variables.run(task._function, context)
            except BaseException as raised:
                error = raised
                leave_out_this_frame(raised)
        returned = now()
        verdict = None
        if error is not None or task._extras is not None:
            verdict = judge(core, task, error, returned)
        if verdict is None:
            task._function = task._variables = None  # as `release`, for a task that is about to end
            task._args = ()
        else:
            value = None
            open_ended(core, *_steps.come_back(core, seat, error, verdict, returned))
            if seat.stuck:
                let_go(task)
            else:
                release(task)
            error = None
        task = None
        del context
    del SEATS[me]


def leave_out_this_frame(error: BaseException) -> None:
    """The thread's own frame lives on, and would keep alive what it holds while the exception lives."""
    trace = error.__traceback__
    error.__traceback__ = None if trace is None else trace.tb_next


def _run_wrapped(core: Core, task: TaskState, context: Context) -> tuple[Any, BaseException | None]:
    """Call the function within the worker's wrappers.  What goes wrong in one of them changes nothing."""
    entered = []
    for wrapper in core.wrappers:
        try:
            manager = wrapper(context)
            manager.__enter__()
            entered.append(manager)
        except BaseException as problem:
            core.on_problem("a wrapper, on entering", problem)
    value = error = None
    try:
        value = task._variables.run(task._function, context, *task._args)
    except BaseException as raised:
        error = raised
    while entered:
        try:
            kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
            entered.pop().__exit__(kind, error, trace)
        except BaseException as problem:
            core.on_problem("a wrapper, on leaving", problem)
    return value, error


def serve(core: Core) -> None:
    """The steward's life: a step for each thing that time or a shutdown asks for.

    It parks at a fresh gate each time: where a timeout and a wake-up race, the wake-up
    goes to a gate that nobody uses any more, and the steps that follow see its cause.
    """
    now = core.now
    alarms = Alarms(core)
    over = False
    while not over:
        fresh, tripping, sweeping, abandoning = _steps.attend(core, now())
        alarms.add(fresh)
        if tripping:
            for seat in core.seats:
                _open(_steps.trip(core, seat))
        if sweeping:
            _cancel_what_waits(core)
        if abandoning:
            for seat in core.seats:
                open_ended(core, _steps.abandon(core, seat, now()), None)
        alarms.answer()
        _tidy(core)
        _man(core)
        if core.surplus:  # one of those that are parked is to leave; it wakes the next
            _wake(_steps.ring(core))
        tell(core)
        gate = core.runtime.gate()
        parked, waiters, follower, timeout_ns, over = _steps.rest(core, gate, alarms.soonest(), now())
        _open(parked)
        _open(waiters)
        _wake(follower)
        if not over:
            _park(gate, timeout_ns)
    tell(core)  # nothing more comes: the herald ends when all was offered, the scribe when all was written
    if core.audit is not None:
        core.audit.hurry()


def _wake(gate: Gate | None) -> None:
    if gate is not None:
        gate.open()


def _park(gate: Gate, timeout_ns: int | None) -> None:
    if timeout_ns is None:
        gate.wait()
    elif timeout_ns > 0:
        gate.wait_for(timeout_ns)


class Alarms:
    """The instants that the steward wakes for: of tasks, by number, and of permits, by 0.

    A number, and not the task, so that an alarm keeps no task alive that has ended.
    """

    __slots__ = ("_core", "_heap", "_kept")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._heap: list[list[int]] = []
        self._kept = 0

    def add(self, alarms: list[list[int]]) -> None:
        """Add new ones, each [instant, number]; and, now and then, leave out those that no longer matter."""
        for alarm in alarms:
            heappush(self._heap, alarm)
        if len(self._heap) > ALARMS + 2 * self._kept:
            self._heap = [alarm for alarm in self._heap if _matters(self._core, alarm)]
            heapify(self._heap)
            self._kept = len(self._heap)

    def answer(self) -> None:
        """Do what is due."""
        heap, now = self._heap, self._core.now
        while heap and heap[0][0] <= now():
            _answer(self._core, heappop(heap)[1])

    def soonest(self) -> int:
        """The next instant."""
        return self._heap[0][0] if self._heap else FOREVER


def _matters(core: Core, alarm: list[int]) -> bool:
    """Whether it is for a permit, or for a task that has not ended."""
    number = alarm[1]
    task = core.registry.get(number)
    return not number or (task is not None and not task._status.terminal)


def _answer(core: Core, number: int) -> None:
    """An instant has come: a task's time, its deadline, or, for number 0, that of a permit."""
    if not number:
        wake = _steps.ring(core)
    else:
        task = core.registry.get(number)
        if task is None or task._status.terminal:
            return
        now = core.now()
        extras = task._extras
        assert extras is not None  # noqa: S101 - whoever has an alarm has them
        if extras.deadline_ns <= now:
            open_ended(core, *_steps.expire(core, task, now))
            release(task)
            return
        wake = _steps.become_due(core, task, now)
    _wake(wake)


def _cancel_what_waits(core: Core) -> None:
    """A shutdown has begun, or got tighter: one step for each task that waits."""
    for task in tuple(core.registry.values()):
        if task._status.waiting:
            open_ended(core, _steps.shutdown_cancel(core, task, core.now()), None)
            release(task)


def _tidy(core: Core) -> None:
    """Forget what is not to be kept, and let go of what ended where it waited."""
    if core.kept_count > core.keep or core.keep_ns is not None:
        forget(core)
    if core.lost > _steps.TOMBS + core.specials:
        compact(core)
    if core.tombs > _steps.TOMBS and 2 * core.tombs > core.tail - core.head:
        _sweep(core)


def _sweep(core: Core) -> None:
    """Take those that have ended out of the lane."""
    lane, head, tail = core.lane[:], core.head, core.tail
    tail = min(tail, len(lane))
    if head >= tail:
        return
    alive = [task for task in lane[head:tail] if task is not None and task._status is QUEUED]
    buried = tail - head - len(alive)
    _steps.swept(core, head, lane[head], slice(0, tail), alive, tail - len(alive), buried)


def _man(core: Core) -> None:
    """Start the threads that a resize asks for, and take those that have left off the lists."""
    if not core.manned.over:
        return
    while core.seated < core.threads_wanted:
        seat = Seat(core.hired, core.runtime.gate())
        if not _steps.take_seat(core, seat):
            break
        core.hired += 1
        try:
            thread = core.runtime.spawn(work, f"worker-{seat.index}", core, seat)
        except RuntimeError as refused:
            seat.leaving = True
            _steps.give_back_seat(core)
            core.on_problem("starting a thread", refused)
            break
        core.threads.append((seat, thread))
    if any(seat.leaving for seat in core.seats):
        core.seats = [seat for seat in core.seats if not seat.leaving]
        gone = [
            (seat, thread)
            for seat, thread in core.threads
            if seat is not None and seat.leaving and thread.join(0)
        ]
        for entry in gone:  # one by one, since somebody may be appending the herald
            core.threads.remove(entry)


def _open(gates: Iterable[Any]) -> None:
    for gate in gates:
        gate.open()
