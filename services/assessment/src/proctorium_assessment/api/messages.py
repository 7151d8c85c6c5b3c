"""What the domain says, as protos."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import assessments_pb2, attempts_pb2, results_pb2
from proctorium_assessment.domain.answer_sheet import Revision, SavedAnswer
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.domain.attempts import State
from proctorium_assessment.domain.results import Result
from proctorium_assessment.operations.attempts import Opened, Overview
from proctorium_assessment.operations.facts import CAUSES, text_of
from proctorium_assessment.operations.published import LIMIT
from proctorium_assessment.operations.results import ItemOutcome
from proctorium_assessment.storage.certificates import IssuedCertificate
from proctorium_assessment.storage.items import answer_to_bytes, item_for_learner, item_to_proto
from proctorium_common.errors import unauthenticated
from proctorium_common.rpc.caller import current_call

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_A_DAY = 86_400

STATES = {
    State.AWAITING_AUTHORIZATION: attempts_pb2.ATTEMPT_STATE_AWAITING_AUTHORIZATION,
    State.AUTHORIZED: attempts_pb2.ATTEMPT_STATE_AUTHORIZED,
    State.IN_PROGRESS: attempts_pb2.ATTEMPT_STATE_IN_PROGRESS,
    State.SUBMITTED: attempts_pb2.ATTEMPT_STATE_SUBMITTED,
    State.SCORED: attempts_pb2.ATTEMPT_STATE_SCORED,
    State.RELEASED: attempts_pb2.ATTEMPT_STATE_RELEASED,
    State.VOIDED: attempts_pb2.ATTEMPT_STATE_VOIDED,
}


def calling_person() -> UUID:
    """Who calls. Raises TOKEN_MISSING where it is no person."""
    person_id = current_call().caller.person_id
    if person_id is None:
        raise unauthenticated("TOKEN_MISSING", "Please sign in first.")
    return person_id


def time_of(moment: datetime) -> Timestamp:
    """A moment as a proto."""
    stamp = Timestamp()
    _set_time(stamp, moment)
    return stamp


def _set_time(stamp: Timestamp, moment: datetime) -> None:
    """Set a time in its place: `FromDatetime` takes three times as long, and a learner reads one for each answer."""
    since = moment - _EPOCH
    stamp.seconds = since.days * _SECONDS_A_DAY + since.seconds
    stamp.nanos = since.microseconds * 1000


def moment_of(stamp: Timestamp) -> datetime | None:
    """The moment, by the clock of whoever wrote it; None for one that no calendar has."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def assessment_message(assessment: Assessment) -> assessments_pb2.Assessment:
    """An assessment, with right answers where it has its questions."""
    message = assessments_pb2.Assessment(
        assessment_id=str(assessment.assessment_id),
        title=assessment.title,
        proctored=assessment.proctored,
        pass_mark=assessment.pass_mark,
        items=[item_to_proto(item) for item in assessment.items],
    )
    if assessment.time_limit is not None:
        message.time_limit.FromTimedelta(assessment.time_limit)
    if assessment.published_at is not None:
        message.publish_time.FromDatetime(assessment.published_at)
    return message


def attempt_message(overview: Overview, now: datetime) -> attempts_pb2.Attempt:
    """An attempt without questions and answers, at `now`."""
    attempt = overview.attempt
    message = attempts_pb2.Attempt(
        attempt_id=str(attempt.attempt_id),
        assessment_id=str(attempt.assessment_id),
        title=overview.title,
        person_id=str(attempt.person_id),
        session_id=text_of(attempt.session_id),
        state=STATES[attempt.state],
        answered_count=overview.answered_count,
        item_count=overview.item_count,
        late_count=overview.late_count,
    )
    _set_time(message.server_time, now)
    if overview.time_limit is not None:
        message.time_limit.FromTimedelta(overview.time_limit)
    if attempt.started_at is not None:
        _set_time(message.start_time, attempt.started_at)
    if attempt.deadline_at is not None and attempt.state is State.IN_PROGRESS:
        _set_time(message.deadline_time, attempt.deadline_at)
    if attempt.submitted_at is not None:
        _set_time(message.submit_time, attempt.submitted_at)
    if attempt.submit_cause is not None:
        message.submit_cause = CAUSES[attempt.submit_cause]
    return message


def opened_message(opened: Opened, now: datetime) -> attempts_pb2.Attempt:
    """An attempt with its questions, without right answers, and with everything that was saved."""
    message = attempt_message(opened.overview, now)
    if opened.questions_of is not None:
        message.MergeFromString(_questions_of(opened.questions_of))
    for saved in opened.answers:
        _fill(message.answers.add(), saved)
    message.last_sequence = opened.overview.attempt.last_sequence
    message.late_question_numbers.extend(opened.late_question_numbers)
    return message


@lru_cache(maxsize=LIMIT)
def _questions_of(assessment: Assessment) -> bytes:
    """Return an `Attempt` with nothing but the questions, encoded: the same for all learners, and merged several times faster than built."""
    items = [item_for_learner(item) for item in assessment.items]
    return attempts_pb2.Attempt(items=items).SerializeToString()


def saved_answer_message(saved: SavedAnswer | Revision) -> attempts_pb2.SavedAnswer:
    """An answer as it was saved."""
    message = attempts_pb2.SavedAnswer()
    _fill(message, saved)
    return message


def _fill(message: attempts_pb2.SavedAnswer, saved: SavedAnswer | Revision) -> None:
    """Fill a new message in its place: nothing is built to be copied."""
    message.item_id = str(saved.item_id)
    message.sequence = saved.sequence
    message.answer.MergeFromString(saved.answer)
    _set_time(message.save_time, saved.saved_at)


def result_message(result: Result) -> results_pb2.Result:
    """A result without its questions."""
    message = results_pb2.Result(
        result_id=str(result.result_id),
        attempt_id=str(result.attempt_id),
        assessment_id=str(result.assessment_id),
        title=result.title,
        person_id=str(result.person_id),
        session_id=text_of(result.session_id),
        version=result.version,
        points=result.points,
        points_possible=result.points_possible,
        passed=result.passed,
    )
    message.score_time.FromDatetime(result.scored_at)
    if result.released_at is not None:
        message.release_time.FromDatetime(result.released_at)
    return message


def certificate_message(
    certificate: IssuedCertificate, *, with_credential: bool
) -> results_pb2.Certificate:
    """Return a certificate without its PDF."""
    message = results_pb2.Certificate(
        certificate_id=str(certificate.certificate_id),
        person_id=str(certificate.person_id),
        course_id=text_of(certificate.course_id),
        title=certificate.title,
        credential_json=certificate.credential if with_credential else "",
    )
    if certificate.issued_at is not None:
        message.issue_time.FromDatetime(certificate.issued_at)
    return message


def item_result_message(outcome: ItemOutcome) -> results_pb2.ItemResult:
    """How one question went, with its right answer."""
    message = results_pb2.ItemResult(item=item_to_proto(outcome.item), points=outcome.points)
    if outcome.answer is not None:
        message.answer.ParseFromString(answer_to_bytes(outcome.answer))
    return message
