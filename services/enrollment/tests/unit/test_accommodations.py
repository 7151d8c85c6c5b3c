"""Tests of the revisions of accommodations."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_enrollment.domain.accommodations import (
    MAX_REVISIONS,
    Accommodations,
    update_accommodations,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
AUTHOR = new_id()
NONE = Accommodations(UUID(int=1))


def updated(current: Accommodations, etag: str = "", **changes: int | str) -> Accommodations | None:
    return update_accommodations(current, changes, etag, written_by=AUTHOR, now=NOW)


def test_update_returns_the_next_revision_with_its_author() -> None:
    assert updated(
        NONE, extra_time_percent=25, proctor_note=" Uses a magnifier. "
    ) == Accommodations(NONE.person_id, 25, 0, "", "Uses a magnifier.", 1, AUTHOR, NOW)


def test_alternative_identity_check_is_a_change() -> None:
    changed = updated(NONE, alternative_identity_check=True)
    assert changed is not None
    assert changed.alternative_identity_check
    assert updated(changed, alternative_identity_check=True) is None


def test_update_without_a_new_value_changes_nothing() -> None:
    assert updated(replace(NONE, proctor_note="Magnifier"), proctor_note="Magnifier ") is None
    assert updated(NONE) is None


def test_stale_etag_is_refused() -> None:
    with pytest.raises(ServiceError) as raised:
        updated(replace(NONE, revision=2), etag="v1", extra_time_percent=50)
    assert (raised.value.kind, raised.value.reason) == (Kind.CONFLICT, "STALE_ETAG")


def test_revisions_are_limited() -> None:
    last = replace(NONE, revision=MAX_REVISIONS)
    with pytest.raises(ServiceError) as raised:
        updated(last, extra_time_percent=50)
    assert raised.value.reason == "ACCOMMODATION_LIMIT_REACHED"
    assert updated(last, extra_time_percent=0) is None


def test_person_does_not_see_who_wrote_the_accommodations() -> None:
    assert replace(NONE, written_by=AUTHOR).without_author().written_by is None
