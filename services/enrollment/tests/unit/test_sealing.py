from __future__ import annotations

import os

import pytest

from proctorium_enrollment.storage.sealing import MasterKeyError, Seal, Seals

KEY = bytes(range(32))


def test_what_is_sealed_comes_back_at_its_place_only() -> None:
    seal = Seal(KEY, "codes")
    sealed = seal.seal(b"K7mPq2Xw", b"here")
    assert b"K7mPq2Xw" not in sealed
    assert seal.unseal(sealed, b"here") == b"K7mPq2Xw"
    with pytest.raises(MasterKeyError, match="PROCTORIUM_MASTER_KEY"):
        seal.unseal(sealed, b"there")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    seal = Seal(KEY, "codes")
    assert seal.seal(b"K7mPq2Xw", b"here") != seal.seal(b"K7mPq2Xw", b"here")


def test_another_master_key_opens_nothing() -> None:
    sealed = Seal(KEY, "codes").seal(b"K7mPq2Xw", b"here")
    with pytest.raises(MasterKeyError):
        Seal(os.urandom(32), "codes").unseal(sealed, b"here")


def test_texts_are_found_by_a_mark_that_only_the_key_makes() -> None:
    assert Seal(KEY, "codes").mark("K7mPq2Xw") == Seal(KEY, "codes").mark("K7mPq2Xw")
    marks = {
        Seal(KEY, "codes").mark("K7mPq2Xw"),
        Seal(KEY, "codes").mark("k7mPq2Xw"),
        Seal(KEY, "attempts").mark("K7mPq2Xw"),
        Seal(os.urandom(32), "codes").mark("K7mPq2Xw"),
    }
    assert len(marks) == 4


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Seals.of(bytes(16))
