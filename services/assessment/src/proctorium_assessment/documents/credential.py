"""Signing credentials: Data Integrity, cryptosuite eddsa-jcs-2022 (https://www.w3.org/TR/vc-di-eddsa/#eddsa-jcs-2022)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proctorium_assessment.domain.credentials import Json, multibase


def public_key_of(seed: bytes) -> bytes:
    """The public key (32 bytes) of a secret one."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signed(
    document: Mapping[str, Json], options: Mapping[str, Json], seed: bytes
) -> dict[str, Json]:
    """`document` with its proof; `options` is the proof without its value, `seed` the secret key (32 bytes)."""
    configuration: dict[str, Json] = {**options}
    if "@context" in document:
        configuration["@context"] = document["@context"]
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(to_sign(document, configuration))
    return {**document, "proof": {**configuration, "proofValue": multibase(signature)}}


def to_sign(document: Mapping[str, Json], configuration: Mapping[str, Json]) -> bytes:
    """What the signature is made over: the hashes of both in canonical form (RFC 8785), the proof's first."""
    return _hash(configuration) + _hash(document)


def _hash(document: Mapping[str, Json]) -> bytes:
    return sha256(rfc8785.dumps(document)).digest()
