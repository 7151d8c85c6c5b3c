"""What assessment keeps. The checks and triggers that guard it stand in the migrations, next to the tables' creation."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proctorium_access.certifications import certifications_table
from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

certifications = certifications_table(metadata)
"""Copies of enrollment's certifications: proctors need one to read learners' data."""

assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("proctored", Boolean, nullable=False),
    Column("time_limit", Interval),
    Column("pass_mark", Double, nullable=False),
    # Not used any more: courses award certificates. A later revision removes it.
    Column("awards_certificate", Boolean, nullable=False, server_default=text("false")),
    Column("item_count", Integer, nullable=False),
    # The questions as proto: its breaking-change check keeps old rows readable.
    Column("item_list", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("published_at", _TIME),
    Index("ix_assessments_title", "title", "assessment_id"),
)
"""A published one never changes: a trigger refuses it."""

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Uuid, primary_key=True),
    # No foreign key: a session may name an assessment before it is published here.
    Column("assessment_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("participant_id", Uuid),
    Column("state", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("started_at", _TIME),
    Column("time_limit", Interval),
    Column("deadline_at", _TIME),
    Column("submitted_at", _TIME),
    Column("submit_cause", Text),
    Column("released_at", _TIME),
    # Counts the changes that watchers are told of; saving is none.
    Column("version", BigInteger, nullable=False),
    Column("chain_head", LargeBinary, nullable=False),
    Column("chain_length", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    # The chain's length when progress was last told: where it differs there is news.
    Column("progress_published_length", BigInteger, nullable=False),
    Column("progress_published_at", _TIME),
    Index(
        "uq_attempts_session_person_assessment",
        "session_id",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("session_id IS NOT NULL"),
    ),
    # An open self-paced attempt is the only one, and a finished one stays the only one: its result is permanent.
    Index(
        "uq_attempts_self_paced",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("session_id IS NULL AND state <> 'voided'"),
    ),
    # Nobody sits an assessment twice. From the beginning on, so that handing in can never fail for it.
    Index(
        "uq_attempts_started",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("state IN ('in-progress', 'submitted', 'scored', 'released')"),
    ),
    Index("ix_attempts_person", "person_id", "attempt_id"),
    Index("ix_attempts_participant", "participant_id"),
    Index(
        "ix_attempts_deadline",
        "deadline_at",
        postgresql_where=text("state = 'in-progress'"),
    ),
)
"""Attempts. Saving updates none of the indexed columns, so PostgreSQL can do it in place."""

answer_revisions = Table(
    "answer_revisions",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("client_time", _TIME),
    Column("received_at", _TIME, nullable=False),
    Column("saved_at", _TIME, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("position", BigInteger),
    Column("head", LargeBinary),
    PrimaryKeyConstraint("attempt_id", "sequence"),
)
"""Every change of every answer, for ever; the highest sequence of a question that is not late counts."""

time_ledger = Table(
    "time_ledger",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("mark", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("amount", Interval),
    PrimaryKeyConstraint("attempt_id", "position"),
)
"""What happened to the clock, append-only; `attempts.deadline_at` is what it comes to."""

results = Table(
    "results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("assessment_id", Uuid, ForeignKey("assessments.assessment_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("points", Double, nullable=False),
    Column("points_possible", Double, nullable=False),
    Column("passed", Boolean, nullable=False),
    # For each question: item_id, points, sequence of the answer that counted.
    Column("item_scores", JSONB, nullable=False),
    Column("scored_at", _TIME, nullable=False),
    UniqueConstraint("attempt_id", "version"),
    Index("ix_results_person", "person_id", "result_id"),
    Index("ix_results_session", "session_id", "result_id"),
)
"""Permanent: the database refuses to change or remove one. A correction is a new version."""

releases = Table(
    "releases",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("released_by", Uuid, nullable=False),
    Column("release_reason", Text, nullable=False),
    Column("released_at", _TIME, nullable=False),
)
"""Who released a result that was held, and why: permanent."""

certificates = Table(
    "certificates",
    metadata,
    Column("certificate_id", Uuid, primary_key=True),
    # The completed registration; null only in certificates of before 0003, which rest on a result instead.
    Column("registration_id", Uuid),
    Column("result_id", Uuid, ForeignKey("results.result_id")),
    Column("person_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("created_at", _TIME, nullable=False),
    # The trace of the completion, which issuing continues.
    Column("traceparent", Text),
    Column("next_try_at", _TIME, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("issued_at", _TIME),
    Column("title", Text),
    Column("course_id", Uuid),
    Column("holder_name", Text),
    Column("credential", Text),
    Column("pdf", LargeBinary),
    UniqueConstraint("registration_id"),
    UniqueConstraint("result_id"),
    Index("ix_certificates_person", "person_id", "certificate_id"),
    Index("ix_certificates_pending", "next_try_at", postgresql_where=text("issued_at IS NULL")),
)
"""One for each completed registration in a course that awards one: pending until issued, permanent afterwards."""

issuer_keys = Table(
    "issuer_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("encrypted_seed", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
)
"""The key that credentials are signed with, encrypted with the master key; the oldest one is used."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("course_id", Uuid),
    Column("proctor_ids", ARRAY(Uuid), nullable=False),
    Column("ended_at", _TIME),
)
"""What assessment needs to know of sessions, from their events."""

ready_participants = Table(
    "ready_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
)
"""Participants who have everything that their session's policy demands: others have to prove their identity first."""

removed_participants = Table(
    "removed_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
    Column("removed_at", _TIME, nullable=False),
)
"""Who was removed, so that an older event that comes later lets nobody back in."""

courses = Table(
    "courses",
    metadata,
    Column("course_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("hours", Double, nullable=False),
    Column("self_paced", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
)
"""Titles, hours and kinds of courses, from their events; `position` is that of the newest event seen."""

course_assessments = Table(
    "course_assessments",
    metadata,
    Column("course_id", Uuid, nullable=False),
    Column("assessment_id", Uuid, nullable=False),
    PrimaryKeyConstraint("course_id", "assessment_id"),
    Index("ix_course_assessments_assessment", "assessment_id"),
)
"""Which assessments stand in a course's outline."""

registrations = Table(
    "registrations",
    metadata,
    # No foreign key: a registration may be told of before its course.
    Column("course_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    PrimaryKeyConstraint("course_id", "person_id"),
)
"""Who is registered in which course, from enrollment's events."""
