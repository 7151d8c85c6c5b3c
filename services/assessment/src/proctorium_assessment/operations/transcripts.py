"""Reading transcripts (`A12`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_assessment.domain.results import Result
from proctorium_assessment.operations.courses import get_courses_of_results
from proctorium_assessment.storage import certificates, courses, results
from proctorium_assessment.storage.certificates import Certificate
from proctorium_assessment.storage.courses import Course
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """A released result and its course. `course` is None if the course is unknown."""

    result: Result
    course: Course | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """The released results and the certificates of a person. Both lists are ordered from newest to oldest."""

    entries: Sequence[TranscriptEntry]
    certificates: Sequence[Certificate]


async def get(database: Database, caller: Caller, person_id: UUID | None) -> Transcript:
    """Return the transcript of a person, or of the caller if `person_id` is None.

    Raises NOT_ALLOWED if the person is not the caller and the caller is not an administrator.
    """
    owner = person_id or caller.person_id
    if owner is None or (owner != caller.person_id and not caller.is_administrator):
        raise not_allowed(
            "NOT_ALLOWED", "You can only see your own transcript, or there might be none."
        )
    async with database.transaction() as tx:
        released = await results.list_released_results(
            tx, person_id=owner, session_id=None, before=None, limit=None
        )
        course_ids = await get_courses_of_results(
            tx, [(each.result_id, each.session_id, each.assessment_id) for each in released]
        )
        known = await courses.get_courses(tx, set(course_ids.values()))
        issued = await certificates.list_certificates_of_person(tx, owner)
    # A session's event contains the id of the course, and may arrive before the course's event. Until the course's
    # event arrives, only the id of the course is known.
    entries = [
        TranscriptEntry(each, known.get(course_id) or Course(course_id, "", 0.0))
        if (course_id := course_ids.get(each.result_id)) is not None
        else TranscriptEntry(each, None)
        for each in released
    ]
    return Transcript(entries, issued)
