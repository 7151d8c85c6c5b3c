"""Test that a stream ends when its token expires, and that a client with a new token resumes and misses no message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

import pytest

from e2e.clients import LearnerClient, ProctorClient
from e2e.grpc_web import WebChannel
from e2e.scenario import MakeChannel, Scenario, create_scenario
from e2e.tokens import nearly_expired, sign_token
from e2e.watching import Watch
from proctorium.session.v1.lobby_pb2 import PARTICIPANT_STATE_IN_SESSION, PARTICIPANT_STATE_WAITING
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

TIMEOUT = 20.0


@pytest.mark.parametrize("channel", [EdgeChannel, WebChannel], ids=["grpc", "grpc-web"])
async def test_watch_resumes_with_a_renewed_token(stack: Stack, channel: MakeChannel) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(channel,))
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await learner.close()
    old = await _set_nearly_expired_token(stack, scenario)
    renewed = asyncio.Event()

    async def renew() -> None:
        await learner.learner.refresh_tokens()
        renewed.set()

    watch = Watch(learner.open_lobby, lambda view: view.cursor, renew)
    await watch.until(lambda view: view.participant.state == PARTICIPANT_STATE_WAITING, "Waiting")
    await asyncio.wait_for(renewed.wait(), TIMEOUT)
    assert learner.learner.token != old
    await ProctorClient(scenario).start()
    await watch.until(
        lambda view: view.participant.state == PARTICIPANT_STATE_IN_SESSION, "In Session"
    )
    await watch.close()
    await scenario.close()


async def test_watch_without_renewal_ends_when_its_token_expires(
    stack: Stack, scenario: Scenario
) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await learner.close()
    await _set_nearly_expired_token(stack, scenario)
    with pytest.raises(ServiceError) as expired:
        await asyncio.wait_for(_read_all(learner.open_lobby("")), TIMEOUT)
    assert (expired.value.kind, expired.value.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert "open this again" in expired.value.message


async def _read_all(stream: AsyncIterable[object]) -> None:
    async for _ in stream:
        pass


async def _set_nearly_expired_token(stack: Stack, scenario: Scenario) -> str:
    learner = scenario.learners[0]
    token = await sign_token(stack, learner.person_id, ["learner"], nearly_expired())
    learner.token = learner.channel.token = token
    return token
