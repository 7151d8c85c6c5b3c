"""Test that revoked tokens are refused although their signatures are valid."""

from __future__ import annotations

from uuid import UUID

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.revocations import Revocation, Revocations
from proctorium_common.security.tokens import TokenSigner, TokenVerifier
from proctorium_common.topology import services

KEY = SigningKey.generate()
PERSON = new_id()


class Listed:
    """A fake store of revocations. A test can change its content."""

    def __init__(self) -> None:
        self.stored: dict[UUID, Revocation] = {}
        self.revocations = Revocations(self._load)
        self.verifier = TokenVerifier(KeyRing.of(KEY.public), revocations=self.revocations)

    async def _load(self) -> dict[UUID, Revocation]:
        return dict(self.stored)

    async def revoke(self, revocation: Revocation) -> None:
        self.stored[PERSON] = revocation
        await self.revocations.refresh()


@pytest.fixture
async def listed() -> Listed:
    created = Listed()
    await created.revocations.refresh()
    return created


def token(version: int, *roles: str) -> str:
    return TokenSigner(KEY).sign(PERSON, roles or ("learner", "proctor"), version).text


async def reason_of(listed: Listed, text: str) -> str:
    with pytest.raises(ServiceError) as refused:
        await listed.verifier.verify(text)
    return refused.value.reason


async def test_earlier_token_is_refused_and_later_one_accepted(listed: Listed) -> None:
    earlier, later = token(1), token(2)
    await listed.verifier.verify(earlier)
    await listed.revoke(Revocation(2, 0, frozenset()))
    assert listed.verifier.cached(earlier) is None
    assert await reason_of(listed, earlier) == "TOKEN_INVALID"
    assert (await listed.verifier.verify(later)).roles == {"learner", "proctor"}
    assert listed.verifier.cached(later) is not None


async def test_revoked_role_in_an_earlier_token_is_ignored(
    listed: Listed,
) -> None:
    earlier = token(0)
    await listed.verifier.verify(earlier)
    await listed.revoke(Revocation(0, 1, frozenset({"learner"})))
    for service in (None, "edge"):
        remembered = listed.verifier.cached(earlier, service)
        assert remembered is not None
        assert remembered.roles == {"learner"}
        assert remembered.service == service
    assert (await listed.verifier.verify(token(0))).roles == {"learner"}
    assert (await listed.verifier.verify(token(1))).roles == {"learner", "proctor"}


async def test_revocation_grants_no_role(listed: Listed) -> None:
    await listed.revoke(Revocation(0, 1, frozenset({"learner", "administrator"})))
    assert (await listed.verifier.verify(token(0, "learner"))).roles == {"learner"}


async def test_tokens_of_other_people_are_accepted(listed: Listed) -> None:
    await listed.revoke(Revocation(9, 9, frozenset()))
    other = TokenSigner(KEY).sign(new_id(), ["learner"]).text
    assert (await listed.verifier.verify(other)).roles == {"learner"}


async def test_tokens_are_refused_before_the_list_is_loaded() -> None:
    listed = Listed()
    assert await reason_of(listed, token(0)) == "KEYS_UNAVAILABLE"
    await listed.revocations.refresh()
    await listed.verifier.verify(token(0))


async def test_new_revocation_is_announced_once(listed: Listed) -> None:
    announced: list[object] = []
    listed.revocations.on_change(announced.extend)
    await listed.revoke(Revocation(1, 0, frozenset()))
    await listed.revocations.refresh()
    assert announced == [PERSON]


def test_every_service_that_checks_tokens_subscribes_to_revocations() -> None:
    checking = {name for name in services() if name not in {"enrollment", "portal"}}
    subscribed = {
        service.name
        for service in services().values()
        for subscription in service.subscriptions
        if subscription.consumer == f"{service.name}--revocations"
    }
    assert subscribed == checking
