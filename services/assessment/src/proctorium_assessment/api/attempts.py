"""AttemptService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from proctorium.assessment.v1 import attempts_pb2
from proctorium_assessment.api.messages import (
    attempt_message,
    calling_person,
    opened_message,
)
from proctorium_assessment.api.saving import SavingApi
from proctorium_assessment.operations import attempts, submission
from proctorium_assessment.operations.published import PublishedAssessments
from proctorium_assessment.operations.saving import AnswerSaver
from proctorium_assessment.operations.watching import AttemptWatch
from proctorium_common.clock import Clock
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction


class AttemptApi(SavingApi):
    """Taking an assessment."""

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
        self,
        request: attempts_pb2.CreateAttemptRequest,
        context: Context,
    ) -> attempts_pb2.CreateAttemptResponse:
        async def run(tx: Transaction) -> attempts_pb2.CreateAttemptResponse:
            made = await attempts.create_self_paced(
                tx, calling_person(), UUID(request.assessment_id)
            )
            return attempts_pb2.CreateAttemptResponse(attempt=attempt_message(made, tx.now))

        return await self._database.once(request, run, attempts_pb2.CreateAttemptResponse)

    async def ListAttempts(
        self,
        request: attempts_pb2.ListAttemptsRequest,
        context: Context,
    ) -> attempts_pb2.ListAttemptsResponse:
        session_id = optional_id(request.session_id, "session_id")
        async with self._database.transaction() as tx:
            shown, token = await attempts.page(
                tx, current_call().caller, session_id, request.page_size, request.page_token
            )
        return attempts_pb2.ListAttemptsResponse(
            attempts=[attempt_message(each, tx.now) for each in shown], next_page_token=token
        )

    async def GetAttempt(
        self,
        request: attempts_pb2.GetAttemptRequest,
        context: Context,
    ) -> attempts_pb2.GetAttemptResponse:
        return attempts_pb2.GetAttemptResponse(attempt=await self._opened(request.attempt_id))

    async def StartAttempt(
        self,
        request: attempts_pb2.StartAttemptRequest,
        context: Context,
    ) -> attempts_pb2.StartAttemptResponse:
        async def run(tx: Transaction) -> attempts_pb2.StartAttemptResponse:
            await attempts.start(tx, self._published, calling_person(), UUID(request.attempt_id))
            return attempts_pb2.StartAttemptResponse()

        await self._database.once(request, run, attempts_pb2.StartAttemptResponse)
        # Read after it: a stored response would repeat the questions to a learner who has submitted meanwhile.
        return attempts_pb2.StartAttemptResponse(attempt=await self._opened(request.attempt_id))

    async def SubmitAttempt(
        self,
        request: attempts_pb2.SubmitAttemptRequest,
        context: Context,
    ) -> attempts_pb2.SubmitAttemptResponse:
        async def run(tx: Transaction) -> attempts_pb2.SubmitAttemptResponse:
            done = await submission.submit(tx, calling_person(), UUID(request.attempt_id))
            return attempts_pb2.SubmitAttemptResponse(attempt=attempt_message(done, tx.now))

        return await self._database.once(request, run, attempts_pb2.SubmitAttemptResponse)

    async def WatchAttempt(
        self,
        request: attempts_pb2.WatchAttemptRequest,
        context: Context,
    ) -> AsyncIterator[attempts_pb2.WatchAttemptResponse]:
        changes = self._watch.changes(calling_person(), UUID(request.attempt_id))
        async for overview in changes:
            yield attempts_pb2.WatchAttemptResponse(
                cursor=str(overview.attempt.version),
                attempt=attempt_message(overview, self._clock()),
            )

    async def _opened(self, attempt_id: str) -> attempts_pb2.Attempt:
        opened = await attempts.open_attempt(
            self._database, self._published, calling_person(), UUID(attempt_id)
        )
        return opened_message(opened, self._clock())
