"""What assessment tells the others, made from what has just been decided."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2
from proctorium_assessment.domain.attempts import Attempt, SubmitCause
from proctorium_assessment.domain.results import Result

CAUSES = {
    SubmitCause.LEARNER: attempts_pb2.SUBMIT_CAUSE_LEARNER,
    SubmitCause.TIME_LIMIT_EXCEEDED: attempts_pb2.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED,
    SubmitCause.SESSION_ENDED: attempts_pb2.SUBMIT_CAUSE_SESSION_ENDED,
    SubmitCause.REMOVED: attempts_pb2.SUBMIT_CAUSE_REMOVED,
}


def created(attempt: Attempt, item_count: int) -> events_pb2.AttemptCreated:
    """An attempt was made."""
    return events_pb2.AttemptCreated(
        attempt_id=str(attempt.attempt_id),
        assessment_id=str(attempt.assessment_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        person_id=str(attempt.person_id),
        item_count=item_count,
    )


def authorized(attempt: Attempt) -> events_pb2.AttemptAuthorized:
    """Its learner may begin."""
    return events_pb2.AttemptAuthorized(
        attempt_id=str(attempt.attempt_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        assessment_id=str(attempt.assessment_id),
    )


def voided(attempt: Attempt) -> events_pb2.AttemptVoided:
    """Return the event that an attempt in a session was closed before it was started."""
    return events_pb2.AttemptVoided(
        attempt_id=str(attempt.attempt_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        assessment_id=str(attempt.assessment_id),
    )


def began(attempt: Attempt) -> events_pb2.AttemptStarted:
    """Its learner began."""
    event = events_pb2.AttemptStarted(
        attempt_id=str(attempt.attempt_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        assessment_id=str(attempt.assessment_id),
    )
    if attempt.deadline_at is not None:
        event.deadline_time.FromDatetime(attempt.deadline_at)
    return event


def progressed(
    attempt: Attempt, answered_count: int, item_count: int
) -> events_pb2.AttemptProgressed:
    """How far its learner is."""
    return events_pb2.AttemptProgressed(
        attempt_id=str(attempt.attempt_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        assessment_id=str(attempt.assessment_id),
        answered_count=answered_count,
        item_count=item_count,
    )


def submitted(
    attempt: Attempt, answered_count: int, item_count: int
) -> events_pb2.AttemptSubmitted:
    """It was submitted."""
    assert attempt.submit_cause is not None, "an attempt that is submitted has a cause"
    return events_pb2.AttemptSubmitted(
        attempt_id=str(attempt.attempt_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        assessment_id=str(attempt.assessment_id),
        cause=CAUSES[attempt.submit_cause],
        answered_count=answered_count,
        item_count=item_count,
    )


def released(attempt: Attempt, result: Result, course_id: UUID | None) -> events_pb2.ResultReleased:
    """Its learner can see the result."""
    return events_pb2.ResultReleased(
        result_id=str(result.result_id),
        attempt_id=str(attempt.attempt_id),
        assessment_id=str(attempt.assessment_id),
        session_id=text_of(attempt.session_id),
        participant_id=text_of(attempt.participant_id),
        person_id=str(attempt.person_id),
        course_id=text_of(course_id),
        passed=result.passed,
        version=result.version,
    )


def text_of(optional: UUID | None) -> str:
    """An id as events write it: empty where there is none."""
    return "" if optional is None else str(optional)
