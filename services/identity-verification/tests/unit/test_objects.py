"""Where ciphertexts lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proctorium_common.errors import ServiceError
from proctorium_identity.storage.objects import EvidenceStore, ObjectMissingError


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(f"file://{tmp_path}/pictures%20kept")


async def test_what_was_put_is_on_the_disk_before_it_is_answered(
    store: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda opened: synced.append(str(Path(f"/proc/self/fd/{opened}").readlink()))
    )
    await store.put("case/kind/one", b"ciphertext")
    folder = tmp_path / "pictures kept"
    chain = (folder / "case/kind/one", folder / "case/kind", folder / "case", folder)
    assert synced == [str(each) for each in chain]


async def test_an_object_is_written_once(store: EvidenceStore) -> None:
    await store.put("case/one", b"first")
    with pytest.raises(ServiceError) as refused:
        await store.put("case/one", b"second")
    assert refused.value.reason == "DEPENDENCY_UNAVAILABLE"
    assert await store.get("case/one") == b"first"


async def test_what_was_deleted_is_gone_and_deleting_it_again_is_no_error(
    store: EvidenceStore,
) -> None:
    await store.put("case/one", b"first")
    await store.delete("case/one")
    await store.delete("case/one")
    with pytest.raises(ObjectMissingError):
        await store.get("case/one")
