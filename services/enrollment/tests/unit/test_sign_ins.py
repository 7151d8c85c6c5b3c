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
    sign_in = SignIn(new_id(), new_id(), NOON, ended)
    assert present(sign_in, RefreshToken(expires, used), NOON, GRACE) is outcome


def test_a_sign_in_ends_however_busy_it_is() -> None:
    assert expire_time(NOON, NOON) == NOON + REFRESH_LIFE
    busy = NOON + LONGEST - timedelta(hours=1)
    assert expire_time(NOON, busy) == NOON + LONGEST
