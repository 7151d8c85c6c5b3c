"""Signing of credentials with a Data Integrity proof of the cryptosuite eddsa-jcs-2022.

https://www.w3.org/TR/vc-di-eddsa/#eddsa-jcs-2022
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proctorium_assessment.domain.credentials import Json, multibase


def public_key_of(seed: bytes) -> bytes:
    """Return the Ed25519 public key (32 bytes) that belongs to the secret key `seed`."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign_credential(
    document: Mapping[str, Json], options: Mapping[str, Json], seed: bytes
) -> dict[str, Json]:
    """Return the document with its proof.

    `options` is the proof without the signature. `seed` is the Ed25519 secret key that signs the document.
    """
    configuration: dict[str, Json] = {**options}
    if "@context" in document:
        configuration["@context"] = document["@context"]
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(
        signed_bytes(document, configuration)
    )
    return {**document, "proof": {**configuration, "proofValue": multibase(signature)}}


def signed_bytes(document: Mapping[str, Json], configuration: Mapping[str, Json]) -> bytes:
    """Return the bytes to sign: the SHA-256 of the proof options, followed by the SHA-256 of the document.

    The options and the document are hashed as canonical JSON (RFC 8785).
    """
    return _hash(configuration) + _hash(document)


def _hash(document: Mapping[str, Json]) -> bytes:
    return sha256(rfc8785.dumps(document)).digest()
