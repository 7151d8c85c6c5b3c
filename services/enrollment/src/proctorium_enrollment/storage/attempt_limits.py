"""Failed attempts, counted for all replicas together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, LargeBinary, Text, bindparam, delete, text
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.attempt_limits import Failures
from proctorium_enrollment.storage.tables import attempt_failures as table


@dataclass(frozen=True)
class Subject:
    """Whose attempts are counted, at what: `mark` is a keyed hash, so that the table names nobody."""

    purpose: str
    mark: bytes


_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) WITH ORDINALITY AS lock (key, nth) ORDER BY nth"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))

_FIND = text("""
    SELECT purpose, subject, failures, last_at, earlier
    FROM attempt_failures JOIN unnest(:purposes, :marks) AS asked (purpose, subject) USING (purpose, subject)
""").bindparams(
    bindparam("purposes", type_=ARRAY(Text)), bindparam("marks", type_=ARRAY(LargeBinary))
)


async def lock(tx: Transaction, *subjects: Subject) -> None:
    """Makes the attempts of each subject wait for each other until the transaction ends, so that none is made uncounted."""
    # One order for all, so that two who lock several never wait for each other.
    keys = sorted(int.from_bytes(each.mark[:8], "big", signed=True) for each in subjects)
    await tx.execute(_LOCK, {"keys": keys})


async def find(tx: Transaction, subjects: Collection[Subject]) -> Mapping[Subject, Failures]:
    """The failures of those of `subjects` that have any."""
    found = await tx.execute(
        _FIND,
        {
            "purposes": [each.purpose for each in subjects],
            "marks": [each.mark for each in subjects],
        },
    )
    return {
        Subject(row.purpose, row.subject): Failures(row.failures, row.last_at, tuple(row.earlier))
        for row in found
    }


async def save(tx: Transaction, subject: Subject, failures: Failures) -> None:
    """Replaces the failures of `subject`."""
    added = insert(table).values(
        purpose=subject.purpose,
        subject=subject.mark,
        failures=failures.count,
        last_at=failures.last_time,
        earlier=list(failures.earlier),
    )
    await tx.execute(
        added.on_conflict_do_update(
            constraint="pk_attempt_failures",
            set_={each: added.excluded[each] for each in ("failures", "last_at", "earlier")},
        )
    )


async def forget(tx: Transaction, subject: Subject) -> None:
    """Removes the failures of `subject`: it has succeeded."""
    await tx.execute(
        delete(table).where(table.c.purpose == subject.purpose, table.c.subject == subject.mark)
    )
