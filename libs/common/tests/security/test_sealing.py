"""What is sealed opens with its key at its place, and in no other way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from proctorium_common.security.sealing import (
    DecryptionError,
    MasterKey,
    MasterKeySetting,
    Seal,
    new_key,
)

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_at_its_place(secret: bytes, place: str) -> None:
    seal = MasterKey(KEY).for_purpose("codes")
    assert seal.open(seal.seal(secret, place), place) == secret


def test_the_same_secret_is_never_sealed_alike() -> None:
    seal = Seal(KEY)
    assert seal.seal(b"secret", "here") != seal.seal(b"secret", "here")


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (MasterKey(KEY).for_purpose("attempts"), "here"),
        (MasterKey(new_key()).for_purpose("codes"), "here"),
        (MasterKey(KEY).for_purpose("codes"), "there"),
    ],
    ids=["another purpose", "another key", "another place"],
)
def test_nothing_else_opens_it(other: Seal, place: str) -> None:
    sealed = MasterKey(KEY).for_purpose("codes").seal(b"secret", "here")
    with pytest.raises(DecryptionError):
        other.open(sealed, place)


@pytest.mark.parametrize("position", [0, 1, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    seal = Seal(KEY)
    sealed = bytearray(seal.seal(b"secret", "here"))
    sealed[position] ^= 1
    with pytest.raises(DecryptionError):
        seal.open(bytes(sealed), "here")


def test_a_mark_finds_the_text_and_depends_on_the_key() -> None:
    seal = Seal(KEY)
    assert seal.mark("AbCdEf") == seal.mark("AbCdEf")
    assert seal.mark("AbCdEf") != seal.mark("abcdef")
    assert seal.mark("AbCdEf") != Seal(new_key()).mark("AbCdEf")


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "€" * 44])
def test_what_is_no_master_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(MasterKeySetting).validate_python(SecretStr(text))
    assert not text or text not in str(refused.value)
