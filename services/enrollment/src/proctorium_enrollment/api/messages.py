"""Conversions between domain values and messages."""

from __future__ import annotations

from proctorium.enrollment.v1 import (
    accommodations_pb2,
    accounts_pb2,
    codes_pb2,
    courses_pb2,
    organisation_pb2,
    people_pb2,
)
from proctorium.options.v1.options_pb2 import ROLE_UNSPECIFIED
from proctorium_common.messages import EnumConversion, id_text, optional_id, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.security.keys import PublicKey
from proctorium_enrollment.domain.accommodations import Accommodations
from proctorium_enrollment.domain.code_texts import TextWarning
from proctorium_enrollment.domain.codes import CodeState, CodeValidity
from proctorium_enrollment.domain.courses import (
    Course,
    MyCourse,
    NewUnit,
    Registration,
    Unit,
    UnitKind,
)
from proctorium_enrollment.domain.organisation import Organisation
from proctorium_enrollment.domain.people import Person, Role
from proctorium_enrollment.domain.rights import ChangeKind
from proctorium_enrollment.domain.throttling import NO_WAIT
from proctorium_enrollment.events import COURSE_KINDS
from proctorium_enrollment.operations.accounts import Tokens
from proctorium_enrollment.operations.code_resolution import Malformed, Resolution
from proctorium_enrollment.operations.codes import DecryptedCode
from proctorium_enrollment.operations.rights import NamedChange

UNIT_KINDS = EnumConversion(UnitKind, courses_pb2.UnitKind, "UNIT_KIND_")
CHANGE_KINDS = EnumConversion(ChangeKind, people_pb2.PersonChangeKind, "PERSON_CHANGE_KIND_")
CODE_STATES = EnumConversion(CodeState, codes_pb2.CodeState, "CODE_STATE_")
CODE_VALIDITIES = EnumConversion(CodeValidity, codes_pb2.CodeValidity, "CODE_VALIDITY_")
CODE_WARNINGS = EnumConversion(TextWarning, codes_pb2.CodeWarning, "CODE_WARNING_")
ROLES = {ROLE_NUMBERS[role]: role for role in Role}
"""The roles, by the numbers that messages use for them."""


def person_message(person: Person) -> people_pb2.Person:
    """Return a person as a message."""
    return people_pb2.Person(
        person_id=str(person.person_id),
        legal_name=person.legal_name,
        preferred_name=person.display_name,
        email=person.email,
        date_of_birth=person.date_of_birth.isoformat() if person.date_of_birth else "",
        locale=person.locale,
        time_zone=person.time_zone,
        roles=sorted(ROLE_NUMBERS[role] for role in person.roles),
        certified_until_time=to_timestamp(person.certified_until),
        disabled_time=to_timestamp(person.disabled_at),
    )


def change_message(named: NamedChange) -> people_pb2.PersonChange:
    """Return an entry of a person's history as a message."""
    change = named.change
    return people_pb2.PersonChange(
        change_id=str(change.change_id),
        kind=CHANGE_KINDS.to_proto(change.kind),
        change_time=to_timestamp(change.changed_at),
        changed_by=id_text(change.changed_by),
        changed_by_name=named.changed_by_name,
        role=ROLE_NUMBERS[change.role] if change.role else ROLE_UNSPECIFIED,
        previous_certified_until_time=to_timestamp(change.previous_certified_until),
        certified_until_time=to_timestamp(change.certified_until),
        reason=change.reason,
    )


def accommodations_message(revision: Accommodations) -> accommodations_pb2.Accommodations:
    """Return a revision of a person's accommodations as a message."""
    return accommodations_pb2.Accommodations(
        person_id=str(revision.person_id),
        extra_time_percent=revision.extra_time_percent,
        extra_break_minutes=revision.extra_break_minutes,
        alternative_identity_check=revision.alternative_identity_check,
        assistive_technology=revision.assistive_technology,
        proctor_note=revision.proctor_note,
        etag=revision.etag,
        revision=revision.revision,
        written_by=id_text(revision.written_by),
        write_time=to_timestamp(revision.written_at),
    )


