"""The gRPC API of RecordService."""

from __future__ import annotations

from datetime import timedelta

from proctorium.session.v1 import supervision_pb2 as pb
from proctorium.session.v1 import supervision_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.database import Database
from proctorium_session.api.messages import access_message, entry_message, own_entry_message
from proctorium_session.operations import record


class RecordApi(supervision_pb2_grpc.RecordServiceServicer):
    """Implementation of RecordService in `supervision.proto`."""

    def __init__(self, database: Database, *, access_period: timedelta) -> None:
        self._database = database
        self._access_period = access_period

    async def GetRecord(
        self, request: pb.GetRecordRequest, context: Context
    ) -> pb.GetRecordResponse:
        entries, next_page_token = await record.read_record(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            access_period=self._access_period,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.GetRecordResponse(
            entries=[entry_message(entry) for entry in entries], next_page_token=next_page_token
        )

    async def GetMyRecord(
        self, request: pb.GetMyRecordRequest, context: Context
    ) -> pb.GetMyRecordResponse:
        entries, next_page_token = await record.read_own_record(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.GetMyRecordResponse(
            entries=[own_entry_message(entry) for entry in entries],
            next_page_token=next_page_token,
        )

    async def ListRecordAccesses(
        self, request: pb.ListRecordAccessesRequest, context: Context
    ) -> pb.ListRecordAccessesResponse:
        accesses, next_page_token = await record.list_accesses(
            self._database,
            parse_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListRecordAccessesResponse(
            accesses=[access_message(access) for access in accesses],
            next_page_token=next_page_token,
        )
