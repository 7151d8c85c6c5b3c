from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.ids import new_id
from proctorium_enrollment.domain.sign_ins import (
    LONGEST,
    REFRESH_LIFE,
    Outcome,
    RefreshToken,
    SignIn,
    expire_time,
    present,
)

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
FRESH, GONE = NOON + timedelta(seconds=1), NOON
GRACE = timedelta(seconds=30)
IDLE_LIMIT = timedelta(hours=1)
JUST_NOW, AHEAD, EARLIER = NOON - GRACE / 2, NOON + timedelta(seconds=1), NOON - GRACE


@pytest.mark.parametrize(
    ("ended", "used", "expires", "outcome"),
    [
        (False, None, FRESH, Outcome.RENEWED),
        (False, None, GONE, Outcome.REFUSED),
        (False, EARLIER, FRESH, Outcome.REUSED),
        (False, EARLIER, GONE, Outcome.REUSED),
        (False, JUST_NOW, FRESH, Outcome.REPEATED),
        (False, AHEAD, FRESH, Outcome.REPEATED),
        (True, None, FRESH, Outcome.REFUSED),
        (True, EARLIER, FRESH, Outcome.REFUSED),
        (True, JUST_NOW, FRESH, Outcome.REFUSED),
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
def test_what_a_refresh_token_leads_to(
    ended: bool, used: datetime | None, expires: datetime, outcome: Outcome
) -> None:
    sign_in = begun_at_noon(ended=ended, stay_signed_in=True)
    assert present(sign_in, RefreshToken(expires, used), NOON, GRACE) is outcome


def test_a_sign_in_ends_however_busy_it_is() -> None:
    sign_in = begun_at_noon(stay_signed_in=True)
    assert expire_time(sign_in, NOON, IDLE_LIMIT) == NOON + REFRESH_LIFE
    busy = NOON + LONGEST - timedelta(hours=1)
    assert expire_time(sign_in, busy, IDLE_LIMIT) == NOON + LONGEST


def test_a_sign_in_for_the_browser_session_ends_when_it_is_idle() -> None:
    sign_in = begun_at_noon(stay_signed_in=False)
    for hours in (0, 24):
        now = NOON + timedelta(hours=hours)
        assert expire_time(sign_in, now, IDLE_LIMIT) == now + IDLE_LIMIT
    assert expire_time(sign_in, NOON + LONGEST, IDLE_LIMIT) == NOON + LONGEST


def begun_at_noon(*, ended: bool = False, stay_signed_in: bool) -> SignIn:
    return SignIn(new_id(), new_id(), NOON, ended, stay_signed_in)
