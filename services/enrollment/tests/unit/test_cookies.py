from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

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
