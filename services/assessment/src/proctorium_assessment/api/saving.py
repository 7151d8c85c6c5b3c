"""The methods of AttemptService that save answers: one unary call and one stream.

Saves are frequent requests, so this code must be fast.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.assessment.v1 import attempts_pb2_grpc
from proctorium_assessment.api.messages import receipt_message, sent_answer_from_message
from proctorium_assessment.operations.saving import AnswerSaver
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.caller import current_call

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context

_MAX_IN_PROGRESS = 64
"""The maximum number of requests of one stream that wait for their commit.

When this number of requests waits, the next request is read after the oldest request has its response.
"""


class SavingApi(attempts_pb2_grpc.AttemptServiceServicer):
    """The methods of `attempts.proto` that save answers."""

    def __init__(self, saver: AnswerSaver) -> None:
        self._saver = saver

    async def SaveAnswers(
        self, request: pb.SaveAnswersRequest, context: Context
    ) -> pb.SaveAnswersResponse:
        return pb.SaveAnswersResponse(receipt=await self._save(request))

    async def StreamAnswers(
        self, requests: AsyncIterator[pb.StreamAnswersRequest], context: Context
    ) -> AsyncIterator[pb.StreamAnswersResponse]:
        # Several requests of the stream are processed concurrently. The queue keeps the responses in the order of the
        # requests.
        saves: asyncio.Queue[asyncio.Task[pb.StreamAnswersResponse] | None]
        saves = asyncio.Queue(_MAX_IN_PROGRESS)

        async def read() -> None:
            try:
                async for request in requests:
                    await self._saver.prepare(
                        current_call().caller.person_id, request.save.attempt_id
                    )
                    await saves.put(asyncio.create_task(self._respond(request.save)))
            except Exception:
                await saves.put(None)
                raise
            await saves.put(None)

        reader = asyncio.create_task(read())
        try:
            while (save := await saves.get()) is not None:
                yield await save
            await reader
        finally:
            reader.cancel()

    async def _respond(self, request: pb.SaveAnswersRequest) -> pb.StreamAnswersResponse:
        try:
            return pb.StreamAnswersResponse(receipt=await self._save(request))
        except ServiceError as error:
            return pb.StreamAnswersResponse(
                refused=pb.SaveRefused(
                    sequences=[change.sequence for change in request.changes],
                    reason=error.reason,
                    message=error.message,
                    metadata=dict(error.metadata),
                )
            )

    async def _save(self, request: pb.SaveAnswersRequest) -> pb.Receipt:
        receipt = await self._saver.save(
            current_call().caller.person_id,
            request.attempt_id,
            [sent_answer_from_message(change) for change in request.changes],
        )
        return receipt_message(request.attempt_id, receipt)
