"""What is kept so that the database alone does not give it away: keys derived from one master key, which never touches the database."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MASTER_KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyError(Exception):
    """What was to be unsealed was sealed with another master key, or has been tampered with."""


class Seal:
    """Hides and finds texts. Each purpose has keys of its own (HKDF-SHA256 of the master key, RFC 5869)."""

    def __init__(
        self, master_key: bytes, purpose: str, *, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        """`master_key` is MASTER_KEY_BYTES long."""
        self._sealing = AESGCM(_derived(master_key, f"{purpose}/seal"))
        self._finding = _derived(master_key, f"{purpose}/find")
        self._random_bytes = random_bytes

    def mark(self, text: str) -> bytes:
        """By what `text` is found again: the same for the same text, and useless without the key (HMAC-SHA256)."""
        return hmac.digest(self._finding, text.encode(), hashlib.sha256)

    def seal(self, secret: bytes, place: bytes) -> bytes:
        """`secret`, encrypted (AES-256-GCM), to be kept at `place` and nowhere else."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, secret, place)

    def unseal(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed for `place`. Raises MasterKeyError."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except InvalidTag as failure:
            raise MasterKeyError(
                "This was not sealed with the present PROCTORIUM_MASTER_KEY. Start with the key that the database was filled with."
            ) from failure


@dataclass(frozen=True)
class Seals:
    """One seal for each purpose."""

    codes: Seal
    throttling: Seal
    signing_keys: Seal
    sign_ins: Seal

    @classmethod
    def of(cls, master_key: bytes) -> Seals:
        """Those of one master key."""
        return cls(
            Seal(master_key, "codes"),
            Seal(master_key, "throttling"),
            Seal(master_key, "signing-keys"),
            Seal(master_key, "sign-ins"),
        )


def _derived(master_key: bytes, purpose: str) -> bytes:
    if len(master_key) != MASTER_KEY_BYTES:
        raise ValueError(f"the master key has {len(master_key)} bytes and needs {MASTER_KEY_BYTES}")
    info = f"proctorium/enrollment/{purpose}".encode()
    return HKDF(SHA256(), 32, salt=None, info=info).derive(master_key)
