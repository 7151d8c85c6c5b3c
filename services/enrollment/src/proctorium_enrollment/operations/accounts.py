"""Signing in, staying signed in, signing out, and passwords (`O4`)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_common.clock import Clock
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.security.tokens import SignedToken
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain import passwords, rights, sign_ins
from proctorium_enrollment.domain.people import Person, no_such_person, normalised_email
from proctorium_enrollment.domain.sign_ins import Outcome, SignIn
from proctorium_enrollment.domain.throttling import Failures, network_of
from proctorium_enrollment.operations.rights import oneself_or_other, sign_out_everywhere
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.operations.throttling import DEVICE_COOKIE_LIFE, Throttling
from proctorium_enrollment.storage import accounts as storage
from proctorium_enrollment.storage import people
from proctorium_enrollment.storage.accounts import Account
from proctorium_enrollment.storage.encryption import EncryptionKeys
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.throttling import Key


@dataclass(frozen=True)
class Tokens:
    """An access token and the refresh token for the next one."""

    access: SignedToken
    refresh: str
    refresh_expire_time: datetime
    stay_signed_in: bool
    """Whether a browser keeps them after it is closed."""


@dataclass(frozen=True)
class SignedIn:
    """Who has signed in, with their tokens."""

    person: Person
    tokens: Tokens
    device_cookie: str
    device_expire_time: datetime


class Accounts:
    """The accounts of people."""

    def __init__(
        self,
        database: Database,
        hashes: PasswordHashes,
        keys: EncryptionKeys,
        signing: Signing,
        clock: Clock,
        *,
        refresh_grace: timedelta,
        idle_limit: timedelta,
    ) -> None:
        self._database = database
        self._hashes = hashes
        self._throttling = Throttling(keys.throttling)
        self._clock = clock
        self._succession = keys.sign_ins
        self._refresh_grace = refresh_grace
        self._idle_limit = idle_limit
        self._signing = signing

    async def sign_in(
        self,
        email: str,
        password: str,
        client_address: str,
        *,
        device_cookie: str = "",
        stay_signed_in: bool = False,
    ) -> SignedIn:
        """Sign a person in.

        Raises SIGN_IN_FAILED, ACCOUNT_DISABLED, TOO_MANY_FAILED_SIGN_INS or TOO_MANY_AT_ONCE; only the first counts as a failed sign-in.
        The password is hashed between two transactions, because that is slow on purpose.
        """
        email, network = normalised_email(email), network_of(client_address)
        password = passwords.normalised(password)
        device = self._throttling.device(device_cookie, self._clock())
        # Those who guess from here without a device cookie do not delay browsers that have one.
        is_known = device is not None and self._throttling.knows(device, email)
        async with self._hashes.permit((network, is_known)):
            charged_to = self._throttling.sign_in(email, network, device)
            charged, account = await self._charge(charged_to, email)
            proved = await self._proved(account, password)
            newer = await self._newer_hash(proved.password_hash, password)
            person = proved.account.person
            async with self._database.transaction() as tx:
                # Whoever changed the password meanwhile has ended all sign-ins; this one must not outlive that.
                kept = await self._still_proved(
                    tx, person.person_id, proved.password_hash, password
                )
                # Read again under a lock: rights that were taken away meanwhile are not in the tokens.
                person = await people.lock(tx, person.person_id) or person
                if newer is not None and kept == proved.password_hash:
                    await storage.set_password_hash(tx, person.person_id, newer)
                await self._throttling.refund(tx, charged)
                if not person.is_disabled:
                    tokens = await self._begin(tx, person, stay_signed_in)
                    cookie = self._throttling.cookie(device, email, tx.now)
                    return SignedIn(person, tokens, cookie, tx.now + DEVICE_COOKIE_LIFE)
        # The password was right, so it is no failure, and its owner learns why it does not help.
        raise rights.account_disabled()

    async def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token, which works no more. Raises REFRESH_TOKEN_INVALID, ACCOUNT_DISABLED.

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
        """Set one's own password with the present one, or another's as an administrator; end all sign-ins and tokens of that person.

        Raises PASSWORD_TOO_WEAK, SIGN_IN_FAILED, TOO_MANY_FAILED_SIGN_INS, TOO_MANY_AT_ONCE, NOT_FOUND.
        """
        whose = oneself_or_other(caller, person_id)
        own = whose == caller.person_id
        async with self._database.transaction() as tx:
            person = await people.find(tx, whose)
        if person is None:
            raise no_such_person()
        passwords.check(new, person.email, field="new_password")
        present = passwords.normalised(present)
        async with self._hashes.permit(caller.name):
            proved = await self._prove(person, present) if own else None
            new_hash = await self._hashes.make(passwords.normalised(new))
            async with self._database.transaction() as tx:
                if proved is not None:
                    # Who knew the password of a moment ago does not replace the one that its owner has been given since.
                    await self._still_proved(tx, whose, proved, present)
                await storage.set_password_hash(tx, whose, new_hash)
                await sign_out_everywhere(tx, whose)

    async def _prove(self, person: Person, password: str) -> str:
        """Return the hash of the person's present password, if this is it. Raises SIGN_IN_FAILED or TOO_MANY_FAILED_SIGN_INS."""
        keys = self._throttling.current_password(person.person_id)
        charged, account = await self._charge(keys, person.email)
        proved = await self._proved(account, password)
        async with self._database.transaction() as tx:
            await self._throttling.refund(tx, charged)
        return proved.password_hash

    async def _charge(
        self, keys: Sequence[Key], email: str
    ) -> tuple[Mapping[Key, Failures], Account | None]:
        """Count a failure in advance and return the account: with the same queries, whether or not it exists."""
        async with self._database.transaction() as tx:
            charged = await self._throttling.charge(tx, keys)
            return charged, await storage.find(tx, email)

    async def _proved(self, account: Account | None, password: str) -> _Proved:
        """Return whose password it is. Raises SIGN_IN_FAILED, after the same work for an account that does not exist."""
        password_hash = None if account is None else account.password_hash
        if not await self._hashes.matches(password, password_hash):
            raise sign_ins.sign_in_failed()
        assert account is not None
        assert password_hash is not None
        return _Proved(account, password_hash)

    async def _still_proved(
        self, tx: Transaction, person_id: UUID, proved: str, password: str
    ) -> str | None:
        """Return the person's hash, locked. Raises SIGN_IN_FAILED if a password that was proved by `proved` is no longer theirs.

        Another hash may be one of the same password, which another sign-in has made anew.
        """
        kept = await storage.lock_password_hash(tx, person_id)
        if kept != proved and not await self._hashes.matches(password, kept):
            raise sign_ins.sign_in_failed()
        return kept

    async def _newer_hash(self, password_hash: str, password: str) -> str | None:
        """Return the hash by the current parameters, if the stored one was made with others."""
        if not self._hashes.outdated(password_hash):
            return None
        return await self._hashes.make(password)

    async def _begin(self, tx: Transaction, person: Person, stay_signed_in: bool) -> Tokens:
        sign_in = SignIn(
            new_id(), person.person_id, tx.now, ended=False, stay_signed_in=stay_signed_in
        )
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
        if person.is_disabled:
            raise rights.account_disabled()
        match sign_ins.present(sign_in, refresh_token, tx.now, self._refresh_grace):
            case Outcome.REFUSED:
                return None
            case Outcome.REUSED:
                await storage.end_sign_in(tx, sign_in.sign_in_id)
                return None
            case Outcome.REPEATED:
                return await self._newest(tx, sign_in, person, token)
            case Outcome.RENEWED:
                await storage.mark_used(tx, token)
                return await self._tokens(tx, sign_in, person, self._successor(token))

    def _successor(self, token: str) -> str:
        """The refresh token that comes of using `token`: always the same, so that it can be told again without being kept."""
        return urlsafe_b64encode(self._succession.blind_index(token)).rstrip(b"=").decode()

    async def _newest(
        self, tx: Transaction, sign_in: SignIn, person: Person, token: str
    ) -> Tokens | None:
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
        return await self._signed(tx, sign_in, person, newest, kept.expire_time)

    async def _tokens(
        self, tx: Transaction, sign_in: SignIn, person: Person, refresh: str
    ) -> Tokens:
        expires = sign_ins.expire_time(sign_in, tx.now, self._idle_limit)
        await storage.add_token(tx, sign_in.sign_in_id, refresh, expires)
        return await self._signed(tx, sign_in, person, refresh, expires)

    async def _signed(
        self, tx: Transaction, sign_in: SignIn, person: Person, refresh: str, expires: datetime
    ) -> Tokens:
        signer = await self._signing.signer(tx)
        access = signer.sign(person.person_id, person.role_names, person.access_version)
        return Tokens(access, refresh, expires, sign_in.stay_signed_in)


@dataclass(frozen=True)
class _Proved:
    """An account, and its hash that a password was proved by."""

    account: Account
    password_hash: str
