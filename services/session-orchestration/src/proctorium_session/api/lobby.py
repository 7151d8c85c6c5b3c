"""The gRPC API of LobbyService."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

import grpc

from proctorium.session.v1 import lobby_pb2, lobby_pb2_grpc
from proctorium_common.clock import Clock
from proctorium_common.ids import parse_id
from proctorium_common.rpc.addresses import client_address
from proctorium_common.rpc.caller import calling_person, current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.rpc.methods import Handler, HandlerCollector
from proctorium_common.storage.idempotency import key_of
from proctorium_common.telemetry.traces import annotate, current_trace_context
from proctorium_session.api.cursors import NO_REVISION, cursor_revision
from proctorium_session.api.learner_views import (
    TimeParts,
    messages_part,
    own_part,
    shared_part,
)
from proctorium_session.api.messages import participant_message, session_message
from proctorium_session.domain.errors import no_session
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.enrollment import CodeEntry
from proctorium_session.operations.joining import Joining, JoinResult
from proctorium_session.operations.live import LearnerWatch, Live, LiveSession, Snapshot
from proctorium_session.operations.presence import Presence


def join_response(joined: JoinResult) -> lobby_pb2.JoinSessionResponse:
    """Return the response to the request of a learner who has joined."""
    return lobby_pb2.JoinSessionResponse(
        session=session_message(joined.session),
        participant=participant_message(joined.session, joined.view),
        rejoin=joined.rejoin,
    )


class LobbyApi(lobby_pb2_grpc.LobbyServiceServicer):
    """Implementation of LobbyService in `lobby.proto`."""

    def __init__(
        self,
        joining: Joining[lobby_pb2.JoinSessionResponse],
        live: Live,
        presence: Presence,
        clock: Clock,
        *,
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
        entry = CodeEntry(request.code, caller.require_person(), address, current_trace_context())
        joined = await self._joining.join(entry, key_of(request))
        annotate(
            session_id=joined.session.session_id,
            participant_id=joined.participant.participant_id,
        )
        return joined

    async def WatchSession(  # type: ignore[override]  # it writes encoded messages to the context
        self, request: lobby_pb2.WatchSessionRequest, context: Context
    ) -> None:
        person_id = calling_person()
        sent = cursor_revision(request.cursor)
        async with self._live.session(parse_id(request.session_id, "session_id")) as session:
            snapshot = await session.snapshot_since(sent, person_id)
            participant_id = _view_of(snapshot, person_id).participant.participant_id
            annotate(participant_id=participant_id)
            # A client without a usable cursor reads the earlier messages with ListMessages.
            received = sent
            if sent > snapshot.revision or sent == NO_REVISION:
                sent, received = NO_REVISION, snapshot.revision
            with (
                self._presence.stream(participant_id),
                session.learner(participant_id, received) as watch,
                Heartbeat(watch.woken, self._watch_heartbeat) as heartbeat,
            ):
                await self._write_views(session, person_id, sent, watch, heartbeat, context)

    async def _write_views(
        self,
        session: LiveSession,
        person_id: UUID,
        sent: int,
        watch: LearnerWatch,
        heartbeat: Heartbeat,
        context: Context,
    ) -> None:
        """Write the learner's view after each change since revision `sent`, and at each heartbeat.

        Each view is written with the learner's new messages. Returns when the learner's view cannot change any more.
        """
        while True:
            watch.woken.clear()
            snapshot = session.snapshot
            view = _view_of(snapshot, person_id)
            batch = await session.next_messages(
                snapshot, watch.received, view.participant.participant_id
            )
            watch.received = batch.end
            if snapshot.revision_for(view) > sent or batch.messages or heartbeat.due:
                sent = snapshot.revision
                encoded = self._encoded_view(session, snapshot, view)
                await context.write(encoded + messages_part(snapshot, batch))
                heartbeat.sent()
            if batch.end < snapshot.revision:
                continue
            if snapshot.session.is_final:
                return
            await watch.woken.wait()

    def _encoded_view(
        self, session: LiveSession, snapshot: Snapshot, view: ParticipantView
    ) -> bytes:
        # The first watcher that runs encodes the views of all woken learners. The other watchers then only write. Their
        # writes follow in quick succession, so that gRPC sends few packets.
        shared, own = snapshot.cached(
            "learners", lambda: _encoded_parts(snapshot.session, session.woken_learners)
        )
        part = own.get(view.participant.participant_id)
        if part is None:
            part = own_part(snapshot.session, view)
        return shared + part + self._times.at(self._clock())


def add_lobby_service(api: LobbyApi, server: grpc.aio.Server) -> None:
    """Register `api` with the server. `WatchSession` has no serializer, because its messages are already encoded."""
    collector = HandlerCollector()
    lobby_pb2_grpc.add_LobbyServiceServicer_to_server(api, cast(grpc.aio.Server, collector))
    for service, handlers in collector.handlers.items():
        watch: Handler = grpc.unary_stream_rpc_method_handler(
            api.WatchSession, lobby_pb2.WatchSessionRequest.FromString, None
        )
        server.add_registered_method_handlers(service, {**handlers, "WatchSession": watch})


def _encoded_parts(
    session: Session, views: Sequence[ParticipantView]
) -> tuple[bytes, dict[UUID, bytes]]:
    own = {view.participant.participant_id: own_part(session, view) for view in views}
    return shared_part(session), own


def _view_of(snapshot: Snapshot, person_id: UUID) -> ParticipantView:
    view = snapshot.view_of(person_id)
    if view is None:
        raise no_session()
    return view
