"""Ask CrossHair whether a contract holds for all its arguments, and say its answer in four words.

CrossHair runs the function on unknowns and asks a solver about each path.  Its answer may
depend on the time that it is given, so a confirmation counts only if it took a tenth of that
or less: then a loaded machine does not change the verdict.  The time is that of the
processor, which other programs do not lengthen.
"""

from __future__ import annotations

import inspect
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import TYPE_CHECKING

from crosshair.core_and_libs import AnalysisKind, MessageType, analyze_function, run_checkables
from crosshair.options import AnalysisOptionSet

from jurat import _arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 20.0
"""Seconds that CrossHair is given for one condition."""

SHARE = 0.1
"""The part of its limit in which a condition must be confirmed."""


class Answer(StrEnum):
    """What came of one condition."""

    CONFIRMED = "confirmed"  # on all paths
    REFUTED = "refuted"  # with arguments that break it
    VACUOUS = "vacuous"  # no arguments satisfy its preconditions, or it has no contract
    UNDETERMINED = "undetermined"  # neither, in the time there was


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """An answer, and what CrossHair said.  Its words may differ between runs, as `seconds` do."""

    answer: Answer
    message: str
    seconds: float
    """Of processor time."""


_ANSWERS = {
    MessageType.CONFIRMED: Answer.CONFIRMED,
    MessageType.CANNOT_CONFIRM: Answer.UNDETERMINED,
    MessageType.PRE_UNSAT: Answer.VACUOUS,
    MessageType.POST_ERR: Answer.REFUTED,
    MessageType.EXEC_ERR: Answer.REFUTED,
    MessageType.POST_FAIL: Answer.REFUTED,
    MessageType.SYNTAX_ERR: Answer.VACUOUS,
    MessageType.IMPORT_ERR: Answer.VACUOUS,
}


def worker_source() -> str:
    """The source of the worker's arithmetic, as shipped."""
    return inspect.getsource(_arithmetic)


def module_of(source: str) -> ModuleType:
    """The worker's arithmetic, made from this source."""
    module = ModuleType("arithmetic")
    exec(compile(source, "<arithmetic>", "exec"), module.__dict__)  # noqa: S102 - our own source, with one line changed
    return module


def examine(law: Callable[..., bool], source: str, *, limit: float = LIMIT) -> Examination:
    """Ask whether a law holds of the worker's arithmetic with this source.

    The law reaches it as the global `arithmetic` of its own module, which is put back.
    """
    names = law.__globals__
    shipped = names["arithmetic"]
    names["arithmetic"] = module_of(source)
    began = time.process_time()
    try:
        messages = run_checkables(analyze_function(law, _options(limit)))
    finally:
        names["arithmetic"] = shipped
    seconds = time.process_time() - began
    if not messages:
        return Examination(answer=Answer.VACUOUS, message="it has no contract", seconds=seconds)
    worst = max(messages, key=lambda message: message.state)
    answer = _ANSWERS[worst.state]
    if answer is Answer.CONFIRMED and seconds > SHARE * limit:
        return Examination(
            answer=Answer.UNDETERMINED,
            message="it was confirmed in more than a tenth of its limit",
            seconds=seconds,
        )
    return Examination(answer=answer, message=worst.message, seconds=seconds)


def _options(limit: float) -> AnalysisOptionSet:
    return AnalysisOptionSet(
        analysis_kind=(AnalysisKind.PEP316,),
        per_condition_timeout=limit,
        per_path_timeout=limit,
        max_uninteresting_iterations=sys.maxsize,
        report_all=True,
    )
