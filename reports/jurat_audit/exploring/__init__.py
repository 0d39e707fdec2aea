"""The parts of the link from the worker to the rule, a module for each.

* `campaigns`: the clean worker under schedules that are drawn, and what met what in them;
* `searches`: the clean worker under every schedule there is, or every one within a bound;
* `accesses`: whether two accesses of the clean worker race;
* `repeats`: whether a run repeats itself, in another process and on other threads too;
* `guided`: the clean worker led along every edge of the rule's graph;
* `hunts`: the seeded defects, each to be found.

Each has the same two functions: `jobs(profile)` says what is to be done, and `part(profile, answers)`
makes of the answers, in the same order, its part of the link's result.
"""

from .part import Part

__all__ = ["Part"]
