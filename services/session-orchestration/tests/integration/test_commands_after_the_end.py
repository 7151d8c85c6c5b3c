"""Commands that arrive after the stored end of a closing session, but before the worker has ended the session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

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
