"""Encoding of the live views of learners.

When a session starts, all learners wait for their views, so the encoding must be fast. A view is therefore encoded in
parts, and the part that is the same for all learners is encoded once.

An encoded protobuf message is a sequence of fields, so parts of a message can be encoded separately and concatenated:
https://protobuf.dev/programming-guides/encoding/. Encoding each view as a whole message takes three times as long. A
test checks that both encodings are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.session.v1 import lobby_pb2
from proctorium_common.messages import to_timestamp
from proctorium_session.api.cursors import cursor_text
from proctorium_session.api.messages import (
    IDENTITY_STATES,
    PARTICIPANT_STATES,
    break_allowance_message,
    break_message,
    conversation_message,
    hand_message,
    message_message,
    outage_message,
    progress_message,
    return_request_message,
    session_message,
    time_message,
)
from proctorium_session.domain.breaks import BreakAllowance, allowance_of
from proctorium_session.domain.conversations import Message
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participants import (
    NO_MESSAGES,
    Conversation,
    ParticipantView,
    ShownState,
    shown_state,
)
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.delivery import MessageBatch
from proctorium_session.operations.live import Snapshot

_CACHE_SIZE = 20_000
"""The maximum number of encoded parts in each cache."""

_MILLISECOND = timedelta(milliseconds=1)
_NO_TIME = timedelta()
_PARTICIPANT_TAG = bytes([lobby_pb2.WatchSessionResponse.PARTICIPANT_FIELD_NUMBER << 3 | 2])


def shared_part(session: Session) -> bytes:
    """Return the encoded part that is the same for all learners. It contains the cursor and the session."""
    view = lobby_pb2.WatchSessionResponse(
        cursor=cursor_text(session.revision), session=session_message(session)
    )
    return view.SerializeToString()


def own_part(session: Session, view: ParticipantView) -> bytes:
    """Return the encoded part that differs between learners. It contains the participant."""
    participant = view.participant
    body = _fixed_part(
        participant.participant_id,
        participant.session_id,
        participant.person_id,
        participant.join_time,
    )
    body += _state_part(
        shown_state(session, participant),
        participant.connected,
        participant.identity,
        participant.removal_reason,
        participant.end_reason,
    )
    if participant.ending is not None:
        end_time = to_timestamp(participant.ending.ended_at)
        body += lobby_pb2.Participant(end_time=end_time).SerializeToString()
    if participant.identity_check_reason:
        body += lobby_pb2.Participant(
            identity_check_reason=participant.identity_check_reason
        ).SerializeToString()
    if participant.denial_reason:
        body += lobby_pb2.Participant(denial_reason=participant.denial_reason).SerializeToString()
    if participant.pause is not None or participant.extra_time_reason:
        body += time_message(participant).SerializeToString()
    assessment_ids = session.plan.assessment_ids
    body += (
        _progress_part(view, assessment_ids)
        if view.assessments
        else _empty_progress_part(assessment_ids)
    )
    if participant.hand is not None:
        body += lobby_pb2.Participant(hand=hand_message(participant.hand)).SerializeToString()
    if participant.breaks.latest is not None:
        latest = break_message(participant.breaks.latest)
        body += lobby_pb2.Participant(latest_break=latest).SerializeToString()
    allowance = allowance_of(session.plan.break_policy, participant.breaks)
    if allowance is not None:
        body += _allowance_part(allowance)
    if participant.outage is not None:
        outage = outage_message(participant.outage)
        body += lobby_pb2.Participant(latest_outage=outage).SerializeToString()
    if participant.return_request is not None:
        request = return_request_message(participant.return_request)
        body += lobby_pb2.Participant(return_request=request).SerializeToString()
    if participant.conversation != NO_MESSAGES:
        body += _conversation_part(participant.conversation)
    return _PARTICIPANT_TAG + _length(body) + body


def time_part(now: datetime) -> bytes:
    """Return the encoded part with the time at which the view is sent."""
    time = Timestamp(seconds=int(now.timestamp()), nanos=now.microsecond * 1000)
    return lobby_pb2.WatchSessionResponse(server_time=time).SerializeToString()


def messages_part(snapshot: Snapshot, batch: MessageBatch) -> bytes:
    """Return the encoded part with new messages.

    If further messages follow in another response, the part also contains the cursor of the messages in this part. This
    cursor replaces the cursor in the part that is encoded before this part.
    """
    if not batch.messages:
        return b""
    revisions = tuple(each.revision for each in batch.messages)
    part = snapshot.cached(("messages", revisions), lambda: _encoded_messages(batch.messages))
    if batch.end < snapshot.revision:
        part += lobby_pb2.WatchSessionResponse(cursor=cursor_text(batch.end)).SerializeToString()
    return part


def _encoded_messages(messages: Sequence[Message]) -> bytes:
    return lobby_pb2.WatchSessionResponse(
        messages=[message_message(each) for each in messages]
    ).SerializeToString()


class TimeParts:
    """Encodes the times at which views are sent, and uses each encoded time for one millisecond.

    When a session starts, dozens of views are sent in one millisecond, and share one encoded time.
    """

    def __init__(self) -> None:
        self._time = datetime.min.replace(tzinfo=UTC)
        self._encoded = b""

    def at(self, now: datetime) -> bytes:
        """Return the encoded part with the time `now`.

        If the last part was encoded less than a millisecond before `now`, the last part is returned again.
        """
        if not _NO_TIME <= now - self._time < _MILLISECOND:
            self._time, self._encoded = now, time_part(now)
        return self._encoded


@lru_cache(maxsize=_CACHE_SIZE)
def _fixed_part(
    participant_id: UUID, session_id: UUID, person_id: UUID, join_time: datetime
) -> bytes:
    return lobby_pb2.Participant(
        participant_id=str(participant_id),
        session_id=str(session_id),
        person_id=str(person_id),
        join_time=to_timestamp(join_time),
    ).SerializeToString()


@lru_cache(maxsize=_CACHE_SIZE)
def _state_part(
    state: ShownState,
    connected: bool,
    identity: IdentityState,
    removal_reason: str,
    end_reason: str,
) -> bytes:
    """Return the encoded state of a participant.

    The result is cached, because many learners have the same state when a session starts.
    """
    return lobby_pb2.Participant(
        state=PARTICIPANT_STATES.to_proto(state),
        connected=connected,
        identity=IDENTITY_STATES.to_proto(identity),
        removal_reason=removal_reason,
        end_reason=end_reason,
    ).SerializeToString()


def _progress_part(view: ParticipantView, assessment_ids: tuple[UUID, ...]) -> bytes:
    return lobby_pb2.Participant(
        assessments=[progress_message(view.progress(each)) for each in assessment_ids]
    ).SerializeToString()


@lru_cache(maxsize=_CACHE_SIZE)
def _empty_progress_part(assessment_ids: tuple[UUID, ...]) -> bytes:
    """Return the encoded progress of a learner who has no progress.

    The result is cached, because no learner has progress when a session starts.
    """
    return lobby_pb2.Participant(
        assessments=[progress_message(Progress(each)) for each in assessment_ids]
    ).SerializeToString()


@lru_cache(maxsize=_CACHE_SIZE)
def _allowance_part(allowance: BreakAllowance) -> bytes:
    """Return the encoded break allowance.

    The result is cached, because most learners of a session have the same allowance.
    """
    message = lobby_pb2.Participant(break_allowance=break_allowance_message(allowance))
    return message.SerializeToString()


def _conversation_part(conversation: Conversation) -> bytes:
    return lobby_pb2.Participant(
        conversation=conversation_message(conversation)
    ).SerializeToString()


def _length(body: bytes) -> bytes:
    """Return the length of `body` as a varint.

    Each byte of a varint has seven bits of the number, and the first byte has the lowest bits. The high bit is set in
    all bytes except the last one.
    """
    rest, encoded = len(body), bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
