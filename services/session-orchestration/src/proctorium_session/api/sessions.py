"""The gRPC API of SessionService."""

from __future__ import annotations

from proctorium.session.v1 import sessions_pb2 as pb
from proctorium.session.v1 import sessions_pb2_grpc
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.messages import (
    PlanDefaults,
    plan_from_message,
    session_message,
    supervised_session_message,
)
from proctorium_session.domain.sessions import VisibleSession
from proctorium_session.operations import (
    closing,
    conduct,
    lobby,
    planning,
    queries,
    reopening,
)
from proctorium_session.operations.planning import SessionPlanning


class SessionApi(sessions_pb2_grpc.SessionServiceServicer):
    """Implementation of SessionService in `sessions.proto`."""

    def __init__(
        self, database: Database, session_planning: SessionPlanning, defaults: PlanDefaults
    ) -> None:
        self._database = database
        self._planning = session_planning
        self._defaults = defaults

    async def ScheduleSession(
        self, request: pb.ScheduleSessionRequest, context: Context
    ) -> pb.ScheduleSessionResponse:
        return await self._planning.schedule(
            current_call().caller,
            plan_from_message(request.plan, self._defaults),
            sorted(parse_ids(request.plan.learner_ids, "plan.learner_ids")),
            Responder(
                request,
                pb.ScheduleSessionResponse,
                lambda visible: pb.ScheduleSessionResponse(session=_message(visible)),
            ),
        )

    async def CancelSession(
        self, request: pb.CancelSessionRequest, context: Context
    ) -> pb.CancelSessionResponse:
        return await planning.cancel(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.CancelSessionResponse,
                lambda visible: pb.CancelSessionResponse(session=_message(visible)),
            ),
        )

    async def GetSession(
        self, request: pb.GetSessionRequest, context: Context
    ) -> pb.GetSessionResponse:
        visible = await queries.get_session(
            self._database, current_call().caller, parse_id(request.session_id, "session_id")
        )
        return pb.GetSessionResponse(session=_message(visible))

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        sessions, next_page_token = await queries.list_sessions(
            self._database,
            current_call().caller,
            live_only=request.live_only,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListSessionsResponse(
            sessions=[_message(visible) for visible in sessions], next_page_token=next_page_token
        )

    async def OpenLobby(
        self, request: pb.OpenLobbyRequest, context: Context
    ) -> pb.OpenLobbyResponse:
        return await lobby.open_lobby(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.OpenLobbyResponse,
                lambda visible: pb.OpenLobbyResponse(session=_message(visible)),
            ),
        )

    async def StartSession(
        self, request: pb.StartSessionRequest, context: Context
    ) -> pb.StartSessionResponse:
        return await conduct.start(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.StartSessionResponse,
                lambda visible: pb.StartSessionResponse(session=_message(visible)),
            ),
        )

    async def EndSession(
        self, request: pb.EndSessionRequest, context: Context
    ) -> pb.EndSessionResponse:
        return await closing.end(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.EndSessionResponse,
                lambda visible: pb.EndSessionResponse(session=_message(visible)),
            ),
            end_now=request.end_now,
        )

    async def CancelClosing(
        self, request: pb.CancelClosingRequest, context: Context
    ) -> pb.CancelClosingResponse:
        return await closing.cancel_closing(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.CancelClosingResponse,
                lambda visible: pb.CancelClosingResponse(session=_message(visible)),
            ),
        )

    async def ReopenSession(
        self, request: pb.ReopenSessionRequest, context: Context
    ) -> pb.ReopenSessionResponse:
        return await reopening.reopen(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.ReopenSessionResponse,
                lambda visible: pb.ReopenSessionResponse(session=_message(visible)),
            ),
        )


def _message(visible: VisibleSession) -> pb.Session:
    if visible.supervised:
        return supervised_session_message(visible.session, visible.learner_ids)
    return session_message(visible.session)
