"""The tables of enrollment. What must never happen is refused by the database itself: constraints here, triggers in the migrations."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

people = Table(
    "people",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("legal_name", Text, nullable=False),
    Column("preferred_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("date_of_birth", Date),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("certified_until", _TIME),
    Column("created_at", _TIME, nullable=False),
    Column("disabled_at", _TIME),
    Column("access_version", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email)", name="email_lower"),
    CheckConstraint(
        "cardinality(roles) > 0 AND roles <@ ARRAY['learner', 'proctor', 'administrator']",
        name="roles",
    ),
    CheckConstraint("certified_until IS NULL OR 'proctor' = ANY (roles)", name="certified"),
    Index("ix_people_legal_name", "legal_name", "person_id"),
)
"""People. The e-mail address is kept in the form `domain.people.normalised_email` makes.

Triggers: the last administrator with an enabled account stays one, and who loses a right gets a higher `access_version`.
"""

person_changes = Table(
    "person_changes",
    metadata,
    Column("change_id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("changed_by", Uuid),
    Column("role", Text),
    Column("previous_certified_until", _TIME),
    Column("certified_until", _TIME),
    Column("reason", Text, nullable=False),
    CheckConstraint(
        "kind IN ('role_granted', 'role_revoked', 'certified', 'disabled', 'enabled')", name="kind"
    ),
    CheckConstraint("(kind IN ('role_granted', 'role_revoked')) = (role IS NOT NULL)", name="role"),
    Index("ix_person_changes_person_id", "person_id", "change_id"),
)
"""What was changed about people's rights, by whom and why. Permanent (trigger). `changed_by` is null for the command line."""

