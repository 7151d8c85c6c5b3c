"""Signing in and out, refreshing tokens, and setting passwords (`O4`)."""

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
from proctorium_enrollment.domain.people import Person, no_such_person, normalise_email
from proctorium_enrollment.domain.sign_ins import RefreshOutcome, SignIn
from proctorium_enrollment.domain.throttling import Failures, network_of
from proctorium_enrollment.operations.rights import own_or_other_id, revoke_sign_ins
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.operations.throttling import DEVICE_COOKIE_LIFE, Throttling
from proctorium_enrollment.storage import accounts, people
from proctorium_enrollment.storage.accounts import Account
from proctorium_enrollment.storage.encryption import EncryptionKeys
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.throttling import Key


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token, and the refresh token with which the next access token is requested."""

    access: SignedToken
    refresh: str
    refresh_expires_at: datetime
    stay_signed_in: bool
    """Whether the browser keeps the tokens after the browser is closed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who has signed in, with their tokens and device cookie."""

    person: Person
    tokens: Tokens
    device_cookie: str
    device_cookie_expires_at: datetime


class Accounts:
    """The use cases of accounts: signing in and out, refreshing tokens, and setting passwords."""

    def __init__(
        self,
        database: Database,
        hashes: PasswordHashes,
        keys: EncryptionKeys,
        signing: Signing,
        clock: Clock,
        *,
        refresh_grace_period: timedelta,
        idle_limit: timedelta,
    ) -> None:
        self._database = database
        self._hashes = hashes
        self._throttling = Throttling(keys.throttling)
        self._clock = clock
        self._sign_ins_key = keys.sign_ins
        self._refresh_grace_period = refresh_grace_period
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

        Raises SIGN_IN_FAILED, ACCOUNT_DISABLED, TOO_MANY_FAILED_SIGN_INS or TOO_MANY_AT_ONCE. Only SIGN_IN_FAILED
        counts as a failed sign-in. Verifying a password is slow on purpose, so it runs between two transactions.
        """
        email, network = normalise_email(email), network_of(client_address)
        password = passwords.normalise(password)
        device = self._throttling.device(device_cookie, self._clock())
        # The key of the permit includes whether the request has a device cookie of the account. Password guessing
        # without such a cookie, from the same network, therefore does not delay the owner of the account.
        is_known = device is not None and self._throttling.knows(device, email)
        async with self._hashes.permit((network, is_known)):
            charged_to = self._throttling.sign_in(email, network, device)
            charged, account = await self._charge(charged_to, email)
            verified = await self._verify(account, password)
            new_hash = await self._rehash_if_outdated(verified.password_hash, password)
            person = verified.account.person
            async with self._database.transaction() as tx:
                # If the password was changed after the first verification, all sign-ins were ended. The old password
                # must not create a new sign-in after that.
                stored_hash = await self._verify_again(
                    tx, person.person_id, verified.password_hash, password
                )
                # The person is read after the row is locked. Otherwise, the tokens could contain rights that were
                # revoked in the meantime.
                person = await people.lock_person(tx, person.person_id) or person
                if new_hash is not None and stored_hash == verified.password_hash:
                    await accounts.upsert_password_hash(tx, person.person_id, new_hash)
                await self._throttling.refund(tx, charged)
                if not person.is_disabled:
                    tokens = await self._insert_sign_in(tx, person, stay_signed_in)
                    cookie = self._throttling.cookie(device, email, tx.now)
                    return SignedIn(person, tokens, cookie, tx.now + DEVICE_COOKIE_LIFE)
        # The password is correct, so this is not a failed sign-in. The error may reveal that the account is disabled.
        raise rights.account_disabled()

    async def refresh(self, token: str) -> Tokens:
        """Return new tokens for the refresh token `token`, and mark `token` as used.

        A second use of `token` within the grace period returns the newest token of the sign-in. A later use ends the
        sign-in. Raises REFRESH_TOKEN_INVALID, ACCOUNT_DISABLED.
        """
        async with self._database.transaction() as tx:
            tokens = await self._renew(tx, token)
        if tokens is None:
            raise sign_ins.refresh_token_invalid()
        return tokens

    async def sign_out(self, token: str) -> None:
        """End the sign-in to which the refresh token belongs. Do nothing if the token is unknown."""
        async with self._database.transaction() as tx:
            found = await accounts.lock_sign_in(tx, token)
            if found is not None:
                await accounts.end_sign_in(tx, found[0].sign_in_id)

    async def set_password(
        self, caller: Caller, person_id: UUID | None, current_password: str, new_password: str
    ) -> None:
        """Set the password of a person, and end all sign-ins of the person.

        If `person_id` is None, the person is the caller. Only an administrator may set another person's password.
        Raises PASSWORD_TOO_WEAK, SIGN_IN_FAILED, TOO_MANY_FAILED_SIGN_INS, TOO_MANY_AT_ONCE, NOT_FOUND.
        """
        person_id = own_or_other_id(caller, person_id)
        async with self._database.transaction() as tx:
            person = await people.get_person(tx, person_id)
        if person is None:
            raise no_such_person()
        passwords.require_strong(new_password, person.email, field="new_password")
        current_password = passwords.normalise(current_password)
        is_own = person_id == caller.person_id
        async with self._hashes.permit(caller.name):
            verified = await self._verify_own(person, current_password) if is_own else None
            new_hash = await self._hashes.compute(passwords.normalise(new_password))
            async with self._database.transaction() as tx:
                if verified is not None:
                    # A concurrent request may have changed the password after `_verify_own` verified it. The old
                    # password must not permit this change.
                    await self._verify_again(tx, person_id, verified, current_password)
                await accounts.upsert_password_hash(tx, person_id, new_hash)
                await revoke_sign_ins(tx, person_id)

    async def _verify_own(self, person: Person, password: str) -> str:
        """Verify the person's current password and return its hash.

        Raises SIGN_IN_FAILED or TOO_MANY_FAILED_SIGN_INS.
        """
        keys = self._throttling.current_password(person.person_id)
        charged, account = await self._charge(keys, person.email)
        verified = await self._verify(account, password)
        async with self._database.transaction() as tx:
            await self._throttling.refund(tx, charged)
        return verified.password_hash

    async def _charge(
        self, keys: Sequence[Key], email: str
    ) -> tuple[Mapping[Key, Failures], Account | None]:
        """Count the sign-in as failed before its password is verified, and read the account with this e-mail address.

        Returns the failures by key, and the account or None. The same queries run whether the account exists or not, so
        that their duration does not reveal whether the account exists.
        """
        async with self._database.transaction() as tx:
            charged = await self._throttling.charge(tx, keys)
            return charged, await accounts.get_account(tx, email)

    async def _verify(self, account: Account | None, password: str) -> _Verified:
        """Return the account and its password hash if the password is correct. Raises SIGN_IN_FAILED.

        If `account` is None, this method takes as long as for an account that exists.
        """
        password_hash = None if account is None else account.password_hash
        if not await self._hashes.verify(password, password_hash):
            raise sign_ins.sign_in_failed()
        assert account is not None
        assert password_hash is not None
        return _Verified(account, password_hash)

    async def _verify_again(
        self, tx: Transaction, person_id: UUID, verified_hash: str, password: str
    ) -> str | None:
        """Lock and return the stored hash of the person's password. Raises SIGN_IN_FAILED if the password was changed.

        A concurrent sign-in may have computed the hash of the same password again. If the stored hash differs from
        `verified_hash`, the password is therefore verified with the stored hash.
        """
        stored_hash = await accounts.lock_password_hash(tx, person_id)
        if stored_hash != verified_hash and not await self._hashes.verify(password, stored_hash):
            raise sign_ins.sign_in_failed()
        return stored_hash

    async def _rehash_if_outdated(self, password_hash: str, password: str) -> str | None:
        """Return a hash with the current parameters, or None if `password_hash` already has them."""
        if not self._hashes.is_outdated(password_hash):
            return None
        return await self._hashes.compute(password)

    async def _insert_sign_in(
        self, tx: Transaction, person: Person, stay_signed_in: bool
    ) -> Tokens:
        sign_in = SignIn(
            new_id(), person.person_id, tx.now, is_ended=False, stay_signed_in=stay_signed_in
        )
        await accounts.insert_sign_in(tx, sign_in)
        return await self._issue_tokens(tx, sign_in, person, secrets.token_urlsafe(32))

    async def _renew(self, tx: Transaction, token: str) -> Tokens | None:
        found = await accounts.lock_sign_in(tx, token)
        if found is None:
            return None
        sign_in, refresh_token = found
        person = await people.get_person(tx, sign_in.person_id)
        if person is None:
            return None
        if person.is_disabled:
            raise rights.account_disabled()
        match sign_ins.refresh_outcome(sign_in, refresh_token, tx.now, self._refresh_grace_period):
            case RefreshOutcome.REFUSED:
                return None
            case RefreshOutcome.REUSED:
                await accounts.end_sign_in(tx, sign_in.sign_in_id)
                return None
            case RefreshOutcome.REPEATED:
                return await self._newest(tx, sign_in, person, token)
            case RefreshOutcome.RENEWED:
                await accounts.set_refresh_token_used(tx, token)
                return await self._issue_tokens(tx, sign_in, person, self._successor(token))

    def _successor(self, token: str) -> str:
        """Return the refresh token that is issued when `token` is used.

        Only a hash of the returned token is stored. A repeated request therefore computes the token again, from `token`
        and a key.
        """
        return urlsafe_b64encode(self._sign_ins_key.blind_index(token)).rstrip(b"=").decode()

    async def _newest(
        self, tx: Transaction, sign_in: SignIn, person: Person, token: str
    ) -> Tokens | None:
        """Return the newest refresh token of the sign-in with a new access token, or None.

        The tokens that follow `token` may have been used too, so the search for the newest token can take several
        steps. Returns None if `token` has no successor or the newest token has expired.
        """
        newest, stored = token, None
        while stored is None or stored.used_at is not None:
            newest = self._successor(newest)
            stored = await accounts.get_refresh_token(tx, newest)
            if stored is None:
                return None
        if tx.now >= stored.expires_at:
            return None
        return await self._sign_tokens(tx, sign_in, person, newest, stored.expires_at)

    async def _issue_tokens(
        self, tx: Transaction, sign_in: SignIn, person: Person, refresh: str
    ) -> Tokens:
        expires_at = sign_ins.expiry(sign_in, tx.now, self._idle_limit)
        await accounts.insert_refresh_token(tx, sign_in.sign_in_id, refresh, expires_at)
        return await self._sign_tokens(tx, sign_in, person, refresh, expires_at)

    async def _sign_tokens(
        self, tx: Transaction, sign_in: SignIn, person: Person, refresh: str, expires_at: datetime
    ) -> Tokens:
        signer = await self._signing.signer(tx)
        access = signer.sign(person.person_id, person.role_names, person.access_version)
        return Tokens(access, refresh, expires_at, sign_in.stay_signed_in)


@dataclass(frozen=True, slots=True)
class _Verified:
    """An account whose password was verified, and the password hash that verified it."""

    account: Account
    password_hash: str
