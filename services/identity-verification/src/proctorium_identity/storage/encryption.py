"""Encryption of identity images with one key for each case (`I5`).

The key of a case is encrypted with the master key and stored in the row of the case. If the stored key is deleted, no
copy of the case's images can be decrypted. Each ciphertext is authenticated together with the case, the kind and the
evidence ID, so that the ciphertext is not accepted in place of another image.
"""

from __future__ import annotations

from uuid import UUID

from proctorium_common.security.encryption import EncryptionKey, MasterKey, new_key
from proctorium_identity.domain.evidence import EvidenceKind


class CaseKey:
    """The key of one case's images. The key is never logged, and stays in memory only for a short time."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._key = EncryptionKey(key)

    def encrypt(self, kind: EvidenceKind, evidence_id: UUID, image: bytes) -> bytes:
        """Return the ciphertext of `image`."""
        return self._key.encrypt(image, self._context(kind, evidence_id))

    def decrypt(self, kind: EvidenceKind, evidence_id: UUID, ciphertext: bytes) -> bytes:
        """Return the decrypted image.

        Raises DecryptionError if the ciphertext was changed or belongs to another image.
        """
        return self._key.decrypt(ciphertext, self._context(kind, evidence_id))

    def _context(self, kind: EvidenceKind, evidence_id: UUID) -> str:
        return f"case {self._case_id} {kind} {evidence_id}"


class CaseKeys:
    """Creates and decrypts the keys of cases."""

    def __init__(self, master_key: MasterKey) -> None:
        self._key = master_key.for_purpose("case keys")

    def create(self, case_id: UUID) -> bytes:
        """Create a random key for the case and return it encrypted with the master key."""
        return self._key.encrypt(new_key(), _context(case_id))

    def decrypt(self, case_id: UUID, encrypted_key: bytes) -> CaseKey:
        """Return the decrypted key of the case.

        Raises DecryptionError if the key was encrypted for another case or with another master key.
        """
        return CaseKey(case_id, self._key.decrypt(encrypted_key, _context(case_id)))


def _context(case_id: UUID) -> str:
    return f"case {case_id}"
