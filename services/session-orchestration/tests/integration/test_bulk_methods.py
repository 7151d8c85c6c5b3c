"""Tests of participants that no method for several participants accepts."""

from __future__ import annotations

import pytest

from .bulk import BULK, METHODS, call, request_for
from .harness import Harness, roster
from .test_removals import reasons
from .test_reopening import in_progress


@pytest.mark.parametrize("method", METHODS)
async def test_participant_listed_twice_is_refused(harness: Harness, method: str) -> None:
    room = await in_progress(harness)
    participant_id = await BULK[method].participant(room)
    # The rules in the protos compare texts, so they do not find the same id in upper case. The service finds it.
    for repeated, field in (
        (participant_id, "participant_ids"),
        (participant_id.upper(), "participant_ids[1]"),
    ):
        request = await request_for(method, room, participant_id, repeated)
        error = await harness.refused(getattr(room.proctor.supervision, method), request)
        assert error.reason == "INVALID_REQUEST"
        assert [each.field for each in error.violations] == [field]


@pytest.mark.parametrize("method", METHODS)
async def test_participant_of_another_session_has_an_error_and_is_not_changed(
    harness: Harness, method: str
) -> None:
    room, elsewhere = await in_progress(harness), await in_progress(harness)
    own = await BULK[method].participant(room)
    other = await BULK[method].participant(elsewhere)
    before = await harness.state()
    shown = (await roster(elsewhere.proctor, elsewhere.session_id)).participants
    recorded = await harness.recorded(elsewhere.session_id)
    (outcome,) = await call(room.proctor, method, room, other)
    assert (outcome.participant_id, outcome.error.reason) == (other, "NOT_FOUND")
    assert await harness.state() == before

    outcomes = await call(room.proctor, method, room, other, own)
    assert [each.participant_id for each in outcomes] == [other, own]
    assert reasons(outcomes) == ["NOT_FOUND", ""]
    assert BULK[method].event in await harness.recorded(room.session_id)
    assert (await roster(elsewhere.proctor, elsewhere.session_id)).participants == shown
    assert await harness.recorded(elsewhere.session_id) == recorded