def tokens_message(tokens: Tokens, *, by_cookie: bool) -> accounts_pb2.Tokens:
    """Return tokens as a message.

    The message omits the texts of the tokens if the client receives the tokens as cookies.
    """
    return accounts_pb2.Tokens(
        access_token="" if by_cookie else tokens.access.text,
        access_expire_time=to_timestamp(tokens.access.expire_time),
        refresh_token="" if by_cookie else tokens.refresh,
        refresh_expire_time=to_timestamp(tokens.refresh_expires_at),
    )


def signing_key_message(key: PublicKey) -> accounts_pb2.SigningKey:
    """Return a public key as a message."""
    return accounts_pb2.SigningKey(
        key_id=key.key_id, public_key=key.raw, retire_time=to_timestamp(key.retire_time)
    )


def course_message(course: Course) -> courses_pb2.Course:
    """Return a course as a message."""
    return courses_pb2.Course(
        course_id=str(course.course_id),
        title=course.title,
        description=course.description,
        kind=COURSE_KINDS.to_proto(course.kind),
        hours=course.hours,
        publish_time=to_timestamp(course.published_at),
        units=[_unit_message(unit) for unit in course.units],
        awards_certificate=course.awards_certificate,
    )


def _unit_message(unit: Unit) -> courses_pb2.Unit:
    return courses_pb2.Unit(
        unit_id=str(unit.unit_id),
        kind=UNIT_KINDS.to_proto(unit.kind),
        title=unit.title,
        url=unit.url,
        assessment_id=id_text(unit.assessment_id),
    )


_KIND_OF_CONTENT = {
    "markdown": UnitKind.LESSON,
    "url": UnitKind.LINK,
    "assessment_id": UnitKind.ASSESSMENT,
}


def new_unit_from_message(unit: courses_pb2.UnitContent) -> NewUnit:
    """Return the new unit that a message describes. Raises INVALID_ID."""
    content = unit.WhichOneof("content")
    assert content is not None, "the rules of the proto require one"
    return NewUnit(
        kind=_KIND_OF_CONTENT[content],
        title=unit.title,
        markdown=unit.markdown,
        url=unit.url,
        assessment_id=optional_id(unit.assessment_id, "assessment_id"),
    )


def registration_message(registration: Registration) -> courses_pb2.Registration:
    """Return a registration as a message."""
    return courses_pb2.Registration(
        registration_id=str(registration.registration_id),
        person_id=str(registration.person_id),
        course_id=str(registration.course_id),
        create_time=to_timestamp(registration.created_at),
        complete_time=to_timestamp(registration.completed_at),
    )


def my_course_message(my_course: MyCourse) -> courses_pb2.MyCourse:
    """Return a course of a learner as a message."""
    return courses_pb2.MyCourse(
        course=course_message(my_course.course),
        registration=registration_message(my_course.registration),
        finished_unit_ids=[str(unit_id) for unit_id in my_course.finished_unit_ids],
        unit_count=my_course.unit_count,
    )


def code_message(decrypted: DecryptedCode) -> codes_pb2.Code:
    """Return a code with its text as a message."""
    code = decrypted.code
    return codes_pb2.Code(
        code_id=str(code.code_id),
        text=decrypted.text,
        session_id=str(code.session_id),
        person_id=id_text(code.person_id),
        state=CODE_STATES.to_proto(decrypted.state),
        valid_from_time=to_timestamp(code.window.valid_from if code.window else None),
        valid_until_time=to_timestamp(code.window.valid_until if code.window else None),
    )


def resolution_message(resolution: Resolution) -> codes_pb2.CodeResolution:
    """Return the result of a code entry as a message."""
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
            message.code.person_id = id_text(code.person_id)
            message.code.validity = CODE_VALIDITIES.to_proto(resolution.validity)
            message.code.registered = found.learner.registered
            if code.window is not None:
                message.code.valid_from_time.FromDatetime(code.window.valid_from)
                message.code.valid_until_time.FromDatetime(code.window.valid_until)
    if resolution.retry_delay > NO_WAIT:
        message.retry_delay.FromTimedelta(resolution.retry_delay)
    return message


def organisation_message(organisation: Organisation) -> organisation_pb2.Organisation:
    """Return the organisation's settings as a message."""
    return organisation_pb2.Organisation(
        name=organisation.name,
        administrator_contact=organisation.administrator_contact,
        support_phone=organisation.support_phone,
        etag=organisation.etag,
    )
