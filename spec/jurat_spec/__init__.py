"""The executable specification of the worker: the rule, and nothing that runs it.

Start with `lifecycle`, which is the rule.  `replay` holds a recorded log against it, which
`log` reads and for which `accounts` keeps permits and turns.  `view` makes whole states of the
rule, `search` walks everything it allows, and `properties` says what must hold throughout.
Rules of their own are `limiter`, `queues`, `registry` and `fanout`; `observable` is what a
client can see; `machine` is what they have in common.

This package is pure: standard library only, no clock, no thread, no input or output.
It shares no code with the worker, so a bug in one cannot hide in the other.
"""

__all__ = ["RULE_VERSION"]

RULE_VERSION = 2
"""Version of the rule.  A log says by which version it was written."""
