"""SupervisionService: a proctor's view of a session and power over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from proctorium.session.v1 import supervision_pb2, supervision_pb2_grpc
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.rpc.caller import Caller, current_call
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.api.cursors import NOTHING, cursor_of, revision_of
from proctorium_session.api.messages import participant_message, session_message
from proctorium_session.operations import supervision
from proctorium_session.operations.live import Live, LiveSession, Picture, is_settled
from proctorium_session.operations.roster import picture_for

_MANY = 100
"""From so many changed participants on, the whole roster is sent: it is one message, and every view of it is whole."""


class SupervisionApi(supervision_pb2_grpc.SupervisionServiceServicer):
    """See the proto."""

    def __init__(self, database: Database, live: Live, watch_heartbeat: timedelta) -> None:
        self._database = database
        self._live = live
        self._watch_heartbeat = watch_heartbeat

    async def AuthorizeAssessment(
        self, request: supervision_pb2.AuthorizeAssessmentRequest, context: Context
    ) -> supervision_pb2.AuthorizeAssessmentResponse:
        session_id = parse_id(request.session_id, "session_id")
        assessment_id = parse_id(request.assessment_id, "assessment_id")
        named = parse_ids(request.participant_ids, "participant_ids")

        async def run(tx: Transaction) -> supervision_pb2.AuthorizeAssessmentResponse:
            caller = current_call().caller
            done = await supervision.authorize(tx, caller, session_id, assessment_id, named)
            return supervision_pb2.AuthorizeAssessmentResponse(
                authorized=[participant_message(done.session, each) for each in done.standings],
                left_out=[
                    supervision_pb2.NotAuthorized(
                        participant_id=str(each.participant_id), reason=each.reason
                    )
                    for each in done.left_out
                ],
            )

        return await self._database.once(request, run, supervision_pb2.AuthorizeAssessmentResponse)

    async def RemoveParticipant(
        self, request: supervision_pb2.RemoveParticipantRequest, context: Context
    ) -> supervision_pb2.RemoveParticipantResponse:
        session_id = parse_id(request.session_id, "session_id")
        participant_id = parse_id(request.participant_id, "participant_id")

        async def run(tx: Transaction) -> supervision_pb2.RemoveParticipantResponse:
            caller = current_call().caller
            removed = await supervision.remove(
                tx, caller, session_id, participant_id, request.removal_reason
            )
            return supervision_pb2.RemoveParticipantResponse(
                participant=participant_message(removed.session, removed.standing)
            )

        return await self._database.once(request, run, supervision_pb2.RemoveParticipantResponse)

    async def WatchRoster(
        self, request: supervision_pb2.WatchRosterRequest, context: Context
    ) -> AsyncIterator[supervision_pb2.WatchRosterResponse]:
        caller: Caller = current_call().caller
        session_id = parse_id(request.session_id, "session_id")
        asked = revision_of(request.cursor)
        async with self._live.session(session_id) as session:
            picture = await picture_for(session, caller, asked)
            # What the client has is whole only when it is of this very revision.
            sent = asked if asked == picture.revision else NOTHING
            async for change in _changes(session, sent, self._watch_heartbeat):
                yield change


async def _changes(
    session: LiveSession, sent: int, every: timedelta
) -> AsyncIterator[supervision_pb2.WatchRosterResponse]:
    """Yield what is new since revision `sent`, until nothing changes any more; after `every` without news, a message that says so."""
    with session.roster() as woken, Heartbeat(woken, every) as heartbeat:
        while True:
            woken.clear()
            picture = session.picture
            for change in _since(picture, sent):
                yield change
                heartbeat.sent()
            sent = picture.revision
            if is_settled(picture):
                return
            if heartbeat.due:
                yield supervision_pb2.WatchRosterResponse(cursor=cursor_of(sent))
                heartbeat.sent()
            await woken.wait()


def _since(picture: Picture, sent: int) -> list[supervision_pb2.WatchRosterResponse]:
    """The messages for a client that has revision `sent`, made once for all clients that have it."""
    if sent >= picture.revision:
        return []
    return picture.once(("roster", sent), lambda: _made_since(picture, sent))


def _made_since(picture: Picture, sent: int) -> list[supervision_pb2.WatchRosterResponse]:
    changed = picture.changed_since(sent)
    if sent == NOTHING or len(changed) >= _MANY:
        return [_snapshot(picture)]
    messages = [
        supervision_pb2.WatchRosterResponse(
            # Until the last of them has come, the client has no more than before.
            cursor=cursor_of(sent),
            participant=participant_message(picture.session, each),
        )
        for each in changed
    ]
    if picture.session.session_revision > sent:
        session = session_message(picture.session, picture.learner_ids)
        messages.append(supervision_pb2.WatchRosterResponse(session=session))
    if messages:
        messages[-1].cursor = cursor_of(picture.revision)
    return messages


def _snapshot(picture: Picture) -> supervision_pb2.WatchRosterResponse:
    return supervision_pb2.WatchRosterResponse(
        cursor=cursor_of(picture.revision),
        snapshot=supervision_pb2.RosterSnapshot(
            session=session_message(picture.session, picture.learner_ids),
            participants=[
                participant_message(picture.session, each) for each in picture.standings.values()
            ],
        ),
    )
