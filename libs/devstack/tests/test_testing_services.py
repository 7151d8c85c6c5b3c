"""The fixture that runs one service over TLS."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest

from proctorium.session.v1 import supervision_pb2, supervision_pb2_grpc
from proctorium_common.process.service import Service
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.rpc.caller import Caller, current_call
from proctorium_common.rpc.served import Context
from proctorium_devstack.testing import Running

SESSION = "proctorium_session"


class Record(supervision_pb2_grpc.RecordServiceServicer):
    """Records the callers."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    async def GetRecord(
        self, request: object, context: Context
    ) -> supervision_pb2.GetRecordResponse:
        self.callers.append(current_call().caller)
        return supervision_pb2.GetRecordResponse()

    async def ListRecordAccesses(
        self, request: object, context: Context
    ) -> supervision_pb2.ListRecordAccessesResponse:
        raise NotImplementedError


async def test_calls_have_the_person_and_peer_that_the_test_chooses(running: Running) -> None:
    record, proctor = Record(), uuid4()

    def build(service: Service[ServiceSettings]) -> None:
        service.rpc(supervision_pb2_grpc.add_RecordServiceServicer_to_server, record)

    request = supervision_pb2.GetRecordRequest(session_id=str(uuid4()))
    async with running(ServiceSettings, build, package=SESSION) as served:
        allowed = served.channel(proctor, "proctor")
        await supervision_pb2_grpc.RecordServiceStub(allowed).GetRecord(request)
        for refused in (
            served.channel(),
            served.channel(uuid4(), "learner"),
            served.channel(proctor, "proctor", peer="stranger"),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await supervision_pb2_grpc.RecordServiceStub(refused).GetRecord(request)
    assert record.callers == [Caller(proctor, frozenset({"proctor"}), "edge")]
