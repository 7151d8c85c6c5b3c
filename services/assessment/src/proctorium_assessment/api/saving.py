"""Saving answers over single calls and over a stream: part of AttemptService, and its hot path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache

from proctorium.assessment.v1 import attempts_pb2, attempts_pb2_grpc
from proctorium_assessment.api.messages import moment_of, time_of
from proctorium_assessment.domain.answer_sheet import Saved
from proctorium_assessment.operations.saving import AnswerSaver, GivenAnswer
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context

_IN_FLIGHT = 64
"""Requests of one stream that may wait for their commit; more are not read until some are answered."""


class SavingApi(attempts_pb2_grpc.AttemptServiceServicer):
    """Answers with receipts."""

    def __init__(self, saver: AnswerSaver) -> None:
        self._saver = saver

    async def SaveAnswers(
        self,
        request: attempts_pb2.SaveAnswersRequest,
        context: Context,
    ) -> attempts_pb2.SaveAnswersResponse:
        return attempts_pb2.SaveAnswersResponse(receipt=await self._save(request))

    async def StreamAnswers(
        self, requests: AsyncIterator[attempts_pb2.StreamAnswersRequest], context: Context
    ) -> AsyncIterator[attempts_pb2.StreamAnswersResponse]:
        # Several are under way at once, and they are answered in the order in which they came.
        under_way: asyncio.Queue[asyncio.Task[attempts_pb2.StreamAnswersResponse] | None]
        under_way = asyncio.Queue(_IN_FLIGHT)

        async def take() -> None:
            try:
                async for request in requests:
                    await self._saver.meet(current_call().caller.person_id, request.save.attempt_id)
                    await under_way.put(asyncio.create_task(self._outcome(request.save)))
            except Exception:
                await under_way.put(None)
                raise
            await under_way.put(None)

        taking = asyncio.create_task(take())
        try:
            while (saving := await under_way.get()) is not None:
                yield await saving
            await taking
        finally:
            taking.cancel()

    async def _outcome(
        self, request: attempts_pb2.SaveAnswersRequest
    ) -> attempts_pb2.StreamAnswersResponse:
        try:
            return attempts_pb2.StreamAnswersResponse(receipt=await self._save(request))
        except ServiceError as refused:
            return attempts_pb2.StreamAnswersResponse(
                refused=attempts_pb2.SaveRefused(
                    sequences=[change.sequence for change in request.changes],
                    reason=refused.reason,
                    message=refused.message,
                    metadata=dict(refused.metadata),
                )
            )

    async def _save(self, request: attempts_pb2.SaveAnswersRequest) -> attempts_pb2.Receipt:
        saved = await self._saver.save(
            current_call().caller.person_id,
            request.attempt_id,
            [_given(change) for change in request.changes],
        )
        return _receipt(request.attempt_id, saved)


def _given(change: attempts_pb2.AnswerChange) -> GivenAnswer:
    return GivenAnswer(
        change.sequence,
        change.item_id,
        change.answer.SerializeToString(),
        moment_of(change.client_time) if change.HasField("client_time") else None,
    )


def _receipt(attempt_id: str, saved: Saved) -> attempts_pb2.Receipt:
    return attempts_pb2.Receipt(
        attempt_id=attempt_id,
        sequences=saved.sequences,
        positions=saved.positions,
        chain_head=saved.head,
        save_time=_commit_time(saved.saved_at),
    )


# All of a group are saved at one moment.
_commit_time = lru_cache(maxsize=256)(time_of)
