"""A learner's live view, encoded by parts: what is the same for all is encoded once, and when a session starts everybody is sent theirs.

In protobuf's encoding the fields of a message simply follow each other, so the parts of a message can be encoded apart and joined:
https://protobuf.dev/programming-guides/encoding/. Building each view as a message costs three times as much as this; a test holds both
to say the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.session.v1 import lobby_pb2
from proctorium_session.api.cursors import cursor_of
from proctorium_session.api.messages import (
    IDENTITY_STATES,
    PARTICIPANT_STATES,
    progress_message,
    session_message,
    timestamp,
)
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Standing
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.sessions import Session

_REMEMBERED = 20_000
"""Parts that never change for a participant, kept for so many of them."""

_MILLISECOND = timedelta(milliseconds=1)
_NO_TIME = timedelta()
_PARTICIPANT_TAG = bytes([lobby_pb2.WatchSessionResponse.PARTICIPANT_FIELD_NUMBER << 3 | 2])


def shared_part(session: Session) -> bytes:
    """What every learner of the session is sent at this revision: cursor and session."""
    view = lobby_pb2.WatchSessionResponse(
        cursor=cursor_of(session.revision), session=session_message(session)
    )
    return view.SerializeToString()


def own_part(session: Session, standing: Standing) -> bytes:
    """What only this learner is sent: themselves."""
    participant = standing.participant
    body = _lasting(
        participant.participant_id,
        participant.session_id,
        participant.person_id,
        participant.join_time,
    )
    body += _changing(
        participant.state, participant.connected, participant.identity, participant.removal_reason
    )
    assessment_ids = session.plan.assessment_ids
    body += (
        _progress(standing, assessment_ids) if standing.assessments else _untouched(assessment_ids)
    )
    return _PARTICIPANT_TAG + _length(body) + body


def time_part(now: datetime) -> bytes:
    """The time at which it is sent."""
    time = Timestamp(seconds=int(now.timestamp()), nanos=now.microsecond * 1000)
    return lobby_pb2.WatchSessionResponse(server_time=time).SerializeToString()


class TimeParts:
    """The time at which views are sent, encoded once per millisecond: a start sends dozens of views in each."""

    def __init__(self) -> None:
        self._time = datetime.min.replace(tzinfo=UTC)
        self._encoded = b""

    def at(self, now: datetime) -> bytes:
        """Return `now` as `time_part` does, or the last time returned if that is less than a millisecond ago."""
        if not _NO_TIME <= now - self._time < _MILLISECOND:
            self._time, self._encoded = now, time_part(now)
        return self._encoded


@lru_cache(maxsize=_REMEMBERED)
def _lasting(participant_id: UUID, session_id: UUID, person_id: UUID, join_time: datetime) -> bytes:
    return lobby_pb2.Participant(
        participant_id=str(participant_id),
        session_id=str(session_id),
        person_id=str(person_id),
        join_time=timestamp(join_time),
    ).SerializeToString()


@lru_cache(maxsize=_REMEMBERED)
def _changing(
    state: ParticipantState, connected: bool, identity: IdentityState, removal_reason: str
) -> bytes:
    """Where somebody is: the same for many when a session starts."""
    return lobby_pb2.Participant(
        state=PARTICIPANT_STATES[state],
        connected=connected,
        identity=IDENTITY_STATES[identity],
        removal_reason=removal_reason,
    ).SerializeToString()


def _progress(standing: Standing, assessment_ids: tuple[UUID, ...]) -> bytes:
    return lobby_pb2.Participant(
        assessments=[progress_message(standing.progress(each)) for each in assessment_ids]
    ).SerializeToString()


@lru_cache(maxsize=_REMEMBERED)
def _untouched(assessment_ids: tuple[UUID, ...]) -> bytes:
    """The progress of somebody who has none: the same for all when a session starts."""
    return lobby_pb2.Participant(
        assessments=[progress_message(Progress(each)) for each in assessment_ids]
    ).SerializeToString()


def _length(body: bytes) -> bytes:
    """The length as a varint: seven bits in each byte, the lowest first, and a mark on all but the last."""
    left, encoded = len(body), bytearray()
    while left > 0x7F:
        encoded.append(left & 0x7F | 0x80)
        left >>= 7
    encoded.append(left)
    return bytes(encoded)
