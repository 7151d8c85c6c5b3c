"""The rules for alarms about sessions without a present proctor (`S6`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

ALARM_INTERVAL = timedelta(minutes=10)
"""The minimum time between two alarms about one session."""

_MAX_TITLES = 10
"""The maximum number of titles in one message."""


@dataclass(frozen=True, slots=True)
class UncoveredSession:
    """An uncovered session. `event_id` is the id of the event that reported that the session is uncovered."""

    session_id: UUID
    title: str
    event_id: UUID
    proctor_ids: tuple[UUID, ...]


def sessions_by_person(
    uncovered: Sequence[UncoveredSession], administrator_ids: Collection[UUID]
) -> Mapping[UUID, tuple[UncoveredSession, ...]]:
    """Return the sessions about which each person is notified.

    Administrators are notified of all sessions. Proctors are notified of their own sessions.
    """
    found: dict[UUID, list[UncoveredSession]] = {}
    for session in uncovered:
        for person_id in {*session.proctor_ids, *administrator_ids}:
            found.setdefault(person_id, []).append(session)
    return {person_id: tuple(sessions) for person_id, sessions in found.items()}


def titles_of(sessions: Sequence[UncoveredSession]) -> str:
    """Return the titles of the sessions as one text. An ellipsis replaces the titles after the tenth one."""
    titles = [session.title for session in sessions[:_MAX_TITLES]]
    return ", ".join([*titles, "…"] if len(sessions) > _MAX_TITLES else titles)
