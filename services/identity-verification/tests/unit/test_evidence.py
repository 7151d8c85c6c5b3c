from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.security.encryption import DecryptionError, MasterKey
from proctorium_identity.domain.evidence import (
    MAX_IMAGES,
    Evidence,
    EvidenceKind,
    LastLook,
    require_room,
    require_seen,
)
from proctorium_identity.storage.encryption import CaseKeys

CASE, OTHER = uuid4(), uuid4()


def case_keys(letter: str) -> CaseKeys:
    return CaseKeys(MasterKey(letter.encode() * 32))


def picture(kind: EvidenceKind, evidence_id: UUID | None = None) -> Evidence:
    return Evidence(
        evidence_id or uuid4(), CASE, kind, "key", "image/jpeg", datetime(2026, 3, 1, tzinfo=UTC)
    )


def test_what_the_proctor_saw_must_be_what_is_there() -> None:
    document, selfie = picture(EvidenceKind.DOCUMENT), picture(EvidenceKind.SELFIE)
    seen = [LastLook(shown.kind, shown.evidence_id) for shown in (document, selfie)]
    require_seen([document, selfie], seen)
    with pytest.raises(ServiceError) as unseen:
        require_seen([document, selfie], seen[:1])
    assert unseen.value.reason == "EVIDENCE_NOT_VIEWED"
    assert unseen.value.metadata == {"kinds": "selfie"}
    with pytest.raises(ServiceError) as refused:
        require_seen([document, picture(EvidenceKind.SELFIE)], seen)
    assert refused.value.reason == "EVIDENCE_REPLACED"
    assert refused.value.metadata == {"kinds": "selfie"}


def test_a_case_takes_so_many_pictures_and_then_only_what_is_missing() -> None:
    document, both = {EvidenceKind.DOCUMENT}, frozenset(EvidenceKind)
    require_room(EvidenceKind.DOCUMENT, both, MAX_IMAGES - 1)
    require_room(EvidenceKind.SELFIE, document, MAX_IMAGES + 50)
    require_room(EvidenceKind.DOCUMENT, set(), MAX_IMAGES)
    with pytest.raises(ServiceError) as refused:
        require_room(EvidenceKind.DOCUMENT, document, MAX_IMAGES)
    assert (refused.value.kind, refused.value.reason) == (Kind.EXHAUSTED, "TOO_MANY_IMAGES")
    assert refused.value.metadata == {"limit": f"{MAX_IMAGES} pictures"}


def test_a_ciphertext_opens_only_as_the_picture_it_was_made_for() -> None:
    keys, evidence_id = case_keys("k"), uuid4()
    key = keys.unwrap(CASE, keys.new(CASE))
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


def test_a_case_key_unwraps_only_for_its_case_and_by_its_master_key() -> None:
    wrapped = case_keys("k").new(CASE)
    with pytest.raises(DecryptionError):
        case_keys("k").unwrap(OTHER, wrapped)
    with pytest.raises(DecryptionError):
        case_keys("j").unwrap(CASE, wrapped)


def test_two_ciphertexts_of_the_same_image_differ() -> None:
    keys = case_keys("k")
    key, evidence_id = keys.unwrap(CASE, keys.new(CASE)), uuid4()
    ciphertext = {key.encrypt(EvidenceKind.SELFIE, evidence_id, b"same") for _ in range(3)}
    assert len(ciphertext) == 3
