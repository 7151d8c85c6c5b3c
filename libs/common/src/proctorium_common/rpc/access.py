"""Access rules of methods, read from the proto options when the server is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from proctorium.options.v1 import options_pb2
from proctorium_common.descriptors import descriptor_set
from proctorium_common.errors import not_allowed, unauthenticated
from proctorium_common.rpc.caller import Caller

ROLE_NAMES = {
    options_pb2.ROLE_LEARNER: "learner",
    options_pb2.ROLE_PROCTOR: "proctor",
    options_pb2.ROLE_ADMINISTRATOR: "administrator",
}
"""A mapping from the number of each role in messages to the name of the role in tokens."""
ROLE_NUMBERS = {name: number for number, name in ROLE_NAMES.items()}
"""A mapping from the name of each role in tokens to the number of the role in messages."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The rule that determines which callers may call a method.

    The rule matches a caller if at least one field of the rule matches the caller. An empty rule matches no caller.
    """

    public: bool = False
    signed_in: bool = False
    roles: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    @property
    def for_services_only(self) -> bool:
        """Whether only services, and no people, may call the method."""
        return not (self.public or self.signed_in or self.roles)

    def check(self, caller: Caller) -> None:
        """Raise an error if the rule does not match the caller.

        The error is TOKEN_MISSING if the caller has not signed in and the rule allows people, and NOT_ALLOWED
        otherwise.
        """
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


class MissingAccessRuleError(Exception):
    """A method has no access rule, so it cannot be served."""


def rule_of(method: MethodDescriptor) -> AccessRule:
    """Return the access rule of `method` from its proto. Raises MissingAccessRuleError if the rule is empty."""
    return rule_in(method.GetOptions(), method.full_name)


def rule_in(options: MethodOptions, method: str) -> AccessRule:
    """Return the access rule from a method's options; `method` is the full name of the method.

    Raises MissingAccessRuleError if the rule is empty.
    """
    access = (
        options.Extensions[options_pb2.access]
        if options.HasExtension(options_pb2.access)
        else options_pb2.Access()
    )
    rule = AccessRule(
        public=access.public,
        signed_in=access.signed_in,
        roles=frozenset(ROLE_NAMES[role] for role in access.roles if role in ROLE_NAMES),
        services=frozenset(access.services),
    )
    if rule == AccessRule():
        raise MissingAccessRuleError(
            f"{method} does not say who may call it: give it the option "
            "(proctorium.options.v1.access) in its proto."
        )
    return rule


def rules() -> Mapping[str, AccessRule]:
    """Return the access rule of every method by its path ("/package.Service/Method")."""
    return {
        f"/{file.package}.{service.name}/{method.name}": rule_in(
            method.options, f"{file.package}.{service.name}.{method.name}"
        )
        for file in descriptor_set().file
        for service in file.service
        for method in service.method
    }
