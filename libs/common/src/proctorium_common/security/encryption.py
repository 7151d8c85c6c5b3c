"""Encryption of values in the database, with keys derived from a master key that is never stored in the database.

A service reads its master key from the settings field `master_key: MasterKeySetting`. Each purpose has its own key,
which is derived from the master key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Annotated

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, SecretStr

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
"""The first byte of a ciphertext, which identifies the algorithm, so that another algorithm can be added later."""


class DecryptionError(Exception):
    """The value cannot be decrypted, because it was encrypted with another key or context, or was changed."""


class EncryptionKey:
    """Encrypts and decrypts values, and computes blind indexes by which encrypted values are looked up."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(_derive(key, "encrypt"))
        self._index_key = _derive(key, "blind index")

    def encrypt(self, value: bytes, context: str) -> bytes:
        """Return the ciphertext (AES-256-GCM) of `value`.

        `context` identifies the row and the column of the value. The ciphertext can be decrypted only with the same
        `context`.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, value, context.encode())

    def decrypt(self, ciphertext: bytes, context: str) -> bytes:
        """Return the value that was encrypted with the same key and `context`. Raises DecryptionError."""
        if not ciphertext.startswith(_VERSION):
            raise DecryptionError(
                "This value was encrypted in a format that this version does not support."
            )
        nonce, encrypted = ciphertext[1 : 1 + _NONCE_BYTES], ciphertext[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, encrypted, context.encode())
        except InvalidTag as failure:
            raise DecryptionError(
                "This value was not encrypted with the current PROCTORIUM_MASTER_KEY. "
                "Start the service with the key that was set when the value was stored."
            ) from failure

    def blind_index(self, text: str) -> bytes:
        """Return a keyed hash (HMAC-SHA256) of `text`, by which the encrypted value can be looked up."""
        return hmac.digest(self._index_key, text.encode(), hashlib.sha256)


class MasterKey:
    """A service's master key, from which the key of each purpose is derived (HKDF-SHA256, RFC 5869)."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    @classmethod
    def parse(cls, text: str) -> MasterKey:
        """Return the master key that `text` contains in base64.

        Raises ValueError unless the key has 32 bytes. The error does not contain `text`.
        """
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise ValueError(f"a master key is {KEY_BYTES} bytes in base64") from None

    def for_purpose(self, purpose: str) -> EncryptionKey:
        """Return the derived key of one purpose, such as "codes"."""
        return EncryptionKey(_derive(self._key, f"purpose/{purpose}"))


def new_key() -> bytes:
    """Return a random key, for data that is encrypted with a separate key. The caller must store the key encrypted."""
    return secrets.token_bytes(KEY_BYTES)


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"proctorium/{purpose}".encode()).derive(key)


def _require_key(given: SecretStr) -> SecretStr:
    MasterKey.parse(given.get_secret_value())
    return given


MasterKeySetting = Annotated[SecretStr, AfterValidator(_require_key)]
"""The type of a settings field with a master key: 32 bytes in base64.

Read the key with `MasterKey.parse(settings.master_key.get_secret_value())`.
"""
