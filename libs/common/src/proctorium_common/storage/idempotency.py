"""Idempotency keys: a request that comes twice has its effect once and is answered twice, with the same words.

The key is written first, in the transaction of the change. Its primary key decides races: whoever comes second waits for the
first to commit (and is given its answer) or to fail (and does the work).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    and_,
    bindparam,
    select,
    text,
)

from proctorium_common.errors import ServiceError, invalid, unavailable
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.tables import idempotency_keys as keys
from proctorium_common.storage.transaction import Transaction

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Responder(Generic[T, M]):
    """How the result of a use case becomes the response of one request.

    `api/` makes it, so that a use case can own its transaction and its idempotency key without knowing messages:
    `make` converts the result, and the response is stored under the key of `request`.
    """

    request: Message
    response: type[M]
    make: Callable[[T], M]


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


_NAMES = [bindparam(name, type_=ARRAY(Text)) for name in ("callers", "methods", "request_ids")]

_CLAIM = text("""
    INSERT INTO idempotency_keys (caller, method, request_id, request_digest, created_at)
    SELECT caller, method, request_id, digest, :created_at
    FROM unnest(:callers, :methods, :request_ids, :digests) WITH ORDINALITY
        AS key (caller, method, request_id, digest, nth)
    ORDER BY nth
    ON CONFLICT DO NOTHING
    RETURNING caller, method, request_id, request_digest
""").bindparams(
    *_NAMES,
    bindparam("digests", type_=ARRAY(LargeBinary)),
    bindparam("created_at", type_=DateTime(timezone=True)),
)

_KEEP = text("""
    UPDATE idempotency_keys AS kept SET response = key.response
    FROM unnest(:callers, :methods, :request_ids, :responses)
        AS key (caller, method, request_id, response)
    WHERE (kept.caller, kept.method, kept.request_id) = (key.caller, key.method, key.request_id)
""").bindparams(*_NAMES, bindparam("responses", type_=ARRAY(LargeBinary)))

_GIVE_BACK = text("""
    DELETE FROM idempotency_keys AS kept
    USING unnest(:callers, :methods, :request_ids) AS key (caller, method, request_id)
    WHERE (kept.caller, kept.method, kept.request_id) = (key.caller, key.method, key.request_id)
""").bindparams(*_NAMES)


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
    await _keep(transaction, {key: answer})
    return answer


async def answered_before(
    transaction: Transaction, request: Message, response: type[M]
) -> M | None:
    """The stored answer where `request` repeats one that is done: for looking before work that `Database.once` cannot undo.

    Claims nothing and waits for nobody. Raises REQUEST_ID_REUSED.
    """
    key = key_of(request)
    return None if key is None else await _found(transaction, key, response)


async def answered_each(
    transaction: Transaction,
    asked: Sequence[tuple[Key | None, T]],
    run: Callable[[Transaction, Sequence[T]], Awaitable[Sequence[M | ServiceError]]],
    response: type[M],
) -> list[M | ServiceError]:
    """As `answered_once`, for several at a time: `run` is given those that come for the first time and answers each.

    A refusal that it answers undoes that one's key, so whoever is refused may not have changed anything.
    """
    first = await _claimed_of(transaction, {key for key, _ in asked if key is not None})
    runners: dict[Key | None, int] = {}
    nths: list[int] = []
    for nth, (key, _) in enumerate(asked):
        if key is None or (key in first and runners.setdefault(key, nth) == nth):
            nths.append(nth)
    outcomes = await run(transaction, [asked[nth][1] for nth in nths]) if nths else ()
    answers = dict(zip(nths, outcomes, strict=True))
    await _keep(transaction, {key: answers[nth] for key, nth in runners.items() if key})
    for nth, (key, _) in enumerate(asked):
        if nth not in answers:
            assert key is not None
            answers[nth] = await _repeated(
                transaction, key, answers.get(runners.get(key, -1)), response
            )
    return [answers[nth] for nth in range(len(asked))]


async def _repeated(
    transaction: Transaction, key: Key, refusal: M | ServiceError | None, response: type[M]
) -> M | ServiceError:
    """What a repetition is answered: the refusal that the first has met just now, or the stored answer."""
    if isinstance(refusal, ServiceError):
        return refusal
    try:
        return await _stored(transaction, key, response)
    except ServiceError as reused:
        return reused


async def _claimed(transaction: Transaction, key: Key) -> bool:
    """Whether this transaction is the first with `key`; waits for another that has it and is not done."""
    return key in await _claimed_of(transaction, {key})


async def _claimed_of(transaction: Transaction, claimed: Collection[Key]) -> set[Key]:
    """Those of the keys that this transaction is the first with; waits for others that have some and are not done."""
    if not claimed:
        return set()
    # One order for all, so that two transactions never wait for each other.
    ordered = sorted(claimed, key=lambda each: (each.caller, each.method, each.request_id))
    rows = await transaction.execute(
        _CLAIM,
        {
            "callers": [each.caller for each in ordered],
            "methods": [each.method for each in ordered],
            "request_ids": [each.request_id for each in ordered],
            "digests": [each.digest for each in ordered],
            "created_at": transaction.now,
        },
    )
    won = {(row.caller, row.method, row.request_id, row.request_digest) for row in rows}
    return {
        each for each in ordered if (each.caller, each.method, each.request_id, each.digest) in won
    }


async def _keep(transaction: Transaction, answers: Mapping[Key, Message | ServiceError]) -> None:
    """Stores answers, and gives the keys of those back who were refused."""
    given = {k: a.SerializeToString() for k, a in answers.items() if isinstance(a, Message)}
    if given:
        await transaction.execute(_KEEP, {**_named(given), "responses": list(given.values())})
    refused = [key for key, answer in answers.items() if isinstance(answer, ServiceError)]
    if refused:
        await transaction.execute(_GIVE_BACK, _named(refused))


def _named(named: Collection[Key]) -> dict[str, list[str]]:
    return {
        "callers": [each.caller for each in named],
        "methods": [each.method for each in named],
        "request_ids": [each.request_id for each in named],
    }


async def _stored(transaction: Transaction, key: Key, response: type[M]) -> M:
    answer = await _found(transaction, key, response)
    if answer is None:
        # Retention removed it between the two statements: the next attempt is a first one.
        raise unavailable("DATABASE_UNAVAILABLE", "The request is being tidied away; try again.")
    return answer


async def _found(transaction: Transaction, key: Key, response: type[M]) -> M | None:
    found = await transaction.execute(
        select(keys.c.request_digest, keys.c.response).where(_is(key))
    )
    row = found.first()
    if row is None:
        return None
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