credentials = Table(
    "credentials",
    metadata,
    Column("person_id", Uuid, ForeignKey("people.person_id"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", _TIME, nullable=False),
)
"""Argon2id hashes, apart from people, so that no query about people reads them."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("sign_in_id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Column("stay_signed_in", Boolean, nullable=False, server_default=text("false")),
    Index("ix_sign_ins_open", "person_id", postgresql_where=text("ended_at IS NULL")),
)
"""One row for each sign-in on a device: the family of its refresh tokens. A trigger keeps ended ones ended and
`stay_signed_in` unchanged."""

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("sign_in_id", Uuid, ForeignKey("sign_ins.sign_in_id"), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("used_at", _TIME),
    Index("ix_refresh_tokens_sign_in_id", "sign_in_id"),
)
"""SHA-256 of refresh tokens, which are random enough for it. A used one stays used (trigger)."""

failed_entries = Table(
    "failed_entries",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("first_at", _TIME, nullable=False),
    Column("retry_at", _TIME, nullable=False),
    CheckConstraint("failures > 0", name="failures"),
    Index("ix_failed_entries_first_at", "first_at"),
)
"""Failed sign-ins and failed code entries, for throttling. `digest` is a keyed hash of the account, device, network or person that they
count for."""

courses = Table(
    "courses",
    metadata,
    Column("course_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("hours", Double, nullable=False),
    Column("awards_certificate", Boolean, nullable=False, server_default=text("false")),
    Column("published_at", _TIME),
    Column("created_at", _TIME, nullable=False),
    CheckConstraint("kind IN ('proctored', 'self_paced')", name="kind"),
    CheckConstraint("hours >= 0", name="hours"),
    Index("ix_courses_title", "title", "course_id"),
)
"""Courses. A published one stays published (trigger)."""

units = Table(
    "units",
    metadata,
    Column("unit_id", Uuid, primary_key=True),
    Column("course_id", Uuid, ForeignKey("courses.course_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("assessment_id", Uuid),
    UniqueConstraint("course_id", "position"),
    # For progress: a finished unit is one of the registration's course.
    UniqueConstraint("unit_id", "course_id"),
    CheckConstraint(
        "(kind = 'lesson' AND markdown <> '' AND url = '' AND assessment_id IS NULL)"
        " OR (kind = 'link' AND url LIKE 'https://%' AND markdown = '' AND assessment_id IS NULL)"
        " OR (kind = 'assessment' AND assessment_id IS NOT NULL AND markdown = '' AND url = '')",
        name="kind",
    ),
    Index(
        "ix_units_assessment_id",
        "assessment_id",
        postgresql_where=text("assessment_id IS NOT NULL"),
    ),
)
"""The steps of a course's outline, each with what its kind needs and nothing else."""

registrations = Table(
    "registrations",
    metadata,
    Column("registration_id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("course_id", Uuid, ForeignKey("courses.course_id"), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("completed_at", _TIME),
    UniqueConstraint("person_id", "course_id"),
    UniqueConstraint("registration_id", "course_id"),
    Index("ix_registrations_course_id", "course_id", "created_at", "registration_id"),
)
"""Learners in courses, once each. A completed one stays completed (trigger)."""

progress = Table(
    "progress",
    metadata,
    Column("registration_id", Uuid, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("course_id", Uuid, nullable=False),
    Column("finished_at", _TIME, nullable=False),
    PrimaryKeyConstraint("registration_id", "unit_id"),
    ForeignKeyConstraint(
        ["registration_id", "course_id"],
        ["registrations.registration_id", "registrations.course_id"],
        name="fk_progress_registration",
    ),
    ForeignKeyConstraint(
        ["unit_id", "course_id"], ["units.unit_id", "units.course_id"], name="fk_progress_unit"
    ),
)
"""Units that a learner has finished."""

results = Table(
    "results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("assessment_id", Uuid, nullable=False),
    Column("course_id", Uuid),
    Column("passed", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_results_person_id", "person_id", "assessment_id"),
)
"""Of assessment's results, what completion needs. A projection: the highest version that was told."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("course_id", Uuid),
    Column("lobby_open_at", _TIME),
    Column("planned_end_at", _TIME),
    CheckConstraint("state IN ('scheduled', 'in_progress', 'ended', 'cancelled')", name="state"),
)
"""Of sessions, what codes and content need. A projection: columns are empty until their event has come. Never goes back (trigger)."""

session_members = Table(
    "session_members",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("part", Text, nullable=False),
    Column("joined", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    PrimaryKeyConstraint("session_id", "person_id", "part"),
    CheckConstraint("part IN ('proctor', 'learner')", name="part"),
    Index("ix_session_members_person_id", "person_id", "part"),
)
"""Who takes part in a session: expected or joined learners, and proctors. A projection."""

codes = Table(
    "codes",
    metadata,
    Column("code_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, ForeignKey("people.person_id")),
    Column("lookup", LargeBinary, nullable=False),
    # The same for texts that differ only in case; the release before leaves it empty.
    Column("folded_lookup", LargeBinary),
    Column("encrypted_text", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("own_window", Boolean, nullable=False, server_default=text("true")),
    Column("valid_from", _TIME, nullable=False),
    Column("valid_until", _TIME, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("replaces_code_id", Uuid, ForeignKey("codes.code_id")),
    Column("created_at", _TIME, nullable=False),
    UniqueConstraint("lookup"),
    UniqueConstraint("replaces_code_id"),
    CheckConstraint("state IN ('active', 'revoked', 'replaced')", name="state"),
    CheckConstraint("valid_from < valid_until", name="window"),
    Index("uq_codes_automatic", "session_id", unique=True, postgresql_where=text("automatic")),
    Index("ix_codes_session_id", "session_id", "created_at"),
    Index("ix_codes_folded_lookup", "folded_lookup"),
)
"""Codes: found by a keyed hash of their text, shown by decrypting it. Replaced and revoked ones stay so (trigger).

Without `own_window` nothing is decided by `valid_from` and `valid_until`; the release before reads them.
"""

organisation = Table(
    "organisation",
    metadata,
    Column("singleton", Boolean, primary_key=True),
    Column("name", Text, nullable=False),
    Column("administrator_contact", Text, nullable=False),
    Column("support_phone", Text, nullable=False),
    Column("version", Integer, nullable=False),
    CheckConstraint("singleton", name="singleton"),
)
"""The organisation's settings: one row."""
