"""Sign-ins and their refresh tokens, each of which can be used once.

A second use of a token is a sign of theft, so the second use ends the sign-in. Because a response can be lost and two
tabs can refresh at once, there is one exception: a second use within a short grace period returns the newest token of
the sign-in again. A thief who uses a token within the grace period receives the same newest token as the owner. The
owner and the thief then both use the newest token. If the later of these two uses is after the grace period, the
sign-in ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, unauthenticated

REFRESH_TOKEN_LIFETIME = timedelta(hours=12)
"""The lifetime of a refresh token if the person stays signed in.

Each refresh returns a new token, whose lifetime starts at the refresh.
"""
SIGN_IN_LIFETIME = timedelta(days=7)
"""The maximum age of a sign-in. Refreshing its tokens does not extend it."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in of a person on one device. All refresh tokens of the sign-in refer to it."""

    sign_in_id: UUID
    person_id: UUID
    created_at: datetime
    is_ended: bool
    stay_signed_in: bool
    """Whether the sign-in continues after the browser is closed.

    If false, the sign-in also ends after an idle time, because other people may use the computer.
    """


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The stored state of a refresh token."""

    expires_at: datetime
    used_at: datetime | None


class RefreshOutcome(StrEnum):
    """The outcomes of using a refresh token."""

    RENEWED = "renewed"
    REPEATED = "repeated"
    """The token was used before, but within the grace period. The newest token is returned again.

    The response to the first use may have been lost.
    """
    REFUSED = "refused"
    REUSED = "reused"
    """The token was used again after the grace period. It may be stolen, so the sign-in ends."""


def refresh_outcome(
    sign_in: SignIn, token: RefreshToken, now: datetime, grace_period: timedelta
) -> RefreshOutcome:
    """Return the outcome of using `token` of `sign_in`. The grace period starts at the first use of the token."""
    if sign_in.is_ended:
        return RefreshOutcome.REFUSED
    if token.used_at is not None:
        return (
            RefreshOutcome.REPEATED if now - token.used_at < grace_period else RefreshOutcome.REUSED
        )
    return RefreshOutcome.RENEWED if now < token.expires_at else RefreshOutcome.REFUSED


def expiry(sign_in: SignIn, now: datetime, idle_limit: timedelta) -> datetime:
    """Return the time at which a refresh token that is issued at `now` expires.

    If the person did not choose to stay signed in, the token expires after `idle_limit`.
    """
    lifetime = REFRESH_TOKEN_LIFETIME if sign_in.stay_signed_in else idle_limit
    return min(now + lifetime, sign_in.created_at + SIGN_IN_LIFETIME)


def sign_in_failed() -> ServiceError:
    """Return the error for a wrong e-mail address or password. The error does not reveal which of the two is wrong."""
    return unauthenticated(
        "SIGN_IN_FAILED",
        "The e-mail address and the password do not match. Please check both; if you have forgotten the password, ask your "
        "administrator.",
    )


def refresh_token_invalid() -> ServiceError:
    """Return the error for a refresh token that is unknown, expired or reused, or whose sign-in has ended."""
    return unauthenticated(
        "REFRESH_TOKEN_INVALID", "Your sign-in is no longer valid. Please sign in again."
    )
