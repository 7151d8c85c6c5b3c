from __future__ import annotations

from proctorium.enrollment.v1.organisation_pb2 import (
    GetOrganisationRequest,
    Organisation,
    UpdateOrganisationRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .enrollment import Enrollment


async def present(enrollment: Enrollment) -> Organisation:
    answer = await enrollment.anonymous.organisation.GetOrganisation(GetOrganisationRequest())
    return answer.organisation


def update(etag: str = "", **given: str) -> UpdateOrganisationRequest:
    return UpdateOrganisationRequest(
        request_id=str(new_id()), organisation=Organisation(etag=etag, **given)
    )


async def test_everybody_sees_whom_to_ask(enrollment: Enrollment) -> None:
    before = await present(enrollment)
    assert before.name
    change = update(
        before.etag,
        name="Centre",
        administrator_contact="help@example.org",
        support_phone="+44 20 7946 0123",
    )
    for _ in range(2):  # the same request again changes nothing
        changed = await enrollment.administrator.organisation.UpdateOrganisation(change)
        assert changed.organisation == await present(enrollment)
    assert changed.organisation.support_phone == "+44 20 7946 0123"
    assert changed.organisation.etag != before.etag


async def test_a_change_of_what_has_changed_is_refused(enrollment: Enrollment) -> None:
    before = await present(enrollment)
    await enrollment.administrator.organisation.UpdateOrganisation(update(name="First"))
    call = enrollment.administrator.organisation.UpdateOrganisation(
        update(before.etag, name="Second")
    )
    stale = await refusal(call)
    assert (stale.kind, stale.reason) == (Kind.CONFLICT, "STALE_ETAG")
    assert (await present(enrollment)).name == "First"


async def test_only_administrators_change_it(enrollment: Enrollment) -> None:
    before = await present(enrollment)
    client = enrollment.client(new_id(), "learner", "proctor").organisation
    assert (await refusal(client.UpdateOrganisation(update(name="Mine")))).reason == "NOT_ALLOWED"
    assert await present(enrollment) == before
