"""Redeeming a code (`C3` to `C5`): whom it admits, and how guessing is kept hopeless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.domain import codes as domain
from proctorium_enrollment.domain.attempt_limits import (
    NO_WAIT,
    Limit,
    network_of,
    too_many_attempts,
)
from proctorium_enrollment.domain.code_texts import normalised
from proctorium_enrollment.domain.codes import COUNTED, Code, Learner
from proctorium_enrollment.domain.sessions import Session
from proctorium_enrollment.operations import attempts
from proctorium_enrollment.operations.attempts import Attempts, Counted, Standing
from proctorium_enrollment.operations.turns import Turns
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage.codes import Asking, Found
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

    `codes_seal` finds codes, `attempts_seal` hides whose attempts are counted.
    """

    def __init__(self, database: Database, codes_seal: Seal, attempts_seal: Seal) -> None:
        self._database = database
        self._seal = codes_seal
        self._attempts = Attempts(attempts_seal, "code")
        self._turns = Turns()
        self._group: Batcher[Asked, Outcome] = Batcher(
            self._flush, at_once=_AT_ONCE, enough=_ENOUGH
        )

    async def redeem(self, asked: Asked) -> Redeemed:
        """Return what the code admits the learner to. Raises the refusal, after the commit: that keeps the count of failures.

        All codes that admit the learner to nothing take the same path. A text that cannot be a code is no guess: CODE_MALFORMED is
        raised before anything is looked up or counted.
        """
        asked = replace(asked, text=normalised(asked.text, "text"))
        async with self._turns.of(asked.person_id):
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
        """What each of several learners is answered; no learner is among them twice."""
        tries = [self._try_of(asked) for asked in batch]
        await attempts.lock(tx, *(each.person for each in tries))
        found = await storage.find_for(tx, [each.asking for each in tries])
        standing = await attempts.standing(tx, *(c for each in tries for c in each.counted))
        outcomes = [_outcome(found.get(each.asking), each, standing) for each in tries]
        admitted, failed = _sorted_out(tries, outcomes)
        if admitted:
            codes = [(found[each.asking].code, each.asking.person_id) for each in admitted]
            await storage.add_redemptions(tx, codes)
        for each in admitted:
            if standing.failures.get(each.person.subject):
                await attempts.forget(tx, each.person)
        await _count(tx, failed)
        return outcomes

    def _try_of(self, asked: Asked) -> _Try:
        person = self._attempts.of("person", str(asked.person_id), PERSON_LIMIT)
        address = self._attempts.of("address", network_of(asked.client_address), ADDRESS_LIMIT)
        asking = Asking(self._seal.mark(asked.text), asked.person_id)
        return _Try(asking, person, address, is_from_somewhere=bool(asked.client_address))


@dataclass(frozen=True)
class _Try:
    """What is looked up and counted for one who asks."""

    asking: Asking
    person: Counted
    address: Counted
    is_from_somewhere: bool

    @property
    def counted(self) -> list[Counted]:
        return [self.person, self.address] if self.is_from_somewhere else [self.person]


def _outcome(found: Found | None, made: _Try, standing: Standing) -> Outcome:
    nobody = Learner(made.asking.person_id, False, False)
    code, session, learner = (
        (found.code, found.session, found.learner) if found else (None, None, nobody)
    )
    wait = _wait(standing, made.person, made.address)
    if wait > NO_WAIT and not _is_rejoin(code, session, learner):
        return too_many_attempts(wait)
    try:
        admission = domain.admit(code, session, learner, standing.now)
    except ServiceError as refusal:
        return refusal
    assert code is not None
    newcomer = too_many_attempts(wait) if wait > NO_WAIT else admission.newcomer_refusal
    return Redeemed(code.code_id, code.session_id, admission.rejoin, newcomer)


def _sorted_out(
    tries: Sequence[_Try], outcomes: Sequence[Outcome]
) -> tuple[list[_Try], list[_Try]]:
    """Who is admitted for the first time, and whose attempt counts as a failure."""
    admitted, failed = [], []
    for made, outcome in zip(tries, outcomes, strict=True):
        if isinstance(outcome, ServiceError):
            if outcome.reason in COUNTED:
                failed.append(made)
        elif not outcome.rejoin:
            admitted.append(made)
    return admitted, failed


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


async def _count(tx: Transaction, failed: Sequence[_Try]) -> None:
    """Counts a failure of each person, whose attempts are locked, and of each address."""
    for made in failed:
        await attempts.count(tx, made.person)
    addresses = [made.address for made in failed if made.is_from_somewhere]
    if addresses:
        await attempts.lock(tx, *addresses)
    for address in addresses:
        await attempts.count(tx, address)
