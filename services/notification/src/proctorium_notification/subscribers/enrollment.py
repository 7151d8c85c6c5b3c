"""The handlers of events from enrollment.

The subscriber `notification--accounts` receives the events about accounts. The subscriber `notification--codes`
receives the events about codes.
"""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations.notifying import notify

_REVOKED = {
    options_pb2.ROLE_LEARNER: Topic.ROLE_REVOKED_LEARNER,
    options_pb2.ROLE_PROCTOR: Topic.ROLE_REVOKED_PROCTOR,
    options_pb2.ROLE_ADMINISTRATOR: Topic.ROLE_REVOKED_ADMINISTRATOR,
}


async def on_person_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """Notify the person that a role of the person was revoked."""
    await _notify_person(tx, _REVOKED[event.role], event.person_id, metadata)


async def on_person_disabled(
    tx: Transaction, event: events_pb2.PersonDisabled, metadata: EventMetadata
) -> None:
    """Notify the person that they cannot sign in any more."""
    await _notify_person(tx, Topic.ACCOUNT_DISABLED, event.person_id, metadata)


async def on_person_enabled(
    tx: Transaction, event: events_pb2.PersonEnabled, metadata: EventMetadata
) -> None:
    """Notify the person that they can sign in again."""
    await _notify_person(tx, Topic.ACCOUNT_ENABLED, event.person_id, metadata)


async def on_code_issued(
    tx: Transaction, event: events_pb2.CodeIssued, metadata: EventMetadata
) -> None:
    """Notify the learners of a new code. The text of the code is requested later, when the mail is built."""
    cause = Cause(
        metadata.event_id,
        Topic.CODE_REPLACED if event.replaced_code_id else Topic.CODE_ISSUED,
        parse_id(event.session_id, "session_id"),
        parse_id(event.code_id, "code_id"),
    )
    await notify(tx, cause, [parse_id(each, "recipient_ids") for each in event.recipient_ids])


async def _notify_person(
    tx: Transaction, topic: Topic, person_id: str, metadata: EventMetadata
) -> None:
    await notify(tx, Cause(metadata.event_id, topic), [parse_id(person_id, "person_id")])
