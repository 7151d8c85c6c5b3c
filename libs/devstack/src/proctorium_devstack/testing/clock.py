"""A clock that tests can move forward."""

from __future__ import annotations

from datetime import datetime, timedelta

from proctorium_common.clock import utc_now


class MovableClock:
    """A clock that shows a fixed time, or the real time if `fixed` is None. Tests can move the clock forward."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self._fixed = fixed
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the current time of the clock."""
        return (self._fixed or utc_now()) + self._ahead

    @property
    def now(self) -> datetime:
        """The current time of the clock. Setting this property makes the new value the fixed time of the clock."""
        return self()

    @now.setter
    def now(self, time: datetime) -> None:
        self._fixed, self._ahead = time, timedelta()

    def move(self, by: timedelta | None = None, **units: float) -> None:
        """Move the clock forward by a duration, or by arguments of `timedelta`, such as `move(hours=1)`."""
        self._ahead += by if by is not None else timedelta(**units)
