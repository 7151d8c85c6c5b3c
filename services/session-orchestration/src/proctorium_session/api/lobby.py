"""LobbyService: a learner's way into a session, and their live view of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.session.v1 import lobby_pb2, lobby_pb2_grpc
from proctorium_common.clock import Clock
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_session.api.addresses import client_address
from proctorium_session.api.cursors import cursor_of, revision_of
from proctorium_session.api.messages import participant_message, session_message
from proctorium_session.domain.participants import Standing
from proctorium_session.domain.refusals import no_session
from proctorium_session.operations import lobby
from proctorium_session.operations.access import person_of
from proctorium_session.operations.enrollment import Enrollment
from proctorium_session.operations.live import Live, LiveSession, Picture, is_over_for
from proctorium_session.operations.presence import Presence


class LobbyApi(lobby_pb2_grpc.LobbyServiceServicer):
    """See the proto."""

    def __init__(
        self,
        database: Database,
        enrollment: Enrollment,
        live: Live,
        presence: Presence,
        clock: Clock,
    ) -> None:
        self._database = database
        self._enrollment = enrollment
        self._live = live
        self._presence = presence
        self._clock = clock

    async def JoinSession(
        self, request: lobby_pb2.JoinSessionRequest, context: Context
    ) -> lobby_pb2.JoinSessionResponse:
        caller = current_call().caller
        redeemed = await self._enrollment.redeem(
            request.code, person_of(caller), client_address(caller, context)
        )

        async def run(tx: Transaction) -> lobby_pb2.JoinSessionResponse:
            joined = await lobby.join(tx, caller, redeemed.session_id)
            return lobby_pb2.JoinSessionResponse(
                session=session_message(joined.session),
                participant=participant_message(joined.session, joined.standing),
                rejoin=joined.rejoin,
            )

        return await self._database.once(request, run, lobby_pb2.JoinSessionResponse)

    async def WatchSession(
        self, request: lobby_pb2.WatchSessionRequest, context: Context
    ) -> AsyncIterator[lobby_pb2.WatchSessionResponse]:
        person_id = person_of(current_call().caller)
        sent = revision_of(request.cursor)
        async with self._live.session(parse_id(request.session_id, "session_id")) as session:
            picture = await session.at_least(sent, person_id)
            standing = _found(picture, person_id)
            annotate(participant_id=standing.participant.participant_id)
            if sent > picture.revision:
                sent = -1  # a cursor of nothing that was ever here
            with self._presence.stream(standing.participant.participant_id):
                async for view in self._views(session, person_id, sent):
                    yield view

    async def _views(
        self, session: LiveSession, person_id: UUID, sent: int
    ) -> AsyncIterator[lobby_pb2.WatchSessionResponse]:
        """The learner's view whenever it is another than that of revision `sent`, until nothing changes any more."""
        standing = _found(session.picture, person_id)
        with session.learner(standing.participant.participant_id) as changed:
            while True:
                changed.clear()
                picture = session.picture
                standing = _found(picture, person_id)
                if picture.changed_for(standing) > sent:
                    sent = picture.revision
                    yield self._view(picture, standing)
                if is_over_for(picture, standing):
                    return
                await changed.wait()

    def _view(self, picture: Picture, standing: Standing) -> lobby_pb2.WatchSessionResponse:
        now = Timestamp()
        now.FromDatetime(self._clock())
        return lobby_pb2.WatchSessionResponse(
            cursor=cursor_of(picture.revision),
            session=picture.once("learners", lambda: session_message(picture.session)),
            participant=participant_message(picture.session, standing),
            server_time=now,
        )


def _found(picture: Picture, person_id: UUID) -> Standing:
    standing = picture.standing_of(person_id)
    if standing is None:
        raise no_session()
    return standing
