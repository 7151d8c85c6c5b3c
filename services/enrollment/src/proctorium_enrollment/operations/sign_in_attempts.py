"""Attempts at passwords (`O4`): how many are free, who waits, and what somebody else may make nobody wait for (ADR 9)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, timedelta
from uuid import UUID

from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain import sign_ins
from proctorium_enrollment.domain.attempt_limits import NO_WAIT, Limit, site_of, too_many_attempts
from proctorium_enrollment.operations import attempts
from proctorium_enrollment.operations.attempts import Attempts, Counted, Tally
from proctorium_enrollment.operations.turns import Turns
from proctorium_enrollment.storage import accounts as storage
from proctorium_enrollment.storage import known_networks
from proctorium_enrollment.storage.accounts import Account
from proctorium_enrollment.storage.sealing import Seal

# Counted for each network from which an account is tried: nobody makes its owner wait from elsewhere.
ACCOUNT_LIMIT = Limit(
    free=5,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(minutes=30),
)
# What is shared with others is counted by the hour of the clock: whoever succeeds there never makes it be remembered for longer.
# Counted for each account over all networks. One network cannot reach it: its own waits leave it some twenty attempts an hour.
EVERYWHERE_LIMIT = Limit(
    free=50,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(hours=1),
    at_once=3,
)
# Counted for each network over all accounts. A whole classroom may share one.
ADDRESS_LIMIT = Limit(
    free=100,
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(minutes=1),
    forgotten_after=timedelta(hours=1),
    at_once=5,
)
# Counted for each site of IPv6 networks over all accounts: one customer may have it all, or a campus share it.
SITE_LIMIT = Limit(
    free=1000,
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(minutes=1),
    forgotten_after=timedelta(hours=1),
    at_once=10,
)


@dataclass(frozen=True)
class Attempt:
    """An attempt that is counted as a failure, until it has succeeded.

    `others_wait` is how long others' failures keep those out who never signed in from this network; who did is `known_here`.
    """

    account: Account | None
    own: Counted
    tallies: Sequence[Tally] = ()
    known_here: bool = False
    others_wait: timedelta = NO_WAIT

    def admitted(self, *, right: bool) -> Account:
        """The account, for whom the password is right. Raises SIGN_IN_FAILED or TOO_MANY_ATTEMPTS.

        While others' failures keep some out, everybody who is refused gets the same response after the same work: a right password from
        a network that is new to the account, a wrong one, and an account that does not exist look alike.
        """
        if self.others_wait > NO_WAIT and not (right and self.known_here):
            raise too_many_attempts(self.others_wait)
        if not right:
            raise sign_ins.sign_in_failed()
        assert self.account is not None
        return self.account

    async def succeeded(self, tx: Transaction) -> None:
        """Forgets the account's own failures here, and of those that it shares with others takes this one back."""
        # In the order in which attempts lock them.
        for tally in self.tallies:
            await attempts.take_back(tx, tally)
        await attempts.forget(tx, self.own)


class SignInAttempts:
    """Lets attempts at passwords begin, each counted before the password is looked at: however many come at once, and whether or not
    anybody waits for the answer, none is made uncounted."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._attempts = Attempts(seal, "sign_in")
        self._turns = Turns()

    async def begin(self, email: str, network: str) -> Attempt:
        """Begins an attempt to sign in. Raises TOO_MANY_ATTEMPTS, and counts nothing then."""
        own = self._attempts.of("account", f"{network} {email}", ACCOUNT_LIMIT)
        shared_with = [("everywhere", email, EVERYWHERE_LIMIT), ("address", network, ADDRESS_LIMIT)]
        if (site := site_of(network)) is not None:
            shared_with.append(("site", site, SITE_LIMIT))
        async with AsyncExitStack() as turns:
            for kind, name, _ in shared_with:
                await turns.enter_async_context(self._turns.of((kind, name)))
            tx = await turns.enter_async_context(self._database.transaction())
            hour = tx.now.astimezone(UTC).strftime("%Y-%m-%dT%H")
            shared = [
                self._attempts.of(kind, f"{hour} {name}", limit)
                for kind, name, limit in shared_with
            ]
            tallies, wait = await _count(tx, own, shared)
            known = await known_networks.contains(tx, own.subject.mark)
            return Attempt(await storage.find(tx, email), own, tallies, known, wait)

    async def begin_present(self, person_id: UUID, email: str) -> Attempt:
        """Begins an attempt to give one's own present password; only who is signed in can. Raises TOO_MANY_ATTEMPTS."""
        own = self._attempts.of("present", str(person_id), ACCOUNT_LIMIT)
        async with self._turns.of(own.subject), self._database.transaction() as tx:
            await _count(tx, own, [])
            return Attempt(await storage.find(tx, email), own)


async def _count(
    tx: Transaction, own: Counted, shared: Sequence[Counted]
) -> tuple[Sequence[Tally], timedelta]:
    """Counts an attempt. Answers what it counted of what is shared with others, and how long their failures keep some out.

    Raises TOO_MANY_ATTEMPTS. What decides is the same for every address, whether or not it is somebody's.
    """
    for one in (own, *shared):
        await attempts.lock(tx, one)
    standing = await attempts.standing(tx, own, *shared)
    others_wait = max((standing.wait(one) for one in shared), default=NO_WAIT)
    if (wait := standing.wait(own)) > NO_WAIT:
        raise too_many_attempts(max(wait, others_wait))
    await attempts.count(tx, own)
    if others_wait > NO_WAIT:
        # Or whoever hurries would make the others wait for longer, and no promised time would come.
        return (), others_wait
    return [await attempts.count(tx, one) for one in shared], NO_WAIT
