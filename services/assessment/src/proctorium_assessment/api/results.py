"""ResultService, GradingService and TranscriptService."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.v1 import grading_pb2, grading_pb2_grpc, results_pb2, results_pb2_grpc
from proctorium_assessment.api.messages import (
    certificate_message,
    item_result_message,
    result_message,
    saved_answer_message,
)
from proctorium_assessment.operations import releasing, results, transcripts
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction


class ResultApi(results_pb2_grpc.ResultServiceServicer):
    """Results, which are permanent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetResult(
        self,
        request: results_pb2.GetResultRequest,
        context: Context,
    ) -> results_pb2.GetResultResponse:
        async with self._database.transaction() as tx:
            result, outcomes = await results.get(
                tx, current_call().caller, UUID(request.attempt_id)
            )
        message = result_message(result)
        message.item_results.extend(item_result_message(outcome) for outcome in outcomes)
        return results_pb2.GetResultResponse(result=message)

    async def ListResults(
        self,
        request: results_pb2.ListResultsRequest,
        context: Context,
    ) -> results_pb2.ListResultsResponse:
        session_id = optional_id(request.session_id, "session_id")
        async with self._database.transaction() as tx:
            shown, token = await results.page(
                tx, current_call().caller, session_id, request.page_size, request.page_token
            )
        return results_pb2.ListResultsResponse(
            results=[result_message(each) for each in shown], next_page_token=token
        )


class GradingApi(grading_pb2_grpc.GradingServiceServicer):
    """What people decide about scores."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ReleaseResults(
        self,
        request: grading_pb2.ReleaseResultsRequest,
        context: Context,
    ) -> grading_pb2.ReleaseResultsResponse:
        async def run(tx: Transaction) -> grading_pb2.ReleaseResultsResponse:
            released = await releasing.release(
                tx,
                current_call().caller,
                [UUID(each) for each in request.attempt_ids],
                request.release_reason,
            )
            return grading_pb2.ReleaseResultsResponse(
                results=[result_message(each) for each in released]
            )

        return await self._database.once(request, run, grading_pb2.ReleaseResultsResponse)

    async def ListLateAnswers(
        self,
        request: grading_pb2.ListLateAnswersRequest,
        context: Context,
    ) -> grading_pb2.ListLateAnswersResponse:
        async with self._database.transaction() as tx:
            late, token = await results.late_answers(
                tx,
                current_call().caller,
                UUID(request.attempt_id),
                request.page_size,
                request.page_token,
            )
        return grading_pb2.ListLateAnswersResponse(
            answers=[saved_answer_message(each) for each in late], next_page_token=token
        )


class TranscriptApi(results_pb2_grpc.TranscriptServiceServicer):
    """What a learner has achieved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetTranscript(
        self,
        request: results_pb2.GetTranscriptRequest,
        context: Context,
    ) -> results_pb2.GetTranscriptResponse:
        person_id = optional_id(request.person_id, "person_id")
        async with self._database.transaction() as tx:
            found = await transcripts.transcript(tx, current_call().caller, person_id)
        return results_pb2.GetTranscriptResponse(
            entries=[_entry(entry) for entry in found.entries],
            certificates=[
                certificate_message(each, with_credential=False) for each in found.certificates
            ],
        )


def _entry(entry: transcripts.Entry) -> results_pb2.TranscriptEntry:
    message = results_pb2.TranscriptEntry(result=result_message(entry.result))
    if entry.course is not None:
        message.course_id = str(entry.course.course_id)
        message.course_title = entry.course.title
        message.hours = entry.course.hours
    return message
