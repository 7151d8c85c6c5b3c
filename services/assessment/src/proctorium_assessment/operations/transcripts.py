"""What a learner has achieved (`A12`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_assessment.domain.results import Result
from proctorium_assessment.operations.courses import courses_of
from proctorium_assessment.storage import certificates, courses, results
from proctorium_assessment.storage.certificates import IssuedCertificate
from proctorium_assessment.storage.courses import Course
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a result, and the course it belongs to where that is known."""

    result: Result
    course: Course | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Released results and certificates, each newest first."""

    entries: Sequence[Entry]
    certificates: Sequence[IssuedCertificate]


async def transcript(tx: Transaction, caller: Caller, person_id: UUID | None) -> Transcript:
    """Return a person's transcript: the caller's own, or anybody's for administrators. Raises NOT_ALLOWED."""
    whose = person_id or caller.person_id
    if whose is None or (whose != caller.person_id and "administrator" not in caller.roles):
        raise not_allowed(
            "NOT_ALLOWED", "You can only see your own transcript, or there might be none."
        )
    reached = await results.page(tx, person_id=whose, session_id=None, before=None, size=None)
    by_result = await courses_of(
        tx, [(each.result_id, each.session_id, each.assessment_id) for each in reached]
    )
    known = await courses.find_all(tx, set(by_result.values()))
    # A session's event may name a course before the course's own event came: then its id is all there is.
    entries = [
        Entry(each, known.get(course_id) or Course(course_id, "", 0.0))
        if (course_id := by_result.get(each.result_id)) is not None
        else Entry(each, None)
        for each in reached
    ]
    return Transcript(entries, await certificates.list_of(tx, whose))
