"""The executable specification of the worker: the rule, and nothing that runs it.

Start with `lifecycle`, which is the rule.  `replay` holds a recorded log against it,
`search` walks everything it allows, `properties` says what must hold throughout, and
`view` names the variables as the TLA+ module does.  Rules of their own are `limiter`,
`registry`, `fanout` and `queues`; `machine` is what they have in common.

This package is pure: standard library only, no clock, no thread, no input or output.
It shares no code with the worker, so a bug in one cannot hide in the other.
"""

__all__ = ["RULE_VERSION"]

RULE_VERSION = 1
"""Version of the rule.  A log says by which version it was written."""
