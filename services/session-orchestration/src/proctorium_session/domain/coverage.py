"""The rules for when a session is covered or uncovered (`S6`).

A session is covered from the opening of its lobby to its end, unless no proctor has been present for the time
`uncovered_after` of its plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

UNCOVERED_AFTER = timedelta(seconds=30)
"""The default time without a present proctor after which a session is uncovered."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The proctors and administrators who are present in a session, and whether the session is uncovered.

    `absent_at` is the time since which nobody has been present. `uncovered_at` is the time at which the session became
    uncovered. Both are None while somebody is present. `revision` is the revision of the session in which the present
    people or `uncovered_at` last changed.
    """

    present_ids: tuple[UUID, ...] = ()
    absent_at: datetime | None = None
    uncovered_at: datetime | None = None
    revision: int = 0


def observe(
    before: Coverage,
    present_ids: tuple[UUID, ...],
    *,
    now: datetime,
    observing_since: datetime,
    uncovered_after: timedelta,
    revision: int,
) -> Coverage:
    """Return the coverage of a session in which the given people are present now.

    A replica that was started at `observing_since` does not count an absence before this time. Otherwise, sessions
    would become uncovered after a failure of the service, before the proctors can connect again.
    """
    if present_ids:
        after = replace(before, present_ids=present_ids, absent_at=None, uncovered_at=None)
    else:
        absent_at = before.absent_at or now
        uncovered_at = before.uncovered_at
        if uncovered_at is None and now >= max(absent_at, observing_since) + uncovered_after:
            uncovered_at = now
        after = replace(before, present_ids=(), absent_at=absent_at, uncovered_at=uncovered_at)
    is_visible = (after.present_ids, after.uncovered_at) != (
        before.present_ids,
        before.uncovered_at,
    )
    return replace(after, revision=revision) if is_visible else after
