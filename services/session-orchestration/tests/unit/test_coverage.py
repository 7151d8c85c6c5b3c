"""Tests of the rules for when a session is covered or uncovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.coverage import Coverage, observe

from .builders import NOON

ADA, BEN = UUID(int=1), UUID(int=2)
AFTER = timedelta(seconds=30)


def seen(
    before: Coverage, *present: UUID, at: float = 0, since: float = -1000, revision: int = 7
) -> Coverage:
    return observe(
        before,
        present,
        now=NOON + timedelta(seconds=at),
        observing_since=NOON + timedelta(seconds=since),
        uncovered_after=AFTER,
        revision=revision,
    )


def test_absence_starts_when_it_is_observed_and_is_not_visible() -> None:
    absent = seen(Coverage())
    assert absent == Coverage(absent_at=NOON)


def test_session_is_uncovered_after_the_time_of_its_plan() -> None:
    absent = seen(Coverage())
    assert seen(absent, at=29.9) == absent
    uncovered = seen(absent, at=30)
    assert uncovered == Coverage((), NOON, NOON + AFTER, revision=7)
    assert seen(uncovered, at=90, revision=8) == uncovered


def test_present_proctor_covers_the_session() -> None:
    uncovered = seen(seen(Coverage()), at=30)
    assert seen(uncovered, ADA, at=31, revision=9) == Coverage((ADA,), None, None, revision=9)


def test_restart_of_the_service_restarts_the_time() -> None:
    absent = seen(Coverage())
    assert seen(absent, at=40, since=20).uncovered_at is None
    assert seen(absent, at=50, since=20).uncovered_at is not None


def test_another_present_proctor_is_visible() -> None:
    first = seen(Coverage(), ADA, revision=3)
    assert seen(first, ADA, revision=4) == first
    assert seen(first, ADA, BEN, revision=4).revision == 4


presences = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([(), (ADA,), (BEN,), (ADA, BEN)])), max_size=20
)


@given(presences)
def test_session_is_uncovered_exactly_after_the_longest_absence(
    steps: list[tuple[int, tuple[UUID, ...]]],
) -> None:
    state, now = Coverage(), NOON
    absent_since: datetime | None = None
    for seconds, present in steps:
        now += timedelta(seconds=seconds)
        absent_since = None if present else absent_since or now
        was_uncovered = state.uncovered_at is not None
        state = observe(
            state,
            present,
            now=now,
            observing_since=NOON,
            uncovered_after=AFTER,
            revision=state.revision + 1,
        )
        expected = absent_since is not None and now - absent_since >= AFTER
        assert (state.uncovered_at is not None) == expected
        assert not (state.present_ids and state.absent_at)
        if was_uncovered and expected:
            assert replace(state, revision=0).uncovered_at is not None
