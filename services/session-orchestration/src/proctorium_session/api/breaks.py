"""The gRPC API of BreakService."""

from __future__ import annotations

from proctorium.session.v1 import breaks_pb2 as pb
from proctorium.session.v1 import breaks_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.messages import break_message
from proctorium_session.domain.breaks import BreakAction
from proctorium_session.operations import breaks
from proctorium_session.operations.breaks import BreakDecision


class BreakApi(breaks_pb2_grpc.BreakServiceServicer):
    """Implementation of BreakService in `breaks.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def RequestBreak(
        self, request: pb.RequestBreakRequest, context: Context
    ) -> pb.RequestBreakResponse:
        return await breaks.request_break(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            Responder(
                request,
                pb.RequestBreakResponse,
                lambda new: pb.RequestBreakResponse(requested_break=break_message(new)),
            ),
        )

    async def CancelBreakRequest(
        self, request: pb.CancelBreakRequestRequest, context: Context
    ) -> pb.CancelBreakRequestResponse:
        return await breaks.close_break(
            self._database,
            current_call().caller,
            parse_id(request.break_id, "break_id"),
            BreakAction.CANCEL,
            Responder(
                request,
                pb.CancelBreakRequestResponse,
                lambda old: pb.CancelBreakRequestResponse(cancelled_break=break_message(old)),
            ),
        )

    async def DecideBreak(
        self, request: pb.DecideBreakRequest, context: Context
    ) -> pb.DecideBreakResponse:
        return await breaks.decide_break(
            self._database,
            current_call().caller,
            parse_id(request.break_id, "break_id"),
            _decision(request),
            Responder(
                request,
                pb.DecideBreakResponse,
                lambda decided: pb.DecideBreakResponse(decided_break=break_message(decided)),
            ),
        )

    async def StartBreak(
        self, request: pb.StartBreakRequest, context: Context
    ) -> pb.StartBreakResponse:
        return await breaks.start_break(
            self._database,
            current_call().caller,
            parse_id(request.break_id, "break_id"),
            Responder(
                request,
                pb.StartBreakResponse,
                lambda started: pb.StartBreakResponse(started_break=break_message(started)),
            ),
        )

    async def ReturnFromBreak(
        self, request: pb.ReturnFromBreakRequest, context: Context
    ) -> pb.ReturnFromBreakResponse:
        return await breaks.close_break(
            self._database,
            current_call().caller,
            parse_id(request.break_id, "break_id"),
            BreakAction.RETURN,
            Responder(
                request,
                pb.ReturnFromBreakResponse,
                lambda old: pb.ReturnFromBreakResponse(returned_break=break_message(old)),
            ),
        )

    async def ListBreaks(
        self, request: pb.ListBreaksRequest, context: Context
    ) -> pb.ListBreaksResponse:
        found, next_page_token = await breaks.list_breaks(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            open_only=request.open_only,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListBreaksResponse(
            breaks=[break_message(each) for each in found], next_page_token=next_page_token
        )


def _decision(request: pb.DecideBreakRequest) -> BreakDecision:
    if request.WhichOneof("decision") == "grant":
        return BreakDecision(request.grant.length.ToTimedelta())
    return BreakDecision(None, request.refuse.refusal_reason)
