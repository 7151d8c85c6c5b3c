"""Tests that a roster of any size fits into messages, and that outcomes do not repeat the reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_session.api import supervision
from proctorium_session.api.cursors import NO_REVISION
from proctorium_session.api.messages import (
    outcome_messages,
    participant_message,
    roster_participant_message,
)
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.sessions import Pause
from proctorium_session.operations.delivery import MessageWindow
from proctorium_session.operations.live import Snapshot

from .builders import NOON, make_session, make_view

REASON = "The fire alarm rang."


def paused_view(number: int) -> ParticipantView:
    view = make_view(number, ParticipantState.IN_SESSION, IdentityState.NOT_REQUIRED)
    participant = replace(
        view.participant,
        pause=Pause(UUID(int=6), NOON, REASON),
        extra_time=timedelta(minutes=5),
        extra_time_reason=REASON,
    )
    return replace(view, participant=participant)


def roster_messages(count: int) -> list[pb.WatchRosterResponse]:
    """Return the messages for a new client of a session with `count` participants."""
    session = make_session()
    views = {view.participant.participant_id: view for view in map(paused_view, range(count))}
    snapshot = Snapshot(session, (), views, {}, MessageWindow(session.revision))
    return supervision._convert_changes_since(snapshot, NO_REVISION, session.revision)


@pytest.mark.parametrize(("fitting", "messages"), [(0, 6), (2, 4), (5, 1), (9, 1)])
def test_roster_that_does_not_fit_into_one_message_is_split(
    monkeypatch: pytest.MonkeyPatch, fitting: int, messages: int
) -> None:
    size = participant_message(make_session(), paused_view(0)).ByteSize()
    monkeypatch.setattr(supervision, "_MAX_SNAPSHOT_BYTES", fitting * size + size // 2)
    first, *others = sent = roster_messages(5)
    assert len(sent) == messages
    received = [*first.snapshot.participants, *(each.participant for each in others)]
    assert [each.participant_id for each in received] == [
        str(paused_view(number).participant.participant_id) for number in range(5)
    ]
    # Only the last part has a cursor. A client that is interrupted before this part receives the whole roster again.
    assert {each.cursor for each in sent[:-1]} <= {str(NO_REVISION)}
    assert sent[-1].cursor == str(make_session().revision)


def test_outcomes_do_not_contain_the_reasons_of_pauses_and_extra_time() -> None:
    view = paused_view(1)
    (outcome,) = outcome_messages(make_session(), {view.participant.participant_id: view})
    assert outcome.participant.pause.pause_id == str(UUID(int=6))
    assert outcome.participant.extra_time.ToTimedelta() == timedelta(minutes=5)
    assert REASON.encode() not in outcome.SerializeToString()
    unpaused = make_view(2, ParticipantState.IN_SESSION, IdentityState.NOT_REQUIRED)
    (outcome,) = outcome_messages(make_session(), {unpaused.participant.participant_id: unpaused})
    assert not outcome.participant.HasField("pause")


def test_roster_shows_the_progress_through_a_course_with_units() -> None:
    view = make_view(1)
    view = replace(view, participant=replace(view.participant, finished_unit_count=3))
    session = replace(make_session(), course_unit_count=8)
    progress = roster_participant_message(session, view).course_progress
    assert (progress.finished_unit_count, progress.unit_count) == (3, 8)
    without_units = roster_participant_message(make_session(), view)
    assert not without_units.HasField("course_progress")
    assert not participant_message(session, view).HasField("course_progress")
