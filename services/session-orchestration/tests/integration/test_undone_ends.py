"""Tests of undoing the end of a session for single participants."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, end, roster
from .test_live import connected, seen_as, watch
from .test_pauses import Room
from .test_removals import end_for, readmit, reasons, remove, start_attempt
from .test_reopening import in_progress

IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
COMPLETED = lobby_pb2.PARTICIPANT_STATE_COMPLETED
LEFT = lobby_pb2.PARTICIPANT_STATE_LEFT
REMOVED = lobby_pb2.PARTICIPANT_STATE_REMOVED


def undoing(room: Room, *participant_ids: str) -> pb.UndoEndForParticipantsRequest:
    return pb.UndoEndForParticipantsRequest(
        session_id=room.session_id, participant_ids=participant_ids
    )


async def undo(
    room: Room, *participant_ids: str, person: Person | None = None
) -> list[pb.ParticipantOutcome]:
    supervision = (person or room.proctor).supervision
    return list(
        (await supervision.UndoEndForParticipants(undoing(room, *participant_ids))).outcomes
    )


async def pass_window(room: Room) -> None:
    """Shorten the window of the plan, so that the end for a participant can no longer be undone by proctors."""
    await room.harness.rows(
        "UPDATE sessions SET reopen_window = '0' WHERE session_id = :id", id=UUID(room.session_id)
    )


async def test_learner_is_in_the_session_again(harness: Harness) -> None:
    room = await in_progress(harness)
    await start_attempt(room, room.ids[0])
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    await end_for(room, *room.ids)
    ended = (await seen_as(call, COMPLETED)).participant
    assert ended.HasField("end_time")
    assert await room.states() == [COMPLETED, LEFT]

    outcomes = await undo(room, *room.ids)
    assert [each.participant.state for each in outcomes] == [IN_SESSION, IN_SESSION]
    again = (await seen_as(call, IN_SESSION)).participant
    assert again.end_reason == ""
    assert not again.HasField("end_time")
    assert await room.states() == [IN_SESSION, IN_SESSION]
    endings = await room.events(events_pb2.ParticipantEnded)
    undone = await room.events(events_pb2.ParticipantEndUndone)
    assert [each.ending_id for each in undone] == [each.ending_id for each in endings]
    assert [each.end_time for each in undone] == [each.end_time for each in endings]
    assert {each.undone_by for each in undone} == {room.proctor.id}
    assert {each.removed for each in undone} == {False}


async def test_session_is_ended_for_the_learner_again(harness: Harness) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    for _ in range(2):
        await end_for(room, room.ids[0])
        await undo(room, room.ids[0])
    await end_for(room, room.ids[0])
    assert await room.states() == [LEFT, IN_SESSION]
    await end(room.proctor, room.session_id)
    (event,) = await room.events(events_pb2.SessionEnded)
    assert [each.time_event_count for each in event.attendances] == [3, 0]


async def test_repetition_and_learner_without_an_end_change_nothing(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    await undo(room, room.ids[0])
    before = await harness.state()
    outcomes = await undo(room, *room.ids)
    assert [each.participant.state for each in outcomes] == [IN_SESSION, IN_SESSION]
    assert await harness.state() == before


async def test_two_proctors_who_undo_an_end_at_once_undo_it_once(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    both = (room.proctor, harness.administrator())
    await asyncio.gather(*(undo(room, room.ids[0], person=each) for each in both))
    assert len(await room.events(events_pb2.ParticipantEndUndone)) == 1


async def test_removed_learner_stays_removed_and_can_be_readmitted(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    await end_for(room, room.ids[0])
    (outcome,) = await undo(room, room.ids[0])
    assert outcome.participant.state == REMOVED
    (event,) = await room.events(events_pb2.ParticipantEndUndone)
    assert event.removed
    await readmit(room, room.ids[0])
    assert await room.states() == [IN_SESSION, IN_SESSION]


async def test_only_administrators_undo_an_end_after_the_time_of_the_plan(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    await pass_window(room)
    assert reasons(await undo(room, room.ids[0])) == ["REOPENING_EXPIRED"]
    (outcome,) = await undo(room, room.ids[0], person=harness.administrator())
    assert outcome.participant.state == IN_SESSION


async def test_each_learner_has_an_outcome(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    unknown = str(new_id())
    outcomes = await undo(room, room.ids[0], unknown)
    assert [each.participant_id for each in outcomes] == [room.ids[0], unknown]
    assert reasons(outcomes) == ["", "NOT_FOUND"]


async def test_end_of_the_whole_session_is_not_undone_for_one_learner(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    await end(room.proctor, room.session_id)
    error = await refusal(undo(room, room.ids[0]))
    assert error.reason == "INVALID_STATE_TRANSITION"
    assert error.metadata["action"] == "undo_end_for_participants"


async def test_other_proctors_and_learners_cannot_undo_an_end(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    error = await refusal(undo(room, room.ids[0], person=harness.proctor()))
    assert error.reason == "NOT_YOUR_SESSION"
    error = await refusal(undo(room, room.ids[0], person=room.learners[0]))
    assert error.reason == "NOT_ALLOWED"
    assert (await roster(room.proctor, room.session_id)).participants[0].state == LEFT


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE endings SET end_reason = 'Another' WHERE session_id = :id",
        "UPDATE endings SET undone_at = NULL, undone_by = NULL WHERE session_id = :id",
        "UPDATE endings SET undone_at = now() WHERE session_id = :id",
        "DELETE FROM endings WHERE session_id = :id",
        "UPDATE participants SET state = 'in_session' WHERE session_id = :id AND state = 'left'",
    ],
    ids=["reason", "undone twice", "without a person", "deleted", "participant without an undo"],
)
async def test_database_refuses_other_changes_of_ends(harness: Harness, statement: str) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    if "NULL" in statement:
        await undo(room, room.ids[0])
    with pytest.raises(DBAPIError):
        await harness.rows(statement, id=UUID(room.session_id))
