"""Tests of removals, readmissions and ends for single participants."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, end, join, plan, start
from .test_live import connected, seen_as, watch
from .test_pauses import Room, in_progress, lobby

IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
WAITING = lobby_pb2.PARTICIPANT_STATE_WAITING
PAUSED = lobby_pb2.PARTICIPANT_STATE_PAUSED
REMOVED = lobby_pb2.PARTICIPANT_STATE_REMOVED
COMPLETED = lobby_pb2.PARTICIPANT_STATE_COMPLETED
LEFT = lobby_pb2.PARTICIPANT_STATE_LEFT
PHONE = "A phone was used."
ILL = "You felt ill."


def removing(
    room: Room, *participant_ids: str, reason: str = PHONE
) -> pb.RemoveParticipantsRequest:
    return pb.RemoveParticipantsRequest(
        session_id=room.session_id, participant_ids=participant_ids, removal_reason=reason
    )


def readmitting(room: Room, *participant_ids: str) -> pb.ReadmitParticipantsRequest:
    return pb.ReadmitParticipantsRequest(
        session_id=room.session_id, participant_ids=participant_ids
    )


def ending(room: Room, *participant_ids: str, reason: str = ILL) -> pb.EndForParticipantsRequest:
    return pb.EndForParticipantsRequest(
        session_id=room.session_id, participant_ids=participant_ids, end_reason=reason
    )


async def remove(room: Room, *participant_ids: str) -> list[pb.ParticipantOutcome]:
    supervision = room.proctor.supervision
    answer = await supervision.RemoveParticipants(removing(room, *participant_ids))
    return list(answer.outcomes)


async def readmit(room: Room, *participant_ids: str) -> list[pb.ParticipantOutcome]:
    supervision = room.proctor.supervision
    answer = await supervision.ReadmitParticipants(readmitting(room, *participant_ids))
    return list(answer.outcomes)


async def end_for(room: Room, *participant_ids: str) -> list[pb.ParticipantOutcome]:
    supervision = room.proctor.supervision
    answer = await supervision.EndForParticipants(ending(room, *participant_ids))
    return list(answer.outcomes)


def reasons(outcomes: list[pb.ParticipantOutcome]) -> list[str]:
    return [each.error.reason for each in outcomes]


async def start_attempt(room: Room, participant_id: str) -> None:
    session = (
        await room.proctor.sessions.GetSession(
            sessions_pb2.GetSessionRequest(session_id=room.session_id)
        )
    ).session
    await room.harness.rows(
        "INSERT INTO participant_assessments VALUES (:id, :assessment, :id, 3, 0, 4, 1)",
        id=UUID(participant_id),
        assessment=UUID(session.plan.assessment_ids[0]),
    )


async def test_removed_learner_watches_on_and_sees_the_reason_and_the_readmission(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    (outcome,) = await remove(room, room.ids[0])
    assert (outcome.participant.state, outcome.participant.removal_reason) == (REMOVED, PHONE)
    assert (await seen_as(call, REMOVED)).participant.removal_reason == PHONE

    (outcome,) = await readmit(room, room.ids[0])
    assert (outcome.participant.state, outcome.participant.removal_reason) == (IN_SESSION, "")
    assert (await seen_as(call, IN_SESSION)).participant.removal_reason == ""
    (first,) = await room.events(events_pb2.ParticipantRemoved)
    (second,) = await room.events(events_pb2.ParticipantReadmitted)
    assert first.removal_id == second.removal_id
    assert first.removal_time.ToDatetime() < second.readmission_time.ToDatetime()
    assert (second.readmitted_by, second.person_id) == (room.proctor.id, room.learners[0].id)


async def test_repeated_removal_and_readmission_change_nothing(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    again = await room.proctor.supervision.RemoveParticipants(
        removing(room, room.ids[0], reason="Another reason.")
    )
    assert again.outcomes[0].participant.removal_reason == PHONE
    assert reasons(await readmit(room, *room.ids)) == ["", ""]
    assert reasons(await readmit(room, *room.ids)) == ["", ""]
    recorded = await harness.recorded(room.session_id)
    assert recorded.count("participant.removed") == 1
    assert recorded.count("participant.readmitted") == 1


async def test_second_removal_has_another_id(harness: Harness) -> None:
    room = await in_progress(harness)
    for _ in range(2):
        await remove(room, room.ids[0])
        await readmit(room, room.ids[0])
    removals = await room.events(events_pb2.ParticipantRemoved)
    assert len({each.removal_id for each in removals}) == 2


async def test_two_proctors_who_readmit_at_once_receive_the_same_state(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    proctors = [room.proctor, harness.administrator()]
    answers = await asyncio.gather(
        *(each.supervision.ReadmitParticipants(readmitting(room, room.ids[0])) for each in proctors)
    )
    states = [answer.outcomes[0].participant.state for answer in answers]
    assert states == [IN_SESSION, IN_SESSION]
    assert (await harness.recorded(room.session_id)).count("participant.readmitted") == 1
    assert len(await room.events(events_pb2.ParticipantReadmitted)) == 1


async def test_readmission_and_end_at_once_leave_one_result(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    other = harness.administrator()
    readmitted, ended = await asyncio.gather(
        room.proctor.supervision.ReadmitParticipants(readmitting(room, room.ids[0])),
        other.supervision.EndForParticipants(ending(room, room.ids[0])),
    )
    is_readmitted = not readmitted.outcomes[0].HasField("error")
    assert not ended.outcomes[0].HasField("error")
    # Either the learner was readmitted before the end, or the end came first and the readmission was refused.
    state = ended.outcomes[0].participant.state
    assert state == (LEFT if is_readmitted else REMOVED)
    recorded = await harness.recorded(room.session_id)
    assert recorded.count("participant.readmitted") == int(is_readmitted)


async def test_same_request_id_readmits_once(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    request = readmitting(room, room.ids[0])
    request.request_id = "mine"
    first = await room.proctor.supervision.ReadmitParticipants(request)
    await remove(room, room.ids[0])
    assert await room.proctor.supervision.ReadmitParticipants(request) == first
    assert (await room.states())[0] == REMOVED


async def test_learner_readmitted_to_the_lobby_waits_and_enters_with_the_others(
    harness: Harness,
) -> None:
    room = await lobby(harness)
    await remove(room, room.ids[0])
    assert (await readmit(room, room.ids[0]))[0].participant.state == WAITING
    await start(room.proctor, room.session_id)
    assert await room.states() == [IN_SESSION, IN_SESSION]


async def test_learner_removed_in_the_lobby_enters_by_a_readmission_after_the_start(
    harness: Harness,
) -> None:
    room = await lobby(harness)
    await remove(room, room.ids[0])
    await start(room.proctor, room.session_id)
    assert await room.states() == [REMOVED, IN_SESSION]
    await readmit(room, room.ids[0])
    assert await room.states() == [IN_SESSION, IN_SESSION]
    await end(room.proctor, room.session_id)
    (event,) = await room.events(events_pb2.SessionEnded)
    assert [each.attended for each in event.attendances] == [True, True]


async def test_open_pauses_hold_for_the_readmitted(harness: Harness) -> None:
    room = await in_progress(harness)
    await room.pause(room.ids[0])
    await remove(room, room.ids[0])
    await room.pause()
    assert (await room.states())[0] == REMOVED, "the removal is shown before the pauses"
    assert (await readmit(room, room.ids[0]))[0].participant.state == PAUSED
    await room.resume()
    assert (await room.states())[0] == PAUSED
    await room.resume(room.ids[0])
    assert (await room.states())[0] == IN_SESSION


async def test_end_of_the_session_reports_who_is_removed(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    await end(room.proctor, room.session_id)
    (event,) = await room.events(events_pb2.SessionEnded)
    flags = {each.participant_id: each.removed for each in event.attendances}
    assert flags == {room.ids[0]: True, room.ids[1]: False}


async def test_end_for_participants_completes_who_started_and_tells_the_reason(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await start_attempt(room, room.ids[0])
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    outcomes = await end_for(room, *room.ids)
    assert [each.participant.state for each in outcomes] == [COMPLETED, LEFT]
    assert (await seen_as(call, COMPLETED)).participant.end_reason == ILL
    first, second = await room.events(events_pb2.ParticipantEnded)
    assert (first.participant_id, first.ended_by) == (room.ids[0], room.proctor.id)
    assert not first.removed
    assert first.ending_id != second.ending_id
    recorded = await harness.recorded(room.session_id)
    assert recorded[-4:] == [
        "participant.ended",
        "participant.completed",
        "participant.ended",
        "participant.left",
    ]
    await end(room.proctor, room.session_id)
    assert await room.states() == [COMPLETED, LEFT]


async def test_repeated_end_for_a_participant_changes_nothing(harness: Harness) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    request = ending(room, room.ids[0], reason="Another reason.")
    again = await room.proctor.supervision.EndForParticipants(request)
    assert reasons(list(again.outcomes)) == [""]
    assert len(await room.events(events_pb2.ParticipantEnded)) == 1


async def test_removed_learner_stays_removed_after_the_end_for_them(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    (outcome,) = await end_for(room, room.ids[0])
    assert (outcome.participant.state, outcome.participant.removal_reason) == (REMOVED, PHONE)
    (event,) = await room.events(events_pb2.ParticipantEnded)
    assert event.removed
    assert reasons(await readmit(room, room.ids[0])) == ["PARTICIPANT_ENDED"]
    assert "participant.completed" not in await harness.recorded(room.session_id)


async def test_each_participant_has_an_outcome(harness: Harness) -> None:
    room, other = await in_progress(harness), await in_progress(harness)
    unknown = str(new_id())
    await end_for(room, room.ids[1])
    outcomes = await readmit(room, other.ids[0], room.ids[1], unknown, room.ids[0])
    assert reasons(outcomes) == ["NOT_FOUND", "PARTICIPANT_ENDED", "NOT_FOUND", ""]
    outcomes = await end_for(room, other.ids[0], unknown)
    assert reasons(outcomes) == ["NOT_FOUND", "NOT_FOUND"]
    assert await other.states() == [IN_SESSION, IN_SESSION]


async def test_learner_for_whom_the_session_ended_cannot_be_removed_or_paused(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await end_for(room, room.ids[0])
    assert reasons(await remove(room, *room.ids)) == ["PARTICIPANT_ENDED", ""]
    assert await room.states() == [LEFT, REMOVED]
    outcome = (await room.pause(room.ids[0])).outcomes[0]
    assert outcome.error.reason == "PARTICIPANT_NOT_IN_SESSION"


async def test_removal_of_others_and_after_the_end_is_refused(harness: Harness) -> None:
    room, other = await in_progress(harness), await in_progress(harness)
    outcomes = await remove(room, str(new_id()), other.ids[0], room.ids[0])
    assert reasons(outcomes) == ["NOT_FOUND", "NOT_FOUND", ""]
    assert await other.states() == [IN_SESSION, IN_SESSION]
    await end(room.proctor, room.session_id)
    assert reasons(await remove(room, *room.ids)) == ["", "PARTICIPANT_ENDED"]
    assert len(await room.events(events_pb2.ParticipantRemoved)) == 1


async def test_several_learners_are_removed_by_one_request(harness: Harness) -> None:
    room = await in_progress(harness)
    outcomes = await remove(room, *room.ids)
    assert [each.participant.state for each in outcomes] == [REMOVED, REMOVED]
    assert [each.participant.removal_reason for each in outcomes] == [PHONE, PHONE]
    first, second = await room.events(events_pb2.ParticipantRemoved)
    assert [first.participant_id, second.participant_id] == room.ids
    assert first.removal_id != second.removal_id
    assert reasons(await readmit(room, *room.ids)) == ["", ""]
    assert await room.states() == [IN_SESSION, IN_SESSION]


async def test_state_of_the_session_limits_readmissions_and_ends(harness: Harness) -> None:
    room = await lobby(harness)
    calls = room.proctor.supervision
    error = await harness.refused(calls.EndForParticipants, ending(room, room.ids[0]))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lobby_open")
    await start(room.proctor, room.session_id)
    await remove(room, room.ids[0])
    await end(room.proctor, room.session_id)
    error = await harness.refused(calls.ReadmitParticipants, readmitting(room, room.ids[0]))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")
    error = await harness.refused(calls.EndForParticipants, ending(room, room.ids[0]))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")
    assert (await room.states())[0] == REMOVED


async def test_only_supervisors_readmit_and_end(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    for caller, reason in (
        (room.learners[0], "NOT_ALLOWED"),
        (harness.proctor(), "NOT_YOUR_SESSION"),
    ):
        calls = caller.supervision
        error = await harness.refused(calls.ReadmitParticipants, readmitting(room, room.ids[0]))
        assert error.reason == reason
        error = await harness.refused(calls.EndForParticipants, ending(room, room.ids[0]))
        assert error.reason == reason
    administrator = harness.administrator()
    answer = await administrator.supervision.ReadmitParticipants(readmitting(room, room.ids[0]))
    assert answer.outcomes[0].participant.state == IN_SESSION


@pytest.mark.parametrize(
    ("ids", "reason", "field"),
    [
        (0, ILL, "participant_ids"),
        (2, ILL, "participant_ids"),
        (1, "", "end_reason"),
        (1, "x" * 1001, "end_reason"),
        (1, "a\0b", "end_reason"),
    ],
)
async def test_invalid_requests_are_refused(
    harness: Harness, ids: int, reason: str, field: str
) -> None:
    room = await in_progress(harness)
    calls = room.proctor.supervision
    request = ending(room, *[room.ids[0]] * ids, reason=reason)
    error = await harness.refused(calls.EndForParticipants, request)
    assert (error.reason, [each.field for each in error.violations]) == ("INVALID_REQUEST", [field])
    removal = removing(room, *[room.ids[0]] * ids, reason=reason)
    error = await harness.refused(calls.RemoveParticipants, removal)
    assert [each.field for each in error.violations] == [field.replace("end_", "removal_")]
    if field == "participant_ids":
        repeated = readmitting(room, *[room.ids[0]] * ids)
        error = await harness.refused(calls.ReadmitParticipants, repeated)
        assert [each.field for each in error.violations] == [field]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE removals SET removal_reason = 'Another'",
        "UPDATE removals SET readmitted_at = NULL, readmitted_by = NULL",
        "DELETE FROM removals",
        "TRUNCATE removals",
        "UPDATE endings SET end_reason = 'Another'",
        "DELETE FROM endings",
        "TRUNCATE endings",
        "UPDATE participants SET state = 'in_session', removal_id = NULL, removal_reason = '' WHERE state = 'removed'",
        "UPDATE participants SET state = 'removed', removal_id = gen_random_uuid(), removal_reason = 'x'",
    ],
)
async def test_database_refuses_other_changes_of_removals_and_ends(
    harness: Harness, statement: str
) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    await readmit(room, room.ids[0])
    await remove(room, room.ids[0])
    await end_for(room, room.ids[0])
    with pytest.raises(DBAPIError, match=r"RestrictViolation|permission denied|CheckViolation"):
        await harness.rows(statement)


async def test_database_allows_one_open_removal_and_no_return_to_the_lobby(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    values = {"session": UUID(room.session_id), "participant": UUID(room.ids[0]), "id": new_id()}
    with pytest.raises(DBAPIError, match="UniqueViolation"):
        await harness.rows(
            "INSERT INTO removals VALUES (:id, :session, :participant, 'x', now(), :id, 'proctor')",
            **values,
        )
    await harness.rows(
        "UPDATE removals SET readmitted_at = removed_at, readmitted_by = removed_by"
        " WHERE participant_id = :participant",
        participant=values["participant"],
    )
    with pytest.raises(DBAPIError, match="in the session before"):
        await harness.rows(
            "UPDATE participants SET state = 'waiting', removal_id = NULL, removal_reason = ''"
            " WHERE participant_id = :participant",
            participant=values["participant"],
        )


async def test_rejoining_stream_of_a_removed_learner_shows_the_removal(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    call = watch(room.learners[0], room.session_id)
    assert (await next_response(call)).participant.state == REMOVED
    await readmit(room, room.ids[0])
    await seen_as(call, IN_SESSION)


async def test_removed_learner_joins_again_while_the_session_is_closing(harness: Harness) -> None:
    room = await closing_room(harness)
    await remove(room, room.ids[0])
    joined = await join(room.learners[0], room.session_id)
    assert (joined.participant.state, joined.rejoin) == (REMOVED, True)
    assert joined.participant.removal_reason == PHONE
    assert reasons(await readmit(room, room.ids[0])) == [""]
    assert (await room.states())[0] == IN_SESSION


async def closing_room(harness: Harness) -> Room:
    """Return a room whose session is closing for ten minutes."""
    proctor, learners = harness.proctor(), [harness.learner(), harness.learner()]
    session = await harness.scheduled(plan([proctor], closing_countdown=timedelta(minutes=10)))
    joined = [await join(each, session.session_id) for each in learners]
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    ids = [each.participant.participant_id for each in joined]
    return Room(harness, proctor, learners, session.session_id, ids)
