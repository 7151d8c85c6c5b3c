"""Tests of the object storage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proctorium_common.errors import ServiceError
from proctorium_identity.storage.objects import EvidenceStore, ObjectMissingError


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(f"file://{tmp_path}/stored%20images")


async def test_put_syncs_the_object_and_its_folders(
    store: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda open_case: synced.append(str(Path(f"/proc/self/fd/{open_case}").readlink())),
    )
    await store.put("case/kind/one", b"ciphertext")
    folder = tmp_path / "stored images"
    chain = (folder / "case/kind/one", folder / "case/kind", folder / "case", folder)
    assert synced == [str(each) for each in chain]


async def test_object_cannot_be_overwritten(store: EvidenceStore) -> None:
    await store.put("case/one", b"first")
    with pytest.raises(ServiceError) as refused:
        await store.put("case/one", b"second")
    assert refused.value.reason == "DEPENDENCY_UNAVAILABLE"
    assert await store.get("case/one") == b"first"


async def test_repeated_delete_is_no_error(
    store: EvidenceStore,
) -> None:
    await store.put("case/one", b"first")
    await store.delete("case/one")
    await store.delete("case/one")
    with pytest.raises(ObjectMissingError):
        await store.get("case/one")
