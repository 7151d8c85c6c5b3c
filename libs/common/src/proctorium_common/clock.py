"""Time as a parameter: whoever needs to know the time is given a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment, UTC and aware."""


def utc_now() -> datetime:
    """The present moment by this machine's clock, UTC and aware."""
    return datetime.now(UTC)
