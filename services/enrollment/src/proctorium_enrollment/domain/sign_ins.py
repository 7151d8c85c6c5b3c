"""Sign-ins and their refresh tokens: each refresh token works once, and one that is used twice was stolen or copied.

A response can be lost, and two tabs can refresh at once, so a second use within a short grace period returns the token
that the first use returned. A sign-in has only one newest token: a thief who repeats within the grace period gets the
same token as its owner, and the second use of that token after the grace period ends the sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, unauthenticated

REFRESH_TOKEN_LIFETIME = timedelta(hours=12)
"""The lifetime of a refresh token if the person stays signed in; each refresh starts a new one."""
SIGN_IN_LIFETIME = timedelta(days=7)
"""The maximum age of a sign-in, however often it is refreshed."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in of a person on one device; all its refresh tokens refer to it."""

    sign_in_id: UUID
    person_id: UUID
    created_at: datetime
    is_ended: bool
    stay_signed_in: bool
    """Whether the sign-in outlives the browser session; otherwise it ends when idle: the computer may be shared."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The stored state of a refresh token."""

    expires_at: datetime
    used_at: datetime | None


class RefreshOutcome(StrEnum):
    """The outcomes of using a refresh token."""

    RENEWED = "renewed"
    REPEATED = "repeated"
    """The token was used within the grace period: the response may be lost, so the same next token is returned."""
    REFUSED = "refused"
    REUSED = "reused"
    """The token was used before the grace period: it may be stolen, so the sign-in ends."""


def refresh_outcome(
    sign_in: SignIn, token: RefreshToken, now: datetime, grace_period: timedelta
) -> RefreshOutcome:
    """Return the outcome of using `token` of `sign_in`; the grace period starts with the first use."""
    if sign_in.is_ended:
        return RefreshOutcome.REFUSED
    if token.used_at is not None:
        return (
            RefreshOutcome.REPEATED if now - token.used_at < grace_period else RefreshOutcome.REUSED
        )
    return RefreshOutcome.RENEWED if now < token.expires_at else RefreshOutcome.REFUSED


def expiry(sign_in: SignIn, now: datetime, idle_limit: timedelta) -> datetime:
    """Return when a refresh token that is issued `now` expires; `idle_limit` applies to browser sessions."""
    lifetime = REFRESH_TOKEN_LIFETIME if sign_in.stay_signed_in else idle_limit
    return min(now + lifetime, sign_in.created_at + SIGN_IN_LIFETIME)


def sign_in_failed() -> ServiceError:
    """Return the error for a wrong e-mail address or password; it does not say which of the two."""
    return unauthenticated(
        "SIGN_IN_FAILED",
        "The e-mail address and the password do not match. Please check both; if you have forgotten the password, ask your "
        "administrator.",
    )


def refresh_token_invalid() -> ServiceError:
    """Return the error for a refresh token that is unknown, expired, ended or reused."""
    return unauthenticated(
        "REFRESH_TOKEN_INVALID", "Your sign-in is no longer valid. Please sign in again."
    )
