"""Handlers that store token revocations when enrollment publishes an event about a person's rights.

Each service registers these handlers with
`service.subscribe("<service>--revocations", {PersonRoleRevoked: on_role_revoked, …})`.
"""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.rpc.access import ROLE_NAMES
from proctorium_common.storage.database import Transaction
from proctorium_common.storage.revocations import limit_roles, refuse_tokens


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, _: EventMetadata
) -> None:
    """Limit the person's tokens that were issued before the revocation to the roles that the person still has."""
    roles = [ROLE_NAMES[role] for role in event.roles if role in ROLE_NAMES]
    person_id = parse_id(event.person_id, "person_id")
    await limit_roles(tx, person_id, event.access_version, roles)


async def on_disabled(tx: Transaction, event: events_pb2.PersonDisabled, _: EventMetadata) -> None:
    """Refuse the person's tokens that were issued before the account was disabled."""
    await refuse_tokens(tx, parse_id(event.person_id, "person_id"), event.access_version)


async def on_signed_out(
    tx: Transaction, event: events_pb2.PersonSignedOut, _: EventMetadata
) -> None:
    """Refuse the person's tokens that were issued before all sign-ins of the person ended."""
    await refuse_tokens(tx, parse_id(event.person_id, "person_id"), event.access_version)
