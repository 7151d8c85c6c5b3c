"""Tests of InboxService and DeliveryService.

People read their own notifications through InboxService. Administrators use DeliveryService.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, issued, removed


async def notified(harness: Harness, person: Person, times: int = 1) -> str:
    """Notify the person `times` times about one session, wait for the mails, and return the id of the session."""
    session_id = await harness.session()
    for number in range(1, times + 1):
        await harness.publish(removed(session_id, person))
        await harness.mail(person, number)
    return session_id


async def person_with_failed_mail(harness: Harness) -> Person:
    """Return a person with a failed mail. The mail failed because the session was over."""
    person = harness.person()
    session_id = await harness.session(starts_in=timedelta(days=-2))
    await harness.publish(issued(harness.enrollment.list_code(session_id), person))
    await harness.until_state(person, "failed")
    return person


async def list_notifications(
    person: Person, size: int = 0, token: str = ""
) -> pb.ListNotificationsResponse:
    request = pb.ListNotificationsRequest(page_size=size, page_token=token)
    return await person.inbox.ListNotifications(request)


async def test_notification_is_in_the_language_of_the_reader(harness: Harness) -> None:
    person = harness.person(locale="de")
    session_id = await notified(harness, person)
    found = await list_notifications(person)
    [notification] = found.notifications
    assert notification.subject == "Sie wurden aus First Aid at Work entfernt"
    assert "bleibt erhalten" in notification.body
    assert (notification.session_id, notification.topic) == (
        session_id,
        pb.TOPIC_PARTICIPANT_REMOVED,
    )
    assert notification.HasField("create_time")
    assert not notification.HasField("read_time")
    assert found.unread_count == 1
    # The language changes after the event. The notification must be in the new language, because notifications are
    # rendered when they are read.
    harness.enrollment.contacts[person.id].locale = "en-GB"
    assert (await list_notifications(person)).notifications[
        0
    ].subject == "You were removed from First Aid at Work"


async def test_notifications_can_be_read_without_enrollment(harness: Harness) -> None:
    person = harness.person(locale="de")
    await notified(harness, person)
    await harness.enrollment.stop()
    try:
        [notification] = (await list_notifications(person)).notifications
        assert notification.subject == "You were removed from First Aid at Work"
    finally:
        await harness.enrollment.start()


async def test_pages_are_newest_first_and_complete(harness: Harness) -> None:
    person = harness.person()
    await notified(harness, person, times=5)
    whole = [each.notification_id for each in (await list_notifications(person)).notifications]
    token, read = "", []
    for expected in (2, 2, 1):
        page = await list_notifications(person, 2, token)
        assert len(page.notifications) == expected
        assert page.unread_count == 5
        read += [each.notification_id for each in page.notifications]
        token = page.next_page_token
    assert read == whole
    assert token == ""


async def test_marking_as_read_affects_only_own_notifications_and_can_be_repeated(
    harness: Harness,
) -> None:
    person, other = harness.person(), harness.person()
    await notified(harness, person, times=2)
    await notified(harness, other)
    first = (await list_notifications(person)).notifications[0]
    others = (await list_notifications(other)).notifications[0]
    request = pb.MarkNotificationsReadRequest(
        notification_ids=[first.notification_id, others.notification_id]
    )
    for _ in range(2):
        assert (await person.inbox.MarkNotificationsRead(request)).unread_count == 1
    marked = (await list_notifications(person)).notifications[0]
    assert marked.HasField("read_time")
    assert (await list_notifications(other)).unread_count == 1
    again = await person.inbox.MarkNotificationsRead(pb.MarkNotificationsReadRequest())
    assert again.unread_count == 0
    assert (await list_notifications(person)).notifications[0].read_time == marked.read_time


async def test_notifications_need_a_sign_in(harness: Harness) -> None:
    from proctorium.notification.v1.notifications_pb2_grpc import InboxServiceStub

    async with harness.channel() as anonymous:
        stub = InboxServiceStub(anonymous)
        error = await refusal(stub.ListNotifications(pb.ListNotificationsRequest()))
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_MISSING")
        error = await refusal(stub.MarkNotificationsRead(pb.MarkNotificationsReadRequest()))
        assert error.reason == "TOKEN_MISSING"


async def test_page_token_of_another_list_is_refused(harness: Harness) -> None:
    person, administrator = harness.person(), harness.person("administrator")
    await notified(harness, person, times=2)
    token = (await list_notifications(person, 1)).next_page_token
    for text in (token, "nonsense"):
        request = pb.ListDeliveriesRequest(page_token=text)
        error = await refusal(administrator.deliveries.ListDeliveries(request))
        assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_PAGE_TOKEN")
    error = await refusal(list_notifications(person, 1, "nonsense"))
    assert error.reason == "INVALID_PAGE_TOKEN"


async def test_administrators_list_deliveries_by_person_and_state(harness: Harness) -> None:
    administrator, person = harness.person("administrator"), await person_with_failed_mail(harness)
    request = pb.ListDeliveriesRequest(person_id=person.id)
    found = (await administrator.deliveries.ListDeliveries(request)).deliveries
    assert {(each.channel, each.state) for each in found} == {
        (pb.CHANNEL_EMAIL, pb.DELIVERY_STATE_FAILED),
        (pb.CHANNEL_IN_APP, pb.DELIVERY_STATE_SENT),
    }
    request.state = pb.DELIVERY_STATE_FAILED
    [only] = (await administrator.deliveries.ListDeliveries(request)).deliveries
    assert (only.topic, only.person_id) == (pb.TOPIC_CODE_ISSUED, person.id)
    first = await administrator.deliveries.ListDeliveries(pb.ListDeliveriesRequest(page_size=1))
    second = await administrator.deliveries.ListDeliveries(
        pb.ListDeliveriesRequest(page_size=1, page_token=first.next_page_token)
    )
    assert first.deliveries[0].delivery_id != second.deliveries[0].delivery_id


@pytest.mark.parametrize("role", ["learner", "proctor"])
async def test_only_administrators_list_and_resend_deliveries(harness: Harness, role: str) -> None:
    person = await person_with_failed_mail(harness)
    delivery = await harness.delivery(person)
    stranger = harness.person(role)
    resending = pb.ResendDeliveryRequest(delivery_id=delivery.delivery_id)
    for error in (
        await harness.refused(stranger.deliveries.ListDeliveries, pb.ListDeliveriesRequest()),
        await harness.refused(stranger.deliveries.ResendDelivery, resending),
    ):
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_failed_delivery_is_resent_after_its_cause_is_fixed(harness: Harness) -> None:
    administrator, person = harness.person("administrator"), harness.person()
    session_id = await harness.session()
    contact = harness.enrollment.contacts.pop(person.id)
    await harness.publish(removed(session_id, person))
    await harness.until_state(person, "failed")
    harness.enrollment.contacts[person.id] = contact
    request = pb.ResendDeliveryRequest(
        request_id=str(new_id()), delivery_id=(await harness.delivery(person)).delivery_id
    )
    resent = (await administrator.deliveries.ResendDelivery(request)).delivery
    assert resent.state == pb.DELIVERY_STATE_PENDING
    await harness.mail(person)
    await harness.until_state(person, "sent")
    # A repeated request returns the first response and sends no mail.
    assert (await administrator.deliveries.ResendDelivery(request)).delivery == resent
    assert await harness.delivery_state(person) == "sent"
    assert await harness.published(person.id) == ["delivery.failed", "delivery.sent"]


async def test_resending_a_sent_or_unknown_delivery_is_refused(harness: Harness) -> None:
    administrator, person = harness.person("administrator"), harness.person()
    await notified(harness, person)
    await harness.until_state(person, "sent")
    request = pb.ResendDeliveryRequest(delivery_id=(await harness.delivery(person)).delivery_id)
    error = await harness.refused(administrator.deliveries.ResendDelivery, request)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "DELIVERY_NOT_FAILED")
    assert error.metadata == {"state": "sent"}
    request.delivery_id = str(new_id())
    error = await harness.refused(administrator.deliveries.ResendDelivery, request)
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("state", pb.ListDeliveriesRequest(state=99)),  # type: ignore[arg-type]
        ("page_size", pb.ListDeliveriesRequest(page_size=-1)),
        ("page_token", pb.ListDeliveriesRequest(page_token="x" * 2049)),
        ("person_id", pb.ListDeliveriesRequest(person_id="nobody")),
        ("delivery_id", pb.ResendDeliveryRequest(delivery_id="\0")),
        ("request_id", pb.ResendDeliveryRequest(request_id="x" * 65, delivery_id=str(new_id()))),
        ("page_size", pb.ListNotificationsRequest(page_size=-1)),
        ("page_token", pb.ListNotificationsRequest(page_token="x" * 2049)),
        (
            "notification_ids[1]",
            pb.MarkNotificationsReadRequest(notification_ids=[str(new_id()), "x"]),
        ),
        (
            "notification_ids",
            pb.MarkNotificationsReadRequest(notification_ids=[str(new_id()) for _ in range(201)]),
        ),
    ],
)
async def test_invalid_request_is_refused_with_its_field(
    field: str, request_: Message, harness: Harness
) -> None:
    administrator = harness.person("administrator")
    method = request_.DESCRIPTOR.name.removesuffix("Request")
    stub = administrator.inbox if hasattr(administrator.inbox, method) else administrator.deliveries
    error = await harness.refused(getattr(stub, method), request_)
    assert error.kind is Kind.INVALID
    assert [violation.field for violation in error.violations] == [field]
    assert all(violation.description for violation in error.violations)
