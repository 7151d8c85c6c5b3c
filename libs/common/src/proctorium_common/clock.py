"""Time as a parameter: code that needs the time receives a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment, UTC and aware."""


def utc_now() -> datetime:
    """Return the present moment by this machine's clock, UTC and aware."""
    return datetime.now(UTC)
