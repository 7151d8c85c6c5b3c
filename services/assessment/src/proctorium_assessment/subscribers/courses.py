"""What enrollment tells (`assessment--courses`)."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.enrollment.v1 import courses_pb2
from proctorium_assessment.operations import courses
from proctorium_assessment.storage.courses import Course
from proctorium_common.events.handling import EventMetadata
from proctorium_common.storage.database import Transaction


async def on_course_published(
    tx: Transaction, event: events_pb2.CoursePublished, metadata: EventMetadata
) -> None:
    """A course's title, hours, kind and assessments."""
    await courses.remember(
        tx,
        Course(
            UUID(event.course_id),
            event.title,
            event.hours,
            self_paced=event.kind == courses_pb2.COURSE_KIND_SELF_PACED,
        ),
        [UUID(assessment_id) for assessment_id in event.assessment_ids],
        metadata.position,
    )


async def on_registration_created(
    tx: Transaction, event: events_pb2.RegistrationCreated, _metadata: EventMetadata
) -> None:
    """Who is registered in a course."""
    await courses.registered(tx, UUID(event.course_id), UUID(event.person_id))
