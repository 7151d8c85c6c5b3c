"""Resolution of the codes that learners enter (`C3` to `C5`), with throttling of failed entries (`C4`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain.code_texts import normalise
from proctorium_enrollment.domain.codes import (
    CodeValidity,
    Learner,
    is_failed_entry,
    validity_of,
)
from proctorium_enrollment.domain.throttling import NO_WAIT
from proctorium_enrollment.operations import throttling
from proctorium_enrollment.operations.throttling import Throttling
from proctorium_enrollment.storage import codes
from proctorium_enrollment.storage.codes import Entry, ResolvedEntry


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """A text that a learner entered. `client_address` is empty if the client's address is unknown."""

    text: str
    person_id: UUID
    client_address: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A text that cannot be a code. `description` is a sentence that gives the learner the reason."""

    description: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of a code entry.

    `found` is None if no code has the entered text. `retry_delay` is the time that the learner has to wait.
    """

    found: ResolvedEntry | Malformed | None
    validity: CodeValidity = CodeValidity.VALID
    retry_delay: timedelta = NO_WAIT


@dataclass(frozen=True, slots=True)
class _WellFormed:
    """An entry whose text can be a code.

    It has the blind index of the text, and the keys under which a failure of the entry is counted.
    """

    entry: Entry
    throttled: throttling.CodeEntry


class CodeResolution:
    """Resolves codes.

    `codes_key` computes the blind indexes of texts of codes. `throttling_key` computes the keyed hashes of people and
    networks.
    """

    def __init__(
        self, database: Database, codes_key: EncryptionKey, throttling_key: EncryptionKey
    ) -> None:
        self._database = database
        self._key = codes_key
        self._throttling = Throttling(throttling_key)

    async def resolve(self, entries: Sequence[CodeEntry]) -> list[Resolution]:
        """Return the result of each entry, in the order of `entries`. No learner may have two entries.

        The transaction writes to the database only if an entry failed.
        """
        async with self._database.transaction() as tx:
            return await self.resolve_in_transaction(tx, entries)

    async def resolve_in_transaction(
        self, tx: Transaction, entries: Sequence[CodeEntry]
    ) -> list[Resolution]:
        """Return the result of each entry, as `resolve` does, in the transaction `tx` of the caller."""
        prepared = [self._prepare(entry) for entry in entries]
        well_formed = [each for each in prepared if isinstance(each, _WellFormed)]
        resolved = iter(await self._resolve_all(tx, well_formed) if well_formed else ())
        return [
            Resolution(each) if isinstance(each, Malformed) else next(resolved) for each in prepared
        ]

    async def clear_failures(self, tx: Transaction, person_ids: Collection[UUID]) -> None:
        """Delete the failed code entries of learners who have joined a session."""
        await self._throttling.forget(tx, person_ids)

    async def _resolve_all(
        self, tx: Transaction, entries: Sequence[_WellFormed]
    ) -> list[Resolution]:
        found = await codes.resolve_entries(tx, [each.entry for each in entries])
        failures = await self._throttling.failures(tx, [each.throttled for each in entries])
        waits = [each.throttled.wait(failures, tx.now) for each in entries]
        failed = [
            index
            for index, (each, code) in enumerate(zip(entries, found, strict=True))
            if waits[index] == NO_WAIT and _has_failed(each.entry, code)
        ]
        if failed:
            # After the failures were read, concurrent entries of the same learner may have failed. If the learner now
            # has to wait because of them, `record` does not count this entry.
            recorded = await self._throttling.record(
                tx, [entries[index].throttled for index in failed]
            )
            for index, wait in zip(failed, recorded, strict=True):
                waits[index] = wait
        return [
            Resolution(
                code, CodeValidity.VALID if code is None else validity_of(code.code, tx.now), wait
            )
            for code, wait in zip(found, waits, strict=True)
        ]

    def _prepare(self, entry: CodeEntry) -> _WellFormed | Malformed:
        try:
            text = normalise(entry.text, "text")
        except ServiceError as malformed:
            return Malformed(malformed.message)
        return _WellFormed(
            Entry(self._key.blind_index(text), entry.person_id),
            self._throttling.code_entry(entry.person_id, entry.client_address),
        )


def _has_failed(entry: Entry, found: ResolvedEntry | None) -> bool:
    if found is None:
        return is_failed_entry(None, Learner(entry.person_id, registered=False, joined=False))
    return is_failed_entry(found.code, found.learner)
