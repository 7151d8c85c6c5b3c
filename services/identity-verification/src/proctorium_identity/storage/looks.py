"""The look log: who looked at what, when. Rows are permanent."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import ActingRole
from proctorium_identity.domain.evidence import Evidence, EvidenceKind, LastLook
from proctorium_identity.storage.tables import look_log

REGISTRATION = "registration"


async def add_look(
    tx: Transaction,
    case_id: UUID,
    looked_by: UUID,
    looked_as: ActingRole,
    picture: Evidence | None,
) -> None:
    """Notes a look at a picture, or (None) at what the learner was registered with."""
    await tx.execute(
        insert(look_log).values(
            look_id=new_id(),
            case_id=case_id,
            looked_by=looked_by,
            looked_as=looked_as,
            subject=REGISTRATION if picture is None else picture.kind,
            evidence_id=None if picture is None else picture.evidence_id,
            looked_at=tx.now,
        )
    )


async def last_looks(tx: Transaction, case_id: UUID, looked_by: UUID) -> Sequence[LastLook]:
    """The picture of each kind that this person looked at last."""
    found = await tx.execute(
        select(look_log.c.subject, look_log.c.evidence_id)
        .ext(distinct_on(look_log.c.subject))
        .where(
            look_log.c.case_id == case_id,
            look_log.c.looked_by == looked_by,
            look_log.c.evidence_id.is_not(None),
        )
        .order_by(look_log.c.subject, look_log.c.looked_at.desc(), look_log.c.look_id.desc())
    )
    return [LastLook(EvidenceKind(row.subject), row.evidence_id) for row in found]
