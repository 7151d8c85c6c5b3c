"""Conversions between domain values and messages."""

from __future__ import annotations

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_notification.domain.deliveries import Delivery, DeliveryState
from proctorium_notification.events import CHANNELS, TOPICS
from proctorium_notification.operations.inbox import RenderedNotification

DELIVERY_STATES = EnumConversion(DeliveryState, pb.DeliveryState, "DELIVERY_STATE_")


def delivery_message(delivery: Delivery) -> pb.Delivery:
    """Return a delivery as a message."""
    return pb.Delivery(
        delivery_id=str(delivery.delivery_id),
        person_id=str(delivery.person_id),
        event_id=str(delivery.cause.event_id),
        topic=TOPICS.to_proto(delivery.cause.topic),
        channel=CHANNELS.to_proto(delivery.channel),
        state=DELIVERY_STATES.to_proto(delivery.state),
        try_count=delivery.try_count,
        last_error=delivery.last_error,
        create_time=to_timestamp(delivery.created_at),
        send_time=to_timestamp(delivery.sent_at),
    )


def notification_message(rendered: RenderedNotification) -> pb.Notification:
    """Return a notification as a message."""
    notification = rendered.notification
    return pb.Notification(
        notification_id=str(notification.notification_id),
        topic=TOPICS.to_proto(notification.topic),
        subject=rendered.summary.subject,
        body=rendered.summary.body,
        session_id=id_text(notification.session_id),
        create_time=to_timestamp(notification.created_at),
        read_time=to_timestamp(notification.read_at),
    )
