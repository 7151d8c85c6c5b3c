"""Tests of pausing and resuming participants and whole sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import connected, seen_as, watch, watch_roster

M = TypeVar("M", bound=Any)

PAUSED = lobby_pb2.PARTICIPANT_STATE_PAUSED
IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
ALARM = "The fire alarm rang. Wait outside."


@dataclass
class Room:
    """A session with its proctor and two learners."""

    harness: Harness
    proctor: Person
    learners: list[Person]
    session_id: str
    ids: list[str]

    def pausing(self, *participant_ids: str, reason: str = ALARM) -> pb.PauseParticipantsRequest:
        return pb.PauseParticipantsRequest(
            session_id=self.session_id, participant_ids=participant_ids, pause_reason=reason
        )

    async def pause(self, *participant_ids: str) -> pb.PauseParticipantsResponse:
        return await self.proctor.supervision.PauseParticipants(self.pausing(*participant_ids))

    async def resume(self, *participant_ids: str) -> pb.ResumeParticipantsResponse:
        request = pb.ResumeParticipantsRequest(
            session_id=self.session_id, participant_ids=participant_ids
        )
        return await self.proctor.supervision.ResumeParticipants(request)

    async def events(self, kind: type[M]) -> list[M]:
        """Return the published events of a type that belong to the session."""
        published = await self.harness.events(kind)
        return [each for each in published if each.session_id == self.session_id]

    async def states(self) -> list[int]:
        shown = await roster(self.proctor, self.session_id)
        return [int(each.state) for each in shown.participants]


async def lobby(harness: Harness, *, questions_shown: bool = False) -> Room:
    """Return a room whose session has not started yet."""
    proctor, learners = harness.proctor(), [harness.learner(), harness.learner()]
    planned = plan(
        [proctor],
        late_entry=sessions_pb2.LATE_ENTRY_UNTIL,
        questions_shown_while_paused=questions_shown,
    )
    session = await harness.scheduled(planned)
    assert session.plan.questions_shown_while_paused is questions_shown
    joined = [await join(each, session.session_id) for each in learners]
    ids = [each.participant.participant_id for each in joined]
    return Room(harness, proctor, learners, session.session_id, ids)


async def in_progress(harness: Harness, *, questions_shown: bool = False) -> Room:
    room = await lobby(harness, questions_shown=questions_shown)
    await start(room.proctor, room.session_id)
    return room


@pytest.mark.parametrize("shown", [False, True], ids=["hidden", "shown"])
async def test_events_of_pauses_contain_the_setting_for_the_questions(
    harness: Harness, shown: bool
) -> None:
    room = await in_progress(harness, questions_shown=shown)
    await room.pause(room.ids[0])
    await room.pause()
    (of_learner,) = await room.events(events_pb2.ParticipantPaused)
    (of_session,) = await room.events(events_pb2.SessionPaused)
    assert [of_learner.questions_shown, of_session.questions_shown] == [shown, shown]


async def test_pause_of_a_participant_is_shown_with_its_reason_until_it_ends(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    outcome = (await room.pause(room.ids[0])).outcomes[0]
    assert outcome.participant.state == PAUSED
    # An outcome does not repeat the reason of the request.
    assert outcome.participant.pause.pause_reason == ""
    view = await seen_as(call, PAUSED)
    assert view.participant.pause.pause_id == outcome.participant.pause.pause_id
    assert view.participant.pause.pause_reason == ALARM
    assert not view.session.HasField("pause")
    assert await room.states() == [PAUSED, IN_SESSION]

    resumed = (await room.resume(room.ids[0])).outcomes[0].participant
    assert (resumed.state, resumed.HasField("pause")) == (IN_SESSION, False)
    assert not (await seen_as(call, IN_SESSION)).participant.HasField("pause")


async def test_pause_of_the_session_holds_for_everybody_also_for_newcomers(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    supervision = watch_roster(room.proctor, room.session_id)
    await next_response(supervision)
    call = watch(room.learners[1], room.session_id)
    await connected(call)
    answer = await room.pause()
    assert answer.session.pause.pause_reason == ALARM
    assert not answer.outcomes
    assert (await seen_as(call, PAUSED)).session.pause == answer.session.pause
    assert await room.states() == [PAUSED, PAUSED]
    newcomer = await join(harness.learner(), room.session_id)
    assert newcomer.participant.state == PAUSED

    shown: dict[str, int] = {}
    while shown != dict.fromkeys([*room.ids, newcomer.participant.participant_id], PAUSED):
        change = await next_response(supervision)
        shown[change.participant.participant_id] = int(change.participant.state)
        shown.pop("", None)
    await room.resume()
    assert (await seen_as(call, IN_SESSION)).participant.state == IN_SESSION
    assert await room.states() == [IN_SESSION] * 3


async def test_resuming_the_session_leaves_the_pauses_of_participants(harness: Harness) -> None:
    room = await in_progress(harness)
    await room.pause(room.ids[0])
    await room.pause()
    resumed = (await room.resume(room.ids[0])).outcomes[0].participant
    assert (resumed.state, resumed.HasField("pause")) == (PAUSED, False)
    await room.pause(room.ids[0])
    assert not (await room.resume()).session.HasField("pause")
    assert await room.states() == [PAUSED, IN_SESSION]


async def test_repeated_requests_change_nothing(harness: Harness) -> None:
    room = await in_progress(harness)
    first = await room.pause(room.ids[0])
    again = await room.proctor.supervision.PauseParticipants(
        room.pausing(room.ids[0], reason="Another reason.")
    )
    assert again.outcomes == first.outcomes
    paused = await room.pause()
    assert (await room.pause()).session == paused.session
    for _ in range(2):
        await room.resume(room.ids[0])
        await room.resume()
    names = await harness.recorded(room.session_id)
    for event in ("participant.paused", "participant.resumed", "session.paused", "session.resumed"):
        assert names.count(event) == 1, event


async def test_events_have_the_times_and_no_reason(harness: Harness) -> None:
    room = await in_progress(harness)
    participant = (await room.pause(room.ids[0])).outcomes[0].participant
    session = (await room.pause()).session
    await room.resume(room.ids[0])
    await room.resume()
    (paused,) = await room.events(events_pb2.ParticipantPaused)
    (resumed,) = await room.events(events_pb2.ParticipantResumed)
    assert paused.pause_id == resumed.pause_id == participant.pause.pause_id
    assert paused.pause_time == participant.pause.pause_time
    assert resumed.resume_time.ToDatetime() > paused.pause_time.ToDatetime()
    assert paused.person_id == room.learners[0].id
    (all_paused,) = await room.events(events_pb2.SessionPaused)
    (all_resumed,) = await room.events(events_pb2.SessionResumed)
    assert all_paused.pause_id == all_resumed.pause_id == session.pause.pause_id
    assert all_paused.pause_time == session.pause.pause_time
    for event in (paused, all_paused):
        assert (event.paused_by, event.acting_role) == (room.proctor.id, ROLE_PROCTOR)
        assert ALARM.encode() not in event.SerializeToString()


async def test_each_participant_has_an_outcome(harness: Harness) -> None:
    room = await in_progress(harness)
    removal = pb.RemoveParticipantsRequest(
        session_id=room.session_id, participant_ids=[room.ids[1]], removal_reason="A phone."
    )
    await room.proctor.supervision.RemoveParticipants(removal)
    unknown = str(new_id())
    answer = await room.pause(unknown, *room.ids)
    assert [(each.participant_id, each.error.reason) for each in answer.outcomes] == [
        (unknown, "NOT_FOUND"),
        (room.ids[0], ""),
        (room.ids[1], "PARTICIPANT_NOT_IN_SESSION"),
    ]
    reasons = [each.error.reason for each in (await room.resume(unknown, *room.ids)).outcomes]
    assert reasons == ["NOT_FOUND", "", ""]


async def test_pause_is_refused_before_the_start_and_after_the_end(harness: Harness) -> None:
    room = await lobby(harness)
    pause = room.proctor.supervision.PauseParticipants
    for state in ("lobby_open", "ended"):
        error = await harness.refused(pause, room.pausing())
        assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", state)
        resume = pb.ResumeParticipantsRequest(session_id=room.session_id)
        error = await harness.refused(room.proctor.supervision.ResumeParticipants, resume)
        assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", state)
        if state == "lobby_open":
            await start(room.proctor, room.session_id)
            await end(room.proctor, room.session_id)


async def test_end_during_a_pause_shows_the_final_states(harness: Harness) -> None:
    room = await in_progress(harness)
    await room.pause()
    await end(room.proctor, room.session_id)
    assert await room.states() == [lobby_pb2.PARTICIPANT_STATE_LEFT] * 2


async def test_only_supervisors_can_pause_and_resume(harness: Harness) -> None:
    room = await in_progress(harness)
    resume = pb.ResumeParticipantsRequest(session_id=room.session_id)
    for person, reason in (
        (harness.proctor(), "NOT_YOUR_SESSION"),
        (room.learners[0], "NOT_ALLOWED"),
    ):
        error = await harness.refused(person.supervision.PauseParticipants, room.pausing())
        assert error.reason == reason
        assert (
            await harness.refused(person.supervision.ResumeParticipants, resume)
        ).reason == reason


@pytest.mark.parametrize(
    ("reason", "twice"), [("", False), ("x" * 1001, False), ("a\0b", False), (ALARM, True)]
)
async def test_invalid_request_to_pause_is_refused(
    harness: Harness, reason: str, twice: bool
) -> None:
    room = await in_progress(harness)
    request = room.pausing(*[room.ids[0]] * (2 if twice else 1), reason=reason)
    error = await harness.refused(room.proctor.supervision.PauseParticipants, request)
    assert error.reason == "INVALID_REQUEST"
    field = "participant_ids" if twice else "pause_reason"
    assert [each.field for each in error.violations] == [field]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pauses SET pause_reason = 'Another'",
        "UPDATE pauses SET resumed_at = now() + interval '1 day' WHERE resumed_at IS NOT NULL",
        "UPDATE pauses SET resumed_at = NULL, resumed_by = NULL WHERE resumed_at IS NOT NULL",
        "UPDATE pauses SET resumed_at = now(), resumed_by = paused_by, paused_by = gen_random_uuid()",
        "DELETE FROM pauses",
        "TRUNCATE pauses",
    ],
)
async def test_database_refuses_changes_of_pauses(harness: Harness, statement: str) -> None:
    room = await in_progress(harness)
    await room.pause()
    await room.resume()
    await room.pause(room.ids[0])
    with pytest.raises(DBAPIError, match=r"RestrictViolation|permission denied"):
        await harness.rows(statement)


async def test_database_allows_one_open_pause_of_the_session_and_of_each_participant(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await room.pause(room.ids[0])
    await room.pause()
    for participant_id in (UUID(room.ids[0]), None):
        with pytest.raises(DBAPIError, match="UniqueViolation"):
            await insert_pause(room, participant_id)


async def test_database_refuses_a_participant_of_another_session(harness: Harness) -> None:
    room, other = await in_progress(harness), await in_progress(harness)
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await insert_pause(room, UUID(other.ids[0]))


async def insert_pause(room: Room, participant_id: UUID | None) -> None:
    await room.harness.rows(
        "INSERT INTO pauses VALUES (:pause, :session, :participant, 'x', now(), :pause, 'proctor')",
        pause=new_id(),
        session=UUID(room.session_id),
        participant=participant_id,
    )
