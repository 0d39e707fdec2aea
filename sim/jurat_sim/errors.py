"""What can be wrong with what the bench is given.  One class for each condition."""

from __future__ import annotations


class BenchError(Exception):
    """The bench was asked for something it cannot do.  The message is one line for a reader."""


class UnknownScenario(BenchError):
    """No scenario has this name.  `jurat_sim.scenarios.SCENARIOS` lists them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown scenario: {name}")
        self.name = name


class UnknownDefect(BenchError):
    """No defect has this id.  `jurat_sim.defects.DEFECTS` lists them."""

    def __init__(self, defect: str) -> None:
        super().__init__(f"unknown defect: {defect}")
        self.defect = defect


class UnknownMutant(BenchError):
    """No mutant has this id.  `python -m jurat_sim.mutation --list` lists them."""

    def __init__(self, mutant: str) -> None:
        super().__init__(f"unknown mutant: {mutant}")
        self.mutant = mutant


class TooManyThreads(BenchError):
    """A run has more threads at once than the bench keeps carriers for (`pool.STOCK`)."""

    def __init__(self, stock: int) -> None:
        super().__init__(f"a run may have {stock} threads at once, and this one has more")
        self.stock = stock


class UnknownGrain(BenchError):
    """A grain is `seam` or `access`."""

    def __init__(self, grain: str) -> None:
        super().__init__(f"unknown grain: {grain} (seam or access)")
        self.grain = grain


class NoAccesses(BenchError):
    """Data races are looked for among accesses, so only at the grain of accesses."""

    def __init__(self) -> None:
        super().__init__("data races can be looked for at the grain of accesses only")


class UnknownBackend(BenchError):
    """A backend is `greenlets` or `threads`."""

    def __init__(self, backend: str) -> None:
        super().__init__(f"unknown backend: {backend} (greenlets or threads)")
        self.backend = backend


class BadExploration(BenchError):
    """A test asks for something with which it cannot be explored.  The message says what to write."""


class UnknownStrategy(BenchError):
    """No strategy has this name, or not with this number.  `jurat_sim.explore.STRATEGIES` lists the names."""

    def __init__(self, strategy: str, known: str) -> None:
        super().__init__(f"unknown strategy: {strategy} ({known})")
        self.strategy = strategy


class Diverged(BenchError):
    """A search made the same choices again and was offered others: the run depends on something else.

    Look for what is not decided by the bench: a real clock, the order of a set, an identity.
    """

    def __init__(self, choice: int) -> None:
        super().__init__(f"a run did not repeat itself at choice {choice}: it depends on something else")
        self.choice = choice


class BadAnchor(BenchError):
    """A patch's anchor does not occur exactly once in its module: the worker has changed under it.

    Write the patch anew, from the source as it is now.
    """

    def __init__(self, patch: str, module: str, anchor: str, count: int) -> None:
        first = next(line.strip() for line in anchor.splitlines() if line.strip())
        super().__init__(f"{patch}: its anchor occurs {count} times in {module}, not once: {first!r}")
        self.patch = patch
        self.module = module
        self.anchor = anchor
        self.count = count


class UnknownSyntax(BenchError):
    """The build at the grain of accesses met syntax of which it does not know what it accesses.

    Say in `jurat_sim.grain` what it reads and writes, or write the worker without it.
    """

    def __init__(self, kind: str, module: str, line: int) -> None:
        super().__init__(f"{module}, line {line}: no rule says what {kind} accesses")
        self.kind = kind
        self.module = module
        self.line = line


class BadToken(BenchError):
    """A replay token cannot be read.  Its subclasses say why."""

    why = "malformed"

    def __init__(self, token: str, detail: str = "") -> None:
        shown = token if len(token) <= 80 else token[:77] + "..."
        super().__init__(f"replay token {shown!r}: {self.why}{': ' + detail if detail else ''}")
        self.token = token
        self.detail = detail


class TokenPrefix(BadToken):
    """It does not begin with the version that this bench writes."""

    why = "bad prefix"


class TokenAlphabet(BadToken):
    """It is not base32."""

    why = "bad base32"


class TokenTruncated(BadToken):
    """It ends too early."""

    why = "truncated"


class TokenChecksum(BadToken):
    """It was changed on the way."""

    why = "checksum does not match"


class TokenUnknown(BadToken):
    """It is whole, and speaks of a defect or a grain that this bench does not have."""

    why = "from another bench"


class TokenOfATest(BadToken):
    """It is whole, and of no scenario of this bench: so of a test, which only pytest can find.

    A token has four bytes for a name.  Whether there is such a test, it does not say.
    """

    why = "of no scenario of the bench"

    def __init__(self, token: str) -> None:
        super().__init__(token, f"if a test printed it, this makes its run again: pytest --schedule={token}")


class TokenMisfit(BadToken):
    """It is whole, and its schedule cannot be followed: it was recorded from other source."""

    why = "does not fit"
