"""The roles in which people act on cases, as the protos name them."""

from __future__ import annotations

from collections.abc import Mapping

from proctorium.options.v1 import options_pb2
from proctorium_identity.domain.cases import ActingRole

_ROLES: Mapping[ActingRole, options_pb2.Role.ValueType] = {
    ActingRole.PROCTOR: options_pb2.ROLE_PROCTOR,
    ActingRole.ADMINISTRATOR: options_pb2.ROLE_ADMINISTRATOR,
}


def proto_role(role: ActingRole) -> options_pb2.Role.ValueType:
    """Return the role as a proto value."""
    return _ROLES[role]
