"""Open Badges 3.0 credentials, which are the machine-readable form of certificates (`A11`).

This module also has the ids of the key that signs credentials.

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
    """The organisation that signs credentials: its name, its URL and its public key (32 bytes)."""

    name: str
    url: str
    public_key: bytes

    @property
    def did(self) -> str:
        """The issuer's did:key. It contains the public key, so a credential can be verified without a server."""
        return f"did:key:{public_key_multibase(self.public_key)}"

    @property
    def verification_method(self) -> str:
        """The id by which a proof names the issuer's public key."""
        return f"{self.did}#{public_key_multibase(self.public_key)}"

    def verification_url(self, certificate_id: UUID) -> str:
        """Return the URL of the public page that verifies a certificate."""
        return f"{self.url.rstrip('/')}/certificates/{certificate_id}"


@dataclass(frozen=True, slots=True)
class Achievement:
    """The completion of a course by the person with the name `holder_name`. `title` is the title of the course."""

    certificate_id: UUID
    holder_name: str
    title: str
    course_id: UUID
    issued_at: datetime


def credential(achievement: Achievement, issuer: Issuer) -> dict[str, Json]:
    """Return the unsigned credential for the achievement, as a JSON object."""
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
                "id": f"urn:uuid:{achievement.course_id}",
                "type": ["Achievement"],
                "name": achievement.title,
                "description": f"Completed {achievement.title}.",
                "criteria": {"narrative": "Completed the course."},
            },
        },
    }


def proof_options(issuer: Issuer, created: datetime) -> dict[str, Json]:
    """Return an `eddsa-jcs-2022` proof without the signature (`proofValue`)."""
    return {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": timestamp(created),
        "verificationMethod": issuer.verification_method,
        "proofPurpose": "assertionMethod",
    }


def public_key_multibase(public_key: bytes) -> str:
    """Return an Ed25519 public key as text, in the form of did:key and Data Integrity (multicodec 0xed, base 58)."""
    return multibase(_ED25519_PUBLIC_KEY + public_key)


def multibase(content: bytes) -> str:
    """Return the content in base 58 (Bitcoin's alphabet) with the prefix `z`."""
    number = int.from_bytes(content, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    zeros = len(content) - len(content.lstrip(b"\0"))
    return "z" + _BASE58[0] * zeros + digits


def timestamp(time: datetime) -> str:
    """Return a time as an XML Schema timestamp without fractions of a second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
