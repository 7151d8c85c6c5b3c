"""The events that assessment publishes. No event contains an answer or an answer key."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from proctorium.assessment.events.v1 import events_pb2 as pb
from proctorium.assessment.v1.attempts_pb2 import SubmitCause as ProtoSubmitCause
from proctorium_assessment.domain.attempts import Attempt, AttemptState, SubmitCause
from proctorium_assessment.domain.results import Result
from proctorium_assessment.storage.certificates import PendingCertificate
from proctorium_common.messages import EnumConversion, id_text, to_timestamp

SUBMIT_CAUSES = EnumConversion(SubmitCause, ProtoSubmitCause, "SUBMIT_CAUSE_")


class _Ids(TypedDict):
    attempt_id: str
    session_id: str
    participant_id: str
    assessment_id: str


def _ids(attempt: Attempt) -> _Ids:
    return {
        "attempt_id": str(attempt.attempt_id),
        "session_id": id_text(attempt.session_id),
        "participant_id": id_text(attempt.participant_id),
        "assessment_id": str(attempt.assessment_id),
    }


def attempt_created(attempt: Attempt, item_count: int) -> pb.AttemptCreated:
    """Return the event which reports that an attempt was created."""
    return pb.AttemptCreated(
        **_ids(attempt), person_id=str(attempt.person_id), item_count=item_count
    )


def attempt_authorized(attempt: Attempt) -> pb.AttemptAuthorized:
    """Return the event which reports that the learner may start an attempt."""
    return pb.AttemptAuthorized(
        **_ids(attempt), authorization_revision=attempt.authorization_revision
    )


def attempt_authorization_withdrawn(attempt: Attempt) -> pb.AttemptAuthorizationWithdrawn:
    """Return the event which reports that the authorisation of an attempt was withdrawn before its start."""
    return pb.AttemptAuthorizationWithdrawn(
        **_ids(attempt), authorization_revision=attempt.authorization_revision
    )


def attempt_voided(attempt: Attempt) -> pb.AttemptVoided:
    """Return the event which reports that an attempt was closed before it was started."""
    return pb.AttemptVoided(**_ids(attempt))


def attempt_reopened(attempt: Attempt) -> pb.AttemptReopened:
    """Return the event which reports that a submitted attempt is in progress again."""
    return pb.AttemptReopened(**_ids(attempt), deadline_time=to_timestamp(attempt.deadline_at))


def attempt_restored(attempt: Attempt) -> pb.AttemptRestored:
    """Return the event which reports that a voided attempt can be started, or waits for authorisation, again."""
    is_authorized = attempt.state is AttemptState.AUTHORIZED
    return pb.AttemptRestored(**_ids(attempt), authorized=is_authorized)


def attempt_started(attempt: Attempt) -> pb.AttemptStarted:
    """Return the event which reports that an attempt was started."""
    return pb.AttemptStarted(**_ids(attempt), deadline_time=to_timestamp(attempt.deadline_at))


def attempt_time_changed(attempt: Attempt) -> pb.AttemptTimeChanged:
    """Return the event which reports that the time of an attempt in progress changed.

    A bounded stop is not reported as a stop, because the deadline already includes it.
    """
    is_stopped = attempt.is_paused and attempt.stopped_until is None
    event = pb.AttemptTimeChanged(
        **_ids(attempt), deadline_time=to_timestamp(attempt.deadline_at), stopped=is_stopped
    )
    if is_stopped and attempt.stopped_remaining is not None:
        event.stopped_remaining.FromTimedelta(attempt.stopped_remaining)
    if attempt.returned_time:
        event.returned_time.FromTimedelta(attempt.returned_time)
    return event


def attempt_progressed(
    attempt: Attempt, answered_count: int, item_count: int
) -> pb.AttemptProgressed:
    """Return the event that reports the current number of answered items of an attempt."""
    return pb.AttemptProgressed(
        **_ids(attempt), answered_count=answered_count, item_count=item_count
    )


def attempt_saved_during_stop(
    attempt: Attempt, stop_id: UUID, change_count: int
) -> pb.AttemptSavedDuringStop:
    """Return the event which reports that changes of answers were received during a stop."""
    return pb.AttemptSavedDuringStop(
        **_ids(attempt), stop_id=str(stop_id), change_count=change_count
    )


def attempt_entered(attempt: Attempt) -> pb.AttemptEntered:
    """Return the event which reports that an attempt was entered on another device."""
    return pb.AttemptEntered(
        **_ids(attempt),
        writer_epoch=attempt.writer_epoch,
        enter_time=to_timestamp(attempt.entered_at),
    )


def attempt_saved_on_older_device(
    attempt: Attempt, change_count: int
) -> pb.AttemptSavedOnOlderDevice:
    """Return the event that reports how many changes of an older device were received."""
    return pb.AttemptSavedOnOlderDevice(**_ids(attempt), change_count=change_count)


def attempt_submitted(
    attempt: Attempt, answered_count: int, item_count: int
) -> pb.AttemptSubmitted:
    """Return the event which reports that an attempt was submitted."""
    assert attempt.submit_cause is not None, "a submitted attempt has a cause"
    return pb.AttemptSubmitted(
        **_ids(attempt),
        cause=SUBMIT_CAUSES.to_proto(attempt.submit_cause),
        answered_count=answered_count,
        item_count=item_count,
    )


def result_released(attempt: Attempt, result: Result, course_id: UUID | None) -> pb.ResultReleased:
    """Return the event which reports that a result was released to the learner."""
    return pb.ResultReleased(
        **_ids(attempt),
        result_id=str(result.result_id),
        person_id=str(attempt.person_id),
        course_id=id_text(course_id),
        passed=result.passed,
        version=result.version,
    )


def certificate_issued(certificate: PendingCertificate) -> pb.CertificateIssued:
    """Return the event which reports that a certificate was issued."""
    return pb.CertificateIssued(
        certificate_id=str(certificate.certificate_id),
        registration_id=str(certificate.registration_id),
        person_id=str(certificate.person_id),
        course_id=str(certificate.course_id),
        course_title=certificate.title,
    )
