"""The handler of results from the assessment service."""

from __future__ import annotations

from proctorium.assessment.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import Result
from proctorium_enrollment.operations import completion


async def on_result_released(
    tx: Transaction, event: events_pb2.ResultReleased, _: EventMetadata
) -> None:
    """Store the result, and complete each course for which the result was the last requirement."""
    result = Result(
        result_id=parse_id(event.result_id, "result_id"),
        person_id=parse_id(event.person_id, "person_id"),
        assessment_id=parse_id(event.assessment_id, "assessment_id"),
        course_id=optional_id(event.course_id, "course_id"),
        passed=event.passed,
        version=event.version,
    )
    await completion.record_result(tx, result)
