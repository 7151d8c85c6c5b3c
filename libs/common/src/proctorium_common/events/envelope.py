"""The envelope of an event: CloudEvents 1.0 in the binary mode of the NATS binding, with a protobuf body.

Every CloudEvents attribute, including `datacontenttype`, is a header with the prefix `ce-`
(https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md). The name of an event
comes from the option `(event)` of its proto message. The owner of an event comes from the package of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from opentelemetry.trace import SpanContext

from proctorium.options.v1 import options_pb2
from proctorium_common.telemetry.traces import current_trace_context, headers_of

CONTENT_TYPE = "application/protobuf"
ID = "ce-id"
SOURCE = "ce-source"
TYPE = "ce-type"
TIME = "ce-time"
POSITION = "ce-position"
"""The extension attribute with the position of the event in the outbox of its owner. The relay sets this attribute."""
REPLAYED = "ce-replayed"
"""The extension attribute that is "true" for an event that `replay` has published again."""
MESSAGE_ID = "Nats-Msg-Id"

_SEPARATORS = frozenset(" .*>\t\r\n")


@dataclass(frozen=True, slots=True)
class EventName:
    """The name of an event, such as `session.participant.joined`.

    `id_field` is the field of the event that contains the id of the aggregate.
    """

    owner: str
    aggregate: str
    action: str
    version: str
    id_field: str

    @property
    def short(self) -> str:
        """The name of the event in spans and log lines."""
        return f"{self.owner}.{self.aggregate}.{self.action}"

    @property
    def type(self) -> str:
        """The CloudEvents type of the event."""
        return f"proctorium.{self.short}.{self.version}"

    @property
    def subjects(self) -> str:
        """The subject pattern that matches this event for every aggregate. Consumers filter events by such patterns."""
        return f"evt.{self.short}.{self.version}.>"

    def subject(self, aggregate_id: str) -> str:
        """Return the subject of this event for one aggregate."""
        return f"evt.{self.short}.{self.version}.{aggregate_id}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event with its headers. The fields are those of an outbox row."""

    event_id: UUID
    aggregate: str
    aggregate_id: str
    subject: str
    headers: Mapping[str, str]
    body: bytes
    occurred_at: datetime


def source_of(owner: str) -> str:
    """Return the CloudEvents source of the events of `owner`."""
    return f"/proctorium/{owner}"


@cache
def name_of(descriptor: Descriptor) -> EventName:
    """Return the name of the event, which comes from the option `event` and the package of the message `descriptor`.

    Raises ValueError if the message is not an event, or is not in a package `proctorium.<owner>.events.<version>`.
    """
    package = descriptor.file.package.split(".")
    options = descriptor.GetOptions()
    if not options.HasExtension(options_pb2.event):
        raise ValueError(f"{descriptor.full_name} is not an event: it has no `event` option")
    if len(package) != 4 or package[0] != "proctorium" or package[2] != "events":
        raise ValueError(
            f"{descriptor.full_name} is not in a package proctorium.<owner>.events.<version>"
        )
    event = options.Extensions[options_pb2.event]
    if event.id_field not in descriptor.fields_by_name:
        raise ValueError(f"{descriptor.full_name} has no field {event.id_field!r}")
    return EventName(package[1], event.aggregate, event.action, package[3], event.id_field)


def wrap(
    event: Message,
    event_id: UUID,
    occurred_at: datetime,
    trace_context: SpanContext | None = None,
) -> Envelope:
    """Return `event` in an envelope, which contains `trace_context` or, by default, the current trace context.

    Raises ValueError if the id of the aggregate is missing, or contains characters that a subject must not contain.
    """
    name = name_of(event.DESCRIPTOR)
    aggregate_id = str(getattr(event, name.id_field))
    if not aggregate_id or _SEPARATORS.intersection(aggregate_id):
        raise ValueError(f"{name.type}: {name.id_field} is {aggregate_id!r}, which is not an id")
    headers = {
        ID: str(event_id),
        SOURCE: source_of(name.owner),
        TYPE: name.type,
        "ce-specversion": "1.0",
        TIME: occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce-subject": aggregate_id,
        "ce-datacontenttype": CONTENT_TYPE,
    }
    trace_context = trace_context or current_trace_context()
    if trace_context is not None:
        headers.update(headers_of(trace_context))
    return Envelope(
        event_id=event_id,
        aggregate=f"{name.owner}.{name.aggregate}",
        aggregate_id=aggregate_id,
        subject=name.subject(aggregate_id),
        headers=headers,
        body=event.SerializeToString(),
        occurred_at=occurred_at,
    )
