"""Tests of the identity checks without images."""

from __future__ import annotations

import asyncio
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.events.v1.events_pb2 import PersonAccommodationsChanged
from proctorium.identity.events.v1.events_pb2 import CaseAlternativeCheckRequested
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR, ROLE_UNSPECIFIED
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until

from .harness import (
    DOCUMENT,
    SELFIE,
    Harness,
    Person,
    case_of,
    decide,
    ended,
    joined,
    request_resubmission,
    submit,
    submit_both,
    verify,
    view_image,
)
from .test_evidence import open_case

REJECT = pb.DECISION_REJECT
REASON = "I know the person, and the passport was shown at the door."
OPENED = ["case.opened", "case.alternative-check-requested"]


async def accommodate(
    harness: Harness, learner: Person, *, revision: int = 1, value: bool = True
) -> None:
    """Handle a change of the learner's accommodations."""
    await harness.handle(
        PersonAccommodationsChanged(
            person_id=learner.id, revision=revision, alternative_identity_check=value
        )
    )


async def open_alternative_case(harness: Harness) -> tuple[Person, Person, str, str]:
    """Return a learner with the accommodation, a proctor, the id of their session, and the id of the learner's case."""
    learner, proctor = harness.learner(), harness.proctor()
    await accommodate(harness, learner)
    session_id = await harness.session(proctor)
    return learner, proctor, session_id, await harness.case(session_id, learner)


async def requested_checks(
    harness: Harness, session_id: str
) -> list[CaseAlternativeCheckRequested]:
    events = await harness.events(CaseAlternativeCheckRequested)
    return [each for each in events if each.session_id == session_id]


def require_alternative(case: pb.Case) -> None:
    assert (case.kind, case.state) == (pb.CASE_KIND_ALTERNATIVE, pb.CASE_STATE_SUBMITTED)
    assert (list(case.evidence), case.decided_by) == ([], "")
    assert case.HasField("submit_time")


async def test_case_goes_directly_to_the_queue_and_is_verified_with_a_reason(
    harness: Harness,
) -> None:
    learner, proctor, session_id, case_id = await open_alternative_case(harness)
    opened = await case_of(learner, case_id)
    require_alternative(opened)
    assert await harness.published(session_id) == OPENED
    call = proctor.stub.WatchQueue(pb.WatchQueueRequest(session_id=session_id))
    assert list((await next_response(call)).cases) == [opened]
    call.cancel()
    harness.enrollment.registered[learner.id] = ("Ada Lovelace", "1815-12-10")
    registration = await proctor.stub.GetRegistration(pb.GetRegistrationRequest(case_id=case_id))
    assert registration.legal_name == "Ada Lovelace"
    for decision in (pb.DECISION_VERIFY, REJECT):
        error = await harness.refused(decide, proctor, case_id, decision, " ")
        assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
        assert [each.field for each in error.violations] == ["decision_reason"]
    decided = await decide(proctor, case_id, reason=REASON)
    assert (decided.state, decided.decision_reason) == (pb.CASE_STATE_VERIFIED, REASON)
    assert decided.kind == pb.CASE_KIND_ALTERNATIVE
    assert await harness.published(session_id) == [*OPENED, "case.verified"]


