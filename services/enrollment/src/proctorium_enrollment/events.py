"""The events that enrollment publishes. They contain no names, no e-mail addresses and no texts of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2 as pb
from proctorium.enrollment.v1 import courses_pb2
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_enrollment.domain.accommodations import Accommodations
from proctorium_enrollment.domain.codes import Code
from proctorium_enrollment.domain.courses import Course, CourseKind, Registration
from proctorium_enrollment.domain.people import Person, Role

COURSE_KINDS = EnumConversion(CourseKind, courses_pb2.CourseKind, "COURSE_KIND_")


class _RegistrationIds(TypedDict):
    registration_id: str
    person_id: str
    course_id: str


def _ids(registration: Registration) -> _RegistrationIds:
    return {
        "registration_id": str(registration.registration_id),
        "person_id": str(registration.person_id),
        "course_id": str(registration.course_id),
    }


def person_created(person: Person) -> pb.PersonCreated:
    """Return the event which reports that a person was created."""
    return pb.PersonCreated(
        person_id=str(person.person_id), roles=sorted(ROLE_NUMBERS[role] for role in person.roles)
    )


def person_certified(person: Person) -> pb.PersonCertified:
    """Return the event which reports that a proctor was certified."""
    return pb.PersonCertified(
        person_id=str(person.person_id),
        certified_until_time=to_timestamp(person.certified_until),
    )


def person_role_revoked(person: Person, role: Role) -> pb.PersonRoleRevoked:
    """Return the event which reports that `role` was revoked from a person. `person` already lacks the revoked role."""
    return pb.PersonRoleRevoked(
        person_id=str(person.person_id),
        role=ROLE_NUMBERS[role],
        roles=sorted(ROLE_NUMBERS[each] for each in person.roles),
        access_version=person.access_version,
    )


def person_disabled(person: Person) -> pb.PersonDisabled:
    """Return the event which reports that a person's account was disabled."""
    return pb.PersonDisabled(person_id=str(person.person_id), access_version=person.access_version)


def person_enabled(person: Person) -> pb.PersonEnabled:
    """Return the event which reports that a person's account was enabled."""
    return pb.PersonEnabled(person_id=str(person.person_id))


def person_signed_out(person: Person) -> pb.PersonSignedOut:
    """Return the event which reports that all sign-ins of a person were ended."""
    return pb.PersonSignedOut(person_id=str(person.person_id), access_version=person.access_version)


def person_accommodations_changed(changed: Accommodations) -> pb.PersonAccommodationsChanged:
    """Return the event which reports that the accommodations of a person were changed."""
    return pb.PersonAccommodationsChanged(
        person_id=str(changed.person_id),
        revision=changed.revision,
        extra_time_percent=changed.extra_time_percent,
        extra_break_minutes=changed.extra_break_minutes,
        alternative_identity_check=changed.alternative_identity_check,
    )


def course_published(course: Course) -> pb.CoursePublished:
    """Return the event which reports that a course was published."""
    assessment_ids = [str(unit.assessment_id) for unit in course.units if unit.assessment_id]
    return pb.CoursePublished(
        course_id=str(course.course_id),
        title=course.title,
        kind=COURSE_KINDS.to_proto(course.kind),
        hours=course.hours,
        assessment_ids=list(dict.fromkeys(assessment_ids)),
    )


def registration_created(registration: Registration) -> pb.RegistrationCreated:
    """Return the event which reports that a learner was registered in a course."""
    return pb.RegistrationCreated(**_ids(registration))


def registration_completed(registration: Registration, course: Course) -> pb.RegistrationCompleted:
    """Return the event which reports that a learner completed a course."""
    return pb.RegistrationCompleted(
        **_ids(registration),
        course_title=course.title,
        awards_certificate=course.awards_certificate,
    )


def progress_recorded(
    registration: Registration, unit_id: UUID, finished_unit_count: int
) -> pb.ProgressRecorded:
    """Return the event which reports that a learner finished a unit.

    `finished_unit_count` is the number of finished units, including this unit.
    """
    return pb.ProgressRecorded(
        **_ids(registration), unit_id=str(unit_id), finished_unit_count=finished_unit_count
    )


def code_issued(
    code: Code, recipient_ids: Sequence[UUID], replaced_code_id: UUID | None = None
) -> pb.CodeIssued:
    """Return the event which reports that a code was issued.

    `recipient_ids` are the people to whom the code is sent.
    """
    return pb.CodeIssued(
        code_id=str(code.code_id),
        session_id=str(code.session_id),
        recipient_ids=[str(person_id) for person_id in recipient_ids],
        replaced_code_id=id_text(replaced_code_id),
    )


def code_revoked(code: Code) -> pb.CodeRevoked:
    """Return the event which reports that a code was revoked."""
    return pb.CodeRevoked(code_id=str(code.code_id), session_id=str(code.session_id))
