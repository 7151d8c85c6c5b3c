"""LobbyService: a learner's way into a session, and their live view of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

import grpc

from proctorium.session.v1 import lobby_pb2, lobby_pb2_grpc
from proctorium_common.clock import Clock
from proctorium_common.ids import parse_id
from proctorium_common.rpc.addresses import client_address
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.rpc.methods import Handler, HandlerCollector
from proctorium_common.rpc.served import Context
from proctorium_common.storage.idempotency import key_of
from proctorium_common.telemetry.traces import annotate, current_trace_context
from proctorium_session.api.cursors import NOTHING, revision_of
from proctorium_session.api.learner_views import TimeParts, own_part, shared_part
from proctorium_session.api.messages import participant_message, session_message
from proctorium_session.domain.participants import Standing
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.access import person_of
from proctorium_session.operations.enrollment import CodeEntry
from proctorium_session.operations.joining import Joined, Joining
from proctorium_session.operations.live import Live, LiveSession, Picture, is_over_for
from proctorium_session.operations.presence import Presence


def joined_message(joined: Joined) -> lobby_pb2.JoinSessionResponse:
    """What somebody who has joined is answered."""
    return lobby_pb2.JoinSessionResponse(
        session=session_message(joined.session),
        participant=participant_message(joined.session, joined.standing),
        rejoin=joined.rejoin,
    )


class LobbyApi(lobby_pb2_grpc.LobbyServiceServicer):
    """See the proto."""

    def __init__(
        self,
        joining: Joining[lobby_pb2.JoinSessionResponse],
        live: Live,
        presence: Presence,
        clock: Clock,
        watch_heartbeat: timedelta,
    ) -> None:
        self._joining = joining
        self._live = live
        self._presence = presence
        self._clock = clock
        self._watch_heartbeat = watch_heartbeat
        self._times = TimeParts()

    async def JoinSession(
        self, request: lobby_pb2.JoinSessionRequest, context: Context
    ) -> lobby_pb2.JoinSessionResponse:
        caller = current_call().caller
        address = client_address(caller, context)
        entry = CodeEntry(request.code, person_of(caller), address, current_trace_context())
        joined = await self._joining.join(entry, key_of(request))
        annotate(
            session_id=joined.session.session_id,
            participant_id=joined.participant.participant_id,
        )
        return joined

    async def WatchSession(  # type: ignore[override]  # it writes by itself, and what it writes is encoded
        self, request: lobby_pb2.WatchSessionRequest, context: Context
    ) -> None:
        person_id = person_of(current_call().caller)
        sent = revision_of(request.cursor)
        async with self._live.session(parse_id(request.session_id, "session_id")) as session:
            picture = await session.at_least(sent, person_id)
            participant_id = _found(picture, person_id).participant.participant_id
            annotate(participant_id=participant_id)
            if sent > picture.revision:
                sent = NOTHING
            with (
                self._presence.stream(participant_id),
                session.learner(participant_id) as woken,
                Heartbeat(woken, self._watch_heartbeat) as heartbeat,
            ):
                await self._show(session, person_id, sent, woken, heartbeat, context)

    async def _show(
        self,
        session: LiveSession,
        person_id: UUID,
        sent: int,
        woken: asyncio.Event,
        heartbeat: Heartbeat,
        context: Context,
    ) -> None:
        """Writes the learner's view whenever it is another than that of revision `sent`, or was not said for long, until nothing changes any more."""
        while True:
            woken.clear()
            picture = session.picture
            standing = _found(picture, person_id)
            if picture.changed_for(standing) > sent or heartbeat.due:
                sent = picture.revision
                await context.write(self._view(session, picture, standing))
                heartbeat.sent()
            if is_over_for(picture, standing):
                return
            await woken.wait()

    def _view(self, session: LiveSession, picture: Picture, standing: Standing) -> bytes:
        # The first who is woken encodes for all: gRPC sends what is written in quick succession in few packets.
        shared, own = picture.once("learners", lambda: _encoded(picture.session, session.woken))
        mine = own.get(standing.participant.participant_id)
        if mine is None:
            mine = own_part(picture.session, standing)
        return shared + mine + self._times.at(self._clock())


def add_lobby_service(api: LobbyApi, server: grpc.aio.Server) -> None:
    """Serves `api`; what `WatchSession` writes is sent as it is."""
    collector = HandlerCollector()
    lobby_pb2_grpc.add_LobbyServiceServicer_to_server(api, cast(grpc.aio.Server, collector))
    for service, handlers in collector.handlers.items():
        watch: Handler = grpc.unary_stream_rpc_method_handler(
            api.WatchSession, lobby_pb2.WatchSessionRequest.FromString, None
        )
        server.add_registered_method_handlers(service, {**handlers, "WatchSession": watch})


def _encoded(session: Session, standings: Sequence[Standing]) -> tuple[bytes, dict[UUID, bytes]]:
    own = {each.participant.participant_id: own_part(session, each) for each in standings}
    return shared_part(session), own


def _found(picture: Picture, person_id: UUID) -> Standing:
    standing = picture.standing_of(person_id)
    if standing is None:
        raise no_session()
    return standing
