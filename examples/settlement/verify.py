"""The judge: is the event log that the settlement left a behaviour of the specification?

    python examples/settlement/verify.py

This is another program than `settle.py` on purpose.  The specification shares no code with the worker,
and neither this process nor that one loads both; so a bug in one cannot hide in the other.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jurat_spec.replay import NotABehaviour, replay

if TYPE_CHECKING:
    from collections.abc import Iterator


def verify(folder: Path) -> list[str]:
    """Where the log departs from the specification, or the outcomes from what follows from the log."""
    with (folder / "events.jsonl").open(encoding="ascii") as file:
        events = [tuple(json.loads(line)) for line in file]
    try:
        replayed = replay(events)
    except NotABehaviour as refusal:
        return [str(refusal)]
    findings = []
    if replayed.world is None or replayed.world.phase != "stopped":
        findings.append("the log ends before the worker has stopped")
    statuses, attempts = replayed.statuses(), replayed.attempts()
    told = dict(_told(folder))
    findings += [
        f"task {task} is {told.get(task, 'absent')} in the outcomes, and by the log {followed}"
        for task in sorted(statuses.keys() | told.keys())
        if told.get(task) != (followed := (statuses.get(task), attempts.get(task)))
    ]
    return findings


def _told(folder: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    """By task: its status, and how often its function says that it began."""
    with (folder / "outcomes.csv").open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] != "refused":
                yield int(row["task"]), (row["status"], int(row["began"]))


def main() -> int:
    """Judge the log of the last run.  0: it conforms; 1: it does not, and here is where; 2: no log."""
    parser = argparse.ArgumentParser(description="Hold a settlement's event log against the specification.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", metavar="DIR")
    folder = parser.parse_args().out
    try:
        findings = verify(folder)
    except OSError as error:
        print(f"verify: {error}; run settle.py first", file=sys.stderr)
        return 2
    for finding in findings[:20]:
        print(finding)
    if not findings:
        print("The log is a behaviour of the specification, and every outcome follows from it.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
