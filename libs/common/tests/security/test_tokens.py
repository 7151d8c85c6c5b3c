"""Test access tokens: the claims of a token, and all reasons why a token can be invalid."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from proctorium_common.errors import Kind, ServiceError, unavailable
from proctorium_common.security.keys import KeyRing, PublicKey, SigningKey
from proctorium_common.security.tokens import REGISTRY, TokenSigner, TokenVerifier

PERSON = UUID("01920000-0000-7000-8000-000000000001")
NOW = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
KEY = SigningKey(b"1" * 32)


class Clock:
    """A clock whose time a test can set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _verifier(clock: Clock, *keys: PublicKey, **more: Any) -> TokenVerifier:
    return TokenVerifier(KeyRing.of(*(keys or (KEY.public,))), clock=clock, **more)


def _claims(**changed: object) -> dict[str, object]:
    now = int(NOW.timestamp())
    usual: dict[str, object] = {
        "iss": "proctorium",
        "aud": "proctorium",
        "sub": str(PERSON),
        "roles": ["learner"],
        "iat": now,
        "exp": now + 900,
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def _signed(header: dict[str, object] | None = None, **changed: object) -> str:
    usual: dict[str, object] = {"alg": "EdDSA", "kid": KEY.key_id}
    fields = {name: value for name, value in (usual | (header or {})).items() if value}
    return jwt.encode(fields, _claims(**changed), KEY.signer, registry=REGISTRY)


def _header(algorithm: str) -> str:
    return _part({"typ": "JWT", "alg": algorithm, "kid": KEY.key_id})


def _part(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unsigned() -> str:
    return f"{_header('none')}.{_part(_claims())}."


def _signed_with_the_public_key_as_secret() -> str:
    secret = OctKey.import_key(KEY.public.raw)
    return jwt.encode({"alg": "HS256", "kid": KEY.key_id}, _claims(), secret, algorithms=["HS256"])


async def _reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(ServiceError) as refused:
        await verifier.verify(token)
    assert "EdDSA" not in refused.value.message
    return refused.value.reason


async def test_token_contains_person_roles_and_expiry(clock: Clock) -> None:
    signer = TokenSigner(KEY, clock=clock, token_id=lambda: PERSON)
    token = signer.sign(PERSON, ["proctor", "learner"])
    caller = await _verifier(clock).verify(token.text, "edge")
    assert caller.person_id == PERSON
    assert caller.roles == {"proctor", "learner"}
    assert caller.service == "edge"
    assert token.expire_time == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "é.é.é",
        "x" * 5000,
        _signed()[:-6] + "AAAAAA",
        _signed().replace(".", "", 1),
        _unsigned(),
        _signed_with_the_public_key_as_secret(),
        _signed().replace(_header("EdDSA"), _header("Ed25519")),
        _signed({"kid": None}),
        _signed({"kid": "unknown"}),
        _signed(iss="somebody-else"),
        _signed(aud="another-system"),
        _signed(aud=None),
        _signed(sub="not-an-id"),
        _signed(sub=None),
        _signed(roles="administrator"),
        _signed(exp=None),
        _signed(exp="tomorrow"),
        _signed(exp=True),
        _signed(iat=None),
        _signed(iat=int(NOW.timestamp()) + 3600),
    ],
    ids=[
        "empty",
        "nonsense",
        "three-parts",
        "not-ascii",
        "too-long",
        "other-signature",
        "two-parts",
        "unsigned",
        "signed-with-the-public-key-as-secret",
        "another-algorithm",
        "no-key-id",
        "unknown-key-id",
        "another-issuer",
        "another-audience",
        "no-audience",
        "subject-is-no-id",
        "no-subject",
        "roles-are-no-list",
        "no-expiry",
        "expiry-is-text",
        "expiry-is-true",
        "no-time-of-issue",
        "issued-in-the-future",
    ],
)
async def test_invalid_token_is_refused(clock: Clock, token: str) -> None:
    assert await _reason(_verifier(clock), token) == "TOKEN_INVALID"


