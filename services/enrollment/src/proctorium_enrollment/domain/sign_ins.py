"""Staying signed in: each refresh token works once, and one that is used twice was stolen or copied.

A response can be lost, and two tabs can refresh at once, so a second use within a short grace returns the token that the first use
returned. A sign-in has only one newest token: a thief who repeats within the grace gets the same token as its owner, and whichever of
the two uses it second, after the grace, ends the sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from proctorium_common.errors import ServiceError, unauthenticated

REFRESH_LIFE = timedelta(hours=12)
"""How long a refresh token lives where its owner stays signed in on their computer; each refresh starts it again."""
LONGEST = timedelta(days=7)
"""After this a sign-in ends, however busy it was."""


@dataclass(frozen=True)
class SignIn:
    """One sign-in of one person on one device: the family of its refresh tokens."""

    sign_in_id: UUID
    person_id: UUID
    create_time: datetime
    ended: bool
    stay_signed_in: bool
    """Whether the sign-in outlives the browser session. If not, the computer may be shared, so the sign-in also ends after a time without use."""


@dataclass(frozen=True)
class RefreshToken:
    """The stored state of a refresh token."""

    expire_time: datetime
    used_time: datetime | None


class Outcome(Enum):
    """What presenting a refresh token leads to."""

    RENEWED = "renewed"
    REPEATED = "repeated"
    """It was used a moment ago: the response may have been lost, so the same token is returned again."""
    REFUSED = "refused"
    REUSED = "reused"
    """It was used before the grace: the newer token may be stolen, so the whole sign-in ends."""


def present(sign_in: SignIn, token: RefreshToken, now: datetime, grace: timedelta) -> Outcome:
    """Return the outcome of presenting `token` of `sign_in`; `grace` starts with the first use."""
    if sign_in.ended:
        return Outcome.REFUSED
    if token.used_time is not None:
        return Outcome.REPEATED if now - token.used_time < grace else Outcome.REUSED
    return Outcome.RENEWED if now < token.expire_time else Outcome.REFUSED


def expire_time(sign_in: SignIn, now: datetime, idle_limit: timedelta) -> datetime:
    """Return when a refresh token of `sign_in` issued `now` expires; `idle_limit` applies to browser sessions."""
    life = REFRESH_LIFE if sign_in.stay_signed_in else idle_limit
    return min(now + life, sign_in.create_time + LONGEST)


def sign_in_failed() -> ServiceError:
    """SIGN_IN_FAILED: the same words whatever was wrong."""
    return unauthenticated(
        "SIGN_IN_FAILED",
        "The e-mail address and the password do not match. Please check both; if you have forgotten the password, ask your "
        "administrator.",
    )


def refresh_token_invalid() -> ServiceError:
    """REFRESH_TOKEN_INVALID."""
    return unauthenticated(
        "REFRESH_TOKEN_INVALID", "Your sign-in is no longer valid. Please sign in again."
    )
