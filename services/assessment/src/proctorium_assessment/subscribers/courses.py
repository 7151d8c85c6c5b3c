"""The handlers of events from enrollment. The subscriber `assessment--courses` receives the events."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2 as pb
from proctorium.enrollment.v1.courses_pb2 import COURSE_KIND_SELF_PACED
from proctorium_assessment.operations import certificates, courses
from proctorium_assessment.storage.courses import Course
from proctorium_common.events.handling import EventMetadata
from proctorium_common.storage.database import Transaction


async def on_course_published(
    tx: Transaction, event: pb.CoursePublished, metadata: EventMetadata
) -> None:
    """Store the course and its assessments."""
    await courses.store_course(
        tx,
        Course(
            UUID(event.course_id),
            event.title,
            event.hours,
            self_paced=event.kind == COURSE_KIND_SELF_PACED,
        ),
        [UUID(assessment_id) for assessment_id in event.assessment_ids],
        metadata.position,
    )


async def on_registration_created(
    tx: Transaction, event: pb.RegistrationCreated, _metadata: EventMetadata
) -> None:
    """Store the registration of the learner in the course."""
    await courses.store_registration(tx, UUID(event.course_id), UUID(event.person_id))


async def on_registration_completed(
    tx: Transaction, event: pb.RegistrationCompleted, _metadata: EventMetadata
) -> None:
    """Create a certificate for the completed registration if the course awards certificates."""
    if event.awards_certificate:
        await certificates.create_certificate(
            tx,
            registration_id=UUID(event.registration_id),
            person_id=UUID(event.person_id),
            course_id=UUID(event.course_id),
            title=event.course_title,
        )
