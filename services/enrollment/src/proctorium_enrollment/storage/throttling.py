"""The counters of failed sign-ins and failed code entries. All replicas share them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, bindparam, delete, text
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.throttling import Failures
from proctorium_enrollment.storage.tables import failed_entries as table


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a counter of failures.

    `digest` is a keyed hash, so that the table does not reveal which accounts or people have failures.
    """

    kind: str
    digest: bytes
    free: int


_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) WITH ORDINALITY AS lock (key, nth) ORDER BY nth"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))
_FOUND = """
    SELECT digest, failures, first_at, retry_at FROM failed_entries WHERE digest = ANY($1::bytea[])
"""


async def lock(tx: Transaction, keys: Collection[Key]) -> None:
    """Lock the keys until the transaction ends. Keys that have no failures are locked too."""
    # The keys are locked in a fixed order, so that concurrent transactions do not deadlock.
    numbers = sorted({int.from_bytes(key.digest[:8], "big", signed=True) for key in keys})
    await tx.execute(_LOCK, {"keys": numbers})


async def get(tx: Transaction, keys: Collection[Key]) -> Mapping[Key, Failures]:
    """Return the failures by key. The result omits keys that have no failures."""
    rows = await tx.fetch(_FOUND, [key.digest for key in keys])
    found = {
        row["digest"]: Failures(row["failures"], row["first_at"], row["retry_at"]) for row in rows
    }
    return {key: found[key.digest] for key in keys if key.digest in found}


async def delete_expired_failures(tx: Transaction, before: datetime) -> None:
    """Delete the counters whose first failure was before the time `before`."""
    await tx.execute(delete(table).where(table.c.first_at < before))


async def update(tx: Transaction, changed: Mapping[Key, Failures | None]) -> None:
    """Store the failures by key. If the failures of a key are None, delete its counter. The keys must be locked."""
    removed = [key.digest for key, failures in changed.items() if failures is None]
    if removed:
        await tx.execute(delete(table).where(table.c.digest.in_(removed)))
    rows = [
        {
            "digest": key.digest,
            "kind": key.kind,
            "failures": failures.count,
            "first_at": failures.first_at,
            "retry_at": failures.retry_at,
        }
        for key, failures in changed.items()
        if failures is not None
    ]
    if rows:
        new = insert(table).values(rows)
        columns = {name: new.excluded[name] for name in ("failures", "first_at", "retry_at")}
        await tx.execute(new.on_conflict_do_update(constraint="pk_failed_entries", set_=columns))
