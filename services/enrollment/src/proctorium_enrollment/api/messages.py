"""Messages of what the domain says, and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.v1 import codes_pb2, courses_pb2, people_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.rpc.caller import current_call
from proctorium_enrollment.domain.code_texts import TextWarning
from proctorium_enrollment.domain.codes import CodeState, CodeValidity
from proctorium_enrollment.domain.courses import Course, MyCourse, Registration, Unit, UnitKind
from proctorium_enrollment.domain.people import Person, Role
from proctorium_enrollment.domain.rights import ChangeKind
from proctorium_enrollment.domain.throttling import NO_WAIT
from proctorium_enrollment.operations.code_resolution import Malformed, Resolution
from proctorium_enrollment.operations.codes import ShownCode
from proctorium_enrollment.operations.courses import KINDS
from proctorium_enrollment.operations.people import ROLES
from proctorium_enrollment.operations.rights import ShownChange

ROLE_OF = {number: role for role, number in ROLES.items()}
"""Roles by their numbers in messages."""
KIND_OF = {number: kind for kind, number in KINDS.items()}
"""Kinds of courses by their numbers in messages."""
UNIT_KINDS = {
    UnitKind.LESSON: courses_pb2.UNIT_KIND_LESSON,
    UnitKind.LINK: courses_pb2.UNIT_KIND_LINK,
    UnitKind.ASSESSMENT: courses_pb2.UNIT_KIND_ASSESSMENT,
}
"""Kinds of units by their numbers in messages."""
_CHANGE_KINDS = {
    ChangeKind.ROLE_GRANTED: people_pb2.PERSON_CHANGE_KIND_ROLE_GRANTED,
    ChangeKind.ROLE_REVOKED: people_pb2.PERSON_CHANGE_KIND_ROLE_REVOKED,
    ChangeKind.CERTIFIED: people_pb2.PERSON_CHANGE_KIND_CERTIFIED,
    ChangeKind.DISABLED: people_pb2.PERSON_CHANGE_KIND_DISABLED,
    ChangeKind.ENABLED: people_pb2.PERSON_CHANGE_KIND_ENABLED,
}
_CODE_STATES = {
    CodeState.ACTIVE: codes_pb2.CODE_STATE_ACTIVE,
    CodeState.EXPIRED: codes_pb2.CODE_STATE_EXPIRED,
    CodeState.REVOKED: codes_pb2.CODE_STATE_REVOKED,
    CodeState.REPLACED: codes_pb2.CODE_STATE_REPLACED,
}
_CODE_VALIDITIES = {
    CodeValidity.VALID: codes_pb2.CODE_VALIDITY_VALID,
    CodeValidity.NOT_YET_VALID: codes_pb2.CODE_VALIDITY_NOT_YET_VALID,
    CodeValidity.EXPIRED: codes_pb2.CODE_VALIDITY_EXPIRED,
    CodeValidity.REVOKED: codes_pb2.CODE_VALIDITY_REVOKED,
    CodeValidity.REPLACED: codes_pb2.CODE_VALIDITY_REPLACED,
}


def me() -> UUID:
    """The person who calls; the method's access rule has made sure that there is one."""
    person_id = current_call().caller.person_id
    assert person_id is not None, "the access rule lets only people in"
    return person_id


def stamp(time: datetime | None) -> Timestamp | None:
    """The time as a message; None leaves the field absent."""
    if time is None:
        return None
    stamped = Timestamp()
    stamped.FromDatetime(time)
    return stamped


def roles_message(roles: frozenset[Role]) -> list[options_pb2.Role.ValueType]:
    """Roles in one order."""
    return sorted(ROLES[role] for role in roles)


def person_message(person: Person) -> people_pb2.Person:
    """A person."""
    born = person.date_of_birth
    return people_pb2.Person(
        person_id=str(person.person_id),
        legal_name=person.legal_name,
        preferred_name=person.called,
        email=person.email,
        date_of_birth="" if born is None else born.isoformat(),
        locale=person.locale,
        time_zone=person.time_zone,
        roles=roles_message(person.roles),
        certified_until_time=stamp(person.certified_until),
        disabled_time=stamp(person.disabled_at),
    )


