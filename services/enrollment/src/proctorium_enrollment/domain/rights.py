"""People's rights, and how they are revoked (`P1`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from proctorium_common.errors import ServiceError, invalid_transition, unauthenticated
from proctorium_enrollment.domain.people import Person, Role


class ChangeKind(Enum):
    """What was changed about a person."""

    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    CERTIFIED = "certified"
    DISABLED = "disabled"
    ENABLED = "enabled"


@dataclass(frozen=True)
class Change:
    """One entry of a person's history. `changed_by` is None where the operator's command line made the change."""

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
    """Raise LAST_ROLE when the person would have no role left."""
    if person.roles == {role}:
        raise invalid_transition(
            "This is the person's only role. Give them another role first, or disable the account.",
            from_state="one role",
            asked="RevokeRole",
            possible=["GrantRole", "DisableAccount"],
            reason="LAST_ROLE",
        )


def require_another_administrator(person: Person, others: int) -> None:
    """Raise LAST_ADMINISTRATOR when no administrator with an enabled account would be left."""
    if Role.ADMINISTRATOR in person.roles and not person.is_disabled and others == 0:
        raise invalid_transition(
            "This is the only administrator whose account is enabled, so nobody could undo it. Make another administrator first.",
            from_state="last administrator",
            asked="take away",
            possible=["GrantRole"],
            reason="LAST_ADMINISTRATOR",
        )


def account_disabled() -> ServiceError:
    """Return ACCOUNT_DISABLED: only for callers who have proved that the account is theirs."""
    return unauthenticated(
        "ACCOUNT_DISABLED",
        "Your account is disabled, so you cannot sign in. What you saved is not lost. Please ask your administrator.",
    )
