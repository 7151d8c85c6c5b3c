"""Test page tokens: keyset pagination, signatures and page sizes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from proctorium.enrollment.v1 import people_pb2
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.validation import RequestRules
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import page_token_keys

PAGES = pages.PageTokens(b"k" * 32)
OTHERS = pages.PageTokens(b"o" * 32)
NOON = datetime(2026, 4, 2, 12, 0, 0, 123456, tzinfo=UTC)


def test_next_page_starts_after_the_last_item() -> None:
    rows = [("Ada", new_id()), ("Ben", new_id()), ("Cy", new_id())]

    shown, token = PAGES.cut("people", rows, 2, lambda row: row)

    assert list(shown) == rows[:2]
    assert PAGES.after("people", token, str, UUID) == rows[1]


def test_last_page_has_no_token() -> None:
    rows = [("Ada", new_id()), ("Ben", new_id())]
    assert PAGES.cut("people", rows, 2, lambda row: row) == (rows, "")
    assert PAGES.cut("people", [], 2, lambda row: ("",)) == ([], "")


def test_keys_of_every_type_are_decoded() -> None:
    identity = new_id()
    token = PAGES.token("all", NOON, 7, identity)
    assert PAGES.after("all", token, datetime, int, UUID) == (NOON, 7, identity)
    assert PAGES.after("names", PAGES.token("names", "Ğülşen 李"), str) == ("Ğülşen 李",)


def test_empty_token_is_the_first_page() -> None:
    assert PAGES.after("people", "", str) is None


def _encoded(text: str) -> str:
    """Return a correctly signed page token with the content `text`, which may be invalid."""
    content = text.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(PAGES._signature(content) + content).decode()


def _unsigned(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(PAGES.token("courses", "Ada"), id="of another list"),
        pytest.param(PAGES.token("people", "Ada", "more"), id="too long a key"),
        pytest.param(PAGES.token("people", 7), id="another type"),
        pytest.param(PAGES.token("people", "a\0b"), id="zero character"),
        pytest.param(_encoded("[]"), id="empty"),
        pytest.param(_encoded("7"), id="not a list"),
        pytest.param(_encoded('["people"'), id="not json"),
        pytest.param(_encoded('["people", {"a": 1}]'), id="an object"),
        pytest.param(_unsigned('["people", "\\ud800"]'), id="half a character"),
        pytest.param(_unsigned("[" * 100_000), id="nested too deep"),
        pytest.param(_unsigned('["people","Ada"]'), id="not signed"),
        pytest.param(OTHERS.token("people", "Ada"), id="signed by another key"),
        pytest.param(PAGES.token("people", "Ada")[:-2] + "xx", id="changed"),
        pytest.param("%%%%", id="not base64"),
        pytest.param("x", id="too short"),
        pytest.param("é", id="not ascii"),
    ],
)
def test_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(ServiceError) as refused:
        PAGES.after("people", token, str)
    assert refused.value.reason == "INVALID_PAGE_TOKEN"
    assert [each.field for each in refused.value.violations] == ["page_token"]


def test_token_with_an_invalid_id_or_time_is_refused() -> None:
    for text in ("nonsense", "2026-04-02T12:00:00"):
        with pytest.raises(ServiceError):
            PAGES.after("times", PAGES.token("times", text), datetime)
        with pytest.raises(ServiceError):
            PAGES.after("times", PAGES.token("times", text), UUID)


@pytest.mark.parametrize(("requested", "size"), [(0, 50), (1, 1), (200, 200), (201, 200), (-3, 50)])
def test_page_size_is_bounded(requested: int, size: int) -> None:
    assert pages.effective_size(requested) == size


def test_token_of_the_longest_key_is_a_valid_request() -> None:
    token = PAGES.token("people", "\N{GRADUATION CAP}" * 200, new_id())
    request = people_pb2.ListPeopleRequest(page_token=token)
    RequestRules().check(request)


@given(
    st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: base64.b64encode(raw).decode())
)
def test_arbitrary_text_is_refused(text: str) -> None:
    if text:
        with pytest.raises(ServiceError) as refused:
            PAGES.after("people", text, str)
        assert refused.value.reason == "INVALID_PAGE_TOKEN"


async def test_token_is_valid_for_all_replicas_of_one_service_only(database: Database) -> None:
    async with database.transaction() as tx:
        token = (await pages.tokens(tx)).token("people", "Ada")
    async with database.transaction() as tx:
        assert (await pages.tokens(tx)).after("people", token, str) == ("Ada",)
        # Simulate a page token of another service, which has another key in its database.
        await tx.execute(update(page_token_keys).values(key=b"another"))
        with pytest.raises(ServiceError) as refused:
            (await pages.tokens(tx)).after("people", token, str)
    assert refused.value.reason == "INVALID_PAGE_TOKEN"
