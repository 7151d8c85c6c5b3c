"""The roles in which people act on sessions, as the protos name them."""

from __future__ import annotations

from collections.abc import Mapping

from proctorium.options.v1 import options_pb2
from proctorium_session.domain.session_states import Mover

_ROLES: Mapping[Mover, options_pb2.Role.ValueType] = {
    Mover.PROCTOR: options_pb2.ROLE_PROCTOR,
    Mover.ADMINISTRATOR: options_pb2.ROLE_ADMINISTRATOR,
    Mover.CLOCK: options_pb2.ROLE_UNSPECIFIED,
}


def proto_role(role: Mover) -> options_pb2.Role.ValueType:
    """Return the role as a proto value; unspecified for the clock."""
    return _ROLES[role]
