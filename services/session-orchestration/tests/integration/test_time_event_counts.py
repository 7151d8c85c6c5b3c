"""Tests of the numbers of time events in `session.ended`, from which assessment knows which events to wait for."""

from __future__ import annotations

from uuid import UUID

from proctorium.session.events.v1 import events_pb2
from proctorium_session.domain.sessions import ActingRole, Actor
from proctorium_session.events.session_events import TIME_EVENTS, session_ended

from ..unit.builders import make_session, make_view
from . import test_conversations
from .breaks import policy, started
from .harness import Harness, end
from .test_extra_time import grant
from .test_live import connected, watch
from .test_pauses import in_progress
from .test_removals import readmit, remove

_MAX_PAYLOAD = 1_000_000
"""Slightly less than the largest message that NATS accepts."""


async def test_end_counts_the_time_events_of_the_session_and_of_each_participant(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    first, second = room.ids
    await room.pause()
    await room.pause(first)
    await room.pause(first)
    await room.resume()
    await room.resume(first)
    await grant(room, 300, first, second)
    await end(room.proctor, room.session_id)

    (ended,) = await room.events(events_pb2.SessionEnded)
    assert ended.time_event_count == 2
    counts = {each.participant_id: each.time_event_count for each in ended.attendances}
    assert counts == {first: 3, second: 1}


async def test_end_counts_the_breaks_that_it_closes(harness: Harness) -> None:
    scene = await test_conversations.in_progress(harness, policy())
    await started(scene)
    await end(scene.proctor, scene.session_id)

    published = await harness.events(events_pb2.SessionEnded)
    (ended,) = (each for each in published if each.session_id == scene.session_id)
    counts = {each.participant_id: each.time_event_count for each in ended.attendances}
    assert counts == {scene.participant_id: 2, scene.other_participant_id: 0}


async def test_end_counts_removals_and_readmissions(harness: Harness) -> None:
    room = await in_progress(harness)
    first, second = room.ids
    await connected(watch(room.learners[0], room.session_id))
    await remove(room, first)
    await readmit(room, first)
    await remove(room, second)
    await end(room.proctor, room.session_id)

    (ended,) = await room.events(events_pb2.SessionEnded)
    counts = {each.participant_id: each.time_event_count for each in ended.attendances}
    assert counts == {first: 3, second: 1}


def test_events_that_move_time_are_named() -> None:
    assert {
        "session.paused",
        "session.resumed",
        "participant.paused",
        "participant.resumed",
        "participant.extra-time-granted",
        "participant.removed",
        "participant.readmitted",
        "break.started",
        "break.returned",
    } <= TIME_EVENTS
    assert "participant.joined" not in TIME_EVENTS


def test_end_of_a_session_with_2000_participants_fits_into_a_message() -> None:
    session = make_session()
    participants = [make_view(number).participant for number in range(2000)]
    counts: dict[UUID | None, int] = {each.participant_id: 1000 for each in participants}
    actor = Actor(session.plan.proctor_ids[0], ActingRole.PROCTOR)
    event = session_ended(session, participants, (), actor, counts)
    assert event.ByteSize() < _MAX_PAYLOAD / 2