def change_message(shown: ShownChange) -> people_pb2.PersonChange:
    """Return an entry of a person's history."""
    change = shown.change
    return people_pb2.PersonChange(
        change_id=str(change.change_id),
        kind=_CHANGE_KINDS[change.kind],
        change_time=stamp(change.changed_at),
        changed_by="" if change.changed_by is None else str(change.changed_by),
        changed_by_name=shown.changed_by_name,
        role=options_pb2.ROLE_UNSPECIFIED if change.role is None else ROLES[change.role],
        previous_certified_until_time=stamp(change.previous_certified_until),
        certified_until_time=stamp(change.certified_until),
        reason=change.reason,
    )


def course_message(course: Course) -> courses_pb2.Course:
    """A course."""
    return courses_pb2.Course(
        course_id=str(course.course_id),
        title=course.title,
        description=course.description,
        kind=KINDS[course.kind],
        hours=course.hours,
        publish_time=stamp(course.publish_time),
        units=[_unit_message(unit) for unit in course.units],
        awards_certificate=course.awards_certificate,
    )


def _unit_message(unit: Unit) -> courses_pb2.Unit:
    return courses_pb2.Unit(
        unit_id=str(unit.unit_id),
        kind=UNIT_KINDS[unit.kind],
        title=unit.title,
        url=unit.url,
        assessment_id="" if unit.assessment_id is None else str(unit.assessment_id),
    )


def registration_message(registration: Registration) -> courses_pb2.Registration:
    """A registration."""
    return courses_pb2.Registration(
        registration_id=str(registration.registration_id),
        person_id=str(registration.person_id),
        course_id=str(registration.course_id),
        create_time=stamp(registration.create_time),
        complete_time=stamp(registration.complete_time),
    )


def my_course_message(mine: MyCourse) -> courses_pb2.MyCourse:
    """One of a learner's courses."""
    return courses_pb2.MyCourse(
        course=course_message(mine.course),
        registration=registration_message(mine.registration),
        finished_unit_ids=[str(unit_id) for unit_id in mine.finished_unit_ids],
        unit_count=mine.unit_count,
    )


WARNINGS = {
    TextWarning.LOOK_ALIKES: codes_pb2.CODE_WARNING_LOOK_ALIKES,
    TextWarning.DIFFERS_ONLY_IN_CASE: codes_pb2.CODE_WARNING_DIFFERS_ONLY_IN_CASE,
}


def code_message(shown: ShownCode) -> codes_pb2.Code:
    """A code with its text."""
    code = shown.code
    return codes_pb2.Code(
        code_id=str(code.code_id),
        text=shown.text,
        session_id=str(code.session_id),
        person_id="" if code.person_id is None else str(code.person_id),
        state=_CODE_STATES[shown.state],
        valid_from_time=stamp(code.window.valid_from if code.window else None),
        valid_until_time=stamp(code.window.valid_until if code.window else None),
    )


def resolution_message(resolution: Resolution) -> codes_pb2.CodeResolution:
    """Return what a code entry leads to as a message."""
    message = codes_pb2.CodeResolution()
    match resolution.found:
        case None:
            message.unknown.SetInParent()
        case Malformed(description):
            message.malformed.description = description
        case found:
            code = found.code
            message.code.code_id = str(code.code_id)
            message.code.session_id = str(code.session_id)
            message.code.person_id = "" if code.person_id is None else str(code.person_id)
            message.code.validity = _CODE_VALIDITIES[resolution.validity]
            message.code.registered = found.learner.registered
            if code.window is not None:
                message.code.valid_from_time.FromDatetime(code.window.valid_from)
                message.code.valid_until_time.FromDatetime(code.window.valid_until)
    if resolution.retry_delay > NO_WAIT:
        message.retry_delay.FromTimedelta(resolution.retry_delay)
    return message
