"""Tests of credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.documents.credential import public_key_of, sign_credential, signed_bytes
from proctorium_assessment.domain.credentials import (
    Achievement,
    Issuer,
    Json,
    credential,
    multibase,
    proof_options,
    public_key_multibase,
)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def decode(text: str) -> bytes:
    """Decode a base 58 text with the test's own code, and return the bytes."""
    assert text[0] == "z"
    number = 0
    for character in text[1:]:
        number = number * 58 + _BASE58.index(character)
    zeros = len(text[1:]) - len(text[1:].lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def verify_credential(document: dict[str, Any], public_key: bytes) -> bool:
    """Return whether the proof of the document is valid for the public key."""
    configuration = dict(document["proof"])
    signature = decode(configuration.pop("proofValue"))
    unsigned = {name: value for name, value in document.items() if name != "proof"}
    if configuration.get("@context") != unsigned.get("@context"):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            signature, signed_bytes(unsigned, configuration)
        )
    except InvalidSignature:
        return False
    return True


# The constants are the example in https://www.w3.org/TR/vc-di-eddsa/#representation-eddsa-jcs-2022.
W3C_PUBLIC = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
W3C_SECRET = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
W3C_CONTEXT: Json = [
    "https://www.w3.org/ns/credentials/v2",
    "https://www.w3.org/ns/credentials/examples/v2",
]
W3C_DOCUMENT: dict[str, Json] = {
    "@context": W3C_CONTEXT,
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
}
W3C_OPTIONS: dict[str, Json] = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "created": "2023-02-24T23:36:38Z",
    "verificationMethod": f"https://vc.example/issuers/5678#{W3C_PUBLIC}",
    "proofPurpose": "assertionMethod",
}
W3C_HASHES = "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19"
W3C_PROOF_VALUE = (
    "z63t83Y53KfzJ5ZosfKTnqfMcKB2dmTrfjSaQjeNNjAD5srBowQfmWqeRb8rRjmeEuCBEsddF9LsVogtuTsijJKh4"
)


def test_example_of_the_standard_is_reproduced() -> None:
    seed = decode(W3C_SECRET)[2:]
    assert public_key_multibase(public_key_of(seed)) == W3C_PUBLIC
    document: dict[str, Any] = sign_credential(W3C_DOCUMENT, W3C_OPTIONS, seed)
    assert document["proof"]["proofValue"] == W3C_PROOF_VALUE


def test_hashes_are_those_of_the_standard() -> None:
    configuration: dict[str, Json] = {
        **W3C_OPTIONS,
        "verificationMethod": f"did:key:{W3C_PUBLIC}#{W3C_PUBLIC}",
        "@context": W3C_CONTEXT,
    }
    assert signed_bytes(W3C_DOCUMENT, configuration).hex() == W3C_HASHES


SEED = bytes(range(32))
ISSUER = Issuer("Proctorium", "https://exams.example.org/", public_key_of(SEED))
ACHIEVEMENT = Achievement(
    UUID("01920000-0000-7000-8000-000000000001"),
    "Łukasz Ωmega",
    "Radiation protection",
    UUID("01920000-0000-7000-8000-000000000002"),
    datetime(2026, 11, 23, 3, 0, 0, 999999, tzinfo=UTC),
)


def badge() -> dict[str, Any]:
    options = proof_options(ISSUER, ACHIEVEMENT.issued_at)
    return sign_credential(credential(ACHIEVEMENT, ISSUER), options, SEED)


def test_credential_has_holder_achievement_and_issuer() -> None:
    document = badge()
    assert document["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert document["id"] == f"https://exams.example.org/certificates/{ACHIEVEMENT.certificate_id}"
    assert document["validFrom"] == "2026-11-23T03:00:00Z"
    assert document["issuer"]["id"].startswith("did:key:z6Mk")
    method = document["proof"]["verificationMethod"]
    assert method == f"{document['issuer']['id']}#{document['issuer']['id'][8:]}"
    (name,) = document["credentialSubject"]["identifier"]
    assert name["identityHash"] == ACHIEVEMENT.holder_name


def test_changed_credential_is_not_verified() -> None:
    document = badge()
    assert verify_credential(document, ISSUER.public_key)
    document["credentialSubject"]["achievement"]["name"] = "Brain surgery"
    assert not verify_credential(document, ISSUER.public_key)


def test_credential_is_not_verified_by_another_key() -> None:
    assert not verify_credential(badge(), public_key_of(bytes(32)))


@given(st.binary(max_size=80))
def test_base_58_round_trip(content: bytes) -> None:
    assert decode(multibase(content)) == content
