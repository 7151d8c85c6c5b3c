"""Tests of writer epochs: the page that has entered an attempt last is the writer."""

from __future__ import annotations

import random

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1.events_pb2 import (
    AttemptEntered,
    AttemptSavedOnOlderDevice,
    AttemptSubmitted,
)
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.assessment.v1 import items_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Seat
from .test_results import result
from .test_watching import watch

LAPTOP, TABLET = str(new_id()), str(new_id())


async def enter(seat: Seat, device_id: str = LAPTOP, request_id: str = "") -> int:
    request = pb.EnterAttemptRequest(
        request_id=request_id, attempt_id=seat.attempt_id, device_id=device_id
    )
    return (await seat.learner.attempts.EnterAttempt(request)).writer_epoch


def change(seat: Seat, sequence: int, item: int, epoch: int, chosen: int) -> pb.AnswerChange:
    """Return a change of an item with a choice, which is chosen by its index."""
    made = seat.change(sequence, item)
    choices = seat.items[item].single_choice.choices
    del made.answer.chosen.choice_ids[:]
    made.answer.chosen.choice_ids.append(choices[chosen].choice_id)
    made.writer_epoch = epoch
    return made


async def counting(seat: Seat) -> list[tuple[int, int]]:
    return sorted((each.writer_epoch, each.sequence) for each in (await seat.attempt()).answers)


async def test_each_entry_returns_a_new_epoch_and_the_watch_shows_it(harness: Harness) -> None:
    seat = await harness.started()
    call = watch(seat)
    assert (await next_response(call)).attempt.writer_epoch == 0
    assert await enter(seat) == 1
    assert (await next_response(call)).attempt.writer_epoch == 1
    assert await enter(seat, request_id="again") == 2
    assert await enter(seat, request_id="again") == 2
    assert (await seat.attempt()).writer_epoch == 2
    call.cancel()


async def test_older_epoch_never_replaces_an_answer_of_a_newer_epoch(harness: Harness) -> None:
    seat = await harness.started()
    older = await enter(seat, LAPTOP)
    newer = await enter(seat, TABLET)
    await seat.save(change(seat, 1, 0, newer, 0))
    receipt = await seat.save(change(seat, 2, 0, older, 1))
    assert list(receipt.sequences) == [2]
    assert await counting(seat) == [(newer, 1)]
    await seat.save(change(seat, 3, 0, newer, 1))
    assert await counting(seat) == [(newer, 3)]


async def test_older_epoch_counts_for_questions_that_the_newer_did_not_change(
    harness: Harness,
) -> None:
    seat = await harness.started()
    older = await enter(seat, LAPTOP)
    await enter(seat, TABLET)
    await seat.save(change(seat, 1, 0, older, 1))
    assert await counting(seat) == [(older, 1)]


async def test_equal_change_of_a_newer_page_with_the_same_number_is_not_lost(
    harness: Harness,
) -> None:
    seat = await harness.started()
    older = await enter(seat, LAPTOP)
    newer = await enter(seat, TABLET)
    await seat.save(change(seat, 1, 0, older, 1))
    error = await refusal(seat.save(change(seat, 1, 0, newer, 1)))
    assert error.reason == "SEQUENCE_REUSED"
    await seat.save(change(seat, 2, 0, newer, 1))
    await seat.save(change(seat, 3, 0, older, 0))
    assert await counting(seat) == [(newer, 2)]
    # The repeated change of the same page, and the equal change of the older page, are acknowledged.
    assert list((await seat.save(change(seat, 2, 0, newer, 1))).sequences) == [2]
    assert list((await seat.save(change(seat, 2, 0, older, 1))).sequences) == [2]


