"""The keys of enrollment's encrypted columns and blind indexes."""

from __future__ import annotations

from dataclasses import dataclass

from proctorium_common.security.encryption import EncryptionKey, MasterKey


@dataclass(frozen=True, slots=True)
class EncryptionKeys:
    """The keys of enrollment. Each key has one purpose and is derived from the master key."""

    codes: EncryptionKey
    throttling: EncryptionKey
    signing_keys: EncryptionKey
    sign_ins: EncryptionKey

    @classmethod
    def derive(cls, master_key: MasterKey) -> EncryptionKeys:
        """Derive the keys from the master key."""
        return cls(
            master_key.for_purpose("codes"),
            master_key.for_purpose("throttling"),
            master_key.for_purpose("signing keys"),
            master_key.for_purpose("sign-ins"),
        )
