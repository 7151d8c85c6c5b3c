from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.security.encryption import DecryptionError, MasterKey
from proctorium_identity.domain.evidence import (
    MAX_IMAGES,
    Evidence,
    EvidenceKind,
    require_image_accepted,
    require_viewed,
)
from proctorium_identity.storage.encryption import CaseKeys

CASE, OTHER = uuid4(), uuid4()


def case_keys(letter: str) -> CaseKeys:
    return CaseKeys(MasterKey(letter.encode() * 32))


def image(kind: EvidenceKind, evidence_id: UUID | None = None) -> Evidence:
    return Evidence(
        evidence_id or uuid4(), CASE, kind, "key", "image/jpeg", datetime(2026, 3, 1, tzinfo=UTC)
    )


def test_every_current_image_must_be_viewed() -> None:
    document, selfie = image(EvidenceKind.DOCUMENT), image(EvidenceKind.SELFIE)
    viewed = {each.kind: each.evidence_id for each in (document, selfie)}
    require_viewed([document, selfie], viewed)
    with pytest.raises(ServiceError) as not_viewed:
        require_viewed([document, selfie], {document.kind: document.evidence_id})
    assert not_viewed.value.reason == "EVIDENCE_NOT_VIEWED"
    assert not_viewed.value.metadata == {"kinds": "selfie"}
    with pytest.raises(ServiceError) as refused:
        require_viewed([document, image(EvidenceKind.SELFIE)], viewed)
    assert refused.value.reason == "EVIDENCE_REPLACED"
    assert refused.value.metadata == {"kinds": "selfie"}


def test_case_at_the_limit_accepts_only_missing_images() -> None:
    document, both = {EvidenceKind.DOCUMENT}, frozenset(EvidenceKind)
    require_image_accepted(EvidenceKind.DOCUMENT, both, MAX_IMAGES - 1)
    require_image_accepted(EvidenceKind.SELFIE, document, MAX_IMAGES + 50)
    require_image_accepted(EvidenceKind.DOCUMENT, set(), MAX_IMAGES)
    with pytest.raises(ServiceError) as refused:
        require_image_accepted(EvidenceKind.DOCUMENT, document, MAX_IMAGES)
    assert (refused.value.kind, refused.value.reason) == (Kind.EXHAUSTED, "TOO_MANY_IMAGES")
    assert refused.value.metadata == {"limit": f"{MAX_IMAGES} images"}


def test_ciphertext_is_decrypted_only_as_its_own_image() -> None:
    keys, evidence_id = case_keys("k"), uuid4()
    key = keys.decrypt(CASE, keys.create(CASE))
    ciphertext = key.encrypt(EvidenceKind.SELFIE, evidence_id, b"a face")
    assert key.decrypt(EvidenceKind.SELFIE, evidence_id, ciphertext) == b"a face"
    assert b"a face" not in ciphertext
    for kind, other_id, other in [
        (EvidenceKind.DOCUMENT, evidence_id, ciphertext),
        (EvidenceKind.SELFIE, uuid4(), ciphertext),
        (EvidenceKind.SELFIE, evidence_id, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])),
    ]:
        with pytest.raises(DecryptionError):
            key.decrypt(kind, other_id, other)


def test_case_key_is_decrypted_only_for_its_case_and_master_key() -> None:
    encrypted = case_keys("k").create(CASE)
    with pytest.raises(DecryptionError):
        case_keys("k").decrypt(OTHER, encrypted)
    with pytest.raises(DecryptionError):
        case_keys("j").decrypt(CASE, encrypted)


def test_two_ciphertexts_of_the_same_image_differ() -> None:
    keys = case_keys("k")
    key, evidence_id = keys.decrypt(CASE, keys.create(CASE)), uuid4()
    ciphertext = {key.encrypt(EvidenceKind.SELFIE, evidence_id, b"same") for _ in range(3)}
    assert len(ciphertext) == 3
