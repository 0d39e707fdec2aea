"""Simulation: the shipped worker, months of it, in virtual time of whole nanoseconds.

    from pathlib import Path
    from jurat_sim.simulate import read, simulate

    outcome = simulate(read(Path("deploy.toml")))
    print(outcome.figures["latency_ns"]["p99"], outcome.problems)

A scenario is a TOML file (`config`, `schema.json`): a worker, loads of tasks, and what else happens.
`simulate` makes a run of it and holds it against checks: what was submitted is what ended, the functions'
own count agrees, every event is a behaviour of the specification, and each bound is kept.

From the inside out: `durations`, `distributions`, `tables` (TOML into dataclasses), `config`, `arrivals`,
`ledger` (sums of the log), `run` (one run), `outcome` (figures and checks); `laws` (arithmetic on
instants) and `timelaws` (held against the worker, and against defects), `theory` and `queueing` (Erlang,
Pollaczek and Khinchine), `campaign` (all of that, as the audit runs it), and `guidance` (how many threads).

Nothing reads a real clock, and nothing is drawn but from a scenario's name: a run repeats to the byte.
Pictures are drawn in `jurat_audit.charts`.
"""

from __future__ import annotations

from .config import Scenario, read, schema
from .errors import ScenarioError
from .guidance import Guidance, guide
from .outcome import Outcome, Verdict, simulate

__all__ = [
    "Guidance",
    "Outcome",
    "Scenario",
    "ScenarioError",
    "Verdict",
    "guide",
    "read",
    "schema",
    "simulate",
]
