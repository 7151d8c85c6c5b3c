from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage import pages

NOON = datetime(2026, 4, 2, 12, 0, 0, 123456, tzinfo=UTC)


def test_the_next_page_begins_after_the_last_item_shown() -> None:
    rows = [("Ada", new_id()), ("Ben", new_id()), ("Cy", new_id())]

    shown, token = pages.cut("people", rows, 2, lambda row: row)

    assert list(shown) == rows[:2]
    assert pages.after("people", token, str, UUID) == rows[1]


def test_the_last_page_gives_no_token() -> None:
    rows = [("Ada", new_id()), ("Ben", new_id())]
    assert pages.cut("people", rows, 2, lambda row: row) == (rows, "")
    assert pages.cut("people", [], 2, lambda row: ("",)) == ([], "")


def test_keys_of_every_kind_come_back_as_they_were() -> None:
    identity = new_id()
    token = pages.token("all", NOON, 7, identity)
    assert pages.after("all", token, datetime, int, UUID) == (NOON, 7, identity)
    assert pages.after("names", pages.token("names", "Ğülşen 李"), str) == ("Ğülşen 李",)


def test_no_token_is_the_first_page() -> None:
    assert pages.after("people", "", str) is None


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(pages.token("courses", "Ada"), id="of another list"),
        pytest.param(pages.token("people", "Ada", "more"), id="too long a key"),
        pytest.param(pages.token("people", 7), id="another type"),
        pytest.param(pages.token("people", "a\0b"), id="zero character"),
        pytest.param(_encoded("[]"), id="empty"),
        pytest.param(_encoded("7"), id="not a list"),
        pytest.param(_encoded('["people"'), id="not json"),
        pytest.param(_encoded('["people", {"a": 1}]'), id="an object"),
        pytest.param("%%%%", id="not base64"),
        pytest.param("x", id="too short"),
        pytest.param("é", id="not ascii"),
    ],
)
def test_what_the_list_did_not_give_is_refused(token: str) -> None:
    with pytest.raises(ServiceError) as refused:
        pages.after("people", token, str)
    assert refused.value.reason == "INVALID_PAGE_TOKEN"


def test_an_id_or_a_time_that_is_none_is_refused() -> None:
    for text in ("nonsense", "2026-04-02T12:00:00"):
        with pytest.raises(ServiceError):
            pages.after("times", pages.token("times", text), datetime)
        with pytest.raises(ServiceError):
            pages.after("times", pages.token("times", text), UUID)


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (200, 200), (201, 200), (-3, 50)])
def test_the_size_of_a_page_is_bounded(asked: int, size: int) -> None:
    assert pages.size_of(asked) == size
