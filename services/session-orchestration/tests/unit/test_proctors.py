"""Tests of the rules for changing the lead proctor of a session."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.proctors import (
    MAX_PROCTORS,
    require_expected_lead,
    require_free,
    require_not_over,
    with_lead,
)
from proctorium_session.domain.schedule import Engagement
from proctorium_session.domain.session_states import SessionState

from .builders import NOON, make_plan, make_session

ADA, BEN, CLEO = UUID(int=1), UUID(int=2), UUID(int=3)


def test_former_lead_proctor_stays_a_co_proctor() -> None:
    session = make_session(plan=make_plan(proctor_ids=(ADA, BEN)))
    assert with_lead(session, CLEO).plan.proctor_ids == (CLEO, ADA, BEN)
    assert with_lead(session, BEN).plan.proctor_ids == (BEN, ADA)
    assert with_lead(session, BEN).session_revision == session.next_revision


@given(st.lists(st.integers(1, 9), max_size=30))
def test_changes_of_the_lead_never_remove_or_repeat_a_proctor(leads: list[int]) -> None:
    session = make_session(plan=make_plan(proctor_ids=(ADA, BEN)))
    known = {ADA, BEN}
    for number in leads:
        session = with_lead(session, UUID(int=number))
        known.add(UUID(int=number))
        assert session.plan.proctor_ids[0] == UUID(int=number)
        assert sorted(session.plan.proctor_ids) == sorted(known)


def test_number_of_proctors_is_limited() -> None:
    full = make_session(plan=make_plan(proctor_ids=tuple(map(UUID, _ids(MAX_PROCTORS)))))
    assert with_lead(full, full.plan.proctor_ids[-1]).plan.proctor_ids[0] == UUID(int=MAX_PROCTORS)
    with pytest.raises(ServiceError) as error:
        with_lead(full, UUID(int=1000))
    assert error.value.reason == "PROCTOR_LIMIT_REACHED"


def test_only_a_session_that_is_not_over_changes_its_lead() -> None:
    for state in SessionState:
        if not state.is_over:
            require_not_over(make_session(state))
    for state, reason in (
        (SessionState.ENDED, "SESSION_ENDED"),
        (SessionState.CANCELLED, "SESSION_CANCELLED"),
    ):
        with pytest.raises(ServiceError) as error:
            require_not_over(make_session(state))
        assert error.value.reason == reason


def test_unexpected_lead_is_a_conflict() -> None:
    session = make_session(plan=make_plan(proctor_ids=(ADA, BEN)))
    require_expected_lead(session, None)
    require_expected_lead(session, ADA)
    with pytest.raises(ServiceError) as error:
        require_expected_lead(session, BEN)
    assert error.value.reason == "LEAD_PROCTOR_CHANGED"
    assert error.value.metadata == {"lead_proctor_id": str(ADA)}


def test_proctor_of_another_session_at_the_same_time_is_refused() -> None:
    session = make_session()
    hour = timedelta(hours=1)
    require_free(session, BEN, [Engagement(BEN, session.session_id, NOON, NOON + hour)])
    require_free(session, BEN, [Engagement(BEN, UUID(int=9), NOON + hour, NOON + 2 * hour)])
    with pytest.raises(ServiceError) as error:
        require_free(session, BEN, [Engagement(BEN, UUID(int=9), NOON, NOON + hour)])
    assert error.value.reason == "PROCTOR_OVERLAP"
    assert error.value.metadata["session_id"] == str(UUID(int=9))


def _ids(count: int) -> list[str]:
    return [str(UUID(int=number + 1)) for number in range(count)]
