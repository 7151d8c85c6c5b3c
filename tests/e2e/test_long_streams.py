"""A stream ends with the token that it was opened with; who renews that comes back and has missed nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

import pytest

from e2e.grpc_web import WebChannel
from e2e.stage import MakeChannel, Stage, set_stage
from e2e.story import LearnerStory, ProctorStory
from e2e.tokens import almost_over, signed
from e2e.watching import Watch
from proctorium.session.v1.lobby_pb2 import PARTICIPANT_STATE_IN_SESSION, PARTICIPANT_STATE_WAITING
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

PATIENCE = 20.0


@pytest.mark.parametrize("channel", [EdgeChannel, WebChannel], ids=["grpc", "grpc-web"])
async def test_a_watch_outlives_its_token_by_renewing_it(
    stack: Stack, channel: MakeChannel
) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=(channel,))
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    await learner.close()
    old = await _give_a_token_that_is_almost_over(stack, stage)
    renewed = asyncio.Event()

    async def renew() -> None:
        await learner.learner.renew()
        renewed.set()

    watch = Watch(learner.open_lobby, lambda view: view.cursor, renew)
    await watch.until(lambda view: view.participant.state == PARTICIPANT_STATE_WAITING, "Waiting")
    await asyncio.wait_for(renewed.wait(), PATIENCE)
    assert learner.learner.token != old
    await ProctorStory(stage).start()
    await watch.until(
        lambda view: view.participant.state == PARTICIPANT_STATE_IN_SESSION, "In Session"
    )
    await watch.close()
    await stage.close()


async def test_a_watch_whose_token_is_not_renewed_is_over(stack: Stack, stage: Stage) -> None:
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    await learner.close()
    await _give_a_token_that_is_almost_over(stack, stage)
    with pytest.raises(ServiceError) as over:
        await asyncio.wait_for(_read_all(learner.open_lobby("")), PATIENCE)
    assert (over.value.kind, over.value.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert "open this again" in over.value.message


async def _read_all(stream: AsyncIterable[object]) -> None:
    async for _ in stream:
        pass


async def _give_a_token_that_is_almost_over(stack: Stack, stage: Stage) -> str:
    learner = stage.learners[0]
    token = await signed(stack, learner.person_id, ["learner"], almost_over())
    learner.token = learner.channel.token = token
    return token
