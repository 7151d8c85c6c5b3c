"""Test that the edge accepts only valid tokens, even while enrollment is down and after a rotation of signing keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from e2e.scenario import Scenario
from e2e.tokens import rotate_signing_key, sign_token_with
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


async def test_edge_accepts_old_and_new_keys_after_restarts_while_enrollment_is_down(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    before = learner.token
    assert before is not None
    new_key = await rotate_signing_key(stack)
    # Enrollment uses a new key only after six minutes, so the refreshed token is still signed with the old key.
    await learner.refresh_tokens()
    assert learner.token is not None
    await _list_notifications(stack, learner.token)
    await _wait_until_edge_has_key(stack, new_key)
    after = await sign_token_with(stack, new_key, learner.person_id, ["learner"])
    await _wait_until_accepted(stack, after)
    async with _stopped(stack, "enrollment"):
        await stack.kill("edge-keys")
        await stack.ready("edge-keys")
        await stack.restart("edge")
        for token in (before, after):
            await _list_notifications(stack, token)
        forged = TokenSigner(SigningKey.generate()).sign(new_id(), ["learner"]).text
        async with _caller(stack, forged) as caller:
            error = await refusal(caller.inbox.ListNotifications(ListNotificationsRequest()))
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_INVALID")
        assert error.message == "Please sign in again."
        async with _stopped(stack, "edge-keys"):
            await stack.restart("edge")
            await _list_notifications(stack, after)


async def _list_notifications(stack: Stack, token: str) -> None:
    """Call a method for which the edge needs only the notification service, and not enrollment."""
    async with _caller(stack, token) as caller:
        await caller.inbox.ListNotifications(ListNotificationsRequest())


async def _wait_until_accepted(stack: Stack, token: str) -> None:
    """Wait until the edge and the notification service accept the token.

    The wait may take ten seconds, because a service fetches keys at most once in ten seconds.
    """

    async def accepted() -> bool | None:
        try:
            await _list_notifications(stack, token)
        except ServiceError as error:
            if error.reason != "TOKEN_INVALID":
                raise
            return None
        return True

    await eventually(accepted, "the new key to be accepted")


async def _wait_until_edge_has_key(stack: Stack, key_id: str) -> None:
    file = stack.data_folder.component_folder("edge-keys") / "token_check.json"
    async with asyncio.timeout(30):
        while key_id not in file.read_text("utf-8"):
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _caller(stack: Stack, token: str) -> AsyncIterator[Person]:
    channel = EdgeChannel(stack.address("edge"), token)
    caller = Person(channel, token)
    try:
        await channel.ready()
        yield caller
    finally:
        await caller.close()


@contextlib.asynccontextmanager
async def _stopped(stack: Stack, component: str) -> AsyncIterator[None]:
    await stack.stop(component)
    try:
        yield
    finally:
        await stack.start(component)
