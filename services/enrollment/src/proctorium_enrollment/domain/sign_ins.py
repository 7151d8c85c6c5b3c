"""Staying signed in: refresh tokens work once each, and one that is used twice was stolen or copied.

An answer can be lost on its way, and two tabs can ask at once: for a short grace the repetition is given the token that came of the
first use. There is only ever one newest token of a sign-in, so a thief who repeats within the grace holds what its owner holds, and
the first of them to come second later ends the sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from proctorium_common.errors import ServiceError, unauthenticated

REFRESH_LIFE = timedelta(hours=12)
"""How long a refresh token lives where its owner stays signed in on their computer; counted anew with each refresh."""
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
    """Whether it outlives the browser session; otherwise a computer may be shared, and not using it for a while ends it."""


@dataclass(frozen=True)
class RefreshToken:
    """What is kept of a refresh token."""

    expire_time: datetime
    used_time: datetime | None


class Outcome(Enum):
    """What presenting a refresh token leads to."""

    RENEWED = "renewed"
    REPEATED = "repeated"
    """It was used a moment ago: the answer may have been lost, so what came of that use is answered again."""
    REFUSED = "refused"
    REUSED = "reused"
    """It was used before: whoever has the newer one may be a thief, so the whole sign-in ends."""


def present(sign_in: SignIn, token: RefreshToken, now: datetime, grace: timedelta) -> Outcome:
    """What presenting `token` of `sign_in` leads to; `grace` begins with the first use."""
    if sign_in.ended:
        return Outcome.REFUSED
    if token.used_time is not None:
        return Outcome.REPEATED if now - token.used_time < grace else Outcome.REUSED
    return Outcome.RENEWED if now < token.expire_time else Outcome.REFUSED


def expire_time(sign_in: SignIn, now: datetime, idle_limit: timedelta) -> datetime:
    """Return when a refresh token of `sign_in` made `now` expires; `idle_limit` is for those of a browser session."""
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
