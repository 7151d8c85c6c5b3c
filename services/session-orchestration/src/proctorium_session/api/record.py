"""RecordService: the record of a session, and who read it."""

from __future__ import annotations

from datetime import timedelta

from proctorium.session.v1 import supervision_pb2, supervision_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database
from proctorium_session.api.messages import access_message, entry_message
from proctorium_session.operations import record


class RecordApi(supervision_pb2_grpc.RecordServiceServicer):
    """See the proto."""

    def __init__(self, database: Database, readable: timedelta) -> None:
        self._database = database
        self._readable = readable

    async def GetRecord(
        self, request: supervision_pb2.GetRecordRequest, context: Context
    ) -> supervision_pb2.GetRecordResponse:
        async with self._database.transaction() as tx:
            entries, token = await record.page(
                tx,
                current_call().caller,
                parse_id(request.session_id, "session_id"),
                readable=self._readable,
                page_size=request.page_size,
                page_token=request.page_token,
            )
        return supervision_pb2.GetRecordResponse(
            entries=[entry_message(each) for each in entries], next_page_token=token
        )

    async def ListRecordAccesses(
        self, request: supervision_pb2.ListRecordAccessesRequest, context: Context
    ) -> supervision_pb2.ListRecordAccessesResponse:
        async with self._database.transaction() as tx:
            found, token = await record.accesses(
                tx,
                parse_id(request.session_id, "session_id"),
                page_size=request.page_size,
                page_token=request.page_token,
            )
        return supervision_pb2.ListRecordAccessesResponse(
            accesses=[access_message(each) for each in found], next_page_token=token
        )
