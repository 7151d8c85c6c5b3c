"""Keeps secrets so that the database alone does not give them away: keys derived from a master key, which never touches it.

A service's master key is a setting, `master_key: MasterKeySetting`. Sealed bytes begin with a byte that says how the rest was made, so
that another way can be added beside it.
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
_FORM = b"\x01"


class DecryptionError(Exception):
    """What was to be opened was sealed with another key or for another place, or has been tampered with."""


class Seal:
    """Hides, opens and finds again what is sealed with one key. Short-lived in memory, never logged."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(_derived(key, "seal"))
        self._finding = _derived(key, "find")

    def seal(self, secret: bytes, place: str) -> bytes:
        """`secret`, encrypted (AES-256-GCM) to be opened at `place` and nowhere else."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for `place`. Raises DecryptionError."""
        begin = len(_FORM)
        if not sealed.startswith(_FORM):
            raise DecryptionError("This was sealed in a form that this version does not know.")
        nonce = sealed[begin : begin + _NONCE_BYTES]
        try:
            return self._cipher.decrypt(nonce, sealed[begin + _NONCE_BYTES :], place.encode())
        except InvalidTag as failure:
            raise DecryptionError(
                "This was not sealed with the present PROCTORIUM_MASTER_KEY. Start with the key that the database was filled with."
            ) from failure

    def mark(self, text: str) -> bytes:
        """By what `text` is found again: the same for the same text, and useless without the key (HMAC-SHA256)."""
        return hmac.digest(self._finding, text.encode(), hashlib.sha256)


class MasterKey:
    """The one key of a service; each purpose has a key of its own (HKDF-SHA256, RFC 5869)."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    @classmethod
    def parse(cls, text: str) -> MasterKey:
        """The key in base64. Raises ValueError, without the text, for anything else than 32 bytes of it."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise ValueError(f"a master key is {KEY_BYTES} bytes in base64") from None

    def for_purpose(self, purpose: str) -> Seal:
        """The seal of one purpose, such as "codes"."""
        return Seal(_derived(self._key, f"purpose/{purpose}"))


def new_key() -> bytes:
    """A random key, for what is to have one of its own: to be kept sealed."""
    return secrets.token_bytes(KEY_BYTES)


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"proctorium/{purpose}".encode()).derive(key)


def _is_a_key(given: SecretStr) -> SecretStr:
    MasterKey.parse(given.get_secret_value())
    return given


MasterKeySetting = Annotated[SecretStr, AfterValidator(_is_a_key)]
"""32 bytes in base64, as a field of a service's settings; `MasterKey.parse(settings.master_key.get_secret_value())`."""
