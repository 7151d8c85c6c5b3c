"""The handler of the subscription `session--course-progress`."""

from __future__ import annotations

from collections.abc import Sequence

from proctorium.enrollment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.progress import FinishedUnits
from proctorium_session.storage import course_progress


async def on_progress_recorded(
    tx: Transaction, batch: Sequence[tuple[events.ProgressRecorded, EventMetadata]]
) -> None:
    """Store how many units of a course each learner has finished. A late event changes nothing.

    The event is not appended to the session record, because it belongs to the course and not to a session.
    """
    await course_progress.upsert(tx, [_finished_units(event) for event, _ in batch])


def _finished_units(event: events.ProgressRecorded) -> FinishedUnits:
    return FinishedUnits(
        parse_id(event.course_id, "course_id"),
        parse_id(event.person_id, "person_id"),
        event.finished_unit_count,
    )
