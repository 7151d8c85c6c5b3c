"""Tests of saving answers over a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from proctorium.assessment.v1 import attempts_pb2
from proctorium_common.rpc.status import error_of

from .harness import Harness, Seat


def request(seat: Seat, *changes: attempts_pb2.AnswerChange) -> attempts_pb2.StreamAnswersRequest:
    save = attempts_pb2.SaveAnswersRequest(attempt_id=seat.attempt_id, changes=changes)
    return attempts_pb2.StreamAnswersRequest(save=save)


async def first_receipt(call: Any) -> None:
    assert (await call.read()).HasField("receipt")


async def answered(
    seat: Seat, requests: list[attempts_pb2.StreamAnswersRequest]
) -> list[attempts_pb2.StreamAnswersResponse]:
    """Send all requests without waiting for the response of each, and return the responses."""

    async def send() -> AsyncIterator[attempts_pb2.StreamAnswersRequest]:
        for each in requests:
            yield each

    return [each async for each in seat.learner.attempts.StreamAnswers(send())]


async def test_responses_are_in_the_order_of_the_requests(harness: Harness) -> None:
    seat = await harness.started()
    sent = [request(seat, seat.change(number, number % 4)) for number in range(1, 201)]
    responses = await answered(seat, sent)
    receipts = [response.receipt for response in responses]
    assert [list(receipt.sequences) for receipt in receipts] == [[n] for n in range(1, 201)]
    positions = [position for receipt in receipts for position in receipt.positions]
    assert sorted(positions) == list(range(1, 201))
    assert (await seat.attempt()).last_sequence == 200


async def test_refused_save_does_not_end_the_stream(
    harness: Harness,
) -> None:
    seat = await harness.started()
    other = await harness.started()
    responses = await answered(
        seat,
        [
            request(seat, seat.change(1, 0)),
            request(seat, seat.change(1, 2)),
            request(other, other.change(2, 0)),
            request(seat, seat.change(2, 0)),
        ],
    )
    outcomes = [each.refused.reason or "receipt" for each in responses]
    assert outcomes == ["receipt", "SEQUENCE_REUSED", "NOT_YOUR_ATTEMPT", "receipt"]
    assert list(responses[1].refused.sequences) == [1]
    assert responses[1].refused.metadata["sequence"] == "1"


async def test_saves_of_an_attempt_that_is_not_cached_are_in_order(
    harness: Harness,
) -> None:
    seats = [await harness.started() for _ in range(12)]

    async def outcomes(seat: Seat) -> list[str]:
        sent = [request(seat, seat.change(1, choice)) for choice in (0, 2, 1, 3)]
        return [each.refused.reason or "receipt" for each in await answered(seat, sent)]

    for one in await asyncio.gather(*(outcomes(seat) for seat in seats)):
        assert one == ["receipt", *["SEQUENCE_REUSED"] * 3]


async def test_changes_in_the_stream_after_the_deadline_are_refused(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    (response,) = await answered(seat, [request(seat, seat.change(1, 0))])
    assert response.refused.reason == "ATTEMPT_SUBMITTED"
    assert response.refused.metadata["stored"] == "true"


async def test_invalid_message_ends_the_stream_after_earlier_responses(harness: Harness) -> None:
    seat = await harness.started()

    async def send() -> AsyncIterator[attempts_pb2.StreamAnswersRequest]:
        yield request(seat, seat.change(1, 0))
        yield attempts_pb2.StreamAnswersRequest()

    call = seat.learner.attempts.StreamAnswers(send())
    await first_receipt(call)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await call.read()
    assert error_of(ended.value).reason == "INVALID_REQUEST"
    assert (await seat.attempt()).last_sequence == 1


async def test_disconnected_learner_loses_no_received_change(harness: Harness) -> None:
    seat = await harness.started()
    sending = asyncio.Event()

    async def send() -> AsyncIterator[attempts_pb2.StreamAnswersRequest]:
        yield request(seat, seat.change(1, 0))
        await sending.wait()

    call = seat.learner.attempts.StreamAnswers(send())
    await first_receipt(call)
    call.cancel()
    assert (await seat.attempt()).last_sequence == 1
