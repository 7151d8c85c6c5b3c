"""Pagination: page sizes, and signed page tokens that contain the sort key of the last item.

Because a page starts after a sort key (keyset pagination), pages neither skip nor repeat items when other items are
inserted or deleted. A token contains the name of a list, and is valid only for this list. The name must include the
filters of the list, so that a token is not valid for a list with other filters. A token is signed (HMAC) with a key
from the service's own database, so that no forged sort key reaches a query.

    tokens = await pages.tokens(tx)
    after = tokens.after("people", request.page_token, str, UUID)
    rows = ... WHERE (legal_name, person_id) > after ORDER BY legal_name, person_id LIMIT size + 1
    shown, token = tokens.cut("people", rows, size, lambda row: (row.legal_name, row.person_id))
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, overload
from uuid import UUID

from sqlalchemy import select

from proctorium_common.errors import ServiceError, Violation, invalid
from proctorium_common.storage.database import Transaction
from proctorium_common.storage.tables import page_token_keys

KeyPart = str | int | datetime | UUID
"""A part of a sort key."""

T = TypeVar("T")
K1 = TypeVar("K1", bound=KeyPart)
K2 = TypeVar("K2", bound=KeyPart)
K3 = TypeVar("K3", bound=KeyPart)

_SIGNATURE_BYTES = 16

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200


def effective_size(
    requested: int, *, default: int = DEFAULT_PAGE_SIZE, maximum: int = MAX_PAGE_SIZE
) -> int:
    """Return the page size: `requested`, or `default` if 0 was requested, but at most `maximum`."""
    return min(requested, maximum) if requested > 0 else default


async def tokens(tx: Transaction) -> PageTokens:
    """Return the `PageTokens` with the signing key from the database of this service."""
    found = await tx.execute(select(page_token_keys.c.key))
    return PageTokens(found.scalar_one())


class PageTokens:
    """Creates and verifies page tokens, signed with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def cut(
        self, name: str, rows: Sequence[T], size: int, key: Callable[[T], tuple[KeyPart, ...]]
    ) -> tuple[Sequence[T], str]:
        """Return the first `size` rows, and the token of the next page. Without a next page, the token is empty.

        `rows` must contain one row more than `size` if there is a next page. `key` returns the sort key of a row.
        """
        shown = rows[:size]
        return shown, self.token(name, *key(shown[-1])) if len(rows) > size else ""

    def token(self, name: str, *key: KeyPart) -> str:
        """Return the token of a page of the list `name`. The page starts after the item with the sort key `key`."""
        parts = [part.isoformat() if isinstance(part, datetime) else part for part in key]
        text = json.dumps([name, *parts], default=str, separators=(",", ":"), ensure_ascii=False)
        signed = self._signature(text.encode()) + text.encode()
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    @overload
    def after(self, name: str, text: str, kind: type[K1], /) -> tuple[K1] | None: ...
    @overload
    def after(
        self, name: str, text: str, kind: type[K1], second: type[K2], /
    ) -> tuple[K1, K2] | None: ...
    @overload
    def after(
        self, name: str, text: str, kind: type[K1], second: type[K2], third: type[K3], /
    ) -> tuple[K1, K2, K3] | None: ...
    def after(self, name: str, text: str, /, *kinds: type[object]) -> tuple[object, ...] | None:
        """Return the sort key in the token `text`, or None if `text` is empty.

        The page starts after the item with this sort key. For None, the page starts with the first item of the list.
        The arguments after `text` are the types of the parts of the sort key. Raises INVALID_PAGE_TOKEN for a token
        that was not issued for the list `name`.
        """
        if not text:
            return None
        try:
            signed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            signature, content = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._signature(content)):
                raise _invalid_token()
            given, *parts = json.loads(content)
            if given != name or len(parts) != len(kinds):
                raise _invalid_token()
            return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
        except (ValueError, TypeError) as failure:
            raise _invalid_token() from failure

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")[:_SIGNATURE_BYTES]


def _read(part: object, kind: type[object]) -> KeyPart:
    if kind is int and isinstance(part, int) and not isinstance(part, bool):
        return part
    if kind is not int and isinstance(part, str):
        return _READERS[kind](part)
    raise _invalid_token()


def _text(part: str) -> str:
    if "\0" in part:  # PostgreSQL cannot store a zero character
        raise ValueError("a text with a zero character")
    return part


def _time(part: str) -> datetime:
    time = datetime.fromisoformat(part)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


_READERS: dict[type[object], Callable[[str], KeyPart]] = {str: _text, datetime: _time, UUID: UUID}


def _invalid_token() -> ServiceError:
    sentence = "This list cannot be continued from there. Please start again from its first page."
    return invalid(
        "INVALID_PAGE_TOKEN",
        sentence,
        violations=[Violation("page_token", "page_token.list", sentence)],
    )
