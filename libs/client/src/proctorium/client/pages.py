"""Iteration over the pages of a list."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar


class _ListRequest(Protocol):
    page_token: str


class _Page(Protocol):
    next_page_token: str


Request = TypeVar("Request", bound=_ListRequest)
Page = TypeVar("Page", bound=_Page)


async def pages(
    method: Callable[[Request], Awaitable[Page]], request: Request
) -> AsyncIterator[Page]:
    """Yield the pages of a list, from the page of `request` to the last page.

    `method` is a method whose request has a `page_token`, such as `client.sessions.ListSessions`. `request` does not
    change. A page is requested when the iteration reaches it.
    """
    request = copy.deepcopy(request)
    while True:
        page = await method(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
