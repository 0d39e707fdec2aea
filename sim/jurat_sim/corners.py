"""Scenarios that mutation of the worker has asked for: what the others did not reach (`mutation`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage

CORNERS: tuple[Callable[[Stage], None], ...] = ()
