"""What is kept so that the database alone does not give it away."""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class WrongMasterKey(Exception):
    """What was to be opened was sealed with another master key, or has been tampered with."""


class IssuerSeal:
    """Seals the secret key of the issuer: AES-256-GCM under a key derived from the master key (HKDF-SHA256, RFC 5869)."""

    def __init__(
        self, master_key: bytes, *, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"proctorium/assessment/issuer-key")
        self._cipher = AESGCM(derived.derive(master_key))
        self._random_bytes = random_bytes

    def seal(self, seed: bytes, public_key: bytes) -> bytes:
        """The secret key, encrypted, bound to its public half."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, seed, public_key)

    def open(self, sealed: bytes, public_key: bytes) -> bytes:
        """The reverse of `seal`. Raises WrongMasterKey."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], public_key)
        except InvalidTag as failure:
            raise WrongMasterKey(
                "The issuer's key was not sealed with the present PROCTORIUM_MASTER_KEY. "
                "Start with the key that the database was filled with."
            ) from failure
