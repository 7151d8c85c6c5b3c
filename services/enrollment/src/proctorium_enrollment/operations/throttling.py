"""Throttling of failed sign-ins and failed code entries (`C4`, `O4`, ADR 9)."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_common.security.encryption import DecryptionError, EncryptionKey
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import throttling as domain
from proctorium_enrollment.domain.throttling import NO_WAIT, Device, Failures, network_of
from proctorium_enrollment.storage import throttling as storage
from proctorium_enrollment.storage.throttling import Key

DEVICE_COOKIE_LIFE = timedelta(days=180)
_COOKIE = "device cookie"
_ACCOUNT = "sign_in_account"


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """The keys under which a failed code entry is counted. `network` is None if the client's address is unknown."""

    person: Key
    network: Key | None

    @property
    def keys(self) -> list[Key]:
        """The key of the person, and the key of the network if it is known."""
        return [self.person] if self.network is None else [self.person, self.network]

    def wait(self, failures: Mapping[Key, Failures], now: datetime) -> timedelta:
        """Return the time that the person has to wait before they may enter a code."""
        network = failures.get(self.network) if self.network else None
        return domain.code_entry_wait(failures.get(self.person), network, now)


class Throttling:
    """Counts failures. `key` computes the keyed hashes that identify the counters, and encrypts device cookies."""

    def __init__(self, key: EncryptionKey) -> None:
        self._encryption = key

    # Sign-ins. Each sign-in is counted as failed until its password is verified. If failures were counted after the
    # verification, concurrent or cancelled requests would not be counted.

    def sign_in(self, email: str, network: str, device: Device | None) -> list[Key]:
        """Return the keys under which a failed sign-in is counted.

        If `device` has signed in to the account before, there is one key, for the device and the account. Otherwise,
        there are two keys: one for the network and the account, and one for the account alone.
        """
        if device is not None and self.knows(device, email):
            return [
                self._key("sign_in_device", f"{device.device_id} {email}", domain.FREE_OF_DEVICE)
            ]
        return [
            self._key("sign_in_network", f"{network} {email}", domain.FREE_OF_NETWORK),
            self._key(_ACCOUNT, email, domain.FREE_OF_ACCOUNT),
        ]

    def current_password(self, person_id: UUID) -> list[Key]:
        """Return the key under which a wrong current password of a signed-in person is counted."""
        return [self._key("current_password", str(person_id), domain.FREE_OF_PERSON)]

    async def charge(self, tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, Failures]:
        """Count a sign-in as failed before its password is verified, and return the failures of each key.

        Raises TOO_MANY_FAILED_SIGN_INS if the caller has to wait. The caller must then roll back the transaction.
        """
        await storage.lock(tx, keys)
        found = await storage.get(tx, keys)
        wait = max(domain.wait_of(found.get(key), tx.now) for key in keys)
        if wait > NO_WAIT:
            raise domain.too_many_failed_sign_ins(wait)
        charged = {key: domain.after_failure(found.get(key), key.free, tx.now) for key in keys}
        await storage.update(tx, charged)
        return charged

    async def refund(self, tx: Transaction, charged: Mapping[Key, Failures]) -> None:
        """Correct the counters after a successful sign-in.

        Deletes the counter of the device or the network. Removes only the failure of this sign-in from the counter of
        the account.
        """
        await storage.lock(tx, charged)
        found = await storage.get(tx, charged)
        await storage.update(
            tx,
            {
                key: domain.without(found.get(key), failures, tx.now)
                if key.kind == _ACCOUNT
                else None
                for key, failures in charged.items()
            },
        )

    # Device cookies. They are authenticated and encrypted, so that browsers can neither change nor read their content.

    def knows(self, device: Device, email: str) -> bool:
        """Return whether the account has signed in on this device before."""
        return self._account(email) in device.accounts

    def device(self, cookie: str, now: datetime) -> Device | None:
        """Return the device in a device cookie, or None if the cookie is missing, expired or not authentic."""
        try:
            content = json.loads(self._encryption.decrypt(urlsafe_b64decode(cookie), _COOKIE))
        except (ValueError, DecryptionError):
            return None
        if now >= datetime.fromisoformat(content["issued_at"]) + DEVICE_COOKIE_LIFE:
            return None
        return Device(content["device_id"], tuple(content["accounts"]))

    def cookie(self, device: Device | None, email: str, now: datetime) -> str:
        """Return the device cookie after a sign-in to the account.

        If `device` is None, the cookie contains a new device.
        """
        device = (device or Device(secrets.token_urlsafe(16))).with_account(self._account(email))
        content = {
            "device_id": device.device_id,
            "accounts": device.accounts,
            "issued_at": now.isoformat(),
        }
        return urlsafe_b64encode(
            self._encryption.encrypt(json.dumps(content).encode(), _COOKIE)
        ).decode()

    # Code entries. Unlike a sign-in, a code entry is counted only after it has failed, because the person who makes the
    # entry is known.

    def code_entry(self, person_id: UUID, client_address: str) -> CodeEntry:
        """Return the keys under which a failed code entry is counted. `client_address` is empty if it is unknown."""
        person = self._person(person_id)
        if not client_address:
            return CodeEntry(person, None)
        network = network_of(client_address)
        return CodeEntry(person, self._key("code_network", network, domain.FREE_CODES_OF_NETWORK))

    async def failures(
        self, tx: Transaction, entries: Collection[CodeEntry]
    ) -> Mapping[Key, Failures]:
        """Return the failures by key, from which `CodeEntry.wait` computes how long each code entry has to wait."""
        return await storage.get(tx, {key for entry in entries for key in entry.keys})

    async def record(self, tx: Transaction, failed: Sequence[CodeEntry]) -> list[timedelta]:
        """Count failed code entries. Return the time that the learner has to wait after each entry.

        An entry is not counted if failures that were counted concurrently now make the learner wait.
        """
        keys = {key for entry in failed for key in entry.keys}
        await storage.lock(tx, keys)
        found = dict(await storage.get(tx, keys))
        changed: dict[Key, Failures | None] = {}
        waits = []
        for entry in failed:
            waits.append(wait := entry.wait(found, tx.now))
            if wait == NO_WAIT:
                for key in entry.keys:
                    found[key] = changed[key] = domain.after_failure(
                        found.get(key), key.free, tx.now
                    )
        await storage.update(tx, changed)
        return waits

    async def forget(self, tx: Transaction, person_ids: Collection[UUID]) -> None:
        """Delete the counter of failed code entries of each person. Call this after a code of the person was accepted.

        The counters of networks are not deleted.
        """
        found = await storage.get(tx, [self._person(each) for each in person_ids])
        if found:
            await storage.lock(tx, found)
            await storage.update(tx, dict.fromkeys(found))

    def _person(self, person_id: UUID) -> Key:
        return self._key("code_person", str(person_id), domain.FREE_OF_PERSON)

    def _key(self, kind: str, name: str, free: int) -> Key:
        return Key(kind, self._encryption.blind_index(f"{kind}:{name}"), free)

    def _account(self, email: str) -> str:
        # The hash is shortened to 128 bits, so that several accounts fit into a cookie.
        return self._encryption.blind_index(f"account:{email}")[:16].hex()
