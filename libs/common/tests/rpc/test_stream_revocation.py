"""Test that a revocation ends the open streams of the person whose tokens are revoked, and no other streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.security.revocations import Revocation, Revocations
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .serving import PERSON, bearer, serving
from .test_stream_life import TIMEOUT, forever


def _token(served: Any, version: int = 0, person: Any = PERSON) -> str:
    return TokenSigner(served.key).sign(person, ["learner", "proctor"], version).text


@pytest.mark.parametrize(
    ("revocation", "later_reason"),
    [
        (Revocation(1, 0, frozenset()), "TOKEN_INVALID"),
        (Revocation(0, 1, frozenset({"learner"})), "NOT_ALLOWED"),
    ],
    ids=["account disabled", "role revoked"],
)
async def test_revocation_ends_streams_and_invalidates_the_token(
    revocation: Revocation, later_reason: str
) -> None:
    stored: dict[Any, Revocation] = {}

    async def load() -> dict[Any, Revocation]:
        return dict(stored)

    revocations = Revocations(load)
    await revocations.refresh()
    async with (
        serving(forever, revocations=revocations) as served,
        served.channel() as channel,
    ):
        stub = stubs.EchoServiceStub(channel)
        opened = stub.Watch(pb.EchoRequest(), metadata=bearer(_token(served)))
        renewed = stub.Watch(pb.EchoRequest(), metadata=bearer(_token(served, version=1)))
        other = stub.Watch(pb.EchoRequest(), metadata=bearer(_token(served, person=new_id())))
        for stream in (opened, renewed, other):
            assert (await stream.read()).text == "first"
        stored[PERSON] = revocation
        await revocations.refresh()
        async with asyncio.timeout(TIMEOUT):
            ended = await refusal(opened.read())
        assert (ended.kind, ended.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
        assert not renewed.done()
        assert not other.done()
        later = await refusal(
            stub.AsProctor(pb.EchoRequest(), metadata=bearer(_token(served)), timeout=5)
        )
        assert later.reason == later_reason
        renewed.cancel()
        other.cancel()