async def test_case_is_rejected_with_a_reason(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_alternative_case(harness)
    decided = await decide(proctor, case_id, REJECT, "It is somebody else.")
    assert decided.state == pb.CASE_STATE_REJECTED
    assert await case_of(learner, case_id) == decided
    assert await harness.published(session_id) == [*OPENED, "case.rejected"]


async def test_images_are_not_accepted_viewed_or_requested(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_alternative_case(harness)
    before = await case_of(learner, case_id)
    for kind in (DOCUMENT, SELFIE):
        error = await harness.refused(submit, learner, case_id, kind)
        assert (error.kind, error.reason) == (
            Kind.INVALID_STATE_TRANSITION,
            "ALTERNATIVE_CHECK",
        )
        assert "you need not send any" in error.message
        assert (await refusal(view_image(proctor, case_id, kind))).reason == "ALTERNATIVE_CHECK"
    error = await harness.refused(request_resubmission, proctor, case_id)
    assert (error.reason, error.metadata) == ("ALTERNATIVE_CHECK", {"state": "submitted"})
    assert await case_of(learner, case_id) == before
    assert await harness.accesses_of(case_id) == []
    assert await harness.published(session_id) == OPENED


async def test_learner_cannot_decide_and_other_proctors_see_nothing(harness: Harness) -> None:
    learner, _, _, case_id = await open_alternative_case(harness)
    assert (await harness.refused(decide, learner, case_id)).reason == "NOT_ALLOWED"
    error = await harness.refused(decide, harness.proctor(), case_id, reason=REASON)
    assert error.reason == "NOT_YOUR_CASE"


@pytest.mark.parametrize("sent", [[], [DOCUMENT]], ids=["no image", "one image"])
async def test_accommodation_changes_a_case_that_needs_images(
    harness: Harness, sent: list[pb.EvidenceKind.ValueType]
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    for kind in sent:
        await submit(learner, case_id, kind)
        await view_image(proctor, case_id, kind)
    await accommodate(harness, learner)
    require_alternative(await case_of(learner, case_id))
    assert await harness.published(session_id) == OPENED
    (event,) = await requested_checks(harness, session_id)
    assert (event.case_id, event.requested_by, event.acting_role) == (case_id, "", ROLE_UNSPECIFIED)
    assert (await harness.refused(submit, learner, case_id, SELFIE)).reason == "ALTERNATIVE_CHECK"
    assert (await decide(proctor, case_id, reason=REASON)).state == pb.CASE_STATE_VERIFIED


async def test_accommodation_changes_a_case_for_which_new_images_were_requested(
    harness: Harness,
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await request_resubmission(proctor, case_id)
    await accommodate(harness, learner)
    require_alternative(await case_of(learner, case_id))


async def test_submitted_and_decided_cases_keep_their_images(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    submitted = await submit_both(learner, case_id)
    await accommodate(harness, learner)
    assert await case_of(learner, case_id) == submitted
    await verify(proctor, case_id)
    await accommodate(harness, learner, revision=2)
    seen = await case_of(learner, case_id)
    assert (seen.kind, seen.state) == (pb.CASE_KIND_IMAGES, pb.CASE_STATE_VERIFIED)
    assert await requested_checks(harness, session_id) == []


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_order_and_repetition_of_events_do_not_matter(
    harness: Harness, order: tuple[int, ...]
) -> None:
    learner, session_id = harness.learner(), UUID(await harness.session(harness.proctor()))
    events = [
        PersonAccommodationsChanged(person_id=learner.id, revision=1),
        PersonAccommodationsChanged(
            person_id=learner.id, revision=2, alternative_identity_check=True
        ),
        joined(session_id, learner),
    ]
    for index in order:
        await harness.handle(events[index])
        await harness.handle(events[index])
    request = pb.GetCaseRequest(learner=pb.LearnerInSession(session_id=str(session_id)))
    require_alternative((await learner.stub.GetCase(request)).case)
    assert await harness.published(str(session_id)) == OPENED


async def test_end_of_the_accommodation_applies_to_later_cases(harness: Harness) -> None:
    learner, _, _, case_id = await open_alternative_case(harness)
    await accommodate(harness, learner, revision=2, value=False)
    await accommodate(harness, learner, revision=1)
    require_alternative(await case_of(learner, case_id))
    later = await harness.session(harness.proctor())
    await harness.handle(joined(UUID(later), learner))
    request = pb.GetCaseRequest(learner=pb.LearnerInSession(session_id=later))
    case = (await learner.stub.GetCase(request)).case
    assert (case.kind, case.state) == (pb.CASE_KIND_IMAGES, pb.CASE_STATE_REQUESTED)


async def test_verified_identity_is_checked_again_without_images(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_alternative_case(harness)
    await decide(proctor, case_id, reason=REASON)
    requested = await request_resubmission(proctor, case_id, " Another person sits there. ")
    require_alternative(requested)
    assert requested.decision_reason == "Another person sits there."
    assert await case_of(learner, case_id) == requested
    event = (await requested_checks(harness, session_id))[-1]
    assert (event.requested_by, event.acting_role) == (proctor.id, ROLE_PROCTOR)
    await decide(proctor, case_id, reason=REASON)
    assert await harness.published(session_id) == [
        *OPENED,
        "case.verified",
        "case.alternative-check-requested",
        "case.verified",
    ]


async def test_new_check_of_images_becomes_a_check_without_images(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    await accommodate(harness, learner)
    require_alternative(await request_resubmission(proctor, case_id))
    assert (await decide(proctor, case_id, reason=REASON)).state == pb.CASE_STATE_VERIFIED


async def test_case_expires_and_is_restored(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_alternative_case(harness)
    other = harness.learner()
    other_case = await harness.case(session_id, other)
    await harness.handle(ended(UUID(session_id)))
    assert (await case_of(learner, case_id)).state == pb.CASE_STATE_EXPIRED
    # The accommodation of the other learner changes while the session is over.
    await accommodate(harness, other)
    assert (await case_of(other, other_case)).kind == pb.CASE_KIND_IMAGES
    await harness.handle(session_events.SessionReopened(session_id=session_id))
    for person, each in ((learner, case_id), (other, other_case)):
        require_alternative(await case_of(person, each))
        assert (await decide(proctor, each, reason=REASON)).state == pb.CASE_STATE_VERIFIED


async def test_concurrent_image_is_superseded_or_refused(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    _, outcome = await asyncio.gather(
        accommodate(harness, learner), submit(learner, case_id, DOCUMENT), return_exceptions=True
    )
    assert outcome is not None

    async def changed() -> bool:
        return (await case_of(learner, case_id)).kind == pb.CASE_KIND_ALTERNATIVE

    await until(changed)
    require_alternative(await case_of(learner, case_id))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE cases SET kind = 'images' WHERE case_id = :id", "cannot change its kind"),
        (
            "INSERT INTO evidence SELECT gen_random_uuid(), :id, 'document', 'any', 'image/jpeg', 9, 9, now()",
            "accepts no image",
        ),
        ("UPDATE cases SET state = 'requested' WHERE case_id = :id", "cannot change"),
    ],
    ids=["kind", "image", "state"],
)
async def test_database_refuses_images_of_a_case_without_images(
    harness: Harness, statement: str, message: str
) -> None:
    _, _, _, case_id = await open_alternative_case(harness)
    with pytest.raises(DBAPIError, match=message):
        await harness.rows(statement, id=UUID(case_id))


async def test_database_refuses_to_change_the_kind_of_a_case_with_images(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    change = "UPDATE cases SET kind = 'alternative', state = 'submitted', submitted_at = now()"
    with pytest.raises(DBAPIError, match="with current images"):
        await harness.rows(f"{change} WHERE case_id = :id", id=UUID(case_id))
