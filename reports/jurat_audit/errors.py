"""What can go wrong with an audit, by whose fault it is.

An audit ends in one of four ways.  The evidence holds, the evidence is broken, a bound
or a tool stopped us before we could tell, or no evidence was made at all.  The first
three are *verdicts* and travel in `LinkResult`; only the last is an exception, and
every exception here is the last: one line that names the thing at fault, exit status 2,
and nothing half-written behind it.
"""

from __future__ import annotations


class AuditError(Exception):
    """No report could be made.  The message is one line and names what to look at."""


class UsageError(AuditError):
    """The caller asked for something that does not exist: correct the command line."""


class UnknownProfile(UsageError):
    """No profile has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown profile {name!r}: the profiles are {', '.join(known)}")
        self.name = name
        self.known = known


class NoBudget(AuditError):
    """A link has no numbers for this profile: give it some in its module."""

    def __init__(self, link: str, profile: str) -> None:
        super().__init__(f"the link {link} has no budget for the profile {profile!r}")
        self.link = link
        self.profile = profile


class UnknownLink(UsageError):
    """No link of the chain has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown link {name!r}: the links are {', '.join(known)}")
        self.name = name
        self.known = known


class UnknownFolder(UsageError):
    """A folder that was named is not there, or is not what it should be."""


class ToolError(AuditError):
    """A tool that a link is built on is missing, broken or answers nonsense: not a verdict."""


class OutputError(AuditError):
    """The report could not be written where it was asked for.  The files there are unchanged."""


class TableError(AuditError):
    """`requirements.toml` contradicts itself or the project: a build error, corrected in the table."""
