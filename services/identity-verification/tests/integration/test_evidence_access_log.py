"""Tests of the list of accesses to evidence and registration data."""

from __future__ import annotations

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import DOCUMENT, SELFIE, Harness, Person, submit_both, view_image


async def list_accesses(
    administrator: Person, session_id: str, page_size: int = 0
) -> list[pb.EvidenceAccess]:
    """Request the accesses of a session one page at a time, and return the accesses of all pages."""
    found: list[pb.EvidenceAccess] = []
    token = ""
    while True:
        request = pb.ListEvidenceAccessesRequest(
            session_id=session_id, page_size=page_size, page_token=token
        )
        page = await administrator.stub.ListEvidenceAccesses(request)
        assert len(page.accesses) <= (page_size or 50)
        found += page.accesses
        token = page.next_page_token
        if not token:
            return found


async def test_administrators_list_accesses_newest_first(harness: Harness) -> None:
    proctor, administrator, learner = (
        harness.proctor(),
        harness.person("administrator"),
        harness.learner(),
    )
    session_id = await harness.session(proctor)
    case_id = await harness.case(session_id, learner)
    other = await harness.session(proctor)
    harness.enrollment.registered[learner.id] = ("Lena Fischer", "1990-01-01")
    await submit_both(learner, case_id)
    await view_image(proctor, case_id, DOCUMENT)
    await proctor.stub.GetRegistration(pb.GetRegistrationRequest(case_id=case_id))
    await view_image(administrator, case_id, SELFIE)
    await view_image(proctor, case_id, DOCUMENT)
    expected = [
        (proctor.id, ROLE_PROCTOR, pb.EVIDENCE_ACCESS_SUBJECT_DOCUMENT),
        (administrator.id, ROLE_ADMINISTRATOR, pb.EVIDENCE_ACCESS_SUBJECT_SELFIE),
        (proctor.id, ROLE_PROCTOR, pb.EVIDENCE_ACCESS_SUBJECT_REGISTRATION),
        (proctor.id, ROLE_PROCTOR, pb.EVIDENCE_ACCESS_SUBJECT_DOCUMENT),
    ]
    for page_size in (0, 1, 3):
        found = await list_accesses(administrator, session_id, page_size)
        assert [(each.person_id, each.acting_role, each.subject) for each in found] == expected
        assert {(each.learner_id, each.case_id) for each in found} == {(learner.id, case_id)}
    times = [each.access_time.ToDatetime() for each in found]
    assert times == sorted(times, reverse=True)
    assert await list_accesses(administrator, other) == []


async def test_only_administrators_list_accesses(harness: Harness) -> None:
    proctor = harness.proctor()
    request = pb.ListEvidenceAccessesRequest(session_id=await harness.session(proctor))
    for person in (proctor, harness.learner()):
        error = await refusal(person.stub.ListEvidenceAccesses(request))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_page_token_of_another_session_is_refused(harness: Harness) -> None:
    proctor, administrator, learner = (
        harness.proctor(),
        harness.person("administrator"),
        harness.learner(),
    )
    session_id = await harness.session(proctor)
    case_id = await harness.case(session_id, learner)
    await submit_both(learner, case_id)
    for kind in (DOCUMENT, SELFIE):
        await view_image(proctor, case_id, kind)
    request = pb.ListEvidenceAccessesRequest(session_id=session_id, page_size=1)
    token = (await administrator.stub.ListEvidenceAccesses(request)).next_page_token
    other = pb.ListEvidenceAccessesRequest(session_id=str(new_id()), page_token=token)
    error = await refusal(administrator.stub.ListEvidenceAccesses(other))
    assert error.reason == "INVALID_PAGE_TOKEN"
