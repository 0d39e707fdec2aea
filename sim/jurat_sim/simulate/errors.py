"""What can be wrong with a scenario file.  Each error names the file, the line and the key."""

from __future__ import annotations

from ..errors import BenchError


class ScenarioError(BenchError):
    """A scenario cannot be simulated as it is written.

    Attributes
    ----------
    file: the file's name, as it was given.
    line: counted from 1; 0 if the trouble is with the file as a whole.
    key: where in the file, such as `load[0].service.mean`; empty for the file as a whole.
    """

    def __init__(self, file: str, line: int, key: str, what: str) -> None:
        place = f"{file}, line {line}" if line else file
        super().__init__(f"{place}: {key}: {what}" if key else f"{place}: {what}")
        self.file = file
        self.line = line
        self.key = key
        self.what = what


class CannotRead(ScenarioError):
    """The file is not there, is not text, or may not be read."""


class NotToml(ScenarioError):
    """The file is not TOML."""


class UnknownKey(ScenarioError):
    """The key means nothing here.  The message lists those that do."""


class MissingKey(ScenarioError):
    """Something that must be said is not said."""


class BadValue(ScenarioError):
    """The value cannot mean anything here."""


class BadTrace(ScenarioError):
    """A line of a trace file cannot be read, or its instants go back.  `file` is the trace."""


class SimulationFailed(BenchError):
    """A run of the worker did not come to its end, so it has no figures."""
