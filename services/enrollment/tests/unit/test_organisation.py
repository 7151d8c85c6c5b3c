"""Tests of changes of the organisation's settings, and their etags."""

from __future__ import annotations

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_enrollment.domain.organisation import Organisation, changed

PRESENT = Organisation("Centre", "help@example.org", "+44 20 7946 0123", 4)
NEW = {"name": " New Centre ", "support_phone": ""}


def test_change_increases_the_version() -> None:
    assert changed(PRESENT, NEW, "v4") == Organisation("New Centre", "help@example.org", "", 5)
    assert changed(PRESENT, NEW, "").etag == "v5"


def test_stale_etag_is_refused() -> None:
    with pytest.raises(ServiceError) as refused:
        changed(PRESENT, NEW, "v3")
    assert (refused.value.kind, refused.value.reason) == (Kind.CONFLICT, "STALE_ETAG")
