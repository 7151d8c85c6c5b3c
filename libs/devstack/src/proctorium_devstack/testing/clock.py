"""A clock that tests move forward."""

from __future__ import annotations

from datetime import datetime, timedelta

from proctorium_common.clock import utc_now


class MovableClock:
    """Shows a fixed time, or without one the real time, plus what a test has moved it."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self._fixed = fixed
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the time that the clock shows."""
        return (self._fixed or utc_now()) + self._ahead

    @property
    def now(self) -> datetime:
        """The time that the clock shows."""
        return self()

    @now.setter
    def now(self, time: datetime) -> None:
        self._fixed, self._ahead = time, timedelta()

    def move(self, by: timedelta | None = None, **units: float) -> None:
        """Move the clock by a duration, or by units of `timedelta`: `move(hours=1)`."""
        self._ahead += by if by is not None else timedelta(**units)
