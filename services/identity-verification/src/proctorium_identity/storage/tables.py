"""The tables of identity verification."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
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
"""Copies of enrollment's certifications: proctors need one to read learners' data."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    # Null until the session's plan has come: events may arrive in any order.
    Column("proctor_ids", ARRAY(Uuid)),
    Column("ended_at", _TIME),
)
"""Projection of sessions: who supervises, and whether it is over. Its row is the lock of everything about one session."""

removed_participants = Table(
    "removed_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
)
"""Participants who were removed from their session: the event may come before the one that they joined."""

cases = Table(
    "cases",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey(sessions.c.session_id), nullable=False),
    Column("participant_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    # The key of this case's pictures, encrypted with the master key.
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("submitted_at", _TIME),
    Column("decided_by", Uuid),
    # Null in cases that were decided before the role was recorded.
    Column("decided_as", Text),
    Column("decided_at", _TIME),
    Column("decision_reason", Text, nullable=False, server_default=""),
    UniqueConstraint("session_id", "person_id"),
    CheckConstraint(
        "state IN ('requested', 'submitted', 'verified', 'rejected', 'resubmission_requested', 'expired')",
        name="state",
    ),
    CheckConstraint(
        "state NOT IN ('verified', 'rejected') OR (decided_by IS NOT NULL AND decided_at IS NOT NULL)",
        name="decided_by_a_person",
    ),
    CheckConstraint("decided_by IS DISTINCT FROM person_id", name="decided_by_another"),
    CheckConstraint("decided_as IN ('proctor', 'administrator')", name="decided_as"),
    CheckConstraint("state <> 'rejected' OR decision_reason <> ''", name="rejected_with_reason"),
    CheckConstraint(
        "state NOT IN ('submitted', 'verified') OR submitted_at IS NOT NULL",
        name="submitted_first",
    ),
    Index(
        "ix_cases_waiting",
        "session_id",
        "submitted_at",
        postgresql_where=text("state = 'submitted'"),
    ),
)
"""One identity check per learner and session. A trigger keeps final states final."""

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
    # When a newer picture took its place, or the proctor asked for new ones.
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
    Index("ix_evidence_case", "case_id"),
)
"""Pictures: what each shows and where its ciphertext lies. At most one of each kind is current."""

evidence_access_log = Table(
    "evidence_access_log",
    metadata,
    Column("access_id", Uuid, primary_key=True),
    Column("case_id", Uuid, ForeignKey(cases.c.case_id), nullable=False),
    Column("looked_by", Uuid, nullable=False),
    # Null in accesses that were logged before the role was recorded.
    Column("looked_as", Text),
    Column("subject", Text, nullable=False),
    # The picture; null for the registration.
    Column("evidence_id", Uuid, ForeignKey(evidence.c.evidence_id)),
    Column("looked_at", _TIME, nullable=False),
    CheckConstraint("looked_as IN ('proctor', 'administrator')", name="looked_as"),
    CheckConstraint("subject IN ('document', 'selfie', 'registration')", name="subject"),
    CheckConstraint("(subject = 'registration') = (evidence_id IS NULL)", name="subject_is_there"),
    Index("ix_evidence_access_log_case", "case_id", "looked_by"),
)
"""Every look at a picture or at registration information (`I5`); rows are permanent."""
