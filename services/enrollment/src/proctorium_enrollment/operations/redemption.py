"""Redeeming a code (`C3` to `C5`): whom it admits, and how guessing is kept hopeless."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.domain import codes as domain
from proctorium_enrollment.domain.attempt_limits import (
    NO_WAIT,
    Limit,
    network_of,
    too_many_attempts,
)
from proctorium_enrollment.domain.codes import COUNTED, Code, Learner
from proctorium_enrollment.domain.sessions import Session
from proctorium_enrollment.operations import attempts
from proctorium_enrollment.operations.attempts import Attempts, Counted, Standing
from proctorium_enrollment.operations.turns import Turns
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage.sealing import Seal

PERSON_LIMIT = Limit(
    free=5,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(minutes=30),
)
# A whole classroom may share an address.
ADDRESS_LIMIT = Limit(
    free=30,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(minutes=30),
)
OWN_BEFORE_ADDRESS = 2
"""The limit of an address holds for those who have failed so often themselves: nobody is kept out by others' failures alone."""


@dataclass(frozen=True)
class Redeemed:
    """What a code admits to."""

    code_id: UUID
    session_id: UUID
    rejoin: bool


class Redemption:
    """Redeems codes. `codes_seal` finds them, `attempts_seal` hides whose attempts are counted."""

    def __init__(self, codes_seal: Seal, attempts_seal: Seal) -> None:
        self._seal = codes_seal
        self._attempts = Attempts(attempts_seal, "code")
        self._turns = Turns()

    def turn(self, person_id: UUID) -> AbstractAsyncContextManager[None]:
        """The turn of one learner, to be taken before the transaction."""
        return self._turns.of(person_id)

    async def redeem(
        self, tx: Transaction, text: str, person_id: UUID, client_address: str
    ) -> Redeemed | ServiceError:
        """What the code admits the learner to, or the refusal, to be raised after the commit: that keeps the count of failures.

        All texts that admit the learner to nothing take the same path.
        """
        person = self._attempts.of("person", str(person_id), PERSON_LIMIT)
        address = self._attempts.of("address", network_of(client_address), ADDRESS_LIMIT)
        counted = [person, address] if client_address else [person]
        await attempts.lock(tx, person)
        found = await storage.find_for(tx, self._seal.mark(text.strip()), person_id)
        code, session, learner = found or (None, None, Learner(person_id, False, False))
        standing = await attempts.standing(tx, *counted)
        wait = _wait(standing, person, address)
        if wait > NO_WAIT and not _is_rejoin(code, session, learner):
            return too_many_attempts(wait)
        try:
            rejoin = domain.admit(code, session, learner, tx.now)
        except ServiceError as refusal:
            if refusal.reason in COUNTED:
                await _count(tx, counted)
            return refusal
        assert code is not None
        if not rejoin:
            await storage.add_redemption(tx, code, person_id)
            if standing.failures:
                await attempts.forget(tx, person)
        annotate(session_id=code.session_id, code_id=code.code_id)
        return Redeemed(code.code_id, code.session_id, rejoin)


def _wait(standing: Standing, person: Counted, address: Counted) -> timedelta:
    own = standing.wait(person)
    if standing.recent(person) < OWN_BEFORE_ADDRESS:
        return own
    return max(own, standing.wait(address))


def _is_rejoin(code: Code | None, session: Session | None, learner: Learner) -> bool:
    """Whether the code is one of a living session that has admitted the learner before: that costs nothing, whatever else they tried."""
    if code is None or session is None or session.state.over:
        return False
    return learner.redeemed_before and code.person_id in {None, learner.person_id}


async def _count(tx: Transaction, counted: list[Counted]) -> None:
    person, *addresses = counted
    await attempts.count(tx, person)
    for address in addresses:
        await attempts.lock(tx, address)
        await attempts.count(tx, address)
