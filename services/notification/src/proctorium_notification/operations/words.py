"""Topics and channels as the protos spell them: events and answers carry them."""

from __future__ import annotations

from collections.abc import Mapping

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_notification.domain.topics import Channel, Topic

TOPICS: Mapping[Topic, pb.Topic.ValueType] = {
    # To those who read it, a code that replaces another is a code like any; only its words differ.
    topic: pb.TOPIC_CODE_ISSUED
    if topic is Topic.CODE_REPLACED
    else pb.Topic.Value(f"TOPIC_{topic.name}")
    for topic in Topic
}
CHANNELS: Mapping[Channel, pb.Channel.ValueType] = {
    channel: pb.Channel.Value(f"CHANNEL_{channel.name}") for channel in Channel
}
