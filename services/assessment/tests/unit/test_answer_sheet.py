"""Tests of answer sheets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.domain.answer_sheet import AnswerSheet, Change, Revision, SheetSnapshot
from proctorium_assessment.domain.attempts import AttemptState
from proctorium_assessment.domain.receipts import genesis, link
from proctorium_common.errors import ServiceError

ATTEMPT = UUID("01920000-0000-7000-8000-000000000001")
ITEMS = [UUID(int=ATTEMPT.int + nth) for nth in range(1, 4)]
NOW = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def sheet(
    state: AttemptState = AttemptState.IN_PROGRESS, deadline: datetime | None = None
) -> AnswerSheet:
    return AnswerSheet(ATTEMPT, SheetSnapshot(state, deadline, 1, genesis(ATTEMPT), 0, 0))


def change(sequence: int, item: int = 0, answer: bytes = b"a") -> Change:
    return Change(sequence, ITEMS[item], answer)


def reason(of: pytest.ExceptionInfo[ServiceError]) -> str:
    return of.value.reason


def added(to: AnswerSheet) -> list[Revision]:
    return [addition.revision for addition in to.added]


def test_receipt_has_sequences_positions_and_head() -> None:
    answers = sheet()
    answers.save([change(1)], NOW, NOW)
    saved = answers.save([change(3, 1), change(2, 2)], NOW, NOW)
    assert saved.sequences == (3, 2)
    assert saved.positions == (3, 2)
    assert saved.head == answers.head == added(answers)[-1].head


def test_repetition_is_acknowledged_and_added_once() -> None:
    answers = sheet()
    first = answers.save([change(1), change(2, 1)], NOW, NOW)
    answers.save([change(3)], NOW, NOW)
    assert answers.save([change(1), change(2, 1)], NOW + SECOND, NOW + SECOND) == first
    assert len(answers.added) == 3


def test_reused_sequence_number_is_refused_and_nothing_is_added() -> None:
    answers = sheet()
    answers.save([change(1)], NOW, NOW)
    for other in (change(1, 0, b"b"), change(1, 1)):
        with pytest.raises(ServiceError) as refused:
            answers.save([change(2), other], NOW, NOW)
        assert reason(refused) == "SEQUENCE_REUSED"
        assert refused.value.metadata == {"sequence": "1"}
    with pytest.raises(ServiceError):
        answers.save([change(5), change(5, 1)], NOW, NOW)
    assert len(answers.added) == 1


@pytest.mark.parametrize(
    "state", [AttemptState.AWAITING_AUTHORIZATION, AttemptState.AUTHORIZED, AttemptState.VOIDED]
)
def test_save_before_the_start_is_refused(state: AttemptState) -> None:
    answers = sheet(state)
    with pytest.raises(ServiceError) as refused:
        answers.save([change(1)], NOW, NOW)
    assert reason(refused) == "ATTEMPT_NOT_STARTED"
    assert not answers.added


def test_deadline_is_compared_with_the_time_of_receipt() -> None:
    answers = sheet(deadline=NOW)
    answers.save([change(1)], NOW, NOW + 5 * SECOND)
    with pytest.raises(ServiceError) as refused:
        answers.save([change(2)], NOW + SECOND, NOW + SECOND)
    assert reason(refused) == "TIME_LIMIT_EXCEEDED"
    assert refused.value.metadata == {"stored": "true"}
    assert [revision.is_late for revision in added(answers)] == [False, True]


@pytest.mark.parametrize(
    "state", [AttemptState.SUBMITTED, AttemptState.SCORED, AttemptState.RELEASED]
)
def test_changes_after_the_submission_are_late_and_not_in_the_chain(
    state: AttemptState,
) -> None:
    answers = sheet(state)
    head = answers.head
    with pytest.raises(ServiceError) as refused:
        answers.save([change(7)], NOW, NOW)
    assert reason(refused) == "ATTEMPT_SUBMITTED"
    assert refused.value.metadata == {"stored": "true"}
    (revision,) = added(answers)
    assert revision.is_late
    assert (answers.head, answers.length, answers.last_sequence) == (head, 0, 7)


def test_saved_changes_are_acknowledged_after_the_submission() -> None:
    before = sheet()
    first = before.save([change(1)], NOW, NOW)
    ended = SheetSnapshot(
        AttemptState.RELEASED, None, 2, before.head, before.length, before.last_sequence
    )
    after = AnswerSheet(ATTEMPT, ended, added(before))
    assert after.save([change(1)], NOW, NOW) == first
    with pytest.raises(ServiceError):
        after.save([change(1), change(2)], NOW, NOW)
    with pytest.raises(ServiceError):
        after.save([change(2)], NOW, NOW)
    assert [revision.sequence for revision in added(after)] == [2], "late ones are stored once too"


# The changes of a learner. The strategy `sendings` splits the changes into requests of any size, in any order and with
# any repetitions.
CHANGES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([b"a", b"b", b""])), min_size=1, max_size=10
).map(lambda given: [change(nth, *each) for nth, each in enumerate(given, start=1)])


@st.composite
def sendings(draw: st.DrawFn) -> tuple[list[Change], list[list[Change]]]:
    changes = draw(CHANGES)
    pieces = draw(st.lists(st.lists(st.sampled_from(changes), min_size=1), max_size=8))
    order = draw(st.permutations(changes))
    cut = draw(st.integers(0, len(order)))
    return changes, [*pieces, list(order[:cut]), list(order[cut:]), *pieces]


def counting(revisions: list[Revision]) -> dict[UUID, bytes]:
    """Return the answer that counts for each item, keyed by item id.

    The answer that counts is the last answer that is not late.
    """
    newest: dict[UUID, Revision] = {}
    for revision in sorted(revisions, key=lambda each: each.sequence):
        if not revision.is_late:
            newest[revision.item_id] = revision
    return {item_id: revision.answer for item_id, revision in newest.items()}


@given(sendings())
def test_any_order_with_repetitions_results_in_the_same_answers(
    given_sendings: tuple[list[Change], list[list[Change]]],
) -> None:
    changes, pieces = given_sendings
    in_order, as_sent = sheet(), sheet()
    in_order.save(changes, NOW, NOW)
    for piece in pieces:
        if piece:
            as_sent.save(piece, NOW, NOW)
    assert counting(added(as_sent)) == counting(added(in_order))
    assert sorted(each.sequence for each in added(as_sent)) == [each.sequence for each in changes]


@given(sendings())
def test_chain_is_the_documented_one(
    given_sendings: tuple[list[Change], list[list[Change]]],
) -> None:
    _, pieces = given_sendings
    answers = sheet()
    for piece in pieces:
        if piece:
            answers.save(piece, NOW, NOW)
    head = genesis(ATTEMPT)
    for position, revision in enumerate(added(answers), start=1):
        head = link(head, revision.sequence, revision.item_id, revision.answer)
        assert (revision.position, revision.head) == (position, head)
    assert answers.snapshot.head == head