async def test_token_signed_by_another_key_with_our_key_id_is_refused(clock: Clock) -> None:
    forger = SigningKey(b"2" * 32)
    header = {"alg": "EdDSA", "kid": KEY.key_id}
    token = jwt.encode(header, _claims(), forger.signer, registry=REGISTRY)
    assert await _reason(_verifier(clock), token) == "TOKEN_INVALID"


async def test_token_is_accepted_until_shortly_after_its_expiry(
    clock: Clock,
) -> None:
    token = TokenSigner(KEY, clock=clock).sign(PERSON, ["learner"]).text
    clock.forward(15 * 60 + 29)
    await _verifier(clock).verify(token)
    clock.forward(2)
    assert await _reason(_verifier(clock), token) == "TOKEN_EXPIRED"


async def test_cached_token_is_dropped_at_its_expiry(clock: Clock) -> None:
    verifier = _verifier(clock)
    token = TokenSigner(KEY, clock=clock).sign(PERSON, ["learner"]).text
    assert verifier.cached(token) is None
    verified = await verifier.verify(token)
    assert verifier.cached(token) is verified
    clock.forward(15 * 60 + 31)
    assert verifier.cached(token) is None


async def test_token_cache_evicts_the_least_recently_used(clock: Clock) -> None:
    verifier = _verifier(clock, cache_size=2)
    signer = TokenSigner(KEY, clock=clock)
    first, second, third = (signer.sign(PERSON, []).text for _ in range(3))
    await verifier.verify(first)
    await verifier.verify(second)
    assert verifier.cached(first) is not None  # the second token is now the next to be evicted
    await verifier.verify(third)
    assert verifier.cached(second) is None
    assert verifier.cached(first) is not None


async def test_cached_token_distinguishes_the_forwarding_service(clock: Clock) -> None:
    verifier = _verifier(clock)
    token = TokenSigner(KEY, clock=clock).sign(PERSON, []).text
    await verifier.verify(token, "edge")
    session = verifier.cached(token, "session")
    assert session is not None
    assert session.service == "session"


async def test_retired_key_is_valid_for_earlier_tokens_only(clock: Clock) -> None:
    retired = PublicKey(KEY.key_id, KEY.public.raw, NOW + timedelta(minutes=1))
    verifier = _verifier(clock, retired)
    before = TokenSigner(KEY, clock=clock).sign(PERSON, []).text
    clock.forward(120)
    after = TokenSigner(KEY, clock=clock).sign(PERSON, []).text
    await verifier.verify(before)
    assert await _reason(verifier, after) == "TOKEN_INVALID"


async def test_unknown_roles_are_ignored(clock: Clock) -> None:
    caller = await _verifier(clock).verify(_signed(roles=["learner", "emperor", 7]))
    assert caller.roles == {"learner"}


async def test_verification_without_keys_is_unavailable_with_a_retry_delay(
    clock: Clock,
) -> None:
    verifier = TokenVerifier(KeyRing(_unreachable, clock=clock), clock=clock)
    with pytest.raises(ServiceError) as refused:
        await verifier.verify(_signed())
    assert (refused.value.kind, refused.value.reason) == (Kind.UNAVAILABLE, "KEYS_UNAVAILABLE")
    assert refused.value.retry_after is not None


async def test_withdrawn_key_invalidates_cached_tokens(clock: Clock) -> None:
    keys: list[PublicKey] = [KEY.public]

    async def fetch() -> Sequence[PublicKey]:
        return list(keys)

    ring = KeyRing(fetch, clock=clock)
    verifier = TokenVerifier(ring, clock=clock)
    token = TokenSigner(KEY, clock=clock).sign(PERSON, []).text
    await verifier.verify(token)
    keys[:] = [SigningKey(b"3" * 32).public]
    await ring.refresh()
    assert verifier.cached(token) is None
    assert await _reason(verifier, token) == "TOKEN_INVALID"


async def _unreachable() -> Sequence[PublicKey]:
    raise unavailable("DEPENDENCY_UNAVAILABLE", "enrollment is unreachable")


def test_repr_of_a_signing_key_hides_its_seed() -> None:
    show: Callable[[object], str] = repr
    assert "1" * 32 not in show(KEY)
    assert KEY.key_id in show(KEY)
    assert SigningKey.generate().seed != SigningKey.generate().seed
