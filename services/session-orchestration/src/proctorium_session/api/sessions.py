"""SessionService: planning sessions and moving them through their states."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from proctorium.session.v1 import sessions_pb2, sessions_pb2_grpc
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.rpc.caller import Caller, current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.api.messages import plan_of, session_message
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import conduct, lobby, planning, views
from proctorium_session.operations.assessments import Assessments
from proctorium_session.operations.enrollment import Enrollment

Move = Callable[[Transaction, Caller, UUID], Awaitable[Session]]


class SessionApi(sessions_pb2_grpc.SessionServiceServicer):
    """See the proto."""

    def __init__(
        self, database: Database, enrollment: Enrollment, assessments: Assessments
    ) -> None:
        self._database = database
        self._enrollment = enrollment
        self._assessments = assessments

    async def ScheduleSession(
        self, request: sessions_pb2.ScheduleSessionRequest, context: Context
    ) -> sessions_pb2.ScheduleSessionResponse:
        caller = current_call().caller
        plan = plan_of(request.plan)
        learner_ids = sorted(parse_ids(request.plan.learner_ids, "plan.learner_ids"))
        course, certified_until, unknown, assessments = await asyncio.gather(
            self._enrollment.course(plan.course_id),
            self._enrollment.certified_until(plan.proctor_ids),
            self._enrollment.unknown(learner_ids),
            self._assessments.known(plan.assessment_ids),
        )
        said = planning.Said(course, certified_until, unknown, assessments)

        async def run(tx: Transaction) -> sessions_pb2.ScheduleSessionResponse:
            session = await planning.schedule(tx, caller, plan, learner_ids, said)
            return sessions_pb2.ScheduleSessionResponse(
                session=session_message(session, tuple(learner_ids))
            )

        return await self._database.once(request, run, sessions_pb2.ScheduleSessionResponse)

    async def CancelSession(
        self, request: sessions_pb2.CancelSessionRequest, context: Context
    ) -> sessions_pb2.CancelSessionResponse:
        async def run(tx: Transaction) -> sessions_pb2.CancelSessionResponse:
            moved = await self._moved(tx, planning.cancel, request.session_id)
            return sessions_pb2.CancelSessionResponse(session=moved)

        return await self._database.once(request, run, sessions_pb2.CancelSessionResponse)

    async def GetSession(
        self, request: sessions_pb2.GetSessionRequest, context: Context
    ) -> sessions_pb2.GetSessionResponse:
        session_id = parse_id(request.session_id, "session_id")
        async with self._database.transaction() as tx:
            seen = await views.get(tx, current_call().caller, session_id)
        return sessions_pb2.GetSessionResponse(
            session=session_message(seen.session, seen.learner_ids)
        )

    async def ListSessions(
        self, request: sessions_pb2.ListSessionsRequest, context: Context
    ) -> sessions_pb2.ListSessionsResponse:
        async with self._database.transaction() as tx:
            found, token = await views.listed(
                tx,
                current_call().caller,
                live_only=request.live_only,
                page_size=request.page_size,
                page_token=request.page_token,
            )
        return sessions_pb2.ListSessionsResponse(
            sessions=[session_message(each.session, each.learner_ids) for each in found],
            next_page_token=token,
        )

    async def OpenLobby(
        self, request: sessions_pb2.OpenLobbyRequest, context: Context
    ) -> sessions_pb2.OpenLobbyResponse:
        async def run(tx: Transaction) -> sessions_pb2.OpenLobbyResponse:
            moved = await self._moved(tx, lobby.open_lobby, request.session_id)
            return sessions_pb2.OpenLobbyResponse(session=moved)

        return await self._database.once(request, run, sessions_pb2.OpenLobbyResponse)

    async def StartSession(
        self, request: sessions_pb2.StartSessionRequest, context: Context
    ) -> sessions_pb2.StartSessionResponse:
        async def run(tx: Transaction) -> sessions_pb2.StartSessionResponse:
            moved = await self._moved(tx, conduct.start, request.session_id)
            return sessions_pb2.StartSessionResponse(session=moved)

        return await self._database.once(request, run, sessions_pb2.StartSessionResponse)

    async def EndSession(
        self, request: sessions_pb2.EndSessionRequest, context: Context
    ) -> sessions_pb2.EndSessionResponse:
        async def run(tx: Transaction) -> sessions_pb2.EndSessionResponse:
            moved = await self._moved(tx, conduct.end, request.session_id)
            return sessions_pb2.EndSessionResponse(session=moved)

        return await self._database.once(request, run, sessions_pb2.EndSessionResponse)

    async def _moved(self, tx: Transaction, move: Move, text: str) -> sessions_pb2.Session:
        """Those who may move a session may see who is expected in it."""
        session_id = parse_id(text, "session_id")
        session = await move(tx, current_call().caller, session_id)
        return session_message(session, await views.expected(tx, session_id))
