"""Idempotency keys: a request that comes twice has its effect once and is answered twice, with the same words.

The key is written first, in the transaction of the change. Its primary key decides races: whoever comes second waits for the
first to commit (and is given its answer) or to fail (and does the work).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.errors import invalid, unavailable
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.tables import idempotency_keys as keys

if TYPE_CHECKING:
    # The database offers this module's work as its method: at run time it imports us.
    from proctorium_common.storage.database import Transaction

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Key:
    """Who asked for what, and a digest of the request's content."""

    caller: str
    method: str
    request_id: str
    digest: bytes


def key_of(request: Message) -> Key | None:
    """The key of `request` in the current call, or None when it has no request_id.

    Raises LookupError outside of a call.
    """
    request_id = getattr(request, "request_id", "")
    if not request_id:
        return None
    call = current_call()
    content = request.SerializeToString(deterministic=True)
    return Key(call.caller.name, call.method, request_id, hashlib.sha256(content).digest())


async def answered_once(
    transaction: Transaction,
    key: Key,
    run: Callable[[Transaction], Awaitable[M]],
    response: type[M],
) -> M:
    """The stored answer to `key`, or that of `run`, which is stored. Raises REQUEST_ID_REUSED."""
    if not await _claimed(transaction, key):
        return await _stored(transaction, key, response)
    answer = await run(transaction)
    await transaction.execute(
        update(keys).where(_is(key)).values(response=answer.SerializeToString())
    )
    return answer


async def _claimed(transaction: Transaction, key: Key) -> bool:
    """Whether this transaction is the first with `key`; waits for another that has it and is not done."""
    claim = insert(keys).values(
        caller=key.caller,
        method=key.method,
        request_id=key.request_id,
        request_digest=key.digest,
        created_at=transaction.now,
    )
    result = await transaction.execute(claim.on_conflict_do_nothing().returning(keys.c.request_id))
    return result.first() is not None


async def _stored(transaction: Transaction, key: Key, response: type[M]) -> M:
    found = await transaction.execute(
        select(keys.c.request_digest, keys.c.response).where(_is(key))
    )
    row = found.first()
    if row is None:
        # Retention removed it between the two statements: the next attempt is a first one.
        raise unavailable("DATABASE_UNAVAILABLE", "The request is being tidied away; try again.")
    if row.request_digest != key.digest:
        raise invalid(
            "REQUEST_ID_REUSED",
            "This request id was used before for another request. Choose a new one.",
            request_id=key.request_id,
        )
    return response.FromString(row.response)


def _is(key: Key) -> ColumnElement[bool]:
    return and_(
        keys.c.caller == key.caller,
        keys.c.method == key.method,
        keys.c.request_id == key.request_id,
    )
