"""ResultService, GradingService and TranscriptService over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.assessment.v1 import grading_pb2, grading_pb2_grpc, results_pb2_grpc
from proctorium.assessment.v1 import results_pb2 as pb
from proctorium_assessment.api.messages import (
    certificate_message,
    item_result_message,
    result_message,
    saved_answer_message,
    transcript_entry_message,
)
from proctorium_assessment.operations import releases, results, transcripts
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class ResultApi(results_pb2_grpc.ResultServiceServicer):
    """The methods of ResultService in `results.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetResult(
        self, request: pb.GetResultRequest, context: Context
    ) -> pb.GetResultResponse:
        result, item_results = await results.get(
            self._database, current_call().caller, parse_id(request.attempt_id, "attempt_id")
        )
        message = result_message(result)
        message.item_results.extend(map(item_result_message, item_results))
        return pb.GetResultResponse(result=message)

    async def ListResults(
        self, request: pb.ListResultsRequest, context: Context
    ) -> pb.ListResultsResponse:
        shown, next_page_token = await results.list_results(
            self._database,
            current_call().caller,
            optional_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListResultsResponse(
            results=[result_message(each) for each in shown], next_page_token=next_page_token
        )


class GradingApi(grading_pb2_grpc.GradingServiceServicer):
    """The methods of `grading.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ReleaseResults(
        self, request: grading_pb2.ReleaseResultsRequest, context: Context
    ) -> grading_pb2.ReleaseResultsResponse:
        return await releases.release(
            self._database,
            current_call().caller,
            [parse_id(each, "attempt_ids") for each in request.attempt_ids],
            request.release_reason,
            Responder(
                request,
                grading_pb2.ReleaseResultsResponse,
                lambda released: grading_pb2.ReleaseResultsResponse(
                    results=[result_message(each) for each in released]
                ),
            ),
        )

    async def ListLateAnswers(
        self, request: grading_pb2.ListLateAnswersRequest, context: Context
    ) -> grading_pb2.ListLateAnswersResponse:
        late, next_page_token = await results.list_late_answers(
            self._database,
            current_call().caller,
            parse_id(request.attempt_id, "attempt_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return grading_pb2.ListLateAnswersResponse(
            answers=[saved_answer_message(each) for each in late], next_page_token=next_page_token
        )


class TranscriptApi(results_pb2_grpc.TranscriptServiceServicer):
    """The methods of TranscriptService in `results.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetTranscript(
        self, request: pb.GetTranscriptRequest, context: Context
    ) -> pb.GetTranscriptResponse:
        transcript = await transcripts.get(
            self._database, current_call().caller, optional_id(request.person_id, "person_id")
        )
        return pb.GetTranscriptResponse(
            entries=[transcript_entry_message(entry) for entry in transcript.entries],
            certificates=[
                certificate_message(each, with_credential=False) for each in transcript.certificates
            ],
        )
