"""Who may call a method: read from its proto option, once, when the server is made."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from proctorium.options.v1 import options_pb2
from proctorium_common.errors import not_allowed, unauthenticated
from proctorium_common.rpc.caller import Caller

_ROLE_NAMES = {
    options_pb2.ROLE_LEARNER: "learner",
    options_pb2.ROLE_PROCTOR: "proctor",
    options_pb2.ROLE_ADMINISTRATOR: "administrator",
}


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may call one method: whoever matches one entry passes, nobody passes an empty rule."""

    public: bool = False
    signed_in: bool = False
    roles: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def check(self, caller: Caller) -> None:
        """Raises TOKEN_MISSING when a signed-in person would pass and nobody is signed in, else NOT_ALLOWED."""
        if (
            self.public
            or (self.signed_in and caller.person_id is not None)
            or not self.roles.isdisjoint(caller.roles)
            or caller.service in self.services
        ):
            return
        if caller.person_id is None and (self.signed_in or self.roles):
            raise unauthenticated("TOKEN_MISSING", "Please sign in first.")
        raise not_allowed("NOT_ALLOWED", "You may not do this, or it might not exist.")


class NoAccessRule(Exception):
    """A method does not say who may call it, so no server may have it."""


def rule_of(method: MethodDescriptor) -> AccessRule:
    """The rule that the proto of `method` states. Raises NoAccessRule when it states none that lets anybody in."""
    options = method.GetOptions()
    access = (
        options.Extensions[options_pb2.access]
        if options.HasExtension(options_pb2.access)
        else options_pb2.Access()
    )
    rule = AccessRule(
        public=access.public,
        signed_in=access.signed_in,
        roles=frozenset(_ROLE_NAMES[role] for role in access.roles if role in _ROLE_NAMES),
        services=frozenset(access.services),
    )
    if rule == AccessRule():
        raise NoAccessRule(
            f"{method.full_name} does not say who may call it: give it the option "
            "(proctorium.options.v1.access) in its proto."
        )
    return rule