async def test_score_and_count_use_the_answers_of_the_newer_epoch(harness: Harness) -> None:
    seat = await harness.started()
    older = await enter(seat, LAPTOP)
    newer = await enter(seat, TABLET)
    right, empty = seat.change(1, 0), seat.change(2, 0, items_pb2.Answer())
    right.writer_epoch, empty.writer_epoch = newer, older
    await seat.save(right, empty)
    await harness.submit_and_end(seat)
    (submitted,) = [
        each
        for each in await harness.events(AttemptSubmitted)
        if each.attempt_id == seat.attempt_id
    ]
    assert submitted.answered_count == 1
    graded = await result(seat.learner, seat)
    assert graded.item_results[0].points > 0


async def test_other_device_is_reported_but_not_the_reload_of_a_page(harness: Harness) -> None:
    seat = await harness.started()
    for device in (LAPTOP, LAPTOP, TABLET, TABLET):
        await enter(seat, device)
    entered = [
        each for each in await harness.events(AttemptEntered) if each.attempt_id == seat.attempt_id
    ]
    assert [each.writer_epoch for each in entered] == [3]
    await seat.save(change(seat, 1, 0, 1, 0), change(seat, 2, 0, 4, 1))
    await seat.submit()
    (reported,) = [
        each
        for each in await harness.events(AttemptSavedOnOlderDevice)
        if each.attempt_id == seat.attempt_id
    ]
    assert reported.change_count == 1


async def test_unknown_epoch_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    epoch = await enter(seat)
    error = await refusal(seat.save(change(seat, 1, 0, epoch + 1, 0)))
    assert error.reason == "WRITER_EPOCH_UNKNOWN"
    await seat.save(change(seat, 1, 0, epoch, 0))
    newer = await enter(seat)
    await seat.save(change(seat, 2, 0, newer, 1))
    assert await counting(seat) == [(newer, 2)]


async def test_attempt_is_entered_only_by_its_learner_and_while_in_progress(
    harness: Harness,
) -> None:
    waiting = await harness.authorized()
    assert (await refusal(enter(waiting))).reason == "ATTEMPT_NOT_STARTED"
    seat, other = await harness.started(), await harness.started()
    request = pb.EnterAttemptRequest(attempt_id=seat.attempt_id, device_id=LAPTOP)
    error = await refusal(other.learner.attempts.EnterAttempt(request))
    assert error.reason == "NOT_YOUR_ATTEMPT"
    await seat.submit()
    assert (await refusal(enter(seat))).reason == "ATTEMPT_SUBMITTED"


async def test_database_refuses_impossible_epochs(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(change(seat, 1, 0, await enter(seat), 0))
    copy = (
        "INSERT INTO answer_revisions (attempt_id, sequence, item_id, answer, received_at, saved_at,"
        " late, position, head, writer_epoch) SELECT attempt_id, 99, item_id, answer, received_at,"
        " saved_at, late, 99, head, 2 FROM answer_revisions WHERE writer_epoch = 1"
    )
    for statement in ("UPDATE attempts SET writer_epoch = 0 WHERE writer_epoch = 1", copy):
        with pytest.raises(DBAPIError):
            await harness.rows(statement)


@pytest.mark.parametrize("seed", range(3))
async def test_counting_answers_do_not_depend_on_the_order_of_arrival(
    harness: Harness, seed: int
) -> None:
    seat = await harness.started()
    epochs = [await enter(seat, device) for device in (LAPTOP, TABLET, LAPTOP)]
    chance = random.Random(seed)
    changes = [seat.change(sequence, chance.randrange(4)) for sequence in range(1, 31)]
    for each in changes:
        each.writer_epoch = chance.choice([0, *epochs])
    chance.shuffle(changes)
    for first in range(0, len(changes), 4):
        await seat.save(*changes[first : first + 4])
        await seat.save(*changes[first : first + 2])
    expected: dict[str, tuple[int, int]] = {}
    for each in changes:
        key = (each.writer_epoch, each.sequence)
        expected[each.item_id] = max(expected.get(each.item_id, key), key)
    assert await counting(seat) == sorted(expected.values())
