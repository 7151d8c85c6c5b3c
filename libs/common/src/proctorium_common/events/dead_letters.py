"""Dead letters: events that could not be handled, stored with the error.

When an operator redrives a dead letter, the handler of the event runs again.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.errors import ServiceError, not_found
from proctorium_common.events.handling import EventDispatcher, Handlers, ReceivedEvent
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.tables import dead_letters
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_ERROR_LIMIT = 8_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer could not handle. `error` is the traceback of the last failure."""

    id: UUID
    consumer: str
    event_id: UUID
    subject: str
    headers: Mapping[str, str]
    body: bytes
    reason: str
    error: str
    deliveries: int
    failed_at: datetime
    resolved_at: datetime | None


async def store(database: Database, consumer: str, event: ReceivedEvent, error: Exception) -> None:
    """Store a dead letter for `event`. If `consumer` already has a dead letter for `event`, update this dead letter."""
    async with database.transaction() as transaction:
        failure: dict[str, object] = {
            "reason": reason_of(error),
            "error": "".join(traceback.format_exception(error))[-_ERROR_LIMIT:],
            "deliveries": event.deliveries,
            "failed_at": transaction.now,
            "resolved_at": None,
        }
        letter = insert(dead_letters).values(
            id=new_id(),
            consumer=consumer,
            event_id=event.event_id,
            subject=event.subject,
            headers=dict(event.headers),
            body=event.body,
            **failure,
        )
        await transaction.execute(
            letter.on_conflict_do_update(
                index_elements=[dead_letters.c.consumer, dead_letters.c.event_id], set_=failure
            )
        )


async def resolve(transaction: Transaction, consumer: str, event_id: UUID) -> None:
    """Mark the dead letter of the event as resolved. Do nothing if the event has no unresolved dead letter."""
    await transaction.execute(
        update(dead_letters)
        .where(
            dead_letters.c.consumer == consumer,
            dead_letters.c.event_id == event_id,
            dead_letters.c.resolved_at.is_(None),
        )
        .values(resolved_at=transaction.now)
    )


def reason_of(error: Exception) -> str:
    """Return the reason of a ServiceError, or the type name of any other error. Logs and filters use the result."""
    return error.reason if isinstance(error, ServiceError) else type(error).__name__


class DeadLetters:
    """The operations of an operator on dead letters.

    `consumers` maps the name of each consumer of the service to its handlers.
    """

    def __init__(self, database: Database, consumers: Mapping[str, Handlers]) -> None:
        self._database = database
        self._dispatchers = {
            consumer: EventDispatcher(database, consumer, handlers)
            for consumer, handlers in consumers.items()
        }

    async def list(self, *, resolved: bool = False, limit: int = 1000) -> Sequence[DeadLetter]:
        """Return up to `limit` dead letters, ordered by the time of the failure, oldest first.

        Returns the resolved dead letters if `resolved` is true, and the unresolved dead letters otherwise.
        """
        state = dead_letters.c.resolved_at
        async with self._database.transaction() as transaction:
            found = await transaction.execute(
                select(dead_letters)
                .where(state.is_not(None) if resolved else state.is_(None))
                .order_by(dead_letters.c.failed_at, dead_letters.c.id)
                .limit(limit)
            )
            return [_letter(row) for row in found.mappings()]

    async def show(self, letter_id: UUID) -> DeadLetter:
        """Return the dead letter with the id `letter_id`. Raises NOT_FOUND."""
        async with self._database.transaction() as transaction:
            found = await transaction.execute(
                select(dead_letters).where(dead_letters.c.id == letter_id)
            )
            row = found.mappings().first()
        if row is None:
            raise not_found("NOT_FOUND", "There is no such dead letter.")
        return _letter(row)

    async def redrive(self, letter_id: UUID) -> bool:
        """Run the handler of the event again, and resolve the dead letter in the same transaction.

        Returns True if the handler ran, and False if the event had already been handled. Raises NOT_FOUND, or the error
        of the handler. If the handler raises an error, the dead letter is unresolved, and contains the new error.
        """
        letter = await self.show(letter_id)
        if letter.consumer not in self._dispatchers:
            raise not_found("NOT_FOUND", f"This service has no consumer {letter.consumer}.")
        # Count the redrive as another delivery. The handling of the event then starts a new trace, as for any
        # redelivery.
        event = ReceivedEvent(letter.subject, letter.headers, letter.body, letter.deliveries + 1)

        async def close(transaction: Transaction) -> None:
            await resolve(transaction, letter.consumer, letter.event_id)

        try:
            return await self._dispatchers[letter.consumer].handle(event, hook=close)
        except Exception as error:
            await store(self._database, letter.consumer, event, error)
            raise

    async def redrive_all(self) -> tuple[int, int]:
        """Redrive every unresolved dead letter, oldest first.

        Returns the number of dead letters that were resolved, and the number of dead letters that failed again.
        """
        resolved = failed = 0
        for letter in await self.list(limit=100_000):
            try:
                await self.redrive(letter.id)
            except Exception:  # noqa: BLE001 - the next dead letter may succeed
                _log.exception("redrive_failed", dead_letter=str(letter.id), subject=letter.subject)
                failed += 1
            else:
                resolved += 1
        return resolved, failed


def _letter(row: RowMapping) -> DeadLetter:
    return DeadLetter(**row)
