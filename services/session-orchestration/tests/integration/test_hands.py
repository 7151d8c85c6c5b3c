"""Tests that learners can raise hands, and that hands can be answered and lowered."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_LEARNER, ROLE_PROCTOR, ROLE_UNSPECIFIED
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import hands_pb2 as pb
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Person, end, join, roster
from .test_conversations import Scene, in_progress
from .test_coverage import session_with

HELP, TECHNICAL, BREAK = pb.HAND_KIND_HELP, pb.HAND_KIND_TECHNICAL, pb.HAND_KIND_BREAK


async def raise_hand(
    person: Person, scene: Scene, kind: pb.HandKind.ValueType = HELP, request_id: str = ""
) -> pb.Hand:
    request = pb.RaiseHandRequest(request_id=request_id, session_id=scene.session_id, kind=kind)
    return (await person.hands.RaiseHand(request)).hand


async def lower(person: Person, hand: pb.Hand) -> pb.Hand:
    return (await person.hands.LowerHand(pb.LowerHandRequest(hand_id=hand.hand_id))).hand


async def answer(person: Person, hand: pb.Hand) -> pb.Hand:
    return (await person.hands.AnswerHand(pb.AnswerHandRequest(hand_id=hand.hand_id))).hand


async def listed(person: Person, scene: Scene) -> list[pb.Hand]:
    """Return all raised hands of the session, read in pages of one."""
    found: list[pb.Hand] = []
    token = ""
    while True:
        page = await person.hands.ListHands(
            pb.ListHandsRequest(session_id=scene.session_id, page_size=1, page_token=token)
        )
        found += page.hands
        token = page.next_page_token
        if not token:
            return found


async def event_body(harness: Harness) -> bytes:
    """Return the body of the newest published event."""
    rows = await harness.rows("SELECT body FROM outbox ORDER BY position DESC LIMIT 1")
    body = rows[0][0]
    assert isinstance(body, bytes)
    return body


async def raised_in_roster(scene: Scene) -> dict[str, pb.HandKind.ValueType]:
    """Return the kinds of the raised hands that the roster shows, by participant."""
    shown = await roster(scene.proctor, scene.session_id)
    return {
        each.participant_id: each.hand.kind for each in shown.participants if each.HasField("hand")
    }


async def test_raised_hand_is_listed_until_it_is_answered(harness: Harness) -> None:
    scene = await in_progress(harness)
    hand = await raise_hand(scene.learner, scene)
    assert (hand.state, hand.participant_id) == (pb.HAND_STATE_RAISED, scene.participant_id)
    raised = events_pb2.HandRaised.FromString(await event_body(harness))
    assert (raised.hand_id, raised.kind) == (hand.hand_id, HELP)
    assert await listed(scene.proctor, scene) == [hand]
    assert await raised_in_roster(scene) == {scene.participant_id: HELP}

    answered = await answer(scene.proctor, hand)
    assert (answered.state, answered.HasField("close_time")) == (pb.HAND_STATE_ANSWERED, True)
    event = events_pb2.HandAnswered.FromString(await event_body(harness))
    assert (event.answered_by, event.acting_role) == (scene.proctor.id, ROLE_PROCTOR)
    assert await listed(scene.proctor, scene) == []
    assert await raised_in_roster(scene) == {}
    assert (await harness.recorded(scene.session_id))[-2:] == ["hand.raised", "hand.answered"]


async def test_both_sides_can_lower_a_hand(harness: Harness) -> None:
    scene = await in_progress(harness)
    for person, role in ((scene.learner, ROLE_LEARNER), (scene.proctor, ROLE_PROCTOR)):
        hand = await raise_hand(scene.learner, scene)
        assert (await lower(person, hand)).state == pb.HAND_STATE_LOWERED
        event = events_pb2.HandLowered.FromString(await event_body(harness))
        assert (event.lowered_by, event.acting_role) == (person.id, role)
    assert await listed(scene.proctor, scene) == []


async def test_longest_waiting_learner_is_first(harness: Harness) -> None:
    scene = await in_progress(harness)
    first = await raise_hand(scene.other, scene, TECHNICAL)
    second = await raise_hand(scene.learner, scene)
    assert await listed(scene.proctor, scene) == [first, second]


async def test_hand_reaches_the_open_streams(harness: Harness) -> None:
    scene = await in_progress(harness)
    call = scene.learner.lobby.WatchSession(
        lobby_pb2.WatchSessionRequest(session_id=scene.session_id)
    )
    watch = scene.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=scene.session_id)
    )
    await next_response(call)
    await next_response(watch)
    hand = await raise_hand(scene.learner, scene, BREAK)
    while (await next_response(call)).participant.hand != hand:
        pass
    while (await next_response(watch)).participant.hand != hand:
        pass
    await answer(scene.proctor, hand)
    while (await next_response(call)).participant.HasField("hand"):
        pass
    while (await next_response(watch)).participant.HasField("hand"):
        pass
    call.cancel()
    watch.cancel()


async def test_repeated_calls_change_nothing(harness: Harness) -> None:
    scene = await in_progress(harness)
    request_id = str(new_id())
    hand = await raise_hand(scene.learner, scene, request_id=request_id)
    before = await harness.state()
    assert await raise_hand(scene.learner, scene) == hand
    assert await harness.state() == before
    assert await raise_hand(scene.learner, scene, request_id=request_id) == hand
    answered = await answer(scene.proctor, hand)
    before = await harness.state()
    assert await answer(harness.administrator(), hand) == answered
    assert await harness.state() == before


async def test_invalid_transitions_are_refused(harness: Harness) -> None:
    scene = await in_progress(harness)
    hand = await raise_hand(scene.learner, scene)
    request = pb.RaiseHandRequest(session_id=scene.session_id, kind=BREAK)
    refused = await harness.refused(scene.learner.hands.RaiseHand, request)
    assert refused.reason == "HAND_ALREADY_RAISED"
    await answer(scene.proctor, hand)
    refused = await harness.refused(
        scene.learner.hands.LowerHand, pb.LowerHandRequest(hand_id=hand.hand_id)
    )
    assert refused.reason == "INVALID_STATE_TRANSITION"
    lowered = await lower(scene.learner, await raise_hand(scene.learner, scene))
    refused = await harness.refused(
        scene.proctor.hands.AnswerHand, pb.AnswerHandRequest(hand_id=lowered.hand_id)
    )
    assert refused.reason == "INVALID_STATE_TRANSITION"


async def test_hands_are_lowered_when_the_session_is_over_for_a_learner(harness: Harness) -> None:
    scene = await in_progress(harness)
    for person in (scene.learner, scene.other):
        await raise_hand(person, scene)
    removal = supervision_pb2.RemoveParticipantsRequest(
        session_id=scene.session_id, participant_ids=[scene.participant_id], removal_reason="Ill"
    )
    (outcome,) = (await scene.proctor.supervision.RemoveParticipants(removal)).outcomes
    assert not outcome.participant.HasField("hand")
    assert await raised_in_roster(scene) == {scene.other_participant_id: HELP}
    assert "hand.lowered" in await harness.recorded(scene.session_id)
    await end(scene.proctor, scene.session_id)
    assert (await harness.recorded(scene.session_id)).count("hand.lowered") == 2
    assert await raised_in_roster(scene) == {}
    rows = await harness.rows(
        "SELECT body FROM session_record WHERE session_id = :id AND event = 'hand.lowered'",
        id=UUID(scene.session_id),
    )
    for (body,) in rows:
        event = events_pb2.HandLowered.FromString(body)
        assert (event.lowered_by, event.acting_role) == ("", ROLE_UNSPECIFIED)
    for person in (scene.learner, scene.other):
        request = pb.RaiseHandRequest(session_id=scene.session_id, kind=HELP)
        assert (await harness.refused(person.hands.RaiseHand, request)).reason == "SESSION_ENDED"


async def test_cancellation_lowers_the_hands_and_updates_the_open_streams(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await session_with(harness, proctor)
    await join(learner, session_id)
    request = pb.RaiseHandRequest(session_id=session_id, kind=HELP)
    hand = (await learner.hands.RaiseHand(request)).hand
    watch = proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=session_id)
    )
    shown = (await next_response(watch)).snapshot
    assert [each.hand for each in shown.participants] == [hand]
    cancellation = sessions_pb2.CancelSessionRequest(session_id=session_id)
    await harness.administrator().sessions.CancelSession(cancellation)
    while True:
        change = await next_response(watch)
        if change.HasField("participant") and not change.participant.HasField("hand"):
            break
    assert (await harness.recorded(session_id))[-2:] == ["hand.lowered", "session.cancelled"]
    page = await proctor.hands.ListHands(pb.ListHandsRequest(session_id=session_id))
    assert not page.hands
    watch.cancel()


async def test_removed_learner_cannot_raise_a_hand(harness: Harness) -> None:
    scene = await in_progress(harness)
    await scene.proctor.supervision.RemoveParticipants(
        supervision_pb2.RemoveParticipantsRequest(
            session_id=scene.session_id,
            participant_ids=[scene.participant_id],
            removal_reason="Ill",
        )
    )
    request = pb.RaiseHandRequest(session_id=scene.session_id, kind=HELP)
    refused = await harness.refused(scene.learner.hands.RaiseHand, request)
    assert refused.reason == "PARTICIPANT_REMOVED"


async def test_learner_who_raises_a_hand_too_often_has_to_wait(harness: Harness) -> None:
    scene = await in_progress(harness)
    for _ in range(10):
        await lower(scene.learner, await raise_hand(scene.learner, scene))
    request = pb.RaiseHandRequest(session_id=scene.session_id, kind=HELP)
    refused = await harness.refused(scene.learner.hands.RaiseHand, request)
    assert (refused.kind, refused.reason) == (Kind.EXHAUSTED, "TOO_MANY_HANDS")
    assert refused.retry_after is not None
    assert timedelta(0) < refused.retry_after <= timedelta(minutes=1)
    await raise_hand(scene.other, scene)


async def test_hand_of_others_looks_as_if_it_did_not_exist(harness: Harness) -> None:
    scene = await in_progress(harness)
    hand = await raise_hand(scene.learner, scene)
    unknown = pb.Hand(hand_id=str(new_id()))
    for person, kind in ((scene.other, Kind.NOT_FOUND), (harness.proctor(), Kind.NOT_ALLOWED)):
        errors = [await refusal(lower(person, each)) for each in (hand, unknown)]
        assert {each.kind for each in errors} == {kind}
        assert errors[0].message == errors[1].message
    stranger = harness.proctor()
    errors = [await refusal(answer(stranger, each)) for each in (hand, unknown)]
    assert {each.reason for each in errors} == {"NOT_YOUR_SESSION"}
    assert (await refusal(answer(harness.administrator(), unknown))).kind is Kind.NOT_FOUND
    assert (await refusal(answer(scene.learner, hand))).reason == "NOT_ALLOWED"
    assert (await refusal(listed(stranger, scene))).reason == "NOT_YOUR_SESSION"
    assert (await refusal(raise_hand(harness.learner(), scene))).kind is Kind.NOT_FOUND


async def test_administrator_who_is_a_learner_of_the_session_only_lowers_their_own_hand(
    harness: Harness,
) -> None:
    scene = await in_progress(harness)
    both = harness.person("learner", "administrator", person_id=scene.learner.person_id)
    theirs = await raise_hand(scene.other, scene)
    for call in (answer(both, theirs), lower(both, theirs), listed(both, scene)):
        assert (await refusal(call)).reason == "NOT_YOUR_SESSION"
    own = await raise_hand(both, scene)
    assert (await refusal(answer(both, own))).reason == "NOT_YOUR_SESSION"
    assert (await lower(both, own)).state == pb.HAND_STATE_LOWERED


@pytest.mark.parametrize("kind", [pb.HAND_KIND_UNSPECIFIED, 9])
async def test_invalid_kind_is_refused_at_its_field(harness: Harness, kind: int) -> None:
    scene = await in_progress(harness)
    request = pb.RaiseHandRequest(session_id=scene.session_id, kind=kind)  # type: ignore[arg-type]
    refused = await harness.refused(scene.learner.hands.RaiseHand, request)
    assert [each.field for each in refused.violations] == ["kind"]


async def test_database_refuses_invalid_hands(harness: Harness) -> None:
    scene, elsewhere = await in_progress(harness), await in_progress(harness)
    hand = await raise_hand(scene.learner, scene)
    copied = (
        "INSERT INTO hands SELECT gen_random_uuid(), session_id, {participant}, kind, {state}, raised_at,"
        " {closed} FROM hands WHERE hand_id = :id"
    )
    for participant, state, closed in (
        ("participant_id", "'raised'", "NULL"),
        ("participant_id", "'lowered'", "now()"),
        (f"'{elsewhere.participant_id}'", "'raised'", "NULL"),
    ):
        statement = copied.format(participant=participant, state=state, closed=closed)
        with pytest.raises(DBAPIError):
            await harness.rows(statement, id=UUID(hand.hand_id))
    await answer(scene.proctor, hand)
    for statement in (
        "UPDATE hands SET state = 'raised', closed_at = NULL WHERE hand_id = :id",
        "UPDATE hands SET state = 'lowered' WHERE hand_id = :id",
        "UPDATE hands SET kind = 'break' WHERE hand_id = :id",
    ):
        with pytest.raises(DBAPIError, match="cannot change"):
            await harness.rows(statement, id=UUID(hand.hand_id))
