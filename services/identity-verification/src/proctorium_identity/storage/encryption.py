"""Encryption of identity images with a key for each case, which is stored encrypted with the master key (`I5`).

Without its stored key, a case's images cannot be decrypted, wherever copies of the ciphertext are. The case, the kind
and the evidence ID are authenticated with each ciphertext, so that it cannot be used for another image.
"""

from __future__ import annotations

from uuid import UUID

from proctorium_common.security.encryption import EncryptionKey, MasterKey, new_key
from proctorium_identity.domain.evidence import EvidenceKind


class CaseKey:
    """The key of one case's images. Short-lived in memory, never logged."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._key = EncryptionKey(key)

    def encrypt(self, kind: EvidenceKind, evidence_id: UUID, image: bytes) -> bytes:
        """Return the ciphertext of `image`."""
        return self._key.encrypt(image, self._context(kind, evidence_id))

    def decrypt(self, kind: EvidenceKind, evidence_id: UUID, ciphertext: bytes) -> bytes:
        """Return the image. Raises DecryptionError if the ciphertext is that of another image or was changed."""
        return self._key.decrypt(ciphertext, self._context(kind, evidence_id))

    def _context(self, kind: EvidenceKind, evidence_id: UUID) -> str:
        return f"case {self._case_id} {kind} {evidence_id}"


class CaseKeys:
    """Creates and decrypts the keys of cases."""

    def __init__(self, master_key: MasterKey) -> None:
        self._key = master_key.for_purpose("case keys")

    def create(self, case_id: UUID) -> bytes:
        """Return a new random key for the case, encrypted as its row stores it."""
        return self._key.encrypt(new_key(), _context(case_id))

    def decrypt(self, case_id: UUID, encrypted_key: bytes) -> CaseKey:
        """Return the key of the case.

        Raises DecryptionError when it was encrypted for another case or with another master key.
        """
        return CaseKey(case_id, self._key.decrypt(encrypted_key, _context(case_id)))


def _context(case_id: UUID) -> str:
    return f"case {case_id}"
