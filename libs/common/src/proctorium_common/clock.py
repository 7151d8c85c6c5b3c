"""Clocks. Code that needs the current time receives a clock as a parameter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""A function that returns the current time as an aware datetime in UTC."""


def utc_now() -> datetime:
    """Return the current system time as an aware datetime in UTC."""
    return datetime.now(UTC)
