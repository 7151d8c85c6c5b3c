"""Open Badges 3.0 credentials (`A11`): what a certificate says, for machines, and the names of the keys that sign it.

https://www.imsglobal.org/spec/ob/v3p0 · https://w3c-ccg.github.io/did-key-spec · https://www.w3.org/TR/vc-di-eddsa
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

CONTEXT = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
_ED25519_PUBLIC_KEY = b"\xed\x01"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: the organisation's name, where it is found, and its public key (32 bytes)."""

    name: str
    url: str
    public_key: bytes

    @property
    def did(self) -> str:
        """The issuer's id, which is its key: verifying needs nobody's server."""
        return f"did:key:{public_key_multibase(self.public_key)}"

    @property
    def verification_method(self) -> str:
        """The id of the key inside of the issuer's."""
        return f"{self.did}#{public_key_multibase(self.public_key)}"

    def verification_url(self, certificate_id: UUID) -> str:
        """The public page that says whether a certificate is good."""
        return f"{self.url.rstrip('/')}/certificates/{certificate_id}"


@dataclass(frozen=True, slots=True)
class Achievement:
    """The completion of the course `about`, titled `title`, by the person named `holder_name`."""

    certificate_id: UUID
    holder_name: str
    title: str
    about: UUID
    issued_at: datetime


def credential(achievement: Achievement, issuer: Issuer) -> dict[str, Json]:
    """The credential, unsigned."""
    return {
        "@context": list(CONTEXT),
        "id": issuer.verification_url(achievement.certificate_id),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": achievement.title,
        "issuer": {
            "id": issuer.did,
            "type": ["Profile"],
            "name": issuer.name,
            "url": issuer.url,
        },
        "validFrom": timestamp(achievement.issued_at),
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": False,
                    "identityHash": achievement.holder_name,
                    "identityType": "name",
                }
            ],
            "achievement": {
                "id": f"urn:uuid:{achievement.about}",
                "type": ["Achievement"],
                "name": achievement.title,
                "description": f"Completed {achievement.title}.",
                "criteria": {"narrative": "Completed the course."},
            },
        },
    }


def proof_options(issuer: Issuer, created: datetime) -> dict[str, Json]:
    """The proof of `eddsa-jcs-2022` without its value."""
    return {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": timestamp(created),
        "verificationMethod": issuer.verification_method,
        "proofPurpose": "assertionMethod",
    }


def public_key_multibase(public_key: bytes) -> str:
    """An Ed25519 public key as did:key and Data Integrity write it (multicodec 0xed, base 58)."""
    return multibase(_ED25519_PUBLIC_KEY + public_key)


def multibase(content: bytes) -> str:
    """Base 58 (Bitcoin's alphabet), marked with a `z`."""
    number = int.from_bytes(content, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    zeros = len(content) - len(content.lstrip(b"\0"))
    return "z" + _BASE58[0] * zeros + digits


def timestamp(moment: datetime) -> str:
    """A moment in whole seconds, as XML Schema writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
