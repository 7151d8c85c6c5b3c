"""Redeeming a code (`C3` to `C5`): whom it admits, and how guessing is kept hopeless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.domain import codes as domain
from proctorium_enrollment.domain.code_texts import normalised
from proctorium_enrollment.domain.codes import COUNTED, Code, Learner
from proctorium_enrollment.domain.sessions import Session
from proctorium_enrollment.domain.throttling import (
    NO_WAIT,
    Failures,
    too_many_failed_code_entries,
)
from proctorium_enrollment.operations.throttling import CodeEntry, Throttling
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage.codes import Asking, Found
from proctorium_enrollment.storage.throttling import Key


@dataclass(frozen=True)
class Asked:
    """A text that somebody typed, and from where; an empty address is one that nobody knows."""

    text: str
    person_id: UUID
    client_address: str


@dataclass(frozen=True)
class Redeemed:
    """The session that a code admits to; `newcomer_refusal` is the error if the learner has not joined it yet (see `Admission`)."""

    code_id: UUID
    session_id: UUID
    rejoin: bool
    newcomer_refusal: ServiceError | None = None


Outcome = Redeemed | ServiceError

_AT_ONCE = 3
_ENOUGH = 4
"""Groups under way side by side, and how many requests are worth one more."""


class Redemption:
    """Redeems codes: those that come while a commit is under way share the next one. One for each process, made when it is wired.

    `codes_key` finds codes, `throttling_key` hides whose failures are counted.
    """

    def __init__(
        self, database: Database, codes_key: EncryptionKey, throttling_key: EncryptionKey
    ) -> None:
        self._database = database
        self._key = codes_key
        self._throttling = Throttling(throttling_key)
        self._group: Batcher[Asked, Outcome] = Batcher(
            self._flush, at_once=_AT_ONCE, enough=_ENOUGH, key=lambda asked: asked.person_id
        )

    async def redeem(self, asked: Asked) -> Redeemed:
        """Return what the code admits the learner to. Raises the refusal, after the commit: that keeps the count of failures.

        All codes that admit the learner to nothing take the same path. A text that cannot be a code is no guess: CODE_MALFORMED is
        raised before anything is looked up or counted.
        """
        asked = replace(asked, text=normalised(asked.text, "text"))
        outcome = await self._group.submit(asked)
        if isinstance(outcome, ServiceError):
            raise outcome
        annotate(session_id=outcome.session_id, code_id=outcome.code_id)
        return outcome

    async def close(self) -> None:
        """Returns when all that was taken is answered; what comes later is refused."""
        await self._group.close()

    async def _flush(self, batch: list[Asked]) -> list[Outcome]:
        async with self._database.transaction() as tx:
            return await self.redeem_all(tx, batch)

    async def redeem_all(self, tx: Transaction, batch: Sequence[Asked]) -> list[Outcome]:
        """Return what each of several learners is answered. Only a failed entry, or the first one after failures, is written for throttling."""
        tries = [self._try_of(asked) for asked in batch]
        await self._throttling.lock(tx, [each.entry for each in tries])
        found = await storage.find_for(tx, [each.asking for each in tries])
        failures = await self._throttling.failures(tx, [each.entry for each in tries])
        outcomes = [_outcome(found.get(each.asking), each, failures, tx.now) for each in tries]
        admitted, failed = _sort_out(tries, outcomes)
        if admitted:
            codes = [(found[each.asking].code, each.asking.person_id) for each in admitted]
            await storage.add_redemptions(tx, codes)
        if succeeded := [each for each in admitted if each.entry.person in failures]:
            await self._throttling.forget(tx, [each.asking.person_id for each in succeeded])
        if failed:
            waits = await self._throttling.record(tx, [tries[number].entry for number in failed])
            for number, wait in zip(failed, waits, strict=True):
                if wait > NO_WAIT:
                    outcomes[number] = too_many_failed_code_entries(wait)
        return outcomes

    def _try_of(self, asked: Asked) -> _Try:
        entry = self._throttling.code_entry(asked.person_id, asked.client_address)
        return _Try(Asking(self._key.blind_index(asked.text), asked.person_id), entry)


@dataclass(frozen=True)
class _Try:
    """What is looked up, and what a failure counts for."""

    asking: Asking
    entry: CodeEntry


def _outcome(
    found: Found | None, made: _Try, failures: Mapping[Key, Failures], now: datetime
) -> Outcome:
    nobody = Learner(made.asking.person_id, False, False)
    code, session, learner = (
        (found.code, found.session, found.learner) if found else (None, None, nobody)
    )
    wait = made.entry.wait(failures, now)
    if wait > NO_WAIT and not _is_rejoin(code, session, learner):
        return too_many_failed_code_entries(wait)
    try:
        admission = domain.admit(code, session, learner, now)
    except ServiceError as refusal:
        return refusal
    assert code is not None
    newcomer = too_many_failed_code_entries(wait) if wait > NO_WAIT else admission.newcomer_refusal
    return Redeemed(code.code_id, code.session_id, admission.rejoin, newcomer)


def _sort_out(tries: Sequence[_Try], outcomes: list[Outcome]) -> tuple[list[_Try], list[int]]:
    """Return who is admitted for the first time, and the numbers of those whose entry failed; a repetition in the batch is a rejoin."""
    admitted: dict[tuple[UUID, UUID], _Try] = {}
    failed = []
    for number, (made, outcome) in enumerate(zip(tries, outcomes, strict=True)):
        if isinstance(outcome, ServiceError):
            if outcome.reason in COUNTED:
                failed.append(number)
        elif not outcome.rejoin:
            learner = (outcome.session_id, made.asking.person_id)
            if learner in admitted:
                outcomes[number] = replace(outcome, rejoin=True)
            else:
                admitted[learner] = made
    return list(admitted.values()), failed


def _is_rejoin(code: Code | None, session: Session | None, learner: Learner) -> bool:
    """Return whether the code is one of a living session that has admitted the learner before: that never waits."""
    if code is None or session is None or session.state.over:
        return False
    return learner.redeemed_before and code.person_id in {None, learner.person_id}
