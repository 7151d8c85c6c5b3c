"""AttemptService over gRPC, except for saving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium_assessment.api.messages import attempt_message, open_attempt_message
from proctorium_assessment.api.saving import SavingApi
from proctorium_assessment.operations import attempts, entering, submission
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.operations.saving import AnswerSaver
from proctorium_assessment.operations.watch import AttemptWatch
from proctorium_common.clock import Clock
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import calling_person, current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class AttemptApi(SavingApi):
    """The methods of `attempts.proto`. The base class `SavingApi` contains the methods that save answers."""

    def __init__(
        self,
        database: Database,
        published: PublishedAssessments,
        clock: Clock,
        saver: AnswerSaver,
        watch: AttemptWatch,
    ) -> None:
        super().__init__(saver)
        self._database = database
        self._published = published
        self._clock = clock
        self._watch = watch

    async def CreateAttempt(
        self, request: pb.CreateAttemptRequest, context: Context
    ) -> pb.CreateAttemptResponse:
        return await attempts.create_self_paced(
            self._database,
            calling_person(),
            parse_id(request.assessment_id, "assessment_id"),
            Responder(
                request,
                pb.CreateAttemptResponse,
                lambda overview: pb.CreateAttemptResponse(
                    attempt=attempt_message(overview, self._clock())
                ),
            ),
        )

    async def ListAttempts(
        self, request: pb.ListAttemptsRequest, context: Context
    ) -> pb.ListAttemptsResponse:
        overviews, next_page_token = await attempts.list_attempts(
            self._database,
            current_call().caller,
            optional_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListAttemptsResponse(
            attempts=[attempt_message(overview, self._clock()) for overview in overviews],
            next_page_token=next_page_token,
        )

    async def GetAttempt(
        self, request: pb.GetAttemptRequest, context: Context
    ) -> pb.GetAttemptResponse:
        return pb.GetAttemptResponse(attempt=await self._open(request.attempt_id))

    async def StartAttempt(
        self, request: pb.StartAttemptRequest, context: Context
    ) -> pb.StartAttemptResponse:
        await attempts.start(
            self._database,
            self._published,
            calling_person(),
            parse_id(request.attempt_id, "attempt_id"),
            Responder(request, pb.StartAttemptResponse, lambda _: pb.StartAttemptResponse()),
        )
        # Read the attempt for each response, because the response that is stored for the idempotency key does not
        # contain the attempt. If the stored response contained the items, a learner could repeat the request after the
        # submission and receive the items again.
        return pb.StartAttemptResponse(attempt=await self._open(request.attempt_id))

    async def EnterAttempt(
        self, request: pb.EnterAttemptRequest, context: Context
    ) -> pb.EnterAttemptResponse:
        return await entering.enter(
            self._database,
            calling_person(),
            parse_id(request.attempt_id, "attempt_id"),
            parse_id(request.device_id, "device_id"),
            Responder(
                request,
                pb.EnterAttemptResponse,
                lambda entered: pb.EnterAttemptResponse(writer_epoch=entered.writer_epoch),
            ),
        )

    async def SubmitAttempt(
        self, request: pb.SubmitAttemptRequest, context: Context
    ) -> pb.SubmitAttemptResponse:
        return await submission.submit(
            self._database,
            calling_person(),
            parse_id(request.attempt_id, "attempt_id"),
            Responder(
                request,
                pb.SubmitAttemptResponse,
                lambda overview: pb.SubmitAttemptResponse(
                    attempt=attempt_message(overview, self._clock())
                ),
            ),
        )

    async def WatchAttempt(
        self, request: pb.WatchAttemptRequest, context: Context
    ) -> AsyncIterator[pb.WatchAttemptResponse]:
        overviews = self._watch.watch(calling_person(), parse_id(request.attempt_id, "attempt_id"))
        async for overview in overviews:
            yield pb.WatchAttemptResponse(
                cursor=str(overview.attempt.version),
                attempt=attempt_message(overview, self._clock()),
            )

    async def _open(self, attempt_id: str) -> pb.Attempt:
        opened = await attempts.open_attempt(
            self._database, self._published, calling_person(), parse_id(attempt_id, "attempt_id")
        )
        return open_attempt_message(opened, self._clock())
