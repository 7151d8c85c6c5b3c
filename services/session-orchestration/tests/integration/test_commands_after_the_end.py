"""Tests of commands that arrive after the stored end of a closing session, but before the worker has ended it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from proctorium.session.v1 import breaks_pb2, hands_pb2, messages_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .breaks import begin, decide, grant_of, policy
from .closing import ENDED, Room, room
from .harness import Harness, end

REASON = "The fire alarm rang."


def pause(made: Room) -> Awaitable[Any]:
    request = pb.PauseParticipantsRequest(session_id=made.session_id, pause_reason=REASON)
    return made.proctor.supervision.PauseParticipants(request)


def resume(made: Room) -> Awaitable[Any]:
    request = pb.ResumeParticipantsRequest(session_id=made.session_id)
    return made.proctor.supervision.ResumeParticipants(request)


def grant(made: Room) -> Awaitable[Any]:
    request = pb.GrantExtraTimeRequest(session_id=made.session_id, extra_time_reason=REASON)
    request.amount.FromTimedelta(timedelta(minutes=5))
    return made.proctor.supervision.GrantExtraTime(request)


def readmit(made: Room) -> Awaitable[Any]:
    request = pb.ReadmitParticipantsRequest(
        session_id=made.session_id, participant_ids=[made.participant_id]
    )
    return made.proctor.supervision.ReadmitParticipants(request)


def end_for(made: Room) -> Awaitable[Any]:
    request = pb.EndForParticipantsRequest(
        session_id=made.session_id, participant_ids=[made.participant_id], end_reason=REASON
    )
    return made.proctor.supervision.EndForParticipants(request)


def admit(made: Room) -> Awaitable[Any]:
    request = pb.AdmitParticipantsRequest(
        session_id=made.session_id, participant_ids=[made.participant_id]
    )
    return made.proctor.supervision.AdmitParticipants(request)


def authorize(made: Room) -> Awaitable[Any]:
    request = pb.AuthorizeAssessmentRequest(
        session_id=made.session_id, assessment_id=made.assessment_id
    )
    return made.proctor.supervision.AuthorizeAssessment(request)


async def after_the_end(made: Room, command: Callable[[Room], Awaitable[Any]]) -> Awaitable[Any]:
    """Call the command so that it is the first to lock a session whose stored end is over."""
    database = Database(made.harness.database_url)
    try:
        async with database.transaction() as tx:
            await tx.execute(
                text(
                    "UPDATE sessions SET closing_end_at = now() - interval '1 second'"
                    " WHERE session_id = :id"
                ).bindparams(id=UUID(made.session_id))
            )
            # The worker does not see the new end yet, and the command waits for the lock.
            running = asyncio.ensure_future(command(made))

            async def waits() -> bool:
                rows = await made.harness.rows(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
                )
                return bool(rows[0][0])

            await until(waits)
        return running
    finally:
        await database.close()


@pytest.mark.parametrize("command", [pause, resume, grant, readmit, end_for, admit, authorize])
async def test_command_after_the_stored_end_is_refused_as_after_the_end(
    harness: Harness, command: Callable[[Room], Awaitable[Any]]
) -> None:
    made = await room(harness)
    await end(made.proctor, made.session_id)
    error = await refusal(await after_the_end(made, command))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_removal_after_the_stored_end_changes_nothing(harness: Harness) -> None:
    made = await room(harness)
    closing = await end(made.proctor, made.session_id)

    def remove(made: Room) -> Awaitable[pb.RemoveParticipantsResponse]:
        request = pb.RemoveParticipantsRequest(
            session_id=made.session_id,
            participant_ids=[made.participant_id],
            removal_reason=REASON,
        )
        return made.proctor.supervision.RemoveParticipants(request)

    response = await (await after_the_end(made, remove))
    assert [each.error.reason for each in response.outcomes] == ["PARTICIPANT_ENDED"]
    ended = await made.until_state(ENDED)
    assert ended.end_time != closing.closing.end_time
    assert "participant.removed" not in await harness.recorded(made.session_id)


async def requested(made: Room) -> breaks_pb2.Break:
    request = breaks_pb2.RequestBreakRequest(session_id=made.session_id)
    return (await made.learner.breaks.RequestBreak(request)).requested_break


async def raised(made: Room) -> hands_pb2.Hand:
    request = hands_pb2.RaiseHandRequest(
        session_id=made.session_id, kind=hands_pb2.HAND_KIND_TECHNICAL
    )
    return (await made.learner.hands.RaiseHand(request)).hand


def write(made: Room) -> Awaitable[Any]:
    request = messages_pb2.SendMessageRequest(
        session_id=made.session_id, participant_id=made.participant_id, text=REASON
    )
    return made.learner.messages.SendMessage(request)


def announce(made: Room) -> Awaitable[Any]:
    request = messages_pb2.AnnounceRequest(session_id=made.session_id, text=REASON)
    return made.proctor.messages.Announce(request)


@pytest.mark.parametrize("command", [requested, raised, write, announce])
async def test_requests_and_messages_after_the_stored_end_are_refused(
    harness: Harness, command: Callable[[Room], Awaitable[Any]]
) -> None:
    made = await room(harness, breaks=policy())
    await end(made.proctor, made.session_id)
    error = await refusal(await after_the_end(made, command))
    assert error.reason == "SESSION_ENDED"
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_requested_break_is_not_granted_after_the_stored_end(harness: Harness) -> None:
    made = await room(harness, breaks=policy())
    asked = await requested(made)
    await end(made.proctor, made.session_id)
    error = await refusal(
        await after_the_end(made, lambda made: decide(made.proctor, grant_of(asked)))
    )
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "cancelled")
    await made.until_state(ENDED)
    assert "break.granted" not in await harness.recorded(made.session_id)


async def test_granted_break_does_not_start_after_the_stored_end(harness: Harness) -> None:
    made = await room(harness, breaks=policy())
    granted = await decide(made.proctor, grant_of(await requested(made)))
    await end(made.proctor, made.session_id)
    error = await refusal(await after_the_end(made, lambda made: begin(made.learner, granted)))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "cancelled")
    await made.until_state(ENDED)
    assert "break.started" not in await harness.recorded(made.session_id)


async def test_hand_is_not_answered_after_the_stored_end(harness: Harness) -> None:
    made = await room(harness)
    hand = await raised(made)
    await end(made.proctor, made.session_id)
    request = hands_pb2.AnswerHandRequest(hand_id=hand.hand_id)
    error = await refusal(
        await after_the_end(made, lambda made: made.proctor.hands.AnswerHand(request))
    )
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lowered")
    await made.until_state(ENDED)
    assert "hand.answered" not in await harness.recorded(made.session_id)
