"""Resolving the codes that learners enter (`C3` to `C5`), and counting the failed ones so that guessing stays hopeless (`C4`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain.code_texts import normalised
from proctorium_enrollment.domain.codes import (
    CodeValidity,
    Learner,
    is_failed_entry,
    validity_of,
)
from proctorium_enrollment.domain.throttling import NO_WAIT
from proctorium_enrollment.operations import throttling
from proctorium_enrollment.operations.throttling import Throttling
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage.codes import Entry, Found


@dataclass(frozen=True)
class CodeEntry:
    """A text that a learner entered, and from where; an empty address is not known."""

    text: str
    person_id: UUID
    client_address: str


@dataclass(frozen=True)
class Malformed:
    """The text cannot be a code; `description` says why, as a sentence for the learner."""

    description: str


@dataclass(frozen=True)
class Resolution:
    """What an entry leads to: a code, nothing, or a malformed text; and how long the learner has to wait."""

    found: Found | Malformed | None
    validity: CodeValidity = CodeValidity.VALID
    retry_delay: timedelta = NO_WAIT


@dataclass(frozen=True)
class _WellFormed:
    """An entry as it is looked up, and what it counts for if it fails."""

    entry: Entry
    throttled: throttling.CodeEntry


class CodeResolution:
    """Resolves codes. `codes_key` finds them; `throttling_key` hides whose failed entries are counted."""

    def __init__(
        self, database: Database, codes_key: EncryptionKey, throttling_key: EncryptionKey
    ) -> None:
        self._database = database
        self._key = codes_key
        self._throttling = Throttling(throttling_key)

    async def resolve(self, entries: Sequence[CodeEntry]) -> list[Resolution]:
        """Return what each entry leads to, in their order; no learner is among them twice.

        A transaction that only reads, unless an entry failed: that is counted.
        """
        async with self._database.transaction() as tx:
            return await self.resolve_in(tx, entries)

    async def resolve_in(self, tx: Transaction, entries: Sequence[CodeEntry]) -> list[Resolution]:
        """As `resolve`, in a transaction of the caller's."""
        prepared = [self._prepare(entry) for entry in entries]
        well_formed = [each for each in prepared if isinstance(each, _WellFormed)]
        resolved = iter(await self._resolve_all(tx, well_formed) if well_formed else ())
        return [
            Resolution(each) if isinstance(each, Malformed) else next(resolved) for each in prepared
        ]

    async def forget_failures(self, tx: Transaction, person_ids: Collection[UUID]) -> None:
        """Forget the failed entries of learners who have joined a session."""
        await self._throttling.forget(tx, person_ids)

    async def _resolve_all(
        self, tx: Transaction, entries: Sequence[_WellFormed]
    ) -> list[Resolution]:
        found = await storage.resolve(tx, [each.entry for each in entries])
        failures = await self._throttling.failures(tx, [each.throttled for each in entries])
        waits = [each.throttled.wait(failures, tx.now) for each in entries]
        failed = [
            nth
            for nth, (each, code) in enumerate(zip(entries, found, strict=True))
            if waits[nth] == NO_WAIT and _has_failed(each.entry, code)
        ]
        if failed:
            # Others may have failed since the failures were read: the learner has to wait then, and is not counted.
            recorded = await self._throttling.record(tx, [entries[nth].throttled for nth in failed])
            for nth, wait in zip(failed, recorded, strict=True):
                waits[nth] = wait
        return [
            Resolution(
                code, CodeValidity.VALID if code is None else validity_of(code.code, tx.now), wait
            )
            for code, wait in zip(found, waits, strict=True)
        ]

    def _prepare(self, entry: CodeEntry) -> _WellFormed | Malformed:
        try:
            text = normalised(entry.text, "text")
        except ServiceError as malformed:
            return Malformed(malformed.message)
        return _WellFormed(
            Entry(self._key.blind_index(text), entry.person_id),
            self._throttling.code_entry(entry.person_id, entry.client_address),
        )


def _has_failed(entry: Entry, found: Found | None) -> bool:
    if found is None:
        return is_failed_entry(None, Learner(entry.person_id, registered=False, joined=False))
    return is_failed_entry(found.code, found.learner)
