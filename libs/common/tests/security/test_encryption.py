"""Test that a ciphertext can be decrypted only with the key and the context with which it was encrypted."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from proctorium_common.security.encryption import (
    DecryptionError,
    EncryptionKey,
    MasterKey,
    MasterKeySetting,
    new_key,
)

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.text(max_size=20))
def test_value_is_decrypted_with_its_context(value: bytes, context: str) -> None:
    key = MasterKey(KEY).for_purpose("codes")
    assert key.decrypt(key.encrypt(value, context), context) == value


def test_ciphertexts_of_a_value_differ() -> None:
    key = EncryptionKey(KEY)
    assert key.encrypt(b"secret", "here") != key.encrypt(b"secret", "here")


@pytest.mark.parametrize(
    ("other", "context"),
    [
        (MasterKey(KEY).for_purpose("attempts"), "here"),
        (MasterKey(new_key()).for_purpose("codes"), "here"),
        (MasterKey(KEY).for_purpose("codes"), "there"),
    ],
    ids=["another purpose", "another key", "another context"],
)
def test_decryption_with_another_key_or_context_is_refused(
    other: EncryptionKey, context: str
) -> None:
    ciphertext = MasterKey(KEY).for_purpose("codes").encrypt(b"secret", "here")
    with pytest.raises(DecryptionError):
        other.decrypt(ciphertext, context)


@pytest.mark.parametrize("position", [0, 1, 20, -1])
def test_changed_ciphertext_is_refused(position: int) -> None:
    key = EncryptionKey(KEY)
    ciphertext = bytearray(key.encrypt(b"secret", "here"))
    ciphertext[position] ^= 1
    with pytest.raises(DecryptionError):
        key.decrypt(bytes(ciphertext), "here")


def test_blind_index_depends_on_text_and_key() -> None:
    key = EncryptionKey(KEY)
    assert key.blind_index("AbCdEf") == key.blind_index("AbCdEf")
    assert key.blind_index("AbCdEf") != key.blind_index("abcdef")
    assert key.blind_index("AbCdEf") != EncryptionKey(new_key()).blind_index("AbCdEf")


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "€" * 44])
def test_invalid_master_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(MasterKeySetting).validate_python(SecretStr(text))
    assert not text or text not in str(refused.value)
