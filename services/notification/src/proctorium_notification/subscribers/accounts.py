"""What enrollment publishes about accounts and roles (`notification--accounts`)."""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations import telling
from proctorium_notification.operations.telling import Occasion

_REVOKED = {
    options_pb2.ROLE_LEARNER: Topic.ROLE_REVOKED_LEARNER,
    options_pb2.ROLE_PROCTOR: Topic.ROLE_REVOKED_PROCTOR,
    options_pb2.ROLE_ADMINISTRATOR: Topic.ROLE_REVOKED_ADMINISTRATOR,
}


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """Notify the person which role they no longer have."""
    await _notify(tx, _REVOKED[event.role], event.person_id, metadata)


async def on_disabled(
    tx: Transaction, event: events_pb2.PersonDisabled, metadata: EventMetadata
) -> None:
    """Notify the person that they cannot sign in any more."""
    await _notify(tx, Topic.ACCOUNT_DISABLED, event.person_id, metadata)


async def on_enabled(
    tx: Transaction, event: events_pb2.PersonEnabled, metadata: EventMetadata
) -> None:
    """Notify the person that they can sign in again."""
    await _notify(tx, Topic.ACCOUNT_ENABLED, event.person_id, metadata)


async def _notify(tx: Transaction, topic: Topic, person_id: str, metadata: EventMetadata) -> None:
    await telling.tell(tx, Occasion(metadata.event_id, topic), [parse_id(person_id, "person_id")])
