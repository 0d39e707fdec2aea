"""The bench: the shipped worker, under a machine that does as it is told.

A worker reaches its machine through one seam, and the bench is another machine behind it.
It decides who runs next and what time it is, and nothing else happens.  So an interleaving
is a list of choices that can be made again, and a length of time is a number.

    from jurat_sim import explore, replay

    report = explore("submit_races_stop", defect="D04", schedules=2_000, seed=1)
    for line in replay(report.failure.token).story.brief():
        print(line)

From the inside out: `carriers` (what threads live on: greenlets in `pool`, threads that pass a
baton in `batons`), `clock` (SimPy's time), `primitives` (locks, gates, threads), `runtime`
(choices), `monitor` (who looks on), `strategies` (who chooses), `search`, `dpor` and `bpor` (choosing
until nothing is left), `traces` (which runs are the same), `build` and `grain` (copies of the worker:
patched, or with a switch point before each access), `stage` and `scenarios` (what is run), `checks`
(what must hold), `races` (what nothing orders), `bench` (one run), `explore`, `shrink`, `story`,
`tokens` (many runs, and the one that fails), `coverage` (what has met what), `determinism` (that
nothing else decides), `edges` (the worker led along the rule, with `abstraction`, `stepping`,
`directing`, `passes`, `tours` and `schedules`), `defects` (what must be found),
`mutation` (what else could be), `timing` and `simulate` (how long things take), `testing` (all this
in tests of your own).

Nothing here is part of the product: the worker imports none of it.
"""

from .carriers import Backend
from .errors import BadToken, BenchError
from .explore import Mode, Replayed, Report, Verdict, explore, replay
from .tokens import Grain

__all__ = [
    "Backend",
    "BadToken",
    "BenchError",
    "Grain",
    "Mode",
    "Replayed",
    "Report",
    "Verdict",
    "explore",
    "replay",
]
