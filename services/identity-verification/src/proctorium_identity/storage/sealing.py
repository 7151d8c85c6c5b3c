"""Pictures at rest: AES-256-GCM with a key per case, itself sealed with the master key (`I5`).

Destroying a case's wrapped key destroys its pictures, wherever copies of their ciphertext lie. A ciphertext opens only as the
picture it was made for: case, kind and evidence are bound to it.
"""

from __future__ import annotations

from uuid import UUID

from proctorium_common.security.sealing import MasterKey, Seal, new_key
from proctorium_identity.domain.evidence import EvidenceKind


class CaseKey:
    """The key of one case's pictures. Short-lived in memory, never logged."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._seal = Seal(key)

    def seal(self, kind: EvidenceKind, evidence_id: UUID, picture: bytes) -> bytes:
        """The ciphertext of `picture`."""
        return self._seal.seal(picture, self._place(kind, evidence_id))

    def open(self, kind: EvidenceKind, evidence_id: UUID, ciphertext: bytes) -> bytes:
        """The picture. Raises DecryptionError for what is not this picture's ciphertext."""
        return self._seal.open(ciphertext, self._place(kind, evidence_id))

    def _place(self, kind: EvidenceKind, evidence_id: UUID) -> str:
        return f"case {self._case_id} {kind} {evidence_id}"


class CaseKeys:
    """Makes and opens the keys of cases."""

    def __init__(self, master_key: MasterKey) -> None:
        self._seal = master_key.for_purpose("case keys")

    def new(self, case_id: UUID) -> bytes:
        """A new random key for `case_id`, wrapped: what the case's row keeps."""
        return self._seal.seal(new_key(), _place(case_id))

    def unwrap(self, case_id: UUID, wrapped: bytes) -> CaseKey:
        """The key of `case_id`. Raises DecryptionError when it was wrapped for another case or by another master key."""
        return CaseKey(case_id, self._seal.open(wrapped, _place(case_id)))


def _place(case_id: UUID) -> str:
    return f"case {case_id}"
