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


@pytest.mark.parametrize(
    ("ended", "used", "expires", "outcome"),
    [
        (False, False, FRESH, Outcome.RENEWED),
        (False, False, GONE, Outcome.REFUSED),
        (False, True, FRESH, Outcome.REUSED),
        (False, True, GONE, Outcome.REUSED),
        (True, False, FRESH, Outcome.REFUSED),
        (True, True, FRESH, Outcome.REFUSED),
    ],
    ids=["fresh", "expired", "used", "used and expired", "ended", "ended and used"],
)
def test_what_a_refresh_token_leads_to(
    ended: bool, used: bool, expires: datetime, outcome: Outcome
) -> None:
    sign_in = SignIn(new_id(), new_id(), NOON, ended)
    assert present(sign_in, RefreshToken(expires, used), NOON) is outcome


def test_a_sign_in_ends_however_busy_it_is() -> None:
    assert expire_time(NOON, NOON) == NOON + REFRESH_LIFE
    busy = NOON + LONGEST - timedelta(hours=1)
    assert expire_time(NOON, busy) == NOON + LONGEST
