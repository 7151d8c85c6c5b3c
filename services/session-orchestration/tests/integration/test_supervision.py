"""Tests of the authorisation of participants by a proctor."""

from __future__ import annotations

from uuid import UUID

from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id

from .harness import Harness, Person, end, join, plan, roster, start

BEFORE_ASSESSMENT = sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT
AUTHORIZED = lobby_pb2.ASSESSMENT_PROGRESS_STATE_AUTHORIZED


def authorizing(
    session: sessions_pb2.Session, *participants: lobby_pb2.Participant, assessment_id: str = ""
) -> supervision_pb2.AuthorizeAssessmentRequest:
    return supervision_pb2.AuthorizeAssessmentRequest(
        session_id=session.session_id,
        assessment_id=assessment_id or session.plan.assessment_ids[0],
        participant_ids=[each.participant_id for each in participants],
    )


def removing(
    session: sessions_pb2.Session, participant_id: str
) -> supervision_pb2.RemoveParticipantsRequest:
    return supervision_pb2.RemoveParticipantsRequest(
        session_id=session.session_id,
        participant_ids=[participant_id],
        removal_reason="A phone was used.",
    )


def reasons(answer: supervision_pb2.AuthorizeAssessmentResponse) -> dict[str, str]:
    """Return the reason for the refusal by participant id.

    The reason is empty for a participant who is not refused.
    """
    return {each.participant_id: each.error.reason for each in answer.outcomes}


async def verify(harness: Harness, participant: lobby_pb2.Participant) -> None:
    await harness.rows(
        "UPDATE participants SET identity = 'verified' WHERE participant_id = :id",
        id=UUID(participant.participant_id),
    )


async def joined(person: Person, session: sessions_pb2.Session) -> lobby_pb2.Participant:
    return (await join(person, session.session_id)).participant


async def test_authorising_all_authorises_the_eligible_and_lists_the_others_with_reasons(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], identity=BEFORE_ASSESSMENT, assessments=2))
    verified = await joined(harness.learner(), session)
    unverified = await joined(harness.learner(), session)
    removed = await joined(harness.learner(), session)
    await verify(harness, verified)
    await start(proctor, session.session_id)
    await proctor.supervision.RemoveParticipants(removing(session, removed.participant_id))

    answer = await proctor.supervision.AuthorizeAssessment(authorizing(session))
    assert reasons(answer) == {
        verified.participant_id: "",
        unverified.participant_id: "IDENTITY_NOT_VERIFIED",
        removed.participant_id: "PARTICIPANT_NOT_IN_SESSION",
    }
    first, second = answer.outcomes[0].participant.assessments
    assert first.state == AUTHORIZED
    assert second.state == lobby_pb2.ASSESSMENT_PROGRESS_STATE_AWAITING_AUTHORIZATION


async def test_each_listed_participant_has_an_outcome_in_the_order_of_the_request(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], identity=BEFORE_ASSESSMENT))
    other = await harness.scheduled(plan([harness.proctor()]))
    verified = await joined(harness.learner(), session)
    unverified = await joined(harness.learner(), session)
    elsewhere = await joined(harness.learner(), other)
    unknown = lobby_pb2.Participant(participant_id=str(new_id()))
    await verify(harness, verified)
    await start(proctor, session.session_id)

    answer = await proctor.supervision.AuthorizeAssessment(
        authorizing(session, unknown, unverified, verified, elsewhere)
    )
    assert list(reasons(answer).items()) == [
        (unknown.participant_id, "NOT_FOUND"),
        (unverified.participant_id, "IDENTITY_NOT_VERIFIED"),
        (verified.participant_id, ""),
        (elsewhere.participant_id, "NOT_FOUND"),
    ]
    assert "have not sent their photos yet" in answer.outcomes[1].error.message
    events = await harness.recorded(session.session_id)
    assert events.count("participant.assessment-authorized") == 1


async def test_participant_listed_twice_is_refused(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    participant = await joined(harness.learner(), session)
    await start(proctor, session.session_id)
    twice = authorizing(session, participant, participant)
    error = await harness.refused(proctor.supervision.AuthorizeAssessment, twice)
    assert error.reason == "INVALID_REQUEST"
    assert [each.field for each in error.violations] == ["participant_ids"]


async def test_repeated_authorisation_publishes_one_event(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    participant = await joined(harness.learner(), session)
    await start(proctor, session.session_id)
    first = await proctor.supervision.AuthorizeAssessment(authorizing(session, participant))
    assert await proctor.supervision.AuthorizeAssessment(authorizing(session, participant)) == first
    assert await proctor.supervision.AuthorizeAssessment(authorizing(session)) == first
    events = await harness.recorded(session.session_id)
    assert events.count("participant.assessment-authorized") == 1
    published = await harness.published(session.session_id)
    assert published.count("participant.assessment-authorized") == 1


async def test_authorisation_is_refused_before_the_start_and_after_the_end(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    participant = await joined(harness.learner(), session)
    authorize = proctor.supervision.AuthorizeAssessment
    error = await harness.refused(authorize, authorizing(session, participant))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lobby_open")
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    error = await harness.refused(authorize, authorizing(session, participant))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")


async def test_only_assessments_of_the_session_can_be_authorised(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    await start(proctor, session.session_id)
    other = authorizing(session, assessment_id=str(new_id()))
    error = await harness.refused(proctor.supervision.AuthorizeAssessment, other)
    assert (error.kind, error.reason) == (
        Kind.INVALID_STATE_TRANSITION,
        "ASSESSMENT_NOT_IN_SESSION",
    )


async def test_only_proctors_of_the_session_can_supervise_it(harness: Harness) -> None:
    proctor, stranger, learner = harness.proctor(), harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    participant = await joined(learner, session)
    await start(proctor, session.session_id)
    unknown = sessions_pb2.Session(session_id=str(new_id()), plan=session.plan)
    for where in (session, unknown):
        error = await harness.refused(stranger.supervision.AuthorizeAssessment, authorizing(where))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
        error = await harness.refused(
            stranger.supervision.RemoveParticipants, removing(where, participant.participant_id)
        )
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
    error = await harness.refused(learner.supervision.AuthorizeAssessment, authorizing(session))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_listed_removed_learner_cannot_be_authorised(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    participant = await joined(harness.learner(), session)
    await start(proctor, session.session_id)
    await proctor.supervision.RemoveParticipants(removing(session, participant.participant_id))
    answer = await proctor.supervision.AuthorizeAssessment(authorizing(session, participant))
    assert reasons(answer) == {participant.participant_id: "PARTICIPANT_NOT_IN_SESSION"}
    shown = await roster(proctor, session.session_id)
    assert shown.participants[0].removal_reason == "A phone was used."
