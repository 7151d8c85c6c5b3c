"""Conversions between domain values and messages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import assessments_pb2, attempts_pb2, results_pb2
from proctorium_assessment.domain.answer_sheet import Receipt, Revision, SavedAnswer
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.domain.attempts import SUBMITTED_STATES, Attempt, AttemptState
from proctorium_assessment.domain.results import Result
from proctorium_assessment.events import SUBMIT_CAUSES
from proctorium_assessment.operations.attempts import AttemptOverview, OpenAttempt
from proctorium_assessment.operations.published_assessments import LIMIT
from proctorium_assessment.operations.results import ItemResult
from proctorium_assessment.operations.saving import SentAnswer
from proctorium_assessment.operations.transcripts import TranscriptEntry
from proctorium_assessment.serialization import (
    answer_to_bytes,
    item_from_message,
    item_message,
    learner_item_message,
)
from proctorium_assessment.storage.certificates import Certificate
from proctorium_common.ids import new_id
from proctorium_common.messages import EnumConversion, id_text, to_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY = 86_400

ATTEMPT_STATES = EnumConversion(AttemptState, attempts_pb2.AttemptState, "ATTEMPT_STATE_")


def assessment_message(assessment: Assessment) -> assessments_pb2.Assessment:
    """Return an assessment as a message. The items in the message include their answer keys."""
    message = assessments_pb2.Assessment(
        assessment_id=str(assessment.assessment_id),
        title=assessment.title,
        proctored=assessment.proctored,
        pass_mark=assessment.pass_mark,
        items=[item_message(item) for item in assessment.items],
        publish_time=to_timestamp(assessment.published_at),
    )
    if assessment.time_limit is not None:
        message.time_limit.FromTimedelta(assessment.time_limit)
    return message


def assessment_from_message(message: assessments_pb2.Assessment) -> Assessment:
    """Return a new assessment with the content of a message. The assessment and its items have new ids."""
    items = tuple(item_from_message(item, new_id()) for item in message.items)
    return Assessment(
        assessment_id=new_id(),
        title=message.title,
        proctored=message.proctored,
        time_limit=message.time_limit.ToTimedelta() if message.HasField("time_limit") else None,
        pass_mark=message.pass_mark,
        items=items,
        item_count=len(items),
    )


def attempt_message(overview: AttemptOverview, now: datetime) -> attempts_pb2.Attempt:
    """Return an attempt as a message without items and answers.

    The message contains `now` as the server time.
    """
    attempt = overview.attempt
    message = attempts_pb2.Attempt(
        attempt_id=str(attempt.attempt_id),
        assessment_id=str(attempt.assessment_id),
        title=overview.title,
        person_id=str(attempt.person_id),
        session_id=id_text(attempt.session_id),
        state=ATTEMPT_STATES.to_proto(attempt.state),
        answered_count=overview.answered_count,
        item_count=overview.item_count,
        late_count=overview.late_count,
        clock_state=_clock_state(attempt, now),
        questions_hidden=attempt.are_questions_hidden,
        writer_epoch=attempt.writer_epoch,
    )
    _set_time(message.server_time, now)
    if overview.time_limit is not None:
        message.time_limit.FromTimedelta(overview.time_limit)
    if attempt.started_at is not None:
        _set_time(message.start_time, attempt.started_at)
    if attempt.deadline_at is not None and attempt.state is AttemptState.IN_PROGRESS:
        _set_time(message.deadline_time, attempt.deadline_at)
    if attempt.stopped_until is not None and attempt.is_stopped(now):
        _set_time(message.clock_resume_time, attempt.stopped_until)
    remaining = attempt.remaining(now)
    if remaining is not None:
        message.remaining_time.FromTimedelta(remaining)
    if attempt.extra_time:
        message.extra_time.FromTimedelta(attempt.extra_time)
    if attempt.returned_time:
        message.returned_time.FromTimedelta(attempt.returned_time)
    if attempt.submitted_at is not None:
        _set_time(message.submit_time, attempt.submitted_at)
    if attempt.submit_cause is not None:
        message.submit_cause = SUBMIT_CAUSES.to_proto(attempt.submit_cause)
    return message


def _clock_state(attempt: Attempt, now: datetime) -> attempts_pb2.ClockState.ValueType:
    if attempt.state in SUBMITTED_STATES or attempt.state is AttemptState.VOIDED:
        return attempts_pb2.CLOCK_STATE_ENDED
    if attempt.is_paused:
        return attempts_pb2.CLOCK_STATE_PAUSED
    if attempt.is_stopped(now):
        return attempts_pb2.CLOCK_STATE_STOPPED
    if attempt.state is AttemptState.IN_PROGRESS:
        return attempts_pb2.CLOCK_STATE_RUNNING
    return attempts_pb2.CLOCK_STATE_NOT_STARTED


def open_attempt_message(opened: OpenAttempt, now: datetime) -> attempts_pb2.Attempt:
    """Return an attempt as a message with its answers and its items. The items have no answer keys."""
    message = attempt_message(opened.overview, now)
    if opened.assessment is not None:
        message.MergeFromString(_encoded_items(opened.assessment))
    for saved in opened.answers:
        _fill_saved_answer(message.answers.add(), saved)
    message.last_sequence = opened.overview.attempt.last_sequence
    message.late_item_numbers.extend(opened.late_item_numbers)
    return message


@lru_cache(maxsize=LIMIT)
def _encoded_items(assessment: Assessment) -> bytes:
    """Return an encoded `Attempt` message that contains only the items of the assessment.

    The items are the same for all learners. Merging the bytes into a message is several times faster than building the
    messages of the items for each learner.
    """
    items = [learner_item_message(item) for item in assessment.items]
    return attempts_pb2.Attempt(items=items).SerializeToString()


def saved_answer_message(saved: SavedAnswer | Revision) -> attempts_pb2.SavedAnswer:
    """Return a saved answer as a message."""
    message = attempts_pb2.SavedAnswer()
    _fill_saved_answer(message, saved)
    return message


def _fill_saved_answer(message: attempts_pb2.SavedAnswer, saved: SavedAnswer | Revision) -> None:
    """Fill `message` with the saved answer.

    Because the message is passed in, an answer inside an `Attempt` is filled in place, without a copy.
    """
    message.item_id = str(saved.item_id)
    message.sequence = saved.sequence
    message.answer.MergeFromString(saved.answer)
    message.writer_epoch = saved.writer_epoch
    _set_time(message.save_time, saved.saved_at)


def sent_answer_from_message(change: attempts_pb2.AnswerChange) -> SentAnswer:
    """Return the `SentAnswer` for a message that contains a change of an answer."""
    return SentAnswer(
        change.sequence,
        change.item_id,
        change.answer.SerializeToString(),
        _client_time(change.client_time) if change.HasField("client_time") else None,
        change.writer_epoch,
    )


def receipt_message(attempt_id: str, receipt: Receipt) -> attempts_pb2.Receipt:
    """Return the receipt of a save in the attempt as a message."""
    return attempts_pb2.Receipt(
        attempt_id=attempt_id,
        sequences=receipt.sequences,
        positions=receipt.positions,
        chain_head=receipt.head,
        save_time=_commit_time(receipt.saved_at),
    )


def result_message(result: Result) -> results_pb2.Result:
    """Return a result as a message without item results."""
    return results_pb2.Result(
        result_id=str(result.result_id),
        attempt_id=str(result.attempt_id),
        assessment_id=str(result.assessment_id),
        title=result.title,
        person_id=str(result.person_id),
        session_id=id_text(result.session_id),
        version=result.version,
        points=result.points,
        points_possible=result.points_possible,
        passed=result.passed,
        score_time=to_timestamp(result.scored_at),
        release_time=to_timestamp(result.released_at),
    )


def item_result_message(item_result: ItemResult) -> results_pb2.ItemResult:
    """Return an item result as a message. The item in the message contains its answer key."""
    message = results_pb2.ItemResult(item=item_message(item_result.item), points=item_result.points)
    if item_result.answer is not None:
        message.answer.ParseFromString(answer_to_bytes(item_result.answer))
    return message


def certificate_message(
    certificate: Certificate, *, with_credential: bool
) -> results_pb2.Certificate:
    """Return a certificate as a message. The message contains the credential as JSON if `with_credential` is True."""
    return results_pb2.Certificate(
        certificate_id=str(certificate.certificate_id),
        person_id=str(certificate.person_id),
        course_id=str(certificate.course_id),
        title=certificate.title,
        issue_time=to_timestamp(certificate.issued_at),
        credential_json=certificate.credential if with_credential else "",
    )


def transcript_entry_message(entry: TranscriptEntry) -> results_pb2.TranscriptEntry:
    """Return an entry of a transcript as a message."""
    message = results_pb2.TranscriptEntry(result=result_message(entry.result))
    if entry.course is not None:
        message.course_id = str(entry.course.course_id)
        message.course_title = entry.course.title
        message.hours = entry.course.hours
    return message


def _set_time(stamp: Timestamp, time: datetime) -> None:
    """Set `stamp` to `time` in place.

    `FromDatetime` takes three times as long. The speed matters, because a message of an attempt has a time for each
    answer.
    """
    since = time - _EPOCH
    stamp.seconds = since.days * _SECONDS_PER_DAY + since.seconds
    stamp.nanos = since.microseconds * 1000


@lru_cache(maxsize=256)
def _commit_time(time: datetime) -> Timestamp:
    """Return the time of a commit as a timestamp.

    The timestamp is cached, because all saves of a batch have the same commit time.
    """
    stamp = Timestamp()
    _set_time(stamp, time)
    return stamp


def _client_time(stamp: Timestamp) -> datetime | None:
    """Return the time of the learner's clock, or None if the time is outside the range of `datetime`."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
