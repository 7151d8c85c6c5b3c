"""Pictures at rest: AES-256-GCM with a key per case, itself encrypted with the master key (`I5`).

Destroying a case's wrapped key destroys its pictures, wherever copies of their ciphertext lie. A ciphertext opens only as the
picture it was made for: case, kind and evidence are bound to it.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proctorium_identity.domain.evidence import EvidenceKind

_KEY_BYTES = 32
_NONCE_BYTES = 12
# The first byte says how the rest was made, so that another way can be added beside it.
_FORM = b"\x01"


class CaseKey:
    """The key of one case's pictures. Short-lived in memory, never logged."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._cipher = AESGCM(key)

    def seal(self, kind: EvidenceKind, evidence_id: UUID, picture: bytes) -> bytes:
        """The ciphertext of `picture`."""
        return _sealed(self._cipher, picture, self._bound(kind, evidence_id))

    def open(self, kind: EvidenceKind, evidence_id: UUID, ciphertext: bytes) -> bytes:
        """The picture. Raises cryptography's InvalidTag for what is not this picture's ciphertext."""
        return _opened(self._cipher, ciphertext, self._bound(kind, evidence_id))

    def _bound(self, kind: EvidenceKind, evidence_id: UUID) -> bytes:
        return f"proctorium evidence {self._case_id} {kind} {evidence_id}".encode()


class MasterKey:
    """Encrypts the keys of cases."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"a master key has {_KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)

    @classmethod
    def parse(cls, text: str) -> MasterKey:
        """The key in base64. Raises ValueError, without the text, for anything else than 32 bytes of it."""
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError("a master key is 32 bytes in base64") from None
        return cls(key)

    def new_case_key(self, case_id: UUID) -> bytes:
        """A new random key for `case_id`, wrapped: what the case's row keeps."""
        return _sealed(self._cipher, secrets.token_bytes(_KEY_BYTES), _wrapped_for(case_id))

    def unwrap(self, case_id: UUID, wrapped: bytes) -> CaseKey:
        """The key of `case_id`. Raises cryptography's InvalidTag when it was wrapped for another case or by another master key."""
        return CaseKey(case_id, _opened(self._cipher, wrapped, _wrapped_for(case_id)))


def _wrapped_for(case_id: UUID) -> bytes:
    return f"proctorium case key {case_id}".encode()


def _sealed(cipher: AESGCM, plain: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORM + nonce + cipher.encrypt(nonce, plain, bound)


def _opened(cipher: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    if not sealed.startswith(_FORM):
        raise ValueError("sealed in a form that this version does not know")
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    return cipher.decrypt(nonce, sealed[1 + _NONCE_BYTES :], bound)
