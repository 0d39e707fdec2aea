"""The bench: the shipped worker, under a machine that does as it is told.

A worker reaches its machine through one seam, and the bench is another machine behind it.
It decides who runs next and what time it is, and nothing else happens.  So an interleaving
is a list of choices that can be made again, and a length of time is a number.

    from jurat_sim import explore, replay

    report = explore("submit_races_stop", defect="D04", schedules=2_000, seed=1)
    for line in replay(report.failure.token).story.brief():
        print(line)

From the inside out: `pool` (greenlets), `clock` (SimPy's time), `primitives` (locks, gates,
threads), `runtime` (choices), `monitor` (who looks on), `strategies` (who chooses), `build` and
`grain` (copies of the worker: patched, or with a switch point before each access), `stage` and
`scenarios` (what is run), `checks` (what must hold), `bench` (one run), `explore`, `shrink`,
`story`, `tokens` (many runs, and the one that fails), `defects` (what must be found), `timing`
(how long things take).  Beside them `edges` drives every step of the specification's graph, with
`abstraction` (which state a worker is in), `stepping` and `directing` (leading it to another), `passes`,
`tours` and `schedules` (by which way, and when).

Nothing here is part of the product: the worker imports none of it.
"""

from .errors import BadToken, BenchError
from .explore import Replayed, Report, Verdict, explore, replay
from .tokens import Grain

__all__ = ["BadToken", "BenchError", "Grain", "Replayed", "Report", "Verdict", "explore", "replay"]
