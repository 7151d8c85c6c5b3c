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
from proctorium_session.domain.breaks import NO_BREAKS, Break, BreakPolicy, BreakState, BreakUse
from proctorium_session.domain.hands import Hand, HandKind, HandState
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import (
    Conversation,
    Ending,
    ParticipantView,
    Removal,
)
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.sessions import Pause

from .builders import NOON, make_plan, make_session, make_view

BREAKS = BreakPolicy(2, timedelta(minutes=10), timedelta(minutes=15), clock_stops=True)
ON_BREAK = Break(
    UUID(int=8),
    UUID(int=3),
    UUID(int=101),
    BreakState.STARTED,
    NOON,
    length=timedelta(minutes=5),
    started_at=NOON,
)

assessment_ids = st.lists(st.uuids(), max_size=4, unique=True)


@given(
    ids=assessment_ids,
    state=st.sampled_from(ParticipantState),
    identity=st.sampled_from(IdentityState),
    connected=st.booleans(),
    reason=st.text(max_size=300),
    answered=st.integers(0, 9),
    began=st.integers(0, 4),
    paused=st.sampled_from(["", "session", "participant"]),
    extra=st.integers(0, 90),
    unread=st.integers(0, 3),
    kind=st.sampled_from([None, *HandKind]),
    policy=st.sampled_from([NO_BREAKS, BREAKS]),
    latest=st.sampled_from([None, ON_BREAK]),
    extra_break=st.integers(0, 1),
    request=st.sampled_from([None, ReturnRequest(UUID(int=11), NOON, "No")]),
    outage=st.sampled_from([None, Outage(UUID(int=10), NOON), Outage(UUID(int=10), NOON, NOON)]),
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
    paused: str,
    extra: int,
    unread: int,
    kind: HandKind | None,
    policy: BreakPolicy,
    latest: Break | None,
    extra_break: int,
    request: ReturnRequest | None,
    outage: Outage | None,
    microseconds: int,
) -> None:
    pause = Pause(UUID(int=6), NOON, "Fire alarm")
    session = replace(
        make_session(plan=replace(make_plan(), assessment_ids=tuple(ids), break_policy=policy)),
        pause=pause if paused == "session" else None,
    )
    participant = replace(
        make_view(1, state, identity).participant,
        connected=connected,
        removal=Removal(UUID(int=8), NOON, reason) if reason else None,
        ending=Ending(UUID(int=9), NOON, reason[:3]) if len(reason) > 3 else None,
        identity_check_reason=reason[:2],
        denial_reason=reason if state is ParticipantState.DENIED else "",
        pause=pause if paused == "participant" else None,
        extra_time=timedelta(minutes=extra),
        extra_time_reason="Alarm" if extra else "",
        conversation=Conversation(message_count=unread, learner_unread=unread),
        hand=Hand(UUID(int=7), UUID(int=3), UUID(int=101), kind, HandState.RAISED, NOON)
        if kind
        else None,
        breaks=BreakUse(latest, 1, timedelta(minutes=5), timedelta(minutes=extra_break)),
        outage=outage,
        return_request=request,
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
