"""Tests of the lifetimes of sign-ins and refresh tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.ids import new_id
from proctorium_enrollment.domain.sign_ins import (
    REFRESH_TOKEN_LIFETIME,
    SIGN_IN_LIFETIME,
    RefreshOutcome,
    RefreshToken,
    SignIn,
    expiry,
    refresh_outcome,
)

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
FRESH, EXPIRED = NOON + timedelta(seconds=1), NOON
GRACE = timedelta(seconds=30)
IDLE_LIMIT = timedelta(hours=1)
JUST_NOW, AHEAD, EARLIER = NOON - GRACE / 2, NOON + timedelta(seconds=1), NOON - GRACE


@pytest.mark.parametrize(
    ("ended", "used", "expires", "outcome"),
    [
        (False, None, FRESH, RefreshOutcome.RENEWED),
        (False, None, EXPIRED, RefreshOutcome.REFUSED),
        (False, EARLIER, FRESH, RefreshOutcome.REUSED),
        (False, EARLIER, EXPIRED, RefreshOutcome.REUSED),
        (False, JUST_NOW, FRESH, RefreshOutcome.REPEATED),
        (False, AHEAD, FRESH, RefreshOutcome.REPEATED),
        (True, None, FRESH, RefreshOutcome.REFUSED),
        (True, EARLIER, FRESH, RefreshOutcome.REFUSED),
        (True, JUST_NOW, FRESH, RefreshOutcome.REFUSED),
    ],
    ids=[
        "fresh",
        "expired",
        "used",
        "used and expired",
        "used just now",
        "used just now by a clock ahead of ours",
        "ended",
        "ended and used",
        "ended and used just now",
    ],
)
def test_outcome_of_using_a_refresh_token(
    ended: bool, used: datetime | None, expires: datetime, outcome: RefreshOutcome
) -> None:
    sign_in = signed_in_at_noon(ended=ended, stay_signed_in=True)
    assert refresh_outcome(sign_in, RefreshToken(expires, used), NOON, GRACE) is outcome


def test_sign_in_ends_although_it_is_refreshed() -> None:
    sign_in = signed_in_at_noon(stay_signed_in=True)
    assert expiry(sign_in, NOON, IDLE_LIMIT) == NOON + REFRESH_TOKEN_LIFETIME
    busy = NOON + SIGN_IN_LIFETIME - timedelta(hours=1)
    assert expiry(sign_in, busy, IDLE_LIMIT) == NOON + SIGN_IN_LIFETIME


def test_sign_in_for_the_browser_session_ends_when_idle() -> None:
    sign_in = signed_in_at_noon(stay_signed_in=False)
    for hours in (0, 24):
        now = NOON + timedelta(hours=hours)
        assert expiry(sign_in, now, IDLE_LIMIT) == now + IDLE_LIMIT
    assert expiry(sign_in, NOON + SIGN_IN_LIFETIME, IDLE_LIMIT) == NOON + SIGN_IN_LIFETIME


def signed_in_at_noon(*, ended: bool = False, stay_signed_in: bool) -> SignIn:
    return SignIn(new_id(), new_id(), NOON, ended, stay_signed_in)
