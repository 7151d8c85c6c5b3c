from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from proctorium_enrollment.api.addresses import address_of
from proctorium_enrollment.api.cookies import refresh_token_of

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


class Called:
    """A call with these metadata, as far as reading them goes."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("proctorium_refresh=abc", "abc"),
        ("theme=dark; proctorium_refresh=a-b_c; x=y", "a-b_c"),
        ("proctorium_refresh=a=b", "a=b"),
        ("not_proctorium_refresh=abc", ""),
        ("", ""),
    ],
)
def test_the_refresh_token_is_read_from_the_cookies(cookie: str, token: str) -> None:
    assert refresh_token_of(cast("Context", Called(("cookie", cookie)))) == token


def test_without_cookies_there_is_none() -> None:
    assert refresh_token_of(cast("Context", Called())) == ""


PEER = "ipv4:192.0.2.7:4711"


@pytest.mark.parametrize(
    ("metadata", "through_edge", "address"),
    [
        ({"x-forwarded-for": "203.0.113.9"}, True, "203.0.113.9"),
        ({"x-forwarded-for": "198.51.100.1, 203.0.113.9"}, True, "203.0.113.9"),
        ({"x-envoy-external-address": "203.0.113.8"}, True, "203.0.113.8"),
        ({"x-forwarded-for": "nonsense"}, True, ""),
        ({"x-forwarded-for": "203.0.113.9"}, False, "192.0.2.7"),
    ],
    ids=[
        "the edge says",
        "only its own word",
        "its own header",
        "nonsense",
        "nobody else is believed",
    ],
)
def test_where_a_caller_is(metadata: dict[str, str], through_edge: bool, address: str) -> None:
    assert address_of(metadata, PEER, through_edge=through_edge) == address
