from __future__ import annotations

from functools import reduce
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.progress import (
    AttemptUpdate,
    Progress,
    ProgressState,
    apply_update,
    authorize,
)

from .builders import ASSESSMENT

START = Progress(ASSESSMENT)


@st.composite
def attempt_updates(draw: st.DrawFn) -> list[AttemptUpdate]:
    """Return the updates that the events of one attempt cause, in the order in which the events are published."""
    attempt = UUID(int=draw(st.integers(1, 3)))
    counts = sorted(draw(st.lists(st.integers(0, 20), min_size=1, max_size=5)))
    events = [
        AttemptUpdate(attempt, ProgressState.AWAITING_AUTHORIZATION, 1, item_count=20),
        AttemptUpdate(attempt, ProgressState.AUTHORIZED, 2),
        *(
            AttemptUpdate(attempt, ProgressState.IN_PROGRESS, 3 + n, count, 20)
            for n, count in enumerate(counts)
        ),
        AttemptUpdate(attempt, ProgressState.SUBMITTED, 50, counts[-1], 20),
        AttemptUpdate(attempt, ProgressState.RELEASED, 51),
    ]
    return events[: draw(st.integers(1, len(events)))]


@given(life=attempt_updates(), data=st.data())
def test_delayed_duplicated_and_reordered_events_have_the_same_result(
    life: list[AttemptUpdate], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(life + data.draw(st.lists(st.sampled_from(life)))))
    assert reduce(apply_update, shuffled, START) == reduce(apply_update, life, START)


@given(life=attempt_updates(), data=st.data())
def test_shown_progress_never_decreases(life: list[AttemptUpdate], data: st.DataObject) -> None:
    shown = [START]
    for news in data.draw(st.permutations(life)):
        shown.append(apply_update(shown[-1], news))
    for before, after in pairwise(shown):
        assert after.state >= before.state
        assert after.item_count >= before.item_count
        assert after.position >= before.position


def test_later_attempt_replaces_an_earlier_one_permanently() -> None:
    first = AttemptUpdate(UUID(int=1), ProgressState.SUBMITTED, 5, 3, 4)
    second = AttemptUpdate(UUID(int=2), ProgressState.AWAITING_AUTHORIZATION, 9, item_count=6)
    expected = Progress(ASSESSMENT, UUID(int=2), item_count=6)
    assert apply_update(apply_update(START, first), second) == expected
    assert apply_update(apply_update(START, second), first) == expected


def test_creation_event_does_not_undo_an_authorisation() -> None:
    created = AttemptUpdate(UUID(int=1), ProgressState.AWAITING_AUTHORIZATION, 1, item_count=6)
    assert apply_update(authorize(START), created).state is ProgressState.AUTHORIZED


def test_authorisation_does_not_undo_later_progress() -> None:
    began = apply_update(START, AttemptUpdate(UUID(int=1), ProgressState.IN_PROGRESS, 3))
    assert authorize(began) == began
