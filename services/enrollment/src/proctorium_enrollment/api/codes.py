"""The gRPC API of CodeService.

Responses are stored under idempotency keys without encryption. An operation therefore returns its response without the
text of the code. The API reads the text after the transaction and adds it to the response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import codes_pb2 as pb
from proctorium.enrollment.v1 import codes_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.validation import time_of
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.api.messages import CODE_WARNINGS, code_message, resolution_message
from proctorium_enrollment.operations.code_resolution import CodeEntry, CodeResolution
from proctorium_enrollment.operations.codes import Codes, NewCode

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class CodeApi(codes_pb2_grpc.CodeServiceServicer):
    """Implementation of CodeService in `codes.proto`."""

    def __init__(self, codes: Codes, resolution: CodeResolution) -> None:
        self._codes = codes
        self._resolution = resolution

    async def IssueCode(
        self, request: pb.IssueCodeRequest, context: Context
    ) -> pb.IssueCodeResponse:
        request_to_digest = pb.IssueCodeRequest()
        request_to_digest.CopyFrom(request)
        # A digest of the request is stored, and a code is so short that its text could be guessed from a digest. A
        # blind index therefore replaces the text before the digest is computed. The text cannot simply be omitted,
        # because requests with different texts would then have the same digest.
        request_to_digest.text = self._codes.request_index(request.text)
        response = await self._codes.issue(
            _new_code(request),
            Responder(
                request_to_digest,
                pb.IssueCodeResponse,
                lambda issued: pb.IssueCodeResponse(
                    code=pb.Code(code_id=str(issued.code.code_id)),
                    warnings=map(CODE_WARNINGS.to_proto, sorted(issued.warnings)),
                ),
            ),
        )
        return pb.IssueCodeResponse(
            code=await self._with_text(response.code), warnings=response.warnings
        )

    async def ReplaceCode(
        self, request: pb.ReplaceCodeRequest, context: Context
    ) -> pb.ReplaceCodeResponse:
        response = await self._codes.replace(
            parse_id(request.code_id, "code_id"),
            Responder(
                request,
                pb.ReplaceCodeResponse,
                lambda code: pb.ReplaceCodeResponse(code=pb.Code(code_id=str(code.code_id))),
            ),
        )
        return pb.ReplaceCodeResponse(code=await self._with_text(response.code))

    async def RevokeCode(
        self, request: pb.RevokeCodeRequest, context: Context
    ) -> pb.RevokeCodeResponse:
        response = await self._codes.revoke(
            parse_id(request.code_id, "code_id"),
            Responder(
                request,
                pb.RevokeCodeResponse,
                lambda code: pb.RevokeCodeResponse(code=pb.Code(code_id=str(code.code_id))),
            ),
        )
        return pb.RevokeCodeResponse(code=await self._with_text(response.code))

    async def ListCodes(
        self, request: pb.ListCodesRequest, context: Context
    ) -> pb.ListCodesResponse:
        found, token = await self._codes.list_codes(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            request.page_size,
            request.page_token,
        )
        return pb.ListCodesResponse(codes=map(code_message, found), next_page_token=token)

    async def BatchResolveCodes(
        self, request: pb.BatchResolveCodesRequest, context: Context
    ) -> pb.BatchResolveCodesResponse:
        entries = [
            CodeEntry(each.text, parse_id(each.person_id, "person_id"), each.client_address)
            for each in request.entries
        ]
        resolutions = await self._resolution.resolve(entries)
        return pb.BatchResolveCodesResponse(resolutions=map(resolution_message, resolutions))

    async def _with_text(self, code: pb.Code) -> pb.Code:
        return code_message(await self._codes.get_code(parse_id(code.code_id, "code_id")))


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
