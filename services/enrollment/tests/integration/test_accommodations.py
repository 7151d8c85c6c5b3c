"""Tests of reading and updating the accommodations of people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from proctorium.enrollment.events.v1.events_pb2 import PersonAccommodationsChanged
from proctorium.enrollment.v1.accommodations_pb2 import (
    Accommodations,
    BatchGetProctorNotesRequest,
    GetAccommodationsRequest,
    ListAccommodationRevisionsRequest,
    ProctorNote,
    UpdateAccommodationsRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Client, Harness, scheduled_event


def request(
    person_id: str,
    etag: str = "",
    mask: Sequence[str] = (),
    *,
    percent: int = 0,
    break_minutes: int = 0,
    technology: str = "",
    note: str = "",
    alternative: bool = False,
) -> UpdateAccommodationsRequest:
    return UpdateAccommodationsRequest(
        request_id=str(new_id()),
        accommodations=Accommodations(
            person_id=person_id,
            etag=etag,
            extra_time_percent=percent,
            extra_break_minutes=break_minutes,
            alternative_identity_check=alternative,
            assistive_technology=technology,
            proctor_note=note,
        ),
        update_mask=FieldMask(paths=mask),
    )


async def update(harness: Harness, message: UpdateAccommodationsRequest) -> Accommodations:
    client = harness.administrator.accommodations
    return (await client.UpdateAccommodations(message)).accommodations


async def read(client: Client, person_id: str) -> Accommodations:
    message = GetAccommodationsRequest(person_id=person_id)
    return (await client.accommodations.GetAccommodations(message)).accommodations


async def notes(client: Client, *person_ids: str) -> list[ProctorNote]:
    message = BatchGetProctorNotesRequest(person_ids=person_ids)
    return list((await client.accommodations.BatchGetProctorNotes(message)).notes)


async def test_update_is_stored_once_and_published_without_its_texts(harness: Harness) -> None:
    person_id = (await harness.person()).person_id
    empty = await read(harness.administrator, person_id)
    assert empty == Accommodations(person_id=person_id, etag="v0")
    message = request(
        person_id,
        empty.etag,
        percent=25,
        break_minutes=15,
        technology="Screen reader: blind",
        note="Headphones",
    )
    updated = await update(harness, message)
    assert await update(harness, message) == updated
    assert await read(harness.administrator, person_id) == updated
    assert (updated.revision, updated.etag, updated.extra_time_percent) == (1, "v1", 25)
    assert updated.written_by
    assert await harness.events(PersonAccommodationsChanged) == [
        PersonAccommodationsChanged(
            person_id=person_id, revision=1, extra_time_percent=25, extra_break_minutes=15
        )
    ]


async def test_update_changes_the_fields_of_its_mask_and_lists_earlier_revisions(
    harness: Harness,
) -> None:
    person_id = (await harness.person()).person_id
    first = await update(harness, request(person_id, percent=25, note="Headphones"))
    second = await update(harness, request(person_id, mask=["extra_time_percent"]))
    assert (second.extra_time_percent, second.proctor_note) == (0, "Headphones")
    assert await update(harness, request(person_id, note="Headphones")) == second
    message = ListAccommodationRevisionsRequest(person_id=person_id)
    listed = await harness.administrator.accommodations.ListAccommodationRevisions(message)
    assert list(listed.revisions) == [second, first]


async def test_alternative_identity_check_is_set_removed_and_published(harness: Harness) -> None:
    person_id = (await harness.person()).person_id
    await update(harness, request(person_id, percent=25))
    assert (await update(harness, request(person_id, alternative=True))).alternative_identity_check
    # A request without the field does not change it.
    changed = await update(harness, request(person_id, percent=50))
    assert (changed.extra_time_percent, changed.alternative_identity_check) == (50, True)
    removed = await update(harness, request(person_id, mask=["alternative_identity_check"]))
    assert (removed.extra_time_percent, removed.alternative_identity_check) == (50, False)
    message = ListAccommodationRevisionsRequest(person_id=person_id)
    listed = await harness.administrator.accommodations.ListAccommodationRevisions(message)
    values = [each.alternative_identity_check for each in listed.revisions]
    assert values == [False, True, True, False]
    events = await harness.events(PersonAccommodationsChanged)
    assert [
        (each.revision, each.extra_time_percent, each.alternative_identity_check) for each in events
    ] == [(1, 25, False), (2, 25, True), (3, 50, True), (4, 50, False)]


async def test_update_with_a_stale_etag_is_refused(harness: Harness) -> None:
    person_id = (await harness.person()).person_id
    await update(harness, request(person_id, percent=25))
    stale = await refusal(update(harness, request(person_id, "v0", percent=50)))
    assert (stale.kind, stale.reason) == (Kind.CONFLICT, "STALE_ETAG")
    assert (await read(harness.administrator, person_id)).extra_time_percent == 25


async def test_concurrent_updates_with_one_etag_store_one_revision(harness: Harness) -> None:
    person_id = (await harness.person()).person_id
    updates = [update(harness, request(person_id, "v0", percent=each)) for each in range(1, 6)]
    outcomes = await asyncio.gather(*updates, return_exceptions=True)
    failed = [each for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert len(failed) == 4
    assert (await read(harness.administrator, person_id)).revision == 1


@pytest.mark.parametrize("minutes", [-1, 121])
async def test_extra_break_time_is_limited(harness: Harness, minutes: int) -> None:
    person_id = (await harness.person()).person_id
    refused = await refusal(update(harness, request(person_id, break_minutes=minutes)))
    assert [each.field for each in refused.violations] == ["accommodations.extra_break_minutes"]
    assert (await read(harness.administrator, person_id)).revision == 0


@pytest.mark.parametrize(
    ("percent", "technology", "note", "field"),
    [
        (-1, "", "", "accommodations.extra_time_percent"),
        (201, "", "", "accommodations.extra_time_percent"),
        (0, "a" * 1001, "", "accommodations.assistive_technology"),
        (0, "", "a" * 501, "accommodations.proctor_note"),
        (0, "", "a\x07", "accommodations.proctor_note"),
    ],
)
async def test_invalid_values_are_refused_at_their_field(
    harness: Harness, percent: int, technology: str, note: str, field: str
) -> None:
    person_id = (await harness.person()).person_id
    message = request(person_id, percent=percent, technology=technology, note=note)
    error = await refusal(update(harness, message))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == [field]


async def test_unknown_person_is_not_found(harness: Harness) -> None:
    unknown = str(new_id())
    client = harness.administrator.accommodations
    message = ListAccommodationRevisionsRequest(person_id=unknown)
    for call in (
        read(harness.administrator, unknown),
        update(harness, request(unknown, percent=25)),
        client.ListAccommodationRevisions(message),
    ):
        assert (await refusal(call)).reason == "NOT_FOUND"


async def test_administrators_cannot_change_their_own_accommodations(harness: Harness) -> None:
    person_id = (await harness.person("administrator")).person_id
    own = harness.client(person_id, "administrator")
    error = await refusal(own.accommodations.UpdateAccommodations(request(person_id, percent=25)))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "OWN_ACCOMMODATIONS")
    assert (await read(own, person_id)).revision == 0
    assert (await update(harness, request(person_id, percent=25))).revision == 1


async def test_only_the_person_and_administrators_read_accommodations(harness: Harness) -> None:
    session = await harness.session()
    learner_id, proctor_id = session.learner_ids[0], session.proctor_id
    await update(harness, request(learner_id, percent=25, technology="Dyslexia"))
    own = await read(harness.learner(learner_id), learner_id)
    assert (own.extra_time_percent, own.assistive_technology) == (25, "Dyslexia")
    assert own.written_by == ""
    proctor = harness.client(proctor_id, "proctor")
    assert (await refusal(read(proctor, learner_id))).reason == "NOT_FOUND"
    call = proctor.accommodations.UpdateAccommodations(request(learner_id, percent=50))
    assert (await refusal(call)).reason == "NOT_ALLOWED"
    message = ListAccommodationRevisionsRequest(person_id=learner_id)
    call_of_learner = harness.learner(learner_id).accommodations.ListAccommodationRevisions(message)
    assert (await refusal(call_of_learner)).reason == "NOT_ALLOWED"


async def test_proctors_read_the_notes_about_the_people_in_their_sessions(harness: Harness) -> None:
    session, other = await harness.session(), await harness.session()
    learner_id, stranger_id = session.learner_ids[0], other.learner_ids[0]
    await update(harness, request(learner_id, technology="Blind", note="Uses a screen reader"))
    await update(harness, request(stranger_id, note="Uses a magnifier"))
    proctor = harness.client(session.proctor_id, "proctor")
    note = ProctorNote(person_id=learner_id, proctor_note="Uses a screen reader")
    assert await notes(proctor, stranger_id, session.proctor_id, learner_id) == [note]
    found = await notes(harness.administrator, stranger_id, learner_id)
    assert [each.person_id for each in found] == [stranger_id, learner_id]
    await update(harness, request(learner_id, mask=["proctor_note"]))
    assert await notes(proctor, learner_id) == []


async def test_notes_about_other_proctors_are_private(harness: Harness) -> None:
    session = await harness.session()
    colleague = await harness.person("proctor")
    learner_id = session.learner_ids[0]
    event = scheduled_event(
        session.course.course_id,
        harness.clock.now,
        proctor_ids=[session.proctor_id, colleague.person_id],
        learner_ids=[learner_id],
    )
    await harness.deliver(event)
    await update(harness, request(session.proctor_id, note="Uses a magnifier"))
    # A proctor who takes part in a session as a learner does not read notes about the session's proctors.
    for role in (("proctor", "learner"), ("proctor",)):
        for person_id in (learner_id, colleague.person_id):
            assert await notes(harness.client(person_id, *role), session.proctor_id) == []
