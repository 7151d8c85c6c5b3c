"""Open streams of a person whose rights were taken away end at once, and those of others go on."""

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
from .test_stream_life import PATIENCE, for_ever


def _token(served: Any, version: int = 0, person: Any = PERSON) -> str:
    return TokenSigner(served.key).sign(person, ["learner", "proctor"], version).text


@pytest.mark.parametrize(
    ("revocation", "reason_of_the_next"),
    [
        (Revocation(1, 0, frozenset()), "TOKEN_INVALID"),
        (Revocation(0, 1, frozenset({"learner"})), "NOT_ALLOWED"),
    ],
    ids=["account disabled", "role revoked"],
)
async def test_streams_of_the_person_end_and_the_token_is_good_for_no_more(
    revocation: Revocation, reason_of_the_next: str
) -> None:
    stored: dict[Any, Revocation] = {}

    async def load() -> dict[Any, Revocation]:
        return dict(stored)

    revocations = Revocations(load)
    await revocations.refresh()
    async with (
        serving(for_ever, revocations=revocations) as served,
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
        async with asyncio.timeout(PATIENCE):
            ended = await refusal(opened.read())
        assert (ended.kind, ended.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
        assert not renewed.done()
        assert not other.done()
        again = await refusal(
            stub.AsProctor(pb.EchoRequest(), metadata=bearer(_token(served)), timeout=5)
        )
        assert again.reason == reason_of_the_next
        renewed.cancel()
        other.cancel()
