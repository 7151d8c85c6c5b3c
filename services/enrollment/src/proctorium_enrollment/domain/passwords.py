"""The password policy: a minimum length and no common passwords (NIST SP 800-63B, 5.1.1.2)."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

from proctorium_common.errors import ServiceError, Violation, exhausted, invalid

MIN_LENGTH = 12

# The list contains only passwords of at least 12 characters, because the minimum length already refuses shorter
# passwords. The comparison with the list ignores case and all characters other than letters and digits.
_COMMON = frozenset(
    [
        "123456789012",
        "1234567890123",
        "12345678901234",
        "123456789123",
        "1234567891011",
        "123123123123",
        "112233445566",
        "121212121212",
        "098765432109",
        "987654321098",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiopas",
        "qwertyuiopasdf",
        "qwertzuiop12",
        "qwertzuiop123",
        "azertyuiop12",
        "azertyuiop123",
        "1q2w3e4r5t6y",
        "1q2w3e4r5t6y7u",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "zaq12wsxcde3",
        "asdfghjkl123",
        "zxcvbnm12345",
        "qwerty123456",
        "qwerty12345678",
        "abc123456789",
        "abcd12345678",
        "abcdef123456",
        "abcdefghijkl",
        "abcdefghijklm",
        "aaaaaaaaaaaa",
        "passwordpassword",
        "password1234",
        "password12345",
        "password123456",
        "password1234567",
        "password12345678",
        "passw0rd1234",
        "p4ssw0rd1234",
        "mypassword12",
        "mypassword123",
        "newpassword1",
        "newpassword123",
        "changeme1234",
        "changemenow1",
        "changemeplease",
        "letmein12345",
        "letmein123456",
        "letmeinplease",
        "welcome12345",
        "welcome123456",
        "iloveyou1234",
        "iloveyou12345",
        "iloveyouforever",
        "ilovemyfamily",
        "administrator",
        "administrator1",
        "administrator123",
        "admin1234567",
        "admin12345678",
        "adminadmin12",
        "adminadmin123",
        "rootrootroot",
        "test12345678",
        "testtesttest",
        "testpassword",
        "testpassword1",
        "secretsecret",
        "supersecret1",
        "supersecret123",
        "trustno1trustno1",
        "correcthorsebatterystaple",
        "footballfootball",
        "baseballbaseball",
        "monkeymonkey12",
        "dragondragon12",
        "sunshine1234",
        "princess1234",
        "superman1234",
        "unbelievable",
        "whatever1234",
        "computer1234",
        "internet1234",
        "proctorium12",
        "proctorium123",
        "proctorproctor",
        "examination1",
        "examination123",
        "onlineexam123",
    ]
)


def require_strong(password: str, email: str = "", *, field: str = "password") -> None:
    """Raise PASSWORD_TOO_WEAK at `field` for a weak password.

    A password is weak if it is too short, is common, has fewer than four different characters, or is the person's
    e-mail address.
    """
    password = normalise(password)
    if len(password) < MIN_LENGTH:
        raise _too_weak(field, f"The password needs at least {MIN_LENGTH} characters.")
    plain = "".join(character for character in password.casefold() if character.isalnum())
    if plain in _COMMON or len(set(password)) < 4 or password.casefold() == email.casefold():
        raise _too_weak(
            field,
            "This password is one of the first that anybody would try. Please choose another.",
        )


def normalise(password: str) -> str:
    """Return the password in the Unicode form that is hashed.

    The form does not depend on how a keyboard composes characters.
    """
    return unicodedata.normalize("NFKC", password)


def too_many_at_once(retry_after: timedelta) -> ServiceError:
    """Return the error for a sign-in that received no permit to verify its password.

    The password was not checked, so the sign-in does not count as failed.
    """
    return exhausted(
        "TOO_MANY_AT_ONCE",
        f"Too many people are signing in at this moment. Please try again in {retry_after.seconds} seconds.",
        retry_after=retry_after,
    )


def _too_weak(field: str, message: str) -> ServiceError:
    return invalid("PASSWORD_TOO_WEAK", message, violations=[Violation(field, "password", message)])
