"""Tests of reading and updating the organisation's settings."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from proctorium.enrollment.v1.organisation_pb2 import (
    GetOrganisationRequest,
    Organisation,
    UpdateOrganisationRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness


async def current(harness: Harness) -> Organisation:
    response = await harness.anonymous.organisation.GetOrganisation(GetOrganisationRequest())
    return response.organisation


def update(etag: str = "", mask: Sequence[str] = (), **fields: str) -> UpdateOrganisationRequest:
    return UpdateOrganisationRequest(
        request_id=str(new_id()),
        organisation=Organisation(etag=etag, **fields),
        update_mask=FieldMask(paths=mask),
    )


async def test_everyone_reads_the_organisation(harness: Harness) -> None:
    before = await current(harness)
    assert before.name
    change = update(
        before.etag,
        name="Centre",
        administrator_contact="help@example.org",
        support_phone="+44 20 7946 0123",
    )
    for _ in range(2):  # the second request is a repetition and changes nothing
        changed = await harness.administrator.organisation.UpdateOrganisation(change)
        assert changed.organisation == await current(harness)
    assert changed.organisation.support_phone == "+44 20 7946 0123"
    assert changed.organisation.etag != before.etag


async def test_update_with_a_stale_etag_is_refused(harness: Harness) -> None:
    before = await current(harness)
    await harness.administrator.organisation.UpdateOrganisation(update(name="First"))
    call = harness.administrator.organisation.UpdateOrganisation(update(before.etag, name="Second"))
    stale = await refusal(call)
    assert (stale.kind, stale.reason) == (Kind.CONFLICT, "STALE_ETAG")
    assert (await current(harness)).name == "First"


async def changed_by(harness: Harness, request: UpdateOrganisationRequest) -> Organisation:
    return (await harness.administrator.organisation.UpdateOrganisation(request)).organisation


async def test_update_changes_the_fields_of_its_mask(harness: Harness) -> None:
    await changed_by(
        harness, update(name="Centre", administrator_contact="a@example.org", support_phone="1")
    )
    changed = await changed_by(harness, update(mask=["support_phone"], name="Other"))
    assert (changed.name, changed.administrator_contact) == ("Centre", "a@example.org")
    assert changed.support_phone == ""
    changed = await changed_by(harness, update(mask=["*"], name="Only"))
    assert (changed.name, changed.administrator_contact) == ("Only", "")


async def test_update_without_a_mask_changes_the_fields_with_values(
    harness: Harness,
) -> None:
    await changed_by(harness, update(name="Centre", support_phone="1"))
    changed = await changed_by(harness, update(support_phone="2"))
    assert (changed.name, changed.support_phone) == ("Centre", "2")


@pytest.mark.parametrize("path", ["etag", "nothing", "name.first"])
async def test_mask_with_a_fixed_field_is_refused(harness: Harness, path: str) -> None:
    before = await current(harness)
    request = update(mask=["name", path], name="Other")
    error = await refusal(harness.administrator.organisation.UpdateOrganisation(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == ["update_mask"]
    assert await current(harness) == before


async def test_only_administrators_update_the_organisation(harness: Harness) -> None:
    before = await current(harness)
    client = harness.client(new_id(), "learner", "proctor").organisation
    assert (await refusal(client.UpdateOrganisation(update(name="Mine")))).reason == "NOT_ALLOWED"
    assert await current(harness) == before
