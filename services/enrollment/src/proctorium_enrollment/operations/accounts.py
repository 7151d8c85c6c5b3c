"""Signing in, staying signed in, signing out, and passwords (`O4`)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.security.tokens import SignedToken
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain import passwords, sign_ins
from proctorium_enrollment.domain.attempt_limits import (
    NO_WAIT,
    Limit,
    network_of,
    too_many_attempts,
)
from proctorium_enrollment.domain.people import Person, Role, no_such_person, normalised_email
from proctorium_enrollment.domain.sign_ins import Outcome, SignIn
from proctorium_enrollment.operations import attempts
from proctorium_enrollment.operations.attempts import Attempts, Counted
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.operations.turns import Turns
from proctorium_enrollment.storage import accounts as storage
from proctorium_enrollment.storage import known_networks, people
from proctorium_enrollment.storage.accounts import Account
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.sealing import Seals

# Counted for each network from which an account is tried: nobody makes its owner wait from elsewhere (ADR 9).
ACCOUNT_LIMIT = Limit(
    free=5,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(minutes=30),
)
# Counted for each account and hour over all networks from which it has not been signed in to before. One network cannot reach
# it: its own waits leave it some twenty attempts an hour.
EVERYWHERE_LIMIT = Limit(
    free=50,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=5),
    forgotten_after=timedelta(hours=1),
)
# A whole classroom may share an address.
ADDRESS_LIMIT = Limit(
    free=100,
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(minutes=1),
    forgotten_after=timedelta(minutes=15),
)


@dataclass(frozen=True)
class Tokens:
    """An access token and the refresh token for the next one."""

    access: SignedToken
    refresh: str
    refresh_expire_time: datetime


@dataclass(frozen=True)
class SignedIn:
    """Who has signed in, with their tokens."""

    person: Person
    tokens: Tokens


class Accounts:
    """The accounts of people."""

    def __init__(
        self,
        database: Database,
        hashes: PasswordHashes,
        seals: Seals,
        signing: Signing,
        *,
        refresh_grace: timedelta,
    ) -> None:
        self._database = database
        self._hashes = hashes
        self._attempts = Attempts(seals.attempts, "sign_in")
        self._succession = seals.sign_ins
        self._refresh_grace = refresh_grace
        self._signing = signing
        self._turns = Turns()

    async def sign_in(self, email: str, password: str, client_address: str) -> SignedIn:
        """Raises SIGN_IN_FAILED or TOO_MANY_ATTEMPTS; the failure is counted then.

        Wrong passwords from one network do not make anybody wait who signs in from another (ADR 9).
        Hashing is slow on purpose, so it is done between two transactions. The attempt is counted as a failure before, and
        forgotten after a success: however many come at once, none is made uncounted.
        """
        email, network = normalised_email(email), network_of(client_address)
        here = self._attempts.of("account", f"{network} {email}", ACCOUNT_LIMIT)
        address = self._attempts.of("address", network, ADDRESS_LIMIT)
        everywhere = await self._everywhere(email, here)
        account = await self._begin_attempt(email, [here, *everywhere], address)
        password = passwords.normalised(password)
        if not await self._matches(account, password):
            await self._count(address)
            raise sign_ins.sign_in_failed()
        assert account is not None
        assert account.password_hash is not None
        newer = await self._newer_hash(account.password_hash, password)
        async with self._database.transaction() as tx:
            # Whoever changed the password meanwhile has ended all sign-ins; this one must not outlive that.
            await _require_unchanged(tx, account.person.person_id, account.password_hash)
            if newer is not None:
                await storage.set_password_hash(tx, account.person.person_id, newer)
            # In the order in which attempts lock them.
            for one in everywhere:
                await attempts.take_back(tx, one)
            await attempts.forget(tx, here)
            await known_networks.remember(tx, here.subject.mark)
            return SignedIn(account.person, await self._begin(tx, account.person))

    async def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token, which works no more. Raises REFRESH_TOKEN_INVALID.

        Used again within the grace, it is answered with the newest token of the sign-in; used again later, it ends the sign-in.
        """
        async with self._database.transaction() as tx:
            tokens = await self._renew(tx, token)
        if tokens is None:
            raise sign_ins.refresh_token_invalid()
        return tokens

    async def sign_out(self, token: str) -> None:
        """Ends the sign-in that the refresh token belongs to, if there is one."""
        async with self._database.transaction() as tx:
            found = await storage.lock_sign_in(tx, token)
            if found is not None:
                await storage.end_sign_in(tx, found[0].sign_in_id)

    async def set_password(
        self, caller: Caller, person_id: UUID | None, present: str, new: str
    ) -> None:
        """Sets one's own password with the present one, or another's as an administrator; ends all sign-ins of that person.

        Raises PASSWORD_TOO_WEAK, SIGN_IN_FAILED, TOO_MANY_ATTEMPTS, NOT_FOUND.
        """
        own = person_id is None or person_id == caller.person_id
        if not own and Role.ADMINISTRATOR.value not in caller.roles:
            raise no_such_person()
        whose = caller.person_id if person_id is None else person_id
        assert whose is not None
        async with self._database.transaction() as tx:
            person = await people.find(tx, whose)
        if person is None:
            raise no_such_person()
        passwords.check(new, person.email)
        proved = await self._prove(person, present) if own else None
        new_hash = await self._hashes.make(passwords.normalised(new))
        async with self._database.transaction() as tx:
            if proved is not None:
                # Who knew the password of a moment ago does not replace the one that its owner has been given since.
                await _require_unchanged(tx, whose, proved)
            await storage.set_password_hash(tx, whose, new_hash)
            await storage.end_sign_ins(tx, whose)

    async def _prove(self, person: Person, password: str) -> str:
        """The hash of the person's present password, if this is it. Raises SIGN_IN_FAILED or TOO_MANY_ATTEMPTS."""
        counted = self._attempts.of("present", str(person.person_id), ACCOUNT_LIMIT)
        account = await self._begin_attempt(person.email, [counted])
        if not await self._matches(account, passwords.normalised(password)):
            raise sign_ins.sign_in_failed()
        assert account is not None
        assert account.password_hash is not None
        async with self._database.transaction() as tx:
            await attempts.forget(tx, counted)
        return account.password_hash

    async def _everywhere(self, email: str, here: Counted) -> Sequence[Counted]:
        """What is counted over all networks: nothing, where the account has been signed in to from here before."""
        async with self._database.transaction() as tx:
            if await known_networks.contains(tx, here.subject.mark):
                return ()
            hour = tx.now.astimezone(UTC).strftime("%Y-%m-%dT%H")
        return (self._attempts.of("everywhere", f"{hour} {email}", EVERYWHERE_LIMIT),)

    async def _begin_attempt(
        self, email: str, counted: Sequence[Counted], *others: Counted
    ) -> Account | None:
        """Counts an attempt at the account and answers it. Raises TOO_MANY_ATTEMPTS, and counts nothing then."""
        async with AsyncExitStack() as turns:
            for one in counted:
                await turns.enter_async_context(self._turns.of(one.subject))
            tx = await turns.enter_async_context(self._database.transaction())
            for one in counted:
                await attempts.lock(tx, one)
            standing = await attempts.standing(tx, *counted, *others)
            wait = max(standing.wait(one) for one in (*counted, *others))
            if wait > NO_WAIT:
                raise too_many_attempts(wait)
            for one in counted:
                await attempts.count(tx, one)
            return await storage.find(tx, email)

    async def _count(self, counted: Counted) -> None:
        async with self._turns.of(counted.subject), self._database.transaction() as tx:
            await attempts.lock(tx, counted)
            await attempts.count(tx, counted)

    async def _matches(self, account: Account | None, password: str) -> bool:
        return await self._hashes.matches(
            password, None if account is None else account.password_hash
        )

    async def _newer_hash(self, password_hash: str, password: str) -> str | None:
        """The hash by the present parameters, where the kept one was made with others."""
        if not self._hashes.outdated(password_hash):
            return None
        return await self._hashes.make(password)

    async def _begin(self, tx: Transaction, person: Person) -> Tokens:
        sign_in = SignIn(new_id(), person.person_id, tx.now, ended=False)
        await storage.add_sign_in(tx, sign_in)
        return await self._tokens(tx, sign_in, person, secrets.token_urlsafe(32))

    async def _renew(self, tx: Transaction, token: str) -> Tokens | None:
        found = await storage.lock_sign_in(tx, token)
        if found is None:
            return None
        sign_in, refresh_token = found
        person = await people.find(tx, sign_in.person_id)
        if person is None:
            return None
        match sign_ins.present(sign_in, refresh_token, tx.now, self._refresh_grace):
            case Outcome.REFUSED:
                return None
            case Outcome.REUSED:
                await storage.end_sign_in(tx, sign_in.sign_in_id)
                return None
            case Outcome.REPEATED:
                return await self._newest(tx, person, token)
            case Outcome.RENEWED:
                await storage.mark_used(tx, token)
                return await self._tokens(tx, sign_in, person, self._successor(token))

    def _successor(self, token: str) -> str:
        """The refresh token that comes of using `token`: always the same, so that it can be told again without being kept."""
        return urlsafe_b64encode(self._succession.mark(token)).rstrip(b"=").decode()

    async def _newest(self, tx: Transaction, person: Person, token: str) -> Tokens | None:
        """The newest token of the sign-in, told again; whoever got it first may have used it meanwhile, so look on from there."""
        newest, kept = token, None
        while kept is None or kept.used_time is not None:
            newest = self._successor(newest)
            kept = await storage.find_token(tx, newest)
            if kept is None:
                # A version that did not derive tokens made the successor: it cannot be told again.
                return None
        if tx.now >= kept.expire_time:
            return None
        return await self._signed(tx, person, newest, kept.expire_time)

    async def _tokens(
        self, tx: Transaction, sign_in: SignIn, person: Person, refresh: str
    ) -> Tokens:
        expires = sign_ins.expire_time(sign_in.create_time, tx.now)
        await storage.add_token(tx, sign_in.sign_in_id, refresh, expires)
        return await self._signed(tx, person, refresh, expires)

    async def _signed(
        self, tx: Transaction, person: Person, refresh: str, expires: datetime
    ) -> Tokens:
        signer = await self._signing.signer(tx)
        return Tokens(signer.sign(person.person_id, person.role_names), refresh, expires)


async def _require_unchanged(tx: Transaction, person_id: UUID, proved: str) -> None:
    """Raises SIGN_IN_FAILED if the hash that a password was proved by is not the person's any more; if it is, it stays for now."""
    if await storage.lock_password_hash(tx, person_id) != proved:
        raise sign_ins.sign_in_failed()
