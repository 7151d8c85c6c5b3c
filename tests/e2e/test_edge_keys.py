"""The edge goes on checking tokens, and refuses no valid one, while enrollment is away and when keys change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from e2e.stage import Stage
from e2e.tokens import rotate, signed_by
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal


async def test_with_enrollment_down_neither_a_restart_nor_an_earlier_rotation_refuses_a_token(
    stack: Stack, stage: Stage
) -> None:
    learner = stage.learners[0]
    before = learner.token
    assert before is not None
    new_key = await rotate(stack)
    # The new key signs in six minutes only, so tokens given now are good wherever it is not known yet.
    await learner.renew()
    assert learner.token is not None
    await _lists_notifications(stack, learner.token)
    await _edge_knows(stack, new_key)
    after = await signed_by(stack, new_key, learner.person_id, ["learner"])
    await _until_accepted(stack, after)
    async with _stopped(stack, "enrollment"):
        await stack.kill("edge-keys")
        await stack.ready("edge-keys")
        await stack.restart("edge")
        for token in (before, after):
            await _lists_notifications(stack, token)
        forged = TokenSigner(SigningKey.generate()).sign(new_id(), ["learner"]).text
        async with _caller(stack, forged) as caller:
            error = await refusal(caller.inbox.ListNotifications(ListNotificationsRequest()))
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_INVALID")
        assert error.message == "Please sign in again."
        async with _stopped(stack, "edge-keys"):
            await stack.restart("edge")
            await _lists_notifications(stack, after)


async def _lists_notifications(stack: Stack, token: str) -> None:
    """Call something that asks one service and nobody else."""
    async with _caller(stack, token) as caller:
        await caller.inbox.ListNotifications(ListNotificationsRequest())


async def _until_accepted(stack: Stack, token: str) -> None:
    """Wait until the edge and the service, which asks at most every ten seconds, know the new key."""

    async def accepted() -> bool | None:
        try:
            await _lists_notifications(stack, token)
        except ServiceError as error:
            if error.reason != "TOKEN_INVALID":
                raise
            return None
        return True

    await eventually(accepted, "the new key to be known")


async def _edge_knows(stack: Stack, key_id: str) -> None:
    file = stack.data_folder.component_folder("edge-keys") / "token_check.json"
    async with asyncio.timeout(30):
        while key_id not in file.read_text("utf-8"):
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _caller(stack: Stack, token: str) -> AsyncIterator[Person]:
    caller = Person(EdgeChannel(stack.address("edge"), token), token)
    try:
        yield caller
    finally:
        await caller.close()


@contextlib.asynccontextmanager
async def _stopped(stack: Stack, part: str) -> AsyncIterator[None]:
    await stack.stop(part)
    try:
        yield
    finally:
        await stack.start(part)
