"""Clocks: code that needs the current time receives a clock as a parameter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware and in UTC."""


def utc_now() -> datetime:
    """Return the current system time, aware and in UTC."""
    return datetime.now(UTC)
