"""A measurement as `docs/measured.json` holds one, small and made up."""

from __future__ import annotations

from typing import Any

DIGEST = "0123456789abcdef" * 4


def summary(median: float, *, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """Three rounds."""
    return {
        "median": median,
        "min": median if low is None else low,
        "max": median if high is None else high,
        "rounds": 3,
    }


def figure(**changes: Any) -> dict[str, Any]:
    """The no-op load on 3.12, with changes."""
    return {
        "id": "noop",
        "title": "no-op tasks",
        "group": "speed",
        "python": "3.12",
        "unit": "times",
        "sense": "at least",
        "must": 3.0,
        "aim": 4.0,
        "value": summary(3.25, low=2.75, high=4.5),
        "parts": {"worker": summary(3.125), "ThreadPoolExecutor": summary(10.25)},
        "not_measured": None,
    } | changes


def explorer(**changes: Any) -> dict[str, Any]:
    """An explorer on a case, with changes."""
    return {
        "system": "jurat, seam",
        "case": "submit racing stop",
        "version": "",
        "python": "3.12.1",
        "per_second": summary(9_000, low=7_000, high=10_000),
        "must": 8_000,
        "aim": 15_000,
        "not_measured": None,
    } | changes


def document(**changes: Any) -> dict[str, Any]:
    """Two figures, one of which could not be measured, and two systems, likewise."""
    return {
        "schema": 1,
        "date": "2026-01-31",
        "quick": False,
        "machine": {"cpu": "Abacus 3", "cores": 8, "used": 2, "system": "Linux 6.1 x86_64"},
        "pythons": {"3.12": "3.12.1", "3.13": None},
        "source": DIGEST,
        "figures": [figure(), figure(python="3.13", value=None, parts={}, not_measured="no CPython 3.13")],
        "others": {
            "python": "3.12.1",
            "tasks": 5000,
            "systems": [
                {
                    "name": "jurat",
                    "version": "",
                    "us": summary(3.5),
                    "times": summary(1),
                    "not_measured": None,
                },
                {
                    "name": "Celery",
                    "version": "",
                    "us": None,
                    "times": None,
                    "not_measured": "it did not start",
                },
            ],
        },
        "exploring": {"source": DIGEST, "rows": [explorer()]},
    } | changes
