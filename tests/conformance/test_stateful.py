"""Stateful tests with the specification as the model: what it allows is tried, and what is seen is compared.

Hypothesis draws the operations: each rule is an action of the specification, and may be drawn when the
specification allows it.  In virtual time it draws the schedule as well: after each operation, who goes on
where there is a choice, and how far.  Both shrink, to few operations and to few deviations.  The abstract
state of the worker is compared after each section, and once more after each rule.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import jurat
from jurat_sim.build import load
from jurat_sim.defects import defect_named
from jurat_sim.directing import Directed, Edge, Instants, Mismatch, Rule
from jurat_sim.stepping import Stepper
from jurat_spec import lifecycle
from jurat_spec.lifecycle import Config, Terms
from jurat_spec.replay import replay
from jurat_spec.view import Lifecycle

MS = 1_000_000
UNREACHED = 9  # a cap
LIVE = frozenset(lifecycle.LIVE)
OWED = frozenset({"Start", "Expire", "ShutdownCancel", "Abandon", "Stopped"})
"""What the worker does without being asked, as soon as it may."""

IN_THE_LANE = Lifecycle(
    config=Config(
        threads=1,
        queue_max=2,
        max_retries=1,
        retry_timeouts=True,
        queues=2,
        per_queue=UNREACHED,
        per_key=UNREACHED,
    ),
    terms=(
        Terms(priority=1),
        Terms(priority=1, child=True, deadline=True),
        Terms(priority=1, timeout=True, delayed=True),
    ),
    other_threads=(2,),
    pausable=(0,),
)
"""Tasks that wait in the lane, for a worker without a limit."""

CHOSEN = Lifecycle(
    config=Config(
        threads=2,
        queue_max=3,
        max_retries=1,
        retry_timeouts=True,
        burst=2,
        queues=2,
        per_queue=UNREACHED,
        per_key=1,
    ),
    terms=(
        Terms(priority=1, deadline=True),
        Terms(priority=1, timeout=True, concurrency_key="the one"),
        Terms(priority=0, delayed=True, queue=2),
        Terms(priority=1, child=True, concurrency_key="the one"),
    ),
    other_threads=(1, 3),
    pausable=(0, 1, 2),
)
"""Tasks in two queues, for which priorities, a concurrency key and a limiter count."""
PICK = st.integers(0, 11)
"""Which of the steps of a rule."""
HOW = st.integers(0, 4**9 - 1)
"""A schedule.  Its last digit to the base of 4 says how many steps are taken until the next operation (0 is
all there are, another number four times as many), and those before it are deviations from run-to-block."""
SOON = st.sampled_from([1, 5, 20, 100])


class VirtualTime(RuleBasedStateMachine):
    """The worker on the controlled runtime."""

    package: Any
    stepper: Stepper
    rules_of: Rule

    def __init__(self) -> None:
        super().__init__()
        self.instants = Instants(permit_ns=10 * MS, grace_ns=20 * MS, drain_deadline_ns=None)
        self.lead = Directed(self.stepper, self.package, self.rules_of, self.instants)
        self.lead.run()

    def edges(self, *labels: str) -> list[Edge]:
        """The steps that the specification allows now, of these labels."""
        state = self.lead.state
        return [
            Edge(state, label, after) for label, after in self.rules_of.successors(state) if label in labels
        ]

    @property
    def may_end(self) -> bool:
        """Enough was submitted for a shutdown to meet something: else it would often be all there is."""
        return self.lead.state.admitted >= len(self.rules_of.machine.terms) - 1

    def take(self, pick: int, how: int, *labels: str) -> None:
        """Begin one of these steps, and let the threads run."""
        edges = self.edges(*labels)
        self.lead.begin(edges[pick % len(edges)], lambda choices: pick // len(edges) % choices)
        self.let_run(how)

    def let_run(self, how: int) -> None:
        """Let the threads run by this schedule; then compare."""
        how, patience = divmod(how, 4)
        deviations = []
        while how:
            how, deviation = divmod(how, 4)
            deviations.append(deviation)
        if self.lead.run(deviations, 4 * patience or None):
            self.lead.check()
            owed = OWED.intersection(label for label, _ in self.rules_of.successors(self.lead.state))
            assert not owed, f"the worker rests, and owes {sorted(owed)}: {self.lead.state}"

    @precondition(lambda self: self.edges("Submit"))
    @rule(pick=PICK, how=HOW, after=SOON)
    def submit(self, pick: int, how: int, after: int) -> None:
        """A task, the next one, on its terms."""
        number = self.lead.state.admitted + 1
        self.instants.deadlines[number] = self.lead.now_ns + 4 * after * MS
        self.instants.timeouts[number] = after * MS
        self.instants.due[number, 0] = self.lead.now_ns + after * MS
        self.take(pick, how, "Submit")

    @precondition(lambda self: not LIVE.isdisjoint(self.lead.state.status))
    @precondition(lambda self: self.edges("RejectClosed", "RejectFull", "RejectIdUsed"))
    @rule(pick=PICK, how=HOW)
    def reject(self, pick: int, how: int) -> None:
        """A submission that is refused."""
        self.lead.run()  # what is refused now must be refused when the client comes to it
        if self.edges("RejectClosed", "RejectFull", "RejectIdUsed"):
            self.take(pick, how, "RejectClosed", "RejectFull", "RejectIdUsed")

    @precondition(lambda self: self.edges("Complete"))
    @rule(pick=PICK, how=HOW)
    def complete(self, pick: int, how: int) -> None:
        """A function returns."""
        self.take(pick, how, "Complete")

    @precondition(lambda self: self.edges("Fail", "AcknowledgeCancel"))
    @rule(pick=PICK, how=HOW)
    def fail(self, pick: int, how: int) -> None:
        """A function raises."""
        self.take(pick, how, "Fail", "AcknowledgeCancel")

    @precondition(lambda self: self.edges("Retry", "TimeOutRetry", "TimeOut"))
    @rule(pick=PICK, how=HOW, after=st.sampled_from([0, 1, 5]))
    def retry(self, pick: int, how: int, after: int) -> None:
        """A function raises what may be retried, or comes back too late."""
        for number, attempts in enumerate(self.lead.state.attempts, start=1):
            self.instants.due[number, attempts] = self.lead.now_ns + after * MS
        self.take(pick, how, "Retry", "TimeOutRetry", "TimeOut")

    @precondition(lambda self: self.edges("LateReturn"))
    @rule(pick=PICK, how=HOW)
    def late_return(self, pick: int, how: int) -> None:
        """A function comes back that was abandoned."""
        self.take(pick, how, "LateReturn")

    @precondition(lambda self: self.edges("Cancel", "RequestCancel"))
    @rule(pick=PICK, how=HOW)
    def cancel(self, pick: int, how: int) -> None:
        """Somebody cancels a task, or its parent is cancelled."""
        self.take(pick, how, "Cancel", "RequestCancel")

    @precondition(lambda self: self.may_end and self.edges("BeginDrain"))
    @rule(pick=PICK, how=HOW, after=SOON)
    def begin_drain(self, pick: int, how: int, after: int) -> None:
        """Nothing more is accepted."""
        self.instants.drain_deadline_ns = self.lead.now_ns + after * MS
        self.take(pick, how, "BeginDrain")

    @precondition(lambda self: self.may_end and self.edges("StopNow"))
    @rule(pick=PICK, how=HOW)
    def stop_now(self, pick: int, how: int) -> None:
        """What runs is asked to come back."""
        self.take(pick, how, "StopNow")

    @precondition(lambda self: self.lead.state.admitted and self.edges("Pause", "Resume", "Resize"))
    @rule(pick=PICK, how=HOW)
    def operate(self, pick: int, how: int) -> None:
        """What an operator does."""
        self.take(pick, how, "Pause", "Resume", "Resize", "SetRate", "SetWeight", "SetRetention")

    @rule(how=HOW, after=SOON)
    def advance(self, how: int, after: int) -> None:
        """Time passes while nobody can go on: how it passes, the specification must explain."""
        self.lead.run()
        self.lead.sleep_until(self.lead.now_ns + after * MS)
        self.let_run(how)

    def teardown(self) -> None:
        """What is left comes to rest, and the log is held against the rule."""
        if not self.stepper.over:
            self.lead.run()
            self.lead.check()
            self.stepper.end()
            replay(self.lead.log)


def _try(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def _in_virtual_time(package: Any, machine: Lifecycle, examples: int, steps: int) -> None:
    with Stepper() as stepper:
        its = {"package": package, "stepper": stepper, "rules_of": Rule(machine)}
        _try(type("VirtualTime", (VirtualTime,), its), examples, steps)


@pytest.mark.parametrize(
    ("machine", "examples", "steps"), [(IN_THE_LANE, 300, 30), (CHOSEN, 200, 30)], ids=["lane", "chosen"]
)
def test_what_the_rule_allows_is_what_the_worker_does_in_virtual_time(
    machine: Lifecycle, examples: int, steps: int
) -> None:
    """Operations and schedules as drawn: every section's effect is a step of the specification."""
    _in_virtual_time(jurat, machine, examples, steps)


@pytest.mark.parametrize("defect", ["D01", "D22"])
def test_a_seeded_defect_is_found_and_made_small(defect: str) -> None:
    """What is found is told in few operations, with the threads left to themselves."""
    seeded = defect_named(defect)
    package = load(name=f"stateful {defect}", patches=seeded.patches).package
    with pytest.raises((Mismatch, AssertionError)) as found:
        _in_virtual_time(package, replace(IN_THE_LANE, terms=IN_THE_LANE.terms[::-2]), 1_000, 12)
    told = [line for note in found.value.__notes__ for line in note.splitlines() if line.startswith("state.")]
    assert 2 <= len(told) <= 8, told
    schedules = [int(how) for line in told for how in re.findall(r"how=(\d+)", line)]
    assert max(schedules) < 4, told  # no deviation is left
