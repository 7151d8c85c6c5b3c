"""Tests of cookies that contain tokens, and calls from pages of other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_enrollment.api.cookies import Cookies, is_browser, require_own_site

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class Called:
    """A fake of the context that gRPC passes to a servicer. It has the given request metadata."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


def called(*metadata: tuple[str, str]) -> Context:
    return cast("Context", Called(*metadata))


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("proctorium_refresh=abc", "abc"),
        ("theme=dark; proctorium_refresh=a-b_c; x=y", "a-b_c"),
        ("proctorium_refresh=a=b", "a=b"),
        ("not_proctorium_refresh=abc", ""),
        ("__Host-proctorium_refresh=abc", ""),
        ("", ""),
    ],
)
def test_refresh_token_is_read_from_the_cookies(cookie: str, token: str) -> None:
    assert Cookies(secure=False).refresh_token_of(called(("cookie", cookie))) == token


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("__Host-proctorium_refresh=abc", "abc"),
        ("proctorium_refresh=planted; __Host-proctorium_refresh=abc", "abc"),
        ("proctorium_refresh=planted", ""),
    ],
)
def test_cookie_without_the_host_prefix_is_ignored(cookie: str, token: str) -> None:
    assert Cookies(secure=True).refresh_token_of(called(("cookie", cookie))) == token


def test_call_without_cookies_has_no_refresh_token() -> None:
    assert Cookies(secure=True).refresh_token_of(called()) == ""
    assert Cookies(secure=True).device_of(called()) == ""


def test_device_cookie_is_read_beside_the_refresh_token() -> None:
    call = called(("cookie", "__Host-proctorium_refresh=abc; __Host-proctorium_device=d=="))
    assert Cookies(secure=True).device_of(call) == "d=="
    assert Cookies(secure=False).device_of(call) == ""


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_page_of_another_site_is_refused(site: str) -> None:
    with pytest.raises(ServiceError) as refused:
        require_own_site(called(("sec-fetch-site", site)))
    assert (refused.value.kind, refused.value.reason) == (Kind.NOT_ALLOWED, "CROSS_SITE_REQUEST")


@pytest.mark.parametrize(
    "metadata", [[], [("sec-fetch-site", "same-origin")], [("sec-fetch-site", "none")]]
)
def test_own_pages_and_programs_are_not_refused(metadata: list[tuple[str, str]]) -> None:
    require_own_site(called(*metadata))


@pytest.mark.parametrize("header", ["sec-fetch-site", "origin"])
def test_browser_reports_the_site_of_a_call(header: str) -> None:
    assert is_browser(called((header, "same-origin")))
    assert not is_browser(called(("user-agent", "curl")))
