"""Tests of saving answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proctorium.assessment.v1 import attempts_pb2, grading_pb2, items_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from ..builders import RIGHT
from .harness import Harness, Seat


def choosing(*letters: str) -> items_pb2.Answer:
    return items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=letters))


async def saved(seat: Seat) -> dict[str, tuple[int, items_pb2.Answer]]:
    """Return the answers that count, each with its sequence number, keyed by item id."""
    return {each.item_id: (each.sequence, each.answer) for each in (await seat.attempt()).answers}


async def test_acknowledged_answers_and_all_revisions_are_stored(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0, choosing("a")))
    await seat.save(seat.change(2, 0, choosing("b")))
    assert await saved(seat) == {seat.items[0].item_id: (2, choosing("b"))}
    assert len(await harness.rows("SELECT 1 FROM answer_revisions")) == 2


async def test_highest_sequence_number_counts(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(9, 0, choosing("b")))
    late_comer = await seat.save(seat.change(3, 0, choosing("a")))
    assert list(late_comer.positions) == [2]
    assert await saved(seat) == {seat.items[0].item_id: (9, choosing("b"))}


async def test_removed_answer_does_not_count_as_answered(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0), seat.change(2, 2))
    await seat.save(seat.change(3, 0, items_pb2.Answer()))
    attempt = await seat.attempt()
    assert attempt.answered_count == 1
    assert [each.item_id for each in attempt.answers] == [seat.items[2].item_id]


async def test_repeated_save_returns_the_same_receipt_and_is_stored_once(harness: Harness) -> None:
    seat = await harness.started()
    change = seat.change(1, 0, choosing("b"))
    first = await seat.save(change)
    await seat.save(seat.change(2, 1))
    again = await seat.save(change)
    assert again == first
    assert len(await harness.rows("SELECT 1 FROM answer_revisions")) == 2


async def test_reused_sequence_number_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0, choosing("b")))
    changes = seat.change(2, 2), seat.change(1, 0, choosing("c"))
    error = await harness.refused(seat.save, *changes)
    assert error.reason == "SEQUENCE_REUSED"
    assert error.metadata["sequence"] == "1"


async def test_sequence_number_outside_of_safe_integers_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    last = 2**53 - 1
    for number in (0, -1, last + 1):
        error = await harness.refused(seat.save, seat.change(number, 0, choosing("a")))
        assert [each.field for each in error.violations] == ["changes[0].sequence"]
    await seat.save(seat.change(last, 0, choosing("b")))
    assert (await seat.attempt()).last_sequence == last


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        (0, choosing("a", "b")),
        (0, choosing("z")),
        (0, items_pb2.Answer(truth=True)),
        (1, choosing("a", "z")),
        (2, choosing("a")),
        (3, items_pb2.Answer(truth=False)),
    ],
    ids=str,
)
async def test_answer_of_another_kind_is_refused(
    harness: Harness, item: int, answer: items_pb2.Answer
) -> None:
    seat = await harness.started()
    error = await harness.refused(seat.save, seat.change(1, 2), seat.change(2, item, answer))
    assert error.reason == "ANSWER_INVALID"
    assert error.metadata["item_id"] == seat.items[item].item_id


async def test_item_of_another_assessment_is_refused(harness: Harness) -> None:
    seat, other = await harness.started(), await harness.started()
    error = await harness.refused(seat.save, other.change(1, 0))
    assert error.reason == "ITEM_NOT_IN_ATTEMPT"


async def test_save_in_anothers_cached_attempt_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    request = attempts_pb2.SaveAnswersRequest(
        attempt_id=seat.attempt_id, changes=[seat.change(2, 0)]
    )
    for stranger in (harness.person(), harness.person("learner", "proctor", "administrator")):
        error = await harness.refused(stranger.attempts.SaveAnswers, request)
        assert error.reason == "NOT_YOUR_ATTEMPT"
    request.attempt_id = str(new_id())
    error = await harness.refused(seat.learner.attempts.SaveAnswers, request)
    assert error.reason == "NOT_YOUR_ATTEMPT"


async def test_save_before_the_start_is_refused(harness: Harness) -> None:
    seat = await harness.authorized()
    other = await harness.started()
    error = await harness.refused(seat.save, other.change(1, 0))
    assert error.reason == "ATTEMPT_NOT_STARTED"


async def test_changes_after_the_deadline_are_stored_as_late_and_refused(harness: Harness) -> None:
    seat = await harness.started(time_limit=timedelta(minutes=5))
    in_time = await seat.save(seat.change(1, 0))
    harness.clock.move(timedelta(minutes=5, seconds=1))
    error = await refusal(seat.save(seat.change(2, 0, choosing("a"))))
    # The reason depends on whether the worker has already submitted the overdue attempt.
    assert error.reason in {"TIME_LIMIT_EXCEEDED", "ATTEMPT_SUBMITTED"}
    assert error.metadata["stored"] == "true"
    assert await saved(seat) == {seat.items[0].item_id: (1, RIGHT[0])}
    (late,) = await harness.rows("SELECT sequence, late FROM answer_revisions WHERE late")
    assert late.sequence == 2
    assert await seat.save(seat.change(1, 0)) == in_time, "what was saved stays acknowledged"


@pytest.mark.parametrize("end", ["submit", "session", "learner"])
async def test_changes_after_the_submission_are_stored_as_late_and_refused(
    harness: Harness, end: str
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    match end:
        case "submit":
            await seat.submit()
        case "session":
            await harness.handle(seat.ended())
        case _:
            await harness.handle(seat.ended_for())
    results = await harness.rows("SELECT * FROM results")
    assert (await seat.attempt()).late_count == 0
    error = await refusal(seat.save(seat.change(2, 0, choosing("a"))))
    assert (error.reason, error.metadata["stored"]) == ("ATTEMPT_SUBMITTED", "true")
    error = await refusal(seat.save(seat.change(2, 0, choosing("a"))))
    assert error.reason == "ATTEMPT_SUBMITTED", "a repetition is refused again and stored once"
    assert len(await harness.rows("SELECT 1 FROM answer_revisions WHERE late")) == 1
    assert await harness.rows("SELECT * FROM results") == results
    await refusal(seat.save(seat.change(3, 0, choosing("b"))))
    shown = await seat.attempt()
    assert (shown.last_sequence, shown.answered_count) == (3, 1)
    # Both the learner and the proctors see the number of items with late answers.
    assert (shown.late_count, (await harness.attempts_of(seat))[0].late_count) == (1, 1)
    assert list(shown.late_item_numbers) == [1]
    await harness.handle(seat.scheduled())
    request = grading_pb2.ListLateAnswersRequest(attempt_id=seat.attempt_id)
    proctor = await harness.proctor_of(seat)
    for reader in (proctor, harness.administrator):
        late = (await reader.grading.ListLateAnswers(request)).answers
        assert [(each.sequence, each.answer) for each in late] == [
            (2, choosing("a")),
            (3, choosing("b")),
        ]
    request.page_size = 1
    first = await proctor.grading.ListLateAnswers(request)
    request.page_token = first.next_page_token
    rest = await proctor.grading.ListLateAnswers(request)
    assert [each.sequence for each in (*first.answers, *rest.answers)] == [2, 3]
    assert (len(first.answers), rest.next_page_token) == (1, "")
    for stranger in (harness.person("proctor"), seat.learner):
        error = await refusal(stranger.grading.ListLateAnswers(request))
        assert error.reason in {"NOT_FOUND", "NOT_ALLOWED"}


async def test_refused_request_does_not_fail_others_of_its_batch(harness: Harness) -> None:
    seats = [await harness.started() for _ in range(3)]
    good, bad, ended = seats
    await bad.save(bad.change(1, 0))
    await ended.submit()
    outcomes = await asyncio.gather(
        *(good.save(good.change(number, number % 4)) for number in range(1, 30)),
        *(bad.save(bad.change(1, 2)) for _ in range(5)),
        *(ended.save(ended.change(number, 0)) for number in range(1, 5)),
        return_exceptions=True,
    )
    assert not any(isinstance(outcome, BaseException) for outcome in outcomes[:29])
    assert all(isinstance(outcome, BaseException) for outcome in outcomes[29:])
    assert (await good.attempt()).last_sequence == 29


async def test_two_replicas_save_in_one_chain(harness: Harness) -> None:
    seat = await harness.started()
    async with harness.replica() as other:
        twin = Seat(**{**seat.__dict__, "learner": other.person(person_id=seat.learner.person_id)})
        receipts = [
            await (seat if number % 3 else twin).save(seat.change(number, 0))
            for number in range(1, 21)
        ]
        both = [
            (seat if number % 2 else twin).save(seat.change(number, 1)) for number in range(21, 61)
        ]
        receipts += await asyncio.gather(*both)
    positions = [position for receipt in receipts for position in receipt.positions]
    assert sorted(positions) == list(range(1, 61))
    rows = await harness.rows("SELECT position, head FROM answer_revisions ORDER BY position")
    heads = {row.position: row.head for row in rows}
    assert all(heads[receipt.positions[0]] == receipt.chain_head for receipt in receipts)
    (attempt,) = await harness.rows("SELECT chain_head, chain_length FROM attempts")
    assert (attempt.chain_head, attempt.chain_length) == (heads[60], 60)


async def test_saves_of_an_id_in_upper_case_are_in_the_same_chain(harness: Harness) -> None:
    seat = await harness.started()
    upper = replace(seat, attempt_id=seat.attempt_id.upper())
    receipts: list[attempts_pb2.Receipt] = []
    for first in range(1, 61, 12):
        receipts += await asyncio.gather(
            *(
                (seat if number % 2 else upper).save(seat.change(number, number % 4))
                for number in range(first, first + 12)
            )
        )
    positions = [position for receipt in receipts for position in receipt.positions]
    assert sorted(positions) == list(range(1, 61))
    (attempt,) = await harness.rows("SELECT chain_head, chain_length FROM attempts")
    last = max(receipts, key=lambda receipt: receipt.positions[0])
    assert (attempt.chain_head, attempt.chain_length) == (last.chain_head, 60)


async def test_saving_works_without_broker_and_enrollment(
    connected: Harness,
) -> None:
    async with connected.without(connected.enrollment):
        seat = await connected.started()
        await connected.nats.stop()
        for number in range(1, 6):
            await seat.save(seat.change(number, 0))
        await seat.submit()
        assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_SUBMITTED


CHANGES = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=8)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES, data=st.data())
async def test_saves_in_any_order_with_repetitions_store_the_same_answers(
    harness: Harness, changes: list[tuple[int, bool]], data: st.DataObject
) -> None:
    seat = await harness.started()
    all_changes = [
        seat.change(number, item, None if answered else items_pb2.Answer())
        for number, (item, answered) in enumerate(changes, start=1)
    ]
    expected = {
        change.item_id: (change.sequence, change.answer)
        for change in all_changes
        if change.sequence == max(c.sequence for c in all_changes if c.item_id == change.item_id)
        and change.answer.WhichOneof("value")
    }
    sendings = data.draw(st.lists(st.lists(st.sampled_from(all_changes), min_size=1), max_size=6))
    shuffled = data.draw(st.permutations(all_changes))
    await asyncio.gather(*(seat.save(*sending) for sending in [*sendings, shuffled]))
    assert await saved(seat) == expected
