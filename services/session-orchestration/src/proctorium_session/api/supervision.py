"""The gRPC API of SupervisionService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import accumulate
from typing import TypedDict

from proctorium.session.v1 import sessions_pb2, supervision_pb2_grpc
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.clock import Clock
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import Caller, current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.cursors import NO_REVISION, cursor_revision, cursor_text
from proctorium_session.api.messages import (
    message_message,
    outcome_messages,
    roster_participant_message,
    supervised_session_message,
    uncovered_session_message,
)
from proctorium_session.operations import (
    approval,
    extra_time,
    identity_checks,
    pauses,
    proctors,
    removals,
    supervision,
)
from proctorium_session.operations.coverage import ProctorPresence
from proctorium_session.operations.delivery import MessageBatch
from proctorium_session.operations.live import Live, LiveSession, Snapshot, is_final
from proctorium_session.operations.pauses import PauseResult
from proctorium_session.operations.roster import may_read_messages, supervised_snapshot

_MAX_SNAPSHOT_BYTES = 2 * 1024 * 1024
"""The maximum size of the participants in the first message of a roster. A gRPC message can have at most 4 MiB."""

_MAX_CHANGES = 100
"""The number of changed participants from which the whole roster is sent."""


class SupervisionApi(supervision_pb2_grpc.SupervisionServiceServicer):
    """Implementation of SupervisionService in `supervision.proto`."""

    def __init__(
        self,
        database: Database,
        live: Live,
        presence: ProctorPresence,
        clock: Clock,
        *,
        watch_heartbeat: timedelta,
    ) -> None:
        self._database = database
        self._live = live
        self._presence = presence
        self._clock = clock
        self._watch_heartbeat = watch_heartbeat

    async def AuthorizeAssessment(
        self, request: pb.AuthorizeAssessmentRequest, context: Context
    ) -> pb.AuthorizeAssessmentResponse:
        return await supervision.authorize_assessment(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_id(request.assessment_id, "assessment_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.AuthorizeAssessmentResponse,
                lambda result: pb.AuthorizeAssessmentResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def WithdrawAuthorization(
        self, request: pb.WithdrawAuthorizationRequest, context: Context
    ) -> pb.WithdrawAuthorizationResponse:
        return await supervision.withdraw_authorization(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_id(request.assessment_id, "assessment_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.WithdrawAuthorizationResponse,
                lambda result: pb.WithdrawAuthorizationResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def RequestIdentityCheck(
        self, request: pb.RequestIdentityCheckRequest, context: Context
    ) -> pb.RequestIdentityCheckResponse:
        return await identity_checks.request_identity_check(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            request.identity_check_reason,
            Responder(
                request,
                pb.RequestIdentityCheckResponse,
                lambda result: pb.RequestIdentityCheckResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def AdmitParticipants(
        self, request: pb.AdmitParticipantsRequest, context: Context
    ) -> pb.AdmitParticipantsResponse:
        return await approval.admit(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.AdmitParticipantsResponse,
                lambda result: pb.AdmitParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def DenyParticipants(
        self, request: pb.DenyParticipantsRequest, context: Context
    ) -> pb.DenyParticipantsResponse:
        return await approval.deny(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            request.denial_reason,
            Responder(
                request,
                pb.DenyParticipantsResponse,
                lambda result: pb.DenyParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def RemoveParticipants(
        self, request: pb.RemoveParticipantsRequest, context: Context
    ) -> pb.RemoveParticipantsResponse:
        return await removals.remove(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            request.removal_reason,
            Responder(
                request,
                pb.RemoveParticipantsResponse,
                lambda result: pb.RemoveParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def ReadmitParticipants(
        self, request: pb.ReadmitParticipantsRequest, context: Context
    ) -> pb.ReadmitParticipantsResponse:
        return await removals.readmit(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.ReadmitParticipantsResponse,
                lambda result: pb.ReadmitParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def EndForParticipants(
        self, request: pb.EndForParticipantsRequest, context: Context
    ) -> pb.EndForParticipantsResponse:
        return await removals.end_for(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            request.end_reason,
            Responder(
                request,
                pb.EndForParticipantsResponse,
                lambda result: pb.EndForParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def UndoEndForParticipants(
        self, request: pb.UndoEndForParticipantsRequest, context: Context
    ) -> pb.UndoEndForParticipantsResponse:
        return await removals.undo_end_for(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.UndoEndForParticipantsResponse,
                lambda result: pb.UndoEndForParticipantsResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def PauseParticipants(
        self, request: pb.PauseParticipantsRequest, context: Context
    ) -> pb.PauseParticipantsResponse:
        return await pauses.pause(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            request.pause_reason,
            Responder(
                request,
                pb.PauseParticipantsResponse,
                lambda result: pb.PauseParticipantsResponse(**_pause_fields(result)),
            ),
        )

    async def ResumeParticipants(
        self, request: pb.ResumeParticipantsRequest, context: Context
    ) -> pb.ResumeParticipantsResponse:
        return await pauses.resume(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            Responder(
                request,
                pb.ResumeParticipantsResponse,
                lambda result: pb.ResumeParticipantsResponse(**_pause_fields(result)),
            ),
        )

    async def GrantExtraTime(
        self, request: pb.GrantExtraTimeRequest, context: Context
    ) -> pb.GrantExtraTimeResponse:
        return await extra_time.grant(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_ids(request.participant_ids, "participant_ids"),
            extra_time.ExtraTime(request.amount.ToTimedelta(), request.extra_time_reason),
            Responder(
                request,
                pb.GrantExtraTimeResponse,
                lambda result: pb.GrantExtraTimeResponse(
                    outcomes=outcome_messages(result.session, result.outcomes)
                ),
            ),
        )

    async def WatchRoster(
        self, request: pb.WatchRosterRequest, context: Context
    ) -> AsyncIterator[pb.WatchRosterResponse]:
        caller = current_call().caller
        received = cursor_revision(request.cursor)
        async with self._live.session(parse_id(request.session_id, "session_id")) as session:
            snapshot = await supervised_snapshot(session, caller, received)
            # The client receives the whole roster, unless it already has the newest revision.
            sent = received if received == snapshot.revision else NO_REVISION
            # Without a usable cursor, and after the session is over, the client reads messages with ListMessages.
            is_usable = NO_REVISION < received <= snapshot.revision
            if not is_usable or snapshot.session.state.is_over:
                received = snapshot.revision
            with self._present(snapshot, caller):
                async for response in _responses(
                    session, caller, sent, received, self._watch_heartbeat
                ):
                    response.server_time.FromDatetime(self._clock())
                    yield response

    def _present(self, snapshot: Snapshot, caller: Caller) -> AbstractContextManager[None]:
        """Return a context manager that counts the caller as present, unless the caller is a learner of the session."""
        person_id = caller.require_person()
        if not may_read_messages(snapshot, caller):
            return nullcontext()
        return self._presence.stream(snapshot.session.session_id, person_id)

    async def ListUncoveredSessions(
        self, request: pb.ListUncoveredSessionsRequest, context: Context
    ) -> pb.ListUncoveredSessionsResponse:
        sessions, next_page_token = await proctors.list_uncovered_sessions(
            self._database, current_call().caller, request.page_size, request.page_token
        )
        return pb.ListUncoveredSessionsResponse(
            sessions=[uncovered_session_message(each) for each in sessions],
            next_page_token=next_page_token,
        )

    async def TakeSession(
        self, request: pb.TakeSessionRequest, context: Context
    ) -> pb.TakeSessionResponse:
        return await proctors.take_session(
            self._database,
            self._presence,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            optional_id(request.expected_lead_proctor_id, "expected_lead_proctor_id"),
            Responder(
                request,
                pb.TakeSessionResponse,
                lambda visible: pb.TakeSessionResponse(
                    session=supervised_session_message(visible.session, visible.learner_ids)
                ),
            ),
        )

    async def HandOverSession(
        self, request: pb.HandOverSessionRequest, context: Context
    ) -> pb.HandOverSessionResponse:
        return await proctors.hand_over_session(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_id(request.to_person_id, "to_person_id"),
            optional_id(request.expected_lead_proctor_id, "expected_lead_proctor_id"),
            Responder(
                request,
                pb.HandOverSessionResponse,
                lambda visible: pb.HandOverSessionResponse(
                    session=supervised_session_message(visible.session, visible.learner_ids)
                ),
            ),
        )


class _PauseFields(TypedDict):
    outcomes: list[pb.ParticipantOutcome]
    session: sessions_pb2.Session


def _pause_fields(result: PauseResult) -> _PauseFields:
    session, learner_ids = result.visible.session, result.visible.learner_ids
    return {
        "outcomes": outcome_messages(session, result.outcomes),
        "session": supervised_session_message(session, learner_ids),
    }


async def _responses(
    session: LiveSession, caller: Caller, sent: int, received: int, interval: timedelta
) -> AsyncIterator[pb.WatchRosterResponse]:
    """Yield responses with the changes after revision `sent` and the messages after revision `received`.

    Ends when the roster is final. Yields a heartbeat if nothing changes for the time `interval`.
    """
    with session.roster() as woken, Heartbeat(woken, interval) as heartbeat:
        while True:
            woken.clear()
            snapshot = session.snapshot
            batch = await _next_messages(session, snapshot, caller, received)
            # If messages follow, the responses with the changes have a cursor before these messages. A client that
            # disconnects before the messages arrive therefore receives the messages when it reconnects.
            cursor = received if batch.messages else snapshot.revision
            for response in _changes_since(snapshot, sent, cursor):
                yield response
                heartbeat.sent()
            sent, received = snapshot.revision, batch.end
            if batch.messages:
                yield _messages_response(batch)
                heartbeat.sent()
            if received < snapshot.revision:
                continue
            if is_final(snapshot):
                return
            if heartbeat.due:
                yield pb.WatchRosterResponse(cursor=cursor_text(sent))
                heartbeat.sent()
            await woken.wait()


async def _next_messages(
    session: LiveSession, snapshot: Snapshot, caller: Caller, received: int
) -> MessageBatch:
    if not may_read_messages(snapshot, caller):
        return MessageBatch((), snapshot.revision)
    return await session.next_messages(snapshot, received)


def _messages_response(batch: MessageBatch) -> pb.WatchRosterResponse:
    return pb.WatchRosterResponse(
        cursor=cursor_text(batch.end), messages=[message_message(each) for each in batch.messages]
    )


def _changes_since(snapshot: Snapshot, sent: int, cursor: int) -> list[pb.WatchRosterResponse]:
    """Return the responses with the changes after revision `sent`, for a client that has received this revision.

    The cursor of the last response is `cursor`. The responses are converted once and shared by all clients that have
    received the same revision.
    """
    if sent >= snapshot.revision:
        return []
    return snapshot.cached(
        ("roster", sent, cursor), lambda: _convert_changes_since(snapshot, sent, cursor)
    )


def _convert_changes_since(
    snapshot: Snapshot, sent: int, cursor: int
) -> list[pb.WatchRosterResponse]:
    changed = snapshot.changed_since(sent)
    if sent == NO_REVISION or len(changed) >= _MAX_CHANGES:
        return _snapshot_messages(snapshot, sent, cursor)
    messages = [
        pb.WatchRosterResponse(
            # The cursor advances only in the last message. A client that disconnects before the last message therefore
            # receives all changes again.
            cursor=cursor_text(min(sent, cursor)),
            participant=roster_participant_message(snapshot.session, view),
        )
        for view in changed
    ]
    if snapshot.session.supervision_revision > sent:
        session = supervised_session_message(snapshot.session, snapshot.learner_ids)
        messages.append(pb.WatchRosterResponse(session=session))
    if messages:
        messages[-1].cursor = cursor_text(cursor)
    return messages


def _snapshot_messages(snapshot: Snapshot, sent: int, cursor: int) -> list[pb.WatchRosterResponse]:
    """Return the whole roster. Participants that do not fit into the first message follow in further messages."""
    participants = [
        roster_participant_message(snapshot.session, view) for view in snapshot.views.values()
    ]
    sizes = accumulate(participant.ByteSize() for participant in participants)
    fitting = sum(size <= _MAX_SNAPSHOT_BYTES for size in sizes)
    roster = pb.RosterSnapshot(
        session=supervised_session_message(snapshot.session, snapshot.learner_ids),
        participants=participants[:fitting],
    )
    # As above, the cursor advances only in the last message.
    before = cursor_text(min(sent, cursor))
    messages = [pb.WatchRosterResponse(cursor=before, snapshot=roster)]
    messages += [
        pb.WatchRosterResponse(cursor=before, participant=each) for each in participants[fitting:]
    ]
    messages[-1].cursor = cursor_text(cursor)
    return messages
