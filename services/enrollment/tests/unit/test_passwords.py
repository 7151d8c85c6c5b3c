"""Tests of the rules for passwords."""

from __future__ import annotations

import pytest

from proctorium_common.errors import ServiceError
from proctorium_enrollment.domain import passwords


@pytest.mark.parametrize(
    "password",
    ["lantern-orchid-74", "correct horse battery", "пароль-из-слов", "🦊🐢🐬🦉🐝🐙🦔🐌🦋🐞🐺🐻"],
)
def test_long_uncommon_passwords_are_accepted(password: str) -> None:
    passwords.require_strong(password, "lena@example.org")


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("eleven-long", id="too short"),
        pytest.param("Password-1234", id="common with changed case and digits"),
        pytest.param("QWERTYUIOP12", id="keyboard row"),
        pytest.param("abababababab", id="few characters"),
        pytest.param("Lena@Example.org", id="the e-mail address"),
    ],
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ServiceError) as refused:
        passwords.require_strong(password, "lena@example.org")
    assert refused.value.reason == "PASSWORD_TOO_WEAK"
    assert refused.value.violations[0].field == "password"
    assert password not in refused.value.message


def test_common_passwords_have_the_minimum_length() -> None:
    assert min(map(len, passwords._COMMON)) >= passwords.MIN_LENGTH


def test_password_is_normalised() -> None:
    assert passwords.normalise("caf\u0065\u0301") == passwords.normalise("caf\u00e9")
