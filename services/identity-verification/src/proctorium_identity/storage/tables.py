"""The tables of identity verification."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from proctorium_access.certifications import certifications_table
from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

certifications = certifications_table(metadata)
"""Copies of the certifications in enrollment. A proctor needs a valid certification to view learners' data."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    # The proctors are null until SessionScheduled is handled. Another event may arrive first and insert the row.
    Column("proctor_ids", ARRAY(Uuid)),
    # The position of the event from which the proctors were stored.
    Column("proctors_position", BigInteger, nullable=False, server_default="0"),
    Column("ended_at", _TIME),
    # The position of the newest event about the end or the reopening of the session.
    Column("end_position", BigInteger, nullable=False, server_default="0"),
)
"""The proctors and the end of each session, copied from the events of the session.

A transaction that opens or expires a case locks the row of the session.
"""

cases = Table(
    "cases",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey(sessions.c.session_id), nullable=False),
    Column("participant_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    # The key of this case's images, encrypted with the master key.
    Column("encrypted_key", LargeBinary, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("submitted_at", _TIME),
    Column("decided_by", Uuid),
    Column("decided_as", Text),
    Column("decided_at", _TIME),
    Column("decision_reason", Text, nullable=False, server_default=""),
    # The state in which the case expired. A reopening of the session restores this state.
    Column("expired_from", Text),
    Column("kind", Text, nullable=False, server_default=text("'images'")),
    CheckConstraint("expired_from IS NULL OR state = 'expired'", name="expired_from"),
    UniqueConstraint("session_id", "person_id"),
    CheckConstraint(
        "state IN ('requested', 'submitted', 'verified', 'rejected', 'resubmission_requested', 'expired')",
        name="state",
    ),
    CheckConstraint(
        "state NOT IN ('verified', 'rejected')"
        " OR (decided_by IS NOT NULL AND decided_as IS NOT NULL AND decided_at IS NOT NULL)",
        name="decided_by_person",
    ),
    CheckConstraint("decided_by IS DISTINCT FROM person_id", name="decided_by_other_person"),
    CheckConstraint("decided_as IN ('proctor', 'administrator')", name="decided_as"),
    CheckConstraint("state <> 'rejected' OR decision_reason <> ''", name="rejection_reason"),
    CheckConstraint("kind IN ('images', 'alternative')", name="kind"),
    CheckConstraint(
        "kind = 'images' OR state NOT IN ('requested', 'resubmission_requested')",
        name="alternative_state",
    ),
    CheckConstraint(
        "kind = 'images' OR state <> 'verified' OR decision_reason <> ''",
        name="alternative_reason",
    ),
    CheckConstraint(
        "state NOT IN ('submitted', 'verified') OR submitted_at IS NOT NULL",
        name="submitted_at",
    ),
    Index(
        "ix_cases_submitted",
        "session_id",
        "submitted_at",
        postgresql_where=text("state = 'submitted'"),
    ),
)
"""The cases: one for each learner in each session.

A trigger allows only the transitions of the state machine. A case of the kind alternative has no current images, and
never becomes a case of the kind images.
"""

accommodations = Table(
    "accommodations",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    # The revision of the person's accommodations in enrollment; 0 if no event about them was handled.
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("alternative_identity_check", Boolean, nullable=False, server_default=text("false")),
)
"""Whether the identity of each person is checked without images, copied from enrollment's events.

A transaction that opens a case or updates the row locks the row of the person.
"""

evidence = Table(
    "evidence",
    metadata,
    Column("evidence_id", Uuid, primary_key=True),
    Column("case_id", Uuid, ForeignKey(cases.c.case_id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("submitted_at", _TIME, nullable=False),
    # The time at which a newer image replaced this image, or a resubmission was requested. Null if the image is
    # current.
    Column("superseded_at", _TIME),
    UniqueConstraint("object_key"),
    CheckConstraint("kind IN ('document', 'selfie')", name="kind"),
    Index(
        "uq_evidence_current",
        "case_id",
        "kind",
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
    ),
    Index("ix_evidence_case_id", "case_id"),
)
"""The images of cases. At most one image of each kind is current in a case.

The object with the key `object_key` contains the encrypted image. A trigger refuses images of a case of the kind
alternative.
"""

evidence_access_log = Table(
    "evidence_access_log",
    metadata,
    Column("access_id", Uuid, primary_key=True),
    Column("case_id", Uuid, ForeignKey(cases.c.case_id), nullable=False),
    Column("accessed_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # The id of the viewed image; null if the registration data was viewed.
    Column("evidence_id", Uuid, ForeignKey(evidence.c.evidence_id)),
    Column("accessed_at", _TIME, nullable=False),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
    CheckConstraint("subject IN ('document', 'selfie', 'registration')", name="subject"),
    CheckConstraint(
        "(subject = 'registration') = (evidence_id IS NULL)", name="evidence_of_subject"
    ),
    Index("ix_evidence_access_log_case_id", "case_id", "accessed_by"),
)
"""One row for each access to an image or to registration data (`I5`). The rows are permanent."""
