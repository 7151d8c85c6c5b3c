"""Dead letters: events that could not be handled, kept with the error until an operator has them handled after all."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.errors import ServiceError, not_found
from proctorium_common.events.handling import Arrival, Handlers, Handling
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.tables import dead_letters
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_ERROR_LIMIT = 8_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one consumer could not handle. `error` is the traceback."""

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


async def bury(database: Database, consumer: str, arrival: Arrival, error: Exception) -> None:
    """Keep what could not be handled. Once for each consumer and event: a later failure replaces the earlier."""
    async with database.transaction() as transaction:
        found: dict[str, object] = {
            "reason": reason_of(error),
            "error": "".join(traceback.format_exception(error))[-_ERROR_LIMIT:],
            "deliveries": arrival.deliveries,
            "failed_at": transaction.now,
            "resolved_at": None,
        }
        letter = insert(dead_letters).values(
            id=new_id(),
            consumer=consumer,
            event_id=arrival.event_id,
            subject=arrival.subject,
            headers=dict(arrival.headers),
            body=arrival.body,
            **found,
        )
        await transaction.execute(
            letter.on_conflict_do_update(
                index_elements=[dead_letters.c.consumer, dead_letters.c.event_id], set_=found
            )
        )


async def resolve(transaction: Transaction, consumer: str, event_id: UUID) -> None:
    """Close the dead letter of an event that was handled after all; none is no error."""
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
    """Return a word for machines: the reason of a ServiceError, else the type."""
    return error.reason if isinstance(error, ServiceError) else type(error).__name__


class DeadLetters:
    """What an operator does with dead letters; `consumers` are the handlers of the service by consumer."""

    def __init__(self, database: Database, consumers: Mapping[str, Handlers]) -> None:
        self._database = database
        self._handlings = {
            consumer: Handling(database, consumer, handlers)
            for consumer, handlers in consumers.items()
        }

    async def list(self, *, resolved: bool = False, limit: int = 1000) -> Sequence[DeadLetter]:
        """Return the open ones, or with `resolved` the closed ones, oldest first."""
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
        """Return one dead letter. Raises NOT_FOUND."""
        async with self._database.transaction() as transaction:
            found = await transaction.execute(
                select(dead_letters).where(dead_letters.c.id == letter_id)
            )
            row = found.mappings().first()
        if row is None:
            raise not_found("NOT_FOUND", "There is no such dead letter.")
        return _letter(row)

    async def redrive(self, letter_id: UUID) -> bool:
        """Run the handler again, and close the letter in the same transaction.

        True when the effect took place now, False when it had taken place before. Raises NOT_FOUND, or what the handler
        raises: then the letter stays open, with the new error.
        """
        letter = await self.show(letter_id)
        if letter.consumer not in self._handlings:
            raise not_found("NOT_FOUND", f"This service has no consumer {letter.consumer}.")
        # Re-driving counts as one more delivery, and its trace is its own.
        arrival = Arrival(letter.subject, letter.headers, letter.body, letter.deliveries + 1)

        async def close(transaction: Transaction) -> None:
            await resolve(transaction, letter.consumer, letter.event_id)

        try:
            return await self._handlings[letter.consumer].handle(arrival, also=close)
        except Exception as error:
            await bury(self._database, letter.consumer, arrival, error)
            raise

    async def redrive_all(self) -> tuple[int, int]:
        """Re-drive every open letter, oldest first; return how many were closed and how many failed again."""
        closed = failed = 0
        for letter in await self.list(limit=100_000):
            try:
                await self.redrive(letter.id)
            except Exception:  # noqa: BLE001 - the next letter may succeed
                _log.exception("redrive_failed", dead_letter=str(letter.id), subject=letter.subject)
                failed += 1
            else:
                closed += 1
        return closed, failed


def _letter(row: RowMapping) -> DeadLetter:
    return DeadLetter(**row)
