"""What enrollment tells (`assessment--courses`)."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.enrollment.v1 import courses_pb2
from proctorium_assessment.operations import certificates, courses
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


async def on_registration_completed(
    tx: Transaction, event: events_pb2.RegistrationCompleted, _metadata: EventMetadata
) -> None:
    """Issue a certificate where the course awards one."""
    if event.awards_certificate:
        await certificates.earned(
            tx,
            registration_id=UUID(event.registration_id),
            person_id=UUID(event.person_id),
            course_id=UUID(event.course_id),
            title=event.course_title,
        )


async def on_registration_created(
    tx: Transaction, event: events_pb2.RegistrationCreated, _metadata: EventMetadata
) -> None:
    """Who is registered in a course."""
    await courses.registered(tx, UUID(event.course_id), UUID(event.person_id))
