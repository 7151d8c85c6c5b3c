"""The events that notification publishes, and the conversions between the enums of the code and of the protos."""

from __future__ import annotations

from proctorium.notification.events.v1 import events_pb2
from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.messages import EnumConversion
from proctorium_notification.domain.deliveries import Delivery
from proctorium_notification.domain.topics import Channel, Topic

TOPICS = EnumConversion(Topic, pb.Topic, "TOPIC_")
CHANNELS = EnumConversion(Channel, pb.Channel, "CHANNEL_")


def delivery_sent(delivery: Delivery) -> events_pb2.DeliverySent:
    """Return the event which reports that a message was sent."""
    return events_pb2.DeliverySent(
        delivery_id=str(delivery.delivery_id),
        person_id=str(delivery.person_id),
        topic=TOPICS.to_proto(delivery.cause.topic),
        channel=CHANNELS.to_proto(delivery.channel),
    )


def delivery_failed(delivery: Delivery) -> events_pb2.DeliveryFailed:
    """Return the event which reports that a message cannot be sent."""
    return events_pb2.DeliveryFailed(
        delivery_id=str(delivery.delivery_id),
        person_id=str(delivery.person_id),
        topic=TOPICS.to_proto(delivery.cause.topic),
        channel=CHANNELS.to_proto(delivery.channel),
    )
