from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from proctorium.session.v1 import lobby_pb2
from proctorium_session.api.learner_views import TimeParts, own_part, shared_part, time_part
from proctorium_session.api.messages import participant_message, session_message
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.progress import Progress, ProgressState

from .builders import NOON, make_plan, make_session, make_view

assessment_ids = st.lists(st.uuids(), max_size=4, unique=True)


@given(
    ids=assessment_ids,
    state=st.sampled_from(ParticipantState),
    identity=st.sampled_from(IdentityState),
    connected=st.booleans(),
    reason=st.text(max_size=300),
    answered=st.integers(0, 9),
    began=st.integers(0, 4),
    microseconds=st.integers(0, 10**9),
)
def test_concatenated_parts_equal_the_encoded_message(
    *,
    ids: list[UUID],
    state: ParticipantState,
    identity: IdentityState,
    connected: bool,
    reason: str,
    answered: int,
    began: int,
    microseconds: int,
) -> None:
    session = make_session(plan=replace(make_plan(), assessment_ids=tuple(ids)))
    participant = replace(
        make_view(1, state, identity).participant, connected=connected, removal_reason=reason
    )
    progress = {
        each: Progress(each, UUID(int=5), ProgressState.IN_PROGRESS, answered, 9)
        for each in ids[:began]
    }
    view = ParticipantView(participant, progress)
    now = NOON + timedelta(microseconds=microseconds)
    expected = lobby_pb2.WatchSessionResponse(
        cursor=str(session.revision),
        session=session_message(session),
        participant=participant_message(session, view),
    )
    stamp = Timestamp()
    stamp.FromDatetime(now)
    expected.server_time.CopyFrom(stamp)
    encoded = shared_part(session) + own_part(session, view) + time_part(now)
    assert lobby_pb2.WatchSessionResponse.FromString(encoded) == expected


def test_time_is_encoded_again_when_the_clock_changes_by_a_millisecond() -> None:
    times, first = TimeParts(), time_part(NOON)
    assert times.at(NOON) == first
    assert times.at(NOON + timedelta(microseconds=999)) == first
    for now in (NOON + timedelta(milliseconds=1), NOON - timedelta(microseconds=1)):
        assert times.at(now) == time_part(now)
