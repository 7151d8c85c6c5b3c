"""What enrollment tells (`assessment--courses`)."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_assessment.operations import courses
from proctorium_assessment.storage.courses import Course
from proctorium_common.events.handling import EventMetadata
from proctorium_common.storage.database import Transaction


async def on_course_published(
    tx: Transaction, event: events_pb2.CoursePublished, metadata: EventMetadata
) -> None:
    """A course's title, hours and assessments."""
    await courses.remember(
        tx,
        Course(UUID(event.course_id), event.title, event.hours),
        [UUID(assessment_id) for assessment_id in event.assessment_ids],
        metadata.position,
    )
