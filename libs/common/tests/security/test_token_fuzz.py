"""Test that a token with any content is either accepted, or refused as expired or invalid."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import ALGORITHM, TokenVerifier

KEY = SigningKey(b"1" * 32)
NOW = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
HEADER: dict[str, Any] = {"alg": ALGORITHM, "kid": KEY.key_id}
CLAIMS: dict[str, Any] = {
    "iss": "proctorium",
    "aud": "proctorium",
    "sub": "01920000-0000-7000-8000-000000000001",
    "roles": ["learner"],
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 900,
}
_SPECIAL: st.SearchStrategy[Any] = st.sampled_from(
    [float("inf"), float("nan"), 10**400, -1, 0, "", "\ud800", [], {}, None]
)
_VALUES = st.recursive(
    _SPECIAL | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_HEADERS = ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "x5u", "zip", "cty", "enc"]


def signed(header: object, claims: object) -> str:
    """Return a correctly signed token with `header` and `claims`, which may both be invalid."""
    parts = f"{encoded(header)}.{encoded(claims)}"
    signature = Ed25519PrivateKey.from_private_bytes(KEY.seed).sign(parts.encode())
    return f"{parts}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def encoded(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


async def outcome(token: str) -> str:
    verifier = TokenVerifier(KeyRing.of(KEY.public), clock=lambda: NOW)
    try:
        await verifier.verify(token)
    except ServiceError as refused:
        return refused.reason
    return "OK"


async def test_unchanged_token_of_these_tests_is_valid() -> None:
    assert await outcome(signed(HEADER, CLAIMS)) == "OK"


@pytest.mark.parametrize("value", [5, "exp", ["exp"], [5], {}, None, True, ["b64"]], ids=repr)
@pytest.mark.parametrize("name", _HEADERS)
async def test_unusual_header_is_valid_or_refused(name: str, value: object) -> None:
    assert await outcome(signed({**HEADER, name: value}, CLAIMS)) in {"OK", "TOKEN_INVALID"}


async def test_critical_header_that_is_a_number_is_refused() -> None:
    assert await outcome(signed({**HEADER, "crit": 5}, CLAIMS)) == "TOKEN_INVALID"


@given(st.dictionaries(st.sampled_from(_HEADERS) | st.text(max_size=5), _VALUES, max_size=4))
async def test_any_header_is_valid_or_refused(changed: dict[str, object]) -> None:
    assert await outcome(signed({**HEADER, **changed}, CLAIMS)) in {"OK", "TOKEN_INVALID"}


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)) | st.text(max_size=5), _VALUES, max_size=4))
async def test_any_claims_are_valid_or_refused(changed: dict[str, object]) -> None:
    known = {"OK", "TOKEN_INVALID", "TOKEN_EXPIRED"}
    assert await outcome(signed(HEADER, {**CLAIMS, **changed})) in known


@given(st.binary(max_size=200) | _VALUES, st.binary(max_size=200) | _VALUES)
async def test_arbitrary_header_and_claims_are_refused(header: object, claims: object) -> None:
    assert await outcome(signed(header, claims)) == "TOKEN_INVALID"


@given(st.text(max_size=200) | st.text("eyJ.-_=", max_size=60))
async def test_arbitrary_text_is_refused(text: str) -> None:
    assert await outcome(text) == "TOKEN_INVALID"


async def test_deeply_nested_claims_are_refused() -> None:
    assert await outcome(signed(HEADER, b"[" * 2000)) == "TOKEN_INVALID"
    assert await outcome(signed(b'{"a":' * 1000, CLAIMS)) == "TOKEN_INVALID"
