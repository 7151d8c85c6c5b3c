"""Idempotency keys. A repeated request changes nothing, and returns the response of the first request.

A request first inserts its idempotency key, in the same transaction as its change. A concurrent request with the same
key waits until this transaction ends. If the transaction commits, the waiting request returns the stored response. If
the transaction is rolled back, the waiting request makes the change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from proctorium_common.errors import ServiceError, invalid, unavailable
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.transaction import Transaction

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Responder(Generic[T, M]):
    """Converts the result of a use case to the response of `request`.

    The code in `api/` creates a responder and passes it to a use case. The use case then stores the response and the
    idempotency key of the request in the transaction of its change, without importing message types. `make` is the
    function that converts the result.
    """

    request: Message
    response: type[M]
    make: Callable[[T], M]


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key of a request, with a digest of the request's content."""

    caller: str
    method: str
    request_id: str
    digest: bytes


def key_of(request: Message) -> Key | None:
    """Return the idempotency key of `request` in the current call, or None if `request` has no request_id.

    Raises LookupError outside of a call.
    """
    request_id = getattr(request, "request_id", "")
    if not request_id:
        return None
    call = current_call()
    content = request.SerializeToString(deterministic=True)
    return Key(call.caller.name, call.method, request_id, hashlib.sha256(content).digest())


_CLAIM = """
    INSERT INTO idempotency_keys (caller, method, request_id, request_digest, created_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    RETURNING request_id
"""

_STORE = """
    UPDATE idempotency_keys SET response = $4 WHERE (caller, method, request_id) = ($1, $2, $3)
"""

_FIND = """
    SELECT caller, method, request_id, request_digest, response
    FROM idempotency_keys
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS key (caller, method, request_id)
        USING (caller, method, request_id)
"""

# All transactions insert the keys in the same order, so that two transactions cannot deadlock.
_INSERT = """
    INSERT INTO idempotency_keys (caller, method, request_id, request_digest, response, created_at)
    SELECT caller, method, request_id, digest, response, $6
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[])
        AS key (caller, method, request_id, digest, response)
    ORDER BY caller, method, request_id
    ON CONFLICT DO NOTHING
    RETURNING request_id
"""


async def run_once(
    transaction: Transaction,
    key: Key,
    run: Callable[[Transaction], Awaitable[M]],
    response: type[M],
) -> M:
    """Return the stored response of `key`, or call `run` if no response is stored.

    The result of `run` is stored as the response of `key`, and returned. Raises REQUEST_ID_REUSED if the request_id was
    used for another request.
    """
    names = key.caller, key.method, key.request_id
    if not await transaction.fetch(_CLAIM, *names, key.digest, transaction.now):
        stored = await _found(transaction, key, response)
        if stored is None:
            # The key was purged between the two statements, so a retry counts as a first request.
            raise _concurrent_change()
        return stored
    made = await run(transaction)
    await transaction.fetch(_STORE, *names, made.SerializeToString())
    return made


async def stored_response(
    transaction: Transaction, request: Message, response: type[M]
) -> M | None:
    """Return the stored response of `request` if it is a repeated request, or None if no response is stored.

    Use this function before work that a rollback cannot undo. The function does not insert the idempotency key, and
    does not wait for other transactions. Raises REQUEST_ID_REUSED.
    """
    key = key_of(request)
    return None if key is None else await _found(transaction, key, response)


async def stored_responses(
    transaction: Transaction, keys: Collection[Key], response: type[M]
) -> dict[Key, M | None]:
    """Return the stored response of each key in `keys` that was used before.

    If the request_id of a key was used for another request, the value of the key is None. A key that was not used
    before is not in the result. This function does not wait for other transactions, so the caller must hold a lock that
    every request with the same key acquires.
    """
    if not keys:
        return {}
    rows = await transaction.fetch(_FIND, *_columns(keys))
    found = {(row["caller"], row["method"], row["request_id"]): row for row in rows}
    return {
        key: response.FromString(row["response"]) if row["request_digest"] == key.digest else None
        for key in keys
        if (row := found.get((key.caller, key.method, key.request_id))) is not None
    }


async def store_responses(transaction: Transaction, responses: Mapping[Key, Message]) -> None:
    """Store each key in `responses` with its response. None of the keys may be stored yet.

    Raises UNAVAILABLE if another transaction has stored one of the keys in the meantime. A retry of the request then
    finds the stored key.
    """
    if not responses:
        return
    stored = await transaction.fetch(
        _INSERT,
        *_columns(responses),
        [key.digest for key in responses],
        [each.SerializeToString() for each in responses.values()],
        transaction.now,
    )
    if len(stored) < len(responses):
        raise _concurrent_change()


def reused(key: Key) -> ServiceError:
    """Return the error for a request_id that was used for another request."""
    return invalid(
        "REQUEST_ID_REUSED",
        "This request id was used before for another request. Choose a new one.",
        request_id=key.request_id,
    )


def _concurrent_change() -> ServiceError:
    return unavailable(
        "DATABASE_UNAVAILABLE",
        "The same request is being processed at this moment. Please try again.",
    )


def _columns(keys: Collection[Key]) -> tuple[list[str], list[str], list[str]]:
    return (
        [each.caller for each in keys],
        [each.method for each in keys],
        [each.request_id for each in keys],
    )


async def _found(transaction: Transaction, key: Key, response: type[M]) -> M | None:
    stored = await stored_responses(transaction, [key], response)
    if key not in stored:
        return None
    found = stored[key]
    if found is None:
        raise reused(key)
    return found
