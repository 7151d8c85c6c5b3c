from __future__ import annotations

from datetime import timedelta
from functools import reduce
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.progress import (
    AttemptTime,
    AttemptUpdate,
    Progress,
    ProgressState,
    WithdrawalState,
    apply_update,
    authorize,
    withdraw,
)

from .builders import ASSESSMENT, NOON

START = Progress(ASSESSMENT)


def _time(number: int) -> AttemptTime | None:
    """Return the time in every second event."""
    return None if number % 2 else AttemptTime(NOON + timedelta(minutes=number))


@st.composite
def authorizations(draw: st.DrawFn, attempt: UUID) -> list[AttemptUpdate]:
    """Return updates by authorisations and withdrawals. The last one is an authorisation."""
    count = draw(st.integers(0, 3))
    return [
        AttemptUpdate(attempt, state, 2, authorization_revision=revision)
        for revision, state in enumerate(
            [ProgressState.AUTHORIZED, ProgressState.AWAITING_AUTHORIZATION] * count
            + [ProgressState.AUTHORIZED],
            start=1,
        )
    ]


@st.composite
def attempt_updates(draw: st.DrawFn) -> list[AttemptUpdate]:
    """Return the updates that the events of one attempt cause, in the order in which the events are published."""
    attempt = UUID(int=draw(st.integers(1, 3)))
    counts = sorted(draw(st.lists(st.integers(0, 20), min_size=1, max_size=5)))
    events = [
        AttemptUpdate(attempt, ProgressState.AWAITING_AUTHORIZATION, 1, item_count=20),
        *draw(authorizations(attempt)),
        *(
            AttemptUpdate(attempt, ProgressState.IN_PROGRESS, 3 + n, count, 20, time=_time(n))
            for n, count in enumerate(counts)
        ),
        AttemptUpdate(attempt, ProgressState.SUBMITTED, 50, counts[-1], 20),
        AttemptUpdate(attempt, ProgressState.IN_PROGRESS, 51),
        AttemptUpdate(attempt, ProgressState.SUBMITTED, 52, counts[-1], 20),
        AttemptUpdate(attempt, ProgressState.RELEASED, 53),
    ]
    return events[: draw(st.integers(1, len(events)))]


@given(life=attempt_updates(), data=st.data())
def test_delayed_duplicated_and_reordered_events_have_the_same_result(
    life: list[AttemptUpdate], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(life + data.draw(st.lists(st.sampled_from(life)))))
    assert reduce(apply_update, shuffled, START) == reduce(apply_update, life, START)


@given(life=attempt_updates(), data=st.data())
def test_older_event_never_changes_the_shown_progress(
    life: list[AttemptUpdate], data: st.DataObject
) -> None:
    shown = [START]
    for news in data.draw(st.permutations(life)):
        shown.append(apply_update(shown[-1], news))
    for before, after in pairwise(shown):
        assert (
            after.state >= before.state
            or before.state is ProgressState.AUTHORIZED
            or after.state_position > before.state_position
        )
        assert after.authorization_revision >= before.authorization_revision
        assert after.state_position >= before.state_position
        assert after.item_count >= before.item_count
        assert after.position >= before.position


def test_later_attempt_replaces_an_earlier_one_permanently() -> None:
    first = AttemptUpdate(UUID(int=1), ProgressState.SUBMITTED, 5, 3, 4)
    second = AttemptUpdate(UUID(int=2), ProgressState.AWAITING_AUTHORIZATION, 9, item_count=6)
    expected = Progress(ASSESSMENT, UUID(int=2), item_count=6, state_position=9)
    assert apply_update(apply_update(START, first), second) == expected
    assert apply_update(apply_update(START, second), first) == expected


def test_creation_event_does_not_undo_an_authorisation() -> None:
    created = AttemptUpdate(UUID(int=1), ProgressState.AWAITING_AUTHORIZATION, 1, item_count=6)
    assert apply_update(authorize(START, 5), created).state is ProgressState.AUTHORIZED


def test_reopened_attempt_is_in_progress_again() -> None:
    submitted = AttemptUpdate(UUID(int=1), ProgressState.SUBMITTED, 5, 3, 4)
    reopened = AttemptUpdate(UUID(int=1), ProgressState.IN_PROGRESS, 6)
    for order in ((submitted, reopened), (reopened, submitted)):
        progress = reduce(apply_update, order, START)
        assert (progress.state, progress.answered_count) == (ProgressState.IN_PROGRESS, 3)


def test_authorisation_does_not_undo_later_progress() -> None:
    began = apply_update(START, AttemptUpdate(UUID(int=1), ProgressState.IN_PROGRESS, 3))
    assert authorize(began, 5) == began


ATTEMPT = UUID(int=1)
WITHDRAWN = AttemptUpdate(
    ATTEMPT, ProgressState.AWAITING_AUTHORIZATION, 7, authorization_revision=6
)


def test_withdrawal_is_pending_until_the_assessment_service_decides() -> None:
    pending = withdraw(authorize(START, 5), 6)
    assert (pending.state, pending.withdrawal) == (
        ProgressState.AUTHORIZED,
        WithdrawalState.PENDING,
    )
    assert withdraw(pending, 7) == pending
    decided = apply_update(pending, WITHDRAWN)
    assert (decided.state, decided.withdrawal) == (ProgressState.AWAITING_AUTHORIZATION, None)


def test_start_is_stronger_than_a_withdrawal() -> None:
    pending = withdraw(authorize(START, 5), 6)
    started = apply_update(pending, AttemptUpdate(ATTEMPT, ProgressState.IN_PROGRESS, 8))
    assert started.withdrawal is WithdrawalState.ALREADY_STARTED
    assert apply_update(started, WITHDRAWN) == started
    assert withdraw(started, 9) == started


def test_voided_attempt_has_no_pending_withdrawal() -> None:
    pending = withdraw(authorize(START, 5), 6)
    voided = apply_update(pending, AttemptUpdate(ATTEMPT, ProgressState.VOIDED, 8))
    assert (voided.state, voided.withdrawal) == (ProgressState.VOIDED, None)


def test_authorisation_after_a_withdrawal_ignores_the_late_result_of_the_withdrawal() -> None:
    again = authorize(withdraw(authorize(START, 5), 6), 7)
    assert again.state is ProgressState.AUTHORIZED
    after = apply_update(again, WITHDRAWN)
    assert (after.state, after.withdrawal) == (ProgressState.AUTHORIZED, None)
    late = AttemptUpdate(ATTEMPT, ProgressState.AUTHORIZED, 6, authorization_revision=5)
    assert apply_update(apply_update(withdraw(after, 8), late), WITHDRAWN).withdrawal is (
        WithdrawalState.PENDING
    )
