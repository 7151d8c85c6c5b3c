"""Alarms about sessions without a present proctor (`S6`).

A person receives one message for all sessions about which an alarm is due in the same run. Each run requests the
administrators from enrollment, because people can become administrators at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_notification.domain.alarms import (
    ALARM_INTERVAL,
    UncoveredSession,
    sessions_by_person,
    titles_of,
)
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations.directory import Directory
from proctorium_notification.operations.notifying import notify
from proctorium_notification.storage import alarms

_log = get_logger()

_MAX_SESSIONS = 100
"""The maximum number of sessions of one run."""


async def record_uncovered(
    tx: Transaction,
    session_id: UUID,
    event_id: UUID,
    proctor_ids: Sequence[UUID],
    *,
    position: int,
) -> None:
    """Store that a session is uncovered, unless a later event about its coverage is stored."""
    await alarms.upsert_coverage(tx, session_id, event_id, proctor_ids, position=position)


async def record_covered(tx: Transaction, session_id: UUID, *, position: int) -> None:
    """Store that a session is covered or over, unless a later event about its coverage is stored."""
    await alarms.upsert_coverage(tx, session_id, None, position=position)


class Alarms:
    """Notifies administrators and proctors of uncovered sessions."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def run(self) -> None:
        """Send the alarms that are due to proctors and administrators."""
        async with self._database.transaction() as tx:
            if not await alarms.has_due_alarms(tx, ALARM_INTERVAL):
                return
        try:
            administrator_ids = await self._directory.administrator_ids()
        except ServiceError as error:
            _log.warning("alarm_delayed", error=error.message)
            return
        async with self._database.transaction() as tx:
            due = await alarms.lock_due_alarms(tx, ALARM_INTERVAL, _MAX_SESSIONS)
            people: dict[tuple[UncoveredSession, ...], list[UUID]] = {}
            for person_id, of_person in sessions_by_person(due, administrator_ids).items():
                people.setdefault(of_person, []).append(person_id)
            for of_people, person_ids in people.items():
                await _notify(tx, of_people, person_ids)
            await alarms.update_announced(tx, [each.session_id for each in due])


async def _notify(
    tx: Transaction, uncovered: tuple[UncoveredSession, ...], person_ids: list[UUID]
) -> None:
    first = uncovered[0]
    if len(uncovered) == 1:
        cause = Cause(first.event_id, Topic.SESSION_UNCOVERED, first.session_id)
    else:
        cause = Cause(first.event_id, Topic.SESSION_UNCOVERED, subject_title=titles_of(uncovered))
    await notify(tx, cause, person_ids)
