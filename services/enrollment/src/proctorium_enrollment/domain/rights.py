"""Roles and certification of people, disabling of accounts, and the history of these rights (`P1`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, invalid_transition, unauthenticated
from proctorium_enrollment.domain.people import Person, Role


class ChangeKind(StrEnum):
    """The kinds of changes of a person's rights."""

    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    CERTIFIED = "certified"
    DISABLED = "disabled"
    ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the history of a person's rights. `changed_by` is None if a command changed the right."""

    change_id: UUID
    person_id: UUID
    kind: ChangeKind
    changed_at: datetime
    changed_by: UUID | None
    role: Role | None = None
    previous_certified_until: datetime | None = None
    certified_until: datetime | None = None
    reason: str = ""


def require_another_role(person: Person, role: Role) -> None:
    """Raise LAST_ROLE if the person has no role other than `role`."""
    if person.roles == {role}:
        raise invalid_transition(
            "This is the person's only role. Give them another role first, or disable the account.",
            from_state="one role",
            action="RevokeRole",
            possible=["GrantRole", "DisableAccount"],
            reason="LAST_ROLE",
        )


def require_another_administrator(person: Person, others: int) -> None:
    """Raise LAST_ADMINISTRATOR if the person is the only enabled administrator.

    `others` is the number of other administrators whose accounts are enabled.
    """
    if Role.ADMINISTRATOR in person.roles and not person.is_disabled and others == 0:
        raise invalid_transition(
            "This is the only administrator whose account is enabled, so nobody could undo it. Make another administrator first.",
            from_state="last administrator",
            action="revoke",
            possible=["GrantRole"],
            reason="LAST_ADMINISTRATOR",
        )


def account_disabled() -> ServiceError:
    """Return the error for a disabled account.

    This error reveals that the account exists. Raise it only after the caller has proved that the account is theirs.
    """
    return unauthenticated(
        "ACCOUNT_DISABLED",
        "Your account is disabled, so you cannot sign in. What you saved is not lost. Please ask your administrator.",
    )
