"""The tables of enrollment.

Constraints of the tables, and triggers that the migration creates, refuse invalid rows.
"""

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
"""People. The e-mail address has the form that `domain.people.normalise_email` returns.

Triggers refuse to disable the last enabled administrator, and to revoke the administrator role of that person. They
also refuse to revoke a right of a person without increasing `access_version`.
"""

person_changes = Table(
    "person_changes",
    metadata,
    Column("change_id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    # `changed_by` is null if a command made the change.
    Column("changed_by", Uuid),
    # `role` is null unless the change grants or revokes a role.
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
"""The history of people's rights. A trigger refuses to change or delete rows."""

accommodation_revisions = Table(
    "accommodation_revisions",
    metadata,
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("extra_time_percent", Integer, nullable=False),
    Column("extra_break_minutes", Integer, nullable=False, server_default=text("0")),
    Column("alternative_identity_check", Boolean, nullable=False, server_default=text("false")),
    Column("assistive_technology", Text, nullable=False),
    Column("proctor_note", Text, nullable=False),
    Column("written_by", Uuid, nullable=False),
    Column("written_at", _TIME, nullable=False),
    PrimaryKeyConstraint("person_id", "revision"),
    CheckConstraint("revision BETWEEN 1 AND 100", name="revision"),
    CheckConstraint("extra_time_percent BETWEEN 0 AND 200", name="extra_time_percent"),
    CheckConstraint("extra_break_minutes BETWEEN 0 AND 120", name="extra_break_minutes"),
    CheckConstraint("length(assistive_technology) <= 1000", name="assistive_technology"),
    CheckConstraint("length(proctor_note) <= 500", name="proctor_note"),
)
"""The revisions of people's accommodations. The latest revision counts.

Triggers refuse to change or delete rows, and to skip a revision.
"""

credentials = Table(
    "credentials",
    metadata,
    Column("person_id", Uuid, ForeignKey("people.person_id"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", _TIME, nullable=False),
)
"""Argon2id hashes of passwords. The hashes have their own table, so that queries of `people` do not read them."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("sign_in_id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.person_id"), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Column("stay_signed_in", Boolean, nullable=False),
    Index("ix_sign_ins_open", "person_id", postgresql_where=text("ended_at IS NULL")),
)
"""Sign-ins, one row for each.

Triggers refuse to change `stay_signed_in`, and to change `ended_at` after it was set.
"""

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
"""Refresh tokens, stored as SHA-256 hashes. A slow hash is not needed, because the tokens are random.

A trigger refuses to change `used_at` after it was set.
"""

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
"""Counters of failed sign-ins and failed code entries, for throttling.

`digest` is a keyed hash of the account, device, network or person for which the failures are counted.
"""

courses = Table(
    "courses",
    metadata,
    Column("course_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("hours", Double, nullable=False),
    Column("awards_certificate", Boolean, nullable=False),
    Column("published_at", _TIME),
    Column("created_at", _TIME, nullable=False),
    CheckConstraint("kind IN ('proctored', 'self_paced')", name="kind"),
    CheckConstraint("hours >= 0", name="hours"),
    Index("ix_courses_title", "title", "course_id"),
)
"""Courses. A trigger refuses to make a published course unpublished."""

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
    # A foreign key of `progress` refers to this constraint, so that a finished unit belongs to the course of the
    # registration.
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
"""The units of outlines.

A constraint requires exactly the columns that the kind of a unit needs.
"""

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
"""Registrations, one row for each learner and course. A trigger keeps a completed registration completed."""

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
"""The units that learners have finished."""

results = Table(
    "results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("assessment_id", Uuid, nullable=False),
    # `course_id` is null if the assessment was taken outside of a session.
    Column("course_id", Uuid),
    Column("passed", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_results_person_id", "person_id", "assessment_id"),
)
"""The newest versions of the results that decide whether courses are completed.

The table is a projection of the assessment service's events.
"""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    # The following columns are null until enrollment has handled the event that contains them, because events may
    # arrive in any order.
    Column("course_id", Uuid),
    Column("lobby_open_at", _TIME),
    Column("planned_end_at", _TIME),
    # The position of the newest event about the end or the reopening of the session.
    Column("end_position", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("state IN ('scheduled', 'in_progress', 'ended', 'cancelled')", name="state"),
)
"""The courses, times and states of sessions, for codes and content.

A trigger refuses to set an earlier state, unless the session is reopened.

The table is a projection of session orchestration's events.
"""

session_members = Table(
    "session_members",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("joined", Boolean, nullable=False),
    # `removed` is also true if the session was ended for the learner.
    Column("removed", Boolean, nullable=False),
    # `removal_position` is the position of the event that set `removed`.
    Column("removal_position", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("session_id", "person_id", "role"),
    CheckConstraint("role IN ('proctor', 'learner')", name="role"),
    Index("ix_session_members_person_id", "person_id", "role"),
)
"""The proctors of sessions, and the learners who are invited or have joined.

The table is a projection of session orchestration's events.
"""

codes = Table(
    "codes",
    metadata,
    Column("code_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, ForeignKey("people.person_id")),
    Column("lookup", LargeBinary, nullable=False),
    # `folded_lookup` is the blind index of the lower-case text.
    Column("folded_lookup", LargeBinary, nullable=False),
    Column("encrypted_text", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    # `valid_from` and `valid_until` are null unless an administrator set a window.
    Column("valid_from", _TIME),
    Column("valid_until", _TIME),
    Column("automatic", Boolean, nullable=False),
    Column("replaces_code_id", Uuid, ForeignKey("codes.code_id")),
    Column("created_at", _TIME, nullable=False),
    UniqueConstraint("lookup"),
    UniqueConstraint("replaces_code_id"),
    CheckConstraint("state IN ('active', 'revoked', 'replaced')", name="state"),
    CheckConstraint(
        "valid_from < valid_until OR (valid_from IS NULL AND valid_until IS NULL)", name="window"
    ),
    Index("uq_codes_automatic", "session_id", unique=True, postgresql_where=text("automatic")),
    Index("ix_codes_session_id", "session_id", "created_at"),
    Index("ix_codes_folded_lookup", "folded_lookup"),
)
"""Enrollment codes.

A code is found by a blind index of its text. The text is stored encrypted, and is decrypted to be shown.

A trigger allows only the changes of state that the state machine of codes allows.
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
"""The organisation's settings, in a single row."""
