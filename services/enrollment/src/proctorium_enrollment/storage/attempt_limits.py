"""Failed attempts, counted for all replicas together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.attempt_limits import Failures
from proctorium_enrollment.storage.tables import attempt_failures as table


@dataclass(frozen=True)
class Subject:
    """Whose attempts are counted, at what: `mark` is a keyed hash, so that the table names nobody."""

    purpose: str
    mark: bytes


_LOCK = select(func.pg_advisory_xact_lock(bindparam("key")))


async def lock(tx: Transaction, subject: Subject) -> None:
    """Makes the attempts of one subject wait for each other until the transaction ends, so that none is made uncounted."""
    key = int.from_bytes(subject.mark[:8], "big", signed=True)
    await tx.execute(_LOCK, {"key": key})


async def find(tx: Transaction, subjects: Sequence[Subject]) -> Mapping[Subject, Failures]:
    """The failures of those of `subjects` that have any."""
    found = await tx.execute(
        select(table).where(
            or_(*(and_(table.c.purpose == s.purpose, table.c.subject == s.mark) for s in subjects))
        )
    )
    return {Subject(row.purpose, row.subject): Failures(row.failures, row.last_at) for row in found}


async def save(tx: Transaction, subject: Subject, failures: Failures) -> None:
    """Replaces the failures of `subject`."""
    added = insert(table).values(
        purpose=subject.purpose,
        subject=subject.mark,
        failures=failures.count,
        last_at=failures.last_time,
    )
    await tx.execute(
        added.on_conflict_do_update(
            constraint="pk_attempt_failures",
            set_={"failures": added.excluded.failures, "last_at": added.excluded.last_at},
        )
    )


async def forget(tx: Transaction, subject: Subject) -> None:
    """Removes the failures of `subject`: it has succeeded."""
    await tx.execute(
        delete(table).where(table.c.purpose == subject.purpose, table.c.subject == subject.mark)
    )
