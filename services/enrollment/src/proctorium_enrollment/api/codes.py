"""CodeService over gRPC.

The stored answers of idempotency keys are not sealed, so a code's text is put into an answer only after the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import codes_pb2 as pb
from proctorium.enrollment.v1 import codes_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.validation import time_of
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.api.messages import (
    WARNINGS,
    code_message,
    resolution_message,
)
from proctorium_enrollment.operations.code_resolution import CodeEntry, CodeResolution
from proctorium_enrollment.operations.codes import Codes, NewCode

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class CodeApi(codes_pb2_grpc.CodeServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    codes: Codes
    resolution: CodeResolution

    async def IssueCode(
        self, request: pb.IssueCodeRequest, context: Context
    ) -> pb.IssueCodeResponse:
        new = _new_code(request)

        async def run(tx: Transaction) -> pb.IssueCodeResponse:
            issued = await self.codes.issue(tx, new)
            return pb.IssueCodeResponse(
                code=pb.Code(code_id=str(issued.code.code_id)),
                warnings=[WARNINGS[each] for each in sorted(issued.warnings)],
            )

        keyed = pb.IssueCodeRequest()
        keyed.CopyFrom(request)
        keyed.ClearField("text")
        issued = await self.database.once(keyed, run, pb.IssueCodeResponse)
        return pb.IssueCodeResponse(code=await self._shown(issued.code), warnings=issued.warnings)

    async def ReplaceCode(
        self, request: pb.ReplaceCodeRequest, context: Context
    ) -> pb.ReplaceCodeResponse:
        code_id = parse_id(request.code_id, "code_id")

        async def run(tx: Transaction) -> pb.ReplaceCodeResponse:
            code = await self.codes.replace(tx, code_id)
            annotate(session_id=code.session_id)
            return pb.ReplaceCodeResponse(code=pb.Code(code_id=str(code.code_id)))

        replaced = await self.database.once(request, run, pb.ReplaceCodeResponse)
        return pb.ReplaceCodeResponse(code=await self._shown(replaced.code))

    async def RevokeCode(
        self, request: pb.RevokeCodeRequest, context: Context
    ) -> pb.RevokeCodeResponse:
        code_id = parse_id(request.code_id, "code_id")

        async def run(tx: Transaction) -> pb.RevokeCodeResponse:
            code = await self.codes.revoke(tx, code_id)
            annotate(session_id=code.session_id)
            return pb.RevokeCodeResponse(code=pb.Code(code_id=str(code.code_id)))

        revoked = await self.database.once(request, run, pb.RevokeCodeResponse)
        return pb.RevokeCodeResponse(code=await self._shown(revoked.code))

    async def ListCodes(
        self, request: pb.ListCodesRequest, context: Context
    ) -> pb.ListCodesResponse:
        session_id = parse_id(request.session_id, "session_id")
        async with self.database.transaction() as tx:
            found, token = await self.codes.list_of(
                tx, current_call().caller, session_id, request.page_size, request.page_token
            )
        return pb.ListCodesResponse(
            codes=[code_message(shown) for shown in found], next_page_token=token
        )

    async def BatchResolveCodes(
        self, request: pb.BatchResolveCodesRequest, context: Context
    ) -> pb.BatchResolveCodesResponse:
        entries = [
            CodeEntry(each.text, parse_id(each.person_id, "person_id"), each.client_address)
            for each in request.entries
        ]
        resolutions = await self.resolution.resolve(entries)
        return pb.BatchResolveCodesResponse(resolutions=map(resolution_message, resolutions))

    async def _shown(self, code: pb.Code) -> pb.Code:
        async with self.database.transaction() as tx:
            return code_message(await self.codes.shown(tx, parse_id(code.code_id, "code_id")))


def _new_code(request: pb.IssueCodeRequest) -> NewCode:
    return NewCode(
        session_id=parse_id(request.session_id, "session_id"),
        person_id=optional_id(request.person_id, "person_id"),
        text=request.text,
        valid_from=(
            time_of(request.valid_from_time, "valid_from_time")
            if request.HasField("valid_from_time")
            else None
        ),
        valid_until=(
            time_of(request.valid_until_time, "valid_until_time")
            if request.HasField("valid_until_time")
            else None
        ),
    )
